"""C = A @ B in row-major order; dtype is 0 for float32, 1 for float64."""

cpdef load()

# `load` must have been called.
cdef void gemm(int dtype, Py_ssize_t m, Py_ssize_t n, Py_ssize_t k,
               const char* a, Py_ssize_t lda, bint a_transposed,
               const char* b, Py_ssize_t ldb, bint b_transposed,
               char* c, Py_ssize_t ldc) noexcept nogil
