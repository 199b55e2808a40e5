"""Settings in force: those of the process, and those of a block of code."""

from contextvars import ContextVar
from typing import NamedTuple

from . import threads as _threads

PRECISIONS = ("highest", "high", "medium")
DENORMALS = ("keep", "flush")
TUNINGS = ("estimate", "measure", "wisdom")


class Settings(NamedTuple):
    """What a call is computed with, where its own arguments do not say."""

    threads: int
    precision: str = "highest"
    algorithm: str | None = None
    max_workspace: int | None = None  # bytes
    tuning: str = "estimate"
    deterministic: bool = False
    denormals: str = "keep"


_process = Settings(_threads.default())
block = ContextVar("fastconv settings", default=None)


def current():
    """The settings in force here."""
    return block.get() or _process


def change_process(**changes):
    """Change the settings of the process; they must have been checked."""
    global _process
    _process = _process._replace(**changes)
