"""The kernel tables, one per level of this machine, and the one in use."""

import os

from posix.time cimport CLOCK_MONOTONIC, clock_gettime, timespec

cdef extern from *:
    """
    #include "detect.h"
    #include "table.h"
    #ifndef FC_HAVE_NEON
    #define fc_fill_neon NULL
    #endif
    #ifndef FC_HAVE_AVX2
    #define fc_fill_avx2 NULL
    #endif
    #ifndef FC_HAVE_AVX512
    #define fc_fill_avx512 NULL
    #endif
    #ifndef FC_HAVE_AMX
    #define fc_fill_amx NULL
    #endif
    /* What each level adds to the one below; NULL where the compiler knew nothing of it. */
    typedef struct {
        const char *name;
        void (*fill)(fc_table *);
    } fc_level;
    static const fc_level fc_levels[FC_LEVELS] = {
        {"baseline", fc_fill_baseline},
    #if defined(__aarch64__)
        {"neon", fc_fill_neon},
    #else
        {"avx2", fc_fill_avx2},
        {"avx512", fc_fill_avx512},
        {"amx", fc_fill_amx},
    #endif
        {"amx-emulated", fc_fill_amx_emulated},
    };
    """
    enum:
        FC_BELOW_AMX
        FC_AMX_EMULATED
        FC_LEVELS
    ctypedef struct fc_level:
        const char* name
        void (*fill)(fc_table*) noexcept
    const fc_level fc_levels[FC_LEVELS]
    int fc_detect(int want_tiles)
    int fc_passes_twice()

cdef int _built(int level) noexcept:
    """The highest level up to `level` whose kernels were compiled in."""
    while level > 0 and fc_levels[level].fill == NULL:
        level -= 1
    return level


LEVELS = tuple(fc_levels[i].name.decode() for i in range(FC_LEVELS))
# Chosen by name only, and not counted among those that a machine has.
EMULATED = LEVELS[FC_AMX_EMULATED]
_asked = os.environ.get("FASTCONV_ISA") or None

cdef fc_table _tables[FC_LEVELS]
cdef int _highest = _built(fc_detect(_asked in (None, "amx")))
cdef int _active = 0


cdef void _build_tables() noexcept:
    cdef int level, dtype
    for level in range(FC_AMX_EMULATED):
        if level:
            _tables[level] = _tables[level - 1]
        if level <= _highest and fc_levels[level].fill != NULL:
            fc_levels[level].fill(&_tables[level])
        if level == FC_BELOW_AMX and fc_passes_twice():
            for dtype in range(FC_DTYPES):
                _tables[level].of[dtype].passes = 2
    _tables[FC_AMX_EMULATED] = _tables[FC_BELOW_AMX]
    fc_levels[FC_AMX_EMULATED].fill(&_tables[FC_AMX_EMULATED])


cdef const fc_kernels* kernels(int dtype) noexcept nogil:
    return &_tables[_active].of[dtype]


cdef const fc_split_kernels* split_kernels() noexcept nogil:
    return &_tables[_active].split


cdef const fc_ordered_kernels* ordered_kernels(bint modular) noexcept nogil:
    return &_tables[_active].modular if modular else &_tables[_active].ordered


cdef const fc_extremum_kernel* extremum_kernels(bint minimum) noexcept nogil:
    if minimum:
        return _tables[_active].smaller
    return _tables[_active].larger


def available():
    """The levels this machine can run, lowest first."""
    return LEVELS[: _highest + 1]


def active():
    """The level in use."""
    return LEVELS[_active]


def activate(name):
    """Use level `name` from now on."""
    global _active
    if name not in LEVELS:
        raise ValueError(f"FASTCONV_ISA: no level {name!r}; there are {', '.join(LEVELS)}")
    if name != EMULATED and name not in available():
        raise ValueError(
            f"FASTCONV_ISA: this machine, or this build, has no {name!r}; it has {', '.join(available())}"
        )
    _active = LEVELS.index(name)


def passes_twice():
    """Whether this processor does 512-bit operations in two halves, at half the rate."""
    return bool(fc_passes_twice())


def has_tile_unit():
    """Whether the active level multiplies split operands."""
    return bool(split_kernels().present)


def lanes(int dtype):
    """Elements of one vector at the active level."""
    return _tables[_active].of[dtype].lanes


def tile_rows(int dtype):
    """The most rows of a tile at the active level, for widths of 1, 2, 4 and 8 vectors."""
    return tuple(_tables[_active].of[dtype].rows[i] for i in range(FC_WIDTHS))


def measure_peak(int dtype, double seconds):
    """Floating-point operations per second of one thread at the active level."""
    cdef timespec start, stop
    cdef double flops = 0, elapsed = 0
    cdef const fc_kernels* k = kernels(dtype)
    clock_gettime(CLOCK_MONOTONIC, &start)
    with nogil:
        while elapsed < seconds:
            flops += k.peak(100_000)
            clock_gettime(CLOCK_MONOTONIC, &stop)
            elapsed = (stop.tv_sec - start.tv_sec) + 1e-9 * (stop.tv_nsec - start.tv_nsec)
    return flops / elapsed


_build_tables()
activate(_asked or LEVELS[_highest])
