"""Depthwise convolution by windows and by runs of taps: exact on whole numbers, whatever the strides."""

import pytest
import rooms
from hypothesis import given, settings, strategies as st
from rooms import WAYS

ROOM = "direct_depthwise"
pytestmark = pytest.mark.usefixtures("every_thread_asked_for")


@st.composite
def problems(draw):
    """Kernels of up to 11 taps a row, in rows that hold them and in rows that do not."""
    number = lambda least, most: draw(st.integers(least, most))  # noqa: E731
    depth = [number(1, 2) for _ in range(number(0, 2))]
    kernel = [*depth, number(1, 11)]
    stride, dilation = [number(1, 4) for _ in kernel], [number(1, 3) for _ in kernel]
    padding = [(number(-1, 6), number(-1, 6)) for _ in kernel]
    sizes = [number(1, 6) for _ in depth] + [number(1, 90)]
    spatial = rooms.spatial_size(sizes, kernel, dilation, padding)
    channels = number(16, 40)
    x, w = (number(1, 2), channels, *spatial), (channels, 1, *kernel)
    return rooms.whole_numbers(
        draw, 9, x, w, stride=stride, padding=padding, dilation=dilation, groups=channels
    )


@settings(max_examples=250, deadline=None)
@given(problems(), WAYS)
def test_whole_numbers_are_summed_exactly(problem, way):
    rooms.assert_exact(problem, ROOM, *way)
