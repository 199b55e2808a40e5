from fastconv._core.geometry cimport Geometry


# The outputs of a problem cut into boxes, and the filters of a box into shares, all as equal as can
# be: a task is one share of one box.
cdef struct Boxes:
    Py_ssize_t size[3]             # outputs of the largest box along each axis
    Py_ssize_t count[3]            # boxes per image
    Py_ssize_t units               # boxes of all images and groups
    Py_ssize_t shares              # tasks per box
    Py_ssize_t blocks              # filter blocks of a box
    Py_ssize_t groups
    bint boxwise                   # neighbouring tasks are shares of a box, not boxes of a share


# Filter blocks [first, last).
cdef struct Share:
    Py_ssize_t first, last


cdef struct Box:
    Py_ssize_t image, group
    Py_ssize_t origin[3]
    Py_ssize_t output[3]


cdef Boxes share_out(const Geometry* g, bint whole_rows, Py_ssize_t tile, Py_ssize_t blocks,
                     Py_ssize_t pixel_bytes, Py_ssize_t weight_bytes, bint packed,
                     int threads) noexcept nogil
cdef Box box_at(const Geometry* g, const Boxes* boxes, Py_ssize_t unit) noexcept nogil


cdef inline Py_ssize_t part_start(Py_ssize_t whole, Py_ssize_t parts, Py_ssize_t i) noexcept nogil:
    """Where part `i` begins, if `whole` is cut into `parts`, the larger ones spread evenly."""
    return whole // parts * i + (whole % parts * i + parts - 1) // parts


cdef inline Py_ssize_t unit_of(const Boxes* boxes, Py_ssize_t task) noexcept nogil:
    """The box of a task."""
    return task // boxes.shares if boxes.boxwise else task % boxes.units


cdef inline Share share_of(const Boxes* boxes, Py_ssize_t task) noexcept nogil:
    """The filters of a task."""
    cdef Py_ssize_t i = task % boxes.shares if boxes.boxwise else task // boxes.units
    cdef Share share
    share.first = part_start(boxes.blocks, boxes.shares, i)
    share.last = part_start(boxes.blocks, boxes.shares, i + 1)
    return share


cdef Py_ssize_t reach(const Geometry* g, int axis, Py_ssize_t outputs) noexcept nogil
