"""Wisdom: what `fastconv.tune` has measured, in memory and in a file.

The planner prefers remembered times to its cost model. They hold for one version of fastconv, one
processor and kernel level, one number of threads; others never see them. Wisdom is a hint: it can
only choose among the algorithms that are right, so a damaged or hostile file costs time at most.

The default file is ``fastconv/wisdom.json`` in the user's cache directory (``XDG_CACHE_HOME``), or
what the environment variable ``FASTCONV_WISDOM`` names; ``FASTCONV_WISDOM=off`` reads and writes
none. It is read when the first problem is planned, and written by `fastconv.tune`; several
processes may write at once.

Examples
--------
>>> import fastconv
>>> fastconv.wisdom.clear()
>>> fastconv.wisdom.count()
0
"""

from ._planner import planner, wisdom as _wisdom

__all__ = ["clear", "count", "load", "merge", "path", "save"]


def path():
    """Where wisdom is kept by default.

    Returns
    -------
    pathlib.Path or None
        None if ``FASTCONV_WISDOM`` is ``off``.
    """
    return _wisdom.path()


def save(file=None):
    """Write wisdom to a file, together with what the file already has.

    Parameters
    ----------
    file : path, optional
        By default `path()`.

    Returns
    -------
    pathlib.Path or None
        The file; None if the default one is off or cannot be written.

    Raises
    ------
    OSError
        If a `file` was given that cannot be written.
    ValueError
        If a `file` was given that holds something else.
    """
    return _wisdom.save(file)


def load(file=None):
    """Forget all wisdom in memory and read that of a file.

    Parameters
    ----------
    file : path, optional
        By default `path()`, which need not exist. Lines that are no wisdom are passed over.

    Returns
    -------
    int
        How many problems the file knows, those of other machines included.

    Raises
    ------
    OSError
        If a `file` was given that cannot be read.
    """
    try:
        return _wisdom.load(file)
    finally:
        planner.forget()


def merge(file=None):
    """Add the wisdom of a file to that in memory, which stays where both know a problem.

    Parameters and errors are those of `load`.
    """
    try:
        return _wisdom.merge(file)
    finally:
        planner.forget()


def clear(*, file=False):
    """Forget all wisdom in memory.

    Parameters
    ----------
    file : bool
        Also remove the default file.
    """
    _wisdom.clear()
    if file:
        _wisdom.delete()
    planner.forget()


def count():
    """How many problems are known, those of other machines included."""
    return len(_wisdom.entries())
