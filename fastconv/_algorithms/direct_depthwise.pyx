# Direct depthwise convolution: every lane is a channel of its own, so a tile is some neighbouring
# pixels x one vector of channels. Where channels are neighbours, windows are read in place; else a
# task brings a box of one vector of channels, pixel after pixel, into the nearest caches, and its
# outputs back (channels-first planes are transposed on the way in and out).

import numpy as np

cimport numpy as cnp

from fastconv._algorithms._direct import supports as _supports, too_sparse
from fastconv._algorithms._boxes cimport Box, Boxes, box_at, reach, share_out
from fastconv._algorithms._direct cimport Direct, tile_count
from fastconv._algorithms._packing cimport Pixels, pack_pixels, pixels_of, unpack_pixels
from fastconv._algorithms._windows cimport see_windows
from fastconv._core.arena cimport Scratch, acquire
from fastconv._core.arrays import contiguous
from fastconv._core.geometry cimport FILLED, Geometry, View, view_of
from fastconv._core.team cimport share
from fastconv._kernels.table cimport FC_SIGNALS, fc_kernels, fc_signal, fc_windows

cnp.import_array()

name = "direct_depthwise"
kinds = ("conv",)
local = True

cdef enum:
    LINE = 8  # pixels of a tile, at most
    LONG = 4  # taps of a run, from which on several of them share what is loaded
    # Vectors of channels share tasks, up to so many, where so many tasks are left for each thread.
    MOST_VECTORS = 4
    TASKS_PER_THREAD = 4


# How one problem runs for some threads and arrays.
cdef struct Layout:
    Geometry g               # every vector of channels a group
    bint in_place            # both arrays have channels as neighbours
    Py_ssize_t channels
    Py_ssize_t lanes, size   # channels per vector, bytes per element
    Py_ssize_t taps
    bint relu
    bint long                # runs of many taps
    Py_ssize_t kernel_runs   # those taps of the kernel's rows that lie a stride apart
    Boxes boxes
    Py_ssize_t lead          # the first channel whose vectors lie in whole cache lines
    Py_ssize_t run, runs     # channels per task, tasks per box
    Pixels packed
    Py_ssize_t outputs       # bytes of a box's outputs, for channels-first


cdef struct Operands:
    const Layout* plan
    const fc_kernels* k
    View x
    View y
    const char* weights      # (taps, channels)
    const char* bias
    char* packed             # boxes of all threads, and tables of runs


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
    cdef Layout plan = state.lay_out(machine.threads, state.last)
    outputs = problem.macs // problem.taps
    vectors = outputs // problem.in_channels * state.blocks
    boxes = 0 if state.last else plan.boxes.units
    return machine.seconds(
        name,
        # Several taps of a row share what is loaded, where there are many.
        flops=2 * vectors * state.k.lanes * problem.taps * (0.6 if plan.long else 1),
        tiles=tile_count(vectors, LINE),
        moved=boxes * plan.packed.bytes // plan.size,
        rows=boxes * plan.packed.rows,
        outputs=0 if state.last else outputs,
        elements=problem.elements,
    )


def workspace(problem, threads):
    cdef Depthwise state = Depthwise(problem)
    cdef Layout plan = state.lay_out(threads, state.last)
    return _scratch_bytes(&plan, threads)


def compile(problem):
    return Depthwise(problem)


def prepare(Depthwise state, weight, threads):
    """Weights as (taps, channels)."""
    cdef Py_ssize_t size = state.size, taps = state.taps, tap = _tap_bytes(state.g.in_channels, size)
    weight = contiguous(weight, state.dtype)
    cdef Scratch packed = acquire(taps * tap)
    state.k.transpose(<const char*> cnp.PyArray_DATA(weight), taps * size, packed.data, tap,
                      state.g.in_channels, taps, 1)
    return packed


def run(Depthwise state, Scratch packed, inputs, outputs, threads):
    x, bias = inputs
    (y,) = outputs
    if bias is not None:
        bias = contiguous(bias, state.dtype)
    cdef int workers = threads
    cdef Operands o
    o.x = state.input_view(x)
    o.y = view_of(y, state.last)
    o.weights = packed.data
    o.bias = state.bias(bias)
    cdef Layout plan = state.lay_out(workers, o.x.channel == o.y.channel == state.size)
    state.share_channels(&plan, &o.x, workers)
    cdef Scratch scratch = acquire(_scratch_bytes(&plan, workers))
    o.packed = scratch.data
    o.plan = &plan
    o.k = state.k
    with nogil:
        # Neighbouring channels share cache lines: each thread begins with a run of neighbours.
        share(_box, &o, plan.boxes.units // plan.g.groups * plan.runs, workers)


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

    cdef Layout lay_out(self, int threads, bint in_place) noexcept nogil:
        """Boxes for this many threads."""
        cdef Layout plan
        plan.g = self.g
        plan.g.groups = self.blocks
        # Where the input lies, there is nothing around it.
        plan.in_place = in_place and self.g.padding == FILLED and self.g.fill == 0
        plan.channels = self.g.in_channels
        plan.taps = self.taps
        plan.lanes = self.k.lanes
        plan.size = self.size
        plan.relu = self.relu
        plan.long = self.has_long_runs()
        plan.kernel_runs = self.g.kernel[0] * self.g.kernel[1] * self.g.stride[2] if plan.long else 0
        # A box's outputs take about as much of the cache as its inputs.
        plan.boxes = share_out(&plan.g, False, LINE, 1, 2 * plan.lanes * plan.size, 0, False, threads)
        plan.packed = pixels_of(&plan.g, plan.boxes.size, plan.lanes, True, plan.size)
        plan.outputs = (plan.boxes.size[0] * plan.boxes.size[1] * plan.boxes.size[2] * plan.lanes
                        * plan.size + 4095) // 4096 * 4096
        return plan

    cdef bint has_long_runs(self) noexcept nogil:
        """Whether runs share what they load; `pixel_windows` does for five neighbours, where strides allow."""
        cdef Py_ssize_t kernel = self.g.kernel[2], stride = self.g.stride[2]
        if self.g.dilation[2] == 1:
            return tile_count(kernel, stride) >= LONG and not (kernel == 5 and stride <= 2)
        return kernel >= LONG and stride == 1

    cdef void share_channels(self, Layout* plan, const View* x, int threads) noexcept nogil:
        """How many channels a task takes."""
        cdef Py_ssize_t vector = plan.lanes * plan.size, offset = <Py_ssize_t> (<size_t> x.data % vector)
        plan.lead = 0
        plan.run = plan.lanes
        if plan.in_place:
            plan.run *= max(1, min(MOST_VECTORS, plan.boxes.units // (threads * TASKS_PER_THREAD)))
            # One more vector is worth it where all others then lie in whole cache lines.
            if offset % plan.size == 0 and x.axis[2] % vector == 0 and plan.channels >= 8 * plan.lanes:
                plan.lead = (vector - offset) % vector // plan.size
        plan.runs = tile_count(plan.channels - plan.lead, plan.run)


cdef Py_ssize_t _tap_bytes(Py_ssize_t channels, Py_ssize_t size) noexcept nogil:
    """From tap to tap: an odd number of cache lines, so that taps fall into different cache sets."""
    return ((channels * size + 63) // 64 | 1) * 64


cdef Py_ssize_t _scratch_bytes(const Layout* plan, int threads) noexcept nogil:
    return threads * _thread_bytes(plan)


cdef Py_ssize_t _thread_bytes(const Layout* plan) noexcept nogil:
    return _run_bytes(plan) + (0 if plan.in_place else plan.packed.bytes + plan.outputs)


cdef Py_ssize_t _run_bytes(const Layout* plan) noexcept nogil:
    """Tables of a long kernel's runs."""
    return 3 * plan.kernel_runs * <Py_ssize_t> sizeof(Py_ssize_t)


cdef void _box(const void* work, Py_ssize_t task, int thread) noexcept nogil:
    """One box of some channels; tasks are numbered over (image, box, run of channels)."""
    cdef const Operands* o = <const Operands*> work
    cdef const Layout* plan = o.plan
    cdef const fc_kernels* k = o.k
    cdef const Geometry* g = &plan.g
    cdef Py_ssize_t count = plan.boxes.count[0] * plan.boxes.count[1] * plan.boxes.count[2]
    cdef Py_ssize_t place = task // plan.runs, run = task % plan.runs
    cdef Py_ssize_t stop = min(plan.lead + (run + 1) * plan.run, plan.channels)
    # The last channels are a whole vector, too.
    cdef Py_ssize_t channel = min(plan.lead + run * plan.run if run else 0, plan.channels - plan.lanes)
    cdef Box box = box_at(g, &plan.boxes, place // count * g.groups * count + place % count)
    cdef char* packed = o.packed + thread * _thread_bytes(plan)
    cdef fc_windows w
    see_windows(&w, g, &o.x, &o.y, &box)
    w.input += channel * o.x.channel
    w.out += channel * o.y.channel
    w.weights = o.weights + channel * plan.size
    w.weights_step = _tap_bytes(plan.channels, plan.size)
    w.bias = <const char*> NULL if o.bias == NULL else o.bias + channel * plan.size
    w.count = stop - channel
    w.lead = 0 if run else plan.lead
    w.relu = plan.relu
    if plan.in_place:
        _windows(plan, k, &w, packed)
    else:
        _packed_windows(plan, k, o, &w, &box, channel, packed)


cdef void _packed_windows(const Layout* plan, const fc_kernels* k, const Operands* o, fc_windows* w,
                          const Box* box, Py_ssize_t channel, char* packed) noexcept nogil:
    """One vector of channels, packed and, where its outputs are no neighbours, unpacked."""
    cdef const Geometry* g = &plan.g
    cdef char* gathered = packed + plan.packed.bytes
    cdef char* tables = gathered + plan.outputs
    cdef char* out = w.out
    cdef View x = o.x
    cdef int i
    x.data += box.image * x.batch + channel * x.channel
    pack_pixels(g, &plan.packed, &x, box, packed, 0, plan.packed.rows, plan.size, k)
    w.input = packed
    w.axis = [plan.packed.slice, plan.packed.row, plan.packed.pixel]
    for i in range(3):
        w.extent[i] = plan.packed.extent[i]
        w.origin[i] = 0
    if o.y.channel == plan.size:
        _windows(plan, k, w, tables)
        return
    w.out = gathered
    w.out_axis = [box.output[1] * box.output[2] * plan.packed.pixel,
                  box.output[2] * plan.packed.pixel, plan.packed.pixel]
    _windows(plan, k, w, tables)
    unpack_pixels(&o.y, box.output, gathered, plan.packed.pixel, 0,
                  box.output[0] * box.output[1] * box.output[2], plan.lanes, out, plan.size, k)


cdef void _windows(const Layout* plan, const fc_kernels* k, fc_windows* w, char* tables) noexcept nogil:
    """A box of windows of some channels; where runs have many taps, those inside as signals."""
    cdef Py_ssize_t outputs = w.outputs[2], reach = (w.kernel[2] - 1) * w.dilation[2], origin = w.origin[2]
    cdef Py_ssize_t stride = w.stride[2], room = w.extent[2] - reach - origin, d, h
    cdef Py_ssize_t first = min(tile_count(max(-origin, <Py_ssize_t> 0), stride), outputs)
    cdef Py_ssize_t last = max(min(tile_count(room, stride) if room > 0 else 0, outputs), first)
    cdef char* out = w.out
    if not plan.long or (last - first) // w.dilation[2] < k.signal_rows:
        k.pixel_windows(w)
        return
    for d in range(w.outputs[0]):
        for h in range(w.outputs[1]):
            _row(plan, k, w, d, h, first, last, <Py_ssize_t*> tables)
    # The columns whose windows reach outside.
    w.outputs[2] = first
    if first:
        k.pixel_windows(w)
    w.outputs[2] = outputs - last
    w.origin[2] = origin + last * stride
    w.out = out + last * w.out_axis[2]
    if last < outputs:
        k.pixel_windows(w)


cdef void _row(const Layout* plan, const fc_kernels* k, const fc_windows* w, Py_ssize_t d, Py_ssize_t h,
               Py_ssize_t first, Py_ssize_t last, Py_ssize_t* tables) noexcept nogil:
    """Outputs [first, last) of a row, whose windows lie inside along it.

    A run holds the taps of a kernel's row that lie a stride apart. Dilated, the outputs of a phase follow each other.
    """
    cdef Py_ssize_t runs = plan.kernel_runs, stride = w.stride[2], a, b, c, depth, height, channel, offset
    cdef Py_ssize_t count, part, most, at, size
    cdef const char* input = w.input + (w.origin[2] + first * stride) * w.axis[2]
    cdef char* out = w.out + d * w.out_axis[0] + h * w.out_axis[1] + first * w.out_axis[2]
    cdef fc_signal t
    t.runs = tables
    t.run_weights = tables + runs
    t.taps = tables + 2 * runs
    t.count = 0
    t.step = w.dilation[2] * stride * w.axis[2]
    t.weight_step = stride * w.weights_step
    t.out_step = w.dilation[2] * w.out_axis[2]
    t.relu = w.relu
    for a in range(w.kernel[0]):
        depth = w.origin[0] + d * w.stride[0] + a * w.dilation[0]
        for b in range(w.kernel[1]):
            height = w.origin[1] + h * w.stride[1] + b * w.dilation[1]
            if not (0 <= depth < w.extent[0] and 0 <= height < w.extent[1]):
                continue
            for c in range(min(stride, w.kernel[2])):
                tables[t.count] = depth * w.axis[0] + height * w.axis[1] + c * w.axis[2]
                tables[runs + t.count] = ((a * w.kernel[1] + b) * w.kernel[2] + c) * w.weights_step
                tables[2 * runs + t.count] = tile_count(w.kernel[2] - c, stride)
                t.count += 1
    size = plan.size
    channel = 0
    while channel < w.count:
        # The last channels are a whole vector, too.
        channel = min(channel, w.count - k.lanes)
        t.weights = w.weights + channel * size
        t.bias = <const char*> NULL if w.bias == NULL else w.bias + channel * size
        for offset in range(w.dilation[2]):
            count = tile_count(last - first - offset, w.dilation[2])
            most = min(count // k.signal_rows, <Py_ssize_t> FC_SIGNALS)
            at = 0
            while at < count:
                # The last outputs are as many as a kernel makes, too.
                part = min(tile_count(count - at, k.signal_rows), most)
                at = min(at, count - part * k.signal_rows)
                t.input = input + channel * size + offset * stride * w.axis[2] + at * t.step
                t.out = out + channel * size + offset * w.out_axis[2] + at * t.out_step
                k.signals[part](&t)
                at += part * k.signal_rows
        channel += k.lanes
