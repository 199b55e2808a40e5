"""Where packed inputs lie, for a room whose tasks are shares of the filters of a unit.

Units with one share are packed by the thread that computes them. Otherwise several threads need
the same inputs: either each packs its own, once, or all pack together and then all compute. What
another thread wrote comes from that one's cache, which can take longer than packing it again.
"""

cdef enum:
    # Multiply-adds per packed element and thread from which packing is cheap enough to be done twice.
    REPAYING_SUMS = 16
    MOST_BYTES = 16 << 20


cdef struct Slots:
    Py_ssize_t count       # packed units at a time
    Py_ssize_t own         # slots of a thread
    bint together          # all threads pack; a slot for every unit
    bint kept              # a slot is packed once


cdef inline Slots slots_for(Py_ssize_t units, Py_ssize_t shares, bint unitwise, Py_ssize_t bytes,
                            Py_ssize_t sums, int threads) noexcept nogil:
    """Slots of `bytes` each; `sums` multiply-adds follow from every packed element.

    `unitwise` says that the shares of a unit are mostly computed by one thread.
    """
    cdef Slots s
    s.kept = shares > 1
    s.own = units if s.kept else 1
    s.count = threads * s.own
    s.together = s.kept and (not unitwise and sums < REPAYING_SUMS * threads or s.count * bytes > MOST_BYTES)
    if s.together:
        s.count = units
    return s


cdef inline Py_ssize_t slot_of(const Slots* s, Py_ssize_t unit, int thread) noexcept nogil:
    if s.together:
        return unit
    return thread * s.own + (unit if s.kept else 0)


cdef inline bint must_pack(const Slots* s, char* packed, Py_ssize_t slot) noexcept nogil:
    """Whether the thread at this slot is to pack it now; `packed` has a byte per slot, zero at first."""
    if s.together:
        return False
    if s.kept:
        if packed[slot]:
            return False
        packed[slot] = 1
    return True
