"""Taps that see the input, and those that see nothing but the zeros around it."""

from fastconv._core.geometry cimport Geometry


cdef Range taps_seeing(const Geometry* g, int axis, Py_ssize_t output) noexcept nogil:
    """The taps of an output that lie in the input."""
    cdef Py_ssize_t at = output * g.stride[axis] - g.pad[axis], step = g.dilation[axis]
    cdef Range taps
    taps.first = 0 if at >= 0 else min(_up(-at, step), g.kernel[axis])
    taps.last = 0 if at >= g.input[axis] else min((g.input[axis] - 1 - at) // step + 1, g.kernel[axis])
    taps.last = max(taps.last, taps.first)
    return taps


cdef Range outputs_seeing(const Geometry* g, int axis, Py_ssize_t tap) noexcept nogil:
    """The outputs whose tap lies in the input."""
    cdef Py_ssize_t shift = g.pad[axis] - tap * g.dilation[axis], step = g.stride[axis]
    cdef Range outputs
    outputs.first = 0 if shift <= 0 else min(_up(shift, step), g.output[axis])
    outputs.last = g.input[axis] + shift
    outputs.last = 0 if outputs.last <= 0 else min(_up(outputs.last, step), g.output[axis])
    outputs.last = max(outputs.last, outputs.first)
    return outputs


cdef double seen_part(const Geometry* g, int axis) noexcept nogil:
    """The part of all taps of all outputs that lies in the input, along one axis."""
    cdef Py_ssize_t tap
    cdef double seen = 0
    cdef Range outputs
    for tap in range(g.kernel[axis]):
        outputs = outputs_seeing(g, axis, tap)
        seen += outputs.last - outputs.first
    return seen / g.kernel[axis] / max(g.output[axis], <Py_ssize_t> 1)


cdef inline Py_ssize_t _up(Py_ssize_t count, Py_ssize_t by) noexcept nogil:
    """The quotient of positive numbers, rounded up."""
    return (count - 1) // by + 1
