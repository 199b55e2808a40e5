"""Wrong calls of gradients and transposed convolutions; as in test_bad_input."""

import numpy as np
import pytest
import test_bad_input as tables
from test_bad_input import HUGE, LOOK_ALIKES, NOT_INTEGERS, W1, X1, B, W, X, bad, each, plane

from fastconv import conv_transpose1d, conv_transpose2d, conv_transpose3d, plan
from fastconv.grad import conv1d, conv2d, conv2d_input, conv2d_weight, conv3d

G = np.ones((2, 4, 6, 7), np.float32)  # the gradient for X and W
# A weight for transposed convolution of X, to 5 channels.
WT = np.ones((6, 5, 3, 3), np.float32)
OUT = np.zeros((2, 5, 10, 11), np.float32)

# One row per line, however long: (what is wrong, the call, its message, its error).

GRADIENTS = [
    *each("stride", [0, -1, (1, 0)], lambda v: conv2d(X, W, G, v), "grad.conv2d: stride must be at least 1, got "),
    *each("stride", HUGE, lambda v: conv2d(X, W, G, v), r"grad.conv2d: stride = \d+ is out of range"),
    *each("stride", NOT_INTEGERS + LOOK_ALIKES, lambda v: conv2d(X, W, G, v), "grad.conv2d: stride must be an integer", TypeError),
    *each("padding", [-1, "half", (1, 2, 3)], lambda v: conv2d(X, W, G, 1, v), "grad.conv2d: padding "),
    *each("padding", LOOK_ALIKES, lambda v: conv2d(X, W, G, 1, v), "grad.conv2d: padding must be an integer", TypeError),
    *each("padding", [2**40, 2**61], lambda v: conv2d(X, W, G, 1, v), r"grad.conv2d: the result of shape \(2, 4, \d+, \d+\) would need \d+ bytes"),
    *each("dilation", [0, (2, 0)], lambda v: conv2d(X, W, G, dilation=v), "grad.conv2d: dilation must be at least 1, got "),
    *each("dilation", [2**61, 4], lambda v: conv2d(X, W, G, dilation=v), "grad.conv2d: the kernel does not fit on axis 0: input 8"),
    *each("groups", [0, 4], lambda v: conv2d(X, W, G, groups=v), "grad.conv2d: groups "),
    *each("needs", ["input", None, 3], lambda v: conv2d(X, W, G, needs=v), r"grad.conv2d: needs must be a tuple of \('input', 'weight', 'bias', 'weight_per_sample'\), got ", TypeError),
    *each("needs", [("inputs",), ["weight", "x"], (1,), ((),)], lambda v: conv2d(X, W, G, needs=v), "grad.conv2d: needs may name input, weight, bias, weight_per_sample; got "),
    bad("both weights", lambda: conv2d(X, W, G, needs=("weight", "weight_per_sample")), "grad.conv2d: needs names weight and weight_per_sample, which take the same place"),
    *each("activation", ["tanh", 1], lambda v: conv2d(X, W, G, activation=v, output=G), "grad.conv2d: activation must be one of"),
    bad("nothing to plan", lambda: plan(conv2d, None, W, G), "grad.conv2d: input has dtype object", TypeError),
    bad("no gradient to plan", lambda: plan(conv2d, X, W, None), "grad.conv2d: grad_output of dtype object", TypeError),
    bad("no output to plan", lambda: plan(conv2d, X, W, G, activation="relu"), "grad.conv2d: activation 'relu' needs output, the result that it gave"),
    bad("no output", lambda: conv2d(X, W, G, activation="relu"), "grad.conv2d: activation 'relu' needs output, the result that it gave"),
    bad("no activation", lambda: conv2d(X, W, G, output=G), "grad.conv2d: output is what an activation gave, and activation is None"),
    *each("output", [G[:1], G[..., :6], B], lambda v: conv2d(X, W, G, activation="relu", output=v), r"grad.conv2d: output must be the result, of shape \(2, 4, 6, 7\); got "),
    bad("complex output", lambda: conv2d(X, W, G, activation="relu", output=G.astype("c8")), "grad.conv2d: output must be real", TypeError),
    bad("complex relu", lambda: conv2d(X.astype("c8"), W, G, activation="relu", output=G), "grad.conv2d: activation 'relu' has no meaning for complex64", TypeError),
    *each("data_format", ["NCHW", None], lambda v: conv2d(X, W, G, data_format=v), "grad.conv2d: data_format must be one of"),
    *each("padding_mode", ["wrap", None], lambda v: conv2d(X, W, G, padding_mode=v), "grad.conv2d: padding_mode must be one of"),
    *each("flip", [1, None], lambda v: conv2d(X, W, G, flip=v), "grad.conv2d: flip must be True or False", TypeError),
    *each("precision", ["low", 1], lambda v: conv2d(X, W, G, precision=v), "grad.conv2d: precision must be one of"),
    *each("algorithm", ["magic", ""], lambda v: conv2d(X, W, G, algorithm=v), "grad.conv2d: algorithm must be one of"),
    bad("no weight gradients by FFT", lambda: conv2d(X, W, G, algorithm="fft"), "algorithm 'fft' does not do grad_weight"),
    *each("grad_output", [G[:1], G[0], G[:, :3], G[..., :6], G.mT, B, np.float32(1)], lambda v: conv2d(X, W, v), r"grad.conv2d: grad_output must have the shape of the result, \(2, 4, 6, 7\), for input \(2, 6, 8, 9\) and weight \(4, 6, 3, 3\); got \("),
    bad("unbatched", lambda: conv2d(X[0], W, G), r"grad.conv2d: grad_output must have the shape .*, \(4, 6, 7\)"),
    bad("channels last", lambda: conv2d(tables.LAST, W, G, data_format="channels_last"), r"grad.conv2d: grad_output must have the shape .*, \(2, 6, 7, 4\)"),
    *each("grad_output dtype", ["f8", "c8", "i4", "O", "U1"], lambda v: conv2d(X, W, G.astype(v)), "grad.conv2d: grad_output of dtype .* does not cast safely to the input's float32", TypeError),
    *each("weight dtype", ["f8", "O"], lambda v: conv2d(X, W.astype(v), G), "grad.conv2d: weight of dtype .* does not cast safely", TypeError),
    *each("input dtype", ["O", "?", "g"], lambda v: conv2d(X.astype(v), W, G), "grad.conv2d: input has dtype ", TypeError),
    bad("input axes", lambda: conv2d(X[0, 0], W, G), r"grad.conv2d: input must have shape \(C, H, W\)"),
    bad("weight axes", lambda: conv1d(X1, W, G), r"grad.conv1d: weight must have 3 axes"),
    bad("channels", lambda: conv2d(X[:, :5], W, G), r"grad.conv2d: weight \(4, 6, 3, 3\) .* input \(2, 5, 8, 9\) has 5"),
    bad("3-D of 2-D", lambda: conv3d(X, W, G), "grad.conv3d: weight must have 5 axes"),
    bad("nothing", lambda: conv2d(X, W, None), "grad.conv2d: grad_output of dtype object", TypeError),
    bad("no input", lambda: conv2d(None, W, G), "grad.conv2d: input has dtype object", TypeError),
    bad("reflect nothing", lambda: conv1d(np.ones((1, 0)), np.ones((1, 1, 1)), np.ones((1, 2)), padding=1, padding_mode="reflect"), "grad.conv1d: cannot pad the empty spatial axis"),
    *each("input_size", [X, 6.0, "6689", None], lambda v: conv2d_input(v, W, G), "grad.conv2d_input: input_size must be ", TypeError),
    *each("input_size", [(2, 6, 8, -9), (2, 6, 8, 2**62)], lambda v: conv2d_input(v, W, G), "grad.conv2d_input: input_size "),
    *each("input_size", [(2, 6, 8), (2, 6, 8, 9, 1), (2, 5, 8, 9), (2, 6, 9, 9), (), (2**40,) * 4], lambda v: conv2d_input(v, W, G), "grad.conv2d_input: "),
    *each("weight_size", [(4, 6, 3), (4, 5, 3, 3), (5, 6, 3, 3), (4, 6, 0, 3), (4, 6, 3, 4), ()], lambda v: conv2d_weight(X, v, G), "grad.conv2d_weight: "),
    *each("weight_size", [W, 4, None, (4, 6, 3.0, 3)], lambda v: conv2d_weight(X, v, G), "grad.conv2d_weight: weight_size must be ", TypeError),
    bad("enormous", lambda: conv1d(plane(1, 2**23, 2**23), W1[:1, :1], plane(1, 1, 2**23 - 2)), "", (ValueError, MemoryError)),
    bad("enormous weight", lambda: conv1d(X1, plane(2**45, 6, 3), plane(2, 2**45, 7)), "", (ValueError, MemoryError)),
    bad("enormous batch", lambda: conv1d(plane(2**45, 1, 8), W1[:1, :1], plane(2**45, 1, 6), needs=("input",)), "", (ValueError, MemoryError)),
]  # fmt: skip

TRANSPOSED = [
    *each("stride", [0, (1, -1)], lambda v: conv_transpose2d(X, WT, stride=v), "conv_transpose2d: stride must be at least 1, got "),
    *each("stride", HUGE, lambda v: conv_transpose2d(X, WT, stride=v), r"conv_transpose2d: stride = \d+ is out of range"),
    *each("stride", [2**40, 2**61], lambda v: conv_transpose2d(X, WT, stride=v), r"conv_transpose2d: the result of shape \(2, 5, \d+, \d+\) would need \d+ bytes"),
    *each("stride", NOT_INTEGERS + LOOK_ALIKES, lambda v: conv_transpose2d(X, WT, stride=v), "conv_transpose2d: stride must be an integer", TypeError),
    *each("dilation", [0, -1], lambda v: conv_transpose2d(X, WT, dilation=v), "conv_transpose2d: dilation must be at least 1, got "),
    *each("dilation", LOOK_ALIKES, lambda v: conv_transpose2d(X, WT, dilation=v), "conv_transpose2d: dilation must be an integer", TypeError),
    *each("padding", ["same", "same_lower"], lambda v: conv_transpose2d(X, WT, padding=v), "conv_transpose2d: padding '.*' depends on the input's size"),
    *each("padding", [-1, "half", (1, 2, 3), "causal"], lambda v: conv_transpose2d(X, WT, padding=v), "conv_transpose2d: padding "),
    *each("padding", [5, ((0, 0), (6, 5))], lambda v: conv_transpose2d(X, WT, padding=v), r"conv_transpose2d: nothing is left on axis \d: input "),
    *each("output_padding", [1, (0, 1), 2**61], lambda v: conv_transpose2d(X, WT, output_padding=v), "conv_transpose2d: output_padding .* must be smaller than stride 1 or dilation 1"),
    *each("output_padding", [-1, HUGE[0]], lambda v: conv_transpose2d(X, WT, output_padding=v), "conv_transpose2d: output_padding "),
    *each("output_padding", [0.0, False, None], lambda v: conv_transpose2d(X, WT, output_padding=v), "conv_transpose2d: output_padding must be an integer", TypeError),
    *each("groups", [0, -1, 4], lambda v: conv_transpose2d(X, WT, groups=v), "conv_transpose2d: groups "),
    *each("groups", [1.0, True, (1,)], lambda v: conv_transpose2d(X, WT, groups=v), "conv_transpose2d: groups must be an integer", TypeError),
    *each("data_format", ["NCHW", None], lambda v: conv_transpose2d(X, WT, data_format=v), "conv_transpose2d: data_format must be one of"),
    *each("activation", ["gelu", False], lambda v: conv_transpose2d(X, WT, activation=v), "conv_transpose2d: activation must be one of"),
    *each("precision", ["low", 1], lambda v: conv_transpose2d(X, WT, precision=v), "conv_transpose2d: precision must be one of"),
    *each("algorithm", ["magic", ""], lambda v: conv_transpose2d(X, WT, algorithm=v), "conv_transpose2d: algorithm must be one of"),
    bad("a room of another kind", lambda: conv_transpose2d(X, WT, algorithm="direct_weight"), "algorithm 'direct_weight' does not do conv"),
    bad("channels", lambda: conv_transpose2d(X, W), r"conv_transpose2d: weight \(4, 6, 3, 3\) is for 4 input channels, but input \(2, 6, 8, 9\) has 6"),
    bad("weight axes", lambda: conv_transpose2d(X, WT[0]), r"conv_transpose2d: weight must have 4 axes \(in_channels, out_channels // groups, \*kernel\); got shape \(5, 3, 3\)"),
    bad("empty kernel", lambda: conv_transpose2d(X, WT[..., :0]), "conv_transpose2d: the kernel must not be empty"),
    bad("empty input", lambda: conv_transpose1d(X1[..., :0], WT[..., 0]), "conv_transpose1d: nothing is left on axis 0: input 0"),
    bad("input axes", lambda: conv_transpose3d(X[0, 0], WT), "conv_transpose3d: input must have shape"),
    *each("bias", [B, np.ones((5, 1), "f"), np.float32(1)], lambda v: conv_transpose2d(X, WT, v), r"conv_transpose2d: bias must have shape \(5,\), one value per output channel"),
    *each("weight dtype", ["f8", "i4", "O"], lambda v: conv_transpose2d(X, WT.astype(v)), "conv_transpose2d: weight of dtype .* does not cast safely to the input's float32", TypeError),
    bad("bias dtype", lambda: conv_transpose2d(X, WT, np.ones(5)), "conv_transpose2d: bias of dtype float64", TypeError),
    *each("input dtype", ["O", "?", "g"], lambda v: conv_transpose2d(X.astype(v), WT), "conv_transpose2d: input has dtype ", TypeError),
    bad("relu of complex", lambda: conv_transpose2d(X.astype("c8"), WT, activation="relu"), "conv_transpose2d: activation 'relu' has no meaning", TypeError),
    bad("out shape", lambda: conv_transpose2d(X, WT, out=OUT[:1]), r"conv_transpose2d: out has shape \(1, 5, 10, 11\), the result has \(2, 5, 10, 11\)"),
    bad("out dtype", lambda: conv_transpose2d(X, WT, out=OUT.astype(float)), "conv_transpose2d: out has dtype float64", TypeError),
    *each("out", [[0.0], 3], lambda v: conv_transpose2d(X, WT, out=v), "conv_transpose2d: out must be an ndarray", TypeError),
    bad("no input", lambda: conv_transpose2d(None, WT), "conv_transpose2d: input has dtype object", TypeError),
    bad("enormous", lambda: conv_transpose1d(plane(1, 1, 2**45), np.ones((1, 1, 1), "f")), "", (ValueError, MemoryError)),
]  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def seen_before():
    """Fill the caches of parsed calls with valid arguments that look like the wrong ones."""
    for one in (1, (1, 1)):
        conv2d(X, W, G, stride=one, dilation=one)
        conv2d(X, W, np.ones((2, 4, 8, 9), "f"), padding=one)
        conv_transpose2d(X, WT, stride=one, padding=one, dilation=one)
    conv_transpose2d(X, WT, output_padding=0)


@pytest.mark.parametrize("call, message, error", GRADIENTS + TRANSPOSED)
def test_wrong_calls_are_refused(call, message, error):
    owned = [*tables.OWNED, G, WT, OUT]
    before = [a.tobytes() for a in owned]
    tables.test_wrong_calls_are_refused(call, message, error)
    assert [a.tobytes() for a in owned] == before


def test_strides_and_dilations_beyond_the_input():
    x, w = np.ones((1, 1, 3)), np.ones((1, 1, 2))
    for stride in (2**32, 2**61):
        grad_x, grad_w, _ = conv1d(x, w, np.ones((1, 1, 1)), stride)
        assert grad_x.tolist() == [[[1, 1, 0]]] and grad_w.tolist() == [[[1, 1]]]
        y = conv_transpose1d(x[..., :1], w, stride=stride)
        assert y.tolist() == [[[1, 1]]]
    far = dict(stride=2**40, padding=[(2**40, 2**40)], dilation=2**40)
    grad_x, grad_w, _ = conv1d(x, w, np.ones((1, 1, 2)), **far)
    assert grad_x.tolist() == [[[2, 0, 0]]] and grad_w.tolist() == [[[1, 1]]]
