"""The arguments of a convolution, checked against each other, and the Problem they pose."""

from typing import NamedTuple

import numpy as np

from ._core import dtypes, padding as padding_modes, sizes
from ._core.arguments import as_int, as_ints, one_of, split_input
from ._core.problem import LAYOUTS, Problem
from ._core.processor import memory
from .config import PRECISIONS, check_algorithm

ACTIVATIONS = (None, "relu")
PADDING_MODES = ("zeros", *padding_modes.MODES)


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


def parse_conv(
    op, ndim, input, weight, bias, stride, padding, dilation, groups, data_format, padding_mode,
    flip, activation, precision, algorithm, settings,
):  # fmt: skip
    """The ConvArguments of a convolution; ValueError or TypeError if any of them is wrong."""
    settings = check_options(op, data_format, activation, precision, algorithm, settings)
    one_of(op, "padding_mode", padding_mode, PADDING_MODES)
    if not isinstance(flip, (bool, np.bool_)):
        raise TypeError(f"{op}: flip must be True or False, got {flip!r}")
    row = check_dtypes(op, input, activation, weight=weight, bias=bias)

    last = data_format == "channels_last"
    batch, channels, spatial = split_input(op, ndim, input.shape, data_format)
    groups = as_int(op, "groups", groups)
    _check_weight(op, ndim, input, weight, bias, channels, groups)
    kernel = weight.shape[2:]
    stride = as_ints(op, "stride", stride, ndim, 1)
    dilation = as_ints(op, "dilation", dilation, ndim, 1)
    pads = sizes.resolve_padding(op, padding, spatial, kernel, stride, dilation)
    output = sizes.conv_output(op, spatial, kernel, stride, dilation, pads)
    # A kernel that fits once makes no step.
    stride = tuple(s if n > 1 else 1 for s, n in zip(stride, output))

    materialise = None
    if padding_mode != "zeros":
        axes = tuple(range(1, 1 + ndim) if last else range(2, 2 + ndim))
        materialise = (pads, axes, padding_mode)
        spatial = tuple(max(n + b + a, 0) for n, (b, a) in zip(spatial, pads))
        pads = ((0, 0),) * ndim

    problem = Problem(
        "conv", problem_dtype(row, input.dtype), data_format, batch, channels, len(weight), groups,
        spatial, kernel, stride, dilation, tuple(before for before, _ in pads),
        tuple(after for _, after in pads), output, bias=bias is not None,
        relu=activation == "relu", precision=tier(row, settings),
    )  # fmt: skip
    dtype = input.dtype.newbyteorder("=")
    sizes.check_total(op, "the result", problem.output_shape, dtype.itemsize)
    if materialise is not None:
        shape = problem.input_shape
        sizes.check_total(op, "the padded input", shape, dtype.itemsize, memory())
    return ConvArguments(
        op, problem, settings, dtype, row, input.ndim == ndim + 1,
        (Ellipsis, *(slice(None, None, -1),) * ndim) if flip else None, materialise,
    )  # fmt: skip


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


def _check_weight(op, ndim, input, weight, bias, channels, groups):
    if groups < 1:
        raise ValueError(f"{op}: groups must be at least 1, got {groups}")
    if weight.ndim != ndim + 2:
        raise ValueError(
            f"{op}: weight must have {ndim + 2} axes (out_channels, in_channels // groups, "
            f"*kernel); got shape {weight.shape}"
        )
    if 0 in weight.shape[2:]:
        raise ValueError(f"{op}: the kernel must not be empty, got weight of shape {weight.shape}")
    if channels % groups or len(weight) % groups:
        raise ValueError(
            f"{op}: groups = {groups} must divide both the input's {channels} channels and the "
            f"weight's {len(weight)} filters; input {input.shape}, weight {weight.shape}"
        )
    if weight.shape[1] * groups != channels:
        raise ValueError(
            f"{op}: weight {weight.shape} with groups = {groups} is for "
            f"{weight.shape[1] * groups} input channels, but input {input.shape} has {channels}"
        )
    if bias is not None and bias.shape != (len(weight),):
        raise ValueError(
            f"{op}: bias must have shape ({len(weight)},), one value per filter of weight "
            f"{weight.shape}; got {bias.shape}"
        )
