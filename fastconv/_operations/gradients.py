"""Gradients of a convolution to its input, its weight and its bias."""

from functools import partial
from math import prod

import numpy as np

from .._core import integers
from .._core.arguments import as_array, as_shape
from .._core.arrays import native
from .._core.dtypes import TABLE
from .._core.padding import MODES, fold, origin
from .._core.relu import through_relu
from .._core.settings import current
from .._kernels.isa import active
from .._planner import planner
from . import _calls, _lowering
from ._arguments import NEEDS, PER_SAMPLE, check_activated, check_gradient, check_needs
from ._asked import Asked, axes_of, lowered
from .convolution import grown, padded, parse_conv
from .transposed import TransposeCall

# One of `needs` alone has a function of its own, that is given a size instead of an array.
names = {
    **{f"grad.conv{ndim}d": ("input", "grad_output") for ndim in (1, 2, 3)},
    **{f"grad.conv{ndim}d_input": ("grad_output",) for ndim in (1, 2, 3)},
    **{f"grad.conv{ndim}d_weight": ("input", "grad_output") for ndim in (1, 2, 3)},
}

# Inputs of so many elements are padded strip by strip: copies of them would be large.
_LARGE = 1 << 16
# Rows added up in the dtype at hand, before their sums are in a wider one.
_ROWS = 256


def differentiate_input(
    ndim, input_size, weight, grad_output, stride, padding, dilation, groups, data_format
):
    """The gradient to the input alone, of which only the size is known."""
    op, grad_output = f"grad.conv{ndim}d_input", as_array(grad_output)
    input = _stand_in(op, "input_size", input_size, grad_output.dtype)
    return differentiate(
        op, ndim, input, weight, grad_output, stride, padding, dilation, groups, ("input",),
        data_format, "zeros", 0, False, None, None, None, None,
    )[0]  # fmt: skip


def differentiate_weight(
    ndim, input, weight_size, grad_output, stride, padding, dilation, groups, data_format
):
    """The gradient to the weight alone, of which only the size is known."""
    op, input = f"grad.conv{ndim}d_weight", as_array(input)
    weight = _stand_in(op, "weight_size", weight_size, input.dtype)
    return differentiate(
        op, ndim, input, weight, grad_output, stride, padding, dilation, groups, ("weight",),
        data_format, "zeros", 0, False, None, None, None, None,
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
    padding_mode, padding_value, flip, activation, output, precision, algorithm,
):  # fmt: skip
    """What the public functions do with their arguments; `op` is the name, for errors."""
    # The key, and what was found by it, are about arrays.
    input, weight, grad_output = map(as_array, (input, weight, grad_output))
    output = None if output is None else as_array(output)
    settings = current()
    try:
        key = (
            op, *_form(input), *_form(weight), *_form(grad_output), output is None or _form(output),
            # Equal as keys are 1, 1.0 and True, but not equally valid as arguments.
            *(n if n.__class__ is int else repr(n) for n in (stride, padding, dilation, groups)),
            needs if needs.__class__ is tuple else repr(needs),
            data_format, padding_mode,
            padding_value if padding_value.__class__ is int else repr(padding_value),
            flip, flip.__class__, activation, precision, algorithm, settings, active(),
        )  # fmt: skip
        call = _calls.find(key)
    except TypeError:  # an option of no hash, which cannot be valid
        key = call = None
    if call is None:
        call = parse_grad(
            op, ndim, input, weight, grad_output, stride, padding, dilation, groups,
            needs, data_format, padding_mode, padding_value, flip, activation, output, precision,
            algorithm, settings,
        )  # fmt: skip
        _calls.keep(key, call)
    return call(input, weight, grad_output, output)


def _form(array):
    return array.shape, array.dtype


def parse(name, arguments, settings, prepacked=False):
    """The GradCall of a public function's `arguments`, by name; `prepacked`, for a plan."""
    a = {
        "needs": NEEDS, "padding_mode": "zeros", "padding_value": 0, "flip": False,
        "activation": None, "output": None, "precision": None, "algorithm": None, **arguments,
    }  # fmt: skip
    if "input_size" in a:
        a["needs"] = ("input",)
        a["input"] = _stand_in(name, "input_size", a["input_size"], a["grad_output"].dtype)
    elif "weight_size" in a:
        a["needs"] = ("weight",)
        a["weight"] = _stand_in(name, "weight_size", a["weight_size"], a["input"].dtype)
    return parse_grad(
        name, axes_of(name), a["input"], a["weight"], a["grad_output"], a["stride"], a["padding"],
        a["dilation"], a["groups"], a["needs"], a["data_format"], a["padding_mode"],
        a["padding_value"], a["flip"], a["activation"], a["output"], a["precision"],
        a["algorithm"], settings, prepacked,
    )  # fmt: skip


def parse_grad(
    op, ndim, input, weight, grad_output, stride, padding, dilation, groups, needs, data_format,
    padding_mode, padding_value, flip, activation, output, precision, algorithm, settings,
    prepacked=False,
):  # fmt: skip
    """The GradCall of gradients; ValueError or TypeError if an argument is wrong."""
    needs = check_needs(op, needs)
    arguments = parse_conv(
        op, ndim, input, weight, None, stride, padding, dilation, groups, data_format,
        padding_mode, padding_value, flip, None, precision, algorithm, settings,
    )  # fmt: skip
    shape = arguments.problem.output_shape
    shape = shape[1:] if arguments.unbatched else shape
    check_gradient(op, input, weight, grad_output, shape)
    check_activated(op, activation, output, shape, input.dtype)
    return GradCall(arguments, needs, activation, input.shape, weight.shape, prepacked)


class GradCall:
    """Gradients of the convolution that checked `arguments` describe, as far as `needs` says.

    Calling it with arrays of the shapes and dtypes it was made for computes.
    """

    def __init__(self, arguments, needs, activation, input_shape, weight_shape, prepacked):
        self.op, self.settings, self.dtype = arguments.op, arguments.settings, arguments.dtype
        self.needs = needs
        self._half = None
        if arguments.row.family == "half":
            # Everything in the carrier, rounded once at the end.
            self._half, carrier = arguments.dtype, arguments.row.carrier
            arguments = arguments._replace(dtype=np.dtype(carrier), row=TABLE[carrier])
        self._arguments = arguments
        self._relu = activation == "relu"
        # What a plan is called with.
        self.data = ("grad_output",) if self.op.endswith("_input") else ("input", "grad_output")
        if self._relu:
            self.data += ("output",)
        problem, settings, family = arguments.problem, arguments.settings, arguments.row.family
        self._around = self._strips = None
        if family == "complex" and problem.padding_value:
            self._around, problem = problem, grown(problem)
        self._last = problem.layout == "channels_last"
        self._complex = family == "complex"
        self._name = self.dtype.name
        self._input_shape, self._weight_shape = input_shape, weight_shape
        self._per_sample = PER_SAMPLE in needs
        self._batch = problem.batch
        # Of a sum over all images, or of each.
        self.problem = problem._replace(
            kind="grad_weight", batch=min(problem.batch, 1) if self._per_sample else problem.batch
        )
        # The reference rooms take every dtype as it is.
        self._lowered = family != "native" and settings.algorithm != "reference"
        self._input = self._executable = None
        if "input" in needs:
            self._input = self._call_for_input(arguments, prepacked)
        if self._wants_weight and self.problem.macs and not self._lowered:
            self._executable = planner.choose(self.problem, settings)

    # What gradients of a transposed convolution do in another way.

    @staticmethod
    def _call_for_input(arguments, prepacked):
        """The call that gives the gradient to the input, of the weight and the gradient of the output."""
        p = arguments.problem
        if p.padding_mode in MODES and prod(p.input_shape) < _LARGE:
            p = grown(p)
        return _transposed(arguments, p, prepacked)

    @staticmethod
    def _ends(input, grad_output):
        """What is the input of the convolution, and the gradient of its output."""
        return input, grad_output

    @property
    def _seen(self):
        """Elements before and after the input, per axis, that windows see; negative ones it loses."""
        p = self._arguments.problem
        return [
            (before, (n - 1) * stride + extent - before - size)
            for before, n, stride, extent, size in zip(
                p.pad_begin, p.output, p.stride, p.extent, p.input
            )
        ]

    @property
    def _channels(self):
        """Of the output, which have a bias each."""
        return self._arguments.problem.out_channels

    @property
    def _wants_weight(self):
        return self._per_sample or "weight" in self.needs

    @property
    def scratch(self):
        """Bytes that a call takes beside the workspaces of rooms."""
        return 0 if self._input is None else self._input.scratch

    @property
    def output_shape(self):
        """The shapes of the gradients; None for those that are not needed."""
        weight = self._weight_shape
        if self._per_sample and not self._arguments.unbatched:
            weight = (self._batch, *weight)
        wanted = ("input" in self.needs, self._wants_weight, "bias" in self.needs)
        shapes = zip((self._input_shape, weight, (self._channels,)), wanted)
        return self._alone(tuple(shape if needed else None for shape, needed in shapes))

    def asked(self, arguments):
        """What the planner is asked: for the gradient to the weight, and those to the input."""
        asked, note = [], ""
        if not self._arguments.problem.macs:
            return asked
        if self._half is not None:
            note = f"{self._name}, computed in {self._arguments.dtype.name} and rounded once"
        elif self._per_sample:
            note = f"for each of {self._batch} samples"
        if self._executable is not None:
            asked.append(Asked(self.problem, self.settings, self._executable, note=note))
        elif self._wants_weight:
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
        given = dict(zip(self.data, data))
        return self._alone(self._gradients(
            given.get("input"), weight, given["grad_output"], given.get("output"), packed
        ))  # fmt: skip

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

    def __call__(self, input, weight, grad_output, output=None):
        if self._input is not None:
            weight = self._adjoint(weight)
        return self._gradients(input, weight, grad_output, output, None)

    def _gradients(self, input, weight, grad_output, output, packed):
        grad_output = native(grad_output).astype(self._arguments.dtype, copy=False)
        if self._relu:
            grad_output = through_relu(grad_output, native(output), self.settings.threads)
        results = (
            self._grad_input(weight, grad_output, packed) if "input" in self.needs else None,
            self._grad_weight(input, grad_output) if self._wants_weight else None,
            self._grad_bias(grad_output) if "bias" in self.needs else None,
        )
        if self._half is None:
            return results
        with np.errstate(over="ignore"):
            return tuple(None if a is None else a.astype(self._half) for a in results)

    def _grad_input(self, weight, grad_output, packed):
        shape = self._input_shape
        gradient = self._input.run(weight, None, packed, grad_output, None)
        mode = self._arguments.problem.padding_mode
        if mode not in MODES:
            return gradient
        strips, total = [], gradient
        large = prod(self._arguments.problem.input_shape) >= _LARGE
        if large:
            if self._strips is None:
                self._strips = list(self._strips_of(self._arguments.problem))
            strips = [call.run(weight, None, None, grad_output, None) for call, _, _ in self._strips]
        if gradient.dtype.kind in "iu":
            # A sum has at most as many terms as there are padded elements.
            terms = prod(grown(self._arguments.problem).input_shape)
            largest = max(integers.bound(part, np.ones((1, 1))) for part in (gradient, *strips))
            total = gradient.astype(integers.accumulator(largest * terms))
        if large:
            self._add_strips(total, strips, mode)
        else:
            total = fold(total, shape, self._seen, self._axes, mode)
        if total.dtype == gradient.dtype:
            return total
        result = np.empty(shape, gradient.dtype)
        integers.store(total, result)
        return result

    @property
    def _axes(self):
        """The spatial axes of the input as it is given."""
        first = (not self._arguments.unbatched) + (not self._last)
        return range(first, first + self.problem.ndim)

    def _add_strips(self, total, strips, mode):
        """Add the gradients of the padding, strip by strip, to those of what it was copied from."""
        axes = self._axes
        for strip, (_, i, sources) in zip(strips, self._strips):
            strip = fold(strip.astype(total.dtype), total.shape, self._seen[i + 1 :], axes[i + 1 :], mode)
            at = (slice(None),) * axes[i]
            for j, source in enumerate(sources):
                total[(*at, source)] += strip[(*at, j)]

    def _strips_of(self, p):
        """(call, axis, what its elements are copies of) for every strip of padding.

        Along the axes before that one it is as long as the input, along those behind it as the padded
        one, so that no element is in two.
        """
        seen = self._seen
        for i, (before, after) in enumerate(seen):
            sources = origin(p.input[i], before, after, p.padding_mode)
            for start, size, copies in (
                (-before, before, sources[:before]),
                (p.input[i], after, sources[len(sources) - after :]),
            ):
                if size <= 0:
                    continue
                behind = seen[i + 1 :]
                starts = (*(0,) * i, start, *(-b for b, _ in behind))
                sizes = (*p.input[:i], size, *(sum(n) for n in zip(p.input[i + 1 :], map(sum, behind))))
                strip = p._replace(
                    input=sizes, pad_begin=tuple(map(sum, zip(p.pad_begin, starts))),
                    pad_end=(0,) * p.ndim,
                )  # fmt: skip
                yield _transposed(self._arguments, strip, False), i, copies

    def _grad_weight(self, x, grad_output):
        a = self._arguments
        x = native(x)
        if self._half is not None:
            x = x.astype(a.dtype)
        if a.unbatched:
            x, grad_output = x[None], grad_output[None]
        if self._around is not None:
            x = padded(self._around, x)
        if not self._per_sample:
            result = np.empty(self._weight_shape, a.dtype)
            self._sum_weight(x, grad_output, result)
            return result
        result = np.empty((len(x), *self._weight_shape), a.dtype)
        for n in range(len(x)):
            self._sum_weight(x[n : n + 1], grad_output[n : n + 1], result[n])
        return result[0] if a.unbatched else result

    def _sum_weight(self, x, grad_output, result):
        """The gradient to the weight over all given images."""
        a = self._arguments
        if not self.problem.macs:
            result[...] = 0
            return
        target = result if a.flip is None else result[a.flip]
        if self._executable is not None:
            ends = self._ends(x.conj() if self._complex else x, grad_output)
            self._executable.run(None, None, ends, (target,))
            return
        ends, axis = self._ends(x, grad_output), x.ndim - 1 if self._last else 1
        if not self._complex:
            target[...] = _lowering.integer_weight(
                self._native, self._reference, self.problem.padding_value, *ends, axis
            )
            return
        # The first of both comes conjugated, but it is x that should.
        total = _lowering.complex_weight(self._native, *ends, self.problem.groups, axis)
        target[...] = total if ends[0] is x else total.conj()

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


def _transposed(arguments, problem, prepacked):
    """The call for the gradient to the input of a `problem`, as if there were zeros around it."""
    problem = problem._replace(kind="grad_input", padding_mode="zeros", padding_value=0.0)
    return TransposeCall(arguments._replace(problem=problem), prepacked)


def _channel_sums(planes, last):
    """Sums of (N, K, *spatial) over all but K, in double precision past the first few terms."""
    wide = np.result_type(planes.dtype, np.float64)
    batch, filters, *spatial = planes.shape
    if not last:
        # Sums along contiguous memory are pairwise.
        return planes.reshape(batch, filters, prod(spatial)).sum(axis=2).sum(axis=0, dtype=wide)
    rows = np.moveaxis(planes, 1, -1).reshape(batch * prod(spatial), filters)
    apart = len(rows) // _ROWS
    # Sums of rows so far apart that they are long vectors.
    sums = rows[: apart * _ROWS].reshape(_ROWS, apart * filters).sum(axis=0)
    total = sums.reshape(apart, filters).sum(axis=0, dtype=wide)
    return total + rows[apart * _ROWS :].sum(axis=0, dtype=wide)
