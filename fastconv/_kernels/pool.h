/* Template: maxima of windows, their places, and averages: lanes are neighbouring outputs of a row, or
   neighbouring channels of a pixel. Elements outside the input never win, and add nothing. */

enum { JOIN(POOL_LANES) = VECTOR_BYTES / sizeof(T) };
typedef PART(lanes) JOIN(pool_lanes);

/* `from` at the lanes of `inside`, `neutral` elsewhere. */
static inline __attribute__((always_inline)) vector JOIN(pool_load)(JOIN(pool_lanes) inside, const char *from,
                                                                    vector neutral)
{
#if defined(__AVX512VL__)
    return sizeof(T) == 4 ? (vector)_mm512_mask_loadu_ps((__m512)neutral, (__mmask16)inside, from)
                          : (vector)_mm512_mask_loadu_pd((__m512d)neutral, (__mmask8)inside, from);
#else
    const vector x = PART(load)(inside, from);
    return (vector)(((lanes_mask)x & (lanes_mask)inside) | ((lanes_mask)neutral & ~(lanes_mask)inside));
#endif
}

/* The larger one, the first of equals; NaN wins. The instructions give their second operand if one is NaN. */
static inline __attribute__((always_inline)) vector JOIN(pool_larger)(vector held, vector x)
{
#if defined(__AVX512VL__)
    if (sizeof(T) == 4) {
        const __m512 y = (__m512)x, larger = _mm512_max_ps(y, (__m512)held);
        return (vector)_mm512_mask_mov_ps(larger, _mm512_cmp_ps_mask(y, y, _CMP_UNORD_Q), y);
    }
    const __m512d y = (__m512d)x, larger = _mm512_max_pd(y, (__m512d)held);
    return (vector)_mm512_mask_mov_pd(larger, _mm512_cmp_pd_mask(y, y, _CMP_UNORD_Q), y);
#elif VECTOR_BYTES == 32
    if (sizeof(T) == 4) {
        const __m256 y = (__m256)x, larger = _mm256_max_ps(y, (__m256)held);
        return (vector)_mm256_blendv_ps(larger, y, _mm256_cmp_ps(y, y, _CMP_UNORD_Q));
    }
    const __m256d y = (__m256d)x, larger = _mm256_max_pd(y, (__m256d)held);
    return (vector)_mm256_blendv_pd(larger, y, _mm256_cmp_pd(y, y, _CMP_UNORD_Q));
#else
    const lanes_mask wins = (lanes_mask)(x > held) | (lanes_mask)(x != x);
    return (vector)(((lanes_mask)x & wins) | ((lanes_mask)held & ~wins));
#endif
}

/* Two results, or a result and an element. */
static inline __attribute__((always_inline)) vector JOIN(pool_fold)(vector held, vector x, const int op)
{
    if (op == FC_SUM)
        return held + x;
    return JOIN(pool_larger)(held, x);
}

/* Of two vectors, every second element from `odd` on. */
static inline __attribute__((always_inline)) vector JOIN(pool_every_second)(vector a, vector b, const int odd)
{
    lanes_mask which;
    VECTORS for (int i = 0; i < JOIN(POOL_LANES); i++)
        which[i] = 2 * i + odd;
    return __builtin_shuffle(a, b, which);
}

/* Of three vectors, every third element. */
static inline __attribute__((always_inline)) vector JOIN(pool_every_third)(vector a, vector b, vector c)
{
    enum { L = JOIN(POOL_LANES) };
    lanes_mask of_two, of_all;
    VECTORS for (int i = 0; i < L; i++) {
        of_two[i] = 3 * i < 2 * L ? 3 * i : 0;
        of_all[i] = 3 * i < 2 * L ? i : 3 * i - L;
    }
    return __builtin_shuffle(__builtin_shuffle(a, b, of_two), c, of_all);
}

/* The elements `stride` apart from `at` on, those of `inside` if there are `edges`; 0 stands for any stride. */
static inline __attribute__((always_inline)) vector JOIN(pool_tap)(
    const fc_pool *p, const char *at, const ptrdiff_t column, const JOIN(pool_lanes) *inside,
    const vector neutral, const int stride, const int edges)
{
    vector x[4];
    VECTORS for (int i = 0; i < stride; i++) {
        const char *from = at + i * sizeof(vector);
        x[i] = edges ? JOIN(pool_load)(inside[i], from, neutral) : *(const vector *)from;
    }
    if (stride == 1)
        return x[0];
    if (stride == 2)
        return JOIN(pool_every_second)(x[0], x[1], 0);
    if (stride == 3)
        return JOIN(pool_every_third)(x[0], x[1], x[2]);
    if (stride == 4)
        return JOIN(pool_every_second)(JOIN(pool_every_second)(x[0], x[1], 0),
                                       JOIN(pool_every_second)(x[2], x[3], 0), 0);
    x[0] = neutral;
    for (int i = 0; i < JOIN(POOL_LANES); i++)
        if ((size_t)(column + i * p->stride) < (size_t)p->extent)
            x[0][i] = ((const T *)at)[i * p->stride];
    return x[0];
}

/* What one tap, number `code`, makes of a result and its place. */
static inline __attribute__((always_inline)) void JOIN(pool_win)(vector *best, lanes_mask *place, vector x,
                                                                 const MASK_T code)
{
#if defined(__AVX512VL__)
    if (sizeof(T) == 4) {
        const __m512 y = (__m512)x, held = (__m512)*best;
        const __mmask16 wins = _mm512_cmp_ps_mask(y, held, _CMP_GT_OQ)
            | _mm512_mask_cmp_ps_mask(_mm512_cmp_ps_mask(y, y, _CMP_UNORD_Q), held, held, _CMP_ORD_Q);
        *best = (vector)_mm512_mask_mov_ps(held, wins, y);
        *place = (lanes_mask)_mm512_mask_set1_epi32((__m512i)*place, wins, (int)code);
    } else {
        const __m512d y = (__m512d)x, held = (__m512d)*best;
        const __mmask8 wins = _mm512_cmp_pd_mask(y, held, _CMP_GT_OQ)
            | _mm512_mask_cmp_pd_mask(_mm512_cmp_pd_mask(y, y, _CMP_UNORD_Q), held, held, _CMP_ORD_Q);
        *best = (vector)_mm512_mask_mov_pd(held, wins, y);
        *place = (lanes_mask)_mm512_mask_set1_epi64((__m512i)*place, wins, (long long)code);
    }
#else
    const lanes_mask wins = (lanes_mask)(x > *best) | ((lanes_mask)(x != x) & (lanes_mask)(*best == *best));
    *best = (vector)(((lanes_mask)x & wins) | ((lanes_mask)*best & ~wins));
    *place = (*place & ~wins) | (((lanes_mask){0} + code) & wins);
#endif
}

/* Where the first tap of every lane is that lies in the input; 0 if there is none. */
static __attribute__((noinline)) void JOIN(pool_places)(const fc_pool *p, ptrdiff_t column, lanes_mask *place)
{
    for (int i = 0; i < JOIN(POOL_LANES); i++, column += p->stride) {
        const ptrdiff_t tap = column >= 0 || p->step == 0 ? 0 : (-column + p->step - 1) / p->step;
        const int empty = p->slices == 0 || p->rows == 0 || tap >= p->taps || column + tap * p->step >= p->extent;
        (*place)[i] = empty ? 0 : p->code + tap;
    }
}

#define POOL_CODES(type) \
    do { \
        if (count >= JOIN(POOL_LANES)) \
            VECTORS for (int i = 0; i < JOIN(POOL_LANES); i++) \
                ((type *)to)[i] = (type)place[i]; \
        else \
            for (int i = 0; i < count; i++) \
                ((type *)to)[i] = (type)place[i]; \
    } while (0)
static inline __attribute__((always_inline)) void JOIN(pool_store_codes)(const fc_pool *p, char *to,
                                                                         lanes_mask place, ptrdiff_t count)
{
#if defined(__AVX512VL__)
    if (p->code_size == 1 && count >= JOIN(POOL_LANES)) {
        if (sizeof(T) == 4)
            _mm_storeu_si128((__m128i_u *)to, _mm512_cvtepi32_epi8((__m512i)place));
        else
            _mm_storeu_si64(to, _mm512_cvtepi64_epi8((__m512i)place));
        return;
    }
#endif
    if (p->code_size == 1)
        POOL_CODES(uint8_t);
    else if (p->code_size == 2)
        POOL_CODES(uint16_t);
    else
        POOL_CODES(uint32_t);
}
#undef POOL_CODES

/* Which lanes of a tap lie in the input, the first one in `column`. */
static inline __attribute__((always_inline)) void JOIN(pool_inside)(const fc_pool *p, const ptrdiff_t column,
                                                                    const int stride, JOIN(pool_lanes) *inside)
{
    enum { L = JOIN(POOL_LANES) };
    VECTORS for (int i = 0; i < stride; i++)
        inside[i] = PART(of)(-column - i * L, p->extent - column - i * L);
}

/* The outputs of one vector, from number `first` on; `edges` says that a tap of some lane may lie outside,
   `few` how many taps there are, if that is known here. */
static inline __attribute__((always_inline)) void JOIN(pool_block)(
    const fc_pool *p, const char *input, char *out, char *codes, const ptrdiff_t first, const int op,
    const int stride, const int edges, const int few)
{
    enum { L = JOIN(POOL_LANES) };
    const vector neutral = (vector){0} + (op == FC_SUM ? (T)0 : (T)-__builtin_inf());
    const ptrdiff_t start = p->start + first * (stride ? stride : p->stride);
    JOIN(pool_lanes) inside[FC_POOL_TAPS + 1][4]; /* the last one for all further taps */
    vector best = neutral;
    lanes_mask place = {0};
    if (edges)
        for (ptrdiff_t k = 0; k < p->taps && k < FC_POOL_TAPS; k++)
            JOIN(pool_inside)(p, start + k * p->step, stride, inside[k]);
    if (op == FC_ARGMAX) {
        place += (MASK_T)p->code;
        if (edges && (p->step || p->slices == 0 || p->rows == 0))
            JOIN(pool_places)(p, start, &place);
    }
    const ptrdiff_t taps = few ? few : p->taps;
    input += start * (ptrdiff_t)sizeof(T);
    for (ptrdiff_t d = 0; d < p->slices; d++)
        for (ptrdiff_t r = 0; r < p->rows; r++) {
            const char *at = input + d * p->slice + r * p->row;
            const MASK_T code = (MASK_T)(p->code + d * p->slice_code + r * p->row_code);
            ptrdiff_t k = 0;
            if (stride == 2 && !edges && p->step == 1)
                /* Two taps of what is loaded once. */
                for (; k + 1 < taps; k += 2, at += 2 * p->tap) {
                    const vector a = ((const vector *)at)[0], b = ((const vector *)at)[1];
                    VECTORS for (int odd = 0; odd < 2; odd++) {
                        const vector x = JOIN(pool_every_second)(a, b, odd);
                        if (op == FC_ARGMAX)
                            JOIN(pool_win)(&best, &place, x, code + (MASK_T)k + odd);
                        else
                            best = JOIN(pool_fold)(best, x, op);
                    }
                }
            for (; k < taps; k++, at += p->tap) {
                JOIN(pool_lanes) *const lanes = inside[k < FC_POOL_TAPS ? k : FC_POOL_TAPS];
                if (edges && k >= FC_POOL_TAPS)
                    JOIN(pool_inside)(p, start + k * p->step, stride, lanes);
                const vector x = JOIN(pool_tap)(p, at, start + k * p->step, lanes, neutral, stride, edges);
                if (op == FC_ARGMAX)
                    JOIN(pool_win)(&best, &place, x, code + (MASK_T)k);
                else
                    best = JOIN(pool_fold)(best, x, op);
            }
        }
    const ptrdiff_t count = p->count - first;
    if (op == FC_SUM) {
        vector divisor = (vector){0} + (T)p->divisor;
        if (p->divisors)
            divisor *= JOIN(pool_load)(PART(of)(0, count), p->divisors + first * sizeof(T), (vector){0} + (T)1);
        best /= divisor;
    }
    if (count >= L)
        *(vector *)out = best;
    else
        PART(store)(PART(of)(0, count), out, best);
    if (op == FC_ARGMAX)
        JOIN(pool_store_codes)(p, codes, place, count);
}

/* The same for some vectors at once, of neighbours that all lie in the input: what a tap loads is a run
   of cache lines. */
static inline __attribute__((always_inline)) void JOIN(pool_wide)(const fc_pool *p, const char *input, char *out,
                                                                  const ptrdiff_t first, const int op)
{
    enum { L = JOIN(POOL_LANES), U = FC_POOL_WIDE };
    vector best[U];
    VECTORS for (int u = 0; u < U; u++)
        best[u] = (vector){0} + (op == FC_SUM ? (T)0 : (T)-__builtin_inf());
    input += (p->start + first) * (ptrdiff_t)sizeof(T);
    for (ptrdiff_t d = 0; d < p->slices; d++)
        for (ptrdiff_t r = 0; r < p->rows; r++) {
            const char *at = input + d * p->slice + r * p->row;
            for (ptrdiff_t k = 0; k < p->taps; k++, at += p->tap)
                VECTORS for (int u = 0; u < U; u++)
                    best[u] = JOIN(pool_fold)(best[u], ((const vector *)at)[u], op);
        }
    VECTORS for (int u = 0; u < U; u++) {
        if (op == FC_SUM) {
            vector divisor = (vector){0} + (T)p->divisor;
            if (p->divisors)
                divisor *= ((const vector *)(p->divisors + first * sizeof(T)))[u];
            best[u] /= divisor;
        }
        ((vector *)out)[u] = best[u];
    }
}

static inline __attribute__((always_inline)) void JOIN(pool_op)(const fc_pool *p, const int op, const int stride)
{
    enum { L = JOIN(POOL_LANES) };
    const char *input = p->input;
    char *out = p->out, *codes = p->codes;
    /* Vectors from `from` to `to` read nothing outside a row. */
    const ptrdiff_t spread = stride ? stride : p->stride, reach = (p->taps - 1) * p->step + L * spread;
    const ptrdiff_t from = p->start >= 0 ? 0 : (-p->start + spread - 1) / spread;
    const ptrdiff_t room = p->slices && p->rows && stride ? p->extent - p->start - reach : -1;
    const ptrdiff_t to = room < 0 ? -1 : room / spread;
    for (ptrdiff_t pixel = 0; pixel < p->pixels; pixel++) {
        for (ptrdiff_t first = 0; first < p->count; first += L) {
            char *const here = out + first * (ptrdiff_t)sizeof(T), *const there = codes + first * p->code_size;
            const ptrdiff_t last = first + (FC_POOL_WIDE - 1) * L;
            if (stride == 1 && op != FC_ARGMAX && first >= from && last <= to && last + L <= p->count) {
                JOIN(pool_wide)(p, input, here, first, op);
                first = last;
            } else if (first < from || first > to)
                JOIN(pool_block)(p, input, here, there, first, op, stride, 1, 0);
            else if (p->taps == 2 && p->step == 1 && stride <= 2)
                JOIN(pool_block)(p, input, here, there, first, op, stride, 0, 2);
            else if (p->taps == 3 && p->step == 1 && stride <= 2)
                JOIN(pool_block)(p, input, here, there, first, op, stride, 0, 3);
            else
                JOIN(pool_block)(p, input, here, there, first, op, stride, 0, 0);
        }
        input += p->input_step;
        out += p->out_step;
        codes += p->codes_step;
    }
}

#define POOL(name, op) \
    static void JOIN(pool_##name)(const fc_pool *p) \
    { \
        if (p->stride == 1) \
            JOIN(pool_op)(p, op, 1); \
        else if (p->stride == 2) \
            JOIN(pool_op)(p, op, 2); \
        else if (p->stride == 3) \
            JOIN(pool_op)(p, op, 3); \
        else if (p->stride == 4) \
            JOIN(pool_op)(p, op, 4); \
        else \
            JOIN(pool_op)(p, op, 0); \
    }
POOL(max, FC_MAX)
POOL(argmax, FC_ARGMAX)
POOL(sum, FC_SUM)
#undef POOL

/* One window of rows without gaps: lanes are its elements. */
static inline __attribute__((always_inline)) T JOIN(pool_whole)(const fc_pool *p, const char *input, const int op)
{
    enum { L = JOIN(POOL_LANES), U = 4 };
    const vector neutral = (vector){0} + (op == FC_SUM ? (T)0 : (T)-__builtin_inf());
    vector best[U];
    VECTORS for (int u = 0; u < U; u++)
        best[u] = neutral;
    for (ptrdiff_t d = 0; d < p->slices; d++)
        for (ptrdiff_t r = 0; r < p->rows; r++) {
            const char *at = input + d * p->slice + r * p->row;
            ptrdiff_t left = p->extent;
            for (; left >= U * L; left -= U * L, at += U * sizeof(vector))
                VECTORS for (int u = 0; u < U; u++) {
                    const vector x = ((const vector *)at)[u];
                    best[u] = JOIN(pool_fold)(best[u], x, op);
                }
            VECTORS for (int u = 0; u < U; u++) {
                if (left <= u * L)
                    break;
                const vector x = JOIN(pool_load)(PART(of)(0, left - u * L), at + u * sizeof(vector), neutral);
                best[u] = JOIN(pool_fold)(best[u], x, op);
            }
        }
    VECTORS for (int d = U / 2; d; d /= 2)
        VECTORS for (int u = 0; u < d; u++)
            best[u] = JOIN(pool_fold)(best[u], best[u + d], op);
    T result = best[0][0];
    for (int i = 1; i < L; i++) {
        const T x = best[0][i];
        if (op == FC_SUM)
            result += x;
        else
            result = x > result || x != x ? x : result;
    }
    return op == FC_SUM ? result / (T)p->divisor : result;
}

#define POOL(name, op) \
    static void JOIN(pool_whole_##name)(const fc_pool *p) \
    { \
        for (ptrdiff_t i = 0; i < p->pixels; i++) \
            *(T *)(p->out + i * p->out_step) = JOIN(pool_whole)(p, p->input + i * p->input_step, op); \
    }
POOL(max, FC_MAX)
POOL(sum, FC_SUM)
#undef POOL

/* The same, and where the first maximum is: looked for once it is known. */
static void JOIN(pool_whole_argmax)(const fc_pool *p)
{
    for (ptrdiff_t i = 0; i < p->pixels; i++) {
        const char *at = p->input + i * p->input_step;
        const T best = JOIN(pool_whole)(p, at, FC_MAX);
        ptrdiff_t code = p->slices && p->rows && p->extent ? p->code : 0;
        for (ptrdiff_t d = 0; d < p->slices; d++)
            for (ptrdiff_t r = 0; r < p->rows; r++)
                for (ptrdiff_t k = 0; k < p->extent; k++) {
                    const T x = ((const T *)(at + d * p->slice + r * p->row))[k];
                    if (x == best || x != x) {
                        code = p->code + d * p->slice_code + r * p->row_code + k;
                        goto found;
                    }
                }
    found:
        *(T *)(p->out + i * p->out_step) = best;
        char *const to = p->codes + i * p->codes_step;
        if (p->code_size == 1)
            *(uint8_t *)to = (uint8_t)code;
        else if (p->code_size == 2)
            *(uint16_t *)to = (uint16_t)code;
        else
            *(uint32_t *)to = (uint32_t)code;
    }
}

static void JOIN(fill_pools)(fc_kernels *k)
{
    k->pool[FC_MAX] = JOIN(pool_max);
    k->pool[FC_ARGMAX] = JOIN(pool_argmax);
    k->pool[FC_SUM] = JOIN(pool_sum);
    k->pool_whole[FC_MAX] = JOIN(pool_whole_max);
    k->pool_whole[FC_ARGMAX] = JOIN(pool_whole_argmax);
    k->pool_whole[FC_SUM] = JOIN(pool_whole_sum);
}
