"""What the direct rooms share: the compiled problem, weight packing, tasks for threads."""

from math import prod

import numpy as np

cimport numpy as cnp
from cython.parallel cimport prange
from libc.string cimport memset

from fastconv._algorithms._packing cimport copy_elements
from fastconv._core.arena cimport Scratch, acquire
from fastconv._core.geometry cimport Geometry, View, canonical
from fastconv._core.threads cimport usable
from fastconv._kernels.table cimport kernels

cnp.import_array()

# Padded copies of so many elements are fine anyhow, larger ones if they are mostly touched.
SPARSE_ELEMENTS = 1 << 24
SPARSE_FACTOR = 16

cdef enum:
    # Input bytes per block of tiles that all filters run over: they stay in the second-level cache.
    BLOCK_BYTES = 256 << 10
    TASKS_PER_THREAD = 4
    # Weights worth packing in parallel, in bytes.
    PARALLEL_PACKING = 256 << 10


def supports(problem):
    """None, or why a problem has no tiles."""
    if problem.dtype not in ("float32", "float64"):
        return f"has no kernels for {problem.dtype}"
    return None


def too_sparse(problem, elements):
    """None, or why `elements` of padded copy per image are out of proportion.

    Huge paddings, strides or dilations leave most of such a copy untouched.
    """
    touched = problem.in_channels * prod(problem.input) + problem.out_channels * prod(problem.output)
    if elements > max(SPARSE_ELEMENTS, SPARSE_FACTOR * touched):
        return f"would pad an image to {elements} elements"
    return None


def product_flops(problem, double cycles):
    """What `cycles` per image, group and reduction step amount to at two vector FMAs a cycle."""
    steps = problem.in_channels // problem.groups * problem.taps
    return problem.batch * problem.groups * steps * cycles * 4 * kernels(dtype_code(problem)).lanes


cdef int dtype_code(problem) except -1:
    return 1 if problem.dtype == "float64" else 0


cdef double step_cycles(Py_ssize_t rows, Py_ssize_t width, Py_ssize_t run) noexcept nogil:
    """Cycles of one reduction step of a tile: two FMAs, two loads each, and the start of a run.

    Fewer than eight accumulators wait for each other.
    """
    cdef double fma = max(rows * width, 8) / 2.0, loads = (rows + width) / 2.0
    return max(fma, loads) + 6.0 / run


cdef Py_ssize_t tile_count(Py_ssize_t line, Py_ssize_t lanes) noexcept nogil:
    return (line + lanes - 1) // lanes


cdef bint visits_all(const Geometry* g) noexcept nogil:
    """A 1x1 kernel that visits every input once: the image is one line."""
    cdef int i
    for i in range(3):
        if g.kernel[i] != 1 or g.stride[i] != 1 or g.pad[i] != 0 or g.output[i] != g.input[i]:
            return False
    return True


cdef bint plane_is_linear(const Geometry* g, const View* y) noexcept nogil:
    """Whether outputs, counted over the image, are evenly spaced in memory."""
    return (g.output[1] == 1 or y.axis[1] == g.output[2] * y.axis[2]) and (
        g.output[0] == 1 or y.axis[0] == g.output[1] * g.output[2] * y.axis[2])


cdef class Direct:
    """A problem as the direct rooms see it, for the kernels of the active level."""

    def __init__(self, problem):
        self.g = canonical(problem)
        self.k = kernels(dtype_code(problem))
        self.size = 8 if problem.dtype == "float64" else 4
        self.last = problem.layout == "channels_last"
        self.relu = problem.relu
        self.dtype = np.dtype(problem.dtype)
        self.type_number = self.dtype.num
        self.filters = self.g.out_channels // self.g.groups
        self.channels = self.g.in_channels // self.g.groups
        self.taps = self.g.kernel[0] * self.g.kernel[1] * self.g.kernel[2]

    def vector_lanes(self):
        """Elements of one vector."""
        return self.k.lanes

    cdef Scratch pack(self, object weight, Py_ssize_t width, Py_ssize_t blocks, int threads):
        """Weights as [group][block][tap][channel][`width` filters]; the last block has zeros."""
        cdef Py_ssize_t total = self.g.groups * blocks, i
        cdef Py_ssize_t length = total * width * self.channels * self.taps * self.size
        cdef Weights w
        w.exchanged = _filters_lie_closer(weight) and cnp.PyArray_TYPE(weight) == self.type_number
        if not w.exchanged and not (cnp.PyArray_ISCARRAY_RO(weight)
                                    and cnp.PyArray_TYPE(weight) == self.type_number):
            weight = np.ascontiguousarray(weight, self.dtype)
        cdef Scratch packed = acquire(length)
        _see_weights(&w, weight)
        cdef int workers = usable(threads if length > PARALLEL_PACKING else 1)
        if workers == 1:
            for i in range(total):
                self.pack_block(&w, packed.data, i, width, blocks)
        else:
            for i in prange(total, num_threads=workers, schedule="static", nogil=True):
                self.pack_block(&w, packed.data, i, width, blocks)
        return packed

    cdef void pack_block(self, const Weights* w, char* target, Py_ssize_t i, Py_ssize_t width,
                         Py_ssize_t blocks) noexcept nogil:
        cdef Py_ssize_t filter_bytes = self.channels * self.taps * self.size
        cdef Py_ssize_t first = i % blocks * width, count = min(width, self.filters - first)
        cdef const char* source = w.data + (i // blocks * self.filters + first) * w.filter
        target += i * width * filter_bytes
        if w.exchanged:
            self.pack_exchanged(w, source, target, count, width)
        else:
            self.k.pack(source, filter_bytes, target, count, width, self.channels, self.taps)

    cdef void pack_exchanged(self, const Weights* w, const char* source, char* target,
                             Py_ssize_t count, Py_ssize_t width) noexcept nogil:
        """`pack_block` where neighbours in memory are filters: channel by channel."""
        cdef Py_ssize_t size = self.size, row = width * size, plane = self.channels * row
        cdef Py_ssize_t channel, tap, last = self.taps - 1
        cdef bint reversed = (self.taps > 1 and w.tap[2] == -size
                              and (self.g.kernel[1] == 1 or w.tap[1] == -size * self.g.kernel[2])
                              and (self.g.kernel[0] == 1 or w.tap[0]
                                   == -size * self.g.kernel[2] * self.g.kernel[1]))
        for channel in range(self.channels):
            if count < width:
                for tap in range(self.taps):
                    memset(target + tap * plane + count * size, 0, (width - count) * size)
            if reversed:
                # The taps of a filter as a row of a matrix, whose last column comes first.
                self.k.transpose(source - last * size, w.filter, target + last * plane, -plane,
                                 count, self.taps)
            else:
                for tap in range(self.taps):
                    copy_elements(
                        source + tap % self.g.kernel[2] * w.tap[2]
                        + tap // self.g.kernel[2] % self.g.kernel[1] * w.tap[1]
                        + tap // self.g.kernel[2] // self.g.kernel[1] * w.tap[0],
                        w.filter, target + tap * plane, size, count, size)
            source += w.channel
            target += row

    cdef const char* bias(self, object bias) except? NULL:
        """The data of a contiguous bias array of the right dtype; NULL for None."""
        return NULL if bias is None else <const char*> cnp.PyArray_DATA(bias)


cdef bint _filters_lie_closer(weight) except *:
    """Whether a weight is that of a gradient: filters and channels have changed places."""
    if not cnp.PyArray_ISBEHAVED_RO(weight) or cnp.PyArray_ISCARRAY_RO(weight):
        return False
    cdef cnp.npy_intp* strides = cnp.PyArray_STRIDES(weight)
    return 0 < strides[0] < strides[1]


cdef void _see_weights(Weights* w, weight) except *:
    cdef cnp.npy_intp* strides = cnp.PyArray_STRIDES(weight)
    cdef int axes = cnp.PyArray_NDIM(weight) - 2, i
    w.data = <const char*> cnp.PyArray_DATA(weight)
    w.filter = strides[0]
    w.channel = strides[1]
    for i in range(3):
        w.tap[i] = 0 if i < 3 - axes else strides[i - (3 - axes) + 2]


cdef Tasks share_out(Py_ssize_t planes, Py_ssize_t tiles, Py_ssize_t filter_blocks,
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
