# Convolution as a matrix product: the input's windows become the columns of a matrix, the filters
# are its left factor, BLAS multiplies. Columns are made for a limited number of outputs at a time,
# so that the workspace is bounded whatever the size of the problem. Only BLAS uses threads here:
# its workers spin for a while after each product, and would fight with workers of our own.

from math import prod

import numpy as np


from fastconv._algorithms._packing cimport copy_elements, fill
from fastconv._core.arena cimport Scratch, acquire
from fastconv._core.arrays import contiguous
from fastconv._core cimport blas
from fastconv._core.geometry cimport FILLED, Geometry, View, canonical, shown, view_of

name = "im2col"
kinds = ("conv",)
local = True
# BLAS threads stay awake for up to a tenth of a second: calls of other rooms wait for their processors.
spins = True

cdef enum:
    WORKSPACE = 8 << 20       # bytes of columns and products aimed at
    FEWEST_PIXELS = 16        # outputs per product, even where that takes more

LARGEST_DIMENSION = 2**31 - 1  # of a matrix, for BLAS with 32-bit integers

ctypedef fused real:
    float
    double


def supports(problem):
    if problem.dtype not in ("float32", "float64"):
        return f"BLAS has no product of {problem.dtype}"
    if max(problem.out_channels, problem.in_channels // problem.groups * problem.taps) > LARGEST_DIMENSION:
        return "a matrix dimension exceeds 2**31 - 1, the limit of BLAS"
    return None


def estimate(problem, machine, prepacked):
    outputs = prod(problem.output)
    # BLAS needs all of its dimensions large to come near the ceiling.
    narrow = min(*_matrix(problem), _pixels(problem))
    products = -(-outputs // _pixels(problem)) * problem.batch * problem.groups
    return machine.seconds(
        name,
        # Threads of BLAS gain little here, and cost much where ours still wait for work.
        flops=machine.threads * 2 * problem.macs * (1 + 48 / narrow),
        tiles=machine.threads * products,
        # By one thread, whatever the others do.
        moved=machine.threads * problem.batch * outputs
        * (problem.in_channels * problem.taps + 2 * problem.out_channels),
        rows=machine.threads * problem.batch * prod(problem.output) // problem.output[problem.ndim - 1]
        * (problem.in_channels * problem.taps + problem.out_channels),
        # Elements that come one by one, from a cache line each.
        scattered=machine.threads * problem.batch * outputs * problem.in_channels * problem.taps
        if problem.stride[problem.ndim - 1] > 1
        or (problem.layout == "channels_last" and problem.in_channels > 1) else 0,
        weights=0,
    )


def workspace(problem, threads):
    size = np.dtype(problem.dtype).itemsize
    filters, depth = _matrix(problem)
    return (filters + depth) * _pixels(problem) * size


def compile(problem):
    blas.load()
    return problem


def prepare(problem, weight, threads):
    """The weight as it is: row-major filters are the rows of the matrix."""
    return contiguous(weight, problem.dtype)


def run(problem, packed, inputs, outputs, threads):
    x, bias = inputs
    (y,) = outputs
    blas.enter()
    try:
        if problem.dtype == "float64":
            _run[double](problem, packed, x, bias, y, 0)
        else:
            _run[float](problem, packed, x, bias, y, 0)
    finally:
        blas.leave()


def _matrix(problem):
    """Rows and columns of one group's filter matrix."""
    depth = problem.in_channels // problem.groups * problem.taps
    return problem.out_channels // problem.groups, depth


def _pixels(problem):
    """Outputs per product."""
    size = np.dtype(problem.dtype).itemsize
    fitting = WORKSPACE // (sum(_matrix(problem)) * size)
    return min(max(fitting, FEWEST_PIXELS), prod(problem.output))


cdef void _run(problem, packed, x, bias, y, real zero) except *:
    cdef Geometry g = canonical(problem)
    cdef bint last = problem.layout == "channels_last", relu = problem.relu
    cdef View vx = view_of(x, last), vy = view_of(y, last)
    cdef Py_ssize_t filters, depth, pixels = _pixels(problem), n, group, first, count, total
    filters, depth = _matrix(problem)
    total = prod(problem.output)
    bias = None if bias is None else contiguous(bias, problem.dtype)
    cdef const real* biases = NULL
    if bias is not None:
        biases = <const real*> <size_t> bias.ctypes.data
    cdef const real* weights = <const real*> <size_t> packed.ctypes.data
    cdef int dtype = 1 if real is double else 0
    cdef Scratch scratch = acquire((filters + depth) * pixels * sizeof(real))
    cdef real* columns = <real*> scratch.data
    cdef real* products = columns + depth * pixels
    for n in range(g.batch):
        for group in range(g.groups):
            for first in range(0, total, pixels):
                count = min(pixels, total - first)
                with nogil:
                    _fill_columns(&g, &vx, n, group, first, count, columns)
                    blas.gemm(dtype, filters, count, depth,
                              <const char*> (weights + group * filters * depth), depth, False,
                              <const char*> columns, count, False, <char*> products, count)
                    _store(&g, &vy, n, group, first, count, products,
                           <const real*> NULL if biases == NULL else biases + group * filters, relu)


cdef void _fill_columns(const Geometry* g, const View* x, Py_ssize_t n, Py_ssize_t group,
                        Py_ssize_t first, Py_ssize_t count, real* columns) noexcept nogil:
    cdef Py_ssize_t channels = g.in_channels // g.groups
    cdef Py_ssize_t taps = g.kernel[0] * g.kernel[1] * g.kernel[2], row
    cdef const char* source = x.data + n * x.batch + group * channels * x.channel
    for row in range(channels * taps):
        _fill_row(g, x, source + row // taps * x.channel, row % taps, first, count,
                  columns + row * count)


cdef void _fill_row(const Geometry* g, const View* x, const char* plane, Py_ssize_t tap,
                    Py_ssize_t first, Py_ssize_t count, real* to) noexcept nogil:
    """What one tap of one channel sees at outputs `first` to `first + count`."""
    cdef Py_ssize_t offset_w = tap % g.kernel[2] * g.dilation[2] - g.pad[2]
    cdef Py_ssize_t offset_h = tap // g.kernel[2] % g.kernel[1] * g.dilation[1] - g.pad[1]
    cdef Py_ssize_t offset_d = tap // g.kernel[2] // g.kernel[1] * g.dilation[0] - g.pad[0]
    cdef Py_ssize_t done = 0, column, line, here, d, h, start, stop, i
    while done < count:
        column = (first + done) % g.output[2]
        line = (first + done) // g.output[2]
        here = min(g.output[2] - column, count - done)
        d = shown(g, 0, line // g.output[1] * g.stride[0] + offset_d)
        h = shown(g, 1, line % g.output[1] * g.stride[1] + offset_h)
        # Outputs [start, stop) of these see the input along the row, the others its padding.
        start = stop = here
        if d >= 0 and h >= 0:
            start = min(max(_ceil(-offset_w, g.stride[2]) - column, 0), here)
            stop = min(max(_ceil(g.input[2] - offset_w, g.stride[2]) - column, start), here)
        if g.padding == FILLED:
            fill(<char*> (to + done), start, sizeof(real), g.fill)
            fill(<char*> (to + done + stop), here - stop, sizeof(real), g.fill)
        else:
            for i in range(here):
                if not start <= i < stop:
                    to[done + i] = (<const real*> (
                        plane + d * x.axis[0] + h * x.axis[1]
                        + shown(g, 2, (column + i) * g.stride[2] + offset_w) * x.axis[2]))[0]
        if start < stop:
            copy_elements(
                plane + d * x.axis[0] + h * x.axis[1]
                + ((column + start) * g.stride[2] + offset_w) * x.axis[2],
                g.stride[2] * x.axis[2], <char*> (to + done + start), sizeof(real),
                stop - start, sizeof(real),
            )
        done += here


cdef Py_ssize_t _ceil(Py_ssize_t value, Py_ssize_t divisor) noexcept nogil:
    return (value + divisor - 1) // divisor if value > 0 else 0


cdef void _store(const Geometry* g, const View* y, Py_ssize_t n, Py_ssize_t group,
                 Py_ssize_t first, Py_ssize_t count, real* products, const real* bias,
                 bint relu) noexcept nogil:
    """Products plus bias, through the activation, to the output."""
    cdef Py_ssize_t filters = g.out_channels // g.groups, f
    cdef char* target = y.data + n * y.batch + group * filters * y.channel
    for f in range(filters):
        _store_row(g, y, target + f * y.channel, first, count, products + f * count,
                   0 if bias == NULL else bias[f], relu)


cdef void _store_row(const Geometry* g, const View* y, char* plane, Py_ssize_t first,
                     Py_ssize_t count, real* products, real bias, bint relu) noexcept nogil:
    cdef Py_ssize_t done = 0, column, line, here, i
    for i in range(count):
        products[i] += bias
        if relu and products[i] < 0:
            products[i] = 0
    while done < count:
        column = (first + done) % g.output[2]
        line = (first + done) // g.output[2]
        here = min(g.output[2] - column, count - done)
        copy_elements(<const char*> (products + done), sizeof(real),
                      plane + line // g.output[1] * y.axis[0] + line % g.output[1] * y.axis[1]
                      + column * y.axis[2], y.axis[2], here, sizeof(real))
        done += here
