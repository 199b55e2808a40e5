"""Copies of images in panels: some channels of each pixel side by side, pixel after pixel.

A tile that reads as many channels as a panel holds finds the next pixel's next to them.
"""

from libc.string cimport memset

from fastconv._algorithms._boxes cimport Box, part_start
from fastconv._algorithms._packing cimport cut_rows, pack_pixels, pixels_of
from fastconv._core.team cimport share

cdef enum:
    # Panels that are copied together, as their sources are neighbours, for so many pixels at a time.
    TOGETHER = 8
    PIECE = 32
    ROW_PARTS = 4
    STEP_BYTES = 2 << 20   # of the panels of a step, about


cdef Panels panels_of(const Geometry* g, const Py_ssize_t* outputs, Py_ssize_t channels,
                      Py_ssize_t wide, Py_ssize_t size) noexcept nogil:
    """What `outputs` see, in panels of `wide` channels out of `channels` per group."""
    cdef Panels p
    p.channels = channels
    p.wide = max(wide, 1)
    p.count = (channels + p.wide - 1) // p.wide
    p.pixels = pixels_of(g, outputs, p.wide, True, size)
    cut_rows(&p.pixels, PIECE)
    p.image = (p.pixels.slice * p.pixels.extent[0] + 63) // 64 * 64
    p.bytes = p.count * p.image
    return p


cdef struct Copies:
    const Geometry* g
    const Panels* p
    const View* images
    const Step* step
    char* to
    Py_ssize_t room            # for so many images
    Py_ssize_t size
    const fc_kernels* k
    Py_ssize_t parts, row_parts


cdef int copy_panels(const Geometry* g, const Panels* p, const View* images, const Step* step,
                      char* to, Py_ssize_t room, Py_ssize_t size, const fc_kernels* k,
                      int threads) except -1 nogil:
    """Copy the images of a step with their zero padding; `to` has room for `room` of them."""
    cdef Copies c = [g, p, images, step, to, room, size, k, 0, 0]
    c.parts = (p.count + TOGETHER - 1) // TOGETHER
    c.row_parts = min(p.pixels.rows, ROW_PARTS)
    share(_copy_part, &c, g.groups * c.parts * step.images * c.row_parts, threads)


cdef void _copy_part(const void* work, Py_ssize_t task, int thread) noexcept nogil:
    """Some rows of an image, for some panels."""
    cdef const Copies* c = <const Copies*> work
    cdef const Panels* p = c.p
    cdef Py_ssize_t part = task % c.parts, rows = task // c.parts % c.row_parts
    cdef Py_ssize_t image = task // c.parts // c.row_parts % c.step.images
    cdef Py_ssize_t group = task // c.parts // c.row_parts // c.step.images
    cdef Py_ssize_t row, panel
    cdef Pixels pixels = p.pixels
    cdef View view = c.images[0]
    cdef Box band
    cdef char* to
    cdef int axis
    for axis in range(3):
        band.origin[axis] = c.step.origin[axis]
    for row in range(part_start(p.pixels.rows, c.row_parts, rows),
                     part_start(p.pixels.rows, c.row_parts, rows + 1)):
        for panel in range(part * TOGETHER, min((part + 1) * TOGETHER, p.count)):
            view.data = (c.images.data + (c.step.first + image) * c.images.batch
                         + (group * p.channels + panel * p.wide) * c.images.channel)
            pixels.channels = min(p.wide, p.channels - panel * p.wide)
            to = c.to + ((group * p.count + panel) * c.room + image) * p.image
            if pixels.channels < p.wide:
                # Lanes without a channel are computed and dropped: let them be ordinary numbers.
                _clear(&pixels, to, row)
            pack_pixels(c.g, &pixels, &view, &band, to, row, row + 1, c.size, c.k)


cdef void _clear(const Pixels* p, char* to, Py_ssize_t piece) noexcept nogil:
    cdef Py_ssize_t begin = piece % p.pieces * p.piece
    memset(to + piece // p.pieces * p.row + begin * p.pixel, 0,
           min(p.piece, p.extent[2] - begin) * p.pixel)


cdef Steps steps_of(const Geometry* g, Py_ssize_t image_bytes, Py_ssize_t sum_bytes) noexcept nogil:
    """How a batch is cut, if the panels of an image, and what is summed up over all steps, take so many bytes."""
    cdef Steps s
    cdef int i
    # What is read and written at every step should not be more than what it is for.
    cdef Py_ssize_t most = max(STEP_BYTES, sum_bytes)
    for i in range(3):
        s.outputs[i] = g.output[i]
    s.axis = 0
    while s.axis < 2 and g.output[s.axis] == 1:
        s.axis += 1
    s.bands = 1
    s.images = max(min(g.batch, most // max(image_bytes, 1)), 1)
    if image_bytes > most:
        s.bands = min((image_bytes + most - 1) // most, g.output[s.axis])
        s.outputs[s.axis] = (g.output[s.axis] + s.bands - 1) // s.bands
        s.bands = (g.output[s.axis] + s.outputs[s.axis] - 1) // s.outputs[s.axis]
    s.count = (g.batch + s.images - 1) // s.images * s.bands
    return s


cdef Step step_at(const Geometry* g, const Steps* steps, Py_ssize_t i) noexcept nogil:
    cdef Step s
    s.first = i // steps.bands * steps.images
    s.images = min(steps.images, g.batch - s.first)
    s.origin = [0, 0, 0]
    s.origin[steps.axis] = i % steps.bands * steps.outputs[steps.axis]
    s.outputs = min(steps.outputs[steps.axis], g.output[steps.axis] - s.origin[steps.axis])
    return s
