cdef class Scratch:
    cdef char* data
    cdef size_t size


cpdef Scratch acquire(size_t size)
