# Direct convolution along rows, for filters of few channels: FIR filters of signals, and the passes of
# separable kernels. Lanes are segments of a row, or neighbouring rows, brought side by side: what is
# loaded at a position then serves several taps, where with neighbours in lanes every multiply-add
# needs a load of its own. A stride parts the positions into phases, each with taps of its own.

import numpy as np

cimport numpy as cnp

from fastconv._algorithms._direct import supports as _supports
from fastconv._algorithms._direct cimport Direct, tile_count
from fastconv._algorithms._packing cimport copy_elements, fill, pack_row
from fastconv._core.arena cimport Scratch, acquire
from fastconv._core.arrays import contiguous
from fastconv._core.geometry cimport Geometry, View, shown, view_of
from fastconv._core.team cimport share
from fastconv._kernels.table cimport FC_SIGNALS, fc_kernels, fc_signal

cnp.import_array()

name = "direct_signals"
kinds = ("conv",)
local = True

cdef enum:
    # Positions of a task: enough to repay those that its taps reach beyond, few enough to stay near.
    LEAST = 256
    MOST = 640
    TASKS_PER_THREAD = 3
    # Vector operations per position that is brought in, and per output that is brought out.
    TURNS = 5
    # Copies of more taps than that do not stay near; strides and kernels that reach further are not
    # even counted.
    MOST_BYTES = 8 << 20
    FARTHEST = 1 << 20


# How one problem runs for some threads.
cdef struct Layout:
    Geometry g
    Py_ssize_t size, lanes
    bint rowwise               # lanes are rows (or images), not segments of one
    bint images                # the rows are images
    Py_ssize_t phases          # of taps: those that lie a multiple of the stride apart
    Py_ssize_t step            # positions from one tap of a phase to the next
    Py_ssize_t positions       # of every lane, per task
    Py_ssize_t seen            # positions of a phase that these see
    Py_ssize_t reach           # inputs that these see, of one lane
    Py_ssize_t pieces, blocks  # tasks along a row, and across rows
    Py_ssize_t rows            # outputs per tile, a multiple of the kernels' least
    Py_ssize_t copy, staged    # bytes of the copies of a task's inputs; of inputs on their way
    bint relu


cdef struct Operands:
    const Layout* plan
    const fc_kernels* k
    View x
    View y
    const char* weights        # (filters, channels, taps)
    const char* bias
    const Py_ssize_t* runs
    const Py_ssize_t* taps
    const Py_ssize_t* run_weights
    char* scratch              # of all threads


def supports(problem):
    reason = _supports(problem)
    if reason is None and problem.taps != problem.kernel[problem.ndim - 1]:
        reason = "is for kernels that extend along the last axis only"
    if reason is None and problem.taps == 1:
        reason = "is for kernels of several taps"
    if reason is None and max(problem.stride[-1], problem.extent[-1]) > FARTHEST:
        reason = f"is for strides and kernels that reach {FARTHEST} elements at most"
    if reason is None:
        state = Signals(problem)
        if state.bytes() > MOST_BYTES:
            reason = f"would copy {state.bytes()} bytes for the inputs of a task"
    return reason


def estimate(problem, machine, prepacked):
    cdef Signals state = Signals(problem)
    cdef Layout plan = state.lay_out(machine.threads)
    tasks = state.tasks(&plan)
    outputs = tasks * plan.positions
    moved = tasks * state.channels * plan.phases * plan.seen
    return machine.seconds(
        name,
        flops=2 * plan.lanes * outputs * state.filters * state.channels * state.taps,
        tiles=outputs * state.filters // plan.rows,
        moved=moved * plan.lanes,
        outputs=outputs * state.filters * plan.lanes,
        boxes=tasks,
    )


def workspace(problem, threads):
    cdef Signals state = Signals(problem)
    cdef Layout plan = state.lay_out(threads)
    return _scratch_bytes(state, &plan, threads)


def compile(problem):
    return Signals(problem)


def prepare(Signals state, weight, threads):
    """Weights as they are: (filters, channels, taps)."""
    return contiguous(weight, state.dtype)


def run(Signals state, cnp.ndarray packed, inputs, outputs, threads):
    x, bias = inputs
    (y,) = outputs
    if bias is not None:
        bias = contiguous(bias, state.dtype)
    cdef int workers = threads
    cdef Layout plan = state.lay_out(workers)
    cdef Scratch scratch = acquire(_scratch_bytes(state, &plan, workers))
    cdef Py_ssize_t i, channel, phase
    cdef Py_ssize_t* runs = <Py_ssize_t*> scratch.data
    cdef Py_ssize_t* taps = runs + state.channels * plan.phases
    cdef Py_ssize_t* weights = taps + state.channels * plan.phases
    for channel in range(state.channels):
        for phase in range(plan.phases):
            i = channel * plan.phases + phase
            runs[i] = i * plan.seen * plan.lanes * plan.size
            taps[i] = tile_count(state.taps - phase, plan.phases)
            weights[i] = (channel * state.taps + phase) * plan.size
    cdef Operands o
    o.plan = &plan
    o.k = state.k
    o.x = state.input_view(x)
    o.y = view_of(y, state.last)
    o.weights = <const char*> cnp.PyArray_DATA(packed)
    o.bias = state.bias(bias)
    o.runs = runs
    o.taps = taps
    o.run_weights = weights
    o.scratch = scratch.data + _table_bytes(state, &plan)
    with nogil:
        share(_task, &o, state.tasks(&plan), workers)


cdef class Signals(Direct):
    """A problem of rows."""

    cdef Py_ssize_t phases(self) noexcept nogil:
        """How many phases the taps have."""
        return min(self.g.stride[2] // _gcd(self.g.stride[2], self.g.dilation[2]), self.taps)

    def bytes(self):
        """What a task copies."""
        cdef Layout plan = self.lay_out(1)
        return plan.copy + plan.staged

    cdef Py_ssize_t tasks(self, const Layout* plan) noexcept nogil:
        cdef Py_ssize_t images = 1 if plan.images else plan.g.batch
        return images * plan.g.groups * plan.g.output[0] * plan.blocks * plan.pieces

    cdef Layout lay_out(self, int threads) noexcept nogil:
        """Lanes across rows or along them, whichever issues less; pieces for this many threads."""
        cdef Layout along = self.cut(threads, False), across = self.cut(threads, True)
        return across if self.work(&across) < self.work(&along) else along

    cdef double work(self, const Layout* plan) noexcept nogil:
        """Vector operations."""
        cdef double outputs = plan.positions * self.filters
        return self.tasks(plan) * (outputs * (self.channels * self.taps + TURNS)
                                   + <double> self.channels * plan.phases * plan.seen * TURNS)

    cdef Layout cut(self, int threads, bint rowwise) noexcept nogil:
        cdef Layout plan
        cdef const Geometry* g = &self.g
        cdef Py_ssize_t row = g.output[2], lines, granule, most, per_phase, tiles
        plan.g = self.g
        plan.size = self.size
        plan.lanes = self.k.lanes
        plan.relu = self.relu
        plan.rowwise = rowwise
        plan.images = rowwise and g.output[0] == g.output[1] == 1
        lines = g.batch if plan.images else g.output[1]
        plan.blocks = tile_count(lines, plan.lanes) if rowwise else lines
        plan.phases = self.phases()
        plan.step = g.dilation[2] // _gcd(g.stride[2], g.dilation[2])
        if self.taps == 1:
            plan.step = 1
        per_phase = tile_count(self.taps, plan.phases)
        # Outputs of a lane are tiles of outputs a step apart.
        most = row if rowwise else tile_count(row, plan.lanes)
        plan.positions = min(max(LEAST, 2 * per_phase * plan.step), MOST)
        plan.pieces = tile_count(most, plan.positions)
        while (plan.pieces * plan.blocks * g.groups < threads * TASKS_PER_THREAD
               and 2 * plan.positions // 3 >= LEAST and threads > 1):
            plan.positions = 2 * plan.positions // 3
            plan.pieces = tile_count(most, plan.positions)
        plan.positions = tile_count(most, plan.pieces)
        granule = self.k.signal_rows
        tiles = tile_count(tile_count(plan.positions, plan.step), granule)
        # As many parts as the kernels have, or fewer, about equal.
        plan.rows = tile_count(tiles, tile_count(tiles, FC_SIGNALS))
        tiles = tile_count(tiles, plan.rows)
        plan.rows *= granule
        plan.positions = tiles * plan.rows * plan.step
        plan.pieces = tile_count(most, plan.positions)
        plan.seen = plan.positions + (per_phase - 1) * plan.step
        plan.reach = (plan.positions - 1) * g.stride[2] + (self.taps - 1) * g.dilation[2] + 1
        plan.copy = self.channels * plan.phases * plan.seen * plan.lanes * plan.size
        plan.staged = plan.lanes * plan.reach
        if not rowwise:
            plan.staged = (plan.lanes - 1) * plan.positions * g.stride[2] + plan.reach
        plan.staged *= plan.size
        return plan


cdef Py_ssize_t _gcd(Py_ssize_t a, Py_ssize_t b) noexcept nogil:
    while b:
        a, b = b, a % b
    return a


cdef Py_ssize_t _pages(Py_ssize_t count) noexcept nogil:
    return (count + 4095) // 4096 * 4096


cdef Py_ssize_t _table_bytes(Signals state, const Layout* plan) noexcept nogil:
    return _pages(3 * state.channels * plan.phases * <Py_ssize_t> sizeof(Py_ssize_t))


cdef Py_ssize_t _thread_bytes(const Layout* plan) noexcept nogil:
    """Copies of inputs, inputs on their way there, outputs."""
    return (_pages(plan.copy) + _pages(plan.staged)
            + _pages(plan.positions * plan.lanes * plan.size))


cdef Py_ssize_t _scratch_bytes(Signals state, const Layout* plan, int threads) noexcept nogil:
    return _table_bytes(state, plan) + threads * _thread_bytes(plan)


cdef void _task(const void* work, Py_ssize_t task, int thread) noexcept nogil:
    """A piece of a row, or of as many rows as there are lanes, for all filters of a group."""
    cdef const Operands* o = <const Operands*> work
    cdef const Layout* plan = o.plan
    cdef const fc_kernels* k = o.k
    cdef const Geometry* g = &plan.g
    cdef Py_ssize_t size = plan.size, vector = plan.lanes * size
    cdef Py_ssize_t filters = g.out_channels // g.groups, channels = g.in_channels // g.groups
    cdef Py_ssize_t piece = task % plan.pieces, block = task // plan.pieces % plan.blocks
    cdef Py_ssize_t depth = task // plan.pieces // plan.blocks % g.output[0]
    cdef Py_ssize_t group = task // plan.pieces // plan.blocks // g.output[0] % g.groups
    cdef Py_ssize_t image = task // plan.pieces // plan.blocks // g.output[0] // g.groups
    cdef Py_ssize_t line = block * plan.lanes if plan.rowwise else block
    cdef Py_ssize_t lines = g.batch if plan.images else g.output[1]
    cdef Py_ssize_t first = piece * plan.positions * (1 if plan.rowwise else plan.lanes)
    cdef Py_ssize_t weights = channels * g.kernel[2] * size, filter, offset, tile, channel
    cdef char* copy = o.scratch + thread * _thread_bytes(plan)
    cdef char* staged = copy + _pages(plan.copy)
    cdef char* results = staged + _pages(plan.staged)
    cdef char* out
    cdef const char* x = o.x.data + image * o.x.batch + group * channels * o.x.channel
    cdef fc_signal t
    for channel in range(channels):
        _bring_in(plan, k, o, x + channel * o.x.channel, depth, line, min(plan.lanes, lines - line), first,
                  staged, copy + channel * plan.phases * plan.seen * vector)
    t.runs = o.runs
    t.taps = o.taps
    t.run_weights = o.run_weights
    t.count = channels * plan.phases
    t.step = plan.step * vector
    t.weight_step = plan.phases * size
    t.out_step = t.step
    t.bias = NULL
    t.relu = plan.relu
    out = (o.y.data + image * o.y.batch + depth * o.y.axis[0] + first * o.y.axis[2]
           + line * (o.y.batch if plan.images else o.y.axis[1]))
    for filter in range(group * filters, (group + 1) * filters):
        t.weights = o.weights + filter * weights
        if o.bias != NULL:
            t.bias = o.bias + filter * size
        for offset in range(plan.step):
            for tile in range(plan.positions // (plan.step * plan.rows)):
                t.input = copy + (offset + tile * plan.rows * plan.step) * vector
                t.out = results + (offset + tile * plan.rows * plan.step) * vector
                k.signal[plan.rows // k.signal_rows](&t)
        _bring_out(plan, k, &o.y, results, out + filter * o.y.channel, min(plan.lanes, lines - line),
                   g.output[2] - first)


cdef void _bring_in(const Layout* plan, const fc_kernels* k, const Operands* o, const char* plane,
                    Py_ssize_t depth, Py_ssize_t line, Py_ssize_t lines, Py_ssize_t first,
                    char* staged, char* to) noexcept nogil:
    """Inputs of a task, of one channel, as [phase][position][lane].

    `first` is the first output of a row; where some inputs lie outside, they are staged.
    """
    cdef const Geometry* g = &plan.g
    cdef Py_ssize_t size = plan.size, stride = g.stride[2], step = o.x.axis[2], phase, seen, i
    cdef Py_ssize_t apart = plan.positions * stride  # elements from a lane to the next, along a row
    cdef Py_ssize_t at = first * stride - g.pad[2], length = plan.staged // size
    cdef Py_ssize_t d = shown(g, 0, depth * g.stride[0] - g.pad[0])
    cdef Py_ssize_t height = 0 if plan.images else line * g.stride[1] - g.pad[1], above
    cdef const char* source = plane + d * o.x.axis[0] + at * step
    cdef bint inside = d >= 0 and at >= 0 and step > 0 and step % size == 0
    if plan.rowwise:
        length = plan.reach
        above = o.x.batch if plan.images else g.stride[1] * o.x.axis[1]
        if plan.images:
            height = shown(g, 1, -g.pad[1])
            source += line * o.x.batch
        inside = (inside and lines == plan.lanes and height >= 0
                  and (plan.images or height + (lines - 1) * g.stride[1] < g.input[1]))
    else:
        above = apart * step
        inside = inside and 0 <= height < g.input[1]
    source += height * o.x.axis[1]
    inside = inside and at + length <= g.input[2]
    if not inside:
        for i in range(lines if plan.rowwise else 1):
            if not plan.images:
                height = shown(g, 1, (line + i) * g.stride[1] - g.pad[1])
            source = plane + d * o.x.axis[0] + height * o.x.axis[1]
            if plan.images:
                source += (line + i) * o.x.batch
            pack_row(g, source if d >= 0 and height >= 0 else NULL, step, at, length,
                     staged + i * length * size, size)
        for i in range(lines if plan.rowwise else plan.lanes, plan.lanes):
            # Lanes without a row are computed and dropped: let them be ordinary numbers.
            fill(staged + i * length * size, length, size, 0)
        source = staged
        step = size
        above = (length if plan.rowwise else apart) * size
    for phase in range(plan.phases):
        seen = plan.positions + (tile_count(g.kernel[2] - phase, plan.phases) - 1) * plan.step
        k.transpose(source + phase * g.dilation[2] * step, above, to + phase * plan.seen * plan.lanes * size,
                    plan.lanes * size, plan.lanes, seen, stride * step // size)


cdef void _bring_out(const Layout* plan, const fc_kernels* k, const View* y, const char* results,
                     char* out, Py_ssize_t lines, Py_ssize_t count) noexcept nogil:
    """Outputs [position][lane] to where they belong, of which `count` are left in a row."""
    cdef Py_ssize_t size = plan.size, whole
    if plan.rowwise:
        _turn(plan, k, y, results, out, y.batch if plan.images else y.axis[1], lines,
              min(count, plan.positions))
        return
    whole = min(count // plan.positions, plan.lanes)
    _turn(plan, k, y, results, out, plan.positions * y.axis[2], whole, plan.positions)
    if whole < plan.lanes:
        _turn(plan, k, y, results + whole * size, out + whole * plan.positions * y.axis[2], 0, 1,
              count - whole * plan.positions)


cdef void _turn(const Layout* plan, const fc_kernels* k, const View* y, const char* results, char* out,
                Py_ssize_t apart, Py_ssize_t lanes, Py_ssize_t count) noexcept nogil:
    """`count` outputs of some lanes, whose first ones belong `apart` from each other."""
    cdef Py_ssize_t size = plan.size, vector = plan.lanes * size, i
    if y.axis[2] == size and lanes > 1:
        k.transpose(results, vector, out, apart, count, lanes, 1)
        return
    for i in range(lanes):
        copy_elements(results + i * size, vector, out + i * apart, y.axis[2], count, size)
