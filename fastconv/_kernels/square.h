/* Template: transposition by squares held in registers, a fraction 1 / DIVISOR of a vector a side.
   The last squares of a row or column start earlier rather than be partial: some elements are
   written twice, with the same value. */

enum { SQUARE(SIDE) = sizeof(vector) / sizeof(T) / DIVISOR };
typedef T SQUARE(row) __attribute__((vector_size(SQUARE(SIDE) * sizeof(T)), aligned(sizeof(T)), may_alias));
typedef MASK_T SQUARE(order) __attribute__((vector_size(SQUARE(SIDE) * sizeof(T))));

/* After the stage of distance d, bit d of row and column are exchanged. */
static inline __attribute__((always_inline)) void SQUARE(butterfly)(SQUARE(row) *row)
{
    enum { S = SQUARE(SIDE) };
    VECTORS for (int d = 1; d < S; d *= 2) {
        SQUARE(order) low, high;
        VECTORS for (int j = 0; j < S; j++) {
            low[j] = j & d ? S + j - d : j;
            high[j] = j & d ? S + j : j + d;
        }
        VECTORS for (int i = 0; i < S; i++) {
            if (i & d)
                continue;
            const SQUARE(row) a = row[i], b = row[i + d];
            row[i] = __builtin_shuffle(a, b, low);
            row[i + d] = __builtin_shuffle(a, b, high);
        }
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
            SQUARE(butterfly)(row);
            VECTORS for (int r = 0; r < S; r++)
                *(SQUARE(row) *)(to + (j + r) * to_row + i * size) = row[r];
            if (i + S >= rows)
                break;
        }
        if (j + S >= columns)
            break;
    }
}
