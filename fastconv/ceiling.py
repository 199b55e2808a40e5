"""What this machine can do at most: ``python -m fastconv ceiling``.

Multiply-adds per second of every kernel level, bytes per second of plain copies, and what a parallel
loop costs beside its tasks, for one thread up to all. Measured in a few seconds and kept in the user's cache directory; benchmarks
divide by them.
"""

import json
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from math import inf
from pathlib import Path
from threading import Barrier
from time import perf_counter
from typing import NamedTuple

import numpy as np

from ._core import team, threads as _threads
from ._core.processor import processor
from ._core.version import VERSION
from ._kernels import isa

name = "ceiling"
summary = "measure the most that this machine can compute and copy"
examples = ("python -m fastconv ceiling", "python -m fastconv ceiling --refresh --json")

# dtype -> its code in the kernel table
_DTYPES = {"float32": 0, "float64": 1}
_SECONDS = 4.0
_SCHEMA = 2
_PASSES = 4
# Copies larger than this add nothing: no shared cache gives one machine so much for long.
_LARGEST_COPY = 256 << 20


class Ceiling(NamedTuple):
    """The ceilings for one number of threads at one level."""

    level: str
    threads: int
    float32: float  # floating-point operations per second, all threads together
    float64: float
    copy: tuple  # (bytes touched, bytes read and written per second), smallest first
    region: float  # seconds that a parallel loop takes longer than its tasks
    machine: dict  # processor, level, version

    def bandwidth(self, touched):
        """Bytes per second of copies that touch at least `touched` bytes: of the cache they fit."""
        for size, rate in self.copy:
            if touched <= size:
                return rate
        return self.copy[-1][1]

    def least_seconds(self, flops, touched, dtype="float32"):
        """The roofline: (seconds that the work takes at least, "compute" or "bandwidth")."""
        computing, moving = flops / getattr(self, dtype), touched / self.bandwidth(touched)
        return max((computing, "compute"), (moving, "bandwidth"))

    def figures(self):
        """The numbers as plain data."""
        return {key: getattr(self, key) for key in ("float32", "float64", "copy", "region")}


def measured(threads=None, *, level=None, seconds=_SECONDS, refresh=False):
    """The Ceiling of `threads` (default: all) at `level` (default: the active one).

    From the cache if this machine was measured before; otherwise all ceilings are measured now,
    which takes about `seconds`.
    """
    table = table_of(seconds, refresh)
    counts = [int(count) for count in table["copy"]]
    asked = _threads.available() if threads is None else threads
    # More threads than processors add nothing; a count between two measured ones gets the lower.
    count = max((c for c in counts if c <= asked), default=min(counts))
    level = level or isa.active()
    flops = table["flops"][level][str(count)]
    machine = {"cpu": processor(), "level": level, "version": VERSION}
    copy = tuple(map(tuple, table["copy"][str(count)]))
    region = table["region"][str(count)]
    return Ceiling(level, asked, flops["float32"], flops["float64"], copy, region, machine)


def _measure(seconds):
    """All ceilings as a table: flops[level][threads][dtype], copy[threads], region[threads]."""
    counts, levels = _counts(_threads.available()), isa.available()
    flops = {level: {str(n): dict.fromkeys(_DTYPES, 0.0) for n in counts} for level in levels}
    copy = {str(n): [[limit, 0.0] for limit, _ in _copy_sizes(n)] for n in counts}
    region = {str(n): inf for n in counts}
    cells = len(counts) * (len(levels) * len(_DTYPES) + len(_copy_sizes(1)))
    window = seconds / cells / _PASSES
    # The best of several passes: in any one of them, something else may have been at work.
    for _ in range(_PASSES):
        for n in counts:
            for level in levels:
                rates = flops[level][str(n)]
                with isa.use(level):
                    for dtype, code in _DTYPES.items():
                        rates[dtype] = max(rates[dtype], _peak(code, n, window))
            for row, (_, touched) in zip(copy[str(n)], _copy_sizes(n)):
                row[1] = max(row[1], _copy(touched, n, window))
            region[str(n)] = min(region[str(n)], max(team.region_seconds(n), 1e-9))
    return {"flops": flops, "copy": copy, "region": region}


def _counts(available):
    """Thread counts to measure: 1, 2, 4, ... and all."""
    powers = (1 << i for i in range(available.bit_length()))
    return sorted({n for n in powers if n < available} | {available})


def _copy_sizes(threads):
    """Per level of the memory: (bytes that it holds, bytes to measure it with), smallest first."""
    private, shared = _cache_bytes(2) or 1 << 20, _cache_bytes(3) or 0
    memory = min(max(4 * shared, 64 << 20), _LARGEST_COPY)
    sizes = [(threads * private, threads * private // 2)]
    if threads * private < shared // 2 < memory // 2:
        sizes.append((shared, shared // 2))
    return [*sizes, (memory, memory)]


def _cache_bytes(level):
    """Size of the cache of `level` as the first processor sees it, or None."""
    for index in Path("/sys/devices/system/cpu/cpu0/cache").glob("index*"):
        try:
            if int((index / "level").read_text()) == level:
                return int((index / "size").read_text().strip().removesuffix("K")) << 10
        except (OSError, ValueError):
            continue
    return None


def _peak(code, threads, seconds):
    """Floating-point operations per second of `threads` at the active level."""
    return _together(threads, lambda: isa.measure_peak(code, seconds))


def _copy(touched, threads, seconds):
    """Bytes read and written per second by `threads` that together touch `touched` bytes."""
    elements = touched // threads // 16

    def one():
        source, target = np.zeros(elements), np.zeros(elements)
        np.copyto(target, source)
        moved, start = 0, perf_counter()
        while True:
            np.copyto(target, source)
            moved += 2 * source.nbytes
            elapsed = perf_counter() - start
            if elapsed >= seconds:
                return moved / elapsed

    return _together(threads, one)


def _together(threads, measure):
    """The sum of what `measure` returns in that many threads at once."""
    ready = Barrier(threads)

    def one(_):
        ready.wait()
        return measure()

    with ThreadPoolExecutor(threads) as pool:
        return sum(pool.map(one, range(threads)))


def cache_path():
    """Where measurements are kept."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home, "fastconv", "ceiling.json")


def _key():
    levels = ",".join(isa.available())
    return f"{_SCHEMA}; {processor()}; {levels}; {_threads.available()} threads; {VERSION}"


def table_of(seconds=_SECONDS, refresh=False):
    """The measured table of this machine, from the cache where it has one.

    ``flops[level][threads][dtype]``, ``copy[threads]`` as (bytes, bytes per second), ``region[threads]``.
    """
    tables = _read()
    if refresh or not _complete(tables.get(_key())):
        tables[_key()] = _measure(seconds)
        _write(tables)
    return tables[_key()]


def _read():
    """All kept tables; none where the file is missing or not what `_write` left."""
    try:
        tables = json.loads(cache_path().read_text())
    except (OSError, ValueError):
        return {}
    return tables if isinstance(tables, dict) else {}


def _complete(table):
    """Whether `table` holds everything that `_measure` makes, as positive numbers."""
    try:
        rates = [rate for rows in table["copy"].values() for _, rate in rows]
        rates += [table["region"][str(count)] for count in _counts(_threads.available())]
        for level in isa.available():
            for count in _counts(_threads.available()):
                rates += [table["flops"][level][str(count)][dtype] for dtype in _DTYPES]
                rates.append(table["copy"][str(count)][-1][1])
        return all(rate > 0 for rate in rates)
    except (TypeError, KeyError, IndexError, ValueError, AttributeError):
        return False


def _write(tables):
    """Replace the file in one step; a cache that cannot be written is done without."""
    path = cache_path()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
        try:
            with os.fdopen(handle, "w") as file:
                json.dump(tables, file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except OSError:
            os.unlink(temporary)
    except OSError:
        return


def add_arguments(parser):
    """The options of the subcommand."""
    parser.add_argument(
        "--seconds", type=float, default=_SECONDS, help=f"time to measure for ({_SECONDS:g})"
    )
    parser.add_argument(
        "--refresh", action="store_true", help="measure again, even if the cache has it"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def run(arguments):
    """Print the ceilings of every level and number of threads."""
    table = table_of(arguments.seconds, arguments.refresh)
    if arguments.json:
        print(json.dumps({"machine": processor(), "version": VERSION, **table}, indent=1))
        return 0
    print(f"{processor()}\n")
    print(f"{'multiply-adds, GFLOP/s':<24}{'threads':>8}" + "".join(f"{d:>12}" for d in _DTYPES))
    for level, counts in table["flops"].items():
        for count, rates in counts.items():
            print(f"{level:<24}{count:>8}" + "".join(f"{rates[d] / 1e9:>12.1f}" for d in _DTYPES))
    print(f"\n{'copies, GB/s':<24}{'threads':>8}{'read+write':>12}")
    for count, rows in table["copy"].items():
        for limit, rate in rows:
            where = f"up to {limit >> 10} KiB" if limit != rows[-1][0] else "memory"
            print(f"{where:<24}{count:>8}{rate / 1e9:>12.1f}")
    print(f"\n{'parallel loop, us':<24}{'threads':>8}{'overhead':>12}")
    for count, seconds in table["region"].items():
        print(f"{'':<24}{count:>8}{seconds * 1e6:>12.2f}")
    print(f"\nkept in {cache_path()}")
    return 0
