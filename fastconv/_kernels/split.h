/* float32 into bfloat16: x = x1 + x2 + x3, each part the nearest bfloat16 to what is left of x, so
   that three parts are exact and two or one as close as can be. In the order that products read. */

typedef float floats __attribute__((vector_size(64), aligned(4), may_alias));
typedef uint32_t words __attribute__((vector_size(64), aligned(4), may_alias));
typedef uint16_t halves __attribute__((vector_size(32), aligned(2), may_alias));

#define INLINE static inline __attribute__((always_inline))
enum { LANES = 16 };

/* The next part, in the upper half of every word, taken off `rest`. */
#define NEXT_PART(part, rest, last)                                                            \
    do {                                                                                       \
        part = (words)(rest);                                                                  \
        /* A third part needs no rounding: eight significant bits are left. */                 \
        if (!(last))                                                                           \
            part = (part + 0x7fff + (part >> 16 & 1)) & 0xffff0000; /* ties to even */         \
        rest -= (floats)part;                                                                  \
    } while (0)

#define SELECT(condition, a, b) (((a) & (words)(condition)) | ((b) & ~(words)(condition)))

/* Note what `bits` are like; see fc_range. */
#define OBSERVE(seen, bits)                                                                    \
    do {                                                                                       \
        const words magnitude = (bits) & 0x7fffffff, lowered = magnitude - 1;                  \
        least = SELECT(lowered < least, lowered, least);                                       \
        most = SELECT(magnitude > most, magnitude, most);                                      \
        low |= magnitude & 0xffff;                                                             \
    } while (0)
#define RECALL(seen)                                                                           \
    words least = *(const words *)(seen)->least, most = *(const words *)(seen)->most;          \
    words low = *(const words *)(seen)->low
#define RECORD(seen)                                                                           \
    (*(words *)(seen)->least = least, *(words *)(seen)->most = most, *(words *)(seen)->low = low)

INLINE void split_rows(const char *from, ptrdiff_t from_row, char *to, ptrdiff_t to_row,
                       ptrdiff_t to_split, const int splits, ptrdiff_t rows, ptrdiff_t columns,
                       ptrdiff_t width, fc_range *seen)
{
    RECALL(seen);
    for (ptrdiff_t r = 0; r < rows; r++)
        for (ptrdiff_t c = 0; c < width; c += LANES) {
            const float *source = (const float *)(from + r * from_row) + c;
            char *target = to + r * to_row + c * 2;
            floats rest = {0};
            if (c + LANES <= columns)
                rest = *(const floats *)source;
            else if (c < columns)
                memcpy(&rest, source, (size_t)(columns - c) * 4);
            OBSERVE(seen, (words)rest);
            for (int s = 0; s < splits; s++) {
                words part;
                NEXT_PART(part, rest, s + 1 == FC_SPLITS);
                const halves stored = __builtin_convertvector(part >> 16, halves);
                if (c + LANES <= width)
                    *(halves *)(target + s * to_split) = stored;
                else
                    memcpy(target + s * to_split, &stored, (size_t)(width - c) * 2);
            }
        }
    RECORD(seen);
}

static void split(const char *from, ptrdiff_t from_row, char *to, ptrdiff_t to_row,
                  ptrdiff_t to_split, int splits, ptrdiff_t rows, ptrdiff_t columns,
                  ptrdiff_t width, fc_range *seen)
{
    if (splits == 1)
        split_rows(from, from_row, to, to_row, to_split, 1, rows, columns, width, seen);
    else if (splits == 2)
        split_rows(from, from_row, to, to_row, to_split, 2, rows, columns, width, seen);
    else
        split_rows(from, from_row, to, to_row, to_split, 3, rows, columns, width, seen);
}

/* Two tiles of FC_DEPTH / 2 rows x 16 filters; a word holds two neighbours in depth, first low. */
static void split_weights(const char *from, ptrdiff_t rows, char *to, int splits, fc_range *seen)
{
    RECALL(seen);
    for (int half = 0; half < FC_SIDE / LANES; half++)
        for (ptrdiff_t d = 0; d < FC_DEPTH; d += 2) {
            const floats *source = (const floats *)(from + d * FC_SIDE * 4) + half;
            char *target = to + half * (FC_WEIGHT_TILES / 2) + d / 2 * 64;
            floats even = {0}, odd = {0};
            if (d < rows)
                even = source[0];
            if (d + 1 < rows)
                odd = source[FC_SIDE / LANES];
            OBSERVE(seen, (words)even);
            OBSERVE(seen, (words)odd);
            for (int s = 0; s < splits; s++) {
                words low_part, high_part;
                NEXT_PART(low_part, even, s + 1 == FC_SPLITS);
                NEXT_PART(high_part, odd, s + 1 == FC_SPLITS);
                *(words *)(target + s * FC_WEIGHT_TILES) = high_part | low_part >> 16;
            }
        }
    RECORD(seen);
}
