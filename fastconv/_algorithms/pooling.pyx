# distutils: extra_compile_args = -ftree-vectorize -fvect-cost-model=dynamic -fno-trapping-math
# Pooling as whole lines of outputs: for one kernel tap after the other, in row-major order, a line
# of inputs is folded into a line of running results that stays in the L1 cache. Lines run along
# the channels where these are adjacent in memory, else along the width; the taps that meet padding
# are clipped away before a line starts, so that the innermost loops have nothing to check.

from libc.math cimport INFINITY
from libc.stdint cimport (
    INT8_MIN, INT16_MIN, INT32_MIN, INT64_MIN,
    int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t,
)

from .._core.geometry cimport Geometry, View, canonical, view_of
from .._core.team cimport share
from .._core.windows cimport Span, counted, end, inside, start, steps

name = "direct_pooling"
kinds = ("max_pool", "argmax_pool", "avg_pool")
local = True


def supports(problem):
    if problem.dtype not in DTYPES:
        return f"has no loops for {problem.dtype}"
    if problem.kind == "avg_pool" and problem.dtype not in ("float32", "float64"):
        return f"averages float32 and float64, not {problem.dtype}"
    return None


def estimate(problem, machine, prepacked):
    return machine.seconds(name, moved=problem.macs)


def workspace(problem, threads):
    return 0


def compile(problem):
    return Compiled(problem)


def prepare(state, weight, threads):
    return None


def run(Compiled state, packed, inputs, outputs, int threads):
    cdef Job job = state.job
    cdef Py_ssize_t rows = job.g.batch * job.g.output[0] * job.g.output[1]
    codes = outputs[1] if len(outputs) > 1 else None
    if not outputs[0].size:
        return
    job.x = view_of(inputs[0], state.last)
    job.y = view_of(outputs[0], state.last)
    if codes is not None:
        job.op = ARGMAX
        job.codes = view_of(codes, state.last)
        job.code_size = codes.dtype.itemsize
    # A line should be long, and its elements adjacent.
    if abs(job.x.channel) <= abs(job.x.axis[2]) and job.g.in_channels >= min(8, job.g.output[2]):
        job.blocks = steps(job.g.in_channels, LINE)
        rows *= job.blocks * steps(job.g.output[2], PIXELS)
        _share(_channel_lines[state.row], &job, rows, threads)
    else:
        job.blocks = steps(job.g.output[2], LINE)
        _share(_width_lines[state.row], &job, rows * job.g.in_channels * job.blocks, threads)


cdef enum:
    RUNS_PER_THREAD = 8
    LINE = 512  # outputs per line: results and codes fit the L1 cache, and a small stack
    PIXELS = 16  # outputs per task, where lines run along the channels
    MAXIMUM = 0
    ARGMAX = 1
    AVERAGE = 2

ctypedef fused value_t:
    float
    double
    int8_t
    int16_t
    int32_t
    int64_t
    uint8_t
    uint16_t
    uint32_t
    uint64_t


cdef struct Job:
    Geometry g
    View x, y, codes
    Py_ssize_t blocks  # that make up the inner axis of all channels or a whole row
    Py_ssize_t divisor
    int op, code_size
    bint include_pad


# The last argument is only there to give a fused function its type.
ctypedef void (*Work)(const Job*, Py_ssize_t, Py_ssize_t, void*) noexcept nogil


cdef class Compiled:
    """A problem in C."""

    cdef Job job  # without the arrays
    cdef int row  # of the tables of dtypes
    cdef bint last

    def __init__(self, problem):
        self.row = DTYPES.index(problem.dtype)
        self.last = problem.layout == "channels_last"
        self.job.g = canonical(problem)
        self.job.op = AVERAGE if problem.kind == "avg_pool" else MAXIMUM
        self.job.include_pad = problem.count_include_pad
        self.job.divisor = problem.divisor


# Tasks are taken in runs.
cdef struct Runs:
    Work work
    const Job* job
    Py_ssize_t tasks, count


cdef void _run(const void* work, Py_ssize_t run, int thread) noexcept nogil:
    """Neighbouring tasks."""
    cdef const Runs* r = <const Runs*> work
    r.work(r.job, r.tasks * run // r.count, r.tasks * (run + 1) // r.count, NULL)


cdef void _share(Work work, const Job* job, Py_ssize_t tasks, int threads):
    """`work` on all tasks; every output belongs to one task, so threads change no bit."""
    cdef Runs runs = [work, job, tasks, min(tasks, 1 if threads == 1 else threads * RUNS_PER_THREAD)]
    with nogil:
        share(_run, &runs, runs.count, threads)


cdef inline value_t _lowest(value_t _) noexcept nogil:
    if value_t is float or value_t is double:
        return -INFINITY
    elif value_t is int8_t:
        return INT8_MIN
    elif value_t is int16_t:
        return INT16_MIN
    elif value_t is int32_t:
        return INT32_MIN
    elif value_t is int64_t:
        return INT64_MIN
    else:
        return 0


cdef inline bint _wins(value_t v, value_t held) noexcept nogil:
    """Whether a later element takes the place of the one held: the first NaN or largest stays."""
    if value_t is float or value_t is double:
        return (v > held) | ((v != v) & (held == held))
    else:
        return v > held


# The folds of one tap. `step` is a constant where they are called, so that the compiler makes
# vectors of them.

cdef inline void _fold_maximum(value_t* best, const char* x, Py_ssize_t step,
                               Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    cdef value_t v
    for i in range(n):
        v = (<const value_t*> (x + i * step))[0]
        best[i] = v if _wins(v, best[i]) else best[i]


cdef inline void _fold_argmax(value_t* best, uint32_t* code, const char* x, Py_ssize_t step,
                              Py_ssize_t n, uint32_t tap) noexcept nogil:
    cdef Py_ssize_t i
    cdef value_t v, held
    cdef bint wins
    for i in range(n):
        v = (<const value_t*> (x + i * step))[0]
        held = best[i]
        wins = _wins(v, held)
        best[i] = v if wins else held
        code[i] = tap if wins else code[i]


cdef inline void _fold_sum(value_t* total, const char* x, Py_ssize_t step,
                           Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        total[i] = total[i] + (<const value_t*> (x + i * step))[0]


cdef inline void _fold(int op, value_t* best, uint32_t* code, const char* x, Py_ssize_t step,
                       Py_ssize_t n, uint32_t tap) noexcept nogil:
    """Fold tap number `tap` of `n` windows, whose elements lie `step` bytes apart."""
    cdef Py_ssize_t size = sizeof(value_t)
    if op == MAXIMUM:
        if step == size:
            _fold_maximum(best, x, sizeof(value_t), n)
        elif step == 2 * size:
            _fold_maximum(best, x, 2 * sizeof(value_t), n)
        else:
            _fold_maximum(best, x, step, n)
    elif op == ARGMAX:
        if step == size:
            _fold_argmax(best, code, x, sizeof(value_t), n, tap)
        elif step == 2 * size:
            _fold_argmax(best, code, x, 2 * sizeof(value_t), n, tap)
        else:
            _fold_argmax(best, code, x, step, n, tap)
    elif step == size:
        _fold_sum(best, x, sizeof(value_t), n)
    elif step == 2 * size:
        _fold_sum(best, x, 2 * sizeof(value_t), n)
    else:
        _fold_sum(best, x, step, n)


cdef inline void _fold_window(int op, value_t* best, uint32_t* code, const char* x,
                              Py_ssize_t step, Py_ssize_t n, uint32_t tap) noexcept nogil:
    """Fold `n` taps from number `tap` on, `step` bytes apart, of one window."""
    cdef Py_ssize_t i
    cdef value_t v, held = best[0]
    for i in range(n):
        v = (<const value_t*> (x + i * step))[0]
        if op == AVERAGE:
            held = held + v
        elif _wins(v, held):
            held = v
            code[0] = <uint32_t> (tap + i)
    best[0] = held


cdef inline void _store_codes(const Job* job, char* target, Py_ssize_t step, const uint32_t* code,
                              Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    if job.code_size == 1:
        for i in range(n):
            (<uint8_t*> (target + i * step))[0] = <uint8_t> code[i]
    elif job.code_size == 2:
        for i in range(n):
            (<uint16_t*> (target + i * step))[0] = <uint16_t> code[i]
    else:
        for i in range(n):
            (<uint32_t*> (target + i * step))[0] = code[i]


cdef inline void _store(char* target, Py_ssize_t step, const value_t* line,
                        Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    if step == sizeof(value_t):
        for i in range(n):
            (<value_t*> target)[i] = line[i]
    else:
        for i in range(n):
            (<value_t*> (target + i * step))[0] = line[i]


cdef inline value_t _mean(value_t total, Py_ssize_t count) noexcept nogil:
    """One division, of a sum that is zero where there is nothing to count."""
    return total / <value_t> (count if count else 1)


cdef void _along_width(const Job* job, Py_ssize_t task, Py_ssize_t stop, value_t* _) noexcept nogil:
    """Tasks are lines of at most `LINE` outputs of one row.

    The code of a window without any element is 0, a tap outside the input.
    """
    cdef const Geometry* g = &job.g
    cdef value_t line[LINE]
    cdef uint32_t code[LINE]
    cdef Py_ssize_t rest, n, c, d, h, kd, kh, kw, first, width, i, begin, past, offset, area, tap
    cdef Py_ssize_t step = g.stride[2] * job.x.axis[2]
    cdef bint narrow, no_rows, empty
    cdef Span depth, height, taps
    cdef const char* plane
    cdef const char* row
    cdef char* target
    while task < stop:
        rest, first = task // job.blocks, task % job.blocks * LINE
        rest, h = rest // g.output[1], rest % g.output[1]
        rest, d = rest // g.output[0], rest % g.output[0]
        n, c = rest // g.in_channels, rest % g.in_channels
        task += 1
        width = min(g.output[2] - first, <Py_ssize_t> LINE)
        # Where windows are wider than the line is long, lines along the windows are longer.
        narrow = g.kernel[2] > width or g.adaptive
        depth, height = inside(g, 0, d), inside(g, 1, h)
        no_rows = depth.start == depth.stop or height.start == height.stop
        tap = (depth.start * g.kernel[1] + height.start) * g.kernel[2]
        for i in range(width):
            line[i] = 0 if job.op == AVERAGE else _lowest(<value_t> 0)
        if job.op == ARGMAX:
            for i in range(width):
                taps = inside(g, 2, first + i)
                empty = no_rows or taps.start == taps.stop
                code[i] = 0 if empty else <uint32_t> (tap + taps.start)
        plane = job.x.data + n * job.x.batch + c * job.x.channel
        for kd in range(depth.start, depth.stop):
            for kh in range(height.start, height.stop):
                row = plane + (start(g, 0, d) + kd * g.dilation[0]) * job.x.axis[0]
                row = row + (start(g, 1, h) + kh * g.dilation[1]) * job.x.axis[1]
                tap = (kd * g.kernel[1] + kh) * g.kernel[2]
                if narrow:
                    for i in range(width):
                        taps = inside(g, 2, first + i)
                        offset = start(g, 2, first + i) + taps.start * g.dilation[2]
                        _fold_window(job.op, line + i, code + i, row + offset * job.x.axis[2],
                                     g.dilation[2] * job.x.axis[2], taps.stop - taps.start,
                                     <uint32_t> (tap + taps.start))
                    continue
                for kw in range(g.kernel[2]):
                    offset = first * g.stride[2] - g.pad[2] + kw * g.dilation[2]
                    begin = steps(-offset, g.stride[2])
                    past = min(steps(end(g, 2) - offset, g.stride[2]), width)
                    if begin < past:
                        _fold(job.op, line + begin, code + begin,
                              row + (offset + begin * g.stride[2]) * job.x.axis[2], step,
                              past - begin, <uint32_t> (tap + kw))
        if job.op == AVERAGE:
            area = counted(g, job.include_pad, 0, d) * counted(g, job.include_pad, 1, h)
            for i in range(width):
                line[i] = _mean(line[i], job.divisor if job.divisor
                                else area * counted(g, job.include_pad, 2, first + i))
        target = job.y.data + n * job.y.batch + c * job.y.channel + d * job.y.axis[0]
        _store(target + h * job.y.axis[1] + first * job.y.axis[2], job.y.axis[2], line, width)
        if job.op == ARGMAX:
            target = job.codes.data + n * job.codes.batch + c * job.codes.channel
            target += d * job.codes.axis[0] + h * job.codes.axis[1] + first * job.codes.axis[2]
            _store_codes(job, target, job.codes.axis[2], code, width)


cdef void _along_channels(const Job* job, Py_ssize_t task, Py_ssize_t stop,
                          value_t* _) noexcept nogil:
    """Tasks are runs of `PIXELS` outputs of one row, for at most `LINE` channels."""
    cdef const Geometry* g = &job.g
    cdef value_t line[LINE]
    cdef uint32_t code[LINE]
    cdef Py_ssize_t rest, n, c, d, h, w, kd, kh, kw, first, channels, i, count, tap
    cdef Py_ssize_t runs = (g.output[2] + PIXELS - 1) // PIXELS
    cdef Span depth, height, taps
    cdef bint no_rows, empty
    cdef const char* plane
    cdef const char* row
    cdef char* target
    while task < stop:
        rest, first = task // runs, task % runs * PIXELS
        rest, h = rest // g.output[1], rest % g.output[1]
        rest, d = rest // g.output[0], rest % g.output[0]
        n, c = rest // job.blocks, rest % job.blocks * LINE
        task += 1
        channels = min(g.in_channels - c, <Py_ssize_t> LINE)
        depth, height = inside(g, 0, d), inside(g, 1, h)
        no_rows = depth.start == depth.stop or height.start == height.stop
        plane = job.x.data + n * job.x.batch + c * job.x.channel
        for w in range(first, min(first + PIXELS, g.output[2])):
            taps = inside(g, 2, w)
            empty = no_rows or taps.start == taps.stop
            for i in range(channels):
                line[i] = 0 if job.op == AVERAGE else _lowest(<value_t> 0)
            if job.op == ARGMAX:
                tap = (depth.start * g.kernel[1] + height.start) * g.kernel[2] + taps.start
                for i in range(channels):
                    code[i] = 0 if empty else <uint32_t> tap
            for kd in range(depth.start, depth.stop):
                for kh in range(height.start, height.stop):
                    row = plane + (start(g, 0, d) + kd * g.dilation[0]) * job.x.axis[0]
                    row = row + (start(g, 1, h) + kh * g.dilation[1]) * job.x.axis[1]
                    row = row + start(g, 2, w) * job.x.axis[2]
                    tap = (kd * g.kernel[1] + kh) * g.kernel[2]
                    for kw in range(taps.start, taps.stop):
                        _fold(job.op, line, code, row + kw * g.dilation[2] * job.x.axis[2],
                              job.x.channel, channels, <uint32_t> (tap + kw))
            if job.op == AVERAGE:
                count = job.divisor
                if not count:
                    count = counted(g, job.include_pad, 0, d) * counted(g, job.include_pad, 1, h)
                    count *= counted(g, job.include_pad, 2, w)
                for i in range(channels):
                    line[i] = _mean(line[i], count)
            target = job.y.data + n * job.y.batch + c * job.y.channel + d * job.y.axis[0]
            target += h * job.y.axis[1] + w * job.y.axis[2]
            _store(target, job.y.channel, line, channels)
            if job.op == ARGMAX:
                target = job.codes.data + n * job.codes.batch + c * job.codes.channel
                target += d * job.codes.axis[0] + h * job.codes.axis[1] + w * job.codes.axis[2]
                _store_codes(job, target, job.codes.channel, code, channels)


# One row per dtype.
DTYPES = (
    "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
)
cdef Work[10] _width_lines = [
    <Work> _along_width[float], <Work> _along_width[double],
    <Work> _along_width[int8_t], <Work> _along_width[int16_t],
    <Work> _along_width[int32_t], <Work> _along_width[int64_t],
    <Work> _along_width[uint8_t], <Work> _along_width[uint16_t],
    <Work> _along_width[uint32_t], <Work> _along_width[uint64_t],
]
cdef Work[10] _channel_lines = [
    <Work> _along_channels[float], <Work> _along_channels[double],
    <Work> _along_channels[int8_t], <Work> _along_channels[int16_t],
    <Work> _along_channels[int32_t], <Work> _along_channels[int64_t],
    <Work> _along_channels[uint8_t], <Work> _along_channels[uint16_t],
    <Work> _along_channels[uint32_t], <Work> _along_channels[uint64_t],
]
