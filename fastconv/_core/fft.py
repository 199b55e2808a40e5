"""The door to FFTs: scipy.fft, imported on first use."""

from functools import cache


@cache
def library():
    """The FFT library in use."""
    import scipy.fft

    return scipy.fft


def next_fast_len(size, real):
    """The smallest length from `size` on that transforms fast."""
    return library().next_fast_len(size, real=real)


def forward(x, lengths, axes, workers):
    """Real-input transform over `axes`, zero-padded to `lengths`; precision is kept."""
    return library().rfftn(x, lengths, axes=axes, workers=workers)


def inverse(spectrum, lengths, axes, workers):
    """Inverse of `forward`."""
    return library().irfftn(spectrum, lengths, axes=axes, workers=workers, overwrite_x=True)
