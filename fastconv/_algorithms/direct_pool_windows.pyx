# Pooling with results in registers: lanes are neighbouring outputs of a row, or neighbouring channels of
# a pixel. Every tap is one load of its neighbours, de-interleaved for strides of 2 to 4; lanes outside
# the input are masked, so that borders cost no more. A window that is whole rows, as in global pooling, is
# folded along its rows instead. Planes of short rows are turned, so that lanes are channels. Other small
# planes are copied into a cache with their padding first, unless the places of maxima are wanted: then no lane
# lies outside, and all rows are one call.

import numpy as np

cimport numpy as cnp
from libc.math cimport INFINITY
from libc.stdint cimport uint8_t, uint16_t, uint32_t

from fastconv._algorithms._direct cimport tile_count
from fastconv._algorithms._packing cimport is_linear
from fastconv._core.arena cimport Scratch, acquire
from fastconv._core.geometry cimport Geometry, View, canonical, view_of
from fastconv._core.team cimport share
from fastconv._core.windows cimport Span, counted, counted_columns, end, inside, start
from fastconv._kernels.table cimport (
    FC_ARGMAX, FC_MAX, FC_SUM, fc_kernels, fc_pool, fc_pool_kernel, kernels,
)

cnp.import_array()

name = "direct_pool_windows"
kinds = ("max_pool", "argmax_pool", "avg_pool")
local = True

cdef enum:
    TASKS_PER_THREAD = 4
    # Planes so small are pooled together, row after row.
    NEAR_BYTES = 16 << 10
    # Planes are copied if they are no larger, and rows of outputs no more than so many vectors.
    MOST_COPIED = 8 << 10
    FEW_VECTORS = 4
    # As many planes as a vector has lanes are turned if they are no larger together.
    MOST_TURNED = 128 << 10
    SHORT = 4    # rows of outputs up to so many quarters of a vector
    TURNING = 2  # loads that a vector is turned in
    SLACK = 128  # bytes of a vector, or two

MOST_TAPS = 1 << 16  # whose numbers fit the lanes of any level


# What tasks work on.
cdef struct Work:
    Geometry g
    Py_ssize_t limit[3]      # where the input ends, maybe cropped
    View x, y, codes
    int op, code_size
    fc_pool_kernel kernel
    const fc_kernels* k
    bint last
    bint whole               # lanes run along the windows, one of which is computed at a time
    Py_ssize_t size          # bytes per element
    bint include_pad
    Py_ssize_t divisor
    const char* columns      # of averages: how many taps of each output's row count
    bint turned              # a vector's lanes of planes become channels of pixels, in `copies`
    bint padded              # planes are copied, with their padding, to where these are:
    char* copies             # one for each thread
    Py_ssize_t reach[3]      # elements of a copy
    Py_ssize_t copy_bytes
    Py_ssize_t planes, runs  # planes per task, tasks per image
    Py_ssize_t rows, parts   # output rows per task, tasks per run of planes


def supports(problem):
    if problem.dtype not in ("float32", "float64"):
        return f"has no kernels for {problem.dtype}"
    if problem.taps > MOST_TAPS:
        return f"is for windows of up to {MOST_TAPS} elements"
    return None


def estimate(problem, machine, prepacked):
    cdef Pool state = Pool(problem)
    cdef const Geometry* g = &state.work.g
    cdef Py_ssize_t lanes = state.k.lanes, rows = g.batch * g.output[0] * g.output[1]
    cdef Py_ssize_t vectors, calls, loads = g.kernel[0] * g.kernel[1] * g.kernel[2]
    state.lay_out(&state.work, machine.threads, True)
    if state.work.turned:
        blocks = g.batch * tile_count(g.in_channels, lanes)
        outputs = g.output[0] * g.output[1] * g.output[2]
        calls, vectors = blocks * g.output[0] * g.output[1] * 3, blocks * outputs
        loads += TURNING * (outputs + g.input[0] * g.input[1] * g.input[2]) // outputs
    elif state.work.last:
        calls = rows * g.output[2]
        vectors = calls * tile_count(g.in_channels, lanes)
    else:
        calls = rows * g.in_channels
        vectors = calls * tile_count(g.output[2], lanes)
        if state.work.whole:
            loads = tile_count(loads, lanes)
        elif g.stride[2] > 1:
            loads *= g.stride[2] if g.stride[2] <= 4 else 2 * lanes
    return machine.seconds(name, loads=vectors * loads, tiles=vectors, calls=calls, elements=problem.elements)


def workspace(problem, threads):
    cdef Pool state = Pool(problem)
    cdef Work w = state.work
    state.lay_out(&w, threads, True)
    return threads * w.copy_bytes if w.padded or w.turned else 0


def compile(problem):
    cdef Pool state = Pool(problem)
    cdef Work* w = &state.work
    if w.op == FC_SUM and not w.last and not w.divisor:
        state.columns = counted_columns(&w.g, w.include_pad).astype(problem.dtype)
    return state


def prepare(state, weight, threads):
    return None


def run(Pool state, packed, inputs, outputs, int threads):
    cdef Work w = state.work
    (x,), y = inputs, outputs[0]
    codes = outputs[1] if len(outputs) > 1 else None
    if not y.size:
        return
    w.x = view_of(x, state.last)
    w.y = view_of(y, state.last)
    targets = y, codes
    if _step(&w.x, w.last) != w.size:  # neighbours must be neighbours in memory
        x = np.ascontiguousarray(x)
        w.x = view_of(x, state.last)
    if _step(&w.y, w.last) != w.size:
        y = np.empty(y.shape, y.dtype)
        w.y = view_of(y, state.last)
    if codes is not None:
        w.op = FC_ARGMAX
        w.code_size = codes.dtype.itemsize
        w.codes = view_of(codes, state.last)
        if _step(&w.codes, w.last) != w.code_size:
            codes = np.empty(codes.shape, codes.dtype)
            w.codes = view_of(codes, state.last)
    w.kernel = state.k.pool_whole[w.op] if w.whole else state.k.pool[w.op]
    state.lay_out(&w, threads, is_linear(&w.x, w.g.input) and is_linear(&w.y, w.g.output)
                  and (codes is None or is_linear(&w.codes, w.g.output)))
    if w.op == FC_SUM and not w.last and not w.divisor and not w.turned:
        w.columns = <const char*> cnp.PyArray_DATA(state.columns)
    cdef Scratch scratch = acquire(threads * w.copy_bytes if w.padded or w.turned else 0)
    w.copies = scratch.data
    w.k = state.k
    with nogil:
        share(_pixels if w.last else _turned if w.turned else _padded_planes if w.padded else _planes, &w,
              w.g.batch * w.runs * w.parts, threads)
    for target, made in zip(targets, (y, codes)):
        if target is not made:
            target[...] = made


cdef Py_ssize_t _step(const View* v, bint last) noexcept:
    """Bytes between neighbouring lanes."""
    return v.channel if last else v.axis[2]


cdef class Pool:
    """A problem in C."""

    cdef Work work           # without the arrays
    cdef const fc_kernels* k
    cdef bint last
    cdef object columns      # of averages

    def __init__(self, problem):
        cdef Work* w = &self.work
        cdef int i
        self.last = problem.layout == "channels_last"
        # One channel last is a row, too.
        w.last = self.last and problem.in_channels > 1
        w.g = canonical(problem)
        for i in range(3):
            w.limit[i] = max(end(&w.g, i), <Py_ssize_t> 0)
        w.op = FC_SUM if problem.kind == "avg_pool" else FC_MAX
        w.size = 8 if problem.dtype == "float64" else 4
        w.include_pad = problem.count_include_pad
        w.divisor = problem.divisor
        self.k = kernels(1 if w.size == 8 else 0)
        w.whole = not w.last and w.g.output[2] == 1 and w.g.dilation[2] == 1
        w.whole = w.whole or not w.last and w.g.adaptive
        w.columns = NULL

    cdef void lay_out(self, Work* w, int threads, bint linear) noexcept:
        """How many rows and planes a task takes; `linear` planes have no gaps between rows."""
        cdef const Geometry* g = &w.g
        cdef Py_ssize_t inputs = g.input[0] * g.input[1] * g.input[2]
        cdef Py_ssize_t outputs = g.output[0] * g.output[1] * g.output[2]
        cdef Py_ssize_t rows = g.output[0] * g.output[1], wanted = threads * TASKS_PER_THREAD
        cdef int i
        cdef Py_ssize_t plane = w.limit[0] * w.limit[1] * w.limit[2] * w.size
        w.planes = w.runs = w.parts = 1
        w.rows = rows
        w.copy_bytes = 0
        w.padded = w.turned = False
        if g.batch == 0 or g.in_channels == 0 or outputs == 0:
            return
        w.planes = g.in_channels
        w.turned = (linear and inputs > 0 and not w.last and not w.whole and g.in_channels >= self.k.lanes
                    and g.output[2] <= self.k.lanes * SHORT // 4
                    and (inputs + outputs) * self.k.lanes * w.size <= MOST_TURNED)
        if w.turned:
            w.planes = self.k.lanes
            w.runs = tile_count(g.in_channels, w.planes)
            w.copy_bytes = ((inputs + 2 * outputs) * self.k.lanes * w.size + SLACK + 4095) // 4096 * 4096
            return
        if not w.last:
            w.planes = max(1, min(NEAR_BYTES // max(plane, 1), g.in_channels * g.batch // wanted))
        w.runs = tile_count(g.in_channels, w.planes)
        w.copy_bytes = w.size
        for i in range(3):
            w.reach[i] = (g.output[i] - 1) * g.stride[i] + (g.kernel[i] - 1) * g.dilation[i] + 1
            w.copy_bytes = min(w.copy_bytes, <Py_ssize_t> MOST_COPIED) * min(w.reach[i], <Py_ssize_t> MOST_COPIED)
        w.padded = (not w.last and not w.whole and w.op != FC_ARGMAX and w.copy_bytes <= MOST_COPIED
                    and g.output[2] <= FEW_VECTORS * self.k.lanes and g.in_channels * g.batch >= wanted)
        # Vectors read on behind the last row.
        w.copy_bytes = (w.copy_bytes + SLACK * g.stride[2] + 4095) // 4096 * 4096
        if w.padded:
            return
        w.parts = min(rows, max(1, tile_count(wanted, g.batch * w.runs)))
        w.rows = tile_count(rows, w.parts)
        w.parts = tile_count(rows, w.rows)


cdef double _see_row(const Work* w, fc_pool* p, Py_ssize_t row, const View* x) noexcept nogil:
    """The slices and rows of the windows of one row of outputs, from `x.data` on; how many count."""
    cdef const Geometry* g = &w.g
    cdef Py_ssize_t d = row // g.output[1], h = row % g.output[1]
    cdef Span depth = inside(g, 0, d), height = inside(g, 1, h)
    p.input = (x.data + (start(g, 0, d) + depth.start * g.dilation[0]) * x.axis[0]
               + (start(g, 1, h) + height.start * g.dilation[1]) * x.axis[1])
    p.slices = depth.stop - depth.start
    p.rows = height.stop - height.start
    p.slice = g.dilation[0] * x.axis[0]
    p.row = g.dilation[1] * x.axis[1]
    p.row_code = g.kernel[2]
    p.slice_code = g.kernel[1] * g.kernel[2]
    p.code = depth.start * p.slice_code + height.start * p.row_code
    p.code_size = w.code_size if w.op == FC_ARGMAX else 0
    p.codes = NULL
    p.divisors = NULL
    if w.divisor:
        return w.divisor
    if w.op != FC_SUM:
        return 1
    return max(1, counted(g, w.include_pad, 0, d) * counted(g, w.include_pad, 1, h))


cdef void _planes(const void* work, Py_ssize_t task, int thread) noexcept nogil:
    """Some rows of outputs of some planes."""
    cdef const Work* w = <const Work*> work
    cdef const Geometry* g = &w.g
    cdef Py_ssize_t part = task % w.parts, run = task // w.parts % w.runs, n = task // w.parts // w.runs
    cdef Py_ssize_t c = run * w.planes, row, d, h, o, code, height
    cdef Span taps
    cdef double rows
    cdef const char* first
    cdef View x = w.x
    cdef fc_pool p
    x.data += n * x.batch + c * x.channel
    p.pixels = min(w.planes, g.in_channels - c)
    p.input_step = x.channel
    p.out_step = w.y.channel
    p.codes_step = w.codes.channel
    p.taps = g.kernel[2]
    p.tap = g.dilation[2] * w.size
    p.start = -g.pad[2]
    p.step = g.dilation[2]
    p.stride = g.stride[2]
    p.extent = w.limit[2]
    p.count = g.output[2]
    for row in range(part * w.rows, min((part + 1) * w.rows, g.output[0] * g.output[1])):
        p.divisor = rows = _see_row(w, &p, row, &x)
        if not w.divisor:
            p.divisors = w.columns
        d = row // g.output[1]
        h = row % g.output[1]
        p.out = w.y.data + n * w.y.batch + c * w.y.channel + d * w.y.axis[0] + h * w.y.axis[1]
        if w.op == FC_ARGMAX:
            p.codes = w.codes.data + n * w.codes.batch + c * w.codes.channel + d * w.codes.axis[0] + h * w.codes.axis[1]
        if not w.whole:
            w.kernel(&p)
            continue
        first = p.input
        code = p.code
        height = p.rows
        for o in range(g.output[2]):
            taps = inside(g, 2, o)
            p.rows = height
            p.extent = taps.stop - taps.start
            p.input = first + (start(g, 2, o) + taps.start) * x.axis[2]
            p.code = code + taps.start
            if not w.divisor and w.op == FC_SUM:
                p.divisor = max(1.0, rows * counted(g, w.include_pad, 2, o))
            if p.row == p.extent * w.size:  # no gaps between rows
                if w.op != FC_ARGMAX or p.row_code == p.extent:
                    p.extent *= p.rows
                    p.rows = 1
            w.kernel(&p)
            p.out += w.size
            if w.op == FC_ARGMAX:
                p.codes += w.code_size


cdef void _pixels(const void* work, Py_ssize_t task, int thread) noexcept nogil:
    """Some rows of outputs, all channels."""
    cdef const Work* w = <const Work*> work
    cdef const Geometry* g = &w.g
    cdef Py_ssize_t part = task % w.parts, n = task // w.parts, row, d, h, o, run, code
    cdef double rows
    cdef const char* first
    cdef Span taps
    cdef View x = w.x
    cdef fc_pool p
    x.data += n * x.batch
    p.tap = g.dilation[2] * x.axis[2]
    p.start = p.step = 0
    p.stride = 1
    p.extent = p.count = g.in_channels
    p.input_step = g.stride[2] * x.axis[2]
    p.out_step = w.y.axis[2]
    p.codes_step = w.codes.axis[2]
    for row in range(part * w.rows, min((part + 1) * w.rows, g.output[0] * g.output[1])):
        rows = _see_row(w, &p, row, &x)
        first = p.input
        code = p.code
        d = row // g.output[1]
        h = row % g.output[1]
        o = 0
        while o < g.output[2]:
            taps = inside(g, 2, o)
            run = 1
            if taps.start == 0 and taps.stop == g.kernel[2] and not g.adaptive:
                # All windows that lie in the row.
                run = min(g.output[2] - o, (w.limit[2] - (g.kernel[2] - 1) * g.dilation[2] - 1 + g.pad[2]
                                            - o * g.stride[2]) // g.stride[2] + 1)
            p.taps = taps.stop - taps.start
            p.input = first + (start(g, 2, o) + taps.start * g.dilation[2]) * x.axis[2]
            p.pixels = run
            p.code = code + taps.start
            if p.taps == 0:
                p.rows = 0
                p.code = 0
            p.divisor = rows
            if w.op == FC_SUM and not w.divisor:
                p.divisor = max(1.0, rows * counted(g, w.include_pad, 2, o))
            p.out = w.y.data + n * w.y.batch + d * w.y.axis[0] + h * w.y.axis[1] + o * w.y.axis[2]
            if w.op == FC_ARGMAX:
                p.codes = (w.codes.data + n * w.codes.batch + d * w.codes.axis[0] + h * w.codes.axis[1]
                           + o * w.codes.axis[2])
            w.kernel(&p)
            o += run
            if p.taps == 0:
                _see_row(w, &p, row, &x)


cdef void _turned(const void* work, Py_ssize_t task, int thread) noexcept nogil:
    """As many planes as a vector has lanes, as pixels of so many channels."""
    cdef const Work* w = <const Work*> work
    cdef Work t = w[0]
    cdef Py_ssize_t lanes = w.planes, pixel = lanes * w.size, inputs = 1, outputs = 1, i, c
    cdef Py_ssize_t n = task // w.runs, channel = min(task % w.runs * lanes, w.g.in_channels - lanes)
    cdef char* y = w.y.data + n * w.y.batch + channel * w.y.channel
    cdef char* codes = w.codes.data + n * w.codes.batch + channel * w.codes.channel
    cdef int axis
    t.g.batch = 1
    t.g.in_channels = lanes
    t.x.data = w.copies + thread * w.copy_bytes
    for axis in range(2, -1, -1):
        t.x.axis[axis] = inputs * pixel
        t.y.axis[axis] = outputs * pixel
        t.codes.axis[axis] = outputs * lanes * w.code_size
        inputs *= w.g.input[axis]
        outputs *= w.g.output[axis]
    t.y.data = t.x.data + inputs * pixel
    t.codes.data = t.y.data + outputs * pixel
    w.k.transpose(w.x.data + n * w.x.batch + channel * w.x.channel, w.x.channel, t.x.data, pixel, lanes, inputs, 1)
    _pixels(&t, 0, thread)
    w.k.transpose(t.y.data, pixel, y, w.y.channel, outputs, lanes, 1)
    if w.op != FC_ARGMAX:
        return
    for c in range(lanes):
        if w.code_size == 1:
            _turn_codes(<uint8_t*> t.codes.data + c, lanes, <uint8_t*> (codes + c * w.codes.channel), outputs)
        elif w.code_size == 2:
            _turn_codes(<uint16_t*> t.codes.data + c, lanes, <uint16_t*> (codes + c * w.codes.channel), outputs)
        else:
            _turn_codes(<uint32_t*> t.codes.data + c, lanes, <uint32_t*> (codes + c * w.codes.channel), outputs)


ctypedef fused code_t:
    uint8_t
    uint16_t
    uint32_t


cdef void _turn_codes(const code_t* codes, Py_ssize_t step, code_t* to, Py_ssize_t count) noexcept nogil:
    """Codes of one plane side by side."""
    cdef Py_ssize_t i
    for i in range(count):
        to[i] = codes[i * step]


cdef void _padded_planes(const void* work, Py_ssize_t task, int thread) noexcept nogil:
    """Some planes, each from a copy with its padding."""
    cdef const Work* w = <const Work*> work
    cdef const Geometry* g = &w.g
    cdef Py_ssize_t run = task % w.runs, n = task // w.runs, c, d, row, row_bytes = w.reach[2] * w.size
    cdef Py_ssize_t slice_bytes = w.reach[1] * row_bytes
    cdef char* copy = w.copies + thread * w.copy_bytes
    cdef bint uniform = w.op != FC_SUM or w.divisor
    cdef View x
    cdef fc_pool p
    _fill(copy, w.reach[0] * w.reach[1] * w.reach[2], w.size, w.op)
    p.slices = g.kernel[0]
    p.rows = g.kernel[1]
    p.taps = g.kernel[2]
    p.slice = g.dilation[0] * slice_bytes
    p.row = g.dilation[1] * row_bytes
    p.tap = g.dilation[2] * w.size
    p.start = 0
    p.step = g.dilation[2]
    p.stride = g.stride[2]
    p.extent = <Py_ssize_t> 1 << 60  # nothing is outside
    p.count = g.output[2]
    p.codes = NULL
    p.code = p.slice_code = p.row_code = p.codes_step = 0
    p.code_size = 0
    p.divisor = w.divisor
    p.divisors = <const char*> NULL if w.divisor else w.columns
    p.input_step = g.stride[1] * row_bytes
    p.out_step = w.y.axis[1]
    for c in range(run * w.planes, min((run + 1) * w.planes, g.in_channels)):
        x = w.x
        x.data += n * x.batch + c * x.channel
        _copy_plane(w, &x, copy)
        for d in range(g.output[0]):
            p.input = copy + d * g.stride[0] * slice_bytes
            p.out = w.y.data + n * w.y.batch + c * w.y.channel + d * w.y.axis[0]
            p.pixels = g.output[1] if uniform else 1
            for row in range(1 if uniform else g.output[1]):
                if not uniform:
                    p.divisor = max(1, counted(g, w.include_pad, 0, d) * counted(g, w.include_pad, 1, row))
                w.kernel(&p)
                p.input += p.input_step
                p.out += p.out_step


cdef void _copy_plane(const Work* w, const View* x, char* copy) noexcept nogil:
    """The elements of a plane to where they lie between their padding."""
    cdef const Geometry* g = &w.g
    cdef Py_ssize_t to[3]
    cdef Py_ssize_t from_[3]
    cdef Py_ssize_t count[3]
    cdef Py_ssize_t d, row_bytes = w.reach[2] * w.size
    cdef const char* source = x.data
    cdef int i
    for i in range(3):
        to[i] = max(g.pad[i], <Py_ssize_t> 0)
        from_[i] = max(-g.pad[i], <Py_ssize_t> 0)
        count[i] = min(w.limit[i] - from_[i], w.reach[i] - to[i])
        source += from_[i] * x.axis[i]
    if count[1] <= 0 or count[2] <= 0:
        return
    for d in range(count[0]):
        w.k.copy(source + d * x.axis[0], x.axis[1],
                 copy + ((to[0] + d) * w.reach[1] + to[1]) * row_bytes + to[2] * w.size, row_bytes,
                 count[1], count[2], 1)


cdef void _fill(char* copy, Py_ssize_t count, Py_ssize_t size, int op) noexcept nogil:
    """What never wins, or adds nothing."""
    cdef Py_ssize_t i
    cdef double neutral = 0 if op == FC_SUM else -INFINITY
    for i in range(count):
        if size == 4:
            (<float*> copy)[i] = <float> neutral
        else:
            (<double*> copy)[i] = neutral
