cpdef int usable(int wanted) noexcept
