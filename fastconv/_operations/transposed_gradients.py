"""Gradients of a transposed convolution to its input, its weight and its bias.

It is linear in both, and its adjoint is the convolution that it transposes: the gradient to the
input is that convolution of ``grad_output``, and the gradient to the weight that of the
convolution, with ``grad_output`` as its input and ``input`` as the gradient of its output.
"""


from .._core.arguments import as_array
from .._core.settings import current
from .._kernels.isa import active
from . import _calls
from ._arguments import check_activated, check_gradient, check_needs
from ._asked import axes_of
from .convolution import ConvCall
from .gradients import GradCall
from .transposed import parse_transpose

names = {f"grad.conv_transpose{ndim}d": ("input", "grad_output") for ndim in (1, 2, 3)}


def differentiate(
    op, ndim, input, weight, grad_output, stride, padding, output_padding, groups, dilation, needs,
    data_format, activation, output, precision, algorithm,
):  # fmt: skip
    """What the public functions do with their arguments; `op` is the name, for errors."""
    input, weight, grad_output = map(as_array, (input, weight, grad_output))
    output = None if output is None else as_array(output)
    settings = current()
    options = stride, padding, output_padding, groups, dilation
    try:
        key = (
            op, *((a.shape, a.dtype) for a in (input, weight, grad_output)),
            output is None or (output.shape, output.dtype),
            # Equal as keys are 1, 1.0 and True, but not equally valid as arguments.
            *(n if n.__class__ is int else repr(n) for n in options),
            needs if needs.__class__ is tuple else repr(needs),
            data_format, activation, precision, algorithm, settings, active(),
        )  # fmt: skip
        call = _calls.find(key)
    except TypeError:  # an option of no hash, which cannot be valid
        key = call = None
    if call is None:
        call = _parse(
            op, ndim, input, weight, grad_output, *options, needs, data_format, activation, output,
            precision, algorithm, settings,
        )  # fmt: skip
        _calls.keep(key, call)
    return call(input, weight, grad_output, output)


def parse(name, arguments, settings, prepacked=False):
    """The TransposeGradCall of a public function's `arguments`, by name; `prepacked`, for a plan."""
    a = arguments
    return _parse(
        name, axes_of(name), a["input"], a["weight"], a["grad_output"], a["stride"], a["padding"],
        a["output_padding"], a["groups"], a["dilation"], a["needs"], a["data_format"],
        a["activation"], a["output"], a["precision"], a["algorithm"], settings, prepacked,
    )  # fmt: skip


class TransposeGradCall(GradCall):
    """As a GradCall, of the transposed convolution that checked `arguments` describe."""

    @staticmethod
    def _call_for_input(arguments, prepacked):
        return ConvCall(arguments._replace(problem=arguments.problem._replace(kind="conv")), prepacked)

    @staticmethod
    def _ends(input, grad_output):
        return grad_output, input

    @property
    def _channels(self):
        return self._arguments.problem.in_channels


def _parse(
    op, ndim, input, weight, grad_output, stride, padding, output_padding, groups, dilation, needs,
    data_format, activation, output, precision, algorithm, settings, prepacked=False,
):  # fmt: skip
    """The TransposeGradCall; ValueError or TypeError if an argument is wrong."""
    needs = check_needs(op, needs)
    arguments = parse_transpose(
        op, ndim, input, weight, None, stride, padding, output_padding, groups, dilation,
        data_format, None, precision, algorithm, settings,
    )  # fmt: skip
    shape = arguments.problem.input_shape
    shape = shape[1:] if arguments.unbatched else shape
    check_gradient(op, input, weight, grad_output, shape)
    check_activated(op, activation, output, shape, input.dtype)
    return TransposeGradCall(arguments, needs, activation, input.shape, weight.shape, prepacked)
