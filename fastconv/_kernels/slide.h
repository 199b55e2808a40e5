/* Template: maxima and sums of sliding windows, in a number of operations that grows with the logarithm of
   the window: those of 2, 4, 8, ... neighbours are made of two halves, and a window of some of these. A sum
   is as exact as one in pairs. */

static inline __attribute__((always_inline)) void JOIN(slide)(T *restrict out, T *x, const ptrdiff_t n,
                                                              const ptrdiff_t taps, const ptrdiff_t step, const int op)
{
    enum { L = sizeof(vector) / sizeof(T) };
    ptrdiff_t offset = 0, length = n + (taps - 1) * step, width = 1;
    int begun = 0;
    /* x[i] is about `width` taps from i on. */
    for (;; width *= 2) {
        const int last = 2 * width > taps;
        if (last && op != FC_SUM) /* two windows that may overlap make the whole */
            offset = (taps - width) * step;
        if (op == FC_SUM ? (taps & width) != 0 : last) {
            const T *const from = x + offset;
            if (op != FC_SUM)
                for (ptrdiff_t i = 0; i < n; i += L)
                    *(vector *)(out + i) = JOIN(pool_larger)(*(const vector *)(x + i), *(const vector *)(from + i));
            else if (begun)
                for (ptrdiff_t i = 0; i < n; i += L)
                    *(vector *)(out + i) += *(const vector *)(from + i);
            else
                for (ptrdiff_t i = 0; i < n; i += L)
                    *(vector *)(out + i) = *(const vector *)(from + i);
            begun = 1;
            offset += width * step;
        }
        if (last)
            return;
        length -= width * step;
        const T *const next = x + width * step;
        for (ptrdiff_t i = 0; i < length; i += L)
            *(vector *)(x + i) = JOIN(pool_fold)(*(const vector *)(x + i), *(const vector *)(next + i), op);
    }
}

static void JOIN(slide_max)(char *out, char *x, ptrdiff_t n, ptrdiff_t taps, ptrdiff_t step)
{
    JOIN(slide)((T *)out, (T *)x, n, taps, step, FC_MAX);
}

static void JOIN(slide_sum)(char *out, char *x, ptrdiff_t n, ptrdiff_t taps, ptrdiff_t step)
{
    JOIN(slide)((T *)out, (T *)x, n, taps, step, FC_SUM);
}

static void JOIN(divide)(char *sums, const char *divisors, double divisor, ptrdiff_t n)
{
    enum { L = sizeof(vector) / sizeof(T) };
    for (ptrdiff_t i = 0; i < n; i += L) {
        vector by = (vector){0} + (T)divisor;
        if (divisors) /* by lanes, as there may be nothing behind the last one */
            by *= JOIN(pool_load)(PART(of)(0, n - i), divisors + i * sizeof(T), (vector){0} + (T)1);
        *(vector *)(sums + i * sizeof(T)) /= by;
    }
}
