"""Filters with the names of `scipy.ndimage`, beside SciPy's."""

import warnings

import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given, settings, strategies as st

import fastconv
from fastconv import ndimage
from fastconv._kernels import isa

MODES = ("reflect", "constant", "nearest", "mirror", "wrap", "grid-mirror", "grid-wrap", "grid-constant")
DTYPES = (
    "bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64",
    "complex64", "complex128",
)  # fmt: skip
SHAPES = ((23,), (9, 14), (40, 3), (6, 7, 8), (5, 6, 7, 4))


def numbers(rng, shape, dtype):
    kind = np.dtype(dtype).kind
    if kind == "b":
        return rng.random(shape) > 0.5
    if kind in "iu":
        return rng.integers(0, 100, shape).astype(dtype)
    x = 50 * rng.standard_normal(shape)
    return (x + 1j * rng.standard_normal(shape) if kind == "c" else x).astype(dtype)


def outcome(function, args, kwargs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return function(*args, **kwargs)
        except Exception as error:
            return error


def check(name, *args, **kwargs):
    """The same result, dtype and shape as SciPy's, or an error of the same type."""
    wanted = outcome(getattr(scipy.ndimage, name), args, kwargs)
    got = outcome(getattr(ndimage, name), args, kwargs)
    if isinstance(wanted, Exception) or isinstance(got, Exception):
        assert type(wanted) is type(got), (name, kwargs, wanted, got)
        return
    assert got.dtype == wanted.dtype
    if wanted.dtype.kind in "iub":
        np.testing.assert_array_equal(got, wanted, err_msg=f"{name} {kwargs}")
        return
    low = wanted.dtype.char in "fF"
    size = np.nanmax(np.abs(wanted), initial=1)
    np.testing.assert_allclose(
        got, wanted, rtol=0, atol=(1e-5 if low else 1e-12) * size, err_msg=f"{name} {kwargs}"
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_filter_in_every_mode_is_scipys(dtype, shape):
    rng = np.random.default_rng(0)
    x = numbers(rng, shape, dtype)
    for mode in MODES:
        options = dict(mode=mode, cval=3)
        for name, args in (
            ("gaussian_filter", (1.3,)), ("gaussian_laplace", (1.1,)), ("gaussian_gradient_magnitude", (1.1,)),
            ("sobel", ()), ("prewitt", (0,)), ("laplace", ()), ("uniform_filter", (4,)),
            ("maximum_filter", (4,)), ("minimum_filter", (3,)), ("grey_erosion", (4,)), ("grey_dilation", (4,)),
        ):  # fmt: skip
            check(name, x, *args, **options)
        kernel = rng.standard_normal((3,) * x.ndim if x.ndim < 4 else (3, 1, 3, 2))
        footprint = rng.random(kernel.shape) > 0.5
        footprint.flat[0] = True
        check("correlate", x, kernel, **options)
        check("convolve", x, np.rint(2 * kernel), **options)
        check("maximum_filter", x, footprint=footprint, **options)
        check("grey_dilation", x, footprint=footprint, **options)
        for axis in range(x.ndim):
            taps = rng.standard_normal(4)
            check("correlate1d", x, taps, axis, origin=1, **options)
            check("convolve1d", x, taps[:3], axis, **options)
            check("correlate1d", x, taps + 1j * taps[::-1], axis, **options)
            check("gaussian_filter1d", x, 2, axis, order=1, **options)
            check("uniform_filter1d", x, 5, axis, origin=-1, **options)
            check("maximum_filter1d", x, 5, axis, origin=-1, **options)
            check("minimum_filter1d", x, 4, axis, **options)


@pytest.mark.parametrize("level", isa.available())
@pytest.mark.parametrize("dtype", ["uint8", "int64", "float32", "float64"])
def test_every_level_is_scipys(level, dtype):
    rng = np.random.default_rng(1)
    active = isa.active()
    isa.activate(level)
    try:
        for shape in ((70, 90), (600,), (33, 700)):
            x = numbers(rng, shape, dtype)
            check("gaussian_filter", x, 3)
            check("uniform_filter", x, 7)
            check("maximum_filter", x, 9)
            check("correlate", x, rng.standard_normal((5,) * x.ndim))
            y, z = np.ogrid[-6:7, -6:7]
            if x.ndim == 2:
                check("minimum_filter", x, footprint=y * y + z * z <= 36)
    finally:
        isa.activate(active)


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 2**32), threads=st.sampled_from([1, 2, 5]))
def test_sizes_that_blocks_do_not_divide(seed, threads):
    rng = np.random.default_rng(seed)
    ndim = rng.integers(1, 5)
    shape = tuple(rng.integers(1, [3000, 300, 60, 12][ndim - 1], ndim))
    x = numbers(rng, shape, rng.choice(["uint8", "int16", "float32", "float64"]))
    axis = int(rng.integers(ndim))
    mode = str(rng.choice(MODES))
    if rng.random() < 0.3:
        x = x.T if rng.random() < 0.5 else x[..., ::-2]
    size = int(rng.integers(1, 80))
    with fastconv.config(threads=threads):
        check("uniform_filter1d", x, size, axis % x.ndim, mode=mode)
        check("maximum_filter1d", x, size, axis % x.ndim, mode=mode)
        check("correlate1d", x, rng.standard_normal(size), axis % x.ndim, mode=mode)
        check("gaussian_filter", x, float(rng.uniform(0.3, 9)), mode=mode)
        check("maximum_filter", x, tuple(rng.integers(1, 9, x.ndim)), mode=mode)


@pytest.mark.parametrize("mode", MODES)
def test_windows_larger_than_the_array(mode):
    rng = np.random.default_rng(6)
    for shape in ((7,), (5, 9), (1, 6), (3, 4, 5)):
        x = numbers(rng, shape, "float64")
        for size in (12, 31, 200):
            for origin in (0, 3, -5, size // 2 - 1):
                check("maximum_filter", x, size, mode=mode, cval=20, origin=origin)
                check("minimum_filter1d", x, size, 0, mode=mode, cval=20, origin=-origin)
            check("uniform_filter", x, size, mode=mode, cval=20)
            check("gaussian_filter", x, size / 8, mode=mode, cval=20)
    check("maximum_filter", rng.random((30, 40)), 10**7, mode=mode)


def test_outputs_are_taken_as_scipy_takes_them():
    rng = np.random.default_rng(2)
    for source in ("uint8", "float32", "float64", "int32"):
        x = numbers(rng, (11, 13), source)
        for output in (np.uint8, "float32", np.float64, np.dtype("int16"), np.complex64, "?"):
            for name, args in (
                ("gaussian_filter", (1,)),
                ("uniform_filter", (3,)),
                ("maximum_filter", (3,)),
                ("sobel", ()),
            ):
                check(name, x, *args, output=output)
        big = np.zeros((22, 26), source)
        returned = ndimage.gaussian_filter(x, 1, output=big[::2, ::2])
        assert returned.base is big
        np.testing.assert_array_equal(returned, ndimage.gaussian_filter(x, 1))
        swapped = x.astype(x.dtype.newbyteorder())
        np.testing.assert_array_equal(ndimage.uniform_filter(swapped, 3), ndimage.uniform_filter(x, 3))
        same = x.copy()
        for name, args in (
            ("gaussian_filter", (2,)),
            ("maximum_filter", (5,)),
            ("uniform_filter", (3,)),
            ("laplace", ()),
        ):
            wanted = getattr(ndimage, name)(x, *args)
            same[...] = x
            np.testing.assert_array_equal(getattr(ndimage, name)(same, *args, output=same), wanted)


@pytest.mark.parametrize(
    "name, args, kwargs",
    [
        ("correlate1d", ([],), {}), ("correlate1d", ([[1, 2]],), {}), ("correlate1d", ([1, 2],), {"axis": 5}),
        ("correlate1d", ([1, 2, 3],), {"origin": 2}), ("correlate1d", ([1],), {"mode": "mirrored"}),
        ("correlate1d", ([1],), {"cval": 1j}), ("correlate", (np.ones((3, 3, 3)),), {}),
        ("correlate", (np.ones((0, 3)),), {}), ("correlate", (np.ones((3, 3)),), {"origin": (0, 2)}),
        ("correlate", (np.ones((3, 3)),), {"mode": ["wrap", "wrap"]}), ("gaussian_filter", ([1, 2, 3],), {}),
        ("gaussian_filter", (1,), {"radius": -1}), ("gaussian_filter", (1,), {"order": -1}),
        ("gaussian_filter", (1,), {"axes": (0, 0)}), ("gaussian_filter", (1,), {"axes": 3}),
        ("uniform_filter1d", (0,), {}), ("uniform_filter", (3,), {"origin": 2}),
        ("maximum_filter", (), {}), ("maximum_filter", (), {"footprint": np.zeros((3, 3))}),
        ("maximum_filter", (3,), {"output": np.zeros((2, 2))}), ("grey_erosion", (), {}),
        ("maximum_filter", (), {"footprint": np.eye(3), "mode": ["wrap", "wrap"]}),
    ],
)  # fmt: skip
def test_errors_are_scipys(name, args, kwargs):
    check(name, np.arange(12.0).reshape(3, 4), *args, **kwargs)


def test_a_mask_is_not_lost():
    x = np.ma.masked_greater(np.arange(12.0).reshape(3, 4), 5)
    for name in ndimage.__all__:
        with pytest.raises(TypeError, match="mask"):
            getattr(ndimage, name)(x, 3)


def test_means_of_single_precision_keep_their_level():
    x = np.full((400, 400), 1000, np.float32)
    for sigma in (0.7, 1, 2.5, 8):
        assert np.abs(ndimage.gaussian_filter(x, sigma) / np.float64(1000) - 1).max() < 2e-7


def test_zeros_of_a_kernel_are_no_part_of_it():
    cross = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0.0]])
    x = np.ones((6, 7))
    x[2, 3] = np.nan
    check("correlate", x, cross)
    assert np.isnan(ndimage.correlate(x, cross)).sum() == 5


def test_zeros_of_a_kernel_where_the_result_is_written_over_the_input():
    cross = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0.0]])
    x = np.random.default_rng(8).random((6, 7))
    x[2, 3] = np.nan
    wanted = scipy.ndimage.correlate(x, cross)
    np.testing.assert_allclose(ndimage.correlate(x, cross, output=x), wanted, atol=1e-12)


def test_large_numbers_are_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isfinite(ndimage.laplace(np.full((500, 500), 1e36, np.float32))).all()


@pytest.mark.parametrize("cval", [0.5, -3, 300, 70_000])
def test_whole_weights_and_what_is_beyond_the_border(cval):
    x = numbers(np.random.default_rng(7), (20, 30), "uint8")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for output in (np.uint8, np.int16, np.uint16):
            check("correlate1d", x, [40_000, -1, 7], mode="constant", cval=cval, output=output)
            check("sobel", x, mode="constant", cval=cval, output=output)
    for name in ("sobel", "laplace"):  # no such number: whatever it converts to, it is no error
        assert getattr(ndimage, name)(x, mode="constant", cval=np.nan).shape == x.shape


def test_structures_that_are_not_flat_and_odd_dtypes_are_scipys():
    rng = np.random.default_rng(3)
    x = rng.random((8, 9))
    structure = rng.random((3, 4))
    for name in ("grey_dilation", "grey_erosion"):
        check(name, x, structure=structure)
        check(name, x, structure=np.zeros((3, 4)))
        check(name, x, footprint=structure > 0.5, structure=structure, origin=(0, 1))
        check(name, x[None, None], structure=structure, axes=(2, 3))
    check("gaussian_filter", x.astype(np.float16), 1)
    check("maximum_filter", x.astype(np.uint8), 3, mode="constant", cval=300)
    check(
        "maximum_filter",
        rng.random((3,) * 6),
        footprint=np.eye(2)[..., None, None, None, None] * np.eye(2)[None, None, :, :, None, None] > 0,
    )


def test_explain_tells_what_was_done():
    x = np.zeros((30, 40), np.float32)
    assert "by" in str(fastconv.explain(ndimage.correlate, x, np.ones((3, 3))))
    assert "SciPy's order" in str(fastconv.explain(ndimage.sobel, x.astype(np.int32)))
    assert "modulo" in str(fastconv.explain(ndimage.sobel, x.astype(np.uint8)))
    told = fastconv.explain(ndimage.grey_erosion, x, structure=np.ones((3, 3)))
    assert told[0].startswith("SciPy's grey_erosion")


def test_scipy_is_replaced_for_a_block_only():
    original = scipy.ndimage.sobel
    with fastconv.in_place_of_scipy():
        with fastconv.in_place_of_scipy():
            assert scipy.ndimage.sobel is ndimage.sobel
        assert scipy.ndimage.sobel is ndimage.sobel
    assert scipy.ndimage.sobel is original


def test_scikit_image_runs_over_our_filters():
    skimage = pytest.importorskip("skimage")
    from skimage import filters, morphology

    from fastconv import _skimage

    x = np.random.default_rng(4).random((50, 60))
    for name in _skimage.information().supported_functions:
        module, function = name.split(":")
        marked = getattr(
            {"skimage.filters": filters, "skimage.morphology": morphology}[module], function
        )
        original = getattr(marked, "__wrapped__", marked)
        options = {"low_sigma": 1} if function == "difference_of_gaussians" else {}
        if module == "skimage.morphology":
            options = {"footprint": morphology.disk(4)}
        assert _skimage.can_has(name, x, **options)
        got = _skimage.get_implementation(name)(x, **options)
        np.testing.assert_allclose(got, original(x, **options), atol=1e-12, err_msg=name)
    assert not _skimage.can_has("skimage.filters:gaussian", np.ma.masked_array(x))
    backends = pytest.importorskip(
        "skimage.util._backends", reason=f"skimage {skimage.__version__} dispatches nothing"
    )
    if "fastconv" in backends.all_backends():  # where the package is installed
        assert backends.all_backends()["fastconv"]["info"].supported_functions


def test_backend_is_called_by_scikit_images_dispatcher(monkeypatch):
    backends = pytest.importorskip("skimage.util._backends")
    from skimage import filters

    from fastconv import _skimage

    class Entry:
        name = "fastconv"

        @staticmethod
        def load():
            return _skimage

    found = {"fastconv": {"implementation": Entry, "info": _skimage.information()}}
    monkeypatch.setattr(backends, "all_backends", lambda: found)
    x = np.random.default_rng(5).random((20, 30))
    with pytest.warns(backends.DispatchNotification, match="fastconv"):
        got = backends.dispatchable(filters.sobel)(x)
    np.testing.assert_allclose(got, filters.sobel(x), atol=1e-12)
