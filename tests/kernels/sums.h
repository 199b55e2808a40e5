/* Sums of products: a kernel of many rows and vectors beside portable ones of one row, or of few, which begin at
   each of them. */

/* One register tile of `lanes` lanes by portable ones of one row and `width` lanes. */
static void by_parts(const fc_tile *t, fc_tile_kernel one, long rows, long width, char *out)
{
    for (long r = 0; r < rows; r++)
        for (long part = 0; part < t->lanes; part += width) {
            fc_tile p = *t;
            p.scalars += r * t->scalar_row;
            p.vectors += part * size;
            p.row_bias = t->row_bias ? t->row_bias + r * size : NULL;
            p.lane_bias = t->lane_bias ? t->lane_bias + part * size : NULL;
            p.out = out + r * t->out_row + part * size;
            p.lanes = t->lanes - part < width ? t->lanes - part : width;
            one(&p);
        }
}

static void tiles(void)
{
    for (int w = 0; w < FC_WIDTHS; w++)
        for (int rows = 1; rows <= level->rows[w]; rows++, kernels++)
            for (int i = 0; i < REPEATS; i++) {
                begin_again();
                const long full = level->lanes << w, taps = among(1, 5);
                fc_tile t = {
                    .scalars = numbers(4096, 0), .vectors = numbers(16384, 0), .scalar_taps = offsets(taps, 1000),
                    .vector_taps = offsets(taps, 1000), .taps = taps, .run = among(1, 60),
                    .chain = upto(2) ? FC_CHAIN : among(1, 30), .scalar_row = upto(60) * size,
                    .scalar_step = upto(20) * size, .vector_step = upto(2 * full) * size,
                    .lanes = upto(2) ? full : among(1, full), .out_row = (full + upto(9)) * size,
                    .row_bias = upto(2) ? numbers(rows, 0) : NULL, .lane_bias = upto(2) ? numbers(full, 0) : NULL,
                    .relu = (int)upto(2),
                };
                char *const expected = zeros(rows * t.out_row / size);
                t.out = zeros(rows * t.out_row / size);
                level->tile[w][rows](&t);
                by_parts(&t, base->tile[0][1], rows, base->lanes, expected);
                compare("tile", t.out, expected, rows * t.out_row / size, 0);
            }
    report("tile");
}

static void depthwise(void)
{
    const long full = level->lanes;
    for (int rows = 1; rows <= level->depthwise_rows; rows++, kernels++)
        for (int i = 0; i < REPEATS; i++) {
            begin_again();
            const long taps = i % 8 ? among(1, 30) : among(200, 600), apart = upto(3) ? among(1, 2) * full : upto(99);
            fc_tile t = {
                .scalars = numbers(4096, 0), .vectors = numbers(2048, 0), .scalar_taps = offsets(taps, 1000),
                .vector_taps = offsets(taps, 1000), .taps = taps, .scalar_row = apart * size, .lanes = full,
                .out_row = (full + upto(9)) * size, .lane_bias = upto(2) ? numbers(full, 0) : NULL, .relu = (int)upto(2),
            };
            char *const expected = zeros(rows * t.out_row / size);
            t.out = zeros(rows * t.out_row / size);
            level->depthwise[rows](&t);
            for (long part = 0; part < full; part += base->lanes)
                for (long r = 0; r < rows; r++) {
                    fc_tile p = t;
                    p.scalars += r * t.scalar_row + part * size;
                    p.vectors += part * size;
                    p.lane_bias = t.lane_bias ? t.lane_bias + part * size : NULL;
                    p.out = expected + r * t.out_row + part * size;
                    base->depthwise[1](&p);
                }
            compare("depthwise", t.out, expected, rows * t.out_row / size, 0);
        }
    for (int rows = 1; rows <= level->depthwise_rows; rows++, kernels++)
        for (int i = 0; i < REPEATS; i++) {
            begin_again();
            const long taps = among(1, 8);
            fc_tile t = {
                .scalars = numbers(4096, 0), .vectors = numbers(4096, 0), .scalar_taps = offsets(taps, 500),
                .vector_taps = offsets(taps, 500), .taps = taps, .run = among(1, 30), .row_taps = offsets(rows, 500),
                .scalar_step = upto(40) * size, .vector_step = upto(40) * size, .out_row = (full + upto(9)) * size,
            };
            char *const expected = zeros(rows * t.out_row / size);
            t.out = zeros(rows * t.out_row / size);
            level->depthwise_runs[rows](&t);
            for (long part = 0; part < full; part += base->lanes)
                for (long r = 0; r < rows; r++) {
                    fc_tile p = t;
                    p.row_taps += r;
                    p.scalars += part * size;
                    p.vectors += part * size;
                    p.out = expected + r * t.out_row + part * size;
                    base->depthwise_runs[1](&p);
                }
            compare("depthwise_runs", t.out, expected, rows * t.out_row / size, 0);
        }
    report("depthwise");
}

static void planes(void)
{
    for (int bands = 0; bands < 2; bands++)
        for (int rows = 1; rows <= (bands ? level->band_rows : level->plane_rows); rows++, kernels++)
            for (int i = 0; i < REPEATS; i++) {
                begin_again();
                const long full = bands ? level->band_lanes : level->lanes, lanes = upto(2) ? full : among(1, full);
                const long taps = i % 8 ? among(1, 12) : among(100, 300), run = among(rows, rows + 6);
                fc_tile t = {
                    .scalars = numbers(taps * run, 0), .vectors = numbers(8192, 0), .vector_taps = offsets(taps, 1000),
                    .taps = taps, .run = run, .vector_step = upto(300) * size, .lanes = lanes,
                    .out_row = (upto(2) ? lanes : full + upto(9)) * size, .row_bias = upto(2) ? numbers(1, 0) : NULL,
                    .relu = (int)upto(2),
                };
                const long count = (rows - 1) * t.out_row / size + lanes;
                char *const expected = zeros(count);
                t.out = zeros(count);
                (bands ? level->band : level->plane)[rows](&t);
                for (long r = 0; r < rows; r++) {
                    fc_tile p = t;
                    p.vectors += r * t.vector_step;
                    by_parts(&p, bands ? base->band[1] : base->plane[1], 1, bands ? base->band_lanes : base->lanes,
                             expected + r * t.out_row);
                }
                compare(bands ? "band" : "plane", t.out, expected, count, 0);
            }
    report("plane");
}

static void signals(void)
{
    const long full = level->lanes;
    for (int wide = 0; wide < 2; wide++)
        for (int n = 1; n <= FC_SIGNALS; n++, kernels++)
            for (int i = 0; i < REPEATS; i++) {
                begin_again();
                const long rows = n * level->signal_rows, count = among(1, 4);
                ptrdiff_t taps[4];
                for (int run = 0; run < 4; run++)
                    taps[run] = i % 8 ? among(1, 20) : among(1, 400);
                fc_signal s = {
                    .input = numbers(24000, 0), .runs = offsets(count, 500), .run_weights = offsets(count, 200),
                    .taps = taps, .count = count, .step = (upto(2) ? full : upto(40)) * size,
                    .weights = numbers(24000, 0), .weight_step = (wide ? full : among(1, 3)) * size,
                    .out_step = (full + upto(9)) * size, .bias = upto(2) ? numbers(full, 0) : NULL, .relu = (int)upto(2),
                };
                char *const expected = zeros(rows * s.out_step / size);
                s.out = zeros(rows * s.out_step / size);
                (wide ? level->signals : level->signal)[n](&s);
                for (long r = 0; r < rows; r += base->signal_rows)
                    for (long part = 0; part < full; part += base->lanes) {
                        fc_signal p = s;
                        p.input += r * s.step + part * size;
                        p.weights += wide * part * size;
                        p.bias = s.bias ? s.bias + wide * part * size : NULL;
                        p.out = expected + r * s.out_step + part * size;
                        (wide ? base->signals : base->signal)[1](&p);
                    }
                compare("signal", s.out, expected, rows * s.out_step / size, 0);
            }
    report("signal");
}

static void windows(void)
{
    enum { PIXELS, PLANES, NARROW };
    for (int kind = PIXELS; kind <= NARROW; kind++, kernels++)
        for (int i = 0; i < 50 * REPEATS; i++) {
            begin_again();
            const long channels = kind == PIXELS ? level->lanes + upto(3 * level->lanes) : among(1, 4);
            const long pixel = kind == PIXELS ? channels : 1, plane = kind == PIXELS ? 1 : 2000;
            fc_windows t = {.count = channels, .relu = (int)upto(2)};
            for (int axis = 0; axis < 3; axis++) {
                t.extent[axis] = axis == 0 ? among(1, 4) : among(1, axis == 1 ? 12 : 40);
                t.outputs[axis] = axis == 0 ? among(1, 2) : among(1, axis == 1 ? 10 : 40);
                t.kernel[axis] = axis == 0 ? among(1, 3) : among(1, 5);
                t.stride[axis] = among(1, 3);
                t.dilation[axis] = among(1, 3);
                t.origin[axis] = among(-6, 3);
            }
            if (kind != PIXELS) {
                t.kernel[1] = t.kernel[2] = upto(2) ? 3 : 5;
                t.stride[1] = t.stride[2] = among(1, 2);
                if (t.stride[2] == 2)
                    t.dilation[1] = t.dilation[2] = 1;
                if (t.kernel[2] == 5 && t.stride[2] == 2 && base->lanes == 2) /* no tile is so narrow */
                    continue;
            }
            const long taps = t.kernel[0] * t.kernel[1] * t.kernel[2];
            t.axis[2] = pixel * size;
            t.axis[1] = t.extent[2] * t.axis[2];
            t.axis[0] = t.extent[1] * t.axis[1];
            t.out_axis[2] = pixel * size;
            t.out_axis[1] = (t.outputs[2] + upto(3)) * t.out_axis[2];
            t.out_axis[0] = t.outputs[1] * t.out_axis[1];
            const long outputs = t.outputs[0] * t.out_axis[0] / size, inputs = t.extent[0] * t.axis[0] / size;
            t.lead = upto(base->lanes + 1);
            t.input_step = plane * size;
            t.weights_step = (kind == PIXELS ? channels : taps) * size;
            t.bias_step = size;
            t.out_step = outputs * size;
            t.input = numbers(inputs + plane * channels, 0);
            t.weights = numbers(taps * channels, 0);
            t.bias = upto(2) ? numbers(channels, 0) : NULL;
            const long all = outputs * (kind == PIXELS ? 1 : channels);
            char *const expected = zeros(all);
            t.out = expected;
            (kind == PIXELS ? base->pixel_windows : kind == PLANES ? base->plane_windows : base->narrow_windows)(&t);
            t.out = zeros(all);
            (kind == PIXELS ? level->pixel_windows : kind == PLANES ? level->plane_windows : level->narrow_windows)(&t);
            compare(kind == PIXELS ? "pixel_windows" : "plane_windows", t.out, expected, all, 0);
        }
    report("windows");
}

static void dots(void)
{
    for (int pixels = 1; pixels <= level->dot_pixels; pixels++, kernels++)
        for (int i = 0; i < REPEATS; i++) {
            begin_again();
            const char *rows[FC_DOT_PIXELS];
            for (int p = 0; p < pixels; p++)
                rows[p] = numbers(300, 0);
            fc_dots t = {.pixels = rows, .first = upto(20) * size, .sums_row = (FC_DOT_FILTERS + upto(3)) * size};
            for (int f = 0; f < FC_DOT_FILTERS; f++)
                t.filters[f] = numbers(300, 0);
            t.last = t.first + upto(280) * size;
            const long count = pixels * t.sums_row / size;
            t.sums = numbers(count, 0);
            char *const expected = copied(t.sums, count * size);
            level->dots[pixels](&t);
            for (int p = 0; p < pixels; p++) {
                fc_dots one = t;
                one.pixels += p;
                one.sums = expected + p * t.sums_row;
                base->dots[1](&one);
            }
            compare("dots", t.sums, expected, count, 0);
        }
    report("dots");
}
