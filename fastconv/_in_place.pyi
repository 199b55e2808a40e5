from collections.abc import Generator
from contextlib import contextmanager

@contextmanager
def in_place_of_scipy() -> Generator[None]: ...
