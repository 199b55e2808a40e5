from collections.abc import Callable, Sequence
from os import PathLike
from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike

from ._core.problem import Problem
from ._planner.explanation import Explanation
from ._tuning import Progress, Tuning
from ._typing import Array, SomeGradients

@overload
def plan(op: Callable[..., Array], *args: Any, **kwargs: Any) -> Plan: ...
@overload
def plan(op: Callable[..., SomeGradients], *args: Any, **kwargs: Any) -> PlanOfSeveral: ...
@overload
def explain(op: Plan | Problem | str) -> Explanation: ...

# A function with SciPy's name gives a tuple of words.
@overload
def explain(op: Callable[..., Any], *args: Any, **kwargs: Any) -> Explanation | Any: ...
def tune(
    op: Callable[..., Any] | Problem | str | PathLike[str] | Sequence[Problem | str],
    *args: Any,
    budget: float = 1.0,
    progress: Callable[[Progress], object] | bool | None = None,
    **kwargs: Any,
) -> Tuning: ...

class Plan:
    op: str
    problem: Problem
    algorithm: str | None
    workspace: int
    threads: int
    input_shape: tuple[int, ...]
    output_shape: tuple[Any, ...]
    dtype: np.dtype[Any]
    def __init__(self, op: Callable[..., Any], posed: Any, settings: Any) -> None: ...
    # What the function returns: one array or several.
    def __call__(self, input: ArrayLike, out: Array | None = None) -> Any: ...
    def explain(self) -> Explanation: ...
    def __reduce__(self) -> tuple[Any, ...]: ...

class PlanOfSeveral(Plan):
    # As many arrays as the gradient needs.
    def __call__(self, *inputs: ArrayLike, out: Array | None = None) -> Any: ...  # type: ignore[override]
