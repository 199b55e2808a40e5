"""Windows added up where they overlap: what a transposed convolution does with its products."""

cimport numpy as cnp

from .team cimport share

cnp.import_array()

cdef enum:
    SEGMENT = 1 << 13  # elements of a row that one task adds up


# Windows (images, *outputs, groups, *kernel, channels) of a box of outputs, and the images
# (images, *sizes, groups, channels); three axes, all contiguous but for the images' first.
cdef struct Work:
    const char* windows
    char* images
    Py_ssize_t image               # bytes from one image to the next
    Py_ssize_t count, groups, channels
    Py_ssize_t origin[3]           # of the box
    Py_ssize_t outputs[3]
    Py_ssize_t kernel[3]
    Py_ssize_t stride[3]
    Py_ssize_t dilation[3]
    Py_ssize_t pad[3]
    Py_ssize_t sizes[3]
    Py_ssize_t segment, segments   # pixels of a row's segment
    bint double_precision


ctypedef fused real:
    float
    double


def overlap_add(windows, images, origin, outputs, kernel, stride, dilation, pad, sizes, groups, channels,
                threads):
    """Add `windows` of the `outputs` from `origin` on to `images`, each where it lies.

    Output ``o`` lies at ``o * stride - pad`` along an axis; what lies outside is left out. Sums are in
    the same order for any number of threads. Sequences are of three axes, `channels` per group.
    """
    cdef Work w
    cdef int i, workers = threads
    w.windows = cnp.PyArray_BYTES(windows)
    w.images = cnp.PyArray_BYTES(images)
    w.image = images.strides[0]
    w.count, w.groups, w.channels = len(images), groups, channels
    for i in range(3):
        w.origin[i], w.outputs[i], w.kernel[i] = origin[i], outputs[i], kernel[i]
        w.stride[i], w.dilation[i], w.pad[i], w.sizes[i] = stride[i], dilation[i], pad[i], sizes[i]
    w.segment = max(SEGMENT // (w.groups * w.channels), 1)
    w.segments = (w.sizes[2] + w.segment - 1) // w.segment
    w.double_precision = images.itemsize == 8
    with nogil:
        share(_segment, &w, w.count * w.sizes[0] * w.sizes[1] * w.segments, workers)


cdef void _segment(const void* work, Py_ssize_t task, int thread) noexcept nogil:
    cdef const Work* w = <const Work*> work
    cdef Py_ssize_t first = task % w.segments * w.segment
    if w.double_precision:
        _add_rows[double](w, task // w.segments, first, min(first + w.segment, w.sizes[2]), <double*> w.images)
    else:
        _add_rows[float](w, task // w.segments, first, min(first + w.segment, w.sizes[2]), <float*> w.images)


cdef void _add_rows(const Work* w, Py_ssize_t row, Py_ssize_t first, Py_ssize_t last,
                    real* images) noexcept nogil:
    """All that falls on pixels [first, last) of a row, `row` counting those of all images."""
    cdef Py_ssize_t h = row % w.sizes[1], d = row // w.sizes[1] % w.sizes[0]
    cdef Py_ssize_t n = row // w.sizes[1] // w.sizes[0], i, j, od, oh
    cdef real* to = <real*> (<char*> images + n * w.image)
    to += (d * w.sizes[1] + h) * w.sizes[2] * w.groups * w.channels
    for i in range(w.kernel[0]):
        od = _output_at(w, 0, d, i)
        if od < 0:
            continue
        for j in range(w.kernel[1]):
            oh = _output_at(w, 1, h, j)
            if oh >= 0:
                _add_row[real](w, ((n * w.outputs[0] + od) * w.outputs[1] + oh) * w.outputs[2],
                               (i * w.kernel[1] + j) * w.kernel[2], first, last, to)


cdef Py_ssize_t _output_at(const Work* w, int axis, Py_ssize_t position, Py_ssize_t tap) noexcept nogil:
    """The output of the box whose `tap` lies at `position`, or -1."""
    cdef Py_ssize_t at = position + w.pad[axis] - tap * w.dilation[axis]
    if at < 0 or at % w.stride[axis] != 0:
        return -1
    at = at // w.stride[axis] - w.origin[axis]
    return at if 0 <= at < w.outputs[axis] else -1


cdef void _add_row(const Work* w, Py_ssize_t outputs, Py_ssize_t tap, Py_ssize_t first, Py_ssize_t last,
                   real* to) noexcept nogil:
    """What a row of windows, from window `outputs` on, adds to a row by its taps from `tap` on."""
    cdef Py_ssize_t channels = w.channels, pixel = w.groups * channels, reach, begin, end, o, g, t, left, right
    cdef Py_ssize_t taps = w.kernel[0] * w.kernel[1] * w.kernel[2]
    cdef const real* window
    reach = (w.kernel[2] - 1) * w.dilation[2]
    # The outputs whose windows begin before `last` and end behind `first`.
    begin = max(_ceiling(first + w.pad[2] - reach, w.stride[2]) - w.origin[2], 0)
    end = min(_ceiling(last + w.pad[2], w.stride[2]) - w.origin[2], w.outputs[2])
    for o in range(begin, end):
        left = (w.origin[2] + o) * w.stride[2] - w.pad[2]
        window = <const real*> w.windows + ((outputs + o) * w.groups * taps + tap) * channels
        if w.dilation[2] == 1 and w.groups == 1:
            # Neighbouring taps of all channels are one run of memory.
            t = max(first - left, 0)
            _add[real](to + (left + t) * channels, window + t * channels,
                       (min(last - left, w.kernel[2]) - t) * channels)
            continue
        for g in range(w.groups):
            for t in range(w.kernel[2]):
                right = left + t * w.dilation[2]
                if first <= right < last:
                    _add[real](to + right * pixel + g * channels, window + (g * taps + t) * channels, channels)


cdef inline Py_ssize_t _ceiling(Py_ssize_t a, Py_ssize_t b) noexcept nogil:
    """a / b rounded up; zero for what is negative."""
    return (a + b - 1) // b if a > 0 else 0


cdef inline void _add(real* to, const real* terms, Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(count):
        to[i] += terms[i]
