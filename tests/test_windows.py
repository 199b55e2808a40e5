"""Windows read in place: single planes with small kernels, and depthwise layers with channels last."""

import numpy as np
import pytest
from hypothesis import assume, given, settings, strategies as st
from rooms import assert_same_bits, in_layout, in_pieces, normal, spatial_size, whole_numbers

import fastconv
from fastconv._kernels import isa

pytestmark = pytest.mark.usefixtures("every_thread_asked_for")


@st.composite
def problems(draw, kernels, channels, filters):
    """Small whole numbers and options; every filter sees one channel."""
    number = lambda least, most: draw(st.integers(least, most))  # noqa: E731
    depth = draw(st.sampled_from([(), (1,), (3,)]))
    kernel = (*depth, *draw(kernels))
    step = number(1, 2)
    dilation = tuple(number(1, 3) if step == 1 else 1 for _ in kernel)
    stride = (*(number(1, 3) for _ in depth), step, step)
    padding = [(number(0, 4), number(0, 4)) for _ in kernel]
    spatial = spatial_size([number(1, 40) for _ in kernel], kernel, dilation, padding)
    spatial[0] = min(spatial[0], 12) if depth else spatial[0]
    spatial[0] = max(spatial[0], (kernel[0] - 1) * dilation[0] + 1 - sum(padding[0]))
    planes, per_plane = draw(channels), draw(filters)
    x, w = (number(1, 3), planes, *spatial), (planes * per_plane, 1, *kernel)
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": planes}
    return whole_numbers(draw, 9, x, w, **options)


def check(problem, level, threads, room, last):
    x, w, b, options = problem
    convolve = fastconv.conv2d if x.ndim == 4 else fastconv.conv3d
    if last:
        x = np.ascontiguousarray(np.moveaxis(x, 1, -1))
        options = dict(options, data_format="channels_last")
    expected = convolve(x, w, b, algorithm="reference", **options)
    # Into memory of any strides, around which nothing may change.
    memory = np.full((*expected.shape[:-1], 2 * expected.shape[-1]), np.nan, x.dtype)
    guarded = np.full(expected.size + 128, np.nan, x.dtype)
    inside = guarded[64:-64].reshape(expected.shape)
    with isa.use(level), fastconv.config(threads=threads, algorithm=room):
        y = convolve(x, w, b, out=inside, **options)
        convolve(in_pieces(x), w, b, out=memory[..., ::2], **options)
    assert np.array_equal(y, expected)
    assert np.isnan(guarded[:64]).all() and np.isnan(guarded[-64:]).all()
    assert np.array_equal(memory[..., ::2], expected)
    assert np.isnan(memory[..., 1::2]).all()


@settings(max_examples=120, deadline=None)
@given(
    problems(st.sampled_from([(3, 3), (5, 5)]), st.integers(1, 40), st.integers(1, 3)),
    st.sampled_from(isa.available()), st.sampled_from([1, 2, 3, 5]),
)  # fmt: skip
def test_windows_of_planes_are_summed_exactly(problem, level, threads):
    x, w, _, options = problem
    # Two doubles a vector are too few for five taps at a stride of 2.
    with isa.use(level):
        lanes = isa.lanes(x.dtype == np.float64)
    assume(lanes > 2 or w.shape[-1] == 3 or options["stride"][-1] == 1)
    check(problem, level, threads, "direct_windows", last=False)


@settings(max_examples=120, deadline=None)
@given(
    problems(st.tuples(st.integers(1, 6), st.integers(1, 6)), st.integers(16, 200), st.just(1)),
    st.sampled_from(isa.available()), st.sampled_from([1, 2, 3, 5]), st.booleans(),
)  # fmt: skip
def test_windows_of_pixels_are_summed_exactly(problem, level, threads, last):
    check(problem, level, threads, "direct_depthwise", last)


@pytest.mark.parametrize("level", isa.available())
@pytest.mark.parametrize("offset", range(0, 64, 4))
def test_channels_are_cut_where_cache_lines_begin(offset, level):
    """Wherever an array begins in memory, every channel is summed, none beyond."""
    rng = np.random.default_rng(offset)
    for channels in (128, 144, 256):
        memory = np.full(9 * 8 * channels + 64, np.nan, np.float32)
        start = (offset - memory.ctypes.data) % 64 // 4
        x = memory[start : start + 9 * 8 * channels].reshape(1, 9, 8, channels)
        x[...] = rng.integers(-9, 10, x.shape)
        w = rng.integers(-9, 10, (channels, 1, 3, 3)).astype(np.float32)
        options = {"padding": 1, "groups": channels, "data_format": "channels_last"}
        expected = fastconv.conv2d(x, w, algorithm="reference", **options)
        with isa.use(level):
            assert np.array_equal(fastconv.conv2d(x, w, algorithm="direct_depthwise", **options), expected)


@pytest.mark.parametrize("layout, room", [
    ("channels_first", "direct_windows"), ("channels_last", "direct_depthwise"),
])  # fmt: skip
@pytest.mark.parametrize("level", isa.available())
def test_a_nan_reaches_its_windows_only(layout, room, level):
    rng = np.random.default_rng(3)
    x = rng.standard_normal((1, 32, 13, 37)).astype(np.float32)
    w = rng.standard_normal((32, 1, 3, 3)).astype(np.float32)
    x[0, 5, 6, 20], x[0, 31, 12, 36], x[0, 0, 0, 0] = np.nan, np.inf, np.nan
    touched = fastconv.conv2d(~np.isfinite(x) * np.float32(1), np.ones_like(w), padding=1, groups=32) > 0
    if layout == "channels_last":
        x = np.ascontiguousarray(np.moveaxis(x, 1, -1))
        touched = np.moveaxis(touched, 1, -1)
    with isa.use(level):
        y = fastconv.conv2d(x, w, padding=1, groups=32, data_format=layout, algorithm=room)
    assert np.array_equal(~np.isfinite(y), touched)


@pytest.mark.parametrize("layout, room", [
    ("channels_first", "direct_windows"), ("channels_last", "direct_depthwise"),
])  # fmt: skip
@pytest.mark.parametrize("kernel, stride", [(3, 1), (3, 2), (5, 1), (5, 2)])
def test_the_same_bits_for_any_number_of_threads(layout, room, kernel, stride):
    """Tiles begin where the threads' boxes do; the order of a sum must not follow."""
    rng = np.random.default_rng(kernel)
    for channels, size in ((16, 61), (130, 14), (512, 7)):
        x, w = normal(rng, 1, channels, size, size), normal(rng, channels, 1, kernel, kernel)
        options = {"stride": stride, "padding": 2, "groups": channels, "data_format": layout}
        assert_same_bits(in_layout(x, layout), w, algorithm=room, **options)


@pytest.mark.parametrize("options, reason", [
    ({"stride": (1, 2)}, "strides of 1, or of 2"),
    ({"stride": 2, "dilation": 2}, "strides of 1, or of 2"),
    ({"stride": 3}, "strides of 1, or of 2"),
    ({"data_format": "channels_last"}, "channels-first"),
    ({"groups": 4}, "groups = in_channels"),
])  # fmt: skip
def test_windows_of_planes_say_what_they_refuse(options, reason):
    groups = options.pop("groups", 8)
    x, w = np.ones((1, 8, 8, 8), np.float32), np.ones((8, 8 // groups, 3, 3), np.float32)
    with pytest.raises(ValueError, match=reason):
        fastconv.conv2d(x, w, groups=groups, algorithm="direct_windows", **options)


def test_windows_of_planes_refuse_five_taps_at_a_stride_of_two_in_vectors_of_two():
    x, w = np.ones((1, 1, 9, 9)), np.ones((1, 1, 5, 5))
    with isa.use("baseline"), pytest.raises(ValueError, match="needs longer vectors for 5 taps"):
        fastconv.conv2d(x, w, stride=2, algorithm="direct_windows")
