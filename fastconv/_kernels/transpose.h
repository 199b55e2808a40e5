/* Template: matrices moved: transposed, copied, and weights packed. */

enum { JOIN(LANES) = sizeof(vector) / sizeof(T) };

#define SQUARE(name) JOIN(name##_whole)
#define DIVISOR 1
#include "square.h"
#undef SQUARE
#undef DIVISOR
#if VECTOR_BYTES >= 32 /* no vector is shorter than 16 bytes */
#define SQUARE(name) JOIN(name##_half)
#define DIVISOR 2
#include "square.h"
#undef SQUARE
#undef DIVISOR
#endif
#if VECTOR_BYTES >= 64
#define SQUARE(name) JOIN(name##_quarter)
#define DIVISOR 4
#include "square.h"
#undef SQUARE
#undef DIVISOR
#endif

static void JOIN(transpose)(const char *from, ptrdiff_t from_row, char *to, ptrdiff_t to_row,
                            ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t step)
{
    enum { L = JOIN(LANES) };
    const ptrdiff_t side = rows < columns ? rows : columns;
    if (side >= L) {
        JOIN(transpose_whole)(from, from_row, to, to_row, rows, columns, step);
        return;
    }
#if VECTOR_BYTES >= 32
    if (side >= L / 2) {
        JOIN(transpose_half)(from, from_row, to, to_row, rows, columns, step);
        return;
    }
#endif
#if VECTOR_BYTES >= 64
    if (side >= L / 4) {
        JOIN(transpose_quarter)(from, from_row, to, to_row, rows, columns, step);
        return;
    }
#endif
    for (ptrdiff_t i = 0; i < rows; i++)
        for (ptrdiff_t j = 0; j < columns; j++)
            *(T *)(to + j * to_row + i * (ptrdiff_t)sizeof(T)) =
                *(const T *)(from + i * from_row + j * step * (ptrdiff_t)sizeof(T));
}

/* to[i][j] = from[i][j * step] by vectors of one type; the last one starts earlier. */
#define COPY_ROWS(name) \
    for (ptrdiff_t i = 0; i < rows; i++) { \
        const T *source = (const T *)(from + i * from_row); \
        T *target = (T *)(to + i * to_row); \
        for (ptrdiff_t j = 0; j < last; j += side) \
            *(JOIN(row_##name) *)(target + j) = JOIN(gather_##name)(source + j * step, step); \
        *(JOIN(row_##name) *)(target + last) = JOIN(gather_##name)(source + last * step, step); \
    }

static void JOIN(copy)(const char *from, ptrdiff_t from_row, char *to, ptrdiff_t to_row,
                       ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t step)
{
    enum { L = JOIN(LANES) };
    const ptrdiff_t side = columns >= L ? L : columns >= L / 2 ? L / 2 : L / 4;
    const ptrdiff_t last = columns - side;
    if (columns == L && step == 1)
        for (ptrdiff_t i = 0; i < rows; i++)
            *(vector *)(to + i * to_row) = *(const vector *)(from + i * from_row);
    else if (columns >= L)
        COPY_ROWS(whole)
#if VECTOR_BYTES >= 32
    else if (columns >= L / 2)
        COPY_ROWS(half)
#endif
#if VECTOR_BYTES >= 64
    else if (columns >= L / 4)
        COPY_ROWS(quarter)
#endif
    else
        for (ptrdiff_t i = 0; i < rows; i++)
            for (ptrdiff_t j = 0; j < columns; j++)
                ((T *)(to + i * to_row))[j] = ((const T *)(from + i * from_row))[j * step];
}
#undef COPY_ROWS

/* Filters (channels, taps) into to[tap][channel][width]; filters beyond `filters` are zeros. */
static void JOIN(pack)(const char *from, ptrdiff_t from_row, char *to, ptrdiff_t filters,
                       ptrdiff_t width, ptrdiff_t channels, ptrdiff_t taps)
{
    enum { L = JOIN(LANES) };
    const ptrdiff_t columns = channels * taps;
    T *const packed = (T *)to;
    for (ptrdiff_t f = 0; f < width; f += L) {
        const ptrdiff_t here = width - f < L ? width - f : L;
        /* A whole vector may spill into channels that are yet to be packed. */
        const ptrdiff_t spilled = width <= L ? (L - here + width - 1) / width : here < L ? channels : 0;
        ptrdiff_t channel = 0, tap = 0; /* of the next column */
        for (ptrdiff_t j = 0; j < columns; j += L) {
            const ptrdiff_t wide = columns - j < L ? columns - j : L;
            const char *block = from + f * from_row + j * (ptrdiff_t)sizeof(T);
            vector row[L];
            if (wide == L && f + L <= filters) {
                VECTORS for (int r = 0; r < L; r++)
                    row[r] = *(const vector *)(block + r * from_row);
            } else if (wide == L) {
                VECTORS for (int r = 0; r < L; r++)
                    row[r] = f + r < filters ? *(const vector *)(block + r * from_row) : (vector){0};
            } else {
                for (int r = 0; r < L; r++) {
                    row[r] = (vector){0};
                    if (f + r < filters)
                        memcpy(&row[r], block + r * from_row, (size_t)wide * sizeof(T));
                }
            }
            JOIN(transposed_whole)(row);
            if (taps == 1 && wide == L && here == L) {
                VECTORS for (int c = 0; c < L; c++)
                    *(vector *)(packed + (j + c) * width + f) = row[c];
                channel += L;
                continue;
            }
            for (ptrdiff_t c = 0; c < wide; c++) {
                T *target = packed + (tap * channels + channel) * width + f;
                if (channel + spilled < channels)
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
