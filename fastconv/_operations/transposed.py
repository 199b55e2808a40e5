"""Transposed convolution: the gradient to the input of a convolution, with a bias."""

import numpy as np

from .._core import sizes
from .._core.arguments import as_array, as_int, as_ints, split_input
from .._core.problem import Problem
from .._core.settings import current
from .._kernels.isa import active
from . import _calls
from ._arguments import ConvArguments, check_dtypes, check_options, problem_dtype, tier
from ._asked import axes_of
from ._overlap_add import input_gradient
from ._stride_phases import exchanged
from .convolution import ConvCall

names = {f"conv_transpose{ndim}d": ("input",) for ndim in (1, 2, 3)}


def convolve_transposed(
    op, ndim, input, weight, bias, stride, padding, output_padding, groups, dilation, data_format,
    activation, precision, algorithm, out,
):  # fmt: skip
    """What the public functions do with their arguments; `op` is the name, for errors."""
    # The key, and what was found by it, are about arrays.
    if not input.__class__ is weight.__class__ is np.ndarray:
        input, weight = as_array(input), as_array(weight)
    if bias is not None:
        bias = as_array(bias)
    settings = current()
    try:
        key = (
            op, input.shape, input.dtype, weight.shape, weight.dtype,
            None if bias is None else (bias.shape, bias.dtype),
            # Equal as keys are 1, 1.0 and True, but not equally valid as arguments.
            *(n if n.__class__ is int else repr(n)
              for n in (stride, padding, output_padding, groups, dilation)),
            data_format, activation, precision, algorithm, settings, active(),
        )  # fmt: skip
        call = _calls.find(key)
    except TypeError:  # an option of no hash, which cannot be valid
        key = call = None
    if call is None:
        call = TransposeCall(parse_transpose(
            op, ndim, input, weight, bias, stride, padding, output_padding,
            groups, dilation, data_format, activation, precision, algorithm, settings,
        ))  # fmt: skip
        _calls.keep(key, call)
    return call.run(weight, bias, None, input, out)


def parse(name, arguments, settings, prepacked=False):
    """The TransposeCall of a public function's `arguments`, by name; `prepacked`, for a plan."""
    a = arguments
    return TransposeCall(parse_transpose(
        name, axes_of(name), a["input"], a["weight"], a["bias"], a["stride"], a["padding"],
        a["output_padding"], a["groups"], a["dilation"], a["data_format"], a["activation"],
        a["precision"], a["algorithm"], settings,
    ), prepacked)  # fmt: skip


class TransposeCall(ConvCall):
    """As a ConvCall, for a problem of kind "grad_input": from what would be its output.

    The weight is that of the convolution whose transpose it is.
    """

    __slots__ = ()

    _choose = staticmethod(input_gradient)

    @staticmethod
    def _offer(problem, settings):
        return None

    @staticmethod
    def _result_shape(problem):
        return problem.input_shape

    @staticmethod
    def _with_channels(problem, groups, weight):
        return problem._replace(
            in_channels=len(weight), out_channels=groups * weight.shape[1], groups=groups
        )

    def asked_of(self, input, weight, bias):
        if self._executable is not None:
            return self._executable.asked(self.settings, packs=True)
        problem, settings, note = self._otherwise(input, weight, bias)
        return input_gradient(problem, settings).asked(settings, note=note)

    def _rearranges(self):
        return True

    def _rearranged(self, weight):
        return exchanged(super()._rearranged(weight), self.problem.groups)


def parse_transpose(
    op, ndim, input, weight, bias, stride, padding, output_padding, groups, dilation, data_format,
    activation, precision, algorithm, settings,
):  # fmt: skip
    """The ConvArguments of a transposed convolution; ValueError or TypeError if any is wrong."""
    settings = check_options(op, data_format, activation, precision, algorithm, settings)
    row = check_dtypes(op, input, activation, weight=weight, bias=bias)
    batch, channels, spatial = split_input(op, ndim, input.shape, data_format)
    groups = as_int(op, "groups", groups)
    _check_weight(op, ndim, input, weight, bias, channels, groups)
    kernel = weight.shape[2:]
    stride = as_ints(op, "stride", stride, ndim, 1)
    dilation = as_ints(op, "dilation", dilation, ndim, 1)
    extra = as_ints(op, "output_padding", output_padding, ndim, 0)
    pads = sizes.sizeless_padding(op, padding, kernel, dilation)
    output = sizes.transposed_output(op, spatial, kernel, stride, dilation, pads, extra)
    problem = Problem(
        "grad_input", problem_dtype(row, input.dtype), data_format, batch,
        weight.shape[1] * groups, channels, groups, output, kernel, stride, dilation,
        tuple(before for before, _ in pads), tuple(after for _, after in pads), spatial,
        bias=bias is not None, relu=activation == "relu", precision=tier(row, settings),
    )  # fmt: skip
    dtype = input.dtype.newbyteorder("=")
    sizes.check_total(op, "the result", problem.input_shape, dtype.itemsize)
    unbatched = input.ndim == ndim + 1
    return ConvArguments(op, problem, settings, dtype, row, unbatched, None)


def _check_weight(op, ndim, input, weight, bias, channels, groups):
    if groups < 1:
        raise ValueError(f"{op}: groups must be at least 1, got {groups}")
    if weight.ndim != ndim + 2:
        raise ValueError(
            f"{op}: weight must have {ndim + 2} axes (in_channels, out_channels // groups, "
            f"*kernel); got shape {weight.shape}"
        )
    if 0 in weight.shape[2:]:
        raise ValueError(f"{op}: the kernel must not be empty, got weight of shape {weight.shape}")
    if channels != len(weight):
        raise ValueError(
            f"{op}: weight {weight.shape} is for {len(weight)} input channels, "
            f"but input {input.shape} has {channels}"
        )
    if channels % groups:
        raise ValueError(
            f"{op}: groups = {groups} must divide the {channels} channels of input {input.shape}"
        )
    if bias is not None and bias.shape != (weight.shape[1] * groups,):
        raise ValueError(
            f"{op}: bias must have shape ({weight.shape[1] * groups},), one value per output "
            f"channel of weight {weight.shape} with groups = {groups}; got {bias.shape}"
        )
