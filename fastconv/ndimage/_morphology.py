"""Maxima and minima over boxes and other windows, under all their names."""

import warnings
from collections.abc import Iterable

import numpy as np
from scipy.ndimage import (
    grey_dilation as scipy_grey_dilation,
    grey_erosion as scipy_grey_erosion,
    maximum_filter as scipy_maximum_filter,
    minimum_filter as scipy_minimum_filter,
)

from .._scipy import hand_over, unmasked
from . import _extreme, _sums
from ._arguments import NAMES, axes_of, axis_of, each, mode_of, output_of
from ._correlation import expanded, expanded_origin


def maximum_filter1d(input, size, axis=-1, output=None, mode="reflect", cval=0.0, origin=0):
    """Maxima of `size` neighbours along one axis, as `scipy.ndimage.maximum_filter1d`.

    Parameters
    ----------
    input, axis, output, mode, cval, origin
        As in `correlate1d`; real.
    size : int
        Elements of a window.

    Returns
    -------
    ndarray of the shape of `input`

    Raises
    ------
    RuntimeError, ValueError, TypeError
        As SciPy does; TypeError for an array with masked elements.

    Examples
    --------
    >>> from fastconv import ndimage
    >>> ndimage.maximum_filter1d([2, 8, 0, 4, 1, 9, 9, 0], size=3)
    array([8, 8, 8, 4, 9, 9, 9, 9])
    """
    return _along("maximum_filter1d", input, size, axis, output, mode, cval, origin, False)


def minimum_filter1d(input, size, axis=-1, output=None, mode="reflect", cval=0.0, origin=0):
    """Minima of `size` neighbours along one axis, as `scipy.ndimage.minimum_filter1d`.

    Parameters, results and errors are those of `maximum_filter1d`.

    Examples
    --------
    >>> from fastconv import ndimage
    >>> ndimage.minimum_filter1d([2, 8, 0, 4, 1, 9, 9, 0], size=3)
    array([2, 0, 0, 0, 1, 1, 0, 0])
    """
    return _along("minimum_filter1d", input, size, axis, output, mode, cval, origin, True)


def maximum_filter(
    input, size=None, footprint=None, output=None, mode="reflect", cval=0.0, origin=0, *, axes=None
):
    """Maxima over windows, as `scipy.ndimage.maximum_filter`.

    Parameters
    ----------
    input, output, cval
        As in `correlate1d`; real.
    size : int or sequence of int, optional
        Of boxes.
    footprint : array of bool, optional
        Windows of any form, instead of `size`.
    mode, origin
        As in `correlate1d`, for all axes or one for each; of windows that are no boxes, `mode` for all.
    axes : int or tuple of int, optional
        Those that windows lie along; by default all.

    Returns
    -------
    ndarray of the shape of `input`

    Raises
    ------
    RuntimeError, ValueError, TypeError
        As SciPy does; TypeError for an array with masked elements.

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv import ndimage
    >>> ndimage.maximum_filter(np.arange(9).reshape(3, 3), footprint=[[0, 1, 0], [1, 1, 1], [0, 1, 0]])
    array([[3, 4, 5],
           [6, 7, 8],
           [7, 8, 8]])
    """
    return _over("maximum_filter", input, size, footprint, None, output, mode, cval, origin, axes, False)


def minimum_filter(
    input, size=None, footprint=None, output=None, mode="reflect", cval=0.0, origin=0, *, axes=None
):
    """Minima over windows, as `scipy.ndimage.minimum_filter`.

    Parameters, results and errors are those of `maximum_filter`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv import ndimage
    >>> ndimage.minimum_filter(np.arange(9).reshape(3, 3), size=3)
    array([[0, 0, 1],
           [0, 0, 1],
           [3, 3, 4]])
    """
    return _over("minimum_filter", input, size, footprint, None, output, mode, cval, origin, axes, True)


def grey_erosion(
    input, size=None, footprint=None, structure=None, output=None, mode="reflect", cval=0.0, origin=0, *,
    axes=None,
):  # fmt: skip
    """Grey erosion, as `scipy.ndimage.grey_erosion`: minima, of windows or of a structure's differences.

    Parameters
    ----------
    input, size, footprint, output, mode, cval, origin, axes
        As in `minimum_filter`.
    structure : array, optional
        What is subtracted from elements of a window. One of zeros is a window; others are left to SciPy.

    Returns
    -------
    ndarray of the shape of `input`

    Raises
    ------
    RuntimeError, ValueError, TypeError
        As SciPy does; TypeError for an array with masked elements.

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv import ndimage
    >>> ndimage.grey_erosion(np.arange(9).reshape(3, 3), size=(1, 3))
    array([[0, 0, 1],
           [3, 3, 4],
           [6, 6, 7]])
    """
    if size is None and footprint is None and structure is None:
        raise ValueError("size, footprint, or structure must be specified")
    return _over(
        "grey_erosion", input, size, footprint, structure, output, mode, cval, origin, axes, True
    )


def grey_dilation(
    input, size=None, footprint=None, structure=None, output=None, mode="reflect", cval=0.0, origin=0, *,
    axes=None,
):  # fmt: skip
    """Grey dilation, as `scipy.ndimage.grey_dilation`: maxima over windows, or of sums with a structure.

    Parameters, results and errors are those of `grey_erosion`; windows and structures are reversed.

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv import ndimage
    >>> ndimage.grey_dilation(np.arange(9).reshape(3, 3), size=(1, 3))
    array([[1, 2, 2],
           [4, 5, 5],
           [7, 8, 8]])
    """
    if size is None and footprint is None and structure is None:
        raise ValueError("size, footprint, or structure must be specified")
    (input,) = unmasked("grey_dilation", input)
    window = footprint if footprint is not None else structure
    if footprint is not None:
        footprint = _reversed(footprint)
    if structure is not None:
        structure = _reversed(structure)
    axes = axes_of(axes, input.ndim)
    sizes = each(size, len(axes)) if window is None else np.shape(window)
    # Reversed, windows of even sizes have their middle one element before.
    origin = [-o - (not n & 1) for o, n in zip(each(origin, len(axes)), sizes)]
    return _over(
        "grey_dilation", input, size, footprint, structure, output, mode, cval, origin, axes, False
    )


def _reversed(window):
    window = np.asarray(window)
    return window[(slice(None, None, -1),) * window.ndim]


def _along(op, input, size, axis, output, mode, cval, origin, minimum):
    (input,) = unmasked(op, input)
    _check_real(input)
    axis = axis_of(axis, input.ndim)
    if size < 1:
        raise RuntimeError("incorrect filter size")
    output = output_of(output, input)
    if not 0 <= size // 2 + origin < size:
        raise ValueError("invalid origin")
    return _boxes(input, output, [(axis, size, mode, origin)], cval, minimum)


def _over(op, input, size, footprint, structure, output, mode, cval, origin, axes, minimum):
    if size is not None and footprint is not None:
        warnings.warn("ignoring size because footprint is set", UserWarning, stacklevel=3)
    (input,) = unmasked(op, input)
    if structure is not None:
        structure = np.asarray(structure, np.float64)
        if footprint is None:
            footprint = np.ones(structure.shape, bool)
    elif footprint is None and size is None:
        raise RuntimeError("no footprint provided")
    if footprint is not None:
        footprint = np.asarray(footprint, bool)
        if not footprint.any():
            raise ValueError("All-zero footprint is not supported.")
    _check_real(input)
    output = output_of(output, input)
    axes = axes_of(axes, input.ndim)
    if structure is None and (footprint is None or footprint.all()):
        size = size if footprint is None else footprint.shape
        options = zip(axes, *(each(o, len(axes)) for o in (size, mode, origin)))
        boxes = [(axis, int(n), m, o) for axis, n, m, o in options if n > 1]
        for _, n, _, o in boxes:
            if not 0 <= n // 2 + o < n:
                raise ValueError("invalid origin")
        return _boxes(input, output, boxes, cval, minimum)
    window = expanded(input.ndim, axes, footprint, "footprint")
    origins = expanded_origin(input.ndim, axes, origin)
    if 0 in window.shape or window.ndim != input.ndim:
        raise RuntimeError(f"footprint.ndim ({window.ndim}) must match len(axes) ({len(axes)})")
    for n, o in zip(window.shape, origins):
        if not 0 <= n // 2 + o < n:
            raise ValueError("invalid origin")
    if structure is not None and structure.ndim != len(axes):
        raise RuntimeError("structure array has incorrect shape")
    if not isinstance(mode, str) and isinstance(mode, Iterable):
        raise RuntimeError("A sequence of modes is not supported for non-separable footprints")
    ours = mode_of(mode)
    flat = structure is None or not structure.any()
    if flat and _is_ours(input, output, cval) and _extreme.of_windows(
        input, output, window, ours, float(cval), origins, minimum
    ):  # fmt: skip
        return output
    reason = "windows along more than three axes" if flat else "structures that are not flat"
    # By erosion or dilation of SciPy, which reverses a window.
    function = scipy_grey_erosion if minimum else scipy_grey_dilation
    origin = each(origin, len(axes))
    if not minimum:
        origin = [-o - (not n & 1) for n, o in zip(footprint.shape, origin)]
        footprint = _reversed(footprint)
        structure = None if structure is None else _reversed(structure)
    return hand_over(
        function, reason, input, None, footprint, structure, output, mode, cval, origin, axes=axes
    )


def _check_real(input):
    if np.iscomplexobj(input):
        raise TypeError("Complex type not supported")


def _is_ours(input, output, cval):
    """Whether the engine takes these arrays, and holds what is beyond their border."""
    if not _sums.is_ours(input.dtype, output.dtype) or output.dtype.kind == "c":
        return False
    if input.dtype.kind == "f":
        return True
    with np.errstate(all="ignore"):
        return np.array(cval).astype(input.dtype) == cval


def _boxes(input, output, boxes, cval, minimum):
    boxes = [(axis, size, mode_of(mode), origin) for axis, size, mode, origin in boxes]
    if not boxes:
        output[...] = input
        return output
    if not input.size:
        return output
    if _is_ours(input, output, cval):
        _extreme.of_boxes(input, output, boxes, float(cval), minimum)
        return output
    axes, sizes, modes, origins = zip(*boxes)
    modes = [NAMES[m] for m in modes]
    function = scipy_minimum_filter if minimum else scipy_maximum_filter
    reason = f"arrays of {input.dtype} to {output.dtype} with {cval!r} around them"
    return hand_over(function, reason, input, sizes, None, output, modes, cval, origins, axes=axes)
