from fastconv._core.geometry cimport Geometry


# The tiles of a problem cut into units, and the filters of a unit into shares. A plane is one image
# at one depth; planes follow each other through all images unless the kernel is deep.
cdef struct Units:
    Py_ssize_t planes, rows, columns     # tiles per unit along each axis; the last may have fewer
    Py_ssize_t runs, run                 # planes that a unit may combine: so many runs of so many
    Py_ssize_t all_rows, all_columns     # tiles of a plane
    Py_ssize_t counts[3]                 # units per run along each axis
    Py_ssize_t units                     # of all runs and groups
    Py_ssize_t shares, share             # tasks per unit, filter blocks per task


cdef struct Unit:
    Py_ssize_t group, run
    Py_ssize_t origin[3]                 # first plane of the run, row and column of tiles
    Py_ssize_t size[3]


cdef Py_ssize_t tiles_along(const Geometry* g, int axis, Py_ssize_t outputs) noexcept nogil
cdef void tile_origins(const Geometry* g, int axis, Py_ssize_t outputs, Py_ssize_t* to) noexcept nogil
cdef Py_ssize_t slices_of(const Geometry* g, Py_ssize_t planes) noexcept nogil
cdef Units cut(const Geometry* g, Py_ssize_t outputs, Py_ssize_t blocks, Py_ssize_t lanes,
               Py_ssize_t tile_rows, Py_ssize_t size, int threads) noexcept nogil
cdef Unit unit_at(const Units* u, Py_ssize_t index) noexcept nogil
