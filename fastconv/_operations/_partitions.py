"""A long causal kernel in parts of equal length, all but the first of which are multiplied as spectra.

Uniformly partitioned overlap-save: samples are transformed once, in blocks of two parts that overlap by one.
What part j adds to the outputs of a block is known when the block j blocks earlier is: nothing is late.
"""

import numpy as np

_LEAST, _MOST = 64, 4096


class Partitions:
    """The parts of a kernel (filters, channels of a group, taps) as it is correlated, the latest tap last.

    Attributes
    ----------
    length : int
        Taps of a part.
    count : int
        Parts, the first one included.
    until_full : int
        Samples until the next block is complete.
    """

    def __init__(self, kernel, groups, length=None):
        filters, channels, taps = kernel.shape
        if length is None:
            # The first part costs its length for every sample, the others their number.
            length = 1 << round(np.log2(2 * np.sqrt(taps)))
        self.length = length = min(max(1 << (length - 1).bit_length(), _LEAST), _MOST)
        self.count = -(-taps // length)
        self._real = kernel.dtype.kind != "c"
        self._forward = np.fft.rfft if self._real else np.fft.fft
        self._backward = np.fft.irfft if self._real else np.fft.ifft
        parts = np.zeros((self.count - 1, groups, filters // groups, channels, 2 * length), kernel.dtype)
        latest_first = kernel[:, :, ::-1].reshape(groups, -1, channels, taps)
        for j in range(1, self.count):
            part = latest_first[..., j * length : (j + 1) * length]
            parts[j - 1, ..., : part.shape[-1]] = part
        spectra = self._forward(parts)
        self._spectrum = spectra.dtype
        frequencies = spectra.shape[-1]
        # Blocks are kept in a ring; a kernel written twice meets them in order wherever the ring begins.
        self._kernel = np.concatenate([spectra[::-1], spectra[::-1]])
        self._ring = np.zeros((self.count - 1, groups, channels, frequencies), self._spectrum)
        self._sum = np.zeros((groups, filters // groups, frequencies), self._spectrum)
        self._samples = np.zeros((groups * channels, 2 * length), kernel.dtype)
        self._outputs = np.zeros((groups, filters // groups, 2 * length), kernel.dtype)
        self.reset()

    def reset(self):
        """As if nothing had been seen."""
        self._ring[...] = 0
        self._outputs[...] = 0
        self._at = 0
        self.until_full = self.length

    def restore(self, samples, position):
        """What was seen before `position`, from the last samples."""
        self.reset()
        inside = position % self.length
        whole = samples.shape[1] - inside
        for j in range(self.count - 1, 0, -1):
            end = whole - (j - 1) * self.length
            begin = max(end - 2 * self.length, 0)
            if end > 0:
                self._take(samples[:, begin:end])
        self._multiply()
        self.until_full = self.length - inside

    def add(self, y):
        """Add what earlier blocks give to the outputs `y` of a block, from where it is on."""
        n = y.shape[1]
        first = 2 * self.length - self.until_full
        # Row by row: of several NumPy would make a copy.
        for row, more in zip(y, self._outputs.reshape(len(y), -1)[:, first : first + n]):
            np.add(row, more, out=row)
        self.until_full -= n

    def turn(self, samples):
        """A block is complete: `samples` are its own and those of the block before."""
        self._take(samples)
        self._multiply()
        self.until_full = self.length

    def _take(self, samples):
        missing = 2 * self.length - samples.shape[1]
        self._samples[:, :missing] = 0
        self._samples[:, missing:] = samples
        slot = self._ring[self._at].reshape(len(self._samples), -1)
        self._forward(self._samples, out=slot)
        self._at = (self._at + 1) % len(self._ring)

    def _multiply(self):
        # The oldest block is at the ring's next place; its part is the last.
        begin = len(self._ring) - self._at
        kernel = self._kernel[begin : begin + len(self._ring)]
        np.einsum("jgkcf,jgcf->gkf", kernel, self._ring, out=self._sum)
        self._backward(self._sum, 2 * self.length, out=self._outputs)
