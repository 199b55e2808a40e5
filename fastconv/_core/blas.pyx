"""The door to BLAS: SciPy's, through ``scipy.linalg.cython_blas``, in row-major terms.

Loaded on first use: importing ``scipy.linalg`` takes longer than all of fastconv, and most
processes never multiply matrices.

Never called inside a parallel region: a pthreads OpenBLAS runs one threaded call at a time, and
its spinning workers steal the processors of ours.

OpenBLAS takes a buffer for every call that is inside at once, and keeps it; it does not come back where it
gets none. Before a fork it ends its threads, and waits for ever if they are at work: forks wait for products,
and products for forks.
"""

import os
from time import sleep

from cpython.pycapsule cimport PyCapsule_GetName, PyCapsule_GetPointer

# What ``scipy.linalg.cython_blas`` declares, by its name for a float.
cdef str _SIGNATURE = (
    "void (char *, char *, int *, int *, int *, {0} *, {0} *, int *, {0} *, int *, {0} *, {0} *, int *)"
)

ctypedef void (*sgemm_t)(char*, char*, int*, int*, int*, float*, float*, int*, float*, int*,
                         float*, float*, int*) noexcept nogil
ctypedef void (*dgemm_t)(char*, char*, int*, int*, int*, double*, double*, int*, double*, int*,
                         double*, double*, int*) noexcept nogil

cdef extern from *:
    """
    #include <sys/mman.h>

    static int fc_inside, fc_most; /* calls: now, and the most at once so far */

    static int fc_come(void) { return __atomic_add_fetch(&fc_inside, 1, __ATOMIC_ACQ_REL); }
    static int fc_go(void) { return __atomic_fetch_sub(&fc_inside, 1, __ATOMIC_ACQ_REL); }

    static int fc_has_room(size_t bytes)
    {
        void *there = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        return there != MAP_FAILED && munmap(there, bytes) == 0;
    }
    """
    int fc_inside, fc_most
    int fc_come()
    int fc_go()
    bint fc_has_room(size_t bytes) nogil

cdef enum:
    BUFFER = 40 << 20  # OpenBLAS's are of 32 MB

WAIT = 0.001  # seconds

cdef bint _forking = False
cdef sgemm_t _sgemm = NULL
cdef dgemm_t _dgemm = NULL


cpdef load():
    """Have BLAS ready; ImportError if SciPy's is not the one this was written for."""
    global _sgemm, _dgemm
    if _dgemm != NULL:
        return
    from scipy.linalg import cython_blas

    _sgemm = <sgemm_t> _function(cython_blas, "s")
    _dgemm = <dgemm_t> _function(cython_blas, "d")


cdef void* _function(module, str kind) except NULL:
    capsule = module.__pyx_capi__[f"{kind}gemm"]
    cdef const char* signature = PyCapsule_GetName(capsule)
    expected = _SIGNATURE.format(f"__pyx_t_5scipy_6linalg_11cython_blas_{kind}")
    if signature.decode() != expected:
        raise ImportError(f"scipy.linalg.cython_blas.{kind}gemm is {signature.decode()}, not {expected}")
    return PyCapsule_GetPointer(capsule, signature)


cdef int enter() except -1:
    cdef int inside = fc_come(), more
    while _forking:
        fc_go()
        sleep(WAIT)
        inside = fc_come()
    more = inside - fc_most
    if more > 0 and not fc_has_room(<size_t> more * BUFFER):
        fc_go()
        raise MemoryError(f"fastconv needs {more * BUFFER} bytes for BLAS, which the system refuses")
    return 0


cdef void leave() noexcept:
    global fc_most
    cdef int inside = fc_go()
    if inside > fc_most:
        fc_most = inside


def _before_fork():
    global _forking
    _forking = True
    while fc_inside:
        sleep(WAIT)


def _after_fork():
    global _forking
    _forking = False


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)


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
        _sgemm(&tb, &ta, &ni, &mi, &ki, &sone, <float*> b, &bi, <float*> a, &ai,
               &szero, <float*> c, &ci)
    else:
        _dgemm(&tb, &ta, &ni, &mi, &ki, &done, <double*> b, &bi, <double*> a, &ai,
               &dzero, <double*> c, &ci)


def description():
    """Name and version of the BLAS in use, as SciPy reports it."""
    import scipy

    info = scipy.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return f"{info['name']} {info['version']} (through SciPy {scipy.__version__})"
