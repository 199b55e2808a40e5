/* Template: what windows of a pooling pass back to the elements that they see. */

typedef uint8_t JOIN(bytes) __attribute__((vector_size(VECTOR_BYTES / sizeof(T)), aligned(1), may_alias));
typedef uint16_t JOIN(shorts) __attribute__((vector_size(2 * VECTOR_BYTES / sizeof(T)), aligned(1), may_alias));

/* The lanes where codes equal one code; of `count` lanes if they are fewer than a vector has. */
static inline __attribute__((always_inline)) lanes_mask JOIN(spread_won)(const char *codes, const int size,
                                                                         const uint32_t code, const ptrdiff_t count)
{
    enum { L = JOIN(POOL_LANES) };
    lanes_mask found = {0};
    if (size == 1 && count >= L)
        found = __builtin_convertvector(*(const JOIN(bytes) *)codes, lanes_mask);
    else if (size == 2 && count >= L)
        found = __builtin_convertvector(*(const JOIN(shorts) *)codes, lanes_mask);
    else
        for (int i = 0; i < L && i < count; i++)
            found[i] = size == 1 ? (MASK_T)((const uint8_t *)codes)[i]
                     : size == 2 ? (MASK_T)((const uint16_t *)codes)[i]
                                 : (MASK_T)((const uint32_t *)codes)[i];
    return found == (MASK_T)code;
}

/* One vector, of `count` lanes if they are fewer. */
static inline __attribute__((always_inline)) void JOIN(spread_block)(const fc_spread *s, const ptrdiff_t at,
                                                                     const ptrdiff_t count, const int size)
{
    enum { L = JOIN(POOL_LANES) };
    const JOIN(pool_lanes) some = PART(of)(0, count);
    char *const out = s->out + at * (ptrdiff_t)sizeof(T);
    vector sum = {0};
    if (s->onto)
        sum = count >= L ? *(const vector *)out : (vector)PART(load)(some, out);
    for (ptrdiff_t i = 0; i < s->windows; i++) {
        const char *const from = s->gradients[i] + at * (ptrdiff_t)sizeof(T);
        vector x = count >= L ? *(const vector *)from : (vector)PART(load)(some, from);
        if (size)
            x = (vector)((lanes_mask)x & JOIN(spread_won)(s->codes[i] + at * size, size, s->code[i], count));
        sum += x;
    }
    if (s->divisor != 1)
        sum /= (vector){0} + (T)s->divisor;
    if (count >= L)
        *(vector *)out = sum;
    else
        PART(store)(some, out, sum);
}

static void JOIN(spread)(const fc_spread *s)
{
    enum { L = JOIN(POOL_LANES) };
    for (ptrdiff_t at = 0; at < s->count; at += L) {
        const ptrdiff_t count = s->count - at;
        if (s->code_size == 0)
            JOIN(spread_block)(s, at, count, 0);
        else if (s->code_size == 1)
            JOIN(spread_block)(s, at, count, 1);
        else if (s->code_size == 2)
            JOIN(spread_block)(s, at, count, 2);
        else
            JOIN(spread_block)(s, at, count, 4);
    }
}

/* A row of elements from what each window of a row passes to every one of its taps. */
static void JOIN(widen)(char *to, ptrdiff_t size, const char *from, ptrdiff_t windows, ptrdiff_t taps,
                        ptrdiff_t step, ptrdiff_t stride, ptrdiff_t first)
{
    T *restrict out = (T *)to;
    const T *restrict x = (const T *)from;
    if (taps == 2 && stride == 2 && step == 1 && first == 0 && 2 * windows <= size) {
        for (ptrdiff_t o = 0; o < windows; o++)
            out[2 * o] = out[2 * o + 1] = x[o];
        memset(out + 2 * windows, 0, (size - 2 * windows) * sizeof(T));
        return;
    }
    memset(out, 0, size * sizeof(T));
    if (windows < taps) {
        for (ptrdiff_t o = 0; o < windows; o++) {
            const ptrdiff_t at = first + o * stride;
            const ptrdiff_t begin = at >= 0 ? 0 : (step - 1 - at) / step;
            const ptrdiff_t fit = at < size ? (size - at + step - 1) / step : 0, end = fit < taps ? fit : taps;
            if (step == 1)
                for (ptrdiff_t t = begin; t < end; t++)
                    out[at + t] += x[o];
            else
                for (ptrdiff_t t = begin; t < end; t++)
                    out[at + t * step] += x[o];
        }
        return;
    }
    for (ptrdiff_t t = 0; t < taps; t++) {
        const ptrdiff_t at = first + t * step;
        const ptrdiff_t begin = at >= 0 ? 0 : (stride - 1 - at) / stride;
        const ptrdiff_t fit = at < size ? (size - at + stride - 1) / stride : 0, end = fit < windows ? fit : windows;
        if (stride == 1)
            for (ptrdiff_t o = begin; o < end; o++)
                out[at + o] += x[o];
        else if (stride == 2)
            for (ptrdiff_t o = begin; o < end; o++)
                out[at + 2 * o] += x[o];
        else
            for (ptrdiff_t o = begin; o < end; o++)
                out[at + o * stride] += x[o];
    }
}
