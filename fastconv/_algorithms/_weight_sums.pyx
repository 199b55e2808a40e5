"""The sums of weight gradients: added up chunk by chunk, then brought into the order of weights."""

cimport numpy as cnp
from libc.stdint cimport uint32_t, uint64_t

from fastconv._core.team cimport share
from fastconv._kernels.table cimport fc_kernels, fc_tile

cnp.import_array()

cdef enum:
    STORED_CHANNELS = 32  # their sums stay in the first-level cache while they are transposed
    SMALL = 1 << 14       # bytes that one thread stores sooner than two


cdef void fill_ones(char* ones, Py_ssize_t length, Py_ssize_t size) noexcept nogil:
    """The number one, as often as it fits into `length` bytes."""
    cdef Py_ssize_t i
    for i in range(length // size):
        if size == 8:
            (<double*> ones)[i] = 1
        else:
            (<float*> ones)[i] = 1


cdef void add_vectors(const fc_kernels* k, const char* terms, char* total, Py_ssize_t vectors,
                      const char* ones, Py_ssize_t size) noexcept nogil:
    """Add whole vectors to others, as a depthwise tile of two taps whose weights are one."""
    cdef Py_ssize_t bytes = k.lanes * size, done = 0, here
    cdef Py_ssize_t[2] operands
    cdef Py_ssize_t[2] weights
    cdef fc_tile t
    operands[0] = 0
    operands[1] = terms - total
    weights[0] = weights[1] = 0
    t.vectors = ones
    t.scalar_taps = operands
    t.vector_taps = weights
    t.taps = 2
    t.run = 1
    t.scalar_row = t.out_row = bytes
    t.scalar_step = t.vector_step = 0
    t.lanes = k.lanes
    t.row_bias = NULL
    t.lane_bias = NULL
    t.relu = False
    while done < vectors:
        here = min(vectors - done, k.depthwise_rows)
        t.scalars = total + done * bytes
        t.out = total + done * bytes
        k.depthwise[here](&t)
        done += here


# What stores sums.
cdef struct Storing:
    const Sums* s
    const char* sums
    char* target
    const cnp.npy_intp* strides
    Py_ssize_t parts, taps
    const Py_ssize_t* from_taps
    const Py_ssize_t* to_taps
    Py_ssize_t channel_bytes


cdef int store_sums(const Sums* s, const char* sums, Py_ssize_t* offsets, char* target,
                     const cnp.npy_intp* strides, int ndim, int threads) except -1 nogil:
    """Bring sums into the order of weights: (filter, channel, *taps).

    `offsets` is scratch memory for two numbers per tap.
    """
    cdef Py_ssize_t row_bytes = s.lanes * s.size, strip_bytes = s.strip_rows * row_bytes
    cdef Py_ssize_t taps = s.kernel[0] * s.kernel[1] * s.kernel[2]
    cdef Py_ssize_t parts = (s.channels + STORED_CHANNELS - 1) // STORED_CHANNELS, i, d, h, w, tap
    cdef Py_ssize_t tasks = s.groups * s.blocks * parts
    cdef Py_ssize_t channel_bytes = row_bytes if s.row_channels else strip_bytes
    cdef Py_ssize_t per_row = s.channels if s.row_channels else 1
    cdef Py_ssize_t per_strip = 1 if s.row_channels else s.channels
    cdef Py_ssize_t* to_taps = offsets + taps
    cdef Py_ssize_t step[3]
    for i in range(3):
        step[i] = 0 if i < 5 - ndim else strides[i + ndim - 3]
    tap = 0
    for d in range(s.kernel[0]):
        for h in range(s.kernel[1]):
            for w in range(s.kernel[2]):
                to_taps[tap] = d * step[0] + h * step[1] + w * step[2]
                if s.row_taps:
                    i = (d * s.kernel[1] + h) * per_strip
                    offsets[tap] = i * strip_bytes + w * per_row * row_bytes
                else:
                    offsets[tap] = tap * per_strip * strip_bytes
                tap += 1
    cdef Storing work = [s, sums, target, strides, parts, taps, offsets, to_taps, channel_bytes]
    share(_store_task, &work, tasks, 1 if s.strips * strip_bytes < SMALL else threads)


cdef void _store_task(const void* work, Py_ssize_t task, int thread) noexcept nogil:
    cdef const Storing* w = <const Storing*> work
    _store_part(w.s, w.sums, w.target, w.strides, task // w.parts, task % w.parts, w.taps, w.from_taps,
                w.to_taps, w.channel_bytes)


cdef void _store_part(const Sums* s, const char* sums, char* target, const cnp.npy_intp* strides,
                      Py_ssize_t block, Py_ssize_t part, Py_ssize_t taps,
                      const Py_ssize_t* from_taps, const Py_ssize_t* to_taps,
                      Py_ssize_t channel_bytes) noexcept nogil:
    """The filters of one block, for some channels."""
    cdef Py_ssize_t first = part * STORED_CHANNELS, last = min(first + STORED_CHANNELS, s.channels)
    cdef Py_ssize_t filter = block % s.blocks * s.lanes, lane, channel, tap
    cdef const char* source
    cdef char* to
    sums += block * s.strips * s.strip_rows * s.lanes * s.size
    target += (block // s.blocks * s.filters + filter) * strides[0]
    for lane in range(min(s.lanes, s.filters - filter)):
        for channel in range(first, last):
            source = sums + channel * channel_bytes + lane * s.size
            to = target + lane * strides[0] + channel * strides[1]
            if s.size == 8:
                for tap in range(taps):
                    (<uint64_t*> (to + to_taps[tap]))[0] = (<const uint64_t*> (source + from_taps[tap]))[0]
            else:
                for tap in range(taps):
                    (<uint32_t*> (to + to_taps[tap]))[0] = (<const uint32_t*> (source + from_taps[tap]))[0]
