"""Scratch memory: aligned blocks, kept for the next call.

Blocks are handed out under the GIL and owned by one call at a time, so any number of Python
threads may be inside a kernel at once. A few blocks are kept; the rest goes back to the system.
"""

from libc.stdlib cimport free
from posix.stdlib cimport posix_memalign

cdef enum:
    ALIGNMENT = 4096  # a page: scratch never shares one with another thread's
    KEPT_BLOCKS = 8
    KEPT_BYTES = 256 << 20

cdef list _kept = []  # smallest first
cdef size_t _kept_bytes = 0


cdef class Scratch:
    """A block of at least `size` bytes, aligned to a page."""

    def __dealloc__(self):
        free(self.data)


cpdef Scratch acquire(size_t size):
    """A block of `size` bytes or more; MemoryError if there is none."""
    global _kept_bytes
    cdef Scratch block
    cdef Py_ssize_t i
    for i in range(len(_kept)):
        block = <Scratch> _kept[i]
        if block.size >= size:
            # A much larger block is better left to the call that needs it.
            if block.size > 4 * size + (1 << 20):
                break
            del _kept[i]
            _kept_bytes -= block.size
            return block
    block = Scratch.__new__(Scratch)
    cdef size_t rounded = (size + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT
    if rounded < size or posix_memalign(<void**> &block.data, ALIGNMENT, rounded or ALIGNMENT):
        block.data = NULL
        raise MemoryError(f"fastconv needs {size} bytes of workspace, which the system refuses")
    block.size = rounded
    return block


cpdef void release(Scratch block):
    """Give a block back for the next call."""
    global _kept_bytes
    cdef Py_ssize_t i = 0
    if block.size > KEPT_BYTES:
        return
    while i < len(_kept) and (<Scratch> _kept[i]).size < block.size:
        i += 1
    _kept.insert(i, block)
    _kept_bytes += block.size
    while len(_kept) > KEPT_BLOCKS or _kept_bytes > KEPT_BYTES:
        _kept_bytes -= (<Scratch> _kept.pop(0)).size


def clear():
    """Return all kept blocks to the system."""
    global _kept_bytes
    _kept.clear()
    _kept_bytes = 0


def kept_bytes():
    """Bytes held for later calls."""
    return _kept_bytes
