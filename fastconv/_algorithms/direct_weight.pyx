# Weight gradients, directly: every tap's gradient is the sum, over outputs, of the input it met
# times the gradient there. Lanes = output channels, rows = the input channels (and taps) that lie
# side by side in memory, and the reduction runs over pixels, read channels-last in place or from
# copies. It is cut into chunks: their operands stay in the cache for all tiles, and the sums of
# chunks are added up apart, as rounding errors grow with the length of a sum. In a depthwise
# problem every lane is a channel of both operands, and rows are taps.

cimport numpy as cnp

from fastconv._algorithms._direct import supports as _supports, too_sparse
from fastconv._algorithms._direct cimport Direct, step_cycles, tile_count, visits_all
from fastconv._algorithms._packing cimport is_linear, needs_padding
from fastconv._algorithms._panels cimport (
    Panels, Step, Steps, copy_panels, panels_of, step_at, steps_of,
)
from fastconv._algorithms._weight_sums cimport Sums, add_vectors, fill_ones, store_sums
from fastconv._core.arena cimport Scratch, acquire
from fastconv._core.geometry cimport FILLED, Geometry, View, view_of
from fastconv._core.team cimport share
from fastconv._kernels.table cimport FC_CHAIN, FC_WIDTHS, fc_tile

cnp.import_array()

name = "direct_weight"
kinds = ("grad_weight",)
local = True

cdef enum:
    CHUNK = 256            # pixels per chunk, about
    DEPTHWISE_ROWS = 10    # addresses that fit the registers
    MAX_TILE_BYTES = 2048  # 14 rows x 2 vectors, 7 x 4, 3 x 8 of 64 bytes
    FAR = 256              # bytes from pixel to pixel
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
    Steps steps
    bint flat                         # every pixel meets its output: a band is one line
    Py_ssize_t line, lines            # pixels per line, lines per band
    Py_ssize_t piece, pieces          # a line in chunks
    Panels x, grad                    # the copies, if they are needed
    double cost


# Where both operands are read.
cdef struct Source:
    View x, grad
    bint copy_x, copy_grad
    Py_ssize_t x_panel, grad_panel    # bytes from a panel to the next


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
    bands = problem.batch * plan.steps.bands
    pixels = bands * plan.lines * plan.line
    steps = tiles * pixels
    return machine.seconds(
        name,
        # Two vector FMAs a cycle.
        flops=problem.batch * state.groups * plan.cost * 4 * state.k.lanes,
        tiles=tiles * bands * plan.lines * plan.pieces,
        moved=bands * state.groups * plan.x.bytes // state.size + pixels * problem.out_channels,
        # Pixels so far apart that a chunk of them falls into few sets of the cache.
        far_steps=steps if plan.x.pixels.pixel > FAR else 0,
        weights=problem.out_channels * state.channels * state.taps,
    )


def workspace(problem, threads):
    cdef WeightGradient state = WeightGradient(problem)
    return (_sum_bytes(state) + _table_bytes(state) + _copy_bytes(state, &state.plan.x)
            + _copy_bytes(state, &state.plan.grad) + 2 * PAGE)


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
    cdef Py_ssize_t fixed = _sum_bytes(state) + _table_bytes(state) + 2 * PAGE
    if source.copy_x:
        fixed += _copy_bytes(state, &state.plan.x)
    if source.copy_grad:
        fixed += _copy_bytes(state, &state.plan.grad)
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
    cdef Geometry inner     # the input, and the output's gradient, as images to be copied
    cdef Geometry outer
    cdef Py_ssize_t groups  # that tiles are made for; a depthwise tile is of many

    def __init__(self, problem):
        super().__init__(problem)
        cdef Layout plan
        cdef double least = -1
        cdef int width, i
        self.inner = self.outer = self.g
        self.outer.in_channels = self.g.out_channels
        self.outer.padding = FILLED
        self.outer.fill = 0
        for i in range(3):
            self.outer.input[i] = self.g.output[i]
            self.outer.kernel[i] = self.outer.stride[i] = self.outer.dilation[i] = 1
            self.outer.pad[i] = 0
        self.groups = self.g.groups
        plan.depthwise = self.g.groups > 1 and self.channels == self.filters == 1
        if plan.depthwise:
            self.groups, self.filters = 1, self.g.groups
            self.inner.groups = self.outer.groups = 1
        plan.flat = visits_all(&self.g) and not plan.depthwise
        # Neighbouring taps of all channels are one run of memory; else the longer of the two runs.
        together = self.g.groups == 1 and self.g.dilation[2] == 1
        plan.row_taps = self.g.kernel[2] > 1 and (together or self.g.kernel[2] > self.channels)
        plan.row_channels = not plan.depthwise and (together or not plan.row_taps)
        plan.strip_rows = ((self.g.kernel[2] if plan.row_taps else 1)
                           * (self.channels if plan.row_channels else 1))
        if plan.depthwise:
            plan.strip_rows = self.taps
        plan.strips = self.channels * self.taps // max(plan.strip_rows, 1)
        for width in range(1 if plan.depthwise else FC_WIDTHS - 1):
            plan.width = width
            plan.lanes = self.k.lanes << width
            plan.steps.outputs = self.g.output
            self.see(&plan)
            plan.steps = steps_of(&self.g, self.groups * (plan.x.bytes + plan.grad.bytes),
                                  self.g.groups * self.weight_bytes())
            self.see(&plan)
            plan.blocks = tile_count(self.filters, plan.lanes)
            plan.line = plan.steps.outputs[2]
            plan.lines = plan.steps.outputs[0] * plan.steps.outputs[1]
            if plan.flat:
                plan.line *= plan.lines
                plan.lines = 1
            plan.pieces = tile_count(plan.line, CHUNK)
            plan.piece = tile_count(plan.line, plan.pieces)
            most = DEPTHWISE_ROWS if plan.depthwise else self.k.rows[width]
            plan.row_blocks = tile_count(plan.strip_rows, most)
            plan.rows = tile_count(plan.strip_rows, max(plan.row_blocks, 1))
            plan.cost = (plan.blocks * plan.strips * plan.row_blocks * plan.steps.bands * plan.lines * plan.line
                         * step_cycles(self.k, plan.rows, 1 << width, plan.rows + (1 << width),
                                       plan.piece))
            if least < 0 or plan.cost < least:
                least = plan.cost
                self.plan = plan

    cdef void see(self, Layout* plan) noexcept nogil:
        """The panels of a band; those of the input hold a group each, depthwise ones all channels."""
        cdef Py_ssize_t lanes = self.filters if plan.depthwise else plan.lanes
        cdef Py_ssize_t channels = self.filters if plan.depthwise else self.channels
        plan.grad = panels_of(&self.outer, plan.steps.outputs, self.filters, lanes, self.size)
        plan.x = panels_of(&self.inner, plan.steps.outputs, channels, channels, self.size)


cdef Py_ssize_t _pages(Py_ssize_t count) noexcept nogil:
    return (count + PAGE - 1) // PAGE * PAGE


cdef Py_ssize_t _copy_bytes(WeightGradient state, const Panels* p) noexcept nogil:
    """A copy, and what vectors may read beyond its end."""
    return _pages(state.groups * state.plan.steps.images * p.bytes + MAX_TILE_BYTES)


cdef Py_ssize_t _table_bytes(WeightGradient state) noexcept nogil:
    """Offsets of lines, and later of taps, in two arrays."""
    return _pages((2 * state.plan.steps.images * state.plan.lines + 2 * state.taps)
                  * <Py_ssize_t> sizeof(Py_ssize_t))


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
    s.strip_rows = state.g.kernel[2] if plan.depthwise else plan.strip_rows
    s.strips = plan.strips * plan.strip_rows // max(s.strip_rows, 1)
    s.row_taps = plan.row_taps or plan.depthwise
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
    if grad.channel != size:
        return False
    if plan.depthwise:
        # The last vector of a pixel must not end beyond the array.
        return plan.blocks * plan.lanes <= g.out_channels
    # A panel already.
    if g.groups > 1 or g.out_channels != plan.lanes or grad.axis[2] != plan.lanes * size:
        return False
    return not plan.flat or is_linear(grad, g.output)


cdef void _see_copy(View* v, const Panels* p, char* data, Py_ssize_t size) noexcept nogil:
    v.data = data
    v.batch = p.image
    v.channel = size
    v.axis[0] = p.pixels.slice
    v.axis[1] = p.pixels.row
    v.axis[2] = p.pixels.pixel


# The sums of a step.
cdef struct Additions:
    void* state                # a WeightGradient
    View x, grad
    Py_ssize_t x_panel, grad_panel  # bytes from a panel to the next
    const Py_ssize_t* x_lines
    const Py_ssize_t* grad_lines
    const Py_ssize_t* taps
    Py_ssize_t line, lines
    bint fresh                 # whether there are no sums yet
    Py_ssize_t tiles, tasks
    char* sums
    const char* ones


cdef int _accumulate(WeightGradient state, const Source* source, char* scratch,
                      int threads) except -1 nogil:
    """Copy what must be copied, step by step, and add up the sums."""
    cdef const Geometry* g = &state.g
    cdef const Layout* plan = &state.plan
    cdef Py_ssize_t size = state.size, images = plan.steps.images, i, k
    cdef Py_ssize_t* x_lines = <Py_ssize_t*> (scratch + _sum_bytes(state))
    cdef Py_ssize_t* grad_lines = x_lines + images * plan.lines
    cdef char* x_copy = scratch + _sum_bytes(state) + _table_bytes(state) + PAGE
    cdef char* grad_copy = x_copy + (_copy_bytes(state, &plan.x) if source.copy_x else 0)
    cdef Additions work
    cdef View x, grad
    cdef Step step
    work.state = <void*> state
    work.ones = x_copy - PAGE
    fill_ones(x_copy - PAGE, PAGE, size)
    work.x = x = source.x
    work.grad = grad = source.grad
    work.x_panel = (plan.lanes if plan.depthwise else state.channels) * size
    work.grad_panel = plan.lanes * size if plan.depthwise else 0
    if source.copy_x:
        _see_copy(&work.x, &plan.x, x_copy, size)
        if not plan.depthwise:
            work.x_panel = images * plan.x.image
    else:
        x.data -= g.pad[0] * x.axis[0] + g.pad[1] * x.axis[1] + g.pad[2] * x.axis[2]
    if source.copy_grad:
        _see_copy(&work.grad, &plan.grad, grad_copy, size)
        if not plan.depthwise:
            work.grad_panel = images * plan.grad.image
    _find_lines(g, plan, &work.x, &work.grad, x_lines, grad_lines)
    # The taps of depthwise tiles, as long as no sums are stored.
    work.taps = grad_lines + images * plan.lines
    for i in range(state.taps if plan.depthwise else 0):
        grad_lines[images * plan.lines + i] = _tap_offset(g, &work.x, i)
    work.x_lines = x_lines
    work.grad_lines = grad_lines
    work.tiles = state.groups * plan.blocks * plan.strips * plan.row_blocks
    work.tasks = min(work.tiles, 1 if threads == 1 else threads * TASKS_PER_THREAD)
    work.sums = scratch
    for i in range(plan.steps.count):
        step = step_at(g, &plan.steps, i)
        k = step.origin[plan.steps.axis]
        if source.copy_x:
            copy_panels(&state.inner, &plan.x, &x, &step, x_copy, images, size, state.k, threads)
        else:
            work.x.data = x.data + step.first * x.batch + k * g.stride[plan.steps.axis] * x.axis[plan.steps.axis]
        if source.copy_grad:
            copy_panels(&state.outer, &plan.grad, &grad, &step, grad_copy, images, size, state.k, threads)
        else:
            work.grad.data = grad.data + step.first * grad.batch + k * grad.axis[plan.steps.axis]
        work.line = plan.line
        work.lines = step.images * plan.lines
        if plan.steps.bands > 1:
            if plan.flat or plan.steps.axis == 2:
                work.line = plan.line // plan.steps.outputs[plan.steps.axis] * step.outputs
            else:
                work.lines = plan.lines // plan.steps.outputs[plan.steps.axis] * step.outputs
        work.fresh = i == 0
        share(_add_tiles, &work, work.tasks, threads)


cdef void _add_tiles(const void* work, Py_ssize_t task, int thread) noexcept nogil:
    cdef const Additions* a = <const Additions*> work
    _task(<WeightGradient> a.state, a, a.tiles * task // a.tasks, a.tiles * (task + 1) // a.tasks)


cdef void _find_lines(const Geometry* g, const Layout* plan, const View* x, const View* grad,
                      Py_ssize_t* x_lines, Py_ssize_t* grad_lines) noexcept nogil:
    """Offsets of all lines of a step."""
    cdef Py_ssize_t depths = plan.steps.outputs[0], heights = plan.steps.outputs[1]
    cdef Py_ssize_t n, d, h, i = 0
    if plan.flat:
        depths = heights = 1
    for n in range(plan.steps.images):
        for d in range(depths):
            for h in range(heights):
                x_lines[i] = (n * x.batch + d * g.stride[0] * x.axis[0]
                              + h * g.stride[1] * x.axis[1])
                grad_lines[i] = n * grad.batch + d * grad.axis[0] + h * grad.axis[1]
                i += 1


cdef void _task(WeightGradient state, const Additions* a, Py_ssize_t tile_from,
                Py_ssize_t tile_to) noexcept nogil:
    """Some tiles over all lines, chunk by chunk."""
    cdef const View* x = &a.x
    cdef const View* grad = &a.grad
    cdef const Geometry* g = &state.g
    cdef const Layout* plan = &state.plan
    cdef Py_ssize_t size = state.size, piece, line, tile, strip, rows, row, block, group
    cdef Py_ssize_t at_once = max(CHUNK // plan.piece, 1), row_bytes = plan.lanes * size
    cdef bint fresh = a.fresh
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
        t.run = min(plan.piece, a.line - piece * plan.piece)
        if t.run <= 0:
            break
        line = 0
        while line < a.lines:
            t.taps = min(at_once, a.lines - line)
            t.start = NULL
            t.chain = FC_CHAIN
            t.scalar_taps = a.x_lines + line
            t.vector_taps = a.grad_lines + line
            for tile in range(tile_from, tile_to):
                row = tile % plan.row_blocks * plan.rows
                strip = tile // plan.row_blocks % plan.strips
                block = tile // plan.row_blocks // plan.strips % plan.blocks
                group = tile // plan.row_blocks // plan.strips // plan.blocks
                rows = min(plan.rows, plan.strip_rows - row)
                total = a.sums + ((tile // plan.row_blocks) * plan.strip_rows + row) * row_bytes
                t.scalars = (x.data + (block if plan.depthwise else group) * a.x_panel
                             + piece * plan.piece * t.scalar_step)
                if not plan.depthwise:
                    t.scalars += _strip_offset(state, x, strip) + row * t.scalar_row
                t.vectors = (grad.data + (group * plan.blocks + block) * a.grad_panel
                             + piece * plan.piece * t.vector_step)
                t.out = total if fresh else temporary
                if plan.depthwise:
                    t.row_taps = a.taps + row
                    state.k.depthwise_runs[rows](&t)
                else:
                    state.k.tile[plan.width][rows](&t)
                if not fresh:
                    add_vectors(state.k, temporary, total, rows << plan.width, a.ones, size)
            fresh = False
            line += t.taps


cdef Py_ssize_t _tap_offset(const Geometry* g, const View* x, Py_ssize_t tap) noexcept nogil:
    """Bytes from the first tap to another one."""
    cdef Py_ssize_t w = tap % g.kernel[2], h = tap // g.kernel[2] % g.kernel[1]
    cdef Py_ssize_t d = tap // g.kernel[2] // g.kernel[1]
    return (d * g.dilation[0] * x.axis[0] + h * g.dilation[1] * x.axis[1]
            + w * g.dilation[2] * x.axis[2])


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
