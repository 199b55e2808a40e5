# Direct convolution, lanes = terms of one sum: a tile is some output pixels x some filters, each a
# row of what is multiplied, and every output a product of two rows. Filters are read as they lie in
# memory: nothing is packed but the windows of the pixels, and these are few where this room is best,
# with more weights than pixels, which would take longer to pack than to multiply.

import numpy as np

cimport numpy as cnp
from libc.string cimport memcpy, memset

from fastconv._algorithms._direct import SPARSE_ELEMENTS, supports as _supports
from fastconv._algorithms._boxes cimport Box
from fastconv._algorithms._direct cimport Direct, tile_count
from fastconv._algorithms._packing cimport (
    Pixels, copy_elements, fill, needs_padding, pack_pixels, pixels_of, unpack_pixels,
)
from fastconv._core.arena cimport Scratch, acquire
from fastconv._core.arrays import contiguous
from fastconv._core.geometry cimport FILLED, Geometry, View, shown, view_of
from fastconv._core.team cimport share
from fastconv._kernels.table cimport FC_CHAIN, FC_DOT_FILTERS, fc_dots, fc_kernels

cnp.import_array()

name = "direct_dots"
kinds = ("conv",)
local = True
in_order = True

cdef enum:
    # Bytes of each row at a time: those of a tile's filters stay in the nearest cache.
    SPAN = 4096
    # Pixels at a time, whose windows all filters of a task run over.
    MOST_PIXELS = 128
    # Filters whose outputs are stored together: a cache line of them, where they are neighbours.
    FILTERS = 16
    TASKS_PER_THREAD = 4


# How one problem runs. What follows `size` depends on the arrays and the threads of a call.
cdef struct Layout:
    Geometry g
    Py_ssize_t image         # outputs of an image
    Py_ssize_t pixels        # of all images
    Py_ssize_t channels, taps
    Py_ssize_t quads         # of filters, in a group
    Py_ssize_t row           # bytes of a filter, and of a window
    Py_ssize_t span          # bytes of rows at a time
    bint relu
    Py_ssize_t size          # bytes per element
    bint in_place            # windows are read where they lie
    bint pixelwise           # one tap: images are packed pixel after pixel
    Pixels packed
    Py_ssize_t window        # bytes from packed window to window
    Py_ssize_t group         # bytes from group to group of them
    Py_ssize_t block, blocks  # pixels at a time
    Py_ssize_t share, shares  # quads of a task


# Everything a task reads.
cdef struct Operands:
    const Layout* plan
    const fc_kernels* k
    View x
    View y
    const char* weights      # (filters, terms)
    const char* bias
    char* windows


def supports(problem):
    cdef Dotted state
    reason = _supports(problem)
    if reason is None:
        state = Dotted(problem)
        if state.plan.pixels * state.plan.g.groups * state.plan.row > SPARSE_ELEMENTS * state.size:
            reason = f"would write out the windows of {state.plan.pixels} outputs"
    return reason


def estimate(problem, machine, prepacked):
    cdef Dotted state = Dotted(problem)
    cdef Layout plan = state.usual(machine.threads)
    quads = problem.groups * plan.quads
    tiles = quads * plan.blocks * tile_count(min(plan.block, plan.pixels), state.k.dot_pixels)
    spans = tile_count(plan.row, plan.span)
    vector = state.k.lanes * state.size
    packed = 0 if plan.in_place else plan.pixels * problem.groups * plan.row // plan.size
    return machine.seconds(
        name,
        flops=2 * tiles * state.k.dot_pixels * FC_DOT_FILTERS * tile_count(plan.row, vector) * state.k.lanes,
        tiles=tiles * spans,
        moved=packed if plan.pixelwise else 0,
        scattered=0 if plan.pixelwise else packed,
        # Rows of taps that are gathered.
        rows=0 if plan.pixelwise or plan.in_place
        else plan.pixels * problem.groups * plan.g.kernel[0] * plan.g.kernel[1],
        outputs=plan.pixels * problem.out_channels,
        regions=machine.threads * (1 + (not plan.in_place)) if machine.threads > 1 else 0,
        # Groups and blocks of pixels, each a task by itself.
        boxes=problem.groups * plan.blocks,
        # What comes from memory or a distant cache.
        weights=plan.blocks * problem.out_channels * plan.row // plan.size,
    )


def workspace(problem, threads):
    cdef Dotted state = Dotted(problem)
    cdef Layout plan = state.usual(threads)
    return _scratch_bytes(&plan)


def compile(problem):
    return Dotted(problem)


def prepare(Dotted state, weight, threads):
    """Weights as they are: (filters, terms)."""
    return contiguous(weight, state.dtype)


def run(Dotted state, cnp.ndarray packed, inputs, outputs, threads):
    x, bias = inputs
    (y,) = outputs
    if bias is not None:
        bias = contiguous(bias, state.dtype)
    cdef int workers = threads
    cdef Layout plan = state.plan
    cdef Operands o
    o.x = state.input_view(x)
    o.y = view_of(y, state.last)
    o.weights = <const char*> cnp.PyArray_DATA(packed)
    o.bias = state.bias(bias)
    state.lay_out(&plan, &o.x, workers)
    cdef Scratch scratch = acquire(_scratch_bytes(&plan))
    o.windows = scratch.data
    with nogil:
        _run(&plan, state.k, &o, workers)


cdef class Dotted(Direct):
    """A problem as products of rows."""

    cdef Layout plan

    def __init__(self, problem):
        super().__init__(problem)
        cdef Layout* plan = &self.plan
        plan.g = self.g
        plan.image = self.g.output[0] * self.g.output[1] * self.g.output[2]
        plan.pixels = self.g.batch * plan.image
        plan.channels = self.channels
        plan.taps = self.taps
        plan.quads = tile_count(self.filters, FC_DOT_FILTERS)
        plan.row = self.channels * self.taps * self.size
        # Lanes add up no longer chains than others.
        plan.span = min(SPAN, FC_CHAIN * self.k.lanes * self.size)
        plan.relu = self.relu
        plan.size = self.size

    cdef Layout usual(self, int threads) noexcept nogil:
        """The layout for contiguous arrays."""
        cdef Layout plan = self.plan
        cdef View x = self.usual_input()
        self.lay_out(&plan, &x, threads)
        return plan

    cdef void lay_out(self, Layout* plan, const View* x, int threads) noexcept nogil:
        """How windows of this input are read, and how the work is shared out."""
        cdef Geometry* g = &plan.g
        cdef Py_ssize_t wanted = 1 if threads == 1 else threads * TASKS_PER_THREAD, tasks
        plan.pixelwise = plan.taps == 1
        plan.in_place = not needs_padding(g) and (
            plan.pixelwise and (x.channel == plan.size or plan.channels == 1) or self.is_whole(x))
        if x.axis[2] * g.stride[2] % 2048 == 0 and plan.pixels > 1 and plan.quads > 1:
            plan.in_place = False  # windows that are read again would fall into the same cache sets
        if plan.pixelwise:
            plan.packed = pixels_of(g, g.output, plan.channels, False, plan.size)
            plan.group = plan.packed.bytes * g.batch
        else:
            # An odd number of cache lines, so that windows fall into different cache sets.
            plan.window = ((plan.row + 63) // 64 | 1) * 64
            plan.group = plan.window * plan.pixels
        plan.blocks = tile_count(plan.pixels, MOST_PIXELS)
        plan.block = tile_count(plan.pixels, plan.blocks)
        tasks = g.groups * plan.blocks
        plan.shares = min(plan.quads, tile_count(wanted, tasks)) if tasks < wanted else 1
        plan.share = tile_count(plan.quads, plan.shares)
        plan.shares = tile_count(plan.quads, plan.share)

    cdef bint is_whole(self, const View* x) noexcept nogil:
        """Whether the only window is the whole image, which lies in memory as a filter does."""
        cdef Py_ssize_t step = self.size
        cdef int i
        for i in range(2, -1, -1):
            if self.g.kernel[i] > 1 and (x.axis[i] != step or self.g.dilation[i] > 1):
                return False
            if self.g.output[i] > 1:
                return False
            step *= self.g.kernel[i]
        return self.channels == 1 or x.channel == step


cdef Py_ssize_t _scratch_bytes(const Layout* plan) noexcept nogil:
    return 0 if plan.in_place else plan.g.groups * plan.group


cdef int _run(const Layout* plan, const fc_kernels* k, Operands* o, int threads) except -1 nogil:
    cdef Py_ssize_t units = plan.g.batch * plan.packed.rows if plan.pixelwise else plan.pixels
    o.plan = plan
    o.k = k
    if not plan.in_place:
        share(_pack, o, plan.g.groups * units, threads)
    share(_task, o, plan.g.groups * plan.blocks * plan.shares, threads)


cdef Box _image(const Layout* plan, Py_ssize_t image) noexcept nogil:
    """All outputs of an image as a box."""
    cdef Box box
    box.image = image
    box.group = 0
    box.origin = [0, 0, 0]
    box.output = [plan.g.output[0], plan.g.output[1], plan.g.output[2]]
    return box


cdef void _pack(const void* work, Py_ssize_t unit, int thread) noexcept nogil:
    """A row of pixels, or a window, of one group."""
    cdef const Operands* o = <const Operands*> work
    cdef const Layout* plan = o.plan
    cdef const fc_kernels* k = o.k
    cdef View x = o.x
    cdef Py_ssize_t units = plan.g.batch * plan.packed.rows if plan.pixelwise else plan.pixels
    cdef Py_ssize_t group = unit // units, row, image
    cdef char* to = o.windows + group * plan.group
    cdef Box box
    unit %= units
    x.data += group * plan.channels * x.channel
    if plan.pixelwise:
        image = unit // plan.packed.rows
        row = unit % plan.packed.rows
        box = _image(plan, image)
        x.data += image * x.batch
        pack_pixels(&plan.g, &plan.packed, &x, &box, to + image * plan.packed.bytes, row, row + 1, plan.size, k)
    else:
        _gather(plan, k, &x, unit, to + unit * plan.window)


cdef void _gather(const Layout* plan, const fc_kernels* k, const View* x, Py_ssize_t pixel,
                  char* to) noexcept nogil:
    """The window of an output, in the order of a filter: channel, then tap."""
    cdef const Geometry* g = &plan.g
    cdef Py_ssize_t origin[3]
    cdef Py_ssize_t rest = pixel % plan.image, size = plan.size, step = g.dilation[2] * x.axis[2]
    cdef Py_ssize_t a, b, d, h, first, last, c
    cdef const char* from_
    cdef char* target
    cdef int i
    for i in range(2, -1, -1):
        origin[i] = rest % g.output[i] * g.stride[i] - g.pad[i]
        rest //= g.output[i]
    # Taps [first, last) of a kernel row lie inside.
    first = tile_count(max(-origin[2], 0), g.dilation[2])
    last = min(tile_count(max(g.input[2] - origin[2], 0), g.dilation[2]), g.kernel[2])
    for i in range(3):
        if origin[i] < 0 or origin[i] + (g.kernel[i] - 1) * g.dilation[i] >= g.input[i]:
            if g.padding != FILLED:
                _gather_mapped(plan, x.data + pixel // plan.image * x.batch, x, origin, to)
                return
            fill(to, plan.row // size, size, g.fill)
            break
    for a in range(g.kernel[0]):
        d = origin[0] + a * g.dilation[0]
        for b in range(g.kernel[1]):
            h = origin[1] + b * g.dilation[1]
            if first >= last or not (0 <= d < g.input[0] and 0 <= h < g.input[1]):
                continue
            from_ = (x.data + pixel // plan.image * x.batch + d * x.axis[0] + h * x.axis[1]
                     + (origin[2] + first * g.dilation[2]) * x.axis[2])
            target = to + ((a * g.kernel[1] + b) * g.kernel[2] + first) * size
            if x.channel == size:
                k.transpose(from_, step, target, plan.taps * size, last - first, plan.channels, 1)
            elif step % size == 0 and step > 0:
                k.copy(from_, x.channel, target, plan.taps * size, plan.channels, last - first, step // size)
            else:
                for c in range(plan.channels):
                    copy_elements(from_ + c * x.channel, step, target + c * plan.taps * size, size,
                                  last - first, size)


cdef void _gather_mapped(const Layout* plan, const char* image, const View* x, const Py_ssize_t* origin,
                         char* to) noexcept nogil:
    """A window that reaches into padding which shows elements of the image, whose start is given."""
    cdef const Geometry* g = &plan.g
    cdef Py_ssize_t a, b, c, d, h
    for a in range(g.kernel[0]):
        d = shown(g, 0, origin[0] + a * g.dilation[0]) * x.axis[0]
        for b in range(g.kernel[1]):
            h = shown(g, 1, origin[1] + b * g.dilation[1]) * x.axis[1]
            for c in range(g.kernel[2]):
                copy_elements(image + d + h + shown(g, 2, origin[2] + c * g.dilation[2]) * x.axis[2],
                              x.channel, to, plan.taps * plan.size, plan.channels, plan.size)
                to += plan.size


cdef void _task(const void* work, Py_ssize_t task, int thread) noexcept nogil:
    """Some pixels by some quads of filters of one group."""
    cdef const Operands* o = <const Operands*> work
    cdef const Layout* plan = o.plan
    cdef const fc_kernels* k = o.k
    cdef Py_ssize_t share = task % plan.shares, group = task // plan.shares // plan.blocks
    cdef Py_ssize_t first = task // plan.shares % plan.blocks * plan.block
    cdef Py_ssize_t count = min(plan.block, plan.pixels - first)
    cdef Py_ssize_t filters = plan.g.out_channels // plan.g.groups, size = plan.size
    cdef Py_ssize_t filter = share * plan.share * FC_DOT_FILTERS
    cdef Py_ssize_t end = min(filter + plan.share * FC_DOT_FILTERS, filters), here, quad
    cdef const char* pixels[MOST_PIXELS]
    cdef double sums[MOST_PIXELS * FILTERS]  # or floats
    cdef fc_dots t
    cdef int f
    if count <= 0:
        return
    _see(plan, o, group, first, count, pixels)
    t.sums_row = FILTERS * size
    while filter < end:
        here = min(end - filter, FILTERS)
        _begin(plan, o, group * filters + filter, here, count, <char*> sums)
        for quad in range(tile_count(here, FC_DOT_FILTERS)):
            for f in range(FC_DOT_FILTERS):
                # The last quad repeats its last filter.
                t.filters[f] = o.weights + (group * filters + min(
                    filter + quad * FC_DOT_FILTERS + f, filters - 1)) * plan.row
            t.sums = <char*> sums + quad * FC_DOT_FILTERS * size
            _multiply(plan, k, &t, pixels, count)
        _finish(plan, k, o, group * filters + filter, here, first, count, <char*> sums)
        filter += FILTERS


cdef void _see(const Layout* plan, const Operands* o, Py_ssize_t group, Py_ssize_t first, Py_ssize_t count,
               const char** pixels) noexcept nogil:
    """Where the windows of some pixels lie."""
    cdef const Geometry* g = &plan.g
    cdef Py_ssize_t i, d, h, w, image
    for i in range(count):
        image = (first + i) // plan.image
        w = (first + i) % plan.image
        d = w // (g.output[1] * g.output[2])
        h = w // g.output[2] % g.output[1]
        w %= g.output[2]
        d *= g.stride[0]
        h *= g.stride[1]
        w *= g.stride[2]
        if plan.in_place:
            # Packed pixels begin where the first window does; the image may begin before it.
            pixels[i] = (o.x.data + image * o.x.batch + group * plan.channels * o.x.channel
                         + (d - g.pad[0]) * o.x.axis[0] + (h - g.pad[1]) * o.x.axis[1]
                         + (w - g.pad[2]) * o.x.axis[2])
        elif plan.pixelwise:
            pixels[i] = (o.windows + group * plan.group + image * plan.packed.bytes + d * plan.packed.slice
                         + h * plan.packed.row + w * plan.packed.pixel)
        else:
            pixels[i] = o.windows + group * plan.group + (first + i) * plan.window


cdef void _multiply(const Layout* plan, const fc_kernels* k, fc_dots* t, const char** pixels,
                    Py_ssize_t count) noexcept nogil:
    """Add products to the sums of a quad, by tiles of about equal size."""
    cdef char* sums = t.sums
    cdef Py_ssize_t tiles = tile_count(count, k.dot_pixels), tile, at, next
    t.first = 0
    while t.first < plan.row:
        t.last = min(t.first + plan.span, plan.row)
        at = 0
        for tile in range(tiles):
            next = (tile + 1) * count // tiles
            t.pixels = pixels + at
            t.sums = sums + at * t.sums_row
            k.dots[next - at](t)
            at = next
        t.first = t.last
    t.sums = sums


cdef void _begin(const Layout* plan, const Operands* o, Py_ssize_t filter, Py_ssize_t filters,
                 Py_ssize_t count, char* sums) noexcept nogil:
    """Sums begin with the bias."""
    cdef Py_ssize_t i, row = FILTERS * plan.size
    memset(sums, 0, count * row)
    if o.bias != NULL:
        for i in range(count):
            memcpy(sums + i * row, o.bias + filter * plan.size, filters * plan.size)


cdef void _finish(const Layout* plan, const fc_kernels* k, const Operands* o, Py_ssize_t filter,
                  Py_ssize_t filters, Py_ssize_t first, Py_ssize_t count, char* sums) noexcept nogil:
    """Bring the sums of some filters to the outputs of some pixels."""
    cdef const Geometry* g = &plan.g
    cdef Py_ssize_t row = FILTERS * plan.size, image, pixel, here
    cdef char* to
    if plan.relu and plan.size == 4:
        _relu(<float*> sums, count * FILTERS)
    elif plan.relu:
        _relu(<double*> sums, count * FILTERS)
    while count > 0:
        image = first // plan.image
        pixel = first % plan.image
        here = min(plan.image - pixel, count)
        to = o.y.data + image * o.y.batch + filter * o.y.channel
        unpack_pixels(&o.y, g.output, sums, row, pixel, here, filters, to, plan.size, k)
        sums += here * row
        first += here
        count -= here


ctypedef fused real:
    float
    double


cdef void _relu(real* values, Py_ssize_t count) noexcept nogil:
    """Negative numbers to zero; NaN stays."""
    cdef Py_ssize_t i
    for i in range(count):
        values[i] = 0 if values[i] < 0 else values[i]
