"""Examples in docstrings, in the README and in docs/ are run; so are the programs of the gallery."""

import doctest
import importlib.util
import pkgutil
import re
from pathlib import Path

import numpy as np
import pytest

import fastconv

HERE = Path(__file__).parents[1]
README, DOCS = HERE / "README.md", HERE / "docs"
# What building the site leaves behind is passed over.
PAGES = [
    README,
    *(p for p in sorted(DOCS.rglob("*.md")) if not p.parts[len(DOCS.parts)].startswith(("_", "auto_"))),
]
GALLERY = sorted(DOCS.glob("gallery/plot_*.py"))
# Bridges to what may not be installed.
EXTRAS = {
    "fastconv.torch": "torch",
    "fastconv.onnx": "onnx",
    "fastconv.dask": "dask.array",
    "fastconv.jax": "jax",
}
MODULES = [
    module.name
    for module in pkgutil.walk_packages(fastconv.__path__, "fastconv.", onerror=lambda name: None)
    if "__main__" not in module.name and "_demo" not in module.name
]


@pytest.mark.parametrize("name", ["fastconv", *MODULES])
def test_examples_in_docstrings(name):
    for bridge, needed in EXTRAS.items():
        if name.startswith(bridge):
            pytest.importorskip(needed)
    module = importlib.import_module(name)
    if not getattr(module, "__file__", "").endswith(".py"):
        return  # compiled, without examples
    assert doctest.testmod(module).failed == 0


def pages_with(language):
    """Those with a block of code in `language`."""
    return [
        pytest.param(path, id=str(path.relative_to(HERE)))
        for path in PAGES
        if path.exists() and f"\n```{language}\n" in path.read_text()
    ]


@pytest.mark.parametrize("path", pages_with("python"))
def test_programs_in_documents(path, capsys):
    if path.name == "bridges.md":
        pytest.importorskip("dask.array")
    names = {}
    for block in re.findall(r"^```python\n(.*?)^```", path.read_text(), re.M | re.S):
        exec(compile(block, path.name, "exec"), names)


@pytest.mark.parametrize("path", pages_with("pycon"))
def test_sessions_in_documents(path):
    """The blocks of a page are one session of Python."""
    session, inside = [], False
    for line in path.read_text().splitlines():
        if line.startswith("```"):
            inside, line = line == "```pycon", ""
        session.append(line if inside else "")
    test = doctest.DocTestParser().get_doctest("\n".join(session), {}, path.name, str(path), 0)
    assert test.examples
    assert doctest.DocTestRunner().run(test).failed == 0


@pytest.mark.parametrize("path", GALLERY, ids=lambda path: path.name)
def test_programs_of_the_gallery(path, monkeypatch, capsys):
    source = path.read_text()
    monkeypatch.syspath_prepend(HERE / "examples")
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    for needed in re.findall(r"^(?:import|from) (\w+)", source, re.M):
        pytest.importorskip(needed)
    if "lenet" in source:
        pytest.importorskip("sklearn")
    plots = importlib.import_module("matplotlib.pyplot")
    monkeypatch.setattr(plots, "show", lambda: None)
    try:
        exec(compile(source, path.name, "exec"), {"__name__": "__main__"})
    finally:
        plots.close("all")


def bridges():
    """(module, lines) of every row of the README's table of bridges."""
    text = README.read_text() if README.exists() else ""
    for row in re.findall(r'^\| `"fastconv\[.*$', text, re.M):
        lines = re.findall(r"`([^`]*)`", row.split("|")[2])
        yield pytest.param(lines, id=lines[0].split(".")[-1])


@pytest.mark.parametrize("lines", list(bridges()))
def test_the_three_lines_of_a_bridge(lines, tmp_path, monkeypatch):
    assert len(lines) == 3
    bridge = lines[0].split()[-1]
    other = pytest.importorskip(EXTRAS[bridge])
    monkeypatch.chdir(tmp_path)
    x, w = np.ones((1, 3, 12, 12), np.float32), np.ones((4, 3, 3, 3), np.float32)
    names = {"x": x, "w": w, bridge.split(".")[1]: other, "fastconv": fastconv}
    if bridge == "fastconv.dask":
        names["x"] = other.from_array(x, chunks=(1, 3, 5, 12))
    elif bridge == "fastconv.torch":
        names.update(model=other.nn.Conv2d(3, 4, 3), x=other.ones(1, 3, 12, 12))
    elif bridge == "fastconv.onnx":
        model = other.parser.parse_model("""
            <ir_version: 8, opset_import: ["" : 17]>
            agraph (float[1,3,12,12] input) => (float[1,3,6,6] y) {
                y = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (input)
            }
        """)
        other.save(model, "model.onnx")
    exec("\n".join(lines), names)


# The last slices of so small an array are no whole chunk.
@pytest.mark.filterwarnings("ignore:The input Dask array will be rechunked")
def test_the_example_that_is_larger_than_memory(tmp_path):
    pytest.importorskip("dask.array")
    pytest.importorskip("zarr")
    path = HERE / "examples" / "larger_than_memory.py"
    if not path.exists():
        pytest.skip("the examples are not installed")
    spec = importlib.util.spec_from_file_location("larger_than_memory", path)
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    example.CHUNK = (8, 16, 16)
    example.main(["--gigabytes", "0.0003", "--folder", str(tmp_path)])
    import dask.array as da

    x, y = (da.from_zarr(str(tmp_path / name)).compute() for name in ("input.zarr", "smooth.zarr"))
    np.testing.assert_allclose(y, fastconv.ndimage.gaussian_filter(x, 2), atol=1e-5)
