"""Checks of arguments that several families share, and what they leave of a convolution's."""

from typing import NamedTuple

import numpy as np

from .._algorithms import registry
from .._core import dtypes
from .._core.arguments import one_of
from .._core.problem import LAYOUTS, Problem
from .._core.settings import PRECISIONS

ACTIVATIONS = (None, "relu")
# Gradients, in the order of results; "weight_per_sample" takes the place of "weight".
NEEDS = ("input", "weight", "bias")
PER_SAMPLE = "weight_per_sample"
# Functions that take a dtype for their result.
_WITH_DTYPE = ("conv1d", "conv2d", "conv3d")


class ConvArguments(NamedTuple):
    """All that a call of a convolution, transposed or not, says without its data."""

    op: str  # the name of the function, for errors
    problem: Problem
    settings: object
    dtype: object  # of the result
    row: object  # its row in the table of dtypes
    unbatched: bool
    flip: tuple | None  # index that turns the kernel round


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
    also = ", or give the dtype of the result, dtype=" if op in _WITH_DTYPE else ""
    for name, array in others.items():
        if array is None or array.dtype == input.dtype:
            continue
        if not np.can_cast(array.dtype, input.dtype, "safe"):
            raise TypeError(
                f"{op}: {name} of dtype {array.dtype} does not cast safely to the input's "
                f"{input.dtype}; convert the input, e.g. input.astype(np.{array.dtype.name}){also}"
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


def check_needs(op, needs):
    """`needs` as a tuple of names of gradients."""
    known = (*NEEDS, PER_SAMPLE)
    if isinstance(needs, str):
        raise TypeError(f"{op}: needs must be a tuple of {known}, got the string {needs!r}")
    try:
        needs = tuple(needs)
    except TypeError:
        raise TypeError(f"{op}: needs must be a tuple of {known}, got {needs!r}") from None
    for name in needs:
        if not isinstance(name, str) or name not in known:
            raise ValueError(f"{op}: needs may name {', '.join(known)}; got {needs!r}")
    if "weight" in needs and PER_SAMPLE in needs:
        raise ValueError(f"{op}: needs names weight and {PER_SAMPLE}, which take the same place")
    return needs


def check_gradient(op, input, weight, grad_output, shape):
    """Errors unless `grad_output` is of the result's `shape`, and casts safely to the input's dtype."""
    if grad_output.dtype != input.dtype and not np.can_cast(grad_output.dtype, input.dtype, "safe"):
        raise TypeError(
            f"{op}: grad_output of dtype {grad_output.dtype} does not cast safely to the input's "
            f"{input.dtype}; convert one, e.g. grad_output.astype(np.{input.dtype.name})"
        )
    if grad_output.shape != shape:
        raise ValueError(
            f"{op}: grad_output must have the shape of the result, {shape}, for input "
            f"{input.shape} and weight {weight.shape}; got {grad_output.shape}"
        )


def check_activated(op, activation, output, shape, dtype):
    """Errors unless there is an `output` of `shape` exactly where an activation asks for it."""
    one_of(op, "activation", activation, ACTIVATIONS)
    if activation is None:
        if output is not None:
            raise ValueError(f"{op}: output is what an activation gave, and activation is None")
        return
    if dtype.kind == "c":
        raise TypeError(f"{op}: activation {activation!r} has no meaning for {dtype}")
    if output is None:
        raise ValueError(f"{op}: activation {activation!r} needs output, the result that it gave")
    if output.shape != shape:
        raise ValueError(f"{op}: output must be the result, of shape {shape}; got {output.shape}")
    if output.dtype.kind == "c":
        raise TypeError(f"{op}: output must be real, got dtype {output.dtype}")
