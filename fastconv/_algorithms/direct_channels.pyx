# Direct convolution, lanes = output channels: a tile is some neighbouring output pixels x some
# output channels. The input is read channels-last, in place where no padding is needed, or else
# from a padded copy; a table of tap offsets makes 1-D, 2-D and 3-D the same loop. For channels-last
# data and many filters.

from math import prod

import numpy as np

from cython.parallel cimport prange, threadid
from libc.string cimport memcpy, memset

from fastconv._algorithms._packing cimport (
    Pixels, copy_elements, images_per_step, needs_padding, pack_pixels, pixels_of,
)
from fastconv._core.arena cimport Scratch, acquire, release
from fastconv._core.geometry cimport Geometry, View, canonical, view_of
from fastconv._core.threads cimport usable
from fastconv._kernels.table cimport FC_WIDTHS, fc_kernels, fc_tile, kernels

name = "direct_channels"
kinds = ("conv",)
local = True

cdef enum:
    # Pixels gathered before they are transposed into channels-first outputs.
    GATHERED = 64
    # Input bytes per block of pixels that all filters run over before the next one.
    BLOCK_BYTES = 256 << 10
    TASKS_PER_THREAD = 4


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
    if problem.dtype not in ("float32", "float64"):
        return f"has no kernels for {problem.dtype}"
    return None


def estimate(problem, machine, prepacked):
    cdef Layout plan = _layout(problem)
    cdef int vector = kernels(_code(problem)).lanes
    steps = problem.in_channels // problem.groups * problem.taps
    # The kernel's cycles at two FMAs each, against what the machine promises.
    flops = problem.batch * problem.groups * steps * plan.cost * 4 * vector
    seconds = flops / machine.flops
    outputs = problem.batch * problem.out_channels * prod(problem.output)
    moved = 0 if plan.in_place else problem.batch * plan.packed.image // _itemsize(problem)
    if problem.layout == "channels_first":
        moved += outputs
    seconds += moved * 0.5e-9 / machine.threads
    if not prepacked:
        seconds += problem.out_channels * steps * 0.5e-9
    return machine.call + seconds


def workspace(problem, threads):
    cdef Layout plan = _layout(problem)
    return _fixed_bytes(&plan, _itemsize(problem), problem.groups, threads) + _packed_bytes(&plan)


def prepare(problem, weight):
    """Weights as [group][block][tap][channel][filter of the block], blocks of whole tiles."""
    cdef const fc_kernels* k = kernels(_code(problem))
    cdef Py_ssize_t size = _itemsize(problem)
    cdef Layout plan = _layout(problem)
    cdef Py_ssize_t channels = weight.shape[1], taps = problem.taps, groups = problem.groups
    cdef Py_ssize_t filters = problem.out_channels // groups
    cdef Py_ssize_t filter_bytes = channels * taps * size
    cdef Py_ssize_t block_bytes = plan.lanes * filter_bytes, i, first
    weight = np.ascontiguousarray(weight, problem.dtype)
    packed = np.empty(groups * plan.blocks * block_bytes, np.uint8)
    cdef const char* source = <const char*> <size_t> weight.ctypes.data
    cdef char* target = <char*> <size_t> packed.ctypes.data
    with nogil:
        for i in range(groups * plan.blocks):
            first = i % plan.blocks * plan.lanes
            k.pack(source + (i // plan.blocks * filters + first) * filter_bytes, filter_bytes,
                   target + i * block_bytes, min(plan.lanes, filters - first), plan.lanes,
                   channels, taps)
    return packed


def run(problem, packed, inputs, outputs, threads):
    x, bias = inputs
    (y,) = outputs
    bias = None if bias is None else np.ascontiguousarray(bias, problem.dtype)
    cdef Geometry g = canonical(problem)
    cdef const fc_kernels* k = kernels(_code(problem))
    cdef Py_ssize_t size = _itemsize(problem)
    cdef int workers = usable(threads)
    cdef Layout plan = _layout(problem)
    cdef bint last = problem.layout == "channels_last"
    cdef View vx = view_of(x, last), vy = view_of(y, last)
    if plan.in_place and not _readable_in_place(&g, &vx, &plan, size):
        plan.in_place = False
        _count_lines(&g, &plan)
    cdef const char* weights = <const char*> <size_t> packed.ctypes.data
    cdef const char* biases = NULL
    if bias is not None:
        biases = <const char*> <size_t> bias.ctypes.data
    cdef bint relu = problem.relu
    cdef Scratch scratch = acquire(
        _fixed_bytes(&plan, size, g.groups, workers) + _packed_bytes(&plan)
    )
    try:
        with nogil:
            _run(&g, &plan, k, &vx, &vy, weights, biases, relu, scratch.data, size, workers)
    finally:
        release(scratch)


cdef int _code(problem) except -1:
    return 1 if problem.dtype == "float64" else 0


cdef Py_ssize_t _itemsize(problem) except -1:
    return 8 if problem.dtype == "float64" else 4


cdef double _tile_cost(Py_ssize_t pixels, Py_ssize_t width, Py_ssize_t run) noexcept nogil:
    """Cycles of one reduction step: two FMAs, two loads a cycle, and a few to start a short run."""
    cdef double fma = max(pixels * width, 8) / 2.0, loads = (pixels + width) / 2.0
    return max(fma, loads) + 6.0 / run


cdef Layout _layout(problem) except *:
    """The layout of least predicted cost."""
    cdef Geometry g = canonical(problem)
    cdef const fc_kernels* k = kernels(_code(problem))
    cdef Py_ssize_t size = _itemsize(problem)
    cdef Py_ssize_t filters = g.out_channels // g.groups
    cdef Layout plan, best
    cdef double least = -1
    cdef int width
    plan.flat = not needs_padding(&g) and _flat(&g)
    plan.in_place = not needs_padding(&g) and (
        problem.layout == "channels_last" or g.in_channels == 1
    )
    plan.packed = pixels_of(&g, size)
    plan.merged = g.groups == 1 and (g.dilation[2] == 1 or g.kernel[2] == 1)
    plan.run = g.in_channels // g.groups * (g.kernel[2] if plan.merged else 1)
    plan.taps = g.kernel[0] * g.kernel[1] * (1 if plan.merged else g.kernel[2])
    _count_lines(&g, &plan)
    for width in range(FC_WIDTHS - 1):
        plan.width = width
        plan.lanes = k.lanes << width
        plan.blocks = (filters + plan.lanes - 1) // plan.lanes
        plan.tiles = (plan.line + k.rows[width] - 1) // k.rows[width]
        plan.pixels = (plan.line + plan.tiles - 1) // plan.tiles
        plan.cost = (plan.blocks * plan.lines * plan.tiles
                     * _tile_cost(plan.pixels, 1 << width, plan.run))
        if least < 0 or plan.cost < least:
            least = plan.cost
            best = plan
    return best


cdef bint _flat(const Geometry* g) noexcept nogil:
    """A 1x1 kernel that visits every input: the image is one line."""
    cdef int i
    for i in range(3):
        if g.kernel[i] != 1 or g.stride[i] != 1 or g.pad[i] != 0 or g.output[i] != g.input[i]:
            return False
    return True


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
    cdef Py_ssize_t channels = g.in_channels // g.groups
    cdef Py_ssize_t tiles = plan.tiles * plan.lines
    # A block of tiles keeps its input in the second-level cache while all filters pass over it.
    cdef Py_ssize_t block = max(BLOCK_BYTES // (channels * plan.pixels * size), 1)
    cdef Py_ssize_t planes = images * g.groups
    cdef Py_ssize_t wanted = 1 if threads == 1 else threads * TASKS_PER_THREAD
    block = min(block, max(tiles * planes // wanted, 1), tiles)
    cdef Py_ssize_t parts = (tiles + block - 1) // block
    # Too few tiles for all threads: share the filters out as well.
    cdef Py_ssize_t shares = 1
    if parts * planes < wanted:
        shares = min(plan.blocks, (wanted + parts * planes - 1) // (parts * planes))
    cdef Py_ssize_t share = (plan.blocks + shares - 1) // shares
    shares = (plan.blocks + share - 1) // share
    cdef Py_ssize_t task
    for task in prange(planes * parts * shares, num_threads=threads, schedule="dynamic"):
        _task(g, plan, k, x, y, first, task // shares // parts, task // shares % parts * block,
              min((task // shares % parts + 1) * block, tiles), task % shares * share,
              min((task % shares + 1) * share, plan.blocks), weights, bias, relu, pixel_taps,
              lane_taps, gathered + threadid() * _gathered_bytes(plan, size), size)


cdef void _task(const Geometry* g, const Layout* plan, const fc_kernels* k, const View* x,
                const View* y, Py_ssize_t first, Py_ssize_t plane, Py_ssize_t tile_from,
                Py_ssize_t tile_to, Py_ssize_t block_from, Py_ssize_t block_to,
                const char* weights, const char* bias, bint relu, const Py_ssize_t* pixel_taps,
                const Py_ssize_t* lane_taps, char* gathered, Py_ssize_t size) noexcept nogil:
    """Some tiles of one image's group, for some blocks of filters."""
    cdef Py_ssize_t channels = g.in_channels // g.groups, filters = g.out_channels // g.groups
    cdef Py_ssize_t n = plane // g.groups, group = plane % g.groups
    cdef Py_ssize_t block_bytes = plan.lanes * channels * g.kernel[0] * g.kernel[1] * g.kernel[2] * size
    cdef const char* input = x.data + n * x.batch + group * channels * x.channel
    cdef char* output = y.data + (first + n) * y.batch + group * filters * y.channel
    cdef bint direct = y.channel == size or g.out_channels == 1 and plan.lanes == 1
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
    for block in range(block_from, block_to):
        filter = block * plan.lanes
        lanes = min(plan.lanes, filters - filter)
        t.vectors = weights + (group * plan.blocks + block) * block_bytes
        if bias != NULL:
            t.lane_bias = bias + (group * plan.blocks * plan.lanes + filter) * size
        held = 0
        held_from = 0
        for tile in range(tile_from, tile_to):
            line = tile // plan.tiles
            column = tile % plan.tiles * plan.pixels
            pixels = min(plan.pixels, plan.line - column)
            depth = line // g.output[1]
            height = line % g.output[1]
            t.scalars = input + depth * x.axis[0] + height * x.axis[1] + column * x.axis[2]
            position = line * plan.line + column
            if direct:
                if _flat_output(g, plan, y):
                    t.out = output + position * y.axis[2]
                    t.out_row = y.axis[2]
                    t.lanes = lanes
                    t.out += filter * y.channel
                    k.tile[plan.width][pixels](&t)
                    continue
            if held == 0:
                held_from = position
            t.out = gathered + held * plan.lanes * size
            t.out_row = plan.lanes * size
            t.lanes = plan.lanes
            k.tile[plan.width][pixels](&t)
            held += pixels
            if tile + 1 == tile_to or held + plan.pixels > GATHERED:
                _scatter(g, k, y, output + filter * y.channel, gathered, plan.lanes * size,
                         held_from, held, lanes, size)
                held = 0


cdef bint _flat_output(const Geometry* g, const Layout* plan, const View* y) noexcept nogil:
    """Whether the tiles' pixels, counted over the image, are evenly spaced in the output."""
    return (g.output[1] == 1 or y.axis[1] == g.output[2] * y.axis[2]) and (
        g.output[0] == 1 or y.axis[0] == g.output[1] * g.output[2] * y.axis[2])


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
