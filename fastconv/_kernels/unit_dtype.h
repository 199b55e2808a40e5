/* The kernels of one dtype at one level: vector types, then the templates. */
typedef T vector __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(T)), may_alias));
typedef MASK_T lanes_mask __attribute__((vector_size(VECTOR_BYTES)));

/* Negative lanes to zero; NaN stays. */
static inline __attribute__((always_inline)) vector JOIN(relu)(vector x)
{
    return (vector)((lanes_mask)x & ~(lanes_mask)(x < 0));
}

#include "tile.h"
#include "depthwise.h"
#include "signals.h"
#include "transpose.h"
#include "convert.h"
#include "fourier.h"
#include "plane.h"
#include "windows.h"
#include "pixel_windows.h"
#define PART(name) JOIN(window_##name)
#define PART_BYTES VECTOR_BYTES
#include "plane_windows.h"
#include "pool.h" /* with the same partial vectors */
#include "slide.h" /* with its folds */
#include "spread.h"
#undef PART
#undef PART_BYTES
#include "dot.h" /* with the partial vectors of the windows */
#if VECTOR_BYTES >= 64
#define PART(name) JOIN(half_window_##name)
#define PART_BYTES (VECTOR_BYTES / 2)
#include "plane_windows.h"
#undef PART
#undef PART_BYTES
#endif
#include "winograd.h"
#include "fused.h" /* with its transforms */

/* Whether there is no Inf or NaN: their exponent is all ones. */
static int JOIN(finite)(const char *x, ptrdiff_t count)
{
    const MASK_T infinite = (MASK_T)(sizeof(T) == 4 ? 0x7f800000 : 0x7ff0000000000000);
    const MASK_T magnitude = (MASK_T)(sizeof(T) == 4 ? 0x7fffffff : 0x7fffffffffffffff);
    MASK_T found = 0;
    for (ptrdiff_t i = 0; i < count; i++) {
        MASK_T bits;
        memcpy(&bits, x + i * (ptrdiff_t)sizeof(T), sizeof bits);
        found |= (bits & magnitude) >= infinite;
    }
    return !found;
}

/* Independent chains of multiply-adds, enough to hide their latency. */
static double JOIN(peak)(long repeats)
{
    vector sum[10];
    VECTORS for (int i = 0; i < 10; i++)
        sum[i] = (vector){0} + (T)i;
    const vector factor = (vector){0} + (T)0.999;
    for (long r = 0; r < repeats; r++) {
        VECTORS for (int i = 0; i < 10; i++)
            sum[i] = sum[i] * factor + factor;
        __asm__ volatile("");
    }
    volatile T keep = 0;
    VECTORS for (int i = 0; i < 10; i++)
        keep += sum[i][0];
    (void)keep;
    return 10.0 * 2.0 * (double)(sizeof(vector) / sizeof(T)) * (double)repeats;
}

static void JOIN(fill)(fc_kernels *k)
{
    k->lanes = JOIN(LANES);
    k->passes = 1;
    JOIN(fill_tiles)(k);
    JOIN(fill_depthwise)(k);
    JOIN(fill_signals)(k);
    JOIN(fill_planes)(k);
    k->pixel_windows = JOIN(pixel_windows);
    k->plane_windows = k->narrow_windows = JOIN(window_all);
#if VECTOR_BYTES >= 64
    k->narrow_windows = JOIN(half_window_all);
#endif
    JOIN(fill_dots)(k);
    JOIN(fill_pools)(k);
    k->slide[FC_MAX] = JOIN(slide_max);
    k->slide[FC_ARGMAX] = NULL;
    k->slide[FC_SUM] = JOIN(slide_sum);
    k->divide = JOIN(divide);
    k->spread = JOIN(spread);
    k->widen = JOIN(widen);
    k->part = JOIN(part);
    JOIN(fill_winograd)(k);
    JOIN(fill_fused)(k);
    k->transpose = JOIN(transpose);
    k->copy = JOIN(copy);
    JOIN(fill_conversions)(k);
    JOIN(fill_fourier)(k);
    k->pack = JOIN(pack);
    k->finite = JOIN(finite);
    k->peak = JOIN(peak);
}
