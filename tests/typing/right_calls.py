"""Calls that are right: no complaint about their types, and they run."""

from typing import Any, assert_type

import numpy as np
from numpy.typing import NDArray

import fastconv
from fastconv import ndimage, signal
from fastconv.planning import Plan, PlanOfSeveral

Array = NDArray[Any]

x1, x2, x3 = np.ones((1, 2, 6)), np.ones((1, 2, 6, 6)), np.ones((1, 2, 6, 6, 6))
w1, w2, w3 = np.ones((4, 2, 3)), np.ones((4, 2, 3, 3)), np.ones((4, 2, 3, 3, 3))
picture = np.ones((6, 6), np.uint8)
asked: bool = bool(x1.any())

# Arrays, and what NumPy makes arrays of; numbers of NumPy; shapes as they come.
assert_type(fastconv.conv1d(x1, w1, padding="causal"), Array)
assert_type(fastconv.conv1d([[1.0, 2.0, 3.0]], [[[1.0, 1.0]]]), Array)
assert_type(fastconv.conv2d(x2, w2, np.zeros(4), 2, (1, 1), data_format="channels_first"), Array)
assert_type(fastconv.conv2d(x2, w2, padding=((0, 1), (-1, 2)), padding_mode="reflect", flip=True), Array)
assert_type(fastconv.conv2d(x2, w2, padding=[1, (0, 1)], stride=[2, 1], algorithm="direct"), Array)
assert_type(
    fastconv.conv2d(x2, w2, padding_mode="constant", padding_value=np.float64(2), padding=1), Array
)
assert_type(fastconv.conv2d(picture[None], w2[:1, :1], dtype=np.uint8, overflow="saturate"), Array)
assert_type(fastconv.conv3d(x3, w3, padding="same_lower", precision="high", activation="relu"), Array)
assert_type(fastconv.conv_transpose2d(x2, w2[:2], stride=2, output_padding=1, padding="full"), Array)
assert_type(fastconv.locally_connected1d(x1, np.ones((4, 4, 2, 3))), Array)
assert_type(fastconv.im2col(x2, 3, padding="same"), Array)
fastconv.as_matrix(w1, x1.shape[1:]).toarray()

# The type of a result that options choose.
assert_type(fastconv.max_pool2d(x2, 2), Array)
assert_type(fastconv.max_pool2d(x2, 2, return_indices=True), tuple[Array, NDArray[np.int64]])
assert_type(fastconv.max_pool2d(x2, 2, None, 0, 1, False, True), tuple[Array, NDArray[np.int64]])
assert_type(fastconv.max_pool2d(x2, 2, return_cache=True), tuple[Array, fastconv.ArgmaxCache])
assert_type(fastconv.max_pool2d(x2, 2, return_cache=True)[1].shape, tuple[int, ...])
assert_type(
    fastconv.global_max_pool(x2, asked),
    Array | tuple[Array, NDArray[np.int64]] | tuple[Array, fastconv.ArgmaxCache],
)
assert_type(fastconv.adaptive_avg_pool2d(x2, (None, 2), out=np.empty((1, 2, 6, 2))), Array)
assert_type(fastconv.lp_pool1d(x1, np.float32(2), 2), Array)
assert_type(fastconv.normalized_conv2d(x2, w2, x2 > 2, nan="propagate"), Array)
assert_type(fastconv.normalized_conv2d(x2, w2, return_weights=True), tuple[Array, Array])

# Gradients are there, or may be None.
assert_type(fastconv.grad.conv2d(x2, w2, np.ones((1, 4, 4, 4))), tuple[Array, Array, Array])
assert_type(
    fastconv.grad.conv2d(x2, w2, np.ones((1, 4, 4, 4)), needs=("input", "weight_per_sample", "bias")),
    tuple[Array, Array, Array],
)
assert_type(
    fastconv.grad.conv2d(x2, w2, np.ones((1, 4, 4, 4)), needs=["weight"]),
    tuple[Array | None, Array | None, Array | None],
)
assert_type(fastconv.grad.normalized_conv1d(x1, w1, np.ones((1, 4, 4))), tuple[Array, Array])
assert_type(fastconv.grad.conv2d_input(x2.shape, w2, np.ones((1, 4, 4, 4))), Array)
assert_type(
    fastconv.grad.max_pool2d(x2[..., :3, :3], fastconv.max_pool2d(x2, 2, return_cache=True)[1]), Array
)

# Plans and explanations.
plan = fastconv.plan(fastconv.conv2d, x2.shape, w2, padding=1)
assert_type(plan, Plan)
assert_type(plan.explain().problem.kernel, tuple[int, ...])
plan(x2, out=np.empty((1, 4, 6, 6)))
fastconv.plan(fastconv.max_pool2d, x2, 2)(x2)
plan_of_gradients = fastconv.plan(fastconv.grad.conv2d, x2, w2, np.ones((1, 4, 4, 4)))
assert_type(plan_of_gradients, PlanOfSeveral)
plan_of_gradients(x2, np.ones((1, 4, 4, 4)))
assert_type(fastconv.explain(plan).algorithm, str | None)
assert_type(
    fastconv.explain(fastconv.conv2d, x2.shape, w2.shape).candidates[0].workspace, int | None | Any
)
print(fastconv.explain(ndimage.sobel, picture))

# Settings.
with fastconv.config(threads=1, precision="high", denormals="keep", algorithm=None):
    assert_type(fastconv.get_config()["threads"], int)
fastconv.set_config(**fastconv.get_config())

# Kernels, sizes, streams.
assert_type(fastconv.filters.gaussian([1, 2.5], ndim=2, dtype="float64"), Array)
assert_type(fastconv.filters.sobel(0, ndim=3, dtype=np.int8), Array)
assert_type(fastconv.shapes.conv_output_shape(x2.shape, w2.shape, padding="same"), tuple[int, ...])
assert_type(fastconv.shapes.same_padding((8, 8), 3), tuple[tuple[int, int], ...])
assert_type(
    fastconv.shapes.receptive_field([(7, 2), ((3, 3), 2, 1, "valid")]).size, int | tuple[int, ...]
)
stream = fastconv.Stream([0.5, 0.5], channels=1, block=4)
assert_type(stream(np.ones((1, 4))), Array)
stream.state = stream.state
assert_type(stream.state, tuple[int, Array])
assert_type(fastconv.wisdom.count(), int)

# SciPy's names.
assert_type(ndimage.gaussian_filter(picture, (1, 2), mode=["reflect", "wrap"], output=np.float32), Array)
assert_type(fastconv.ndimage.maximum_filter(picture, footprint=np.eye(3), axes=(0, 1)), Array)
assert_type(ndimage.gaussian_laplace(picture, 1, truncate=3.0), Array)
assert_type(signal.lfilter([1, 2], 1, x1), Array)
assert_type(signal.lfilter([1, 2], 1, x1, zi=np.zeros((1, 2, 1))), tuple[Array, Array])
assert_type(signal.convolve(picture, picture, "same", method="fft"), Array)
assert_type(signal.resample_poly(x1, 2, 3, axis=-1, window="hann"), Array)
with fastconv.in_place_of_scipy():
    pass


def not_run() -> None:
    """What measures, or needs other packages."""
    import fastconv.ceiling
    import fastconv.dask
    import fastconv.jax
    import fastconv.onnx
    import fastconv.torch

    found = fastconv.tune(fastconv.max_pool2d, x2, 2, budget=0.1, progress=lambda p: print(p.leader))
    assert_type(found[0].reason, str)
    assert_type(fastconv.ceiling.measured(1).least_seconds(1e9, 1e6, "float64")[0], float)
    fastconv.dask.conv2d(x2, w2, padding="same", padding_mode="circular").compute()
    fastconv.dask.ndimage.gaussian_filter(picture, 2)
    fastconv.jax.conv1d(x1, w1, stride=2)
    fastconv.onnx.session("model.onnx").run(None, {"x": x2})
    fastconv.torch.max_pool2d(x2, 2, return_indices=True)[1]
    with fastconv.torch.accelerate(None):
        pass
