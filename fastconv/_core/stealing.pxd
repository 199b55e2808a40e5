"""Tasks dealt out to threads: everyone does its own first, then takes over what others have left.

A thread's own tasks are the same at every call, so it meets in its own cache what it computed last
time, or in the layer before; one that is interrupted leaves the rest of its tasks to the others.
"""

cdef extern from *:
    """
    #define FASTCONV_NEXT(counter) __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED)
    #define FASTCONV_SEEN(counter) __atomic_load_n(counter, __ATOMIC_RELAXED)
    """
    Py_ssize_t _next "FASTCONV_NEXT"(Py_ssize_t* counter) noexcept nogil
    Py_ssize_t _seen "FASTCONV_SEEN"(const Py_ssize_t* counter) noexcept nogil

cdef enum:
    MOST_QUEUES = 64  # more threads than these share them


cdef struct Queue:
    Py_ssize_t next, stop
    char apart[112]  # no two in one pair of cache lines, which are fetched together


# On the stack of whoever starts the threads.
cdef struct Queues:
    Queue queue[MOST_QUEUES]
    int count


cdef inline void deal(Queues* queues, Py_ssize_t tasks, int threads) noexcept nogil:
    """Tasks [0, `tasks`), neighbours to a queue for every thread."""
    cdef int i
    cdef Py_ssize_t start = 0
    queues.count = min(threads, MOST_QUEUES)
    for i in range(queues.count):
        queues.queue[i].next = start
        start += tasks // queues.count + (i < tasks % queues.count)
        queues.queue[i].stop = start


cdef inline Py_ssize_t take(Queues* queues, int thread) noexcept nogil:
    """The next task for this thread, or -1 when there are none left."""
    cdef int i
    cdef Py_ssize_t task
    cdef Queue* queue
    for i in range(queues.count):
        queue = &queues.queue[(thread + i) % queues.count]
        if _seen(&queue.next) < queue.stop:
            task = _next(&queue.next)
            if task < queue.stop:
                return task
    return -1
