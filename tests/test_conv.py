"""Convolution: every parameter against an independent statement of what it means."""

import itertools

import numpy as np
import pytest
from scipy import signal

import fastconv
from fastconv._algorithms import registry

CONV = {1: fastconv.conv1d, 2: fastconv.conv2d, 3: fastconv.conv3d}
RNG = np.random.default_rng(7)
# Rooms for any problem on any machine; the depthwise one has tests of its own below, those of
# split operands and of transforms in files of their own.
CHOOSY = (
    "direct_depthwise", "direct_planes", "direct_signals", "direct_windows", "split_bfloat16", "winograd",
    "winograd_4x4", "fused_winograd",
)  # fmt: skip
ROOMS = [r.name for r in registry.rooms_for("conv") if r.name not in CHOOSY]
LAYOUTS = ("channels_first", "channels_last")


def integers(*shape, dtype=np.float32):
    return RNG.integers(-5, 6, shape).astype(dtype)


def naive(x, w, stride, dilation, groups):
    """Convolution of a padded array by the definition, one output at a time."""
    ndim = x.ndim - 2
    out = [
        (n - d * (k - 1) - 1) // s + 1
        for n, k, s, d in zip(x.shape[2:], w.shape[2:], stride, dilation)
    ]
    y = np.zeros((x.shape[0], w.shape[0], *out), np.int64)
    share = w.shape[0] // groups
    for n, k, *place in np.ndindex(*y.shape):
        first = k // share * w.shape[1]
        for c, *tap in np.ndindex(*w.shape[1:]):
            at = tuple(place[i] * stride[i] + tap[i] * dilation[i] for i in range(ndim))
            y[(n, k, *place)] += x[(n, first + c, *at)] * w[(k, c, *tap)]
    return y


# --- the oracle itself, and every option -----------------------------------------------------------


@pytest.mark.parametrize("ndim", [1, 2, 3])
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("stride, dilation", [(1, 1), (2, 1), (1, 2), (3, 2)])
def test_every_room_agrees_with_the_definition(ndim, groups, stride, dilation):
    x = RNG.integers(-5, 6, (2, 4, *(9, 8, 7)[:ndim]))
    w = RNG.integers(-5, 6, (6, 4 // groups, *(3, 2, 3)[:ndim]))
    expected = naive(x, w, (stride,) * ndim, (dilation,) * ndim, groups)
    for room in ROOMS:
        y = CONV[ndim](
            x.astype(np.float64), w.astype(np.float64), stride=stride, dilation=dilation,
            groups=groups, algorithm=room,
        )  # fmt: skip
        np.testing.assert_allclose(y, expected, rtol=0, atol=1e-9 if room.startswith("fft") else 0)


@pytest.mark.parametrize("mode, numpy_mode", [
    ("zeros", "constant"), ("reflect", "reflect"), ("symmetric", "symmetric"),
    ("replicate", "edge"), ("circular", "wrap"),
])  # fmt: skip
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("pads", [((1, 1), (2, 2)), ((0, 3), (2, 1)), ((-1, 2), (3, -2)), ((9, 8), (0, 7))])
def test_padding_modes_are_numpy_s(mode, numpy_mode, layout, pads):
    x, w, b = integers(2, 4, 7, 8), integers(6, 2, 3, 2), integers(6)
    grown = np.pad(x, [(0, 0)] * 2 + [(max(p, 0), max(q, 0)) for p, q in pads], mode=numpy_mode)
    cropped = grown[
        (..., *(slice(max(-p, 0), n + min(q, 0)) for (p, q), n in zip(pads, grown.shape[2:])))
    ]
    options = dict(stride=(2, 1), dilation=(1, 2), groups=2)
    expected = fastconv.conv2d(cropped, w, b, algorithm="reference", **options)
    if layout == "channels_last":
        x, expected = np.moveaxis(x, 1, -1), np.moveaxis(expected, 1, -1)
    y = fastconv.conv2d(x, w, b, padding=pads, padding_mode=mode, data_format=layout, **options)
    assert np.array_equal(y, expected)


@pytest.mark.parametrize("size, kernel, stride, dilation", list(
    itertools.product((5, 8), (1, 2, 3, 4), (1, 2, 3), (1, 2))))  # fmt: skip
def test_same_padding_gives_ceil_size_with_the_odd_element_at_the_end(size, kernel, stride, dilation):
    x, w = integers(1, 1, size), integers(1, 1, kernel)
    outputs = -(-size // stride)
    total = max((outputs - 1) * stride + dilation * (kernel - 1) + 1 - size, 0)
    for name, before in (("same", total // 2), ("same_lower", total - total // 2)):
        y = fastconv.conv1d(x, w, stride=stride, dilation=dilation, padding=name)
        pads = [(before, total - before)]
        expected = fastconv.conv1d(x, w, stride=stride, dilation=dilation, padding=pads)
        assert y.shape == (1, 1, outputs)
        assert np.array_equal(y, expected)


@pytest.mark.parametrize("ndim", [1, 2, 3])
@pytest.mark.parametrize("mode", ["valid", "same", "full"])
@pytest.mark.parametrize("flip", [False, True])
def test_modes_and_flip_are_scipy_s(ndim, mode, flip):
    x, w = integers(*(9, 8, 7)[:ndim], dtype=float), integers(*(3, 5, 3)[:ndim], dtype=float)
    y = CONV[ndim](x[None], w[None, None], padding=mode, flip=flip)[0]
    expected = (signal.convolve if flip else signal.correlate)(x, w, mode, method="direct")
    assert np.array_equal(y, expected)


def test_causal_outputs_see_no_later_input():
    x, w = integers(1, 2, 20), integers(3, 2, 4)
    y = fastconv.conv1d(x, w, padding="causal", dilation=2)
    x[..., 11:] = 99
    later = fastconv.conv1d(x, w, padding="causal", dilation=2)
    assert y.shape == (1, 3, 20)
    assert np.array_equal(y[..., :11], later[..., :11])
    assert not np.array_equal(y[..., 11:], later[..., 11:])


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("room", ROOMS)
def test_bias_and_relu_are_fused_without_a_trace(layout, room):
    x, w, b = integers(2, 5, 9, 9), integers(7, 5, 3, 3), integers(7)
    if layout == "channels_last":
        x = np.ascontiguousarray(np.moveaxis(x, 1, -1))
    plain = fastconv.conv2d(x, w, padding=1, data_format=layout, algorithm=room)
    shift = b if layout == "channels_last" else b[:, None, None]
    y = fastconv.conv2d(x, w, b, padding=1, data_format=layout, algorithm=room, activation="relu")
    assert (plain + shift < 0).any()
    np.testing.assert_allclose(y, np.maximum(plain + shift, 0), atol=1e-4 if room.startswith("fft") else 0)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_image_without_batch_is_a_batch_of_one(layout):
    x, w, b = integers(3, 8, 9), integers(4, 3, 3, 3), integers(4)
    batch = x[None]
    if layout == "channels_last":
        x, batch = np.moveaxis(x, 0, -1), np.moveaxis(batch, 1, -1)
    y = fastconv.conv2d(x, w, b, data_format=layout)
    assert np.array_equal(y, fastconv.conv2d(batch, w, b, data_format=layout)[0])


# --- dtypes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64])
def test_integers_are_exact_and_keep_their_dtype(dtype):
    low = 0 if np.dtype(dtype).kind == "u" else -2
    x, w = (RNG.integers(low, 3, s).astype(dtype) for s in ((2, 3, 9, 9), (4, 3, 2, 2)))
    y = fastconv.conv2d(x, w, padding=1)
    assert y.dtype == dtype
    assert np.array_equal(y, fastconv.conv2d(x.astype(object).astype(float), w.astype(float), padding=1))


def test_integers_beyond_the_floats_are_exact_too():
    x = np.array([[2**40 + 1, -(2**40) + 3, 5]])
    w = np.array([[[2**20 + 1, 2**20 - 1]]])
    expected = [[
        sum(int(a) * int(b) for a, b in zip(x[0, i : i + 2], w[0, 0])) for i in range(2)
    ]]  # fmt: skip
    assert fastconv.conv1d(x, w).tolist() == expected
    large = np.array([[2**62, 2**62, -(2**62)]])
    ones = np.ones((1, 1, 3), np.int64)
    assert fastconv.conv1d(large, ones).tolist() == [[2**62]]


def test_an_integer_result_that_does_not_fit_raises():
    x = np.full((1, 4), 100, np.int8)
    with pytest.raises(OverflowError, match="does not fit int8"):
        fastconv.conv1d(x, np.ones((1, 1, 2), np.int8))
    with pytest.raises(OverflowError, match="does not fit uint8"):
        fastconv.conv1d(np.ones((1, 4), np.uint16).astype(np.uint8), np.ones((1, 1, 2), np.uint8), algorithm="reference", bias=np.array([254], np.uint8))
    with pytest.raises(OverflowError, match="does not fit int64"):
        fastconv.conv1d(np.full((1, 4), 2**62), np.ones((1, 1, 2), np.int64))


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_complex_numbers_multiply_without_conjugation(dtype, layout):
    def numbers(*shape):
        return (integers(*shape) + 1j * integers(*shape)).astype(dtype)

    x, w, b = numbers(2, 4, 7, 7), numbers(6, 2, 3, 3), numbers(6)
    expected = fastconv.conv2d(x, w, b, groups=2, padding=1, algorithm="reference")
    by_parts = fastconv.conv2d(x.real, w.real, groups=2, padding=1) - fastconv.conv2d(
        x.imag, w.imag, groups=2, padding=1
    )
    assert np.array_equal(expected.real, by_parts + b.real[:, None, None])
    if layout == "channels_last":
        x, expected = np.moveaxis(x, 1, -1), np.moveaxis(expected, 1, -1)
    y = fastconv.conv2d(x, w, b, groups=2, padding=1, data_format=layout)
    assert y.dtype == dtype
    assert np.array_equal(y, expected)


def test_half_precision_is_computed_in_single():
    x, w = (RNG.standard_normal(s).astype(np.float16) for s in ((1, 16, 9, 9), (4, 16, 3, 3)))
    y = fastconv.conv2d(x, w)
    expected = fastconv.conv2d(x.astype(np.float32), w.astype(np.float32)).astype(np.float16)
    assert y.dtype == np.float16
    assert np.array_equal(y, expected)


def test_bfloat16():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    x, w = integers(1, 3, 9, 9), integers(4, 3, 3, 3)
    y = fastconv.conv2d(x.astype(ml_dtypes.bfloat16), w.astype(ml_dtypes.bfloat16))
    assert y.dtype == ml_dtypes.bfloat16
    assert np.array_equal(y, fastconv.conv2d(x, w).astype(ml_dtypes.bfloat16))


def test_a_weight_that_casts_safely_follows_the_input():
    x, w = integers(1, 1, 6, 6, dtype=np.float64), integers(1, 1, 3, 3)
    assert fastconv.conv2d(x, w, np.ones(1, np.int8)).dtype == np.float64
    with pytest.raises(TypeError, match="does not cast safely"):
        fastconv.conv2d(x.astype(np.float32), w.astype(np.float64))


# --- arrays of every kind --------------------------------------------------------------------------


def flavours(x):
    """The same values in arrays that are laid out otherwise."""
    yield "fortran", np.asfortranarray(x)
    yield "reversed", x[..., ::-1].copy()[..., ::-1]
    yield "all reversed", x[::-1, ::-1, ::-1, ::-1].copy()[::-1, ::-1, ::-1, ::-1]
    yield "sliced", np.repeat(x, 2, axis=3)[..., ::2]
    yield "channel slice", np.repeat(x, 2, axis=1)[:, ::2]
    yield "transposed", np.ascontiguousarray(np.moveaxis(x, 1, -1)).transpose(0, 3, 1, 2)
    yield "byte-swapped", x.astype(x.dtype.newbyteorder())
    read_only = x.copy()
    read_only.flags.writeable = False
    yield "read-only", read_only
    raw = np.zeros(x.nbytes + 1, np.uint8)
    misaligned = raw[1:].view(x.dtype).reshape(x.shape)
    misaligned[...] = x
    yield "misaligned", misaligned
    yield "subclass", x.view(type("Sub", (np.ndarray,), {}))


@pytest.mark.parametrize("room", ROOMS)
@pytest.mark.parametrize("padding", [0, 1])
def test_arrays_of_any_strides_order_and_alignment(room, padding):
    x, w = integers(2, 4, 8, 40), integers(4, 4, 3, 3)
    expected = fastconv.conv2d(x, w, padding=padding, algorithm="reference")
    for name, array in flavours(x):
        y = fastconv.conv2d(array, w, padding=padding, algorithm=room)
        np.testing.assert_allclose(y, expected, atol=1e-3 if room.startswith("fft") else 0, err_msg=name)
    for name, array in flavours(w):
        y = fastconv.conv2d(x, array, padding=padding, algorithm=room)
        np.testing.assert_allclose(y, expected, atol=1e-3 if room.startswith("fft") else 0, err_msg=name)


@pytest.mark.parametrize("room", ROOMS)
def test_images_one_pixel_wide_of_any_strides(room):
    w = integers(4, 4, 1, 1)
    single, strided = integers(1, 4, 1, 1), integers(1, 4, 256)
    for x in (
        np.broadcast_to(single, (1, 4, 128, 1)),
        strided[..., ::2].reshape(1, 4, 128, 1),
        strided[..., ::-2].reshape(1, 4, 128, 1),
    ):
        expected = fastconv.conv2d(x.copy(), w, algorithm="reference")
        y = fastconv.conv2d(x, w, algorithm=room)
        np.testing.assert_allclose(y, expected, atol=1e-3 if room.startswith("fft") else 0)


@pytest.mark.parametrize("room", ROOMS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_out_of_any_strides(room, layout):
    x, w = integers(2, 4, 8, 40), integers(4, 4, 3, 3)
    if layout == "channels_last":
        x = np.ascontiguousarray(np.moveaxis(x, 1, -1))
    expected = fastconv.conv2d(x, w, data_format=layout, algorithm="reference")
    for axes in itertools.permutations(range(4)):
        for step in (1, 2):
            shape = [n * step for n in np.array(expected.shape)[list(axes)]]
            whole = np.full(shape, np.nan, np.float32)
            out = whole[(slice(None, None, step),) * 4].transpose(np.argsort(axes))
            result = fastconv.conv2d(x, w, data_format=layout, algorithm=room, out=out)
            assert result is out
            np.testing.assert_allclose(out, expected, atol=1e-3 if room.startswith("fft") else 0)
            assert np.isnan(whole).sum() == whole.size - expected.size


def test_zero_strides_and_broadcast_views():
    x = np.broadcast_to(np.float32(2), (2, 3, 8, 30))
    assert (fastconv.conv2d(x, np.ones((1, 3, 3, 3), np.float32)) == 54).all()


@pytest.mark.parametrize("room", ROOMS)
def test_out_may_overlap_the_input(room):
    data = integers(1, 1, 10, 40)
    w = integers(1, 1, 3, 3)
    expected = fastconv.conv2d(data, w, algorithm=room)
    out = data[:, :, :8, :38]
    fastconv.conv2d(data, w, algorithm=room, out=out)
    assert np.array_equal(out, expected)


def test_nothing_the_caller_owns_is_written():
    arrays = integers(2, 4, 9, 9), integers(4, 4, 3, 3), integers(4)
    before = [a.copy() for a in arrays]
    for room in ROOMS:
        fastconv.conv2d(*arrays, padding=2, flip=True, activation="relu", algorithm=room)
    assert all(np.array_equal(a, b) for a, b in zip(arrays, before))


# --- nothing, and not a number ---------------------------------------------------------------------


def test_empty_sums_and_empty_results():
    w, b = np.ones((4, 3, 3, 3), np.float32), np.array([1, -2, 3, 4], np.float32)
    assert fastconv.conv2d(np.ones((0, 3, 8, 8), np.float32), w, b).shape == (0, 4, 6, 6)
    y = fastconv.conv2d(np.ones((2, 0, 8, 8), np.float32), w[:, :0], b, activation="relu")
    assert np.array_equal(y, np.broadcast_to(np.maximum(b, 0)[:, None, None], (2, 4, 6, 6)))
    assert fastconv.conv2d(np.ones((2, 3, 8, 8), np.float32), w[:0]).shape == (2, 0, 6, 6)
    y = fastconv.conv2d(np.ones((1, 3, 0, 2), np.float32), w, b, padding=2)
    assert y.shape == (1, 4, 2, 4)
    assert np.array_equal(y, np.broadcast_to(b[:, None, None], y.shape))


@pytest.mark.parametrize("room", ROOMS)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_non_finite_values_reach_exactly_the_windows_that_hold_them(room, value):
    x, w = integers(1, 2, 24, 24), np.abs(integers(3, 2, 3, 3)) + 1
    clean = fastconv.conv2d(x, w, padding=1, algorithm="reference")
    x[0, 1, 10, 5] = value
    y = fastconv.conv2d(x, w, padding=1, algorithm=room)
    touched = np.zeros((24, 24), bool)
    touched[9:12, 4:7] = True
    assert not np.isfinite(y[0, :, touched]).any()
    np.testing.assert_allclose(y[0, :, ~touched], clean[0, :, ~touched], atol=1e-3)
    relu = fastconv.conv2d(x, w, padding=1, algorithm=room, activation="relu")
    if np.isnan(value):
        assert np.isnan(relu[0, :, touched]).all()


@pytest.mark.parametrize("room", ROOMS)
def test_overflow_of_a_transform_is_not_an_overflow_of_the_sum(room):
    x = np.full((1, 1, 40, 40), 1e37, np.float32)
    w = np.array([[[[1, -1], [-1, 1]]]], np.float32)
    assert (fastconv.conv2d(x, w, algorithm=room) == 0).all()


def test_kernel_larger_than_the_input_and_padding_larger_than_both():
    x, w = integers(1, 2, 3, 4), integers(2, 2, 7, 9)
    expected = fastconv.conv2d(x, w, padding=(11, 12), algorithm="reference")
    for room in ROOMS:
        y = fastconv.conv2d(x, w, padding=(11, 12), algorithm=room)
        np.testing.assert_allclose(y, expected, atol=1e-3 if room.startswith("fft") else 0)


# --- depthwise -------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("channels", [16, 17, 40, 96])
@pytest.mark.parametrize("options", [
    dict(), dict(padding=1), dict(padding=((2, 0), (0, 3)), stride=(2, 1)),
    dict(padding=4, dilation=3), dict(stride=3, padding="same"), dict(padding=((-1, 2), (2, -1))),
    dict(padding=(9, 11)),
])  # fmt: skip
def test_depthwise_of_every_geometry(layout, channels, options):
    x, w, b = integers(2, channels, 9, 14), integers(channels, 1, 3, 3), integers(channels)
    expected = fastconv.conv2d(x, w, b, groups=channels, algorithm="reference", **options)
    shapes = [x, np.asfortranarray(x), np.repeat(x, 2, axis=1)[:, ::2]]
    for array in shapes:
        target = expected
        if layout == "channels_last":
            array, target = np.moveaxis(array, 1, -1), np.moveaxis(expected, 1, -1)
        for out in (None, np.full(target.shape, np.nan, np.float32, order="F")):
            y = fastconv.conv2d(
                array, w, b, groups=channels, data_format=layout, algorithm="direct_depthwise",
                activation="relu", out=out, **options,
            )  # fmt: skip
            assert np.array_equal(y, np.maximum(target, 0))


def test_the_depthwise_room_says_what_it_refuses():
    with pytest.raises(ValueError, match="one filter per channel"):
        fastconv.conv2d(integers(1, 32, 9, 9), integers(4, 32, 3, 3), algorithm="direct_depthwise")
    with pytest.raises(ValueError, match="full vector of channels, more than 3"):
        fastconv.conv2d(
            integers(1, 3, 9, 9), integers(3, 1, 3, 3), groups=3, algorithm="direct_depthwise"
        )


@pytest.mark.parametrize("algorithm", ["direct_channels", "direct_pixels"])
def test_long_sums_are_as_accurate_as_a_matrix_product(algorithm):
    """One chain of additions would be ten times less accurate at 51,200 terms."""
    rng = np.random.default_rng(5)
    for channels, kernel in ((64, 3), (512, 3), (2048, 5)):
        x = rng.standard_normal((1, channels, 7, 7)).astype(np.float32)
        w = rng.standard_normal((20, channels, kernel, kernel)).astype(np.float32)
        true = fastconv.conv2d(x.astype(float), w.astype(float), algorithm="reference")
        errors = [np.linalg.norm(fastconv.conv2d(x, w, algorithm=a) - true) for a in (algorithm, "im2col")]
        assert errors[0] <= 2 * errors[1]


def test_long_sums_of_single_planes_are_as_accurate_as_a_matrix_product():
    rng = np.random.default_rng(6)
    for shape, kernel, algorithm in (
        ((1, 1, 60, 150), (41, 33), "direct_planes"),
        ((1, 1, 1, 6000), (1, 4096), "direct_planes"),
        ((1, 16, 1, 5000), (1, 4096), "direct_depthwise"),
    ):
        x = rng.standard_normal(shape).astype(np.float32)
        w = rng.standard_normal((shape[1], 1, *kernel)).astype(np.float32)
        options = {"groups": shape[1]}
        true = fastconv.conv2d(x.astype(float), w.astype(float), algorithm="im2col", **options)
        errors = [
            np.linalg.norm(fastconv.conv2d(x, w, algorithm=a, **options) - true)
            for a in (algorithm, "im2col")
        ]
        assert errors[0] <= 2 * errors[1]
