# Implicit GEMM on a tile unit, as accurate as float32: every float32 is the sum of three bfloat16,
# and six of the nine products of parts, accumulated in float32, make a sum as exact as that of
# multiply-adds. Three products of two parts, or one of one, serve lower precisions. Pixels are the
# rows of tiles, read in place from a split, padded copy of the input; tiles run over the rows of
# that copy where this wastes less. Numbers that are bfloat16 already need one product.
#
# Henry, Tang and Heinecke, Leveraging the bfloat16 Artificial Intelligence Datatype For
# Higher-Precision Computations, 2019.

from math import prod

import numpy as np

cimport numpy as cnp
from libc.string cimport memcpy, memset

from fastconv._algorithms._direct import too_sparse
from fastconv._algorithms._direct cimport Direct
from fastconv._algorithms._packing cimport copy_elements, is_linear
from fastconv._algorithms._tasks cimport Task, Tasks, images_per_step, share_tiles, task_of
from fastconv._algorithms._splitting cimport (
    Extremes, Parts, extremes, forget, parts_of, representable, rows_of, split_input, staged_bytes,
    tap_offset,
)
from fastconv._core.arena cimport Scratch, acquire
from fastconv._core.arrays import contiguous
from fastconv._core.geometry cimport Geometry, View, view_of
from fastconv._core.team cimport share
from fastconv._kernels.isa import has_tile_unit
from fastconv._kernels.table cimport (
    FC_DEPTH, FC_SIDE, FC_WEIGHT_TILES, fc_kernels, fc_product, fc_range, fc_split_kernels,
    split_kernels,
)

cnp.import_array()

name = "split_bfloat16"
kinds = ("conv",)
# Inf and NaN have no parts: `run` tells when it met them, or anything else it cannot do exactly.
local = False
adaptive = True

# Parts of a float32 by precision, and products of parts by their number.
SPLITS = {"highest": 3, "high": 2, "medium": 1, "exact": 1}
PRODUCTS = {1: 1, 2: 3, 3: 6}
# A group of fewer channels or filters leaves most of a tile empty.
LEAST_OF_GROUP = 8

cdef enum:
    # Pixels gathered before they are transposed into channels-first outputs.
    GATHERED = 128
    # Weights worth packing in parallel, in bytes.
    PARALLEL_PACKING = 256 << 10


# How one problem runs.
cdef struct Layout:
    Parts parts
    Py_ssize_t filter_blocks   # per group
    Py_ssize_t line, lines     # positions per line of tiles, lines per image
    Py_ssize_t line_rows       # rows of the output per line
    Py_ssize_t tiles           # per line
    Py_ssize_t weight_block    # bytes of one block of filters
    Py_ssize_t steps           # images computed at a time
    double halves              # of tiles of pixels, per image and group; odd ones cost more


def supports(problem):
    channels, filters = (n // problem.groups for n in (problem.in_channels, problem.out_channels))
    if problem.dtype != "float32":
        return f"splits float32, not {problem.dtype}"
    if problem.padding_value:
        return f"pads with zeros, not with {problem.padding_value}"
    if not has_tile_unit():
        return "this machine, or the level in use, has no tile unit"
    if problem.groups > 1 and min(channels, filters) < LEAST_OF_GROUP:
        return f"groups of {channels} channels and {filters} filters leave its tiles empty"
    reach = ((o - 1) * s + e for o, s, e in zip(problem.output, problem.stride, problem.extent))
    return too_sparse(problem, problem.groups * -(-channels // FC_DEPTH) * FC_DEPTH * prod(reach))


def estimate(problem, machine, prepacked):
    cdef Splitwise state = Splitwise(problem)
    cdef const Parts* p = &state.plan.parts
    groups = problem.batch * problem.groups
    half = FC_SIDE // 2
    tiles = groups * -(-state.filters // half) * state.plan.halves
    return machine.seconds(
        name,
        flops=tiles * PRODUCTS[p.splits] * p.blocks * p.taps * 2 * half * half * FC_DEPTH,
        tiles=groups * state.plan.filter_blocks * state.plan.lines * state.plan.tiles,
        moved=problem.batch * p.image // 4,
        # Parallel regions, which threads enter and leave together: to split, and to multiply.
        regions=2 * machine.threads if machine.threads > 1 else 0,
        rows=groups * p.blocks * rows_of(p),
        weights=0 if prepacked else problem.out_channels * state.channels * state.taps,
    )


def workspace(problem, threads):
    cdef Splitwise state = Splitwise(problem)
    return _shared_bytes(&state.g, &state.plan) + threads * _thread_bytes(&state.plan)


def compile(problem):
    return Splitwise(problem)


def prepare(Splitwise state, weight, threads):
    """Weights as [group][filter block][channel block][tap][part][2 tiles]."""
    return SplitWeights(state, contiguous(weight, np.float32), threads)


def run(Splitwise state, SplitWeights packed, inputs, outputs, threads):
    """Whether the result stands; if not, another room must compute it."""
    x, bias = inputs
    (y,) = outputs
    if bias is not None:
        bias = contiguous(bias, np.float32)
    cdef View vx = state.input_view(x), vy = view_of(y, state.last)
    cdef const char* biases = state.bias(bias)
    cdef int workers = threads
    cdef Scratch scratch = acquire(
        _shared_bytes(&state.g, &state.plan) + workers * _thread_bytes(&state.plan)
    )
    cdef bint stands
    with nogil:
        stands = _run(&state.g, &state.plan, state, &vx, &vy, packed.data.data, &packed.values,
                      biases, scratch.data, workers)
    return stands


cdef class Splitwise(Direct):
    """A problem with its parts, and its lines of tiles."""

    cdef Layout plan
    cdef const fc_split_kernels* split
    cdef bint exact

    def __init__(self, problem):
        super().__init__(problem)
        cdef int splits = SPLITS[problem.precision]
        cdef const Geometry* g = &self.g
        self.split = split_kernels()
        self.exact = problem.precision == "exact"
        self.plan.parts = parts_of(g, splits, False)
        cdef Parts folded = parts_of(g, splits, True)
        # A run of channels over a kernel row has no holes; short pixels cost a little.
        if g.dilation[2] == 1 and folded.taps < 0.8 * self.plan.parts.blocks * self.plan.parts.taps:
            self.plan.parts = folded
        self.plan.filter_blocks = (self.filters + FC_SIDE - 1) // FC_SIDE
        self.plan.weight_block = (self.plan.parts.blocks * self.plan.parts.taps
                                  * self.plan.parts.splits * FC_WEIGHT_TILES)
        self.plan.steps = images_per_step(g.batch, self.plan.parts.image)
        self.plan.halves = -1
        # One line per row; per slice, or per image, with what lies between the rows computed too.
        cdef Py_ssize_t extent = self.plan.parts.extent[2]
        cdef Py_ssize_t slice = (g.output[1] - 1) * extent + g.output[2]
        _consider(&self.plan, g.output[2], g.output[0] * g.output[1], 1)
        _consider(&self.plan, slice, g.output[0], g.output[1])
        _consider(&self.plan, (g.output[0] - 1) * self.plan.parts.extent[1] * extent + slice, 1,
                  g.output[0] * g.output[1])


cdef void _consider(Layout* plan, Py_ssize_t line, Py_ssize_t lines,
                    Py_ssize_t rows) noexcept nogil:
    """Take these lines if they cost less."""
    cdef Py_ssize_t rest = line % FC_SIDE, half = FC_SIDE // 2
    # Half a tile reads as many weights as a whole one.
    cdef double last = 0 if rest == 0 else 1.2 if rest <= half else 2
    cdef double halves = lines * (line // FC_SIDE * 2 + last)
    if plan.halves < 0 or halves <= plan.halves:
        plan.halves = halves
        plan.line = line
        plan.lines = lines
        plan.line_rows = rows
        plan.tiles = (line + FC_SIDE - 1) // FC_SIDE


# What packs weights.
cdef struct Packing:
    void* weights              # the SplitWeights
    void* state                # a Splitwise
    const char* source
    char* stages               # scratch of all threads
    Py_ssize_t staged
    fc_range* seen             # one per thread


cdef void _pack_block(const void* work, Py_ssize_t block, int thread) noexcept nogil:
    cdef const Packing* p = <const Packing*> work
    (<SplitWeights> p.weights).pack_block(<Splitwise> p.state, p.source, block,
                                          p.stages + thread * p.staged, p.seen + thread)


cdef class SplitWeights:
    """Weights in parts, and what their values are like."""

    cdef Scratch data
    cdef Extremes values

    def __init__(self, Splitwise state, cnp.ndarray weight, int threads):
        cdef Py_ssize_t total = state.g.groups * state.plan.filter_blocks
        cdef Py_ssize_t staged = state.taps * state.channels * FC_SIDE * 4
        cdef const char* source = <const char*> cnp.PyArray_DATA(weight)
        self.data = acquire(total * state.plan.weight_block)
        cdef int workers = threads if self.data.size > PARALLEL_PACKING else 1
        cdef Scratch scratch = acquire(workers * (staged + <Py_ssize_t> sizeof(fc_range)))
        cdef char* stages = scratch.data
        cdef fc_range* seen = <fc_range*> (stages + workers * staged)
        cdef Packing work
        forget(seen, workers)
        work.weights = <void*> self
        work.state = <void*> state
        work.source = source
        work.stages = stages
        work.staged = staged
        work.seen = seen
        with nogil:
            share(_pack_block, &work, total, workers)
        self.values = extremes(seen, workers)

    def same_bits(self, SplitWeights other):
        """Whether the parts are the same."""
        return self.data.same_bits(other.data)

    cdef void pack_block(self, Splitwise state, const char* source, Py_ssize_t i, char* staged,
                         fc_range* seen) noexcept nogil:
        cdef const Parts* p = &state.plan.parts
        cdef Py_ssize_t filter_bytes = state.channels * state.taps * 4
        cdef Py_ssize_t first = i % state.plan.filter_blocks * FC_SIDE
        cdef char* to = self.data.data + i * state.plan.weight_block
        # What one product takes is a run of (tap, channel): of a tap, or of a kernel row.
        cdef Py_ssize_t run = state.channels * (state.g.kernel[2] if p.folded else 1)
        cdef Py_ssize_t block, tap, start, place
        source += (i // state.plan.filter_blocks * state.filters + first) * filter_bytes
        state.k.pack(source, filter_bytes, staged, min(FC_SIDE, state.filters - first), FC_SIDE,
                     state.channels, state.taps)
        for block in range(p.blocks):
            for tap in range(p.taps):
                place = tap // p.steps if p.folded else tap
                start = (tap % p.steps if p.folded else block) * FC_DEPTH
                state.split.split_weights(
                    staged + (place * run + start) * FC_SIDE * 4, min(FC_DEPTH, run - start),
                    to + (block * p.taps + tap) * p.splits * FC_WEIGHT_TILES, p.splits, seen)


cdef Py_ssize_t _round(Py_ssize_t size) noexcept nogil:
    """Whole pages."""
    return (size + 4095) // 4096 * 4096


cdef Py_ssize_t _shared_bytes(const Geometry* g, const Layout* plan) noexcept nogil:
    return (_round(plan.parts.taps * sizeof(Py_ssize_t))
            + _round(g.groups * plan.filter_blocks * FC_SIDE * 4)
            + _round(plan.steps * plan.parts.image))


cdef Py_ssize_t _gathered_bytes() noexcept nogil:
    return _round(GATHERED * FC_SIDE * 4)


cdef Py_ssize_t _thread_bytes(const Layout* plan) noexcept nogil:
    return staged_bytes(&plan.parts) + _gathered_bytes() + _round(sizeof(fc_range))


cdef int _run(const Geometry* g, const Layout* plan, Splitwise state, const View* x,
               const View* y, const char* weights, const Extremes* weight_values, const char* bias,
               char* scratch, int threads) except -1 nogil:
    cdef const Parts* p = &plan.parts
    cdef Py_ssize_t filters = g.out_channels // g.groups, padded = plan.filter_blocks * FC_SIDE
    cdef Py_ssize_t* taps = <Py_ssize_t*> scratch
    cdef char* biases = scratch + _round(p.taps * sizeof(Py_ssize_t))
    cdef char* split = biases + _round(g.groups * padded * 4)
    cdef char* staged = split + _round(plan.steps * p.image)
    cdef char* gathered = staged + threads * staged_bytes(p)
    cdef fc_range* seen = <fc_range*> (gathered + threads * _gathered_bytes())
    cdef View source = x[0]
    cdef fc_product product
    cdef Py_ssize_t i, first = 0, images
    cdef bint whole
    cdef Extremes values
    if bias != NULL:
        # Tiles read whole blocks of filters.
        memset(biases, 0, g.groups * padded * 4)
        for i in range(g.groups):
            memcpy(biases + i * padded * 4, bias + i * filters * 4, filters * 4)
    for i in range(p.taps):
        taps[i] = tap_offset(g, p, i)
    product.taps = taps
    product.tap_count = p.taps
    product.blocks = p.blocks
    product.pixel_row = p.position
    product.pixel_split = p.plane
    product.pixel_block = p.splits * p.plane
    product.weight_step = p.splits * FC_WEIGHT_TILES
    product.bias = <const float*> NULL if bias == NULL else <const float*> biases
    product.relu = state.relu
    while first < g.batch:
        images = min(plan.steps, g.batch - first)
        source.data = x.data + first * x.batch
        forget(seen, threads)
        split_input(g, p, &source, split, images, state.k, state.split, staged, seen, threads)
        values = extremes(seen, threads)
        if not representable(&values, weight_values, g.in_channels // g.groups * state.taps):
            return False
        whole = values.whole and weight_values.whole
        if state.exact and not whole:
            return False
        product.pixels = split
        product.weights = weights
        _compute(g, plan, state, y, first, images, &product, 1 if whole else p.splits, gathered,
                 threads)
        first += images
    return True


# What the products of some images are made of.
cdef struct Products:
    const Geometry* g
    const Layout* plan
    void* state                # a Splitwise
    const View* y
    Py_ssize_t first           # of the images
    const Tasks* tasks
    const fc_product* product
    int splits
    char* gathered             # scratch of all threads


cdef int _compute(const Geometry* g, const Layout* plan, Splitwise state, const View* y,
                   Py_ssize_t first, Py_ssize_t images, const fc_product* product, int splits,
                   char* gathered, int threads) except -1 nogil:
    """All outputs of `images` images that are split."""
    cdef Tasks tasks = share_tiles(
        images * g.groups, plan.tiles * plan.lines, plan.filter_blocks,
        plan.parts.blocks * plan.parts.splits * FC_SIDE * plan.parts.position, threads)
    cdef Products work
    work.g = g
    work.plan = plan
    work.state = <void*> state
    work.y = y
    work.first = first
    work.tasks = &tasks
    work.product = product
    work.splits = splits
    work.gathered = gathered
    share(_products, &work, tasks.count, threads)


cdef void _products(const void* work, Py_ssize_t task, int thread) noexcept nogil:
    """One task, with the tile unit this thread's own for so long."""
    cdef const Products* w = <const Products*> work
    cdef const fc_split_kernels* split = (<Splitwise> w.state).split
    split.enter()
    _task(w.g, w.plan, <Splitwise> w.state, w.y, w.first, task_of(w.tasks, task), w.product, w.splits,
          w.gathered + thread * _gathered_bytes())
    split.leave()


cdef void _task(const Geometry* g, const Layout* plan, Splitwise state, const View* y,
                Py_ssize_t first, Task task, const fc_product* common, int splits,
                char* gathered) noexcept nogil:
    """Some tiles of one image's group, for some blocks of filters."""
    cdef const Parts* p = &plan.parts
    cdef fc_product product = common[0]
    cdef Py_ssize_t n = task.plane // g.groups, group = task.plane % g.groups
    cdef Py_ssize_t filters = g.out_channels // g.groups
    cdef const char* input = common.pixels + n * p.image + group * p.blocks * p.splits * p.plane
    cdef char* output = y.data + (first + n) * y.batch + group * filters * y.channel
    cdef bint together = y.channel == 4 or filters == 1
    cdef Py_ssize_t block, tile, line, place, r, d, h, w, index, held, wanted
    cdef char* out[FC_SIDE]
    cdef char* targets[GATHERED]
    product.out = out
    for block in range(task.block_from, task.block_to):
        index = group * plan.filter_blocks + block
        product.weights = common.weights + index * plan.weight_block
        product.lanes = min(FC_SIDE, filters - block * FC_SIDE)
        if common.bias != NULL:
            product.bias = common.bias + index * FC_SIDE
        held = 0
        for tile in range(task.tile_from, task.tile_to):
            line = tile // plan.tiles * plan.line_rows
            place = tile % plan.tiles * FC_SIDE
            product.rows = min(FC_SIDE, plan.line - place)
            place += (line // g.output[1] * p.extent[1] + line % g.output[1]) * p.extent[2]
            product.pixels = input + place * p.position
            w = place % p.extent[2]
            h = place // p.extent[2] % p.extent[1]
            d = place // p.extent[2] // p.extent[1]
            wanted = 0
            for r in range(product.rows):
                out[r] = NULL
                if w < g.output[2] and h < g.output[1]:
                    wanted += 1
                    out[r] = (output + d * y.axis[0] + h * y.axis[1] + w * y.axis[2]
                              + block * FC_SIDE * y.channel)
                    if not together:
                        targets[held] = out[r]
                        out[r] = gathered + held * FC_SIDE * 4
                        held += 1
                w += 1
                if w == p.extent[2]:
                    w = 0
                    h += 1
                    if h == p.extent[1]:
                        h = 0
                        d += 1
            if wanted:
                state.split.product[splits](&product)
            if held > GATHERED - FC_SIDE or held and tile + 1 == task.tile_to:
                _scatter(g, y, state.k, gathered, targets, held, product.lanes)
                held = 0


cdef void _scatter(const Geometry* g, const View* y, const fc_kernels* k, const char* gathered,
                   char** targets, Py_ssize_t count, Py_ssize_t lanes) noexcept nogil:
    """Bring gathered pixels, neighbours in the output, to their channels."""
    cdef Py_ssize_t i
    if y.axis[2] == 4 and is_linear(y, g.output):
        k.transpose(gathered, FC_SIDE * 4, targets[0], y.channel, count, lanes, 1)
        return
    for i in range(count):
        copy_elements(gathered + i * FC_SIDE * 4, 4, targets[i], y.channel, lanes, 4)
