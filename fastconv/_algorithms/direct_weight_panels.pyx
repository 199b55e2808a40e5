# Weight gradients as register tiles of filters x channels, one for each tap, summed over pixels.
# Lanes = input channels. Both operands are copied into *panels*, as many channels, or filters, of
# each pixel side by side as a tile has lanes, or rows: pixels then follow each other without gaps, a
# tap is a shift, and all taps read the same copy. Pixels are cut into chunks whose panels stay in the
# cache; a task keeps the sums of some panels near, chunk after chunk, and stores them once.

cimport numpy as cnp

from fastconv._algorithms._direct import supports as _supports, too_sparse
from fastconv._algorithms._direct cimport Direct, step_cycles, tile_count, visits_all
from fastconv._algorithms._packing cimport Pixels
from fastconv._algorithms._panels cimport (
    Panels, Step, Steps, copy_panels, panels_of, step_at, steps_of,
)
from fastconv._algorithms._weight_sums cimport add_vectors, fill_ones
from fastconv._core.arena cimport Scratch, acquire
from fastconv._core.geometry cimport FILLED, Geometry, View, view_of
from fastconv._core.team cimport share
from fastconv._kernels.table cimport FC_CHAIN, fc_tile

cnp.import_array()

name = "direct_weight_panels"
kinds = ("grad_weight",)
local = True

cdef enum:
    CHUNK_BYTES = 16 << 10   # of a panel of the input: it stays in the first-level cache
    SUM_BYTES = 48 << 10     # of a task
    TASKS_PER_THREAD = 8
    MAX_TILE_BYTES = 2048    # 14 rows x 2 vectors, 7 x 4, 3 x 8 of 64 bytes
    PAGE = 4096


cdef struct Layout:
    int width                          # log2 of vectors per tile row
    Panels x, grad
    Steps steps
    bint flat                          # every pixel meets its output: a band is one line
    Py_ssize_t line, lines             # pixels per line, lines per band
    Py_ssize_t piece, pieces, at_once  # a line in pieces; lines of a chunk
    double cost                        # cycles per image and group


# How many panels of each operand, and taps, a task sums up, and how many such parts there are.
cdef struct Parts:
    Py_ssize_t x, grad, taps
    Py_ssize_t x_parts, grad_parts, tap_parts
    Py_ssize_t count


def supports(problem):
    if 1 == problem.in_channels // problem.groups == problem.out_channels // problem.groups:
        return "has tiles of several filters and channels"
    elements = problem.in_channels
    for outputs, stride, extent in zip(problem.output, problem.stride, problem.extent):
        elements *= (outputs - 1) * stride + extent
    return _supports(problem) or too_sparse(problem, elements)


def estimate(problem, machine, prepacked):
    cdef PanelGradient state = PanelGradient(problem)
    cdef Layout* plan = &state.plan
    tiles = state.g.groups * plan.x.count * plan.grad.count * state.taps
    return machine.seconds(
        name,
        # Two vector FMAs a cycle.
        flops=problem.batch * state.g.groups * plan.cost * 4 * state.k.lanes,
        tiles=tiles * plan.steps.bands * tile_count(problem.batch * plan.lines * plan.pieces, plan.at_once),
        moved=problem.batch * plan.steps.bands * (plan.x.bytes + plan.grad.bytes) // state.size,
        weights=problem.out_channels * state.channels * state.taps,
    )


def workspace(problem, threads):
    cdef PanelGradient state = PanelGradient(problem)
    cdef Parts parts = _parts_of(state, threads)
    return _fixed_bytes(state) + threads * _sum_bytes(state, &parts)


def compile(problem):
    return PanelGradient(problem)


def prepare(state, weight, threads):
    return None


def run(PanelGradient state, packed, inputs, outputs, threads):
    x, grad_output = inputs
    (grad_weight,) = outputs
    cdef cnp.ndarray target = grad_weight
    cdef Work work
    cdef int workers = threads
    cdef Parts parts = _parts_of(state, threads)
    cdef Scratch scratch = acquire(_fixed_bytes(state) + threads * _sum_bytes(state, &parts))
    work.state = <void*> state
    work.parts = &parts
    work.from_x = state.input_view(x)
    work.from_grad = view_of(grad_output, state.last)
    work.target = target.data
    work.filter = target.strides[0]
    work.channel = target.strides[1]
    with nogil:
        _lay_out(state, &work, scratch.data, target.strides, target.ndim)
        _accumulate(state, &work, workers)


cdef class PanelGradient(Direct):
    """A problem with its layout of least predicted cost."""

    cdef Layout plan
    cdef Geometry outer     # the output's gradient, as images to be copied

    def __init__(self, problem):
        super().__init__(problem)
        cdef Layout plan
        cdef double least = -1, step
        cdef int width, i
        cdef Py_ssize_t last, rows, chunk
        self.outer = self.g
        self.outer.in_channels = self.g.out_channels
        self.outer.padding = FILLED
        self.outer.fill = 0
        for i in range(3):
            self.outer.input[i] = self.g.output[i]
            self.outer.kernel[i] = self.outer.stride[i] = self.outer.dilation[i] = 1
            self.outer.pad[i] = 0
        plan.flat = visits_all(&self.g)
        for width in range(2):
            plan.width = width
            # Panels of filters as equal as can be, of which the last may be smaller.
            rows = tile_count(self.filters, tile_count(self.filters, self.k.rows[width]))
            plan.steps.outputs = self.g.output
            self.see(&plan, rows)
            plan.steps = steps_of(&self.g, self.g.groups * (plan.x.bytes + plan.grad.bytes),
                                  self.g.groups * self.weight_bytes())
            self.see(&plan, rows)
            plan.line = plan.steps.outputs[2]
            plan.lines = plan.steps.outputs[0] * plan.steps.outputs[1]
            if plan.flat:
                plan.line *= plan.lines
                plan.lines = 1
            chunk = min(CHUNK_BYTES // plan.x.pixels.pixel, FC_CHAIN)
            plan.pieces = max(tile_count(plan.line, chunk), 1)
            plan.piece = tile_count(plan.line, plan.pieces)
            plan.at_once = max(chunk // max(plan.piece, 1), 1)
            last = self.filters - (plan.grad.count - 1) * plan.grad.wide
            step = ((plan.grad.count - 1) * self.cycles(&plan, plan.grad.wide)
                    + self.cycles(&plan, last))
            plan.cost = plan.x.count * self.taps * plan.steps.bands * plan.lines * plan.line * step
            if least < 0 or plan.cost < least:
                least = plan.cost
                self.plan = plan

    cdef void see(self, Layout* plan, Py_ssize_t rows) noexcept nogil:
        """The panels of a band."""
        plan.x = panels_of(&self.g, plan.steps.outputs, self.channels, self.k.lanes << plan.width, self.size)
        plan.grad = panels_of(&self.outer, plan.steps.outputs, self.filters, rows, self.size)

    cdef double cycles(self, const Layout* plan, Py_ssize_t rows) noexcept nogil:
        """Of a step of a tile."""
        return step_cycles(self.k, rows, 1 << plan.width, rows + (1 << plan.width), plan.piece)


cdef Parts _parts_of(PanelGradient state, int threads) noexcept nogil:
    """Large parts read their panels less often; small ones are enough for all threads."""
    cdef const Layout* plan = &state.plan
    cdef Py_ssize_t tile = plan.grad.wide * plan.x.wide * state.size
    cdef Py_ssize_t wanted = 1 if threads == 1 else threads * TASKS_PER_THREAD
    cdef Parts p
    p.x = p.grad = 1
    p.taps = min(state.taps, max(SUM_BYTES // tile, 1))
    p.tap_parts = tile_count(state.taps, p.taps)
    p.x_parts, p.grad_parts = plan.x.count, plan.grad.count
    while True:
        p.x_parts = tile_count(plan.x.count, p.x)
        p.grad_parts = tile_count(plan.grad.count, p.grad)
        p.count = state.g.groups * p.x_parts * p.grad_parts * p.tap_parts
        if 2 * p.x * p.grad * p.taps * tile > SUM_BYTES or p.count < 2 * wanted:
            return p
        # A panel of the input is read as long as some of the gradient's.
        if p.grad < 4 * p.x and p.grad < plan.grad.count or p.x >= plan.x.count:
            if p.grad >= plan.grad.count:
                return p
            p.grad *= 2
        else:
            p.x *= 2


cdef Py_ssize_t _pages(Py_ssize_t count) noexcept nogil:
    return (count + PAGE - 1) // PAGE * PAGE


cdef Py_ssize_t _table_bytes(PanelGradient state) noexcept nogil:
    """Offsets of lines in both operands, and of taps in the input and the result."""
    return _pages(2 * (state.plan.steps.images * state.plan.lines + state.taps) * <Py_ssize_t> sizeof(Py_ssize_t))


cdef Py_ssize_t _fixed_bytes(PanelGradient state) noexcept nogil:
    """Tables, ones, and the panels of some images with what vectors may read beyond them."""
    cdef Py_ssize_t images = state.plan.steps.images * state.g.groups
    return (_table_bytes(state) + PAGE + _pages(images * state.plan.x.bytes + MAX_TILE_BYTES)
            + _pages(images * state.plan.grad.bytes + MAX_TILE_BYTES))


cdef Py_ssize_t _sum_bytes(PanelGradient state, const Parts* p) noexcept nogil:
    """The sums of a task, [x panel][grad panel][tap][row][lane]."""
    return _pages(p.x * p.grad * p.taps * state.plan.grad.wide * state.plan.x.wide * state.size)


cdef struct Work:
    void* state              # a PanelGradient
    const Parts* parts
    View from_x, from_grad   # the arrays
    char* target
    Py_ssize_t filter, channel
    const Py_ssize_t* to_taps    # where taps lie in the result,
    Py_ssize_t tap_step          # and what leads from one to the next if all are as far apart
    char* x                  # panels
    char* grad
    Step step
    bint fresh               # whether it is the first one
    const Py_ssize_t* x_lines
    const Py_ssize_t* grad_lines
    const Py_ssize_t* x_taps
    const char* ones
    char* sums               # of all threads


cdef void _lay_out(PanelGradient state, Work* w, char* scratch, const cnp.npy_intp* strides,
                   int ndim) noexcept nogil:
    """Where everything lies in `scratch`, and the tables."""
    cdef const Geometry* g = &state.g
    cdef const Layout* plan = &state.plan
    cdef const Pixels* x = &plan.x.pixels
    cdef Py_ssize_t images = plan.steps.images * g.groups, size = state.size
    cdef Py_ssize_t* x_lines = <Py_ssize_t*> scratch
    cdef Py_ssize_t* grad_lines = x_lines + plan.steps.images * plan.lines
    cdef Py_ssize_t* x_taps = grad_lines + plan.steps.images * plan.lines
    cdef Py_ssize_t* to_taps = x_taps + state.taps
    cdef Py_ssize_t n, i, d, h, v
    cdef Py_ssize_t[3] step
    for n in range(plan.steps.images):
        for i in range(plan.lines):
            d = 0 if plan.flat else i // plan.steps.outputs[1]
            h = 0 if plan.flat else i % plan.steps.outputs[1]
            x_lines[n * plan.lines + i] = (n * plan.x.image + d * g.stride[0] * x.slice
                                           + h * g.stride[1] * x.row)
            grad_lines[n * plan.lines + i] = (n * plan.grad.image + d * plan.grad.pixels.slice
                                              + h * plan.grad.pixels.row)
    for i in range(3):
        step[i] = 0 if i < 5 - ndim else strides[i + ndim - 3]
    i = 0
    for d in range(g.kernel[0]):
        for h in range(g.kernel[1]):
            for v in range(g.kernel[2]):
                x_taps[i] = (d * g.dilation[0] * x.slice + h * g.dilation[1] * x.row
                             + v * g.dilation[2] * x.pixel)
                to_taps[i] = d * step[0] + h * step[1] + v * step[2]
                i += 1
    w.tap_step = to_taps[1] if state.taps > 1 else size
    for i in range(state.taps):
        if to_taps[i] != i * w.tap_step:
            w.tap_step = 0
    w.x_lines, w.grad_lines, w.x_taps, w.to_taps = x_lines, grad_lines, x_taps, to_taps
    scratch += _table_bytes(state)
    fill_ones(scratch, PAGE, size)
    w.ones = scratch
    w.x = scratch + PAGE
    w.grad = w.x + _pages(images * plan.x.bytes + MAX_TILE_BYTES)
    w.sums = w.grad + _pages(images * plan.grad.bytes + MAX_TILE_BYTES)


cdef int _accumulate(PanelGradient state, Work* w, int threads) except -1 nogil:
    """Step by step the panels, then all sums over them."""
    cdef const Layout* plan = &state.plan
    cdef Py_ssize_t i
    for i in range(plan.steps.count):
        w.step = step_at(&state.g, &plan.steps, i)
        w.fresh = i == 0
        copy_panels(&state.g, &plan.x, &w.from_x, &w.step, w.x, plan.steps.images, state.size, state.k,
                    threads)
        copy_panels(&state.outer, &plan.grad, &w.from_grad, &w.step, w.grad, plan.steps.images, state.size,
                    state.k, threads)
        share(_sum_task, w, w.parts.count, threads)


cdef void _sum_task(const void* work, Py_ssize_t task, int thread) noexcept nogil:
    cdef const Work* w = <const Work*> work
    _sum(<PanelGradient> w.state, w, task, w.sums + thread * _sum_bytes(<PanelGradient> w.state, w.parts))


cdef void _sum(PanelGradient state, const Work* w, Py_ssize_t task, char* sums) noexcept nogil:
    """The sums of some panels and taps over all pixels, and their way into the result."""
    cdef const Layout* plan = &state.plan
    cdef const Parts* p = w.parts
    cdef Py_ssize_t tap = task % p.tap_parts * p.taps, taps = min(p.taps, state.taps - tap)
    cdef Py_ssize_t grad = task // p.tap_parts % p.grad_parts * p.grad
    cdef Py_ssize_t x = task // p.tap_parts // p.grad_parts % p.x_parts * p.x
    cdef Py_ssize_t group = task // p.tap_parts // p.grad_parts // p.x_parts
    cdef Py_ssize_t x_count = min(p.x, plan.x.count - x), grad_count = min(p.grad, plan.grad.count - grad)
    cdef Py_ssize_t lines = w.step.images * plan.lines, length = plan.line, line, piece
    cdef Py_ssize_t row_bytes = plan.x.wide * state.size, sum_bytes = plan.grad.wide * row_bytes
    cdef Py_ssize_t i, j, k, rows, channels
    cdef char* sum
    cdef char temporary[MAX_TILE_BYTES]
    cdef bint fresh = True
    # Sums that are whole at once go where they belong.
    cdef bint direct = (state.taps == 1 and w.channel == state.size and plan.steps.count == 1
                        and plan.pieces == 1 and lines <= plan.at_once)
    cdef fc_tile t
    if plan.steps.bands > 1:
        if plan.flat or plan.steps.axis == 2:
            length = length // plan.steps.outputs[plan.steps.axis] * w.step.outputs
        else:
            lines = lines // plan.steps.outputs[plan.steps.axis] * w.step.outputs
    t.scalar_step = plan.grad.pixels.pixel
    t.vector_step = state.g.stride[2] * plan.x.pixels.pixel
    t.scalar_row = state.size
    t.out_row = w.filter if direct else row_bytes
    t.lanes = plan.x.wide
    t.row_bias = NULL
    t.lane_bias = NULL
    t.relu = False
    t.start = NULL
    t.chain = FC_CHAIN
    for piece in range(plan.pieces):
        t.run = min(plan.piece, length - piece * plan.piece)
        if t.run <= 0:
            break
        line = 0
        while line < lines:
            t.taps = min(plan.at_once, lines - line)
            t.scalar_taps = w.grad_lines + line
            t.vector_taps = w.x_lines + line
            sum = sums
            for i in range(x, x + x_count):
                if direct:
                    t.lanes = min(plan.x.wide, plan.x.channels - i * plan.x.wide)
                for j in range(grad, grad + grad_count):
                    rows = min(plan.grad.wide, plan.grad.channels - j * plan.grad.wide)
                    t.scalars = (w.grad + (group * plan.grad.count + j) * plan.steps.images * plan.grad.image
                                 + piece * plan.piece * t.scalar_step)
                    for k in range(tap, tap + taps):
                        t.vectors = (w.x + (group * plan.x.count + i) * plan.steps.images * plan.x.image
                                     + w.x_taps[k] + piece * plan.piece * t.vector_step)
                        t.out = sum if fresh else temporary
                        if direct:
                            t.out = _place(state, w, group, i, j)
                        state.k.tile[plan.width][rows](&t)
                        if not fresh:
                            add_vectors(state.k, temporary, sum, rows << plan.width, w.ones, state.size)
                        sum += sum_bytes
            fresh = False
            line += t.taps
    if direct:
        return
    sum = sums
    for i in range(x, x + x_count):
        for j in range(grad, grad + grad_count):
            rows = min(plan.grad.wide, plan.grad.channels - j * plan.grad.wide)
            channels = min(plan.x.wide, plan.x.channels - i * plan.x.wide)
            _store(state, w, sum, sum_bytes, tap, taps, rows, channels, _place(state, w, group, i, j))
            sum += taps * sum_bytes


cdef char* _place(PanelGradient state, const Work* w, Py_ssize_t group, Py_ssize_t x,
                  Py_ssize_t grad) noexcept nogil:
    """Where the weights of the first filter and channel of two panels lie."""
    return (w.target + (group * state.filters + grad * state.plan.grad.wide) * w.filter
            + x * state.plan.x.wide * w.channel)


cdef void _store(PanelGradient state, const Work* w, const char* sums, Py_ssize_t sum_bytes,
                 Py_ssize_t tap, Py_ssize_t taps, Py_ssize_t rows, Py_ssize_t channels,
                 char* to) noexcept nogil:
    """Sums [tap][row][lane] to where the weights of the first filter and channel lie."""
    cdef Py_ssize_t size = state.size, row, channel, i
    cdef char* target
    cdef const char* source
    for row in range(rows):
        target = to + row * w.filter
        source = sums + row * state.plan.x.wide * size
        if state.taps == 1 and w.channel == size and channels % state.k.lanes == 0:
            if not w.fresh:
                add_vectors(state.k, source, target, channels // state.k.lanes, w.ones, size)
            else:
                state.k.copy(source, 0, target, 0, 1, channels, 1)
            continue
        if w.fresh and w.tap_step == size:
            state.k.transpose(source, sum_bytes, target + tap * size, w.channel, taps, channels, 1)
            continue
        for channel in range(channels):
            for i in range(taps):
                _put(target + channel * w.channel + w.to_taps[tap + i],
                     source + i * sum_bytes + channel * size, size, not w.fresh)


cdef inline void _put(char* to, const char* value, Py_ssize_t size, bint add) noexcept nogil:
    if size == 8:
        (<double*> to)[0] = (<const double*> value)[0] + ((<double*> to)[0] if add else 0)
    else:
        (<float*> to)[0] = (<const float*> value)[0] + ((<float*> to)[0] if add else 0)
