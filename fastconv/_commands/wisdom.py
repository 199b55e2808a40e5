"""``python -m fastconv wisdom``: what was tuned on this machine."""

import sys

from .. import wisdom
from .._planner import wisdom as _wisdom
from .._planner.explanation import spelled_seconds

name = "wisdom"
summary = "show, merge or remove what was tuned"
examples = (
    "python -m fastconv wisdom",
    "python -m fastconv wisdom merge colleague.json",
    "python -m fastconv wisdom clear",
)


def add_arguments(parser):
    """What to do, and with which file."""
    parser.add_argument(
        "action", nargs="?", default="show", choices=("show", "path", "merge", "save", "clear"),
        help="show the entries (default); print the path of the file; merge another FILE into it; "
        "save a copy as FILE; clear it",
    )  # fmt: skip
    parser.add_argument("file", nargs="?", metavar="FILE", help="for merge and save")


def run(arguments):
    """Do it, and say what was done."""
    action, file = arguments.action, arguments.file
    if (file is not None) != (action in ("merge", "save")):
        need = "needs a FILE" if file is None else "takes no FILE"
        print(f"python -m fastconv wisdom: {action} {need}", file=sys.stderr)
        return 2
    try:
        return _ACTIONS[action](file)
    except OSError as error:
        print(f"python -m fastconv wisdom: {error}", file=sys.stderr)
        return 1


def _show(file):
    entries = _wisdom.entries()
    print(f"{len(entries)} entries in {wisdom.path() or 'no file: FASTCONV_WISDOM is off'}")
    for key, entry in entries:
        best = min(entry.seconds, key=entry.seconds.get)
        threads = f"{key.threads} thread{'s' * (key.threads > 1)}"
        packed = ", weights packed" if key.prepacked else ""
        print(f"\n{key.problem}")
        print(f"  {key.processor}, {key.level}, {threads}{packed}, fastconv {key.version}")
        print(f"  {best}: {spelled_seconds(entry.seconds[best])}")
    return 0


def _path(file):
    print(wisdom.path() or "off")
    return 0


def _merge(file):
    wisdom.load()
    print(f"{wisdom.merge(file)} entries merged")
    return _saved(wisdom.save())


def _save(file):
    wisdom.load()
    return _saved(wisdom.save(file))


def _clear(file):
    wisdom.clear(file=True)
    print(f"no wisdom in {wisdom.path() or 'memory, and no file: FASTCONV_WISDOM is off'}")
    return 0


def _saved(path):
    if path is None:
        print("python -m fastconv wisdom: the file is off or cannot be written", file=sys.stderr)
        return 1
    print(f"{len(_wisdom.entries())} entries saved in {path}")
    return 0


_ACTIONS = {"show": _show, "path": _path, "merge": _merge, "save": _save, "clear": _clear}
