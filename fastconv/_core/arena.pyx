"""Scratch memory: aligned blocks that outlive their use, for the next one.

A `Scratch` owns its block; when the last reference goes, the block is kept for a later call rather
than given back, whose first touch of fresh pages would cost more than the work on them.

No block has two owners, and any number of Python threads may be inside a kernel at once. Without the GIL
they may come here at once, too: who finds the list of blocks in use does without it.
"""

import os

from libc.stdlib cimport free
from libc.string cimport memcmp, memmove
from posix.stdlib cimport posix_memalign

cdef extern from * nogil:
    """
    static char fc_list_in_use;
    #define fc_enter() (!__atomic_test_and_set(&fc_list_in_use, __ATOMIC_ACQUIRE))
    #define fc_leave() __atomic_clear(&fc_list_in_use, __ATOMIC_RELEASE)
    """
    bint fc_enter()
    void fc_leave()

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
        if self.data == NULL or self.size > KEPT_BYTES or not fc_enter():
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
        fc_leave()


cdef bint _take_kept(Scratch block, size_t rounded) noexcept:
    """Whether a kept block of `rounded` bytes or a few more is now that of `block`."""
    cdef int i
    if not fc_enter():
        return False
    for i in range(_count):
        # A much larger block is better left to the call that needs it.
        if rounded <= _kept[i].size <= 4 * rounded + (1 << 20):
            block.data = _kept[i].data
            block.size = _kept[i].size
            _forget(i)
            break
    fc_leave()
    return block.data != NULL


cpdef Scratch acquire(size_t size):
    """A block of `size` bytes or more; MemoryError if there is none."""
    cdef Scratch block = Scratch.__new__(Scratch)
    cdef size_t rounded = (size + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT
    if rounded < size:
        raise MemoryError(f"fastconv needs {size} bytes of workspace, more than can be addressed")
    rounded = rounded or ALIGNMENT
    block.asked = size
    if _take_kept(block, rounded):
        return block
    if posix_memalign(<void**> &block.data, ALIGNMENT, rounded):
        block.data = NULL
        raise MemoryError(f"fastconv needs {size} bytes of workspace, which the system refuses")
    block.size = rounded
    return block


def clear():
    """Return all kept blocks to the system; those that another thread is about to keep may stay."""
    cdef char* smallest
    if not fc_enter():
        return
    while _count:
        smallest = _kept[0].data
        _forget(0)
        free(smallest)
    fc_leave()


def kept_bytes():
    """Bytes held for later calls."""
    return _bytes


def _after_fork_in_child():
    """Give up a list that another thread of the parent was changing."""
    global _count, _bytes
    if not fc_enter():
        _count = 0
        _bytes = 0
    fc_leave()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
