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
from fastconv._core.windows cimport Span, end, reaching, start
from fastconv._kernels.table cimport FC_SPREAD_WINDOWS, FC_WIDEN_MARGIN, fc_kernels, fc_spread, kernels

cnp.import_array()

name = "direct_pool_gradients"
kinds = ("grad_max_pool", "grad_avg_pool")
local = True

cdef enum:
    TASKS_PER_THREAD = 4
    NEAR_BYTES = 64 << 10   # planes of a task are no more, or one
    ROWS = 512              # of windows that may see a row, of which a task remembers where they are
    MOST_SEEN = 16          # windows that see an element: for maxima of more, scattering is faster
    FEWEST_LANES = 4        # channels that are worth gathering
    MARGIN = FC_WIDEN_MARGIN * 8 + 64  # bytes of zeros on either side of a row of sums
    CODES = 256             # of one byte
    MOST_KNOWN = 8192       # taps whose places are looked up


# What tasks work on.
cdef struct Work:
    Geometry g
    Py_ssize_t limit[3]     # where the input ends, maybe cropped
    View x, y, codes        # gradients to input and output
    const fc_kernels* k
    bint last, gather, maximum
    bint flat               # of averages: one window, that is the whole plane
    bint apart              # of maxima: windows of two columns, each element in one of them at most
    Py_ssize_t size, code_size
    double divisor
    Py_ssize_t planes, runs          # planes per task, tasks per image
    Py_ssize_t units, rows, parts    # what tasks part planes into; of it per task, tasks
    Py_ssize_t outer                 # scattering: the axis whose elements these are
    uint8_t taps[CODES][3]           # along each axis, by number
    Py_ssize_t* offsets              # bytes from a window's begin to a tap; -1 behind the last one
    Py_ssize_t known                 # entries of that table
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
    return threads * state.work.scratch_bytes + state.work.known * sizeof(Py_ssize_t)


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
    cdef Py_ssize_t tap
    cdef Scratch scratch = acquire(threads * w.scratch_bytes + w.known * sizeof(Py_ssize_t))
    w.offsets = <Py_ssize_t*> scratch.data
    w.scratch = scratch.data + w.known * sizeof(Py_ssize_t)
    for tap in range(w.known):
        w.offsets[tap] = _offset(&w, tap)
    cdef Py_ssize_t tasks = w.g.batch * w.runs * w.parts
    with nogil:
        if w.gather:
            share(_gather, &w, tasks, threads)
        elif w.apart:
            share(_part, &w, tasks, threads)
        elif w.maximum:
            share(_scatter, &w, tasks, threads)
        elif w.flat:
            share(_fill, &w, tasks, threads)
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
        w.apart = (w.maximum and not w.last and not w.g.adaptive and w.g.kernel[2] == w.g.stride[2] == 2
                   and w.g.dilation[2] == 1 and w.g.pad[2] == 0 and 2 * w.g.output[2] <= w.limit[2]
                   and _windows(&w.g, 0) == _windows(&w.g, 1) == 1)
        w.flat = not w.last and not w.maximum and not w.g.adaptive
        for i in range(3):
            w.flat = (w.flat and w.g.output[i] == 1 and w.g.pad[i] == 0 and w.g.dilation[i] == 1
                      and w.g.kernel[i] >= w.limit[i] == w.g.input[i])
        w.outer = 0 if w.g.input[0] > 1 else 1 if w.g.input[1] > 1 else 2
        w.known = 0
        if w.maximum and not w.gather and not w.apart:
            w.known = max(<Py_ssize_t> CODES, problem.taps) if problem.taps <= MOST_KNOWN else CODES
        for i in range(CODES):
            w.taps[i][2] = <uint8_t> (i % w.g.kernel[2])
            w.taps[i][1] = <uint8_t> (i // w.g.kernel[2] % w.g.kernel[1])
            w.taps[i][0] = <uint8_t> (i // w.g.kernel[2] // w.g.kernel[1])
        w.scratch_bytes = 0
        if not w.gather and not w.maximum:
            w.scratch_bytes = (w.g.output[2] * w.size + 2 * MARGIN + 4095) // 4096 * 4096

    cdef void lay_out(self, Work* w, int threads) noexcept:
        """Which planes and rows a task takes, and where taps are."""
        cdef const Geometry* g = &w.g
        cdef Py_ssize_t wanted = threads * TASKS_PER_THREAD, units
        cdef Py_ssize_t plane = g.input[0] * g.input[1] * g.input[2] * w.size
        w.planes = g.in_channels
        if not w.last:
            w.planes = max(1, min(NEAR_BYTES // max(plane, 1), g.in_channels * g.batch // wanted))
        w.runs = tile_count(g.in_channels, w.planes)
        if w.gather:
            units = g.input[0] * g.input[1] * g.input[2]
        elif w.maximum and not w.apart:
            units = g.input[w.outer]
        else:
            units = g.input[0] * g.input[1]
        w.units = units
        w.parts = 1 if threads == 1 else min(units, max(<Py_ssize_t> 1, tile_count(wanted, g.batch * w.runs)))
        w.rows = tile_count(units, w.parts)
        w.parts = tile_count(units, w.rows)


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
                tap = _tap(g, 2, o, at)
                if tap < 0:
                    continue
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
        kd = _tap(g, 0, od, d)
        if kd < 0:
            continue
        for oh in range(heights.start, heights.stop):
            kh = _tap(g, 1, oh, h)
            if kh < 0:
                continue
            gradients[found] = w.y.data + n * w.y.batch + od * w.y.axis[0] + oh * w.y.axis[1]
            if w.maximum:
                codes[found] = w.codes.data + n * w.codes.batch + od * w.codes.axis[0] + oh * w.codes.axis[1]
                code[found] = (kd * g.kernel[1] + kh) * g.kernel[2]
            found += 1
    return found


cdef inline Py_ssize_t _tap(const Geometry* g, int axis, Py_ssize_t output, Py_ssize_t element) noexcept nogil:
    """With which tap a window sees an element between its ends, along one axis; -1 if in a hole."""
    cdef Py_ssize_t distance = element - start(g, axis, output), step = g.dilation[axis]
    if step == 1:
        return distance
    return -1 if distance % step else distance // step


cdef void _widen(const void* work, Py_ssize_t task, int thread) noexcept nogil:
    """Some rows of some planes: the rows of windows that see them, added up, and widened along the row."""
    cdef const Work* w = <const Work*> work
    cdef const Geometry* g = &w.g
    cdef Py_ssize_t part = task % w.parts, run = task // w.parts % w.runs, n = task // w.parts // w.runs
    cdef Py_ssize_t c, row, d, h, rows, i, before = -1
    cdef const char* gradients[ROWS]
    cdef const char* first[ROWS]
    cdef char* sums = w.scratch + thread * w.scratch_bytes + MARGIN
    cdef char* to
    cdef char* plane
    cdef Py_ssize_t above = 0
    cdef fc_spread s
    s.count = g.output[2]
    s.code_size = 0
    s.out = sums
    memset(sums - MARGIN, 0, MARGIN)
    memset(sums + g.output[2] * w.size, 0, MARGIN)
    for row in range(part * w.rows, min((part + 1) * w.rows, w.units)):
        d = row // g.input[1]
        h = row % g.input[1]
        rows = _seeing(w, n, d, h, gradients, NULL, NULL)
        plane = w.x.data + n * w.x.batch + d * w.x.axis[0] + h * w.x.axis[1]
        if h and rows == before and _equal(gradients, first, rows):
            for c in range(run * w.planes, min((run + 1) * w.planes, g.in_channels)):
                to = plane + c * w.x.channel
                memcpy(to, to - above, g.input[2] * w.size)
            above += w.x.axis[1]
            continue
        before = rows
        above = w.x.axis[1]
        for i in range(rows):
            first[i] = gradients[i]
        for c in range(run * w.planes, min((run + 1) * w.planes, g.in_channels)):
            to = plane + c * w.x.channel
            s.onto = 0
            s.windows = 0
            s.divisor = 1
            for i in range(rows):
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
            if w.limit[2] < g.input[2]:
                memset(to + w.limit[2] * w.size, 0, (g.input[2] - w.limit[2]) * w.size)


cdef void _fill(const void* work, Py_ssize_t task, int thread) noexcept nogil:
    """Some rows of some planes: one value for each plane."""
    cdef const Work* w = <const Work*> work
    cdef const Geometry* g = &w.g
    cdef Py_ssize_t part = task % w.parts, run = task // w.parts % w.runs, n = task // w.parts // w.runs
    cdef Py_ssize_t c, row, first = part * w.rows, rows = min(w.rows, w.units - first), count = g.input[2]
    cdef const char* given
    cdef char* plane
    if w.x.axis[1] == g.input[2] * w.size and (g.input[0] == 1 or w.x.axis[0] == g.input[1] * w.x.axis[1]):
        # Without gaps between rows.
        count *= rows
        rows = 1
    for c in range(run * w.planes, min((run + 1) * w.planes, g.in_channels)):
        given = w.y.data + n * w.y.batch + c * w.y.channel
        plane = w.x.data + n * w.x.batch + c * w.x.channel
        for row in range(first, first + rows):
            _repeat(plane + row // g.input[1] * w.x.axis[0] + row % g.input[1] * w.x.axis[1], given, w.divisor,
                    count, w.size)


cdef void _repeat(char* to, const char* given, double divisor, Py_ssize_t count, Py_ssize_t size) noexcept nogil:
    """One value, divided, over and over."""
    cdef Py_ssize_t i
    cdef float narrow
    cdef double wide
    if size == 4:
        narrow = (<const float*> given)[0] / <float> divisor
        for i in range(count):
            (<float*> to)[i] = narrow
    else:
        wide = (<const double*> given)[0] / divisor
        for i in range(count):
            (<double*> to)[i] = wide


cdef void _part(const void* work, Py_ssize_t task, int thread) noexcept nogil:
    """Some rows of some planes, from the row of windows that sees each, if there is one."""
    cdef const Work* w = <const Work*> work
    cdef const Geometry* g = &w.g
    cdef Py_ssize_t part = task % w.parts, run = task // w.parts % w.runs, n = task // w.parts // w.runs
    cdef Py_ssize_t c, row, d, h, done
    cdef Py_ssize_t code[1]
    cdef const char* gradients[1]
    cdef const char* codes[1]
    cdef char* to
    for row in range(part * w.rows, min((part + 1) * w.rows, w.units)):
        d = row // g.input[1]
        h = row % g.input[1]
        done = 0
        if _seeing(w, n, d, h, gradients, codes, code):
            done = 2 * g.output[2]
        for c in range(run * w.planes, min((run + 1) * w.planes, g.in_channels)):
            to = w.x.data + n * w.x.batch + c * w.x.channel + d * w.x.axis[0] + h * w.x.axis[1]
            if done:
                w.k.part(to, gradients[0] + c * w.y.channel, codes[0] + c * w.codes.channel, w.code_size,
                         <uint32_t> code[0], g.output[2])
            if done < g.input[2]:
                memset(to + done * w.size, 0, (g.input[2] - done) * w.size)


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
    cdef Py_ssize_t part = task % w.parts, run = task // w.parts % w.runs, n = task // w.parts // w.runs
    cdef Py_ssize_t c = run * w.planes, stop = min((run + 1) * w.planes, w.g.in_channels)
    if w.size == 4:
        _scatter_planes[float](w, n, c, stop, part, 0)
    else:
        _scatter_planes[double](w, n, c, stop, part, 0)


cdef void _scatter_planes(const Work* w, Py_ssize_t n, Py_ssize_t channel, Py_ssize_t stop, Py_ssize_t part,
                          value_t zero) noexcept nogil:
    """Planes, or a part of each: what their windows pass back to the elements of the part."""
    cdef const Geometry* g = &w.g
    cdef char* plane
    cdef const char* gradients
    cdef const char* codes
    cdef Py_ssize_t low[3]
    cdef Py_ssize_t high[3]
    cdef Span windows[3]
    cdef Py_ssize_t i, c, od, oh, inner, past, first, step = w.x.axis[2]
    cdef bint whole, dense = w.code_size == 1 and w.codes.axis[2] == 1 and w.y.axis[2] == w.size
    for i in range(3):
        low[i] = 0
        high[i] = g.input[i]
    low[w.outer] = part * w.rows
    high[w.outer] = min((part + 1) * w.rows, g.input[w.outer])
    for c in range(channel, stop):
        _clear(w, w.x.data + n * w.x.batch + c * w.x.channel, low, high)
    for i in range(3):
        high[i] = min(high[i], w.limit[i])
        if low[i] >= high[i]:
            return
        windows[i].start = reaching(g, i, low[i]).start
        windows[i].stop = reaching(g, i, high[i] - 1).stop
    # Windows that lie in the part look places up.
    inner, past = windows[2].start, windows[2].start
    if not g.adaptive:
        while inner < windows[2].stop and start(g, 2, inner) < low[2]:
            inner += 1
        past = inner
        while past < windows[2].stop and start(g, 2, past) + (g.kernel[2] - 1) * g.dilation[2] < high[2]:
            past += 1
    for od in range(windows[0].start, windows[0].stop):
        for oh in range(windows[1].start, windows[1].stop):
            whole = not g.adaptive and _lies_in(g, 0, od, low[0], high[0]) and _lies_in(g, 1, oh, low[1], high[1])
            gradients = w.y.data + n * w.y.batch + channel * w.y.channel + od * w.y.axis[0] + oh * w.y.axis[1]
            codes = (w.codes.data + n * w.codes.batch + channel * w.codes.channel + od * w.codes.axis[0]
                     + oh * w.codes.axis[1])
            first = start(g, 0, od) * w.x.axis[0] + start(g, 1, oh) * w.x.axis[1] + start(g, 2, inner) * step
            plane = w.x.data + n * w.x.batch + channel * w.x.channel
            for c in range(channel, stop):
                if not whole:
                    _place_some(w, plane, gradients, codes, od, oh, windows[2].start, windows[2].stop, low, high, zero)
                else:
                    if windows[2].start < inner:
                        _place_some(w, plane, gradients, codes, od, oh, windows[2].start, inner, low, high, zero)
                    if dense:
                        _place_codes(plane + first, g.stride[2] * step, <const value_t*> gradients + inner,
                                     <const uint8_t*> codes + inner, past - inner, w.offsets)
                    else:
                        _place_row(w, plane + first, gradients, codes, inner, past, zero)
                    if past < windows[2].stop:
                        _place_some(w, plane, gradients, codes, od, oh, past, windows[2].stop, low, high, zero)
                plane += w.x.channel
                gradients += w.y.channel
                codes += w.codes.channel


cdef void _place_codes(char* at, Py_ssize_t step, const value_t* gradients, const uint8_t* codes, Py_ssize_t count,
                       const Py_ssize_t* offsets) noexcept nogil:
    """Windows `step` bytes apart, without gaps between their gradients and between their codes of one byte."""
    cdef Py_ssize_t i, offset
    for i in range(count):
        offset = offsets[codes[i]]
        if offset >= 0:
            (<value_t*> (at + offset))[0] += gradients[i]
        at += step


cdef void _place_row(const Work* w, char* at, const char* gradients, const char* codes, Py_ssize_t begin,
                     Py_ssize_t stop, value_t zero) noexcept nogil:
    """Windows of a row that lie in the part, the first of which begins at `at`."""
    cdef Py_ssize_t o, code, offset, step = w.g.stride[2] * w.x.axis[2]
    for o in range(begin, stop):
        code = _code(codes + o * w.codes.axis[2], w.code_size)
        offset = w.offsets[code] if code < w.known else _offset(w, code)
        if offset >= 0:
            (<value_t*> (at + offset))[0] += (<const value_t*> (gradients + o * w.y.axis[2]))[0]
        at += step


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
        if code < CODES:
            d, h, i = w.taps[code][0], w.taps[code][1], w.taps[code][2]
        else:
            d, h, i = code // g.kernel[2] // g.kernel[1], code // g.kernel[2] % g.kernel[1], code % g.kernel[2]
        i = start(g, 2, o) + i * g.dilation[2]
        h = start(g, 1, oh) + h * g.dilation[1]
        d = start(g, 0, od) + d * g.dilation[0]
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


cdef void _clear(const Work* w, char* plane, const Py_ssize_t* low, const Py_ssize_t* high) noexcept nogil:
    """Zeros to a part of a plane."""
    cdef Py_ssize_t d, h, i, step = w.x.axis[2], row = (high[2] - low[2]) * w.size
    cdef Py_ssize_t rows = high[1] - low[1]
    cdef char* to
    if step == w.size and w.x.axis[1] == row:  # without gaps between rows
        row *= rows
        rows = 1
    for d in range(low[0], high[0]):
        for h in range(rows):
            to = plane + d * w.x.axis[0] + (low[1] + h) * w.x.axis[1] + low[2] * step
            if step == w.size:
                memset(to, 0, row)
            else:
                for i in range(high[2] - low[2]):
                    memset(to + i * step, 0, w.size)
