/* Everything a unit instantiates. The includer defines LEVEL, VECTOR_BYTES and REGISTERS. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "table.h"

#define JOIN3(a, b, c) a##_##b##_##c
#define JOIN2(a, b, c) JOIN3(a, b, c)
/* Unroll loops over vectors completely: their arrays must become registers. */
#define VECTORS _Pragma("GCC unroll 24")

/* KEEP a vector in a register: GCC would rather load it again for each of its uses. FETCH a line
   into the nearest cache: the builtin moves GCC to spill an accumulator. */
#if defined(__x86_64__) && defined(__GNUC__)
#define KEEP(x) __asm__("" : "+v"(x))
#define FETCH(address) __asm__ volatile("prefetcht0 %0" : : "m"(*(address)))
#elif defined(__aarch64__) && defined(__GNUC__)
#define KEEP(x) __asm__("" : "+w"(x))
#define FETCH(address) __asm__ volatile("prfm pldl1keep, %0" : : "Q"(*(address)))
#else
#define KEEP(x) ((void)0)
#define FETCH(address) ((void)0)
#endif

/* Tiles one vector wide have up to so many rows. */
#if REGISTERS >= 32
#define MOST_ROWS 14
#define EACH_ROWS(DO) \
    DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7) DO(8) DO(9) DO(10) DO(11) DO(12) DO(13) DO(14)
#else
#define MOST_ROWS 12
#define EACH_ROWS(DO) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7) DO(8) DO(9) DO(10) DO(11) DO(12)
#endif

#define T float
#define MASK_T int32_t
#define JOIN(name) JOIN2(name, float32, LEVEL)
#define vector JOIN(vector)
#define lanes_mask JOIN(mask)
#include "unit_dtype.h"
#undef T
#undef MASK_T
#undef JOIN
#undef vector
#undef lanes_mask

#define T double
#define MASK_T int64_t
#define JOIN(name) JOIN2(name, float64, LEVEL)
#define vector JOIN(vector)
#define lanes_mask JOIN(mask)
#include "unit_dtype.h"

/* Every dtype of numbers, and how a float64 becomes one: through an integer that wraps. */
#if defined(__aarch64__) /* one of 32 bits would wrap in vectors, but not outside them */
#define BY_INT32(x) ((int64_t)(x))
#else
#define BY_INT32(x) ((int32_t)(x))
#endif
#define BY_INT64(x) ((int64_t)(x))
#define BY_UINT64(x) ((x) < 0x1p63 ? (uint64_t)(int64_t)(x) : (uint64_t)(int64_t)((x) - 0x1p63) ^ (1ULL << 63))
#define AS_IT_IS(x) (x)
#define EACH_NUMBER(DO) \
    DO(int8, int8_t, BY_INT32) DO(uint8, uint8_t, BY_INT32) DO(int16, int16_t, BY_INT32) \
    DO(uint16, uint16_t, BY_INT32) DO(int32, int32_t, BY_INT32) DO(uint32, uint32_t, BY_INT64) \
    DO(int64, int64_t, BY_INT64) DO(uint64, uint64_t, BY_UINT64) DO(float32, float, AS_IT_IS) \
    DO(float64, double, AS_IT_IS)
#define ORDERED_VECTORS 4
#define ORDERED_NUMBERS EACH_NUMBER
#define ORDERED_MEANS
#include "ordered.h"
#undef ORDERED_NUMBERS
#undef ORDERED_MEANS
#include "extrema.h"
#undef T
#undef JOIN
#undef vector

/* Of which the first four may be summed modulo 2**16. */
#define ORDERED_NUMBERS(DO) \
    DO(int8, int8_t, AS_IT_IS) DO(uint8, uint8_t, AS_IT_IS) DO(int16, int16_t, AS_IT_IS) DO(uint16, uint16_t, AS_IT_IS)
#define T int16_t
#define JOIN(name) JOIN2(name, int16, LEVEL)
#define vector JOIN(vector)
typedef T vector __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(T)), may_alias));
#include "ordered.h"

#define FILL2(level) fc_fill_##level
#define FILL(level) FILL2(level)

void FILL(LEVEL)(fc_table *table)
{
    JOIN2(fill, float32, LEVEL)(&table->of[FC_FLOAT32]);
    JOIN2(fill, float64, LEVEL)(&table->of[FC_FLOAT64]);
    JOIN2(fill_ordered, float64, LEVEL)(&table->ordered);
    JOIN2(fill_ordered, int16, LEVEL)(&table->modular);
    JOIN2(fill_extrema, float64, LEVEL)(table->larger, table->smaller);
}
