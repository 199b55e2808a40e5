/* Larger or smaller ones of two rows of numbers of any dtype. The second may begin within the first, behind
   its begin: what is read of it then is not yet written. */

#define EXTREMA(name, number, by) \
    static void JOIN(larger_##name)(char *to, const char *other, ptrdiff_t count) \
    { \
        number *const x = (number *)to; \
        const number *const y = (const number *)other; \
        _Pragma("GCC ivdep") for (ptrdiff_t i = 0; i < count; i++) \
            x[i] = x[i] > y[i] ? x[i] : y[i]; \
    } \
    static void JOIN(smaller_##name)(char *to, const char *other, ptrdiff_t count) \
    { \
        number *const x = (number *)to; \
        const number *const y = (const number *)other; \
        _Pragma("GCC ivdep") for (ptrdiff_t i = 0; i < count; i++) \
            x[i] = x[i] < y[i] ? x[i] : y[i]; \
    }

EACH_NUMBER(EXTREMA)
#undef EXTREMA

static void JOIN(fill_extrema)(fc_extremum_kernel larger[FC_NUMBERS], fc_extremum_kernel smaller[FC_NUMBERS])
{
    int i = 0;
#define FILL_EXTREMA(name, number, by) \
    larger[i] = JOIN(larger_##name); \
    smaller[i++] = JOIN(smaller_##name);
    EACH_NUMBER(FILL_EXTREMA)
#undef FILL_EXTREMA
}
