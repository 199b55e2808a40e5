"""Windows of pooling in NumPy: which of their taps meet elements, and how many count."""

from functools import reduce

import numpy as np


def taps_of(problem):
    """For each tap in row-major order: its code, the outputs where it is inside, its inputs."""
    p = problem
    if p.adaptive:
        yield from _taps_of_parts(p)
        return
    for code, tap in enumerate(np.ndindex(*p.kernel)):
        outputs, inputs = [...], [...]
        for i, t in enumerate(tap):
            offset = t * p.dilation[i] - p.pad_begin[i]
            end = p.input[i] + min(p.pad_end[i], 0)
            start = max(0, -(offset // p.stride[i]))
            stop = max(start, min(p.output[i], -((offset - end) // p.stride[i])))
            outputs.append(slice(start, stop))
            first = start * p.stride[i] + offset
            inputs.append(slice(first, first + (stop - start) * p.stride[i], p.stride[i]))
            if start == stop:
                break
        else:
            yield code, tuple(outputs), tuple(inputs)


def _taps_of_parts(p):
    """The same for windows that part the input evenly."""
    starts = [np.arange(n) * size // n for size, n in zip(p.input, p.output)]
    ends = [-(-(np.arange(n) + 1) * size // n) for size, n in zip(p.input, p.output)]
    for code, tap in enumerate(np.ndindex(*p.kernel)):
        outputs = [np.flatnonzero(s + t < e) for s, e, t in zip(starts, ends, tap)]
        inputs = [s[o] + t for s, o, t in zip(starts, outputs, tap)]
        yield code, (slice(None), slice(None), *np.ix_(*outputs)), (..., *np.ix_(*inputs))


def counts_along(problem):
    """For each axis, how many taps of each window an average divides by: a list of arrays."""
    p, counts = problem, []
    for i in range(p.ndim):
        outputs = np.arange(p.output[i])
        if p.adaptive:
            starts = outputs * p.input[i] // p.output[i]
            counts.append(-(-(outputs + 1) * p.input[i] // p.output[i]) - starts)
            continue
        # Behind the padding there is nothing: with ceil_mode a window may hang over its end.
        end = p.input[i] + (p.pad_end[i] if p.count_include_pad else min(p.pad_end[i], 0))
        starts = outputs * p.stride[i] - p.pad_begin[i]
        last = np.clip(-((starts - end) // p.dilation[i]), 0, p.kernel[i])
        first = 0 if p.count_include_pad else np.clip(-(starts // p.dilation[i]), 0, last)
        counts.append(last - first)
    return counts


def counts_of(problem):
    """The same for whole windows: an array of the output's spatial sizes."""
    return reduce(np.multiply.outer, counts_along(problem))
