/* Template: the transforms of Winograd's short convolutions with 3x3 kernels, lanes = channels.

   F(m, 3) makes m neighbouring outputs with m + 2 products, which the one-dimensional transforms
   below lead to and come from; a tile of m x m outputs is transformed along both axes. F(2, 3)
   evaluates at 0, 1, -1 and infinity, F(4, 3) at 1/2 and -2 as well, the pair of least error.

   Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, 2016; the points after
   Barabasz et al., Error Analysis and Improving the Accuracy of Winograd Convolution, 2020. */

#define INLINE static inline __attribute__((always_inline)) void

/* m + 2 inputs, `s` apart, to as many points. */
INLINE JOIN(inputs_to_points)(vector *d, const int m, const int s)
{
    const vector a = d[0], b = d[s], c = d[2 * s], e = d[3 * s];
    if (m == 2) {
        d[0] = a - c;
        d[s] = b + c;
        d[2 * s] = c - b;
        d[3 * s] = b - e;
    } else {
        const vector f = d[4 * s], g = d[5 * s];
        const vector fc = f - c, eb = e - b;
        d[0] = a + f - (T)2 * c + (T)1.5 * eb;
        d[s] = (f - b) + (T)0.5 * c + (T)2.5 * e;
        d[2 * s] = (f + b) - (T)2.5 * c + (T)0.5 * e;
        d[3 * s] = fc + (T)2 * eb;
        d[4 * s] = fc - (T)0.5 * eb;
        d[5 * s] = (g + b) - (T)2 * e + (T)1.5 * fc;
    }
}

/* Three weights, `s` apart, to m + 2 points, `to` apart. */
INLINE JOIN(weights_to_points)(const vector *w, const int m, const int s, vector *u, const int to)
{
    const vector a = w[0], b = w[s], c = w[2 * s];
    u[0] = a;
    if (m == 2) {
        u[to] = (T)0.5 * ((a + c) + b);
        u[2 * to] = (T)0.5 * ((a + c) - b);
    } else {
        u[to] = (T)(1 / 3.) * ((a + c) + b);
        u[2 * to] = (T)(-1 / 3.) * ((a + c) - b);
        u[3 * to] = (T)(-16 / 15.) * a - (T)(8 / 15.) * b - (T)(4 / 15.) * c;
        u[4 * to] = (T)(1 / 15.) * a - (T)(2 / 15.) * b + (T)(4 / 15.) * c;
    }
    u[(m + 1) * to] = c;
}

/* m + 2 points, `s` apart, to m outputs, in place. */
INLINE JOIN(points_to_outputs)(vector *p, const int m, const int s)
{
    const vector sum = p[s] + p[2 * s], difference = p[s] - p[2 * s];
    if (m == 2) {
        p[0] += sum;
        p[s] = difference - p[3 * s];
    } else {
        const vector a = p[3 * s], b = p[4 * s];
        p[0] += sum + (a + b);
        p[s] = difference + (T)0.5 * a - (T)2 * b;
        p[2 * s] = sum + (T)0.25 * a + (T)4 * b;
        p[3 * s] = difference + (T)0.125 * a - (T)8 * b + p[5 * s];
    }
}

/* Channels [c, c + count) of a tile, count up to a vector. */
INLINE JOIN(winograd_inputs)(const char *const *pixels, char *to, ptrdiff_t point, const int m,
                             const size_t from, const size_t bytes)
{
    const int n = m + 2;
    vector d[36];
    VECTORS for (int j = 0; j < n; j++) {
        VECTORS for (int i = 0; i < n; i++) {
            d[i * n + j] = (vector){0};
            memcpy(&d[i * n + j], pixels[i * n + j] + from, bytes);
        }
        JOIN(inputs_to_points)(d + j, m, n);
    }
    VECTORS for (int i = 0; i < n; i++) {
        JOIN(inputs_to_points)(d + i * n, m, 1);
        VECTORS for (int j = 0; j < n; j++)
            memcpy(to + (i * n + j) * point + from, &d[i * n + j], bytes);
    }
}

INLINE JOIN(winograd_weights)(const char *from, ptrdiff_t tap, char *to, ptrdiff_t point,
                              ptrdiff_t bytes, const int m)
{
    const int n = m + 2;
    for (ptrdiff_t at = 0; at < bytes; at += sizeof(vector)) {
        vector w[9], half[18], u[6];
        VECTORS for (int i = 0; i < 9; i++)
            w[i] = *(const vector *)(from + i * tap + at);
        VECTORS for (int j = 0; j < 3; j++)
            JOIN(weights_to_points)(w + j, m, 3, half + j, 3);
        VECTORS for (int i = 0; i < n; i++) {
            JOIN(weights_to_points)(half + 3 * i, m, 1, u, 1);
            VECTORS for (int j = 0; j < n; j++)
                *(vector *)(to + (i * n + j) * point + at) = u[j];
        }
    }
}

/* Not zero where a result is Inf or NaN. */
INLINE JOIN(winograd_outputs)(const char *from, ptrdiff_t point, char *const *out, const char *bias,
                              const int relu, const int m, const size_t at, const size_t bytes,
                              vector *odd)
{
    const int n = m + 2;
    vector p[36], shift = {0};
    if (bias)
        shift = *(const vector *)(bias + at);
    VECTORS for (int j = 0; j < n; j++) {
        VECTORS for (int i = 0; i < n; i++)
            p[i * n + j] = *(const vector *)(from + (i * n + j) * point + at);
        JOIN(points_to_outputs)(p + j, m, n);
    }
    VECTORS for (int i = 0; i < m; i++) {
        JOIN(points_to_outputs)(p + i * n, m, 1);
        VECTORS for (int j = 0; j < m; j++) {
            vector y = p[i * n + j] + shift;
            *odd += y * (T)0;
            if (relu)
                y = JOIN(relu)(y);
            if (out[i * m + j])
                memcpy(out[i * m + j] + at, &y, bytes);
        }
    }
}

#define WINOGRAD(m) \
    static void JOIN(winograd_inputs_##m)(const char *const *pixels, char *to, ptrdiff_t point, \
                                          ptrdiff_t channels) \
    { \
        const size_t bytes = (size_t)channels * sizeof(T); \
        size_t at = 0; \
        for (; at + sizeof(vector) <= bytes; at += sizeof(vector)) \
            JOIN(winograd_inputs)(pixels, to, point, m, at, sizeof(vector)); \
        if (at < bytes) \
            JOIN(winograd_inputs)(pixels, to, point, m, at, bytes - at); \
    } \
    static void JOIN(winograd_weights_##m)(const char *from, ptrdiff_t tap, char *to, \
                                           ptrdiff_t point, ptrdiff_t bytes) \
    { \
        JOIN(winograd_weights)(from, tap, to, point, bytes, m); \
    } \
    static int JOIN(winograd_outputs_##m)(const char *from, ptrdiff_t point, char *const *out, \
                                          ptrdiff_t lanes, const char *bias, int relu) \
    { \
        const size_t bytes = (size_t)lanes * sizeof(T); \
        size_t at = 0; \
        vector odd = {0}; \
        for (; at + sizeof(vector) <= bytes; at += sizeof(vector)) \
            JOIN(winograd_outputs)(from, point, out, bias, relu, m, at, sizeof(vector), &odd); \
        if (at < bytes) \
            JOIN(winograd_outputs)(from, point, out, bias, relu, m, at, bytes - at, &odd); \
        T sum = 0; \
        VECTORS for (size_t i = 0; i < sizeof(vector) / sizeof(T); i++) \
            sum += odd[i]; \
        return !(sum == 0); \
    }
WINOGRAD(2)
WINOGRAD(4)
#undef WINOGRAD
#undef INLINE

static void JOIN(fill_winograd)(fc_kernels *k)
{
#define WINOGRAD(i, m) \
    k->winograd[i] = (fc_winograd){m, JOIN(winograd_inputs_##m), JOIN(winograd_weights_##m), \
                                   JOIN(winograd_outputs_##m)};
    WINOGRAD(0, 2)
    WINOGRAD(1, 4)
#undef WINOGRAD
}
