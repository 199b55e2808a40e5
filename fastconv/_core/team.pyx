"""Parallel loops: the one team of threads; see ``team.h``."""

import os
from threading import get_ident

from cpython.exc cimport PyErr_CheckSignals
from libc.stdint cimport int64_t, uint64_t

cdef extern from "team.h" nogil:
    ctypedef void (*fc_task)(const void*, Py_ssize_t, int) noexcept nogil
    int64_t fc_now()
    int fc_share(fc_task run, const void* work, Py_ssize_t tasks, int threads)
    int (*fc_ask)() noexcept nogil
    void fc_after_fork_in_child() noexcept
    enum:
        FC_CAN_FLUSH
        FC_FLUSH
    uint64_t fc_control()
    void fc_set_control(uint64_t)


def _after_fork_in_child():
    fc_after_fork_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


cdef int share(task_t run, const void* work, Py_ssize_t tasks, int threads) except -1 nogil:
    if fc_share(<fc_task> run, work, tasks, threads):
        with gil:
            _raise()
    return 0


# What a handler raised while a thread computed, by threads.
_raised = {}


cdef int _ask() noexcept with gil:
    """Whether a signal has come whose handler raises; asked by who called `share`, in a long call."""
    try:
        PyErr_CheckSignals()
    except BaseException as error:
        _raised[get_ident()] = error
        return 1
    return 0


cdef int _raise() except -1:
    raise _raised.pop(get_ident())


fc_ask = _ask


cdef void _for_a_while(const void* work, Py_ssize_t task, int thread) noexcept nogil:
    cdef int64_t end = (<const int64_t*> work)[0] + fc_now()
    while fc_now() < end:
        pass


def region_seconds(int threads, Py_ssize_t rounds=200, int64_t nanoseconds=20_000):
    """Seconds that a parallel loop takes longer than its tasks, one of 20 us for each thread."""
    cdef Py_ssize_t i
    cdef int64_t start, taken
    with nogil:
        start = fc_now()
        for i in range(rounds):
            fc_share(_for_a_while, &nanoseconds, threads, threads)
        taken = fc_now() - start
    return (taken / <double> rounds - nanoseconds) * 1e-9


CAN_FLUSH = bool(FC_CAN_FLUSH)


def flush_denormals():
    """Have this thread, and those that help it, take denormal numbers for zeros; what was so before."""
    cdef uint64_t before = fc_control()
    fc_set_control(before | FC_FLUSH)
    return before


def set_control(uint64_t control):
    """Set this thread's floating-point control word, as `flush_denormals` returned it."""
    fc_set_control(control)


cdef void _note_word(const void* work, Py_ssize_t task, int thread) noexcept nogil:
    cdef int64_t end = fc_now() + 100_000  # long enough for others to come and take theirs
    (<uint64_t*> work)[task] = fc_control()
    while fc_now() < end:
        pass


def control_words(int threads):
    """The control word of each of so many tasks, as threads do them."""
    cdef uint64_t words[64]
    cdef int i, tasks = min(threads, 64)
    for i in range(tasks):
        words[i] = 0
    with nogil:
        fc_share(_note_word, words, tasks, threads)
    return [words[i] for i in range(tasks)]
