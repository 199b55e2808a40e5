# Convolution as a product of spectra, with overlap-save, in blocks that stay near: the padded input is
# cut into overlapping blocks of a power of two points, and as many of them as a vector has lanes are
# transformed side by side, so that nothing is shuffled. Every transform takes two real blocks as one
# complex one: the kernel is real, and keeps them apart. Products are added up over channels before
# they are transformed back. A transform spreads the rounding of its largest input over its block:
# where a part of a block is so quiet that this would show, the planner repeats the call elsewhere.
#
# Overlap-save: Rabiner and Gold, Theory and Application of Digital Signal Processing, 1975, ch. 2.

from functools import lru_cache
from itertools import product
from math import prod

import numpy as np

cimport numpy as cnp
from libc.string cimport memset

from fastconv._algorithms._direct import supports as _supports
from fastconv._algorithms._direct cimport Direct, tile_count
from fastconv._algorithms._packing cimport copy_elements, fill, pack_row
from fastconv._algorithms._quiet import quiet_bytes, quiet_parts
from fastconv._core.arena cimport Scratch, acquire
from fastconv._core.arrays import contiguous
from fastconv._core.geometry cimport Geometry, View, canonical, shown, view_of
from fastconv._core.team cimport share
from fastconv._kernels.table cimport fc_kernels, fc_spectra

cnp.import_array()

name = "fft_blocks"
kinds = ("conv",)
local = False

_LONGEST = 1 << 16   # points of a block, along all axes together
_NEAR_BYTES = 1 << 19  # of a transform
_MOST_BYTES = 16 << 20  # of the spectra of a task

cdef enum:
    TOGETHER = 4  # filters that are multiplied at a time


# How one problem runs for some threads.
cdef struct Layout:
    Geometry g
    Py_ssize_t size, lanes
    Py_ssize_t channels, filters  # of a group
    Py_ssize_t extent[3]       # of the kernel, with its holes
    Py_ssize_t block[3]        # points
    Py_ssize_t outputs[3]      # of a block
    Py_ssize_t step[3]         # from block to block
    Py_ssize_t count[3]        # blocks of an image
    Py_ssize_t pitch           # points from row to row
    Py_ssize_t points          # of a block, those between rows included
    Py_ssize_t longest         # of the block's sides
    Py_ssize_t blocks, batches # in all images of a group, and as many as lanes hold
    bint relu


cdef struct Operands:
    const Layout* plan
    const fc_kernels* k
    View x
    View y
    const char* spectra        # of the kernels: [group][filter][channel][part][point]
    const char* bias
    const char* cosines
    const char* sines
    char* scratch              # of all threads


def supports(problem):
    reason = _supports(problem)
    if reason is None and problem.precision == "exact":
        reason = "a transform rounds, and this sum must be exact"
    if reason is None and _chosen(problem, 1, Direct(problem).vector_lanes()) is None:
        reason = f"is for kernels that fit blocks of {_LONGEST} points"
    return reason


def estimate(problem, machine, prepacked):
    lanes = Direct(problem).vector_lanes()
    sizes = _chosen(problem, machine.threads, lanes)
    channels, filters = problem.in_channels // problem.groups, problem.out_channels // problem.groups
    batches = problem.groups * _batches(problem, sizes, lanes)
    points = prod(sizes) * lanes
    rounds = -(-batches // machine.threads) * machine.threads
    stages = sum(n.bit_length() - 1 for n in sizes)
    kernels = 0 if prepacked else problem.groups * -(-filters * channels // lanes)
    near = 2 * points * np.dtype(problem.dtype).itemsize <= _NEAR_BYTES
    return machine.seconds(
        name,
        flops=(rounds * (channels + filters) + kernels) * points * stages,
        # Along one axis all passes but the first are near nevertheless.
        far=0 if near else rounds * (channels + filters) * points * (1 if max(sizes) == prod(sizes) else 4),
        products=rounds * channels * filters * points,
        moved=rounds * (channels + filters) * points,
        elements=problem.batch * problem.in_channels * prod(problem.input),
    )


def workspace(problem, threads):
    cdef Blocks state = Blocks(problem)
    cdef Layout plan = state.lay_out(threads)
    return quiet_bytes(problem) + threads * _thread_bytes(&plan)


def compile(problem):
    return Blocks(problem)


def prepare(Blocks state, weight, threads):
    """Conjugate spectra of the kernels, divided by the number of points, for so many threads."""
    cdef Layout plan = state.lay_out(threads)
    weight = contiguous(weight, state.dtype)
    cdef Py_ssize_t kernels = weight.shape[0] * weight.shape[1], vector = plan.lanes * plan.size
    cdef cnp.ndarray taps = weight
    spectra = np.empty((kernels, 2, plan.points), state.dtype)
    cdef cnp.ndarray target = spectra
    cdef Scratch scratch = acquire(2 * plan.points * vector)
    cdef Operands o
    o.plan = &plan
    o.k = state.k
    roots = _see_roots(state, &plan, &o)
    cdef char* re = scratch.data
    cdef Py_ssize_t first
    for first in range(0, kernels, plan.lanes):
        with nogil:
            _transform_kernels(&plan, &o, <const char*> cnp.PyArray_DATA(taps), first,
                               min(plan.lanes, kernels - first), re, <char*> cnp.PyArray_DATA(target))
    return spectra, tuple(plan.block[i] for i in range(3))


def run(Blocks state, packed, inputs, outputs, threads):
    x, bias = inputs
    (y,) = outputs
    cdef int workers = threads
    cdef Layout plan = state.lay_out(workers)
    spectra, sizes = packed
    if sizes != tuple(plan.block[i] for i in range(3)):
        plan = state.with_blocks(sizes)
    if quiet_parts(state.problem, x, sizes, [plan.step[i] for i in range(3)], threads):
        return False
    if bias is not None:
        bias = contiguous(bias, state.dtype)
    cdef Scratch scratch = acquire(workers * _thread_bytes(&plan))
    cdef Operands o
    o.plan = &plan
    o.k = state.k
    o.x = view_of(x, state.last)
    o.y = view_of(y, state.last)
    o.spectra = <const char*> cnp.PyArray_DATA(spectra)
    o.bias = state.bias(bias)
    roots = _see_roots(state, &plan, &o)
    o.scratch = scratch.data
    with nogil:
        share(_task, &o, plan.g.groups * plan.batches, workers)
    return None


@lru_cache(maxsize=4096)
def _chosen(problem, threads, lanes):
    """The sides of blocks that cost least, three of them; None if no block is large enough."""
    p = problem
    item = np.dtype(p.dtype).itemsize
    channels, filters = p.in_channels // p.groups, p.out_channels // p.groups
    sides = []
    for extent, stride, out in zip(p.extent, p.stride, p.output):
        dense = (out - 1) * stride + extent
        least = 1 << (extent - 1).bit_length()
        whole = max(1 << (dense - 1).bit_length(), least)
        one = extent == 1 and out > 1
        sides.append([1] if one else [n for n in (1 << i for i in range(17)) if least <= n <= whole])
    best = None
    for sizes in product(*sides):
        points = prod(sizes)
        spectra = (channels + min(filters, TOGETHER)) * 2 * points * lanes * item
        if points > _LONGEST or spectra > _MOST_BYTES:
            continue
        rounds = -(-p.groups * _batches(p, sizes, lanes) // threads)
        stages = sum(n.bit_length() - 1 for n in sizes)
        far = 1 if 2 * points * lanes * item <= _NEAR_BYTES else 1.2 if max(sizes) == points else 2
        cost = rounds * points * ((channels + filters) * (stages * far + 3) + channels * filters)
        if best is None or cost < best[0]:
            best = cost, sizes
    return None if best is None else best[1]


def _steps(problem, sizes):
    """From block to block, per axis."""
    return [((n - e) // s + 1) * s for n, e, s in zip(sizes, problem.extent, problem.stride)]


def _batches(problem, sizes, lanes):
    """How often two blocks in every lane are transformed, per group."""
    p = problem
    counts = (-(-o * s // step) for o, s, step in zip(p.output, p.stride, _steps(p, sizes)))
    return -(-p.batch * prod(counts) // (2 * lanes))


cdef class Blocks(Direct):
    """A problem cut into blocks."""

    cdef object problem

    def __init__(self, problem):
        super().__init__(problem)
        self.problem = problem
        self.g = canonical(problem)

    cdef Layout lay_out(self, int threads) except *:
        """Blocks for this many threads."""
        sizes = _chosen(self.problem, threads, self.k.lanes)
        return self.with_blocks((1,) * (3 - len(sizes)) + sizes)

    cdef Layout with_blocks(self, sizes) except *:
        cdef Layout plan
        cdef const Geometry* g = &self.g
        cdef int i
        plan.g = self.g
        plan.size = self.size
        plan.lanes = self.k.lanes
        plan.channels = self.channels
        plan.filters = self.filters
        plan.relu = self.relu
        plan.longest = 1
        plan.blocks = g.batch
        for i in range(3):
            plan.extent[i] = (g.kernel[i] - 1) * g.dilation[i] + 1
            plan.block[i] = sizes[i]
            plan.outputs[i] = (plan.block[i] - plan.extent[i]) // g.stride[i] + 1
            plan.step[i] = plan.outputs[i] * g.stride[i]
            plan.count[i] = tile_count(g.output[i], plan.outputs[i])
            plan.blocks *= plan.count[i]
            plan.longest = max(plan.longest, plan.block[i])
        # Rows an odd number of vectors apart, so that columns fall into different cache sets.
        plan.pitch = plan.block[2] + (1 if plan.block[0] * plan.block[1] > 1 else 0)
        plan.points = plan.block[0] * plan.block[1] * plan.pitch
        plan.batches = tile_count(plan.blocks, 2 * plan.lanes)
        return plan


cdef Py_ssize_t _pages(Py_ssize_t count) noexcept nogil:
    return (count + 4095) // 4096 * 4096


cdef Py_ssize_t _spectrum_bytes(const Layout* plan) noexcept nogil:
    """Of a vector of blocks; real parts first."""
    return 2 * plan.points * plan.lanes * plan.size


cdef Py_ssize_t _staged_row(const Layout* plan) noexcept nogil:
    """Bytes from lane to lane of rows on their way: an odd number of cache lines."""
    return ((plan.block[2] * plan.size + 63) // 64 | 1) * 64


cdef Py_ssize_t _results(const Layout* plan) noexcept nogil:
    """Spectra of outputs at a time; that of a single filter takes the place of the first channel's."""
    return 0 if plan.filters == 1 else min(plan.filters, <Py_ssize_t> TOGETHER)


cdef Py_ssize_t _thread_bytes(const Layout* plan) noexcept nogil:
    """Spectra of inputs and outputs, and rows on their way."""
    return _pages((plan.channels + _results(plan)) * _spectrum_bytes(plan) + plan.lanes * _staged_row(plan))


@lru_cache(maxsize=32)
def _roots(count, dtype):
    """Cosines and sines of so many parts of a circle."""
    angles = 2 * np.pi / count * np.arange(count)
    return np.array([np.cos(angles), np.sin(angles)], dtype)


cdef object _see_roots(Blocks state, const Layout* plan, Operands* o):
    """Have `o` see roots of unity; the array that must live as long."""
    roots = _roots(plan.longest, state.dtype)
    cdef cnp.ndarray table = roots
    o.cosines = <const char*> cnp.PyArray_DATA(table)
    o.sines = o.cosines + plan.longest * plan.size
    return roots


cdef void _transform(const Layout* plan, const Operands* o, char* re, bint back) noexcept nogil:
    """Along all axes; back along the first one last."""
    cdef Py_ssize_t vector = plan.lanes * plan.size, row = plan.pitch * vector, slice = plan.block[1] * row
    cdef char* im = re + plan.points * vector
    cdef Py_ssize_t i, j
    for i in range(plan.block[0] * plan.block[1] if not back else 0):
        _along(plan, o, re + i * row, im + i * row, plan.block[2], vector, back)
    if plan.block[1] > 1:
        for i in range(plan.block[0]):
            for j in range(plan.block[2]):
                _along(plan, o, re + i * slice + j * vector, im + i * slice + j * vector, plan.block[1], row, back)
    if plan.block[0] > 1:
        for i in range(plan.block[1]):
            for j in range(plan.block[2]):
                _along(plan, o, re + i * row + j * vector, im + i * row + j * vector, plan.block[0], slice, back)
    for i in range(plan.block[0] * plan.block[1] if back else 0):
        _along(plan, o, re + i * row, im + i * row, plan.block[2], vector, back)


cdef inline void _along(const Layout* plan, const Operands* o, char* re, char* im, Py_ssize_t n,
                        Py_ssize_t step, bint back) noexcept nogil:
    if back:
        o.k.backward(re, im, n, step, o.cosines, o.sines, plan.longest // n)
    else:
        o.k.forward(re, im, n, step, o.cosines, o.sines, plan.longest // n)


cdef void _transform_kernels(const Layout* plan, const Operands* o, const char* weights, Py_ssize_t first,
                             Py_ssize_t count, char* re, char* to) noexcept nogil:
    """Spectra of some kernels, a lane each."""
    cdef const Geometry* g = &plan.g
    cdef Py_ssize_t size = plan.size, vector = plan.lanes * size, taps, tap, lane, d, h, w, at, i
    cdef double scale = 1. / (plan.block[0] * plan.block[1] * plan.block[2])
    cdef char* im = re + plan.points * vector
    memset(re, 0, 2 * plan.points * vector)
    taps = g.kernel[0] * g.kernel[1] * g.kernel[2]
    for tap in range(taps):
        w = tap % g.kernel[2] * g.dilation[2]
        h = tap // g.kernel[2] % g.kernel[1] * g.dilation[1]
        d = tap // g.kernel[2] // g.kernel[1] * g.dilation[0]
        at = ((d * plan.block[1] + h) * plan.pitch + w) * vector
        copy_elements(weights + (first * taps + tap) * size, taps * size, re + at, size, count, size)
    _transform(plan, o, re, False)
    for lane in range(count):
        for i in range(plan.points):
            at = ((first + lane) * 2 * plan.points + i) * size
            if size == 8:
                (<double*> (to + at))[0] = (<double*> (re + i * vector))[lane] * scale
                (<double*> (to + at + plan.points * size))[0] = -(<double*> (im + i * vector))[lane] * scale
            else:
                (<float*> (to + at))[0] = <float> ((<float*> (re + i * vector))[lane] * scale)
                (<float*> (to + at + plan.points * size))[0] = <float> (-(<float*> (im + i * vector))[lane] * scale)


cdef void _task(const void* work, Py_ssize_t task, int thread) noexcept nogil:
    """Two blocks in every lane, of one group, from inputs to outputs."""
    cdef const Operands* o = <const Operands*> work
    cdef const Layout* plan = o.plan
    cdef Py_ssize_t group = task // plan.batches, first = task % plan.batches * 2 * plan.lanes
    cdef Py_ssize_t spectrum = _spectrum_bytes(plan), kernel = 2 * plan.points * plan.size
    cdef Py_ssize_t channel, filter, here, i
    cdef char* inputs = o.scratch + thread * _thread_bytes(plan)
    cdef char* results = inputs if plan.filters == 1 else inputs + plan.channels * spectrum
    cdef char* staged = inputs + (plan.channels + _results(plan)) * spectrum
    cdef fc_spectra s
    for channel in range(plan.channels):
        _bring_in(plan, o, group * plan.channels + channel, first, staged, inputs + channel * spectrum)
        _transform(plan, o, inputs + channel * spectrum, False)
    s.x = inputs
    s.points = plan.points
    s.channels = plan.channels
    s.x_channel = spectrum
    s.x_imaginary = spectrum // 2
    s.w_channel = kernel
    s.w_filter = plan.channels * kernel
    s.w_imaginary = kernel // 2
    s.y = results
    s.y_filter = spectrum
    filter = 0
    while filter < plan.filters:
        here = min(plan.filters - filter, <Py_ssize_t> TOGETHER)
        s.w = o.spectra + (group * plan.filters + filter) * s.w_filter
        if here == TOGETHER:
            o.k.spectra[1](&s)
        else:
            for i in range(here):
                s.y = results + i * spectrum
                o.k.spectra[0](&s)
                s.w += s.w_filter
            s.y = results
        for i in range(here):
            _transform(plan, o, results + i * spectrum, True)
            _bring_out(plan, o, group * plan.filters + filter + i, first, staged, results + i * spectrum)
        filter += here


cdef Py_ssize_t _place(const Layout* plan, Py_ssize_t block, Py_ssize_t* origin) noexcept nogil:
    """The image of a block, and where its outputs begin at stride 1."""
    cdef int i
    for i in range(2, -1, -1):
        origin[i] = block % plan.count[i] * plan.step[i]
        block //= plan.count[i]
    return block


cdef void _bring_in(const Layout* plan, const Operands* o, Py_ssize_t channel, Py_ssize_t first,
                    char* staged, char* re) noexcept nogil:
    """The blocks of all lanes from number `first` on, real parts and then imaginary ones."""
    cdef const Geometry* g = &plan.g
    cdef Py_ssize_t size = plan.size, vector = plan.lanes * size, pitch = _staged_row(plan)
    cdef Py_ssize_t part, d, h, lane, image, row, column
    cdef Py_ssize_t origin[3]
    cdef const char* source
    for part in range(2):
        for d in range(plan.block[0]):
            for h in range(plan.block[1]):
                for lane in range(plan.lanes):
                    if first + part * plan.lanes + lane >= plan.blocks:
                        fill(staged + lane * pitch, plan.block[2], size, 0)
                        continue
                    image = _place(plan, first + part * plan.lanes + lane, origin)
                    row = shown(g, 0, origin[0] + d - g.pad[0])
                    column = shown(g, 1, origin[1] + h - g.pad[1])
                    source = NULL
                    if row >= 0 and column >= 0:
                        source = (o.x.data + image * o.x.batch + channel * o.x.channel + row * o.x.axis[0]
                                  + column * o.x.axis[1])
                    pack_row(g, source, o.x.axis[2], origin[2] - g.pad[2], plan.block[2],
                             staged + lane * pitch, size)
                o.k.transpose(staged, pitch, re + (d * plan.block[1] + h) * plan.pitch * vector, vector,
                              plan.lanes, plan.block[2], 1)
                if plan.pitch > plan.block[2]:
                    # What lies between rows is multiplied, and dropped: let it be ordinary numbers.
                    memset(re + ((d * plan.block[1] + h) * plan.pitch + plan.block[2]) * vector, 0, vector)
        re += plan.points * vector


cdef void _bring_out(const Layout* plan, const Operands* o, Py_ssize_t filter, Py_ssize_t first,
                     char* staged, const char* re) noexcept nogil:
    """The outputs of all lanes to where they belong, with the bias and through the activation."""
    cdef const Geometry* g = &plan.g
    cdef Py_ssize_t size = plan.size, vector = plan.lanes * size, pitch = _staged_row(plan)
    cdef Py_ssize_t part, d, h, lane, row, image, count
    cdef Py_ssize_t origin[3]
    cdef char* to
    for part in range(2):
        for d in range(plan.outputs[0]):
            for h in range(plan.outputs[1]):
                row = d * g.stride[0] * plan.block[1] + h * g.stride[1]
                o.k.transpose(re + row * plan.pitch * vector, vector, staged, pitch,
                              (plan.outputs[2] - 1) * g.stride[2] + 1, plan.lanes, 1)
                for lane in range(min(plan.lanes, plan.blocks - first - part * plan.lanes)):
                    image = _place(plan, first + part * plan.lanes + lane, origin)
                    origin[0] = origin[0] // g.stride[0] + d
                    origin[1] = origin[1] // g.stride[1] + h
                    origin[2] //= g.stride[2]
                    if origin[0] >= g.output[0] or origin[1] >= g.output[1]:
                        continue
                    count = min(plan.outputs[2], g.output[2] - origin[2])
                    to = (o.y.data + image * o.y.batch + filter * o.y.channel + origin[0] * o.y.axis[0]
                          + origin[1] * o.y.axis[1] + origin[2] * o.y.axis[2])
                    if size == 8:
                        _finish(<double*> (staged + lane * pitch), g.stride[2], count,
                                        _bias(<const double*> o.bias, filter), plan.relu)
                    else:
                        _finish(<float*> (staged + lane * pitch), g.stride[2], count,
                                       _bias(<const float*> o.bias, filter), plan.relu)
                    copy_elements(staged + lane * pitch, size * g.stride[2], to, o.y.axis[2], count, size)
        re += plan.points * vector


ctypedef fused real:
    float
    double


cdef inline real _bias(const real* bias, Py_ssize_t filter) noexcept nogil:
    return 0 if bias == NULL else bias[filter]


cdef void _finish(real* values, Py_ssize_t stride, Py_ssize_t count, real bias, bint relu) noexcept nogil:
    """Add the bias to every `stride`-th value; negative ones to zero, NaN stays."""
    cdef Py_ssize_t i
    if bias != 0:
        for i in range(count):
            values[i * stride] += bias
    if relu:
        for i in range(count):
            values[i * stride] = 0 if values[i * stride] < 0 else values[i * stride]
