"""Gradients of a convolution to its input, its weight and its bias."""

from functools import partial
from math import prod

import numpy as np

from .._core import integers, padding as padding_modes
from .._core.arguments import as_shape
from .._core.arrays import native
from .._core.dtypes import TABLE
from .._core.settings import current
from .._kernels.isa import active
from .._planner import planner
from . import _calls, _lowering
from ._asked import Asked, axes_of, lowered
from .convolution import parse_conv
from .transposed import TransposeCall

# One of `needs` alone has a function of its own, that is given a size instead of an array.
names = {
    **{f"grad.conv{ndim}d": ("input", "grad_output") for ndim in (1, 2, 3)},
    **{f"grad.conv{ndim}d_input": ("grad_output",) for ndim in (1, 2, 3)},
    **{f"grad.conv{ndim}d_weight": ("input", "grad_output") for ndim in (1, 2, 3)},
}

NEEDS = ("input", "weight", "bias")
# Rows added up in the dtype at hand, before their sums are in a wider one.
_ROWS = 256


def differentiate_input(
    ndim, input_size, weight, grad_output, stride, padding, dilation, groups, data_format
):
    """The gradient to the input alone, of which only the size is known."""
    op, grad_output = f"grad.conv{ndim}d_input", np.asarray(grad_output)
    input = _stand_in(op, "input_size", input_size, grad_output.dtype)
    return differentiate(
        op, ndim, input, weight, grad_output, stride, padding, dilation, groups, ("input",),
        data_format, "zeros", False, None, None,
    )[0]  # fmt: skip


def differentiate_weight(
    ndim, input, weight_size, grad_output, stride, padding, dilation, groups, data_format
):
    """The gradient to the weight alone, of which only the size is known."""
    op, input = f"grad.conv{ndim}d_weight", np.asarray(input)
    weight = _stand_in(op, "weight_size", weight_size, input.dtype)
    return differentiate(
        op, ndim, input, weight, grad_output, stride, padding, dilation, groups, ("weight",),
        data_format, "zeros", False, None, None,
    )[1]  # fmt: skip


def _stand_in(op, what, shape, dtype):
    """An array of `shape` that takes no memory."""
    shape = as_shape(op, what, shape)
    try:
        return np.broadcast_to(np.zeros((), dtype), shape)
    except ValueError as error:
        raise ValueError(f"{op}: no array of {what} {shape}: {error}") from None


def differentiate(
    op, ndim, input, weight, grad_output, stride, padding, dilation, groups, needs, data_format,
    padding_mode, flip, precision, algorithm,
):  # fmt: skip
    """What the public functions do with their arguments; `op` is the name, for errors."""
    # The key, and what was found by it, are about arrays.
    input, weight, grad_output = map(np.asarray, (input, weight, grad_output))
    settings = current()
    try:
        key = (
            op, input.shape, input.dtype, weight.shape, weight.dtype, grad_output.shape,
            grad_output.dtype,
            # Equal as keys are 1, 1.0 and True, but not equally valid as arguments.
            *(n if n.__class__ is int else repr(n) for n in (stride, padding, dilation, groups)),
            needs if needs.__class__ is tuple else repr(needs),
            data_format, padding_mode, flip, flip.__class__, precision, algorithm, settings,
            active(),
        )  # fmt: skip
        call = _calls.find(key)
    except TypeError:  # an option of no hash, which cannot be valid
        key = call = None
    if call is None:
        call = parse_grad(
            op, ndim, input, weight, grad_output, stride, padding, dilation, groups,
            needs, data_format, padding_mode, flip, precision, algorithm, settings,
        )  # fmt: skip
        _calls.keep(key, call)
    return call(input, weight, grad_output)


def parse(name, arguments, settings, prepacked=False):
    """The GradCall of a public function's `arguments`, by name; `prepacked`, for a plan."""
    a = {
        "needs": NEEDS, "padding_mode": "zeros", "flip": False, "precision": None,
        "algorithm": None, **arguments,
    }  # fmt: skip
    if "input_size" in a:
        a["needs"] = ("input",)
        a["input"] = _stand_in(name, "input_size", a["input_size"], a["grad_output"].dtype)
    elif "weight_size" in a:
        a["needs"] = ("weight",)
        a["weight"] = _stand_in(name, "weight_size", a["weight_size"], a["input"].dtype)
    return parse_grad(
        name, axes_of(name), a["input"], a["weight"], a["grad_output"], a["stride"], a["padding"],
        a["dilation"], a["groups"], a["needs"], a["data_format"], a["padding_mode"], a["flip"],
        a["precision"], a["algorithm"], settings, prepacked,
    )  # fmt: skip


class GradCall:
    """Gradients of the convolution that checked `arguments` describe, as far as `needs` says.

    Calling it with arrays of the shapes and dtypes it was made for computes.
    """

    def __init__(self, arguments, needs, input_shape, weight_shape, prepacked):
        self.op, self.settings, self.dtype = arguments.op, arguments.settings, arguments.dtype
        self.needs = needs
        self._half = None
        if arguments.row.family == "half":
            # Everything in the carrier, rounded once at the end.
            self._half, carrier = arguments.dtype, arguments.row.carrier
            arguments = arguments._replace(dtype=np.dtype(carrier), row=TABLE[carrier])
        self._arguments = arguments
        problem, settings, family = arguments.problem, arguments.settings, arguments.row.family
        self._last = problem.layout == "channels_last"
        self._complex = family == "complex"
        self._name = self.dtype.name
        self._input_shape, self._weight_shape = input_shape, weight_shape
        self.problem = problem._replace(kind="grad_weight")
        # The reference rooms take every dtype as it is.
        self._lowered = family != "native" and settings.algorithm != "reference"
        self._input = self._executable = None
        if "input" in needs:
            adjoint = problem._replace(kind="grad_input")
            adjoint = arguments._replace(problem=adjoint, materialise=None)
            self._input = TransposeCall(adjoint, prepacked)
        if "weight" in needs and problem.macs and not self._lowered:
            self._executable = planner.choose(self.problem, settings)

    @property
    def output_shape(self):
        """The shapes of the gradients; None for those that are not needed."""
        a = self._arguments
        shapes = (self._input_shape, self._weight_shape, (a.problem.out_channels,))
        shapes = tuple(s if name in self.needs else None for s, name in zip(shapes, NEEDS))
        return self._alone(shapes)

    def asked(self, arguments):
        """What the planner is asked: for the gradient to the weight, and those to the input."""
        asked, note = [], ""
        if not self.problem.macs:
            return asked
        if self._half is not None:
            note = f"{self._name}, computed in {self._arguments.dtype.name} and rounded once"
        elif self._arguments.materialise is not None:
            note = f"after padding in mode {self._arguments.materialise[2]!r}"
        if self._executable is not None:
            asked.append(Asked(self.problem, self.settings, self._executable, note=note))
        elif "weight" in self.needs:
            problem, note = lowered(self.problem, self._name)
            chosen = planner.choose(problem, self.settings)
            asked.append(Asked(problem, self.settings, chosen, note=note))
        if self._input is not None:
            asked += self._input.asked_of(arguments["grad_output"], arguments["weight"], None)
        return asked

    def prepare(self, arguments):
        """The weight, of the plan's own, as the gradient to the input takes it, and packed."""
        if self._input is None:
            return None, None
        weight = self._adjoint(np.array(arguments["weight"]))
        return weight, self._input.pack(weight)

    def bind(self, prepared):
        """What a plan calls, with what was prepared."""
        return partial(self._planned, *prepared)

    def _planned(self, weight, packed, *inputs):
        *data, out = inputs
        if out is not None:
            raise TypeError(f"{self.op}: gradients take no out")
        input = data[0] if len(data) > 1 else None
        return self._alone(self._gradients(input, weight, data[-1], packed))

    def _alone(self, gradients):
        """What the public function returns of all three."""
        if self.op.endswith("_input"):
            return gradients[0]
        return gradients[1] if self.op.endswith("_weight") else gradients

    def _adjoint(self, weight):
        """The weight as the gradient to the input takes it."""
        if self._half is not None or self._complex:
            weight = weight.astype(self._arguments.dtype)
        return weight.conj() if self._complex else weight

    def __call__(self, input, weight, grad_output):
        if self._input is not None:
            weight = self._adjoint(weight)
        return self._gradients(input, weight, grad_output, None)

    def _gradients(self, input, weight, grad_output, packed):
        grad_output = native(grad_output)
        if self._half is not None:
            grad_output = grad_output.astype(self._arguments.dtype)
            if "weight" in self.needs:
                input = input.astype(self._arguments.dtype)
        results = (
            self._grad_input(weight, grad_output, packed) if "input" in self.needs else None,
            self._grad_weight(native(input), grad_output) if "weight" in self.needs else None,
            self._grad_bias(grad_output) if "bias" in self.needs else None,
        )
        if self._half is None:
            return results
        with np.errstate(over="ignore"):
            return tuple(None if a is None else a.astype(self._half) for a in results)

    def _grad_input(self, weight, grad_output, packed):
        shape = self._input_shape
        gradient = self._input.run(weight, None, packed, grad_output, None)
        if self._arguments.materialise is None:
            return gradient
        pads, axes, mode = self._arguments.materialise
        if self._arguments.unbatched:
            axes = tuple(axis - 1 for axis in axes)
        if gradient.dtype.kind not in "iu":
            return padding_modes.fold(self._arguments.op, gradient, shape, pads, axes, mode)
        # A sum has at most as many terms as there are padded elements.
        limit = integers.bound(gradient, np.ones((1, 1))) * gradient.size
        wide = gradient.astype(integers.accumulator(limit))
        total = padding_modes.fold(self._arguments.op, wide, shape, pads, axes, mode)
        result = np.empty(shape, gradient.dtype)
        integers.store(total, result)
        return result

    def _grad_weight(self, x, grad_output):
        a = self._arguments
        result = np.empty(self._weight_shape, a.dtype)
        if not self.problem.macs:
            result[...] = 0
            return result
        if a.unbatched:
            x, grad_output = x[None], grad_output[None]
        if a.materialise is not None:
            x = padding_modes.materialise(a.op, x, *a.materialise)
        target = result if a.flip is None else result[a.flip]
        if self._executable is not None:
            x = x.conj() if self._complex else x
            grad_output = grad_output.astype(a.dtype, copy=False)
            self._executable.run(None, None, (x, grad_output), (target,))
        else:
            axis = x.ndim - 1 if self._last else 1
            if self._complex:
                target[...] = _lowering.complex_weight(
                    self._native, x, grad_output.astype(a.dtype), self.problem.groups, axis
                )
            else:
                target[...] = _lowering.integer_weight(
                    self._native, self._reference, x, grad_output, axis
                )
        return result

    def _native(self, x, grad_output):
        """The same gradient of other arrays, of a native dtype and maybe other channel counts."""
        axis = -1 if self._last else 1
        channels, filters = x.shape[axis], grad_output.shape[axis]
        problem = self.problem._replace(
            dtype=x.dtype.name, in_channels=channels, out_channels=filters,
            precision="highest" if self._complex else "exact",
        )  # fmt: skip
        result = np.empty(problem.weight_shape, x.dtype)
        executable = planner.choose(problem, self._arguments.settings)
        executable.run(None, None, (x, grad_output), (result,))
        return result

    def _reference(self, x, grad_output):
        result = np.empty(self._weight_shape, x.dtype)
        settings = self._arguments.settings._replace(algorithm="reference")
        planner.choose(self.problem, settings).run(None, None, (x, grad_output), (result,))
        return result

    def _grad_bias(self, grad_output):
        dtype = self._arguments.dtype
        if self._arguments.unbatched:
            grad_output = grad_output[None]
        planes = np.moveaxis(grad_output, -1, 1) if self._last else grad_output
        if dtype.kind in "iu":
            filters = planes.shape[1]
            limit = integers.bound(planes, np.ones((1, 1))) * planes.size
            wide = planes.astype(integers.accumulator(limit))
            result = np.empty(filters, dtype)
            axes = (0, *range(2, planes.ndim))
            integers.store(wide.sum(axis=axes), result)
            return result
        return _channel_sums(planes.astype(dtype, copy=False), self._last).astype(dtype)


def _channel_sums(planes, last):
    """Sums of (N, K, *spatial) over all but K, in double precision past the first few terms."""
    wide = np.result_type(planes.dtype, np.float64)
    batch, filters, *spatial = planes.shape
    if not last or filters < 16:
        # Sums along contiguous memory are pairwise.
        return planes.reshape(batch, filters, prod(spatial)).sum(axis=2).sum(axis=0, dtype=wide)
    rows = np.moveaxis(planes, 1, -1).reshape(batch * prod(spatial), filters)
    apart = len(rows) // _ROWS
    # Sums of rows so far apart that they are long vectors.
    sums = rows[: apart * _ROWS].reshape(_ROWS, apart * filters).sum(axis=0)
    total = sums.reshape(apart, filters).sum(axis=0, dtype=wide)
    return total + rows[apart * _ROWS :].sum(axis=0, dtype=wide)


def parse_grad(
    op, ndim, input, weight, grad_output, stride, padding, dilation, groups, needs, data_format,
    padding_mode, flip, precision, algorithm, settings, prepacked=False,
):  # fmt: skip
    """The GradCall of gradients; ValueError or TypeError if an argument is wrong."""
    needs = _needs(op, needs)
    arguments = parse_conv(
        op, ndim, input, weight, None, stride, padding, dilation, groups, data_format,
        padding_mode, flip, None, precision, algorithm, settings,
    )  # fmt: skip
    if grad_output.dtype != input.dtype and not np.can_cast(grad_output.dtype, input.dtype, "safe"):
        raise TypeError(
            f"{op}: grad_output of dtype {grad_output.dtype} does not cast safely to the input's "
            f"{input.dtype}; convert one, e.g. grad_output.astype(np.{input.dtype.name})"
        )
    shape = arguments.problem.output_shape
    shape = shape[1:] if arguments.unbatched else shape
    if grad_output.shape != shape:
        raise ValueError(
            f"{op}: grad_output must have the shape of the convolution's result, {shape}, for "
            f"input {input.shape} and weight {weight.shape}; got {grad_output.shape}"
        )
    return GradCall(arguments, needs, input.shape, weight.shape, prepacked)


def _needs(op, needs):
    if isinstance(needs, str):
        raise TypeError(f"{op}: needs must be a tuple of {NEEDS}, got the string {needs!r}")
    try:
        needs = tuple(needs)
    except TypeError:
        raise TypeError(f"{op}: needs must be a tuple of {NEEDS}, got {needs!r}") from None
    for name in needs:
        if not isinstance(name, str) or name not in NEEDS:
            raise ValueError(f"{op}: needs may name {', '.join(NEEDS)}; got {needs!r}")
    return needs
