"""Convolution of pictures as they are: input, kernel and result of different dtypes.

A picture is computed in bands of its first axis: a band of the input is brought to a dtype that
carries the sums, convolved there, and rounded on its way into the result. Nothing of the size of the
picture is made beside the result. Whole numbers are summed exactly; where no float holds their sums,
in wide integers.
"""

from functools import partial
from math import prod

import numpy as np

from .._core import integers
from .._core.arguments import one_of
from .._core.arrays import Form, native
from .._core.dtypes import TABLE, row_of
from .._core.outputs import stand_in
from .._core.padding import origin
from .._kernels import conversion
from .._planner import planner
from . import _lowering
from ._asked import Asked, stands_in
from .convolution import ConvCall, check_value, parse_conv

OVERFLOWS = ("error", "saturate")
# Bytes of the floats of a band, those of its results included.
_BAND = 2 << 20
# Where `parse_conv` has the value that is given for padding, among its options.
_PADDING_VALUE = 6
# Integers of so many bits are exact in float32.
_SHORT = 16


def is_mixed(input, weight, bias, dtype, overflow):
    """Whether arrays and options ask for more than one dtype, or for saturation."""
    if dtype is not None or overflow != "error":
        return True
    others = [weight.dtype] + ([] if bias is None else [bias.dtype])
    return input.dtype.kind in "iu" and not all(
        np.can_cast(other, input.dtype, "safe") for other in others
    )


def parse(op, ndim, input, weight, bias, options, dtype, overflow, settings):
    """The call for arguments of which `options` are those of `parse_conv` from stride to algorithm."""
    one_of(op, "overflow", overflow, OVERFLOWS)
    options = tuple(options)
    rows = [row_of(op, a.dtype, name=name) for name, a in (
        ("input", input), ("weight", weight), ("bias", bias)) if a is not None]  # fmt: skip
    dtype = _result(op, input, weight, dtype)
    if overflow != "error" and dtype.kind not in "iu":
        raise ValueError(f"{op}: overflow {overflow!r} is for integer results, not for {dtype}")
    if dtype.kind != "c" and any(row.family == "complex" for row in rows[1:]):
        raise TypeError(f"{op}: a complex weight or bias needs a complex result: dtype=np.complex64")
    whole = all(row.family == "integer" for row in rows)
    work = np.dtype(np.int64) if whole else _work(input, dtype)
    arrays = [None if a is None else _stand_in(a, work) for a in (input, weight, bias)]
    arguments = parse_conv(op, ndim, *arrays, *options, settings)
    if arguments.problem.padding_mode == "constant":
        value = check_value(op, options[_PADDING_VALUE], input.dtype)
        arguments = arguments._replace(problem=arguments.problem._replace(padding_value=value))
    if dtype.kind == "c" and input.dtype.kind != "c":
        return ComplexKernelCall(arguments)
    if not whole and input.dtype == work == dtype:
        return NarrowedCall(arguments)
    return MixedCall(arguments, input.dtype, dtype, whole, overflow == "saturate")


def _result(op, input, weight, dtype):
    """The dtype of the result."""
    if dtype is None:
        return input.dtype.newbyteorder("=")
    try:
        dtype = np.dtype(dtype).newbyteorder("=")
    except TypeError:
        raise TypeError(f"{op}: dtype must be a dtype, got {dtype!r}") from None
    row, given = row_of(op, dtype, name="the result"), TABLE[input.dtype.name]
    rank = {"integer": 0, "half": 1, "native": 1, "complex": 2}
    if rank[row.family] < rank[given.family]:
        raise TypeError(f"{op}: dtype {dtype} does not hold results for an input of {input.dtype}")
    if rank[given.family] and dtype.itemsize < input.dtype.itemsize:
        raise TypeError(f"{op}: dtype {dtype} is narrower than the input's {input.dtype}")
    return dtype


def _work(input, dtype):
    """The dtype of the sums where not all are of whole numbers."""
    if dtype.kind == "c":
        return dtype
    long = input.dtype.kind in "iu" and 8 * input.dtype.itemsize > _SHORT
    wide = long or "float64" in (input.dtype.name, dtype.name)
    return np.dtype(np.float64 if wide else np.float32)


def _stand_in(array, dtype):
    return np.broadcast_to(np.zeros((), dtype), array.shape)


class NarrowedCall(ConvCall):
    """A convolution in the dtype of its input, with a weight and a bias of wider ones."""

    __slots__ = ()

    def asked_of(self, input, weight, bias):
        return super().asked_of(input, weight if stands_in(weight) else self._narrow(weight), bias)

    def prepare(self, arguments):
        arguments = {**arguments, "weight": self._narrow(arguments["weight"])}
        return super().prepare(arguments)

    def run(self, weight, bias, packed, input, out):
        bias = None if bias is None else self._narrow(bias)
        return super().run(self._narrow(weight), bias, packed, input, out)

    def _narrow(self, array):
        with np.errstate(over="ignore"):
            return np.asarray(array, self.dtype)


class ComplexKernelCall(ConvCall):
    """A convolution of a real input with a complex kernel: its parts are filters of their own."""

    __slots__ = ()

    _parts_differ = False

    def __init__(self, arguments):
        super().__init__(arguments)
        self._lower = partial(_lowering.complex_weights, self.dtype)

    def _otherwise(self, input, weight, bias):
        p = self.problem
        note = f"{self.dtype.name}: the kernel's real and imaginary parts as filters of their own"
        return p._replace(out_channels=2 * p.out_channels), self.settings, note


class MixedCall:
    """A convolution whose input and result are not of the dtype of its sums."""

    def __init__(self, arguments, input, dtype, whole, saturate):
        self.op, self.problem, self.settings = arguments.op, arguments.problem, arguments.settings
        self.dtype = dtype
        self._arguments, self._input, self._whole, self._saturate = arguments, input, whole, saturate
        shape = self.problem.output_shape
        self.output_shape = shape[1:] if arguments.unbatched else shape
        self._form = Form(self.output_shape, dtype)
        self._last = self.problem.layout == "channels_last"
        self._axis = 1 if self._last else 2  # of the bands, in a batch
        self._calls = {}

    @property
    def scratch(self):
        """Bytes that a call takes beside the workspaces of rooms: those of a band."""
        rows, item = self._rows(np.dtype(np.float64)), 8
        band = self._posed(np.dtype(np.float64), rows)
        return (prod(band.input_shape) + prod(band.output_shape)) * item

    def asked(self, arguments):
        """What the planner is asked: the convolution of a band."""
        if not self.problem.macs:
            return []
        weight, bias = arguments["weight"], arguments["bias"]
        work, note = self._carrier(weight, bias, arguments["input"]), ""
        if work is None:
            problem, settings = self.problem, self.settings._replace(algorithm="reference")
            note = f"{self._input} in wide integers: no float holds these sums exactly"
            return [Asked(problem, settings, planner.choose(problem, settings), note=note)]
        rows = self._rows(work)
        note = f"{self._input} in {work}, {rows} of {self.problem.output[0]} rows at a time"
        call = self._call(work, rows)
        weight = _stand_in(weight, work) if stands_in(weight) else self._weight(weight, work)
        asked = call.asked_of(None, weight, bias)
        return [one._replace(note=f"{note}; {one.note}" if one.note else note) for one in asked]

    def prepare(self, arguments):
        """The weight and the bias, of the plan's own."""
        bias = arguments["bias"]
        return np.array(arguments["weight"]), None if bias is None else np.array(bias)

    def bind(self, prepared):
        """`run` with what was prepared."""
        return partial(self._planned, *prepared)

    def _planned(self, weight, bias, input, out):
        return self.run(weight, bias, None, input, out)

    def run(self, weight, bias, packed, input, out):
        """The result: `out` if given, or a new array."""
        input = native(input)
        if out is None:
            out = target = self._form.empty(input)
        elif self._form.takes_result(out, input, weight, bias):
            target = out
        else:
            target = stand_in(self.op, out, self.output_shape, self.dtype)
        batch = (input[None], target[None]) if self._arguments.unbatched else (input, target)
        self._compute(weight, bias, *batch)
        if target is not out:
            out[...] = target
        return out

    def _compute(self, weight, bias, x, y):
        work = self._carrier(weight, bias, x)
        if work is None:
            wide = ConvCall(self._arguments)
            if self._arguments.unbatched:
                x, y = x[0], y[0]
            x, weight, bias = (self._wide(a) for a in (x, weight, bias))
            total = wide.run(weight, bias, None, x, None)
            self._store(total, y)
            return
        weight = self._weight(weight, work)
        bias = None if bias is None else bias.astype(work)
        rows, outputs = self._rows(work), self.problem.output[0]
        buffers = packed = None
        for n in range(self.problem.batch if self.problem.macs else 0):
            for start in range(0, outputs, rows):
                here = min(rows, outputs - start)
                call = self._call(work, here)
                if here == rows:
                    packed = call.pack(weight) if packed is None else packed
                    if buffers is None:
                        problem = call.problem
                        buffers = np.empty(problem.input_shape, work), np.empty(problem.output_shape, work)
                    band, sums = buffers
                else:
                    band = np.empty(call.problem.input_shape, work)
                    sums = np.empty(call.problem.output_shape, work)
                self._fill(x[n : n + 1], start, band)
                call.run(weight, bias, packed if here == rows else None, band, sums)
                self._store(sums, y[(slice(n, n + 1), *self._part(start, start + here))])
        if not self.problem.macs and y.size:
            sums = np.zeros((1, self.problem.out_channels), work)
            sums = sums if bias is None else sums + bias
            sums = np.maximum(sums, 0) if self.problem.relu else sums
            shape = (1, -1, *(1,) * self.problem.ndim)
            shape = (1, *(1,) * self.problem.ndim, -1) if self._last else shape
            self._store(np.broadcast_to(sums.reshape(shape), y.shape), y)

    def _wide(self, array):
        if array is None:
            return None
        if array.dtype == np.uint64 and array.size and array.max() > np.iinfo(np.int64).max:
            raise OverflowError(f"{self.op}: values beyond those of int64 cannot be summed exactly")
        return array.astype(np.int64)

    def _carrier(self, weight, bias, x):
        """The dtype that the sums are computed in; None if that takes wide integers."""
        if not self._whole:
            return np.dtype(self._arguments.dtype)
        if stands_in(weight):
            return np.dtype(np.float32)
        largest, around = x, self.problem.padding_value
        if self._input.itemsize * 8 <= _SHORT:
            # What the dtype can hold: no need to look at the picture.
            info = np.iinfo(self._input)
            largest = np.array([info.min, info.max])
        carrier = integers.carrier(integers.bound(largest, weight, bias, around))
        if carrier != "float32" and largest is not x and not stands_in(x):
            carrier = integers.carrier(integers.bound(x, weight, bias, around))
        return None if carrier is None else np.dtype(carrier)

    def _weight(self, weight, work):
        with np.errstate(over="ignore"):
            return np.ascontiguousarray(weight, work)

    def _rows(self, work):
        """Rows of outputs in a band."""
        p = self.problem
        whole = prod(p.input_shape[1:]) + prod(p.output_shape[1:])
        bands = -(-whole * work.itemsize // _BAND)
        return max(-(-p.output[0] // max(bands, 1)), 1)

    def _posed(self, work, rows):
        """The problem of a band with so many rows of outputs, which has its padding along them."""
        p = self.problem
        size = (rows - 1) * p.stride[0] + p.extent[0]
        mode, value = p.padding_mode, p.padding_value
        if not any(n > 0 for pads in (p.pad_begin[1:], p.pad_end[1:]) for n in pads):
            mode, value = "zeros", 0.0
        return p._replace(
            dtype=TABLE[work.name].carrier, batch=1, input=(size, *p.input[1:]), output=(rows, *p.output[1:]),
            pad_begin=(0, *p.pad_begin[1:]), pad_end=(0, *p.pad_end[1:]), padding_mode=mode,
            padding_value=value if work.kind == "c" else float(value),
            # Sums that must be exact admit no transform.
            precision="exact" if self._whole else p.precision if work == np.float32 else "highest",
        )  # fmt: skip

    def _call(self, work, rows):
        """The call for a band."""
        key = work.name, rows
        call = self._calls.get(key)
        if call is None:
            arguments = self._arguments._replace(
                problem=self._posed(work, rows), dtype=work, row=TABLE[work.name], unbatched=False
            )
            call = self._calls[key] = ConvCall(arguments)
        return call

    def _part(self, start, stop):
        """The index of a band in an array of one image, without the batch."""
        return (slice(None),) * (self._axis - 1) + (slice(start, stop),)

    def _fill(self, x, start, band):
        """Bring the inputs of the band whose first row of outputs is `start`, with the padding before and
        after them, to `band`."""
        p, size = self.problem, band.shape[self._axis]
        first = start * p.stride[0] - p.pad_begin[0]
        begin, end = max(first, 0), min(first + size, p.input[0])
        if begin == first and end == first + size:
            self._convert(x[(slice(None), *self._part(begin, end))], band)
            return
        inside = slice(None), *self._part(begin - first, max(end, begin) - first)
        if begin < end:
            self._convert(x[(slice(None), *self._part(begin, end))], band[inside])
        mode = p.padding_mode if p.padding_mode != "zeros" else "constant"
        sources = origin(p.input[0], -first, first + size - p.input[0], mode)[:size]
        for i in (*range(min(begin - first, size)), *range(max(end - first, begin - first, 0), size)):
            to = band[(slice(None), *self._part(i, i + 1))]
            if sources[i] < 0:
                to[...] = p.padding_value
            else:
                to[...] = x[(slice(None), *self._part(sources[i], sources[i] + 1))]

    def _convert(self, x, band):
        if not _paired(x, band):
            np.copyto(band, x, casting="unsafe")
            return
        for source, to in _matrices(x, band):
            conversion.from_integers(source, to, self.settings.threads)

    def _store(self, sums, y):
        """Sums of a band into the result."""
        if self.dtype.kind not in "iu":
            with np.errstate(over="ignore"):
                y[...] = sums
            return
        if _paired(y, sums):
            outside = False
            for source, to in _matrices(sums, y):
                outside |= conversion.to_integers(source, to, self.settings.threads)
            if outside and (not self._saturate or np.isnan(sums).any()):
                self._refuse(sums)
            return
        info = np.iinfo(self.dtype)
        least, most = info.min, info.max
        if sums.dtype.kind == "f":
            sums = np.rint(sums)
            # Of the bounds, what the float holds: the nearest numbers inside.
            least, most = map(sums.dtype.type, (least, most))
            most = np.nextafter(most, sums.dtype.type(0)) if int(most) > info.max else most
        inside = (sums >= least) & (sums <= most)
        if not inside.all():
            if not self._saturate or (sums != sums).any():
                self._refuse(sums)
            sums = np.where(inside, sums, 0).astype(self.dtype) + np.where(
                inside, 0, np.where(sums < 0, info.min, info.max)
            ).astype(self.dtype)
        y[...] = sums

    def _refuse(self, sums):
        if (sums != sums).any():
            raise OverflowError(f"{self.op}: the result holds NaN, which {self.dtype} does not")
        low, high = float(sums.min()), float(sums.max())
        raise OverflowError(
            f"{self.op}: the result does not fit {self.dtype}: it spans {low:g} to {high:g}; give a "
            "wider dtype, or overflow='saturate'"
        )


def _paired(small, floats):
    """Whether there are kernels between two arrays of one shape, and rows for them."""
    return (
        small.size and conversion.converts(small.dtype, floats.dtype)
        and _contiguous_rows(small) and _contiguous_rows(floats)
    )  # fmt: skip


def _contiguous_rows(array):
    return array.strides[-1] == array.itemsize or array.shape[-1] == 1


def _matrices(a, b):
    """Two arrays of one shape with contiguous rows, as pairs of matrices, as few as possible."""
    if a.ndim == 2:
        return [(a, b)]
    if all(one.strides[-2] == one.shape[-1] * one.itemsize for one in (a, b)):
        return _matrices(*(one.reshape(*one.shape[:-2], -1) for one in (a, b)))
    return [pair for parts in zip(a, b) for pair in _matrices(*parts)]
