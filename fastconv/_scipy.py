"""What SciPy's names over our engine share: the way to SciPy itself, and telling which way was taken.

`hand_over` is the only place from which a function of `fastconv.ndimage` or `fastconv.signal` calls
the function of SciPy whose name it has.
"""

from contextlib import contextmanager
from contextvars import ContextVar
from importlib import import_module
from threading import Lock

import numpy as np

# Dtypes by their characters: NumPy takes microseconds for a name.
REAL, COMPLEX, INTEGERS = "fd", "FD", "bBhHiIlLqQ"

_steps = ContextVar("steps", default=None)
# What `in_place_of_scipy` has replaced, as (module, name, function), and the blocks that it is for.
_replacing, _replaced, _blocks = Lock(), [], []


def hand_over(function, reason, *args, **kwargs):
    """What `function` of SciPy returns; `reason` is why the engine does not compute it."""
    tell(lambda: f"SciPy's {function.__name__}: {reason}")
    return function(*args, **kwargs)


def tell(step):
    """Note a step, that `step()` puts into words, if somebody listens."""
    steps = _steps.get()
    if steps is not None:
        steps.append(step())


@contextmanager
def told():
    """A list that the steps of all calls in a block go to."""
    token = _steps.set([])
    try:
        yield _steps.get()
    finally:
        _steps.reset(token)


class Steps(tuple):
    """What a function with SciPy's name did, step by step; printed as one line each."""

    __slots__ = ()

    def __str__(self):
        return "\n".join(self)


def is_facade(op):
    """Whether `op` is a function with SciPy's name."""
    module = str(getattr(op, "__module__", None))
    return callable(op) and module.startswith(("fastconv.ndimage.", "fastconv.signal."))


def steps_of(op, args, kwargs):
    """The Steps of a call, which is made."""
    with told() as steps:
        op(*args, **kwargs)
    return Steps(steps or ["nothing to compute"])


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
    from . import ndimage, signal

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


def unmasked(op, **arrays):
    """The arrays, as ndarrays; TypeError for one with a mask, which would be lost."""
    found = []
    for name, array in arrays.items():
        if isinstance(array, np.ma.MaskedArray):
            raise TypeError(
                f"{op}: {name} is a masked array, and its mask would be lost; fill it, e.g. "
                f"{name}.filled(0), or leave masked elements out with fastconv.normalized_conv2d"
            )
        found.append(np.asarray(array))
    return found
