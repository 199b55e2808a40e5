"""Gradients to the input of a convolution as one matrix product, whose windows are then added up.

Every output passes a whole window back: its gradients times the kernel, for all outputs a product of
two matrices. Where windows are large and far apart, as in an inverse short-time Fourier transform or
in first layers, that is a fraction of what the phases of the stride take one by one.
"""

from math import prod

import numpy as np

from .._core.overlap_add import overlap_add
from .._planner import planner
from ._asked import Asked
from ._stride_phases import InputGradient

# Bytes of windows that are there at a time.
_WINDOWS = 8 << 20
# Nanoseconds: of a thread for every element of a window, written, read and added; for every element
# whose channels change places; for every step.
_WINDOW, _MOVED, _STEP = 2.0, 2.0, 15_000
# More phases than this are not asked what they take.
_MOST_PHASES = 64


def input_gradient(problem, settings, prepacked=False):
    """The way to compute a `problem` of kind "grad_input": whichever is predicted to be faster."""
    apart = any(s > 1 and k > 1 for s, k in zip(problem.stride, problem.kernel))
    free = settings.algorithm is None and settings.max_workspace is None
    if not (apart and free):
        return InputGradient(problem, settings, prepacked)
    whole = OverlapAdd(problem, settings, prepacked)
    # As many phases take longer to be told what to do.
    if prod(map(min, problem.stride, problem.kernel)) > _MOST_PHASES:
        return whole
    phases = InputGradient(problem, settings, prepacked)
    seconds = sum(_seconds(phase.problem, settings, prepacked) for phase in phases.phases)
    return whole if whole.seconds() < seconds else phases


def _seconds(problem, settings, prepacked):
    able = planner.able_candidates(problem, settings, prepacked=prepacked, exchanged=True)
    return min(candidate.seconds for candidate in able)


class OverlapAdd:
    """A problem of kind "grad_input" as a product and the sum of its windows.

    It has the face of an `InputGradient`.
    """

    def __init__(self, problem, settings, prepacked=False):
        self.problem, self._settings, self._prepacked = problem, settings, prepacked
        p = problem
        row = p.in_channels * p.taps * (8 if p.dtype == "float64" else 4)
        image = prod(p.output) * row
        self._images = max(min(p.batch, _WINDOWS // image), 1)
        # Images too large are cut across their first axis of several outputs.
        self._axis = next((i for i, n in enumerate(p.output) if n > 1), 0)
        self._band = p.output[self._axis]
        if image > _WINDOWS:
            bands = min(-(-image // _WINDOWS), self._band)
            self._band = -(-self._band // bands)
        self._executable = self._product(self._images, self._band)

    def _product(self, images, band):
        """The Executable of the product for some images, or of a band of one."""
        return planner.choose(
            self._posed(images, band), self._settings, prepacked=self._prepacked, exchanged=True
        )

    def _posed(self, images, band):
        p = self.problem
        output = list(p.output)
        output[self._axis] = band
        one, none = (1,) * p.ndim, (0,) * p.ndim
        return p._replace(
            kind="conv", layout="channels_last", batch=images, in_channels=p.out_channels,
            out_channels=p.in_channels * p.taps, input=tuple(output), kernel=one, stride=one,
            dilation=one, pad_begin=none, pad_end=none, output=tuple(output), bias=False, relu=False,
        )  # fmt: skip

    def seconds(self):
        """Predicted time of a call."""
        p = self.problem
        steps = -(-p.batch // self._images) * -(-p.output[self._axis] // self._band)
        product = _seconds(self._executable.problem, self._settings, self._prepacked)
        elements = p.batch * prod(p.output) * p.in_channels * p.taps
        moved = 0
        if p.layout == "channels_first" and p.in_channels > 1:
            moved = p.batch * p.in_channels * prod(p.input)
        around = _WINDOW * elements / self._executable.threads + _MOVED * moved + _STEP * steps
        return steps * product + 1e-9 * around

    @property
    def scratch(self):
        """Bytes that a call takes beside the workspace of the product."""
        p = self.problem
        itemsize = 8 if p.dtype == "float64" else 4
        windows = prod(self._executable.problem.output_shape)
        return (windows + prod(p.input_shape)) * itemsize

    def asked(self, settings, packs=False, note=""):
        """An Asked for the product."""
        what = f"a product, whose windows of {self.problem.taps} taps are then added up"
        what = f"{note}; {what}" if note else what
        one = self._executable
        return [Asked(one.problem, settings, one, packs, what, exchanged=True)]

    def prepare(self, weight):
        """The weight as the product takes it, packed."""
        return self._executable.prepare(self._matrix(weight))

    def _matrix(self, weight):
        """Filters of the product: for each group all taps, for each tap all channels."""
        p = self.problem
        grouped = weight.reshape(p.groups, p.in_channels // p.groups, weight.shape[1], p.taps)
        filters = grouped.transpose(0, 3, 1, 2).reshape(p.in_channels * p.taps, weight.shape[1])
        return filters[(..., *(None,) * p.ndim)]

    def run(self, weight, packed, inputs, outputs):
        """Compute; `packed` as prepared from `weight`, or None to pack now."""
        p = self.problem
        (gradient, bias), (y,) = inputs, outputs
        if p.layout == "channels_first":
            gradient, y = np.moveaxis(gradient, 1, -1), np.moveaxis(y, 1, -1)
        weight = self._matrix(weight)
        whole = y.flags.c_contiguous
        for first in range(0, p.batch, self._images):
            here = slice(first, first + self._images)
            sums = y[here]
            if not whole:
                sums = np.empty(sums.shape, sums.dtype)
            sums[...] = 0 if bias is None else bias
            packed = self._add(weight, packed, gradient[here], sums)
            if p.relu:
                np.maximum(sums, 0, out=sums)
            if not whole:
                y[here] = sums

    def _add(self, weight, packed, gradient, sums):
        """Add the windows of some images to `sums`; the packed weights, for the next ones."""
        p = self.problem
        lead = 3 - p.ndim
        for start in range(0, p.output[self._axis], self._band):
            part = (slice(None),) * (1 + self._axis) + (slice(start, start + self._band),)
            band = gradient[part]
            product = self._executable
            if band.shape[:-1] != product.problem.output_shape[:-1]:
                product, mine = self._product(len(band), band.shape[1 + self._axis]), None
            else:
                mine = packed = product.prepare(weight) if packed is None else packed
            windows = np.empty(product.problem.output_shape, sums.dtype)
            product.run(weight, mine, (band, None), (windows,))
            origin = [0] * 3
            origin[lead + self._axis] = start
            overlap_add(
                windows, sums, origin, *((1,) * lead + sizes for sizes in (
                    product.problem.output, p.kernel, p.stride, p.dilation)),
                (0,) * lead + p.pad_begin, (1,) * lead + p.input, p.groups,
                p.in_channels // p.groups, self._executable.threads,
            )  # fmt: skip
        return packed
