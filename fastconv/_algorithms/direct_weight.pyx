# Weight gradients, directly: every tap's gradient is the sum, over outputs, of the input it met
# times the gradient there. Lanes = output channels, rows = the input channels (and taps) that lie
# side by side in memory, and the reduction runs over pixels, read channels-last in place or from
# copies. It is cut into chunks: their operands stay in the cache for all tiles, and the sums of
# chunks are added up apart, as rounding errors grow with the length of a sum. In a depthwise
# problem every lane is a channel of both operands, and every pixel a chunk's line of its own.

cimport numpy as cnp
from libc.string cimport memset

from fastconv._algorithms._direct import supports as _supports, too_sparse
from fastconv._algorithms._direct cimport Direct, step_cycles, tile_count, visits_all
from fastconv._algorithms._boxes cimport Box
from fastconv._algorithms._packing cimport (
    Pixels, is_linear, needs_padding, pack_pixels, pixels_of,
)
from fastconv._algorithms._tasks cimport images_per_step
from fastconv._algorithms._weight_sums cimport Sums, add_vectors, fill_ones, store_sums
from fastconv._core.arena cimport Scratch, acquire
from fastconv._core.geometry cimport Geometry, View, view_of
from fastconv._core.team cimport share
from fastconv._kernels.table cimport FC_CHAIN, FC_WIDTHS, fc_kernels, fc_tile

cnp.import_array()

name = "direct_weight"
kinds = ("grad_weight",)
local = True

cdef enum:
    CHUNK = 512            # pixels per chunk, about
    MAX_TILE_BYTES = 2048  # 14 rows x 2 vectors, 7 x 4, 3 x 8 of 64 bytes
    TASKS_PER_THREAD = 4
    PAGE = 4096


# How one problem runs. The rows of all tiles are numbered by *strip*: the taps, or channels, whose
# rows cannot be reached by one constant step.
cdef struct Layout:
    int width                         # log2 of vectors per tile row
    Py_ssize_t lanes, blocks          # filters per tile, tiles per group
    Py_ssize_t strips, strip_rows     # per group
    Py_ssize_t rows, row_blocks       # of a tile, tiles per strip
    bint row_taps, row_channels       # what the rows of a strip run over: kernel columns, channels
    bint depthwise
    bint flat                         # every pixel meets its output: an image is one line
    Py_ssize_t line, lines            # pixels per line, lines per image
    Py_ssize_t piece, pieces          # a line in chunks
    Pixels x, grad                    # the copies, if they are needed
    double cost


# Where both operands are read.
cdef struct Source:
    View x, grad
    bint copy_x, copy_grad
    Py_ssize_t steps                  # images at a time


def supports(problem):
    reach = ((o - 1) * s + e for o, s, e in zip(problem.output, problem.stride, problem.extent))
    elements = problem.in_channels
    for size in reach:
        elements *= size
    return _supports(problem) or too_sparse(problem, elements)


def estimate(problem, machine, prepacked):
    cdef WeightGradient state = WeightGradient(problem)
    cdef Layout* plan = &state.plan
    tiles = state.groups * plan.blocks * plan.strips * plan.row_blocks
    pixels = problem.batch * plan.lines * plan.line
    return machine.seconds(
        "direct_channels",  # the same tiles
        # Two vector FMAs a cycle.
        flops=problem.batch * state.groups * plan.cost * 4 * state.k.lanes,
        tiles=tiles * problem.batch * plan.lines * plan.pieces,
        moved=problem.batch * plan.x.bytes // state.size + pixels * problem.out_channels,
        rows=problem.batch * plan.x.extent[0] * plan.x.extent[1],
        weights=problem.out_channels * state.channels * state.taps,
    )


def workspace(problem, threads):
    cdef WeightGradient state = WeightGradient(problem)
    cdef Py_ssize_t steps = _steps(&state.g, &state.plan, state.size)
    return (_sum_bytes(state) + _table_bytes(state, steps)
            + _copy_bytes(steps, state.plan.x.bytes) + _copy_bytes(steps, state.plan.grad.bytes)
            + 2 * PAGE)


def compile(problem):
    return WeightGradient(problem)


def prepare(state, weight, threads):
    return None


def run(WeightGradient state, packed, inputs, outputs, threads):
    x, grad_output = inputs
    (grad_weight,) = outputs
    cdef cnp.ndarray target = grad_weight
    cdef Source source
    source.x = state.input_view(x)
    source.grad = view_of(grad_output, state.last)
    source.copy_x = not _x_in_place(&state.g, &state.plan, &source.x, state.size)
    source.copy_grad = not _grad_in_place(&state.g, &state.plan, &source.grad, state.size)
    source.steps = _steps(&state.g, &state.plan, state.size)
    cdef Py_ssize_t fixed = _sum_bytes(state) + _table_bytes(state, source.steps) + 2 * PAGE
    if source.copy_x:
        fixed += _copy_bytes(source.steps, state.plan.x.bytes)
    if source.copy_grad:
        fixed += _copy_bytes(source.steps, state.plan.grad.bytes)
    cdef Scratch scratch = acquire(fixed)
    cdef int workers = threads
    cdef Sums sums = _sums_of(state)
    cdef Py_ssize_t* offsets = <Py_ssize_t*> (scratch.data + _sum_bytes(state))
    with nogil:
        _accumulate(state, &source, scratch.data, workers)
        store_sums(&sums, scratch.data, offsets, target.data, target.strides, target.ndim, workers)


cdef class WeightGradient(Direct):
    """A problem with its layout of least predicted cost."""

    cdef Layout plan
    cdef Geometry outer     # the output's gradient, as images to be copied
    cdef Py_ssize_t groups  # that tiles are made for; a depthwise tile is of many

    def __init__(self, problem):
        super().__init__(problem)
        cdef Layout plan
        cdef double least = -1
        cdef int width, i
        self.outer = self.g
        self.outer.in_channels = self.g.out_channels
        for i in range(3):
            self.outer.input[i] = self.g.output[i]
            self.outer.kernel[i] = self.outer.stride[i] = self.outer.dilation[i] = 1
            self.outer.pad[i] = 0
        self.groups = self.g.groups
        plan.depthwise = self.g.groups > 1 and self.channels == self.filters == 1
        if plan.depthwise:
            self.groups, self.filters = 1, self.g.groups
        plan.x = pixels_of(&self.g, self.g.output, self.g.in_channels, True, self.size)
        plan.grad = pixels_of(&self.outer, self.outer.output, self.outer.in_channels, True, self.size)
        plan.flat = visits_all(&self.g) and not plan.depthwise
        plan.line = self.g.output[2]
        plan.lines = self.g.output[0] * self.g.output[1]
        if plan.depthwise:
            plan.lines *= plan.line
            plan.line = 1
        if plan.flat:
            plan.line *= plan.lines
            plan.lines = 1
        plan.pieces = tile_count(plan.line, CHUNK)
        plan.piece = tile_count(plan.line, plan.pieces)
        # Neighbouring taps of all channels are one run of memory; else the longer of the two runs.
        together = self.g.groups == 1 and self.g.dilation[2] == 1
        plan.row_taps = self.g.kernel[2] > 1 and (together or self.g.kernel[2] > self.channels)
        plan.row_channels = not plan.depthwise and (together or not plan.row_taps)
        plan.strip_rows = ((self.g.kernel[2] if plan.row_taps else 1)
                           * (self.channels if plan.row_channels else 1))
        plan.strips = self.channels * self.taps // max(plan.strip_rows, 1)
        for width in range(1 if plan.depthwise else FC_WIDTHS - 1):
            plan.width = width
            plan.lanes = self.k.lanes << width
            plan.blocks = tile_count(self.filters, plan.lanes)
            most = self.k.depthwise_rows if plan.depthwise else self.k.rows[width]
            plan.row_blocks = tile_count(plan.strip_rows, most)
            plan.rows = tile_count(plan.strip_rows, max(plan.row_blocks, 1))
            plan.cost = (plan.blocks * plan.strips * plan.row_blocks * plan.lines * plan.line
                         * step_cycles(self.k, plan.rows, 1 << width, plan.rows + (1 << width),
                                       CHUNK if plan.depthwise else plan.piece))
            if least < 0 or plan.cost < least:
                least = plan.cost
                self.plan = plan


cdef Py_ssize_t _steps(const Geometry* g, const Layout* plan, Py_ssize_t size) noexcept nogil:
    return images_per_step(g.batch, plan.x.bytes + plan.grad.bytes)


cdef Py_ssize_t _pages(Py_ssize_t count) noexcept nogil:
    return (count + PAGE - 1) // PAGE * PAGE


cdef Py_ssize_t _copy_bytes(Py_ssize_t steps, Py_ssize_t image) noexcept nogil:
    """A copy, and what vectors may read beyond its end."""
    return _pages(steps * image + MAX_TILE_BYTES)


cdef Py_ssize_t _table_bytes(WeightGradient state, Py_ssize_t steps) noexcept nogil:
    """Offsets of lines, and later of taps, in two arrays."""
    return _pages(2 * max(steps * state.plan.lines, state.taps) * <Py_ssize_t> sizeof(Py_ssize_t))


cdef Py_ssize_t _sum_bytes(WeightGradient state) noexcept nogil:
    """Sums as [group][block][strip][row][lane]."""
    cdef Layout* plan = &state.plan
    return _pages(state.groups * plan.blocks * plan.strips * plan.strip_rows * plan.lanes
                  * state.size)


cdef Sums _sums_of(WeightGradient state):
    """Where the sums lie; strips and rows are numbered as `_strip_offset` says."""
    cdef Layout* plan = &state.plan
    cdef Sums s
    cdef int i
    s.groups = state.groups
    s.filters = state.filters
    s.channels = state.channels
    for i in range(3):
        s.kernel[i] = state.g.kernel[i]
    s.size = state.size
    s.lanes = plan.lanes
    s.blocks = plan.blocks
    s.strips = plan.strips
    s.strip_rows = plan.strip_rows
    s.row_taps = plan.row_taps
    s.row_channels = plan.row_channels
    return s


cdef bint _x_in_place(const Geometry* g, const Layout* plan, const View* x,
                      Py_ssize_t size) noexcept nogil:
    if needs_padding(g) or x.channel != size and g.in_channels > 1:
        return False
    if plan.row_taps and plan.row_channels and x.axis[2] != g.in_channels * size:
        return False
    if plan.depthwise and plan.blocks * plan.lanes > g.in_channels:
        return False
    return not plan.flat or is_linear(x, g.output)


cdef bint _grad_in_place(const Geometry* g, const Layout* plan, const View* grad,
                         Py_ssize_t size) noexcept nogil:
    # The last vector of a pixel must not end beyond the array.
    cdef Py_ssize_t filters = 0 if plan.depthwise else g.out_channels // g.groups
    if grad.channel != size or (g.groups - 1) * filters + plan.blocks * plan.lanes > g.out_channels:
        return False
    return not plan.flat or is_linear(grad, g.output)


cdef void _see_copy(View* v, const Pixels* p, char* data, Py_ssize_t size) noexcept nogil:
    v.data = data
    v.batch = p.bytes
    v.channel = size
    v.axis[0] = p.slice
    v.axis[1] = p.row
    v.axis[2] = p.pixel


# The sums of some images.
cdef struct Additions:
    void* state                # a WeightGradient
    const View* x
    const View* grad
    const Py_ssize_t* x_lines
    const Py_ssize_t* grad_lines
    Py_ssize_t lines
    bint fresh                 # whether there are no sums yet
    Py_ssize_t tiles, tasks
    char* sums
    const char* ones


# Images that are copied, with their padding, one after the other.
cdef struct Copies:
    const Geometry* g
    const Pixels* p
    const View* images
    char* to
    Py_ssize_t size
    const fc_kernels* k


cdef void _accumulate(WeightGradient state, const Source* source, char* scratch,
                      int threads) noexcept nogil:
    """Copy what must be copied, some images at a time, and add up their sums."""
    cdef const Geometry* g = &state.g
    cdef const Layout* plan = &state.plan
    cdef Py_ssize_t size = state.size, steps = source.steps, first = 0, images, i
    cdef Py_ssize_t tiles = state.groups * plan.blocks * plan.strips * plan.row_blocks
    cdef Py_ssize_t tasks = min(tiles, 1 if threads == 1 else threads * TASKS_PER_THREAD)
    cdef Py_ssize_t* x_lines = <Py_ssize_t*> (scratch + _sum_bytes(state))
    cdef Py_ssize_t* grad_lines = x_lines + steps * plan.lines
    cdef char* free = scratch + _sum_bytes(state) + _table_bytes(state, steps)
    cdef char* ones = free
    cdef Additions work
    cdef View x = source.x, grad = source.grad, from_x = source.x, from_grad = source.grad
    fill_ones(ones, PAGE, size)
    free += PAGE
    # Lanes beyond the last channel are computed and dropped: let them be ordinary numbers.
    if source.copy_x:
        _see_copy(&x, &plan.x, free, size)
        memset(free + steps * plan.x.bytes, 0, MAX_TILE_BYTES)
        free += _copy_bytes(steps, plan.x.bytes)
    else:
        x.data -= g.pad[0] * x.axis[0] + g.pad[1] * x.axis[1] + g.pad[2] * x.axis[2]
    if source.copy_grad:
        _see_copy(&grad, &plan.grad, free, size)
        memset(free + steps * plan.grad.bytes, 0, MAX_TILE_BYTES)
    _find_lines(g, plan, &x, &grad, steps, x_lines, grad_lines)
    work.state = <void*> state
    work.x = &x
    work.grad = &grad
    work.x_lines = x_lines
    work.grad_lines = grad_lines
    work.tiles = tiles
    work.tasks = tasks
    work.sums = scratch
    work.ones = ones
    while first < g.batch:
        images = min(steps, g.batch - first)
        if source.copy_x:
            from_x.data = source.x.data + first * source.x.batch
            _copy_images(g, &plan.x, &from_x, x.data, images, size, state.k, threads)
        if source.copy_grad:
            from_grad.data = source.grad.data + first * source.grad.batch
            _copy_images(&state.outer, &plan.grad, &from_grad, grad.data, images, size, state.k,
                         threads)
        work.lines = images * plan.lines
        work.fresh = first == 0
        share(_add_tiles, &work, tasks, threads)
        if not source.copy_x:
            x.data += images * x.batch
        if not source.copy_grad:
            grad.data += images * grad.batch
        first += images


cdef void _add_tiles(const void* work, Py_ssize_t task, int thread) noexcept nogil:
    cdef const Additions* a = <const Additions*> work
    _task(<WeightGradient> a.state, a.x, a.grad, a.x_lines, a.grad_lines, a.lines, a.fresh,
          a.tiles * task // a.tasks, a.tiles * (task + 1) // a.tasks, a.sums, a.ones)


cdef void _copy_images(const Geometry* g, const Pixels* p, const View* from_, char* to,
                       Py_ssize_t images, Py_ssize_t size, const fc_kernels* k,
                       int threads) noexcept nogil:
    """Some images, as Copies says."""
    cdef Copies work = [g, p, from_, to, size, k]
    share(_copy_row, &work, images * p.rows, threads)


cdef void _copy_row(const void* work, Py_ssize_t task, int thread) noexcept nogil:
    cdef const Copies* c = <const Copies*> work
    cdef Py_ssize_t n = task // c.p.rows, row = task % c.p.rows
    cdef View image = c.images[0]
    cdef Box whole
    whole.origin = [0, 0, 0]
    image.data += n * image.batch
    pack_pixels(c.g, c.p, &image, &whole, c.to + n * c.p.bytes, row, row + 1, c.size, c.k)


cdef void _find_lines(const Geometry* g, const Layout* plan, const View* x, const View* grad,
                      Py_ssize_t steps, Py_ssize_t* x_lines, Py_ssize_t* grad_lines) noexcept nogil:
    """Offsets of all lines of some images."""
    cdef Py_ssize_t depths = g.output[0], heights = g.output[1], columns = 1, n, d, h, w, i = 0
    if plan.flat:
        depths = heights = 1
    if plan.depthwise:
        columns = g.output[2]
    for n in range(steps):
        for d in range(depths):
            for h in range(heights):
                for w in range(columns):
                    x_lines[i] = (n * x.batch + d * g.stride[0] * x.axis[0]
                                  + h * g.stride[1] * x.axis[1] + w * g.stride[2] * x.axis[2])
                    grad_lines[i] = (n * grad.batch + d * grad.axis[0] + h * grad.axis[1]
                                     + w * grad.axis[2])
                    i += 1


cdef void _task(WeightGradient state, const View* x, const View* grad, const Py_ssize_t* x_lines,
                const Py_ssize_t* grad_lines, Py_ssize_t lines, bint begin, Py_ssize_t tile_from,
                Py_ssize_t tile_to, char* sums, const char* ones) noexcept nogil:
    """Some tiles over all lines, chunk by chunk; `begin` if there are no sums yet."""
    cdef const Geometry* g = &state.g
    cdef const Layout* plan = &state.plan
    cdef Py_ssize_t size = state.size, piece, line, tile, strip, rows, row, block, group
    cdef Py_ssize_t at_once = max(CHUNK // plan.piece, 1), row_bytes = plan.lanes * size
    cdef bint fresh = begin
    cdef char temporary[MAX_TILE_BYTES]
    cdef char* total
    cdef fc_tile t
    t.scalar_step = g.stride[2] * x.axis[2]
    t.vector_step = grad.axis[2]
    t.scalar_row = size if plan.row_channels else g.dilation[2] * x.axis[2]
    t.out_row = row_bytes
    t.lanes = plan.lanes
    t.row_bias = NULL
    t.lane_bias = NULL
    t.relu = False
    for piece in range(plan.pieces):
        t.run = min(plan.piece, plan.line - piece * plan.piece)
        if t.run <= 0:
            break
        line = 0
        while line < lines:
            t.taps = min(at_once, lines - line)
            t.chain = FC_CHAIN
            t.scalar_taps = x_lines + line
            t.vector_taps = grad_lines + line
            for tile in range(tile_from, tile_to):
                row = tile % plan.row_blocks * plan.rows
                strip = tile // plan.row_blocks % plan.strips
                block = tile // plan.row_blocks // plan.strips % plan.blocks
                group = tile // plan.row_blocks // plan.strips // plan.blocks
                rows = min(plan.rows, plan.strip_rows - row)
                total = sums + ((tile // plan.row_blocks) * plan.strip_rows + row) * row_bytes
                t.scalars = (x.data + group * state.channels * size + _strip_offset(state, x, strip)
                             + row * t.scalar_row + piece * plan.piece * t.scalar_step)
                if plan.depthwise:
                    t.scalars += block * plan.lanes * size
                t.vectors = (grad.data + (group * state.filters + block * plan.lanes) * size
                             + piece * plan.piece * t.vector_step)
                t.out = total if fresh else temporary
                if plan.depthwise:
                    state.k.depthwise[rows](&t)
                else:
                    state.k.tile[plan.width][rows](&t)
                if not fresh:
                    add_vectors(state.k, temporary, total, rows << plan.width, ones, size)
            fresh = False
            line += t.taps


cdef Py_ssize_t _strip_offset(WeightGradient state, const View* x, Py_ssize_t strip) noexcept nogil:
    """Bytes from the first tap of the first channel of a group to where a strip begins."""
    cdef const Geometry* g = &state.g
    cdef Py_ssize_t offset = 0
    if not state.plan.row_channels:
        offset += strip % state.channels * state.size
        strip = strip // state.channels
    if not state.plan.row_taps:
        offset += strip % g.kernel[2] * g.dilation[2] * x.axis[2]
        strip = strip // g.kernel[2]
    return (offset + strip % g.kernel[1] * g.dilation[1] * x.axis[1]
            + strip // g.kernel[1] * g.dilation[0] * x.axis[0])
