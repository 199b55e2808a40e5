# Direct convolution, lanes = output pixels: a tile is some output channels x some neighbouring
# pixels of one channel plane. Input rows are read in place where they can be, or else from padded
# planes in which a strided convolution reads contiguous lanes as well. For channels-first data,
# few channels, 1-D signals, one filter, depthwise.

from math import prod

import numpy as np

cimport numpy as cnp
from cython.parallel cimport prange
from libc.string cimport memset

from fastconv._algorithms._direct import product_flops, supports as _supports, too_sparse
from fastconv._algorithms._direct cimport (
    Direct, Task, Tasks, plane_is_linear, share_out, step_cycles, task_of, tile_count, visits_all,
)
from fastconv._algorithms._packing cimport (
    Planes, copy_elements, images_per_step, needs_padding, pack_planes, plane_tap, planes_of,
)
from fastconv._core.arena cimport Scratch, acquire
from fastconv._core.geometry cimport Geometry, View, view_of
from fastconv._core.threads cimport usable
from fastconv._kernels.table cimport FC_WIDTHS, fc_kernels, fc_tile

cnp.import_array()

name = "direct_pixels"
kinds = ("conv",)
local = True

cdef enum:
    MAX_TILE_BYTES = 2048  # 14 rows x 2 vectors, 7 x 4, 3 x 8 of 64 bytes


# How one problem runs: the shape of tiles, where they read, how they are counted.
cdef struct Layout:
    int width                  # log2 of vectors per tile row
    Py_ssize_t lanes           # pixels per tile
    Py_ssize_t rows, blocks    # filters per tile, tiles per group
    bint in_place
    Planes planes
    # A "line" is a run of outputs whose lanes lie side by side: an output row, or with `linear`
    # all rows of a plane slice, the columns between them included.
    bint linear
    Py_ssize_t line, lines     # lanes per line, lines per image
    Py_ssize_t line_h          # lines per depth slice
    Py_ssize_t steps           # images computed at a time
    # The inner loop runs over channels; where there is only one, over the taps of a kernel row.
    bint merged
    Py_ssize_t taps, run
    Py_ssize_t vector_step
    double cost                # predicted cycles per step of the reduction and image group


def supports(problem):
    planes = problem.in_channels
    for i in range(problem.ndim):
        shift = (problem.kernel[i] - 1) * problem.dilation[i] // problem.stride[i]
        planes *= (problem.output[i] + shift) * (problem.stride[i] if problem.kernel[i] > 1 else 1)
    return _supports(problem) or too_sparse(problem, planes)


def estimate(problem, machine, prepacked):
    cdef Pixelwise state = Pixelwise(problem)
    cdef const Planes* planes = &state.plan.planes
    moved = rows = 0
    if not state.plan.in_place:
        moved += problem.batch * planes.image // state.size
        rows += (problem.batch * problem.in_channels * planes.extent[0] * planes.extent[1]
                 * planes.phases[0] * planes.phases[1] * planes.phases[2])
    if state.plan.linear or problem.layout == "channels_last":
        moved += problem.batch * problem.out_channels * prod(problem.output)
        rows += problem.batch * problem.out_channels * prod(problem.output) // problem.output[problem.ndim - 1]
    return machine.seconds(
        name,
        flops=product_flops(problem, state.plan.cost),
        tiles=problem.batch * problem.groups * state.plan.blocks * state.plan.lines
        * tile_count(state.plan.line, state.plan.lanes) * state.plan.taps,
        moved=moved,
        rows=rows,
        weights=0 if prepacked else problem.out_channels * state.channels * state.taps,
    )


def workspace(problem, threads):
    cdef Pixelwise state = Pixelwise(problem)
    return _taps_bytes(&state.plan) + _planes_bytes(&state.plan)


def compile(problem):
    return Pixelwise(problem)


def prepare(Pixelwise state, weight, threads):
    """Weights as [group][block][tap][channel][filter of the block]."""
    return state.pack(weight, state.plan.rows, state.plan.blocks, threads)


def run(Pixelwise state, Scratch packed, inputs, outputs, threads):
    x, bias = inputs
    (y,) = outputs
    if bias is not None:
        bias = np.ascontiguousarray(bias, state.dtype)
    cdef Layout plan = state.plan
    cdef View vx = view_of(x, state.last), vy = view_of(y, state.last)
    if plan.in_place and not _readable_in_place(&state.g, &vx, &plan, state.size):
        _give_up_in_place(&state.g, &plan)
    cdef const char* weights = packed.data
    cdef const char* biases = state.bias(bias)
    cdef int workers = usable(threads)
    cdef Scratch scratch = acquire(_taps_bytes(&plan) + _planes_bytes(&plan))
    with nogil:
        _run(&state.g, &plan, state.k, &vx, &vy, weights, biases, state.relu, scratch.data,
             state.size, workers)


cdef class Pixelwise(Direct):
    """A problem with its layout of least predicted cost."""

    cdef Layout plan

    def __init__(self, problem):
        super().__init__(problem)
        cdef Layout plan
        cdef double least = -1
        cdef int width
        plan.merged = self.channels == 1 and self.g.stride[2] == 1
        plan.run = self.g.kernel[2] if plan.merged else self.channels
        plan.taps = self.g.kernel[0] * self.g.kernel[1] * (1 if plan.merged else self.g.kernel[2])
        plan.planes = planes_of(&self.g, self.size, self.k.lanes << (FC_WIDTHS - 1))
        for width in range(FC_WIDTHS):
            plan.width = width
            plan.lanes = self.k.lanes << width
            plan.blocks = tile_count(self.filters, self.k.rows[width])
            plan.rows = tile_count(self.filters, plan.blocks)
            plan.in_place = (
                self.g.stride[2] == 1 and (not self.last or self.g.in_channels == 1)
                and not needs_padding(&self.g)
            )
            _count_lines(&self.g, &plan)
            if plan.in_place and plan.line < plan.lanes:
                _give_up_in_place(&self.g, &plan)
            plan.cost = (plan.blocks * plan.lines * tile_count(plan.line, plan.lanes)
                         * step_cycles(plan.rows, 1 << width, plan.run))
            if least < 0 or plan.cost <= least:
                least = plan.cost
                self.plan = plan


cdef void _give_up_in_place(const Geometry* g, Layout* plan) noexcept nogil:
    plan.in_place = False
    _count_lines(g, plan)


cdef void _count_lines(const Geometry* g, Layout* plan) noexcept nogil:
    cdef Py_ssize_t whole
    plan.steps = g.batch if plan.in_place else images_per_step(g.batch, plan.planes.image)
    plan.linear = False
    plan.line = g.output[2]
    plan.line_h = g.output[1]
    if plan.in_place:
        if visits_all(g):
            plan.line = g.output[0] * g.output[1] * g.output[2]
            plan.line_h = 1
            plan.lines = 1
            return
    else:
        # Fewer tiles if lanes run on over the padding between rows?
        whole = (g.output[1] - 1) * plan.planes.extent[2] + g.output[2]
        if tile_count(whole, plan.lanes) < g.output[1] * tile_count(g.output[2], plan.lanes):
            plan.linear = True
            plan.line = whole
            plan.line_h = 1
    plan.lines = g.output[0] * plan.line_h


cdef bint _readable_in_place(const Geometry* g, const View* x, const Layout* plan,
                             Py_ssize_t size) noexcept nogil:
    """Whether this array's rows can be read as lanes."""
    if x.axis[2] != size and g.input[2] > 1:
        return False
    if plan.line_h == 1 and plan.lines == 1 and visits_all(g):
        return ((g.input[1] == 1 or x.axis[1] == g.input[2] * size)
                and (g.input[0] == 1 or x.axis[0] == g.input[1] * g.input[2] * size))
    return True


cdef Py_ssize_t _taps_bytes(const Layout* plan) noexcept nogil:
    return (2 * plan.taps * sizeof(Py_ssize_t) + 63) // 64 * 64


cdef Py_ssize_t _planes_bytes(const Layout* plan) noexcept nogil:
    if plan.in_place:
        return 0
    return plan.steps * plan.planes.image + plan.planes.slack


cdef void _run(const Geometry* g, Layout* plan, const fc_kernels* k, const View* x, const View* y,
               const char* weights, const char* bias, bint relu, char* scratch, Py_ssize_t size,
               int threads) noexcept nogil:
    cdef Py_ssize_t* scalar_taps = <Py_ssize_t*> scratch
    cdef Py_ssize_t* vector_taps = scalar_taps + plan.taps
    cdef char* packed = scratch + _taps_bytes(plan)
    cdef View lanes = x[0]  # where tiles read: strides per output position
    cdef View source = x[0]
    cdef Py_ssize_t t, d, h, w, first, images, i
    for t in range(plan.taps):
        w = 0 if plan.merged else t % g.kernel[2]
        i = t if plan.merged else t // g.kernel[2]
        h = i % g.kernel[1]
        d = i // g.kernel[1]
        scalar_taps[t] = t * plan.run * plan.rows * size
        if plan.in_place:
            vector_taps[t] = (d * g.dilation[0] * x.axis[0] + h * g.dilation[1] * x.axis[1]
                              + w * g.dilation[2] * size)
        else:
            vector_taps[t] = plane_tap(g, &plan.planes, size, d, h, w)
    if plan.in_place:
        lanes.data -= g.pad[0] * x.axis[0] + g.pad[1] * x.axis[1] + g.pad[2] * x.axis[2]
        lanes.axis[0] *= g.stride[0]
        lanes.axis[1] *= g.stride[1]
    else:
        lanes.data = packed
        lanes.batch = plan.planes.image
        lanes.channel = plan.planes.channel
        lanes.axis[1] = plan.planes.extent[2] * size
        lanes.axis[0] = plan.planes.extent[1] * lanes.axis[1]
    lanes.axis[2] = size
    plan.vector_step = g.dilation[2] * size if plan.merged else lanes.channel
    first = 0
    while first < g.batch:
        images = min(plan.steps, g.batch - first)
        if not plan.in_place:
            source.data = x.data + first * x.batch
            pack_planes(g, &plan.planes, &source, packed, images, size, k, threads)
            if first == 0:
                memset(packed + plan.steps * plan.planes.image, 0, plan.planes.slack)
        _compute(g, plan, k, &lanes, y, first, images, weights, bias, relu, scalar_taps,
                 vector_taps, size, threads)
        first += images


cdef void _compute(const Geometry* g, const Layout* plan, const fc_kernels* k, const View* x,
                   const View* y, Py_ssize_t first, Py_ssize_t images, const char* weights,
                   const char* bias, bint relu, const Py_ssize_t* scalar_taps,
                   const Py_ssize_t* vector_taps, Py_ssize_t size, int threads) noexcept nogil:
    """All outputs of `images` images that are ready to be read."""
    cdef Py_ssize_t channels = g.in_channels // g.groups, i
    cdef Tasks tasks = share_out(
        images * g.groups, tile_count(plan.line, plan.lanes) * plan.lines, plan.blocks,
        channels * plan.lanes * size, threads)
    if threads == 1:  # a parallel region costs more than a small problem
        for i in range(tasks.count):
            _task(g, plan, k, x, y, first, task_of(&tasks, i), weights, bias, relu, scalar_taps,
                  vector_taps, size)
        return
    for i in prange(tasks.count, num_threads=threads, schedule="dynamic"):
        _task(g, plan, k, x, y, first, task_of(&tasks, i), weights, bias, relu, scalar_taps,
              vector_taps, size)


cdef void _task(const Geometry* g, const Layout* plan, const fc_kernels* k, const View* x,
                const View* y, Py_ssize_t first, Task task, const char* weights, const char* bias,
                bint relu, const Py_ssize_t* scalar_taps, const Py_ssize_t* vector_taps,
                Py_ssize_t size) noexcept nogil:
    """Some tiles of one image's group, for some blocks of filters."""
    cdef Py_ssize_t channels = g.in_channels // g.groups, filters = g.out_channels // g.groups
    cdef Py_ssize_t n = task.plane // g.groups, group = task.plane % g.groups
    cdef Py_ssize_t tiles_per_line = tile_count(plan.line, plan.lanes)
    cdef Py_ssize_t block_bytes = plan.rows * channels * g.kernel[0] * g.kernel[1] * g.kernel[2] * size
    cdef const char* input = x.data + n * x.batch + group * channels * x.channel
    cdef char* output = y.data + (first + n) * y.batch + group * filters * y.channel
    cdef char temporary[MAX_TILE_BYTES]
    cdef fc_tile t
    cdef Py_ssize_t block, tile, line, lane, rows, filter, depth, height
    cdef bint direct
    t.scalar_taps = scalar_taps
    t.vector_taps = vector_taps
    t.taps = plan.taps
    t.run = plan.run
    t.scalar_row = size
    t.scalar_step = plan.rows * size
    t.vector_step = plan.vector_step
    t.row_bias = NULL
    t.lane_bias = NULL
    t.relu = relu
    for block in range(task.block_from, task.block_to):
        filter = block * plan.rows
        rows = min(plan.rows, filters - filter)
        t.scalars = weights + (group * plan.blocks + block) * block_bytes
        if bias != NULL:
            t.row_bias = bias + (group * filters + filter) * size
        for tile in range(task.tile_from, task.tile_to):
            line = tile // tiles_per_line
            lane = tile % tiles_per_line * plan.lanes
            if plan.in_place and lane + plan.lanes > plan.line:
                # Start earlier rather than read beyond the row: some lanes are computed twice.
                lane = plan.line - plan.lanes
            depth = line // plan.line_h
            height = line % plan.line_h
            t.vectors = input + depth * x.axis[0] + height * x.axis[1] + lane * size
            t.lanes = min(plan.lanes, plan.line - lane)
            direct = not plan.linear and y.axis[2] == size and (plan.lines > 1 or plane_is_linear(g, y))
            if direct:
                t.out = (output + filter * y.channel + depth * y.axis[0] + height * y.axis[1]
                         + lane * size)
                t.out_row = y.channel
            else:
                t.out = temporary
                t.out_row = plan.lanes * size
            k.tile[plan.width][rows](&t)
            if not direct:
                _scatter(g, plan, k, y, output + filter * y.channel, temporary, rows, depth,
                         height, lane, t.lanes, size)


cdef void _scatter(const Geometry* g, const Layout* plan, const fc_kernels* k, const View* y,
                   char* output, const char* tile, Py_ssize_t rows, Py_ssize_t depth,
                   Py_ssize_t height, Py_ssize_t lane, Py_ssize_t lanes,
                   Py_ssize_t size) noexcept nogil:
    """Bring a tile to outputs that are not side by side, row segment by row segment."""
    cdef Py_ssize_t pitch = g.output[2]
    if plan.linear:
        pitch = plan.planes.extent[2]
    cdef Py_ssize_t at = lane, column, row, count, r
    cdef char* target
    while at < lane + lanes:
        column = at % pitch
        row = height + at // pitch
        count = min(pitch - column, lane + lanes - at)
        if column < g.output[2]:
            # `row` counts through depth as well when the whole image is one line.
            target = (output + (depth + row // g.output[1]) * y.axis[0]
                      + row % g.output[1] * y.axis[1] + column * y.axis[2])
            if y.channel == size and y.axis[2] != size:
                k.transpose(tile + (at - lane) * size, plan.lanes * size, target, y.axis[2],
                            rows, min(count, g.output[2] - column))
            else:
                for r in range(rows):
                    copy_elements(tile + (r * plan.lanes + at - lane) * size, size,
                                  target + r * y.channel, y.axis[2],
                                  min(count, g.output[2] - column), size)
        at += count
