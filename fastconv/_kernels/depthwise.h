/* Template: a tile where every lane is a channel of its own: `rows` pixels x one vector of channels.
   Both operands have contiguous lanes; a tap is one step; all lanes are stored. */

static inline __attribute__((always_inline)) void JOIN(depthwise)(const fc_tile *t, const int rows,
                                                                  const ptrdiff_t row)
{
    vector sum[FC_MAX_ROWS], total[FC_MAX_ROWS];
    ptrdiff_t k = 0;
    for (int drained = 0;; drained = 1) {
        VECTORS for (int r = 0; r < rows; r++)
            sum[r] = (vector){0};
        for (const ptrdiff_t stop = t->taps - k < FC_CHAIN ? t->taps : k + FC_CHAIN; k < stop; k++) {
            const char *pixels = t->scalars + t->scalar_taps[k];
            const vector weight = *(const vector *)(t->vectors + t->vector_taps[k]);
            VECTORS for (int r = 0; r < rows; r++)
                sum[r] += weight * *(const vector *)(pixels + r * row);
        }
        if (__builtin_expect(drained, 0))
            VECTORS for (int r = 0; r < rows; r++)
                sum[r] += total[r];
        if (__builtin_expect(k == t->taps, 1))
            break;
        VECTORS for (int r = 0; r < rows; r++)
            total[r] = sum[r];
    }
    if (t->lane_bias) {
        const vector bias = *(const vector *)t->lane_bias;
        VECTORS for (int r = 0; r < rows; r++)
            sum[r] += bias;
    }
    if (t->relu)
        VECTORS for (int r = 0; r < rows; r++)
            sum[r] = JOIN(relu)(sum[r]);
    char *const out = t->out;
    const ptrdiff_t out_row = t->out_row;
    VECTORS for (int r = 0; r < rows; r++)
        *(vector *)(out + r * out_row) = sum[r];
}

#define DEPTHWISE(rows) \
    static void JOIN(depthwise_##rows)(const fc_tile *t) \
    { \
        /* Constant distances leave nothing but multiply-adds in the loop. */ \
        if (t->scalar_row == sizeof(vector)) \
            JOIN(depthwise)(t, rows, sizeof(vector)); \
        else if (t->scalar_row == 2 * sizeof(vector)) \
            JOIN(depthwise)(t, rows, 2 * sizeof(vector)); \
        else \
            JOIN(depthwise)(t, rows, t->scalar_row); \
    }
EACH_ROWS(DEPTHWISE)
#undef DEPTHWISE

/* The same sums where rows are taps, anywhere, and the vectors that they all meet pass in runs: one
   load of those serves all rows. At most FC_CHAIN steps; neither bias nor activation. */
static inline __attribute__((always_inline)) void JOIN(depthwise_runs)(const fc_tile *t, const int rows)
{
    vector sum[FC_MAX_ROWS];
    VECTORS for (int r = 0; r < rows; r++)
        sum[r] = (vector){0};
    for (ptrdiff_t tap = 0; tap < t->taps; tap++) {
        const char *row[FC_MAX_ROWS], *vectors = t->vectors + t->vector_taps[tap];
        VECTORS for (int r = 0; r < rows; r++)
            row[r] = t->scalars + t->scalar_taps[tap] + t->row_taps[r];
        ptrdiff_t at = 0;
        for (ptrdiff_t steps = t->run; steps > 0; steps--) {
            const vector lane = *(const vector *)vectors;
            VECTORS for (int r = 0; r < rows; r++)
                sum[r] += lane * *(const vector *)(row[r] + at);
            at += t->scalar_step;
            vectors += t->vector_step;
        }
    }
    VECTORS for (int r = 0; r < rows; r++)
        *(vector *)(t->out + r * t->out_row) = sum[r];
}

#define DEPTHWISE(rows) \
    static void JOIN(depthwise_runs_##rows)(const fc_tile *t) { JOIN(depthwise_runs)(t, rows); }
EACH_ROWS(DEPTHWISE)
#undef DEPTHWISE

static void JOIN(fill_depthwise)(fc_kernels *k)
{
#define DEPTHWISE(rows) \
    k->depthwise[rows] = JOIN(depthwise_##rows); \
    k->depthwise_runs[rows] = JOIN(depthwise_runs_##rows);
    EACH_ROWS(DEPTHWISE)
#undef DEPTHWISE
    k->depthwise_rows = MOST_ROWS;
}
