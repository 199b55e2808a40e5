"""The kernel tables, one per level of this machine, and the one in use."""

import os

from posix.time cimport CLOCK_MONOTONIC, clock_gettime, timespec

cdef extern from *:
    """
    #include "detect.h"
    #include "table.h"
    #ifdef FC_HAVE_AVX2
    #define FC_FILL_AVX2 fc_fill_avx2
    #else
    #define FC_FILL_AVX2 NULL
    #endif
    #ifdef FC_HAVE_AVX512
    #define FC_FILL_AVX512 fc_fill_avx512
    #else
    #define FC_FILL_AVX512 NULL
    #endif
    #ifdef FC_HAVE_AMX
    #define FC_FILL_AMX fc_fill_amx
    #else
    #define FC_FILL_AMX NULL
    #endif
    typedef void (*fc_fill)(fc_table *);
    /* What each level adds to the one below; NULL where the compiler knew nothing of it. */
    static fc_fill fc_fills[FC_LEVELS] = {
        fc_fill_baseline, FC_FILL_AVX2, FC_FILL_AVX512, FC_FILL_AMX, fc_fill_amx_emulated,
    };
    """
    enum:
        FC_AVX512
        FC_AMX
        FC_AMX_EMULATED
        FC_LEVELS
    ctypedef void (*fc_fill)(fc_table*) noexcept
    fc_fill fc_fills[FC_LEVELS]
    int fc_detect(int want_tiles)
    int fc_passes_twice()

cdef int _built(int level) noexcept:
    """The highest level up to `level` whose kernels were compiled in."""
    while level > 0 and fc_fills[level] == NULL:
        level -= 1
    return level


LEVELS = ("baseline", "avx2", "avx512", "amx", "amx-emulated")
# Chosen by name only, and not counted among those that a machine has.
EMULATED = LEVELS[FC_AMX_EMULATED]
_asked = os.environ.get("FASTCONV_ISA") or None

cdef fc_table _tables[FC_LEVELS]
cdef int _highest = _built(fc_detect(_asked in (None, LEVELS[FC_AMX])))
cdef int _active = 0


cdef void _build_tables() noexcept:
    cdef int level, dtype
    for level in range(FC_AMX_EMULATED):
        if level:
            _tables[level] = _tables[level - 1]
        if level <= _highest and fc_fills[level] != NULL:
            fc_fills[level](&_tables[level])
        if level == FC_AVX512 and fc_passes_twice():
            for dtype in range(FC_DTYPES):
                _tables[level].of[dtype].passes = 2
    _tables[FC_AMX_EMULATED] = _tables[FC_AVX512]
    fc_fills[FC_AMX_EMULATED](&_tables[FC_AMX_EMULATED])


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
