from libc.stdint cimport uint32_t


cdef extern from "table.h":
    enum:
        FC_FLOAT32
        FC_FLOAT64
        FC_DTYPES
        FC_WIDTHS
        FC_MAX_ROWS
        FC_CHAIN
        FC_SIGNALS
        FC_INT8
        FC_UINT8
        FC_INT16
        FC_UINT16
        FC_INTEGERS
        FC_WINOGRADS
        FC_FUSED
        FC_DOT_FILTERS
        FC_DOT_PIXELS
        FC_MAX
        FC_ARGMAX
        FC_SUM
        FC_POOLS
        FC_POOL_TAPS
        FC_SPREAD_WINDOWS
        FC_WIDEN_MARGIN

    ctypedef struct fc_tile:
        const char* scalars
        const char* vectors
        const Py_ssize_t* scalar_taps
        const Py_ssize_t* vector_taps
        Py_ssize_t taps, run, chain
        Py_ssize_t scalar_row, scalar_step, vector_step
        const Py_ssize_t* row_taps
        char* out
        Py_ssize_t out_row
        Py_ssize_t lanes
        const char* start
        Py_ssize_t start_row
        const char* row_bias
        const char* lane_bias
        int relu

    ctypedef void (*fc_tile_kernel)(const fc_tile*) noexcept nogil
    ctypedef struct fc_signal:
        const char* input
        const Py_ssize_t* runs
        const Py_ssize_t* run_weights
        const Py_ssize_t* taps
        Py_ssize_t count, step
        const char* weights
        Py_ssize_t weight_step
        char* out
        Py_ssize_t out_step
        const char* bias
        int relu

    ctypedef void (*fc_signal_kernel)(const fc_signal*) noexcept nogil
    ctypedef void (*fc_transpose_kernel)(const char*, Py_ssize_t, char*, Py_ssize_t,
                                         Py_ssize_t, Py_ssize_t, Py_ssize_t) noexcept nogil
    ctypedef void (*fc_copy_kernel)(const char*, Py_ssize_t, char*, Py_ssize_t,
                                    Py_ssize_t, Py_ssize_t, Py_ssize_t) noexcept nogil
    ctypedef void (*fc_pack_kernel)(const char*, Py_ssize_t, char*, Py_ssize_t,
                                    Py_ssize_t, Py_ssize_t, Py_ssize_t) noexcept nogil
    ctypedef int (*fc_finite_kernel)(const char*, Py_ssize_t) noexcept nogil
    ctypedef void (*fc_from_integers_kernel)(const char*, char*, Py_ssize_t) noexcept nogil
    ctypedef int (*fc_to_integers_kernel)(const char*, char*, Py_ssize_t) noexcept nogil
    ctypedef void (*fc_fourier_kernel)(char*, char*, Py_ssize_t, Py_ssize_t, const char*, const char*,
                                       Py_ssize_t) noexcept nogil

    ctypedef struct fc_spectra:
        const char* x
        const char* w
        char* y
        Py_ssize_t points, channels
        Py_ssize_t x_channel, x_imaginary, w_channel, w_filter, w_imaginary, y_filter

    ctypedef void (*fc_spectra_kernel)(const fc_spectra*) noexcept nogil
    ctypedef double (*fc_peak_kernel)(long) noexcept nogil

    ctypedef struct fc_winograd:
        int outputs
        void (*inputs)(const char**, char*, Py_ssize_t, Py_ssize_t) noexcept nogil
        void (*weights)(const char*, Py_ssize_t, char*, Py_ssize_t, Py_ssize_t) noexcept nogil
        int (*outputs_of)(const char*, Py_ssize_t, char**, Py_ssize_t, const char*, int) noexcept nogil

    ctypedef struct fc_fused:
        const char* scalars
        const char* vectors
        Py_ssize_t terms
        Py_ssize_t scalar_count, scalar_panel, scalar_step
        Py_ssize_t vector_count, vector_panel
        const char* bias
        char* out
        Py_ssize_t out_row, out_step
        Py_ssize_t rows, pixels
        int relu

    ctypedef int (*fc_fused_kernel)(const fc_fused*) noexcept nogil
    ctypedef void (*fc_fused_inputs_kernel)(const char*, const Py_ssize_t*, char*, Py_ssize_t,
                                            Py_ssize_t, Py_ssize_t) noexcept nogil

    ctypedef struct fc_fused_kernels:
        int rows, width
        fc_fused_kernel pixels, planes

    ctypedef struct fc_windows:
        const char* input
        Py_ssize_t extent[3]
        Py_ssize_t axis[3]
        Py_ssize_t kernel[3]
        Py_ssize_t stride[3]
        Py_ssize_t dilation[3]
        Py_ssize_t origin[3]
        const char* weights
        const char* bias
        char* out
        Py_ssize_t outputs[3]
        Py_ssize_t out_axis[3]
        int relu
        Py_ssize_t count, lead
        Py_ssize_t input_step, weights_step, bias_step, out_step

    ctypedef void (*fc_windows_kernel)(const fc_windows*) noexcept nogil

    ctypedef struct fc_pool:
        const char* input
        Py_ssize_t slices, rows, taps
        Py_ssize_t slice, row, tap
        Py_ssize_t start, step, stride, extent
        char* out
        Py_ssize_t count
        char* codes
        int code_size
        Py_ssize_t code, slice_code, row_code
        double divisor
        const char* divisors
        Py_ssize_t pixels, input_step, out_step, codes_step

    ctypedef void (*fc_pool_kernel)(const fc_pool*) noexcept nogil

    ctypedef void (*fc_divide_kernel)(char*, const char*, double, Py_ssize_t) noexcept nogil
    ctypedef struct fc_spread:
        const char* gradients[FC_SPREAD_WINDOWS]
        const char* codes[FC_SPREAD_WINDOWS]
        uint32_t code[FC_SPREAD_WINDOWS]
        Py_ssize_t windows, count
        int code_size, onto
        double divisor
        char* out

    ctypedef void (*fc_spread_kernel)(const fc_spread*) noexcept nogil
    ctypedef void (*fc_part_kernel)(char*, const char*, const char*, int, uint32_t, Py_ssize_t) noexcept nogil
    ctypedef void (*fc_widen_kernel)(char*, Py_ssize_t, const char*, Py_ssize_t, Py_ssize_t, Py_ssize_t,
                                     Py_ssize_t, Py_ssize_t) noexcept nogil
    ctypedef void (*fc_slide_kernel)(char*, char*, Py_ssize_t, Py_ssize_t, Py_ssize_t) noexcept nogil

    ctypedef struct fc_dots:
        const char** pixels
        const char* filters[FC_DOT_FILTERS]
        Py_ssize_t first, last
        char* sums
        Py_ssize_t sums_row

    ctypedef void (*fc_dots_kernel)(const fc_dots*) noexcept nogil

    ctypedef struct fc_kernels:
        int lanes
        int passes
        int rows[FC_WIDTHS]
        fc_tile_kernel tile[FC_WIDTHS][FC_MAX_ROWS + 1]
        int depthwise_rows
        fc_tile_kernel depthwise[FC_MAX_ROWS + 1]
        fc_tile_kernel depthwise_runs[FC_MAX_ROWS + 1]
        int signal_rows
        fc_signal_kernel signal[FC_SIGNALS + 1]
        fc_signal_kernel signals[FC_SIGNALS + 1]
        fc_windows_kernel pixel_windows
        fc_windows_kernel plane_windows
        fc_windows_kernel narrow_windows
        int plane_rows
        fc_tile_kernel plane[FC_MAX_ROWS + 1]
        int band_rows
        int band_lanes
        fc_tile_kernel band[FC_MAX_ROWS + 1]
        int dot_pixels
        fc_dots_kernel dots[FC_DOT_PIXELS + 1]
        fc_winograd winograd[FC_WINOGRADS]
        fc_fused_inputs_kernel fused_inputs
        fc_fused_kernels fused[FC_FUSED]
        fc_pool_kernel pool[FC_POOLS]
        fc_pool_kernel pool_whole[FC_POOLS]
        fc_slide_kernel slide[FC_POOLS]
        fc_divide_kernel divide
        fc_spread_kernel spread
        fc_widen_kernel widen
        fc_part_kernel part
        fc_transpose_kernel transpose
        fc_copy_kernel copy
        fc_fourier_kernel forward
        fc_fourier_kernel backward
        fc_spectra_kernel spectra[2]
        fc_from_integers_kernel convert_from[FC_INTEGERS]
        fc_to_integers_kernel convert_to[FC_INTEGERS]
        fc_pack_kernel pack
        fc_finite_kernel finite
        fc_peak_kernel peak

    enum:
        FC_SPLITS
        FC_DEPTH
        FC_SIDE
        FC_WEIGHT_TILES

    ctypedef struct fc_range:
        uint32_t least[16]
        uint32_t most[16]
        uint32_t low[16]

    ctypedef struct fc_product:
        const char* pixels
        Py_ssize_t pixel_row, pixel_split, pixel_block
        const Py_ssize_t* taps
        Py_ssize_t tap_count, blocks
        const char* weights
        Py_ssize_t weight_step
        Py_ssize_t rows, lanes
        char** out
        const float* bias
        int relu

    ctypedef void (*fc_product_kernel)(const fc_product*) noexcept nogil
    ctypedef void (*fc_split_kernel)(const char*, Py_ssize_t, char*, Py_ssize_t, Py_ssize_t, int,
                                     Py_ssize_t, Py_ssize_t, Py_ssize_t, fc_range*) noexcept nogil
    ctypedef void (*fc_split_weights_kernel)(const char*, Py_ssize_t, char*, int,
                                             fc_range*) noexcept nogil
    ctypedef void (*fc_worker_kernel)() noexcept nogil

    ctypedef struct fc_split_kernels:
        int present
        fc_worker_kernel enter, leave
        fc_split_kernel split
        fc_split_weights_kernel split_weights
        fc_product_kernel product[FC_SPLITS + 1]

    enum:
        FC_NUMBERS

    ctypedef struct fc_ordered:
        void* out
        Py_ssize_t n
        const void* const* first
        const void* const* second
        const void* weights
        Py_ssize_t terms
        int pairs

    ctypedef void (*fc_sum_kernel)(const fc_ordered*) noexcept nogil
    ctypedef void (*fc_means_kernel)(double*, double*, Py_ssize_t, Py_ssize_t, Py_ssize_t, Py_ssize_t) noexcept nogil
    ctypedef void (*fc_load_kernel)(const char*, Py_ssize_t, void*, Py_ssize_t) noexcept nogil
    ctypedef void (*fc_store_kernel)(const void*, char*, Py_ssize_t, Py_ssize_t) noexcept nogil

    ctypedef struct fc_ordered_kernels:
        fc_sum_kernel sum
        fc_means_kernel means
        Py_ssize_t block
        fc_load_kernel load[FC_NUMBERS]
        fc_store_kernel store[FC_NUMBERS]

    ctypedef void (*fc_extremum_kernel)(char*, const char*, Py_ssize_t) noexcept nogil

    ctypedef struct fc_table:
        fc_kernels of[FC_DTYPES]
        fc_ordered_kernels ordered
        fc_ordered_kernels modular
        fc_extremum_kernel larger[FC_NUMBERS]
        fc_extremum_kernel smaller[FC_NUMBERS]
        fc_split_kernels split


# The kernels of the active level; dtype is FC_FLOAT32 or FC_FLOAT64.
cdef const fc_kernels* kernels(int dtype) noexcept nogil
# Those of the tile unit; not `present` at levels without one.
cdef const fc_split_kernels* split_kernels() noexcept nogil
# Sums in one order, at the active level: in float64, or modulo 2**16.
cdef const fc_ordered_kernels* ordered_kernels(bint modular) noexcept nogil

# Larger or smaller ones of two rows, by dtype, at the active level.
cdef const fc_extremum_kernel* extremum_kernels(bint minimum) noexcept nogil
