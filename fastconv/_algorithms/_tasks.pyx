"""How a room that packs whole images shares out their tiles: tasks of some tiles for some filters."""

cdef enum:
    # Input bytes per block of tiles that all filters run over: they stay in the second-level cache.
    BLOCK_BYTES = 256 << 10
    TASKS_PER_THREAD = 4
    # Images are packed together up to this many bytes: about what second-level caches hold.
    STEP_BYTES = 1 << 20


cdef Py_ssize_t images_per_step(Py_ssize_t batch, Py_ssize_t image) noexcept nogil:
    """How many images of `image` packed bytes are packed and computed at a time."""
    return min(batch, max(STEP_BYTES // max(image, 1), 1))


cdef Tasks share_tiles(Py_ssize_t planes, Py_ssize_t tiles, Py_ssize_t filter_blocks,
                       Py_ssize_t tile_bytes, int threads) noexcept nogil:
    """Enough tasks for all threads; for one thread, as large as the cache allows."""
    cdef Tasks t
    cdef Py_ssize_t wanted = 1 if threads == 1 else threads * TASKS_PER_THREAD
    t.tiles = tiles
    t.filter_blocks = filter_blocks
    t.tile_block = min(max(BLOCK_BYTES // max(tile_bytes, 1), 1), max(tiles * planes // wanted, 1), tiles)
    t.parts = (tiles + t.tile_block - 1) // t.tile_block
    t.shares = 1
    if t.parts * planes < wanted:
        # Too few tiles for all threads: share the filters out as well.
        t.shares = min(filter_blocks, (wanted + t.parts * planes - 1) // (t.parts * planes))
    t.filter_share = (filter_blocks + t.shares - 1) // t.shares
    t.shares = (filter_blocks + t.filter_share - 1) // t.filter_share
    t.count = planes * t.parts * t.shares
    return t


cdef Task task_of(const Tasks* tasks, Py_ssize_t index) noexcept nogil:
    cdef Task t
    cdef Py_ssize_t share = index % tasks.shares, part = index // tasks.shares % tasks.parts
    t.plane = index // tasks.shares // tasks.parts
    t.tile_from = part * tasks.tile_block
    t.tile_to = min(t.tile_from + tasks.tile_block, tasks.tiles)
    t.block_from = share * tasks.filter_share
    t.block_to = min(t.block_from + tasks.filter_share, tasks.filter_blocks)
    return t
