"""Where the tiles of a Winograd convolution lie, and how they are shared out.

A unit of tiles is transformed, multiplied and transformed back while a cache holds it; the more
tiles it has, the fewer times all weights are read. A dilated kernel sees interleaved images: their
tiles follow each other, row by row and column by column.
"""

from fastconv._algorithms._direct cimport tile_count
from fastconv._core.geometry cimport Geometry

cdef enum:
    # What the points of a unit, before and after the product, may take of a cache.
    UNIT_BYTES = 512 << 10
    # Weights are read once per unit: from so many rows of products on this is hidden.
    LEAST_ROWS = 4
    # Planes of a unit, where neighbours share what a deep kernel reads.
    SHARING_PLANES = 4


cdef Py_ssize_t tiles_along(const Geometry* g, int axis, Py_ssize_t outputs) noexcept nogil:
    """Tiles along an axis, of `outputs` each, for all interleaved images."""
    cdef Py_ssize_t phase, count = 0
    for phase in range(min(g.dilation[axis], g.output[axis])):
        count += tile_count(tile_count(g.output[axis] - phase, g.dilation[axis]), outputs)
    return count


cdef void tile_origins(const Geometry* g, int axis, Py_ssize_t outputs, Py_ssize_t* to) noexcept nogil:
    """The first output of every tile along an axis."""
    cdef Py_ssize_t phase, first
    for phase in range(min(g.dilation[axis], g.output[axis])):
        first = phase
        while first < g.output[axis]:
            to[0] = first
            to += 1
            first += outputs * g.dilation[axis]


cdef Py_ssize_t slices_of(const Geometry* g, Py_ssize_t planes) noexcept nogil:
    """Input planes that so many neighbouring output planes see."""
    if g.kernel[0] == 1:
        return planes
    return (planes - 1) * g.stride[0] + (g.kernel[0] - 1) * g.dilation[0] + 1


cdef Py_ssize_t _even(Py_ssize_t whole, Py_ssize_t most) noexcept nogil:
    """The size of equal parts of at most `most`."""
    return tile_count(whole, tile_count(whole, max(most, 1)))


cdef Units cut(const Geometry* g, Py_ssize_t outputs, Py_ssize_t blocks, Py_ssize_t lanes,
               Py_ssize_t tile_rows, Py_ssize_t size, int threads) noexcept nogil:
    """Units and shares for `threads` threads, for tiles of `outputs` x `outputs`.

    `tile_rows` x `lanes` is a register tile of the products, `blocks` are the filter blocks of a
    group, `size` is the bytes of an element.
    """
    cdef Units u
    cdef Py_ssize_t points = (outputs + 2) * (outputs + 2), room, tasks, more
    cdef bint deep = g.kernel[0] > 1
    u.all_rows = tiles_along(g, 1, outputs)
    u.all_columns = tiles_along(g, 2, outputs)
    u.runs = g.batch if deep else 1
    u.run = g.output[0] if deep else g.batch * g.output[0]
    room = UNIT_BYTES // (points * size * (g.in_channels // g.groups + blocks * lanes))
    room = max(room, LEAST_ROWS * tile_rows)
    u.columns = u.all_columns
    if g.dilation[2] == 1:
        u.columns = _even(u.all_columns, room)
    u.planes = 1
    if deep:
        u.planes = _even(u.run, min(room // u.columns, SHARING_PLANES))
    u.rows = _even(u.all_rows, room // (u.columns * u.planes))
    if not deep and u.rows == u.all_rows and u.columns == u.all_columns:
        u.planes = _even(u.run, room // (u.columns * u.rows))
    u.shares = 1
    while threads > 1:
        _count(&u, g.groups)
        tasks = u.units * u.shares
        # No thread idle for more than an eighth of the time.
        if tile_count(tasks, threads) * threads * 7 <= tasks * 8:
            break
        # Smaller units while they still fill register tiles, or else the filters are shared out.
        if u.planes > 1 and not deep and u.rows * u.columns >= LEAST_ROWS * tile_rows // 2:
            u.planes = tile_count(u.planes, 2)
        elif u.rows > 1 and u.planes * u.rows * u.columns >= LEAST_ROWS * tile_rows:
            more = tile_count(u.all_rows, u.rows)
            more = tile_count(more + 1, threads) * threads
            u.rows = min(u.rows - 1, max(u.all_rows // more, 1))
        elif u.shares < blocks:
            u.shares = min(2 * u.shares, blocks)
        else:
            break
    _count(&u, g.groups)
    u.share = tile_count(blocks, u.shares)
    u.shares = tile_count(blocks, u.share)
    return u


cdef void _count(Units* u, Py_ssize_t groups) noexcept nogil:
    u.counts = [tile_count(u.run, u.planes), tile_count(u.all_rows, u.rows),
                tile_count(u.all_columns, u.columns)]
    u.units = u.runs * groups * u.counts[0] * u.counts[1] * u.counts[2]


cdef Unit unit_at(const Units* u, Py_ssize_t index) noexcept nogil:
    cdef Unit t
    cdef Py_ssize_t size[3]
    cdef Py_ssize_t whole[3]
    cdef int i
    size = [u.planes, u.rows, u.columns]
    whole = [u.run, u.all_rows, u.all_columns]
    for i in range(2, -1, -1):
        t.origin[i] = index % u.counts[i] * size[i]
        t.size[i] = min(size[i], whole[i] - t.origin[i])
        index //= u.counts[i]
    t.run = index % u.runs
    t.group = index // u.runs
    return t
