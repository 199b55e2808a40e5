from collections.abc import Iterator
from contextlib import contextmanager

@contextmanager
def in_place_of_scipy() -> Iterator[None]: ...
