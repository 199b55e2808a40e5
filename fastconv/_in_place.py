"""Our functions in the place of SciPy's."""

from contextlib import contextmanager
from importlib import import_module
from threading import Lock

from . import ndimage, signal

# What was replaced, as (module, name, function), and the blocks of code that it is for.
_replacing, _replaced, _blocks = Lock(), [], []


@contextmanager
def in_place_of_scipy():
    """Functions of `fastconv.ndimage` and `fastconv.signal` in the place of SciPy's, for a block of code.

    Code that calls ``scipy.ndimage.gaussian_filter``, as scikit-image does, then calls
    ``fastconv.ndimage.gaussian_filter``. It is so for all threads; functions that were imported by
    their names before, as by ``from scipy.ndimage import gaussian_filter``, stay SciPy's.

    Examples
    --------
    >>> import fastconv, scipy.ndimage
    >>> with fastconv.in_place_of_scipy():
    ...     scipy.ndimage.sobel.__module__
    'fastconv.ndimage._derivatives'
    """
    with _replacing:
        if not _replaced:
            for ours in (ndimage, signal):
                theirs = import_module(ours.__name__.replace("fastconv", "scipy"))
                for name in ours.__all__:
                    _replaced.append((theirs, name, getattr(theirs, name)))
                    setattr(theirs, name, getattr(ours, name))
        _blocks.append(None)
    try:
        yield
    finally:
        with _replacing:
            _blocks.pop()
            while not _blocks and _replaced:
                setattr(*_replaced.pop())
