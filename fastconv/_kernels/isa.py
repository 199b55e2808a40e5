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
    "has_tile_unit",
    "lanes",
    "measure_peak",
    "nominal_flops",
    "passes_twice",
    "tile_rows",
    "use",
    "variant",
]

# A common clock; estimates need ratios between rooms, not the truth about one machine.
_NOMINAL_HERTZ = 3e9


def nominal_flops():
    """Float32 operations per second that one thread of the active level may hope for."""
    level = active()
    halved = level == "baseline" or (level != "avx2" and passes_twice())
    return _NOMINAL_HERTZ * lanes(0) * (2 if halved else 4)


def variant(level):
    """The level's name, with a suffix on processors that need prices of their own for it."""
    return f"{level}-twice" if level == "avx512" and passes_twice() else level


@contextmanager
def use(name):
    """Use level `name` within a block, in all threads of the process (for tests and benchmarks)."""
    before = active()
    activate(name)
    try:
        yield
    finally:
        activate(before)
