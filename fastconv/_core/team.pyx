"""Parallel loops: the one team of threads; see ``team.h``."""

import os
from time import perf_counter_ns

cdef extern from "team.h" nogil:
    ctypedef void (*fc_task)(const void*, Py_ssize_t, int) noexcept nogil
    void fc_share(fc_task run, const void* work, Py_ssize_t tasks, int threads)
    void fc_after_fork_in_child() noexcept


def _after_fork_in_child():
    fc_after_fork_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


cdef void share(task_t run, const void* work, Py_ssize_t tasks, int threads) noexcept nogil:
    fc_share(<fc_task> run, work, tasks, threads)


cdef void _nothing(const void* work, Py_ssize_t task, int thread) noexcept nogil:
    pass


def region_seconds(int threads, Py_ssize_t rounds=1000):
    """Seconds that an empty parallel loop takes, one after another."""
    cdef Py_ssize_t i
    start = perf_counter_ns()
    with nogil:
        for i in range(rounds):
            fc_share(_nothing, NULL, threads, threads)
    return (perf_counter_ns() - start) / rounds * 1e-9
