# Pooling of large windows, rows first, then columns. Along each axis a sliding window takes a number of
# operations that grows with the logarithm of its size (`slide` of the kernel table), so that a maximum over
# 301x301 costs little more than one over 31x31. A task is a block of outputs of one image: its input
# rows, padded, are folded along the row; what is left is cut into strips that stay in a cache, and folded
# along the columns.

import numpy as np

cimport numpy as cnp
from libc.math cimport INFINITY

from fastconv._algorithms._direct cimport tile_count
from fastconv._core.arena cimport Scratch, acquire
from fastconv._core.geometry cimport Geometry, View, canonical, view_of
from fastconv._core.team cimport share
from fastconv._core.windows cimport counted, counted_columns, end
from fastconv._kernels.table cimport FC_MAX, FC_SUM, fc_kernels, kernels

cnp.import_array()

name = "direct_pool_slides"
kinds = ("max_pool", "avg_pool")
local = True

cdef enum:
    STRIP = 64             # elements of a row that are folded along the columns together
    LINE = 4096            # outputs of a task's rows, about
    FEWEST_ROWS = 64       # outputs of a task's columns, if there are so many
    SLACK = 64             # elements behind a buffer that vectors may touch
    TASKS_PER_THREAD = 2

MOST_BYTES = 64 << 20      # of a thread's scratch


# What tasks work on; counts are elements.
cdef struct Work:
    Geometry g
    const fc_kernels* k
    View x, y
    Py_ssize_t limit[3]            # where the input ends, maybe cropped
    int op
    bint last, include_pad
    Py_ssize_t size, divisor
    Py_ssize_t unit                # neighbours that share a window: channels, or one
    Py_ssize_t columns, rows       # outputs of a task
    Py_ssize_t across, down        # tasks along each axis
    const char* counts             # of averages: how many taps of each element of an output's row count
    Py_ssize_t planes              # images, or planes of images
    Py_ssize_t line, folded, strips, stack, column  # of scratch: a padded row, and folded; the strips; one
    char* scratch
    Py_ssize_t scratch_bytes       # of a thread


def supports(problem):
    if problem.dtype not in ("float32", "float64"):
        return f"has no kernels for {problem.dtype}"
    if problem.ndim == 3 and problem.kernel[0] > 1:
        return "is for windows in rows and columns"
    if problem.adaptive:
        return "is for windows of one size"
    cdef Slides state = Slides(problem)
    cdef Work w = state.work
    state.lay_out(&w, 1)
    if w.scratch_bytes > MOST_BYTES:
        return f"would take {w.scratch_bytes} bytes of scratch"
    return None


def estimate(problem, machine, prepacked):
    cdef Slides state = Slides(problem)
    cdef Work w = state.work
    state.lay_out(&w, machine.threads)
    cdef const Geometry* g = &w.g
    cdef Py_ssize_t tasks = w.planes * w.across * w.down
    cdef Py_ssize_t rows = (w.rows - 1) * g.stride[1] + (g.kernel[1] - 1) * g.dilation[1] + 1
    # Passes over a row and over the columns, and the copies between them.
    passes = [2 * int(n).bit_length() + 2 for n in (g.kernel[2], g.kernel[1])]
    work = rows * w.line * passes[0] + rows * w.columns * w.unit * passes[1]
    return machine.seconds(name, loads=tasks * work / state.k.lanes, rows=tasks * rows, elements=problem.elements)


def workspace(problem, threads):
    cdef Slides state = Slides(problem)
    cdef Work w = state.work
    state.lay_out(&w, threads)
    return threads * w.scratch_bytes


def compile(problem):
    cdef Slides state = Slides(problem)
    if state.work.op == FC_SUM and not state.work.divisor:
        counts = counted_columns(&state.work.g, state.work.include_pad)
        state.counts = np.repeat(counts.astype(problem.dtype), state.work.unit)
    return state


def prepare(state, weight, threads):
    return None


def run(Slides state, packed, inputs, outputs, int threads):
    (x,), y = inputs, outputs[0]
    if not y.size:
        return
    cdef Work w = state.work
    w.x = view_of(x, state.last)
    w.y = view_of(y, state.last)
    state.lay_out(&w, threads)
    cdef Scratch scratch = acquire(threads * w.scratch_bytes)
    w.scratch = scratch.data
    if w.op == FC_SUM and not w.divisor:
        w.counts = <const char*> cnp.PyArray_DATA(state.counts)
    with nogil:
        share(_block, &w, w.planes * w.across * w.down, threads)


cdef class Slides:
    """A problem in C."""

    cdef Work work          # without the arrays
    cdef const fc_kernels* k
    cdef bint last
    cdef object counts      # of averages

    def __init__(self, problem):
        cdef Work* w = &self.work
        cdef int i
        self.last = w.last = problem.layout == "channels_last"
        w.g = canonical(problem)
        for i in range(3):
            w.limit[i] = max(end(&w.g, i), <Py_ssize_t> 0)
        w.op = FC_SUM if problem.kind == "avg_pool" else FC_MAX
        w.size = 8 if problem.dtype == "float64" else 4
        w.include_pad = problem.count_include_pad
        w.divisor = problem.divisor
        w.unit = max(w.g.in_channels, <Py_ssize_t> 1) if w.last else 1
        w.planes = w.g.batch * w.g.output[0] * (1 if w.last else w.g.in_channels)
        w.k = self.k = kernels(1 if w.size == 8 else 0)
        w.counts = NULL

    cdef void lay_out(self, Work* w, int threads) noexcept:
        """Blocks of outputs, and where their inputs lie on the way."""
        cdef const Geometry* g = &w.g
        cdef Py_ssize_t reach[3]
        # Neighbouring blocks see the same inputs, about as many as half a window: blocks are larger.
        w.columns = min(g.output[2], max(LINE // w.unit, 2 * g.kernel[2] * g.dilation[2] // g.stride[2] + 1))
        w.rows = min(g.output[1], max(<Py_ssize_t> FEWEST_ROWS, 2 * g.kernel[1] * g.dilation[1] // g.stride[1] + 1))
        while (w.planes * tile_count(g.output[2], w.columns) * tile_count(g.output[1], w.rows)
                < threads * TASKS_PER_THREAD and threads > 1):
            if w.rows > 1 and w.rows * g.stride[1] >= g.kernel[1] * g.dilation[1]:
                w.rows = (w.rows + 1) // 2
            elif w.columns > 1 and w.columns * g.stride[2] >= g.kernel[2] * g.dilation[2]:
                w.columns = (w.columns + 1) // 2
            else:
                break
        w.across = tile_count(g.output[2], w.columns)
        w.down = tile_count(g.output[1], w.rows)
        reach[1] = (w.rows - 1) * g.stride[1] + (g.kernel[1] - 1) * g.dilation[1] + 1
        reach[2] = (w.columns - 1) * g.stride[2] + (g.kernel[2] - 1) * g.dilation[2] + 1
        w.line = reach[2] * w.unit
        w.folded = ((w.columns - 1) * g.stride[2] + 1) * w.unit
        w.strips = tile_count(w.columns * w.unit, STRIP)
        w.stack = reach[1] * STRIP
        w.column = ((w.rows - 1) * g.stride[1] + 1) * STRIP
        w.scratch_bytes = (w.line + w.folded + w.strips * w.stack + w.column + 4 * SLACK) * w.size
        w.scratch_bytes = (w.scratch_bytes + 4095) // 4096 * 4096


cdef void _block(const void* work, Py_ssize_t task, int thread) noexcept nogil:
    """One block of outputs."""
    cdef const Work* w = <const Work*> work
    cdef const Geometry* g = &w.g
    cdef Py_ssize_t column = task % w.across * w.columns, row = task // w.across % w.down * w.rows
    cdef Py_ssize_t plane = task // w.across // w.down, d = plane % g.output[0], n = plane // g.output[0], c = 0
    cdef Py_ssize_t columns = min(w.columns, g.output[2] - column), rows = min(w.rows, g.output[1] - row)
    cdef Py_ssize_t reach = (rows - 1) * g.stride[1] + (g.kernel[1] - 1) * g.dilation[1] + 1
    cdef Py_ssize_t size = w.size, i, strip, at, slice = d * g.stride[0] - g.pad[0], wide, r
    cdef double area
    cdef char* line = w.scratch + thread * w.scratch_bytes
    cdef char* folded = line + (w.line + SLACK) * size
    cdef char* stack = folded + (w.folded + SLACK) * size
    cdef char* sums = stack + (w.strips * w.stack + SLACK) * size
    cdef char* result
    cdef const char* source = NULL
    cdef char* target
    if not w.last:
        c = n % g.in_channels
        n //= g.in_channels
    for i in range(reach):
        at = row * g.stride[1] - g.pad[1] + i
        source = NULL
        if 0 <= at < w.limit[1] and 0 <= slice < w.limit[0]:
            source = w.x.data + n * w.x.batch + c * w.x.channel + slice * w.x.axis[0] + at * w.x.axis[1]
        if source == NULL:
            _fill(w, folded, w.folded)
        else:
            _see_line(w, source, column, columns, line)
            w.k.slide[w.op](folded, line, ((columns - 1) * g.stride[2] + 1) * w.unit, g.kernel[2],
                            g.dilation[2] * w.unit)
        _to_strips(w, folded, columns, stack + i * STRIP * size)
    target = (w.y.data + n * w.y.batch + c * w.y.channel + d * w.y.axis[0] + row * w.y.axis[1]
              + column * w.y.axis[2])
    for strip in range(tile_count(columns * w.unit, STRIP)):
        wide = min(<Py_ssize_t> STRIP, columns * w.unit - strip * STRIP)
        w.k.slide[w.op](sums, stack + strip * w.stack * size, ((rows - 1) * g.stride[1] + 1) * STRIP,
                        g.kernel[1], g.dilation[1] * STRIP)
        for r in range(rows):
            result = sums + r * g.stride[1] * STRIP * size
            if w.op == FC_SUM:
                area = w.divisor
                if not w.divisor:
                    area = max(1, counted(g, w.include_pad, 0, d) * counted(g, w.include_pad, 1, row + r))
                _divide(w, result, area, column * w.unit + strip * STRIP, wide)
            _store(w, result, target + r * w.y.axis[1], strip * STRIP, wide)


cdef void _see_line(const Work* w, const char* source, Py_ssize_t column, Py_ssize_t columns,
                    char* line) noexcept nogil:
    """The inputs of a row that some windows see, with their padding."""
    cdef const Geometry* g = &w.g
    cdef Py_ssize_t first = column * g.stride[2] - g.pad[2]
    cdef Py_ssize_t reach = (columns - 1) * g.stride[2] + (g.kernel[2] - 1) * g.dilation[2] + 1
    cdef Py_ssize_t before = min(max(-first, <Py_ssize_t> 0), reach)
    cdef Py_ssize_t seen = max(min(reach, w.limit[2] - first) - before, <Py_ssize_t> 0)
    cdef Py_ssize_t size = w.size, pixel = w.unit * size
    _fill(w, line, before * w.unit)
    source += (first + before) * w.x.axis[2]
    if not w.last and w.x.axis[2] != size:
        _gather(source, w.x.axis[2], line + before * size, seen, size)
    elif not w.last:
        w.k.copy(source, 0, line + before * size, 0, 1, seen, 1)
    elif w.x.channel == size and w.x.axis[2] == pixel:
        w.k.copy(source, 0, line + before * pixel, 0, 1, seen * w.unit, 1)
    else:
        _gather_pixels(w, source, line + before * pixel, seen)
    _fill(w, line + (before + seen) * pixel, (reach - before - seen) * w.unit)


cdef void _gather(const char* source, Py_ssize_t step, char* to, Py_ssize_t count, Py_ssize_t size) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(count):
        if size == 4:
            (<float*> to)[i] = (<const float*> (source + i * step))[0]
        else:
            (<double*> to)[i] = (<const double*> (source + i * step))[0]


cdef void _gather_pixels(const Work* w, const char* source, char* to, Py_ssize_t pixels) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(pixels):
        _gather(source + i * w.x.axis[2], w.x.channel, to + i * w.unit * w.size, w.unit, w.size)


cdef void _to_strips(const Work* w, const char* folded, Py_ssize_t columns, char* to) noexcept nogil:
    """One folded row, by its stride, to its place in every strip."""
    cdef Py_ssize_t step = w.g.stride[2], size = w.size, strip, wide, i, total = columns * w.unit, e
    for strip in range(tile_count(total, STRIP)):
        wide = min(<Py_ssize_t> STRIP, total - strip * STRIP)
        if step == 1:
            w.k.copy(folded + strip * STRIP * size, 0, to, 0, 1, wide, 1)
        elif w.unit == 1:
            w.k.copy(folded + strip * STRIP * step * size, 0, to, 0, 1, wide, step)
        else:
            for i in range(wide):
                e = strip * STRIP + i
                e = e // w.unit * step * w.unit + e % w.unit
                if size == 4:
                    (<float*> to)[i] = (<const float*> folded)[e]
                else:
                    (<double*> to)[i] = (<const double*> folded)[e]
        _fill(w, to + wide * size, STRIP - wide)
        to += w.stack * size


cdef void _store(const Work* w, const char* result, char* to, Py_ssize_t first, Py_ssize_t count) noexcept nogil:
    """A piece of a row of outputs, from element `first` on."""
    cdef Py_ssize_t i, size = w.size, step = w.y.channel if w.last else w.y.axis[2]
    if w.last and (step != size or w.y.axis[2] != w.unit * size):
        for i in range(count):
            _put(result + i * size, to + (first + i) // w.unit * w.y.axis[2] + (first + i) % w.unit * step, size)
    elif step != size:
        for i in range(count):
            _put(result + i * size, to + (first + i) * step, size)
    else:
        w.k.copy(result, 0, to + first * size, 0, 1, count, 1)


cdef inline void _put(const char* value, char* to, Py_ssize_t size) noexcept nogil:
    if size == 4:
        (<float*> to)[0] = (<const float*> value)[0]
    else:
        (<double*> to)[0] = (<const double*> value)[0]


cdef void _divide(const Work* w, char* sums, double area, Py_ssize_t first, Py_ssize_t count) noexcept nogil:
    """Sums of a piece of a row, from element `first` on, by how many taps count."""
    cdef const char* columns = NULL
    if not w.divisor:
        columns = w.counts + first * w.size
    w.k.divide(sums, columns, area, count)


cdef void _fill(const Work* w, char* to, Py_ssize_t count) noexcept nogil:
    """What never wins, or adds nothing."""
    cdef Py_ssize_t i
    cdef double neutral = 0 if w.op == FC_SUM else -INFINITY
    for i in range(count):
        if w.size == 4:
            (<float*> to)[i] = <float> neutral
        else:
            (<double*> to)[i] = neutral
