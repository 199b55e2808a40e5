/* Which levels this processor and this operating system can run. */
#ifndef FASTCONV_DETECT_H
#define FASTCONV_DETECT_H

/* The levels of this architecture, lowest first. The last is no better than the others: it runs everywhere,
   for tests, on top of the best one without a tile unit. */
#if defined(__aarch64__)
enum { FC_BASELINE, FC_NEON, FC_AMX_EMULATED, FC_LEVELS, FC_BELOW_AMX = FC_NEON };
#else
enum { FC_BASELINE, FC_AVX2, FC_AVX512, FC_AMX, FC_AMX_EMULATED, FC_LEVELS, FC_BELOW_AMX = FC_AVX512 };
#endif

#if defined(__x86_64__) && defined(__GNUC__)
#include <cpuid.h>
#include <stdint.h>
#ifdef __linux__
#include <sys/syscall.h>
#include <unistd.h>
#endif

static uint64_t fc_xcr0(void)
{
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

/* Linux gives a process the tile registers only when asked (ARCH_REQ_XCOMP_PERM, XTILEDATA). */
static int fc_tiles_granted(void)
{
#if defined(__linux__) && defined(SYS_arch_prctl)
    return syscall(SYS_arch_prctl, 0x1023, 18) == 0;
#else
    return 0;
#endif
}

/* The highest level; features are believed only if the system saves their registers too. The tile
   registers are asked for only if they are wanted. */
static int fc_detect(int want_tiles)
{
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d))
        return FC_BASELINE;
    const int fma = c >> 12 & 1, osxsave = c >> 27 & 1, avx = c >> 28 & 1;
    if (!fma || !osxsave || !avx || (fc_xcr0() & 0x6) != 0x6)
        return FC_BASELINE;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(b >> 5 & 1))
        return FC_BASELINE;
    const unsigned avx512 = 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31; /* F DQ BW VL */
    if ((b & avx512) != avx512 || (fc_xcr0() & 0xe6) != 0xe6)
        return FC_AVX2;
    const unsigned tiles = 1u << 22 | 1u << 24; /* AMX-BF16, AMX-TILE */
    if ((d & tiles) != tiles || (fc_xcr0() & 0x60000) != 0x60000)
        return FC_AVX512;
    /* Palette 1: 8 tiles of 1 KiB, 16 rows of 64 bytes. */
    if (!__get_cpuid_count(0x1d, 1, &a, &b, &c, &d))
        return FC_AVX512;
    if (a >> 16 < 1024 || b >> 16 < 8 || (b & 0xffff) < 64 || (c & 0xffff) < 16)
        return FC_AVX512;
    if (!want_tiles || !fc_tiles_granted())
        return FC_AVX512;
    return FC_AMX;
}

/* Whether 512-bit operations pass 256-bit units twice: Zen 4, AMD's family 0x19 (of which Zen 3 has
   no such operations). */
static int fc_passes_twice(void)
{
    unsigned a, b, c, d;
    if (!__get_cpuid(0, &a, &b, &c, &d) || b != 0x68747541) /* "Auth", of AuthenticAMD */
        return 0;
    return __get_cpuid(1, &a, &b, &c, &d) && (a >> 8 & 0xf) + (a >> 20 & 0xff) == 0x19;
}
#else
static int fc_detect(int want_tiles)
{
    (void)want_tiles;
#if defined(__aarch64__)
    return FC_NEON;
#else
    return FC_BASELINE;
#endif
}

static int fc_passes_twice(void)
{
    return 0;
}
#endif

#endif
