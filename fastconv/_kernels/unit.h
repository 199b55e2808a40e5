/* Everything a unit instantiates. The includer defines LEVEL, VECTOR_BYTES and REGISTERS. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "table.h"

#define JOIN3(a, b, c) a##_##b##_##c
#define JOIN2(a, b, c) JOIN3(a, b, c)
/* Unroll loops over vectors completely: their arrays must become registers. */
#define VECTORS _Pragma("GCC unroll 16")

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

#define FILL2(level) fc_fill_##level
#define FILL(level) FILL2(level)

void FILL(LEVEL)(fc_table *table)
{
    JOIN2(fill, float32, LEVEL)(&table->of[FC_FLOAT32]);
    JOIN2(fill, float64, LEVEL)(&table->of[FC_FLOAT64]);
}
