"""User arguments into tuples of ints, with errors that spell the problem."""

from operator import index

import numpy as np

# Integers that users give stay below this, so that sums of two of them fit 64 bits.
LARGEST = 2**62

NAMED_PADDINGS = ("valid", "same", "same_lower", "full", "causal")


# What other libraries call some choices.
_ELSEWHERE = {
    **dict.fromkeys(("NCL", "NCW", "NCHW", "NCDHW"), "channels_first"),
    **dict.fromkeys(("NLC", "NWC", "NHWC", "NDHWC"), "channels_last"),
    "mirror": "reflect", "grid-mirror": "symmetric", "nearest": "replicate", "edge": "replicate",
    "wrap": "circular", "grid-wrap": "circular", "grid-constant": "constant",
}  # fmt: skip


def as_array(value):
    """`value` as an ndarray; TypeError for a masked array, as what is masked would count."""
    if value.__class__ is np.ndarray:
        return value
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        raise TypeError(
            "a masked array would lose its mask, and what it hides would count; fill it, e.g. "
            "x.filled(0), or leave masked elements out with fastconv.normalized_conv2d"
        )
    if hasattr(value, "__dlpack__") and not hasattr(value, "__array__"):
        return np.from_dlpack(value)
    return np.asarray(value)


def as_int(op, name, value):
    """`value` as an int; bools and non-integers are refused."""
    if isinstance(value, bool):
        raise TypeError(f"{op}: {name} must be an integer, got {value!r}")
    try:
        value = index(value)
    except TypeError:
        raise TypeError(f"{op}: {name} must be an integer, got {value!r}") from None
    if abs(value) >= LARGEST:
        raise ValueError(f"{op}: {name} = {value} is out of range")
    return value


def as_ints(op, name, value, ndim, minimum):
    """An int or one int per axis as a tuple of `ndim` ints, each at least `minimum`."""
    if isinstance(value, (str, bytes)):
        raise TypeError(f"{op}: {name} must be an integer or {ndim} of them, got {value!r}")
    try:
        values = tuple(value)
    except TypeError:
        values = (value,) * ndim
    if len(values) == 1:
        values *= ndim
    if len(values) != ndim:
        raise ValueError(f"{op}: {name} needs one value or {ndim}, one per axis; got {value!r}")
    values = tuple(as_int(op, name, v) for v in values)
    if min(values) < minimum:
        raise ValueError(f"{op}: {name} must be at least {minimum}, got {value!r}")
    return values


def as_shape(op, name, shape):
    """`shape` as a tuple of sizes, each at least 0."""
    try:
        sizes = None if isinstance(shape, (str, bytes)) else tuple(shape)
    except TypeError:
        sizes = None
    if sizes is None:
        raise TypeError(f"{op}: {name} must be a tuple of integers, got {shape!r}")
    sizes = tuple(as_int(op, name, size) for size in sizes)
    if min(sizes, default=0) < 0:
        raise ValueError(f"{op}: {name} must not have negative sizes, got {sizes}")
    return sizes


def as_pairs(op, padding, ndim):
    """Explicit `padding` as `ndim` pairs (before, after); only in pairs may a value be negative."""
    if isinstance(padding, (str, bytes)):
        raise ValueError(
            f"{op}: padding {padding!r} is not known; names are {', '.join(NAMED_PADDINGS)}"
        )
    try:
        axes = list(padding)
    except TypeError:
        axes = [padding] * ndim
    if len(axes) == 1:
        axes *= ndim
    if len(axes) != ndim:
        raise ValueError(
            f"{op}: padding needs an integer, {ndim} integers or {ndim} (before, after) pairs; "
            f"got {padding!r}"
        )
    return tuple(_pair(op, padding, axis) for axis in axes)


def _pair(op, padding, axis):
    if hasattr(axis, "__len__") and not isinstance(axis, (str, bytes)) and getattr(axis, "ndim", 1):
        if len(axis) != 2:
            raise ValueError(
                f"{op}: a padding pair is (before, after), got {axis!r} in {padding!r}"
            )
        return as_int(op, "padding", axis[0]), as_int(op, "padding", axis[1])
    value = as_int(op, "padding", axis)
    if value < 0:
        raise ValueError(
            f"{op}: padding must not be negative, got {padding!r}; "
            "to crop, give (before, after) pairs"
        )
    return value, value


def one_of(op, name, value, choices):
    """`value`, which must be one of `choices`."""
    if value not in choices:
        listed = ", ".join(map(repr, choices))
        ours = _ELSEWHERE.get(value) if isinstance(value, str) else None
        hint = f", which is {ours!r} here" if ours in choices else ""
        raise ValueError(f"{op}: {name} must be one of {listed}; got {value!r}{hint}")
    return value


def split_input(op, ndim, shape, data_format):
    """Batch size (1 if there is no batch axis), channels and spatial sizes of an input's `shape`."""
    last = data_format == "channels_last"
    if len(shape) not in (ndim + 1, ndim + 2):
        axes = ", ".join("DHW"[3 - ndim :])
        layout = f"({axes}, C)" if last else f"(C, {axes})"
        raise ValueError(f"{op}: input must have shape {layout} or (N, {layout[1:]}; got {shape}")
    if len(shape) == ndim + 1:
        shape = (1, *shape)
    return (shape[0], shape[-1], shape[1:-1]) if last else (*shape[:2], shape[2:])


def as_window_counts(op, name, value, spatial):
    """An int or None, or one per axis, as a count per axis; None keeps the size of the input."""
    ndim = len(spatial)
    try:
        values = None if isinstance(value, (str, bytes)) else tuple(value)
    except TypeError:
        values = (value,) * ndim
    if values is None or len(values) not in (1, ndim):
        raise ValueError(f"{op}: {name} needs one value or {ndim}, one per axis; got {value!r}")
    values *= ndim // len(values)
    return as_ints(op, name, [n if v is None else v for n, v in zip(spatial, values)], ndim, 1)
