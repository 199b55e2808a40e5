"""Values to given positions of their planes, by indices that come from outside and are checked first."""

from libc.stdint cimport (
    int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t,
)
from libc.string cimport memset

import numpy as np

cimport numpy as cnp

from .team cimport share

cnp.import_array()

DTYPES = (
    "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
)

ctypedef fused value_t:
    float
    double
    int8_t
    int16_t
    int32_t
    int64_t
    uint8_t
    uint16_t
    uint32_t
    uint64_t

cdef enum:
    CHANNELS = 64      # of a task, where they are innermost
    CHECKED = 1 << 16  # indices of a task


# Arrays of (images, channels, elements) or (images, elements, channels), C-contiguous.
cdef struct Work:
    const int64_t* indices
    const char* values
    char* target
    Py_ssize_t channels, elements, size  # of the values; elements of a plane of the target
    Py_ssize_t itemsize
    int dtype
    bint last, add


def scatter(indices, values, target, last, add, threads):
    """``target[n, c, indices[n, c, i]] = values[n, c, i]`` or ``+=``, in order of `i`, and zero elsewhere.

    `indices` (int64) and `values` are of shape (images, channels, elements), `target` likewise with
    elements of its own; if `last`, the channels come last. All are C-contiguous, of one dtype among
    `DTYPES`. Indices are at least -1, which is nowhere, and below the elements of the target.
    """
    cdef Work work
    work.indices = <const int64_t*> cnp.PyArray_DATA(indices)
    work.values = <const char*> cnp.PyArray_DATA(values)
    work.target = <char*> cnp.PyArray_DATA(target)
    work.last = last
    work.add = add
    work.channels, work.elements = indices.shape[2 if last else 1], indices.shape[1 if last else 2]
    work.size = target.shape[1 if last else 2]
    work.itemsize = target.itemsize
    work.dtype = DTYPES.index(target.dtype.name)
    cdef Py_ssize_t runs = work.channels
    if last:
        runs = (work.channels + CHANNELS - 1) // CHANNELS
    cdef Py_ssize_t tasks = len(indices) * runs
    cdef int workers = threads
    if target.size:
        with nogil:
            share(_channels if work.last else _plane, &work, tasks, workers)


cdef void _plane(const void* work, Py_ssize_t task, int thread) noexcept nogil:
    """One plane."""
    cdef const Work* w = <const Work*> work
    cdef const int64_t* indices = w.indices + task * w.elements
    cdef const char* values = w.values + task * w.elements * w.itemsize
    cdef char* target = w.target + task * w.size * w.itemsize
    memset(target, 0, w.size * w.itemsize)
    _of_dtype(w, indices, values, target, w.elements, 1, 1)


cdef void _channels(const void* work, Py_ssize_t task, int thread) noexcept nogil:
    """Some channels of an image."""
    cdef const Work* w = <const Work*> work
    cdef Py_ssize_t runs = (w.channels + CHANNELS - 1) // CHANNELS, n = task // runs, i
    cdef Py_ssize_t first = task % runs * CHANNELS, count = min(w.channels - first, <Py_ssize_t> CHANNELS)
    cdef Py_ssize_t source = n * w.elements * w.channels + first
    cdef char* target = w.target + (n * w.size * w.channels + first) * w.itemsize
    for i in range(w.size):
        memset(target + i * w.channels * w.itemsize, 0, count * w.itemsize)
    _of_dtype(w, w.indices + source, w.values + source * w.itemsize, target, w.elements, w.channels, count)


cdef void _of_dtype(const Work* w, const int64_t* indices, const char* values, char* target,
                    Py_ssize_t elements, Py_ssize_t step, Py_ssize_t count) noexcept nogil:
    if w.dtype == 0:
        _put[float](indices, <const float*> values, <float*> target, elements, step, count, w.add)
    elif w.dtype == 1:
        _put[double](indices, <const double*> values, <double*> target, elements, step, count, w.add)
    elif w.dtype == 2:
        _put[int8_t](indices, <const int8_t*> values, <int8_t*> target, elements, step, count, w.add)
    elif w.dtype == 3:
        _put[int16_t](indices, <const int16_t*> values, <int16_t*> target, elements, step, count, w.add)
    elif w.dtype == 4:
        _put[int32_t](indices, <const int32_t*> values, <int32_t*> target, elements, step, count, w.add)
    elif w.dtype == 5:
        _put[int64_t](indices, <const int64_t*> values, <int64_t*> target, elements, step, count, w.add)
    elif w.dtype == 6:
        _put[uint8_t](indices, <const uint8_t*> values, <uint8_t*> target, elements, step, count, w.add)
    elif w.dtype == 7:
        _put[uint16_t](indices, <const uint16_t*> values, <uint16_t*> target, elements, step, count, w.add)
    elif w.dtype == 8:
        _put[uint32_t](indices, <const uint32_t*> values, <uint32_t*> target, elements, step, count, w.add)
    else:
        _put[uint64_t](indices, <const uint64_t*> values, <uint64_t*> target, elements, step, count, w.add)


cdef void _put(const int64_t* indices, const value_t* values, value_t* target, Py_ssize_t elements,
               Py_ssize_t step, Py_ssize_t count, bint add) noexcept nogil:
    """Of `count` planes side by side, whose elements lie `step` apart."""
    cdef Py_ssize_t i, c
    cdef int64_t at
    for i in range(elements):
        for c in range(count):
            at = indices[i * step + c]
            if at < 0:
                continue
            if add:
                target[at * step + c] += values[i * step + c]
            else:
                target[at * step + c] = values[i * step + c]


cdef struct Checking:
    const int64_t* indices
    Py_ssize_t count, size
    Py_ssize_t* wrong      # of each task: the number of its first wrong index, or -1


def first_wrong(indices, Py_ssize_t size, int threads):
    """The number of the first of C-contiguous `indices` not from -1 to `size` - 1; None if all are."""
    cdef Py_ssize_t tasks = (indices.size + CHECKED - 1) // CHECKED
    found = np.empty(tasks, np.intp)
    cdef Checking work = [<const int64_t*> cnp.PyArray_DATA(indices), indices.size, size,
                          <Py_ssize_t*> cnp.PyArray_DATA(found)]
    with nogil:
        share(_check, &work, tasks, threads)
    wrong = found[found >= 0]
    return int(wrong[0]) if wrong.size else None


cdef void _check(const void* work, Py_ssize_t task, int thread) noexcept nogil:
    cdef const Checking* w = <const Checking*> work
    cdef Py_ssize_t i, stop = min((task + 1) * CHECKED, w.count)
    cdef bint fine = True
    w.wrong[task] = -1
    for i in range(task * CHECKED, stop):
        fine &= <uint64_t> (w.indices[i] + 1) <= <uint64_t> w.size
    if fine:
        return
    for i in range(task * CHECKED, stop):
        if w.indices[i] < -1 or w.indices[i] >= w.size:
            w.wrong[task] = i
            return
