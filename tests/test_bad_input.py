"""Wrong calls: each is refused before anything is computed, with a message that spells the problem."""

import re
import subprocess
import sys
from textwrap import dedent

import numpy as np
import pytest

from fastconv import shapes
from fastconv.config import config, get_config, set_config
from fastconv.conv import conv1d, conv2d, conv3d
from fastconv.linear_maps import as_matrix, col2im, im2col
from fastconv.pool import avg_pool2d, max_pool1d, max_pool2d, max_pool3d

X = np.arange(2 * 6 * 8 * 9, dtype=np.float32).reshape(2, 6, 8, 9)
W = np.ones((4, 6, 3, 3), np.float32)
B = np.ones(4, np.float32)
X1, W1 = X[:, :, 0], W[:, :, 0]
X3, W3 = X.reshape(2, 6, 8, 3, 3), np.ones((4, 6, 3, 3, 3), np.float32)
LAST = np.ascontiguousarray(np.moveaxis(X, 1, -1))
COLS = np.ones((2, 54, 42), np.float32)
OUT = np.zeros((2, 4, 6, 7), np.float32)
FROZEN = OUT.copy()
FROZEN.flags.writeable = False
OWNED = [X, W, B, X3, W3, LAST, COLS, OUT, FROZEN]

HUGE = [2**62, 2**63, 10**30]
NOT_INTEGERS = [1.0, float("nan"), float("inf"), True, "2", None, 1j, [1.0, 1], [True, 1], np.float64(2)]
# Equal to (1, 1), which a call with valid arguments may have left in a cache.
LOOK_ALIKES = [(1.0, 1), (True, 1), (np.float32(1), np.bool_(True))]


def plane(*shape, dtype=np.float32):
    """An enormous array of one element's memory."""
    return np.broadcast_to(dtype(1), shape)


def bad(label, call, message, error=ValueError):
    return pytest.param(call, message, error, id=label)


def each(label, values, call, message, error=ValueError):
    """One row per wrong value of the same parameter."""
    for value in values:
        yield bad(f"{label}={value!r}", lambda value=value: call(value), message, error)


# One row per line, however long: (what is wrong, the call, its message, its error).

CONV_PARAMETERS = [
    *each("stride", [0, -1, (1, 0)], lambda v: conv2d(X, W, stride=v), "conv2d: stride must be at least 1, got "),
    *each("stride", HUGE, lambda v: conv2d(X, W, stride=v), r"conv2d: stride = \d+ is out of range"),
    *each("stride", NOT_INTEGERS, lambda v: conv2d(X, W, stride=v), "conv2d: stride must be an integer", TypeError),
    *each("stride", LOOK_ALIKES, lambda v: conv2d(X, W, stride=v), "conv2d: stride must be an integer", TypeError),
    *each("stride", [(1, 1, 1), ()], lambda v: conv2d(X, W, stride=v), "conv2d: stride needs one value or 2"),
    *each("dilation", [0, -2, (2, 0)], lambda v: conv2d(X, W, dilation=v), "conv2d: dilation must be at least 1, got "),
    *each("dilation", HUGE, lambda v: conv2d(X, W, dilation=v), r"conv2d: dilation = \d+ is out of range"),
    *each("dilation", [2**61, 4], lambda v: conv2d(X, W, dilation=v), "conv2d: the kernel does not fit on axis 0: input 8"),
    *each("dilation", NOT_INTEGERS, lambda v: conv2d(X, W, dilation=v), "conv2d: dilation must be an integer", TypeError),
    *each("dilation", LOOK_ALIKES, lambda v: conv2d(X, W, dilation=v), "conv2d: dilation must be an integer", TypeError),
    *each("groups", [0, -1], lambda v: conv2d(X, W, groups=v), "conv2d: groups must be at least 1, got "),
    *each("groups", HUGE, lambda v: conv2d(X, W, groups=v), r"conv2d: groups = \d+ is out of range"),
    *each("groups", [*NOT_INTEGERS, (1,)], lambda v: conv2d(X, W, groups=v), "conv2d: groups must be an integer", TypeError),
    *each("groups", [4, 5, 2**61], lambda v: conv2d(X, W, groups=v), r"conv2d: groups = \d+ must divide .*\(2, 6, 8, 9\).*\(4, 6, 3, 3\)"),
    *each("padding", [-1, (1, -1)], lambda v: conv2d(X, W, padding=v), "conv2d: padding must not be negative, got "),
    *each("padding", HUGE, lambda v: conv2d(X, W, padding=v), r"conv2d: padding = \d+ is out of range"),
    *each("padding", [2**40, 2**61], lambda v: conv2d(X, W, padding=v), r"conv2d: the result of shape \(2, 4, \d+, \d+\) would need \d+ bytes"),
    *each("padding", [1.0, float("nan"), True, None, 1j, [1, 1.0]], lambda v: conv2d(X, W, padding=v), "conv2d: padding must be an integer", TypeError),
    *each("padding", LOOK_ALIKES, lambda v: conv2d(X, W, padding=v), "conv2d: padding must be an integer", TypeError),
    *each("padding", ["half", "SAME", "", "1"], lambda v: conv2d(X, W, padding=v), "conv2d: padding '.*' is not known; names are valid, same"),
    *each("padding", [b"same", b"ok"], lambda v: conv2d(X, W, padding=v), "conv2d: padding ", (TypeError, ValueError)),
    *each("padding", [(1, 2, 3), (), [(1, 1)] * 3], lambda v: conv2d(X, W, padding=v), "conv2d: padding needs an integer, 2 integers or 2"),
    *each("padding", [((1, 2, 3), (1, 2)), ((), 1)], lambda v: conv2d(X, W, padding=v), r"conv2d: a padding pair is \(before, after\), got "),
    bad("causal in 2-D", lambda: conv2d(X, W, padding="causal"), "conv2d: padding 'causal' is for 1-D only"),
    bad("causal in 3-D", lambda: conv3d(X3, W3, padding="causal"), "conv3d: padding 'causal' is for 1-D only"),
    bad("crop to nothing", lambda: conv2d(X, W, padding=((-4, -4), (0, 0))), r"conv2d: the kernel does not fit on axis 0: input 8 \+ padding \(-4, -4\) = 0"),
    *each("data_format", ["NCHW", "", None, 0, ["channels_last"]], lambda v: conv2d(X, W, data_format=v), "conv2d: data_format must be one of 'channels_first', 'channels_last'; got "),
    *each("padding_value", ["0", None, [1]], lambda v: conv2d(X, W, padding=1, padding_mode="constant", padding_value=v), "conv2d: padding_value must be a number, got ", TypeError),
    bad("value of no mode", lambda: conv2d(X, W, padding=1, padding_mode="reflect", padding_value=1), "conv2d: padding_value 1 is for padding_mode 'constant', not 'reflect'"),
    bad("complex value", lambda: conv2d(X, W, padding=1, padding_mode="constant", padding_value=1j), "conv2d: padding_value 1j is complex, the input is float", TypeError),
    *each("padding_value", [300, -1, 0.5, np.nan], lambda v: conv2d(X.astype(np.uint8), W.astype(np.uint8), padding=1, padding_mode="constant", padding_value=v), "conv2d: padding_value .* is no uint8"),
    *each("padding_mode", ["wrap", None, 1, ["zeros"]], lambda v: conv2d(X, W, padding_mode=v), "conv2d: padding_mode must be one of 'zeros', 'constant', 'reflect', .* got "),
    *each("activation", ["gelu", "ReLU", False, max], lambda v: conv2d(X, W, activation=v), "conv2d: activation must be one of None, 'relu'; got "),
    *each("precision", ["low", "HIGH", 1], lambda v: conv2d(X, W, precision=v), "conv2d: precision must be one of 'highest', 'high', 'medium'; got "),
    *each("algorithm", ["magic", "", 3], lambda v: conv2d(X, W, algorithm=v), "conv2d: algorithm must be one of .* got "),
    *each("flip", [1, 0.0, "yes", None], lambda v: conv2d(X, W, flip=v), "conv2d: flip must be True or False, got ", TypeError),
]  # fmt: skip

CONV_ARRAYS = [
    *each("axes", [2, 1, 0], lambda v: conv2d(X[(0,) * (4 - v)], W), r"conv2d: input must have shape \(C, H, W\) or \(N, C, H, W\); got \("),
    bad("5 axes", lambda: conv2d(X[None], W), r"conv2d: input must have shape .*; got \(1, 2, 6, 8, 9\)"),
    bad("2-D input, 1-D op", lambda: conv1d(X, W1), r"conv1d: input must have shape \(C, W\) or \(N, C, W\); got \(2, 6, 8, 9\)"),
    bad("2-D input, 3-D op", lambda: conv3d(X[0], W3), r"conv3d: input must have shape \(C, D, H, W\) .*; got \(6, 8, 9\)"),
    bad("weight axes", lambda: conv2d(X, W1), r"conv2d: weight must have 4 axes .*; got shape \(4, 6, 3\)"),
    bad("weight axes in 1-D", lambda: conv1d(X1, W), r"conv1d: weight must have 3 axes .*; got shape \(4, 6, 3, 3\)"),
    bad("channel mismatch", lambda: conv2d(X[:, :5], W), r"conv2d: weight \(4, 6, 3, 3\) .* 6 input channels, but input \(2, 5, 8, 9\) has 5"),
    bad("channels first as last", lambda: conv2d(X, W, data_format="channels_last"), r"conv2d: .* input \(2, 6, 8, 9\) has 9"),
    bad("channels last as first", lambda: conv2d(LAST, W), r"conv2d: .* input \(2, 8, 9, 6\) has 8"),
    bad("group channels", lambda: conv2d(X, W, groups=2), r"conv2d: weight \(4, 6, 3, 3\) with groups = 2 is for 12 input channels"),
    bad("groups and filters", lambda: conv2d(X, W[:, :2], groups=3), r"conv2d: groups = 3 must divide .* 4 filters"),
    bad("empty kernel", lambda: conv2d(X, W[:, :, :0]), r"conv2d: the kernel must not be empty, got weight of shape \(4, 6, 0, 3\)"),
    bad("kernel too large", lambda: conv2d(X[:, :, :2], W), r"conv2d: the kernel does not fit on axis 0: input 2 \+ padding \(0, 0\) = 2 is smaller than the extent 3"),
    bad("kernel too large on axis 1", lambda: conv2d(X[..., :1], W, padding=(5, 0)), "conv2d: the kernel does not fit on axis 1"),
    bad("empty input", lambda: conv1d(X1[..., :0], W1), "conv1d: the kernel does not fit on axis 0: input 0"),
    *each("bias", [B[:3], B[:, None], np.float32(1), B[:0]], lambda v: conv2d(X, W, v), r"conv2d: bias must have shape \(4,\).* got \("),
    *each("input dtype", ["O", "U4", "S4", "?", "g", "G", "M8[s]", "m8[s]", "V4", "f4,f4"], lambda v: conv2d(np.zeros((1, 6, 8, 9), v), W), "conv2d: input has dtype .*, which is not one of float32, float64", TypeError),
    *each("weight dtype", ["f8", "c8", "i4", "u4", "O", "U4", "g"], lambda v: conv2d(X, np.ones(W.shape, v)), "conv2d: weight of dtype .* does not cast safely to the input's float32", TypeError),
    *each("bias dtype", ["f8", "i4", "c8", "O"], lambda v: conv2d(X, W, np.ones(4, v)), "conv2d: bias of dtype .* does not cast safely to the input's float32", TypeError),
    bad("no input", lambda: conv2d(None, W), "conv2d: input has dtype object", TypeError),
    bad("no weight", lambda: conv2d(X, None), "conv2d: weight of dtype object", TypeError),
    bad("text", lambda: conv2d("image.png", W), "conv2d: input has dtype <?[US]", TypeError),
    bad("relu of complex", lambda: conv2d(X.astype("c8"), W, activation="relu"), "conv2d: activation 'relu' has no meaning for complex64", TypeError),
    bad("out shape", lambda: conv2d(X, W, out=OUT[:1]), r"conv2d: out has shape \(1, 4, 6, 7\), the result has \(2, 4, 6, 7\)"),
    bad("out dtype", lambda: conv2d(X, W, out=OUT.astype(float)), "conv2d: out has dtype float64, the result has float32", TypeError),
    bad("out read-only", lambda: conv2d(X, W, out=FROZEN), r"conv2d: out of shape \(2, 4, 6, 7\) is read-only"),
    bad("out broadcast", lambda: conv2d(X, W, out=plane(2, 4, 6, 7)), "conv2d: out .* is read-only"),
    *each("out", [[0.0], "y", 3, True], lambda v: conv2d(X, W, out=v), "conv2d: out must be an ndarray, got ", TypeError),
    bad("reflect nothing", lambda: conv1d(np.ones((1, 0)), np.ones((1, 1, 1)), padding=1, padding_mode="reflect"), "conv1d: cannot pad the empty spatial axis"),
]  # fmt: skip

ENORMOUS = [
    bad("2-D", lambda: conv2d(plane(1, 1, 2**30, 2**30), W[:, :1]), "conv2d: the result of shape .* would need"),
    bad("beyond memory", lambda: conv2d(plane(1, 2**23, 2**23), W[:1, :1]), "", (ValueError, MemoryError)),
    bad("batch", lambda: conv1d(plane(2**48, 1, 8), W1[:, :1]), "", (ValueError, MemoryError)),
    bad("padded", lambda: conv1d(X1, W1, padding=2**48), "", (ValueError, MemoryError)),
    bad("reflected", lambda: conv1d(X1, W1, padding=2**48, padding_mode="reflect"), "", (ValueError, MemoryError)),
    bad("filters", lambda: conv1d(X1, plane(2**48, 6, 3)), "", (ValueError, MemoryError)),
    bad("3-D", lambda: conv3d(plane(1, 2**20, 2**20, 2**20), W3[:1, :1]), "", (ValueError, MemoryError)),
    bad("half", lambda: conv1d(plane(1, 2**47, dtype=np.float16), np.ones((4, 1, 1), "f2")), "", (ValueError, MemoryError)),
    bad("integer", lambda: conv1d(plane(1, 2**61, dtype=np.int8), np.ones((4, 1, 1), "i1")), "conv1d: the result of shape", (ValueError, MemoryError)),
    bad("max_pool", lambda: max_pool2d(plane(1, 2**30, 2**30), 1), "max_pool2d: the result of shape"),
    bad("max_pool padded", lambda: max_pool1d(X1, 3, padding=2**48, stride=1), "", (ValueError, MemoryError)),
    bad("im2col", lambda: im2col(plane(1, 2**30, 2**30), (3, 3)), "im2col: the result of shape"),
    bad("im2col beyond memory", lambda: im2col(plane(1, 2**47), (3,)), "", (ValueError, MemoryError)),
    bad("im2col kernel", lambda: im2col(X1, (2**45,), padding=2**45), "", (ValueError, MemoryError)),
    bad("col2im", lambda: col2im(plane(1, 1, 1), (2**47,), (1,), stride=2**60), "", (ValueError, MemoryError)),
    bad("as_matrix", lambda: as_matrix(W[:, :1], (1, 2**30, 2**31)), "as_matrix: the matrix of shape"),
    bad("as_matrix beyond memory", lambda: as_matrix(W1[:, :1], (1, 2**47)), "", (ValueError, MemoryError)),
]  # fmt: skip

POOLING = [
    *each("kernel_size", [0, -1, (2, 0)], lambda v: max_pool2d(X, v), "max_pool2d: kernel_size must be at least 1, got "),
    *each("kernel_size", HUGE, lambda v: max_pool2d(X, v), r"max_pool2d: kernel_size = \d+ is out of range"),
    *each("kernel_size", [9, (3, 2**61)], lambda v: max_pool2d(X, v), "max_pool2d: .*"),
    *each("kernel_size", [2.0, None, True, "3", (2, 2.0), float("nan")], lambda v: max_pool2d(X, v), "max_pool2d: kernel_size must be an integer", TypeError),
    *each("kernel_size", [(1, 2, 3), ()], lambda v: max_pool2d(X, v), "max_pool2d: kernel_size needs one value or 2"),
    *each("stride", [0, -3], lambda v: max_pool2d(X, 2, stride=v), "max_pool2d: stride must be at least 1, got "),
    *each("stride", HUGE, lambda v: avg_pool2d(X, 2, stride=v), r"avg_pool2d: stride = \d+ is out of range"),
    *each("stride", [1.0, True, "1"], lambda v: avg_pool2d(X, 2, stride=v), "avg_pool2d: stride must be an integer", TypeError),
    *each("stride", LOOK_ALIKES, lambda v: max_pool2d(X, 2, stride=v), "max_pool2d: stride must be an integer", TypeError),
    *each("dilation", [0, -1], lambda v: max_pool2d(X, 2, dilation=v), "max_pool2d: dilation must be at least 1, got "),
    *each("dilation", HUGE, lambda v: max_pool2d(X, 2, dilation=v), r"max_pool2d: dilation = \d+ is out of range"),
    *each("padding", [-1, (0, -1)], lambda v: max_pool2d(X, 2, padding=v), "max_pool2d: padding must not be negative, got "),
    *each("padding", ["half", "reflect"], lambda v: avg_pool2d(X, 2, padding=v), "avg_pool2d: padding '.*' is not known"),
    *each("ceil_mode", [1, None, "no"], lambda v: max_pool2d(X, 2, ceil_mode=v), "max_pool2d: ceil_mode must be True or False, got ", TypeError),
    *each("divisor", [0, 2**62], lambda v: avg_pool2d(X, 2, divisor_override=v), "avg_pool2d: divisor_override "),
    *each("divisor", [1.5, True, "2"], lambda v: avg_pool2d(X, 2, divisor_override=v), "avg_pool2d: divisor_override must be an integer", TypeError),
    *each("data_format", ["NCHW", None], lambda v: max_pool2d(X, 2, data_format=v), "max_pool2d: data_format must be one of .* got "),
    bad("pool axes", lambda: max_pool1d(X, 2), r"max_pool1d: input must have shape \(C, W\) .*; got \(2, 6, 8, 9\)"),
    bad("pool axes 3-D", lambda: max_pool3d(X[0], 2), r"max_pool3d: input must have shape .*; got \(6, 8, 9\)"),
    bad("complex maximum", lambda: max_pool2d(X.astype("c8"), 2), "max_pool2d: input of dtype complex64", TypeError),
    bad("integer average", lambda: avg_pool2d(X.astype(int), 2), "avg_pool2d: input has dtype int64", TypeError),
    *each("pool dtype", ["O", "?", "U1", "g"], lambda v: max_pool2d(np.zeros((1, 4, 4), v), 2), "max_pool2d: input has dtype ", TypeError),
    bad("pool out shape", lambda: max_pool2d(X, 2, out=OUT), r"max_pool2d: out has shape \(2, 4, 6, 7\), the result has \(2, 6, 4, 4\)"),
    bad("pool out dtype", lambda: max_pool2d(X, 2, out=np.zeros((2, 6, 4, 4))), "max_pool2d: out has dtype float64", TypeError),
    bad("causal pool", lambda: max_pool2d(X, 2, padding="causal"), "max_pool2d: padding 'causal' is for 1-D only"),
]  # fmt: skip

LINEAR_MAPS = [
    bad("im2col axes", lambda: im2col(X[0, 0], (3, 3)), r"im2col: input of shape \(8, 9\) must have 4 axes, or 3"),
    bad("im2col 2 axes, int", lambda: im2col(X[0, 0], 3), "im2col: kernel_size 3 with an input of 2 axes"),
    bad("im2col 4-D kernel", lambda: im2col(X, (1, 1, 1, 1)), r"im2col: kernel_size \(1, 1, 1, 1\)"),
    *each("im2col kernel", [0, -1, (3, 0)], lambda v: im2col(X, v), "im2col: kernel_size must be at least 1, got "),
    *each("im2col kernel", HUGE, lambda v: im2col(X, v), r"im2col: kernel_size = \d+ is out of range"),
    *each("im2col kernel", [3.0, True, None, float("nan")], lambda v: im2col(X, v), "im2col: kernel_size must be an integer", TypeError),
    *each("im2col stride", [0, 2**62], lambda v: im2col(X, 3, stride=v), "im2col: stride "),
    *each("im2col dilation", [0, 5], lambda v: im2col(X, 3, dilation=v), "im2col: "),
    *each("im2col padding", [-1, "reflect", (1, 2, 3)], lambda v: im2col(X, 3, padding=v), "im2col: padding "),
    *each("im2col dtype", ["O", "?", "g"], lambda v: im2col(np.zeros((1, 1, 4), v), 3), "im2col: input has dtype ", TypeError),
    bad("col2im rows", lambda: col2im(COLS[:, :53], (8, 9), 3), r"col2im: cols of shape \(2, 53, 42\) .* multiple of 9"),
    bad("col2im columns", lambda: col2im(COLS, (8, 8), 3), r"col2im: cols of shape \(2, 54, 42\) do not belong to output_size \(8, 8\)"),
    bad("col2im axes", lambda: col2im(COLS[0, 0], (8, 9), 3), r"col2im: cols must be .* got shape \(42,\)"),
    bad("col2im no axis", lambda: col2im(COLS, (), 3), r"col2im: output_size must have 1, 2 or 3 entries, got \(\)"),
    bad("col2im kernel axes", lambda: col2im(COLS, (8, 9), (3, 3, 3)), "col2im: kernel_size needs one value or 2"),
    bad("col2im negative", lambda: col2im(COLS, (8, -9), 3), "col2im: output_size must not have negative"),
    bad("col2im huge", lambda: col2im(COLS, (8, 2**62), 3), "col2im: output_size = 4611686018427387904"),
    bad("col2im float", lambda: col2im(COLS, (8.0, 9), 3), "col2im: output_size must be an integer", TypeError),
    bad("col2im text", lambda: col2im(COLS, "89", 3), "col2im: output_size must be", TypeError),
    bad("col2im dtype", lambda: col2im(COLS.astype(object), (8, 9), 3), "col2im: cols has dtype object", TypeError),
    bad("matrix channels", lambda: as_matrix(W, (5, 8, 9)), r"as_matrix: input of shape \(5, 8, 9\) has 5 channels, .* needs 6"),
    bad("matrix batch", lambda: as_matrix(W, X.shape), r"as_matrix: weight of shape \(4, 6, 3, 3\) and input_shape \(2, 6, 8, 9\)"),
    bad("matrix weight axes", lambda: as_matrix(B, (8,)), r"as_matrix: weight of shape \(4,\)"),
    bad("matrix empty kernel", lambda: as_matrix(W[..., :0], (6, 8, 9)), "as_matrix: kernel_size must be at least 1"),
    bad("matrix kernel too large", lambda: as_matrix(W, (6, 2, 9)), "as_matrix: the kernel does not fit on axis 0"),
    *each("matrix groups", [0, 2**63], lambda v: as_matrix(W, (6, 8, 9), groups=v), "as_matrix: groups "),
    bad("matrix groups do not divide", lambda: as_matrix(W[:, :2], (6, 8, 9), groups=3), "as_matrix: groups = 3 does not divide the 4 output channels"),
    bad("matrix shape int", lambda: as_matrix(W, 6), "as_matrix: input_shape must be a tuple of integers, got 6", TypeError),
    *each("matrix dtype", ["f2", "O", "?", "g"], lambda v: as_matrix(np.ones(W.shape, v), (6, 8, 9)), "as_matrix: .* dtype ", TypeError),
]  # fmt: skip

SHAPES = [
    bad("shape channels", lambda: shapes.conv_output_shape((1, 3, 8), (4, 2, 3)), r"conv_output_shape: input of shape \(1, 3, 8\) has 3 channels, .* needs 2"),
    bad("shape axes", lambda: shapes.conv_output_shape((8,), (4, 1, 3)), r"conv_output_shape: input of shape \(8,\) must have 3 axes, or 2"),
    bad("shape weight axes", lambda: shapes.conv_output_shape((1, 3), (4, 3)), r"conv_output_shape: weight_shape must be .* got \(4, 3\)"),
    bad("shape empty kernel", lambda: shapes.conv_output_shape((3, 8), (4, 3, 0)), "conv_output_shape: the kernel must be at least 1"),
    bad("shape negative", lambda: shapes.conv_output_shape((3, -8), (4, 3, 1)), r"conv_output_shape: input_shape must not have negative sizes, got \(3, -8\)"),
    bad("shape float", lambda: shapes.conv_output_shape((3, 8.0), (4, 3, 1)), "conv_output_shape: input_shape must be an integer, got 8.0", TypeError),
    bad("shape int", lambda: shapes.conv_output_shape(8, (4, 3, 1)), "conv_output_shape: input_shape must be a tuple", TypeError),
    bad("shape array", lambda: shapes.conv_output_shape(X, W.shape), "conv_output_shape: input_shape must be an integer", TypeError),
    bad("shape stride", lambda: shapes.conv_output_shape((3, 8), (4, 3, 1), stride=0), "conv_output_shape: stride must be at least 1"),
    bad("shape format", lambda: shapes.conv_output_shape((3, 8), (4, 3, 1), data_format="NCL"), "conv_output_shape: data_format .* got 'NCL'"),
    bad("shape groups", lambda: shapes.conv_output_shape((3, 8), (4, 1, 1), groups=3), "conv_output_shape: groups = 3 does not divide the 4 output channels"),
    bad("transposed same", lambda: shapes.conv_transpose_output_shape((4, 8), (4, 3, 3), padding="same"), "conv_transpose_output_shape: padding 'same' depends"),
    bad("transposed channels", lambda: shapes.conv_transpose_output_shape((3, 8), (4, 3, 3)), "conv_transpose_output_shape: input of shape .* needs 4"),
    bad("transposed groups", lambda: shapes.conv_transpose_output_shape((4, 8), (4, 3, 3), groups=3), "conv_transpose_output_shape: groups = 3 does not divide"),
    bad("output_padding", lambda: shapes.conv_transpose_output_shape((4, 8), (4, 3, 3), 2, output_padding=2), "conv_transpose_output_shape: output_padding 2 on axis 0"),
    bad("transposed nothing", lambda: shapes.conv_transpose_output_shape((4, 1), (4, 3, 3), padding=2), "conv_transpose_output_shape: nothing is left on axis 0"),
    bad("pool shape", lambda: shapes.pool_output_shape((3, 4), 2), r"pool_output_shape: kernel_size 2 with an input of 2 axes"),
    bad("pool shape fit", lambda: shapes.pool_output_shape((1, 3, 4), 5), "pool_output_shape: the kernel does not fit"),
    bad("same_padding axes", lambda: shapes.same_padding((8, 8), (3, 3, 3)), "same_padding: input_size needs one value or 3"),
    bad("same_padding kernel", lambda: shapes.same_padding(8, 0), "same_padding: kernel_size must be at least 1"),
    *each("layer", [3, (3,), (1,) * 5, "32"], lambda v: shapes.receptive_field([(3, 1), v]), r"receptive_field: layer 1 must be \(kernel, stride\)"),
    bad("layer padding", lambda: shapes.receptive_field([(3, 1, 1, "same")]), "receptive_field: padding 'same' depends"),
    bad("parameters", lambda: shapes.parameter_count((4, 3)), "parameter_count: weight_shape must be"),
    bad("flops", lambda: shapes.flops((1, 3, 8), (4, 2, 3)), "flops: input of shape"),
]  # fmt: skip

SETTINGS = [
    *each("threads", [0, -1, 2**40, *HUGE], lambda v: config(threads=v).__enter__(), "config: threads "),
    *each("threads", [1.0, True, "2", None, float("nan")], lambda v: set_config(threads=v), "config: threads must be an integer", TypeError),
    *each("precision", ["low", None, 1], lambda v: set_config(precision=v), "config: precision must be one of 'highest'"),
    *each("algorithm", ["magic", 0], lambda v: set_config(algorithm=v), "config: algorithm must be one of"),
    *each("max_workspace", [-1, 2**62], lambda v: set_config(max_workspace=v), "config: max_workspace "),
    *each("max_workspace", [1.5, "1GB", True], lambda v: set_config(max_workspace=v), "config: max_workspace must be an integer", TypeError),
    bad("setting", lambda: set_config(thread=1), "config: no setting 'thread'; there are threads", TypeError),
    bad("one wrong of two", lambda: set_config(threads=1, precision="low"), "config: precision must be one of"),
]  # fmt: skip

TABLE = CONV_PARAMETERS + CONV_ARRAYS + ENORMOUS + POOLING + LINEAR_MAPS + SHAPES + SETTINGS


@pytest.fixture(scope="module", autouse=True)
def seen_before():
    """Fill the caches of parsed calls with valid arguments that look like the wrong ones."""
    for one in (1, (1, 1)):
        conv2d(X, W, B, stride=one, padding=one, dilation=one)
        conv2d(X, W, stride=one)
        conv2d(X, W, padding=one)
        conv2d(X, W, dilation=one)
        max_pool2d(X, 2, stride=one)
    conv2d(X, W, flip=True)
    conv2d(X, W, flip=False)


def state():
    """All that a call could change about the arrays of its caller."""
    return [(a.tobytes(), a.shape, a.strides, a.dtype, a.flags.writeable) for a in OWNED]


@pytest.mark.parametrize("call, message, error", TABLE)
def test_wrong_calls_are_refused(call, message, error):
    before = state()
    settings = get_config()
    with pytest.raises(error) as raised:
        call()
    # The class itself: a UnicodeError, say, is a ValueError only by accident.
    assert type(raised.value) in (ValueError, TypeError) or isinstance(raised.value, MemoryError)
    assert re.match(message, str(raised.value), re.DOTALL), str(raised.value)
    assert state() == before
    assert get_config() == settings


# Unusual, but right: programs run in a process of their own, where a crash is only a failure.
EXTREMES = {
    "strides beyond the input": """
        x, w = np.ones((1, 1, 3, 3), "f4"), np.ones((1, 1, 2, 2), "f4")
        for algorithm in (None, *{room.name for room in registry.rooms_for("conv")}):
            for stride in ((2**32, 2**32), (2**61, 2**61), (2**40, 2**55), (2**61, 1)):
                try:
                    y = conv2d(x, w, stride=stride, padding=1, algorithm=algorithm)
                except (MemoryError, ValueError):
                    # A room may refuse; the planner must find one that does not.
                    assert algorithm is not None, stride
                else:
                    np.testing.assert_allclose(y, [[[[1, 2, 2, 1][: y.shape[3]]]]], rtol=1e-5)
    """,
    "strides beyond the input, complex": """
        x, w = np.ones((1, 3, 2, 5), "c8"), np.ones((2, 3, 3, 1), "c8")
        y = conv2d(x, w, stride=(2**61, 1), padding=((1, 1), (0, 1)))
        np.testing.assert_allclose(y, np.broadcast_to([6, 6, 6, 6, 6, 0], y.shape), atol=1e-5)
    """,
    "integers beyond 64 bits, padded": """
        x = np.full((1, 2, 5, 9), 2**64 - 2, "u8")
        w = np.full((5, 2, 3, 1), 2**64 - 3, "u8")
        for _ in range(20):
            try:
                conv2d(x, w, padding=2)
            except OverflowError as error:
                assert "does not fit uint64" in str(error), error
            else:
                raise AssertionError("no error")
        import gc, scipy.special
        gc.collect()
    """,
    "integers that need all 64 bits, padded": """
        x, w = np.full((1, 1, 4), 2**63, "u8"), np.ones((1, 1, 1), "u8")
        y = conv1d(x, w, padding=1)
        assert y.tolist() == [[[0, *[2**63] * 4, 0]]], y
    """,
    "a kernel of bools": """
        x, w = np.arange(18, dtype="f4").reshape(2, 1, 9), np.ones((1, 1, 3), bool)
        for dtype in ("f4", "f8", "f2", "c8", "c16", "i4", "u1"):
            y = conv1d(x.astype(dtype), w)
            np.testing.assert_array_equal(y, conv1d(x, w.astype("f4")))
    """,
}


@pytest.mark.parametrize("program", EXTREMES.values(), ids=EXTREMES)
def test_extreme_calls_do_not_crash(program):
    head = """
        import numpy as np
        from fastconv._algorithms import registry
        from fastconv.conv import conv1d, conv2d
    """
    run = subprocess.run(
        [sys.executable, "-c", dedent(head) + dedent(program)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.returncode == 0, f"exit code {run.returncode}: {run.stderr[-600:]}"


def test_the_table_is_a_table():
    assert len(TABLE) > 200


def test_valid_calls_still_work_afterwards():
    expected = conv2d(X, W, B, algorithm="reference")
    np.testing.assert_array_equal(conv2d(X, W, B), expected)
    assert max_pool2d(X, 2).shape == (2, 6, 4, 4)
