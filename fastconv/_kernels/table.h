/* The kernel table: what every instruction-set level offers to the loops above it. */
#ifndef FASTCONV_TABLE_H
#define FASTCONV_TABLE_H

#include <stddef.h>
#include <stdint.h>

enum { FC_FLOAT32, FC_FLOAT64, FC_DTYPES };

/* Tile widths are 1, 2, 4 or 8 vectors; the index is the base-2 logarithm. */
enum { FC_WIDTHS = 4, FC_MAX_ROWS = 14 };

/* Terms that are added up in one chain; a long sum is one of partial sums, for its accuracy. */
enum { FC_CHAIN = 256 };

/* One register tile: out[r][l] = sum over taps t and steps i of  scalar[r, t, i] * vector[l, t, i].
   All strides and offsets are in bytes. */
typedef struct {
    const char *scalars;           /* broadcast operand */
    const char *vectors;           /* operand with contiguous lanes */
    const ptrdiff_t *scalar_taps;  /* offset of every tap in each operand */
    const ptrdiff_t *vector_taps;
    ptrdiff_t taps, run;           /* the reduction: taps x run steps */
    ptrdiff_t chain;               /* register tiles add up so many at a time */
    ptrdiff_t scalar_row, scalar_step, vector_step;
    const ptrdiff_t *row_taps;     /* for depthwise runs: the offset of every row in the scalars */
    char *out;
    ptrdiff_t out_row;
    ptrdiff_t lanes;               /* lanes to store, of those computed */
    const char *start;             /* for `tile`: what is added to the sums, whole vectors, or NULL */
    ptrdiff_t start_row;
    const char *row_bias;          /* one value per row, or NULL */
    const char *lane_bias;         /* one value per lane, readable for the whole tile, or NULL */
    int relu;
} fc_tile;

typedef void (*fc_tile_kernel)(const fc_tile *);

/* Neighbouring outputs of as many signals as a vector has lanes, position after position:
   out[p] = sum over runs and their taps t of  weight[t] * input[run + (p + t) * step].
   Distances are in bytes; weights are scalars or vectors. */
enum { FC_SIGNALS = 5 };
typedef struct {
    const char *input;
    const ptrdiff_t *runs;          /* where the inputs of each run begin, its weights, and how many there are */
    const ptrdiff_t *run_weights, *taps;
    ptrdiff_t count;                /* of runs */
    ptrdiff_t step;
    const char *weights;
    ptrdiff_t weight_step;
    char *out;
    ptrdiff_t out_step;
    const char *bias;               /* a scalar or a vector, or NULL */
    int relu;
} fc_signal;

typedef void (*fc_signal_kernel)(const fc_signal *);

/* to[j][i] = from[i][j * step] for i < rows, j < columns. */
typedef void (*fc_transpose_kernel)(const char *from, ptrdiff_t from_row, char *to, ptrdiff_t to_row,
                                    ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t step);

/* to[i][j] = from[i][j * step] for i < rows, j < columns. */
typedef void (*fc_copy_kernel)(const char *from, ptrdiff_t from_row, char *to, ptrdiff_t to_row,
                               ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t step);

/* Integers of up to 16 bits to floats; floats to integers, rounded and saturated: not zero if one was out
   of range, or NaN. */
enum { FC_INT8, FC_UINT8, FC_INT16, FC_UINT16, FC_INTEGERS };
typedef int (*fc_finite_kernel)(const char *x, ptrdiff_t count);
typedef void (*fc_from_integers_kernel)(const char *from, char *to, ptrdiff_t count);
typedef int (*fc_to_integers_kernel)(const char *from, char *to, ptrdiff_t count);

/* Transforms of as many sequences as a vector has lanes: see fourier.h. */
typedef void (*fc_fourier_kernel)(char *re, char *im, ptrdiff_t n, ptrdiff_t step, const char *cosines,
                                  const char *sines, ptrdiff_t unit);

/* Products of spectra, added up over channels: y[p] = sum of x[c][p] * w[c][p], where x and y are complex
   vectors and w complex scalars, for one filter or for four. Distances are in bytes. */
typedef struct {
    const char *x, *w;
    char *y;
    ptrdiff_t points, channels;
    ptrdiff_t x_channel, x_imaginary, w_channel, w_filter, w_imaginary, y_filter;
} fc_spectra;

typedef void (*fc_spectra_kernel)(const fc_spectra *);

/* Weights of up to `width` filters, each (channels, taps), into to[tap][channel][filter]. */
typedef void (*fc_pack_kernel)(const char *from, ptrdiff_t from_row, char *to, ptrdiff_t filters,
                               ptrdiff_t width, ptrdiff_t channels, ptrdiff_t taps);

/* Winograd's F(m x m, 3x3), n = m + 2: tiles of n x n inputs make tiles of m x m outputs by one
   product at each of n x n points. Channels and filters are lanes; distances are in bytes. */
enum { FC_WINOGRADS = 2 };
typedef struct {
    int outputs;                                        /* m */
    /* The channels of n x n pixels to n x n points, `point` apart. */
    void (*inputs)(const char *const *pixels, char *to, ptrdiff_t point, ptrdiff_t channels);
    /* `bytes` of 3x3 taps, `tap` apart, to points. */
    void (*weights)(const char *from, ptrdiff_t tap, char *to, ptrdiff_t point, ptrdiff_t bytes);
    /* Points to the filters of m x m pixels, where NULL drops one; points and bias are readable for
       whole vectors. Not zero if there was an Inf or NaN. */
    int (*outputs_of)(const char *from, ptrdiff_t point, char *const *out, ptrdiff_t filters,
                      const char *bias, int relu);
} fc_winograd;

/* F(2 x 2, 3x3) for sums of few terms. Points lie as [column][term][row], 4 x terms x 4: of the one
   operand a vector or two each, of the other one some scalars. */
typedef struct {
    const char *scalars, *vectors;
    ptrdiff_t terms;
    ptrdiff_t scalar_count, scalar_panel, scalar_step;  /* rows; bytes to the next rows, and points */
    ptrdiff_t vector_count, vector_panel;               /* filters in lanes; bytes to the next vector's points */
    const char *bias;              /* one per filter, or NULL; for lanes readable by whole vectors */
    char *out;
    ptrdiff_t out_row, out_step;   /* bytes between rows of the image; pixels, or planes */
    ptrdiff_t rows, pixels;        /* to store: rows of the image, 1 or 2, and pixels of each */
    int relu;
} fc_fused;

/* Not zero if there was an Inf or NaN. */
typedef int (*fc_fused_kernel)(const fc_fused *);

enum { FC_FUSED = 2 };
typedef struct {
    int rows, width;                           /* scalars and vectors of a register tile */
    fc_fused_kernel pixels, planes;            /* lanes are filters; lanes are tiles */
} fc_fused_kernels;

/* One term of neighbouring tiles to its points, `row` and `column` bytes apart; zeros for those beyond
   `tiles`. */
typedef void (*fc_fused_inputs_kernel)(const char *from, const ptrdiff_t *taps, char *to, ptrdiff_t row,
                                       ptrdiff_t column, ptrdiff_t tiles);

/* Boxes of outputs of one plane each (or of one vector of planes, where channels are neighbours),
   whose windows are read where the input lies: there is nothing but zeros outside `extent`. Three
   axes: depth, height, width; distances are in bytes. */
typedef struct {
    const char *input;              /* the plane's element (0, 0, 0) */
    ptrdiff_t extent[3], axis[3];   /* of the input */
    ptrdiff_t kernel[3], stride[3], dilation[3];
    ptrdiff_t origin[3];            /* where the first output's first tap lies */
    const char *weights;            /* taps: scalars, or vectors of them */
    const char *bias;               /* one, or a vector of them; NULL */
    char *out;
    ptrdiff_t outputs[3], out_axis[3];
    int relu;
    /* Single planes: their number, and what leads from one to the next. Neighbouring channels: their
       number, the first to begin a vector at (0 is done as well), and what leads from tap to tap. */
    ptrdiff_t count, lead;
    ptrdiff_t input_step, weights_step, bias_step, out_step;
} fc_windows;

typedef void (*fc_windows_kernel)(const fc_windows *);

/* sums[p][f] += the products of pixels[p] and filters[f], from `first` to `last` bytes along both;
   sums are `sums_row` bytes apart from pixel to pixel. */
enum { FC_DOT_FILTERS = 4, FC_DOT_PIXELS = 6 };
typedef struct {
    const char *const *pixels;
    const char *filters[FC_DOT_FILTERS];
    ptrdiff_t first, last;
    char *sums;
    ptrdiff_t sums_row;
} fc_dots;

typedef void (*fc_dots_kernel)(const fc_dots *);

/* Windows of one row of outputs, or of one pixel's channels. Distances are in bytes, but for `start`,
   `step`, `stride` and `extent`, which count elements of a row. */
enum { FC_MAX, FC_ARGMAX, FC_SUM, FC_POOLS, FC_POOL_TAPS = 16, FC_POOL_WIDE = 4 };
typedef struct {
    const char *input;               /* element 0 of the first row that is seen */
    ptrdiff_t slices, rows, taps;    /* of a window; slices and rows lie in the input */
    ptrdiff_t slice, row, tap;
    ptrdiff_t start, step;           /* of the first output: its first tap, and what leads to the next one */
    ptrdiff_t stride, extent;
    char *out;
    ptrdiff_t count;                 /* outputs */
    char *codes;                     /* numbers of the taps that win, or NULL */
    int code_size;
    ptrdiff_t code, slice_code, row_code;  /* of the first tap; what leads to the next slice and row */
    double divisor;                  /* of sums; times `divisors`, one per output, unless that is NULL */
    const char *divisors;
    /* The same again, with other pixels, or planes. */
    ptrdiff_t pixels, input_step, out_step, codes_step;
} fc_pool;

typedef void (*fc_pool_kernel)(const fc_pool *);

/* out[i] = the maximum, or sum, of x[i + t * step] for t < taps; i < n. In elements; x is overwritten, both are
   read and written by whole vectors. */
typedef void (*fc_slide_kernel)(char *out, char *x, ptrdiff_t n, ptrdiff_t taps, ptrdiff_t step);

/* out[i] = the sum of gradients[w][i] over some windows w, or of those whose code is codes[w][i], divided; i < count. */
enum { FC_SPREAD_WINDOWS = 64 };
typedef struct {
    const char *gradients[FC_SPREAD_WINDOWS];
    const char *codes[FC_SPREAD_WINDOWS];
    uint32_t code[FC_SPREAD_WINDOWS];
    ptrdiff_t windows, count;
    int code_size;                   /* 0 without codes */
    int onto;                        /* whether the sum begins with what is in `out` */
    double divisor;
    char *out;
} fc_spread;

typedef void (*fc_spread_kernel)(const fc_spread *);

/* A row of 2 * windows elements: x[o] at its element 2 * o if codes[o] is `code`, at the next one if it is the next, else 0. */
typedef void (*fc_part_kernel)(char *to, const char *x, const char *codes, int code_size, uint32_t code,
                               ptrdiff_t windows);

/* A row of `size` elements: the sum of what each of `windows` passes to `taps` elements, `step` apart; the first window
   begins at element `first`, and others `stride` further each. On both sides of `from` there are as many zeros as the
   margin says, and a vector. */
enum { FC_WIDEN_MARGIN = 16 };
typedef void (*fc_widen_kernel)(char *to, ptrdiff_t size, const char *from, ptrdiff_t windows, ptrdiff_t taps,
                                ptrdiff_t step, ptrdiff_t stride, ptrdiff_t first);

/* sums[i] /= divisor * divisors[i], the latter being ones if NULL; sums by whole vectors. */
typedef void (*fc_divide_kernel)(char *sums, const char *divisors, double divisor, ptrdiff_t n);

typedef struct {
    int lanes;                                          /* elements of one vector */
    int passes;                                         /* of a vector through its unit: 1, or 2 halves */
    int rows[FC_WIDTHS];                                /* most rows of a tile, per width */
    fc_tile_kernel tile[FC_WIDTHS][FC_MAX_ROWS + 1];    /* [log2 width][rows] */
    int depthwise_rows;
    fc_tile_kernel depthwise[FC_MAX_ROWS + 1];          /* one vector wide: [rows] */
    fc_tile_kernel depthwise_runs[FC_MAX_ROWS + 1];     /* the same, rows being taps */
    int signal_rows;
    fc_signal_kernel signal[FC_SIGNALS + 1];            /* [n]: n x signal_rows outputs, scalar weights */
    fc_signal_kernel signals[FC_SIGNALS + 1];           /* the same with a vector of weights per tap */
    fc_windows_kernel pixel_windows;                    /* lanes are channels, each with its filter */
    fc_windows_kernel plane_windows;                    /* lanes are neighbours of a row */
    fc_windows_kernel narrow_windows;                   /* the same for rows of half a vector */
    int plane_rows;                                     /* one channel plane, one filter: */
    fc_tile_kernel plane[FC_MAX_ROWS + 1];              /* [rows], a vector wide, any tap offsets */
    int band_rows, band_lanes;
    fc_tile_kernel band[FC_MAX_ROWS + 1];               /* [rows], kernel rows on adjacent rows */
    int dot_pixels;
    fc_dots_kernel dots[FC_DOT_PIXELS + 1];             /* [pixels] */
    fc_winograd winograd[FC_WINOGRADS];                 /* F(2, 3) and F(4, 3) */
    fc_fused_inputs_kernel fused_inputs;
    fc_fused_kernels fused[FC_FUSED];                   /* [log2 width] */
    fc_pool_kernel pool[FC_POOLS];                      /* [FC_MAX, ...] */
    fc_pool_kernel pool_whole[FC_POOLS];                /* one output: windows of whole pieces of rows */
    fc_slide_kernel slide[FC_POOLS];                    /* [FC_MAX, ...]; NULL for FC_ARGMAX */
    fc_divide_kernel divide;
    fc_spread_kernel spread;
    fc_widen_kernel widen;
    fc_part_kernel part;
    fc_transpose_kernel transpose;
    fc_copy_kernel copy;
    fc_fourier_kernel forward, backward;
    fc_spectra_kernel spectra[2];                       /* of one filter, of four */
    fc_from_integers_kernel convert_from[FC_INTEGERS];
    fc_to_integers_kernel convert_to[FC_INTEGERS];
    fc_pack_kernel pack;
    fc_finite_kernel finite;                            /* whether there is no Inf or NaN */
    double (*peak)(long repeats);                       /* multiply-adds as fast as they go: flops */
} fc_kernels;

/* Products of split operands, for levels with a tile unit. A float32 is the sum of up to FC_SPLITS
   bfloat16, each the nearest to what the ones before left over; one instruction multiplies 16 rows
   of FC_DEPTH of them with 16 columns. A register tile is FC_SIDE pixels x FC_SIDE filters. */
enum { FC_SPLITS = 3, FC_DEPTH = 32, FC_SIDE = 32, FC_WEIGHT_TILES = FC_DEPTH * FC_SIDE * 2 };

/* What was seen of the absolute values of some float32, per lane: the bits of the least, less one
   (zeros come out largest), those of the largest, and all lower halves or-ed together. */
typedef struct {
    uint32_t least[16], most[16], low[16];
} fc_range;

/* A register tile, summed over `blocks` channel blocks x taps, FC_DEPTH products each. */
typedef struct {
    const char *pixels;             /* first split, block 0; a pixel holds FC_DEPTH bfloat16 */
    ptrdiff_t pixel_row, pixel_split, pixel_block;  /* bytes to the next pixel, split, block */
    const ptrdiff_t *taps;          /* byte offset of every tap */
    ptrdiff_t tap_count, blocks;
    const char *weights;            /* [block][tap][split][FC_WEIGHT_TILES] */
    ptrdiff_t weight_step;          /* bytes per tap */
    ptrdiff_t rows, lanes;          /* pixels and filters wanted; all FC_SIDE must be readable */
    char *const *out;               /* where every pixel's filters go; NULL drops it */
    const float *bias;              /* FC_SIDE values, or NULL */
    int relu;
} fc_product;

typedef void (*fc_product_kernel)(const fc_product *);

/* Rows of `columns` float32 into rows of `width` bfloat16, zeros beyond, for every split. */
typedef void (*fc_split_kernel)(const char *from, ptrdiff_t from_row, char *to, ptrdiff_t to_row,
                                ptrdiff_t to_split, int splits, ptrdiff_t rows, ptrdiff_t columns,
                                ptrdiff_t width, fc_range *seen);

/* Up to FC_DEPTH rows of FC_SIDE filters into [split][FC_WEIGHT_TILES]; missing rows are zeros. */
typedef void (*fc_split_weights_kernel)(const char *from, ptrdiff_t rows, char *to, int splits,
                                        fc_range *seen);

typedef struct {
    int present;                                        /* else nothing else here is set */
    void (*enter)(void), (*leave)(void);                /* every thread, around its products */
    fc_split_kernel split;
    fc_split_weights_kernel split_weights;
    fc_product_kernel product[FC_SPLITS + 1];           /* [splits]: of 1, 3 or 6 products */
} fc_split_kernels;

/* Sums in one order, of float64 or int16, and other numbers to these and back; see ordered.h. Of sums, whole
   blocks are read and written. */
enum { FC_NUMBERS = 10 }; /* int8, uint8, ..., int64, uint64, float32, float64 */

typedef struct {
    void *out;
    ptrdiff_t n;
    const void *const *first;       /* of every term; with pairs, first + second or first - second, but for */
    const void *const *second;      /* the first term */
    const void *weights;
    ptrdiff_t terms;
    int pairs;                      /* 1, 0, or -1 for differences */
} fc_ordered;

typedef struct {
    void (*sum)(const fc_ordered *);
    void (*means)(double *sums, double *rows, ptrdiff_t steps, ptrdiff_t pitch, ptrdiff_t lanes, ptrdiff_t size);
    ptrdiff_t block;                /* elements */
    void (*load[FC_NUMBERS])(const char *from, ptrdiff_t step, void *to, ptrdiff_t count);
    void (*store[FC_NUMBERS])(const void *from, char *to, ptrdiff_t step, ptrdiff_t count);
} fc_ordered_kernels;

typedef void (*fc_extremum_kernel)(char *to, const char *other, ptrdiff_t count);

typedef struct {
    fc_kernels of[FC_DTYPES];
    fc_ordered_kernels ordered, modular;                /* in float64; in int16, of the first four dtypes */
    fc_extremum_kernel larger[FC_NUMBERS], smaller[FC_NUMBERS];
    fc_split_kernels split;
} fc_table;

/* Every unit overlays the table of the level below. */
void fc_fill_baseline(fc_table *);
void fc_fill_neon(fc_table *);
void fc_fill_avx2(fc_table *);
void fc_fill_avx512(fc_table *);
void fc_fill_amx(fc_table *);
void fc_fill_amx_emulated(fc_table *);

#endif
