"""Convolution along rows, where lanes are segments or rows: any stride, dilation and length."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from rooms import LAYOUTS, WAYS, assert_exact, spatial_size, whole_numbers

import fastconv
from fastconv._kernels import isa

pytestmark = pytest.mark.usefixtures("every_thread_asked_for")


@st.composite
def problems(draw, depthwise=False):
    """Kernels that extend along the last axis only, or depthwise ones with long rows."""
    ndim = draw(st.integers(1, 3))
    taps = draw(st.sampled_from([2, 3, 4, 5, 7, 8, 30, 255, 256, 257, 300]))
    stride, dilation = draw(st.sampled_from([(1, 1), (1, 1), (1, 3), (2, 1), (3, 2), (4, 6), (5, 5)]))
    if depthwise:
        taps, (stride, dilation) = min(taps, 30), draw(st.sampled_from([(1, 1), (1, 2), (2, 1)]))
    outer = [draw(st.integers(1, 40 if ndim == 2 else 9)) for _ in range(ndim - 1)]
    sizes = [*outer, draw(st.integers(1, 60 if depthwise else 1500))]
    kernel = [draw(st.integers(1, 3)) if depthwise else 1 for _ in outer] + [taps]
    dilations = [1] * len(outer) + [dilation]
    padding = [draw(st.tuples(st.integers(-1, 3), st.integers(-1, 3))) for _ in outer]
    padding.append(draw(st.tuples(st.integers(-1, taps), st.integers(-1, taps))))
    groups, channels, filters = draw(st.sampled_from([(1, 1, 1), (3, 3, 3), (1, 2, 3), (2, 4, 6)]))
    if depthwise:
        groups = channels = filters = draw(st.sampled_from([16, 17, 40]))
    spatial = spatial_size(sizes, kernel, dilations, padding)
    return whole_numbers(
        draw, 3, (draw(st.sampled_from([1, 2, 18])), channels, *spatial),
        (filters, channels // groups, *kernel), stride=[*(draw(st.integers(1, 2)) for _ in outer), stride],
        dilation=dilations, padding=padding, groups=groups,
        padding_mode=draw(st.sampled_from(["zeros", "zeros", "reflect", "replicate"])),
    )  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(problems(), WAYS)
def test_rows_are_exact(problem, way):
    assert_exact(problem, "direct_signals", *way)


@settings(max_examples=60, deadline=None)
@given(problems(depthwise=True), WAYS)
def test_long_rows_of_many_channels_are_exact(problem, way):
    assert_exact(problem, "direct_depthwise", *way)


@pytest.mark.parametrize("room, channels", [("direct_signals", 1), ("direct_depthwise", 33)])
@pytest.mark.parametrize("taps", [7, 300])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_same_bits_for_any_number_of_threads_and_level(room, channels, taps, layout):
    rng = np.random.default_rng(taps)
    x = rng.standard_normal((1, channels, 3, 4000)).astype(np.float32)
    x = x if layout == "channels_first" else np.moveaxis(x, 1, -1)
    w = rng.standard_normal((channels, 1, 1, taps)).astype(np.float32)
    options = dict(padding=(0, taps), groups=channels, algorithm=room, data_format=layout)
    for level in isa.available():
        results = set()
        for threads in (1, 2, 3, 5, 17):
            with isa.use(level), fastconv.config(threads=threads):
                results.add(fastconv.conv2d(x, w, **options).tobytes())
        assert len(results) == 1


def test_long_sums_are_as_accurate_as_those_of_blas():
    rng = np.random.default_rng(5)
    x, w = rng.standard_normal((1, 1, 20_000)), rng.standard_normal((1, 1, 4001))
    truth = fastconv.conv1d(x, w)
    x, w = x.astype(np.float32), w.astype(np.float32)

    def error(algorithm):
        return np.linalg.norm(fastconv.conv1d(x, w, algorithm=algorithm) - truth)

    assert error("direct_signals") <= 2 * error("im2col")


def test_what_it_is_not_for():
    x = np.ones((1, 1, 9, 9))
    for kernel, why in (((3, 3), "along the last axis"), ((1, 1), "several taps")):
        with pytest.raises(ValueError, match=why):
            fastconv.conv2d(x, np.ones((1, 1, *kernel)), algorithm="direct_signals")


@pytest.mark.parametrize("far", [2**20 + 1, 2**32, 2**61])
def test_what_reaches_too_far_is_left_to_others(far):
    """Counting what it would copy runs over."""
    x, w = np.ones((1, 1, 8)), np.ones((1, 1, 3))
    for options, expected in ((dict(stride=far), [0, 3, 0]), (dict(dilation=far), [1] * 8)):
        assert fastconv.conv1d(x, w, padding=far, **options)[0, 0].tolist() == expected
        with pytest.raises(ValueError, match="direct_signals: is for strides and kernels that reach"):
            fastconv.conv1d(x, w, padding=far, algorithm="direct_signals", **options)
