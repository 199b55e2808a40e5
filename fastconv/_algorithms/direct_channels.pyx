# Direct convolution, lanes = output channels: a tile is some neighbouring output pixels x some
# output channels. The input is read channels-last, in place where no padding is needed, or else
# from a padded copy of a cache-sized box; a table of tap offsets makes 1-D, 2-D and 3-D the same
# loop. For channels-last data and many filters.

from math import prod

import numpy as np

cimport numpy as cnp
from libc.string cimport memcpy, memset

from fastconv._algorithms._direct import NEAR_WEIGHTS, product_flops, supports as _supports, too_sparse
from fastconv._algorithms._boxes cimport (
    Box, Boxes, Share, box_at, share_of, share_out, unit_of,
)
from fastconv._algorithms._direct cimport Direct, flatten, step_cycles, tile_count, visits_all
from fastconv._algorithms._packing cimport (
    Pixels, is_linear, needs_padding, pack_pixels, pixels_of, unpack_pixels,
)
from fastconv._algorithms._slots cimport Slots, must_pack, slot_of, slots_for
from fastconv._core.arena cimport Scratch, acquire
from fastconv._core.geometry cimport Geometry, View, view_of
from fastconv._core.team cimport share
from fastconv._kernels.table cimport FC_CHAIN, FC_WIDTHS, fc_kernels, fc_tile

cnp.import_array()

name = "direct_channels"
kinds = ("conv",)
local = True

cdef enum:
    # Pixels gathered before they are transposed into channels-first outputs.
    GATHERED = 64
    # Kernel rows of fewer channels than this are worth merging into one run.
    MERGED_CHANNELS = 256


# How one problem runs. What follows `cost` depends on the arrays and the threads of a call.
cdef struct Layout:
    int width                  # log2 of vectors per pixel of a tile
    Py_ssize_t lanes, blocks   # filters per tile, tiles per group
    bint in_place
    bint pointwise             # every input pixel is seen once, by a single tap
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
        * tile_count(line, state.k.rows[plan.width]) * plan.taps,
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
    return _scratch_bytes(&plan, threads)


def compile(problem):
    return Channelwise(problem)


def prepare(Channelwise state, weight, threads):
    """Weights as [group][block][tap][channel][filter of the block], blocks of whole tiles."""
    return state.pack(weight, state.plan.lanes, state.plan.blocks, threads)


def run(Channelwise state, Scratch packed, inputs, outputs, threads):
    x, bias = inputs
    (y,) = outputs
    if bias is not None:
        bias = np.ascontiguousarray(bias, state.dtype)
    cdef Layout plan = state.plan
    cdef Operands o
    cdef const char* biases = state.bias(bias)
    cdef int workers = threads
    o.x = state.input_view(x)
    o.y = view_of(y, state.last)
    o.weights = packed.data
    state.meet(&plan, &o.x, &o.y)
    state.lay_out(&plan, workers)
    cdef Scratch scratch = acquire(_scratch_bytes(&plan, workers))
    with nogil:
        _run(&plan, state.k, &o, biases, scratch.data, workers)


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
        plan.g = self.g
        plan.size = self.size
        plan.relu = self.relu
        plan.pointwise = visits_all(&self.g)
        if plan.pointwise:
            line *= lines
            lines = 1
        plan.in_place = not needs_padding(&self.g) and (self.last or self.g.in_channels == 1)
        plan.flat = plan.pointwise
        for width in range(FC_WIDTHS - 1):
            plan.width = width
            plan.lanes = self.k.lanes << width
            plan.blocks = tile_count(self.filters, plan.lanes)
            tiles = tile_count(line, self.k.rows[width])
            pixels = tile_count(line, tiles)
            plan.cost = (plan.blocks * lines * tiles
                         * step_cycles(self.k, pixels, 1 << width, pixels + (1 << width),
                                       self.channels * self.g.kernel[2]))
            if least < 0 or plan.cost < least:
                least = plan.cost
                self.plan = plan

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
                       and (g.groups == 1 or not plan.in_place))
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


cdef Py_ssize_t _scratch_bytes(const Layout* plan, int threads) noexcept nogil:
    return (_pages(2 * plan.taps * sizeof(Py_ssize_t))
            + _pages(plan.g.groups * plan.blocks * plan.lanes * plan.size)
            + threads * _gathered_bytes(plan) + plan.slots.count * plan.packed.bytes + plan.slots.count)


cdef int _run(const Layout* plan, const fc_kernels* k, Operands* o, const char* bias,
               char* scratch, int threads) except -1 nogil:
    cdef const Geometry* g = &plan.g
    cdef Py_ssize_t* pixel_taps = <Py_ssize_t*> scratch
    cdef Py_ssize_t* lane_taps = pixel_taps + plan.taps
    cdef char* padded_bias = scratch + _pages(2 * plan.taps * sizeof(Py_ssize_t))
    cdef Py_ssize_t filters = g.out_channels // g.groups, bias_bytes = plan.blocks * plan.lanes * plan.size
    cdef Py_ssize_t t, i, d, h, w
    cdef Py_ssize_t axis[3]
    o.plan = plan
    o.k = k
    o.pixel_taps = pixel_taps
    o.lane_taps = lane_taps
    o.gathered = padded_bias + _pages(g.groups * bias_bytes)
    o.packed = o.gathered + threads * _gathered_bytes(plan)
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
    cdef char* gathered = o.gathered + thread * _gathered_bytes(plan)
    cdef bint direct = o.y.channel == size
    cdef Py_ssize_t axis[3]
    cdef Py_ssize_t line = box.output[2], lines = box.output[0] * box.output[1]
    cdef Py_ssize_t block, i, n, tile, tiles, column, pixels, filter, held, held_from
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
    t.scalar_taps = o.pixel_taps
    t.vector_taps = o.lane_taps
    t.taps = plan.taps
    t.chain = FC_CHAIN
    t.run = plan.run
    t.scalar_row = axis[2]
    t.scalar_step = size
    t.vector_step = plan.lanes * size
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
            for tile in range(tiles):
                column = tile * pixels
                n = min(pixels, line - column)
                t.scalars = source + column * axis[2]
                if direct:
                    t.out = target + column * o.y.axis[2] + filter * size
                    t.out_row = o.y.axis[2]
                    k.tile[plan.width][n](&t)
                    continue
                if held == 0:
                    held_from = i * line + column
                t.out = gathered + held * plan.lanes * size
                t.out_row = plan.lanes * size
                k.tile[plan.width][n](&t)
                held += n
                if i == lines - 1 and column + n == line or held + pixels > GATHERED:
                    unpack_pixels(&o.y, box.output, gathered, t.out_row, held_from, held,
                                  min(plan.lanes, filters - filter),
                                  output + filter * o.y.channel, size, k)
                    held = 0
