# Direct convolution, lanes = output channels: a tile is some neighbouring output pixels x some
# output channels. The input is read channels-last, in place where no padding is needed, or else
# from a padded copy; a table of tap offsets makes 1-D, 2-D and 3-D the same loop. For channels-last
# data and many filters.

from math import prod

import numpy as np

cimport numpy as cnp
from cython.parallel cimport prange, threadid
from libc.string cimport memcpy, memset

from fastconv._algorithms._direct import product_flops, supports as _supports, too_sparse
from fastconv._algorithms._direct cimport (
    Direct, Task, Tasks, plane_is_linear, share_out, step_cycles, task_of, tile_count, visits_all,
)
from fastconv._algorithms._packing cimport (
    Pixels, copy_elements, images_per_step, needs_padding, pack_pixels, pixels_of,
)
from fastconv._core.arena cimport Scratch, acquire
from fastconv._core.geometry cimport Geometry, View, view_of
from fastconv._core.threads cimport usable
from fastconv._kernels.table cimport FC_WIDTHS, fc_kernels, fc_tile

cnp.import_array()

name = "direct_channels"
kinds = ("conv",)
local = True

cdef enum:
    # Pixels gathered before they are transposed into channels-first outputs.
    GATHERED = 64


# How one problem runs.
cdef struct Layout:
    int width                  # log2 of vectors per pixel of a tile
    Py_ssize_t lanes, blocks   # filters per tile, tiles per group
    Py_ssize_t pixels          # pixels per tile
    Py_ssize_t tiles           # tiles per line
    bint in_place
    bint flat                  # every input pixel is visited once: the image is one line
    Py_ssize_t line, lines     # outputs per line, lines per image
    Pixels packed
    Py_ssize_t steps           # images computed at a time
    bint merged                # a kernel row is one contiguous run of taps x channels
    Py_ssize_t taps, run
    double cost


def supports(problem):
    reach = ((o - 1) * s + e for o, s, e in zip(problem.output, problem.stride, problem.extent))
    return _supports(problem) or too_sparse(problem, problem.in_channels * prod(reach))


def estimate(problem, machine, prepacked):
    cdef Channelwise state = Channelwise(problem)
    moved = rows = 0
    if not state.plan.in_place:
        moved += problem.batch * state.plan.packed.image // state.size
        rows += problem.batch * state.plan.packed.extent[0] * state.plan.packed.extent[1]
    if problem.layout == "channels_first":
        moved += problem.batch * problem.out_channels * prod(problem.output)
    return machine.seconds(
        name,
        flops=product_flops(problem, state.plan.cost),
        tiles=problem.batch * problem.groups * state.plan.blocks * state.plan.lines
        * state.plan.tiles * state.plan.taps,
        moved=moved,
        rows=rows,
        weights=0 if prepacked else problem.out_channels * state.channels * state.taps,
    )


def workspace(problem, threads):
    cdef Channelwise state = Channelwise(problem)
    return (_fixed_bytes(&state.plan, state.size, state.g.groups, threads)
            + _packed_bytes(&state.plan))


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
    cdef View vx = view_of(x, state.last), vy = view_of(y, state.last)
    if plan.in_place and not _readable_in_place(&state.g, &vx, &plan, state.size):
        plan.in_place = False
        _count_lines(&state.g, &plan)
    cdef const char* weights = packed.data
    cdef const char* biases = state.bias(bias)
    cdef int workers = usable(threads)
    cdef Scratch scratch = acquire(
        _fixed_bytes(&plan, state.size, state.g.groups, workers) + _packed_bytes(&plan)
    )
    with nogil:
        _run(&state.g, &plan, state.k, &vx, &vy, weights, biases, state.relu, scratch.data,
             state.size, workers)


cdef class Channelwise(Direct):
    """A problem with its layout of least predicted cost."""

    cdef Layout plan

    def __init__(self, problem):
        super().__init__(problem)
        cdef Layout plan
        cdef double least = -1
        cdef int width
        cdef bint padded = needs_padding(&self.g)
        plan.flat = visits_all(&self.g)
        plan.in_place = not padded and (self.last or self.g.in_channels == 1)
        plan.packed = pixels_of(&self.g, self.size)
        plan.merged = self.g.groups == 1 and (self.g.dilation[2] == 1 or self.g.kernel[2] == 1)
        plan.run = self.channels * (self.g.kernel[2] if plan.merged else 1)
        plan.taps = self.g.kernel[0] * self.g.kernel[1] * (1 if plan.merged else self.g.kernel[2])
        _count_lines(&self.g, &plan)
        for width in range(FC_WIDTHS - 1):
            plan.width = width
            plan.lanes = self.k.lanes << width
            plan.blocks = tile_count(self.filters, plan.lanes)
            plan.tiles = tile_count(plan.line, self.k.rows[width])
            plan.pixels = tile_count(plan.line, plan.tiles)
            plan.cost = (plan.blocks * plan.lines * plan.tiles
                         * step_cycles(plan.pixels, 1 << width, plan.run))
            if least < 0 or plan.cost < least:
                least = plan.cost
                self.plan = plan


cdef void _count_lines(const Geometry* g, Layout* plan) noexcept nogil:
    plan.steps = g.batch if plan.in_place else images_per_step(g.batch, plan.packed.image)
    plan.line = g.output[2]
    plan.lines = g.output[0] * g.output[1]
    if plan.flat:
        plan.line *= plan.lines
        plan.lines = 1


cdef bint _readable_in_place(const Geometry* g, const View* x, const Layout* plan,
                             Py_ssize_t size) noexcept nogil:
    """Whether this array is read as its layout promises."""
    if x.channel != size and g.in_channels > 1:
        return False
    if plan.merged and g.kernel[2] > 1 and x.axis[2] != g.in_channels * size:
        return False
    if plan.flat:
        return ((g.input[1] == 1 or x.axis[1] == g.input[2] * x.axis[2])
                and (g.input[0] == 1 or x.axis[0] == g.input[1] * g.input[2] * x.axis[2]))
    return True


cdef Py_ssize_t _gathered_bytes(const Layout* plan, Py_ssize_t size) noexcept nogil:
    """Scratch of one thread for pixels on their way to channels-first outputs."""
    return (GATHERED * plan.lanes * size + 4095) // 4096 * 4096


cdef Py_ssize_t _fixed_bytes(const Layout* plan, Py_ssize_t size, Py_ssize_t groups,
                             int threads) noexcept nogil:
    cdef Py_ssize_t taps = (2 * plan.taps * sizeof(Py_ssize_t) + 4095) // 4096 * 4096
    cdef Py_ssize_t bias = (groups * plan.blocks * plan.lanes * size + 4095) // 4096 * 4096
    return taps + bias + threads * _gathered_bytes(plan, size)


cdef Py_ssize_t _packed_bytes(const Layout* plan) noexcept nogil:
    return 0 if plan.in_place else plan.steps * plan.packed.image


cdef void _run(const Geometry* g, const Layout* plan, const fc_kernels* k, const View* x,
               const View* y, const char* weights, const char* bias, bint relu, char* scratch,
               Py_ssize_t size, int threads) noexcept nogil:
    cdef Py_ssize_t* pixel_taps = <Py_ssize_t*> scratch
    cdef Py_ssize_t* lane_taps = pixel_taps + plan.taps
    cdef char* gathered = scratch + (2 * plan.taps * <Py_ssize_t> sizeof(Py_ssize_t) + 4095) // 4096 * 4096
    cdef char* packed = scratch + _fixed_bytes(plan, size, g.groups, threads)
    cdef char* padded_bias = gathered + threads * _gathered_bytes(plan, size)
    cdef Py_ssize_t filters = g.out_channels // g.groups
    cdef View pixels = x[0]  # where tiles read: strides per output position
    cdef View source = x[0]
    cdef Py_ssize_t t, i, d, h, w, first, images
    if bias != NULL:
        # Tiles read whole vectors: every group's filters on a whole number of tiles.
        for i in range(g.groups):
            memset(padded_bias + i * plan.blocks * plan.lanes * size, 0, plan.blocks * plan.lanes * size)
            memcpy(padded_bias + i * plan.blocks * plan.lanes * size, bias + i * filters * size,
                   filters * size)
    if plan.in_place:
        pixels.data -= g.pad[0] * x.axis[0] + g.pad[1] * x.axis[1] + g.pad[2] * x.axis[2]
    else:
        pixels.data = packed
        pixels.batch = plan.packed.image
        pixels.channel = size
        pixels.axis[0] = plan.packed.slice
        pixels.axis[1] = plan.packed.row
        pixels.axis[2] = plan.packed.pixel
    for t in range(plan.taps):
        w = 0 if plan.merged else t % g.kernel[2]
        i = t if plan.merged else t // g.kernel[2]
        h = i % g.kernel[1]
        d = i // g.kernel[1]
        pixel_taps[t] = (d * g.dilation[0] * pixels.axis[0] + h * g.dilation[1] * pixels.axis[1]
                         + w * g.dilation[2] * pixels.axis[2])
        lane_taps[t] = t * plan.run * plan.lanes * size
    for i in range(3):
        pixels.axis[i] *= g.stride[i]
    first = 0
    while first < g.batch:
        images = min(plan.steps, g.batch - first)
        if not plan.in_place:
            source.data = x.data + first * x.batch
            pack_pixels(g, &plan.packed, &source, packed, images, size, k, threads)
        _compute(g, plan, k, &pixels, y, first, images, weights,
                 NULL if bias == NULL else padded_bias, relu, pixel_taps, lane_taps, gathered,
                 size, threads)
        first += images


cdef void _compute(const Geometry* g, const Layout* plan, const fc_kernels* k, const View* x,
                   const View* y, Py_ssize_t first, Py_ssize_t images, const char* weights,
                   const char* bias, bint relu, const Py_ssize_t* pixel_taps,
                   const Py_ssize_t* lane_taps, char* gathered, Py_ssize_t size,
                   int threads) noexcept nogil:
    """All outputs of `images` images that are ready to be read."""
    cdef Py_ssize_t channels = g.in_channels // g.groups, i
    cdef Tasks tasks = share_out(images * g.groups, plan.tiles * plan.lines, plan.blocks,
                                 channels * plan.pixels * size, threads)
    if threads == 1:  # a parallel region costs more than a small problem
        for i in range(tasks.count):
            _task(g, plan, k, x, y, first, task_of(&tasks, i), weights, bias, relu, pixel_taps,
                  lane_taps, gathered, size)
        return
    for i in prange(tasks.count, num_threads=threads, schedule="dynamic"):
        _task(g, plan, k, x, y, first, task_of(&tasks, i), weights, bias, relu, pixel_taps,
              lane_taps, gathered + threadid() * _gathered_bytes(plan, size), size)


cdef void _task(const Geometry* g, const Layout* plan, const fc_kernels* k, const View* x,
                const View* y, Py_ssize_t first, Task task, const char* weights, const char* bias,
                bint relu, const Py_ssize_t* pixel_taps, const Py_ssize_t* lane_taps,
                char* gathered, Py_ssize_t size) noexcept nogil:
    """Some tiles of one image's group, for some blocks of filters."""
    cdef Py_ssize_t channels = g.in_channels // g.groups, filters = g.out_channels // g.groups
    cdef Py_ssize_t n = task.plane // g.groups, group = task.plane % g.groups
    cdef Py_ssize_t block_bytes = plan.lanes * channels * g.kernel[0] * g.kernel[1] * g.kernel[2] * size
    cdef const char* input = x.data + n * x.batch + group * channels * x.channel
    cdef char* output = y.data + (first + n) * y.batch + group * filters * y.channel
    cdef bint direct = y.channel == size and plane_is_linear(g, y)
    cdef Py_ssize_t block, tile, line, column, pixels, filter, depth, height, lanes
    cdef Py_ssize_t held, position, held_from
    cdef fc_tile t
    t.scalar_taps = pixel_taps
    t.vector_taps = lane_taps
    t.taps = plan.taps
    t.run = plan.run
    t.scalar_row = x.axis[2]
    t.scalar_step = size
    t.vector_step = plan.lanes * size
    t.row_bias = NULL
    t.lane_bias = NULL
    t.relu = relu
    for block in range(task.block_from, task.block_to):
        filter = block * plan.lanes
        lanes = min(plan.lanes, filters - filter)
        t.vectors = weights + (group * plan.blocks + block) * block_bytes
        if bias != NULL:
            t.lane_bias = bias + (group * plan.blocks * plan.lanes + filter) * size
        held = 0
        held_from = 0
        for tile in range(task.tile_from, task.tile_to):
            line = tile // plan.tiles
            column = tile % plan.tiles * plan.pixels
            pixels = min(plan.pixels, plan.line - column)
            depth = line // g.output[1]
            height = line % g.output[1]
            t.scalars = input + depth * x.axis[0] + height * x.axis[1] + column * x.axis[2]
            position = line * plan.line + column
            if direct:
                t.out = output + position * y.axis[2] + filter * size
                t.out_row = y.axis[2]
                t.lanes = lanes
                k.tile[plan.width][pixels](&t)
                continue
            if held == 0:
                held_from = position
            t.out = gathered + held * plan.lanes * size
            t.out_row = plan.lanes * size
            t.lanes = plan.lanes
            k.tile[plan.width][pixels](&t)
            held += pixels
            if tile + 1 == task.tile_to or held + plan.pixels > GATHERED:
                _scatter(g, k, y, output + filter * y.channel, gathered, plan.lanes * size,
                         held_from, held, lanes, size)
                held = 0


cdef void _scatter(const Geometry* g, const fc_kernels* k, const View* y, char* output,
                   const char* pixels, Py_ssize_t pixel_bytes, Py_ssize_t position,
                   Py_ssize_t count, Py_ssize_t lanes, Py_ssize_t size) noexcept nogil:
    """Bring gathered pixels, numbered over the image from `position` on, to their outputs."""
    cdef Py_ssize_t done = 0, row, column, here, p, pitch = g.output[2]
    cdef char* target
    if y.axis[1] == g.output[2] * y.axis[2]:
        pitch *= g.output[1]  # rows of a slice follow each other
    while done < count:
        column = (position + done) % pitch
        row = (position + done) // pitch
        here = min(pitch - column, count - done)
        if pitch == g.output[2]:
            target = (output + row // g.output[1] * y.axis[0] + row % g.output[1] * y.axis[1]
                      + column * y.axis[2])
        else:
            target = output + row * y.axis[0] + column * y.axis[2]
        if y.axis[2] == size:
            k.transpose(pixels + done * pixel_bytes, pixel_bytes, target, y.channel, here, lanes)
        else:
            for p in range(here):
                copy_elements(pixels + (done + p) * pixel_bytes, size, target + p * y.axis[2],
                              y.channel, lanes, size)
        done += here
