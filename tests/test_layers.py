"""The house rules: layers point down only, rooms never meet, and only the kernels name CPUs.

The rules are functions of a source tree, so that they can be shown trees that break them.
"""

import ast
import importlib
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "fastconv"

# Floors of the house. What is not listed is a public module, floor 5.
FLOOR = {"_core": 0, "_kernels": 1, "_algorithms": 2, "_planner": 3, "_operations": 4}
PUBLIC = 5
# Built from public names: SciPy-named facades, the command line, and the package's own namespace.
ABOVE = {"signal", "ndimage", "_in_place", "_skimage", "torch", "onnx", "dask", "jax", "_commands", "_demo", "__main__", "__init__"}

CPU_NAME = re.compile(r"(avx|sse|amx|neon)\d*[a-z]*", re.IGNORECASE)
TRIPLE_QUOTED = re.compile(r'"""(?:\\.|[^\\])*?"""|' + r"'''(?:\\.|[^\\])*?'''", re.DOTALL)

FACE = {
    "name": None,
    "kinds": None,
    "local": None,
    "supports": "problem",
    "estimate": "problem, machine, prepacked",
    "workspace": "problem, threads",
    "compile": "problem",
    "prepare": "state, weight, threads",
    "run": "state, packed, inputs, outputs, threads",
}


# What a source tree says


def sources(package, *suffixes):
    """Hand-written files: what Cython made lies beside its .pyx."""
    for path in sorted(package.rglob("*")):
        generated = path.suffix == ".c" and path.with_suffix(".pyx").exists()
        if path.suffix in suffixes and not generated:
            yield path


def module_of(package, path):
    """``("_core", "sizes")`` for ``fastconv/_core/sizes.py``."""
    return path.relative_to(package).with_suffix("").parts


def is_module(package, parts):
    """Whether dotted `parts` name a file or folder of the package."""
    path = package.joinpath(*parts)
    return path.is_dir() or any(path.with_suffix(s).exists() for s in (".py", ".pyx", ".pxd"))


def statements(path):
    """(level, module, names) of every import and cimport: ``from ..a import b`` is (2, "a", "b")."""
    text = path.read_text()
    if path.suffix in (".py", ".pyi"):
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Import):
                yield from ((0, alias.name, []) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield node.level, node.module or "", [alias.name for alias in node.names]
        return
    text = re.sub(r"\\\n", " ", TRIPLE_QUOTED.sub("", text))
    text = re.sub(r"#[^\n]*", "", text)
    start = r"(?:^|[;:])[ \t]*"
    for dots, module, names in re.findall(
        start + r"from\s+(\.*)\s*([\w.]*)\s+c?import\s*(\([^)]*\)|[^\n;]*)", text, re.MULTILINE
    ):
        listed = names.strip("() \n").split(",")
        yield len(dots), module, [name.split()[0] for name in listed if name.split()]
    for modules in re.findall(start + r"c?import\s+([^\n;]+)", text, re.MULTILINE):
        yield from ((0, module.split()[0], []) for module in modules.split(","))


def imports(package, path):
    """Modules of the package that a file imports, as tuples of parts; () is the package itself."""
    here = module_of(package, path)
    for level, module, names in statements(path):
        parts = tuple(module.split(".")) if module else ()
        if level:
            base = here[: len(here) - level]
        elif parts[:1] == (package.name,):
            base, parts = (), parts[1:]
        else:
            continue
        target = base + parts
        inner = [(*target, name) for name in names if is_module(package, (*target, name))]
        yield from inner or [target]


def includes(package, path):
    """Files of the package that a file includes; headers are looked up as the compiler does."""
    text = path.read_text()
    for name in re.findall(
        r'^\s*(?:#\s*include|include|cdef\s+extern\s+from)\s+["\']([^"\'<>]+)["\']',
        text,
        re.MULTILINE,
    ):
        for folder in (path.parent, package / "_kernels"):
            found = (folder / name).resolve()
            if found.exists() and package.resolve() in found.parents:
                yield module_of(package.resolve(), found)
                break


# The rules


def floor(module):
    top = module[0] if module else "__init__"
    return PUBLIC + 1 if top in ABOVE else FLOOR.get(top, PUBLIC)


def is_room(module):
    """Whether `module` is a public module of the algorithms, other than their list."""
    return (
        module[:1] == ("_algorithms",)
        and len(module) == 2
        and module[1] != "registry"
        and not module[1].startswith("_")
    )


def refusal(source, target):
    """Why `source` must not use `target`, or None."""
    if floor(target) > floor(source):
        return "points up"
    if source[0] == "_algorithms":
        if source[1] != "registry" and source != target:
            if is_room(target):
                return "only the registry knows the rooms"
            if target == ("_algorithms", "registry"):
                return "rooms do not know the registry"
        return None
    helper = target[:1] == ("_algorithms",) and target[1:2] not in ((), ("registry",))
    if is_room(target) or (helper and source[0] == "_planner"):
        return "algorithms are known only through the registry"
    return None


def layer_violations(package):
    found = []
    for path in sources(package, ".py", ".pyi", ".pyx", ".pxd", ".pxi", ".h", ".c"):
        source = module_of(package, path)
        targets = list(includes(package, path))
        if path.suffix in (".py", ".pyi", ".pyx", ".pxd", ".pxi"):
            targets += imports(package, path)
        for target in targets:
            reason = refusal(source, target)
            if reason:
                found.append(f"{'.'.join(source)} -> {'.'.join(target) or 'fastconv'}: {reason}")
    return found


def cpu_violations(package):
    """CPU names outside the kernels, in code, strings and comments.

    Docstrings may tell users what FASTCONV_ISA can be set to.
    """
    found = []
    for path in sources(package, ".py", ".pyx", ".pxd", ".pxi", ".h", ".c"):
        module = module_of(package, path)
        if module[0] == "_kernels":
            continue
        for word in re.findall(r"[A-Za-z0-9]+", TRIPLE_QUOTED.sub("", path.read_text())):
            if CPU_NAME.fullmatch(word):
                found.append(f"{'.'.join(module)}: {word}")
    return found


def top_level(path):
    """(name, parameters or None) of the assignments and functions of a file, in order."""
    text = TRIPLE_QUOTED.sub("", path.read_text())
    pattern = r"^(?:(?:def|cpdef)\s+(?:[\w.]+\s+)*?(\w+)\(([^)]*)\)|(\w+)\s*=[^=])"
    for function, parameters, variable in re.findall(pattern, text, re.MULTILINE):
        # Cython parameters may come with their type.
        names = [parameter.split()[-1] for parameter in parameters.split(",") if parameter.strip()]
        yield (function, ", ".join(names)) if function else (variable, None)


def room_files(package):
    """Files of the algorithms that have a name and kinds: the rooms."""
    for path in sources(package / "_algorithms", ".py", ".pyx"):
        defined = {name for name, _ in top_level(path)}
        if {"name", "kinds"} <= defined:
            yield path


def registered(package):
    """Names in the registry's ROOMS."""
    tree = ast.parse((package / "_algorithms" / "registry.py").read_text())
    for node in tree.body:
        if isinstance(node, ast.Assign) and node.targets[0].id == "ROOMS":
            return [room.id for room in node.value.elts]
    return []


def registry_violations(package):
    listed = registered(package)
    found = [f"{name} is listed twice" for name in set(listed) if listed.count(name) > 1]
    on_disk = {path.stem for path in room_files(package)}
    found += [f"{name} is not in the registry" for name in sorted(on_disk - set(listed))]
    found += [f"{name} is in the registry but is no room" for name in sorted(set(listed) - on_disk)]
    for path in room_files(package):
        if path.stem.startswith("_"):
            found.append(f"{path.stem} is a room with a private name")
        if not path.read_text().startswith("#"):
            found.append(f"{path.stem} does not begin with a comment that states the idea")
        face = [(name, args) for name, args in top_level(path) if name in FACE]
        # Where the state is the problem itself, it may be called so.
        named = [
            (name, args and re.sub("^problem", "state", args) if name in ("prepare", "run") else args)
            for name, args in face
        ]
        if named != list(FACE.items()):
            found.append(f"{path.stem} has another face: {face}")
    return found


# The rules, applied to this package


def test_layers_point_down():
    assert layer_violations(PACKAGE) == []


def test_only_the_kernels_name_cpus():
    assert cpu_violations(PACKAGE) == []


def test_every_room_is_registered_and_has_the_face():
    assert registry_violations(PACKAGE) == []


def test_rooms_at_run_time():
    registry = importlib.import_module("fastconv._algorithms.registry")
    files = {path.stem for path in room_files(PACKAGE)}
    assert {room.__name__.rpartition(".")[2] for room in registry.ROOMS} == files
    for room in registry.ROOMS:
        assert isinstance(room.name, str) and room.name
        assert isinstance(room.kinds, tuple) and room.kinds
        assert isinstance(room.local, bool)
        assert all(callable(getattr(room, part)) for part, args in FACE.items() if args)
    for kind in {kind for room in registry.ROOMS for kind in room.kinds}:
        rooms = registry.rooms_for(kind)
        names = [room.name for room in rooms]
        assert len(set(names)) == len(names), f"two rooms of one name for {kind}"
        # The oracle comes last, and takes everything.
        assert names[-1] == "reference"


def test_the_parser_sees_imports_of_every_kind():
    """A parser that found nothing would let everything pass."""
    edges = {
        (module_of(PACKAGE, path), target)
        for path in sources(PACKAGE, ".py", ".pyx", ".pxd")
        for target in imports(PACKAGE, path)
    }
    assert (("_algorithms", "registry"), ("_algorithms", "reference")) in edges
    assert (("config",), ("_operations", "_arguments")) in edges
    assert (("_core", "sizes"), ("_core", "arguments")) in edges
    assert (("_core", "threads"), ("_core", "arguments")) in edges  # relative, in a .pyx
    assert (("_algorithms", "direct_pixels"), ("_core", "geometry")) in edges  # a cimport
    table = PACKAGE / "_kernels" / "table.pyx"
    assert ("_kernels", "table") in set(includes(PACKAGE, table))  # table.h


# The rules, applied to trees that break them

ROOM = "# The idea.\n\nname = 'a'\nkinds = ('conv',)\nlocal = True\n" + "".join(
    f"\n\ndef {part}({args}):\n    return None\n" for part, args in FACE.items() if args
)
GOOD = {
    "__init__.py": "from .config import config\nfrom . import signal\n",
    "__main__.py": "import fastconv\n",
    "config.py": "import numpy\nfrom ._algorithms import _helper, registry\nfrom ._planner import planner\n",
    "signal.py": "from .config import config\n",
    "_core/__init__.py": "",
    "_core/sizes.py": '"""Sizes of avx512 vectors: a docstring may say so."""\nimport os\n',
    "_core/arena.pyx": "from .sizes import f\ncimport cython\n",
    "_core/arena.pxd": "",
    "_kernels/__init__.py": "",
    "_kernels/table.pyx": 'cdef extern from "table.h":\n    int avx2\n',
    "_kernels/table.h": "int avx2;\n",
    "_planner/__init__.py": "",
    "_planner/planner.py": "from .._algorithms import registry\nfrom .._kernels import table\n",
    "_algorithms/__init__.py": "",
    "_algorithms/_helper.pyx": "from fastconv._core.arena cimport (\n    a,\n    b,\n)\n",
    "_algorithms/room_a.py": ROOM,
    "_algorithms/room_b.pyx": ROOM.replace("state,", "State state,") + "\nfrom fastconv._algorithms._helper cimport pack\n",
    "_algorithms/registry.py": "from . import room_a, room_b\n\nROOMS = (room_a, room_b)\n",
}


def plant(folder, changes=()):
    """Write the good tree with some files replaced or added."""
    package = folder / "fastconv"
    for name, text in (GOOD | dict(changes)).items():
        path = package / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return package


def all_violations(package):
    return layer_violations(package) + cpu_violations(package) + registry_violations(package)


def test_a_good_tree_passes(tmp_path):
    assert all_violations(plant(tmp_path)) == []


BROKEN = [
    ("_core/sizes.py", "from .. import config\n", "_core.sizes -> config: points up"),
    ("_core/sizes.py", "import fastconv\n", "_core.sizes -> fastconv: points up"),
    ("_core/sizes.py", "def f():\n    from .._kernels import table\n", "_kernels.table: points up"),
    ("_core/arena.pyx", "from .._kernels.table cimport k\n", "_core.arena -> _kernels.table"),
    ("_core/arena.pyx", 'cdef extern from "table.h":\n    int x\n', "_core.arena -> _kernels.table"),
    ("_core/arena.pyx", 'include "../_kernels/table.pyx"\n', "_core.arena -> _kernels.table"),
    ("_core/arena.pyx", "if True: import fastconv.config\n", "_core.arena -> config"),
    ("_core/arena.pxd", "cimport fastconv._kernels.table as t\n", "_core.arena -> _kernels.table"),
    ("_core/__init__.py", "from fastconv import config\n", "_core.__init__ -> config"),
    ("_kernels/table.h", '#include "../_planner/planner.py"\n', "_kernels.table -> _planner.planner"),
    ("_kernels/table.pyx", "from .._algorithms import room_a\n", "_kernels.table -> _algorithms"),
    ("_algorithms/room_a.py", ROOM + "from . import room_b\n", "only the registry knows the rooms"),
    ("_algorithms/room_a.py", ROOM + "from .room_b import x\n", "only the registry knows the rooms"),
    ("_algorithms/room_b.pyx", ROOM + "from .room_a cimport (\n x, y)\n", "only the registry"),
    ("_algorithms/room_b.pyx", ROOM + "from fastconv._algorithms \\\n import room_a\n", "only the"),
    ("_algorithms/room_a.py", ROOM + "from . import registry\n", "do not know the registry"),
    ("_algorithms/room_a.py", ROOM + "from .._planner import planner\n", "planner: points up"),
    ("_algorithms/_helper.pyx", "from .room_a import x\n", "only the registry knows the rooms"),
    ("_planner/planner.py", "from .._algorithms import room_a\n", "only through the registry"),
    ("_planner/planner.py", "from .._algorithms import _helper\n", "only through the registry"),
    ("_planner/planner.py", "from ..config import config\n", "_planner.planner -> config"),
    ("_operations/pooling.py", "from ..config import config\n", "_operations.pooling -> config"),
    ("config.py", "from ._algorithms.room_a import run\n", "only through the registry"),
    ("config.py", "import fastconv._algorithms.room_b\n", "only through the registry"),
    ("config.py", "from . import signal\n", "config -> signal: points up"),
    ("config.pyi", "from .signal import f\n", "config -> signal: points up"),
    ("config.py", "HAVE_AVX2 = 1\n", "config: AVX2"),
    ("config.py", "level = 'avx512'\n", "config: avx512"),
    ("_algorithms/_helper.pyx", "# unrolled for SSE\n", "_algorithms._helper: SSE"),
    ("_core/arena.pxd", "cdef int amx_tiles\n", "_core.arena: amx"),
    ("_algorithms/registry.py", "from . import room_a\nROOMS = (room_a,)\n", "room_b is not in the"),
    ("_algorithms/registry.py", "ROOMS = (room_a, room_b, room_b)\n", "room_b is listed twice"),
    ("_algorithms/registry.py", "ROOMS = (room_a, room_b, room_c)\n", "room_c is in the registry"),
    ("_algorithms/room_c.pyx", ROOM, "room_c is not in the registry"),
    ("_algorithms/_helper.pyx", ROOM, "_helper is a room with a private name"),
    ("_algorithms/room_a.py", ROOM.replace("def prepare", "def ready"), "room_a has another face"),
    ("_algorithms/room_a.py", ROOM.replace("local = True\n", ""), "room_a has another face"),
    ("_algorithms/room_a.py", ROOM.replace("state, weight", "weight"), "room_a has another face"),
    ("_algorithms/room_a.py", ROOM.replace("supports(problem", "supports(state"), "another face"),
    ("_algorithms/room_a.py", ROOM.replace("# The idea.", "name = 0"), "room_a does not begin with"),
    ("_algorithms/room_b.pyx", ROOM.replace("kinds", "x") + ROOM, "room_b has another face"),
]


@pytest.mark.parametrize("name, text, expected", BROKEN)
def test_a_broken_tree_is_reported(tmp_path, name, text, expected):
    found = all_violations(plant(tmp_path, {name: text}))
    assert any(expected in violation for violation in found), found


def test_no_exception_of_a_loop_is_lost():
    """What calls `share`, or what calls that, passes exceptions on: Ctrl-C ends a loop by one."""
    head = re.compile(r"^ *(cdef|cpdef|def) [^=\n]*?(\w+)\((?:[^()]|\([^()]*\))*\)([^:\n]*):", re.M)
    lost = []
    for path in sources(PACKAGE, ".pyx"):
        text = re.sub(r"#[^\n]*", "", TRIPLE_QUOTED.sub("", path.read_text()))
        heads = list(head.finditer(text))
        ends = [this.start() for this in heads[1:]] + [len(text)]
        functions = [
            (this[2], this[3], set(re.findall(r"\b(\w+)\(", text[this.end() : end])))
            for this, end in zip(heads, ends) if this[1] != "def"
        ]  # fmt: skip
        raising = {"share", "copy_panels", "split_input", "store_sums"}
        for _ in functions:
            raising |= {name for name, how, called in functions if called & raising and "-1" in how}
        lost += [
            f"{path.stem}: {name}"
            for name, how, called in functions if "noexcept" in how and called & raising
        ]  # fmt: skip
    assert lost == []
