/* Template: a register tile, `rows` x `width` vectors of accumulators held over the whole reduction.
   Needs T, vector, VECTORS and JOIN. Rows and width are constants after inlining, so that every
   accumulator is a register. */

static inline __attribute__((always_inline)) void JOIN(accumulate)(
    const fc_tile *t, const int rows, const int width, vector (*sum)[8], const char *scalars,
    const char *vectors, ptrdiff_t steps)
{
    const ptrdiff_t scalar_row = t->scalar_row, scalar_step = t->scalar_step;
    const ptrdiff_t vector_step = t->vector_step;
    const int bytes = width * (int)sizeof(vector);
    for (; steps > 0; steps--) {
        /* The next tile's lanes: where every step reads another row, no hardware foresees them. A
           line by its last byte: lanes that begin within one have brought this tile their first. */
        VECTORS for (int line = 0; line < (bytes + 63) / 64; line++)
            FETCH(vectors + bytes + 64 * line + 63);
        /* The operand with fewer parts stays in registers while the other one passes. */
        if (rows < width) {
            vector scalar[FC_MAX_ROWS];
            VECTORS for (int r = 0; r < rows; r++)
                scalar[r] = *(const T *)(scalars + r * scalar_row) - (vector){0};
            VECTORS for (int v = 0; v < width; v++) {
                vector lane = ((const vector *)vectors)[v];
                KEEP(lane);
                VECTORS for (int r = 0; r < rows; r++) {
                    sum[r][v] += scalar[r] * lane;
                    KEEP(sum[r][v]);
                }
            }
        } else {
            vector lane[8];
            VECTORS for (int v = 0; v < width; v++)
                lane[v] = ((const vector *)vectors)[v];
            VECTORS for (int r = 0; r < rows; r++) {
                const T scalar = *(const T *)(scalars + r * scalar_row);
                VECTORS for (int v = 0; v < width; v++)
                    sum[r][v] += scalar * lane[v];
            }
        }
        scalars += scalar_step;
        vectors += vector_step;
    }
}

static inline __attribute__((always_inline)) void JOIN(tile)(const fc_tile *t, const int rows,
                                                             const int width)
{
    vector sum[FC_MAX_ROWS][8], total[FC_MAX_ROWS][8];
    const char *scalars = NULL, *vectors = NULL;
    ptrdiff_t tap = 0, left = 0; /* the next tap; steps to go at the present one */
    int drained = 0;
    for (;;) {
        VECTORS for (int r = 0; r < rows; r++)
            VECTORS for (int v = 0; v < width; v++)
                sum[r][v] = (vector){0};
        for (ptrdiff_t room = t->chain; room > 0 && (left > 0 || tap < t->taps);) {
            if (left == 0) {
                scalars = t->scalars + t->scalar_taps[tap];
                vectors = t->vectors + t->vector_taps[tap++];
                left = t->run;
            }
            const ptrdiff_t steps = left < room ? left : room;
            left -= steps;
            room -= steps;
            JOIN(accumulate)(t, rows, width, sum, scalars, vectors, steps);
            scalars += steps * t->scalar_step;
            vectors += steps * t->vector_step;
        }
        /* A long sum as a sum of partial sums: its rounding errors stay small. */
        if (__builtin_expect(drained, 0))
            VECTORS for (int r = 0; r < rows; r++)
                VECTORS for (int v = 0; v < width; v++)
                    sum[r][v] += total[r][v];
        if (__builtin_expect(left == 0 && tap == t->taps, 1))
            break;
        VECTORS for (int r = 0; r < rows; r++)
            VECTORS for (int v = 0; v < width; v++)
                total[r][v] = sum[r][v];
        drained = 1;
    }

    if (t->start)
        VECTORS for (int r = 0; r < rows; r++)
            VECTORS for (int v = 0; v < width; v++)
                sum[r][v] += ((const vector *)(t->start + r * t->start_row))[v];
    if (t->row_bias)
        VECTORS for (int r = 0; r < rows; r++)
            VECTORS for (int v = 0; v < width; v++)
                sum[r][v] += ((const T *)t->row_bias)[r];
    if (t->lane_bias)
        VECTORS for (int v = 0; v < width; v++) {
            const vector bias = ((const vector *)t->lane_bias)[v];
            VECTORS for (int r = 0; r < rows; r++)
                sum[r][v] += bias;
        }
    if (t->relu)
        VECTORS for (int r = 0; r < rows; r++)
            VECTORS for (int v = 0; v < width; v++)
                sum[r][v] = JOIN(relu)(sum[r][v]);

    const int full = width * (int)(sizeof(vector) / sizeof(T));
    if (t->lanes == full) {
        VECTORS for (int r = 0; r < rows; r++)
            VECTORS for (int v = 0; v < width; v++)
                ((vector *)(t->out + r * t->out_row))[v] = sum[r][v];
    } else {
        VECTORS for (int r = 0; r < rows; r++) {
            vector row[8];
            VECTORS for (int v = 0; v < width; v++)
                row[v] = sum[r][v];
            memcpy(t->out + r * t->out_row, row, (size_t)t->lanes * sizeof(T));
        }
    }
}

#define TILE(rows, width) \
    static void JOIN(tile_##rows##x##width)(const fc_tile *t) { JOIN(tile)(t, rows, width); }
TILE(1, 1) TILE(2, 1) TILE(3, 1) TILE(4, 1) TILE(5, 1) TILE(6, 1) TILE(7, 1)
TILE(8, 1) TILE(9, 1) TILE(10, 1) TILE(11, 1) TILE(12, 1)
TILE(1, 2) TILE(2, 2) TILE(3, 2) TILE(4, 2) TILE(5, 2) TILE(6, 2)
TILE(1, 4) TILE(2, 4) TILE(3, 4)
TILE(1, 8)
#if REGISTERS >= 32
TILE(13, 1) TILE(14, 1)
TILE(7, 2) TILE(8, 2) TILE(9, 2) TILE(10, 2) TILE(11, 2) TILE(12, 2) TILE(13, 2) TILE(14, 2)
TILE(4, 4) TILE(5, 4) TILE(6, 4)
#if defined(__AVX512F__) /* 28 sums and 4 lanes leave no register for scalars: they must come from memory */
TILE(7, 4)
#endif
TILE(2, 8) TILE(3, 8)
#endif
#undef TILE

static void JOIN(fill_tiles)(fc_kernels *k)
{
#define TILE(rows, log2, width) k->tile[log2][rows] = JOIN(tile_##rows##x##width);
    TILE(1, 0, 1) TILE(2, 0, 1) TILE(3, 0, 1) TILE(4, 0, 1) TILE(5, 0, 1) TILE(6, 0, 1) TILE(7, 0, 1)
    TILE(8, 0, 1) TILE(9, 0, 1) TILE(10, 0, 1) TILE(11, 0, 1) TILE(12, 0, 1)
    TILE(1, 1, 2) TILE(2, 1, 2) TILE(3, 1, 2) TILE(4, 1, 2) TILE(5, 1, 2) TILE(6, 1, 2)
    TILE(1, 2, 4) TILE(2, 2, 4) TILE(3, 2, 4)
    TILE(1, 3, 8)
#if REGISTERS >= 32
    TILE(13, 0, 1) TILE(14, 0, 1)
    TILE(7, 1, 2) TILE(8, 1, 2) TILE(9, 1, 2) TILE(10, 1, 2) TILE(11, 1, 2) TILE(12, 1, 2)
    TILE(13, 1, 2) TILE(14, 1, 2)
    TILE(4, 2, 4) TILE(5, 2, 4) TILE(6, 2, 4)
    TILE(2, 3, 8) TILE(3, 3, 8)
#if defined(__AVX512F__)
    TILE(7, 2, 4)
    const int rows[FC_WIDTHS] = {14, 14, 7, 3};
#else
    const int rows[FC_WIDTHS] = {14, 14, 6, 3};
#endif
#else
    const int rows[FC_WIDTHS] = {12, 6, 3, 1};
#endif
#undef TILE
    memcpy(k->rows, rows, sizeof rows);
}
