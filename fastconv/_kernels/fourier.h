/* Template: Fourier transforms of as many sequences as a vector has lanes, in place: real parts in one
   array, imaginary ones in another, `step` bytes from element to element. Frequencies come out in an
   order of their own, which the inverse expects; it does not divide by the length, a power of two.

   Radix 4, decimation in frequency one way and in time the other, quarter by quarter, so that all but
   the first passes stay in the nearest cache: Gentleman and Sande, Fast Fourier transforms for fun and
   profit, AFIPS 1966. Roots of unity: cosines and sines of 2 pi i / N, where n * unit = N. */

/* (re, im) times the conjugate of root i, or with `inverse` the root itself. */
static inline __attribute__((always_inline)) void JOIN(turn)(vector *re, vector *im, const T *cosines,
                                                             const T *sines, ptrdiff_t i, const int inverse)
{
    const T c = cosines[i], s = inverse ? -sines[i] : sines[i];
    const vector x = *re;
    *re = x * c + *im * s;
    *im = *im * c - x * s;
}

static inline __attribute__((always_inline)) void JOIN(quarter_butterflies)(
    char *re, char *im, ptrdiff_t n, ptrdiff_t step, const T *cosines, const T *sines, ptrdiff_t unit,
    const int inverse)
{
    const ptrdiff_t quarter = n / 4 * step;
    for (ptrdiff_t j = 0; j < n / 4; j++, re += step, im += step) {
        vector a = *(vector *)re, a_i = *(vector *)im;
        vector b = *(vector *)(re + quarter), b_i = *(vector *)(im + quarter);
        vector c = *(vector *)(re + 2 * quarter), c_i = *(vector *)(im + 2 * quarter);
        vector d = *(vector *)(re + 3 * quarter), d_i = *(vector *)(im + 3 * quarter);
        if (inverse) {
            if (j) {
                JOIN(turn)(&b, &b_i, cosines, sines, j * unit, 1);
                JOIN(turn)(&c, &c_i, cosines, sines, 2 * j * unit, 1);
                JOIN(turn)(&d, &d_i, cosines, sines, 3 * j * unit, 1);
            }
            const vector s0 = a + c, s0_i = a_i + c_i, s2 = a - c, s2_i = a_i - c_i;
            const vector s1 = b + d, s1_i = b_i + d_i, s3 = d_i - b_i, s3_i = b - d;
            a = s0 + s1, a_i = s0_i + s1_i;
            c = s0 - s1, c_i = s0_i - s1_i;
            b = s2 + s3, b_i = s2_i + s3_i;
            d = s2 - s3, d_i = s2_i - s3_i;
        } else {
            const vector s0 = a + c, s0_i = a_i + c_i, s1 = a - c, s1_i = a_i - c_i;
            const vector s2 = b + d, s2_i = b_i + d_i, s3 = b_i - d_i, s3_i = d - b;
            a = s0 + s2, a_i = s0_i + s2_i;
            b = s1 + s3, b_i = s1_i + s3_i;
            c = s0 - s2, c_i = s0_i - s2_i;
            d = s1 - s3, d_i = s1_i - s3_i;
            if (j) {
                JOIN(turn)(&b, &b_i, cosines, sines, j * unit, 0);
                JOIN(turn)(&c, &c_i, cosines, sines, 2 * j * unit, 0);
                JOIN(turn)(&d, &d_i, cosines, sines, 3 * j * unit, 0);
            }
        }
        *(vector *)re = a, *(vector *)im = a_i;
        *(vector *)(re + quarter) = b, *(vector *)(im + quarter) = b_i;
        *(vector *)(re + 2 * quarter) = c, *(vector *)(im + 2 * quarter) = c_i;
        *(vector *)(re + 3 * quarter) = d, *(vector *)(im + 3 * quarter) = d_i;
    }
}

static inline __attribute__((always_inline)) void JOIN(pair_butterfly)(char *re, char *im, ptrdiff_t step)
{
    const vector a = *(vector *)re, a_i = *(vector *)im;
    const vector b = *(vector *)(re + step), b_i = *(vector *)(im + step);
    *(vector *)re = a + b, *(vector *)im = a_i + b_i;
    *(vector *)(re + step) = a - b, *(vector *)(im + step) = a_i - b_i;
}

static void JOIN(forward)(char *re, char *im, ptrdiff_t n, ptrdiff_t step, const char *cosines,
                          const char *sines, ptrdiff_t unit)
{
    if (n == 2)
        JOIN(pair_butterfly)(re, im, step);
    if (n < 4)
        return;
    if (step == sizeof(vector))
        JOIN(quarter_butterflies)(re, im, n, sizeof(vector), (const T *)cosines, (const T *)sines, unit, 0);
    else
        JOIN(quarter_butterflies)(re, im, n, step, (const T *)cosines, (const T *)sines, unit, 0);
    for (int q = 0; n > 4 && q < 4; q++)
        JOIN(forward)(re + q * (n / 4) * step, im + q * (n / 4) * step, n / 4, step, cosines, sines, 4 * unit);
}

static void JOIN(backward)(char *re, char *im, ptrdiff_t n, ptrdiff_t step, const char *cosines,
                           const char *sines, ptrdiff_t unit)
{
    if (n == 2)
        JOIN(pair_butterfly)(re, im, step);
    if (n < 4)
        return;
    for (int q = 0; n > 4 && q < 4; q++)
        JOIN(backward)(re + q * (n / 4) * step, im + q * (n / 4) * step, n / 4, step, cosines, sines, 4 * unit);
    if (step == sizeof(vector))
        JOIN(quarter_butterflies)(re, im, n, sizeof(vector), (const T *)cosines, (const T *)sines, unit, 1);
    else
        JOIN(quarter_butterflies)(re, im, n, step, (const T *)cosines, (const T *)sines, unit, 1);
}

/* Spectra of one filter and all channels, multiplied and added up: see fc_spectra. */
static inline __attribute__((always_inline)) void JOIN(spectra)(const fc_spectra *s, const int filters)
{
    const ptrdiff_t size = sizeof(T), vector_size = sizeof(vector);
    for (ptrdiff_t p = 0; p < s->points; p++) {
        vector re[4], im[4];
        VECTORS for (int f = 0; f < filters; f++)
            re[f] = im[f] = (vector){0};
        const char *x = s->x + p * vector_size, *w = s->w + p * size;
        for (ptrdiff_t c = 0; c < s->channels; c++, x += s->x_channel, w += s->w_channel) {
            const vector a = *(const vector *)x, b = *(const vector *)(x + s->x_imaginary);
            VECTORS for (int f = 0; f < filters; f++) {
                const T u = *(const T *)(w + f * s->w_filter), v = *(const T *)(w + f * s->w_filter + s->w_imaginary);
                re[f] += a * u;
                im[f] += b * u;
                re[f] -= b * v;
                im[f] += a * v;
            }
        }
        VECTORS for (int f = 0; f < filters; f++) {
            *(vector *)(s->y + f * s->y_filter + p * vector_size) = re[f];
            *(vector *)(s->y + f * s->y_filter + s->x_imaginary + p * vector_size) = im[f];
        }
    }
}

static void JOIN(spectra_1)(const fc_spectra *s) { JOIN(spectra)(s, 1); }
static void JOIN(spectra_4)(const fc_spectra *s) { JOIN(spectra)(s, 4); }

static void JOIN(fill_fourier)(fc_kernels *k)
{
    k->forward = JOIN(forward);
    k->backward = JOIN(backward);
    k->spectra[0] = JOIN(spectra_1);
    k->spectra[1] = JOIN(spectra_4);
}
