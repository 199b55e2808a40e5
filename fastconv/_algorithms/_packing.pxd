from fastconv._core.geometry cimport Geometry, View
from fastconv._kernels.table cimport fc_kernels


# Padded planes, one per channel and stride phase: every output row reads contiguous lanes.
cdef struct Planes:
    Py_ssize_t phases[3]     # stride phases that some tap falls into, per axis
    Py_ssize_t extent[3]     # rows and columns of one phase
    Py_ssize_t plane         # bytes of one phase
    Py_ssize_t channel       # bytes between channels
    Py_ssize_t image         # bytes between images
    Py_ssize_t slack         # bytes that may be read beyond the last plane


# The padded input, channels last.
cdef struct Pixels:
    Py_ssize_t extent[3]
    Py_ssize_t pixel, row, slice, image  # bytes between neighbours along w, h, d, n


cdef Planes planes_of(const Geometry* g, Py_ssize_t itemsize, Py_ssize_t lanes) noexcept nogil
cdef Py_ssize_t plane_tap(const Geometry* g, const Planes* p, Py_ssize_t itemsize,
                          Py_ssize_t d, Py_ssize_t h, Py_ssize_t w) noexcept nogil
cdef void pack_planes(const Geometry* g, const Planes* p, const View* x, char* to,
                      Py_ssize_t images, Py_ssize_t itemsize, const fc_kernels* k,
                      int threads) noexcept nogil
cdef Pixels pixels_of(const Geometry* g, Py_ssize_t itemsize) noexcept nogil
cdef void pack_pixels(const Geometry* g, const Pixels* p, const View* x, char* to,
                      Py_ssize_t images, Py_ssize_t itemsize, const fc_kernels* k,
                      int threads) noexcept nogil
cdef bint needs_padding(const Geometry* g) noexcept nogil
cdef Py_ssize_t images_per_step(Py_ssize_t batch, Py_ssize_t image) noexcept nogil
cdef void copy_elements(const char* source, Py_ssize_t source_step, char* to, Py_ssize_t to_step,
                        Py_ssize_t count, Py_ssize_t itemsize) noexcept nogil
