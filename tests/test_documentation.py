"""Examples in docstrings, in the README and in docs/ are run."""

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import fastconv

HERE = Path(__file__).parents[1]
DOCUMENTS = [HERE / "README.md", *(HERE / "docs" / name for name in ("bridges.md", "filters.md", "scipy.md"))]
# Bridges to what may not be installed.
EXTRAS = {"fastconv.torch": "torch", "fastconv.onnx": "onnx", "fastconv.dask": "dask.array", "fastconv.jax": "jax"}
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
