# What pooling passes back, in one pass over the gradient to the input, each element of which belongs
# to one task. Channels last: an element gathers from the windows that see it, lanes along the channels.
# Channels first: averages gather the rows of windows that see a row, and widen the sum along it; maxima
# scatter, window by window in row-major order, within the rows or planes of a task.

import numpy as np

cimport numpy as cnp
from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.string cimport memcpy, memset

from fastconv._algorithms._direct cimport tile_count
from fastconv._core.arena cimport Scratch, acquire
from fastconv._core.geometry cimport Geometry, View, canonical, view_of
from fastconv._core.team cimport share
from fastconv._core.windows cimport Span, end, inside, reaching, start
from fastconv._kernels.table cimport FC_SPREAD_WINDOWS, fc_kernels, fc_spread, kernels

cnp.import_array()

name = "direct_pool_gradients"
kinds = ("grad_max_pool", "grad_avg_pool")
local = True

cdef enum:
    TASKS_PER_THREAD = 4
    NEAR_BYTES = 16 << 10   # planes of a task are no more, or one
    ROWS = 512              # of windows that may see a row, of which a task remembers where they are
    MOST_SEEN = 16          # windows that see an element: for maxima of more, scattering is faster
    FEWEST_LANES = 4        # channels that are worth gathering
    OFFSETS = 256           # taps whose places a task looks up


# What tasks work on.
cdef struct Work:
    Geometry g
    Py_ssize_t limit[3]     # where the input ends, maybe cropped
    View x, y, codes        # gradients to input and output
    const fc_kernels* k
    bint last, gather, maximum
    Py_ssize_t size, code_size
    double divisor
    Py_ssize_t planes, runs          # planes per task, tasks per image
    Py_ssize_t units, rows, parts    # what tasks part planes into; of it per task, tasks
    Py_ssize_t outer                 # scattering: the axis whose elements these are
    Py_ssize_t offsets[OFFSETS]      # bytes from a window's begin to a tap; -1 behind the last one
    char* scratch                    # rows of sums, one for each thread
    Py_ssize_t scratch_bytes


def supports(problem):
    if problem.dtype not in ("float32", "float64"):
        return f"has no kernels for {problem.dtype}"
    cdef Gradient state = Gradient(problem)
    cdef Geometry* g = &state.work.g
    if not state.work.maximum or state.work.gather:
        if _windows(g, 0) * _windows(g, 1) > ROWS:
            return f"is for elements that up to {ROWS} rows of windows see"
    return None


cdef Py_ssize_t _windows(const Geometry* g, int axis) noexcept:
    """How many windows at most see an element, along one axis; ROWS + 1 for more than that."""
    cdef Py_ssize_t most = g.kernel[axis] if g.dilation[axis] > 1 else tile_count(g.kernel[axis], g.stride[axis])
    if g.adaptive:
        most = g.output[axis] // g.input[axis] + 2
    return min(most, g.output[axis], <Py_ssize_t> ROWS + 1)


def estimate(problem, machine, prepacked):
    return machine.seconds(name, moved=problem.elements)


def workspace(problem, threads):
    cdef Gradient state = Gradient(problem)
    return threads * state.work.scratch_bytes


def compile(problem):
    return Gradient(problem)


def prepare(state, weight, threads):
    return None


def run(Gradient state, packed, inputs, outputs, int threads):
    cdef Work w = state.work
    y, codes = inputs if w.maximum else (inputs[0], None)
    (x,) = outputs
    if not x.size:
        return
    target = x
    if _step(x, state.last, w.last) != w.size:  # neighbours must be neighbours in memory
        x = np.empty(x.shape, x.dtype)
    if _step(y, state.last, w.last) != w.size:
        y = np.ascontiguousarray(y)
    w.x = view_of(x, state.last)
    w.y = view_of(y, state.last)
    if w.maximum:
        if _step(codes, state.last, w.last) != codes.itemsize:
            codes = np.ascontiguousarray(codes)
        w.codes = view_of(codes, state.last)
        w.code_size = codes.itemsize
    state.lay_out(&w, threads)
    cdef Scratch scratch = acquire(threads * w.scratch_bytes)
    w.scratch = scratch.data
    cdef Py_ssize_t tasks = w.g.batch * w.runs * w.parts
    with nogil:
        if w.gather:
            share(_gather, &w, tasks, threads)
        elif w.maximum:
            share(_scatter, &w, tasks, threads)
        else:
            share(_widen, &w, tasks, threads)
    if target is not x:
        target[...] = x


cdef Py_ssize_t _step(array, bint channels_last, bint lanes_are_channels) except -1:
    """Bytes between neighbouring lanes; 0 if they overlap, or are in the wrong order."""
    cdef View v = view_of(array, channels_last)
    return max(v.channel if lanes_are_channels else v.axis[2], <Py_ssize_t> 0)


cdef class Gradient:
    """A problem in C."""

    cdef Work work           # without the arrays
    cdef bint last

    def __init__(self, problem):
        cdef Work* w = &self.work
        cdef Py_ssize_t seen = 1
        cdef int i
        self.last = problem.layout == "channels_last"
        # One channel last is a row, too.
        w.last = self.last and problem.in_channels > 1
        w.g = canonical(problem)
        w.maximum = problem.kind == "grad_max_pool"
        w.size = 8 if problem.dtype == "float64" else 4
        w.divisor = problem.divisor or 1
        w.k = kernels(1 if w.size == 8 else 0)
        for i in range(3):
            w.limit[i] = max(end(&w.g, i), <Py_ssize_t> 0)
            seen *= _windows(&w.g, i)
        w.gather = w.last
        if w.maximum and (seen > MOST_SEEN or w.g.in_channels < FEWEST_LANES):
            w.gather = False
        w.outer = 0 if w.g.input[0] > 1 else 1 if w.g.input[1] > 1 else 2
        w.scratch_bytes = 0
        if not w.gather and not w.maximum:
            w.scratch_bytes = (w.g.output[2] * w.size + 4095) // 4096 * 4096

    cdef void lay_out(self, Work* w, int threads) noexcept:
        """Which planes and rows a task takes, and where taps are."""
        cdef const Geometry* g = &w.g
        cdef Py_ssize_t wanted = threads * TASKS_PER_THREAD, tap, units
        cdef Py_ssize_t plane = g.input[0] * g.input[1] * g.input[2] * w.size
        w.planes = g.in_channels
        if not w.last:
            w.planes = max(1, min(NEAR_BYTES // max(plane, 1), g.in_channels * g.batch // wanted))
        w.runs = tile_count(g.in_channels, w.planes)
        if w.gather:
            units = g.input[0] * g.input[1] * g.input[2]
        elif w.maximum:
            units = g.input[w.outer]
        else:
            units = g.input[0] * g.input[1]
        w.units = units
        w.parts = 1 if threads == 1 else min(units, max(<Py_ssize_t> 1, tile_count(wanted, g.batch * w.runs)))
        w.rows = tile_count(units, w.parts)
        w.parts = tile_count(units, w.rows)
        for tap in range(OFFSETS):
            w.offsets[tap] = _offset(w, tap)


cdef void _gather(const void* work, Py_ssize_t task, int thread) noexcept nogil:
    """Some pixels, all channels."""
    cdef const Work* w = <const Work*> work
    cdef const Geometry* g = &w.g
    cdef Py_ssize_t part = task % w.parts, n = task // w.parts, pixel, row = -1, d = 0, h = 0, i, o, at, tap
    cdef Py_ssize_t rows = 0
    cdef const char* gradients[ROWS]
    cdef const char* codes[ROWS]
    cdef Py_ssize_t code[ROWS]
    cdef Span windows
    cdef fc_spread s
    s.count = g.in_channels
    s.code_size = w.code_size if w.maximum else 0
    for pixel in range(part * w.rows, min((part + 1) * w.rows, w.units)):
        if pixel // g.input[2] != row:
            row = pixel // g.input[2]
            d = row // g.input[1]
            h = row % g.input[1]
            rows = _seeing(w, n, d, h, gradients, codes, code)
        at = pixel % g.input[2]
        s.out = w.x.data + n * w.x.batch + d * w.x.axis[0] + h * w.x.axis[1] + at * w.x.axis[2]
        s.onto = 0
        s.windows = 0
        s.divisor = 1
        windows = reaching(g, 2, at)
        for i in range(rows if at < w.limit[2] else 0):
            for o in range(windows.start, windows.stop):
                tap = at - start(g, 2, o)
                if g.dilation[2] > 1:
                    if tap % g.dilation[2]:
                        continue
                    tap //= g.dilation[2]
                if s.windows == FC_SPREAD_WINDOWS:
                    w.k.spread(&s)
                    s.onto = 1
                    s.windows = 0
                s.gradients[s.windows] = gradients[i] + o * w.y.axis[2]
                if w.maximum:
                    s.codes[s.windows] = codes[i] + o * w.codes.axis[2]
                    s.code[s.windows] = <uint32_t> (code[i] + tap)
                s.windows += 1
        s.divisor = w.divisor
        w.k.spread(&s)


cdef Py_ssize_t _seeing(const Work* w, Py_ssize_t n, Py_ssize_t d, Py_ssize_t h, const char** gradients,
                        const char** codes, Py_ssize_t* code) noexcept nogil:
    """How many rows of windows see a row of elements, where they are, and what their first tap there is."""
    cdef const Geometry* g = &w.g
    cdef Span depths = reaching(g, 0, d), heights = reaching(g, 1, h)
    cdef Py_ssize_t od, oh, kd, kh, found = 0
    if d >= w.limit[0] or h >= w.limit[1]:
        return 0
    for od in range(depths.start, depths.stop):
        kd = d - start(g, 0, od)
        if kd % g.dilation[0]:
            continue
        for oh in range(heights.start, heights.stop):
            kh = h - start(g, 1, oh)
            if kh % g.dilation[1]:
                continue
            gradients[found] = w.y.data + n * w.y.batch + od * w.y.axis[0] + oh * w.y.axis[1]
            if w.maximum:
                codes[found] = w.codes.data + n * w.codes.batch + od * w.codes.axis[0] + oh * w.codes.axis[1]
                code[found] = (kd // g.dilation[0] * g.kernel[1] + kh // g.dilation[1]) * g.kernel[2]
            found += 1
    return found


cdef void _widen(const void* work, Py_ssize_t task, int thread) noexcept nogil:
    """Some rows of some planes: the rows of windows that see them, added up, and widened along the row."""
    cdef const Work* w = <const Work*> work
    cdef const Geometry* g = &w.g
    cdef Py_ssize_t part = task % w.parts, run = task // w.parts % w.runs, n = task // w.parts // w.runs
    cdef Py_ssize_t c, row, d, h, rows, i, before = -1
    cdef const char* gradients[ROWS]
    cdef const char* first[ROWS]
    cdef char* sums = w.scratch + thread * w.scratch_bytes
    cdef char* to
    cdef char* above
    cdef fc_spread s
    s.count = g.output[2]
    s.code_size = 0
    s.out = sums
    for c in range(run * w.planes, min((run + 1) * w.planes, g.in_channels)):
        above = NULL
        for row in range(part * w.rows, min((part + 1) * w.rows, w.units)):
            d = row // g.input[1]
            h = row % g.input[1]
            rows = _seeing(w, n, d, h, gradients, NULL, NULL)
            to = w.x.data + n * w.x.batch + c * w.x.channel + d * w.x.axis[0] + h * w.x.axis[1]
            if above != NULL and rows == before and _equal(gradients, first, rows):
                memcpy(to, above, g.input[2] * w.size)
                continue
            before = rows
            above = to
            s.onto = 0
            s.windows = 0
            s.divisor = 1
            for i in range(rows):
                first[i] = gradients[i]
                if s.windows == FC_SPREAD_WINDOWS:
                    w.k.spread(&s)
                    s.onto = 1
                    s.windows = 0
                s.gradients[s.windows] = gradients[i] + c * w.y.channel
                s.windows += 1
            s.divisor = w.divisor
            w.k.spread(&s)
            if g.adaptive:
                _widen_parts(w, to, sums)
                continue
            w.k.widen(to, w.limit[2], sums, g.output[2], g.kernel[2], g.dilation[2], g.stride[2], -g.pad[2])
            memset(to + w.limit[2] * w.size, 0, (g.input[2] - w.limit[2]) * w.size)


cdef bint _equal(const char** a, const char** b, Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(count):
        if a[i] != b[i]:
            return False
    return True


cdef void _widen_parts(const Work* w, char* to, const char* sums) noexcept nogil:
    """A row of elements, from windows that part it."""
    cdef Span windows
    cdef Py_ssize_t i, o
    for i in range(w.g.input[2]):
        windows = reaching(&w.g, 2, i)
        if w.size == 4:
            (<float*> to)[i] = 0
            for o in range(windows.start, windows.stop):
                (<float*> to)[i] += (<const float*> sums)[o]
        else:
            (<double*> to)[i] = 0
            for o in range(windows.start, windows.stop):
                (<double*> to)[i] += (<const double*> sums)[o]


ctypedef fused value_t:
    float
    double


cdef void _scatter(const void* work, Py_ssize_t task, int thread) noexcept nogil:
    """Some planes, or a part of one."""
    cdef const Work* w = <const Work*> work
    cdef Py_ssize_t part = task % w.parts, run = task // w.parts % w.runs, n = task // w.parts // w.runs, c
    for c in range(run * w.planes, min((run + 1) * w.planes, w.g.in_channels)):
        if w.size == 4:
            _scatter_plane[float](w, n, c, part, 0)
        else:
            _scatter_plane[double](w, n, c, part, 0)


cdef void _scatter_plane(const Work* w, Py_ssize_t n, Py_ssize_t c, Py_ssize_t part, value_t zero) noexcept nogil:
    """A plane, or a part of it: what its windows pass back to the elements of the part."""
    cdef const Geometry* g = &w.g
    cdef char* plane = w.x.data + n * w.x.batch + c * w.x.channel
    cdef const char* gradients
    cdef const char* codes
    cdef char* at
    cdef Py_ssize_t low[3]
    cdef Py_ssize_t high[3]
    cdef Span windows[3]
    cdef Py_ssize_t i, d, h, o, od, oh, code, offset, inner, outer, step = w.x.axis[2]
    cdef bint whole
    for i in range(3):
        low[i] = 0
        high[i] = g.input[i]
    low[w.outer] = part * w.rows
    high[w.outer] = min((part + 1) * w.rows, g.input[w.outer])
    for d in range(low[0], high[0]):
        for h in range(low[1], high[1]):
            _clear(plane + d * w.x.axis[0] + h * w.x.axis[1] + low[2] * step, step, high[2] - low[2], w.size)
    for i in range(3):
        high[i] = min(high[i], w.limit[i])
        if low[i] >= high[i]:
            return
        windows[i].start = reaching(g, i, low[i]).start
        windows[i].stop = reaching(g, i, high[i] - 1).stop
    # Windows that lie in the part look places up.
    inner, outer = windows[2].start, windows[2].start
    if not g.adaptive:
        while inner < windows[2].stop and start(g, 2, inner) < low[2]:
            inner += 1
        outer = inner
        while outer < windows[2].stop and start(g, 2, outer) + (g.kernel[2] - 1) * g.dilation[2] < high[2]:
            outer += 1
    for od in range(windows[0].start, windows[0].stop):
        for oh in range(windows[1].start, windows[1].stop):
            gradients = w.y.data + n * w.y.batch + c * w.y.channel + od * w.y.axis[0] + oh * w.y.axis[1]
            codes = w.codes.data + n * w.codes.batch + c * w.codes.channel + od * w.codes.axis[0] + oh * w.codes.axis[1]
            whole = not g.adaptive and _lies_in(g, 0, od, low[0], high[0]) and _lies_in(g, 1, oh, low[1], high[1])
            if not whole:
                _place_some(w, plane, gradients, codes, od, oh, windows[2].start, windows[2].stop, low, high, zero)
                continue
            _place_some(w, plane, gradients, codes, od, oh, windows[2].start, inner, low, high, zero)
            at = plane + start(g, 0, od) * w.x.axis[0] + start(g, 1, oh) * w.x.axis[1] + start(g, 2, inner) * step
            for o in range(inner, outer):
                code = _code(codes + o * w.codes.axis[2], w.code_size)
                offset = w.offsets[code] if code < OFFSETS else _offset(w, code)
                if offset >= 0:
                    (<value_t*> (at + offset))[0] += (<const value_t*> (gradients + o * w.y.axis[2]))[0]
                at += g.stride[2] * step
            _place_some(w, plane, gradients, codes, od, oh, outer, windows[2].stop, low, high, zero)


cdef inline bint _lies_in(const Geometry* g, int axis, Py_ssize_t output, Py_ssize_t low, Py_ssize_t high) noexcept nogil:
    cdef Py_ssize_t first = start(g, axis, output)
    return first >= low and first + (g.kernel[axis] - 1) * g.dilation[axis] < high


cdef void _place_some(const Work* w, char* plane, const char* gradients, const char* codes, Py_ssize_t od,
                      Py_ssize_t oh, Py_ssize_t begin, Py_ssize_t stop, const Py_ssize_t* low,
                      const Py_ssize_t* high, value_t zero) noexcept nogil:
    """Some windows of a row, to those of their elements that lie in the part."""
    cdef const Geometry* g = &w.g
    cdef Py_ssize_t o, code, d, h, i
    for o in range(begin, stop):
        code = _code(codes + o * w.codes.axis[2], w.code_size)
        i = start(g, 2, o) + code % g.kernel[2] * g.dilation[2]
        h = start(g, 1, oh) + code // g.kernel[2] % g.kernel[1] * g.dilation[1]
        d = start(g, 0, od) + code // g.kernel[2] // g.kernel[1] * g.dilation[0]
        if low[0] <= d < high[0] and low[1] <= h < high[1] and low[2] <= i < high[2]:
            (<value_t*> (plane + d * w.x.axis[0] + h * w.x.axis[1] + i * w.x.axis[2]))[0] += (
                <const value_t*> (gradients + o * w.y.axis[2]))[0]


cdef inline Py_ssize_t _code(const char* code, Py_ssize_t size) noexcept nogil:
    if size == 1:
        return (<const uint8_t*> code)[0]
    return (<const uint16_t*> code)[0] if size == 2 else (<const uint32_t*> code)[0]


cdef Py_ssize_t _offset(const Work* w, Py_ssize_t tap) noexcept nogil:
    """Bytes from a window's begin to a tap; -1 for what is none."""
    cdef const Geometry* g = &w.g
    cdef Py_ssize_t kw = tap % g.kernel[2], kh = tap // g.kernel[2] % g.kernel[1]
    cdef Py_ssize_t kd = tap // g.kernel[2] // g.kernel[1]
    if kd >= g.kernel[0]:
        return -1
    return (kd * g.dilation[0] * w.x.axis[0] + kh * g.dilation[1] * w.x.axis[1]
            + kw * g.dilation[2] * w.x.axis[2])


cdef void _clear(char* to, Py_ssize_t step, Py_ssize_t count, Py_ssize_t size) noexcept nogil:
    cdef Py_ssize_t i
    if step == size:
        memset(to, 0, count * size)
        return
    for i in range(count):
        memset(to + i * step, 0, size)
