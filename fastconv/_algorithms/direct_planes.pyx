# Direct convolution of single planes: every filter sees one channel, as in depthwise layers, images
# and signals. A tile is some output rows x some vectors of a row. Where the kernel's rows lie on
# neighbouring input rows, what a tile loads serves all its output rows. For channels-first data.

from math import prod

import numpy as np

cimport numpy as cnp

from fastconv._algorithms._direct import supports as _supports, too_sparse
from fastconv._algorithms._boxes cimport Box, Boxes, box_at, share_out
from fastconv._algorithms._direct cimport Direct, tile_count
from fastconv._algorithms._packing cimport (
    Planes, copy_elements, needs_padding, pack_planes, plane_tap, planes_of,
)
from fastconv._core.arena cimport Scratch, acquire
from fastconv._core.arrays import contiguous
from fastconv._core.geometry cimport Geometry, View, view_of
from fastconv._core.team cimport share
from fastconv._kernels.table cimport fc_kernels, fc_tile

cnp.import_array()

name = "direct_planes"
kinds = ("conv",)
local = True

cdef enum:
    MAX_TILE_BYTES = 2048


# How one problem runs. What follows `banded` depends on the arrays and the threads of a call.
cdef struct Layout:
    Geometry g
    bint banded                # kernel rows lie on neighbouring input rows
    bint in_place
    Py_ssize_t rows, lanes     # of a tile
    Py_ssize_t taps            # that a tile has offsets of: of a kernel row, or of the kernel
    Boxes boxes
    Planes planes
    bint relu
    Py_ssize_t size


cdef struct Operands:
    const Layout* plan
    const fc_kernels* k
    View x
    View y
    const char* weights        # (filters, taps)
    const char* bias
    Py_ssize_t* taps
    char* packed               # boxes of all threads


def supports(problem):
    reason = _supports(problem)
    if reason is None and problem.in_channels != problem.groups:
        reason = "is for filters of one channel: groups = in_channels"
    planes = problem.in_channels
    for i in range(problem.ndim):
        shift = (problem.kernel[i] - 1) * problem.dilation[i] // problem.stride[i]
        planes *= (problem.output[i] + shift) * (problem.stride[i] if problem.kernel[i] > 1 else 1)
    return reason or too_sparse(problem, planes)


def estimate(problem, machine, prepacked):
    cdef Planewise state = Planewise(problem)
    cdef Layout plan = state.layout(machine.threads)
    cdef Py_ssize_t* n = plan.boxes.size
    tiles = n[0] * tile_count(n[1], plan.rows) * tile_count(n[2], plan.lanes)
    tiles *= plan.boxes.units * state.filters
    # Fewer than eight sums wait for each other. What a band loads serves all its rows.
    steps = state.taps * max(plan.rows, 8)
    loads = state.taps * plan.rows
    if plan.banded:
        steps = loads
        loads = state.taps // plan.g.kernel[1] * (plan.g.kernel[1] + plan.rows - 1)
    vectors = tiles * (plan.lanes // state.k.lanes)
    moved = 0 if plan.in_place else plan.boxes.units * plan.planes.bytes // plan.size
    scattered = 0
    if problem.layout == "channels_last" and problem.out_channels > 1:
        scattered = moved + problem.batch * problem.out_channels * prod(problem.output)
    return machine.seconds(
        name,
        flops=2 * state.k.lanes * vectors * steps,
        tiles=tiles,
        moved=moved,
        scattered=scattered,
        loads=vectors * loads,
        rows=0 if plan.in_place else plan.boxes.units * plan.planes.rows,
    )


def workspace(problem, threads):
    cdef Planewise state = Planewise(problem)
    cdef Layout plan = state.layout(threads)
    return _scratch_bytes(&plan, threads)


def compile(problem):
    return Planewise(problem)


def prepare(Planewise state, weight, threads):
    """Weights as they are: (filters, taps)."""
    return contiguous(weight, state.dtype)


def run(Planewise state, cnp.ndarray packed, inputs, outputs, threads):
    x, bias = inputs
    (y,) = outputs
    if bias is not None:
        bias = contiguous(bias, state.dtype)
    cdef int workers = threads
    cdef Layout plan = state.layout(workers)
    cdef Operands o
    o.x = state.input_view(x)
    o.y = view_of(y, state.last)
    o.weights = <const char*> cnp.PyArray_DATA(packed)
    o.bias = state.bias(bias)
    if o.x.axis[2] != state.size and plan.g.input[2] > 1:
        plan.in_place = False
    cdef Scratch scratch = acquire(_scratch_bytes(&plan, workers))
    with nogil:
        _run(&plan, state.k, &o, scratch.data, workers)


cdef class Planewise(Direct):
    """A problem of single planes."""

    cdef Layout layout(self, int threads) noexcept nogil:
        """Boxes for this many threads."""
        cdef Layout plan
        cdef const Geometry* g = &self.g
        plan.g = self.g
        plan.size = self.size
        plan.relu = self.relu
        plan.banded = (g.stride[1] == 1 and g.dilation[1] == 1 and g.kernel[0] == 1
                       and g.kernel[1] > 1 and g.kernel[2] <= 256  # the longest chain of a sum
                       and 4 * g.output[2] > 3 * self.k.band_lanes)
        plan.lanes = self.k.band_lanes if plan.banded else self.k.lanes
        plan.rows = min(self.k.band_rows, g.kernel[1]) if plan.banded else self.k.plane_rows
        plan.taps = g.kernel[2] if plan.banded else self.taps
        plan.in_place = (g.stride[2] == 1 and self.fold[2] == 1 and not needs_padding(g)
                         and g.output[2] >= plan.lanes and (not self.last or g.in_channels == 1))
        # A box's outputs take about as much of the cache as its inputs.
        plan.boxes = share_out(g, False, plan.lanes, 1, 2 * self.size, 0, False, threads)
        plan.rows = tile_count(plan.boxes.size[1], tile_count(plan.boxes.size[1], plan.rows))
        plan.planes = planes_of(g, plan.boxes.size, self.size, plan.lanes)
        return plan


cdef Py_ssize_t _taps_bytes(const Layout* plan) noexcept nogil:
    return (plan.taps * sizeof(Py_ssize_t) + 4095) // 4096 * 4096


cdef Py_ssize_t _scratch_bytes(const Layout* plan, int threads) noexcept nogil:
    return _taps_bytes(plan) + (0 if plan.in_place else threads * plan.planes.bytes)


cdef int _run(const Layout* plan, const fc_kernels* k, Operands* o, char* scratch,
               int threads) except -1 nogil:
    cdef const Geometry* g = &plan.g
    cdef Py_ssize_t t, d, h, w
    o.plan = plan
    o.k = k
    o.taps = <Py_ssize_t*> scratch
    o.packed = scratch + _taps_bytes(plan)
    for t in range(plan.taps):
        w = t % g.kernel[2]
        h = t // g.kernel[2] % g.kernel[1]
        d = t // g.kernel[2] // g.kernel[1]
        if plan.in_place:
            o.taps[t] = (d * g.dilation[0] * o.x.axis[0] + h * g.dilation[1] * o.x.axis[1]
                         + w * g.dilation[2] * plan.size)
        else:
            o.taps[t] = plane_tap(g, &plan.planes, plan.size, d, h, w)
    share(_box, o, plan.boxes.units, threads)


cdef void _box(const void* work, Py_ssize_t unit, int thread) noexcept nogil:
    """One box of one channel, for all its filters."""
    cdef const Operands* o = <const Operands*> work
    cdef const Layout* plan = o.plan
    cdef const fc_kernels* k = o.k
    cdef const Geometry* g = &plan.g
    cdef Py_ssize_t size = plan.size, filters = g.out_channels // g.groups
    cdef Py_ssize_t taps = g.kernel[0] * g.kernel[1] * g.kernel[2]
    cdef Box box = box_at(g, &plan.boxes, unit)
    cdef View x = o.x
    cdef char* packed = o.packed
    cdef const char* input
    cdef const char* source
    cdef char* output = o.y.data + box.image * o.y.batch + box.group * filters * o.y.channel
    cdef char* target
    cdef char temporary[MAX_TILE_BYTES]
    cdef bint direct = o.y.axis[2] == size
    cdef Py_ssize_t row_bytes = plan.planes.extent[2] * size
    cdef Py_ssize_t slice_bytes = plan.planes.extent[1] * row_bytes
    cdef Py_ssize_t d, h, i, lane, rows, filter, r
    cdef fc_tile t
    x.data += box.image * x.batch + box.group * x.channel
    if plan.in_place:
        input = x.data
        row_bytes = x.axis[1] * g.stride[1]
        slice_bytes = x.axis[0] * g.stride[0]
    else:
        packed += thread * plan.planes.bytes
        pack_planes(g, &plan.planes, &x, &box, packed, 0, plan.planes.channels, size, k)
        input = packed
    for i in range(3):
        output += box.origin[i] * o.y.axis[i]
        if plan.in_place:
            input += (box.origin[i] * g.stride[i] - g.pad[i]) * x.axis[i]
    t.vector_taps = o.taps
    t.vector_step = row_bytes
    t.taps = plan.taps
    t.run = g.kernel[1]
    t.row_bias = NULL
    t.relu = plan.relu
    for filter in range(filters):
        t.scalars = o.weights + (box.group * filters + filter) * taps * size
        if o.bias != NULL:
            t.row_bias = o.bias + (box.group * filters + filter) * size
        target = output + filter * o.y.channel
        for d in range(box.output[0]):
            for i in range(tile_count(box.output[1], plan.rows)):
                h = i * plan.rows
                rows = min(plan.rows, box.output[1] - h)
                source = input + d * slice_bytes + h * row_bytes
                for r in range(tile_count(box.output[2], plan.lanes)):
                    lane = r * plan.lanes
                    if plan.in_place and box.origin[2] + lane + plan.lanes > g.output[2]:
                        # Start earlier rather than read beyond the row.
                        lane = g.output[2] - plan.lanes - box.origin[2]
                    t.vectors = source + lane * size
                    t.lanes = min(plan.lanes, box.output[2] - lane)
                    if direct:
                        t.out = target + d * o.y.axis[0] + h * o.y.axis[1] + lane * size
                        t.out_row = o.y.axis[1]
                    else:
                        t.out = temporary
                        t.out_row = plan.lanes * size
                    if plan.banded:
                        k.band[rows](&t)
                    else:
                        k.plane[rows](&t)
                    if not direct:
                        _scatter(&o.y, target + d * o.y.axis[0] + h * o.y.axis[1] + lane * o.y.axis[2],
                                 temporary, rows, t.lanes, t.out_row, size)


cdef void _scatter(const View* y, char* to, const char* tile, Py_ssize_t rows, Py_ssize_t lanes,
                   Py_ssize_t row_bytes, Py_ssize_t size) noexcept nogil:
    """Bring a tile to outputs that are not side by side."""
    cdef Py_ssize_t r
    for r in range(rows):
        copy_elements(tile + r * row_bytes, size, to + r * y.axis[1], y.axis[2], lanes, size)
