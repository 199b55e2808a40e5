"""Checks of arguments that several families share, and what they leave of a convolution's."""

from typing import NamedTuple

import numpy as np

from .._algorithms import registry
from .._core import dtypes
from .._core.arguments import one_of
from .._core.problem import LAYOUTS, Problem
from .._core.settings import PRECISIONS

ACTIVATIONS = (None, "relu")


class ConvArguments(NamedTuple):
    """All that a call of a convolution, transposed or not, says without its data."""

    op: str  # the name of the function, for errors
    problem: Problem
    settings: object
    dtype: object  # of the result
    row: object  # its row in the table of dtypes
    unbatched: bool
    flip: tuple | None  # index that turns the kernel round
    materialise: tuple | None  # (pads, axes, mode) where padding is not by zeros


def check_options(op, data_format, activation, precision, algorithm, settings):
    """`settings` with what the call itself asks for."""
    one_of(op, "data_format", data_format, LAYOUTS)
    one_of(op, "activation", activation, ACTIVATIONS)
    if precision is not None:
        settings = settings._replace(precision=one_of(op, "precision", precision, PRECISIONS))
    if algorithm is not None:
        settings = settings._replace(algorithm=check_algorithm(algorithm, op))
    return settings


def check_dtypes(op, input, activation, **others):
    """The row of the input's dtype, to which those of the other arrays must cast safely."""
    row = dtypes.row_of(op, input.dtype)
    for name, array in others.items():
        if array is None or array.dtype == input.dtype:
            continue
        if not np.can_cast(array.dtype, input.dtype, "safe"):
            raise TypeError(
                f"{op}: {name} of dtype {array.dtype} does not cast safely to the input's "
                f"{input.dtype}; convert one, e.g. {name}.astype(np.{input.dtype.name})"
            )
    if row.family == "complex" and activation == "relu":
        raise TypeError(f"{op}: activation 'relu' has no meaning for {input.dtype}")
    return row


def problem_dtype(row, dtype):
    """The dtype of a problem: half precision and complex numbers ride on their carrier.

    Integers decide with the data.
    """
    return row.carrier if row.family != "integer" else dtype.name


def tier(row, settings):
    """The precision of a problem."""
    single = row.family == "native" and row.carrier == "float32"
    return settings.precision if single else "highest"


def check_algorithm(algorithm, op):
    """`algorithm` as given, if there is one of that name."""
    if algorithm is None:
        return None
    return one_of(op, "algorithm", algorithm, registry.algorithm_names())
