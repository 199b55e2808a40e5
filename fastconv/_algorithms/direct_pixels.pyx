# Direct convolution, lanes = output pixels: a tile is some output channels x some neighbouring
# pixels of one channel plane. Input rows are read in place where they can be, or else from padded
# planes of a cache-sized box, in which a strided convolution reads contiguous lanes as well. Weights
# are read where they lie, too, unless they are so many or so placed that a cache would lose them. For
# channels-first data, few channels, 1-D signals, one filter.

from math import gcd, prod

import numpy as np

cimport numpy as cnp
from libc.string cimport memset

from fastconv._algorithms._direct import NEAR_WEIGHTS, product_flops, supports as _supports, too_sparse
from fastconv._algorithms._boxes cimport (
    Box, Boxes, Share, box_at, share_of, share_out, unit_of,
)
from fastconv._algorithms._direct cimport Direct, Weights, flatten, step_cycles, tile_count, visits_all
from fastconv._algorithms._packing cimport (
    Planes, copy_elements, is_linear, needs_padding, pack_planes, plane_tap, planes_of,
)
from fastconv._algorithms._slots cimport Slots, must_pack, slot_of, slots_for
from fastconv._core.arena cimport Scratch, acquire
from fastconv._core.arrays import contiguous
from fastconv._core.geometry cimport Geometry, View, view_of
from fastconv._core.team cimport share
from fastconv._kernels.table cimport FC_CHAIN, FC_WIDTHS, fc_kernels, fc_tile

cnp.import_array()

name = "direct_pixels"
kinds = ("conv",)
local = True

cdef enum:
    # Of lanes that a first-level cache keeps from tap to tap.
    NEAR_BYTES = 32 << 10
    # Such a cache has sets of 8 lines; addresses so far apart share one. The lines of weights that a
    # tile reads at a time must leave room for one of the input.
    SETS_BYTES = 4096
    LINES_PER_SET = 7
    # Weights of a tile that stay there from tap to tap, beside the input.
    TAPS_BYTES = 16 << 10
    MAX_TILE_BYTES = 2048  # 14 rows x 2 vectors, 7 x 4, 3 x 8 of 64 bytes


# How one problem runs. What follows `cost` depends on the arrays and the threads of a call.
cdef struct Layout:
    int width                  # log2 of vectors per tile row
    Py_ssize_t lanes           # pixels per tile
    Py_ssize_t rows, blocks    # filters per tile, tiles per group
    bint in_place
    bint pointwise             # every input pixel is seen once, by a single tap
    bint merged                # one channel: the inner loop runs over the taps of a kernel row
    Py_ssize_t taps, run
    double cost                # predicted cycles per step of the reduction and image group
    double sums                # of these, what full tiles would take that wait for nothing
    Geometry g                 # with a pointwise image as one row, where it is one
    # The lanes of a tile run on over all rows of a box's slice, the padding between them included.
    bint linear
    Boxes boxes
    Planes planes
    Slots slots                # of packed boxes
    bint relu
    Py_ssize_t size            # bytes per element


# Everything a task reads.
cdef struct Operands:
    const Layout* plan
    const fc_kernels* k
    View x
    View y
    const char* weights
    Py_ssize_t filter, step, tap, block, group  # bytes between weights that are neighbours in each
    const char* bias
    const Py_ssize_t* scalar_taps
    const Py_ssize_t* vector_taps
    char* packed
    char* is_packed            # one per packed box
    Py_ssize_t runs            # tasks that a box is packed in, if all threads need it


def supports(problem):
    planes = problem.in_channels
    for i in range(problem.ndim):
        shift = (problem.kernel[i] - 1) * problem.dilation[i] // problem.stride[i]
        planes *= (problem.output[i] + shift) * (problem.stride[i] if problem.kernel[i] > 1 else 1)
    return _supports(problem) or too_sparse(problem, planes)


def estimate(problem, machine, prepacked):
    cdef Pixelwise state = Pixelwise(problem)
    cdef Layout plan = state.usual(machine.threads)
    cdef const Planes* planes = &plan.planes
    moved = rows = scattered = 0
    outputs = problem.batch * problem.out_channels * prod(problem.output)
    if not plan.in_place:
        moved += plan.boxes.units * planes.channels * planes.channel // plan.size
        rows += plan.boxes.units * planes.channels * planes.rows
    if problem.layout == "channels_last" and problem.in_channels * problem.out_channels > 1:
        # Single channels are planes as they lie.
        scattered = (outputs if problem.out_channels > 1 else 0) + (moved if problem.in_channels > 1 else 0)
    elif plan.linear and planes.extent[2] > state.g.output[2]:
        moved += outputs
        rows += outputs // problem.output[problem.ndim - 1]
    packs = not (prepacked or state.reads_rows)
    weights = problem.out_channels * state.channels * state.taps if packs else 0
    return machine.seconds(
        name,
        flops=product_flops(problem, plan.sums),
        waits=problem.batch * problem.in_channels * problem.taps * (plan.cost - plan.sums),
        tiles=problem.batch * problem.groups * plan.blocks * state.tiles(&plan) * plan.taps,
        moved=moved,
        scattered=scattered,
        streamed=state.far_elements(),
        rows=rows,
        # Parallel regions, which threads enter and leave together; shared boxes are packed in one.
        regions=machine.threads * (1 + plan.slots.together) if machine.threads > 1 else 0,
        # What is done once per box, and once per block of filters that is packed.
        boxes=plan.boxes.units,
        blocks=problem.groups * plan.blocks if packs else 0,
        weights=weights,
        far_weights=max(weights - NEAR_WEIGHTS, 0),
    )


def workspace(problem, threads):
    cdef Pixelwise state = Pixelwise(problem)
    cdef Layout plan = state.usual(threads)
    return _scratch_bytes(&plan)


def compile(problem):
    return Pixelwise(problem)


def prepare(Pixelwise state, weight, threads):
    """Weights as they lie, or as [group][block][tap][channel][filter of the block]."""
    cdef Weights w
    if state.reads_rows:
        weight = state.see_weights(weight, &w)
        if state.taps == 1 or not w.exchanged:
            return weight
    return state.pack(weight, state.plan.rows, state.plan.blocks, threads)


def run(Pixelwise state, packed, inputs, outputs, threads):
    x, bias = inputs
    (y,) = outputs
    if bias is not None:
        bias = contiguous(bias, state.dtype)
    cdef Layout plan = state.plan
    cdef Operands o
    cdef int workers = threads
    o.x = state.input_view(x)
    o.y = view_of(y, state.last)
    state.see(&o, packed)
    o.bias = state.bias(bias)
    state.meet(&plan, &o.x, &o.y)
    state.lay_out(&plan, workers)
    cdef Scratch scratch = acquire(_scratch_bytes(&plan))
    with nogil:
        _run(&plan, state.k, &o, scratch.data, workers)


cdef class Pixelwise(Direct):
    """A problem with its layout of least predicted cost."""

    cdef Layout plan
    cdef bint reads_rows  # tiles read weights as they lie

    def __init__(self, problem):
        super().__init__(problem)
        cdef Layout plan
        cdef double least = -1
        cdef Py_ssize_t row
        cdef bint near
        cdef int width
        plan.g = self.g
        plan.size = self.size
        plan.relu = self.relu
        plan.merged = self.channels == 1 and self.g.stride[2] == 1
        plan.run = self.g.kernel[2] if plan.merged else self.channels
        plan.taps = self.g.kernel[0] * self.g.kernel[1] * (1 if plan.merged else self.g.kernel[2])
        plan.pointwise = visits_all(&self.g)
        for width in range(FC_WIDTHS):
            plan.width = width
            plan.lanes = self.k.lanes << width
            plan.blocks = tile_count(self.filters, self.k.rows[width])
            plan.rows = tile_count(self.filters, plan.blocks)
            plan.in_place = (
                self.g.stride[2] == 1 and self.fold[2] == 1
                and (not self.last or self.g.in_channels == 1) and not needs_padding(&self.g)
                and self.line() >= plan.lanes
            )
            plan.planes = planes_of(&self.g, self.g.output, self.size, plan.lanes)
            # A kernel row reads the same lanes again, from the nearest cache if they fit. Most loads
            # of lanes cross cache lines, and what is loaded serves as many FMAs as there are rows.
            near = self.g.kernel[2] > 1 and self.channels * plan.lanes * self.size <= NEAR_BYTES
            plan.cost = plan.blocks * self.tiles(&plan) * (0.25 * (1 << width) + step_cycles(
                self.k, plan.rows, 1 << width, plan.rows + (2 if near else 5) * (1 << width), plan.run))
            plan.sums = plan.blocks * self.tiles(&plan) * (plan.rows << width) / 2.0
            if least < 0 or plan.cost < least:
                least = plan.cost
                self.plan = plan
        # A tile reads a line of every filter for as many channels as it holds, then the next one.
        row = self.channels * self.taps * self.size
        self.reads_rows = (self.plan.rows * gcd(row, SETS_BYTES) <= LINES_PER_SET * SETS_BYTES
                           and (self.taps == 1 or self.plan.rows * row <= TAPS_BYTES))

    cdef void see(self, Operands* o, packed) except *:
        """Where the weights of `prepare` lie."""
        cdef const Layout* plan = &self.plan
        if isinstance(packed, Scratch):
            o.weights = (<Scratch> packed).data
            o.filter = self.size
            o.step = plan.rows * self.size
            o.tap = plan.run * o.step
            o.block = plan.taps * o.tap
            o.group = plan.blocks * o.block
        else:
            o.weights = <const char*> cnp.PyArray_DATA(packed)
            o.filter = cnp.PyArray_STRIDE(packed, 0)
            o.step = self.size if plan.merged else cnp.PyArray_STRIDE(packed, 1)
            o.tap = plan.run * self.size if plan.merged else self.size
            o.block = plan.rows * o.filter
            o.group = self.filters * o.filter

    cdef Py_ssize_t line(self) noexcept nogil:
        """Lanes that lie side by side in an image read in place."""
        cdef bint folded = self.fold[0] * self.fold[1] * self.fold[2] > 1
        if visits_all(&self.g) and not folded:
            return self.g.output[0] * self.g.output[1] * self.g.output[2]
        return self.g.output[2]

    cdef double tiles(self, const Layout* plan) noexcept nogil:
        """Tiles per image and block, the image being one box; of narrow ones their part."""
        cdef Py_ssize_t* n = &self.g.output[0]
        if plan.in_place:
            return n[0] * n[1] * n[2] // self.line() * _tiles_of(plan, self.line())
        return n[0] * min(n[1] * _tiles_of(plan, n[2]),
                          _tiles_of(plan, (n[1] - 1) * plan.planes.extent[2] + n[2]))

    cdef void meet(self, Layout* plan, const View* x, const View* y) noexcept nogil:
        """How these arrays, whatever their strides, can be read and written."""
        cdef Geometry* g = &plan.g
        if plan.pointwise and is_linear(x, g.input) and is_linear(y, g.output):
            flatten(g)
        # Asked of the flattened image: columns of one pixel each may be far apart.
        if x.axis[2] != self.size and g.input[2] > 1:
            plan.in_place = False
        if g.output[2] < plan.lanes:
            plan.in_place = False

    cdef Layout usual(self, int threads) noexcept nogil:
        """The layout for contiguous arrays."""
        cdef Layout plan = self.plan
        cdef View x = self.usual_input(), y = self.usual_output()
        self.meet(&plan, &x, &y)
        self.lay_out(&plan, threads)
        return plan

    cdef void lay_out(self, Layout* plan, int threads) noexcept nogil:
        """Boxes for this many threads."""
        cdef const Geometry* g = &plan.g
        cdef Py_ssize_t whole
        plan.boxes = share_out(g, False, plan.lanes, plan.blocks, self.channels * self.size,
                               self.weight_bytes(), not plan.in_place, threads)
        plan.slots.count = plan.slots.together = 0
        plan.linear = False
        plan.planes = planes_of(g, plan.boxes.size, self.size, plan.lanes)
        if plan.in_place:
            return
        # Fewer tiles if lanes run on over the padding between rows?
        whole = (plan.boxes.size[1] - 1) * plan.planes.extent[2] + plan.boxes.size[2]
        plan.linear = _tiles_of(plan, whole) < plan.boxes.size[1] * _tiles_of(plan, plan.boxes.size[2])
        plan.slots = slots_for(plan.boxes.units, plan.boxes.shares, plan.boxes.boxwise,
                               plan.planes.bytes, self.sums(), threads)


cdef double _tiles_of(const Layout* plan, Py_ssize_t line) noexcept nogil:
    """Tiles of a line."""
    cdef Py_ssize_t rest = line % plan.lanes
    if rest == 0:
        return line // plan.lanes
    return line // plan.lanes + 1.0 / (1 << (plan.width - _narrowest(plan.width, plan.lanes, rest)))


cdef int _narrowest(int width, Py_ssize_t lanes, Py_ssize_t wanted) noexcept nogil:
    """The least width for the `wanted` lanes of a tile: the last one of a line may be narrower."""
    while width > 0 and 2 * wanted <= lanes:
        width -= 1
        lanes //= 2
    return width


cdef Py_ssize_t _taps_bytes(const Layout* plan) noexcept nogil:
    return (2 * plan.taps * sizeof(Py_ssize_t) + 4095) // 4096 * 4096


cdef Py_ssize_t _scratch_bytes(const Layout* plan) noexcept nogil:
    return _taps_bytes(plan) + plan.slots.count * plan.planes.bytes + plan.slots.count


cdef int _run(const Layout* plan, const fc_kernels* k, Operands* o, char* scratch,
               int threads) except -1 nogil:
    cdef const Geometry* g = &plan.g
    cdef Py_ssize_t* scalar_taps = <Py_ssize_t*> scratch
    cdef Py_ssize_t* vector_taps = scalar_taps + plan.taps
    cdef Py_ssize_t t, d, h, w, i
    o.plan = plan
    o.k = k
    for t in range(plan.taps):
        w = 0 if plan.merged else t % g.kernel[2]
        i = t if plan.merged else t // g.kernel[2]
        h = i % g.kernel[1]
        d = i // g.kernel[1]
        scalar_taps[t] = t * o.tap
        if plan.in_place:
            vector_taps[t] = (d * g.dilation[0] * o.x.axis[0] + h * g.dilation[1] * o.x.axis[1]
                              + w * g.dilation[2] * plan.size)
        else:
            vector_taps[t] = plane_tap(g, &plan.planes, plan.size, d, h, w)
    o.scalar_taps = scalar_taps
    o.vector_taps = vector_taps
    o.packed = scratch + _taps_bytes(plan)
    o.is_packed = o.packed + plan.slots.count * plan.planes.bytes
    memset(o.is_packed, 0, plan.slots.count)
    if plan.slots.together:
        o.runs = min(threads, plan.planes.channels)
        share(_pack_run, o, plan.boxes.units * o.runs, threads)
    share(_task, o, plan.boxes.units * plan.boxes.shares, threads)


cdef void _pack_run(const void* work, Py_ssize_t task, int thread) noexcept nogil:
    """Some channels of a box that all threads need."""
    cdef const Operands* o = <const Operands*> work
    cdef const Planes* p = &o.plan.planes
    cdef Py_ssize_t unit = task // o.runs, run = task % o.runs
    _pack(o.plan, o.k, o, unit, o.packed + unit * p.bytes,
          run * p.channels // o.runs, (run + 1) * p.channels // o.runs)


cdef void _task(const void* work, Py_ssize_t task, int thread) noexcept nogil:
    """Some filters over one box, which is packed if it was not."""
    cdef const Operands* o = <const Operands*> work
    cdef const Layout* plan = o.plan
    cdef const fc_kernels* k = o.k
    cdef Py_ssize_t unit = unit_of(&plan.boxes, task), slot
    cdef char* packed = NULL
    if not plan.in_place:
        slot = slot_of(&plan.slots, unit, thread)
        packed = o.packed + slot * plan.planes.bytes
        if must_pack(&plan.slots, o.is_packed, slot):
            _pack(plan, k, o, unit, packed, 0, plan.planes.channels)
    _compute(plan, k, o, unit, share_of(&plan.boxes, task), packed)


cdef void _pack(const Layout* plan, const fc_kernels* k, const Operands* o, Py_ssize_t unit,
                char* packed, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    """Channels [first, last) of a box."""
    cdef Box box = box_at(&plan.g, &plan.boxes, unit)
    cdef View x = o.x
    x.data += box.image * x.batch + box.group * plan.planes.channels * x.channel
    pack_planes(&plan.g, &plan.planes, &x, &box, packed, first, last, plan.size, k)


cdef void _compute(const Layout* plan, const fc_kernels* k, const Operands* o, Py_ssize_t unit,
                   Share share, const char* packed) noexcept nogil:
    """Some blocks of filters over one box."""
    cdef const Geometry* g = &plan.g
    cdef Py_ssize_t size = plan.size, filters = g.out_channels // g.groups
    cdef Box box = box_at(g, &plan.boxes, unit)
    cdef const char* input = packed
    cdef const char* source
    cdef char* output = o.y.data + box.image * o.y.batch + box.group * filters * o.y.channel
    cdef Py_ssize_t row_bytes = plan.planes.extent[2] * size, slice_bytes = plan.planes.extent[1] * row_bytes
    # Rows without padding between them are one line of the output as well.
    cdef bint direct = o.y.axis[2] == size and (
        not plan.linear or row_bytes == box.output[2] * size == o.y.axis[1])
    cdef Py_ssize_t step = plan.planes.channel
    cdef Py_ssize_t line = box.output[2], height = box.output[1]
    cdef Py_ssize_t block, rows, filter, d, h, tile, lane, lanes, i
    cdef int width
    cdef char temporary[MAX_TILE_BYTES]
    cdef fc_tile t
    if plan.in_place:
        step = o.x.channel
        row_bytes = o.x.axis[1] * g.stride[1]
        slice_bytes = o.x.axis[0] * g.stride[0]
        input = o.x.data + box.image * o.x.batch + box.group * plan.planes.channels * step
    for i in range(3):
        output += box.origin[i] * o.y.axis[i]
        if plan.in_place:
            input += (box.origin[i] * g.stride[i] - g.pad[i]) * o.x.axis[i]
    if plan.linear:
        line = (height - 1) * plan.planes.extent[2] + line
        height = 1
    t.scalar_taps = o.scalar_taps
    t.vector_taps = o.vector_taps
    t.taps = plan.taps
    t.start = NULL
    t.chain = FC_CHAIN
    t.run = plan.run
    t.scalar_row = o.filter
    t.scalar_step = o.step
    t.vector_step = g.dilation[2] * size if plan.merged else step
    t.row_bias = NULL
    t.lane_bias = NULL
    t.relu = plan.relu
    for block in range(share.first, share.last):
        filter = block * plan.rows
        rows = min(plan.rows, filters - filter)
        t.scalars = o.weights + box.group * o.group + block * o.block
        if o.bias != NULL:
            t.row_bias = o.bias + (box.group * filters + filter) * size
        for i in range(box.output[0] * height):
            d = i // height
            h = i % height
            source = input + d * slice_bytes + h * row_bytes
            for tile in range(tile_count(line, plan.lanes)):
                lane = tile * plan.lanes
                width = _narrowest(plan.width, plan.lanes, line - lane)
                lanes = plan.lanes >> (plan.width - width)
                if plan.in_place and box.origin[2] + lane + lanes > g.output[2]:
                    # Start earlier rather than read beyond the row: some lanes are computed twice.
                    lane = g.output[2] - lanes - box.origin[2]
                t.vectors = source + lane * size
                t.lanes = min(lanes, line - lane)
                if direct:
                    t.out = (output + filter * o.y.channel + d * o.y.axis[0] + h * o.y.axis[1]
                             + lane * size)
                    t.out_row = o.y.channel
                    k.tile[width][rows](&t)
                    continue
                t.out = temporary
                t.out_row = plan.lanes * size
                k.tile[width][rows](&t)
                _scatter(plan, k, &o.y, &box, output + filter * o.y.channel, temporary, rows, d, h,
                         lane, t.lanes)


cdef void _scatter(const Layout* plan, const fc_kernels* k, const View* y, const Box* box,
                   char* output, const char* tile, Py_ssize_t rows, Py_ssize_t depth,
                   Py_ssize_t height, Py_ssize_t lane, Py_ssize_t lanes) noexcept nogil:
    """Bring a tile to outputs that are not side by side, row segment by row segment."""
    cdef Py_ssize_t size = plan.size, pitch = box.output[2]
    if plan.linear:
        pitch = plan.planes.extent[2]
    cdef Py_ssize_t at = lane, column, count, r
    cdef char* target
    while at < lane + lanes:
        column = at % pitch if plan.linear else at
        count = min(pitch - column, lane + lanes - at)
        if column < box.output[2]:
            target = (output + depth * y.axis[0] + column * y.axis[2]
                      + (height + (at // pitch if plan.linear else 0)) * y.axis[1])
            if y.channel == size and y.axis[2] != size:
                k.transpose(tile + (at - lane) * size, plan.lanes * size, target, y.axis[2],
                            rows, min(count, box.output[2] - column), 1)
            else:
                for r in range(rows):
                    copy_elements(tile + (r * plan.lanes + at - lane) * size, size,
                                  target + r * y.channel, y.axis[2],
                                  min(count, box.output[2] - column), size)
        at += count
