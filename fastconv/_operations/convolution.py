"""Convolution, in 1-D, 2-D and 3-D."""

from functools import partial
from math import prod
from numbers import Complex, Number, Real

import numpy as np

from .._core import integers, sizes
from .._core.arguments import as_array, as_int, as_ints, one_of, split_input
from .._core.arrays import Form, native
from .._core.outputs import stand_in
from .._core.padding import MODES, pad
from .._core.problem import PADDING_MODES, Problem
from .._core.processor import memory
from .._core.settings import current
from .._kernels.isa import active
from .._planner import planner
from . import _calls, _lowering, _passes
from ._arguments import ConvArguments, check_dtypes, check_options, problem_dtype, tier
from ._asked import Asked, axes_of, lowered, stands_in
from ._stride_phases import fill

names = {f"conv{ndim}d": ("input",) for ndim in (1, 2, 3)}
# A kernel whose outer product has so many times the taps of its factors is not multiplied out.
_AT_ONCE = 3


def convolve(
    op, ndim, input, weight, bias, stride, padding, dilation, groups, data_format, padding_mode,
    padding_value, flip, activation, precision, algorithm, dtype, overflow, out,
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
            # 1 == 1.0 == True: as keys these are equal, as arguments not equally valid.
            stride if stride.__class__ is int else repr(stride),
            padding if padding.__class__ is int else repr(padding),
            dilation if dilation.__class__ is int else repr(dilation),
            groups if groups.__class__ is int else repr(groups),
            data_format, padding_mode,
            padding_value if padding_value.__class__ is int else repr(padding_value),
            flip, flip.__class__, activation, precision, algorithm,
            dtype if dtype is None else str(dtype), overflow, settings, active(),
        )  # fmt: skip
        call = _calls.find(key)
    except TypeError:  # an option of no hash, which cannot be valid
        key = call = None
    if call is None:
        options = (
            stride, padding, dilation, groups, data_format, padding_mode, padding_value, flip,
            activation, precision, algorithm,
        )  # fmt: skip
        call = _parse(op, ndim, input, weight, bias, options, dtype, overflow, settings, False)
        _calls.keep(key, call)
    return call.run(weight, bias, None, input, out)


def convolve_factors(ndim, input, factors, padding, padding_mode, data_format, out):
    """Convolution of every channel with the outer product of its `factors`; None if passes, each by itself,
    are the better way.

    `factors` are arrays (channels, taps), one per axis.
    """
    op = f"conv{ndim}d"
    settings = current()
    taps = tuple(factor.shape[1] for factor in factors)
    key = (
        op, "factors", input.shape, input.dtype, taps, padding, padding_mode, data_format, settings,
        active(),
    )  # fmt: skip
    call = _calls.find(key)
    if call is None:
        channels = len(factors[0])
        weight = np.broadcast_to(np.zeros((), input.dtype), (channels, 1, *taps))
        options = (
            1, padding, 1, channels, data_format, padding_mode, 0, False, None, None, None
        )
        call = ConvCall(parse_conv(op, ndim, input, weight, None, *options, settings))
        _calls.keep(key, call)
    if call.takes_factors:
        return call.run(None, None, _passes.Packed((factors, None)), input, out)
    if prod(taps) > _AT_ONCE * sum(n for n in taps if n > 1):
        return None
    weight = factors[0]
    for factor in factors[1:]:
        weight = weight[..., None] * factor.reshape(len(factor), *(1,) * (weight.ndim - 1), -1)
    return call.run(weight[:, None], None, None, input, out)


def parse(name, arguments, settings, prepacked=False):
    """The ConvCall of a public function's `arguments`, by name; `prepacked`, for a plan."""
    a = arguments
    options = (a[key] for key in (
        "stride", "padding", "dilation", "groups", "data_format", "padding_mode", "padding_value",
        "flip", "activation", "precision", "algorithm",
    ))  # fmt: skip
    arrays = a["input"], a["weight"], a["bias"]
    return _parse(
        name, axes_of(name), *arrays, options, a["dtype"], a["overflow"], settings, prepacked
    )


def _parse(op, ndim, input, weight, bias, options, dtype, overflow, settings, prepacked):
    from . import _mixed  # which is made of what is here

    if _mixed.is_mixed(input, weight, bias, dtype, overflow):
        return _mixed.parse(op, ndim, input, weight, bias, options, dtype, overflow, settings)
    return ConvCall(parse_conv(op, ndim, input, weight, bias, *options, settings), prepacked)


class ConvCall:
    """The `problem` that checked arguments pose, and the way it is computed.

    `run` takes arrays of the shapes and dtypes it was made for; no further check is needed but that
    of `out`.
    """

    __slots__ = (
        "op", "problem", "settings", "dtype", "output_shape", "_executable", "_unbatched",
        "_flip", "_lower", "_plain", "_form", "_around", "_passes",
    )  # fmt: skip

    def __init__(self, arguments, prepacked=False):
        (
            self.op, self.problem, self.settings, self.dtype, row, self._unbatched, self._flip,
        ) = arguments  # fmt: skip
        self._around = None
        if row.family == "complex" and self.problem.padding_value and self._parts_differ:
            # Real and imaginary parts become channels, which have one value around them.
            self._around, self.problem = self.problem, grown(self.problem)
        shape = self._result_shape(self.problem)
        self.output_shape = shape[1:] if self._unbatched else shape
        self._form = Form(self.output_shape, self.dtype)
        # The reference room takes every dtype as it is.
        self._lower = None
        if row.family != "native" and (
            self.settings.algorithm != "reference" or not self._parts_differ
        ):
            self._lower = self._lowering(row)
        self._executable = self._passes = None
        if self._lower is None and self.problem.macs:
            settings = self.settings
            self._passes = self._offer(self.problem, settings)
            if self._passes is not None:
                settings = self._unforced
            self._executable = self._choose(self.problem, settings, prepacked=prepacked)
        self._plain = (
            self._executable is not None and not self._unbatched and not self._rearranges()
            and self._passes is None and self._around is None
        )  # fmt: skip

    @property
    def takes_factors(self):
        """Whether a kernel that is an outer product runs as passes."""
        return self._passes is not None

    # What a transposed convolution does in another way.

    # Whether real and imaginary parts of the input become channels.
    _parts_differ = True

    @staticmethod
    def _lowering(row):
        return {
            "half": _lowering.half,
            "integer": _lowering.integer,
            "complex": _lowering.complex_,
        }[row.family]

    _choose = staticmethod(planner.choose)
    _offer = staticmethod(_passes.offer)

    @staticmethod
    def _result_shape(problem):
        return problem.output_shape

    @staticmethod
    def _with_channels(problem, groups, weight):
        """`problem` for other numbers of channels."""
        return problem._replace(
            in_channels=groups * weight.shape[1], out_channels=len(weight), groups=groups
        )

    def _rearranges(self):
        """Whether rooms see another weight than the caller's."""
        return self._flip is not None

    def _rearranged(self, weight):
        """The weight as rooms see it: (channels of the result, others per group, *kernel)."""
        return weight if self._flip is None else weight[self._flip]

    def asked(self, arguments):
        """What the planner is asked, as a list of Asked, the most work first."""
        if not self.problem.macs:
            return []
        return self.asked_of(*(arguments[key] for key in ("input", "weight", "bias")))

    def asked_of(self, input, weight, bias):
        """The same for arrays, of which only integers have their values looked at."""
        if self._executable is None:
            problem, settings, note = self._otherwise(input, weight, bias)
            passes = self._offer(problem, settings)
            if passes is not None and self._apart(weight, problem.precision == "exact"):
                return passes.asked(False, note)
            settings = settings if passes is None else self._unforced
            return [Asked(problem, settings, planner.choose(problem, settings), note=note)]
        if self._passes is not None and self._apart(weight):
            return self._passes.asked(True)
        return [Asked(self.problem, self._unforced, self._executable, True)]

    def _apart(self, weight, exact=False):
        """Whether the values of a weight, if there are any, are those of outer products."""
        return not stands_in(weight) and self._factors(self._rearranged(weight), exact) is not None

    @property
    def _unforced(self):
        """The settings for kernels that are no outer products."""
        if self.settings.algorithm != _passes.NAME:
            return self.settings
        return self.settings._replace(algorithm=None)

    def _factors(self, weight, exact=False):
        """The factors of a weight as rooms see it; None if it has none, ValueError if it must."""
        factors = _passes.factors(weight, exact)
        if factors is None and self.settings.algorithm == _passes.NAME:
            raise ValueError(
                f"{self.op}: algorithm {_passes.NAME!r} is for kernels that are outer products, and "
                f"this weight of shape {weight.shape} holds others"
            )
        return factors

    def _otherwise(self, input, weight, bias):
        """(problem, settings, note) where a dtype is computed in another."""
        name = self.dtype.name
        problem, note = lowered(self.problem, name)
        if self.dtype.kind == "c" and weight.dtype.kind != "c":
            note = f"{name} with a real kernel: real and imaginary parts as images of their own"
            problem = self.problem._replace(batch=2 * self.problem.batch)
        if self.dtype.kind not in "iu" or stands_in(input):
            return problem, self.settings, note
        # The integers at hand decide.
        around = self.problem.padding_value
        limit = integers.bound(input, self._rearranged(weight), bias, around)
        carrier = integers.carrier(limit)
        if carrier is None:
            note = f"{name} in wide integers: no float holds these sums exactly"
            return self.problem, self.settings._replace(algorithm="reference"), note
        note = f"{name} in {carrier}, which holds these sums exactly"
        return problem._replace(dtype=carrier), self.settings, note

    @property
    def scratch(self):
        """Bytes that a call takes beside the workspaces of rooms."""
        between = 0 if self._passes is None else self._passes.scratch
        return max(getattr(self._executable, "scratch", 0), between)

    def prepare(self, arguments):
        """The weight and the bias, of the plan's own, and packed weights if they can be packed."""
        weight, bias = np.array(arguments["weight"]), arguments["bias"]
        return weight, None if bias is None else np.array(bias), self.pack(weight)

    def bind(self, prepared):
        """`run` with what was prepared."""
        return partial(self.run, *prepared)

    def pack(self, weight):
        """Packed weights for `run`; None where the way through other dtypes packs its own."""
        if self._executable is None:
            return None
        weight = self._rearranged(weight)
        if self._passes is not None:
            factors = self._factors(weight)
            if factors is not None:
                return _passes.Packed((factors, self._passes.prepare(factors)))
        return self._executable.prepare(weight)

    def run(self, weight, bias, packed, input, out):
        """The result: `out` if given, or a new array; without packed weights they are packed now."""
        input = native(input)
        if out is None:
            out = target = self._form.empty(input)
        elif self._form.takes_result(out, input, weight, bias):
            target = out
        else:
            target = stand_in(self.op, out, self.output_shape, self.dtype)
        if self._plain:
            self._executable.run(weight, packed, (input, bias), (target,))
        else:
            self._general(input, weight, bias, target, packed)
        if target is not out:
            out[...] = target
        return out

    def _operands(self, input, weight, target):
        """What the room sees: batched, the kernel the right way round."""
        if self._unbatched:
            input, target = input[None], target[None]
        if self._around is not None:
            input = padded(self._around, input)
        return input, self._rearranged(weight), target

    def _general(self, input, weight, bias, target, packed):
        input, weight, target = self._operands(input, weight, target)
        if not self.problem.macs:
            fill(self.problem, bias, target)
        elif self._executable is not None:
            self._native_run(weight, packed, (input, bias), (target,))
        else:
            axis = input.ndim - 1 if self.problem.layout == "channels_last" else 1
            lowered = [self._native]
            if self._lower is _lowering.integer:
                lowered += self._reference, self.problem.padding_value
            target[...] = self._lower(*lowered, input, weight, bias, self.problem.groups, axis)

    def _native_run(self, weight, packed, inputs, outputs):
        """By passes if the kernel is an outer product, or else by the room that was chosen."""
        if self._passes is not None:
            if packed is None:
                packed = _passes.Packed((self._factors(weight), None))
            if isinstance(packed, _passes.Packed):
                if packed[0] is not None:
                    self._passes.run(*packed, inputs, outputs)
                    return
                packed = None
        self._executable.run(weight, packed, inputs, outputs)

    def _native(self, x, weight, bias, groups):
        """The same convolution of other arrays, of a native dtype and maybe other channel counts."""
        problem = self._with_channels(self.problem, groups, weight)._replace(
            dtype=x.dtype.name, batch=len(x), bias=bias is not None,
            # Sums that must be exact admit no transform.
            precision="exact" if self._lower is _lowering.integer else "highest",
        )
        y = np.empty(self._result_shape(problem), x.dtype)
        passes = self._offer(problem, self.settings)
        if passes is not None:
            factors = self._factors(weight, problem.precision == "exact")
            if factors is not None:
                passes.run(factors, None, (x, bias), (y,))
                return y
        settings = self.settings if passes is None else self._unforced
        self._choose(problem, settings).run(weight, None, (x, bias), (y,))
        return y

    def _reference(self, x, weight, bias, groups):
        y = np.empty(self._result_shape(self.problem), self.dtype)
        settings = self.settings._replace(algorithm="reference")
        self._choose(self.problem, settings).run(weight, None, (x, bias), (y,))
        return y


def parse_conv(
    op, ndim, input, weight, bias, stride, padding, dilation, groups, data_format, padding_mode,
    padding_value, flip, activation, precision, algorithm, settings,
):  # fmt: skip
    """The ConvArguments of a convolution; ValueError or TypeError if any of them is wrong."""
    settings = check_options(op, data_format, activation, precision, algorithm, settings)
    one_of(op, "padding_mode", padding_mode, PADDING_MODES)
    if not isinstance(flip, (bool, np.bool_)):
        raise TypeError(f"{op}: flip must be True or False, got {flip!r}")
    row = check_dtypes(op, input, activation, weight=weight, bias=bias)

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

    dtype = input.dtype.newbyteorder("=")
    if padding_mode == "constant":
        padding_value = check_value(op, padding_value, dtype)
        if padding_value == 0:
            padding_mode, padding_value = "zeros", 0.0
    elif padding_value.__class__ not in (int, float) or padding_value:
        raise ValueError(
            f"{op}: padding_value {padding_value!r} is for padding_mode 'constant', "
            f"not {padding_mode!r}"
        )
    else:
        padding_value = 0.0
    if not any(before > 0 or after > 0 for before, after in pads):
        padding_mode, padding_value = "zeros", 0.0  # there is no padding
    if padding_mode in MODES:
        _check_copies(op, batch, channels, spatial, pads, padding_mode, dtype)

    problem = Problem(
        "conv", problem_dtype(row, input.dtype), data_format, batch, channels, len(weight), groups,
        spatial, kernel, stride, dilation, tuple(before for before, _ in pads),
        tuple(after for _, after in pads), output, bias=bias is not None,
        relu=activation == "relu", precision=tier(row, settings), padding_mode=padding_mode,
        padding_value=padding_value,
    )  # fmt: skip
    sizes.check_total(op, "the result", problem.output_shape, dtype.itemsize)
    return ConvArguments(
        op, problem, settings, dtype, row, input.ndim == ndim + 1,
        (Ellipsis, *(slice(None, None, -1),) * ndim) if flip else None,
    )  # fmt: skip


def check_value(op, value, dtype):
    """`value` in `dtype`, if that holds it."""
    if isinstance(value, (str, bytes)) or not isinstance(value, Number):
        raise TypeError(f"{op}: padding_value must be a number, got {value!r}")
    if isinstance(value, Complex) and not isinstance(value, Real) and dtype.kind != "c":
        raise TypeError(f"{op}: padding_value {value!r} is complex, the input is {dtype}")
    if dtype.kind not in "iu":
        with np.errstate(over="ignore"):
            kept = np.asarray(value).astype(dtype)
        return complex(kept) if dtype.kind == "c" else float(kept)
    info = np.iinfo(dtype)
    if value != value or not info.min <= value <= info.max or int(value) != value:
        raise ValueError(
            f"{op}: padding_value {value!r} is no {dtype}; convert the input to a dtype that holds it"
        )
    return int(value)


def grown(problem):
    """`problem` for an input with its padding."""
    sizes = zip(problem.output, problem.stride, problem.extent)
    return problem._replace(
        input=tuple((n - 1) * step + extent for n, step, extent in sizes),
        pad_begin=(0,) * problem.ndim, pad_end=(0,) * problem.ndim, padding_mode="zeros",
        padding_value=0.0,
    )  # fmt: skip


def padded(problem, x):
    """A copy of the batch `x`, in the layout of a `problem`, with the padding that its windows see."""
    if problem.layout == "channels_first":
        return pad(problem, x)
    return np.moveaxis(pad(problem, np.moveaxis(x, -1, 1)), 1, -1)


def _check_copies(op, batch, channels, spatial, pads, mode, dtype):
    """Errors where there is nothing to copy, or more copies than memory can hold."""
    for axis, (size, (before, after)) in enumerate(zip(spatial, pads)):
        if (before > 0 or after > 0) and size == 0:
            raise ValueError(f"{op}: cannot pad the empty spatial axis {axis} in mode {mode!r}")
    grown = (max(n + b + a, 0) for n, (b, a) in zip(spatial, pads))
    sizes.check_total(op, "the padded input", (batch, channels, *grown), dtype.itemsize, memory())


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
