/* Template: a tile where every lane is a channel of its own: `rows` pixels x one vector of channels.
   Both operands have contiguous lanes; a tap is one step. */

static inline __attribute__((always_inline)) void JOIN(depthwise)(const fc_tile *t, const int rows)
{
    vector sum[FC_MAX_ROWS];
    VECTORS for (int r = 0; r < rows; r++)
        sum[r] = (vector){0};
    for (ptrdiff_t k = 0; k < t->taps; k++) {
        const char *pixels = t->scalars + t->scalar_taps[k];
        const vector weight = *(const vector *)(t->vectors + t->vector_taps[k]);
        VECTORS for (int r = 0; r < rows; r++)
            sum[r] += weight * *(const vector *)(pixels + r * t->scalar_row);
    }
    const int lanes = (int)(sizeof(vector) / sizeof(T));
    VECTORS for (int r = 0; r < rows; r++) {
        if (t->lane_bias)
            sum[r] += *(const vector *)t->lane_bias;
        if (t->relu)
            sum[r] = JOIN(relu)(sum[r]);
        if (t->lanes == lanes)
            *(vector *)(t->out + r * t->out_row) = sum[r];
        else
            memcpy(t->out + r * t->out_row, &sum[r], (size_t)t->lanes * sizeof(T));
    }
}

#define EACH_ROWS(DO) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7) DO(8) DO(9) DO(10) DO(11) DO(12)
#define DEPTHWISE(rows) \
    static void JOIN(depthwise_##rows)(const fc_tile *t) { JOIN(depthwise)(t, rows); }
EACH_ROWS(DEPTHWISE)
#undef DEPTHWISE

static void JOIN(fill_depthwise)(fc_kernels *k)
{
#define DEPTHWISE(rows) k->depthwise[rows] = JOIN(depthwise_##rows);
    EACH_ROWS(DEPTHWISE)
#undef DEPTHWISE
    k->depthwise_rows = 12;
}
#undef EACH_ROWS
