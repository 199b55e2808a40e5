"""Measuring fastconv: against itself over time, against its peers, against the machine.

=============  ===================================================================
problems/      the problems, as data; `sets.json` names the sets
problem_sets   a record -> a Case: sizes, paddings, seeded operands
oracle         the float64 answer that every measured result is held to
timing         bursts, rounds, and what is made of them
suite          what the asv suites share
bench_*.py     asv suites: convolution, gradients, pooling, images, signals, overhead, memory
peers/         ``python -m benchmarks.peers``: every rival in a process of its own
precision      ``python -m benchmarks.precision``: errors of every precision against float64
overhead       ``python -m benchmarks.overhead``: what a call costs beside its arithmetic
check_choices  ``python -m benchmarks.check_choices``: how well the cost model chooses
fit_costs      ``python -m benchmarks.fit_costs``: its prices, fitted on this machine
=============  ===================================================================

Nothing here is imported by the library. `problem_sets`, `oracle` and `timing` import NumPy and
SciPy alone, so that a rival's process may run in an environment without fastconv.
"""
