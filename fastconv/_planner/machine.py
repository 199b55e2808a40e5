"""The machine as estimates see it."""

from typing import NamedTuple

from .._kernels import isa

# A thread is worth starting for this many multiply-adds (a fork and join costs microseconds).
MACS_PER_THREAD = 200_000


class Machine(NamedTuple):
    """Ceilings that a room's estimate divides by; all threads together."""

    threads: int
    flops: float  # multiply-adds counted twice, per second, in the problem's dtype
    bytes_per_second: float  # copies that miss the private caches
    call: float  # seconds from the public function to the room and back


def machine_for(problem, threads):
    """This machine for `problem`, with no more threads than its work repays."""
    threads = max(1, min(threads, problem.macs // MACS_PER_THREAD))
    wide = 2 if problem.dtype == "float64" else 1
    return Machine(
        threads=threads,
        flops=isa.nominal_flops() / wide * threads,
        bytes_per_second=8e9 * threads,
        call=5e-6,
    )
