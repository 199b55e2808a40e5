from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any, Literal, NamedTuple

name: str
summary: str
examples: tuple[str, ...]

class Ceiling(NamedTuple):
    level: str
    threads: int
    float32: float
    float64: float
    copy: tuple[tuple[int, float], ...]
    region: float
    machine: dict[str, str]
    def bandwidth(self, touched: float) -> float: ...
    def least_seconds(
        self, flops: float, touched: float, dtype: Literal["float32", "float64"] = "float32"
    ) -> tuple[float, Literal["compute", "bandwidth"]]: ...
    def figures(self) -> dict[str, Any]: ...

def measured(
    threads: int | None = None, *, level: str | None = None, seconds: float = 4.0, refresh: bool = False
) -> Ceiling: ...
def table_of(seconds: float = 4.0, refresh: bool = False) -> dict[str, Any]: ...
def cache_path() -> Path: ...
def add_arguments(parser: ArgumentParser) -> None: ...
def run(arguments: Namespace) -> int: ...
