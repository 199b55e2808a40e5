"""Which taps of a pooling window meet elements."""

from .geometry cimport Geometry


cdef struct Span:
    Py_ssize_t start, stop


cdef inline Py_ssize_t steps(Py_ssize_t distance, Py_ssize_t step) noexcept nogil:
    """How many steps cover `distance`, which may be negative."""
    if distance <= 0:
        return 0
    return distance if step == 1 else (distance + step - 1) // step


cdef inline Py_ssize_t end(const Geometry* g, int axis) noexcept nogil:
    """Where the input ends, maybe cropped."""
    return g.input[axis] + min(g.pad_end[axis], <Py_ssize_t> 0)


cdef inline Span inside(const Geometry* g, int axis, Py_ssize_t output) noexcept nogil:
    """The taps of one window along one axis that meet elements."""
    cdef Span taps
    cdef Py_ssize_t at = output * g.stride[axis] - g.pad[axis]
    taps.start = min(steps(-at, g.dilation[axis]), g.kernel[axis])
    taps.stop = max(taps.start, min(steps(end(g, axis) - at, g.dilation[axis]), g.kernel[axis]))
    return taps
