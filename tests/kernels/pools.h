/* Kernels of pooling, and of its gradients. */

static void pools(void)
{
    for (int op = 0; op < FC_POOLS; op++, kernels++)
        for (int i = 0; i < 20 * REPEATS; i++) {
            begin_again();
            /* Outputs of a row, or with a step of 0 neighbouring channels. */
            const int channels = (int)upto(2);
            const long step = channels ? 0 : among(1, 3), extent = among(1, 60), apart = extent + upto(5);
            const long rows = upto(4), slices = upto(3), pixels = among(1, 3), code_size = 1 << upto(3);
            fc_pool p = {
                .input = numbers(1000 + 20 * apart, i % 3 ? 0 : 9), .slices = slices, .rows = rows,
                .taps = channels ? among(1, 3) : i % 8 ? among(1, 6) : among(10, 30), .slice = 4 * apart * size,
                .row = apart * size, .tap = channels ? upto(50) * size : step * size,
                .start = channels ? 0 : among(-9, 9), .step = step, .stride = channels ? 1 : among(1, 6),
                .extent = extent, .count = channels ? extent : among(1, 50), .code_size = (int)code_size, .code = upto(9),
                .slice_code = upto(30), .row_code = upto(9), .divisor = (double)among(1, 9), .pixels = pixels,
                .input_step = upto(99) * size,
            };
            p.divisors = upto(2) ? numbers(p.count, 0) : NULL;
            p.out_step = (p.count + upto(3)) * size;
            p.codes_step = p.count * code_size;
            const long count = pixels * p.out_step / size;
            char *const expected = zeros(count), *const codes = bytes(pixels * p.codes_step);
            p.out = expected;
            p.codes = op == FC_ARGMAX ? codes : NULL;
            base->pool[op](&p);
            p.out = zeros(count);
            p.codes = op == FC_ARGMAX ? bytes(pixels * p.codes_step) : NULL;
            level->pool[op](&p);
            compare("pool", p.out, expected, count, 0);
            if (op == FC_ARGMAX)
                compare_bytes("codes", p.codes, codes, pixels * p.codes_step);

            p.out = expected;
            p.codes = codes;
            p.out_step = size;
            p.codes_step = code_size;
            base->pool_whole[op](&p);
            p.out = zeros(pixels);
            p.codes = copied(codes, pixels * code_size);
            level->pool_whole[op](&p);
            compare("pool_whole", p.out, expected, pixels, 0);
            compare_bytes("codes", p.codes, codes, pixels * code_size);
        }
    kernels *= 2;
    report("pool");
}

static void slides(void)
{
    for (int op = FC_MAX; op <= FC_SUM; op += FC_SUM - FC_MAX, kernels++)
        for (int i = 0; i < 5 * REPEATS; i++) {
            begin_again();
            const long n = among(1, 80), taps = among(1, 40), step = among(1, 4), all = n + (taps - 1) * step + 16;
            char *const x = numbers(all, i % 3 || op == FC_SUM ? 0 : 9), *const y = copied(x, all * size);
            char *const out = zeros(n + 16), *const expected = zeros(n + 16);
            level->slide[op](out, x, n, taps, step);
            base->slide[op](expected, y, n, taps, step);
            compare("slide", out, expected, n, 0);
        }
    for (int i = 0; i < REPEATS; i++) {
        begin_again();
        const long n = among(1, 50);
        char *const sums = numbers(n + 16, 0), *const expected = copied(sums, (n + 16) * size);
        const char *const divisors = upto(2) ? numbers(n, 0) : NULL;
        const double divisor = (double)among(1, 9);
        level->divide(sums, divisors, divisor, n);
        base->divide(expected, divisors, divisor, n);
        compare("divide", sums, expected, n, 0);
    }
    kernels++;
    report("slide");
}

static char *random_codes(long count, int code_size)
{
    char *const at = bytes(count * code_size);
    memset(at, 0, (size_t)(count * code_size));
    for (long i = 0; i < count; i++)
        at[i * code_size] = (char)upto(4);
    return at;
}

static void spreads(void)
{
    for (int i = 0; i < 10 * REPEATS; i++) {
        begin_again();
        static const int sizes[] = {0, 1, 2, 4};
        fc_spread s = {.windows = upto(9), .count = among(1, 99), .code_size = sizes[upto(4)], .onto = (int)upto(2)};
        s.divisor = (double)among(1, 3);
        for (long w = 0; w < s.windows; w++) {
            s.gradients[w] = numbers(s.count, 0);
            s.codes[w] = s.code_size ? random_codes(s.count, s.code_size) : NULL;
            s.code[w] = (uint32_t)upto(4);
        }
        char *const expected = numbers(s.count, 0), *const out = copied(expected, s.count * size);
        s.out = expected;
        base->spread(&s);
        s.out = out;
        level->spread(&s);
        compare("spread", out, expected, s.count, 0);

        const int code_size = 1 << upto(3);
        const long windows = among(1, 60), code = upto(3);
        const char *const x = numbers(windows, 0), *const codes = random_codes(windows, code_size);
        char *const a = zeros(2 * windows), *const b = zeros(2 * windows);
        level->part(a, x, codes, code_size, (uint32_t)code, windows);
        base->part(b, x, codes, code_size, (uint32_t)code, windows);
        compare("part", a, b, 2 * windows, 0);
    }
    for (int i = 0; i < 10 * REPEATS; i++) {
        begin_again();
        enum { ROUND = FC_WIDEN_MARGIN + 16 };
        const long row = among(1, 99), windows = among(1, 60), taps = among(1, 9), step = among(1, 3);
        const long stride = among(1, 4), first = among(-9, 3);
        char *const from = zeros(windows + 2 * ROUND), *const a = zeros(row), *const b = zeros(row);
        for (long w = 0; w < windows; w++)
            put(from, ROUND + w, (double)among(-8, 8));
        level->widen(a, row, from + ROUND * size, windows, taps, step, stride, first);
        base->widen(b, row, from + ROUND * size, windows, taps, step, stride, first);
        compare("widen", a, b, row, 0);
    }
    kernels = 3;
    report("spread");
}
