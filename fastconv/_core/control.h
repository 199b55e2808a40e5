/* How a thread treats denormal numbers: part of its floating-point control word. */
#include <stdint.h>

#if defined(__x86_64__) || defined(_M_X64)
#include <xmmintrin.h>

enum { FC_CAN_FLUSH = 1, FC_FLAGS = 0x3f, FC_FLUSH = 0x8040 }; /* flags raised; FTZ and DAZ */

static inline uint64_t fc_control(void)
{
    return _mm_getcsr() & ~(uint32_t)FC_FLAGS;
}

static inline void fc_set_control(uint64_t control)
{
    _mm_setcsr((uint32_t)control | (_mm_getcsr() & FC_FLAGS));
}

#elif defined(__aarch64__) && defined(__GNUC__)

enum { FC_CAN_FLUSH = 1, FC_FLUSH = 1 << 24 }; /* FZ */

static inline uint64_t fc_control(void)
{
    uint64_t control;
    __asm__ volatile("mrs %0, fpcr" : "=r"(control));
    return control;
}

static inline void fc_set_control(uint64_t control)
{
    __asm__ volatile("msr fpcr, %0" : : "r"(control));
}

#else

enum { FC_CAN_FLUSH = 0, FC_FLUSH = 0 };

static inline uint64_t fc_control(void)
{
    return 0;
}

static inline void fc_set_control(uint64_t control)
{
    (void)control;
}

#endif
