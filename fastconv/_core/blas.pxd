"""C = A @ B in row-major order; dtype is 0 for float32, 1 for float64."""

cpdef load()

# Around products: waits while the process forks; MemoryError where BLAS would end the process.
cdef int enter() except -1
cdef void leave() noexcept

# `load` must have been called, and `enter`.
cdef void gemm(int dtype, Py_ssize_t m, Py_ssize_t n, Py_ssize_t k,
               const char* a, Py_ssize_t lda, bint a_transposed,
               const char* b, Py_ssize_t ldb, bint b_transposed,
               char* c, Py_ssize_t ldc) noexcept nogil
