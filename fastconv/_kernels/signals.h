/* Template: outputs of as many signals as a vector has lanes. What is loaded at a position serves
   four taps, so that loads do not hold up the multiply-adds, as they do where neighbours are lanes. */

#define SIGNAL_ROWS (REGISTERS >= 32 ? 20 : 10)
enum { JOIN(SIGNAL_PART) = SIGNAL_ROWS / FC_SIGNALS };

/* One weight for all lanes, or one each. */
static inline __attribute__((always_inline)) vector JOIN(signal_factor)(const char *at, const int wide)
{
    if (wide)
        return *(const vector *)at;
    return (vector){0} + *(const T *)at;
}

/* `taps` more taps of `rows` neighbouring outputs. */
static inline __attribute__((always_inline)) void JOIN(signal_taps)(
    vector *sum, const char *input, ptrdiff_t step, const char *weights, ptrdiff_t weight_step,
    const int rows, const int taps, const int wide)
{
    vector weight[4];
    VECTORS for (int t = 0; t < taps; t++)
        weight[t] = JOIN(signal_factor)(weights + t * weight_step, wide);
    VECTORS for (int i = 0; i < rows + taps - 1; i++) {
        const vector x = *(const vector *)(input + i * step);
        VECTORS for (int t = 0; t < taps; t++)
            if (i >= t && i - t < rows)
                sum[i - t] += weight[t] * x;
    }
}

static inline __attribute__((always_inline)) void JOIN(signal)(const fc_signal *s, const int rows,
                                                               const int wide, const ptrdiff_t step)
{
    vector sum[SIGNAL_ROWS], total[SIGNAL_ROWS];
    const ptrdiff_t weight_step = s->weight_step;
    ptrdiff_t chained = 0;
    VECTORS for (int r = 0; r < rows; r++)
        total[r] = sum[r] = (vector){0};
    for (ptrdiff_t run = 0; run < s->count; run++) {
        const char *input = s->input + s->runs[run];
        const char *weights = s->weights + s->run_weights[run];
        for (ptrdiff_t left = s->taps[run]; left > 0;) {
            /* As in windows of pixels, so that an output has the same bits whichever tile it is in. */
            ptrdiff_t taps = left < FC_CHAIN ? left : FC_CHAIN;
            left -= taps;
            if (__builtin_expect(chained + taps > FC_CHAIN, 0)) {
                VECTORS for (int r = 0; r < rows; r++) {
                    total[r] += sum[r];
                    sum[r] = (vector){0};
                }
                chained = 0;
            }
            chained += taps;
            for (; taps >= 4; taps -= 4) {
                JOIN(signal_taps)(sum, input, step, weights, weight_step, rows, 4, wide);
                input += 4 * step;
                weights += 4 * weight_step;
            }
            if (taps == 3)
                JOIN(signal_taps)(sum, input, step, weights, weight_step, rows, 3, wide);
            else if (taps == 2)
                JOIN(signal_taps)(sum, input, step, weights, weight_step, rows, 2, wide);
            else if (taps == 1)
                JOIN(signal_taps)(sum, input, step, weights, weight_step, rows, 1, wide);
        }
    }
    VECTORS for (int r = 0; r < rows; r++)
        sum[r] += total[r];
    if (s->bias) {
        const vector bias = JOIN(signal_factor)(s->bias, wide);
        VECTORS for (int r = 0; r < rows; r++)
            sum[r] += bias;
    }
    if (s->relu)
        VECTORS for (int r = 0; r < rows; r++)
            sum[r] = JOIN(relu)(sum[r]);
    VECTORS for (int r = 0; r < rows; r++)
        *(vector *)(s->out + r * s->out_step) = sum[r];
}

#define SIGNAL(part) \
    static void JOIN(signal_##part)(const fc_signal *s) \
    { \
        /* A constant distance leaves nothing but loads and multiply-adds in the loop. */ \
        if (s->step == sizeof(vector)) \
            JOIN(signal)(s, part * JOIN(SIGNAL_PART), 0, sizeof(vector)); \
        else \
            JOIN(signal)(s, part * JOIN(SIGNAL_PART), 0, s->step); \
    } \
    static void JOIN(signals_##part)(const fc_signal *s) \
    { \
        JOIN(signal)(s, part * JOIN(SIGNAL_PART), 1, s->step); \
    }
SIGNAL(1) SIGNAL(2) SIGNAL(3) SIGNAL(4) SIGNAL(5)
#undef SIGNAL

static void JOIN(fill_signals)(fc_kernels *k)
{
    k->signal_rows = JOIN(SIGNAL_PART);
#define SIGNAL(part) \
    k->signal[part] = JOIN(signal_##part); \
    k->signals[part] = JOIN(signals_##part);
    SIGNAL(1) SIGNAL(2) SIGNAL(3) SIGNAL(4) SIGNAL(5)
#undef SIGNAL
}
#undef SIGNAL_ROWS
