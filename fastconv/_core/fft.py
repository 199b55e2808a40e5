"""The door to FFTs: scipy.fft, imported on first use."""

from functools import cache


@cache
def library():
    """The FFT library in use."""
    import scipy.fft

    return scipy.fft


def next_fast_len(size):
    """The smallest length from `size` on that transforms fast: 2, 3 and 5 are its prime factors.

    As ``scipy.fft.next_fast_len`` for real data, without importing it: estimates ask, of calls that
    never transform.
    """
    best, fives = 1 << max(size - 1, 0).bit_length(), 1
    while fives < best:
        odd = fives
        while odd < best:
            twos = max(-(-size // odd) - 1, 0).bit_length()
            best = min(best, odd << twos)
            odd *= 3
        fives *= 5
    return best


def forward(x, lengths, axes, workers):
    """Real-input transform over `axes`, zero-padded to `lengths`; precision is kept."""
    return library().rfftn(x, lengths, axes=axes, workers=workers)


def inverse(spectrum, lengths, axes, workers):
    """Inverse of `forward`."""
    return library().irfftn(spectrum, lengths, axes=axes, workers=workers, overwrite_x=True)
