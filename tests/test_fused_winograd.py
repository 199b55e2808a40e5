"""Winograd's convolution of few channels, in registers: exact on whole numbers, precise, local in effect."""

import numpy as np
import pytest
import rooms
from hypothesis import given, settings, strategies as st
from rooms import LAYOUTS, WAYS, in_layout, normal

import fastconv
from fastconv._algorithms import registry
from fastconv._kernels import isa

ROOM = "fused_winograd"
room = next(one for one in registry.ROOMS if one.name == ROOM)
pytestmark = pytest.mark.usefixtures("every_thread_asked_for")


@st.composite
def problems(draw):
    """Small whole numbers, which F(2, 3) sums exactly, and options of a convolution."""
    number = lambda least, most: draw(st.integers(least, most))  # noqa: E731
    depth = draw(st.sampled_from([(), (1,), (2,), (3,)]))
    kernel = (*depth, 3, 3)
    channels = number(2, 5) if depth in ((), (1,)) else number(1, 5)
    groups, filters = number(1, 3), number(8, 75)
    dilation = (*(number(1, 2) for _ in depth), 1, 1)
    padding = [(number(-1, 4), number(-1, 4)) for _ in kernel]
    spatial = rooms.spatial_size([number(1, 75) for _ in kernel], kernel, dilation, padding)
    if depth:
        spatial[0] = max(spatial[0] % 6, (kernel[0] - 1) * dilation[0] + 1 - sum(padding[0]))
    stride = (*(number(1, 2) for _ in depth), 1, 1)
    x, w = (number(1, 3), groups * channels, *spatial), (groups * filters, channels, *kernel)
    return rooms.whole_numbers(
        draw, 4, x, w, stride=stride, padding=padding, dilation=dilation, groups=groups
    )


@settings(max_examples=150, deadline=None)
@given(problems(), WAYS)
def test_whole_numbers_are_summed_exactly(problem, way):
    rooms.assert_exact(problem, ROOM, *way)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("level", isa.available())
@pytest.mark.parametrize("terms", [(2, 1), (3, 1), (8, 1), (1, 2), (1, 3), (4, 4)])
def test_errors_stay_within_the_promise(terms, level, layout):
    channels, depth = terms
    rng = np.random.default_rng(channels)
    x, w = normal(rng, 1, channels, 6, 40, 40), normal(rng, 32, channels, depth, 3, 3)
    x, options = in_layout(x, layout), {"padding": 1, "data_format": layout}
    true = fastconv.conv3d(x.astype(float), w.astype(float), algorithm="im2col", **options)

    def error(algorithm):
        y = fastconv.conv3d(x, w, algorithm=algorithm, **options)
        return np.linalg.norm(y - true) / np.linalg.norm(true)

    with isa.use(level):
        assert error(ROOM) <= 2 * error("im2col")


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38])
@pytest.mark.parametrize("activation", [None, "relu"])
def test_a_special_value_reaches_the_windows_that_hold_it_and_no_other(value, activation, layout):
    rng = np.random.default_rng(3)
    x, w = rng.integers(1, 5, (1, 3, 12, 37)), rng.integers(1, 3, (16, 3, 3, 3))
    x, w = x.astype(np.float32), w.astype(np.float32)
    x[0, 2, 5, 6] = value
    x = in_layout(x, layout)
    options = {"activation": activation, "data_format": layout}
    with np.errstate(all="ignore"):
        expected = fastconv.conv2d(x, w, algorithm="direct_channels", **options)
        y = fastconv.conv2d(x, w, algorithm=ROOM, **options)
    assert np.array_equal(y, expected, equal_nan=True)
    assert np.isfinite(y).sum() >= y.size - 16 * 9


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("size, batch", [((7, 9), 1), ((40, 31), 3), ((150, 301), 1)])
def test_any_number_of_threads_gives_the_same_bits(size, batch, layout):
    rng = np.random.default_rng(batch)
    x, w, b = in_layout(normal(rng, batch, 3, *size), layout), normal(rng, 37, 3, 3, 3), normal(rng, 37)
    rooms.assert_same_bits(x, w, b, padding=1, algorithm=ROOM, data_format=layout)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("level", isa.available())
def test_finite_results_stand_whatever_scratch_memory_held(level, layout, stood):
    rng, w = np.random.default_rng(7), np.ones((13, 3, 3, 3), np.float32)
    with isa.use(level), fastconv.config(threads=1, algorithm=ROOM):
        for width in (3, 16, 31, 33, 66, 70, 97, 130, 260):
            x = in_layout(normal(rng, 1, 3, 9, width), layout)
            for value, stands in ((np.nan, False), (1, True)):
                fastconv.conv2d(x * np.float32(value), w, data_format=layout)
                assert stood[-1] == stands, f"width {width}"


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("level", isa.available())
def test_the_planner_prices_it_for_first_layers(level, layout):
    shape = (1, 3, 224, 224) if layout == "channels_first" else (1, 224, 224, 3)
    w = np.ones((64, 3, 3, 3), np.float32)
    with isa.use(level):
        told = fastconv.explain(fastconv.conv2d, shape, w, padding=1, data_format=layout)
    times = {c.algorithm: c.predicted for c in told.candidates if c.refusal is None}
    # Which is the fastest depends on the machine; it does fewer products than any direct sum.
    assert 0 < times[ROOM] < times["im2col"]


@pytest.mark.parametrize(
    "shape, options, reason",
    [
        ((16, 3, 3, 3), {"stride": 2}, "is for stride and dilation 1, not"),
        ((16, 3, 3, 3), {"dilation": (1, 2)}, "is for stride and dilation 1, not"),
        ((16, 1, 3, 3), {"groups": 3}, "is for 2 to 16 terms at a point, not 1"),
        ((4, 3, 3, 3), {}, "does not repay its transforms with 4 filters"),
        ((16, 3, 3, 5), {}, "is for kernels of 3x3"),
    ],
)
def test_what_it_is_not_made_for_is_refused(shape, options, reason):
    if "groups" in options:
        shape = (3 * shape[0], *shape[1:])
    with pytest.raises(ValueError, match=reason):
        fastconv.conv2d(np.ones((1, 3, 9, 9), "f"), np.ones(shape, "f"), algorithm=ROOM, **options)
