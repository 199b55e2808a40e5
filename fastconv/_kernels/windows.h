/* Template: the kernel's slices and rows of a window that lie in the input. */

/* The taps first, ..., last - 1 of an axis lie in the input, for the output whose first tap is at
   `start`. */
static inline __attribute__((always_inline)) void JOIN(taps_inside)(
    ptrdiff_t start, ptrdiff_t dilation, ptrdiff_t kernel, ptrdiff_t extent, ptrdiff_t *first, ptrdiff_t *last)
{
    *first = 0;
    *last = kernel;
    if (start >= 0 && start + (kernel - 1) * dilation < extent)
        return;
    while (*first < kernel && start + *first * dilation < 0)
        ++*first;
    while (*last > *first && start + (*last - 1) * dilation >= extent)
        --*last;
}
