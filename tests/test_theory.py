"""The numbers of textbooks and lectures, and the theorems that make a convolution a convolution."""

import numpy as np
import pytest
import scipy.signal
from hypothesis import given, settings, strategies as st

from fastconv import filters
from fastconv.conv import conv1d, conv2d, conv3d
from fastconv.linear_maps import as_matrix, im2col
from fastconv.pool import avg_pool1d, avg_pool2d, avg_pool3d, global_avg_pool
from fastconv.shapes import conv_output_shape, parameter_count

CONV = {1: conv1d, 2: conv2d, 3: conv3d}
AVG_POOL = {1: avg_pool1d, 2: avg_pool2d, 3: avg_pool3d}
SIZES = {1: (17,), 2: (9, 11), 3: (5, 6, 7)}
NDIM = pytest.mark.parametrize("ndim", [1, 2, 3])


def integers(seed, *shape, dtype=float):
    """Small integers: their sums are exact, so that results can be compared with ``==``."""
    return np.random.default_rng(seed).integers(-5, 6, shape).astype(dtype)


def operands(ndim, channels=3, filter_count=4, kernel=3):
    sizes = SIZES[ndim]
    x = integers(0, 2, channels, *sizes)
    return x, integers(1, filter_count, channels, *(kernel,) * ndim)


# Worked examples


def test_vertical_edge_on_a_six_by_six_image():
    image = np.zeros((1, 6, 6))
    image[:, :, :3] = 10
    edges = conv2d(image, filters.vertical_edge(dtype=float)[None, None])
    assert edges.tolist() == [[[0, 30, 30, 0]] * 4]
    mirrored = conv2d(image[:, :, ::-1], filters.vertical_edge(dtype=float)[None, None])
    assert mirrored.tolist() == [[[0, -30, -30, 0]] * 4]
    turned = conv2d(image.mT, filters.horizontal_edge(dtype=float)[None, None])
    np.testing.assert_array_equal(turned, edges.mT)


def test_first_layer_of_alexnet_as_one_matrix_product():
    x, w = integers(2, 1, 3, 227, 227), integers(3, 96, 3, 11, 11)
    y = conv2d(x, w, stride=4)
    assert y.shape == (1, 96, 55, 55)
    columns = im2col(x, 11, stride=4)
    assert columns.shape == (1, 363, 3025)
    rows = w.reshape(96, 363)
    np.testing.assert_array_equal((rows @ columns[0]).reshape(96, 55, 55), y[0])


@pytest.mark.parametrize("stride, expected", [(1, 5), (2, 3), (3, 2)])
def test_three_on_seven(stride, expected):
    """Stride 3 does not fit evenly: the last column is left out."""
    x, w = integers(4, 1, 7, 7), np.ones((1, 1, 3, 3))
    y = conv2d(x, w, stride=stride)
    assert y.shape == (1, expected, expected)
    reach = (expected - 1) * stride + 3
    assert reach == 7 if stride < 3 else reach == 6
    np.testing.assert_array_equal(y, conv2d(x[:, :reach, :reach], w, stride=stride))


def test_ten_filters_on_a_small_photograph():
    w, bias = integers(5, 10, 3, 3, 3), integers(6, 10)
    y = conv2d(integers(7, 39, 39, 3), w, bias, data_format="channels_last")
    assert y.shape == (37, 37, 10)
    assert parameter_count(w.shape) == w.size + bias.size == 280


def test_cs231n_volume_element_by_element():
    """https://cs231n.github.io/convolutional-networks: X (11, 11, 4), F = 5, P = 0, S = 2.

    There X[x, y] and V[x, y] have depth last, and each filter W0, W1 has the shape (5, 5, 4).
    """
    x = integers(8, 11, 11, 4)
    lecture = integers(9, 2, 5, 5, 4)
    bias = integers(10, 2)
    v = conv2d(x, np.moveaxis(lecture, -1, 1), bias, stride=2, data_format="channels_last")
    assert v.shape == (4, 4, 2)
    assert v[0, 0, 0] == np.sum(x[:5, :5, :] * lecture[0]) + bias[0]
    assert v[1, 0, 0] == np.sum(x[2:7, :5, :] * lecture[0]) + bias[0]
    assert v[2, 0, 0] == np.sum(x[4:9, :5, :] * lecture[0]) + bias[0]
    assert v[3, 0, 0] == np.sum(x[6:11, :5, :] * lecture[0]) + bias[0]
    assert v[0, 1, 0] == np.sum(x[:5, 2:7, :] * lecture[0]) + bias[0]
    assert v[2, 3, 1] == np.sum(x[4:9, 6:11, :] * lecture[1]) + bias[1]
    for row, column, depth in np.ndindex(4, 4, 2):
        field = x[2 * row : 2 * row + 5, 2 * column : 2 * column + 5]
        assert v[row, column, depth] == np.sum(field * lecture[depth]) + bias[depth]


def test_two_small_kernels_are_one_large():
    """Two 3x3 layers equal the 5x5 one whose kernel is their full convolution."""
    x, first, second = integers(11, 1, 9, 9), integers(12, 1, 1, 3, 3), integers(13, 1, 1, 3, 3)
    both = conv2d(first[0], second, padding="full", flip=True)
    np.testing.assert_array_equal(conv2d(conv2d(x, first), second), conv2d(x, both[None]))


# A linear map


@NDIM
def test_convolution_is_its_matrix(ndim):
    x, w = operands(ndim)
    matrix = as_matrix(w, x.shape[1:], stride=2, padding=1)
    y = CONV[ndim](x[0], w, stride=2, padding=1)
    np.testing.assert_array_equal(matrix @ x[0].ravel(), y.ravel())


@NDIM
def test_linear_in_input_and_weight(ndim):
    x, w = operands(ndim)
    other_x, other_w = x[::-1], w[::-1]
    conv = CONV[ndim]
    np.testing.assert_array_equal(
        conv(3 * x - 2 * other_x, w), 3 * conv(x, w) - 2 * conv(other_x, w)
    )
    np.testing.assert_array_equal(
        conv(x, 3 * w - 2 * other_w), 3 * conv(x, w) - 2 * conv(x, other_w)
    )


# Shifts


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 3), st.data())
def test_circular_convolution_commutes_with_shifts(ndim, data):
    x, w = operands(ndim)
    shift = tuple(data.draw(st.integers(-n, n)) for n in SIZES[ndim])
    axes = tuple(range(2, 2 + ndim))

    def conv(a):
        return CONV[ndim](a, w, padding="same", padding_mode="circular")

    np.testing.assert_array_equal(
        conv(np.roll(x, shift, axes)), np.roll(conv(x), shift, axes)
    )


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 3), st.data())
def test_convolution_commutes_with_shifts_away_from_the_border(ndim, data):
    x, w = operands(ndim)
    shift = tuple(data.draw(st.integers(0, 2)) for _ in SIZES[ndim])
    axes = tuple(range(2, 2 + ndim))
    moved = CONV[ndim](np.roll(x, shift, axes), w, padding="same")
    y = np.roll(CONV[ndim](x, w, padding="same"), shift, axes)
    # Within one element of the border the window, and within `shift` the roll, wraps around.
    interior = (..., *(slice(1 + s, n - 1) for s, n in zip(shift, SIZES[ndim])))
    assert moved[interior].size
    np.testing.assert_array_equal(moved[interior], y[interior])


@NDIM
def test_stride_is_subsampling(ndim):
    x, w = operands(ndim)
    for stride in (2, 3):
        dense = CONV[ndim](x, w, padding=1)
        sampled = dense[(..., *(slice(None, None, stride),) * ndim)]
        np.testing.assert_array_equal(CONV[ndim](x, w, padding=1, stride=stride), sampled)


# Kernels


@NDIM
@pytest.mark.parametrize("mode", ["valid", "same", "full"])
@pytest.mark.parametrize("flip", [False, True])
def test_scipy_signal(ndim, mode, flip):
    """`flip` tells the convolution of textbooks from cross-correlation."""
    x = np.random.default_rng(0).standard_normal(SIZES[ndim])
    w = np.random.default_rng(1).standard_normal((3, 4, 5)[:ndim])
    theirs = (scipy.signal.convolve if flip else scipy.signal.correlate)(x, w, mode, "direct")
    # For an even kernel SciPy pads the odd element before the input.
    padding = {"same": "same_lower"}.get(mode, mode)
    ours = CONV[ndim](x[None], w[None, None], padding=padding, flip=flip)
    np.testing.assert_allclose(ours[0], theirs, rtol=1e-10, atol=1e-12)


@NDIM
def test_flip_reverses_the_kernel(ndim):
    x, w = operands(ndim)
    reverse = (..., *(slice(None, None, -1),) * ndim)
    np.testing.assert_array_equal(CONV[ndim](x, w, flip=True), CONV[ndim](x, w[reverse]))


@NDIM
@pytest.mark.parametrize("flip", [False, True])
def test_a_delta_is_the_identity(ndim, flip):
    x, _ = operands(ndim)
    delta = np.zeros((3, 3, *(3,) * ndim))
    delta[(range(3), range(3), *(1,) * ndim)] = 1
    np.testing.assert_array_equal(CONV[ndim](x, delta, padding="same", flip=flip), x)


@NDIM
def test_a_shifted_delta_shifts(ndim):
    x, _ = operands(ndim, channels=1)
    delta = np.zeros((1, 1, *(3,) * ndim))
    delta[(0, 0, *(1,) * (ndim - 1), 2)] = 1
    y = CONV[ndim](x, delta, padding="same")
    np.testing.assert_array_equal(y[..., :-1], x[..., 1:])
    assert not y[..., -1].any()


@NDIM
def test_full_convolution_commutes(ndim):
    a, b = integers(14, *SIZES[ndim]), integers(15, *(4, 3, 2)[:ndim])
    conv = CONV[ndim]
    np.testing.assert_array_equal(
        conv(a[None], b[None, None], padding="full", flip=True),
        conv(b[None], a[None, None], padding="full", flip=True),
    )


@NDIM
def test_full_convolution_multiplies_polynomials(ndim):
    """Evaluated at a point, the product is that of the factors."""
    a, b = integers(16, *SIZES[ndim]), integers(17, *(4, 3, 2)[:ndim])
    product = CONV[ndim](a[None], b[None, None], padding="full", flip=True)[0]

    def at_two(polynomial):
        for _ in range(ndim):
            polynomial = np.polynomial.polynomial.polyval(2, polynomial)
        return polynomial

    assert at_two(product) == at_two(a) * at_two(b)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_sobel_is_separable(axis):
    x = integers(18, 1, *SIZES[3])
    y = x
    for i in range(3):
        line = np.array([-1.0, 0, 1] if i == axis else [1.0, 2, 1])
        y = conv3d(y, line.reshape(1, 1, *(3 if j == i else 1 for j in range(3))))
    kernel = filters.sobel(axis, 3, dtype=float)[None, None]
    np.testing.assert_array_equal(conv3d(x, kernel), y)


@NDIM
def test_dilation_stuffs_the_kernel_with_zeros(ndim):
    x, w = operands(ndim, kernel=2)
    for dilation in (2, 3):
        stuffed = np.zeros((4, 3, *(dilation + 1,) * ndim))
        stuffed[(..., *(slice(None, None, dilation),) * ndim)] = w
        np.testing.assert_array_equal(
            CONV[ndim](x, w, dilation=dilation, padding=2), CONV[ndim](x, stuffed, padding=2)
        )


# Channels


@NDIM
@pytest.mark.parametrize("groups, per_group", [(2, 2), (3, 1), (4, 3)])
def test_groups_are_separate_convolutions(ndim, groups, per_group):
    x, w = operands(ndim, channels=groups * per_group, filter_count=2 * groups)
    w = w[:, :per_group]
    parts = [
        CONV[ndim](part, kernels, stride=2, padding=1)
        for part, kernels in zip(np.split(x, groups, axis=1), np.split(w, groups))
    ]
    y = CONV[ndim](x, w, stride=2, padding=1, groups=groups)
    np.testing.assert_array_equal(y, np.concatenate(parts, axis=1))


@NDIM
def test_one_by_one_is_a_matrix_per_pixel(ndim):
    x, w = operands(ndim, kernel=1)
    matrix = w.reshape(4, 3)
    np.testing.assert_array_equal(CONV[ndim](x, w), np.einsum("kc,nc...->nk...", matrix, x))
    last = CONV[ndim](np.moveaxis(x, 1, -1), w, data_format="channels_last")
    np.testing.assert_array_equal(last, np.moveaxis(x, 1, -1) @ matrix.T)


@NDIM
def test_channels_add_up(ndim):
    x, w = operands(ndim)
    parts = [CONV[ndim](x[:, c : c + 1], w[:, c : c + 1]) for c in range(3)]
    np.testing.assert_array_equal(CONV[ndim](x, w), sum(parts))


@NDIM
def test_a_kernel_as_large_as_the_input_is_a_dense_layer(ndim):
    x = integers(19, 2, 3, *SIZES[ndim])
    w = integers(20, 4, 3, *SIZES[ndim])
    y = CONV[ndim](x, w)
    assert y.shape == conv_output_shape(x.shape, w.shape) == (2, 4, *(1,) * ndim)
    np.testing.assert_array_equal(y.reshape(2, 4), x.reshape(2, -1) @ w.reshape(4, -1).T)


@NDIM
def test_global_average_pooling_is_the_mean(ndim):
    x, _ = operands(ndim)
    axes = tuple(range(2, 2 + ndim))
    expected = x.mean(axes, keepdims=True)
    np.testing.assert_allclose(global_avg_pool(x), expected, rtol=1e-12, atol=1e-13)


@NDIM
def test_average_pooling_is_a_box_filter(ndim):
    x, _ = operands(ndim)
    box = np.broadcast_to(filters.box(2, ndim, dtype=float), (3, 1, *(2,) * ndim))
    average = AVG_POOL[ndim](x, 2)
    np.testing.assert_allclose(average, CONV[ndim](x, box, stride=2, groups=3), atol=1e-12)
