from fastconv._core.geometry cimport Geometry


# The outputs of a problem cut into boxes of equal size (the last along an axis may be smaller), and
# the filters of a box into shares: a task is one share of one box.
cdef struct Boxes:
    Py_ssize_t size[3]             # outputs per box along each axis
    Py_ssize_t count[3]            # boxes per image
    Py_ssize_t units               # boxes of all images and groups
    Py_ssize_t shares              # tasks per box
    Py_ssize_t share               # filter blocks per task
    Py_ssize_t groups


cdef struct Box:
    Py_ssize_t image, group
    Py_ssize_t origin[3]
    Py_ssize_t output[3]


cdef Boxes share_out(const Geometry* g, bint whole_rows, Py_ssize_t tile, Py_ssize_t blocks,
                     Py_ssize_t pixel_bytes, Py_ssize_t weight_bytes, int threads) noexcept nogil
cdef Box box_at(const Geometry* g, const Boxes* boxes, Py_ssize_t unit) noexcept nogil
cdef Py_ssize_t reach(const Geometry* g, int axis, Py_ssize_t outputs) noexcept nogil
