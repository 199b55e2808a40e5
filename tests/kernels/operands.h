/* Random operands, and comparisons of results. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "table.h"

enum { REPEATS = 40, MEMORY = 64 << 20, APART = 264 }; /* bytes between operands: room for what is read by whole vectors */

static const int SIZE[FC_DTYPES] = {4, 8};
static const char *const DTYPE[FC_DTYPES] = {"float32", "float64"};
static const fc_kernels *level, *base; /* what is compared, in dtype `d` */
static int d;
static long size; /* bytes of an element */
static long kernels, comparisons, failures, all_kernels, all_comparisons;

static uint64_t state = 1;

/* Evenly among 0, ..., below - 1. */
static long upto(long below)
{
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (long)((state >> 33) % (uint64_t)below);
}

/* Evenly among least, ..., most. */
static long among(long least, long most) { return least + upto(most - least + 1); }

static char *memory, *next_free;

static void begin_again(void) { next_free = memory; }

/* Memory that begins where an element may, but no vector has to. */
static char *bytes(long count)
{
    char *const found = next_free + APART;
    next_free = found + (count + 7) / 8 * 8;
    if (next_free + APART > memory + MEMORY)
        abort();
    memset(found, 0x5a, (size_t)(next_free + APART - found));
    return found;
}

static void put(char *at, long i, double value)
{
    if (d == FC_FLOAT64)
        ((double *)at)[i] = value;
    else
        ((float *)at)[i] = (float)value;
}

static double get(const char *at, long i) { return d == FC_FLOAT64 ? ((const double *)at)[i] : ((const float *)at)[i]; }

/* Small whole numbers, whose sums are exact in any order; `odd` ones among them, one in so many, are Inf, NaN, or -0. */
static char *numbers(long count, int odd)
{
    static const double odd_ones[] = {INFINITY, -INFINITY, NAN, -0.0};
    char *const at = bytes(count * size);
    for (long i = 0; i < count; i++)
        put(at, i, odd && upto(odd) == 0 ? odd_ones[upto(4)] : (double)among(-8, 8));
    return at;
}

static char *zeros(long count)
{
    char *const at = bytes(count * size);
    memset(at, 0, (size_t)(count * size));
    return at;
}

static char *copied(const char *from, long count)
{
    char *const at = bytes(count);
    return memcpy(at, from, (size_t)count);
}

/* Byte offsets of elements below `below`. */
static ptrdiff_t *offsets(long count, long below)
{
    ptrdiff_t *const at = (ptrdiff_t *)bytes(count * (long)sizeof *at);
    for (long i = 0; i < count; i++)
        at[i] = upto(below) * size;
    return at;
}

static void fail(const char *what)
{
    if (failures++ < 20)
        printf("DIFFERS: %s, %s\n", what, DTYPE[d]);
}

/* Elements are the same, to the sign of a zero, or with a `tolerance` about so; NaNs are all one. */
static void compare(const char *what, const char *a, const char *b, long count, double tolerance)
{
    comparisons++;
    for (long i = 0; i < count; i++) {
        const double x = get(a, i), y = get(b, i);
        if (isnan(x) && isnan(y))
            continue;
        if (tolerance ? !(x == y || fabs(x - y) <= tolerance) : x != y || signbit(x) != signbit(y)) {
            fail(what);
            return;
        }
    }
}

static void compare_bytes(const char *what, const void *a, const void *b, long count)
{
    comparisons++;
    if (memcmp(a, b, (size_t)count))
        fail(what);
}

static void report(const char *what)
{
    printf("%-16s %-8s %5ld kernels %7ld comparisons\n", what, DTYPE[d], kernels, comparisons);
    all_kernels += kernels;
    all_comparisons += comparisons;
    kernels = comparisons = 0;
}
