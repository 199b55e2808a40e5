from fastconv._core.arena cimport Scratch
from fastconv._core.geometry cimport Geometry, View
from fastconv._kernels.table cimport fc_kernels


# A weight in memory.
cdef struct Weights:
    const char* data
    Py_ssize_t filter, channel  # strides in bytes
    Py_ssize_t tap[3]
    bint exchanged              # neighbours in memory are filters, not channels


# What the direct rooms know of a problem, whatever their layout.
cdef class Direct:
    cdef Geometry g            # with strides over single taps folded into the array's
    cdef Py_ssize_t fold[3], offset[3]  # of the inputs that some window sees: steps, and the first one
    cdef Py_ssize_t whole[3]   # sizes of the input, with what no window sees
    cdef const fc_kernels* k   # those of the level that was active when this was made
    cdef Py_ssize_t size       # bytes per element
    cdef bint last, relu
    cdef object dtype
    cdef int type_number
    cdef Py_ssize_t filters, channels, taps  # per group; kernel positions

    cdef void fold_strides(self)
    cdef View input_view(self, object x) except *
    cdef View usual_input(self) noexcept nogil
    cdef View usual_output(self) noexcept nogil
    cdef Py_ssize_t far_elements(self) noexcept nogil
    cdef Py_ssize_t weight_bytes(self) noexcept nogil
    cdef Py_ssize_t sums(self) noexcept nogil
    cdef object see_weights(self, object weight, Weights* w)
    cdef Scratch pack(self, object weight, Py_ssize_t width, Py_ssize_t blocks, int threads, bint* finite=*)
    cdef void pack_block(self, const Weights* w, char* target, Py_ssize_t i, Py_ssize_t width,
                         Py_ssize_t blocks, Py_ssize_t channel, Py_ssize_t channels) noexcept nogil
    cdef void pack_exchanged(self, const Weights* w, const char* source, char* target, Py_ssize_t count,
                             Py_ssize_t width, Py_ssize_t channels) noexcept nogil
    cdef const char* bias(self, object bias) except? NULL
    cdef bint sees_zeros(self) noexcept nogil


cdef int dtype_code(problem) except -1
cdef Py_ssize_t tile_count(Py_ssize_t line, Py_ssize_t lanes) noexcept nogil
cdef double step_cycles(const fc_kernels* k, Py_ssize_t rows, Py_ssize_t width, double loads,
                        Py_ssize_t run) noexcept nogil
cdef bint visits_all(const Geometry* g) noexcept nogil
cdef void flatten(Geometry* g) noexcept nogil
