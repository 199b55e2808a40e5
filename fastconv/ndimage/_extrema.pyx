"""Maxima and minima over windows of any form, of arrays of any dtype, which is also that of the result.

Boxes take a number of operations that grows with the logarithm of their sizes. Of other windows, the runs of
neighbours along the last axis are found in the order of their lengths: those of eight neighbours are made of
two of five that overlap.
"""

import numpy as np

cimport numpy as cnp
from libc.string cimport memcpy, memset

from fastconv._algorithms._direct cimport tile_count
from fastconv._core.arena cimport Scratch, acquire
from fastconv._core.team cimport share
from fastconv._kernels.table cimport extremum_kernels, fc_extremum_kernel
from fastconv.ndimage._ordered import NUMBERS

cnp.import_array()

cdef enum:
    WIDE = 2048           # bytes of a task's rows of outputs
    BOX = 192 << 10       # bytes of a box, about


cdef struct Work:
    fc_extremum_kernel fold
    const char* x
    char* y
    char around[8]                       # the number beyond the border
    Py_ssize_t item                      # bytes of a number
    Py_ssize_t x_step[4], y_step[4]      # bytes: batch, slices, rows, elements
    Py_ssize_t size[4], input[4]         # of the output, of the input
    Py_ssize_t reach[3]                  # sizes of a window
    Py_ssize_t slide[2]                  # slices, and rows, that are folded whole
    const Py_ssize_t* shown[3]           # which input every position shows; -1 for `around`
    Py_ssize_t before                    # positions before the first input of a row
    const Py_ssize_t* runs               # slice, row, first element and length of each, by lengths
    Py_ssize_t count
    Py_ssize_t rows, columns, across, down
    Py_ssize_t height, pitch, box        # rows of a slice; bytes from row to row, and in all
    char* scratch
    Py_ssize_t scratch_bytes


def extrema(cnp.ndarray x, cnp.ndarray y, bint minimum, reach, slide, runs, shown, before, around, int threads):
    """Set `y` to the maxima, or minima, over windows of `x`; both have four axes, the batch first.

    Windows of sizes `reach` are boxes of `slide` slices and rows, times `runs` (slice, row, first element,
    length); `shown` for each axis the element that every position of the padded axis shows, or -1 for
    `around`; `before` the padding before rows.
    """
    cdef Work w
    cdef int i
    cdef Py_ssize_t rows
    if not y.size:
        return
    tables = [np.ascontiguousarray(a, np.intp) for a in (*shown, runs)]
    cdef cnp.ndarray value = np.array([around]).astype(x.dtype)
    memset(&w, 0, sizeof(w))
    w.fold = extremum_kernels(minimum)[NUMBERS[x.dtype.char]]
    w.item = x.itemsize
    memcpy(w.around, cnp.PyArray_DATA(value), w.item)
    w.x, w.y = cnp.PyArray_BYTES(x), cnp.PyArray_BYTES(y)
    for i in range(4):
        w.x_step[i], w.y_step[i] = x.strides[i], y.strides[i]
        w.size[i], w.input[i] = y.shape[i], x.shape[i]
    for i in range(3):
        w.reach[i] = reach[i]
        w.shown[i] = <const Py_ssize_t*> cnp.PyArray_DATA(tables[i])
    w.slide[0], w.slide[1] = slide
    w.runs = <const Py_ssize_t*> cnp.PyArray_DATA(tables[3])
    w.count = len(runs)
    w.before = before
    w.columns = min(w.size[3], max(WIDE // w.item, 2 * w.reach[2]))
    w.pitch = ((w.columns + w.reach[2] - 1) * w.item + 63) // 64 * 64 + 64
    rows = BOX // (w.reach[0] * w.pitch) - w.reach[1] + 1
    w.rows = min(w.size[2], max(rows, 2 * w.reach[1]))
    while w.rows > 2 * w.reach[1] + 4 and w.size[0] * w.size[1] * tile_count(w.size[2], w.rows) * tile_count(w.size[3], w.columns) < 2 * threads:
        w.rows = (w.rows + 1) // 2
    w.height = w.rows + w.reach[1] - 1
    w.box = w.reach[0] * w.height * w.pitch
    w.across, w.down = tile_count(w.size[3], w.columns), tile_count(w.size[2], w.rows)
    w.scratch_bytes = w.box + w.rows * w.columns * w.item + 128
    cdef Scratch scratch = acquire(threads * w.scratch_bytes)
    w.scratch = scratch.data
    with nogil:
        share(_block, &w, w.size[0] * w.size[1] * w.across * w.down, threads)


cdef void _block(const void* work, Py_ssize_t task, int thread) noexcept nogil:
    """One task: some rows of one slice."""
    cdef const Work* w = <const Work*> work
    cdef char* box = w.scratch + thread * w.scratch_bytes
    cdef char* out = box + w.box
    cdef Py_ssize_t column = task % w.across * w.columns, rest = task // w.across
    cdef Py_ssize_t row = rest % w.down * w.rows
    cdef Py_ssize_t n = rest // w.down // w.size[1], slice_ = rest // w.down % w.size[1]
    cdef Py_ssize_t columns = min(w.columns, w.size[3] - column), rows = min(w.rows, w.size[2] - row)
    cdef Py_ssize_t d, r, i, source, length = 1, bytes = columns * w.item
    cdef const char* x
    cdef const char* from_
    cdef const Py_ssize_t* run
    cdef bint begun = False, direct = w.y_step[3] == w.item
    for d in range(w.reach[0]):
        for r in range(rows + w.reach[1] - 1):
            x = NULL
            source = w.shown[0][slice_ + d]
            if source >= 0:
                x = w.x + n * w.x_step[0] + source * w.x_step[1]
                source = w.shown[1][row + r]
                x = x + source * w.x_step[2] if source >= 0 else NULL
            _line(w, x, column, columns + w.reach[2] - 1, box + (d * w.height + r) * w.pitch)
    cdef Py_ssize_t all_ = w.box // w.item
    _slide(w, box, all_, w.height * w.pitch, 1, w.slide[0])
    _slide(w, box, all_, w.pitch, 1, w.slide[1])
    cdef char* y = w.y + n * w.y_step[0] + slice_ * w.y_step[1] + row * w.y_step[2] + column * w.y_step[3]
    for i in range(w.count):
        run = w.runs + 4 * i
        if run[3] > length:
            _slide(w, box, all_, w.item, length, run[3])
            length = run[3]
        for r in range(rows):
            from_ = box + (run[0] * w.height + run[1] + r) * w.pitch + run[2] * w.item
            if i + 1 == w.count and not begun and direct:
                memcpy(y + r * w.y_step[2], from_, bytes)
            elif begun:
                w.fold(out + r * bytes, from_, columns)
            else:
                memcpy(out + r * bytes, from_, bytes)
        begun = True
    if w.count == 1 and direct:
        return
    for r in range(rows):
        _store(w, out + r * bytes, y + r * w.y_step[2], columns)


cdef void _slide(const Work* w, char* x, Py_ssize_t n, Py_ssize_t step, Py_ssize_t length, Py_ssize_t wanted) noexcept nogil:
    """From extrema of `length` numbers, `step` bytes apart, in all `n` places to those of `wanted`."""
    cdef Py_ssize_t more
    while length < wanted:
        more = min(length, wanted - length)
        n -= more * step // w.item
        w.fold(x, x + more * step, n)
        length += more


cdef void _line(const Work* w, const char* x, Py_ssize_t start, Py_ssize_t width, char* to) noexcept nogil:
    """`width` positions of a padded row from `start` on; of a row that is not there, without an `x`."""
    cdef const Py_ssize_t* shown = w.shown[2] + start
    cdef Py_ssize_t i = 0, begin = max(w.before - start, <Py_ssize_t> 0)
    cdef Py_ssize_t end = min(w.before + w.input[3] - start, width)
    while i < width:
        if x != NULL and begin <= i < end:
            _load(w, x + shown[i] * w.x_step[3], to + i * w.item, end - i)
            i = end
        else:
            memcpy(to + i * w.item, x + shown[i] * w.x_step[3] if x != NULL and shown[i] >= 0 else w.around, w.item)
            i += 1


cdef void _load(const Work* w, const char* x, char* to, Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t i
    if w.x_step[3] == w.item:
        memcpy(to, x, count * w.item)
        return
    for i in range(count):
        memcpy(to + i * w.item, x + i * w.x_step[3], w.item)


cdef void _store(const Work* w, const char* row, char* y, Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t i
    if w.y_step[3] == w.item:
        memcpy(y, row, count * w.item)
        return
    for i in range(count):
        memcpy(y + i * w.y_step[3], row + i * w.item, w.item)
