"""From the winning taps of a max pooling, as a room writes them, to positions in the input."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

import numpy as np

from .geometry cimport Geometry, canonical, view_of
from .team cimport share
from .windows cimport Span, inside, start

ctypedef fused code_t:
    uint8_t
    uint16_t
    uint32_t


# What all rows need.
cdef struct Decoding:
    const Geometry* g
    const uint64_t* table      # of offsets by tap
    const char* codes
    char* positions
    Py_ssize_t size, inner     # outputs of a row, channels among them
    int itemsize               # of the codes


def indices(problem, codes, threads):
    """Where the winners in C-contiguous `codes` are: int64, flat over the plane of one (n, c).

    A window without any element has no winner; its index is -1.
    """
    positions = np.empty(problem.output_shape, np.int64)
    if not positions.size:
        return positions
    cdef Geometry g = canonical(problem)
    cdef bint last = problem.layout == "channels_last"
    # The innermost axis is that of the channels, or else there is one number per pixel.
    cdef Py_ssize_t inner = g.in_channels if last else 1
    cdef Py_ssize_t rows = positions.size // (inner * g.output[2])
    cdef char* source = view_of(codes, last).data
    cdef char* target = view_of(positions, last).data
    # Taps are looked up rather than divided by the kernel: there are few.
    cdef uint64_t[256] table
    cdef Decoding work = [&g, table, source, target, g.output[2] * inner, inner, codes.itemsize]
    cdef uint32_t tap
    for tap in range(256):
        table[tap] = _offset(&g, tap)
    cdef int workers = threads
    with nogil:
        share(_row, &work, rows, workers)
    return positions


cdef void _row(const void* work, Py_ssize_t row, int thread) noexcept nogil:
    cdef const Decoding* d = <const Decoding*> work
    cdef const char* codes = d.codes + row * d.size * d.itemsize
    cdef int64_t* to = <int64_t*> d.positions + row * d.size
    if d.itemsize == 1:
        _decode[uint8_t](d.g, d.table, row, <const uint8_t*> codes, to, d.inner)
    elif d.itemsize == 2:
        _decode[uint16_t](d.g, d.table, row, <const uint16_t*> codes, to, d.inner)
    else:
        _decode[uint32_t](d.g, d.table, row, <const uint32_t*> codes, to, d.inner)


cdef void _decode(const Geometry* g, const uint64_t* table, Py_ssize_t line, const code_t* codes,
                  int64_t* positions, Py_ssize_t inner) noexcept nogil:
    """One row of outputs, with all channels if these come last."""
    cdef Py_ssize_t h = line % g.output[1], d = line // g.output[1] % g.output[0]
    cdef Py_ssize_t w, c
    cdef Span depth = inside(g, 0, d), height = inside(g, 1, h), width
    cdef bint no_rows = depth.start == depth.stop or height.start == height.stop
    # Unsigned, because the start of a window may be out of range; the winner never is.
    cdef uint64_t row = <uint64_t> start(g, 0, d) * <uint64_t> g.input[1]
    cdef uint64_t first
    row = (row + <uint64_t> start(g, 1, h)) * <uint64_t> g.input[2]
    for w in range(g.output[2]):
        width = inside(g, 2, w)
        first = row + <uint64_t> start(g, 2, w)
        for c in range(inner):
            if no_rows or width.start == width.stop:
                positions[c] = -1
            elif code_t is uint8_t:
                positions[c] = <int64_t> (first + table[codes[c]])
            else:
                positions[c] = <int64_t> (first + _offset(g, codes[c]))
        positions += inner
        codes += inner


cdef inline uint64_t _offset(const Geometry* g, uint32_t tap) noexcept nogil:
    """How far tap number `tap` lies behind the start of its window, in the flat plane."""
    cdef uint64_t kw = tap % g.kernel[2], kh = tap // g.kernel[2] % g.kernel[1]
    cdef uint64_t kd = tap // g.kernel[2] // g.kernel[1]
    kh = kd * <uint64_t> g.dilation[0] * <uint64_t> g.input[1] + kh * <uint64_t> g.dilation[1]
    return kh * <uint64_t> g.input[2] + kw * <uint64_t> g.dilation[2]
