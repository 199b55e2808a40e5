from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypedDict, Unpack

from ._typing import Algorithm, Denormals, Precision, Tuning

class _Settings(TypedDict):
    threads: int
    precision: Precision
    algorithm: Algorithm | None
    max_workspace: int | None
    tuning: Tuning
    deterministic: bool
    denormals: Denormals

class _Changes(TypedDict, total=False):
    threads: int
    precision: Precision
    algorithm: Algorithm | None
    max_workspace: int | None
    tuning: Tuning
    deterministic: bool
    denormals: Denormals

def get_config() -> _Settings: ...
def set_config(**changes: Unpack[_Changes]) -> None: ...
@contextmanager
def config(**changes: Unpack[_Changes]) -> Iterator[None]: ...
def show_config() -> None: ...
