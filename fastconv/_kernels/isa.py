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
    "tile_rows",
    "use",
]

# A common clock; estimates need ratios between rooms, not the truth about one machine.
_NOMINAL_HERTZ = 3e9
_FLOPS_PER_LANE = {"baseline": 2, "avx2": 4, "avx512": 4, "amx": 4, "amx-emulated": 4}


def nominal_flops():
    """Float32 operations per second that one thread of the active level may hope for."""
    return _NOMINAL_HERTZ * lanes(0) * _FLOPS_PER_LANE[active()]


@contextmanager
def use(name):
    """Use level `name` within a block, in all threads of the process (for tests and benchmarks)."""
    before = active()
    activate(name)
    try:
        yield
    finally:
        activate(before)
