"""Types: stubs are complete and say what is there; right calls pass, wrong ones are found."""

import ast
import importlib
import pkgutil
import runpy
import subprocess
import sys
import types
import typing
from pathlib import Path

import pytest

import fastconv
from fastconv import _typing
from fastconv._algorithms import registry
from fastconv._core import arguments, problem, settings
from fastconv._normalized import NANS
from fastconv._operations import _arguments, _mixed

ROOT = Path(__file__).parents[1]
CALLS = Path(__file__).with_name("typing")


def importable(name):
    """The module, or None where the package that it is a bridge to is missing."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


STUBS = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted((ROOT / "fastconv").rglob("*.pyi"))
}
PUBLIC = {
    f"fastconv.{module.name}"
    for module in pkgutil.iter_modules(fastconv.__path__)
    if module.name[0] != "_"
}
HERE = [name for name in ("fastconv", *STUBS) if importable(name)]


def mypy(*command):
    """What mypy complains about, if it complains."""
    pytest.importorskip("mypy")
    done = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True)
    return done.stdout + done.stderr if done.returncode else ""


def test_stubs_and_calls_pass_mypy():
    assert mypy("mypy") == ""


def test_stubs_have_the_signatures_of_the_functions():
    stubbed = [name for name in HERE if name in STUBS]
    assert mypy("mypy.stubtest", "--mypy-config-file", "pyproject.toml", "--concise", *stubbed) == ""


def test_public_modules_have_stubs():
    assert {*STUBS} >= PUBLIC


def unannotated(node):
    """What has no type: parameters and results of a function, or of the methods of a class."""
    if isinstance(node, ast.ClassDef):
        for inner in node.body:
            name = getattr(inner, "name", "_")
            if not name.startswith("_") or name in ("__init__", "__call__"):
                yield from unannotated(inner)
    elif isinstance(node, ast.FunctionDef):
        a = node.args
        for parameter in (*a.posonlyargs, *a.args, a.vararg, *a.kwonlyargs, a.kwarg):
            if parameter and not parameter.annotation and parameter.arg not in ("self", "cls"):
                yield f"{node.name}: {parameter.arg}"
        if node.returns is None:
            yield f"{node.name}: its result"


@pytest.mark.parametrize("name", [name for name in HERE if hasattr(sys.modules[name], "__all__")])
def test_public_names_are_annotated(name):
    module = sys.modules[name]
    for public in module.__all__:
        value = getattr(module, public)
        if isinstance(value, types.ModuleType):
            continue
        home = name if name in STUBS else value.__module__
        path = STUBS.get(home) or Path(sys.modules[home].__file__)
        declared = [node for node in ast.parse(path.read_text()).body if public == name_of(node)]
        assert declared, f"{public} is not in {path.name}"
        assert [part for node in declared for part in unannotated(node)] == []


def name_of(node):
    """The name that a statement defines, or annotates."""
    return node.target.id if isinstance(node, ast.AnnAssign) else getattr(node, "name", None)


@pytest.mark.parametrize(
    "alias, choices",
    [
        (_typing.Algorithm, registry.algorithm_names()),
        (_typing.DataFormat, problem.LAYOUTS),
        (_typing.PaddingMode, problem.PADDING_MODES),
        (_typing.Precision, settings.PRECISIONS),
        (_typing.TuningMode, settings.TUNINGS),
        (_typing.Denormals, settings.DENORMALS),
        (_typing.Overflow, _mixed.OVERFLOWS),
        (_typing.Nan, NANS),
        (_typing.Need, (*_arguments.NEEDS, _arguments.PER_SAMPLE)),
        (_typing.Activation | None, _arguments.ACTIVATIONS),
        (_typing.Padding1d, arguments.NAMED_PADDINGS),
    ],
)
def test_words_are_those_that_calls_take(alias, choices):
    assert set(words(alias)) == set(choices)


def words(alias):
    """The literals of an alias."""
    if typing.get_origin(alias) is typing.Literal:
        return typing.get_args(alias)
    if alias is type(None):
        return (None,)
    return [word for part in typing.get_args(alias) for word in words(part)]


def test_right_calls_run():
    runpy.run_path(str(CALLS / "right_calls.py"))


def test_wrong_calls_raise():
    """So that no type is stricter than what runs."""
    path = CALLS / "wrong_calls.py"
    lines, names, count = path.read_text().splitlines(), {}, 0
    for statement in ast.parse(path.read_text()).body:
        code = compile(ast.Module([statement], []), path, "exec")
        if "# type: ignore" not in lines[statement.end_lineno - 1]:
            exec(code, names)
            continue
        count += 1
        with pytest.raises((TypeError, ValueError, AttributeError, KeyError, RuntimeError)):
            exec(code, names)
    assert count == sum("# type: ignore" in line for line in lines) > 40
