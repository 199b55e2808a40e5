"""Arrays at little cost: what every call needs of them, without a trip through NumPy's Python side."""

import numpy as np

cimport numpy as cnp

cnp.import_array()


cpdef native(cnp.ndarray array):
    """`array` in native byte order and aligned memory, copied only if it is not."""
    if cnp.PyArray_ISBEHAVED_RO(array):
        return array
    return np.array(array, dtype=array.dtype.newbyteorder("="))


cdef class Empty:
    """Makes uninitialised arrays of one shape and dtype."""

    cdef cnp.npy_intp shape[8]
    cdef int ndim, number

    def __init__(self, shape, dtype):
        self.ndim = len(shape)
        for i in range(self.ndim):
            self.shape[i] = shape[i]
        self.number = dtype.num

    def __call__(self):
        return cnp.PyArray_EMPTY(self.ndim, self.shape, self.number, 0)
