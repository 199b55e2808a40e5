"""Calls that are wrong: every line has a mistake in its types, and raises.

An ignored error that is none is an error itself.
"""

import numpy as np

import fastconv
from fastconv import ndimage, signal

x, w, g = np.ones((1, 2, 6, 6)), np.ones((4, 2, 3, 3)), np.ones((1, 4, 4, 4))

# Names that there are not.
fastconv.conv4d(x, w)  # type: ignore[attr-defined]
fastconv.grad.im2col(x, w)  # type: ignore[attr-defined]
ndimage.median_filter(x, 3)  # type: ignore[attr-defined]
fastconv.ArgmaxCache.positions  # type: ignore[attr-defined]

# Too little, too much, or by a wrong name.
fastconv.conv2d(x)  # type: ignore[call-arg]
fastconv.conv2d(x, w, strides=2)  # type: ignore[call-arg]
fastconv.conv2d(x, w, None, 1, 0, 1, 1, "channels_first")  # type: ignore[call-arg]
fastconv.conv_transpose2d(x, w[:2], padding_mode="reflect")  # type: ignore[call-arg]
fastconv.avg_pool2d(x, 2, return_indices=True)  # type: ignore[call-arg]
fastconv.Stream([1.0, 2.0])  # type: ignore[call-arg]
fastconv.config(thread=1).__enter__()  # type: ignore[call-arg]
fastconv.wisdom.clear(True)  # type: ignore[call-arg]

# Words that are none of the options.
fastconv.conv2d(x, w, padding="SAME")  # type: ignore[arg-type]
fastconv.conv2d(x, w, padding="causal")  # type: ignore[arg-type]
fastconv.conv2d(x, w, padding=1, padding_mode="mirror")  # type: ignore[arg-type]
fastconv.conv2d(x, w, data_format="NCHW")  # type: ignore[arg-type]
fastconv.conv2d(x, w, activation="gelu")  # type: ignore[arg-type]
fastconv.conv2d(x, w, precision="low")  # type: ignore[arg-type]
fastconv.conv2d(x, w, algorithm="strassen")  # type: ignore[arg-type]
fastconv.conv2d(x, w, overflow="wrap")  # type: ignore[arg-type]
fastconv.conv_transpose2d(x, w[:2], padding="same")  # type: ignore[arg-type]
fastconv.normalized_conv2d(x, w, nan="omit")  # type: ignore[call-overload]
fastconv.grad.conv2d(x, w, g, needs=("weights",))  # type: ignore[arg-type]
fastconv.set_config(tuning="always")  # type: ignore[arg-type]
ndimage.gaussian_filter(x, 1, mode="symmetric")  # type: ignore[arg-type]
signal.convolve2d(x[0, 0], w[0, 0], "all")  # type: ignore[arg-type]

# Values of another type.
fastconv.conv2d(None, w)  # type: ignore[arg-type]
fastconv.conv2d(x, w, stride=2.0)  # type: ignore[arg-type]
fastconv.conv2d(x, w, padding=(0.5, 0.5))  # type: ignore[arg-type]
fastconv.conv2d(x, w, out=[0.0])  # type: ignore[arg-type]
fastconv.max_pool2d(x, "2")  # type: ignore[arg-type]
fastconv.max_pool2d(x, (2, None))  # type: ignore[arg-type]
fastconv.lp_pool2d(x, 2j, 2)  # type: ignore[arg-type]
fastconv.adaptive_avg_pool2d(x, 2.5)  # type: ignore[arg-type]
fastconv.grad.conv2d(x, w, g, needs="weight")  # type: ignore[arg-type]
fastconv.grad.conv2d_input(36, w, g)  # type: ignore[arg-type]
fastconv.grad.max_pool2d(x, None)  # type: ignore[arg-type]
fastconv.as_matrix(w, 6)  # type: ignore[arg-type]
fastconv.config(threads="all").__enter__()  # type: ignore[arg-type]
fastconv.plan("conv2d", x, w)  # type: ignore[call-overload]
fastconv.tune(fastconv.conv2d, x, w, budget="1 s")  # type: ignore[arg-type]
fastconv.filters.gaussian("wide")  # type: ignore[arg-type]
fastconv.filters.sobel(ndim="2")  # type: ignore[arg-type]
fastconv.shapes.flops(36, w.shape)  # type: ignore[arg-type]
ndimage.sobel(x, axis="x")  # type: ignore[arg-type]

# Results that are not what they are taken for.
fastconv.max_pool2d(x, 2, return_indices=True).shape  # type: ignore[attr-defined]
fastconv.max_pool2d(x, 2, return_indices=True)[1].indices()  # type: ignore[attr-defined]
fastconv.normalized_conv2d(x, w, return_weights=True).sum()  # type: ignore[attr-defined]
fastconv.grad.conv2d(x, w, g, needs=("weight",))[0].sum()  # type: ignore[union-attr]
fastconv.explain("conv2d f32 cf n1 c1 k1 i8x8 f3x3").algorithms  # type: ignore[attr-defined]
fastconv.get_config()["thread"]  # type: ignore[typeddict-item]
