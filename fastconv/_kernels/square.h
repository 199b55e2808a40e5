/* Template: transposition by squares held in registers, a fraction 1 / DIVISOR of a vector a side.
   The last squares of a row or column start earlier rather than be partial: some elements are
   written twice, with the same value. */

enum { SQUARE(SIDE) = sizeof(vector) / sizeof(T) / DIVISOR };
enum { SQUARE(LANE) = 16 / sizeof(T) < SQUARE(SIDE) ? 16 / sizeof(T) : SQUARE(SIDE) };
typedef T SQUARE(row) __attribute__((vector_size(SQUARE(SIDE) * sizeof(T)), aligned(sizeof(T)), may_alias));
typedef MASK_T SQUARE(order) __attribute__((vector_size(SQUARE(SIDE) * sizeof(T))));

/* Two rows at a time, 16 bytes of each being a lane: `low` and `high` say what becomes of a pair's
   elements in every lane. Processors shuffle within lanes at less cost than across. */
static inline __attribute__((always_inline)) void SQUARE(pair)(SQUARE(row) *a, SQUARE(row) *b,
                                                               const int *low, const int *high)
{
    enum { S = SQUARE(SIDE), E = SQUARE(LANE) };
    SQUARE(order) to_a, to_b;
    VECTORS for (int j = 0; j < S; j++) {
        to_a[j] = low[j % E] % E + j / E * E + low[j % E] / E * S;
        to_b[j] = high[j % E] % E + j / E * E + high[j % E] / E * S;
    }
    const SQUARE(row) x = *a, y = *b;
    *a = __builtin_shuffle(x, y, to_a);
    *b = __builtin_shuffle(x, y, to_b);
}

/* The same with whole lanes: the lanes of two rows are numbered one after the other. */
static inline __attribute__((always_inline)) void SQUARE(lanes)(SQUARE(row) *a, SQUARE(row) *b,
                                                                const int *low, const int *high)
{
    enum { S = SQUARE(SIDE), E = SQUARE(LANE) };
    SQUARE(order) to_a, to_b;
    VECTORS for (int j = 0; j < S; j++) {
        to_a[j] = low[j / E] * E + j % E;
        to_b[j] = high[j / E] * E + j % E;
    }
    const SQUARE(row) x = *a, y = *b;
    *a = __builtin_shuffle(x, y, to_a);
    *b = __builtin_shuffle(x, y, to_b);
}

/* Rows become columns. */
static inline __attribute__((always_inline)) void SQUARE(transposed)(SQUARE(row) *row)
{
    enum { S = SQUARE(SIDE), E = SQUARE(LANE), Q = S / E };
    /* Squares of E x E in every lane ... */
    if (E == 2)
        VECTORS for (int i = 0; i < S; i += 2)
            SQUARE(pair)(&row[i], &row[i + 1], (const int[]){0, 2}, (const int[]){1, 3});
    if (E == 4)
        VECTORS for (int i = 0; i < S; i += 4) {
            SQUARE(pair)(&row[i], &row[i + 1], (const int[]){0, 4, 1, 5}, (const int[]){2, 6, 3, 7});
            SQUARE(pair)(&row[i + 2], &row[i + 3], (const int[]){0, 4, 1, 5}, (const int[]){2, 6, 3, 7});
            SQUARE(pair)(&row[i], &row[i + 2], (const int[]){0, 1, 4, 5}, (const int[]){2, 3, 6, 7});
            SQUARE(pair)(&row[i + 1], &row[i + 3], (const int[]){0, 1, 4, 5}, (const int[]){2, 3, 6, 7});
            const SQUARE(row) second = row[i + 2];
            row[i + 2] = row[i + 1];
            row[i + 1] = second;
        }
    /* ... and the lanes themselves. */
    if (Q == 2)
        VECTORS for (int i = 0; i < E; i++)
            SQUARE(lanes)(&row[i], &row[i + E], (const int[]){0, 2}, (const int[]){1, 3});
    if (Q == 4)
        VECTORS for (int i = 0; i < E; i++) {
            SQUARE(row) *const of = row + i;
            SQUARE(lanes)(&of[0], &of[E], (const int[]){0, 1, 4, 5}, (const int[]){2, 3, 6, 7});
            SQUARE(lanes)(&of[2 * E], &of[3 * E], (const int[]){0, 1, 4, 5}, (const int[]){2, 3, 6, 7});
            SQUARE(lanes)(&of[0], &of[2 * E], (const int[]){0, 2, 4, 6}, (const int[]){1, 3, 5, 7});
            SQUARE(lanes)(&of[E], &of[3 * E], (const int[]){0, 2, 4, 6}, (const int[]){1, 3, 5, 7});
            const SQUARE(row) second = of[2 * E];
            of[2 * E] = of[E];
            of[E] = second;
        }
}

/* Lanes a, a + step, ...; no element beyond the last of them is read. */
static inline __attribute__((always_inline)) SQUARE(row) SQUARE(gather)(const T *a, ptrdiff_t step)
{
    enum { S = SQUARE(SIDE) };
    if (step == 1)
        return *(const SQUARE(row) *)a;
    SQUARE(row) lanes;
    if (step == 2) {
        SQUARE(order) even;
        VECTORS for (int i = 0; i < S; i++)
            even[i] = i < S / 2 ? 2 * i : 2 * i + 1;
        return __builtin_shuffle(*(const SQUARE(row) *)a, *(const SQUARE(row) *)(a + S - 1), even);
    }
    for (int i = 0; i < S; i++)
        lanes[i] = a[i * step];
    return lanes;
}

/* to[j][i] = from[i][j * step], for at least one square. */
static void SQUARE(transpose)(const char *from, ptrdiff_t from_row, char *to, ptrdiff_t to_row,
                              ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t step)
{
    enum { S = SQUARE(SIDE) };
    const ptrdiff_t size = sizeof(T);
    for (ptrdiff_t j = 0;; j = j + 2 * S < columns ? j + S : columns - S) {
        for (ptrdiff_t i = 0;; i = i + 2 * S < rows ? i + S : rows - S) {
            SQUARE(row) row[S];
            VECTORS for (int r = 0; r < S; r++)
                row[r] = SQUARE(gather)((const T *)(from + (i + r) * from_row) + j * step, step);
            SQUARE(transposed)(row);
            VECTORS for (int r = 0; r < S; r++)
                *(SQUARE(row) *)(to + (j + r) * to_row + i * size) = row[r];
            if (i + S >= rows)
                break;
        }
        if (j + S >= columns)
            break;
    }
}
