from fastconv._algorithms._boxes cimport Box
from fastconv._core.geometry cimport Geometry, View
from fastconv._kernels.table cimport fc_kernels


# Padded planes, one per channel and stride phase: every output row reads contiguous lanes.
cdef struct Planes:
    Py_ssize_t channels
    Py_ssize_t phases[3]     # stride phases that some tap falls into, per axis
    Py_ssize_t extent[3]     # rows and columns of one phase
    Py_ssize_t rows          # of all phases
    Py_ssize_t plane         # bytes of one phase
    Py_ssize_t channel       # bytes between channels
    Py_ssize_t bytes         # of a box, with what may be read beyond it, on pages of its own


# The padded input, channels last.
cdef struct Pixels:
    Py_ssize_t channels
    Py_ssize_t extent[3]
    Py_ssize_t piece              # of a row: pixels
    Py_ssize_t pieces, rows       # pieces of a row, of all rows
    Py_ssize_t pixel, row, slice  # bytes between neighbours along w, h, d
    Py_ssize_t bytes              # of a box, on pages of its own


cdef Planes planes_of(const Geometry* g, const Py_ssize_t* outputs, Py_ssize_t itemsize,
                      Py_ssize_t lanes) noexcept nogil
cdef Py_ssize_t plane_tap(const Geometry* g, const Planes* p, Py_ssize_t itemsize,
                          Py_ssize_t d, Py_ssize_t h, Py_ssize_t w) noexcept nogil
cdef void pack_planes(const Geometry* g, const Planes* p, const View* x, const Box* box, char* to,
                      Py_ssize_t first, Py_ssize_t last, Py_ssize_t itemsize,
                      const fc_kernels* k) noexcept nogil
cdef Pixels pixels_of(const Geometry* g, const Py_ssize_t* outputs, Py_ssize_t channels,
                      bint merged, Py_ssize_t itemsize) noexcept nogil
cdef void cut_rows(Pixels* p, Py_ssize_t piece) noexcept nogil
cdef void pack_pixels(const Geometry* g, const Pixels* p, const View* x, const Box* box, char* to,
                      Py_ssize_t first, Py_ssize_t last, Py_ssize_t itemsize,
                      const fc_kernels* k) noexcept nogil
cdef void unpack_pixels(const View* y, const Py_ssize_t* outputs, const char* pixels,
                        Py_ssize_t pixel_bytes, Py_ssize_t first, Py_ssize_t count,
                        Py_ssize_t channels, char* to, Py_ssize_t itemsize,
                        const fc_kernels* k) noexcept nogil
cdef bint is_linear(const View* v, const Py_ssize_t* size) noexcept nogil
cdef void pack_row(const Geometry* g, const char* row, Py_ssize_t step, Py_ssize_t first, Py_ssize_t count,
                   char* to, Py_ssize_t itemsize) noexcept nogil
cdef void fill(char* to, Py_ssize_t count, Py_ssize_t itemsize, double value) noexcept nogil
cdef bint needs_padding(const Geometry* g) noexcept nogil
cdef bint reaches_outside(const Geometry* g, int axis) noexcept nogil
cdef void copy_elements(const char* source, Py_ssize_t source_step, char* to, Py_ssize_t to_step,
                        Py_ssize_t count, Py_ssize_t itemsize) noexcept nogil
