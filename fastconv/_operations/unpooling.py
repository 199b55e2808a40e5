"""Values to where maxima came from, and back. There is nothing to choose, and nothing to prepare."""

from math import prod

import numpy as np

from .._core import sizes
from .._core.arguments import LARGEST, as_array, as_ints, as_pairs, as_shape, one_of, split_input
from .._core.arrays import Form, contiguous, native
from .._core.dtypes import row_of
from .._core.outputs import stand_in
from .._core.problem import LAYOUTS
from .._core.scatter import first_wrong, scatter
from .._core.settings import current


def max_unpool(ndim, input, indices, kernel_size, stride, padding, output_size, data_format, out):
    """What the public functions do with their arguments."""
    op = f"max_unpool{ndim}d"
    values, indices = as_array(input), as_array(indices)
    one_of(op, "data_format", data_format, LAYOUTS)
    batch, channels, spatial = split_input(op, ndim, values.shape, data_format)
    kernel = as_ints(op, "kernel_size", kernel_size, ndim, 1)
    stride = kernel if stride is None else as_ints(op, "stride", stride, ndim, 1)
    pads = as_pairs(op, padding, ndim)
    natural = tuple(
        (n - 1) * s - before - after + k
        for n, s, k, (before, after) in zip(spatial, stride, kernel, pads)
    )
    result = natural
    if output_size is not None:
        result = _output_size(op, output_size, values.shape, data_format, natural, stride)
    if not 1 <= min(result) <= max(result) < LARGEST:
        raise ValueError(f"{op}: input of shape {values.shape} would give planes of {result}")
    shape = (batch, channels, *result)
    if data_format == "channels_last":
        shape = (batch, *result, channels)
    if values.ndim == ndim + 1:
        shape = shape[1:]
    return scattered(op, "input", values, indices, shape, ndim, data_format, out)


def scattered(op, what, values, indices, shape, ndim, data_format, out, *, add=False):
    """An array of `shape`: `values` at `indices` of their planes, and zero elsewhere.

    Of values for one place the last stays, or, with `add`, all are added up. In errors, `what` is
    the name of the values.
    """
    row = row_of(op, values.dtype)
    if row.family == "complex":
        raise TypeError(f"{op}: {what} of dtype {values.dtype}: complex numbers have no order")
    dtype = values.dtype.newbyteorder("=")
    sizes.check_total(op, "the result", shape, dtype.itemsize)
    batch, channels, spatial = split_input(op, ndim, shape, data_format)
    flat = _checked(op, indices, values.shape, prod(spatial), what)
    if out is None:
        out = target = np.empty(shape, dtype)
    elif Form(shape, dtype).takes_result(out, values, indices) and out.flags.c_contiguous:
        target = out
    else:
        target = stand_in(op, out, shape, dtype)
    if values.size:
        last = data_format == "channels_last"
        wide = np.dtype(row.carrier) if row.family == "half" else dtype
        given = np.ascontiguousarray(native(values).astype(wide, copy=False))
        made = target if wide == dtype else np.empty(shape, wide)
        cells = (batch, -1, channels) if last else (batch, channels, -1)
        flat, given, planes = (a.reshape(cells) for a in (flat, given, made))
        scatter(flat, given, planes, last, add, current().threads)
        if made is not target:
            with np.errstate(over="ignore"):
                target[...] = made
    else:
        target[...] = 0
    if target is not out:
        out[...] = target
    return out


def gathered(op, what, planes, indices, ndim, data_format, out):
    """The elements of `planes` at `indices`, and 0 where these are -1: adjoint to unpooling."""
    row_of(op, planes.dtype)
    batch, channels, spatial = split_input(op, ndim, planes.shape, data_format)
    fits = planes.ndim == indices.ndim
    if not fits or split_input(op, ndim, indices.shape, data_format)[:2] != (batch, channels):
        raise ValueError(f"{op}: indices have shape {indices.shape}, {what} has {planes.shape}")
    flat = _checked(op, indices, indices.shape, prod(spatial), "indices")
    taken = np.zeros(indices.shape, planes.dtype.newbyteorder("="))
    if indices.size:
        last = data_format == "channels_last"
        cells = (batch, -1, channels) if last else (batch, channels, -1)
        flat = flat.reshape(cells)
        chosen = np.take_along_axis(planes.reshape(cells), np.maximum(flat, 0), 1 if last else 2)
        taken.reshape(cells)[...] = np.where(flat < 0, taken.dtype.type(0), chosen)
    if out is None:
        return taken
    if not Form(taken.shape, taken.dtype).takes_result(out, planes, indices):
        stand_in(op, out, taken.shape, taken.dtype)
    out[...] = taken
    return out


def _checked(op, indices, shape, size, what):
    """`indices` as C-contiguous int64; all of them are checked before one is used."""
    if indices.dtype.kind not in "iu" or indices.dtype == np.uint64:
        raise TypeError(f"{op}: indices must be signed integers, got {indices.dtype}")
    if indices.shape != shape:
        raise ValueError(f"{op}: indices have shape {indices.shape}, {what} has {shape}")
    flat = contiguous(indices, np.int64)
    wrong = first_wrong(flat, size, current().threads)
    if wrong is not None:
        place = tuple(int(i) for i in np.unravel_index(wrong, shape))
        raise ValueError(
            f"{op}: indices[{', '.join(map(str, place))}] is {flat[place]}, but planes have {size} "
            "elements: 0 is the first, and -1 stands for none"
        )
    return flat


def _output_size(op, output_size, shape, data_format, natural, stride):
    """The spatial sizes that the user asks for, alone or as a whole shape."""
    ndim, asked = len(natural), as_shape(op, "output_size", output_size)
    result = asked
    if len(asked) == len(shape):
        result = split_input(op, ndim, asked, data_format)[2]
    if len(result) != ndim:
        raise ValueError(f"{op}: output_size must be {ndim} spatial sizes, or a shape; got {asked}")
    for size, wanted, step in zip(result, natural, stride):
        if not wanted - step < size < wanted + step:
            raise ValueError(
                f"{op}: output_size {asked} does not belong to these windows, which make {natural}; "
                "a size may differ from that by less than the stride"
            )
    return tuple(result)
