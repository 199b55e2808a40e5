# Convolution of single planes by kernels that are outer products of a column and a row: down the
# columns first, then along the rows. Blocks of columns are swept downwards, strip by strip of rows;
# the rows that the next strip sees too stay in a copy that is near, where their distance is favourable.
# Sums down the columns serve four taps with every load; those along rows do so as well, with the
# strip's rows in lanes, where they have many taps.

from math import prod

import numpy as np

cimport numpy as cnp
from libc.string cimport memmove, memset

from fastconv._algorithms._direct import supports as _supports
from fastconv._algorithms._boxes cimport part_start
from fastconv._algorithms._direct cimport Direct, tile_count
from fastconv._algorithms._packing cimport copy_elements, fill, pack_row
from fastconv._core.arena cimport Scratch, acquire
from fastconv._core.arrays import contiguous
from fastconv._core.geometry cimport Geometry, View, canonical, shown, view_of
from fastconv._core.team cimport share
from fastconv._kernels.table cimport FC_SIGNALS, fc_kernels, fc_signal, fc_tile

cnp.import_array()

name = "separable"
kinds = ("separable",)
local = True

cdef enum:
    PARTS = 4          # of the kernels' least rows: those of a strip
    PIECE = 320        # columns of outputs that are summed up at a time, a multiple of all kernels' rows
    MOST_PIECES = 4    # of that, for many taps
    BLOCK = 2560       # columns of outputs of a task: long rows come faster from memory
    STRIPS_COPIED = 1  # at a time, beside the rows that the next ones see too
    LEAST_STRIPS = 4   # of a task
    TASKS_PER_THREAD = 4
    SHORT = 12         # taps of a row that are added up with neighbours in lanes
    LONGEST = 4096     # taps and steps along an axis
    MOST_BYTES = 16 << 20  # of rows that are held


# How one problem runs.
cdef struct Layout:
    Geometry g
    Py_ssize_t size, lanes
    bint turned                # rows become lanes for the sums along them
    Py_ssize_t rows            # of a strip
    Py_ssize_t strips          # of a plane
    Py_ssize_t block, piece    # columns of outputs of a task, and of these at a time
    Py_ssize_t blocks, parts   # tasks across a plane, and down
    Py_ssize_t seen, held      # input rows that a strip sees, that are held
    Py_ssize_t width           # input columns that a piece sees
    Py_ssize_t line, sum_line  # bytes from row to row of what is copied, of sums
    Py_ssize_t copy, sums, turned_sums, results  # bytes of inputs, sums down columns, these in lanes, outputs
    bint relu


cdef struct Operands:
    const Layout* plan
    const fc_kernels* k
    View x
    View y
    const char* columns        # (filters, kernel height)
    const char* rows           # (filters, kernel width)
    const char* bias
    Py_ssize_t* tables         # of runs: of columns, of rows, one row's taps
    char* scratch              # of all threads


def supports(problem):
    reason = _supports(problem)
    if reason is None and problem.in_channels != problem.groups:
        reason = "is for filters of one channel: groups = in_channels"
    if reason is None and prod(problem.kernel[:-2]) * prod(problem.dilation) != 1:
        reason = "is for planes, without dilation"
    if reason is None and max(*problem.kernel, *problem.stride[-2:]) > LONGEST:
        reason = f"is for kernels and strides of at most {LONGEST} elements along an axis"
    if reason is None and Separable(problem).bytes() > MOST_BYTES:
        reason = f"would hold {Separable(problem).bytes()} bytes of rows"
    return reason


def estimate(problem, machine, prepacked):
    cdef Separable state = Separable(problem)
    cdef Layout plan = state.lay_out(machine.threads)
    planes = problem.batch * problem.out_channels * plan.g.output[0]
    strips = planes * plan.strips
    columns = plan.rows * tile_count(plan.g.output[2], plan.piece) * plan.width
    outputs = plan.rows * plan.g.output[2]
    return machine.seconds(
        name,
        flops=2 * strips * (columns * plan.g.kernel[1] + outputs * plan.g.kernel[2]),
        moved=strips * (columns + outputs) * (1 if plan.turned else 0),
        loads=strips * outputs * plan.g.kernel[2] // plan.lanes * (0 if plan.turned else 1),
        elements=problem.elements,
        boxes=strips * tile_count(plan.g.output[2], plan.piece),
    )


def workspace(problem, threads):
    cdef Separable state = Separable(problem)
    cdef Layout plan = state.lay_out(threads)
    return _table_bytes(&plan) + threads * _thread_bytes(&plan)


def compile(problem):
    return Separable(problem)


def prepare(Separable state, weight, threads):
    """The factors of every filter: (filters, kernel height) and (filters, kernel width)."""
    columns, rows = (contiguous(factor, state.dtype) for factor in weight)
    return columns, rows


def run(Separable state, packed, inputs, outputs, threads):
    x, bias = inputs
    (y,) = outputs
    if bias is not None:
        bias = contiguous(bias, state.dtype)
    cdef cnp.ndarray columns = packed[0], rows = packed[1]
    cdef int workers = threads
    cdef Layout plan = state.lay_out(workers)
    cdef Scratch scratch = acquire(_table_bytes(&plan) + workers * _thread_bytes(&plan))
    cdef Operands o
    o.plan = &plan
    o.k = state.k
    o.x = view_of(x, state.last)
    o.y = view_of(y, state.last)
    o.columns = <const char*> cnp.PyArray_DATA(columns)
    o.rows = <const char*> cnp.PyArray_DATA(rows)
    o.bias = state.bias(bias)
    o.tables = <Py_ssize_t*> scratch.data
    o.scratch = scratch.data + _table_bytes(&plan)
    with nogil:
        _fill_tables(&plan, o.tables)
        share(_task, &o, plan.g.batch * plan.g.out_channels * plan.g.output[0] * plan.parts * plan.blocks,
              workers)


cdef class Separable(Direct):
    """A problem of planes."""

    def __init__(self, problem):
        super().__init__(problem)
        # Strides over single taps are as good as others here.
        self.g = canonical(problem)

    def bytes(self):
        """What a task copies."""
        return self.lay_out(1).copy

    cdef Layout lay_out(self, int threads) noexcept nogil:
        """Tasks for this many threads."""
        cdef Layout plan
        cdef const Geometry* g = &self.g
        cdef Py_ssize_t planes = g.batch * g.out_channels * g.output[0]
        plan.g = self.g
        plan.size = self.size
        plan.lanes = self.k.lanes
        plan.relu = self.relu
        plan.turned = g.kernel[2] > SHORT or g.stride[2] > 1
        plan.rows = PARTS * self.k.signal_rows
        plan.strips = tile_count(g.output[1], plan.rows)
        # Neighbouring pieces both sum up the columns that their windows share.
        plan.piece = PIECE * min(4 * g.kernel[2] // PIECE + 1, <Py_ssize_t> MOST_PIECES)
        plan.blocks = tile_count(g.output[2], BLOCK)
        plan.block = tile_count(tile_count(g.output[2], plan.piece), plan.blocks) * plan.piece
        plan.blocks = tile_count(g.output[2], plan.block)
        plan.parts = max(min(tile_count(threads * TASKS_PER_THREAD, planes * plan.blocks),
                             plan.strips // LEAST_STRIPS), <Py_ssize_t> 1)
        plan.seen = (plan.rows - 1) * g.stride[1] + g.kernel[1]
        plan.held = plan.seen + STRIPS_COPIED * plan.rows * g.stride[1]
        # The last tile of a block may be of more outputs than are left.
        plan.width = (plan.piece - 1) * g.stride[2] + g.kernel[2]
        plan.line = _odd_lines((min(plan.block, g.output[2]) * g.stride[2] + g.kernel[2] + plan.lanes) * plan.size)
        plan.sum_line = _odd_lines((plan.width + plan.lanes) * plan.size)
        plan.copy = _pages(plan.held * plan.line)
        plan.sums = _pages(plan.rows * plan.sum_line)
        plan.turned_sums = _pages((plan.width + plan.lanes) * plan.lanes * plan.size) if plan.turned else 0
        plan.results = _pages(plan.piece * plan.lanes * plan.size)
        return plan


cdef Py_ssize_t _pages(Py_ssize_t count) noexcept nogil:
    return (count + 4095) // 4096 * 4096


cdef Py_ssize_t _odd_lines(Py_ssize_t count) noexcept nogil:
    """An odd number of cache lines, so that rows fall into different cache sets."""
    return ((count + 63) // 64 | 1) * 64


cdef Py_ssize_t _table_bytes(const Layout* plan) noexcept nogil:
    return _pages((3 * (plan.g.stride[1] + plan.g.stride[2]) + SHORT) * <Py_ssize_t> sizeof(Py_ssize_t))


cdef Py_ssize_t _thread_bytes(const Layout* plan) noexcept nogil:
    return plan.copy + plan.sums + plan.turned_sums + plan.results


cdef void _fill_tables(const Layout* plan, Py_ssize_t* tables) noexcept nogil:
    """Taps that lie a multiple of the stride apart are a run: its place, its weights and their number.

    Of columns first, then of rows; then where the taps of a short row lie.
    """
    cdef Py_ssize_t run, axis, stride, taps
    for axis in range(1, 3):
        stride = plan.g.stride[axis]
        taps = plan.g.kernel[axis]
        for run in range(min(stride, taps)):
            tables[run] = run * (plan.line if axis == 1 else plan.lanes * plan.size)
            tables[stride + run] = run * plan.size
            tables[2 * stride + run] = tile_count(taps - run, stride)
        tables += 3 * stride
    for run in range(min(plan.g.kernel[2], <Py_ssize_t> SHORT)):
        tables[run] = run * plan.size


cdef void _task(const void* work, Py_ssize_t task, int thread) noexcept nogil:
    """A block of columns of one plane, for some of its strips."""
    cdef const Operands* o = <const Operands*> work
    cdef const Layout* plan = o.plan
    cdef const Geometry* g = &plan.g
    cdef Py_ssize_t size = plan.size, column = task % plan.blocks * plan.block
    cdef Py_ssize_t part = task // plan.blocks % plan.parts, plane = task // plan.blocks // plan.parts
    cdef Py_ssize_t depth = plane % g.output[0], filter = plane // g.output[0] % g.out_channels
    cdef Py_ssize_t image = plane // g.output[0] // g.out_channels
    cdef Py_ssize_t count = min(plan.block, g.output[2] - column)
    cdef Py_ssize_t first = column * g.stride[2] - g.pad[2]
    cdef Py_ssize_t seen = (count - 1) * g.stride[2] + g.kernel[2], strip, row, piece, at
    # Rows [begin, end) of the padded input are in the copy.
    cdef Py_ssize_t begin = 0, end = 0, top
    cdef char* copy = o.scratch + thread * _thread_bytes(plan)
    cdef char* sums = copy + plan.copy
    cdef char* out = o.y.data + image * o.y.batch + filter * o.y.channel + depth * o.y.axis[0] + column * o.y.axis[2]
    cdef const char* source = o.x.data + image * o.x.batch + filter // (g.out_channels // g.groups) * o.x.channel
    depth = shown(g, 0, depth * g.stride[0] - g.pad[0])
    source = source + depth * o.x.axis[0] if depth >= 0 else NULL
    for strip in range(part_start(plan.strips, plan.parts, part), part_start(plan.strips, plan.parts, part + 1)):
        row = strip * plan.rows
        top = row * g.stride[1] - g.pad[1]
        if top >= end or begin == end:
            begin = end = top
        elif top + plan.seen > begin + plan.held:
            memmove(copy, copy + (top - begin) * plan.line, (end - top) * plan.line)
            begin = top
        while end < top + plan.seen:
            _copy_row(g, source, &o.x, end, first, seen, plan.lanes, copy + (end - begin) * plan.line, size)
            end += 1
        for piece in range(tile_count(count, plan.piece)):
            at = piece * plan.piece
            _piece(plan, o, filter, copy + (top - begin) * plan.line + at * g.stride[2] * size,
                   min(plan.piece, count - at), min(plan.rows, g.output[1] - row), sums,
                   out + row * o.y.axis[1] + at * o.y.axis[2])


cdef void _piece(const Layout* plan, const Operands* o, Py_ssize_t filter, const char* source,
                 Py_ssize_t count, Py_ssize_t rows, char* sums, char* out) noexcept nogil:
    """`count` columns of outputs of a strip."""
    cdef Py_ssize_t seen = (count - 1) * plan.g.stride[2] + plan.g.kernel[2]
    _down_columns(plan, o, filter, source, seen, sums)
    if plan.turned:
        _along_lanes(plan, o, filter, seen, count, rows, sums, out)
    else:
        _along_rows(plan, o, filter, count, rows, sums, out)


cdef void _copy_row(const Geometry* g, const char* plane, const View* x, Py_ssize_t row, Py_ssize_t first,
                    Py_ssize_t count, Py_ssize_t least, char* to, Py_ssize_t size) noexcept nogil:
    """`count` elements of a row of the padded input from `first` on; NULL for a plane of padding.

    Up to `least` elements are ordinary numbers in any case.
    """
    row = shown(g, 1, row)
    fill(to + count * size, max(least - count, <Py_ssize_t> 0), size, 0)
    if plane != NULL:
        plane = plane + row * x.axis[1] if row >= 0 else NULL
    pack_row(g, plane, x.axis[2], first, count, to, size)


cdef void _down_columns(const Layout* plan, const Operands* o, Py_ssize_t filter, const char* rows,
                        Py_ssize_t count, char* to) noexcept nogil:
    """The sums of `count` columns for all rows of a strip."""
    cdef const Geometry* g = &plan.g
    cdef Py_ssize_t last = max(count - plan.lanes, <Py_ssize_t> 0), i, at
    cdef fc_signal t
    t.runs = o.tables
    t.run_weights = o.tables + g.stride[1]
    t.taps = o.tables + 2 * g.stride[1]
    t.count = min(g.stride[1], g.kernel[1])
    t.step = g.stride[1] * plan.line
    t.weights = o.columns + filter * g.kernel[1] * plan.size
    t.weight_step = g.stride[1] * plan.size
    t.out_step = plan.sum_line
    t.bias = NULL
    t.relu = False
    for i in range(tile_count(count, plan.lanes)):
        # The last vector starts earlier rather than end beyond.
        at = min(i * plan.lanes, last) * plan.size
        t.input = rows + at
        t.out = to + at
        o.k.signal[PARTS](&t)


cdef void _along_lanes(const Layout* plan, const Operands* o, Py_ssize_t filter, Py_ssize_t fresh,
                       Py_ssize_t count, Py_ssize_t rows, char* sums, char* out) noexcept nogil:
    """The outputs of a block, with rows in lanes."""
    cdef const Geometry* g = &plan.g
    cdef const fc_kernels* k = o.k
    cdef Py_ssize_t size = plan.size, vector = plan.lanes * size, i, at, part, here, row
    cdef Py_ssize_t tiles = tile_count(count, k.signal_rows)
    cdef Py_ssize_t end = (tiles * k.signal_rows - 1) * g.stride[2] + g.kernel[2]
    cdef const Py_ssize_t* tables = o.tables + 3 * g.stride[1]
    cdef char* lanes = sums + plan.sums
    cdef char* results = lanes + plan.turned_sums
    cdef fc_signal t
    t.runs = tables
    t.run_weights = tables + g.stride[2]
    t.taps = tables + 2 * g.stride[2]
    t.count = min(g.stride[2], g.kernel[2])
    t.step = g.stride[2] * vector
    t.weights = o.rows + filter * g.kernel[2] * size
    t.weight_step = g.stride[2] * size
    t.out_step = vector
    t.bias = <const char*> NULL if o.bias == NULL else o.bias + filter * size
    t.relu = plan.relu
    for i in range(plan.rows // plan.lanes):
        row = i * plan.lanes
        here = min(plan.lanes, rows - row)
        if here <= 0:
            break
        k.transpose(sums + row * plan.sum_line, plan.sum_line, lanes, vector, plan.lanes, fresh, 1)
        # Outputs beyond a row are computed and dropped: let what they see be ordinary numbers.
        memset(lanes + fresh * vector, 0, max(end - fresh, <Py_ssize_t> 0) * vector)
        at = 0
        while at < tiles:
            part = min(tiles - at, <Py_ssize_t> FC_SIGNALS)
            t.input = lanes + at * k.signal_rows * t.step
            t.out = results + at * k.signal_rows * vector
            k.signal[part](&t)
            at += part
        if o.y.axis[2] == size:
            k.transpose(results, vector, out + row * o.y.axis[1], o.y.axis[1], count, here, 1)
        else:
            for at in range(here):
                copy_elements(results + at * size, vector, out + (row + at) * o.y.axis[1], o.y.axis[2],
                              count, size)


cdef void _along_rows(const Layout* plan, const Operands* o, Py_ssize_t filter, Py_ssize_t count,
                      Py_ssize_t rows, char* sums, char* out) noexcept nogil:
    """The outputs of a block, with neighbours in lanes."""
    cdef const Geometry* g = &plan.g
    cdef const fc_kernels* k = o.k
    cdef Py_ssize_t size = plan.size, row, column, line, at, here, i
    cdef Py_ssize_t half = tile_count(plan.rows, 2)
    cdef char* results = sums + plan.sums + plan.turned_sums
    cdef fc_tile t
    t.vector_taps = o.tables + 3 * (g.stride[1] + g.stride[2])
    t.vector_step = plan.sum_line
    t.taps = g.kernel[2]
    t.scalars = o.rows + filter * g.kernel[2] * size
    t.row_bias = <const char*> NULL if o.bias == NULL else o.bias + filter * size
    t.relu = plan.relu
    for at in range(2):
        row = at * half
        here = min(half, rows - row)
        if here <= 0:
            break
        for i in range(tile_count(count, plan.lanes)):
            column = i * plan.lanes
            t.vectors = sums + row * plan.sum_line + column * size
            t.lanes = min(plan.lanes, count - column)
            if o.y.axis[2] == size:
                t.out = out + row * o.y.axis[1] + column * size
                t.out_row = o.y.axis[1]
                k.plane[here](&t)
                continue
            t.out = results
            t.out_row = plan.lanes * size
            k.plane[here](&t)
            for line in range(here):
                copy_elements(results + line * t.out_row, size, out + (row + line) * o.y.axis[1]
                              + column * o.y.axis[2], o.y.axis[2], t.lanes, size)
