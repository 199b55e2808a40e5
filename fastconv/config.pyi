from collections.abc import Generator
from contextlib import contextmanager
from typing import TypedDict, Unpack

from ._typing import Algorithm, Denormals, Precision, TuningMode

class _Settings(TypedDict):
    threads: int
    precision: Precision
    algorithm: Algorithm | None
    max_workspace: int | None
    tuning: TuningMode
    deterministic: bool
    denormals: Denormals

class _Changes(TypedDict, total=False):
    threads: int
    precision: Precision
    algorithm: Algorithm | None
    max_workspace: int | None
    tuning: TuningMode
    deterministic: bool
    denormals: Denormals

def get_config() -> _Settings: ...
def set_config(**changes: Unpack[_Changes]) -> None: ...
@contextmanager
def config(**changes: Unpack[_Changes]) -> Generator[None]: ...
def show_config() -> None: ...
