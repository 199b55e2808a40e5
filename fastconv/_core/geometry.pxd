"""A problem in C: sizes in canonical 3-D form (depth, height, width; leading ones), and strides."""

# What lies around an input.
cdef enum:
    FILLED       # a value, mostly zero
    REFLECT
    SYMMETRIC
    REPLICATE
    CIRCULAR


cdef struct Geometry:
    Py_ssize_t batch, in_channels, out_channels, groups
    Py_ssize_t input[3]
    Py_ssize_t kernel[3]
    Py_ssize_t stride[3]
    Py_ssize_t dilation[3]
    Py_ssize_t pad[3]
    Py_ssize_t pad_end[3]
    Py_ssize_t output[3]
    bint adaptive
    int padding
    double fill


# An array seen as (batch, channel, depth, height, width), whatever its layout in memory.
cdef struct View:
    char* data
    Py_ssize_t batch, channel  # strides in bytes
    Py_ssize_t axis[3]


cdef Geometry canonical(problem) except *
cdef View view_of(object array, bint channels_last) except *


cdef inline Py_ssize_t shown(const Geometry* g, int axis, Py_ssize_t at) noexcept nogil:
    """The element of the input that the padded input shows at `at`; -1 where it is filled."""
    cdef Py_ssize_t size = g.input[axis], period
    if 0 <= at < size:
        return at
    if g.padding == FILLED or size == 0:
        return -1
    if g.padding == REPLICATE:
        return 0 if at < 0 else size - 1
    if g.padding == CIRCULAR:
        period = size
    else:
        # Mirrored at an element, which comes once, or beside it, so that it comes twice.
        period = 2 * size if g.padding == SYMMETRIC else max(2 * size - 2, <Py_ssize_t> 1)
    at %= period
    if at < 0:
        at += period
    if at < size:
        return at
    return period - at - (1 if g.padding == SYMMETRIC else 0)
