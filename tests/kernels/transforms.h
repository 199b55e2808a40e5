/* Kernels of transforms: Winograd's and Fourier's. */

static void winograd(void)
{
    for (int w = 0; w < FC_WINOGRADS; w++, kernels += 3)
        for (int i = 0; i < 5 * REPEATS; i++) {
            begin_again();
            const fc_winograd *const ours = &level->winograd[w], *const theirs = &base->winograd[w];
            const int m = ours->outputs, n = m + 2;
            const long channels = among(1, 40), point = 64, whole = among(1, 3) * 16;
            const double tolerance = m == 2 ? 0 : d == FC_FLOAT64 ? 1e-11 : 1e-3;
            const char *pixels[36];
            char *a[16], *b[16];
            for (int p = 0; p < n * n; p++)
                pixels[p] = numbers(channels, 0);
            char *x = zeros(n * n * point), *y = zeros(n * n * point);
            ours->inputs(pixels, x, point * size, channels);
            theirs->inputs(pixels, y, point * size, channels);
            compare("winograd inputs", x, y, n * n * point, tolerance);
            const char *taps = numbers(9 * point, 0);
            x = zeros(n * n * point), y = zeros(n * n * point);
            ours->weights(taps, point * size, x, point * size, whole * size);
            theirs->weights(taps, point * size, y, point * size, whole * size);
            compare("winograd weights", x, y, n * n * point, tolerance);
            char *const points = numbers(n * n * point, 0), *const bias = upto(2) ? numbers(point, 0) : NULL;
            if (i % 4 == 0)
                put(points, upto(n * n) * point + upto(channels), upto(2) ? INFINITY : NAN);
            const int relu = (int)upto(2);
            for (int p = 0; p < m * m; p++) {
                a[p] = upto(5) ? zeros(channels) : NULL;
                b[p] = a[p] ? zeros(channels) : NULL;
            }
            if (!ours->outputs_of(points, point * size, a, channels, bias, relu) !=
                !theirs->outputs_of(points, point * size, b, channels, bias, relu))
                fail("whether winograd outputs are finite");
            for (int p = 0; p < m * m; p++)
                if (a[p])
                    compare("winograd outputs", a[p], b[p], channels, tolerance);
        }
    report("winograd");
}

/* Points [count][16][terms] in the order that tiles of `side` read. */
static char *panels(const char *points, long count, long terms, long side)
{
    const long all = (count + side - 1) / side;
    char *const to = zeros(all * 16 * terms * side);
    for (long i = 0; i < count; i++)
        for (long p = 0; p < 16; p++)
            for (long t = 0; t < terms; t++)
                put(to, ((i / side * 4 + p / 4) * terms * 4 + t * 4 + p % 4) * side + i % side,
                    get(points, (i * 16 + p) * terms + t));
    return to;
}

static void fused(void)
{
    for (int w = 0; w < FC_FUSED; w++, kernels += 2)
        for (int i = 0; i < 20 * REPEATS; i++) {
            begin_again();
            const int planes = (int)upto(2);
            const long tiles = among(1, 40), filters = among(1, 40), terms = among(1, 9), pixels = 2 * tiles - upto(2);
            const long scalars = planes ? filters : tiles, vectors = planes ? tiles : filters;
            const char *s = numbers(scalars * 16 * terms, i % 8 ? 0 : 3000), *v = numbers(vectors * 16 * terms, 0);
            const char *bias = upto(2) ? numbers(filters, 0) : NULL;
            const long out_step = planes ? 2 * pixels : filters, out_row = planes ? pixels : pixels * filters;
            const int rows = (int)among(1, 2), relu = (int)upto(2);
            char *out[2];
            int odd[2];
            for (int which = 0; which < 2; which++) {
                const fc_kernels *const k = which ? base : level;
                const fc_fused_kernels *const f = &k->fused[which ? 0 : w];
                const long side = f->width * k->lanes;
                out[which] = zeros(2 * pixels * filters);
                const fc_fused t = {
                    .scalars = panels(s, scalars, terms, f->rows), .vectors = panels(v, vectors, terms, side),
                    .terms = terms, .scalar_count = scalars, .scalar_panel = 16 * terms * f->rows * size,
                    .scalar_step = f->rows * size, .vector_count = vectors, .vector_panel = 16 * terms * side * size,
                    .bias = bias, .out = out[which], .out_row = out_row * size, .out_step = out_step * size,
                    .rows = rows, .pixels = pixels, .relu = relu,
                };
                odd[which] = !(planes ? f->planes : f->pixels)(&t);
            }
            if (odd[0] != odd[1])
                fail("whether fused outputs are finite");
            compare(planes ? "fused planes" : "fused pixels", out[0], out[1], 2 * pixels * filters, 0);
        }
    for (int i = 0; i < REPEATS; i++) {
        begin_again();
        const long full = level->lanes, tiles = upto(full + 3), row = (full + upto(5)) * size;
        const ptrdiff_t *const taps = offsets(16, 500);
        const char *const from = numbers(600, 0);
        char *const x = zeros(16 * row / size), *const y = zeros(16 * row / size);
        level->fused_inputs(from, taps, x, row, 4 * row, tiles);
        for (long part = 0; part < full; part += base->lanes)
            base->fused_inputs(from + part * size, taps, y + part * size, row, 4 * row, tiles - part);
        compare("fused inputs", x, y, 16 * row / size, 0);
    }
    kernels++;
    report("fused");
}

/* Transforms whose roots are small whole numbers, so that they are exact too. */
static void fourier(void)
{
    const long full = level->lanes;
    for (int i = 0; i < 5 * REPEATS; i++) {
        begin_again();
        const long n = 1 << upto(7), unit = among(1, 3), step = full * among(1, 2), count = n * step;
        char *c = bytes(n * unit * size), *s = bytes(n * unit * size);
        for (long k = 0; k < n * unit; k++)
            put(c, k, (double)among(-1, 1)), put(s, k, (double)among(-1, 1));
        for (int back = 0; back < 2; back++) {
            char *re = numbers(count, 0), *im = numbers(count, 0);
            char *expected_re = copied(re, count * size), *expected_im = copied(im, count * size);
            (back ? level->backward : level->forward)(re, im, n, step * size, c, s, unit);
            for (long part = 0; part < full; part += base->lanes)
                (back ? base->backward : base->forward)(expected_re + part * size, expected_im + part * size, n,
                                                        step * size, c, s, unit);
            compare("fourier, real", re, expected_re, count, 0);
            compare("fourier, imaginary", im, expected_im, count, 0);
        }
        for (int four = 0; four < 2; four++) {
            const long points = among(1, 20), channels = among(1, 9), filters = four ? 4 : 1, width = points * full;
            const char *x = numbers(2 * channels * width, 0), *w = numbers(2 * filters * channels * points, 0);
            fc_spectra t = {
                .x = x, .w = w, .y = zeros(2 * filters * width), .points = points, .channels = channels,
                .x_channel = 2 * width * size, .x_imaginary = width * size, .w_channel = 2 * points * size,
                .w_filter = 2 * points * channels * size, .w_imaginary = points * size, .y_filter = 2 * width * size,
            };
            char *const expected = zeros(2 * filters * width);
            level->spectra[four](&t);
            for (long p = 0; p < points; p++)
                for (long part = 0; part < full; part += base->lanes) {
                    fc_spectra one = t;
                    one.points = 1;
                    one.x += (p * full + part) * size;
                    one.w += p * size;
                    one.y = expected + (p * full + part) * size;
                    base->spectra[four](&one);
                }
            compare("spectra", t.y, expected, 2 * filters * width, 0);
        }
    }
    kernels = 4;
    report("fourier");
}
