"""What the direct rooms share: the compiled problem and the packing of weights."""

from math import gcd, prod

import numpy as np

cimport numpy as cnp
from libc.string cimport memset

from fastconv._algorithms._packing cimport copy_elements, needs_padding
from fastconv._core.arena cimport Scratch, acquire
from fastconv._core.arrays import contiguous
from fastconv._core.geometry cimport FILLED, Geometry, View, canonical, view_of
from fastconv._core.team cimport share
from fastconv._kernels.table cimport kernels

cnp.import_array()

# Padded copies of so many elements are fine anyhow, larger ones if they are mostly touched.
SPARSE_ELEMENTS = 1 << 24
SPARSE_FACTOR = 16

# So many weights are packed from cache to cache; more come from memory, and go there.
NEAR_WEIGHTS = 1 << 18

cdef enum:
    # Weights worth packing in parallel, in bytes.
    PARALLEL_PACKING = 128 << 10
    # Inputs and outputs that the caches of a core hold.
    NEAR_ELEMENTS = 1 << 18


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


cdef double step_cycles(const fc_kernels* k, Py_ssize_t rows, Py_ssize_t width, double loads,
                        Py_ssize_t run) noexcept nogil:
    """Cycles of one reduction step of a tile: two FMAs, two of its loads each, and the start of a run.

    Fewer than eight accumulators wait for each other. Where vectors pass their unit twice, cycles
    are counted double-length, so that FMAs stay the measure.
    """
    return max(max(rows * width, 8) / 2.0, loads / 2.0 / k.passes) + 6.0 / run / k.passes


cdef Py_ssize_t tile_count(Py_ssize_t line, Py_ssize_t lanes) noexcept nogil:
    return (line + lanes - 1) // lanes


cdef bint visits_all(const Geometry* g) noexcept nogil:
    """A 1x1 kernel that visits every input once: the image is one line."""
    cdef int i
    for i in range(3):
        if g.kernel[i] != 1 or g.stride[i] != 1 or g.pad[i] != 0 or g.output[i] != g.input[i]:
            return False
    return True


cdef void flatten(Geometry* g) noexcept nogil:
    """See an image that `visits_all` as one row."""
    g.output[2] *= g.output[0] * g.output[1]
    g.input[2] = g.output[2]
    g.output[0] = g.output[1] = g.input[0] = g.input[1] = 1


# What packs weights.
cdef struct Packing:
    void* state                # a Direct
    const Weights* weights
    char* to
    Py_ssize_t block_bytes, width, blocks
    bint* finite               # cleared where there is an Inf or NaN, or NULL


cdef void _pack_block(const void* work, Py_ssize_t block, int thread) noexcept nogil:
    cdef const Packing* p = <const Packing*> work
    cdef const Weights* w = p.weights
    cdef char* target = p.to + block * p.block_bytes
    cdef Py_ssize_t size = (<Direct> p.state).size, filters = (<Direct> p.state).filters
    cdef Py_ssize_t first = block % p.blocks * p.width
    # Of a single filter the stride means nothing.
    cdef Py_ssize_t weights = (<Direct> p.state).channels * (<Direct> p.state).taps
    # Contiguous weights are looked at before: they are near then.
    if p.finite != NULL and not w.exchanged and not (<Direct> p.state).k.finite(
        w.data + (block // p.blocks * filters + first) * weights * size,
        min(p.width, filters - first) * weights,
    ):
        p.finite[0] = False
    (<Direct> p.state).pack_block(w, target, block, p.width, p.blocks, 0, (<Direct> p.state).channels)
    if p.finite != NULL and w.exchanged and not (<Direct> p.state).k.finite(target, p.block_bytes // size):
        p.finite[0] = False


cdef class Direct:
    """A problem as the direct rooms see it, for the kernels of the active level."""

    def __init__(self, problem):
        self.g = canonical(problem)
        self.whole = self.g.input
        self.fold_strides()
        self.k = kernels(dtype_code(problem))
        self.size = 8 if problem.dtype == "float64" else 4
        self.last = problem.layout == "channels_last"
        self.relu = problem.relu
        self.dtype = np.dtype(problem.dtype)
        self.type_number = self.dtype.num
        self.filters = self.g.out_channels // self.g.groups
        self.channels = self.g.in_channels // self.g.groups
        self.taps = self.g.kernel[0] * self.g.kernel[1] * self.g.kernel[2]

    cdef void fold_strides(self):
        """What stride and dilation have in common is a stride of the array: inputs between are never seen."""
        cdef Geometry* g = &self.g
        cdef Py_ssize_t common
        cdef int i
        for i in range(3):
            self.fold[i] = 1
            self.offset[i] = 0
            if g.kernel[i] > 1:
                common = gcd(g.stride[i], g.dilation[i])
                if common > 1 and g.padding == FILLED:
                    self.offset[i] = -g.pad[i] % common
                    if self.offset[i] < 0:
                        self.offset[i] += common
                    self.fold[i] = common
                    g.pad[i] = (g.pad[i] + self.offset[i]) // common
                    g.stride[i] //= common
                    g.dilation[i] //= common
                    g.input[i] = tile_count(max(g.input[i] - self.offset[i], <Py_ssize_t> 0), common)
                continue
            g.dilation[i] = 1
            if g.stride[i] > 1 and g.pad[i] == 0 and (g.output[i] - 1) * g.stride[i] < g.input[i]:
                self.fold[i] = g.stride[i]
                g.stride[i] = 1
                g.input[i] = g.output[i]

    cdef View input_view(self, object x) except *:
        """The inputs that some window sees."""
        cdef View v = view_of(x, self.last)
        cdef int i
        for i in range(3):
            v.data += self.offset[i] * v.axis[i]
            v.axis[i] *= self.fold[i]
        return v

    cdef View usual_input(self) noexcept nogil:
        """The strides of `input_view` for a contiguous array."""
        cdef View v = _contiguous(self.whole, self.g.in_channels, self.size, self.last)
        cdef int i
        for i in range(3):
            v.axis[i] *= self.fold[i]
        return v

    cdef View usual_output(self) noexcept nogil:
        """The strides of a contiguous array of outputs."""
        return _contiguous(self.g.output, self.g.out_channels, self.size, self.last)

    cdef Py_ssize_t far_elements(self) noexcept nogil:
        """Inputs that some window sees, and outputs, beyond those that the caches of a core hold."""
        cdef const Geometry* g = &self.g
        # The elements that a stride skips in a row come with their neighbours.
        cdef Py_ssize_t row = g.input[2] if self.last else self.whole[2]
        return max(0, g.batch * (
            g.in_channels * g.input[0] * g.input[1] * row
            + g.out_channels * g.output[0] * g.output[1] * g.output[2]) - NEAR_ELEMENTS)

    cdef Py_ssize_t weight_bytes(self) noexcept nogil:
        """Of one group."""
        return self.filters * self.channels * self.taps * self.size

    cdef Py_ssize_t sums(self) noexcept nogil:
        """Multiply-adds that follow from an input element."""
        # One stride at a time: their product may exceed 64 bits.
        return self.filters * self.taps // self.g.stride[0] // self.g.stride[1] // self.g.stride[2]

    def vector_lanes(self):
        """Elements of one vector."""
        return self.k.lanes

    cdef object see_weights(self, object weight, Weights* w):
        """Describe a weight for packing; the array that must live as long, a copy where needed."""
        cdef bint fits = cnp.PyArray_TYPE(weight) == self.type_number
        w.exchanged = fits and _filters_lie_closer(weight)
        if not w.exchanged and not (fits and cnp.PyArray_ISCARRAY_RO(weight)):
            weight = contiguous(weight, self.dtype)
        _see_weights(w, weight)
        return weight

    cdef Scratch pack(self, object weight, Py_ssize_t width, Py_ssize_t blocks, int threads,
                      bint* finite=NULL):
        """Weights as [group][block][tap][channel][`width` filters]; the last block has zeros.

        `finite`, if given, tells whether there is no Inf or NaN.
        """
        cdef Py_ssize_t total = self.g.groups * blocks
        cdef Py_ssize_t block_bytes = width * self.channels * self.taps * self.size
        cdef Weights w
        weight = self.see_weights(weight, &w)
        cdef Scratch packed = acquire(total * block_bytes)
        cdef int workers = threads if total * block_bytes > PARALLEL_PACKING else 1
        cdef Packing work
        work.state = <void*> self
        work.weights = &w
        work.to = packed.data
        work.block_bytes = block_bytes
        work.width = width
        work.blocks = blocks
        work.finite = finite
        if finite != NULL:
            finite[0] = True
        with nogil:
            share(_pack_block, &work, total, workers)
        return packed

    cdef void pack_block(self, const Weights* w, char* target, Py_ssize_t i, Py_ssize_t width,
                         Py_ssize_t blocks, Py_ssize_t channel, Py_ssize_t channels) noexcept nogil:
        """Channels [channel, channel + channels) of block `i`, as [tap][channel][filter]."""
        cdef Py_ssize_t filter_bytes = self.channels * self.taps * self.size
        cdef Py_ssize_t first = i % blocks * width, count = min(width, self.filters - first)
        cdef const char* source = w.data + (i // blocks * self.filters + first) * w.filter + channel * w.channel
        if w.exchanged:
            self.pack_exchanged(w, source, target, count, width, channels)
        else:
            self.k.pack(source, filter_bytes, target, count, width, channels, self.taps)

    cdef void pack_exchanged(self, const Weights* w, const char* source, char* target, Py_ssize_t count,
                             Py_ssize_t width, Py_ssize_t channels) noexcept nogil:
        """`pack_block` where neighbours in memory are filters: channel by channel."""
        cdef Py_ssize_t size = self.size, row = width * size, plane = channels * row
        cdef Py_ssize_t channel, tap, last = self.taps - 1
        cdef bint reversed = (self.taps > 1 and w.tap[2] == -size
                              and (self.g.kernel[1] == 1 or w.tap[1] == -size * self.g.kernel[2])
                              and (self.g.kernel[0] == 1 or w.tap[0]
                                   == -size * self.g.kernel[2] * self.g.kernel[1]))
        for channel in range(channels):
            if count < width:
                for tap in range(self.taps):
                    memset(target + tap * plane + count * size, 0, (width - count) * size)
            if reversed:
                # The taps of a filter as a row of a matrix, whose last column comes first.
                self.k.transpose(source - last * size, w.filter, target + last * plane, -plane,
                                 count, self.taps, 1)
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
        return <const char*> NULL if bias is None else <const char*> cnp.PyArray_DATA(bias)

    cdef bint sees_zeros(self) noexcept nogil:
        """Whether some taps see nothing but zeros around the input, which finite weights need not multiply."""
        return self.g.padding == FILLED and self.g.fill == 0 and needs_padding(&self.g)


cdef View _contiguous(const Py_ssize_t* sizes, Py_ssize_t channels, Py_ssize_t itemsize,
                      bint channels_last) noexcept nogil:
    """The strides of a contiguous array."""
    cdef View v
    cdef Py_ssize_t step = itemsize * (channels if channels_last else 1)
    cdef int i
    v.data = NULL
    for i in range(2, -1, -1):
        v.axis[i] = step
        step *= sizes[i]
    v.channel = itemsize if channels_last else step
    v.batch = step if channels_last else step * channels
    return v


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
