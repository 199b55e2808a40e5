# Direct depthwise convolution: every lane is a channel of its own, so a tile is some neighbouring
# pixels x one vector of channels. Channels-last data is read in place; taps that meet padding are
# left out of the sum, row by row and for the few columns at the borders. Channels-first images are
# transposed on the way in and out, which small planes repay.

from math import prod

import numpy as np

cimport numpy as cnp
from cython.parallel cimport prange, threadid

from fastconv._algorithms._direct import supports as _supports
from fastconv._algorithms._direct cimport Direct, tile_count
from fastconv._core.arena cimport Scratch, acquire
from fastconv._core.geometry cimport Geometry, View, view_of
from fastconv._core.threads cimport usable
from fastconv._kernels.table cimport fc_kernels, fc_tile

cnp.import_array()

name = "direct_depthwise"
kinds = ("conv",)
local = True

# Channels-first images up to so many bytes, input and output, are transposed.
TRANSPOSED = 64 << 20


def supports(problem):
    reason = _supports(problem)
    if reason is None and not problem.in_channels == problem.out_channels == problem.groups:
        reason = "is for one filter per channel: groups = in_channels = out_channels"
    if reason is None and problem.layout == "channels_first" and _transposed(problem) > TRANSPOSED:
        reason = f"would transpose images of {_transposed(problem)} bytes"
    if reason is None and problem.in_channels < Direct(problem).vector_lanes():
        reason = f"needs a full vector of channels, more than {problem.in_channels}"
    return reason


def estimate(problem, machine, prepacked):
    cdef Depthwise state = Depthwise(problem)
    outputs = problem.macs // problem.taps
    vectors = outputs // problem.in_channels * state.blocks
    moved = 0 if state.last else problem.batch * _transposed(problem) // state.size
    return machine.seconds(
        name,
        flops=2 * vectors * state.k.lanes * problem.taps,
        tiles=tile_count(vectors, state.k.depthwise_rows),
        moved=moved,
        rows=problem.batch * prod(problem.output) // problem.output[problem.ndim - 1],
        outputs=outputs,
    )


def workspace(problem, threads):
    moved = _transposed(problem) if problem.layout == "channels_first" else 0
    return threads * _taps_bytes(problem.taps) + moved


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
    # Lanes are read as vectors, and planes transposed as matrices.
    if not (x.flags.c_contiguous or state.last and x.strides[x.ndim - 1] == state.size):
        x = np.ascontiguousarray(x)
    direct = y.flags.c_contiguous or state.last and y.strides[y.ndim - 1] == state.size
    target = y if direct else np.empty(y.shape, state.dtype)
    cdef View vx = view_of(x, state.last), vy = view_of(target, state.last)
    cdef const char* weights = packed.data
    cdef const char* biases = state.bias(bias)
    cdef int workers = usable(threads)
    cdef Py_ssize_t moved = 0 if state.last else state.image(True) + state.image(False), n
    cdef Scratch scratch = acquire(workers * _taps_bytes(state.taps) + moved)
    cdef View image_x = vx, image_y = vy
    with nogil:
        if state.last:
            _rows(state, &vx, &vy, state.g.batch, weights, biases, scratch.data, workers)
        else:
            image_x = state.lanes_view(scratch.data + workers * _taps_bytes(state.taps), True)
            image_y = state.lanes_view(image_x.data + state.image(True), False)
            for n in range(state.g.batch):
                _to_lanes(state, vx.data + n * vx.batch, vx.channel, &image_x, workers)
                _rows(state, &image_x, &image_y, 1, weights, biases, scratch.data, workers)
                _from_lanes(state, &image_y, vy.data + n * vy.batch, vy.channel, workers)
    if target is not y:
        y[...] = target


def _transposed(problem):
    """Bytes of one image, input and output."""
    size = 8 if problem.dtype == "float64" else 4
    return problem.in_channels * (prod(problem.input) + prod(problem.output)) * size


cdef class Depthwise(Direct):
    """A depthwise problem and its number of channel blocks."""

    cdef Py_ssize_t blocks

    def __init__(self, problem):
        super().__init__(problem)
        self.blocks = tile_count(self.g.in_channels, self.k.lanes)

    cdef Py_ssize_t pixels(self, bint input) noexcept nogil:
        cdef Py_ssize_t* n = &self.g.input[0] if input else &self.g.output[0]
        return n[0] * n[1] * n[2]

    cdef Py_ssize_t image(self, bint input) noexcept nogil:
        """Bytes of one image, on whole cache lines."""
        return (self.pixels(input) * self.g.in_channels * self.size + 63) // 64 * 64

    cdef View lanes_view(self, char* data, bint input) noexcept nogil:
        """One channels-last image at `data`."""
        cdef View v
        cdef Py_ssize_t* n = &self.g.input[0] if input else &self.g.output[0]
        v.data = data
        v.batch = 0
        v.channel = self.size
        v.axis[2] = self.g.in_channels * self.size
        v.axis[1] = v.axis[2] * n[2]
        v.axis[0] = v.axis[1] * n[1]
        return v


cdef void _to_lanes(Depthwise state, const char* planes, Py_ssize_t plane_bytes, const View* image,
                    int threads) noexcept nogil:
    """Channel planes into pixels, a vector of channels at a time."""
    cdef Py_ssize_t lanes = state.k.lanes, pixels = state.pixels(True), block, first
    for block in prange(state.blocks, num_threads=threads, schedule="static"):
        first = block * lanes
        state.k.transpose(planes + first * plane_bytes, plane_bytes,
                          image.data + first * state.size, image.axis[2],
                          min(lanes, state.g.in_channels - first), pixels)


cdef void _from_lanes(Depthwise state, const View* image, char* planes, Py_ssize_t plane_bytes,
                      int threads) noexcept nogil:
    """Pixels back into channel planes."""
    cdef Py_ssize_t lanes = state.k.lanes, pixels = state.pixels(False), block, first
    for block in prange(state.blocks, num_threads=threads, schedule="static"):
        first = block * lanes
        state.k.transpose(image.data + first * state.size, image.axis[2],
                          planes + first * plane_bytes, plane_bytes, pixels,
                          min(lanes, state.g.in_channels - first))


cdef void _rows(Depthwise state, const View* x, const View* y, Py_ssize_t images,
                const char* weights, const char* bias, char* scratch, int threads) noexcept nogil:
    """All rows of some channels-last images."""
    cdef Py_ssize_t row
    for row in prange(images * state.g.output[0] * state.g.output[1], num_threads=threads,
                      schedule="dynamic"):
        _row(&state.g, state.k, x, y, row, state.blocks, weights, bias, state.relu,
             scratch + threadid() * _taps_bytes(state.taps), state.taps, state.size)


cdef Py_ssize_t _taps_bytes(Py_ssize_t taps) noexcept nogil:
    """Two tables of tap offsets, on pages of their own."""
    return (2 * taps * sizeof(Py_ssize_t) + 4095) // 4096 * 4096


cdef Py_ssize_t _first_channel(Py_ssize_t block, Py_ssize_t lanes,
                               Py_ssize_t channels) noexcept nogil:
    """Blocks are whole vectors: the last one starts early rather than read beyond a pixel."""
    return min(block * lanes, channels - lanes)


cdef void _row(const Geometry* g, const fc_kernels* k, const View* x, const View* y,
               Py_ssize_t row, Py_ssize_t blocks, const char* weights, const char* bias,
               bint relu, char* scratch, Py_ssize_t taps, Py_ssize_t size) noexcept nogil:
    """One row of outputs, all channels."""
    cdef Py_ssize_t height = row % g.output[1]
    cdef Py_ssize_t depth = row // g.output[1] % g.output[0]
    cdef Py_ssize_t n = row // (g.output[1] * g.output[0])
    cdef Py_ssize_t width = g.output[2]
    # Columns [left, right) see the whole kernel row.
    cdef Py_ssize_t left = 0, right, column, here, block
    cdef Py_ssize_t reach = (g.kernel[2] - 1) * g.dilation[2]
    cdef fc_tile t
    if g.pad[2] > 0:
        left = min((g.pad[2] + g.stride[2] - 1) // g.stride[2], width)
    right = g.input[2] + g.pad[2] - reach
    right = max(min((right + g.stride[2] - 1) // g.stride[2] if right > 0 else 0, width), left)
    t.scalar_taps = <Py_ssize_t*> scratch
    t.vector_taps = t.scalar_taps + taps
    t.scalar_row = g.stride[2] * x.axis[2]
    t.out_row = y.axis[2]
    t.lanes = k.lanes
    t.run = 1
    t.scalar_step = 0
    t.vector_step = 0
    t.row_bias = NULL
    t.lane_bias = NULL
    t.relu = relu
    column = 0
    while column < width:
        if left <= column < right:
            here = right - column
        else:
            here = 1
        t.taps = _taps_at(g, k, x, depth, height, column, <Py_ssize_t*> t.scalar_taps,
                          <Py_ssize_t*> t.vector_taps, size)
        for block in range(blocks):
            _segment(g, k, x, y, n, depth, height, column, here, block, weights, bias, &t, taps,
                     size)
        column += here


cdef Py_ssize_t _taps_at(const Geometry* g, const fc_kernels* k, const View* x, Py_ssize_t depth,
                         Py_ssize_t height, Py_ssize_t column, Py_ssize_t* pixel_taps,
                         Py_ssize_t* lane_taps, Py_ssize_t size) noexcept nogil:
    """Offsets, from the image's origin, of the taps that meet the input at this output."""
    cdef Py_ssize_t count = 0, d, h, w, at_d, at_h, at_w
    for d in range(g.kernel[0]):
        at_d = depth * g.stride[0] + d * g.dilation[0] - g.pad[0]
        if at_d < 0 or at_d >= g.input[0]:
            continue
        for h in range(g.kernel[1]):
            at_h = height * g.stride[1] + h * g.dilation[1] - g.pad[1]
            if at_h < 0 or at_h >= g.input[1]:
                continue
            for w in range(g.kernel[2]):
                at_w = column * g.stride[2] + w * g.dilation[2] - g.pad[2]
                if at_w < 0 or at_w >= g.input[2]:
                    continue
                pixel_taps[count] = at_d * x.axis[0] + at_h * x.axis[1] + at_w * x.axis[2]
                lane_taps[count] = ((d * g.kernel[1] + h) * g.kernel[2] + w) * k.lanes * size
                count += 1
    return count


cdef void _segment(const Geometry* g, const fc_kernels* k, const View* x, const View* y,
                   Py_ssize_t n, Py_ssize_t depth, Py_ssize_t height, Py_ssize_t column,
                   Py_ssize_t count, Py_ssize_t block, const char* weights, const char* bias,
                   fc_tile* t, Py_ssize_t taps, Py_ssize_t size) noexcept nogil:
    """`count` neighbouring outputs that see the same taps, one vector of channels."""
    cdef Py_ssize_t channel = _first_channel(block, k.lanes, g.in_channels)
    cdef Py_ssize_t tiles = (count + k.depthwise_rows - 1) // k.depthwise_rows
    cdef Py_ssize_t pixels = (count + tiles - 1) // tiles, done = 0, here
    cdef const char* input = x.data + n * x.batch + channel * size
    cdef char* output = (y.data + n * y.batch + depth * y.axis[0] + height * y.axis[1]
                         + column * y.axis[2] + channel * size)
    t.vectors = weights + block * taps * k.lanes * size
    if bias != NULL:
        t.lane_bias = bias + channel * size
    while done < count:
        here = min(pixels, count - done)
        t.scalars = input + done * t.scalar_row
        t.out = output + done * y.axis[2]
        k.depthwise[here](t)
        done += here
