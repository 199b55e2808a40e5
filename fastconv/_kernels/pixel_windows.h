/* Template: depthwise windows where channels are neighbours: every lane is a channel with a filter of
   its own, a tile is some pixels of one output row or of two. Where the kernel's width and the stride
   are known here, a tile loads each pixel once for all outputs that see it. */

/* One vector of channels of one output row, or two: outputs [first, last). */
typedef struct {
    const fc_windows *of;
    const char *input;          /* pixel (0, 0) of the first slice that is seen */
    const char *weights;        /* the first tap on it */
    ptrdiff_t slices;           /* that are seen */
    ptrdiff_t row;              /* where the first tap lies */
    const char *bias;
    char *out;                  /* output 0 of the row */
    ptrdiff_t first, last;
} JOIN(line);

/* What one input row adds: to the first output row, if `upper`, which sees it by the kernel row at
   `weights`; to the second, if `lower`, which sees it by the kernel row before that one. */
static inline __attribute__((always_inline)) void JOIN(line_row)(
    const JOIN(line) *l, const char *from, const char *weights, const ptrdiff_t start, vector *sum,
    const int upper, const int lower, const int pixels, const int kernel, const int stride, const int edges)
{
    const fc_windows *const t = l->of;
    const char *before = weights - kernel * t->weights_step;
    vector weight[2][5];
    VECTORS for (int k = 0; k < kernel; k++) {
        if (upper)
            weight[0][k] = *(const vector *)(weights + k * t->weights_step);
        if (lower)
            weight[1][k] = *(const vector *)(before + k * t->weights_step);
    }
    VECTORS for (int j = 0; j < (pixels - 1) * stride + kernel; j++, from += t->axis[2]) {
        if (edges && (size_t)(start + j) >= (size_t)t->extent[2])
            continue;
        vector lanes = *(const vector *)from;
        KEEP(lanes);
        VECTORS for (int p = 0; p < pixels; p++)
            if (j >= p * stride && j < p * stride + kernel) {
                if (upper)
                    sum[p] += weight[0][j - p * stride] * lanes;
                if (lower)
                    sum[pixels + p] += weight[1][j - p * stride] * lanes;
            }
    }
}

/* The same for one output row, where neither the kernel's width nor the stride is known here. */
static inline __attribute__((always_inline)) void JOIN(line_row_any)(
    const JOIN(line) *l, const char *from, const char *weights, const ptrdiff_t start, vector *sum,
    vector *total, ptrdiff_t *chained, const int pixels, const int edges)
{
    const fc_windows *const t = l->of;
    for (ptrdiff_t k = 0, stop; k < t->kernel[2]; k = stop) {
        stop = t->kernel[2] - k < FC_CHAIN ? t->kernel[2] : k + FC_CHAIN;
        if (*chained + stop - k > FC_CHAIN) {
            VECTORS for (int p = 0; p < pixels; p++) {
                total[p] += sum[p];
                sum[p] = (vector){0};
            }
            *chained = 0;
        }
        *chained += stop - k;
        for (; k < stop; k++) {
            const vector weight = *(const vector *)(weights + k * t->weights_step);
            VECTORS for (int p = 0; p < pixels; p++) {
                const ptrdiff_t j = p * t->stride[2] + k * t->dilation[2];
                if (!edges || (size_t)(start + j) < (size_t)t->extent[2])
                    sum[p] += weight * *(const vector *)(from + j * t->axis[2]);
            }
        }
    }
}

/* Outputs [column, column + pixels) of `high` rows. `kernel` and `stride` are 0 where they are not
   known here; with `edges`, some taps may lie outside the row. */
static inline __attribute__((always_inline)) void JOIN(line_tile)(
    const JOIN(line) *l, const ptrdiff_t column, const int high, const int pixels, const int kernel,
    const int stride, const int edges)
{
    const fc_windows *const t = l->of;
    const ptrdiff_t rows = t->kernel[1], row_taps = t->kernel[2] * t->weights_step;
    const ptrdiff_t start = column * (stride ? stride : t->stride[2]) + t->origin[2];
    vector sum[16], total[8];
    ptrdiff_t chained = 0;
    VECTORS for (int p = 0; p < high * pixels; p++)
        sum[p] = (vector){0};
    if (!kernel)
        VECTORS for (int p = 0; p < pixels; p++)
            total[p] = (vector){0};
    for (ptrdiff_t d = 0; d < l->slices; d++)
        for (ptrdiff_t h = 0; h < rows + high - 1; h++) {
            const ptrdiff_t row = l->row + h * t->dilation[1];
            if ((size_t)row >= (size_t)t->extent[1])
                continue;
            const char *from = l->input + d * t->dilation[0] * t->axis[0] + row * t->axis[1] + start * t->axis[2];
            const char *weights = l->weights + (d * rows + h) * row_taps;
            if (!kernel)
                JOIN(line_row_any)(l, from, weights, start, sum, total, &chained, pixels, edges);
            else if (high == 1 || h == 0)
                JOIN(line_row)(l, from, weights, start, sum, 1, 0, pixels, kernel, stride, edges);
            else if (h < rows)
                JOIN(line_row)(l, from, weights, start, sum, 1, 1, pixels, kernel, stride, edges);
            else
                JOIN(line_row)(l, from, weights, start, sum, 0, 1, pixels, kernel, stride, edges);
        }
    if (!kernel)
        VECTORS for (int p = 0; p < pixels; p++)
            sum[p] += total[p];
    if (l->bias) {
        const vector bias = *(const vector *)l->bias;
        VECTORS for (int p = 0; p < high * pixels; p++)
            sum[p] += bias;
    }
    if (t->relu)
        VECTORS for (int p = 0; p < high * pixels; p++)
            sum[p] = JOIN(relu)(sum[p]);
    VECTORS for (int r = 0; r < high; r++)
        VECTORS for (int p = 0; p < pixels; p++)
            *(vector *)(l->out + r * t->out_axis[1] + (column + p) * t->out_axis[2]) = sum[r * pixels + p];
}

/* A line by tiles of `pixels`; the last one starts earlier rather than be shorter. */
static inline __attribute__((always_inline)) void JOIN(line_tiles)(
    const JOIN(line) *l, const int high, const int pixels, const int kernel, const int stride)
{
    const fc_windows *const t = l->of;
    const ptrdiff_t step = t->stride[2];
    const ptrdiff_t reach = (pixels - 1) * step + (t->kernel[2] - 1) * t->dilation[2];
    for (ptrdiff_t column = l->first;; column += pixels) {
        if (column > l->last - pixels)
            column = l->last - pixels;
        const ptrdiff_t start = column * step + t->origin[2];
        if (start >= 0 && start + reach < t->extent[2])
            JOIN(line_tile)(l, column, high, pixels, kernel, stride, 0);
        else
            JOIN(line_tile)(l, column, high, pixels, kernel, stride, 1);
        if (column + pixels >= l->last)
            break;
    }
}

#define FOUR_PIXELS(DO) DO(1) DO(2) DO(3) DO(4)
#define EIGHT_PIXELS(DO) FOUR_PIXELS(DO) DO(5) DO(6) DO(7) DO(8)
#if REGISTERS >= 32
#define PAIR_PIXELS EIGHT_PIXELS
enum { JOIN(PAIR_MOST) = 8 };
#else
#define PAIR_PIXELS FOUR_PIXELS
enum { JOIN(PAIR_MOST) = 4 };
#endif
#define LINE(pixels) \
    static void JOIN(line_any_##pixels)(const JOIN(line) *l) { JOIN(line_tiles)(l, 1, pixels, 0, 0); } \
    static void JOIN(line_3_1_##pixels)(const JOIN(line) *l) { JOIN(line_tiles)(l, 1, pixels, 3, 1); } \
    static void JOIN(line_3_2_##pixels)(const JOIN(line) *l) { JOIN(line_tiles)(l, 1, pixels, 3, 2); } \
    static void JOIN(line_5_1_##pixels)(const JOIN(line) *l) { JOIN(line_tiles)(l, 1, pixels, 5, 1); } \
    static void JOIN(line_5_2_##pixels)(const JOIN(line) *l) { JOIN(line_tiles)(l, 1, pixels, 5, 2); }
#define PAIR(pixels) \
    static void JOIN(pair_3_1_##pixels)(const JOIN(line) *l) { JOIN(line_tiles)(l, 2, pixels, 3, 1); }
EIGHT_PIXELS(LINE)
PAIR_PIXELS(PAIR)
#undef LINE
#undef PAIR

/* How a box is gone through: `high` output rows at a time, by tiles of `pixels`. */
typedef struct {
    void (*run)(const JOIN(line) *);
    ptrdiff_t high, pixels;
} JOIN(lines);

static JOIN(lines) JOIN(choose_lines)(const fc_windows *t)
{
#define ANY(pixels) JOIN(line_any_##pixels),
#define WIDTH_3(pixels) {JOIN(line_3_1_##pixels), JOIN(line_3_2_##pixels)},
#define WIDTH_5(pixels) {JOIN(line_5_1_##pixels), JOIN(line_5_2_##pixels)},
#define PAIR(pixels) JOIN(pair_3_1_##pixels),
    static void (*const any[])(const JOIN(line) *) = {EIGHT_PIXELS(ANY)};
    static void (*const known[2][8][2])(const JOIN(line) *) = {{EIGHT_PIXELS(WIDTH_3)}, {EIGHT_PIXELS(WIDTH_5)}};
    static void (*const pairs[])(const JOIN(line) *) = {PAIR_PIXELS(PAIR)};
#undef ANY
#undef WIDTH_3
#undef WIDTH_5
#undef PAIR
    const ptrdiff_t width = t->outputs[2], kernel = t->kernel[2], stride = t->stride[2];
    const int listed = (kernel == 3 || kernel == 5) && t->dilation[2] == 1 && stride <= 2
                       && t->kernel[0] * t->kernel[1] * kernel <= FC_CHAIN;
    const int paired = listed && kernel == 3 && stride == 1 && t->stride[1] == 1 && t->dilation[1] == 1
                       && t->outputs[1] > 1;
    const ptrdiff_t most = paired ? JOIN(PAIR_MOST) : 8, tiles = (width + most - 1) / most;
    const ptrdiff_t pixels = (width + tiles - 1) / tiles;
    JOIN(lines) lines = {any[pixels - 1], 1, pixels};
    if (paired)
        lines = (JOIN(lines)){pairs[pixels - 1], 2, pixels};
    else if (listed)
        lines.run = known[kernel == 5][pixels - 1][stride - 1];
    return lines;
}
#undef FOUR_PIXELS
#undef EIGHT_PIXELS
#undef PAIR_PIXELS

/* Outputs [first, last) of all rows of a box, for all channels. */
static void JOIN(strip)(const fc_windows *t, const JOIN(lines) *lines, ptrdiff_t first, ptrdiff_t last)
{
    enum { L = JOIN(LANES) };
    JOIN(line) l = {.of = t, .first = first, .last = last};
    for (ptrdiff_t d = 0; d < t->outputs[0]; d++) {
        const ptrdiff_t slice = t->origin[0] + d * t->stride[0];
        ptrdiff_t tap, end;
        JOIN(taps_inside)(slice, t->dilation[0], t->kernel[0], t->extent[0], &tap, &end);
        l.slices = end - tap;
        const char *input = t->input + (slice + tap * t->dilation[0]) * t->axis[0];
        const char *weights = t->weights + tap * t->kernel[1] * t->kernel[2] * t->weights_step;
        for (ptrdiff_t h = 0;; h += lines->high) {
            if (h > t->outputs[1] - lines->high)
                h = t->outputs[1] - lines->high;
            l.row = t->origin[1] + h * t->stride[1];
            char *out = t->out + d * t->out_axis[0] + h * t->out_axis[1];
            for (ptrdiff_t c = 0;; c = c || !t->lead ? c + L : t->lead) {
                if (c > t->count - L)
                    c = t->count - L;
                const ptrdiff_t at = c * (ptrdiff_t)sizeof(T);
                l.input = input + at;
                l.weights = weights + at;
                l.bias = t->bias ? t->bias + at : NULL;
                l.out = out + at;
                lines->run(&l);
                if (c + L >= t->count)
                    break;
            }
            if (h + lines->high >= t->outputs[1])
                break;
        }
    }
}

/* At least a vector of channels; the last vector starts earlier rather than be shorter. */
static void JOIN(pixel_windows)(const fc_windows *t)
{
    enum { NEAR_BYTES = 24 << 10 };
    const JOIN(lines) lines = JOIN(choose_lines)(t);
    const ptrdiff_t width = t->outputs[2], pixels = lines.pixels;
    /* Strips whose rows stay in the nearest cache until the next rows have seen them. */
    const ptrdiff_t rows = t->kernel[0] * (t->kernel[1] + lines.high * t->stride[1]);
    ptrdiff_t strip = NEAR_BYTES / (rows * t->count * (ptrdiff_t)sizeof(T)) / (t->stride[2] * pixels) * pixels;
    if (strip < pixels)
        strip = pixels;
    for (ptrdiff_t first = 0;; first += strip) {
        const ptrdiff_t last = width - first < strip + pixels ? width : first + strip;
        JOIN(strip)(t, &lines, first, last);
        if (last == width)
            break;
    }
}
