from fastconv._core.geometry cimport Geometry


# A range of taps, or of outputs: [first, last), empty where they are equal.
cdef struct Range:
    Py_ssize_t first, last


cdef Range taps_seeing(const Geometry* g, int axis, Py_ssize_t output) noexcept nogil
cdef Range outputs_seeing(const Geometry* g, int axis, Py_ssize_t tap) noexcept nogil
cdef double seen_part(const Geometry* g, int axis) noexcept nogil
