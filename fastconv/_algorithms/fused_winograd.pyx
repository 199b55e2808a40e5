# Winograd's F(2, 3) for few input channels, as in first layers: a sum has so few terms that the
# products of a tile stay in registers until they are outputs. Tiles of 2x2 outputs are seen as the
# outputs of a 4x4 kernel with stride 2, whose packed planes hold every tap of neighbouring tiles side
# by side; lanes are filters for channels-last data, tiles for channels-first. A tile mixes its inputs:
# a NaN would reach its neighbours.

from math import prod

import numpy as np

cimport numpy as cnp
from libc.string cimport memset

from fastconv._algorithms._direct import supports as _supports
from fastconv._algorithms._boxes cimport Box, Boxes, box_at, share_out
from fastconv._algorithms._direct cimport Direct, Weights, tile_count
from fastconv._algorithms._packing cimport Planes, pack_planes, plane_tap, planes_of
from fastconv._core.arena cimport Scratch, acquire
from fastconv._core.arrays import contiguous
from fastconv._core.geometry cimport Geometry, View, view_of
from fastconv._core.team cimport note, share
from fastconv._kernels.table cimport fc_fused, fc_fused_kernels, fc_kernels

cnp.import_array()

name = "fused_winograd"
kinds = ("conv",)
local = False

cdef enum:
    POINTS = 16
    # A block of tiles should leave room for weights in the nearest cache, a row of them be in the next.
    MOST_TERMS = 16
    NEAR_POINTS = 64 << 10

# With one term a direct sum is more exact than promised of this one; with fewer filters the transforms
# of inputs, lanes of which are filled by filters or tiles, take longer than they save.
LEAST_TERMS = 2
LEAST_FILTERS = 8


# How one problem runs for some threads.
cdef struct Layout:
    Geometry g               # tiles as outputs
    Py_ssize_t output[3]     # the outputs themselves
    Boxes boxes              # of tiles
    Planes planes
    int width                # log2 of vectors per register tile
    Py_ssize_t lanes, rows   # of a register tile
    Py_ssize_t terms
    Py_ssize_t block, blocks # tiles that lie together at the points; blocks at a time
    Py_ssize_t panels        # of weights, per group
    Py_ssize_t points        # bytes of a block, at the points
    Py_ssize_t size
    bint by_filters, relu


cdef struct Operands:
    const Layout* plan
    const fc_kernels* k
    int* odd                   # whether there was an Inf or NaN
    View x
    View y
    const char* weights
    const char* bias         # by whole vectors, if lanes are filters, or NULL
    char* points
    char* packed


def supports(problem):
    reason = _supports(problem)
    if reason is not None:
        return reason
    if problem.precision == "exact":
        return "its transforms round, and this sum must be exact"
    if problem.ndim == 1 or problem.kernel[-2:] != (3, 3):
        return "is for kernels of 3x3, or deep ones of such"
    if problem.stride[-2:] != (1, 1) or problem.dilation[-2:] != (1, 1):
        return f"is for stride and dilation 1, not {problem.stride} and {problem.dilation}"
    channels, filters = (n // problem.groups for n in (problem.in_channels, problem.out_channels))
    terms = channels * prod(problem.kernel[:-2])
    if not LEAST_TERMS <= terms <= MOST_TERMS:
        return f"is for {LEAST_TERMS} to {MOST_TERMS} terms at a point, not {terms}"
    if filters < LEAST_FILTERS:
        return f"does not repay its transforms with {filters} filters"
    return None


def estimate(problem, machine, prepacked):
    cdef Fused state = Fused(problem)
    cdef Layout plan = state.lay_out(machine.threads)
    lines = problem.batch * problem.groups * plan.g.output[0] * plan.g.output[1]
    tiles = lines * state.tiles_of_line(plan.width)
    return machine.seconds(
        name,
        flops=2 * POINTS * tiles * plan.terms * plan.rows * plan.lanes,
        points=lines * tile_count(plan.g.output[2], state.k.lanes) * plan.terms,
        moved=plan.boxes.units * plan.planes.bytes // plan.size,
        rows=plan.boxes.units * plan.planes.channels * plan.planes.rows,
        streamed=state.far_elements(),
        weights=0 if prepacked else problem.out_channels * plan.terms,
        regions=machine.threads if machine.threads > 1 else 0,
    )


def workspace(problem, threads):
    cdef Fused state = Fused(problem)
    cdef Layout plan = state.lay_out(threads)
    return _scratch_bytes(&plan, threads)


def compile(problem):
    return Fused(problem)


def prepare(Fused state, weight, threads):
    """Weights at the points, as [group][panel][column][term][row][filter of the panel]."""
    return state.transform(weight)


def run(Fused state, Scratch packed, inputs, outputs, threads):
    """Whether the result stands: False where there is an Inf or NaN."""
    x, bias = inputs
    (y,) = outputs
    if bias is not None:
        bias = state.whole_vectors(np.asarray(bias, state.dtype))
    cdef Operands o
    o.x = state.input_view(x)
    o.y = view_of(y, state.last)
    target = y
    if (o.y.channel if state.last else o.y.axis[2]) != state.size:
        target = np.empty(y.shape, y.dtype)
        o.y = view_of(target, state.last)
    o.weights = packed.data
    o.bias = state.bias(bias)
    cdef int workers = threads, odd = 0
    cdef Layout plan = state.lay_out(workers)
    cdef Scratch scratch = acquire(_scratch_bytes(&plan, workers))
    o.points = scratch.data
    o.packed = scratch.data + workers * plan.blocks * plan.points
    o.plan = &plan
    o.k = state.k
    o.odd = &odd
    with nogil:
        share(_task, &o, plan.boxes.units, workers)
    if target is not y:
        y[...] = target
    return odd == 0


cdef Py_ssize_t _scratch_bytes(const Layout* plan, int threads) noexcept nogil:
    return threads * (plan.blocks * plan.points + plan.planes.bytes)


cdef class Fused(Direct):
    """A problem of few terms."""

    def whole_vectors(self, bias):
        """A bias whose groups are whole vectors, for lanes that are filters."""
        if not self.last:
            return contiguous(bias, bias.dtype)
        cdef Py_ssize_t lanes = self.lay_out(1).lanes
        whole = np.zeros((self.g.groups, tile_count(self.filters, lanes) * lanes), self.dtype)
        whole[:, : self.filters] = bias.reshape(self.g.groups, self.filters)
        return whole

    cdef Py_ssize_t tiles_of_line(self, int width) noexcept nogil:
        """Register tiles of `width` for all filters of a line of tiles."""
        cdef const fc_fused_kernels* k = &self.k.fused[width]
        cdef Py_ssize_t columns = tile_count(self.g.output[2], 2)
        if self.last:
            return tile_count(columns, k.rows) * tile_count(self.filters, self.k.lanes << width)
        return tile_count(self.filters, k.rows) * tile_count(columns, self.k.lanes << width)

    cdef Layout lay_out(self, int threads) noexcept nogil:
        """Boxes for this many threads."""
        cdef Layout plan
        cdef Geometry* g = &plan.g
        cdef int i
        g[0] = self.g
        plan.output = self.g.output
        plan.size = self.size
        plan.relu = self.relu
        plan.by_filters = self.last
        for i in range(1, 3):
            g.output[i] = tile_count(g.output[i], 2)
            g.kernel[i] = 4
            g.stride[i] = 2
        plan.terms = self.channels * g.kernel[0]
        # One vector is slower where two would be full.
        plan.width = 1 if 5 * self.tiles_of_line(0) > 4 * self.tiles_of_line(1) else 0
        plan.lanes = self.k.lanes << plan.width
        plan.rows = self.k.fused[plan.width].rows
        plan.block = self.k.lanes if plan.by_filters else plan.lanes
        plan.panels = tile_count(self.filters, plan.lanes if plan.by_filters else plan.rows)
        # A box's outputs take more of the cache than its inputs.
        plan.boxes = share_out(g, False, plan.block, 1, (self.channels + self.filters) * self.size, 0, False,
                               threads)
        # The points of a last block are made of what lies behind a row as well.
        plan.planes = planes_of(g, plan.boxes.size, self.size, plan.lanes)
        plan.points = POINTS * plan.terms * plan.block * self.size
        plan.blocks = 1
        if not plan.by_filters:  # whole rows of one plane after another, if caches hold their points
            plan.blocks = max(1, min(NEAR_POINTS // plan.points, tile_count(plan.boxes.size[2], plan.block)))
        return plan

    cdef Scratch transform(self, object weight):
        """Packed weights, at the points."""
        cdef Layout plan = self.lay_out(1)
        cdef Py_ssize_t lanes = self.k.lanes, vector = lanes * self.size, depth = self.g.kernel[0]
        cdef Py_ssize_t width = plan.lanes if plan.by_filters else plan.rows
        cdef Py_ssize_t blocks = tile_count(self.filters, lanes), point = plan.terms * vector
        cdef Py_ssize_t panel = POINTS * plan.terms * width * self.size
        cdef Py_ssize_t i, d, p, term, filter, group
        cdef char* to
        cdef const char* source
        cdef Weights w
        weight = self.see_weights(weight, &w)
        cdef Scratch packed = acquire(self.g.groups * plan.panels * panel)
        cdef Scratch piece = acquire((9 * plan.terms + POINTS * plan.terms) * vector)
        cdef char* points = piece.data + 9 * plan.terms * vector
        memset(packed.data, 0, self.g.groups * plan.panels * panel)
        for i in range(self.g.groups * blocks):
            self.pack_block(&w, piece.data, i, lanes, blocks, 0, self.channels)
            for d in range(depth):
                self.k.winograd[0].weights(
                    piece.data + 9 * d * self.channels * vector, self.channels * vector,
                    points + d * self.channels * vector, point, self.channels * vector)
            group = i // blocks
            for filter in range(i % blocks * lanes, min(i % blocks * lanes + lanes, self.filters)):
                to = packed.data + (group * plan.panels + filter // width) * panel + filter % width * self.size
                source = points + filter % lanes * self.size
                for p in range(POINTS):
                    for term in range(plan.terms):
                        self.bring(source + p * point + term * vector, (p // 4 == 3) != (p % 4 == 3),
                                   to + ((p % 4 * plan.terms + term) * 4 + p // 4) * width * self.size)
        return packed

    cdef void bring(self, const char* weight, bint negate, char* to) noexcept nogil:
        """One weight, or its negative, to where a register tile reads it."""
        if self.size == 4:
            (<float*> to)[0] = -(<const float*> weight)[0] if negate else (<const float*> weight)[0]
        else:
            (<double*> to)[0] = -(<const double*> weight)[0] if negate else (<const double*> weight)[0]


cdef void _task(const void* work, Py_ssize_t unit, int thread) noexcept nogil:
    """One box, noting whether there was an Inf or NaN."""
    cdef const Operands* o = <const Operands*> work
    if _box(o.plan, o.k, o, unit, thread):
        note(o.odd)


cdef int _box(const Layout* plan, const fc_kernels* k, const Operands* o, Py_ssize_t unit,
              int thread) noexcept nogil:
    """All filters over one box; not zero if there was an Inf or NaN."""
    cdef const Geometry* g = &plan.g
    cdef Py_ssize_t size = plan.size, filters = g.out_channels // g.groups
    cdef Py_ssize_t channels = plan.planes.channels, row_bytes = plan.planes.extent[2] * size
    cdef Py_ssize_t slice_bytes = plan.planes.extent[1] * row_bytes
    cdef Box box = box_at(g, &plan.boxes, unit)
    cdef View x = o.x
    cdef char* packed = o.packed + thread * plan.planes.bytes
    cdef char* points = o.points + thread * plan.blocks * plan.points
    cdef char* output = o.y.data + box.image * o.y.batch + box.group * filters * o.y.channel
    cdef char* row
    cdef const char* source
    cdef Py_ssize_t taps[POINTS]
    cdef Py_ssize_t i, d, c, plane, line, column, tiles, blocks, first
    cdef Py_ssize_t panel = POINTS * plan.terms * size, point = plan.block * size
    cdef int odd = 0
    cdef fc_fused t
    x.data += box.image * x.batch + box.group * channels * x.channel
    pack_planes(g, &plan.planes, &x, &box, packed, 0, channels, size, k)
    for i in range(POINTS):
        taps[i] = plane_tap(g, &plan.planes, size, 0, i // 4, i % 4)
    t.terms = plan.terms
    t.relu = plan.relu
    t.out_row = o.y.axis[1]
    t.bias = NULL
    if plan.by_filters:
        panel *= plan.lanes
        t.scalars = points
        t.scalar_step = point
        t.scalar_panel = plan.rows * size
        t.vectors = o.weights + box.group * plan.panels * panel
        t.vector_panel = panel
        t.vector_count = filters
        t.out_step = o.y.axis[2]
        if o.bias != NULL:
            t.bias = o.bias + box.group * plan.panels * plan.lanes * size
    else:
        panel *= plan.rows
        t.scalars = o.weights + box.group * plan.panels * panel
        t.scalar_step = plan.rows * size
        t.scalar_panel = panel
        t.scalar_count = filters
        t.vectors = points
        t.vector_panel = plan.points
        t.out_step = o.y.channel
        if o.bias != NULL:
            t.bias = o.bias + box.group * filters * size
    for plane in range(box.output[0]):
        for line in range(box.output[1]):
            i = 2 * (box.origin[1] + line)
            t.rows = min(<Py_ssize_t> 2, plan.output[1] - i)
            row = output + (box.origin[0] + plane) * o.y.axis[0] + i * o.y.axis[1]
            column = 0
            while column < box.output[2]:
                tiles = min(plan.blocks * plan.block, box.output[2] - column)
                blocks = tile_count(tiles, plan.block)
                source = packed + plane * slice_bytes + line * row_bytes + column * size
                for d in range(g.kernel[0]):
                    for c in range(channels):
                        # Whole blocks, with zeros where there is no tile.
                        first = 0
                        while first < blocks * plan.block:
                            k.fused_inputs(
                                source + c * plan.planes.channel + plane_tap(g, &plan.planes, size, d, 0, 0)
                                + first * size, taps,
                                points + first // plan.block * plan.points + (d * channels + c) * 4 * point
                                + first % plan.block * size,
                                point, 4 * plan.terms * point, tiles - first)
                            first += k.lanes
                i = 2 * (box.origin[2] + column)
                t.pixels = min(2 * tiles, plan.output[2] - i)
                t.out = row + i * o.y.axis[2]
                if plan.by_filters:
                    t.scalar_count = tiles
                    odd |= k.fused[plan.width].pixels(&t)
                else:
                    odd |= k.fused[plan.width].planes(&t)
                column += tiles
    return odd
