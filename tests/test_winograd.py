"""Winograd's convolution: fewer products, the same promises."""

import numpy as np
import pytest
import rooms
from hypothesis import given, settings, strategies as st
from rooms import LAYOUTS, WAYS, in_layout, normal

import fastconv
from fastconv._algorithms import registry
from fastconv._kernels import isa

ROOM = "winograd"
room = next(one for one in registry.ROOMS if one.name == ROOM)
pytestmark = pytest.mark.usefixtures("every_thread_asked_for")


@st.composite
def problems(draw):
    """Small whole numbers, which F(2, 3) sums exactly, and options of a convolution."""
    number = lambda least, most: draw(st.integers(least, most))  # noqa: E731
    depth = draw(st.sampled_from([(), (1,), (2,), (4,)]))
    groups = number(1, 3)
    kernel = (*depth, 3, 3)
    dilation = tuple(number(1, 4) for _ in kernel)
    stride = (*(number(1, 2) for _ in depth), 1, 1)
    padding = [(number(0, 4), number(0, 4)) for _ in kernel]
    spatial = rooms.spatial_size([number(1, 17) for _ in kernel], kernel, dilation, padding)
    channels, filters = number(8, 35), number(8, 35)
    x, w = (number(1, 4), groups * channels, *spatial), (groups * filters, channels, *kernel)
    return rooms.whole_numbers(
        draw, 4, x, w, stride=stride, padding=padding, dilation=dilation, groups=groups
    )


@settings(max_examples=60, deadline=None)
@given(problems(), WAYS)
def test_whole_numbers_are_summed_exactly(problem, way):
    rooms.assert_exact(problem, ROOM, *way)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("level", isa.available())
@pytest.mark.parametrize("channels", [16, 256, 700])
def test_errors_stay_within_the_promise_of_each_precision(channels, level, layout):
    rng = np.random.default_rng(channels)
    x, w = in_layout(normal(rng, 1, channels, 24, 24), layout), normal(rng, 32, channels, 3, 3)
    options = {"padding": 1, "data_format": layout}
    true = fastconv.conv2d(x.astype(float), w.astype(float), algorithm="im2col", **options)

    def error(algorithm, precision):
        y = fastconv.conv2d(x, w, algorithm=algorithm, precision=precision, **options)
        return np.linalg.norm(y - true) / np.linalg.norm(true)

    with isa.use(level):
        assert error(ROOM, "highest") <= 2 * error("im2col", "highest")
        assert error("winograd_4x4", "high") <= 2e-5
        assert error("winograd_4x4", "high") > 2 * error(ROOM, "highest"), "larger tiles did not run"


def test_float64_is_not_made_less_precise():
    rng = np.random.default_rng(2)
    x, w = rng.standard_normal((1, 32, 24, 24)), rng.standard_normal((32, 32, 3, 3))
    results = [fastconv.conv2d(x, w, algorithm=ROOM, precision=p) for p in ("highest", "medium")]
    assert np.array_equal(*results)
    assert np.allclose(results[0], fastconv.conv2d(x, w, algorithm="im2col"), rtol=0, atol=1e-12)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38])
@pytest.mark.parametrize("activation", [None, "relu"])
def test_a_special_value_reaches_the_windows_that_hold_it_and_no_other(value, activation, stood):
    rng = np.random.default_rng(3)
    x, w = rng.integers(1, 5, (1, 16, 12, 12)), rng.integers(1, 3, (16, 16, 3, 3))
    x, w = x.astype(np.float32), w.astype(np.float32)
    x[0, 3, 5, 6] = value
    with np.errstate(all="ignore"):
        expected = fastconv.conv2d(x, w, algorithm="direct_channels", activation=activation)
        y = fastconv.conv2d(x, w, algorithm=ROOM, activation=activation)
        assert stood == [False]
    assert np.array_equal(y, expected, equal_nan=True)
    assert np.isfinite(y[..., :3, :]).all()


def test_finite_results_stand(stood):
    rng = np.random.default_rng(4)
    fastconv.conv2d(normal(rng, 1, 16, 12, 12), normal(rng, 16, 16, 3, 3), algorithm=ROOM)
    assert stood == [True]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("size, batch", [(7, 1), (7, 9), (14, 1), (40, 2), (300, 1)])
def test_any_number_of_threads_gives_the_same_bits(size, batch, layout):
    rng = np.random.default_rng(size)
    x, w = in_layout(normal(rng, batch, 24, size, size), layout), normal(rng, 70, 24, 3, 3)
    rooms.assert_same_bits(x, w, padding=1, algorithm=ROOM, data_format=layout)


def test_many_large_images_are_copied_a_few_at_a_time():
    rng = np.random.default_rng(9)
    x = rng.integers(-4, 5, (7, 8, 600, 500)).astype(np.float32)
    w = rng.integers(-4, 5, (8, 8, 3, 3)).astype(np.float32)
    plan = fastconv.plan(fastconv.conv2d, x, w, algorithm=ROOM, padding=1)
    assert x.nbytes > 64 << 20 > plan.workspace - (8 << 20)
    assert np.array_equal(plan(x), fastconv.conv2d(x, w, algorithm="direct", padding=1))


def test_the_gradient_of_the_input_takes_it_too():
    rng = np.random.default_rng(5)
    w = rng.integers(-4, 5, (32, 24, 3, 3)).astype(np.float32)
    g = rng.integers(-4, 5, (2, 32, 10, 11)).astype(np.float32)
    x = np.zeros((2, 24, 10, 11), np.float32)
    results = []
    for algorithm in (ROOM, "im2col"):
        with fastconv.config(algorithm=algorithm):
            results.append(fastconv.conv_transpose2d(g, w, padding=1))
    assert results[0].shape == x.shape
    assert np.array_equal(*results)


def test_weights_are_transformed_once_in_a_plan():
    rng = np.random.default_rng(6)
    x, w = normal(rng, 2, 40, 19, 23), normal(rng, 40, 40, 3, 3)
    plan = fastconv.plan(fastconv.conv2d, x, w, algorithm=ROOM)
    assert plan.algorithm == ROOM
    expected = fastconv.conv2d(x, w, algorithm=ROOM)
    w[:] = 0
    assert np.array_equal(plan(x), expected)


@pytest.mark.parametrize(
    "options, reason",
    [
        ({"stride": 2}, "is for stride 1"),
        ({"groups": 4}, "does not repay its transforms with 4 channels and 4 filters"),
    ],
)
def test_what_it_is_not_made_for_is_refused(options, reason):
    x, w = np.ones((1, 16, 9, 9), np.float32), np.ones((16, 16 // options.get("groups", 1), 3, 3), "f")
    with pytest.raises(ValueError, match=reason):
        fastconv.conv2d(x, w, algorithm=ROOM, **options)
    with pytest.raises(ValueError, match="is for kernels of 3x3"):
        fastconv.conv2d(x, np.ones((16, 16, 3, 5), np.float32), algorithm=ROOM)
    with pytest.raises(ValueError, match="this sum must be exact"):
        fastconv.conv2d(x.astype(int), np.ones((16, 16, 3, 3), int), algorithm=ROOM)
