"""Examples in docstrings, in the README and in docs/ are run."""

import doctest
import importlib.util
import pkgutil
import re
from pathlib import Path

import numpy as np
import pytest

import fastconv

HERE = Path(__file__).parents[1]
DOCUMENTS = [
    HERE / "README.md",
    *(HERE / "docs" / name for name in ("bridges.md", "filters.md", "scipy.md")),
]
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


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_examples_in_documents(path, capsys):
    if not path.exists():
        pytest.skip(f"{path.name} is not installed")
    if path.name == "bridges.md":
        pytest.importorskip("dask.array")
    blocks = re.findall(r"^```python\n(.*?)^```", path.read_text(), re.M | re.S)
    assert blocks
    names = {}
    for block in blocks:
        exec(compile(block, path.name, "exec"), names)


def bridges():
    """(module, lines) of every row of the README's table of bridges."""
    readme = DOCUMENTS[0]
    text = readme.read_text() if readme.exists() else ""
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
