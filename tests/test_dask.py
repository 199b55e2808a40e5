"""Dask arrays: the same results however they are chunked."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

da = pytest.importorskip("dask.array")

import fastconv  # noqa: E402
import fastconv.dask  # noqa: E402

MODES = ("zeros", "constant", "reflect", "symmetric", "replicate", "circular")
FILTERS = ("reflect", "constant", "nearest", "mirror", "wrap")


def cut(rng, n):
    """Random chunks of an axis."""
    bounds = np.unique(rng.integers(1, n, rng.integers(0, 4))) if n > 1 else []
    return tuple(np.diff([0, *bounds, n]).tolist())


@settings(deadline=None, max_examples=360)
@given(seed=st.integers(0, 2**32))
def test_convolutions_and_poolings_do_not_depend_on_chunks(seed):
    rng = np.random.default_rng(seed)
    ndim = int(rng.integers(1, 4))
    sizes, kernel = rng.integers(1, [60, 24, 12][ndim - 1], ndim), rng.integers(1, 5, ndim)
    last = rng.random() < 0.4
    spatial = tuple(sizes.tolist())
    shape = (3, *spatial, 4) if last else (3, 4, *spatial)
    # Whole numbers: sums are exact, whatever computes them.
    x = rng.integers(-5, 6, shape).astype(np.float32)
    chunked = da.from_array(x, chunks=tuple(cut(rng, n) for n in shape))
    options = dict(
        stride=rng.integers(1, 4, ndim).tolist(), dilation=rng.integers(1, 3, ndim).tolist(),
        padding=[tuple(pair) for pair in rng.integers(0, 4, (ndim, 2)).tolist()],
        data_format="channels_last" if last else "channels_first",
    )  # fmt: skip
    weight = rng.integers(-3, 4, (6, 2, *kernel)).astype(np.float32)
    more = dict(groups=2, padding_mode=str(rng.choice(MODES)), flip=bool(rng.random() < 0.5))
    if more["padding_mode"] == "constant":
        more["padding_value"] = 2
    for name, args, extra in (
        (f"conv{ndim}d", (weight, np.arange(6, dtype=np.float32)), more),
        (f"max_pool{ndim}d", (tuple(kernel.tolist()),), {}), (f"avg_pool{ndim}d", (tuple(kernel.tolist()),), {}),
    ):  # fmt: skip
        try:
            wanted = getattr(fastconv, name)(x, *args, **options, **extra)
        except ValueError:
            with pytest.raises(ValueError):
                getattr(fastconv.dask, name)(chunked, *args, **options, **extra)
            continue
        y = getattr(fastconv.dask, name)(chunked, *args, **options, **extra)
        assert (y.shape, y.dtype) == (wanted.shape, wanted.dtype)
        np.testing.assert_allclose(y.compute(scheduler="synchronous"), wanted, rtol=1e-6)


@settings(deadline=None, max_examples=80)
@given(seed=st.integers(0, 2**32))
def test_transposed_convolutions_do_not_depend_on_chunks(seed):
    rng = np.random.default_rng(seed)
    ndim = int(rng.integers(1, 4))
    kernel, last = rng.integers(1, 5, ndim), rng.random() < 0.4
    spatial = tuple(rng.integers(1, [30, 12, 6][ndim - 1], ndim).tolist())
    shape = (2, *spatial, 4) if last else (2, 4, *spatial)
    x = rng.integers(-5, 6, shape).astype(np.float32)
    chunked = da.from_array(x, chunks=tuple(cut(rng, n) for n in shape))
    weight, bias = (
        rng.integers(-3, 4, (4, 3, *kernel)).astype(np.float32),
        np.arange(6, dtype=np.float32),
    )
    stride = rng.integers(1, 5, ndim).tolist()
    options = dict(
        stride=stride, padding=[tuple(pair) for pair in rng.integers(0, 3, (ndim, 2)).tolist()], groups=2,
        dilation=rng.integers(1, 3, ndim).tolist(), output_padding=[int(rng.integers(0, s)) for s in stride],
        data_format="channels_last" if last else "channels_first", activation=rng.choice(["relu", None]),
    )  # fmt: skip
    name = f"conv_transpose{ndim}d"
    try:
        wanted = getattr(fastconv, name)(x, weight, bias, **options)
    except ValueError:
        with pytest.raises(ValueError):
            getattr(fastconv.dask, name)(chunked, weight, bias, **options)
        return
    y = getattr(fastconv.dask, name)(chunked, weight, bias, **options)
    assert (y.shape, y.dtype) == (wanted.shape, wanted.dtype)
    np.testing.assert_array_equal(y.compute(scheduler="synchronous"), wanted)


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 2**32))
def test_filters_do_not_depend_on_chunks(seed):
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(4, 40, rng.integers(1, 4)).tolist())
    x = rng.integers(0, 200, shape).astype(rng.choice(["float64", "float32", "uint8", "int32"]))
    chunked = da.from_array(x, chunks=tuple(cut(rng, n) for n in shape))
    mode = str(rng.choice(FILTERS))
    footprint = rng.random((3,) * x.ndim) > 0.4
    footprint.flat[0] = True
    axis = int(rng.integers(x.ndim))
    for name, args, options in (
        ("gaussian_filter", (1.2,), {}), ("gaussian_filter1d", (1.2, axis), {}), ("sobel", (axis,), {}), ("laplace", (), {}),
        ("uniform_filter", (3,), {}), ("maximum_filter", (4,), {"origin": 1}), ("minimum_filter1d", (5, axis), {}),
        ("grey_dilation", (), {"footprint": footprint}), ("correlate", (rng.standard_normal((3,) * x.ndim),), {}),
        ("convolve1d", (rng.standard_normal(4), axis), {"origin": -1}), ("gaussian_laplace", (1,), {}),
    ):  # fmt: skip
        wanted = getattr(fastconv.ndimage, name)(x, *args, mode=mode, **options)
        y = getattr(fastconv.dask.ndimage, name)(chunked, *args, mode=mode, **options)
        assert (y.shape, y.dtype, y.chunks) == (wanted.shape, wanted.dtype, chunked.chunks)
        got = y.compute(scheduler="synchronous")
        np.testing.assert_allclose(
            got.astype(float), wanted.astype(float), rtol=1e-5, atol=1e-3, err_msg=f"{name} {mode}"
        )


@pytest.mark.parametrize("scheduler", ["synchronous", "threads", "processes"])
def test_schedulers(scheduler):
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((4, 8, 60, 70)), rng.standard_normal((16, 8, 3, 3))
    y = fastconv.dask.conv2d(da.from_array(x, chunks=(1, 3, 25, 40)), w, padding=1)
    y = fastconv.dask.max_pool2d(y, 2)
    wanted = fastconv.max_pool2d(fastconv.conv2d(x, w, padding=1), 2)
    np.testing.assert_allclose(y.compute(scheduler=scheduler), wanted, atol=1e-10)


def test_a_cluster_of_processes():
    distributed = pytest.importorskip("distributed")
    x = da.random.default_rng(0).random((2, 3, 80, 90), chunks=(1, 3, 40, 45))
    w = np.random.default_rng(1).standard_normal((4, 3, 5, 5))
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster),
    ):
        y, whole = da.compute(fastconv.dask.conv2d(x, w, padding="same", padding_mode="reflect"), x)
    np.testing.assert_allclose(
        y, fastconv.conv2d(whole, w, padding="same", padding_mode="reflect"), atol=1e-10
    )


def test_integers_that_fit_are_not_refused():
    x, w = np.full((1, 40, 6, 6), 2, np.int8), np.ones((1, 40, 1, 1), np.int8)
    y = fastconv.dask.conv2d(da.from_array(x - 1, chunks=(1, 40, 3, 6)), 2 * w)
    assert (y.compute() == 80).all()


def test_layers_travel_and_pack_once():
    x, w = np.ones((1, 2, 8, 8)), np.ones((3, 2, 3, 3))
    layer = fastconv.dask._Layer(fastconv.conv2d, w, None, {"groups": 1})
    other = pickle.loads(pickle.dumps(layer))
    fastconv.dask._plans.clear()
    np.testing.assert_array_equal(layer(x, ((0, 0), (0, 0))), other(x, ((0, 0), (0, 0))))
    assert len(fastconv.dask._plans) == 1


def test_wrong_arguments_are_refused_at_once():
    x = da.ones((1, 4, 20, 20), chunks=(1, 2, 10, 10))
    for call in (
        lambda: fastconv.dask.conv2d(x, np.ones((2, 3, 3, 3))), lambda: fastconv.dask.conv2d(x, np.ones((2, 4, 30, 3))),
        lambda: fastconv.dask.conv2d(x, np.ones((2, 4, 3, 3)), padding_mode="mirror"),
        lambda: fastconv.dask.avg_pool2d(x, 3, ceil_mode=True), lambda: fastconv.dask.max_pool2d(x, 0),
        lambda: fastconv.dask.ndimage.sobel(x, mode=["wrap"] * 4),
        lambda: fastconv.dask.ndimage.gaussian_filter(x, 1, mode="constant", cval=2),
    ):  # fmt: skip
        with pytest.raises(ValueError):
            call()
    unknown = x[x > 0].reshape(-1)
    with pytest.raises(ValueError, match="sizes of chunks"):
        fastconv.dask.conv1d(unknown[None, None], np.ones((1, 1, 3)))
