"""float32 inputs as sums of bfloat16, in planes that a tile unit reads in place.

Splitting, padding and bringing channels together are one pass, by rows, in parallel; it also notes
the range of the values, for parts of very small or very large ones would not be exact.
"""

from libc.string cimport memcpy, memset

from fastconv._algorithms._packing cimport copy_elements
from fastconv._core.geometry cimport FILLED, Geometry, View, shown
from fastconv._core.team cimport share
from fastconv._kernels.table cimport FC_DEPTH, FC_SIDE, fc_kernels, fc_range, fc_split_kernels

cdef enum:
    # Pixels whose channels are brought together before they are split.
    STAGED = 64
    LANES = 16
    LARGEST_ROUNDED = 0x7f7f7fff  # beyond it the nearest bfloat16 is infinite

# A third part is up to 2^-24 of its number. Below this bound, it or its products may be denormal,
# and a tile unit takes denormals for zero.
cdef double SMALLEST = 2.0 ** -100
# No sum of products up to it overflows in any order, the errors of parts included.
cdef double LARGEST_SUM = 2.0 ** 126


cdef Parts parts_of(const Geometry* g, int splits, bint folded) noexcept nogil:
    cdef Parts p
    cdef Py_ssize_t channels = g.in_channels // g.groups, kernel_rows = g.kernel[0] * g.kernel[1]
    cdef Py_ssize_t slack
    cdef int i
    p.splits = splits
    p.folded = folded
    p.channels = channels if folded else min(channels, FC_DEPTH)
    p.blocks = 1 if folded else (channels + FC_DEPTH - 1) // FC_DEPTH
    p.pixel = 2 * (channels if folded else FC_DEPTH)
    for i in range(3):
        # A single tap touches one phase; several may touch each of them.
        p.phases[i] = 1 if g.kernel[i] == 1 else g.stride[i]
        p.extent[i] = g.output[i] + (g.kernel[i] - 1) * g.dilation[i] // g.stride[i]
        p.step[i] = g.stride[i]
    p.position = p.pixel
    p.steps = g.kernel[2]
    if folded:
        # Rows stay whole: a tile reads a kernel row as one run.
        p.phases[2] = 1
        p.step[2] = 1
        p.position = p.pixel * g.stride[2]
        p.steps = (g.kernel[2] * channels + FC_DEPTH - 1) // FC_DEPTH
    p.taps = kernel_rows * p.steps
    p.row = p.extent[2] * p.position
    p.phase = p.extent[0] * p.extent[1] * p.row
    # Tiles are read whole, beyond the last pixel that counts. An odd number of cache lines: planes
    # then fall into different cache sets.
    slack = FC_SIDE * p.position + p.steps * FC_DEPTH * 2
    p.plane = (rows_of(&p) * p.row + slack + 63) // 64 * 64
    if p.plane // 64 % 2 == 0:
        p.plane += 64
    p.image = g.groups * p.blocks * splits * p.plane
    return p


cdef Py_ssize_t rows_of(const Parts* p) noexcept nogil:
    """Rows of one plane, those of all phases."""
    return p.phases[0] * p.phases[1] * p.phases[2] * p.extent[0] * p.extent[1]


cdef Py_ssize_t tap_offset(const Geometry* g, const Parts* p, Py_ssize_t tap) noexcept nogil:
    """Bytes from an output's own pixel to what product number `tap` of a block reads."""
    cdef Py_ssize_t along = tap % p.steps, kernel_row = tap // p.steps
    cdef Py_ssize_t d = kernel_row // g.kernel[1] * g.dilation[0]
    cdef Py_ssize_t h = kernel_row % g.kernel[1] * g.dilation[1]
    cdef Py_ssize_t w = 0 if p.folded else along * g.dilation[2]
    cdef Py_ssize_t phase = (d % p.step[0] * p.phases[1] + h % p.step[1]) * p.phases[2]
    cdef Py_ssize_t row = d // p.step[0] * p.extent[1] + h // p.step[1]
    cdef Py_ssize_t column = along * FC_DEPTH * 2 if p.folded else w // p.step[2] * p.pixel
    return (phase + w % p.step[2]) * p.phase + row * p.row + column


cdef Py_ssize_t staged_bytes(const Parts* p) noexcept nogil:
    """Scratch of one thread for `split_input`."""
    return (STAGED * p.channels * 4 + 4095) // 4096 * 4096


cdef Py_ssize_t _first_at(Py_ssize_t place, Py_ssize_t step, Py_ssize_t count) noexcept nogil:
    """How many of 0, step, 2 step... lie before `place`; `count` at most."""
    return min((place + step - 1) // step, count) if place > 0 else 0


cdef void _split_row(const Geometry* g, const Parts* p, const View* x, const char* image,
                     char* to, Py_ssize_t plane, Py_ssize_t row, const fc_kernels* k,
                     const fc_split_kernels* split, char* staged, fc_range* seen) noexcept nogil:
    """Row `row`, numbered over (phases, depth, height), of one block of channels, all its parts."""
    cdef Py_ssize_t rows = p.extent[0] * p.extent[1], phase = row // rows
    cdef Py_ssize_t phase_w = phase % p.phases[2] - g.pad[2]
    cdef Py_ssize_t phase_h = phase // p.phases[2] % p.phases[1] - g.pad[1]
    cdef Py_ssize_t phase_d = phase // p.phases[2] // p.phases[1] - g.pad[0]
    cdef Py_ssize_t h = shown(g, 1, row % p.extent[1] * p.step[1] + phase_h)
    cdef Py_ssize_t d = shown(g, 0, row % rows // p.extent[1] * p.step[0] + phase_d)
    cdef Py_ssize_t group = plane // p.blocks, block = plane % p.blocks
    cdef Py_ssize_t first = group * (g.in_channels // g.groups) + block * p.channels
    cdef Py_ssize_t channels = min(p.channels, (group + 1) * (g.in_channels // g.groups) - first)
    cdef Py_ssize_t width = p.row // p.pixel, start = width, stop = width, i
    cdef const char* source
    cdef int s
    to += plane * p.splits * p.plane + row * p.row
    if d >= 0 and h >= 0:
        start = _first_at(-phase_w, p.step[2], width)
        stop = max(_first_at(g.input[2] - phase_w, p.step[2], width), start)
    for s in range(p.splits):
        memset(to + s * p.plane, 0, start * p.pixel)
        memset(to + s * p.plane + stop * p.pixel, 0, (width - stop) * p.pixel)
        if row == rows_of(p) - 1:
            # What tiles read beyond a plane is multiplied by zero, or dropped: let it be finite.
            memset(to + s * p.plane + p.row, 0, p.plane - (row + 1) * p.row)
    source = image + first * x.channel + d * x.axis[0] + h * x.axis[1]
    if g.padding != FILLED and d >= 0 and h >= 0:
        for i in range(width - (stop - start)):
            if i >= start:
                i += stop - start
            _split_pixels(p, x, source + shown(g, 2, i * p.step[2] + phase_w) * x.axis[2],
                          to + i * p.pixel, 1, channels, k, split, staged, seen)
    source += (start * p.step[2] + phase_w) * x.axis[2]
    _split_pixels(p, x, source, to + start * p.pixel, stop - start, channels, k, split, staged, seen)


cdef void _split_pixels(const Parts* p, const View* x, const char* source, char* to,
                        Py_ssize_t count, Py_ssize_t channels, const fc_kernels* k,
                        const fc_split_kernels* split, char* staged, fc_range* seen) noexcept nogil:
    """Some pixels of a row of inputs, a stride apart."""
    cdef Py_ssize_t step = p.step[2] * x.axis[2], here, span, i
    if x.channel == 4 or channels == 1:
        _split(p, split, source, step, to, count, channels, seen)
        return
    # Channels are apart: bring those of a few pixels together.
    while count > 0:
        here = min(count, (STAGED - 1) // p.step[2] + 1)
        if x.axis[2] == 4:
            span = (here - 1) * p.step[2] + 1
            k.transpose(source, x.channel, staged, channels * 4, channels, span, 1)
            _split(p, split, staged, p.step[2] * channels * 4, to, here, channels, seen)
        else:
            for i in range(here):
                copy_elements(source + i * step, x.channel, staged + i * channels * 4, 4, channels,
                              4)
            _split(p, split, staged, channels * 4, to, here, channels, seen)
        source += here * step
        to += here * p.pixel
        count -= here


cdef void _split(const Parts* p, const fc_split_kernels* split, const char* source,
                 Py_ssize_t step, char* to, Py_ssize_t pixels, Py_ssize_t channels,
                 fc_range* seen) noexcept nogil:
    """Some pixels with their channels together; where all is together, as one long pixel."""
    if p.folded and step == channels * 4:
        channels *= pixels
        split.split(source, 0, to, 0, p.plane, p.splits, 1, channels, channels, seen)
    else:
        split.split(source, step, to, p.pixel, p.plane, p.splits, pixels, channels, p.pixel // 2,
                    seen)


# What the split of some images needs.
cdef struct Split:
    const Geometry* g
    const Parts* p
    const View* x
    char* to
    const fc_kernels* k
    const fc_split_kernels* split
    char* staged               # scratch of all threads
    fc_range* seen             # one per thread


cdef int split_input(const Geometry* g, const Parts* p, const View* x, char* to,
                      Py_ssize_t images, const fc_kernels* k, const fc_split_kernels* split,
                      char* staged, fc_range* seen, int threads) except -1 nogil:
    """Split `images` images from `x.data` on; scratch and ranges for every thread."""
    cdef Split work = [g, p, x, to, k, split, staged, seen]
    share(_split_task, &work, images * g.groups * p.blocks * rows_of(p), threads)


cdef void _split_task(const void* work, Py_ssize_t task, int thread) noexcept nogil:
    """One row of one plane."""
    cdef const Split* w = <const Split*> work
    cdef Py_ssize_t rows = rows_of(w.p), planes = w.g.groups * w.p.blocks, n = task // rows // planes
    _split_row(w.g, w.p, w.x, w.x.data + n * w.x.batch, w.to + n * w.p.image, task // rows % planes,
               task % rows, w.k, w.split, w.staged + thread * staged_bytes(w.p), w.seen + thread)


# --- the range of what was split ----------------------------------------------------------------

cdef void forget(fc_range* seen, int count) noexcept nogil:
    """Begin to note ranges, one per thread."""
    cdef int i
    for i in range(count):
        memset(seen[i].least, 0xff, sizeof(seen[i].least))
        memset(seen[i].most, 0, sizeof(seen[i].most))
        memset(seen[i].low, 0, sizeof(seen[i].low))


cdef double _value(uint32_t bits) noexcept nogil:
    """The float32 of these bits; infinite if its first part would be."""
    cdef float value
    if bits > LARGEST_ROUNDED:
        bits = 0x7f800000
    memcpy(&value, &bits, 4)
    return value


cdef Extremes extremes(const fc_range* seen, int count) noexcept nogil:
    cdef uint32_t least = 0xffffffff, most = 0, low = 0
    cdef Extremes e
    cdef int i, lane
    for i in range(count):
        for lane in range(LANES):
            least = min(least, seen[i].least[lane])
            most = max(most, seen[i].most[lane])
            low |= seen[i].low[lane]
    e.least = _value(least + 1) if most else 1  # zeros do no harm
    e.most = _value(most)
    e.whole = low == 0
    return e


cdef bint representable(const Extremes* x, const Extremes* w, double terms) noexcept nogil:
    """Whether parts and sums of `terms` products of parts are what they should be."""
    return (min(x.least, min(w.least, x.least * w.least)) >= SMALLEST
            and x.most * w.most * terms <= LARGEST_SUM
            and max(x.most, w.most) <= LARGEST_SUM)
