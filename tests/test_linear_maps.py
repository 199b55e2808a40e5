"""Columns and matrices, against loops that follow the definition and against each other."""

from itertools import product
from math import prod

import numpy as np
import pytest
from hypothesis import given, reject, settings, strategies as st

from fastconv.conv import conv1d, conv2d, conv3d
from fastconv.linear_maps import as_matrix, col2im, im2col
from fastconv.shapes import conv_output_shape

CONV = {1: conv1d, 2: conv2d, 3: conv3d}


def integers(rng, shape, dtype=float):
    return rng.integers(-9, 10, shape).astype(dtype)


@st.composite
def geometries(draw):
    """(sizes, kernel, and the keyword arguments stride, padding, dilation) that fit."""
    ndim = draw(st.integers(1, 3))

    def each(low, high):
        return tuple(draw(st.lists(st.integers(low, high), min_size=ndim, max_size=ndim)))

    padding = draw(
        st.sampled_from(
            [
                "valid",
                "same",
                "same_lower",
                "full",
                *(["causal"] if ndim == 1 else []),
                0,
                2,
                each(0, 3),
                tuple(zip(each(-2, 5), each(-2, 5))),
            ]
        )
    )
    sizes, kernel = each(1, 7), each(1, 4)
    call = dict(stride=each(1, 3), padding=padding, dilation=each(1, 3))
    try:
        conv_output_shape((1, *sizes), (1, 1, *kernel), **call)
    except ValueError:
        reject()
    return sizes, kernel, call


@settings(max_examples=200, deadline=None)
@given(geometries(), st.integers(0, 2**32 - 1), st.integers(1, 3), st.integers(1, 2))
def test_columns_matrix_and_convolution_agree(geometry, seed, groups, per_group):
    sizes, kernel, call = geometry
    rng = np.random.default_rng(seed)
    x = integers(rng, (groups * per_group, *sizes))
    w = integers(rng, (2 * groups, per_group, *kernel))
    y = CONV[len(sizes)](x, w, groups=groups, **call)

    matrix = as_matrix(w, x.shape, groups=groups, **call)
    np.testing.assert_array_equal(matrix @ x.ravel(), y.ravel())

    columns = im2col(x, kernel, **call)
    by_group = columns.reshape(groups, -1, columns.shape[-1])
    products = w.reshape(groups, 2, -1) @ by_group
    np.testing.assert_array_equal(products.ravel(), y.ravel())

    # The adjoint identity, exact on integers: <im2col(x), g> == <x, col2im(g)>.
    g = integers(rng, columns.shape)
    assert np.vdot(columns, g) == np.vdot(x, col2im(g, sizes, kernel, **call))


@settings(max_examples=50, deadline=None)
@given(geometries())
def test_the_matrix_is_canonical_and_stores_no_padding(geometry):
    sizes, kernel, call = geometry
    matrix = as_matrix(np.ones((2, 3, *kernel)), (3, *sizes), **call)
    matrix.check_format(full_check=True)
    assert matrix.indices.dtype == matrix.indptr.dtype == np.int32
    for start, stop in zip(matrix.indptr, matrix.indptr[1:]):
        assert (np.diff(matrix.indices[start:stop]) > 0).all()
    seen = im2col(np.ones((3, *sizes)), kernel, **call)
    assert matrix.nnz == 2 * seen.sum()


def windows_by_loops(x, kernel, stride, dilation, pad):
    """The definition of im2col for one image, element by element."""
    channels, *sizes = x.shape
    output = [
        (n + 2 * pad - d * (k - 1) - 1) // s + 1
        for n, k, s, d in zip(sizes, kernel, stride, dilation)
    ]
    rows = []
    for channel, *tap in product(range(channels), *map(range, kernel)):
        row = []
        for place in product(*map(range, output)):
            at = [o * s + t * d - pad for o, s, t, d in zip(place, stride, tap, dilation)]
            inside = all(0 <= i < n for i, n in zip(at, sizes))
            row.append(x[(channel, *at)] if inside else 0)
        rows.append(row)
    return np.array(rows)


@pytest.mark.parametrize(
    "sizes, kernel, stride, dilation, pad",
    [
        ((7,), (3,), (2,), (1,), 1),
        ((5, 6), (3, 2), (1, 2), (2, 1), 2),
        ((4, 3, 5), (2, 3, 1), (2, 1, 3), (1, 1, 2), 1),
        ((2, 2), (2, 2), (3, 3), (1, 1), 5),
    ],
)
def test_im2col_follows_the_definition(sizes, kernel, stride, dilation, pad):
    x = np.arange(1.0, 1 + 2 * 3 * prod(sizes)).reshape(2, 3, *sizes)
    columns = im2col(x, kernel, dilation, pad, stride)
    for image, result in zip(x, columns):
        np.testing.assert_array_equal(
            result, windows_by_loops(image, kernel, stride, dilation, pad)
        )
    np.testing.assert_array_equal(im2col(x[0], kernel, dilation, pad, stride), columns[0])


def test_col2im_counts_overlaps():
    ones = np.ones((1, 5, 6))
    counts = col2im(im2col(ones, (3, 3)), (5, 6), (3, 3))
    np.testing.assert_array_equal(
        counts[0], np.outer([1, 2, 3, 2, 1], [1, 2, 3, 3, 2, 1])
    )
    assert col2im(np.ones((2, 6, 4)), 6, 3).shape == (2, 2, 6)


DTYPES = ["f2", "f4", "f8", "c8", "c16", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", ">f4", ">i8"]


@pytest.mark.parametrize("dtype", DTYPES)
def test_dtypes_are_kept(dtype):
    x = np.arange(40).reshape(1, 2, 4, 5).astype(dtype)
    native = np.dtype(dtype).newbyteorder("=")
    columns = im2col(x, 2, padding=1)
    assert columns.dtype == native and columns.dtype.isnative
    np.testing.assert_array_equal(columns, im2col(x.astype(complex), 2, padding=1))
    small = (columns % 3 if native.kind != "c" else columns).astype(dtype)
    image = col2im(small, (4, 5), (2, 2), padding=1)
    assert image.dtype == native and image.dtype.isnative
    np.testing.assert_array_equal(
        image, col2im(small.astype(complex), (4, 5), (2, 2), padding=1)
    )


@pytest.mark.parametrize("dtype", ["f4", "f8", "c8", "c16", "i1", "u2", "i4", "i8", "u8"])
def test_matrix_dtypes(dtype):
    matrix = as_matrix(np.ones((1, 1, 2), dtype), (1, 4))
    assert matrix.dtype == dtype
    assert matrix.toarray().tolist() == [[1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 1]]


def test_a_one_dimensional_matrix_is_toeplitz():
    from scipy.linalg import toeplitz

    w = np.array([3.0, 5.0, 7.0])
    full = as_matrix(w[::-1].reshape(1, 1, 3), (1, 6), padding="full").toarray()
    np.testing.assert_array_equal(full, toeplitz([*w, 0, 0, 0, 0, 0], [3.0, 0, 0, 0, 0, 0]))


def test_integer_sums_beyond_the_dtype_raise():
    cols = np.full((1, 2, 3), 100, np.int8)
    with pytest.raises(OverflowError, match="does not fit int8"):
        col2im(cols, 4, 2)
    assert col2im(cols // 2, 4, 2).tolist() == [[[50, 100, 100, 50]]]
    big = np.full((1, 2, 3), 2**62, np.uint64)
    assert col2im(big, 4, 2).tolist() == [[[2**62, 2**63, 2**63, 2**62]]]


def test_half_precision_sums_are_rounded_once():
    # One by one in float16, the sum would stick at 2048.
    image = col2im(np.ones((3000, 3000), np.float16), 5999, 3000)
    assert image[0, 2999] == 3000


def flavours(x):
    yield x
    yield np.asfortranarray(x)
    yield x[..., ::-1][..., ::-1]
    yield np.repeat(x, 2, axis=-1)[..., ::2]
    frozen = x.copy()
    frozen.flags.writeable = False
    yield frozen
    buffer = np.empty(x.nbytes + 1, np.uint8)[1:].view(x.dtype).reshape(x.shape)
    buffer[...] = x
    yield buffer
    yield x.astype(x.dtype.newbyteorder())


def test_any_strides_and_flags():
    rng = np.random.default_rng(0)
    x, w = integers(rng, (2, 3, 5, 6)), integers(rng, (4, 3, 2, 3))
    columns, matrix = im2col(x, (2, 3)), as_matrix(w, x.shape[1:]).toarray()
    for flavour in flavours(x):
        np.testing.assert_array_equal(im2col(flavour, (2, 3)), columns)
    for flavour in flavours(w):
        np.testing.assert_array_equal(as_matrix(flavour, x.shape[1:]).toarray(), matrix)
    image = col2im(columns, (5, 6), (2, 3))
    for flavour in flavours(columns):
        np.testing.assert_array_equal(col2im(flavour, (5, 6), (2, 3)), image)


def test_nothing_is_shared_with_the_caller():
    x = np.ones((1, 1, 4))
    columns = im2col(x, 1)
    columns[:] = 5
    assert (x == 1).all()
    image = col2im(columns, 4, 1)
    image[:] = 7
    assert (columns == 5).all()


def test_empty_sizes():
    assert im2col(np.ones((0, 3, 5, 5)), 3).shape == (0, 27, 9)
    assert im2col(np.ones((2, 0, 5)), 3).shape == (2, 0, 3)
    assert not im2col(np.ones((1, 1, 0)), 1, padding=2).any()
    assert col2im(np.ones((0, 27, 9)), (5, 5), 3).shape == (0, 3, 5, 5)
    assert as_matrix(np.ones((0, 2, 3)), (2, 5)).shape == (0, 10)
    assert as_matrix(np.ones((2, 0, 3)), (0, 5)).shape == (6, 0)
    assert as_matrix(np.ones((1, 1, 1)), (1, 0), padding=2).shape == (4, 0)


def test_indices_widen_when_they_must():
    # One row, but a column number beyond 32 bits.
    matrix = as_matrix(np.ones((1, 2, 1)), (2, 2**31), stride=2**31)
    assert matrix.indices.tolist() == [0, 2**31]
    assert matrix.indices.dtype == np.int64


def test_the_transpose_is_the_gradient():
    rng = np.random.default_rng(1)
    w = integers(rng, (4, 2, 3, 3))
    x = integers(rng, (4, 6, 7))
    call = dict(stride=2, padding=1, groups=2)
    matrix = as_matrix(w, x.shape, **call)
    g = integers(rng, matrix.shape[0])
    y = conv2d(x, w, **call)
    assert np.vdot(y, g) == np.vdot(x, matrix.T @ g)
