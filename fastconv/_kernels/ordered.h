/* Template: sums whose order is part of the result, so that they are those of another library to the last bit:
   a product is rounded before it is added. In float64, or, of small whole numbers, modulo 2**16. And numbers
   of other dtypes to those and back, where fractions are cut off and what does not fit wraps, as a conversion
   in C does. */

static void JOIN(ordered_sum)(const fc_ordered *o)
{
    enum { L = sizeof(vector) / sizeof(T), V = ORDERED_VECTORS };
    for (ptrdiff_t i = 0; i < o->n; i += V * L) {
        vector sum[V];
        VECTORS for (int v = 0; v < V; v++)
            sum[v] = *(const vector *)((const T *)o->first[0] + i + v * L) * ((const T *)o->weights)[0];
        for (ptrdiff_t t = 1; t < o->terms; t++) {
            const T *const a = (const T *)o->first[t] + i;
            const T *const b = o->pairs ? (const T *)o->second[t] + i : NULL;
            const T weight = ((const T *)o->weights)[t];
            VECTORS for (int v = 0; v < V; v++) {
                vector x = *(const vector *)(a + v * L);
                if (o->pairs > 0)
                    x += *(const vector *)(b + v * L);
                else if (o->pairs < 0)
                    x -= *(const vector *)(b + v * L);
                x *= weight;
                KEEP(x);
                sum[v] += x;
            }
        }
        VECTORS for (int v = 0; v < V; v++)
            *(vector *)((T *)o->out + i + v * L) = sum[v];
    }
}

#ifdef ORDERED_MEANS
/* Means of windows of `size` positions, one after the other, of running sums: sum += new - old. The rows of
   `lanes` numbers are `pitch` apart; means are written one row before the position that they begin at. */
static void JOIN(ordered_means)(T *sums, T *rows, ptrdiff_t steps, ptrdiff_t pitch, ptrdiff_t lanes, ptrdiff_t size)
{
    enum { L = sizeof(vector) / sizeof(T), V = ORDERED_VECTORS };
    const vector by = (vector){0} + (T)size;
    for (ptrdiff_t i = 0; i < lanes; i += V * L) {
        vector sum[V];
        T *old = rows + i - pitch;
        const T *new = rows + i + (size - 1) * pitch;
        VECTORS for (int v = 0; v < V; v++)
            sum[v] = *(const vector *)(sums + i + v * L);
        for (ptrdiff_t s = 0; s < steps; s++, old += pitch, new += pitch)
            VECTORS for (int v = 0; v < V; v++) {
                sum[v] += *(const vector *)(new + v * L) - *(const vector *)(old + v * L);
                *(vector *)(old + v * L) = sum[v] / by;
            }
        VECTORS for (int v = 0; v < V; v++)
            *(vector *)(sums + i + v * L) = sum[v];
    }
}
#endif

#define NUMBERS(name, number, by) \
    static void JOIN(load_##name)(const char *from, ptrdiff_t step, void *values, ptrdiff_t count) \
    { \
        T *const to = (T *)values; \
        if (step == sizeof(number)) \
            for (ptrdiff_t i = 0; i < count; i++) \
                to[i] = (T)((const number *)from)[i]; \
        else \
            for (ptrdiff_t i = 0; i < count; i++) \
                to[i] = (T) * (const number *)(from + i * step); \
    } \
    static void JOIN(store_##name)(const void *values, char *to, ptrdiff_t step, ptrdiff_t count) \
    { \
        const T *const from = (const T *)values; \
        if (step == sizeof(number)) \
            for (ptrdiff_t i = 0; i < count; i++) \
                ((number *)to)[i] = (number)by(from[i]); \
        else \
            for (ptrdiff_t i = 0; i < count; i++) \
                *(number *)(to + i * step) = (number)by(from[i]); \
    }

ORDERED_NUMBERS(NUMBERS)
#undef NUMBERS

static void JOIN(fill_ordered)(fc_ordered_kernels *k)
{
    int i = 0;
    k->sum = JOIN(ordered_sum);
#ifdef ORDERED_MEANS
    k->means = JOIN(ordered_means);
#endif
    k->block = ORDERED_VECTORS * sizeof(vector) / sizeof(T);
#define FILL_NUMBER(name, number, by) \
    k->load[i] = JOIN(load_##name); \
    k->store[i++] = JOIN(store_##name);
    ORDERED_NUMBERS(FILL_NUMBER)
#undef FILL_NUMBER
}
