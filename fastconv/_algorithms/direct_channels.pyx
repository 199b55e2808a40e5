# Direct convolution, lanes = output channels: a tile is some neighbouring output pixels x some
# output channels. The input is read channels-last, in place where no padding is needed, or else
# from a padded copy of a cache-sized box; a table of tap offsets makes 1-D, 2-D and 3-D the same
# loop. Taps that see only padding are left out. For channels-last data and many filters.

from math import prod

import numpy as np

cimport numpy as cnp
from libc.math cimport INFINITY
from libc.string cimport memcpy, memset

from fastconv._algorithms._direct import NEAR_WEIGHTS, product_flops, supports as _supports, too_sparse
from fastconv._algorithms._boxes cimport (
    Box, Boxes, Share, box_at, share_of, share_out, unit_of,
)
from fastconv._algorithms._direct cimport Direct, flatten, step_cycles, tile_count, visits_all
from fastconv._algorithms._packing cimport (
    Pixels, is_linear, needs_padding, pack_pixels, pixels_of, reaches_outside, unpack_pixels,
)
from fastconv._algorithms._seen cimport Range, outputs_seeing, seen_part, taps_seeing
from fastconv._algorithms._slots cimport Slots, must_pack, slot_of, slots_for
from fastconv._core.arena cimport Scratch, acquire
from fastconv._core.arrays import contiguous
from fastconv._core.geometry cimport Geometry, View, view_of
from fastconv._core.team cimport share
from fastconv._kernels.table cimport FC_CHAIN, FC_MAX_ROWS, FC_WIDTHS, fc_kernels, fc_tile

cnp.import_array()

name = "direct_channels"
kinds = ("conv",)
local = True

cdef enum:
    # Pixels gathered before they are transposed into channels-first outputs.
    GATHERED = 64
    # Kernel rows of fewer channels than this are worth merging into one run.
    MERGED_CHANNELS = 256
    # Rows of at most so many outputs are worth looking at one column of the kernel after another.
    SHORT_ROW = 64
    # Cycles that a tile takes to begin with other columns, besides those of its products.
    TURN_CYCLES = 40


# How one problem runs. What follows `cost` depends on the arrays and the threads of a call.
cdef struct Layout:
    int width                  # log2 of vectors per pixel of a tile
    Py_ssize_t lanes, blocks   # filters per tile, tiles per group
    bint in_place
    bint pointwise             # every input pixel is seen once, by a single tap
    bint trims                 # rows and slices of the kernel that see only padding are left out
    bint splits                # columns as well: pixels of a tile take part in those that they see
    double seen                # the part of all taps that is left, without regard to columns
    double cost
    Geometry g                 # with a pointwise image as one row, where it is one
    bint flat                  # the pixels of a box are one line, in the input and in the output
    bint merged                # a kernel row is one contiguous run of taps x channels
    Py_ssize_t taps, run
    Boxes boxes
    Pixels packed
    Slots slots                # of packed boxes
    bint relu
    Py_ssize_t size            # bytes per element


# Everything a task reads.
cdef struct Operands:
    const Layout* plan
    const fc_kernels* k
    View x                     # the input, or where the first packed box lies
    View y
    const char* weights
    const char* bias           # on whole tiles, or NULL
    const Py_ssize_t* pixel_taps
    const Py_ssize_t* lane_taps
    const Range* columns       # of every column of the kernel, the outputs that see it
    char* packed
    char* is_packed            # one per packed box
    char* gathered


def supports(problem):
    reach = ((o - 1) * s + e for o, s, e in zip(problem.output, problem.stride, problem.extent))
    return _supports(problem) or too_sparse(problem, problem.in_channels * prod(reach))


def estimate(problem, machine, prepacked):
    cdef Channelwise state = Channelwise(problem)
    cdef Layout plan = state.usual(machine.threads)
    cdef Py_ssize_t line = prod(problem.output) if plan.pointwise else state.g.output[2]
    lines = prod(problem.output) // line
    moved = rows = 0
    if not plan.in_place:
        moved += plan.boxes.units * plan.packed.bytes // plan.size
        rows += plan.boxes.units * plan.packed.rows
    streamed = state.far_elements()
    if problem.layout == "channels_first":
        moved += problem.batch * problem.out_channels * prod(problem.output)
        streamed *= 2  # in short pieces of far rows
    # With the zeros of filters that fill the last block.
    weights = problem.groups * plan.blocks * plan.lanes * state.channels * state.taps
    weights = 0 if prepacked else weights
    return machine.seconds(
        name,
        flops=product_flops(problem, plan.cost),
        tiles=problem.batch * problem.groups * plan.blocks * lines
        * tile_count(line, state.k.rows[plan.width]) * plan.taps * plan.seen,
        moved=moved,
        streamed=streamed,
        rows=rows,
        # Parallel regions, which threads enter and leave together; shared boxes are packed in one.
        regions=machine.threads * (1 + plan.slots.together) if machine.threads > 1 else 0,
        # What is done once per box, and once per block of filters that is packed.
        boxes=plan.boxes.units,
        blocks=0 if prepacked else problem.groups * plan.blocks,
        weights=weights,
        far_weights=max(weights - NEAR_WEIGHTS, 0),
    )


def workspace(problem, threads):
    cdef Channelwise state = Channelwise(problem)
    cdef Layout plan = state.usual(threads)
    bytes = _scratch_bytes(&plan, threads)
    if not plan.trims:
        return bytes
    state.multiply_all(&state.plan)
    plan = state.usual(threads)
    return max(bytes, _scratch_bytes(&plan, threads))


def compile(problem):
    return Channelwise(problem)


def prepare(Channelwise state, weight, threads):
    """Weights as [group][block][tap][channel][filter of the block], blocks of whole tiles."""
    cdef Filters filters = Filters.__new__(Filters)
    filters.trimmed = False
    filters.weights = state.pack(weight, state.plan.lanes, state.plan.blocks, threads,
                                 &filters.trimmed if state.plan.trims else NULL)
    return filters


def run(Channelwise state, Filters packed, inputs, outputs, threads):
    x, bias = inputs
    (y,) = outputs
    if bias is not None:
        bias = contiguous(bias, state.dtype)
    cdef Layout plan = state.plan
    cdef Operands o
    cdef const char* biases = state.bias(bias)
    cdef int workers = threads
    if not packed.trimmed:
        state.multiply_all(&plan)
    o.x = state.input_view(x)
    o.y = view_of(y, state.last)
    o.weights = packed.weights.data
    state.meet(&plan, &o.x, &o.y)
    state.lay_out(&plan, workers)
    cdef Scratch scratch = acquire(_scratch_bytes(&plan, workers))
    with nogil:
        _run(&plan, state.k, &o, biases, scratch.data, workers)


cdef class Filters:
    """Packed weights."""

    cdef Scratch weights
    cdef bint trimmed  # all are finite: what they make of zeros need not be computed

    def same_bits(self, Filters other):
        """Whether both are the same to the last bit."""
        return self.weights.same_bits(other.weights)


cdef class Channelwise(Direct):
    """A problem with its layout of least predicted cost."""

    cdef Layout plan

    def __init__(self, problem):
        super().__init__(problem)
        cdef Layout plan
        cdef double least = -1
        cdef int width
        cdef Py_ssize_t tiles, pixels, line = self.g.output[2]
        cdef Py_ssize_t lines = self.g.output[0] * self.g.output[1]
        cdef double whole, split
        plan.g = self.g
        plan.size = self.size
        plan.relu = self.relu
        plan.pointwise = visits_all(&self.g)
        if plan.pointwise:
            line *= lines
            lines = 1
        plan.flat = plan.pointwise
        plan.trims = self.sees_zeros()
        plan.seen = seen_part(&self.g, 0) * seen_part(&self.g, 1) if plan.trims else 1.0
        for width in range(FC_WIDTHS - 1):
            plan.width = width
            plan.lanes = self.k.lanes << width
            plan.blocks = tile_count(self.filters, plan.lanes)
            tiles = tile_count(line, self.k.rows[width])
            pixels = tile_count(line, tiles)
            whole = tiles * step_cycles(self.k, pixels, 1 << width, pixels + (1 << width),
                                        self.channels * self.g.kernel[2])
            split = self.split_cycles(width, pixels) if plan.trims else whole
            plan.splits = split < whole
            plan.cost = plan.blocks * lines * plan.seen * min(whole, split)
            if least < 0 or plan.cost < least:
                least = plan.cost
                self.plan = plan
        self.plan.in_place = self.reads_in_place(&self.plan)

    cdef double split_cycles(self, int width, Py_ssize_t pixels) noexcept nogil:
        """Cycles of a reduction step over a row of outputs, if pixels leave out the columns that they do not see."""
        cdef const Geometry* g = &self.g
        cdef double cycles = 0, steps = self.channels * g.kernel[0] * g.kernel[1]
        cdef Py_ssize_t column, tap, count
        cdef Range seen
        if not reaches_outside(g, 2) or g.output[2] > SHORT_ROW:
            return INFINITY
        for tap in range(g.kernel[2]):
            seen = outputs_seeing(g, 2, tap)
            for column from 0 <= column < g.output[2] by pixels:
                count = min(seen.last, column + pixels) - max(seen.first, column)
                if count > 0:
                    cycles += step_cycles(self.k, count, 1 << width, count + (1 << width), self.channels)
                    cycles += (TURN_CYCLES + count * (1 << width)) / steps
        return cycles / g.kernel[2]

    cdef bint reads_in_place(self, const Layout* plan) noexcept nogil:
        """Whether contiguous inputs can be read where they lie."""
        if not self.last and self.g.in_channels > 1:
            return False
        if plan.splits:
            return True
        return not (reaches_outside(&self.g, 2) if plan.trims else needs_padding(&self.g))

    cdef void multiply_all(self, Layout* plan) noexcept nogil:
        """Leave no tap out."""
        plan.trims = plan.splits = False
        plan.in_place = self.reads_in_place(plan)

    cdef void meet(self, Layout* plan, const View* x, const View* y) noexcept nogil:
        """How these arrays, whatever their strides, can be read and written."""
        cdef Geometry* g = &plan.g
        if x.channel != self.size and g.in_channels > 1:
            plan.in_place = False
        if x.axis[2] != g.in_channels * self.size and g.kernel[2] > 1:
            plan.in_place = False  # pixels apart: no kernel row is one run
        if x.axis[2] * g.stride[2] % 4096 == 0 and g.output[2] > 1:
            plan.in_place = False  # pixels would fall into one cache set
        plan.flat = plan.pointwise and is_linear(y, g.output)
        if plan.flat and is_linear(x, g.input):
            flatten(g)
        elif plan.in_place:
            plan.flat = False

    cdef Layout usual(self, int threads) noexcept nogil:
        """The layout for contiguous arrays."""
        cdef Layout plan = self.plan
        cdef View x = self.usual_input(), y = self.usual_output()
        self.meet(&plan, &x, &y)
        self.lay_out(&plan, threads)
        return plan

    cdef void lay_out(self, Layout* plan, int threads) noexcept nogil:
        """Boxes for this many threads."""
        cdef Geometry* g = &plan.g
        cdef bint row = g.output[0] * g.output[1] == 1  # one row may be cut anywhere
        plan.boxes = share_out(g, plan.flat and not row, self.k.rows[plan.width], plan.blocks,
                               self.channels * self.size, self.weight_bytes(), not plan.in_place, threads)
        plan.merged = (g.dilation[2] == 1 and g.kernel[2] > 1 and self.channels < MERGED_CHANNELS
                       and (g.groups == 1 or not plan.in_place) and not plan.splits)
        plan.run = self.channels * (g.kernel[2] if plan.merged else 1)
        plan.taps = g.kernel[0] * g.kernel[1] * (1 if plan.merged else g.kernel[2])
        plan.packed = pixels_of(g, plan.boxes.size, self.channels, plan.merged, self.size)
        plan.slots.count = plan.slots.together = 0
        if not plan.in_place:
            plan.slots = slots_for(plan.boxes.units, plan.boxes.shares, plan.boxes.boxwise,
                                   plan.packed.bytes, self.sums(), threads)


cdef Py_ssize_t _pages(Py_ssize_t size) noexcept nogil:
    return (size + 4095) // 4096 * 4096


cdef Py_ssize_t _gathered_bytes(const Layout* plan) noexcept nogil:
    """Scratch of one thread for pixels on their way to channels-first outputs."""
    return _pages(GATHERED * plan.lanes * plan.size)


cdef Py_ssize_t _table_bytes(const Layout* plan) noexcept nogil:
    """The offsets of taps in both operands."""
    return _pages(2 * plan.taps * sizeof(Py_ssize_t))


cdef Py_ssize_t _columns_bytes(const Layout* plan) noexcept nogil:
    return _pages(plan.g.kernel[2] * sizeof(Range)) if plan.splits else 0


cdef Py_ssize_t _own_bytes(const Layout* plan) noexcept nogil:
    """Scratch of one thread: gathered pixels; a tile's sums, and a table of the taps that it sees."""
    cdef Py_ssize_t bytes = _gathered_bytes(plan)
    if plan.splits:
        bytes += _pages(FC_MAX_ROWS * plan.lanes * plan.size)
    return bytes + (_table_bytes(plan) if plan.trims else 0)


cdef Py_ssize_t _scratch_bytes(const Layout* plan, int threads) noexcept nogil:
    return (_table_bytes(plan) + _columns_bytes(plan)
            + _pages(plan.g.groups * plan.blocks * plan.lanes * plan.size)
            + threads * _own_bytes(plan) + plan.slots.count * plan.packed.bytes + plan.slots.count)


cdef int _run(const Layout* plan, const fc_kernels* k, Operands* o, const char* bias,
               char* scratch, int threads) except -1 nogil:
    cdef const Geometry* g = &plan.g
    cdef Py_ssize_t* pixel_taps = <Py_ssize_t*> scratch
    cdef Py_ssize_t* lane_taps = pixel_taps + plan.taps
    cdef Range* columns = <Range*> (scratch + _table_bytes(plan))
    cdef char* padded_bias = scratch + _table_bytes(plan) + _columns_bytes(plan)
    cdef Py_ssize_t filters = g.out_channels // g.groups, bias_bytes = plan.blocks * plan.lanes * plan.size
    cdef Py_ssize_t t, i, d, h, w
    cdef Py_ssize_t axis[3]
    o.plan = plan
    o.k = k
    o.pixel_taps = pixel_taps
    o.lane_taps = lane_taps
    o.gathered = padded_bias + _pages(g.groups * bias_bytes)
    o.columns = columns
    o.packed = o.gathered + threads * _own_bytes(plan)
    o.is_packed = o.packed + plan.slots.count * plan.packed.bytes
    memset(o.is_packed, 0, plan.slots.count)
    o.bias = NULL
    if bias != NULL:
        # Tiles read whole vectors: every group's filters on a whole number of tiles.
        o.bias = padded_bias
        for i in range(g.groups):
            memset(padded_bias + i * bias_bytes, 0, bias_bytes)
            memcpy(padded_bias + i * bias_bytes, bias + i * filters * plan.size, filters * plan.size)
    axis = [plan.packed.slice, plan.packed.row, plan.packed.pixel]
    if plan.in_place:
        axis = [o.x.axis[0], o.x.axis[1], o.x.axis[2]]
    for t in range(plan.taps):
        w = 0 if plan.merged else t % g.kernel[2]
        i = t if plan.merged else t // g.kernel[2]
        h = i % g.kernel[1]
        d = i // g.kernel[1]
        pixel_taps[t] = (d * g.dilation[0] * axis[0] + h * g.dilation[1] * axis[1]
                         + w * g.dilation[2] * axis[2])
        lane_taps[t] = t * plan.run * plan.lanes * plan.size
    if plan.splits:
        for w in range(g.kernel[2]):
            columns[w] = outputs_seeing(g, 2, w)
    if plan.slots.together:
        share(_pack_row, o, plan.boxes.units * plan.packed.rows, threads)
    share(_task, o, plan.boxes.units * plan.boxes.shares, threads)


cdef void _pack_row(const void* work, Py_ssize_t task, int thread) noexcept nogil:
    """One row of a box that all threads need."""
    cdef const Operands* o = <const Operands*> work
    cdef const Pixels* p = &o.plan.packed
    cdef Py_ssize_t unit = task // p.rows, row = task % p.rows
    _pack(o.plan, o.k, o, unit, o.packed + unit * p.bytes, row, row + 1)


cdef void _task(const void* work, Py_ssize_t task, int thread) noexcept nogil:
    """Some filters over one box, which is packed if it was not."""
    cdef const Operands* o = <const Operands*> work
    cdef const Layout* plan = o.plan
    cdef const fc_kernels* k = o.k
    cdef Py_ssize_t unit = unit_of(&plan.boxes, task), slot
    cdef char* packed = NULL
    if not plan.in_place:
        slot = slot_of(&plan.slots, unit, thread)
        packed = o.packed + slot * plan.packed.bytes
        if must_pack(&plan.slots, o.is_packed, slot):
            _pack(plan, k, o, unit, packed, 0, plan.packed.rows)
    _compute(plan, k, o, unit, share_of(&plan.boxes, task), packed, thread)


cdef void _pack(const Layout* plan, const fc_kernels* k, const Operands* o, Py_ssize_t unit,
                char* packed, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    """Rows [first, last) of a box."""
    cdef Box box = box_at(&plan.g, &plan.boxes, unit)
    cdef View x = o.x
    x.data += box.image * x.batch + box.group * plan.packed.channels * x.channel
    pack_pixels(&plan.g, &plan.packed, &x, &box, packed, first, last, plan.size, k)


cdef void _compute(const Layout* plan, const fc_kernels* k, const Operands* o, Py_ssize_t unit,
                   Share share, const char* packed, int thread) noexcept nogil:
    """Some blocks of filters over one box."""
    cdef const Geometry* g = &plan.g
    cdef Py_ssize_t size = plan.size, filters = g.out_channels // g.groups
    cdef Py_ssize_t block_bytes = (plan.lanes * plan.packed.channels * g.kernel[0] * g.kernel[1]
                                   * g.kernel[2] * size)
    cdef Box box = box_at(g, &plan.boxes, unit)
    cdef const char* input = packed
    cdef char* output = o.y.data + box.image * o.y.batch + box.group * filters * o.y.channel
    cdef char* gathered = o.gathered + thread * _own_bytes(plan)
    cdef Py_ssize_t* table = <Py_ssize_t*> (gathered + _own_bytes(plan) - _table_bytes(plan))
    cdef bint direct = o.y.channel == size
    cdef Py_ssize_t axis[3]
    cdef Py_ssize_t line = box.output[2], lines = box.output[0] * box.output[1]
    cdef Py_ssize_t block, i, n, tile, tiles, column, pixels, filter, held, held_from
    cdef Range slices, rows, all_columns
    cdef const char* source
    cdef char* target
    cdef fc_tile t
    axis = [plan.packed.slice, plan.packed.row, plan.packed.pixel]
    if plan.in_place:
        axis = [o.x.axis[0], o.x.axis[1], o.x.axis[2]]
        input = o.x.data + box.image * o.x.batch + box.group * plan.packed.channels * o.x.channel
    for i in range(3):
        output += box.origin[i] * o.y.axis[i]
        if plan.in_place:
            input += (box.origin[i] * g.stride[i] - g.pad[i]) * axis[i]
        axis[i] *= g.stride[i]
    if plan.flat:
        line *= lines
        lines = 1
    tiles = tile_count(line, k.rows[plan.width])
    pixels = tile_count(line, tiles)
    tiles = tile_count(line, pixels)
    all_columns.first = 0
    all_columns.last = 1 if plan.merged else g.kernel[2]
    t.scalar_taps = o.pixel_taps
    t.vector_taps = o.lane_taps
    t.taps = plan.taps
    t.chain = FC_CHAIN
    t.run = plan.run
    t.scalar_row = axis[2]
    t.scalar_step = size
    t.vector_step = plan.lanes * size
    t.start = NULL
    t.row_bias = NULL
    t.lane_bias = NULL
    t.relu = plan.relu
    for block in range(share.first, share.last):
        filter = block * plan.lanes
        t.vectors = o.weights + (box.group * plan.blocks + block) * block_bytes
        t.lanes = min(plan.lanes, filters - filter)
        if o.bias != NULL:
            t.lane_bias = o.bias + (box.group * plan.blocks * plan.lanes + filter) * size
        if not direct:
            t.lanes = plan.lanes
        held = 0
        held_from = 0
        for i in range(lines):
            source = input + i // box.output[1] * axis[0] + i % box.output[1] * axis[1]
            target = output + i // box.output[1] * o.y.axis[0] + i % box.output[1] * o.y.axis[1]
            if plan.trims:
                slices = taps_seeing(g, 0, box.origin[0] + i // box.output[1])
                rows = taps_seeing(g, 1, box.origin[1] + i % box.output[1])
                _see(plan, o, &t, &slices, &rows, &all_columns, table)
            for tile in range(tiles):
                column = tile * pixels
                n = min(pixels, line - column)
                t.scalars = source + column * axis[2]
                if direct:
                    t.out = target + column * o.y.axis[2] + filter * size
                    t.out_row = o.y.axis[2]
                    if plan.splits:
                        _split(plan, o, &t, &slices, &rows, box.origin[2] + column, n, table)
                    else:
                        k.tile[plan.width][n](&t)
                    continue
                if held == 0:
                    held_from = i * line + column
                t.out = gathered + held * plan.lanes * size
                t.out_row = plan.lanes * size
                if plan.splits:
                    _split(plan, o, &t, &slices, &rows, box.origin[2] + column, n, table)
                else:
                    k.tile[plan.width][n](&t)
                held += n
                if i == lines - 1 and column + n == line or held + pixels > GATHERED:
                    unpack_pixels(&o.y, box.output, gathered, t.out_row, held_from, held,
                                  min(plan.lanes, filters - filter),
                                  output + filter * o.y.channel, size, k)
                    held = 0


cdef void _see(const Layout* plan, const Operands* o, fc_tile* t, const Range* slices, const Range* rows,
               const Range* columns, Py_ssize_t* table) noexcept nogil:
    """Have a tile sum over some taps: slices, rows and columns of the kernel (one column, where they are merged)."""
    cdef const Geometry* g = &plan.g
    cdef Py_ssize_t width = 1 if plan.merged else g.kernel[2], d, h, w, tap
    t.scalar_taps = o.pixel_taps
    t.vector_taps = o.lane_taps
    t.taps = ((slices.last - slices.first) * (rows.last - rows.first) * (columns.last - columns.first))
    if t.taps == plan.taps:
        return
    t.scalar_taps = table
    t.vector_taps = table + t.taps
    for d in range(slices.first, slices.last):
        for h in range(rows.first, rows.last):
            for w in range(columns.first, columns.last):
                tap = (d * g.kernel[1] + h) * width + w
                table[0] = o.pixel_taps[tap]
                table[t.taps] = o.lane_taps[tap]
                table += 1


cdef void _split(const Layout* plan, const Operands* o, const fc_tile* whole, const Range* slices,
                 const Range* rows, Py_ssize_t column, Py_ssize_t pixels, Py_ssize_t* table) noexcept nogil:
    """The tile `whole`, some columns of the kernel at a time: of its pixels, from output `column` on, those that see them."""
    cdef Py_ssize_t row_bytes = plan.lanes * plan.size, width = plan.g.kernel[2], first, last
    cdef char* sums = <char*> table - _pages(FC_MAX_ROWS * row_bytes)
    cdef fc_tile t = whole[0]
    cdef Range columns
    t.out_row = t.start_row = row_bytes
    t.lanes = plan.lanes
    t.lane_bias = NULL
    t.relu = False
    memset(sums, 0, pixels * row_bytes)
    columns.last = 0
    while columns.last < width:
        columns.first = columns.last
        first = max(o.columns[columns.first].first - column, <Py_ssize_t> 0)
        last = min(o.columns[columns.first].last - column, pixels)
        columns.last += 1
        while (columns.last < width
               and max(o.columns[columns.last].first - column, <Py_ssize_t> 0) == first
               and min(o.columns[columns.last].last - column, pixels) == last):
            columns.last += 1
        if first >= last:
            continue
        _see(plan, o, &t, slices, rows, &columns, table)
        t.scalars = whole.scalars + first * whole.scalar_row
        t.start = t.out = sums + first * row_bytes
        o.k.tile[plan.width][last - first](&t)
    t = whole[0]
    t.taps = 0
    t.start = sums
    t.start_row = row_bytes
    o.k.tile[plan.width][pixels](&t)
