"""Sums in float64, in SciPy's order and so with its results to the last bit, of arrays of any dtype.

Results that are integers are cut off, and 9.999... is 9: they are SciPy's only if the sums are. A task
brings a box of its inputs, with what the border shows, to float64; what it stores is of the result's dtype.
Whole numbers of 8 and 16 bits with whole weights may be summed modulo 2**16 instead, many at a time.
"""

import numpy as np

cimport numpy as cnp
from libc.string cimport memcpy, memmove, memset

from fastconv._algorithms._direct cimport tile_count
from fastconv._core.arena cimport Scratch, acquire
from fastconv._core.team cimport share
from fastconv._kernels.table cimport fc_ordered, fc_ordered_kernels, fc_transpose_kernel, kernels, ordered_kernels

cnp.import_array()

cdef enum:
    WIDE = 512            # outputs of a task's rows, but where kernels have many rows
    NARROW = 128
    MANY = 32             # such as these
    BOX = 192 << 10       # bytes of a box, about
    LINES = 64            # that have their means taken together
    STEPS = 256           # means between two looks at the input, at least

_names = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64")
# Their numbers in tables of kernels, by the characters of NumPy's dtypes.
NUMBERS = {char: _names.index(np.dtype(char).name) for char in "bBhHiIlLqQfd"}


cdef struct Work:
    const fc_ordered_kernels* k
    int from_, to                        # numbers of dtypes
    const char* x
    char* y
    Py_ssize_t x_step[4]                 # bytes: batch, slices, rows, elements
    Py_ssize_t y_step[4]
    Py_ssize_t size[4], input[4]         # of the output, of the input
    Py_ssize_t kernel[3]
    const Py_ssize_t* shown[3]           # which input every position shows; -1 for `around`
    Py_ssize_t before                    # positions before the first input of a row
    char around[8]
    Py_ssize_t item                      # bytes of a number on the way
    Py_ssize_t rows, columns, across, down
    Py_ssize_t height, pitch, box        # of a box: rows of a slice, elements from row to row, and in all
    Py_ssize_t line                      # elements from line to line, before they become columns
    fc_transpose_kernel transpose
    const Py_ssize_t* first              # three offsets for every term
    const Py_ssize_t* second
    const char* weights
    Py_ssize_t terms
    int pairs
    char* scratch
    Py_ssize_t scratch_bytes


def correlate(cnp.ndarray x, cnp.ndarray y, kernel, shown, before, first, second, weights, int pairs, around,
              bint modular, int threads):
    """Sums of terms ``weight * x[at first]``, or ``weight * (x[at first] +- x[at second])`` for all but the
    first, for `pairs` of 1 and -1; `x` and `y` have four axes, the batch first.

    `kernel` are the sizes of a window, `first` and `second` offsets in it, `shown` for each axis the element
    that every position of the padded axis shows, or -1 for `around`; `before` the padding before rows.
    With `modular` arithmetic is modulo 2**16, of dtypes and weights that allow it.
    """
    cdef Work w
    cdef int i
    cdef Py_ssize_t rows
    if not y.size:
        return
    tables = [np.ascontiguousarray(a, np.intp) for a in (*shown, first, second)]
    # Whole numbers wrap on their way to 16 bits; of floats that would be undefined.
    wide, dtype = (np.int64, np.int16) if modular else (np.float64, np.float64)
    cdef cnp.ndarray taps = np.ascontiguousarray(weights, wide).astype(dtype)
    cdef cnp.ndarray value = np.array([around]).astype(wide).astype(dtype)
    memset(&w, 0, sizeof(w))
    _operands(&w, x, y, modular)
    for i in range(3):
        w.kernel[i] = kernel[i]
        w.shown[i] = <const Py_ssize_t*> cnp.PyArray_DATA(tables[i])
    w.first = <const Py_ssize_t*> cnp.PyArray_DATA(tables[3])
    w.second = <const Py_ssize_t*> cnp.PyArray_DATA(tables[4])
    w.weights = <const char*> cnp.PyArray_DATA(taps)
    w.terms = taps.size
    w.pairs = pairs
    w.before = before
    memcpy(w.around, cnp.PyArray_DATA(value), w.item)
    w.columns = min(w.size[3], (WIDE if w.kernel[0] * w.kernel[1] <= MANY else NARROW) * (8 // w.item))
    w.pitch = _whole(w.columns, w.k.block) + w.kernel[2] - 1
    w.pitch = _whole(w.pitch * w.item, 64) // w.item + 64 // w.item  # lines of a cache, but no power of two of them
    rows = BOX // (w.kernel[0] * w.pitch * w.item) - w.kernel[1] + 1
    w.rows = min(w.size[2], max(rows, w.kernel[1]))
    while w.rows > max(8, w.kernel[1]) and w.size[0] * w.size[1] * tile_count(w.size[2], w.rows) * tile_count(w.size[3], w.columns) < 2 * threads:
        w.rows = (w.rows + 1) // 2
    w.height = w.rows + w.kernel[1] - 1
    w.box = w.kernel[0] * w.height * w.pitch
    w.across, w.down = tile_count(w.size[3], w.columns), tile_count(w.size[2], w.rows)
    w.scratch_bytes = _whole((w.box + _whole(w.columns, w.k.block)) * w.item + (2 * w.terms + 64) * sizeof(void*), 64)
    cdef Scratch scratch = acquire(threads * w.scratch_bytes)
    w.scratch = scratch.data
    with nogil:
        share(_sums, &w, w.size[0] * w.size[1] * w.across * w.down, threads)


def means(cnp.ndarray x, cnp.ndarray y, shown, Py_ssize_t before, Py_ssize_t size, around, int threads):
    """Means of `size` neighbours along the middle one of three axes."""
    cdef Work w
    cdef cnp.ndarray table = np.ascontiguousarray(shown, np.intp)
    if not y.size:
        return
    memset(&w, 0, sizeof(w))
    _operands(&w, x[:, None], y[:, None], False)
    w.shown[1] = <const Py_ssize_t*> cnp.PyArray_DATA(table)
    w.before = before
    w.kernel[1] = size
    (<double*> w.around)[0] = around
    # Lanes are neighbours in memory; where there are too few, they are lines.
    w.down = w.size[3] < w.k.block
    lines = w.size[0] if w.down else w.size[3]
    w.columns = min(<Py_ssize_t> (LINES // 2 if w.down else LINES), _whole(tile_count(lines, threads), w.k.block))
    if size > 1 << 14:
        w.columns = w.k.block
    w.pitch = w.columns + 8
    w.rows = min(w.size[2], max(<Py_ssize_t> STEPS, size))
    w.across = tile_count(lines, w.columns)
    w.box = (w.rows + size) * w.pitch
    w.line = (w.rows + size + 7) // 8 * 8 + 8
    w.transpose = kernels(1).transpose
    w.scratch_bytes = (w.box + 2 * w.columns + (w.columns * w.line if w.down else 0) + 64) * 8
    cdef Scratch scratch = acquire(threads * w.scratch_bytes)
    w.scratch = scratch.data
    with nogil:
        share(_means, &w, w.across * (w.size[3] if w.down else w.size[0]), threads)


cdef int _operands(Work* w, cnp.ndarray x, cnp.ndarray y, bint modular) except -1:
    cdef int i
    w.k = ordered_kernels(modular)
    w.item = 2 if modular else 8
    w.from_ = NUMBERS[x.dtype.char]
    w.to = NUMBERS[y.dtype.char]
    w.x = cnp.PyArray_BYTES(x)
    w.y = cnp.PyArray_BYTES(y)
    for i in range(4):
        w.x_step[i], w.y_step[i] = x.strides[i], y.strides[i]
        w.size[i], w.input[i] = y.shape[i], x.shape[i]
    return 0


cdef inline Py_ssize_t _whole(Py_ssize_t n, Py_ssize_t part) noexcept nogil:
    return tile_count(n, part) * part


cdef void _sums(const void* work, Py_ssize_t task, int thread) noexcept nogil:
    """One task of `correlate`: some rows of one slice."""
    cdef const Work* w = <const Work*> work
    cdef char* box = w.scratch + thread * w.scratch_bytes
    cdef char* out = box + w.box * w.item
    # Pointers stand where they are aligned.
    cdef const void** first = <const void**> (w.scratch + (thread + 1) * w.scratch_bytes - 2 * w.terms * sizeof(void*))
    cdef const void** second = first + w.terms
    cdef Py_ssize_t column = task % w.across * w.columns, rest = task // w.across
    cdef Py_ssize_t row = rest % w.down * w.rows
    cdef Py_ssize_t n = rest // w.down // w.size[1], slice_ = rest // w.down % w.size[1]
    cdef Py_ssize_t columns = min(w.columns, w.size[3] - column), rows = min(w.rows, w.size[2] - row)
    cdef Py_ssize_t d, r, t, source, width = columns + w.kernel[2] - 1
    cdef const char* x
    cdef const Py_ssize_t* at
    for d in range(w.kernel[0]):
        for r in range(rows + w.kernel[1] - 1):
            x = NULL
            source = w.shown[0][slice_ + d]
            if source >= 0:
                x = w.x + n * w.x_step[0] + source * w.x_step[1]
                source = w.shown[1][row + r]
                x = x + source * w.x_step[2] if source >= 0 else NULL
            _line(w, x, column, width, box + (d * w.height + r) * w.pitch * w.item)
    cdef fc_ordered o
    o.out, o.n, o.first, o.second = out, columns, first, second
    o.weights, o.terms, o.pairs = w.weights, w.terms, w.pairs
    cdef char* y = w.y + n * w.y_step[0] + slice_ * w.y_step[1] + column * w.y_step[3]
    for r in range(rows):
        for t in range(w.terms):
            at = w.first + 3 * t
            first[t] = box + ((at[0] * w.height + at[1] + r) * w.pitch + at[2]) * w.item
            if w.pairs:
                at = w.second + 3 * t
                second[t] = box + ((at[0] * w.height + at[1] + r) * w.pitch + at[2]) * w.item
        w.k.sum(&o)
        w.k.store[w.to](out, y + (row + r) * w.y_step[2], w.y_step[3], columns)


cdef void _line(const Work* w, const char* x, Py_ssize_t start, Py_ssize_t width, char* to) noexcept nogil:
    """`width` positions of a padded row from `start` on; of a row that is not there, without an `x`."""
    cdef const Py_ssize_t* shown = w.shown[2] + start
    cdef Py_ssize_t i = 0, begin = max(w.before - start, <Py_ssize_t> 0)
    cdef Py_ssize_t end = min(w.before + w.input[3] - start, width)
    while i < width:
        if x != NULL and begin <= i < end:
            w.k.load[w.from_](x + shown[i] * w.x_step[3], w.x_step[3], to + i * w.item, end - i)
            i = end
        elif x != NULL and shown[i] >= 0:
            w.k.load[w.from_](x + shown[i] * w.x_step[3], w.x_step[3], to + i * w.item, 1)
            i += 1
        else:
            memcpy(to + i * w.item, w.around, w.item)
            i += 1


cdef void _means(const void* work, Py_ssize_t task, int thread) noexcept nogil:
    """One task of `means`: lines side by side, from end to end."""
    cdef const Work* w = <const Work*> work
    cdef double* sums = <double*> (w.scratch + thread * w.scratch_bytes)
    cdef double* first = sums + w.columns
    cdef double* box = first + w.columns
    cdef double* lines = box + w.box
    cdef Py_ssize_t size = w.kernel[1], length = w.size[2], pitch = w.pitch
    cdef Py_ssize_t lane = task % w.across * w.columns, other = task // w.across
    cdef Py_ssize_t lanes = min(w.columns, (w.size[0] if w.down else w.size[3]) - lane)
    cdef Py_ssize_t wide = _whole(lanes, w.k.block)
    cdef Py_ssize_t i, start, steps
    cdef const char* x = w.x
    cdef char* y = w.y
    if w.down:
        x += lane * w.x_step[0] + other * w.x_step[3]
        y += lane * w.y_step[0] + other * w.y_step[3]
    else:
        x += other * w.x_step[0] + lane * w.x_step[3]
        y += other * w.y_step[0] + lane * w.y_step[3]
    memset(sums, 0, w.columns * sizeof(double))
    if lanes < wide:  # no lane without a line meets what slows it down
        memset(box, 0, w.box * sizeof(double))
    _positions(w, x, 0, size, lanes, box, lines)
    for start in range(size):
        for i in range(wide):
            sums[i] += box[start * pitch + i]
    for i in range(wide):
        first[i] = sums[i] / size
    _store(w, first, 0, 1, lanes, y, lines)
    start = 1
    while start < length:
        # Row 0 is the position that the first of these means leaves behind; the others are its window's.
        steps = min(w.rows, length - start)
        _positions(w, x, start - 1 + size, steps, lanes, box + size * pitch, lines)
        w.k.means(sums, box + pitch, steps, pitch, wide, size)
        _store(w, box, start, steps, lanes, y, lines)
        memmove(box, box + steps * pitch, size * pitch * sizeof(double))
        start += steps


cdef void _positions(const Work* w, const char* x, Py_ssize_t start, Py_ssize_t count, Py_ssize_t lanes, double* to,
                     double* lines) noexcept nogil:
    """`count` positions from `start` on of every line, each to a row."""
    cdef const Py_ssize_t* shown = w.shown[1] + start
    cdef Py_ssize_t i, j, begin, end
    cdef double* line
    cdef const char* from_
    if not w.down:
        for i in range(count):
            if shown[i] >= 0:
                w.k.load[w.from_](x + shown[i] * w.x_step[2], w.x_step[3], to + i * w.pitch, lanes)
            else:
                for j in range(lanes):
                    to[i * w.pitch + j] = (<const double*> w.around)[0]
        return
    # Line by line, and then the other way round.
    begin = min(max(w.before - start, <Py_ssize_t> 0), count)
    end = max(min(w.before + w.input[2] - start, count), begin)
    for j in range(lanes):
        line = lines + j * w.line
        from_ = x + j * w.x_step[0]
        if begin < end:
            w.k.load[w.from_](from_ + shown[begin] * w.x_step[2], w.x_step[2], line + begin, end - begin)
        i = 0 if begin else end
        while i < count:
            if shown[i] >= 0:
                w.k.load[w.from_](from_ + shown[i] * w.x_step[2], w.x_step[2], line + i, 1)
            else:
                line[i] = (<const double*> w.around)[0]
            i = end if i + 1 == begin else i + 1
    w.transpose(<char*> lines, w.line * 8, <char*> to, w.pitch * 8, lanes, count, 1)


cdef void _store(const Work* w, const double* rows, Py_ssize_t start, Py_ssize_t count, Py_ssize_t lanes, char* y,
                 double* lines) noexcept nogil:
    """Rows of means to the positions from `start` on."""
    cdef Py_ssize_t i, j
    if not w.down:
        for i in range(count):
            w.k.store[w.to](rows + i * w.pitch, y + (start + i) * w.y_step[2], w.y_step[3], lanes)
        return
    w.transpose(<const char*> rows, w.pitch * 8, <char*> lines, w.line * 8, count, lanes, 1)
    for j in range(lanes):
        w.k.store[w.to](lines + j * w.line, y + j * w.y_step[0] + start * w.y_step[2], w.y_step[2], count)
