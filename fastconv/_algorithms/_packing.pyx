"""Copies of a box's inputs with their padding, in the two orders that tiles read; and back.

*Planes* keep channels apart, and the columns of every stride phase together, so that neighbouring
outputs read neighbouring elements whatever the stride. *Pixels* keep the channels of a pixel
together. Threads can share a box: planes are packed by channels, pixels by rows.
"""

from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memcpy, memset

from fastconv._algorithms._boxes cimport Box, reach
from fastconv._core.geometry cimport FILLED, Geometry, View, shown
from fastconv._kernels.table cimport fc_kernels

cdef enum:
    # Runs of up to this many bytes are copied by a loop: a call to the C library costs more.
    SHORT = 64
    # Inputs per piece of a row of pixels.
    PIECE = 256


cdef bint is_linear(const View* v, const Py_ssize_t* size) noexcept nogil:
    """Whether positions, counted over a box, are evenly spaced in memory."""
    return (size[1] == 1 or v.axis[1] == size[2] * v.axis[2]) and (
        size[0] == 1 or v.axis[0] == size[1] * size[2] * v.axis[2])


cdef bint needs_padding(const Geometry* g) noexcept nogil:
    """Whether some window reaches outside the input."""
    return reaches_outside(g, 0) or reaches_outside(g, 1) or reaches_outside(g, 2)


cdef bint reaches_outside(const Geometry* g, int axis) noexcept nogil:
    """The same along one axis."""
    cdef Py_ssize_t last = ((g.output[axis] - 1) * g.stride[axis] + (g.kernel[axis] - 1) * g.dilation[axis]
                            - g.pad[axis])
    return g.pad[axis] > 0 or last >= g.input[axis]


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


cdef void fill(char* to, Py_ssize_t count, Py_ssize_t itemsize, double value) noexcept nogil:
    """Set `count` elements to a value."""
    cdef Py_ssize_t i
    if value == 0:
        memset(to, 0, count * itemsize)
    elif itemsize == 4:
        for i in range(count):
            (<float*> to)[i] = <float> value
    else:
        for i in range(count):
            (<double*> to)[i] = value


cdef void pack_row(const Geometry* g, const char* row, Py_ssize_t step, Py_ssize_t first, Py_ssize_t count,
                   char* to, Py_ssize_t itemsize) noexcept nogil:
    """`count` elements of a row of the padded input from `first` on; NULL for a row of padding."""
    cdef Py_ssize_t start = min(max(-first, <Py_ssize_t> 0), count), stop, i, at
    if row == NULL:
        fill(to, count, itemsize, g.fill)
        return
    stop = max(min(g.input[2] - first, count), start)
    copy_elements(row + (first + start) * step, step, to + start * itemsize, itemsize, stop - start, itemsize)
    for i in range(count - (stop - start)):
        if i >= start:
            i += stop - start
        at = shown(g, 2, first + i)
        if at < 0:
            fill(to + i * itemsize, 1, itemsize, g.fill)
        else:
            copy_elements(row + at * step, step, to + i * itemsize, itemsize, 1, itemsize)


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

cdef Planes planes_of(const Geometry* g, const Py_ssize_t* outputs, Py_ssize_t itemsize,
                      Py_ssize_t lanes) noexcept nogil:
    cdef Planes p
    cdef int i
    p.channels = g.in_channels // g.groups
    for i in range(3):
        # A single tap touches one phase; several may touch each of them.
        p.phases[i] = 1 if g.kernel[i] == 1 else g.stride[i]
        p.extent[i] = outputs[i] + (g.kernel[i] - 1) * g.dilation[i] // g.stride[i]
    p.rows = p.phases[0] * p.phases[1] * p.phases[2] * p.extent[0] * p.extent[1]
    p.plane = p.extent[0] * p.extent[1] * p.extent[2] * itemsize
    p.channel = p.plane * p.phases[0] * p.phases[1] * p.phases[2]
    # Whole cache lines, an odd number: channels then fall into different cache sets.
    p.channel = (p.channel + 63) // 64 * 64
    if p.channel // 64 % 2 == 0:
        p.channel += 64
    # Lanes beyond the last plane are read too.
    p.bytes = (p.channel * p.channels + lanes * itemsize + 64 + 4095) // 4096 * 4096
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


cdef void pack_planes(const Geometry* g, const Planes* p, const View* x, const Box* box, char* to,
                      Py_ssize_t first, Py_ssize_t last, Py_ssize_t itemsize,
                      const fc_kernels* k) noexcept nogil:
    """Channels [first, last) of a box.

    `x.data` is the first input channel of the box's image and group.
    """
    cdef Py_ssize_t channels = last - first, rows = p.extent[1], width = p.extent[2]
    cdef Py_ssize_t slice, depth, phase, phase_w, phase_h, phase_d, d, h, w, i, j, c
    cdef Py_ssize_t top, bottom, left, right, above = g.stride[1] * x.axis[1], used
    cdef Py_ssize_t row_bytes = width * itemsize
    cdef char* planes = to + first * p.channel
    cdef char* target
    cdef const char* source
    cdef const char* image
    for slice in range(p.rows // rows):
        # All rows of one phase and depth.
        depth = slice % p.extent[0]
        phase = slice // p.extent[0]
        phase_w = phase % p.phases[2]
        phase_h = phase // p.phases[2] % p.phases[1]
        phase_d = phase // (p.phases[2] * p.phases[1])
        # Where the first row and column of the phase lie in the input, and which lie inside.
        d = shown(g, 0, (box.origin[0] + depth) * g.stride[0] + phase_d - g.pad[0])
        h = box.origin[1] * g.stride[1] + phase_h - g.pad[1]
        w = box.origin[2] * g.stride[2] + phase_w - g.pad[2]
        top = _valid_from(-h, 0, g.stride[1], rows)
        bottom = max(_valid_to(-h, 0, g.stride[1], g.input[1], rows), top)
        left = _valid_from(-w, 0, g.stride[2], width)
        right = max(_valid_to(-w, 0, g.stride[2], g.input[2], width), left)
        if d < 0:
            bottom = top
        target = planes + slice * rows * row_bytes
        image = x.data + first * x.channel + d * x.axis[0]
        if g.padding == FILLED:
            for c in range(channels):
                _fill_around(target + c * p.channel, rows, width, top, bottom, left, right, itemsize, g.fill)
        source = image + (w + left * g.stride[2]) * x.axis[2]
        _copy_rows(g, p, x, source + (h + top * g.stride[1]) * x.axis[1], above,
                   target + top * row_bytes + left * itemsize, bottom - top, right - left, channels,
                   itemsize, k)
        if g.padding == FILLED or d < 0:
            continue
        for i in range(rows):
            if top <= i < bottom:
                continue
            _copy_rows(g, p, x, source + shown(g, 1, h + i * g.stride[1]) * x.axis[1], above,
                       target + i * row_bytes + left * itemsize, 1, right - left, channels, itemsize, k)
        for i in range(rows if right - left < width else 0):
            source = image + shown(g, 1, h + i * g.stride[1]) * x.axis[1]
            for j in range(width - (right - left)):
                if j >= left:
                    j += right - left
                copy_elements(source + shown(g, 2, w + j * g.stride[2]) * x.axis[2], x.channel,
                              target + i * row_bytes + j * itemsize, p.channel, channels, itemsize)
    # Lanes beyond a plane are computed and dropped: let them be ordinary numbers.
    used = p.rows * row_bytes
    for c in range(channels):
        memset(planes + c * p.channel + used, 0, p.channel - used)
    if last == p.channels:
        memset(to + p.channels * p.channel, 0, p.bytes - p.channels * p.channel)


cdef void _fill_around(char* plane, Py_ssize_t rows, Py_ssize_t width, Py_ssize_t top, Py_ssize_t bottom,
                       Py_ssize_t left, Py_ssize_t right, Py_ssize_t itemsize,
                       double value) noexcept nogil:
    """Set what lies outside of rows [top, bottom) and columns [left, right)."""
    cdef Py_ssize_t row = width * itemsize, i
    fill(plane, top * width, itemsize, value)
    fill(plane + bottom * row, (rows - bottom) * width, itemsize, value)
    for i in range(top, bottom if right - left < width else top):
        fill(plane + i * row, left, itemsize, value)
        fill(plane + i * row + right * itemsize, width - right, itemsize, value)


cdef void _copy_rows(const Geometry* g, const Planes* p, const View* x, const char* source,
                     Py_ssize_t above, char* to, Py_ssize_t rows, Py_ssize_t count,
                     Py_ssize_t channels, Py_ssize_t itemsize, const fc_kernels* k) noexcept nogil:
    """`count` elements of some rows, `above` bytes from each to the next, of all channels."""
    cdef Py_ssize_t row_bytes = p.extent[2] * itemsize, step = g.stride[2] * x.axis[2], c, i
    if rows == 0 or count == 0:
        return
    if x.channel == itemsize and p.channels > 1:
        for i in range(rows):
            k.transpose(source + i * above, step, to + i * row_bytes, p.channel, count, channels, 1)
    elif step % itemsize == 0 and step > 0:
        for c in range(channels):
            k.copy(source + c * x.channel, above, to + c * p.channel, row_bytes, rows, count,
                   step // itemsize)
    else:
        for c in range(channels):
            for i in range(rows):
                copy_elements(source + c * x.channel + i * above, step,
                              to + c * p.channel + i * row_bytes, itemsize, count, itemsize)


# --- pixels -------------------------------------------------------------------------------------

cdef Pixels pixels_of(const Geometry* g, const Py_ssize_t* outputs, Py_ssize_t channels,
                      bint merged, Py_ssize_t itemsize) noexcept nogil:
    cdef Pixels p
    cdef int i
    for i in range(3):
        p.extent[i] = reach(g, i, outputs[i])
    p.channels = channels
    p.pixel = channels * itemsize
    if not merged and p.pixel % 2048 == 0:
        p.pixel += 64  # or else many neighbours would fall into one cache set
    p.row = p.pixel * p.extent[2]
    p.slice = p.row * p.extent[1]
    p.bytes = (p.slice * p.extent[0] + 4095) // 4096 * 4096
    cut_rows(&p, PIECE)
    return p


cdef void cut_rows(Pixels* p, Py_ssize_t piece) noexcept nogil:
    """Have rows packed in pieces of so many pixels."""
    p.piece = piece
    p.pieces = (p.extent[2] + piece - 1) // piece
    p.rows = p.extent[0] * p.extent[1] * p.pieces


cdef void pack_pixels(const Geometry* g, const Pixels* p, const View* x, const Box* box, char* to,
                      Py_ssize_t first, Py_ssize_t last, Py_ssize_t itemsize,
                      const fc_kernels* k) noexcept nogil:
    """Pieces [first, last) of rows, numbered over (depth, height, piece).

    `x.data` is the first input channel of the box's image.
    """
    cdef Py_ssize_t piece, row, d, h, w, pad, start, stop, begin, width, step
    cdef char* target
    cdef const char* source
    cdef bint planar = (x.axis[2] % itemsize == 0 and 0 < x.axis[2] <= 4 * itemsize
                        and x.channel != itemsize)
    for piece in range(first, last):
        row = piece
        begin = 0
        if p.pieces > 1:
            row = piece // p.pieces
            begin = piece % p.pieces * p.piece
        width = min(p.extent[2] - begin, p.piece)
        d = shown(g, 0, box.origin[0] * g.stride[0] + row // p.extent[1] - g.pad[0])
        h = shown(g, 1, box.origin[1] * g.stride[1] + row % p.extent[1] - g.pad[1])
        pad = g.pad[2] - box.origin[2] * g.stride[2] - begin
        target = to + row * p.row + begin * p.pixel
        start = stop = width
        if d >= 0 and h >= 0:
            start = _valid_from(pad, 0, 1, width)
            stop = max(_valid_to(pad, 0, 1, g.input[2], width), start)
        source = x.data + d * x.axis[0] + h * x.axis[1]
        if g.padding == FILLED:
            fill(target, start * p.pixel // itemsize, itemsize, g.fill)
            fill(target + stop * p.pixel, (width - stop) * p.pixel // itemsize, itemsize, g.fill)
        else:
            for w in range(width - (stop - start)):
                if w >= start:
                    w += stop - start
                copy_elements(source + shown(g, 2, w - pad) * x.axis[2], x.channel,
                              target + w * p.pixel, itemsize, p.channels, itemsize)
        if start == stop:
            continue
        source += (start - pad) * x.axis[2]
        target += start * p.pixel
        if x.channel == itemsize and x.axis[2] == p.pixel == p.channels * itemsize:
            memcpy(target, source, (stop - start) * p.pixel)
        elif x.channel == itemsize:
            k.copy(source, x.axis[2], target, p.pixel, stop - start, p.channels, 1)
        elif planar:
            step = x.axis[2] // itemsize
            k.transpose(source, x.channel, target, p.pixel, p.channels, stop - start, step)
        else:
            for w in range(stop - start):
                copy_elements(source + w * x.axis[2], x.channel, target + w * p.pixel, itemsize,
                              p.channels, itemsize)


cdef void unpack_pixels(const View* y, const Py_ssize_t* outputs, const char* pixels,
                        Py_ssize_t pixel_bytes, Py_ssize_t first, Py_ssize_t count,
                        Py_ssize_t channels, char* to, Py_ssize_t itemsize,
                        const fc_kernels* k) noexcept nogil:
    """Bring `count` pixels, numbered over a box of `outputs` from `first` on, to the outputs.

    `to` is where the box's first output of the first channel goes.
    """
    cdef Py_ssize_t done = 0, row, column, here, p, pitch = outputs[2], height = outputs[1]
    cdef char* target
    if is_linear(y, outputs):
        pitch *= height * outputs[0]
        height = 1
    while done < count:
        column = (first + done) % pitch
        row = (first + done) // pitch
        here = min(pitch - column, count - done)
        target = to + row // height * y.axis[0] + row % height * y.axis[1] + column * y.axis[2]
        if y.axis[2] == itemsize:
            k.transpose(pixels + done * pixel_bytes, pixel_bytes, target, y.channel, here, channels, 1)
        else:
            for p in range(here):
                copy_elements(pixels + (done + p) * pixel_bytes, itemsize, target + p * y.axis[2],
                              y.channel, channels, itemsize)
        done += here
