cdef extern from "table.h":
    enum:
        FC_FLOAT32
        FC_FLOAT64
        FC_DTYPES
        FC_WIDTHS
        FC_MAX_ROWS

    ctypedef struct fc_tile:
        const char* scalars
        const char* vectors
        const Py_ssize_t* scalar_taps
        const Py_ssize_t* vector_taps
        Py_ssize_t taps, run
        Py_ssize_t scalar_row, scalar_step, vector_step
        char* out
        Py_ssize_t out_row
        Py_ssize_t lanes
        const char* row_bias
        const char* lane_bias
        int relu

    ctypedef void (*fc_tile_kernel)(const fc_tile*) noexcept nogil
    ctypedef void (*fc_transpose_kernel)(const char*, Py_ssize_t, char*, Py_ssize_t,
                                         Py_ssize_t, Py_ssize_t, Py_ssize_t) noexcept nogil
    ctypedef void (*fc_copy_kernel)(const char*, Py_ssize_t, char*, Py_ssize_t,
                                    Py_ssize_t, Py_ssize_t) noexcept nogil
    ctypedef void (*fc_pack_kernel)(const char*, Py_ssize_t, char*, Py_ssize_t,
                                    Py_ssize_t, Py_ssize_t, Py_ssize_t) noexcept nogil
    ctypedef double (*fc_peak_kernel)(long) noexcept nogil

    ctypedef struct fc_kernels:
        int lanes
        int rows[FC_WIDTHS]
        fc_tile_kernel tile[FC_WIDTHS][FC_MAX_ROWS + 1]
        int depthwise_rows
        fc_tile_kernel depthwise[FC_MAX_ROWS + 1]
        fc_transpose_kernel transpose
        fc_copy_kernel copy
        fc_pack_kernel pack
        fc_peak_kernel peak

    ctypedef struct fc_table:
        fc_kernels of[FC_DTYPES]


# The kernels of the active level; dtype is FC_FLOAT32 or FC_FLOAT64.
cdef const fc_kernels* kernels(int dtype) noexcept nogil
