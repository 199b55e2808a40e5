cimport numpy as cnp

from fastconv._kernels.table cimport fc_kernels


# Sums as [group][block][strip][row][lane], and the weights they are of.
cdef struct Sums:
    Py_ssize_t groups, filters, channels  # the last two per group
    Py_ssize_t kernel[3]
    Py_ssize_t size                       # bytes per element
    Py_ssize_t lanes, blocks              # filters per block
    Py_ssize_t strips, strip_rows
    bint row_taps, row_channels           # what rows run over, channels fastest; strips do the rest


cdef void fill_ones(char* ones, Py_ssize_t length, Py_ssize_t size) noexcept nogil
cdef void add_vectors(const fc_kernels* k, const char* terms, char* total, Py_ssize_t vectors,
                      const char* ones, Py_ssize_t size) noexcept nogil
cdef int store_sums(const Sums* s, const char* sums, Py_ssize_t* offsets, char* target,
                     const cnp.npy_intp* strides, int ndim, int threads) except -1 nogil
