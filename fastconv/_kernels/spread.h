/* Template: what windows of a pooling pass back to the elements that they see. */

enum { JOIN(SPREAD_VECTORS) = 4 };

/* A vector of codes of `size` bytes, one to a lane; `count` of them if these are fewer than lanes. */
static inline __attribute__((always_inline)) lanes_mask JOIN(spread_codes)(const char *codes, const int size,
                                                                           const ptrdiff_t count)
{
    enum { L = JOIN(POOL_LANES) };
    lanes_mask found = {0};
    if (count < L) {
        for (int i = 0; i < count; i++)
            found[i] = size == 1 ? (MASK_T)((const uint8_t *)codes)[i]
                     : size == 2 ? (MASK_T)((const uint16_t *)codes)[i]
                                 : (MASK_T)((const uint32_t *)codes)[i];
        return found;
    }
#if VECTOR_BYTES == 64
    if (size == 1)
        return sizeof(T) == 4 ? (lanes_mask)_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i_u *)codes))
                              : (lanes_mask)_mm512_cvtepu8_epi64(_mm_loadu_si64(codes));
    if (size == 2)
        return sizeof(T) == 4 ? (lanes_mask)_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i_u *)codes))
                              : (lanes_mask)_mm512_cvtepu16_epi64(_mm_loadu_si128((const __m128i_u *)codes));
#elif VECTOR_BYTES == 32
    if (size == 1)
        return sizeof(T) == 4 ? (lanes_mask)_mm256_cvtepu8_epi32(_mm_loadu_si64(codes))
                              : (lanes_mask)_mm256_cvtepu8_epi64(_mm_loadu_si32(codes));
    if (size == 2)
        return sizeof(T) == 4 ? (lanes_mask)_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i_u *)codes))
                              : (lanes_mask)_mm256_cvtepu16_epi64(_mm_loadu_si64(codes));
#endif
    for (int i = 0; i < L; i++)
        found[i] = size == 1 ? (MASK_T)((const uint8_t *)codes)[i]
                 : size == 2 ? (MASK_T)((const uint16_t *)codes)[i]
                             : (MASK_T)((const uint32_t *)codes)[i];
    return found;
}

/* `x` where codes are `code`, else 0. */
static inline __attribute__((always_inline)) vector JOIN(spread_won)(vector x, lanes_mask codes, const uint32_t code)
{
    const lanes_mask wanted = (lanes_mask){0} + (MASK_T)code;
#if VECTOR_BYTES == 64
    if (sizeof(T) == 4)
        return (vector)_mm512_maskz_mov_ps(_mm512_cmpeq_epi32_mask((__m512i)codes, (__m512i)wanted), (__m512)x);
    return (vector)_mm512_maskz_mov_pd(_mm512_cmpeq_epi64_mask((__m512i)codes, (__m512i)wanted), (__m512d)x);
#else
    return (vector)((lanes_mask)x & (lanes_mask)(codes == wanted));
#endif
}

/* `many` vectors, or one of `count` lanes if they are fewer. */
static inline __attribute__((always_inline)) void JOIN(spread_block)(const fc_spread *s, const ptrdiff_t at,
                                                                     const ptrdiff_t count, const int size,
                                                                     const int many)
{
    enum { L = JOIN(POOL_LANES) };
    const int whole = count >= L;
    const JOIN(pool_lanes) some = PART(of)(0, count);
    char *const out = s->out + at * (ptrdiff_t)sizeof(T);
    vector sum[JOIN(SPREAD_VECTORS)];
    VECTORS for (int u = 0; u < many; u++) {
        sum[u] = (vector){0};
        if (s->onto)
            sum[u] = whole ? ((const vector *)out)[u] : (vector)PART(load)(some, out);
    }
    for (ptrdiff_t i = 0; i < s->windows; i++) {
        const char *const from = s->gradients[i] + at * (ptrdiff_t)sizeof(T);
        const char *const codes = size ? s->codes[i] + at * size : NULL;
        VECTORS for (int u = 0; u < many; u++) {
            vector x = whole ? ((const vector *)from)[u] : (vector)PART(load)(some, from);
            if (size)
                x = JOIN(spread_won)(x, JOIN(spread_codes)(codes + u * L * size, size, count), s->code[i]);
            sum[u] += x;
        }
    }
    VECTORS for (int u = 0; u < many; u++) {
        if (s->divisor != 1)
            sum[u] /= (vector){0} + (T)s->divisor;
        if (whole)
            ((vector *)out)[u] = sum[u];
        else
            PART(store)(some, out, sum[u]);
    }
}

static inline __attribute__((always_inline)) void JOIN(spread_of)(const fc_spread *s, const int size)
{
    enum { L = JOIN(POOL_LANES), U = JOIN(SPREAD_VECTORS) };
    ptrdiff_t at = 0;
    for (; at + U * L <= s->count; at += U * L)
        JOIN(spread_block)(s, at, L, size, U);
    for (; at + L <= s->count; at += L)
        JOIN(spread_block)(s, at, L, size, 1);
    if (at < s->count)
        JOIN(spread_block)(s, at, s->count - at, size, 1);
}

static void JOIN(spread)(const fc_spread *s)
{
    if (s->code_size == 0)
        JOIN(spread_of)(s, 0);
    else if (s->code_size == 1)
        JOIN(spread_of)(s, 1);
    else if (s->code_size == 2)
        JOIN(spread_of)(s, 2);
    else
        JOIN(spread_of)(s, 4);
}

/* Lanes of a and b in turn. */
static inline __attribute__((always_inline)) void JOIN(weave)(char *to, vector a, vector b)
{
    enum { L = JOIN(POOL_LANES) };
    lanes_mask low, high;
    VECTORS for (int i = 0; i < L; i++) {
        low[i] = i / 2 + i % 2 * L;
        high[i] = i / 2 + i % 2 * L + L / 2;
    }
#if VECTOR_BYTES == 32
    if (sizeof(T) == 4) {
        const __m256 first = _mm256_unpacklo_ps((__m256)a, (__m256)b), second = _mm256_unpackhi_ps((__m256)a, (__m256)b);
        ((vector *)to)[0] = (vector)_mm256_permute2f128_ps(first, second, 0x20);
        ((vector *)to)[1] = (vector)_mm256_permute2f128_ps(first, second, 0x31);
    } else {
        const __m256d first = _mm256_unpacklo_pd((__m256d)a, (__m256d)b);
        const __m256d second = _mm256_unpackhi_pd((__m256d)a, (__m256d)b);
        ((vector *)to)[0] = (vector)_mm256_permute2f128_pd(first, second, 0x20);
        ((vector *)to)[1] = (vector)_mm256_permute2f128_pd(first, second, 0x31);
    }
    return;
#endif
    ((vector *)to)[0] = __builtin_shuffle(a, b, low);
    ((vector *)to)[1] = __builtin_shuffle(a, b, high);
}

/* The same for the first elements of a row, `size` of them. */
static inline __attribute__((always_inline)) void JOIN(weave_some)(char *to, vector a, vector b, ptrdiff_t size)
{
    enum { L = JOIN(POOL_LANES) };
    char row[2 * sizeof(vector)];
    if (size >= 2 * L) {
        JOIN(weave)(to, a, b);
        return;
    }
    JOIN(weave)(row, a, b);
    memcpy(to, row, size * sizeof(T));
}

/* Pairs of neighbours: x where its code is `code`, and where it is the next one. */
static void JOIN(part)(char *to, const char *x, const char *codes, int size, uint32_t code, ptrdiff_t windows)
{
    enum { L = JOIN(POOL_LANES) };
    for (ptrdiff_t o = 0; o < windows; o += L) {
        const ptrdiff_t count = windows - o;
        const char *const from = x + o * (ptrdiff_t)sizeof(T);
        const vector g = count >= L ? *(const vector *)from : (vector)PART(load)(PART(of)(0, count), from);
        const lanes_mask found = size == 1 ? JOIN(spread_codes)(codes + o, 1, count)
                               : size == 2 ? JOIN(spread_codes)(codes + 2 * o, 2, count)
                                           : JOIN(spread_codes)(codes + 4 * o, 4, count);
        JOIN(weave_some)(to + 2 * o * (ptrdiff_t)sizeof(T), JOIN(spread_won)(g, found, code),
                         JOIN(spread_won)(g, found, code + 1), 2 * count);
    }
}

/* A row of elements from what each window of a row passes to every one of its taps. */
static void JOIN(widen)(char *to, ptrdiff_t size, const char *from, ptrdiff_t windows, ptrdiff_t taps,
                        ptrdiff_t step, ptrdiff_t stride, ptrdiff_t first)
{
    enum { L = JOIN(POOL_LANES) };
    T *restrict out = (T *)to;
    const T *restrict x = (const T *)from;
    if (stride == 2 && taps * step <= 2 * FC_WIDEN_MARGIN && -first <= 2 * FC_WIDEN_MARGIN && first <= 0) {
        /* Even and odd elements apart. */
        for (ptrdiff_t i = 0; i < size; i += 2 * L) {
            vector even = {0}, odd = {0};
            for (ptrdiff_t t = 0, at = first; t < taps; t++, at += step) {
                /* Of window o, this tap is element at + 2 * o. */
                const ptrdiff_t o = i / 2 - (at >> 1);
                if (o >= windows)
                    continue;
                const vector passed = *(const vector *)(x + o);
                if (at & 1)
                    odd += passed;
                else
                    even += passed;
            }
            JOIN(weave_some)((char *)(out + i), even, odd, size - i);
        }
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
