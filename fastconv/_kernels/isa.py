"""Instruction-set levels as Python sees them."""

from contextlib import contextmanager

from .table import (
    EMULATED,
    LEVELS,
    activate,
    active,
    available,
    has_tile_unit,
    lanes,
    measure_peak,
    passes_twice,
    tile_rows,
)

__all__ = [
    "EMULATED",
    "LEVELS",
    "active",
    "available",
    "flops_per_cycle",
    "has_tile_unit",
    "lanes",
    "measure_peak",
    "passes_twice",
    "tile_rows",
    "use",
]
# Float32 numbers in a vector; 16 where there are longer ones.
_LANES = {"baseline": 4, "neon": 4, "avx2": 8}


def flops_per_cycle(level, twice):
    """Float32 operations per cycle that one thread may hope for; `twice` if long vectors pass in halves."""
    halved = level == "baseline" or (level != "avx2" and twice)
    return _LANES.get(level, 16) * (2 if halved else 4)


@contextmanager
def use(name):
    """Use level `name` within a block, in all threads of the process (for tests and benchmarks)."""
    before = active()
    activate(name)
    try:
        yield
    finally:
        activate(before)
