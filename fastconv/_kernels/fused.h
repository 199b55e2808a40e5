/* Template: Winograd's F(2, 3) for sums of few terms, which stay in registers from the products to the
   outputs: neither products nor points of outputs are written to memory. Points come column by column:
   the sums of the middle columns are what both outer ones begin with, so that a row and vector takes
   6 registers at most. Weights at the last row and at the last column have their signs changed, for
   outputs that are sums and no differences there. */

/* One term of as many tiles as a vector has lanes; of those beyond `tiles` zeros are made. */
static void JOIN(fused_inputs)(const char *from, const ptrdiff_t *taps, char *to, ptrdiff_t row,
                               ptrdiff_t column, ptrdiff_t tiles)
{
    vector d[16];
    lanes_mask keep;
    VECTORS for (int i = 0; i < JOIN(LANES); i++)
        keep[i] = -(i < tiles);
    VECTORS for (int i = 0; i < 16; i++)
        d[i] = *(const vector *)(from + taps[i]);
    VECTORS for (int j = 0; j < 4; j++)
        JOIN(inputs_to_points)(d + j, 2, 4);
    VECTORS for (int i = 0; i < 4; i++) {
        JOIN(inputs_to_points)(d + 4 * i, 2, 1);
        VECTORS for (int j = 0; j < 4; j++)
            *(vector *)(to + j * column + i * row) = (vector)((lanes_mask)d[4 * i + j] & keep);
    }
}

#define INLINE static inline __attribute__((always_inline)) void

/* Adds the products of one column of points to `sum`, [row of points][rows x vectors]. */
INLINE JOIN(fused_products)(const fc_fused *t, const char *scalars, const char *vectors, const int column,
                            vector (*sum)[4], const int rows, const int width)
{
    const ptrdiff_t step = t->scalar_step;
    scalars += column * 4 * t->terms * step;
    vectors += column * 4 * t->terms * width * (int)sizeof(vector);
    for (ptrdiff_t term = t->terms; term > 0; term--) {
        VECTORS for (int i = 0; i < 4; i++) {
            vector lane[2];
            VECTORS for (int v = 0; v < width; v++) {
                lane[v] = ((const vector *)vectors)[i * width + v];
                KEEP(lane[v]);
            }
            VECTORS for (int r = 0; r < rows; r++) {
                const T scalar = *(const T *)(scalars + i * step + r * (int)sizeof(T));
                VECTORS for (int v = 0; v < width; v++) {
                    sum[i][r * width + v] += scalar * lane[v];
                    KEEP(sum[i][r * width + v]);
                }
            }
        }
        scalars += 4 * step;
        vectors += 4 * width * sizeof(vector);
    }
}

/* Rows of points to the upper and the lower output, in sum[0] and sum[1]. */
INLINE JOIN(fused_outputs)(vector (*sum)[4], const int count)
{
    VECTORS for (int n = 0; n < count; n++) {
        const vector upper = sum[0][n] + (sum[1][n] + sum[2][n]);
        sum[1][n] = (sum[1][n] - sum[2][n]) + sum[3][n];
        sum[0][n] = upper;
    }
}

/* The middle columns: what the left and the right outputs have of them, in sum[0] and sum[3] for the
   former, `right` for the latter. The bias, added at one of the points, is in all outputs. */
INLINE JOIN(fused_middle)(const fc_fused *t, const char *scalars, const char *vectors, const vector *bias,
                          vector (*sum)[4], vector (*right)[4], const int rows, const int width)
{
    const int count = rows * width;
    vector first[2][4];
    VECTORS for (int n = 0; n < count; n++) {
        sum[0][n] = sum[2][n] = sum[3][n] = (vector){0};
        sum[1][n] = bias[n];
    }
    JOIN(fused_products)(t, scalars, vectors, 1, sum, rows, width);
    JOIN(fused_outputs)(sum, count);
    VECTORS for (int n = 0; n < count; n++) {
        first[0][n] = sum[0][n];
        first[1][n] = sum[1][n];
        sum[0][n] = sum[1][n] = sum[2][n] = sum[3][n] = (vector){0};
    }
    JOIN(fused_products)(t, scalars, vectors, 2, sum, rows, width);
    JOIN(fused_outputs)(sum, count);
    VECTORS for (int n = 0; n < count; n++) {
        right[0][n] = first[0][n] - sum[0][n];
        right[1][n] = first[1][n] - sum[1][n];
        sum[3][n] = first[1][n] + sum[1][n];
        sum[0][n] += first[0][n];
        sum[1][n] = sum[2][n] = (vector){0};
    }
}

/* An outer column, for outputs in sum[0] and sum[1]. */
INLINE JOIN(fused_outer)(const fc_fused *t, const char *scalars, const char *vectors, const int column,
                         vector (*sum)[4], vector *odd, const int rows, const int width)
{
    const int count = rows * width;
    JOIN(fused_products)(t, scalars, vectors, column, sum, rows, width);
    JOIN(fused_outputs)(sum, count);
    VECTORS for (int n = 0; n < count; n++) {
        *odd += sum[0][n] + sum[1][n]; /* not finite where one of them is not */
        if (t->relu) {
            sum[0][n] = JOIN(relu)(sum[0][n]);
            sum[1][n] = JOIN(relu)(sum[1][n]);
        }
    }
}

/* Begin the right column where the left one has been. */
INLINE JOIN(fused_turn)(vector (*sum)[4], vector (*right)[4], const int count)
{
    VECTORS for (int n = 0; n < count; n++) {
        sum[0][n] = right[0][n];
        sum[3][n] = right[1][n];
        sum[1][n] = sum[2][n] = (vector){0};
    }
}

static int JOIN(is_odd)(vector sums)
{
    T sum = 0;
    VECTORS for (int i = 0; i < JOIN(LANES); i++)
        sum += sums[i];
    return !(sum - sum == 0);
}

/* Some of the outputs of a column of pixels. */
static __attribute__((noinline)) void JOIN(fused_store_part)(
    const fc_fused *t, char *to, const vector *upper, const vector *lower, ptrdiff_t pixels, ptrdiff_t filters,
    const int rows, const int width)
{
    for (int i = 0; i < t->rows; i++)
        for (int r = 0; r < rows && 2 * r < pixels; r++)
            memcpy(to + i * t->out_row + 2 * r * t->out_step, (i ? lower : upper) + r * width,
                   (size_t)filters * sizeof(T));
}

/* A column of the outputs of neighbouring tiles: `pixels` are left from its first one on. */
INLINE JOIN(fused_store)(const fc_fused *t, char *to, vector (*sum)[4], const ptrdiff_t pixels,
                         const ptrdiff_t filters, const int rows, const int width)
{
    const ptrdiff_t full = width * JOIN(LANES);
    if (__builtin_expect(t->rows == 2 && pixels >= 2 * rows - 1 && filters >= full, 1)) {
        VECTORS for (int i = 0; i < 2; i++)
            VECTORS for (int r = 0; r < rows; r++)
                VECTORS for (int v = 0; v < width; v++)
                    ((vector *)(to + i * t->out_row + 2 * r * t->out_step))[v] = sum[i][r * width + v];
        return;
    }
    vector upper[4], lower[4];
    VECTORS for (int n = 0; n < rows * width; n++) {
        upper[n] = sum[0][n];
        lower[n] = sum[1][n];
    }
    JOIN(fused_store_part)(t, to, upper, lower, pixels, filters < full ? filters : full, rows, width);
}

/* Scalars are tiles, lanes are filters: whole pixels are stored. */
static inline __attribute__((always_inline)) int JOIN(fused_pixels)(const fc_fused *t, const int rows,
                                                                    const int width)
{
    const ptrdiff_t full = width * JOIN(LANES);
    vector odd = {0};
    for (ptrdiff_t tile = 0; tile < t->scalar_count; tile += rows) {
        const char *const scalars = t->scalars + tile / rows * t->scalar_panel;
        const char *vectors = t->vectors;
        const ptrdiff_t pixels = t->pixels - 2 * tile;
        for (ptrdiff_t filter = 0; filter < t->vector_count; filter += full, vectors += t->vector_panel) {
            char *const to = t->out + 2 * tile * t->out_step + filter * (ptrdiff_t)sizeof(T);
            vector sum[4][4], right[2][4], bias[4];
            VECTORS for (int n = 0; n < rows * width; n++) {
                bias[n] = (vector){0};
                if (t->bias)
                    bias[n] = ((const vector *)(t->bias + filter * (ptrdiff_t)sizeof(T)))[n % width];
            }
            JOIN(fused_middle)(t, scalars, vectors, bias, sum, right, rows, width);
            JOIN(fused_outer)(t, scalars, vectors, 0, sum, &odd, rows, width);
            JOIN(fused_store)(t, to, sum, pixels, t->vector_count - filter, rows, width);
            JOIN(fused_turn)(sum, right, rows * width);
            JOIN(fused_outer)(t, scalars, vectors, 3, sum, &odd, rows, width);
            JOIN(fused_store)(t, to + t->out_step, sum, pixels - 1, t->vector_count - filter, rows, width);
        }
    }
    return JOIN(is_odd)(odd);
}

/* Some of the outputs of a stretch of two rows: `pixels` of `planes` planes, `width` vectors each. */
static __attribute__((noinline)) void JOIN(fused_store_rows)(const fc_fused *t, char *to, const vector *row,
                                                             ptrdiff_t planes, ptrdiff_t pixels, ptrdiff_t width)
{
    for (int i = 0; i < t->rows; i++)
        for (ptrdiff_t r = 0; r < planes; r++)
            memcpy(to + r * t->out_step + i * t->out_row, row + 8 * i + r * width, (size_t)pixels * sizeof(T));
}

/* Orders that shuffle even and odd lanes into a first and a second vector. Not inline: GCC would keep the
   sums of the caller in memory. */
static __attribute__((noinline)) void JOIN(interleaving)(lanes_mask *first, lanes_mask *second)
{
    enum { L = JOIN(LANES) };
    for (int i = 0; i < L; i++) {
        (*first)[i] = i / 2 + i % 2 * L;
        (*second)[i] = L / 2 + i / 2 + i % 2 * L;
    }
}

/* Scalars are filters, lanes are tiles: rows are stored, of one plane after another. */
static inline __attribute__((always_inline)) int JOIN(fused_planes)(const fc_fused *t, const int rows,
                                                                    const int width)
{
    enum { L = JOIN(LANES) };
    lanes_mask low, high;
    JOIN(interleaving)(&low, &high);
    const ptrdiff_t full = 2 * width * L;
    vector odd = {0};
    for (ptrdiff_t filter = 0; filter < t->scalar_count; filter += rows) {
        const char *const scalars = t->scalars + filter / rows * t->scalar_panel;
        const char *vectors = t->vectors;
        vector bias[4];
        VECTORS for (int r = 0; r < rows; r++) {
            const T value = t->bias && filter + r < t->scalar_count ? ((const T *)t->bias)[filter + r] : 0;
            VECTORS for (int v = 0; v < width; v++)
                bias[r * width + v] = value - (vector){0};
        }
        for (ptrdiff_t pixel = 0; pixel < t->pixels; pixel += full, vectors += t->vector_panel) {
            char *const to = t->out + filter * t->out_step + pixel * (ptrdiff_t)sizeof(T);
            vector sum[4][4], right[2][4], left[2][4];
            JOIN(fused_middle)(t, scalars, vectors, bias, sum, right, rows, width);
            JOIN(fused_outer)(t, scalars, vectors, 0, sum, &odd, rows, width);
            VECTORS for (int n = 0; n < rows * width; n++) {
                left[0][n] = sum[0][n];
                left[1][n] = sum[1][n];
            }
            JOIN(fused_turn)(sum, right, rows * width);
            JOIN(fused_outer)(t, scalars, vectors, 3, sum, &odd, rows, width);
            if (__builtin_expect(t->rows == 2 && t->pixels - pixel >= full && filter + rows <= t->scalar_count, 1)) {
                VECTORS for (int i = 0; i < 2; i++)
                    VECTORS for (int r = 0; r < rows; r++)
                        VECTORS for (int v = 0; v < width; v++) {
                            vector *const row = (vector *)(to + r * t->out_step + i * t->out_row) + 2 * v;
                            row[0] = __builtin_shuffle(left[i][r * width + v], sum[i][r * width + v], low);
                            row[1] = __builtin_shuffle(left[i][r * width + v], sum[i][r * width + v], high);
                        }
                continue;
            }
            vector row[2][8];
            VECTORS for (int i = 0; i < 2; i++)
                VECTORS for (int n = 0; n < rows * width; n++) {
                    row[i][2 * n] = __builtin_shuffle(left[i][n], sum[i][n], low);
                    row[i][2 * n + 1] = __builtin_shuffle(left[i][n], sum[i][n], high);
                }
            JOIN(fused_store_rows)(t, to, &row[0][0], t->scalar_count - filter < rows ? t->scalar_count - filter : rows,
                                   t->pixels - pixel < full ? t->pixels - pixel : full, 2 * width);
        }
    }
    return JOIN(is_odd)(odd);
}
#undef INLINE

/* As many rows and vectors as registers allow: two vectors, or one where there is not more to do. */
#if REGISTERS >= 32
#define WIDE_ROWS 2
#define NARROW_ROWS 4
#else
#define WIDE_ROWS 1
#define NARROW_ROWS 2
#endif
static int JOIN(fused_wide_pixels)(const fc_fused *t) { return JOIN(fused_pixels)(t, WIDE_ROWS, 2); }
static int JOIN(fused_wide_planes)(const fc_fused *t) { return JOIN(fused_planes)(t, WIDE_ROWS, 2); }
static int JOIN(fused_narrow_pixels)(const fc_fused *t) { return JOIN(fused_pixels)(t, NARROW_ROWS, 1); }
static int JOIN(fused_narrow_planes)(const fc_fused *t) { return JOIN(fused_planes)(t, NARROW_ROWS, 1); }

static void JOIN(fill_fused)(fc_kernels *k)
{
    k->fused_inputs = JOIN(fused_inputs);
    k->fused[0] = (fc_fused_kernels){NARROW_ROWS, 1, JOIN(fused_narrow_pixels), JOIN(fused_narrow_planes)};
    k->fused[1] = (fc_fused_kernels){WIDE_ROWS, 2, JOIN(fused_wide_pixels), JOIN(fused_wide_planes)};
}
#undef WIDE_ROWS
#undef NARROW_ROWS
