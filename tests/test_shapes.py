"""Size arithmetic against counting: every window is placed by hand, one position after another."""

from math import ceil

import numpy as np
import pytest
from hypothesis import given, strategies as st

from fastconv.linear_maps import as_matrix, im2col
from fastconv.shapes import (
    ReceptiveField,
    conv_output_shape,
    conv_transpose_output_shape,
    flops,
    parameter_count,
    pool_output_shape,
    receptive_field,
    same_padding,
)

axis = st.tuples(
    st.integers(1, 12),  # size
    st.integers(1, 5),  # kernel
    st.integers(1, 4),  # stride
    st.integers(1, 3),  # dilation
    st.tuples(st.integers(-3, 6), st.integers(-3, 6)),
)


def placements(size, kernel, stride, dilation, pads):
    """Starts of all windows that fit into the padded axis."""
    length = size + sum(pads)
    extent = dilation * (kernel - 1) + 1
    return [start for start in range(0, max(length, 0), stride) if start + extent <= length]


@given(st.lists(axis, min_size=1, max_size=3))
def test_convolution_counts_windows(axes):
    sizes, kernel, stride, dilation, pads = map(tuple, zip(*axes))
    counts = tuple(len(placements(*a)) for a in axes)
    call = dict(stride=stride, padding=pads, dilation=dilation)
    if 0 in counts:
        with pytest.raises(ValueError, match="does not fit"):
            conv_output_shape((2, 3, *sizes), (5, 3, *kernel), **call)
        return
    assert conv_output_shape((2, 3, *sizes), (5, 3, *kernel), **call) == (2, 5, *counts)
    assert conv_output_shape((3, *sizes), (5, 3, *kernel), **call) == (5, *counts)
    last = conv_output_shape(
        (2, *sizes, 3), (5, 3, *kernel), data_format="channels_last", **call
    )
    assert last == (2, *counts, 5)


@given(axis)
def test_pooling_counts_windows(a):
    size, kernel, stride, dilation, pads = a
    floor = len(placements(*a))
    if floor == 0:
        return
    call = dict(stride=stride, padding=(pads,), dilation=dilation)
    assert pool_output_shape((1, 3, size), kernel, **call) == (1, 3, floor)
    # One more window where the steps leave a rest, if it starts on the input or before it.
    start = floor * stride
    rest = size + sum(pads) - (start - stride) - (dilation * (kernel - 1) + 1)
    extra = rest > 0 and start < size + pads[0] + min(pads[1], 0)
    assert pool_output_shape((1, 3, size), kernel, ceil_mode=True, **call) == (1, 3, floor + extra)


@given(axis, st.integers(0, 3))
def test_transposed_convolution_inverts_the_arithmetic(a, extra):
    size, kernel, stride, dilation, pads = a
    if extra >= stride:
        return
    try:
        grown = conv_transpose_output_shape(
            (4, size), (4, 6, kernel), stride, (pads,), extra, 1, dilation
        )
    except ValueError as error:
        assert "nothing is left" in str(error)
        return
    assert grown[0] == 6
    back = conv_output_shape((6, grown[1]), (4, 6, kernel), stride, (pads,), dilation)
    assert back == (4, size)


def test_transposed_convolution_layouts():
    call = dict(stride=2, padding=1, output_padding=1, groups=2)
    assert conv_transpose_output_shape((1, 4, 7, 8), (4, 3, 3, 3), **call) == (1, 6, 14, 16)
    call["data_format"] = "channels_last"
    assert conv_transpose_output_shape((1, 7, 8, 4), (4, 3, 3, 3), **call) == (1, 14, 16, 6)
    assert conv_transpose_output_shape((4, 5), (4, 1, 3), padding="full") == (1, 3)


@given(st.integers(1, 40), st.integers(1, 9), st.integers(1, 5), st.integers(1, 3), st.booleans())
def test_same_padding(size, kernel, stride, dilation, lower):
    pads = same_padding(size, kernel, stride, dilation, lower=lower)
    ((before, after),) = pads
    assert before - after in ((0, 1) if lower else (0, -1))
    if ceil(size / stride) == len(placements(size, kernel, stride, dilation, (before, after))):
        assert conv_output_shape((1, size), (1, 1, kernel), stride, pads, dilation) == (
            1,
            ceil(size / stride),
        )
    else:
        # Padding may only stay out where stride alone skips past the last window.
        assert (before, after) == (0, 0)
    name = "same_lower" if lower else "same"
    assert conv_output_shape((1, size), (1, 1, kernel), stride, name, dilation) == (
        conv_output_shape((1, size), (1, 1, kernel), stride, pads, dilation)
    )


def test_same_padding_per_axis():
    assert same_padding((5, 6), (3, 2)) == ((1, 1), (0, 1))
    assert same_padding((5, 6), 2, lower=True) == ((1, 0), (1, 0))
    assert same_padding(5, (3, 4, 5)) == ((1, 1), (1, 2), (2, 2))


@given(
    st.lists(
        st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(1, 2), st.integers(0, 2)),
        min_size=1,
        max_size=3,
    )
)
def test_receptive_field_is_what_the_matrix_sees(layers):
    field = receptive_field(layers)
    # Room for an output whose whole field lies inside the input.
    matrix = np.eye(2 * field.size + field.stride - 2 * field.offset)
    for kernel, stride, dilation, padding in layers:
        weight = np.ones((1, 1, kernel))
        matrix = as_matrix(weight, (1, len(matrix)), stride, padding, dilation) @ matrix
    o = next(o for o in range(len(matrix)) if field.offset + o * field.stride >= 0)
    seen = np.flatnonzero(matrix[o])
    assert seen[0] == field.offset + o * field.stride
    assert seen[-1] - seen[0] + 1 == field.size


def test_receptive_field_spellings():
    assert receptive_field([]) == ReceptiveField(1, 1, 0)
    assert receptive_field([(3, 1)] * 3) == (7, 1, 0)
    assert receptive_field([(3, 2, 2)]) == (5, 2, 0)
    assert receptive_field([((3, 5), 1), (2, (2, 1))]) == ((4, 6), (2, 1), (0, 0))
    assert receptive_field([(3, 1, 1, [(0, 2)])]).offset == 0
    # ResNet-50 up to its last 3x3 convolution, from the table of Araujo et al.
    bottleneck = [(1, 1), (3, 1, 1, 1), (1, 1)]
    strided = [(1, 1), (3, 2, 1, 1), (1, 1)]
    stem = [(7, 2, 1, 3), (3, 2, 1, 1)]
    # The stride of a block is in its last unit there.
    blocks = (
        bottleneck * 2 + strided + bottleneck * 3 + strided + bottleneck * 5 + strided + bottleneck * 3
    )
    assert receptive_field(stem + blocks)[:2] == (483, 32)


def test_costs():
    assert parameter_count((96, 3, 11, 11)) == 34_944
    assert parameter_count((96, 3, 11, 11), bias=False) == 34_848
    # The first layer of AlexNet: 105 million multiply-adds.
    assert flops((1, 3, 227, 227), (96, 3, 11, 11), stride=4) == 2 * 105_415_200
    assert flops((227, 227, 3), (96, 3, 11, 11), 4, data_format="channels_last") == 210_830_400
    assert flops((2, 4, 5), (6, 2, 3), groups=2) == 2 * (2 * 6 * 3) * (2 * 3)
    assert flops((0, 4, 5), (6, 4, 3)) == 0


def test_sizes_far_beyond_memory():
    assert conv_output_shape((2**40, 3, 2**40), (1, 3, 3)) == (2**40, 1, 2**40 - 2)
    assert flops((2**40, 3, 2**40), (1, 3, 1)) == 6 * 2**80


def test_kernel_size_tells_the_axes():
    assert pool_output_shape((3, 4, 6), 2) == (3, 4, 3)
    assert pool_output_shape((3, 4, 6), (2, 2)) == (3, 2, 3)
    assert pool_output_shape((3, 4, 6), [2]) == (3, 4, 3)
    assert pool_output_shape((4, 6, 3), (2, 2), data_format="channels_last") == (2, 3, 3)
    assert im2col(np.zeros((3, 4, 6)), 2).shape == (3, 8, 5)
    assert im2col(np.zeros((3, 4, 6)), (2, 2)).shape == (12, 15)


@pytest.mark.parametrize("integer", [np.int8, np.uint64])
def test_numpy_integers(integer):
    shape = tuple(map(integer, (1, 3, 8, 8)))
    assert conv_output_shape(shape, np.array([4, 3, 3, 3]), integer(2)) == (1, 4, 3, 3)
    assert pool_output_shape(shape, np.array(integer(2))) == (1, 3, 4, 4)
    assert same_padding(np.array(integer(8)), 3) == ((1, 1),)
