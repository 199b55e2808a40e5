"""Winograd's convolution with 3x3 kernels, for tiles of m x m outputs: fewer products for more sums.

Tiles of inputs, channels last, are transformed to points; at every point there is one matrix product, of tiles x
channels and channels x filters, by the register tiles of the direct rooms; the points transformed back are tiles of
outputs. Depth, and all else that is not the 3x3 kernel, is summed up at the points.
"""

from math import prod

import numpy as np

cimport numpy as cnp
from libc.string cimport memset

from fastconv._algorithms._direct import NEAR_WEIGHTS, supports as _supports
from fastconv._algorithms._boxes cimport Box
from fastconv._algorithms._direct cimport Direct, Weights, step_cycles, tile_count
from fastconv._algorithms._packing cimport Pixels, fill, pack_pixels, pixels_of, unpack_pixels
from fastconv._algorithms._winograd_tiles cimport (
    Unit, Units, cut, slices_of, tile_origins, tiles_along, unit_at,
)
from fastconv._algorithms._slots cimport Slots, must_pack, slot_of, slots_for
from fastconv._core.arena cimport Scratch, acquire
from fastconv._core.arrays import contiguous
from fastconv._core.geometry cimport Geometry, View, shown, view_of
from fastconv._core.team cimport note, share
from fastconv._kernels.table cimport FC_CHAIN, FC_WIDTHS, fc_tile

cnp.import_array()

cdef enum:
    MOST_POINTS = 36
    # Weights worth transforming in parallel, in bytes.
    PARALLEL_WEIGHTS = 256 << 10
    # Channels of a block of weights that are transformed at a time.
    PIECE = 16
    # Bytes of copied images at a time, though never less than one image.
    COPIED = 64 << 20

# With fewer channels or filters the transforms take longer than they save.
LEAST_CHANNELS = 8


# How one problem runs. What follows `in_place` depends on the arrays and the threads of a call.
cdef struct Layout:
    int variant                # which fc_winograd
    Py_ssize_t outputs         # of a tile, along an axis
    Py_ssize_t points          # of a tile
    int width                  # log2 of vectors per pixel of a register tile
    Py_ssize_t lanes, blocks   # filters per register tile, register tiles per group
    double cost                # predicted, as multiply-adds of full vectors
    Pixels copied              # an image of a copy, channels last
    bint in_place              # inputs are read where they are
    Geometry g                 # of the images of one step
    Units units
    # Bytes between neighbours, at the points of inputs (i) and of products (p).
    Py_ssize_t i_tile, i_point, i_slice
    Py_ssize_t p_tile, p_point, p_plane
    Py_ssize_t inputs, products  # of a unit
    Slots slots                # of units whose inputs are at the points
    Py_ssize_t gathered        # bytes of pixels on their way to channels-first outputs


# Everything a task reads.
cdef struct Operands:
    void* state                # a Winograd
    const Layout* plan
    int* odd                   # whether there was an Inf or NaN
    View x
    View y
    const char* weights
    const char* bias           # on whole register tiles, or NULL
    const char* outside        # a pixel that is filled
    const Py_ssize_t* rows     # first outputs of the tiles
    const Py_ssize_t* columns
    const Py_ssize_t* scalar_taps   # of the depth
    const Py_ssize_t* vector_taps
    char* inputs
    char* products
    char* gathered
    char* transformed          # one per slot
    char* copy                 # of the images, channels last


# What packs weights.
cdef struct Transform:
    void* state                # a Winograd
    const Weights* weights
    char* to
    Py_ssize_t block_bytes
    char* pieces               # scratch of all threads
    Py_ssize_t piece


def refusal(problem):
    """None, or why a problem has no tiles of Winograd's."""
    reason = _supports(problem)
    if reason is None and problem.precision == "exact":
        reason = "its transforms round, and this sum must be exact"
    if reason is None and (problem.ndim == 1 or problem.kernel[problem.ndim - 2:] != (3, 3)):
        reason = "is for kernels of 3x3, or deep ones of such"
    if reason is None and problem.stride[problem.ndim - 2:] != (1, 1):
        reason = f"is for stride 1, not {problem.stride}"
    channels, filters = (n // problem.groups for n in (problem.in_channels, problem.out_channels))
    if reason is None and min(channels, filters) < LEAST_CHANNELS:
        reason = f"does not repay its transforms with {channels} channels and {filters} filters"
    return reason


cdef Py_ssize_t _pages(Py_ssize_t size) noexcept nogil:
    return (size + 4095) // 4096 * 4096


cdef Py_ssize_t _apart(Py_ssize_t size) noexcept nogil:
    """Bytes between rows: not so many that neighbours fall into one cache set."""
    size = (size + 63) // 64 * 64
    return size + 64 if size % 1024 == 0 else size


cdef Py_ssize_t _offsets_bytes(const Geometry* g, const Layout* plan) noexcept nogil:
    return _pages((plan.units.all_rows + plan.units.all_columns + 2 * g.kernel[0]) * sizeof(Py_ssize_t))


cdef Py_ssize_t _tables_bytes(const Geometry* g, const Layout* plan, Py_ssize_t size) noexcept nogil:
    """Scratch for tables of offsets, padding and bias."""
    return (_offsets_bytes(g, plan) + _pages(g.in_channels // g.groups * size)
            + _pages(g.groups * plan.blocks * plan.lanes * size))


cdef Py_ssize_t _scratch_bytes(const Layout* plan, Py_ssize_t size, int threads) noexcept nogil:
    return (_tables_bytes(&plan.g, plan, size)
            + (0 if plan.in_place else plan.g.batch * plan.copied.bytes)
            + plan.slots.count * plan.inputs + threads * (plan.products + plan.gathered) + plan.slots.count)


cdef class Winograd(Direct):
    """A problem with its layout of least predicted cost."""

    cdef Layout plan
    cdef Geometry whole        # an input image as outputs of a 1x1 kernel: what is copied

    def __init__(self, problem, outputs):
        super().__init__(problem)
        cdef Layout plan
        cdef double least = -1
        cdef Py_ssize_t tiles
        cdef int width
        plan.variant = (2, 4).index(outputs)
        plan.outputs = self.k.winograd[plan.variant].outputs
        plan.points = (plan.outputs + 2) * (plan.outputs + 2)
        tiles = tiles_along(&self.g, 1, plan.outputs) * tiles_along(&self.g, 2, plan.outputs)
        for width in range(FC_WIDTHS - 1):
            plan.width = width
            plan.lanes = self.k.lanes << width
            plan.blocks = tile_count(self.filters, plan.lanes)
            plan.cost = self.cost(&plan, tiles)
            if least < 0 or plan.cost < least:
                least = plan.cost
                self.plan = plan
        self.whole = self.g
        for width in range(3):
            self.whole.output[width] = self.g.input[width]
            self.whole.kernel[width] = self.whole.stride[width] = self.whole.dilation[width] = 1
            self.whole.pad[width] = 0
        self.plan.copied = pixels_of(&self.whole, self.g.input, self.g.in_channels, False, self.size)

    def estimate(self, name, problem, machine, prepacked):
        """Predicted seconds, at the prices of the room `name`."""
        cdef Layout plan = self.lay_out(machine.threads, not self.last, self.g.batch)
        tiles = problem.batch * problem.groups * self.g.output[0] * plan.units.all_rows * plan.units.all_columns
        slices = slices_of(&self.g, plan.units.planes) / <double> plan.units.planes
        moved = tiles * plan.points * (slices * self.channels + 2 * self.filters)
        if not plan.in_place:
            moved += problem.batch * problem.in_channels * prod(problem.input)
        if not self.last:
            moved += problem.batch * problem.out_channels * prod(problem.output)
        weights = problem.out_channels * self.channels * self.g.kernel[0]
        packed = weights * (9 + plan.points)
        # Parallel regions, which threads enter and leave together.
        regions = 1 + (not plan.in_place) + plan.slots.together
        return machine.seconds(
            name,
            flops=problem.batch * problem.groups * plan.cost * 4 * self.k.lanes,
            tiles=tiles,
            moved=moved,
            regions=machine.threads * regions if machine.threads > 1 else 0,
            weights=0 if prepacked else packed,
            far_weights=max(packed * plan.units.units // problem.groups - NEAR_WEIGHTS, 0),
            # Weights at the points are read once, from memory where they are many.
            streamed=max(weights * plan.points - NEAR_WEIGHTS * machine.threads, 0),
        )

    def workspace(self, threads):
        """Bytes of scratch."""
        return self.scratch_bytes(threads, not self.last)

    def prepare(self, weight, threads):
        """Weights at the points, as [group][block][point][depth][channel][filter of the block]."""
        return self.transform(weight, threads)

    def run(self, Scratch packed, inputs, outputs, threads):
        """Whether the result stands: False where there is an Inf or NaN."""
        x, bias = inputs
        (y,) = outputs
        if bias is not None:
            bias = contiguous(bias, self.dtype)
        cdef Operands o
        cdef const char* biases = self.bias(bias)
        cdef int workers = threads
        o.x = self.input_view(x)
        o.y = view_of(y, self.last)
        o.weights = packed.data
        cdef bint copy = o.x.channel != self.size
        cdef Scratch scratch = acquire(self.scratch_bytes(workers, copy))
        cdef int odd = 0
        with nogil:
            odd = self.execute_all(&o, biases, copy, scratch.data, workers)
        return odd == 0

    cdef double cost(self, const Layout* plan, Py_ssize_t tiles) noexcept nogil:
        """Cycles of the products of an image and group."""
        cdef Py_ssize_t calls = tile_count(tiles, self.k.rows[plan.width])
        cdef Py_ssize_t rows = tile_count(tiles, calls)
        return (plan.points * calls * plan.blocks * self.g.output[0] * self.channels * self.g.kernel[0]
                * step_cycles(self.k, rows, 1 << plan.width, rows + (1 << plan.width), self.channels))

    cdef Py_ssize_t images(self, bint copy) noexcept nogil:
        """Images per step: of a limited copy, in steps as equal as can be."""
        cdef Py_ssize_t all = max(self.g.batch, 1)
        cdef Py_ssize_t most = max(COPIED // max(self.plan.copied.bytes, 1), 1)
        return tile_count(all, tile_count(all, most)) if copy else all

    cdef Py_ssize_t scratch_bytes(self, int threads, bint copy) noexcept nogil:
        """Of any step; the last may have fewer images."""
        cdef Py_ssize_t step = self.images(copy), rest = self.g.batch % self.images(copy)
        cdef Layout plan = self.lay_out(threads, copy, step)
        cdef Py_ssize_t bytes = _scratch_bytes(&plan, self.size, threads)
        if rest > 0:
            plan = self.lay_out(threads, copy, rest)
            bytes = max(bytes, _scratch_bytes(&plan, self.size, threads))
        return bytes

    cdef int execute_all(self, const Operands* operands, const char* bias, bint copy, char* scratch,
                         int threads) except -1 nogil:
        """All images, step by step; not zero if there was an Inf or NaN."""
        cdef Py_ssize_t step = self.images(copy), first = 0
        cdef Layout plan
        cdef Operands o
        cdef int odd = 0
        while first < self.g.batch:
            plan = self.lay_out(threads, copy, min(step, self.g.batch - first))
            o = operands[0]
            o.x.data += first * o.x.batch
            o.y.data += first * o.y.batch
            odd |= self.execute(&plan, &o, bias, scratch, threads)
            first += step
        return odd

    cdef Layout lay_out(self, int threads, bint copy, Py_ssize_t images) noexcept nogil:
        """The layout for this many threads and images, and inputs to be copied or not."""
        cdef Layout plan = self.plan
        cdef Units* u = &plan.units
        cdef Py_ssize_t tiles, span
        plan.in_place = not copy
        plan.g = self.g
        plan.g.batch = images
        u[0] = cut(&plan.g, plan.outputs, plan.blocks, plan.lanes, self.k.rows[plan.width], self.size,
                   threads)
        tiles = u.rows * u.columns
        plan.i_tile = _apart(self.channels * self.size)
        plan.i_point = _apart(tiles * plan.i_tile)
        plan.i_slice = plan.points * plan.i_point
        plan.inputs = _pages(slices_of(&self.g, u.planes) * plan.i_slice)
        plan.p_tile = _apart(u.share * plan.lanes * self.size)
        plan.p_point = _apart(tiles * plan.p_tile)
        plan.p_plane = plan.points * plan.p_point
        plan.products = _pages(u.planes * plan.p_plane)
        # To transform an element takes twice what it takes to copy it.
        plan.slots = slots_for(u.units, u.shares, False, plan.inputs, 2 * self.filters, threads)
        span = self.g.output[2] if self.g.dilation[2] > 1 else u.columns * plan.outputs
        plan.gathered = _pages(plan.outputs * span * plan.lanes * self.size)
        return plan

    cdef Scratch transform(self, object weight, int threads):
        """Packed weights, at the points."""
        cdef const Layout* plan = &self.plan
        cdef Py_ssize_t total = self.g.groups * plan.blocks
        cdef Py_ssize_t block_bytes = plan.points * self.g.kernel[0] * self.channels * plan.lanes * self.size
        cdef Py_ssize_t piece = _pages(PIECE * self.taps * plan.lanes * self.size)
        cdef int workers = threads if total * block_bytes > PARALLEL_WEIGHTS else 1
        cdef Weights w
        weight = self.see_weights(weight, &w)
        cdef Scratch packed = acquire(total * block_bytes)
        cdef Scratch pieces = acquire(workers * piece)
        cdef Transform work
        work.state = <void*> self
        work.weights = &w
        work.to = packed.data
        work.block_bytes = block_bytes
        work.pieces = pieces.data
        work.piece = piece
        with nogil:
            share(_transform_block, &work, total, workers)
        return packed

    cdef void transform_block(self, const Weights* w, char* to, Py_ssize_t i, char* taps) noexcept nogil:
        """The weights of one block, by pieces that stay in the nearest cache."""
        cdef const Layout* plan = &self.plan
        cdef Py_ssize_t pixel = plan.lanes * self.size, depth = self.g.kernel[0]
        cdef Py_ssize_t channel, channels, d, piece
        for piece in range(tile_count(self.channels, PIECE)):
            channel = piece * PIECE
            channels = min(PIECE, self.channels - channel)
            self.pack_block(w, taps, i, plan.lanes, plan.blocks, channel, channels)
            for d in range(depth):
                self.k.winograd[plan.variant].weights(
                    taps + 9 * d * channels * pixel, channels * pixel,
                    to + (d * self.channels + channel) * pixel, depth * self.channels * pixel,
                    channels * pixel)

    cdef int execute(self, const Layout* plan, Operands* o, const char* bias, char* scratch,
                     int threads) except -1 nogil:
        """The images of one step; not zero if there was an Inf or NaN."""
        cdef const Geometry* g = &plan.g
        cdef const Units* u = &plan.units
        cdef Py_ssize_t bias_bytes = plan.blocks * plan.lanes * self.size, i
        cdef Py_ssize_t lines = g.batch * plan.copied.rows
        cdef int odd = 0
        cdef Py_ssize_t* offsets = <Py_ssize_t*> scratch
        cdef char* outside = scratch + _offsets_bytes(g, plan)
        cdef char* padded_bias = outside + _pages(self.channels * self.size)
        cdef char* copy = padded_bias + _pages(g.groups * bias_bytes)
        o.rows = offsets
        tile_origins(g, 1, plan.outputs, offsets)
        offsets += u.all_rows
        o.columns = offsets
        tile_origins(g, 2, plan.outputs, offsets)
        offsets += u.all_columns
        o.scalar_taps = offsets
        o.vector_taps = offsets + g.kernel[0]
        for i in range(g.kernel[0]):
            offsets[i] = i * g.dilation[0] * plan.i_slice
            offsets[g.kernel[0] + i] = i * self.channels * plan.lanes * self.size
        fill(outside, self.channels, self.size, g.fill)
        o.outside = outside
        o.bias = NULL
        if bias != NULL:
            o.bias = padded_bias
            memset(padded_bias, 0, g.groups * bias_bytes)
            for i in range(g.out_channels):
                self.k.copy(bias + i * self.size, self.size, padded_bias + i // self.filters * bias_bytes
                            + i % self.filters * self.size, self.size, 1, 1, 1)
        o.inputs = copy
        if not plan.in_place:
            o.inputs += g.batch * plan.copied.bytes
        o.products = o.inputs + plan.slots.count * plan.inputs
        o.gathered = o.products + threads * plan.products
        o.transformed = o.gathered + threads * plan.gathered
        memset(o.transformed, 0, plan.slots.count)
        o.state = <void*> self
        o.plan = plan
        o.odd = &odd
        if not plan.in_place:
            o.copy = copy
            share(_copy_line, o, lines, threads)
            _see_copy(plan, o, copy)
        if plan.slots.together:
            share(_transform_row, o, u.units * u.rows, threads)
        share(_task, o, u.units * u.shares, threads)
        return odd

    cdef void copy_line(self, const Layout* plan, const Operands* o, char* to, Py_ssize_t i) noexcept nogil:
        """One piece of a row of an image, as pixels."""
        cdef View x = o.x
        cdef Box box
        cdef Py_ssize_t row = i % plan.copied.rows
        box.image = i // plan.copied.rows
        box.group = 0
        box.origin = [0, 0, 0]
        box.output = [self.g.input[0], self.g.input[1], self.g.input[2]]
        x.data += box.image * x.batch
        pack_pixels(&self.whole, &plan.copied, &x, &box, to + box.image * plan.copied.bytes, row, row + 1,
                    self.size, self.k)

    cdef void unit_inputs(self, const Layout* plan, const Operands* o, Py_ssize_t index, Py_ssize_t slot,
                          Py_ssize_t row) noexcept nogil:
        """The inputs of a unit at the points: of all tiles, or of one row of them."""
        cdef const Geometry* g = &self.g
        cdef Unit t = unit_at(&plan.units, index)
        cdef Py_ssize_t first = 0, last = t.size[1], slice, at, image, r, plane
        cdef const char* source
        cdef char* to
        if row >= 0:
            first = row
            last = min(row + 1, t.size[1])
        for slice in range(slices_of(g, t.size[0])):
            if g.kernel[0] == 1:
                plane = t.origin[0] + slice
                image = plane // g.output[0]
                at = shown(g, 0, plane % g.output[0] * g.stride[0] - g.pad[0])
            else:
                image = t.run
                at = shown(g, 0, t.origin[0] * g.stride[0] + slice - g.pad[0])
            source = NULL
            if at >= 0:
                source = (o.x.data + image * o.x.batch + at * o.x.axis[0]
                          + t.group * self.channels * self.size)
            for r in range(first, last):
                to = o.inputs + slot * plan.inputs + slice * plan.i_slice + r * t.size[2] * plan.i_tile
                self.row_inputs(plan, o, source, o.rows[t.origin[1] + r], &o.columns[t.origin[2]],
                                t.size[2], to)

    cdef void row_inputs(self, const Layout* plan, const Operands* o, const char* source, Py_ssize_t row,
                         const Py_ssize_t* columns, Py_ssize_t tiles, char* to) noexcept nogil:
        """A row of tiles; without a source they are padding."""
        cdef const Geometry* g = &self.g
        cdef Py_ssize_t side = plan.outputs + 2, i, j, tile, h, w
        cdef const char* lines[8]
        cdef const char* pixels[MOST_POINTS]
        for i in range(side):
            h = shown(g, 1, row + i * g.dilation[1] - g.pad[1])
            lines[i] = NULL
            if source != NULL and h >= 0:
                lines[i] = source + h * o.x.axis[1]
        for tile in range(tiles):
            for j in range(side):
                w = shown(g, 2, columns[tile] + j * g.dilation[2] - g.pad[2])
                if w >= 0:
                    for i in range(side):
                        pixels[i * side + j] = o.outside if lines[i] == NULL else lines[i] + w * o.x.axis[2]
                else:
                    for i in range(side):
                        pixels[i * side + j] = o.outside
            self.k.winograd[plan.variant].inputs(pixels, to + tile * plan.i_tile, plan.i_point,
                                                 self.channels)

    cdef int task(self, const Layout* plan, const Operands* o, Py_ssize_t task, int thread) noexcept nogil:
        """One share of the filters of a unit, whose inputs are transformed if they were not."""
        cdef const Units* u = &plan.units
        cdef Py_ssize_t unit = task % u.units, slot = slot_of(&plan.slots, unit, thread)
        cdef Unit t = unit_at(u, unit)
        cdef Py_ssize_t first = task // u.units * u.share, last = min(first + u.share, plan.blocks)
        cdef char* products = o.products + thread * plan.products
        if must_pack(&plan.slots, o.transformed, slot):
            self.unit_inputs(plan, o, unit, slot, -1)
        self.multiply(plan, o, &t, first, last, o.inputs + slot * plan.inputs, products)
        if o.y.channel == self.size:
            return self.store(plan, o, &t, first, last, products)
        return self.store_planes(plan, o, &t, first, last, products, o.gathered + thread * plan.gathered)

    cdef void multiply(self, const Layout* plan, const Operands* o, const Unit* t, Py_ssize_t first,
                       Py_ssize_t last, const char* inputs, char* products) noexcept nogil:
        """Inputs by weights, at every point."""
        cdef const Geometry* g = &self.g
        cdef Py_ssize_t tiles = t.size[1] * t.size[2], step = plan.lanes * self.size
        cdef Py_ssize_t rows = tile_count(tiles, tile_count(tiles, self.k.rows[plan.width]))
        cdef Py_ssize_t calls = tile_count(tiles, rows), depth = g.kernel[0]
        cdef Py_ssize_t block_bytes = depth * self.channels * step, apart
        cdef Py_ssize_t point, block, plane, call, tile
        cdef fc_tile k
        k.scalar_row = plan.i_tile
        k.scalar_step = self.size
        k.vector_step = step
        k.run = self.channels
        k.taps = depth
        k.start = NULL
        k.chain = FC_CHAIN // 2  # what the transforms lose, shorter chains make good
        k.scalar_taps = o.scalar_taps
        k.vector_taps = o.vector_taps
        k.out_row = plan.p_tile
        k.lanes = plan.lanes
        k.row_bias = NULL
        k.lane_bias = NULL
        k.relu = 0
        apart = plan.i_slice * (1 if depth == 1 else g.stride[0])
        for point in range(plan.points):
            for block in range(first, last):
                k.vectors = o.weights + ((t.group * plan.blocks + block) * plan.points + point) * block_bytes
                for plane in range(t.size[0]):
                    for call in range(calls):
                        tile = call * rows
                        k.scalars = inputs + plane * apart + point * plan.i_point + tile * plan.i_tile
                        k.out = (products + plane * plan.p_plane + point * plan.p_point
                                 + tile * plan.p_tile + (block - first) * step)
                        self.k.tile[plan.width][min(rows, tiles - tile)](&k)

    cdef int store(self, const Layout* plan, const Operands* o, const Unit* t, Py_ssize_t first,
                   Py_ssize_t last, const char* products) noexcept nogil:
        """Products to channels-last outputs."""
        cdef const Geometry* g = &self.g
        cdef Py_ssize_t m = plan.outputs, plane, r, c, i, j, h, w
        cdef Py_ssize_t filter = first * plan.lanes, filters = min(last * plan.lanes, self.filters) - filter
        cdef const char* bias = NULL
        cdef char* target
        cdef char* out[16]
        cdef int odd = 0
        if o.bias != NULL:
            bias = o.bias + (t.group * plan.blocks * plan.lanes + filter) * self.size
        for plane in range(t.size[0]):
            target = _plane_of(g, &o.y, t, plane) + (t.group * self.filters + filter) * self.size
            for r in range(t.size[1]):
                for c in range(t.size[2]):
                    for i in range(m):
                        h = o.rows[t.origin[1] + r] + i * g.dilation[1]
                        for j in range(m):
                            w = o.columns[t.origin[2] + c] + j * g.dilation[2]
                            out[i * m + j] = NULL
                            if h < g.output[1] and w < g.output[2]:
                                out[i * m + j] = target + h * o.y.axis[1] + w * o.y.axis[2]
                    odd |= self.k.winograd[plan.variant].outputs_of(
                        products + plane * plan.p_plane + (r * t.size[2] + c) * plan.p_tile,
                        plan.p_point, out, filters, bias, self.relu)
        return odd

    cdef int store_planes(self, const Layout* plan, const Operands* o, const Unit* t, Py_ssize_t first,
                          Py_ssize_t last, const char* products, char* gathered) noexcept nogil:
        """Products to outputs whose channels are apart: rows of pixels, transposed."""
        cdef const Geometry* g = &self.g
        cdef Py_ssize_t m = plan.outputs, pixel = plan.lanes * self.size
        cdef Py_ssize_t left = 0, span = g.output[2], block, plane, r, c, i, j, h, w, filter
        cdef Py_ssize_t sizes[3]
        cdef const char* bias = NULL
        cdef char* target
        cdef char* out[16]
        cdef int odd = 0
        if g.dilation[2] == 1:
            left = o.columns[t.origin[2]]
            span = min(t.size[2] * m, g.output[2] - left)
        sizes = [1, 1, span]
        for block in range(first, last):
            filter = block * plan.lanes
            if o.bias != NULL:
                bias = o.bias + (t.group * plan.blocks * plan.lanes + filter) * self.size
            for plane in range(t.size[0]):
                target = _plane_of(g, &o.y, t, plane)
                target += (t.group * self.filters + filter) * o.y.channel + left * o.y.axis[2]
                for r in range(t.size[1]):
                    for c in range(t.size[2]):
                        for j in range(m):
                            w = o.columns[t.origin[2] + c] + j * g.dilation[2]
                            for i in range(m):
                                out[i * m + j] = NULL
                                if w < g.output[2]:
                                    out[i * m + j] = gathered + (i * span + w - left) * pixel
                        odd |= self.k.winograd[plan.variant].outputs_of(
                            products + plane * plan.p_plane + (r * t.size[2] + c) * plan.p_tile
                            + (block - first) * pixel,
                            plan.p_point, out, plan.lanes, bias, self.relu)
                    for i in range(m):
                        h = o.rows[t.origin[1] + r] + i * g.dilation[1]
                        if h < g.output[1]:
                            unpack_pixels(&o.y, sizes, gathered + i * span * pixel, pixel, 0, span,
                                          min(plan.lanes, self.filters - filter),
                                          target + h * o.y.axis[1], self.size, self.k)
        return odd


cdef char* _plane_of(const Geometry* g, const View* y, const Unit* t, Py_ssize_t plane) noexcept nogil:
    """Where a unit's plane lies in the outputs."""
    plane += t.origin[0]
    if g.kernel[0] > 1:
        return y.data + t.run * y.batch + plane * y.axis[0]
    return y.data + plane // g.output[0] * y.batch + plane % g.output[0] * y.axis[0]


cdef void _see_copy(const Layout* plan, Operands* o, char* copy) noexcept nogil:
    """Read the copy from now on."""
    o.x.data = copy
    o.x.batch = plan.copied.bytes
    o.x.axis = [plan.copied.slice, plan.copied.row, plan.copied.pixel]


cdef void _transform_block(const void* work, Py_ssize_t block, int thread) noexcept nogil:
    cdef const Transform* t = <const Transform*> work
    (<Winograd> t.state).transform_block(t.weights, t.to + block * t.block_bytes, block,
                                         t.pieces + thread * t.piece)


cdef void _copy_line(const void* work, Py_ssize_t line, int thread) noexcept nogil:
    cdef const Operands* o = <const Operands*> work
    (<Winograd> o.state).copy_line(o.plan, o, o.copy, line)


cdef void _transform_row(const void* work, Py_ssize_t task, int thread) noexcept nogil:
    """One row of tiles of a unit that all threads need."""
    cdef const Operands* o = <const Operands*> work
    cdef Py_ssize_t rows = o.plan.units.rows
    (<Winograd> o.state).unit_inputs(o.plan, o, task // rows, task // rows, task % rows)


cdef void _task(const void* work, Py_ssize_t task, int thread) noexcept nogil:
    """A task, noting whether there was an Inf or NaN."""
    cdef const Operands* o = <const Operands*> work
    if (<Winograd> o.state).task(o.plan, o, task, thread):
        note(o.odd)
