/* Template: small integers to numbers that carry sums, and back: rounded to the nearest, half to even,
   and saturated. The latter tells whether a number was out of range, or none. */

#define FROM(name, integer) \
    static void JOIN(from_##name)(const char *from, char *to, ptrdiff_t count) \
    { \
        for (ptrdiff_t i = 0; i < count; i++) \
            ((T *)to)[i] = (T)((const integer *)from)[i]; \
    }

/* Adding what leaves no room for fractions rounds as the processor does. */
#define TO(name, integer, least, most) \
    static int JOIN(to_##name)(const char *from, char *to, ptrdiff_t count) \
    { \
        const T rounder = sizeof(T) == 4 ? (T)0x1.8p23 : (T)0x1.8p52; \
        MASK_T outside = 0; \
        for (ptrdiff_t i = 0; i < count; i++) { \
            T x = ((const T *)from)[i]; \
            outside |= !(x >= (T)(least) - (T)0.5) | !(x < (T)(most) + (T)0.5); \
            x = x > (T)(least) ? x : (T)(least); \
            x = x < (T)(most) ? x : (T)(most); \
            ((integer *)to)[i] = (integer)(int32_t)((x + rounder) - rounder); \
        } \
        return outside != 0; \
    }

FROM(int8, int8_t) FROM(uint8, uint8_t) FROM(int16, int16_t) FROM(uint16, uint16_t)
TO(int8, int8_t, -128, 127) TO(uint8, uint8_t, 0, 255)
TO(int16, int16_t, -32768, 32767) TO(uint16, uint16_t, 0, 65535)
#undef FROM
#undef TO

static void JOIN(fill_conversions)(fc_kernels *k)
{
#define BOTH(which, name) \
    k->convert_from[which] = JOIN(from_##name); \
    k->convert_to[which] = JOIN(to_##name);
    BOTH(FC_INT8, int8) BOTH(FC_UINT8, uint8) BOTH(FC_INT16, int16) BOTH(FC_UINT16, uint16)
#undef BOTH
}
