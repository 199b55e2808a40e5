"""A parsed convolution: everything about a call that does not depend on the data."""

import numpy as np

from . import _lowering
from ._core import dtypes, padding as padding_modes, sizes
from ._core.arguments import as_int, as_ints, one_of, split_input
from ._core.arrays import Empty, native
from ._core.outputs import prepare_out
from ._core.problem import LAYOUTS, Problem
from ._planner import planner
from .config import PRECISIONS, check_algorithm

ACTIVATIONS = (None, "relu")
PADDING_MODES = ("zeros", *padding_modes.MODES)


class ConvCall:
    """Arguments checked against each other, the `problem` they pose, and the way it is computed.

    Calling it with arrays of the shapes and dtypes it was made for computes; no further check is
    needed but that of `out`.
    """

    __slots__ = (
        "op", "problem", "settings", "dtype", "output_shape", "_executable", "_unbatched",
        "_materialise", "_flip", "_lower", "_plain", "_empty",
    )  # fmt: skip

    def __init__(
        self, ndim, input, weight, bias, stride, padding, dilation, groups, data_format,
        padding_mode, flip, activation, precision, algorithm, settings, prepacked=False,
    ):  # fmt: skip
        self.op = op = f"conv{ndim}d"
        one_of(op, "data_format", data_format, LAYOUTS)
        one_of(op, "padding_mode", padding_mode, PADDING_MODES)
        one_of(op, "activation", activation, ACTIVATIONS)
        if not isinstance(flip, (bool, np.bool_)):
            raise TypeError(f"{op}: flip must be True or False, got {flip!r}")
        if precision is not None:
            settings = settings._replace(precision=one_of(op, "precision", precision, PRECISIONS))
        if algorithm is not None:
            settings = settings._replace(algorithm=check_algorithm(algorithm, op))
        row = _check_dtypes(op, input, weight, bias)
        if row.family == "complex" and activation == "relu":
            raise TypeError(f"{op}: activation 'relu' has no meaning for {input.dtype}")

        last = data_format == "channels_last"
        batch, channels, spatial = split_input(op, ndim, input.shape, data_format)
        groups = as_int(op, "groups", groups)
        _check_weight(op, ndim, input, weight, bias, channels, groups)
        kernel = weight.shape[2:]
        stride = as_ints(op, "stride", stride, ndim, 1)
        dilation = as_ints(op, "dilation", dilation, ndim, 1)
        pads = sizes.resolve_padding(op, padding, spatial, kernel, stride, dilation)
        output = sizes.conv_output(op, spatial, kernel, stride, dilation, pads)
        # A kernel that fits once makes no step.
        stride = tuple(s if n > 1 else 1 for s, n in zip(stride, output))

        self._materialise = None
        if padding_mode != "zeros":
            axes = tuple(range(1, 1 + ndim) if last else range(2, 2 + ndim))
            self._materialise = (pads, axes, padding_mode)
            spatial = tuple(max(n + b + a, 0) for n, (b, a) in zip(spatial, pads))
            pads = ((0, 0),) * ndim

        # Half precision and complex numbers ride on their carrier; integers decide with the data.
        has_kernels = row.family == "native"
        self.problem = Problem(
            "conv", row.carrier if row.family != "integer" else input.dtype.name, data_format,
            batch, channels, len(weight), groups, spatial, kernel, stride, dilation,
            tuple(before for before, _ in pads), tuple(after for _, after in pads), output,
            bias=bias is not None, relu=activation == "relu",
            precision=settings.precision if has_kernels and row.carrier == "float32" else "highest",
        )  # fmt: skip
        self.settings = settings
        self.dtype = input.dtype.newbyteorder("=")
        shape = self.problem.output_shape
        sizes.check_total(op, "the result", shape, self.dtype.itemsize)
        self._unbatched = input.ndim == ndim + 1
        self.output_shape = shape[1:] if self._unbatched else shape
        self._flip = (Ellipsis, *(slice(None, None, -1),) * ndim) if flip else None
        self._empty = Empty(self.output_shape, self.dtype)
        # The reference room takes every dtype as it is.
        self._lower = None
        if not has_kernels and settings.algorithm != "reference":
            self._lower = {
                "half": _lowering.half,
                "integer": _lowering.integer,
                "complex": _lowering.complex_,
            }[row.family]
        self._executable = None
        if self._lower is None and self.problem.macs:
            self._executable = planner.choose(self.problem, settings, prepacked=prepacked)
        self._plain = (
            self._executable is not None and not self._unbatched and self._flip is None
            and self._materialise is None
        )  # fmt: skip

    def pack(self, weight):
        """Packed weights for `__call__`; None where the way through other dtypes packs its own."""
        if self._executable is None:
            return None
        return self._executable.prepare(weight if self._flip is None else weight[self._flip])

    def __call__(self, input, weight, bias, out, packed=None):
        input = native(input)
        if out is None:
            result = target = self._empty()
        else:
            inputs = (input, weight) if bias is None else (input, weight, bias)
            result, target = prepare_out(self.op, out, self.output_shape, self.dtype, inputs)
        if self._plain:
            self._executable.run(weight, packed, (input, bias), (target,))
        else:
            self._general(input, weight, bias, target, packed)
        if target is not result:
            result[...] = target
        return result

    def _operands(self, input, weight, target):
        """What the room sees: batched, padded, the kernel the right way round."""
        if self._unbatched:
            input, target = input[None], target[None]
        if self._materialise is not None:
            pads, axes, mode = self._materialise
            input = padding_modes.materialise(self.op, input, pads, axes, mode)
        if self._flip is not None:
            weight = weight[self._flip]
        return input, weight, target

    def _general(self, input, weight, bias, target, packed):
        input, weight, target = self._operands(input, weight, target)
        if not self.problem.macs:
            _no_products(self.problem, bias, target)
        elif self._executable is not None:
            self._executable.run(weight, packed, (input, bias), (target,))
        else:
            axis = input.ndim - 1 if self.problem.layout == "channels_last" else 1
            lowered = [self._native]
            if self._lower is _lowering.integer:
                lowered.append(self._reference)
            target[...] = self._lower(*lowered, input, weight, bias, self.problem.groups, axis)

    def _native(self, x, weight, bias, groups):
        """The same convolution of other arrays, of a native dtype and maybe other channel counts."""
        problem = self.problem._replace(
            dtype=x.dtype.name,
            in_channels=groups * weight.shape[1],
            out_channels=len(weight),
            groups=groups,
            # Sums that must be exact admit no transform.
            precision="exact" if self._lower is _lowering.integer else "highest",
        )
        y = np.empty(problem.output_shape, x.dtype)
        planner.choose(problem, self.settings).run(weight, None, (x, bias), (y,))
        return y

    def _reference(self, x, weight, bias, groups):
        y = np.empty(self.problem.output_shape, self.dtype)
        settings = self.settings._replace(algorithm="reference")
        planner.choose(self.problem, settings).run(weight, None, (x, bias), (y,))
        return y


def _check_dtypes(op, input, weight, bias):
    row = dtypes.row_of(op, input.dtype)
    for name, array in (("weight", weight), ("bias", bias)):
        if array is None or array.dtype == input.dtype:
            continue
        if not np.can_cast(array.dtype, input.dtype, "safe"):
            raise TypeError(
                f"{op}: {name} of dtype {array.dtype} does not cast safely to the input's "
                f"{input.dtype}; convert one, e.g. {name}.astype(np.{input.dtype.name})"
            )
    return row


def _check_weight(op, ndim, input, weight, bias, channels, groups):
    if groups < 1:
        raise ValueError(f"{op}: groups must be at least 1, got {groups}")
    if weight.ndim != ndim + 2:
        raise ValueError(
            f"{op}: weight must have {ndim + 2} axes (out_channels, in_channels // groups, "
            f"*kernel); got shape {weight.shape}"
        )
    if 0 in weight.shape[2:]:
        raise ValueError(f"{op}: the kernel must not be empty, got weight of shape {weight.shape}")
    if channels % groups or len(weight) % groups:
        raise ValueError(
            f"{op}: groups = {groups} must divide both the input's {channels} channels and the "
            f"weight's {len(weight)} filters; input {input.shape}, weight {weight.shape}"
        )
    if weight.shape[1] * groups != channels:
        raise ValueError(
            f"{op}: weight {weight.shape} with groups = {groups} is for "
            f"{weight.shape[1] * groups} input channels, but input {input.shape} has {channels}"
        )
    if bias is not None and bias.shape != (len(weight),):
        raise ValueError(
            f"{op}: bias must have shape ({len(weight)},), one value per filter of weight "
            f"{weight.shape}; got {bias.shape}"
        )


def _no_products(problem, bias, y):
    """Empty sums: the bias, or nothing at all."""
    y[...] = 0
    if bias is not None and y.size:
        channel_axis = -1 if problem.layout == "channels_last" else 1
        np.moveaxis(y, channel_axis, -1)[...] = np.maximum(bias, 0) if problem.relu else bias
