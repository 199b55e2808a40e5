"""Gradients in plain NumPy, tap by tap over a padded input, and the operands to compare them on.

Sums are in float64, where those of small integers are exact. Nothing here is fastconv's.
"""

import numpy as np

LARGEST_EXACT = 2**24  # every integer up to it is a float32


class Gradients:
    """A convolution with integer operands, an integer gradient of its output, and all results.

    Channels first. The padding before the input may be negative; what follows the last window
    does not matter.
    """

    def __init__(self, batch, channels, filters, groups, input, kernel, stride, dilation, pads, output):
        self.groups, self.kernel, self.stride, self.dilation = groups, kernel, stride, dilation
        self.pads, self.output = pads, output
        terms = max(
            channels // groups * np.prod(kernel),
            filters // groups * np.prod(kernel),
            batch * np.prod(output),
        )
        largest = max(1, min(9, int((LARGEST_EXACT / max(terms, 1)) ** 0.5)))
        rng = np.random.default_rng(int(terms))
        self.x, self.w, self.g = (
            rng.integers(-largest, largest + 1, shape).astype(float)
            for shape in (
                (batch, channels, *input),
                (filters, channels // groups, *kernel),
                (batch, filters, *output),
            )
        )
        self.options = dict(stride=stride, padding=pads, dilation=dilation, groups=groups)

    def _windows(self, padded):
        """(tap, view of what it meets) for every tap."""
        for tap in np.ndindex(*self.kernel):
            window = (
                slice(t * d, t * d + (o - 1) * s + 1, s)
                for t, d, o, s in zip(tap, self.dilation, self.output, self.stride)
            )
            yield tap, padded[(..., *window)]

    def _padded(self):
        """Zeros as large as all windows together, and where the input lies in them."""
        extent = [
            (o - 1) * s + (k - 1) * d + 1
            for o, s, k, d in zip(self.output, self.stride, self.kernel, self.dilation)
        ]
        inside, kept = [...], [...]
        for size, (before, _), whole in zip(self.x.shape[2:], self.pads, extent):
            start, stop = max(before, 0), max(min(before + size, whole), 0)
            inside.append(slice(start, max(stop, start)))
            kept.append(slice(start - before, max(stop, start) - before))
        return np.zeros((*self.x.shape[:2], *extent)), tuple(inside), tuple(kept)

    def _grouped(self, array):
        n, c, *spatial = array.shape
        return array.reshape(n, self.groups, c // self.groups, int(np.prod(spatial)))

    def grad_input(self):
        padded, inside, kept = self._padded()
        weight = self.w.reshape(self.groups, -1, *self.w.shape[1:])
        for tap, window in self._windows(padded):
            part = weight[(..., *tap)].swapaxes(1, 2) @ self._grouped(self.g)
            window += part.reshape(window.shape)
        result = np.zeros_like(self.x)
        result[kept] = padded[inside]
        return result

    def grad_weight(self):
        padded, inside, kept = self._padded()
        padded[inside] = self.x[kept]
        result = np.zeros((self.groups, len(self.w) // self.groups, *self.w.shape[1:]))
        for tap, window in self._windows(padded):
            columns = self._grouped(np.ascontiguousarray(window)).swapaxes(2, 3)
            result[(..., *tap)] = (self._grouped(self.g) @ columns).sum(axis=0)
        return result.reshape(self.w.shape)

    def grad_bias(self):
        return self.g.sum(axis=(0, *range(2, self.g.ndim)))


def of_record(record):
    """The Gradients of one record of a problem file."""
    sizes = (tuple(record[key]) for key in ("in", "kernel", "stride", "dilation"))
    pads = tuple(zip(record["pad_begin"], record["pad_end"]))
    return Gradients(*(record[key] for key in "NCKG"), *sizes, pads, tuple(record["out"]))


def in_layout(array, last, dtype):
    """A channels-first `array` in `dtype`, contiguous in either layout."""
    return np.ascontiguousarray(np.moveaxis(array, 1, -1) if last else array, dtype)
