"""Arrays of small integers to floats that carry sums, and back, by the kernels of the active level."""

cimport numpy as cnp

from fastconv._core.team cimport share
from fastconv._kernels.table cimport FC_INT8, FC_INT16, FC_UINT8, FC_UINT16, fc_kernels, kernels

cnp.import_array()

cdef enum:
    PIECE = 1 << 13  # elements of a task, about

_NAMES = {"int8": FC_INT8, "uint8": FC_UINT8, "int16": FC_INT16, "uint16": FC_UINT16}


cdef struct Rows:
    const fc_kernels* k
    int which
    char* integers
    char* floats
    Py_ssize_t integer_step, float_step  # bytes from row to row
    Py_ssize_t rows, count, pieces
    Py_ssize_t small, item               # bytes of an integer, of a float
    int outside


def converts(integers, floats):
    """Whether there are kernels for a pair of dtypes."""
    return integers.name in _NAMES and floats.name in ("float32", "float64")


def from_integers(integers, floats, int threads):
    """Set `floats` to `integers`, both 2-D with contiguous rows."""
    cdef Rows r = _rows(integers, floats)
    with nogil:
        share(_from, &r, r.rows * r.pieces, threads)


def to_integers(floats, integers, int threads):
    """Set `integers` to `floats`, both 2-D with contiguous rows, rounded half to even and saturated.

    Tells whether one of them was out of range, or NaN.
    """
    cdef Rows r = _rows(integers, floats)
    with nogil:
        share(_to, &r, r.rows * r.pieces, threads)
    return r.outside != 0


cdef Rows _rows(cnp.ndarray integers, cnp.ndarray floats) except *:
    cdef Rows r
    r.k = kernels(1 if floats.dtype.name == "float64" else 0)
    r.which = _NAMES[integers.dtype.name]
    r.integers = cnp.PyArray_BYTES(integers)
    r.floats = cnp.PyArray_BYTES(floats)
    r.integer_step = integers.strides[0]
    r.float_step = floats.strides[0]
    r.rows = integers.shape[0]
    r.count = integers.shape[1]
    r.pieces = (r.count + PIECE - 1) // PIECE
    r.small = integers.itemsize
    r.item = floats.itemsize
    r.outside = 0
    return r


cdef void _from(const void* work, Py_ssize_t task, int thread) noexcept nogil:
    cdef const Rows* r = <const Rows*> work
    cdef Py_ssize_t row = task // r.pieces, first = task % r.pieces * PIECE
    r.k.convert_from[r.which](r.integers + row * r.integer_step + first * r.small,
                              r.floats + row * r.float_step + first * r.item, min(PIECE, r.count - first))


cdef void _to(const void* work, Py_ssize_t task, int thread) noexcept nogil:
    cdef Rows* r = <Rows*> work
    cdef Py_ssize_t row = task // r.pieces, first = task % r.pieces * PIECE
    if r.k.convert_to[r.which](r.floats + row * r.float_step + first * r.item,
                               r.integers + row * r.integer_step + first * r.small,
                               min(PIECE, r.count - first)):
        r.outside = 1  # by any thread
