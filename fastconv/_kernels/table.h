/* The kernel table: what every instruction-set level offers to the loops above it. */
#ifndef FASTCONV_TABLE_H
#define FASTCONV_TABLE_H

#include <stddef.h>

enum { FC_FLOAT32, FC_FLOAT64, FC_DTYPES };

/* Tile widths are 1, 2, 4 or 8 vectors; the index is the base-2 logarithm. */
enum { FC_WIDTHS = 4, FC_MAX_ROWS = 14 };

/* One register tile: out[r][l] = sum over taps t and steps i of  scalar[r, t, i] * vector[l, t, i].
   All strides and offsets are in bytes. */
typedef struct {
    const char *scalars;           /* broadcast operand */
    const char *vectors;           /* operand with contiguous lanes */
    const ptrdiff_t *scalar_taps;  /* offset of every tap in each operand */
    const ptrdiff_t *vector_taps;
    ptrdiff_t taps, run;           /* the reduction: taps x run steps */
    ptrdiff_t scalar_row, scalar_step, vector_step;
    char *out;
    ptrdiff_t out_row;
    ptrdiff_t lanes;               /* lanes to store, of those computed */
    const char *row_bias;          /* one value per row, or NULL */
    const char *lane_bias;         /* one value per lane, readable for the whole tile, or NULL */
    int relu;
} fc_tile;

typedef void (*fc_tile_kernel)(const fc_tile *);

/* to[j][i] = from[i][j * step] for i < rows, j < columns. */
typedef void (*fc_transpose_kernel)(const char *from, ptrdiff_t from_row, char *to, ptrdiff_t to_row,
                                    ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t step);

/* to[i][j] = from[i][j] for i < rows, j < columns. */
typedef void (*fc_copy_kernel)(const char *from, ptrdiff_t from_row, char *to, ptrdiff_t to_row,
                               ptrdiff_t rows, ptrdiff_t columns);

/* Weights of up to `width` filters, each (channels, taps), into to[tap][channel][filter]. */
typedef void (*fc_pack_kernel)(const char *from, ptrdiff_t from_row, char *to, ptrdiff_t filters,
                               ptrdiff_t width, ptrdiff_t channels, ptrdiff_t taps);

typedef struct {
    int lanes;                                          /* elements of one vector */
    int rows[FC_WIDTHS];                                /* most rows of a tile, per width */
    fc_tile_kernel tile[FC_WIDTHS][FC_MAX_ROWS + 1];    /* [log2 width][rows] */
    int depthwise_rows;
    fc_tile_kernel depthwise[FC_MAX_ROWS + 1];          /* one vector wide: [rows] */
    fc_transpose_kernel transpose;
    fc_copy_kernel copy;
    fc_pack_kernel pack;
    double (*peak)(long repeats);                       /* multiply-adds as fast as they go: flops */
} fc_kernels;

typedef struct {
    fc_kernels of[FC_DTYPES];
} fc_table;

/* Every unit overlays the table of the level below. */
void fc_fill_baseline(fc_table *);
void fc_fill_avx2(fc_table *);
void fc_fill_avx512(fc_table *);

#endif
