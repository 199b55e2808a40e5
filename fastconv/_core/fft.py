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
    return _transformed(library().rfftn, x, lengths, axes, workers)


def inverse(spectrum, lengths, axes, workers):
    """Inverse of `forward`."""
    return _transformed(library().irfftn, spectrum, lengths, axes, workers, overwrite_x=True)


def _transformed(transform, x, lengths, axes, workers, **options):
    try:
        return transform(x, lengths, axes=axes, workers=workers, **options)
    except RuntimeError:
        # The library's threads end for a moment while another thread forks; nothing was computed.
        return transform(x, lengths, axes=axes, workers=1, **options)
