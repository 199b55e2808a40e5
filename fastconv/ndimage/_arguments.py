"""Arguments as `scipy.ndimage` takes them, with its errors."""

import operator
import warnings
from collections.abc import Iterable

import numpy as np

# SciPy's names of what is beyond a border -> ours.
MODES = {
    "reflect": "symmetric", "grid-mirror": "symmetric", "mirror": "reflect", "nearest": "replicate",
    "wrap": "circular", "grid-wrap": "circular", "constant": "constant", "grid-constant": "constant",
}  # fmt: skip


# ... and back.
NAMES = {
    "symmetric": "reflect",
    "reflect": "mirror",
    "replicate": "nearest",
    "circular": "wrap",
    "constant": "constant",
}


def mode_of(mode):
    """Our name for a mode."""
    try:
        return MODES[mode]
    except (KeyError, TypeError):
        raise RuntimeError("boundary mode not supported") from None


def each(value, count):
    """A list of `count` values, from one or from a sequence of them."""
    if isinstance(value, str) or not np.iterable(value):
        return [value] * count
    values = list(value)
    if len(values) != count:
        raise RuntimeError("sequence argument must have length equal to input rank")
    return values


def axis_of(axis, ndim):
    """`axis` as a number from 0 on."""
    axis = operator.index(axis)
    if not -ndim <= axis < ndim:
        raise np.exceptions.AxisError(axis, ndim)
    return axis % ndim


def axes_of(axes, ndim):
    """`axes` as a tuple of numbers from 0 on; all of them for None."""
    if axes is None:
        return tuple(range(ndim))
    if np.isscalar(axes):
        axes = (axis_of(axes, ndim),)
    elif not isinstance(axes, Iterable):
        raise ValueError("axes must be an integer, iterable of integers, or None")
    axes = tuple(map(operator.index, axes))
    for axis in axes:
        if not -ndim <= axis < ndim:
            raise ValueError(f"specified axis: {axis} is out of range")
    axes = tuple(axis % ndim for axis in axes)
    if len(set(axes)) != len(axes):
        raise ValueError("axes must be unique")
    return axes


def output_of(output, input, complex_=False):
    """The array that the result goes to: `output`, or a new one of the dtype that it says."""
    if output is None:
        dtype = np.promote_types(input.dtype, np.complex64) if complex_ else input.dtype
        return np.empty(input.shape, dtype.newbyteorder("="))
    if isinstance(output, (type, np.dtype)):
        dtype = np.dtype(output)
        if complex_ and dtype.kind != "c":
            warnings.warn("promoting specified output dtype to complex", stacklevel=4)
            dtype = np.promote_types(dtype, np.complex64)
        return np.empty(input.shape, dtype)
    if isinstance(output, str):
        dtype = np.dtype(output)
        if complex_ and dtype.kind != "c":
            raise RuntimeError("output must have complex dtype")
        if not issubclass(dtype.type, np.number):
            raise RuntimeError("output must have numeric dtype")
        return np.empty(input.shape, dtype)
    output = np.asarray(output)
    if output.shape != input.shape:
        raise RuntimeError("output shape not correct")
    if complex_ and output.dtype.kind != "c":
        raise RuntimeError("output must have complex dtype")
    return output


def check_kinds(input, weights, output):
    """RuntimeError for a result of complex numbers where there are none."""
    if output.dtype.kind == "c" and input.dtype.kind != "c" and weights.dtype.kind != "c":
        raise RuntimeError(f"array type dtype({output.dtype.name!r}) not supported")


def value_of(cval, *arrays):
    """What is beyond the border, as a number that fits the kind of the first of the arrays."""
    if arrays[0].dtype.kind == "c":
        return complex(cval)
    if np.iscomplexobj(cval) and any(array.dtype.kind == "c" for array in arrays):
        raise ValueError("Cannot provide a complex-valued cval when the input is real.")
    return float(cval)


def check_origin(origin, size, name):
    """ValueError unless a window of `size`, moved by `origin`, holds the element that it is for."""
    if not -(size // 2) <= origin <= (size - 1) // 2:
        raise ValueError(
            f"Invalid origin; origin must satisfy -({name} // 2) <= origin <= ({name}-1) // 2"
        )
