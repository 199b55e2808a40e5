"""The gradient through a rectified linear unit: nothing passes where it gave nothing."""

import numpy as np

cimport numpy as cnp
from libc.stdint cimport int32_t, int64_t

from .team cimport share

cnp.import_array()

cdef enum:
    PIECE = 1 << 14  # elements of a task


ctypedef fused bits_t:
    int32_t
    int64_t


cdef struct Work:
    const char* gradient
    const char* output
    char* to
    Py_ssize_t size
    bint double_precision


def through_relu(gradient, output, threads):
    """`gradient` where `output`, what the unit gave, is not zero or less; zero elsewhere."""
    cdef int workers = threads
    cdef Work work
    plain = (gradient.dtype == output.dtype and gradient.dtype.char in "fd"
             and gradient.flags.c_contiguous and output.flags.c_contiguous)
    if not plain:
        return np.where(output <= 0, gradient.dtype.type(0), gradient)
    result = np.empty_like(gradient)
    work.gradient = cnp.PyArray_BYTES(gradient)
    work.output = cnp.PyArray_BYTES(output)
    work.to = cnp.PyArray_BYTES(result)
    work.size = gradient.size
    work.double_precision = gradient.dtype.char == "d"
    with nogil:
        share(_piece, &work, (work.size + PIECE - 1) // PIECE, workers)
    return result


cdef void _piece(const void* work, Py_ssize_t task, int thread) noexcept nogil:
    cdef const Work* w = <const Work*> work
    cdef Py_ssize_t first = task * PIECE, count = min(PIECE, w.size - first)
    if w.double_precision:
        _pass(<const int64_t*> w.gradient + first, <const int64_t*> w.output + first,
              <int64_t*> w.to + first, count, <int64_t> 0x7FF << 52)
    else:
        _pass(<const int32_t*> w.gradient + first, <const int32_t*> w.output + first,
              <int32_t*> w.to + first, count, <int32_t> 0xFF << 23)


cdef void _pass(const bits_t* gradient, const bits_t* output, bits_t* to, Py_ssize_t count,
                bits_t infinity) noexcept nogil:
    """On the bits of floats, which compilers compare by vectors: above zero, or NaN of either sign."""
    cdef bits_t one, largest = ~(<bits_t> 1 << (8 * sizeof(bits_t) - 1))
    cdef Py_ssize_t i
    for i in range(count):
        one = output[i]
        to[i] = gradient[i] & -<bits_t> ((one > 0) | ((one & largest) > infinity))
