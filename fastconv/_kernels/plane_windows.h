/* Template: windows of small square kernels over single planes: lanes are neighbours of an output
   row, a tile is some rows `dilation` apart x one vector or two, and what it loads serves all its rows.
   PART(name) spells names, for vectors of PART_BYTES. */

#include "part.h"

/* At a stride of 2 the taps come from pairs of vectors, which serve fewer lanes than a vector has. */
#define TILE_LANES(kernel, stride) (PART(LANES) - (stride == 1 ? 0 : (kernel - 1) / 2))

/* One tile of `count` planes or filters, whose first output's first tap is at (row, column); with
   `edges`, some columns may lie outside. A `wide` tile has a second vector of outputs, `other` columns
   of the output away. `input` is where that row begins. */
static inline __attribute__((always_inline)) void PART(tile)(
    const fc_windows *t, const char *input, const char *weights, const ptrdiff_t slices,
    const ptrdiff_t row, const ptrdiff_t column, const ptrdiff_t other, char *out, const ptrdiff_t lanes,
    const int rows, const int wide, const int kernel, const int stride, const int edges)
{
    enum { L = PART(LANES) };
    const ptrdiff_t size = sizeof(T), apart = t->dilation[2] * size;
    const ptrdiff_t slice_step = t->dilation[0] * t->axis[0], row_step = t->dilation[1] * t->axis[1];
    const ptrdiff_t out_row = t->out_axis[1] * (stride == 1 ? t->dilation[1] : 1);
    const PART(lanes) stored = PART(of)(0, lanes);
    const int whole = lanes == L;
    PART(lanes) part[2][5];
    const int parts = stride == 1 ? kernel : 2;
    if (edges)
        VECTORS for (int v = 0; v < wide; v++)
            VECTORS for (int k = 0; k < parts; k++) {
                const ptrdiff_t first = column + v * other * stride + (stride == 1 ? k * t->dilation[2] : k * L);
                part[v][k] = PART(of)(-first, t->extent[2] - first);
            }
    PART(order) lane;
    VECTORS for (int i = 0; i < L; i++)
        lane[i] = i;
    input += column * size;
    const char *bias = t->bias;
    for (ptrdiff_t n = 0; n < t->count; n++) {
        PART(row) sum[2][8];
        VECTORS for (int v = 0; v < wide; v++)
            VECTORS for (int r = 0; r < rows; r++)
                sum[v][r] = (PART(row)){0};
        for (ptrdiff_t d = 0; d < slices; d++) {
            const T *taps = (const T *)(weights + d * kernel * kernel * size);
            PART(row) weight[25];
            VECTORS for (int k = 0; k < kernel * kernel; k++)
                weight[k] = taps[k] - (PART(row)){0};
            const char *from = input + d * slice_step;
            VECTORS for (int i = 0; i < (rows - 1) * stride + kernel; i++, from += row_step) {
                if ((size_t)(row + i * t->dilation[1]) >= (size_t)t->extent[1])
                    continue;
                VECTORS for (int v = 0; v < wide; v++) {
                    const char *here = from + v * other * stride * size;
                    PART(row) tap[5];
                    if (stride == 1) {
                        VECTORS for (int k = 0; k < kernel; k++)
                            tap[k] = edges ? PART(load)(part[v][k], here + k * apart)
                                           : *(const PART(row) *)(here + k * apart);
                    } else {
                        const PART(row) *pair = (const PART(row) *)here;
                        const PART(row) a = edges ? PART(load)(part[v][0], here) : pair[0];
                        const PART(row) b = edges ? PART(load)(part[v][1], (const char *)(pair + 1)) : pair[1];
                        VECTORS for (int k = 0; k < kernel; k++)
                            tap[k] = __builtin_shuffle(a, b, 2 * lane + k);
                    }
                    VECTORS for (int k = 0; k < kernel; k++) {
                        PART(row) x = tap[k];
                        KEEP(x);
                        VECTORS for (int r = 0; r < rows; r++)
                            if (i >= r * stride && i < r * stride + kernel)
                                sum[v][r] += weight[(i - r * stride) * kernel + k] * x;
                    }
                }
            }
        }
        VECTORS for (int v = 0; v < wide; v++) {
            char *const to = out + v * other * size;
            if (bias)
                VECTORS for (int r = 0; r < rows; r++)
                    sum[v][r] += *(const T *)bias;
            if (t->relu)
                VECTORS for (int r = 0; r < rows; r++)
                    sum[v][r] = (PART(row))((PART(order))sum[v][r] & ~(PART(order))(sum[v][r] < 0));
            if (whole)
                VECTORS for (int r = 0; r < rows; r++)
                    *(PART(row) *)(to + r * out_row) = sum[v][r];
            else
                VECTORS for (int r = 0; r < rows; r++)
                    PART(store)(stored, to + r * out_row, sum[v][r]);
        }
        bias = bias ? bias + t->bias_step : NULL;
        input += t->input_step;
        weights += t->weights_step;
        out += t->out_step;
    }
}

/* A box by tiles of `rows`; the last ones start earlier rather than be smaller. */
static inline __attribute__((always_inline)) void PART(box)(const fc_windows *t, const int rows,
                                                            const int wide, const int kernel,
                                                            const int stride)
{
    const ptrdiff_t size = sizeof(T), width = t->outputs[2], full = TILE_LANES(kernel, stride);
    const ptrdiff_t lanes = width < full ? width : full;
    const ptrdiff_t phases = stride == 1 ? t->dilation[1] : 1;  /* rows so far apart share inputs */
    /* What a whole tile reads of a row. */
    const ptrdiff_t reach = stride == 1 ? full + (kernel - 1) * t->dilation[2] : 2 * PART(LANES);
    for (ptrdiff_t d = 0; d < t->outputs[0]; d++) {
        const ptrdiff_t slice = t->origin[0] + d * t->stride[0];
        ptrdiff_t tap, end;
        JOIN(taps_inside)(slice, t->dilation[0], t->kernel[0], t->extent[0], &tap, &end);
        const char *plane = t->input + (slice + tap * t->dilation[0]) * t->axis[0];
        const char *weights = t->weights + tap * kernel * kernel * size;
        for (ptrdiff_t phase = 0; phase < phases && phase < t->outputs[1]; phase++) {
            const ptrdiff_t height = (t->outputs[1] - phase + phases - 1) / phases;
            for (ptrdiff_t h = 0;; h += rows) {
                if (h > height - rows)
                    h = height - rows;
                const ptrdiff_t first = phase + h * phases, row = t->origin[1] + first * stride;
                const char *from = plane + row * t->axis[1];
                char *const to = t->out + d * t->out_axis[0] + first * t->out_axis[1];
                for (ptrdiff_t w = 0, next; w < width; w = next) {
                    if (w > width - lanes)
                        w = width - lanes;
                    next = w + lanes;
                    const ptrdiff_t column = t->origin[2] + w * stride;
                    ptrdiff_t other = 0;
                    if (wide == 2 && next < width) {
                        other = next > width - lanes ? width - lanes - w : lanes;
                        next = w + other + lanes;
                    }
#if !defined(__AVX512VL__) /* else parts of vectors cost nothing, and one version does for all */
                    if (lanes == full && column >= 0 && column + other * stride + reach <= t->extent[2])
                        PART(tile)(t, from, weights, end - tap, row, column, other, to + w * size, lanes,
                                   rows, wide, kernel, stride, 0);
                    else
#endif
                        PART(tile)(t, from, weights, end - tap, row, column, other, to + w * size, lanes,
                                   rows, wide, kernel, stride, 1);
                }
                if (h + rows >= height)
                    break;
            }
        }
    }
    (void)reach;
}

#define WINDOWS(rows, kernel, stride) \
    static void PART(box_##kernel##_##stride##_##rows)(const fc_windows *t) \
    { \
        PART(box)(t, rows, 1, kernel, stride); \
    }
#define WIDE_WINDOWS(rows, kernel, stride) \
    static void PART(wide_box_##kernel##_##stride##_##rows)(const fc_windows *t) \
    { \
        PART(box)(t, rows, 2, kernel, stride); \
    }
#define FOUR_ROWS(DO, kernel, stride) \
    DO(1, kernel, stride) DO(2, kernel, stride) DO(3, kernel, stride) DO(4, kernel, stride)
#define EIGHT_ROWS(DO, kernel, stride) \
    FOUR_ROWS(DO, kernel, stride) \
    DO(5, kernel, stride) DO(6, kernel, stride) DO(7, kernel, stride) DO(8, kernel, stride)
EIGHT_ROWS(WINDOWS, 3, 1)
FOUR_ROWS(WINDOWS, 3, 2)
FOUR_ROWS(WINDOWS, 5, 1)
FOUR_ROWS(WINDOWS, 5, 2)
#if REGISTERS >= 32
FOUR_ROWS(WIDE_WINDOWS, 3, 2)
#endif
#undef WINDOWS
#undef WIDE_WINDOWS

/* For kernels of 3x3 or 5x5 taps (and any depth), strides of 1, or of 2 without dilation; at most
   FC_CHAIN taps. */
static void PART(all)(const fc_windows *t)
{
#define NAME(rows, kernel, stride) PART(box_##kernel##_##stride##_##rows),
#define WIDE_NAME(rows, kernel, stride) PART(wide_box_##kernel##_##stride##_##rows),
    static const fc_windows_kernel most[] = {EIGHT_ROWS(NAME, 3, 1)};
    static const fc_windows_kernel others[2][2][4] = {{{0}, {FOUR_ROWS(NAME, 3, 2)}},
                                                      {{FOUR_ROWS(NAME, 5, 1)}, {FOUR_ROWS(NAME, 5, 2)}}};
    const int three = t->kernel[1] == 3, dense = t->stride[1] == 1, limit = three && dense ? 8 : 4;
    const ptrdiff_t phases = dense ? t->dilation[1] : 1;
    const ptrdiff_t least = t->outputs[1] > phases ? t->outputs[1] / phases : 1;  /* rows of a phase */
    const ptrdiff_t tiles = (least + limit - 1) / limit, rows = (least + tiles - 1) / tiles;
#if REGISTERS >= 32
    static const fc_windows_kernel wide[] = {FOUR_ROWS(WIDE_NAME, 3, 2)};
    if (three && !dense && t->outputs[2] > TILE_LANES(3, 2)) {
        wide[rows - 1](t);
        return;
    }
#endif
    (three && dense ? most[rows - 1] : others[!three][!dense][rows - 1])(t);
}
#undef NAME
#undef WIDE_NAME
#undef FOUR_ROWS
#undef EIGHT_ROWS
#undef TILE_LANES
