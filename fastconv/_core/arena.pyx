"""Scratch memory: aligned blocks that outlive their use, for the next one.

A `Scratch` owns its block; when the last reference goes, the block is kept for a later call rather
than given back, whose first touch of fresh pages would cost more than the work on them. All under
the GIL, and no block has two owners: any number of Python threads may be inside a kernel at once.
"""

from libc.stdlib cimport free
from libc.string cimport memcmp, memmove
from posix.stdlib cimport posix_memalign

cdef enum:
    ALIGNMENT = 4096  # a page: scratch never shares one with another thread's
    KEPT_BLOCKS = 8
    KEPT_BYTES = 256 << 20


cdef struct Block:
    char* data
    size_t size


cdef Block _kept[KEPT_BLOCKS + 1]  # smallest first
cdef int _count = 0
cdef size_t _bytes = 0


cdef void _forget(int i) noexcept:
    """Take block `i` off the list."""
    global _count, _bytes
    _bytes -= _kept[i].size
    _count -= 1
    memmove(&_kept[i], &_kept[i + 1], (_count - i) * sizeof(Block))


cdef class Scratch:
    """A block of at least `asked` bytes, aligned to a page."""

    def same_bits(self, Scratch other):
        """Whether the same number of bytes was asked for, and all of them are equal."""
        return self.asked == other.asked and memcmp(self.data, other.data, self.asked) == 0

    def __dealloc__(self):
        global _count, _bytes
        cdef int i = 0
        cdef char* smallest
        if self.data == NULL or self.size > KEPT_BYTES:
            free(self.data)
            return
        while i < _count and _kept[i].size < self.size:
            i += 1
        memmove(&_kept[i + 1], &_kept[i], (_count - i) * sizeof(Block))
        _kept[i].data = self.data
        _kept[i].size = self.size
        _count += 1
        _bytes += self.size
        while _count > KEPT_BLOCKS or _bytes > KEPT_BYTES:
            smallest = _kept[0].data
            _forget(0)
            free(smallest)


cpdef Scratch acquire(size_t size):
    """A block of `size` bytes or more; MemoryError if there is none."""
    cdef Scratch block = Scratch.__new__(Scratch)
    cdef size_t rounded = (size + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT
    cdef int i
    if rounded < size:
        raise MemoryError(f"fastconv needs {size} bytes of workspace, more than can be addressed")
    rounded = rounded or ALIGNMENT
    for i in range(_count):
        # A much larger block is better left to the call that needs it.
        if rounded <= _kept[i].size <= 4 * rounded + (1 << 20):
            block.data = _kept[i].data
            block.size = _kept[i].size
            block.asked = size
            _forget(i)
            return block
    if posix_memalign(<void**> &block.data, ALIGNMENT, rounded):
        block.data = NULL
        raise MemoryError(f"fastconv needs {size} bytes of workspace, which the system refuses")
    block.size = rounded
    block.asked = size
    return block


def clear():
    """Return all kept blocks to the system."""
    cdef char* smallest
    while _count:
        smallest = _kept[0].data
        _forget(0)
        free(smallest)


def kept_bytes():
    """Bytes held for later calls."""
    return _bytes
