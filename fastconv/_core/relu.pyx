"""The gradient through a rectified linear unit: nothing passes where it gave nothing."""

import numpy as np

cimport numpy as cnp

from .team cimport share

cnp.import_array()

ctypedef fused real:
    float
    double

cdef enum:
    PIECE = 1 << 14  # elements of a task


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
    cdef Py_ssize_t first = task * PIECE, last = min(first + PIECE, w.size)
    if w.double_precision:
        _pass[double](<const double*> w.gradient, <const double*> w.output, <double*> w.to, first, last)
    else:
        _pass[float](<const float*> w.gradient, <const float*> w.output, <float*> w.to, first, last)


cdef void _pass(const real* gradient, const real* output, real* to, Py_ssize_t first,
                Py_ssize_t last) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(first, last):
        to[i] = 0 if output[i] <= 0 else gradient[i]
