"""Operations as problems: from a public function and its arguments to what the planner is asked.

`plan`, `explain` and `tune` share it. Where arrays are not at hand their shapes do.
"""

from functools import partial
from inspect import signature
from operator import index
from typing import NamedTuple

import numpy as np

from . import conv, conv_transpose, pool
from ._core import integers, sizes
from ._core.dtypes import TABLE
from ._core.problem import CONVOLUTIONS, LAYOUTS
from ._operations._stride_phases import InputGradient
from ._operations.convolution import ConvCall, parse_conv
from ._operations.pooling import PoolCall
from ._operations.transposed import TransposeCall, parse_transpose
from ._planner import planner


class Posed(NamedTuple):
    """An operation with the problem that the planner is asked to solve for it."""

    call: object  # a ConvCall, TransposeCall or PoolCall
    arguments: dict  # of the public function, defaults included
    problem: object  # of a dtype that is computed as it is
    settings: object
    executable: object  # what runs; None if nothing does, or if the data decide
    packs: bool  # whether weights can be packed in advance
    note: str  # how `problem` differs from the operation
    exchanged: bool = False  # whether filters and channels of the weight change places


def pose(op, args, kwargs, settings, *, prepacked=False):
    """The Posed of calling ``op(*args, **kwargs)``.

    The input, and the weight too, may be a shape; `dtype` among the keywords is then its dtype.
    """
    name = getattr(op, "__name__", repr(op))
    if getattr(op, "__module__", None) == "fastconv.grad":
        name = f"grad.{name}"
    poser = _POSERS.get(op) if callable(op) else None
    if poser is None:
        known = ", ".join(function.__name__ for function in _POSERS)
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
    if dtype is None:
        arrays = (arguments[key] for key in ("weight", "input") if key in arguments)
        dtype = next((np.asarray(a).dtype for a in arrays if not _is_shape(a)), np.float32)
    for key in ("input", "weight"):
        if key in arguments:
            arguments[key] = _array(name, arguments[key], dtype)
    return poser(name, arguments, settings, prepacked)


def pose_problem(problem, settings):
    """The Posed of a Problem, which is checked: it may come from a file or a command line."""
    _check(problem)
    if problem.kind in CONVOLUTIONS:  # a kernel that fits once makes no step
        steps = (s if n > 1 else 1 for s, n in zip(problem.stride, problem.output))
        problem = problem._replace(stride=tuple(steps))
    row = TABLE[problem.dtype]
    note = ""
    if row.family != "native" and not (problem.kind != "conv" and row.family == "integer"):
        problem, note = _lowered(problem, problem.dtype)
    if problem.kind == "grad_input":
        return _of_phases(None, {}, InputGradient(problem, settings), settings, not note, note)
    packs = problem.kind == "conv" and not note
    return Posed(None, {}, problem, settings, None, packs, note)


def _pose_conv(ndim, name, arguments, settings, prepacked):
    a = arguments
    bias = a["bias"] = None if a["bias"] is None else np.array(a["bias"])
    parsed = parse_conv(
        name, ndim, a["input"], a["weight"], bias, a["stride"], a["padding"], a["dilation"],
        a["groups"], a["data_format"], a["padding_mode"], a["flip"], a["activation"],
        a["precision"], a["algorithm"], settings,
    )  # fmt: skip
    call = ConvCall(parsed, prepacked)
    problem, settings, note = call.problem, call.settings, ""
    executable = call._executable
    if a["padding_mode"] != "zeros":
        note = f"after padding in mode {a['padding_mode']!r}"
    if executable is None and problem.macs:
        problem, settings, note = _by_other_means(call, a, a["weight"])
    return Posed(call, a, problem, settings, executable, executable is not None, note)


def _pose_conv_transpose(ndim, name, arguments, settings, prepacked):
    a = arguments
    bias = a["bias"] = None if a["bias"] is None else np.array(a["bias"])
    call = TransposeCall(parse_transpose(
        name, ndim, a["input"], a["weight"], bias, a["stride"], a["padding"], a["output_padding"],
        a["groups"], a["dilation"], a["data_format"], a["activation"], a["precision"],
        a["algorithm"], settings,
    ), prepacked)  # fmt: skip
    problem, settings = call.problem, call.settings
    executable = call._executable
    if not problem.macs:
        return Posed(call, a, problem, settings, None, False, "")
    packs, note = executable is not None, ""
    if executable is None:
        problem, settings, note = _by_other_means(call, a, call._rearranged(a["weight"]))
        executable = InputGradient(problem, settings)
    return _of_phases(call, a, executable, settings, packs, note)


def _of_phases(call, arguments, gradient, settings, packs, note):
    """The Posed of an InputGradient: its largest phase."""
    count = len(gradient.phases)
    part = f"the largest of {count} stride phases" if count > 1 else "with the kernel reversed"
    note = f"{note}; {part}" if note else part
    return Posed(call, arguments, gradient.main.problem, settings, gradient, packs, note, True)


def parts(posed):
    """The Posed of every problem that the planner is asked to solve for an operation."""
    if not isinstance(posed.executable, InputGradient):
        return [posed]
    problems = dict.fromkeys(phase.problem for phase in posed.executable.phases)
    return [posed._replace(problem=problem, executable=None) for problem in problems]


def _pose_pool(kind, ndim, name, arguments, settings, prepacked):
    a = {"dilation": 1, "ceil_mode": False, "count_include_pad": True, "divisor_override": None}
    a |= {"stride": None, "padding": 0, **arguments}
    x, last = a["input"], a["data_format"] == "channels_last"
    if ndim is None:
        if x.ndim not in (3, 4, 5) or 0 in (x.shape[1:-1] if last else x.shape[2:]):
            raise ValueError(
                f"{name}: input must have a batch axis, a channel axis and one to three spatial "
                f"axes, none of these empty; got shape {x.shape}"
            )
        ndim, a["kernel_size"] = x.ndim - 2, x.shape[1:-1] if last else x.shape[2:]
    call = PoolCall(
        name, kind, ndim, x, a["kernel_size"], a["stride"], a["padding"], a["dilation"],
        a["ceil_mode"], a["count_include_pad"], a["divisor_override"], a["data_format"], settings,
    )  # fmt: skip
    note = ""
    if call.problem.dtype != call.dtype.name:
        note = f"{call.dtype.name} by way of {call.problem.dtype}"
    executable = planner.choose(call.problem, settings)
    return Posed(call, a, call.problem, settings, executable, False, note)


_POSERS = {
    **{getattr(conv, f"conv{n}d"): partial(_pose_conv, n) for n in (1, 2, 3)},
    **{
        getattr(conv_transpose, f"conv_transpose{n}d"): partial(_pose_conv_transpose, n)
        for n in (1, 2, 3)
    },
    **{
        getattr(pool, f"{kind}{n}d"): partial(_pose_pool, kind, n)
        for kind in ("max_pool", "avg_pool")
        for n in (1, 2, 3)
    },
    pool.global_max_pool: partial(_pose_pool, "max_pool", None),
    pool.global_avg_pool: partial(_pose_pool, "avg_pool", None),
}


def _lowered(problem, dtype):
    """The native problem that computes one of another `dtype`, and how."""
    row = TABLE[dtype]
    native = problem._replace(dtype=row.carrier)
    if problem.kind not in CONVOLUTIONS:
        return native, f"{dtype} by way of {row.carrier}"
    if row.family == "half":
        return native, f"{dtype}, computed in {row.carrier} and rounded once"
    if row.family == "complex":
        wide = dict(in_channels=2 * problem.in_channels, out_channels=2 * problem.out_channels)
        return native._replace(**wide), f"{dtype} as pairs of real channels"
    native = native._replace(precision="exact")
    return native, f"{dtype} in {row.carrier}, if sums stay below 2**24: the data decide"


def _by_other_means(call, arguments, weight):
    """(problem, settings, note) where a dtype is computed in another; `weight` as rooms see it."""
    name = call.dtype.name
    problem, note = _lowered(call.problem, name)
    if TABLE[name].family != "integer" or _stands_in(arguments["input"]):
        return problem, call.settings, note
    # The integers at hand decide.
    carrier = integers.carrier(integers.bound(arguments["input"], weight, arguments["bias"]))
    if carrier is None:
        note = f"{name} in wide integers: no float holds these sums exactly"
        return call.problem, call.settings._replace(algorithm="reference"), note
    note = f"{name} in {carrier}, which holds these sums exactly"
    return problem._replace(dtype=carrier), call.settings, note


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


def _stands_in(array):
    return array.ndim and array.size and not any(array.strides)


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
    else:
        if p.in_channels != p.out_channels:
            raise ValueError(f"{what}: pooling keeps the channels")
        kept = tuple(n + min(after, 0) for n, after in zip(p.input, p.pad_end))
        pads = tuple((before, max(after, 0)) for before, after in zip(p.pad_begin, p.pad_end))
        possible = {
            sizes.pool_output(str(p), kept, *geometry, pads, ceil) for ceil in (False, True)
        }
    if p.output not in possible:
        raise ValueError(f"{what}: the output should be {' or '.join(map(str, possible))}")
    for shape in (p.input_shape, p.output_shape, p.weight_shape):
        sizes.check_total(str(p), "an array", shape, 16)
