"""Settings: for a block of code (`config`), for the process (`set_config`), and what they are."""

from contextlib import contextmanager

from ._core import blas, settings, threads as _threads
from ._core.arguments import as_int, one_of
from ._core.settings import DENORMALS, PRECISIONS, TUNINGS, current
from ._core.team import CAN_FLUSH
from ._core.version import VERSION
from ._kernels import isa
from ._operations._arguments import check_algorithm
from ._planner import profile, wisdom


def get_config():
    """The settings in force here, as a dictionary."""
    return current()._asdict()


def set_config(**changes):
    """Change settings for the whole process; the names are those of `config`."""
    settings.change_process(**_checked(changes))


@contextmanager
def config(**changes):
    """Settings for a block of code, in this thread and context only.

    Parameters
    ----------
    threads : int
        How many threads may work. By default the processors this process may run on, or
        ``FASTCONV_NUM_THREADS`` or ``OMP_NUM_THREADS`` if set.
    precision : {"highest", "high", "medium"}
        The error that float32 convolution may make; see the README.
    algorithm : str or None
        Force one algorithm; a problem that it cannot do raises with its reason.
    max_workspace : int or None
        Bytes of scratch memory that an algorithm may use.
    tuning : {"estimate", "measure", "wisdom"}
        How an algorithm is chosen for a problem that `fastconv.tune` has not measured yet.
        ``"estimate"``: by a cost model; nothing is ever measured. ``"measure"``: the algorithms
        are measured at first sight, for a tenth of a second, and the result is remembered in this
        process (`fastconv.wisdom.save` keeps it). ``"wisdom"``: by the cost model too, but with
        a RuntimeWarning, to find what is not tuned yet.
    denormals : {"keep", "flush"}
        What becomes of numbers so small that they have no full precision (below 1.2e-38 in float32):
        they are exact, and on some processors many times as slow as others, or they are taken for zeros.
        Decaying signals and weights that were trained for long have many of them.
    deterministic : bool
        Choose by the cost model alone, whatever was measured or remembered, so that two runs with
        the same settings on the same machine choose alike and give the same bits.

    Examples
    --------
    >>> import fastconv
    >>> with fastconv.config(threads=1):
    ...     fastconv.get_config()["threads"]
    1
    """
    token = settings.block.set(current()._replace(**_checked(changes)))
    try:
        yield
    finally:
        settings.block.reset(token)


def _checked(changes):
    checks = {
        "threads": _threads.check,
        "precision": lambda value: one_of("config", "precision", value, PRECISIONS),
        "algorithm": lambda value: check_algorithm(value, "config"),
        "max_workspace": _check_bytes,
        "tuning": lambda value: one_of("config", "tuning", value, TUNINGS),
        "deterministic": _check_flag,
        "denormals": _check_denormals,
    }
    for name in changes:
        if name not in checks:
            raise TypeError(f"config: no setting {name!r}; there are {', '.join(checks)}")
    return {name: checks[name](value) for name, value in changes.items()}


def show_config():
    """Print version, machine, settings and wisdom, one fact per line."""
    facts = {
        "fastconv": VERSION,
        "processor": f"{wisdom.processor()}, {_threads.available()} usable",
        "kernel level": f"{isa.active()} (available: {', '.join(isa.available())})",
        **get_config(),
        "BLAS": blas.description(),
        "profile": profile.active(),
        "wisdom": f"{wisdom.path() or 'no file'}, {len(wisdom.entries())} entries in memory",
    }
    width = max(map(len, facts))
    for fact, value in facts.items():
        print(f"{fact:<{width}}  {value}")


def _check_denormals(value):
    one_of("config", "denormals", value, DENORMALS)
    if value == "flush" and not CAN_FLUSH:
        raise ValueError("config: this processor cannot be told to flush denormal numbers")
    return value


def _check_flag(value):
    if value is not True and value is not False:
        raise TypeError(f"config: deterministic must be True or False, got {value!r}")
    return value


def _check_bytes(value):
    if value is None:
        return None
    value = as_int("config", "max_workspace", value)
    if value < 0:
        raise ValueError(f"config: max_workspace must not be negative, got {value}")
    return value
