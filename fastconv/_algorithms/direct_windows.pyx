# Direct convolution of single planes with small square kernels: every filter sees one channel, as in
# depthwise layers and image filters. Windows are read in place, borders and all, so that nothing is
# copied; a tile is some output rows x one vector, and what it loads serves all its rows. For
# channels-first data.

import numpy as np

cimport numpy as cnp

from fastconv._algorithms._direct import supports as _supports
from fastconv._algorithms._boxes cimport Box, Boxes, box_at, share_out
from fastconv._algorithms._direct cimport Direct, tile_count
from fastconv._algorithms._windows cimport see_windows
from fastconv._core.arrays import contiguous
from fastconv._core.geometry cimport Geometry, View, view_of
from fastconv._core.team cimport share
from fastconv._kernels.table cimport FC_CHAIN, fc_kernels, fc_windows

cnp.import_array()

name = "direct_windows"
kinds = ("conv",)
local = True

cdef enum:
    TILE_ROWS = 8  # at most
    # Small planes share tasks, where so many are left for each thread.
    TASKS_PER_THREAD = 8


# How one problem runs for some threads.
cdef struct Layout:
    Geometry g
    Boxes boxes
    Py_ssize_t run, runs     # planes per task, tasks per image
    Py_ssize_t taps, size
    bint relu


cdef struct Operands:
    const Layout* plan
    const fc_kernels* k
    View x
    View y
    const char* weights      # (filters, taps)
    const char* bias


def supports(problem):
    reason = _supports(problem)
    if problem.padding_mode != "zeros":
        return "leaves out what lies outside: is for zeros around the input"
    if reason is not None:
        return reason
    kernel, step = problem.kernel[-2:], _step(problem)
    if problem.in_channels != problem.groups:
        return "is for filters of one channel: groups = in_channels"
    if problem.ndim == 1 or kernel not in ((3, 3), (5, 5)) or problem.taps > FC_CHAIN:
        return "is for kernels of 3x3 or 5x5 taps"
    if step != 1 and (step != 2 or problem.dilation[-2:] != (1, 1)):
        return "is for strides of 1, or of 2 without dilation"
    if step == 2 and Windowed(problem).vector_lanes() < kernel[0] - 1:
        return f"needs longer vectors for {kernel[0]} taps at a stride of 2"
    if problem.layout == "channels_last" and problem.out_channels > 1:
        return "is for channels-first data"
    return None


def _step(problem):
    """The stride of rows and columns; None if they differ. Where there is one output, any will do."""
    steps = {s for s, n in zip(problem.stride[-2:], problem.output[-2:], strict=True) if n > 1} or {1}
    return steps.pop() if len(steps) == 1 else None


def estimate(problem, machine, prepacked):
    cdef Windowed state = Windowed(problem)
    cdef Layout plan = state.lay_out(machine.threads)
    cdef Py_ssize_t* n = plan.boxes.size
    cdef Py_ssize_t kernel = state.g.kernel[2], step = state.step
    cdef Py_ssize_t rows = tile_count(n[1], tile_count(n[1], TILE_ROWS if kernel == 3 and step == 1 else 4))
    cdef Py_ssize_t loads = (rows - 1) * step + kernel
    if kernel == 5:
        loads += rows * kernel  # too many taps to keep in registers
    planes = plan.boxes.units * state.filters
    tiles = planes * n[0] * tile_count(n[1], rows) * tile_count(n[2], state.k.lanes)
    return machine.seconds(
        name,
        flops=2 * tiles * rows * state.k.lanes * state.taps,
        tiles=tiles,
        loads=tiles * (state.taps // kernel) * loads,
        planes=planes,
        elements=problem.elements,
    )


def workspace(problem, threads):
    return 0


def compile(problem):
    return Windowed(problem)


def prepare(Windowed state, weight, threads):
    """Weights as they are: (filters, taps)."""
    return contiguous(weight, state.dtype)


def run(Windowed state, cnp.ndarray packed, inputs, outputs, threads):
    x, bias = inputs
    (y,) = outputs
    if bias is not None:
        bias = contiguous(bias, state.dtype)
    cdef Operands o
    o.x = state.input_view(x)
    o.y = view_of(y, state.last)
    if o.x.axis[2] != state.size:  # neighbours of a row must be neighbours in memory
        x = np.ascontiguousarray(x)
        o.x = state.input_view(x)
    target = y
    if o.y.axis[2] != state.size:
        target = np.empty(y.shape, y.dtype)
        o.y = view_of(target, state.last)
    o.weights = <const char*> cnp.PyArray_DATA(packed)
    o.bias = state.bias(bias)
    cdef int workers = threads
    cdef Layout plan = state.lay_out(workers)
    o.plan = &plan
    o.k = state.k
    with nogil:
        share(_box, &o, plan.boxes.units // plan.g.groups * plan.runs, workers)
    if target is not y:
        y[...] = target


cdef class Windowed(Direct):
    """A problem of windows over single planes, and its stride within them."""

    cdef Py_ssize_t step

    def __init__(self, problem):
        super().__init__(problem)
        self.step = _step(problem) or 1
        self.g.stride[1] = self.g.stride[2] = self.step

    cdef Layout lay_out(self, int threads) noexcept nogil:
        """Boxes for this many threads."""
        cdef Layout plan
        plan.g = self.g
        plan.taps = self.taps
        plan.size = self.size
        plan.relu = self.relu
        # A box's outputs take about as much of the cache as its inputs.
        plan.boxes = share_out(&self.g, False, self.k.lanes, 1, 2 * self.size, 0, False, threads)
        plan.run = 1
        if self.filters == 1 and plan.boxes.units == self.g.batch * self.g.groups:
            plan.run = max(1, min(self.g.groups, plan.boxes.units // (threads * TASKS_PER_THREAD)))
        plan.runs = tile_count(self.g.groups, plan.run)
        return plan


cdef void _box(const void* work, Py_ssize_t task, int thread) noexcept nogil:
    """One box of one channel for all its filters, or some whole planes of a filter each."""
    cdef const Operands* o = <const Operands*> work
    cdef const Layout* plan = o.plan
    cdef const fc_kernels* k = o.k
    cdef const Geometry* g = &plan.g
    cdef Py_ssize_t filters = g.out_channels // g.groups
    cdef Box box = box_at(g, &plan.boxes, task // plan.runs * g.groups + task % plan.runs * plan.run
                          if plan.run > 1 else task)
    cdef fc_windows w
    see_windows(&w, g, &o.x, &o.y, &box)
    w.relu = plan.relu
    w.weights_step = plan.taps * plan.size
    w.bias_step = plan.size
    w.out_step = o.y.channel
    w.input += box.group * o.x.channel
    w.out += box.group * filters * o.y.channel
    w.weights = o.weights + box.group * filters * w.weights_step
    w.bias = <const char*> NULL if o.bias == NULL else o.bias + box.group * filters * w.bias_step
    if plan.run > 1:
        w.count = min(plan.run, g.groups - box.group)
        w.input_step = o.x.channel
    else:
        w.count = filters
        w.input_step = 0
    if 2 * g.output[2] <= k.lanes:
        k.narrow_windows(&w)
    else:
        k.plane_windows(&w)
