# How the tiles of some images are shared out: tasks of a block of tiles for a share of the filters.
cdef struct Tasks:
    Py_ssize_t count, parts, shares, tiles, tile_block, filter_blocks, filter_share


cdef struct Task:
    Py_ssize_t plane, tile_from, tile_to, block_from, block_to


cdef Tasks share_tiles(Py_ssize_t planes, Py_ssize_t tiles, Py_ssize_t filter_blocks,
                       Py_ssize_t tile_bytes, int threads) noexcept nogil
cdef Task task_of(const Tasks* tasks, Py_ssize_t index) noexcept nogil
cdef Py_ssize_t images_per_step(Py_ssize_t batch, Py_ssize_t image) noexcept nogil
