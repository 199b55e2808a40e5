from libc.stdint cimport uint32_t

from fastconv._core.geometry cimport Geometry, View
from fastconv._kernels.table cimport fc_kernels, fc_range, fc_split_kernels


# The padded input in bfloat16 parts, [image][group][block][part][plane]. In a plane the pixels of
# one stride phase lie together, so that neighbouring outputs read neighbouring pixels.
cdef struct Parts:
    int splits
    bint folded                # pixels hold all channels, and a tile's depth runs over a kernel row
    Py_ssize_t channels        # of one block
    Py_ssize_t blocks          # per group
    Py_ssize_t pixel           # bytes
    Py_ssize_t step[3]         # inputs from one packed row or pixel to the next
    Py_ssize_t phases[3]
    Py_ssize_t extent[3]       # output positions per phase, with those between the rows
    Py_ssize_t position        # bytes between neighbouring outputs' pixels
    Py_ssize_t row, phase      # bytes
    Py_ssize_t plane, image
    Py_ssize_t taps            # products per block
    Py_ssize_t steps           # of these, per kernel row


# Least, of those that are not zero, and largest absolute value; whether all are bfloat16.
cdef struct Extremes:
    double least, most
    bint whole


cdef Parts parts_of(const Geometry* g, int splits, bint folded) noexcept nogil
cdef Py_ssize_t rows_of(const Parts* p) noexcept nogil
cdef Py_ssize_t tap_offset(const Geometry* g, const Parts* p, Py_ssize_t tap) noexcept nogil
cdef Py_ssize_t staged_bytes(const Parts* p) noexcept nogil
cdef int split_input(const Geometry* g, const Parts* p, const View* x, char* to,
                      Py_ssize_t images, const fc_kernels* k, const fc_split_kernels* split,
                      char* staged, fc_range* seen, int threads) except -1 nogil
cdef void forget(fc_range* seen, int count) noexcept nogil
cdef Extremes extremes(const fc_range* seen, int count) noexcept nogil
cdef bint representable(const Extremes* x, const Extremes* w, double terms) noexcept nogil
