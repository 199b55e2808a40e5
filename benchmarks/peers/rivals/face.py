"""The face of a rival, and what several rivals share."""

from typing import NamedTuple

import numpy as np

from benchmarks import timing


class Refusal(Exception):
    """A rival cannot do a problem; the message says why."""


class Prepared(NamedTuple):
    """A problem made ready: `call` is what is timed."""

    call: object  # () -> the rival's own result
    result: object  # that result -> NumPy array, channels first
    detail: str = ""  # which of the rival's functions, or what it does beside the operation
    keep: tuple = ()  # what the call reads without owning it


class Rival:
    """One way of computing that is measured; everything happens in a process of its own.

    `planned` rivals may prepare weights beforehand and write into memory of their own; the others
    get operands and return a new array at every call.
    """

    name = ""
    planned = False
    modules = ()  # what has to be importable
    ops = ("conv", "max_pool", "avg_pool")

    def available(self):
        """None, or the reason why this rival cannot run here."""
        for module in self.modules:
            try:
                __import__(module)
            except Exception as error:  # a broken installation may raise anything
                return f"{module} cannot be imported ({type(error).__name__}: {error})"
        return None

    def start(self, threads):
        """Settle on `threads`; returns a line that tells the version and settings that matter."""
        raise NotImplementedError

    def prepare(self, case, layout, x, weight, bias):
        """`case` made ready, or Refusal. Operands are NumPy arrays, x in `layout`.

        For gradients `bias` is that of the output, in `layout`, and the result is what
        `oracle.together` makes of all three.
        """
        raise NotImplementedError


def rank_one(weight):
    """Vectors whose outer product is the 2-D `weight`, or None if it is not separable."""
    u, s, v = np.linalg.svd(weight.astype(np.float64), full_matrices=False)
    if len(s) > 1 and s[1] > 1e-6 * s[0]:
        return None
    root = np.sqrt(s[0])
    return (u[:, 0] * root).astype(weight.dtype), (v[0] * root).astype(weight.dtype)


def fastest(candidates):
    """Of several ways to the same result, (name, call) pairs, the one that takes least time.

    A user would pick it with care, so the comparison does too.
    """
    if len(candidates) == 1:
        return candidates[0]
    return min(candidates, key=lambda pair: timing.burst(pair[1], 0.01).minimum)


def planes(case, x, layout):
    """`x` channels first, one contiguous plane per (n, c)."""
    first = x if layout == "channels_first" else np.moveaxis(x, -1, 1)
    return np.ascontiguousarray(first)


def one_plane_each(case, limit=32):
    """Refusal unless every output plane comes from one input plane, and these are few."""
    if case.op == "conv" and case.in_channels != case.groups:
        raise Refusal("sums over channels: no function for it")
    if case.batch * case.out_channels > limit:
        raise Refusal(f"one call per plane, and there are over {limit}")


def unit_steps(case, *, stride=True):
    """Refusal of dilation, and of strides where the rival would compute all and keep few."""
    if set(case.dilation) != {1}:
        raise Refusal("no dilation")
    if stride and set(case.stride) != {1}:
        raise Refusal("no strides")
