# Direct depthwise convolution: every lane is a channel of its own, so a tile is some neighbouring
# pixels x one vector of channels. A task brings a box of one vector of channels, padded, pixel
# after pixel, into the nearest caches (channels-first planes are transposed on the way in and out):
# all its reads are then whole, aligned vectors, whatever the stride, the dilation or the layout.

import numpy as np

cimport numpy as cnp
from cython.parallel cimport prange, threadid

from fastconv._algorithms._direct import supports as _supports, too_sparse
from fastconv._algorithms._boxes cimport Box, Boxes, box_at, reach, share_out
from fastconv._algorithms._direct cimport Direct, tile_count
from fastconv._algorithms._packing cimport Pixels, pack_pixels, pixels_of, unpack_pixels
from fastconv._core.arena cimport Scratch, acquire
from fastconv._core.geometry cimport Geometry, View, view_of
from fastconv._core.threads cimport usable
from fastconv._kernels.table cimport fc_kernels, fc_tile

cnp.import_array()

name = "direct_depthwise"
kinds = ("conv",)
local = True


# How one problem runs for some threads.
cdef struct Layout:
    Geometry g               # every vector of channels a group
    Boxes boxes
    Pixels packed
    Py_ssize_t taps
    Py_ssize_t lanes, size   # channels per vector, bytes per element
    Py_ssize_t outputs       # bytes of a box's outputs, for channels-first
    bint relu


cdef struct Operands:
    View x
    View y
    const char* weights
    const char* bias
    Py_ssize_t* pixel_taps
    Py_ssize_t* lane_taps
    char* packed             # boxes of all threads


def supports(problem):
    reason = _supports(problem)
    if reason is None and not problem.in_channels == problem.out_channels == problem.groups:
        reason = "is for one filter per channel: groups = in_channels = out_channels"
    if reason is None and problem.in_channels < Direct(problem).vector_lanes():
        reason = f"needs a full vector of channels, more than {problem.in_channels}"
    if reason is None:
        reason = too_sparse(problem, problem.in_channels * Depthwise(problem).reach())
    return reason


def estimate(problem, machine, prepacked):
    cdef Depthwise state = Depthwise(problem)
    cdef Layout plan = state.lay_out(machine.threads)
    outputs = problem.macs // problem.taps
    vectors = outputs // problem.in_channels * state.blocks
    return machine.seconds(
        name,
        flops=2 * vectors * state.k.lanes * problem.taps,
        tiles=tile_count(vectors, state.k.depthwise_rows),
        moved=plan.boxes.units * plan.packed.bytes // plan.size,
        rows=plan.boxes.units * plan.packed.rows,
        outputs=0 if state.last else outputs,
    )


def workspace(problem, threads):
    cdef Depthwise state = Depthwise(problem)
    cdef Layout plan = state.lay_out(threads)
    return _scratch_bytes(&plan, threads)


def compile(problem):
    return Depthwise(problem)


def prepare(Depthwise state, weight, threads):
    """Weights as [block of channels][tap][lane]; the last block ends with the last channel."""
    cdef Py_ssize_t lanes = state.k.lanes, size = state.size, taps = state.taps, block, first
    weight = np.ascontiguousarray(weight, state.dtype)
    cdef Scratch packed = acquire(state.blocks * taps * lanes * size)
    cdef const char* source = <const char*> cnp.PyArray_DATA(weight)
    for block in range(state.blocks):
        first = _first_channel(block, lanes, state.g.in_channels)
        state.k.pack(source + first * taps * size, taps * size,
                     packed.data + block * taps * lanes * size, lanes, lanes, 1, taps)
    return packed


def run(Depthwise state, Scratch packed, inputs, outputs, threads):
    x, bias = inputs
    (y,) = outputs
    if bias is not None:
        bias = np.ascontiguousarray(bias, state.dtype)
    cdef int workers = usable(threads)
    cdef Layout plan = state.lay_out(workers)
    cdef Operands o
    o.x = state.input_view(x)
    o.y = view_of(y, state.last)
    o.weights = packed.data
    o.bias = state.bias(bias)
    cdef Scratch scratch = acquire(_scratch_bytes(&plan, workers))
    with nogil:
        _run(&plan, state.k, &o, scratch.data, workers)


cdef class Depthwise(Direct):
    """A depthwise problem and its number of channel blocks."""

    cdef Py_ssize_t blocks

    def __init__(self, problem):
        super().__init__(problem)
        self.blocks = tile_count(self.g.in_channels, self.k.lanes)

    def reach(self):
        """Input pixels of an image with its padding."""
        return (reach(&self.g, 0, self.g.output[0]) * reach(&self.g, 1, self.g.output[1])
                * reach(&self.g, 2, self.g.output[2]))

    cdef Layout lay_out(self, int threads) noexcept nogil:
        """Boxes for this many threads."""
        cdef Layout plan
        plan.g = self.g
        plan.g.groups = self.blocks
        plan.taps = self.taps
        plan.lanes = self.k.lanes
        plan.size = self.size
        plan.relu = self.relu
        # A box's outputs take about as much of the cache as its inputs.
        plan.boxes = share_out(&plan.g, False, self.k.depthwise_rows, 1,
                               2 * plan.lanes * plan.size, 0, threads)
        plan.packed = pixels_of(&plan.g, plan.boxes.size, plan.lanes, True, plan.size)
        plan.outputs = (plan.boxes.size[0] * plan.boxes.size[1] * plan.boxes.size[2] * plan.lanes
                        * plan.size + 4095) // 4096 * 4096
        return plan


cdef Py_ssize_t _first_channel(Py_ssize_t block, Py_ssize_t lanes,
                               Py_ssize_t channels) noexcept nogil:
    """Blocks are whole vectors: the last one starts early rather than read beyond a pixel."""
    return min(block * lanes, channels - lanes)


cdef Py_ssize_t _taps_bytes(const Layout* plan) noexcept nogil:
    return (2 * plan.taps * sizeof(Py_ssize_t) + 4095) // 4096 * 4096


cdef Py_ssize_t _scratch_bytes(const Layout* plan, int threads) noexcept nogil:
    return _taps_bytes(plan) + threads * (plan.packed.bytes + plan.outputs)


cdef void _run(const Layout* plan, const fc_kernels* k, Operands* o, char* scratch,
               int threads) noexcept nogil:
    cdef const Geometry* g = &plan.g
    cdef Py_ssize_t t, d, h, w, unit
    o.pixel_taps = <Py_ssize_t*> scratch
    o.lane_taps = o.pixel_taps + plan.taps
    o.packed = scratch + _taps_bytes(plan)
    for t in range(plan.taps):
        w = t % g.kernel[2]
        h = t // g.kernel[2] % g.kernel[1]
        d = t // (g.kernel[2] * g.kernel[1])
        o.pixel_taps[t] = (d * g.dilation[0] * plan.packed.slice + h * g.dilation[1] * plan.packed.row
                           + w * g.dilation[2] * plan.packed.pixel)
        o.lane_taps[t] = t * plan.lanes * plan.size
    if threads == 1:  # a parallel region costs more than a small problem
        for unit in range(plan.boxes.units):
            _box(plan, k, o, unit, 0)
        return
    # Static: neighbouring channels share cache lines, so each thread takes a run of neighbours.
    for unit in prange(plan.boxes.units, num_threads=threads, schedule="static"):
        _box(plan, k, o, unit, threadid())


cdef void _box(const Layout* plan, const fc_kernels* k, const Operands* o, Py_ssize_t task,
               int thread) noexcept nogil:
    """One box of one vector of channels; tasks are numbered over (image, box, channels)."""
    cdef const Geometry* g = &plan.g
    cdef Py_ssize_t count = plan.boxes.count[0] * plan.boxes.count[1] * plan.boxes.count[2]
    cdef Py_ssize_t place = task // g.groups
    cdef Box box = box_at(g, &plan.boxes, (place // count * g.groups + task % g.groups) * count
                          + place % count)
    cdef Py_ssize_t channel = _first_channel(box.group, plan.lanes, g.in_channels)
    cdef Py_ssize_t width = box.output[2], row_bytes = plan.packed.row * g.stride[1]
    cdef Py_ssize_t slice_bytes = plan.packed.slice * g.stride[0]
    cdef Py_ssize_t tiles = tile_count(width, k.depthwise_rows), pixels = tile_count(width, tiles)
    cdef char* packed = o.packed + thread * (plan.packed.bytes + plan.outputs)
    cdef char* gathered = packed + plan.packed.bytes
    cdef char* output = o.y.data + box.image * o.y.batch + channel * o.y.channel
    cdef bint direct = o.y.channel == plan.size
    cdef Py_ssize_t d, h, column, i
    cdef const char* source
    cdef View x = o.x
    cdef fc_tile t
    x.data += box.image * x.batch + channel * x.channel
    pack_pixels(g, &plan.packed, &x, &box, packed, 0, plan.packed.rows, plan.size, k)
    for i in range(3):
        output += box.origin[i] * o.y.axis[i]
    t.vectors = o.weights + box.group * plan.taps * plan.lanes * plan.size
    t.scalar_taps = o.pixel_taps
    t.vector_taps = o.lane_taps
    t.taps = plan.taps
    t.scalar_row = plan.packed.pixel * g.stride[2]
    t.out_row = o.y.axis[2] if direct else plan.packed.pixel
    t.row_bias = NULL
    t.lane_bias = NULL if o.bias == NULL else o.bias + channel * plan.size
    t.relu = plan.relu
    for d in range(box.output[0]):
        for h in range(box.output[1]):
            source = packed + d * slice_bytes + h * row_bytes
            if direct:
                t.out = output + d * o.y.axis[0] + h * o.y.axis[1]
            else:
                t.out = gathered + (d * box.output[1] + h) * width * plan.packed.pixel
            column = 0
            while column < width:
                t.scalars = source + column * t.scalar_row
                k.depthwise[min(pixels, width - column)](&t)
                t.out += pixels * t.out_row
                column += pixels
    if not direct:
        unpack_pixels(&o.y, box.output, gathered, plan.packed.pixel, 0,
                      box.output[0] * box.output[1] * width, plan.lanes, output, plan.size, k)
