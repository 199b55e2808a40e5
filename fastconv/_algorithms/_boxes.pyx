"""How work is cut for threads and caches: boxes of outputs, shares of filters.

The inputs of a box stay in a second-level cache while all filters run over them. Where there are
too few boxes for all threads, cutting boxes makes every part read the weights again, sharing the
filters out makes every share read the box again: what moves fewer bytes is done.
"""

from fastconv._algorithms._direct cimport tile_count
from fastconv._core.geometry cimport Geometry

cdef enum:
    BOX_BYTES = 256 << 10
    # Weights that a second-level cache holds beside them.
    NEAR_WEIGHTS = 512 << 10
    TASKS_PER_THREAD = 4
    # Up to so many tasks, none of the threads may be idle for more than a 16th of the time.
    MOST_PER_THREAD = 16


cdef Py_ssize_t reach(const Geometry* g, int axis, Py_ssize_t outputs) noexcept nogil:
    """Inputs along an axis that `outputs` neighbouring outputs see."""
    return (outputs - 1) * g.stride[axis] + (g.kernel[axis] - 1) * g.dilation[axis] + 1


cdef double _volume(const Geometry* g, const Py_ssize_t* size) noexcept nogil:
    """Inputs of a box."""
    cdef double volume = 1
    cdef int i
    for i in range(3):
        volume *= reach(g, i, size[i])
    return volume


cdef Py_ssize_t _half(int axis, Py_ssize_t size, Py_ssize_t tile) noexcept nogil:
    """Half a box's size along an axis; rows are cut between tiles."""
    cdef Py_ssize_t half = (size + 1) // 2
    if axis == 2:
        half = (half + tile - 1) // tile * tile
    return half


cdef bint _cut(const Geometry* g, Py_ssize_t* size, bint whole_rows, Py_ssize_t tile) noexcept nogil:
    """Halve a box along the axis that leaves it the fewest inputs; False if it cannot be cut."""
    cdef Py_ssize_t half[3]
    cdef double least = -1, volume
    cdef int i, best = -1
    for i in range(2 if whole_rows else 3):
        half = [size[0], size[1], size[2]]
        half[i] = _half(i, size[i], tile)
        if half[i] >= size[i]:
            continue
        volume = _volume(g, half)
        if i == 2:
            volume *= 1.25  # short rows make short tiles
        if least < 0 or volume < least:
            least = volume
            best = i
        if whole_rows:
            break  # the outermost axis first: boxes stay contiguous
    if best < 0:
        return False
    size[best] = _half(best, size[best], tile)
    return True


cdef bint _worth(const Geometry* g, const Py_ssize_t* cut, const Py_ssize_t* size) noexcept nogil:
    """Whether two halves do not both need most of the whole, as with large dilations."""
    return _volume(g, cut) <= 0.75 * _volume(g, size)


cdef Py_ssize_t _count(const Geometry* g, const Py_ssize_t* size) noexcept nogil:
    cdef Py_ssize_t count = 1
    cdef int i
    for i in range(3):
        count *= (g.output[i] + size[i] - 1) // size[i]
    return count


cdef bint _balanced(Py_ssize_t tasks, int threads) noexcept nogil:
    return (tasks + threads - 1) // threads * threads * 15 <= tasks * 16


cdef Boxes share_out(const Geometry* g, bint whole_rows, Py_ssize_t tile, Py_ssize_t blocks,
                     Py_ssize_t pixel_bytes, Py_ssize_t weight_bytes, bint packed,
                     int threads) noexcept nogil:
    """Boxes for `threads` threads.

    `tile` is the granule of rows, `blocks` are the filter blocks of a group, `weight_bytes` the
    weights of all of them; `whole_rows` keeps the outputs of a box contiguous. Where boxes are
    `packed`, threads had better compute on those that they packed themselves; but if a cache does
    not hold all weights, on the same of these in all boxes.
    """
    cdef Boxes b
    cdef Py_ssize_t planes = g.batch * g.groups, count, tasks
    cdef Py_ssize_t cut[3]
    cdef bint more
    cdef int i
    b.groups = g.groups
    b.shares = 1
    for i in range(3):
        b.size[i] = g.output[i]
    while _volume(g, b.size) * pixel_bytes > BOX_BYTES:
        cut = [b.size[0], b.size[1], b.size[2]]
        if not _cut(g, cut, whole_rows, tile) or not _worth(g, cut, b.size):
            break
        b.size = cut
    count = _count(g, b.size)
    while threads > 1:
        tasks = planes * count * b.shares
        if tasks >= threads * TASKS_PER_THREAD and (
                tasks >= threads * MOST_PER_THREAD or _balanced(tasks, threads)):
            break
        cut = [b.size[0], b.size[1], b.size[2]]
        more = _cut(g, cut, whole_rows, tile) and (tasks < threads or _worth(g, cut, b.size))
        if b.shares < blocks and (
                not more or b.shares * count * _volume(g, b.size) * pixel_bytes
                < <double> count * weight_bytes):
            b.shares = min(2 * b.shares, blocks)
        elif more:
            b.size = cut
            count = _count(g, b.size)
        else:
            break
    if b.shares > 1 and 2 * b.shares > blocks:
        b.shares = blocks
    b.blocks = blocks
    b.units = planes
    for i in range(3):
        b.count[i] = (g.output[i] + b.size[i] - 1) // b.size[i]
        b.units *= b.count[i]
        if i < 2:
            b.size[i] = (g.output[i] + b.count[i] - 1) // b.count[i]
    b.boxwise = True  # unless that is unfavourable or uneven
    b.boxwise = (packed and b.shares > 1 and weight_bytes <= NEAR_WEIGHTS
                 and _most_of_a_thread(g, &b, threads) <= 17 / 16.)
    return b


cdef double _most_of_a_thread(const Geometry* g, const Boxes* b, int threads) noexcept nogil:
    """The first thread's part of the work, which is the largest, as a multiple of an equal one."""
    cdef Py_ssize_t task, work = 0
    cdef Box box
    cdef Share share
    for task in range(tile_count(b.units * b.shares, threads)):
        box = box_at(g, b, unit_of(b, task))
        share = share_of(b, task)
        work += box.output[0] * box.output[1] * box.output[2] * (share.last - share.first)
    return <double> work * threads / (<double> g.batch * g.groups * b.blocks
                                      * g.output[0] * g.output[1] * g.output[2])


cdef Box box_at(const Geometry* g, const Boxes* boxes, Py_ssize_t unit) noexcept nogil:
    cdef Box b
    cdef Py_ssize_t at
    cdef int i
    for i in range(2, -1, -1):
        b.origin[i] = 0
        b.output[i] = g.output[i]
        if boxes.count[i] > 1:
            at = unit % boxes.count[i]
            unit //= boxes.count[i]
            if i == 2:  # rows are cut between tiles
                b.origin[i] = at * boxes.size[i]
                b.output[i] = min(boxes.size[i], g.output[i] - b.origin[i])
            else:
                b.origin[i] = part_start(g.output[i], boxes.count[i], at)
                b.output[i] = part_start(g.output[i], boxes.count[i], at + 1) - b.origin[i]
    b.group = unit % boxes.groups
    b.image = unit // boxes.groups
    return b
