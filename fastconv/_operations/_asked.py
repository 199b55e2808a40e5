"""What the planner is asked for an operation: all that plans, explanations and tuning need of it."""

from typing import NamedTuple

from .._core.dtypes import TABLE
from .._core.problem import CONVOLUTIONS


class Asked(NamedTuple):
    """A problem that an operation has the planner solve."""

    problem: object  # of a dtype that is computed as it is
    settings: object
    executable: object = None  # what runs; None if the data decide
    packs: bool = False  # whether weights can be packed in advance
    note: str = ""  # how `problem` differs from the operation
    exchanged: bool = False  # whether filters and channels of the weight change places


def axes_of(name):
    """The number of spatial axes that the name of an operation tells."""
    return int(next(c for c in name if c.isdigit()))


def stands_in(array):
    """Whether `array` has a shape and a dtype, but no data of its own."""
    return bool(array.ndim and array.size and not any(array.strides))


def lowered(problem, dtype):
    """The native problem that computes one of another `dtype`, and a note how."""
    row = TABLE[dtype]
    native = problem._replace(dtype=row.carrier)
    if problem.kind not in CONVOLUTIONS:
        return native, f"{dtype} by way of {row.carrier}"
    if row.family == "half":
        return native, f"{dtype}, computed in {row.carrier} and rounded once"
    if row.family == "complex":
        wide = dict(in_channels=2 * problem.in_channels, out_channels=2 * problem.out_channels)
        return native._replace(**wide), f"{dtype} as pairs of real channels"
    native = native._replace(precision="exact")
    return native, f"{dtype} in {row.carrier}, if sums stay below 2**24: the data decide"
