"""From a public function and its arguments to a call, and to what the planner is asked.

`plan`, `explain` and `tune` share it. Where arrays are not at hand their shapes do.
"""

from inspect import signature
from operator import index, mul
from typing import NamedTuple

import numpy as np

from ._core import sizes
from ._core.arguments import LARGEST
from ._core.dtypes import TABLE
from ._core.problem import CONVOLUTIONS, LAYOUTS
from ._operations import registry
from ._operations._asked import Asked, lowered
from ._operations._overlap_add import input_gradient
from ._planner import planner

# Arguments that may be given as shapes; those that may be missing.
_ARRAYS = ("weight", "input", "grad_output", "output")
_OPTIONAL = ("output",)


class Posed(NamedTuple):
    """A parsed call of a public function."""

    name: str  # of the function, as in errors
    call: object  # see `fastconv._operations`
    arguments: dict  # of the function, by name, defaults included
    data: tuple  # the names of those that a plan is called with
    asked: list  # an Asked for every problem that the planner solves


def pose(op, args, kwargs, settings, *, prepacked=False):
    """The Posed of calling ``op(*args, **kwargs)``.

    Arrays may be given as shapes; `dtype` among the keywords is then their dtype, and not that of
    the result.
    """
    name = getattr(op, "__name__", repr(op))
    if getattr(op, "__module__", None) == "fastconv.grad":
        name = f"grad.{name}"
    family = registry.family_of(name) if _is_ours(op) else None
    if family is None:
        known = ", ".join(registry.names())
        raise ValueError(f"{name!r} has no choice of algorithms to plan; these have: {known}")
    dtype = kwargs.pop("dtype", None)
    if kwargs.pop("out", None) is not None:
        raise TypeError(f"{name}: out belongs to the call, not to its planning")
    try:
        bound = signature(op).bind(*args, **kwargs)
    except TypeError as error:
        raise TypeError(f"{name}: {error}") from None
    bound.apply_defaults()
    arguments = bound.arguments
    if dtype is not None and "dtype" in arguments and not _is_shape(arguments["input"]):
        arguments["dtype"], dtype = dtype, None
    given = [
        key for key in _ARRAYS
        if key in arguments and not (key in _OPTIONAL and arguments[key] is None)
    ]  # fmt: skip
    if dtype is None:
        arrays = (arguments[key] for key in given)
        dtype = next((np.asarray(a).dtype for a in arrays if not _is_shape(a)), np.float32)
    for key in given:
        arguments[key] = _array(name, arguments[key], dtype)
    if arguments.get("bias") is not None:
        arguments["bias"] = np.array(arguments["bias"])
    call = family.parse(name, arguments, settings, prepacked)
    data = getattr(call, "data", family.names[name])
    return Posed(name, call, arguments, data, call.asked(arguments))


def _is_ours(op):
    return callable(op) and str(getattr(op, "__module__", None)).startswith("fastconv.")


def asked_by(problem, settings):
    """An Asked for every problem that `problem` takes; it may come from a file or a command line."""
    _check(problem)
    if problem.kind in CONVOLUTIONS:  # a kernel that fits once makes no step
        steps = (s if n > 1 else 1 for s, n in zip(problem.stride, problem.output))
        problem = problem._replace(stride=tuple(steps))
    row = TABLE[problem.dtype]
    note = ""
    if row.family != "native" and not (problem.kind != "conv" and row.family == "integer"):
        problem, note = lowered(problem, problem.dtype)
    if problem.kind == "grad_input":
        return input_gradient(problem, settings).asked(settings, not note, note)
    chosen = planner.choose(problem, settings)
    return [Asked(problem, settings, chosen, problem.kind == "conv" and not note, note)]


def _is_shape(value):
    """Whether `value` is a tuple or list of sizes, not an array."""
    if not isinstance(value, (tuple, list)):
        return False
    return all(hasattr(n, "__index__") and not isinstance(n, bool) for n in value)


def _array(name, value, dtype):
    """`value` as an array; for a shape, one that takes no memory."""
    if not _is_shape(value):
        return np.asarray(value)
    try:
        return np.broadcast_to(np.zeros((), dtype), tuple(map(index, value)))
    except (ValueError, TypeError) as error:
        raise type(error)(f"{name}: no array of shape {value} and dtype {dtype}: {error}") from None


def _check(problem):
    """ValueError unless every field of `problem` fits the others."""
    p, what = problem, f"not a possible problem: {problem}"
    axes = (p.input, p.kernel, p.stride, p.dilation, p.pad_begin, p.pad_end, p.output)
    # Gradients to the input are composed of convolutions.
    rooms = planner.registry.rooms_for("conv" if p.kind == "grad_input" else p.kind)
    if not rooms or p.layout not in LAYOUTS or not 1 <= p.ndim <= 3:
        raise ValueError(f"{what}: no algorithm does {p.kind}{p.ndim}d")
    if len(set(map(len, axes))) != 1:
        raise ValueError(f"{what}: the numbers of axes differ")
    counts = (p.batch, p.in_channels, p.out_channels, p.groups, *p.input, *p.output)
    if min(counts) < 1 or min(*p.kernel, *p.stride, *p.dilation) < 1:
        raise ValueError(f"{what}: sizes must be at least 1")
    if p.in_channels % p.groups or p.out_channels % p.groups:
        raise ValueError(f"{what}: groups must divide the channels")
    geometry = (p.kernel, p.stride, p.dilation)
    if p.kind in CONVOLUTIONS:
        pads = tuple(zip(p.pad_begin, p.pad_end))
        possible = {sizes.conv_output(str(p), p.input, *geometry, pads)}
    elif p.in_channels != p.out_channels:
        raise ValueError(f"{what}: pooling keeps the channels")
    if p.adaptive:
        parts = tuple(map(sizes.largest_part, p.input, p.output))
        whole = (1,) * p.ndim, (1,) * p.ndim, (0,) * p.ndim, (0,) * p.ndim
        if p.kind in CONVOLUTIONS or (p.stride, p.dilation, p.pad_begin, p.pad_end) != whole:
            raise ValueError(f"{what}: parts of an input have no stride, dilation or padding")
        if p.kernel != parts or max(map(mul, p.input, p.output)) >= LARGEST:
            raise ValueError(f"{what}: the largest parts are {parts}")
        possible = {p.output}
    elif p.kind not in CONVOLUTIONS:
        kept = tuple(n + min(after, 0) for n, after in zip(p.input, p.pad_end))
        pads = tuple((before, max(after, 0)) for before, after in zip(p.pad_begin, p.pad_end))
        possible = {
            sizes.pool_output(str(p), kept, *geometry, pads, ceil) for ceil in (False, True)
        }
    if p.output not in possible:
        raise ValueError(f"{what}: the output should be {' or '.join(map(str, possible))}")
    for shape in (p.input_shape, p.output_shape, p.weight_shape):
        sizes.check_total(str(p), "an array", shape, 16)
