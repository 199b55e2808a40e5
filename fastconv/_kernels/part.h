/* Template: vectors of which some lanes lie outside an array: these are read as zeros, and not written.
   PART(name) spells names, for vectors of PART_BYTES. */

enum { PART(LANES) = PART_BYTES / sizeof(T) };
typedef T PART(row) __attribute__((vector_size(PART_BYTES), aligned(sizeof(T)), may_alias));
typedef MASK_T PART(order) __attribute__((vector_size(PART_BYTES)));

#if defined(__AVX512VL__)
#include <immintrin.h>
typedef uint32_t PART(lanes);

/* Lanes [first, last). */
static inline __attribute__((always_inline)) PART(lanes) PART(of)(ptrdiff_t first, ptrdiff_t last)
{
    enum { L = PART(LANES) };
    if (last > L)
        last = L;
    if (first < 0)
        first = 0;
    return last <= first ? 0 : (UINT32_MAX << first) & (UINT32_MAX >> (32 - last));
}

static inline __attribute__((always_inline)) PART(row) PART(load)(PART(lanes) part, const char *from)
{
#if PART_BYTES == 64
    return sizeof(T) == 4 ? (PART(row))_mm512_maskz_loadu_ps((__mmask16)part, from)
                          : (PART(row))_mm512_maskz_loadu_pd((__mmask8)part, from);
#else
    return sizeof(T) == 4 ? (PART(row))_mm256_maskz_loadu_ps((__mmask8)part, from)
                          : (PART(row))_mm256_maskz_loadu_pd((__mmask8)part, from);
#endif
}

static inline __attribute__((always_inline)) void PART(store)(PART(lanes) part, char *to, PART(row) x)
{
#if PART_BYTES == 64
    if (sizeof(T) == 4)
        _mm512_mask_storeu_ps(to, (__mmask16)part, (__m512)x);
    else
        _mm512_mask_storeu_pd(to, (__mmask8)part, (__m512d)x);
#else
    if (sizeof(T) == 4)
        _mm256_mask_storeu_ps(to, (__mmask8)part, (__m256)x);
    else
        _mm256_mask_storeu_pd(to, (__mmask8)part, (__m256d)x);
#endif
}
#else
typedef PART(order) PART(lanes);

static inline __attribute__((always_inline)) PART(lanes) PART(of)(ptrdiff_t first, ptrdiff_t last)
{
    enum { L = PART(LANES) };
    PART(order) lane;
    VECTORS for (int i = 0; i < L; i++)
        lane[i] = i;
    const MASK_T low = first > 0 ? (MASK_T)(first < L ? first : L) : 0;
    const MASK_T high = last > 0 ? (MASK_T)(last < L ? last : L) : 0;
    return (lane >= low) & (lane < high);
}

#if PART_BYTES == 32
#include <immintrin.h>
static inline __attribute__((always_inline)) PART(row) PART(load)(PART(lanes) part, const char *from)
{
    return sizeof(T) == 4 ? (PART(row))_mm256_maskload_ps((const float *)from, (__m256i)part)
                          : (PART(row))_mm256_maskload_pd((const double *)from, (__m256i)part);
}

static inline __attribute__((always_inline)) void PART(store)(PART(lanes) part, char *to, PART(row) x)
{
    if (sizeof(T) == 4)
        _mm256_maskstore_ps((float *)to, (__m256i)part, (__m256)x);
    else
        _mm256_maskstore_pd((double *)to, (__m256i)part, (__m256d)x);
}
#else
static __attribute__((noinline)) PART(row) PART(load)(PART(lanes) part, const char *from)
{
    PART(row) x = {0};
    for (int i = 0; i < PART(LANES); i++)
        if (part[i])
            x[i] = ((const T *)from)[i];
    return x;
}

static __attribute__((noinline)) void PART(store)(PART(lanes) part, char *to, PART(row) x)
{
    for (int i = 0; i < PART(LANES); i++)
        if (part[i])
            ((T *)to)[i] = x[i];
}
#endif
#endif
