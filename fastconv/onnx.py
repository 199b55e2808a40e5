"""ONNX models run by NumPy, with convolutions and poolings by our engine (extra ``onnx``).

The operators are for `onnx.reference.ReferenceEvaluator`: with them, and without any runtime, a network of
convolutions takes a small part of the time.

>>> import numpy as np, onnx.parser, fastconv.onnx
>>> model = onnx.parser.parse_model('''
...     <ir_version: 8, opset_import: ["" : 17]>
...     agraph (float[1,1,4,4] x, float[1,1,3,3] w) => (float[1,1,2,2] y) { y = Conv(x, w) }
... ''')
>>> session = fastconv.onnx.session(model)
>>> session.run(None, {"x": np.ones((1, 1, 4, 4), np.float32), "w": np.ones((1, 1, 3, 3), np.float32)})
[array([[[[9., 9.],
         [9., 9.]]]], dtype=float32)]
"""

from math import prod

import numpy as np

try:
    from onnx.reference import ReferenceEvaluator
    from onnx.reference.op_run import OpRun
except ImportError as error:
    raise ImportError('fastconv.onnx needs onnx: pip install "fastconv[onnx]"') from error

from . import conv, conv_transpose, linear_maps, pool
from .planning import plan

_CONV = (None, conv.conv1d, conv.conv2d, conv.conv3d)
_TRANSPOSED = (
    None, conv_transpose.conv_transpose1d, conv_transpose.conv_transpose2d, conv_transpose.conv_transpose3d
)  # fmt: skip
_POOLS = {
    kind: (None, *(getattr(pool, f"{kind}{n}d") for n in (1, 2, 3)))
    for kind in ("max_pool", "avg_pool", "lp_pool")
}
# Sizes of input that a node keeps packed weights for.
_MOST_PLANS = 8


def session(model, **options):
    """A `ReferenceEvaluator` of a model, with our operators.

    Parameters
    ----------
    model : onnx.ModelProto, path or bytes
    **options
        As `onnx.reference.ReferenceEvaluator` takes them.

    Returns
    -------
    onnx.reference.ReferenceEvaluator
        ``session.run(None, {"input": x})``. Weights that are constants are packed once.
    """
    evaluator = ReferenceEvaluator(model, new_ops=[*OPERATORS, *options.pop("new_ops", ())], **options)
    constants = set(evaluator.rt_inits_) - set(evaluator.input_names)
    for node in evaluator.rt_nodes_:
        if isinstance(node, _Weighted):
            node.constant = constants.issuperset(filter(None, node.input[1:]))
    return evaluator


def _padding(auto_pad, pads, ndim):
    """ONNX's spelling of padding as ours."""
    if auto_pad in ("SAME_UPPER", "SAME_LOWER"):
        return "same" if auto_pad == "SAME_UPPER" else "same_lower"
    if auto_pad == "VALID" or not pads:
        return 0
    return tuple(zip(pads[:ndim], pads[ndim:]))


def _check(op, x):
    ndim = x.ndim - 2
    if not 1 <= ndim <= 3:
        raise ValueError(
            f"{op}: fastconv has one to three spatial axes, got an input of shape {x.shape}"
        )
    return ndim


class _Op(OpRun):
    op_domain = ""


class _Weighted(_Op):
    """A node whose weights are packed once, if they are constants of the model."""

    constant = False

    def _computed(self, function, x, weight, bias, options):
        if not self.constant:
            return function(x, weight, bias, **options)
        plans = self.__dict__.setdefault("plans", {})
        key = x.shape, x.dtype
        if key not in plans:
            if len(plans) >= _MOST_PLANS:
                plans.clear()
            plans[key] = plan(function, x, weight, bias, **options)
        return plans[key](x)


class Conv(_Weighted):
    """As the operator ``Conv``."""

    def _run(
        self, X, W, B=None, auto_pad=None, dilations=None, group=None, kernel_shape=None, pads=None,
        strides=None,
    ):  # fmt: skip
        ndim = _check("Conv", X)
        options = dict(
            stride=tuple(strides or [1] * ndim), padding=_padding(auto_pad, pads, ndim),
            dilation=tuple(dilations or [1] * ndim), groups=group or 1,
        )  # fmt: skip
        return (self._computed(_CONV[ndim], X, W, B, options),)


class ConvInteger(_Op):
    """As the operator ``ConvInteger``."""

    def _run(
        self, X, W, x_zero_point=None, w_zero_point=None, auto_pad=None, dilations=None, group=None,
        kernel_shape=None, pads=None, strides=None,
    ):  # fmt: skip
        ndim = _check("ConvInteger", X)
        x = X.astype(np.int32) - (0 if x_zero_point is None else x_zero_point.astype(np.int32))
        zero = 0 if w_zero_point is None else w_zero_point.astype(np.int32)
        if np.size(zero) > 1:
            zero = zero.reshape(-1, *(1,) * (W.ndim - 1))
        y = _CONV[ndim](
            x, W.astype(np.int32) - zero, stride=strides or 1, padding=_padding(auto_pad, pads, ndim),
            dilation=dilations or 1, groups=group or 1,
        )  # fmt: skip
        return (y,)


class ConvTranspose(_Weighted):
    """As the operator ``ConvTranspose``."""

    def _run(
        self, X, W, B=None, auto_pad=None, dilations=None, group=None, kernel_shape=None,
        output_padding=None, output_shape=None, pads=None, strides=None,
    ):  # fmt: skip
        ndim = _check("ConvTranspose", X)
        strides, dilations = strides or [1] * ndim, dilations or [1] * ndim
        extra = output_padding or [0] * ndim
        padding = _padding(auto_pad if auto_pad == "VALID" else None, pads, ndim)
        same = auto_pad in ("SAME_UPPER", "SAME_LOWER")
        if output_shape or same:
            wanted = output_shape or [n * s for n, s in zip(X.shape[2:], strides)]
            padding = []
            for n, k, s, d, e, out in zip(X.shape[2:], W.shape[2:], strides, dilations, extra, wanted):
                total = s * (n - 1) + e + (k - 1) * d + 1 - out
                half = total // 2
                # The odd one is at the end for SAME_UPPER.
                padding.append(
                    (half, total - half) if auto_pad == "SAME_UPPER" else (total - half, half)
                )
            padding = tuple(padding)
        options = dict(
            stride=tuple(strides), padding=padding, output_padding=tuple(extra), groups=group or 1,
            dilation=tuple(dilations),
        )  # fmt: skip
        return (self._computed(_TRANSPOSED[ndim], X, W, B, options),)


class MaxPool(_Op):
    """As the operator ``MaxPool``."""

    def _run(
        self, x, auto_pad=None, ceil_mode=None, dilations=None, kernel_shape=None, pads=None,
        storage_order=None, strides=None,
    ):  # fmt: skip
        ndim = _check("MaxPool", x)
        indices = len(self.output) > 1
        y = _POOLS["max_pool"][ndim](
            x, tuple(kernel_shape), tuple(strides or [1] * ndim), _padding(auto_pad, pads, ndim),
            tuple(dilations or [1] * ndim), bool(ceil_mode), indices,
        )  # fmt: skip
        if not indices:
            return (y,)
        y, where = y
        if storage_order:
            where = np.ravel_multi_index(np.unravel_index(where, x.shape[2:]), x.shape[2:], order="F")
        planes = np.arange(prod(x.shape[:2])).reshape(*x.shape[:2], *(1,) * ndim)
        return y, where + planes * prod(x.shape[2:])


class AveragePool(_Op):
    """As the operator ``AveragePool``."""

    def _run(
        self, x, auto_pad=None, ceil_mode=None, count_include_pad=None, dilations=None,
        kernel_shape=None, pads=None, strides=None,
    ):  # fmt: skip
        ndim = _check("AveragePool", x)
        y = _POOLS["avg_pool"][ndim](
            x, tuple(kernel_shape), tuple(strides or [1] * ndim), _padding(auto_pad, pads, ndim),
            bool(ceil_mode), bool(count_include_pad), dilation=tuple(dilations or [1] * ndim),
        )  # fmt: skip
        return (y,)


class LpPool(_Op):
    """As the operator ``LpPool``."""

    def _run(
        self, x, auto_pad=None, ceil_mode=None, dilations=None, kernel_shape=None, p=None, pads=None,
        strides=None, count_include_pad=None,
    ):  # fmt: skip
        ndim = _check("LpPool", x)
        y = _POOLS["lp_pool"][ndim](
            np.abs(x), p or 2, tuple(kernel_shape), tuple(strides or [1] * ndim), bool(ceil_mode),
            padding=_padding(auto_pad, pads, ndim), dilation=tuple(dilations or [1] * ndim),
        )  # fmt: skip
        return (y,)


def _global(pooled, x):
    """A pooling over everything, with axes of one element."""
    return pooled.reshape(*x.shape[:2], *(1,) * (x.ndim - 2)).astype(x.dtype, copy=False)


class GlobalMaxPool(_Op):
    """As the operator ``GlobalMaxPool``."""

    def _run(self, x):
        _check("GlobalMaxPool", x)
        return (_global(pool.global_max_pool(x), x),)


class GlobalAveragePool(_Op):
    """As the operator ``GlobalAveragePool``."""

    def _run(self, x):
        _check("GlobalAveragePool", x)
        return (_global(pool.global_avg_pool(x), x),)


class GlobalLpPool(_Op):
    """As the operator ``GlobalLpPool``."""

    def _run(self, x, p=None):
        _check("GlobalLpPool", x)
        return (_global(pool.global_lp_pool(np.abs(x), norm_type=p or 2), x),)


class MaxUnpool(_Op):
    """As the operator ``MaxUnpool``: indices are those of the whole result, of the size that windows give it."""

    def _run(self, X, indices, output_shape=None, kernel_shape=None, pads=None, strides=None):
        ndim = _check("MaxUnpool", X)
        pads, strides = pads or [0] * 2 * ndim, strides or [1] * ndim
        shape = list(X.shape[:2])
        for i, n in enumerate(X.shape[2:]):
            shape.append((n - 1) * strides[i] - pads[i] - pads[ndim + i] + kernel_shape[i])
        at = np.unravel_index(indices, shape)
        y = np.zeros(shape if output_shape is None else [int(n) for n in output_shape], X.dtype)
        y[at] = X
        return (y,)


class Col2Im(_Op):
    """As the operator ``Col2Im``."""

    def _run(self, data, image_shape, block_shape, dilations=None, pads=None, strides=None):
        ndim = len(image_shape)
        sizes, block = (tuple(int(n) for n in shape) for shape in (image_shape, block_shape))
        y = linear_maps.col2im(
            data, sizes, block, tuple(dilations or [1] * ndim), _padding(None, pads, ndim),
            tuple(strides or [1] * ndim),
        )  # fmt: skip
        return (y,)


OPERATORS = (
    AveragePool, Col2Im, Conv, ConvInteger, ConvTranspose, GlobalAveragePool, GlobalLpPool,
    GlobalMaxPool, LpPool, MaxPool, MaxUnpool,
)  # fmt: skip
