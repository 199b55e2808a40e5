/* Template: products of rows with rows. The lanes of a vector add up parts of one sum, so both operands
   are read along the sum, as they lie in memory; lanes are added across at the end. */

typedef T JOIN(quad) __attribute__((vector_size(FC_DOT_FILTERS * sizeof(T)), aligned(sizeof(T)), may_alias));

/* Add the sums of the lanes of four vectors to four numbers. */
static inline __attribute__((always_inline)) void JOIN(add_across)(const vector *sum, T *to)
{
    enum { L = JOIN(LANES) };
#if VECTOR_BYTES >= 32
    /* Neighbours are added, then pairs of them: lane i holds a part of sum i % 4. */
    lanes_mask even, odd, low, high;
    VECTORS for (int i = 0; i < L; i++) {
        even[i] = i & 1 ? L + i - 1 : i;
        odd[i] = i & 1 ? L + i : i + 1;
        low[i] = i & 2 ? L + i - 2 : i;
        high[i] = i & 2 ? L + i : i + 2;
    }
    const vector a = __builtin_shuffle(sum[0], sum[1], even) + __builtin_shuffle(sum[0], sum[1], odd);
    const vector b = __builtin_shuffle(sum[2], sum[3], even) + __builtin_shuffle(sum[2], sum[3], odd);
    vector parts = __builtin_shuffle(a, b, low) + __builtin_shuffle(a, b, high);
    VECTORS for (int d = L / 2; d >= FC_DOT_FILTERS; d /= 2) {
        lanes_mask other;
        VECTORS for (int i = 0; i < L; i++)
            other[i] = (i + d) % L;
        parts += __builtin_shuffle(parts, other);
    }
    JOIN(quad) total;
    memcpy(&total, &parts, sizeof total);
    *(JOIN(quad) *)to += total;
#else
    VECTORS for (int f = 0; f < FC_DOT_FILTERS; f++) {
        T total = sum[f][0];
        VECTORS for (int i = 1; i < L; i++)
            total += sum[f][i];
        to[f] += total;
    }
#endif
}

static inline __attribute__((always_inline)) void JOIN(dots)(const fc_dots *t, const int pixels)
{
    const ptrdiff_t whole = t->last - (t->last - t->first) % VECTOR_BYTES;
    vector sum[6][FC_DOT_FILTERS], filter[FC_DOT_FILTERS];
    const char *row[6], *of[FC_DOT_FILTERS];
    VECTORS for (int f = 0; f < FC_DOT_FILTERS; f++)
        of[f] = t->filters[f];
    VECTORS for (int p = 0; p < pixels; p++) {
        row[p] = t->pixels[p];
        VECTORS for (int f = 0; f < FC_DOT_FILTERS; f++)
            sum[p][f] = (vector){0};
    }
    for (ptrdiff_t at = t->first; at < whole; at += VECTOR_BYTES) {
        VECTORS for (int f = 0; f < FC_DOT_FILTERS; f++)
            filter[f] = *(const vector *)(of[f] + at);
        VECTORS for (int p = 0; p < pixels; p++) {
            vector lanes = *(const vector *)(row[p] + at);
            KEEP(lanes);
            VECTORS for (int f = 0; f < FC_DOT_FILTERS; f++)
                sum[p][f] += filter[f] * lanes;
        }
    }
    if (whole < t->last) {
        const JOIN(window_lanes) part = JOIN(window_of)(0, (t->last - whole) / (ptrdiff_t)sizeof(T));
        VECTORS for (int f = 0; f < FC_DOT_FILTERS; f++)
            filter[f] = (vector)JOIN(window_load)(part, of[f] + whole);
        VECTORS for (int p = 0; p < pixels; p++) {
            const vector lanes = (vector)JOIN(window_load)(part, row[p] + whole);
            VECTORS for (int f = 0; f < FC_DOT_FILTERS; f++)
                sum[p][f] += filter[f] * lanes;
        }
    }
    VECTORS for (int p = 0; p < pixels; p++)
        JOIN(add_across)(sum[p], (T *)(t->sums + p * t->sums_row));
}

#define DOTS(pixels) \
    static void JOIN(dots_##pixels)(const fc_dots *t) { JOIN(dots)(t, pixels); }
DOTS(1) DOTS(2) DOTS(3)
#if REGISTERS >= 32
DOTS(4) DOTS(5) DOTS(6)
#endif
#undef DOTS

static void JOIN(fill_dots)(fc_kernels *k)
{
    k->dots[1] = JOIN(dots_1);
    k->dots[2] = JOIN(dots_2);
    k->dots[3] = JOIN(dots_3);
    k->dot_pixels = 3;
#if REGISTERS >= 32
    k->dots[4] = JOIN(dots_4);
    k->dots[5] = JOIN(dots_5);
    k->dots[6] = JOIN(dots_6);
    k->dot_pixels = 6;
#endif
}
