/* Template: transposition by blocks of lanes x lanes in registers, and the weight packing built on it. */

enum { JOIN(LANES) = sizeof(vector) / sizeof(T) };

/* Butterfly: after the stage of distance d, bit d of row and column are exchanged. */
static inline __attribute__((always_inline)) void JOIN(butterfly)(vector *row)
{
    enum { L = JOIN(LANES) };
    VECTORS for (int d = 1; d < L; d *= 2) {
        lanes_mask low, high;
        VECTORS for (int j = 0; j < L; j++) {
            low[j] = j & d ? L + j - d : j;
            high[j] = j & d ? L + j : j + d;
        }
        VECTORS for (int i = 0; i < L; i++) {
            if (i & d)
                continue;
            const vector a = row[i], b = row[i + d];
            row[i] = __builtin_shuffle(a, b, low);
            row[i + d] = __builtin_shuffle(a, b, high);
        }
    }
}

static void JOIN(transpose)(const char *from, ptrdiff_t from_row, char *to, ptrdiff_t to_row,
                            ptrdiff_t rows, ptrdiff_t columns)
{
    enum { L = JOIN(LANES) };
    ptrdiff_t i = 0;
    for (; i + L <= rows; i += L) {
        ptrdiff_t j = 0;
        for (; j + L <= columns; j += L) {
            vector row[L];
            VECTORS for (int r = 0; r < L; r++)
                row[r] = *(const vector *)(from + (i + r) * from_row + j * (ptrdiff_t)sizeof(T));
            JOIN(butterfly)(row);
            VECTORS for (int r = 0; r < L; r++)
                *(vector *)(to + (j + r) * to_row + i * (ptrdiff_t)sizeof(T)) = row[r];
        }
        for (; j < columns; j++)
            for (int r = 0; r < L; r++)
                *(T *)(to + j * to_row + (i + r) * (ptrdiff_t)sizeof(T)) =
                    *(const T *)(from + (i + r) * from_row + j * (ptrdiff_t)sizeof(T));
    }
    for (; i < rows; i++)
        for (ptrdiff_t j = 0; j < columns; j++)
            *(T *)(to + j * to_row + i * (ptrdiff_t)sizeof(T)) =
                *(const T *)(from + i * from_row + j * (ptrdiff_t)sizeof(T));
}

/* Filters (channels, taps) into to[tap][channel][width]; filters beyond `filters` are zeros. */
static void JOIN(pack)(const char *from, ptrdiff_t from_row, char *to, ptrdiff_t filters,
                       ptrdiff_t width, ptrdiff_t channels, ptrdiff_t taps)
{
    enum { L = JOIN(LANES) };
    const ptrdiff_t columns = channels * taps;
    T *const packed = (T *)to;
    for (ptrdiff_t f = 0; f < width; f += L) {
        const ptrdiff_t here = width - f < L ? width - f : L;
        ptrdiff_t channel = 0, tap = 0; /* of the next column */
        for (ptrdiff_t j = 0; j < columns; j += L) {
            const ptrdiff_t wide = columns - j < L ? columns - j : L;
            const char *block = from + f * from_row + j * (ptrdiff_t)sizeof(T);
            vector row[L];
            if (wide == L && f + L <= filters) {
                VECTORS for (int r = 0; r < L; r++)
                    row[r] = *(const vector *)(block + r * from_row);
            } else {
                for (int r = 0; r < L; r++) {
                    row[r] = (vector){0};
                    if (f + r < filters)
                        memcpy(&row[r], block + r * from_row, (size_t)wide * sizeof(T));
                }
            }
            JOIN(butterfly)(row);
            if (taps == 1 && wide == L && here == L) {
                VECTORS for (int c = 0; c < L; c++)
                    *(vector *)(packed + (j + c) * width + f) = row[c];
                channel += L;
                continue;
            }
            for (ptrdiff_t c = 0; c < wide; c++) {
                T *target = packed + (tap * channels + channel) * width + f;
                if (here == L)
                    *(vector *)target = row[c];
                else
                    memcpy(target, &row[c], (size_t)here * sizeof(T));
                if (++tap == taps) {
                    tap = 0;
                    channel++;
                }
            }
        }
    }
}
