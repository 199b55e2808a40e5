/* Kernels that move numbers, convert them, or sum them in order. */

static void moves(void)
{
    for (int i = 0; i < 20 * REPEATS; i++) {
        begin_again();
        const long rows = among(1, 40), columns = among(1, 40), step = among(1, 4);
        const long from_row = (columns * step + upto(5)) * size, longest = rows > columns ? rows : columns;
        const long to_row = (longest + upto(5)) * size, count = longest * to_row / size;
        const char *const from = numbers(rows * from_row / size, 9);
        char *a = zeros(count), *b = zeros(count);
        level->transpose(from, from_row, a, to_row, rows, columns, step);
        base->transpose(from, from_row, b, to_row, rows, columns, step);
        compare("transpose", a, b, count, 0);
        a = zeros(count), b = zeros(count);
        level->copy(from, from_row, a, to_row, rows, columns, step);
        base->copy(from, from_row, b, to_row, rows, columns, step);
        compare("copy", a, b, count, 0);

        const long channels = among(1, 12), taps = among(1, 9), width = among(1, 64), filters = among(1, width);
        const long filter = (channels * taps + upto(5)) * size;
        const char *const weights = numbers(filters * filter / size, 0);
        a = zeros(taps * channels * width), b = zeros(taps * channels * width);
        level->pack(weights, filter, a, filters, width, channels, taps);
        base->pack(weights, filter, b, filters, width, channels, taps);
        compare("pack", a, b, taps * channels * width, 0);
    }
    kernels = 3;
    report("transpose");
}

static void conversions(void)
{
    for (int which = 0; which < FC_INTEGERS; which++, kernels += 2)
        for (int i = 0; i < REPEATS; i++) {
            begin_again();
            const long count = among(1, 99), small = which < FC_INT16 ? 1 : 2;
            char *const integers = bytes(count * small), *const floats = zeros(count), *const expected = zeros(count);
            for (long n = 0; n < count * small; n++)
                integers[n] = (char)upto(256);
            level->convert_from[which](integers, floats, count);
            base->convert_from[which](integers, expected, count);
            compare("integers to floats", floats, expected, count, 0);
            for (long n = 0; n < count; n++)
                put(floats, n, (double)among(-150, 300) * (i % 2 ? 0.5 : 250.25));
            if (i % 4 == 0)
                put(floats, upto(count), NAN);
            char *const ours = bytes(count * small), *const theirs = bytes(count * small);
            if (!level->convert_to[which](floats, ours, count) != !base->convert_to[which](floats, theirs, count))
                fail("whether numbers are in range");
            compare_bytes("floats to integers", ours, theirs, count * small);
        }
    report("conversion");
}

/* Sums in order are the same to the last bit: of any numbers, not of small ones only. */
static void ordered(const fc_ordered_kernels *ours, const fc_ordered_kernels *theirs, int whole)
{
    const long item = whole ? 2 : 8, block = 64;
    for (int i = 0; i < 10 * REPEATS; i++) {
        begin_again();
        const long n = among(1, 3) * block, terms = among(1, 9);
        const void *first[9], *second[9];
        char *const weights = bytes(terms * item), *const out = bytes(n * item), *const expected = bytes(n * item);
        for (long t = 0; t <= terms; t++)
            for (int s = 0; s < 2; s++) {
                char *const at = t < terms ? bytes(n * item) : weights;
                for (long k = 0; k < (t < terms ? n : terms); k++)
                    if (whole)
                        ((int16_t *)at)[k] = (int16_t)upto(65536);
                    else
                        ((double *)at)[k] = (double)among(-1000000, 1000000) / 999983;
                if (t < terms)
                    (s ? second : first)[t] = at;
            }
        fc_ordered o = {out, n, first, second, weights, terms, (int)among(-1, 1)};
        ours->sum(&o);
        o.out = expected;
        theirs->sum(&o);
        compare_bytes("ordered sum", out, expected, n * item);
        if (ours->means) {
            const long steps = among(1, 9), window = among(1, 5), pitch = n + upto(9), count = (steps + window) * pitch;
            double *const sums = (double *)copied(first[0], n * item), *const others = (double *)copied(first[0], n * item);
            char *const rows = bytes(count * item);
            for (long k = 0; k < count; k++)
                ((double *)rows)[k] = (double)among(-1000000, 1000000) / 999983;
            char *const same_rows = copied(rows, count * item);
            ours->means(sums, (double *)rows + pitch, steps, pitch, n, window);
            theirs->means(others, (double *)same_rows + pitch, steps, pitch, n, window);
            compare_bytes("ordered means", rows, same_rows, count * item);
            compare_bytes("ordered means", sums, others, n * item);
        }
    }
    kernels = 1 + !!ours->means;
    static const long sizes[FC_NUMBERS] = {1, 1, 2, 2, 4, 4, 8, 8, 4, 8};
    for (int number = 0; number < FC_NUMBERS && ours->load[number]; number++, kernels += 2)
        for (int i = 0; i < REPEATS; i++) {
            begin_again();
            const long count = among(1, 70), step = sizes[number] * among(1, 3);
            char *const from = bytes(count * step), *const a = bytes(count * item), *const b = bytes(count * item);
            for (long k = 0; k < count * step; k++)
                from[k] = (char)upto(256);
            for (long k = 0; number >= 8 && k < count; k++)
                if (number == 8)
                    *(float *)(from + k * step) = (float)among(-999, 999) / 7;
                else
                    *(double *)(from + k * step) = (double)among(-999, 999) / 7;
            ours->load[number](from, step, a, count);
            theirs->load[number](from, step, b, count);
            compare_bytes("load", a, b, count * item);
            for (long k = 0; !whole && k < count; k++)
                ((double *)a)[k] = (double)among(-999, 999) / 7;
            char *const x = copied(from, count * step), *const y = copied(from, count * step);
            ours->store[number](a, x, step, count);
            theirs->store[number](a, y, step, count);
            compare_bytes("store", x, y, count * step);
        }
    report(whole ? "modular" : "ordered");
}

static void extrema(const fc_table *ours, const fc_table *theirs)
{
    static const long sizes[FC_NUMBERS] = {1, 1, 2, 2, 4, 4, 8, 8, 4, 8};
    for (int number = 0; number < FC_NUMBERS; number++, kernels += 2)
        for (int i = 0; i < REPEATS; i++)
            for (int smaller = 0; smaller < 2; smaller++) {
                begin_again();
                /* The second row may begin within the first. */
                const long count = among(1, 99), bytes_of = sizes[number], apart = upto(2) ? among(1, 99) : count;
                char *const x = bytes((count + apart) * bytes_of);
                for (long k = 0; k < (count + apart) * bytes_of; k++)
                    x[k] = (char)upto(256);
                for (long k = 0; number >= 8 && k < count + apart; k++)
                    if (number == 8)
                        ((float *)x)[k] = (float)among(-999, 999) / 7;
                    else
                        ((double *)x)[k] = (double)among(-999, 999) / 7;
                char *const y = copied(x, (count + apart) * bytes_of);
                (smaller ? ours->smaller : ours->larger)[number](x, x + apart * bytes_of, count);
                (smaller ? theirs->smaller : theirs->larger)[number](y, y + apart * bytes_of, count);
                compare_bytes("extrema", x, y, (count + apart) * bytes_of);
            }
    report("extrema");
}
