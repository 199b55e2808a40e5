"""Copies of the input with its zero padding, in the two orders that tiles read.

*Planes* keep channels apart, and the columns of every stride phase together, so that neighbouring
outputs read neighbouring elements whatever the stride. *Pixels* keep the channels of a pixel
together. Both are made once per element, by rows, in parallel.
"""

from cython.parallel cimport prange
from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memcpy, memset

from fastconv._core.geometry cimport Geometry, View
from fastconv._kernels.table cimport fc_kernels

cdef enum:
    # Images are packed together up to this many bytes: about what second-level caches hold.
    STEP_BYTES = 1 << 20
    # Runs of up to this many bytes are copied by a loop: a call to the C library costs more.
    SHORT = 64


cdef Py_ssize_t images_per_step(Py_ssize_t batch, Py_ssize_t image) noexcept nogil:
    """How many images of `image` packed bytes are packed and computed at a time."""
    return min(batch, max(STEP_BYTES // max(image, 1), 1))


cdef bint needs_padding(const Geometry* g) noexcept nogil:
    """Whether some window reaches outside the input."""
    cdef int i
    cdef Py_ssize_t last
    for i in range(3):
        last = (g.output[i] - 1) * g.stride[i] + (g.kernel[i] - 1) * g.dilation[i] - g.pad[i]
        if g.pad[i] > 0 or last >= g.input[i]:
            return True
    return False


cdef void _zeros(char* to, Py_ssize_t count, Py_ssize_t itemsize) noexcept nogil:
    """Few zeros, mostly: a call costs more than a loop."""
    cdef Py_ssize_t i
    if count * itemsize > SHORT:
        memset(to, 0, count * itemsize)
    else:
        for i in range(count * itemsize // 4):
            (<uint32_t*> to)[i] = 0


cdef void copy_elements(const char* source, Py_ssize_t source_step, char* to, Py_ssize_t to_step,
                        Py_ssize_t count, Py_ssize_t itemsize) noexcept nogil:
    """Copy `count` elements between any strides."""
    cdef Py_ssize_t i
    if source_step == itemsize and to_step == itemsize and count * itemsize > SHORT:
        memcpy(to, source, count * itemsize)
    elif itemsize == 4:
        for i in range(count):
            (<uint32_t*> (to + i * to_step))[0] = (<const uint32_t*> (source + i * source_step))[0]
    else:
        for i in range(count):
            (<uint64_t*> (to + i * to_step))[0] = (<const uint64_t*> (source + i * source_step))[0]


cdef Py_ssize_t _valid_from(Py_ssize_t pad, Py_ssize_t phase, Py_ssize_t stride,
                            Py_ssize_t extent) noexcept nogil:
    """First index of a phase that lies in the input: least q with q * stride + phase >= pad."""
    cdef Py_ssize_t q = 0
    if pad > phase:
        q = (pad - phase + stride - 1) // stride
    return min(q, extent)


cdef Py_ssize_t _valid_to(Py_ssize_t pad, Py_ssize_t phase, Py_ssize_t stride, Py_ssize_t size,
                          Py_ssize_t extent) noexcept nogil:
    """One past the last index of a phase that lies in the input of `size`."""
    cdef Py_ssize_t room = size + pad - phase
    if room <= 0:
        return 0
    return min((room + stride - 1) // stride, extent)


# --- planes -------------------------------------------------------------------------------------

cdef Planes planes_of(const Geometry* g, Py_ssize_t itemsize, Py_ssize_t lanes) noexcept nogil:
    cdef Planes p
    cdef int i
    for i in range(3):
        # A single tap touches one phase; several may touch each of them.
        p.phases[i] = 1 if g.kernel[i] == 1 else g.stride[i]
        p.extent[i] = g.output[i] + (g.kernel[i] - 1) * g.dilation[i] // g.stride[i]
    p.plane = p.extent[0] * p.extent[1] * p.extent[2] * itemsize
    p.channel = p.plane * p.phases[0] * p.phases[1] * p.phases[2]
    # Whole cache lines, an odd number: channels then fall into different cache sets.
    p.channel = (p.channel + 63) // 64 * 64
    if p.channel // 64 % 2 == 0:
        p.channel += 64
    p.image = p.channel * g.in_channels
    p.slack = lanes * itemsize + 64
    return p


cdef Py_ssize_t plane_tap(const Geometry* g, const Planes* p, Py_ssize_t itemsize,
                          Py_ssize_t d, Py_ssize_t h, Py_ssize_t w) noexcept nogil:
    """Byte offset of tap (d, h, w) from the output position's own element."""
    cdef Py_ssize_t td = d * g.dilation[0], th = h * g.dilation[1], tw = w * g.dilation[2]
    cdef Py_ssize_t phase = ((td % g.stride[0]) * p.phases[1] + th % g.stride[1]) * p.phases[2]
    phase += tw % g.stride[2]
    cdef Py_ssize_t index = (td // g.stride[0]) * p.extent[1] + th // g.stride[1]
    index = index * p.extent[2] + tw // g.stride[2]
    return phase * p.plane + index * itemsize


cdef void _pack_plane_row(const Geometry* g, const Planes* p, const View* x, const char* image,
                          char* to, Py_ssize_t row, Py_ssize_t itemsize,
                          const fc_kernels* k) noexcept nogil:
    """Row `row` of all channels of an image; rows are numbered over (phases, depth, height)."""
    cdef Py_ssize_t height = row % p.extent[1]
    cdef Py_ssize_t depth = row // p.extent[1] % p.extent[0]
    cdef Py_ssize_t phase = row // (p.extent[1] * p.extent[0])
    cdef Py_ssize_t phase_w = phase % p.phases[2]
    cdef Py_ssize_t phase_h = phase // p.phases[2] % p.phases[1]
    cdef Py_ssize_t phase_d = phase // (p.phases[2] * p.phases[1])
    cdef Py_ssize_t d = depth * g.stride[0] + phase_d - g.pad[0]
    cdef Py_ssize_t h = height * g.stride[1] + phase_h - g.pad[1]
    cdef Py_ssize_t width = p.extent[2], start, stop, c
    cdef char* target = to + row * width * itemsize
    cdef const char* source
    if 0 <= d < g.input[0] and 0 <= h < g.input[1]:
        start = _valid_from(g.pad[2], phase_w, g.stride[2], width)
        stop = max(_valid_to(g.pad[2], phase_w, g.stride[2], g.input[2], width), start)
    else:
        start = stop = width
    for c in range(g.in_channels):
        _zeros(target + c * p.channel, start, itemsize)
        _zeros(target + c * p.channel + stop * itemsize, width - stop, itemsize)
    if row == p.phases[0] * p.phases[1] * p.phases[2] * p.extent[0] * p.extent[1] - 1:
        # Lanes beyond a plane are computed and dropped: let them be ordinary numbers.
        for c in range(g.in_channels):
            memset(target + c * p.channel + width * itemsize, 0,
                   p.channel - (row + 1) * width * itemsize)
    if start == stop:
        return
    source = image + d * x.axis[0] + h * x.axis[1]
    source += (start * g.stride[2] + phase_w - g.pad[2]) * x.axis[2]
    target += start * itemsize
    if x.channel == itemsize and g.in_channels > 1:
        k.transpose(source, g.stride[2] * x.axis[2], target, p.channel, stop - start, g.in_channels)
    else:
        for c in range(g.in_channels):
            copy_elements(source + c * x.channel, g.stride[2] * x.axis[2],
                          target + c * p.channel, itemsize, stop - start, itemsize)


cdef void pack_planes(const Geometry* g, const Planes* p, const View* x, char* to,
                      Py_ssize_t images, Py_ssize_t itemsize, const fc_kernels* k,
                      int threads) noexcept nogil:
    """Pack `images` images from `x.data` on."""
    cdef Py_ssize_t rows = p.phases[0] * p.phases[1] * p.phases[2] * p.extent[0] * p.extent[1]
    cdef Py_ssize_t i, n
    for i in prange(images * rows, num_threads=threads, schedule="static"):
        n = i // rows
        _pack_plane_row(g, p, x, x.data + n * x.batch, to + n * p.image, i % rows, itemsize, k)


# --- pixels -------------------------------------------------------------------------------------

cdef Pixels pixels_of(const Geometry* g, Py_ssize_t itemsize) noexcept nogil:
    cdef Pixels p
    cdef int i
    for i in range(3):
        p.extent[i] = (g.output[i] - 1) * g.stride[i] + (g.kernel[i] - 1) * g.dilation[i] + 1
    p.pixel = g.in_channels * itemsize
    p.row = p.pixel * p.extent[2]
    p.slice = p.row * p.extent[1]
    p.image = p.slice * p.extent[0]
    return p


cdef void _pack_pixel_row(const Geometry* g, const Pixels* p, const View* x, const char* image,
                          char* to, Py_ssize_t row, Py_ssize_t itemsize,
                          const fc_kernels* k) noexcept nogil:
    cdef Py_ssize_t d = row // p.extent[1] - g.pad[0], h = row % p.extent[1] - g.pad[1]
    cdef Py_ssize_t width = p.extent[2], start, stop, w
    cdef char* target = to + row * p.row
    cdef const char* source
    if 0 <= d < g.input[0] and 0 <= h < g.input[1]:
        start = _valid_from(g.pad[2], 0, 1, width)
        stop = max(_valid_to(g.pad[2], 0, 1, g.input[2], width), start)
    else:
        start = stop = width
    memset(target, 0, start * p.pixel)
    memset(target + stop * p.pixel, 0, (width - stop) * p.pixel)
    if start == stop:
        return
    source = image + d * x.axis[0] + h * x.axis[1] + (start - g.pad[2]) * x.axis[2]
    target += start * p.pixel
    if x.channel == itemsize and x.axis[2] == p.pixel:
        memcpy(target, source, (stop - start) * p.pixel)
    elif x.axis[2] == itemsize:
        k.transpose(source, x.channel, target, p.pixel, g.in_channels, stop - start)
    else:
        for w in range(stop - start):
            copy_elements(source + w * x.axis[2], x.channel, target + w * p.pixel, itemsize,
                          g.in_channels, itemsize)


cdef void pack_pixels(const Geometry* g, const Pixels* p, const View* x, char* to,
                      Py_ssize_t images, Py_ssize_t itemsize, const fc_kernels* k,
                      int threads) noexcept nogil:
    """Pack `images` images from `x.data` on."""
    cdef Py_ssize_t rows = p.extent[0] * p.extent[1]
    cdef Py_ssize_t i, n
    for i in prange(images * rows, num_threads=threads, schedule="static"):
        n = i // rows
        _pack_pixel_row(g, p, x, x.data + n * x.batch, to + n * p.image, i % rows, itemsize, k)
