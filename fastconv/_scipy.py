"""What SciPy's names over our engine share: the way to SciPy itself, and telling which way was taken.

`hand_over` is the only place from which a function of `fastconv.ndimage` or `fastconv.signal` calls
the function of SciPy whose name it has.
"""

from contextlib import contextmanager
from contextvars import ContextVar

from ._core.arguments import as_array

# Dtypes by their characters: NumPy takes microseconds for a name.
REAL, COMPLEX, INTEGERS = "fd", "FD", "bBhHiIlLqQ"

_steps = ContextVar("steps", default=None)


def hand_over(function, reason, *args, **kwargs):
    """What `function` of SciPy returns; `reason` is why the engine does not compute it."""
    if _steps.get() is not None:
        tell(lambda: f"SciPy's {function.__name__}: {reason}")
    return function(*args, **kwargs)


def tell(step):
    """Note a step, that `step()` puts into words, if somebody listens."""
    steps = _steps.get()
    if steps is not None:
        steps.append(step())


def tell_choice(function, x, weight, options):
    """Note which algorithm computes a convolution, if somebody listens."""
    if _steps.get() is not None:
        from .planning import explain  # which is above

        explanation = explain(function, x, weight, **options)
        tell(lambda: f"{explanation.problem} by {explanation.algorithm}")


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


def unmasked(op, *arrays):
    """The arrays, as ndarrays; TypeError for one that is masked."""
    try:
        return [as_array(array) for array in arrays]
    except TypeError as error:
        raise TypeError(f"{op}: {error}") from None
