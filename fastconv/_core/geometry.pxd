"""A problem in C: sizes in canonical 3-D form (depth, height, width; leading ones), and strides."""

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


# An array seen as (batch, channel, depth, height, width), whatever its layout in memory.
cdef struct View:
    char* data
    Py_ssize_t batch, channel  # strides in bytes
    Py_ssize_t axis[3]


cdef Geometry canonical(problem) except *
cdef View view_of(object array, bint channels_last) except *
