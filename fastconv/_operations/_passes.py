"""Kernels that are outer products, run as passes along the axes: 2 k taps instead of k * k.

Whether a kernel is one shows in its values: each call looks, where the passes would be faster. Whole
numbers are taken apart into whole numbers; of others the product of the factors may differ from the
kernel by no more than what rounding to the kernel's dtype does.
"""

from functools import lru_cache
from math import prod

import numpy as np

from .._kernels.isa import active
from .._planner import planner
from ._asked import Asked

NAME = "separable"
# The passes must be predicted to take so much less: looking at the kernel is not for nothing.
_WORTH = 0.9
_LOOK = 5e-6  # seconds
# What kernels of up to so many bytes were found to be is remembered.
_REMEMBERED = 1 << 15
# Of a product of factors, in units of the rounding of a dtype: what is taken for the kernel.
_ROUNDING = 0.75


class Packed(tuple):
    """What a plan keeps of a kernel that was taken apart: (factors or None, packed weights)."""

    __slots__ = ()


def offer(problem, settings):
    """The Passes for a `problem` of kind "conv" if its kernel is an outer product; or None."""
    return _offer(problem, settings, active())


@lru_cache(maxsize=1024)
def _offer(problem, settings, level):
    """None if passes would not pay, or are not for such a problem."""
    p = problem
    forced = settings.algorithm == NAME
    if p.ndim < 2 or sum(k > 1 for k in p.kernel) < 2 or min(p.kernel[-2:]) < 2:
        return None
    if p.in_channels != p.groups or not p.macs or not (forced or settings.algorithm is None):
        return None
    if p.ndim == 3 and p.kernel[0] > 1 and (p.padding_value or settings.max_workspace is not None):
        # Around the sums along the depth there is another value for each filter; and they are large.
        return None
    passes = Passes(p, settings)
    if not forced:
        able = planner.able_candidates(p, settings)
        if passes.seconds() + _LOOK > _WORTH * min(c.seconds for c in able):
            return None
    return passes


class Passes:
    """A problem of one channel per filter as passes along the axes; depth, if any, comes first."""

    def __init__(self, problem, settings):
        self.problem, self._settings = problem, settings
        p = problem
        self.plane, self.depth = p._replace(kind="separable"), None
        if p.ndim == 3 and p.kernel[0] > 1:
            self.depth = _along_depth(p)
            self.plane = self.plane._replace(
                in_channels=p.out_channels, groups=p.out_channels, input=(p.output[0], *p.input[1:]),
                kernel=(1, *p.kernel[1:]), stride=(1, *p.stride[1:]), dilation=(1, *p.dilation[1:]),
                pad_begin=(0, *p.pad_begin[1:]), pad_end=(0, *p.pad_end[1:]),
            )  # fmt: skip

    def _parts(self):
        """(problem, settings) of the passes; an algorithm that is forced is that of the planes."""
        parts = [(self.plane, self._settings)]
        if self.depth is not None:
            parts.insert(0, (self.depth, self._settings._replace(algorithm=None)))
        return parts

    def seconds(self):
        """Predicted time."""
        found = (planner.able_candidates(*part) for part in self._parts())
        return sum(min(c.seconds for c in able) for able in found)

    def _executables(self):
        return [planner.choose(*part) for part in self._parts()]

    @property
    def scratch(self):
        """Bytes between the passes, beside the workspaces of rooms."""
        if self.depth is None:
            return 0
        return prod(self.depth.output_shape) * np.dtype(self.problem.dtype).itemsize

    def asked(self, packs, note=""):
        """An Asked for each pass, the planes' first."""
        note = f"{note}; the kernel is an outer product" if note else "the kernel is an outer product"
        ways = [": down the columns, then along the rows", ": the pass along the depth"]
        parts = zip(reversed(self._parts()), reversed(self._executables()), ways)
        return [Asked(*part, e, packs, note + way) for part, e, way in parts]

    def prepare(self, factors):
        """Packed weights for `run`."""
        weights = [] if self.depth is None else [_column(factors[0])]
        weights.append(factors[-2:])
        return [e.prepare(w) for e, w in zip(self._executables(), weights)]

    def run(self, factors, packed, inputs, outputs):
        """Compute; `packed` as prepared from `factors`, or None to pack now."""
        (x, bias), (y,) = inputs, outputs
        *first, plane = self._executables()
        packed = packed or [None] * len(self._parts())
        if first:
            x = self._sum_depth(first[0], factors[0], packed[0], x)
        plane.run(factors[-2:], packed[-1], (x, bias), (y,))

    def _sum_depth(self, executable, factor, packed, x):
        """The sums along the depth, in the layout of the problem."""
        p = self.problem
        last = p.layout == "channels_last"
        x = np.moveaxis(x, -1, 1) if last else x
        z = np.empty(self.depth.output_shape, x.dtype)
        executable.run(_column(factor), packed, (x.reshape(*x.shape[:3], -1), None), (z,))
        z = z.reshape(*z.shape[:3], *p.input[1:])
        return np.moveaxis(z, 1, -1) if last else z


def _along_depth(problem):
    """The pass along the depth as a problem of planes whose rows are whole slices."""
    p = problem
    row = prod(p.input[1:])
    return p._replace(
        layout="channels_first", input=(p.input[0], row), kernel=(p.kernel[0], 1),
        stride=(p.stride[0], 1), dilation=(p.dilation[0], 1), pad_begin=(p.pad_begin[0], 0),
        pad_end=(p.pad_end[0], 0), output=(p.output[0], row), bias=False, relu=False,
    )  # fmt: skip


def _column(factor):
    return factor[:, None, :, None]


def factors(weight, exact=False):
    """Arrays (filters, taps), one for each axis, whose outer products are the filters; or None.

    With `exact`, whole numbers are taken apart into whole numbers, and nothing else is.
    """
    if weight.nbytes > _REMEMBERED:
        return _factors(weight, exact)
    weight = np.ascontiguousarray(weight)
    return _remembered(weight.tobytes(), weight.dtype, weight.shape, exact)


@lru_cache(maxsize=64)
def _remembered(data, dtype, shape, exact):
    return _factors(np.frombuffer(data, dtype).reshape(shape), exact)


def _factors(weight, exact):
    filters, _, *kernel = weight.shape
    found, rest = [], weight.reshape(filters, -1)
    for taps in kernel[:-1]:
        matrices = rest.reshape(filters, taps, -1)
        if taps == 1:
            found.append(np.ones((filters, 1), weight.dtype))
            continue
        pairs = [_rank_one(matrix, exact) for matrix in matrices]
        if any(pair is None for pair in pairs):
            return None
        found.append(np.stack([column for column, _ in pairs]))
        rest = np.stack([row for _, row in pairs])
    return (*found, rest)


def _rank_one(matrix, exact):
    """(column, row) whose product is `matrix`, in its dtype; None if there are none."""
    at = np.unravel_index(np.abs(matrix).argmax(), matrix.shape)
    pivot = matrix[at]
    if not np.isfinite(pivot):
        return None
    if pivot == 0:
        return np.zeros_like(matrix[:, 0]), np.zeros_like(matrix[0])
    column, row = matrix[:, at[1]], matrix[at[0]]
    whole = _whole(matrix, column, row, at)
    if whole is not None or exact:
        return whole
    wide = matrix.astype(np.float64) / np.abs(pivot)
    column, row = column / np.abs(pivot), row / np.abs(pivot)
    # One step of the power method: the best column for the row, the best row for that.
    column = wide @ row / (row @ row)
    row = column @ wide / (column @ column)
    # Of about the same size, so that neither product runs out of range.
    share = np.sqrt(np.abs(row).max() / np.abs(column).max())
    size = np.sqrt(np.abs(np.float64(pivot)))
    column, row = column * (share * size), row * (size / share)
    column, row = column.astype(matrix.dtype), row.astype(matrix.dtype)
    error = np.multiply.outer(column / size, row / size) - wide
    bound = _ROUNDING * np.finfo(matrix.dtype).eps * np.linalg.norm(wide)
    return (column, row) if np.linalg.norm(error) <= bound else None


def _whole(matrix, column, row, at):
    """(column, row) of whole numbers, or None."""
    if matrix.dtype.kind == "f":
        if np.abs(matrix[at]) >= 2**53 or not (matrix == np.rint(matrix)).all():
            return None
    whole = column.astype(np.int64)
    divisor = np.gcd.reduce(whole) * np.sign(whole[at[0]])
    whole //= divisor
    quotient, remainder = np.divmod(row.astype(np.int64), whole[at[0]])
    if remainder.any() or not (np.multiply.outer(whole, quotient) == matrix).all():
        return None
    return whole.astype(matrix.dtype), quotient.astype(matrix.dtype)
