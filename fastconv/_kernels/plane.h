/* Template: tiles of one channel plane and one filter: `rows` output rows x `width` vectors of
   neighbouring outputs. `vectors` is where the first output's first tap lies, `vector_step` the
   distance of output rows there, `scalars` the kernel, `row_bias` the one bias. */

static inline __attribute__((always_inline)) void JOIN(plane_store)(
    const fc_tile *t, const int rows, const int width, vector (*sum)[4])
{
    if (t->row_bias)
        VECTORS for (int r = 0; r < rows; r++)
            VECTORS for (int v = 0; v < width; v++)
                sum[r][v] += *(const T *)t->row_bias;
    if (t->relu)
        VECTORS for (int r = 0; r < rows; r++)
            VECTORS for (int v = 0; v < width; v++)
                sum[r][v] = JOIN(relu)(sum[r][v]);
    char *const out = t->out;
    const ptrdiff_t out_row = t->out_row, lanes = t->lanes, full = width * JOIN(LANES);
    /* Where rows follow each other, the next one overwrites what a whole vector wrote too much. */
    const ptrdiff_t whole = lanes == full ? 0 : out_row == lanes * (ptrdiff_t)sizeof(T) ? full : PTRDIFF_MAX;
    VECTORS for (int r = 0; r < rows; r++) {
        if ((rows - r) * lanes >= whole) {
            VECTORS for (int v = 0; v < width; v++)
                ((vector *)(out + r * out_row))[v] = sum[r][v];
        } else {
            vector row[4];
            VECTORS for (int v = 0; v < width; v++)
                row[v] = sum[r][v];
            memcpy(out + r * out_row, row, (size_t)lanes * sizeof(T));
        }
    }
}

/* Any strides and dilations: `taps` taps at `vector_taps`. */
static inline __attribute__((always_inline)) void JOIN(plane)(const fc_tile *t, const int rows)
{
    vector sum[FC_MAX_ROWS][4], total[FC_MAX_ROWS];
    const ptrdiff_t step = t->vector_step;
    ptrdiff_t k = 0;
    for (int drained = 0;; drained = 1) {
        VECTORS for (int r = 0; r < rows; r++)
            sum[r][0] = (vector){0};
        for (const ptrdiff_t stop = t->taps - k < FC_CHAIN ? t->taps : k + FC_CHAIN; k < stop; k++) {
            const T weight = ((const T *)t->scalars)[k];
            const char *lanes = t->vectors + t->vector_taps[k];
            VECTORS for (int r = 0; r < rows; r++)
                sum[r][0] += weight * *(const vector *)(lanes + r * step);
        }
        if (__builtin_expect(drained, 0))
            VECTORS for (int r = 0; r < rows; r++)
                sum[r][0] += total[r];
        if (__builtin_expect(k == t->taps, 1))
            break;
        VECTORS for (int r = 0; r < rows; r++)
            total[r] = sum[r][0];
    }
    JOIN(plane_store)(t, rows, 1, sum);
}

/* Kernel rows on neighbouring input rows: what is loaded serves all `rows` outputs that see it.
   `run` is the kernel's height, no less than `rows`; `taps` its width, at `vector_taps` in a row.
   With `drains`, every sum is one of partial sums over `chain` kernel rows. */
static inline __attribute__((always_inline)) void JOIN(band)(const fc_tile *t, const int rows,
                                                             const int width, const int drains,
                                                             const ptrdiff_t chain)
{
    vector sum[FC_MAX_ROWS][4], total[FC_MAX_ROWS][4];
    ptrdiff_t next[FC_MAX_ROWS]; /* kernel row before which a sum is drained */
    const ptrdiff_t taps = t->taps, below = t->run - 1, step = t->vector_step;
    VECTORS for (int r = 0; r < rows; r++) {
        next[r] = chain;
        VECTORS for (int v = 0; v < width; v++)
            total[r][v] = sum[r][v] = (vector){0};
    }
#define INPUT_ROW(i, first, last) \
    { \
        if (drains) \
            VECTORS for (int r = first; r < last; r++) \
                if (__builtin_expect((i) - r == next[r], 0)) { \
                    next[r] += chain; \
                    VECTORS for (int v = 0; v < width; v++) { \
                        total[r][v] += sum[r][v]; \
                        sum[r][v] = (vector){0}; \
                    } \
                } \
        for (ptrdiff_t k = 0; k < taps; k++) { \
            const vector *lanes = (const vector *)(t->vectors + (i) * step + t->vector_taps[k]); \
            const T *weights = (const T *)t->scalars + (i) * taps + k; \
            VECTORS for (int r = first; r < last; r++) { \
                const T weight = weights[-r * taps]; \
                VECTORS for (int v = 0; v < width; v++) \
                    sum[r][v] += weight * lanes[v]; \
            } \
        } \
    }
    VECTORS for (int i = 0; i < rows - 1; i++)
        INPUT_ROW(i, 0, i + 1)
    for (ptrdiff_t i = rows - 1; i <= below; i++)
        INPUT_ROW(i, 0, rows)
    VECTORS for (int i = 1; i < rows; i++)
        INPUT_ROW(below + i, i, rows)
#undef INPUT_ROW
    if (drains)
        VECTORS for (int r = 0; r < rows; r++)
            VECTORS for (int v = 0; v < width; v++)
                sum[r][v] += total[r][v];
    JOIN(plane_store)(t, rows, width, sum);
}

#define PLANE(rows) \
    static void JOIN(plane_##rows)(const fc_tile *t) { JOIN(plane)(t, rows); }
EACH_ROWS(PLANE)
#undef PLANE
#define BAND_VECTORS (REGISTERS >= 32 ? 4 : 2)
#define BAND(rows) \
    static void JOIN(band_##rows)(const fc_tile *t) \
    { \
        const ptrdiff_t chain = t->taps < FC_CHAIN ? FC_CHAIN / t->taps : 1; \
        if (t->run <= chain) \
            JOIN(band)(t, rows, BAND_VECTORS, 0, chain); \
        else \
            JOIN(band)(t, rows, BAND_VECTORS, 1, chain); \
    }
BAND(1) BAND(2) BAND(3) BAND(4)
#undef BAND

static void JOIN(fill_planes)(fc_kernels *k)
{
#define PLANE(rows) k->plane[rows] = JOIN(plane_##rows);
    EACH_ROWS(PLANE)
#undef PLANE
    k->plane_rows = MOST_ROWS;
#define BAND(rows) k->band[rows] = JOIN(band_##rows);
    BAND(1) BAND(2) BAND(3) BAND(4)
#undef BAND
    k->band_rows = 4;
    k->band_lanes = BAND_VECTORS * JOIN(LANES);
}
#undef BAND_VECTORS
