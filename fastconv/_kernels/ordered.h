/* Sums in float64 whose order is part of the result, so that they are those of another library to the last
   bit: a product is rounded before it is added. And numbers of any dtype to float64 and back, where
   fractions are cut off and what does not fit wraps, as a conversion in C does. */

enum { FC_ORDERED_VECTORS = 4 };

static void JOIN(ordered_sum)(const fc_ordered *o)
{
    enum { L = sizeof(vector) / sizeof(T), V = FC_ORDERED_VECTORS };
    for (ptrdiff_t i = 0; i < o->n; i += V * L) {
        vector sum[V];
        VECTORS for (int v = 0; v < V; v++)
            sum[v] = *(const vector *)(o->first[0] + i + v * L) * o->weights[0];
        for (ptrdiff_t t = 1; t < o->terms; t++) {
            const T *const a = o->first[t] + i, *const b = o->pairs ? o->second[t] + i : NULL;
            VECTORS for (int v = 0; v < V; v++) {
                vector x = *(const vector *)(a + v * L);
                if (o->pairs > 0)
                    x += *(const vector *)(b + v * L);
                else if (o->pairs < 0)
                    x -= *(const vector *)(b + v * L);
                x *= o->weights[t];
                KEEP(x);
                sum[v] += x;
            }
        }
        VECTORS for (int v = 0; v < V; v++)
            *(vector *)(o->out + i + v * L) = sum[v];
    }
}

/* Means of windows of `size` positions, one after the other, of running sums: sum += new - old. The rows of
   `lanes` numbers are `pitch` apart; means are written one row before the position that they begin at. */
static void JOIN(ordered_means)(T *sums, T *rows, ptrdiff_t steps, ptrdiff_t pitch, ptrdiff_t lanes, ptrdiff_t size)
{
    enum { L = sizeof(vector) / sizeof(T), V = FC_ORDERED_VECTORS };
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

#define NUMBERS(name, number, by) \
    static void JOIN(load_##name)(const char *from, ptrdiff_t step, T *to, ptrdiff_t count) \
    { \
        if (step == sizeof(number)) \
            for (ptrdiff_t i = 0; i < count; i++) \
                to[i] = (T)((const number *)from)[i]; \
        else \
            for (ptrdiff_t i = 0; i < count; i++) \
                to[i] = (T) * (const number *)(from + i * step); \
    } \
    static void JOIN(store_##name)(const T *from, char *to, ptrdiff_t step, ptrdiff_t count) \
    { \
        if (step == sizeof(number)) \
            for (ptrdiff_t i = 0; i < count; i++) \
                ((number *)to)[i] = (number)by(from[i]); \
        else \
            for (ptrdiff_t i = 0; i < count; i++) \
                *(number *)(to + i * step) = (number)by(from[i]); \
    }

EACH_NUMBER(NUMBERS)
#undef NUMBERS

static void JOIN(fill_ordered)(fc_ordered_kernels *k)
{
    int i = 0;
    k->sum = JOIN(ordered_sum);
    k->means = JOIN(ordered_means);
    k->block = FC_ORDERED_VECTORS * sizeof(vector) / sizeof(T);
#define FILL_NUMBER(name, number, by) \
    k->load[i] = JOIN(load_##name); \
    k->store[i++] = JOIN(store_##name);
    EACH_NUMBER(FILL_NUMBER)
#undef FILL_NUMBER
}
