cdef class Scratch:
    cdef char* data
    cdef size_t size, asked


cpdef Scratch acquire(size_t size)
