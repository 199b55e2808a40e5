"""The door to BLAS: SciPy's, through ``scipy.linalg.cython_blas``, in row-major terms.

Never called inside a parallel region: a pthreads OpenBLAS runs one threaded call at a time, and
its spinning workers steal the processors of ours.
"""

from scipy.linalg.cython_blas cimport dgemm, sgemm


cdef void gemm(int dtype, Py_ssize_t m, Py_ssize_t n, Py_ssize_t k,
               const char* a, Py_ssize_t lda, bint a_transposed,
               const char* b, Py_ssize_t ldb, bint b_transposed,
               char* c, Py_ssize_t ldc) noexcept nogil:
    # Fortran sees every row-major matrix transposed: C' = B' A'.
    cdef int mi = <int> m, ni = <int> n, ki = <int> k
    cdef int ai = <int> lda, bi = <int> ldb, ci = <int> ldc
    cdef char ta = b"T" if a_transposed else b"N"
    cdef char tb = b"T" if b_transposed else b"N"
    cdef float sone = 1, szero = 0
    cdef double done = 1, dzero = 0
    if dtype == 0:
        sgemm(&tb, &ta, &ni, &mi, &ki, &sone, <float*> b, &bi, <float*> a, &ai,
              &szero, <float*> c, &ci)
    else:
        dgemm(&tb, &ta, &ni, &mi, &ki, &done, <double*> b, &bi, <double*> a, &ai,
              &dzero, <double*> c, &ci)


def description():
    """Name and version of the BLAS in use, as SciPy reports it."""
    import scipy

    info = scipy.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return f"{info['name']} {info['version']} (through SciPy {scipy.__version__})"
