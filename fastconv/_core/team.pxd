"""Parallel loops: tasks shared out to a team of threads, who help each other; see ``team.h``.

A thread's own tasks are the same at every call, so it meets in its own cache what it computed last
time, or in the layer before; one that is interrupted leaves the rest of its tasks to the others.
"""

# A task of some work; the thread that does it has a number below that of the threads asked for.
ctypedef void (*task_t)(const void* work, Py_ssize_t task, int thread) noexcept nogil

# Tasks [0, `tasks`), by at most `threads` threads. Returns when all are done; or soon after a signal whose
# handler raises, as Ctrl-C does, with that exception and most tasks left undone.
cdef int share(task_t run, const void* work, Py_ssize_t tasks, int threads) except -1 nogil

# Flags that several tasks may raise.
cdef extern from *:
    """
    #define FASTCONV_NOTE(flag) __atomic_store_n(flag, 1, __ATOMIC_RELAXED)
    """
    void note "FASTCONV_NOTE"(int* flag) noexcept nogil
