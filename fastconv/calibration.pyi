from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import NamedTuple

from ._planner.profile import Profile

__all__ = ["Calibration", "calibrate"]

class Calibration(NamedTuple):
    profile: Profile
    choices: int
    before: float
    after: float
    worst_before: float
    worst_after: float
    saved: Path | None

def calibrate(
    seconds: float = 50.0,
    progress: Callable[[int, int, str], object] | bool | None = None,
    *,
    report: str | PathLike[str] | None = None,
) -> Calibration: ...
