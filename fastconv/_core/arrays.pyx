"""Arrays at little cost: what every call needs of them, without a trip through NumPy's Python side."""

from math import prod

import numpy as np

cimport numpy as cnp

cnp.import_array()

cdef enum:
    # New arrays of so many bytes or more are placed.
    PLACED = 16 << 10
    # What an array is in memory to the nearest cache: addresses a page apart meet in the same sets, and
    # a load waits for stores before it that seem to be to its address, up to pages.
    PAGE = 4096
    LINE = 64


cpdef native(cnp.ndarray array):
    """`array` in native byte order and aligned memory, copied only if it is not."""
    if cnp.PyArray_ISBEHAVED_RO(array):
        return array
    return np.array(array, dtype=array.dtype.newbyteorder("="))


cpdef contiguous(array, dtype):
    """`array` as `dtype` in C order, native byte order and aligned memory, copied only if it is not."""
    cdef int number = (<cnp.dtype> (dtype if isinstance(dtype, cnp.dtype) else np.dtype(dtype))).num
    if cnp.PyArray_Check(array) and cnp.PyArray_TYPE(array) == number and cnp.PyArray_ISCARRAY_RO(array):
        return array
    return cnp.PyArray_FROM_OTF(array, number, cnp.NPY_ARRAY_IN_ARRAY | cnp.NPY_ARRAY_FORCECAST)


cdef class Form:
    """One shape and dtype: makes arrays that have it, and knows those that do."""

    cdef cnp.npy_intp shape[8]
    cdef int ndim, number
    cdef Py_ssize_t bytes

    def __init__(self, shape, dtype):
        self.ndim = len(shape)
        for i in range(self.ndim):
            self.shape[i] = shape[i]
        self.number = dtype.num
        self.bytes = prod(shape) * dtype.itemsize

    def empty(self, cnp.ndarray beside):
        """A new array, uninitialised, placed so that it is fast to write to while `beside` is read.

        It begins at a cache line, and a quarter of a page after `beside` does, pages aside.
        """
        cdef cnp.npy_intp bytes = self.bytes + PAGE
        if self.bytes < PLACED:
            return cnp.PyArray_EMPTY(self.ndim, self.shape, self.number, 0)
        cdef cnp.ndarray memory = cnp.PyArray_EMPTY(1, &bytes, cnp.NPY_UINT8, 0)
        cdef size_t wanted = <size_t> cnp.PyArray_DATA(beside) // LINE * LINE + PAGE // 4
        cdef size_t offset = (wanted - <size_t> cnp.PyArray_DATA(memory)) % PAGE
        cdef cnp.ndarray array = cnp.PyArray_SimpleNewFromData(
            self.ndim, self.shape, self.number, cnp.PyArray_BYTES(memory) + offset)
        cnp.set_array_base(array, memory)
        return array

    def fits(self, array):
        """Whether `array` is an ndarray of this form, in native byte order."""
        return cnp.PyArray_Check(array) and self.is_of(array)

    def takes_result(self, out, input, weight=None, bias=None):
        """Whether what is computed from ndarrays can be written to `out` as it is computed.

        It must be of this form, aligned and writeable, with memory of its own for every element;
        between its first and last there must be no operand.
        """
        if not cnp.PyArray_Check(out) or not self.is_of(out) or not cnp.PyArray_ISBEHAVED(out):
            return False
        if overlaps_itself(out) or may_overlap(out, input):
            return False
        if weight is not None and may_overlap(out, weight):
            return False
        return bias is None or not may_overlap(out, bias)

    cdef bint is_of(self, cnp.ndarray array) noexcept:
        cdef int i, number = cnp.PyArray_TYPE(array)
        if number != self.number and not cnp.PyArray_EquivTypenums(number, self.number):
            return False
        if cnp.PyArray_NDIM(array) != self.ndim or not cnp.PyArray_ISNOTSWAPPED(array):
            return False
        for i in range(self.ndim):
            if cnp.PyArray_DIM(array, i) != self.shape[i]:
                return False
        return True


cdef bint overlaps_itself(cnp.ndarray array) noexcept:
    cdef int i
    for i in range(cnp.PyArray_NDIM(array)):
        if cnp.PyArray_STRIDE(array, i) == 0 and cnp.PyArray_DIM(array, i) > 1:
            return True
    return False


cdef struct Extent:
    const char* begin
    const char* end


cdef bint may_overlap(cnp.ndarray a, cnp.ndarray b) noexcept:
    cdef Extent first = extent_of(a), second = extent_of(b)
    # What is empty overlaps nothing, wherever it lies.
    return (first.begin < second.end and second.begin < first.end
            and first.begin < first.end and second.begin < second.end)


cdef Extent extent_of(cnp.ndarray array) noexcept:
    """The memory from the first to the last element; none if there are no elements."""
    cdef Extent extent
    cdef Py_ssize_t last
    cdef int i
    extent.begin = extent.end = cnp.PyArray_BYTES(array)
    for i in range(cnp.PyArray_NDIM(array)):
        if cnp.PyArray_DIM(array, i) == 0:
            extent.begin = extent.end
            return extent
        last = (cnp.PyArray_DIM(array, i) - 1) * cnp.PyArray_STRIDE(array, i)
        if last < 0:
            extent.begin += last
        else:
            extent.end += last
    extent.end += cnp.PyArray_ITEMSIZE(array)
    return extent
