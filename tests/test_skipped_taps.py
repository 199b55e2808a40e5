"""Kernels that reach beyond small images: taps that see only padding are left out, and nobody notices."""

import numpy as np
import pytest
import rooms
from hypothesis import given, settings, strategies as st
from rooms import LAYOUTS, WAYS, in_layout, normal

import fastconv
from fastconv._algorithms import registry

ROOM = "direct_channels"
pytestmark = pytest.mark.usefixtures("every_thread_asked_for")


@st.composite
def problems(draw):
    """Whole numbers, in images about as large as the kernel."""
    number = lambda least, most: draw(st.integers(least, most))  # noqa: E731
    kernel = [number(1, 5) for _ in range(number(1, 3))]
    stride, dilation = [number(1, 3) for _ in kernel], [number(1, 3) for _ in kernel]
    reach = [d * (k - 1) for k, d in zip(kernel, dilation)]
    padding = [(number(-1, r + 2), number(-1, r + 2)) for r in reach]
    spatial = rooms.spatial_size([number(1, 8) for _ in kernel], kernel, dilation, padding)
    groups, channels, filters = number(1, 2), draw(st.sampled_from([1, 2, 16, 33])), number(1, 40)
    x, w = (number(1, 2), groups * channels, *spatial), (groups * filters, channels, *kernel)
    return rooms.whole_numbers(
        draw, 4, x, w, stride=stride, padding=padding, dilation=dilation, groups=groups
    )


@settings(max_examples=200, deadline=None)
@given(problems(), WAYS)
def test_whole_numbers_are_summed_exactly(problem, way):
    rooms.assert_exact(problem, ROOM, *way)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("tap", [(0, 0), (0, 3), (3, 6), (6, 6)])
def test_weights_that_are_no_numbers_meet_the_zeros_around_the_image(tap, value, layout):
    """Zero times Inf is NaN, as in a direct sum: in plans, calls, and gradients as well."""
    rng = np.random.default_rng(0)
    x, w = normal(rng, 2, 24, 5, 6), normal(rng, 20, 24, 7, 7)
    w[3, 5, *tap] = value
    options = {"padding": 3, "data_format": layout}
    expected = fastconv.conv2d(in_layout(x, layout), w, algorithm="reference", **options)
    with fastconv.config(algorithm=ROOM):
        y = fastconv.conv2d(in_layout(x, layout), w, **options)
        planned = fastconv.plan(fastconv.conv2d, in_layout(x, layout).shape, w, **options)
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(planned(in_layout(x, layout)), y)
    assert not np.isfinite(y).all() and np.isfinite(y).any()


def test_only_the_weights_themselves_are_looked_at():
    """The stride of a single filter may be anything; what follows it in memory is not its own."""
    rng = np.random.default_rng(3)
    x, many = normal(rng, 1, 24, 5, 5), np.full((3, 24, 7, 7), np.nan, np.float32)
    many[0] = normal(rng, 24, 7, 7)
    w = many[::2][:1]
    options = {"padding": 3, "algorithm": ROOM}
    assert w.strides[0] > w[0].nbytes
    np.testing.assert_array_equal(
        fastconv.conv2d(x, w, **options), fastconv.conv2d(x, w.copy(), **options)
    )


@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_weights_of_exchanged_axes_are_looked_at_too(value):
    """The gradient to the input has filters and channels exchanged, and the kernel turned round."""
    rng = np.random.default_rng(1)
    g, w = normal(rng, 1, 20, 5, 5), normal(rng, 20, 24, 5, 5)
    w[7, 3, 0, 4] = value
    results = []
    for algorithm in ("reference", ROOM):
        with fastconv.config(algorithm=algorithm):
            results.append(fastconv.grad.conv2d_input((1, 24, 5, 5), w, g, padding=2))
    np.testing.assert_allclose(*results, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_same_bits_for_any_batch_and_number_of_threads(layout):
    rng = np.random.default_rng(2)
    x, w = in_layout(normal(rng, 3, 32, 7, 7), layout), normal(rng, 48, 32, 7, 7)
    options = {"padding": 6, "dilation": 2, "data_format": layout, "algorithm": ROOM}
    whole = _conv(x, w, 1, options)
    for threads in (2, 3, 5):
        np.testing.assert_array_equal(_conv(x, w, threads, options), whole)
    np.testing.assert_array_equal(_conv(x[1:2], w, 2, options), whole[1:2])


def _conv(x, w, threads, options):
    with fastconv.config(threads=threads):
        return fastconv.conv2d(x, w, **options)


@settings(max_examples=150, deadline=None)
@given(st.data(), WAYS)
def test_a_factor_that_stride_and_dilation_share_is_one_of_the_array(data, way):
    """Inputs between are never seen, whatever the padding, in every algorithm."""
    number = lambda least, most: data.draw(st.integers(least, most))  # noqa: E731
    kernel = [number(1, 4) for _ in range(number(1, 3))]
    common = [number(2, 4) for _ in kernel]
    stride, dilation = ([c * number(1, 2) for c in common] for _ in range(2))
    padding = [(number(-2, 7), number(-2, 7)) for _ in kernel]
    spatial = rooms.spatial_size([number(1, 24) for _ in kernel], kernel, dilation, padding)
    groups, channels, filters = data.draw(st.sampled_from([(1, 3, 5), (2, 4, 2), (18, 1, 1)]))
    x, w = (number(1, 2), groups * channels, *spatial), (groups * filters, channels, *kernel)
    options = dict(stride=stride, padding=padding, dilation=dilation, groups=groups)
    room = data.draw(st.sampled_from([one.name for one in registry.rooms_for("conv") if one.local]))
    problem = rooms.whole_numbers(data.draw, 4, x, w, **options)
    try:
        rooms.assert_exact(problem, room, *way)
    except ValueError as refusal:
        assert "no algorithm for" in str(refusal)
