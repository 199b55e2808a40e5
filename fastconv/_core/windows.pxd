"""Where pooling windows lie, which of their taps meet elements, and which windows reach an element."""

import numpy as np

from .geometry cimport Geometry


cdef struct Span:
    Py_ssize_t start, stop


cdef inline Py_ssize_t steps(Py_ssize_t distance, Py_ssize_t step) noexcept nogil:
    """How many steps cover `distance`, which may be negative."""
    if distance <= 0:
        return 0
    if step == 1:
        return distance
    return (distance + 1) >> 1 if step == 2 else (distance + step - 1) // step


cdef inline Py_ssize_t end(const Geometry* g, int axis) noexcept nogil:
    """Where the input ends, maybe cropped."""
    return g.input[axis] + min(g.pad_end[axis], <Py_ssize_t> 0)


cdef inline Py_ssize_t start(const Geometry* g, int axis, Py_ssize_t output) noexcept nogil:
    """Where a window begins along one axis."""
    if g.adaptive:
        return output * g.input[axis] // g.output[axis]
    return output * g.stride[axis] - g.pad[axis]


cdef inline Span inside(const Geometry* g, int axis, Py_ssize_t output) noexcept nogil:
    """The taps of one window along one axis that meet elements."""
    cdef Span taps
    cdef Py_ssize_t at = start(g, axis, output)
    if g.adaptive:
        taps.start = 0
        taps.stop = steps((output + 1) * g.input[axis], g.output[axis]) - at
        return taps
    taps.start = min(steps(-at, g.dilation[axis]), g.kernel[axis])
    taps.stop = max(taps.start, min(steps(end(g, axis) - at, g.dilation[axis]), g.kernel[axis]))
    return taps


cdef inline Span reaching(const Geometry* g, int axis, Py_ssize_t element) noexcept nogil:
    """The windows along one axis between whose ends an element lies, if not in a hole of them."""
    cdef Span outputs
    cdef Py_ssize_t at = element + g.pad[axis]
    if g.adaptive:
        outputs.start = element * g.output[axis] // g.input[axis]
        outputs.stop = steps((element + 1) * g.output[axis], g.input[axis])
        return outputs
    outputs.stop = min(steps(at + 1, g.stride[axis]), g.output[axis])
    outputs.start = min(steps(at - (g.kernel[axis] - 1) * g.dilation[axis], g.stride[axis]), outputs.stop)
    return outputs


cdef inline Py_ssize_t counted(const Geometry* g, bint include_pad, int axis, Py_ssize_t output) noexcept nogil:
    """How many taps of a window an average divides by, along one axis."""
    cdef Span taps
    if include_pad and not g.adaptive:
        # Behind the padding there is nothing: with ceil_mode a window may hang over its end.
        return min(steps(g.input[axis] + g.pad_end[axis] + g.pad[axis] - output * g.stride[axis],
                         g.dilation[axis]), g.kernel[axis])
    taps = inside(g, axis, output)
    return taps.stop - taps.start


cdef inline counted_columns(const Geometry* g, bint include_pad):
    """The same, at least 1, for all outputs of a row, as an array of float64."""
    cdef double[::1] counts = np.empty(g.output[2])
    cdef Py_ssize_t i
    for i in range(g.output[2]):
        counts[i] = max(counted(g, include_pad, 2, i), <Py_ssize_t> 1)
    return np.asarray(counts)
