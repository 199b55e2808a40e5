"""What was measured: in memory, and in a file that outlives the process.

Wisdom is a hint. It names rooms and their times for one problem on one machine; the planner asks
the rooms themselves whether they can, so that no file, however wrong, changes a result.

The file is JSON with one entry per line, and is read line by line: a line that is not exactly
what this module writes is passed over. It is replaced in one step, under a lock, after merging
with what other processes have written meanwhile.
"""

import json
import os
from contextlib import contextmanager
from math import isfinite
from pathlib import Path
from threading import Lock
from time import monotonic, sleep
from typing import NamedTuple

from .._core.processor import processor
from .._core.version import VERSION
from .._kernels import isa
from .files import contents, replace

try:
    import fcntl
except ImportError:  # a system without it: writers at once may lose hints
    fcntl = None

_HEADER = '{"format": "fastconv wisdom", "schema": 1, "entries": ['
_FOOTER = "]}"
# A few hundred bytes an entry. What is longer was not written here.
MOST_ENTRIES = 4096
MOST_BYTES = 4 << 20
_MOST_LINE_BYTES = 8192
_LONGEST_TEXT = 500
_MOST_ROOMS = 64
_PATIENCE = 5.0  # seconds to wait for another process's lock


class Key(NamedTuple):
    """What a measurement holds for: another version or machine may order the rooms otherwise."""

    version: str
    processor: str
    processors: int
    level: str
    threads: int
    problem: str
    prepacked: bool


class Entry(NamedTuple):
    """Measured times of the rooms for one key."""

    seconds: dict  # by room
    fresh: bool  # measured in this process, not read from a file


_memory = {}  # the least recent first
_loaded = False
_changing = Lock()  # held to change memory; reading one entry or copying all needs no lock


def find(problem, threads, prepacked):
    """The Entry for `problem`, or None; the first search reads the file."""
    _load_once()
    return _memory.get(_key(problem, threads, prepacked))


def remember(problem, threads, prepacked, seconds):
    """Keep measured `seconds` by room, in memory; times of other rooms stay."""
    key = _key(problem, threads, prepacked)
    with _changing:
        old = _memory.pop(key, None)
        _memory[key] = Entry({**(old.seconds if old else {}), **seconds}, True)
        _trim()


def entries():
    """All (Key, Entry) in memory, those of the file included, the least recent first."""
    _load_once()
    return list(_memory.items())


def path():
    """The file: ``FASTCONV_WISDOM``, or one in the user's cache directory; None if off."""
    named = os.environ.get("FASTCONV_WISDOM", "").strip()
    if named.lower() == "off":
        return None
    if named:
        return Path(named)
    try:
        home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    except RuntimeError:  # nobody's process
        return None
    return Path(home, "fastconv", "wisdom.json")


def merge(file=None):
    """Add the entries of `file` that memory does not have; returns how many the file holds.

    Without `file` it is the default one, which need not exist.
    """
    target = path() if file is None else Path(file)
    if target is None:
        return 0
    try:
        data = contents(target, MOST_BYTES)
    except OSError:
        if file is None:
            return 0
        raise
    read = _parse(data)
    with _changing:
        # What this process knows stays, and counts as more recent.
        ours = dict(_memory)
        _memory.clear()
        _memory.update({key: Entry(seconds, False) for key, seconds in read.items()} | ours)
        _trim()
    return len(read)


def load(file=None):
    """Forget what is in memory and read `file`; returns how many entries it holds."""
    clear()
    return merge(file)


def clear():
    """Forget what is in memory; the file is not read again unless asked for."""
    global _loaded
    _loaded = True
    with _changing:
        _memory.clear()


def delete():
    """Remove the default file, if there is one."""
    file = path()
    if file is not None:
        file.unlink(missing_ok=True)


def save(file=None):
    """Write memory to `file`, together with what the file has; returns the path.

    Without `file` it is the default one; None is returned if that is off or cannot be written.
    """
    target = path() if file is None else Path(file)
    if target is None:
        return None
    try:
        whole = Path(os.path.realpath(target))
        if file is not None:
            _refuse_to_replace(whole)
        _save(whole)
    except OSError:
        if file is None:
            return None
        raise
    return target


def _refuse_to_replace(target):
    """ValueError if there is a file that holds something else."""
    try:
        start = contents(target, MOST_BYTES)[: len(_HEADER)]
    except OSError:
        return
    if start and start != _HEADER.encode():
        raise ValueError(f"{target} is no file of wisdom; it is left as it is")


def _save(target):
    target.parent.mkdir(parents=True, exist_ok=True)
    with _lock(target.parent):
        try:
            theirs = _parse(contents(target, MOST_BYTES))
        except FileNotFoundError:
            theirs = {}
        memory = dict(_memory)
        merged = {key: entry.seconds for key, entry in memory.items() if not entry.fresh}
        ours = {key: entry.seconds for key, entry in memory.items() if entry.fresh}
        for newer in (theirs, ours):
            for key, seconds in newer.items():
                merged.pop(key, None)
                merged[key] = seconds
        replace(target, _text(merged))


def _key(problem, threads, prepacked):
    """The key of `problem` here and now, without what hardly changes the order of the rooms."""
    plain = problem._replace(bias=False, relu=False)
    if problem.kind == "conv":  # input behind the last window is as good as none
        last = zip(problem.output, problem.stride, problem.extent, problem.input, problem.pad_begin)
        plain = plain._replace(pad_end=tuple((o - 1) * s + e - i - p for o, s, e, i, p in last))
    return Key(
        VERSION, processor(), os.cpu_count() or 1, isa.active(), threads, str(plain), prepacked
    )


def _trim():
    while len(_memory) > MOST_ENTRIES:
        del _memory[next(iter(_memory))]


def _load_once():
    global _loaded
    if not _loaded:
        merge()
        # Only now: of two threads, the second must not find an empty memory.
        _loaded = True


# The file


def _parse(data):
    """{Key: seconds by room} of the valid lines of `data`."""
    header, *lines = data.split(b"\n")
    if header.rstrip() != _HEADER.encode():
        return {}
    found = {}
    for line in lines[: MOST_ENTRIES + 1]:
        entry = _parse_line(line)
        if entry is not None:
            found[entry[0]] = entry[1]
    return found


def _parse_line(line):
    """(Key, seconds by room), or None for a line that was not written here."""
    line = line.strip().removesuffix(b",")
    if not line.startswith(b"{") or len(line) > _MOST_LINE_BYTES:
        return None
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(fields, dict) or set(fields) != {*Key._fields, "seconds"}:
        return None
    seconds = fields.pop("seconds")
    if not all(_valid(fields[name], kind) for name, kind in Key.__annotations__.items()):
        return None
    if not isinstance(seconds, dict) or not 0 < len(seconds) <= _MOST_ROOMS:
        return None
    if not all(_valid(room, str) and _is_time(value) for room, value in seconds.items()):
        return None
    return Key(**fields), seconds


def _valid(value, kind):
    if kind is str:
        return type(value) is str and 0 < len(value) <= _LONGEST_TEXT and value.isprintable()
    if kind is int:
        return type(value) is int and 0 < value <= 1 << 20
    return type(value) is kind


def _is_time(value):
    return type(value) in (float, int) and 0 < value < 1e6 and isfinite(value)


def _text(entries):
    """The file that holds `entries`; of too many, the most recent."""
    lines, size = [], 0
    for key, seconds in list(entries.items())[: -MOST_ENTRIES - 1 : -1]:
        line = json.dumps({**key._asdict(), "seconds": seconds}, allow_nan=False)
        size += len(line) + 2
        if size > MOST_BYTES - len(_HEADER) - len(_FOOTER) - 2:
            break
        lines.append(line)
    return "\n".join([_HEADER, ",\n".join(reversed(lines)), _FOOTER, ""])


@contextmanager
def _lock(folder):
    """Hold the lock of a folder, if it can be had in time: hints may be lost, the file may not."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        handle = None
    try:
        if handle is not None and fcntl is not None:
            _wait_for(handle)
        yield
    finally:
        if handle is not None:
            os.close(handle)


def _wait_for(handle):
    end = monotonic() + _PATIENCE
    while monotonic() < end:
        try:
            return fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sleep(0.002)
        except OSError:  # a file system without locks
            return


def _after_fork_in_child():
    global _changing
    _changing = Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
