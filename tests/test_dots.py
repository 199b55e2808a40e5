"""Products of rows: filters are read as they lie, windows are gathered or read where they are."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from rooms import LAYOUTS, in_layout, in_pieces, normal, spatial_size, whole_numbers

import fastconv
from fastconv._core.problem import Problem
from fastconv._kernels import isa
from fastconv._planner import planner
from fastconv.config import current

pytestmark = pytest.mark.usefixtures("every_thread_asked_for")


def at_the_end(a):
    """The same values right before memory that would spoil any sum."""
    memory = np.full(a.size + 64, np.nan, a.dtype)
    memory[: a.size] = a.reshape(-1)
    return memory[: a.size].reshape(a.shape)


@st.composite
def problems(draw):
    """Small whole numbers and options, in one to three dimensions."""
    number = lambda least, most: draw(st.integers(least, most))  # noqa: E731
    ndim = number(1, 3)
    kernel = [1] * ndim if draw(st.booleans()) else [number(1, 4) for _ in range(ndim)]
    stride, dilation = ([number(1, 3) for _ in kernel] for _ in range(2))
    padding = [(number(0, 3), number(0, 3)) for _ in kernel]
    spatial = spatial_size([number(1, 8) for _ in kernel], kernel, dilation, padding)
    groups = draw(st.sampled_from([1, 1, 2, 3]))
    channels, filters = groups * number(1, 70), groups * number(1, 40)
    x, w = (number(1, 3), channels, *spatial), (filters, channels // groups, *kernel)
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    return whole_numbers(draw, 9, x, w, **options)


@settings(max_examples=200, deadline=None)
@given(
    problems(), st.sampled_from(isa.available()), st.sampled_from([1, 2, 3, 5]), st.booleans(),
    st.booleans(),
)  # fmt: skip
def test_rows_are_multiplied_exactly(problem, level, threads, last, apart):
    x, w, b, options = problem
    convolve = getattr(fastconv, f"conv{x.ndim - 2}d")
    if last:
        x = np.ascontiguousarray(np.moveaxis(x, 1, -1))
        options = dict(options, data_format="channels_last")
    expected = convolve(x, w, b, algorithm="reference", **options)
    memory = np.full((*expected.shape[:-1], 2 * expected.shape[-1]), np.nan, x.dtype)
    x = in_pieces(x) if apart else at_the_end(x)
    with isa.use(level), fastconv.config(threads=threads, algorithm="direct_dots"):
        y = convolve(x, at_the_end(w), b, **options)
        convolve(x, w, b, out=memory[..., ::2], **options)
    assert np.array_equal(y, expected)
    assert np.array_equal(memory[..., ::2], expected)
    assert np.isnan(memory[..., 1::2]).all()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("ndim, kernel", [(1, 1), (2, 1), (3, 1), (2, 2)])
@pytest.mark.parametrize("channels", [1, 8, 40])
def test_images_that_a_transposed_convolution_crops(ndim, kernel, channels, layout):
    """Its padding takes away from the image, whose first window lies inside."""
    rng = np.random.default_rng(ndim)
    spatial = (6, 5, 4)[:ndim]
    shape = (2, channels, *spatial) if layout == "channels_first" else (2, *spatial, channels)
    x = rng.integers(-9, 10, shape).astype(np.float32)
    w = rng.integers(-9, 10, (channels, 7, *[kernel] * ndim)).astype(np.float32)
    transpose = getattr(fastconv, f"conv_transpose{ndim}d")
    options = {"padding": kernel, "data_format": layout}
    expected = transpose(x, w, algorithm="reference", **options)
    assert np.array_equal(transpose(x, w, algorithm="direct_dots", **options), expected)
    with fastconv.config(algorithm="direct_dots"):
        assert np.array_equal(fastconv.plan(transpose, x, w, **options)(x), expected)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kernel, size, channels", [(1, 7, 300), (1, 4, 512), (3, 13, 40), (7, 7, 64)])
def test_the_same_bits_for_any_number_of_threads(kernel, size, channels, layout):
    """Long sums of several spans, and images read in place, packed by pixels and by windows."""
    rng = np.random.default_rng(kernel)
    x, w = normal(rng, 2, channels, size, size), normal(rng, 75, channels, kernel, kernel)
    truth = in_layout(fastconv.conv2d(x.astype(float), w.astype(float)), layout)
    x = in_layout(x, layout)
    results = set()
    for threads in (1, 2, 3, 5, 17):
        with fastconv.config(threads=threads, algorithm="direct_dots"):
            y = fastconv.conv2d(x, w, data_format=layout)
        assert np.linalg.norm(y - truth) < 1e-6 * np.linalg.norm(truth)
        results.add(y.tobytes())
    assert len(results) == 1


@pytest.mark.parametrize("level", isa.available())
def test_a_nan_reaches_its_windows_only(level):
    rng = np.random.default_rng(3)
    x = rng.standard_normal((1, 19, 9, 9)).astype(np.float32)
    w = rng.standard_normal((7, 19, 3, 3)).astype(np.float32)
    x[0, 5, 6, 2], x[0, 18, 8, 8] = np.nan, np.inf
    w[6, 18, 2, 2] = np.nan
    spots = (~np.isfinite(x)).any(axis=1, keepdims=True).astype(np.float32)
    touched = fastconv.conv2d(spots, np.ones((1, 1, 3, 3), np.float32), padding=1) > 0
    with isa.use(level):
        y = fastconv.conv2d(x, w, padding=1, algorithm="direct_dots")
    assert np.array_equal(~np.isfinite(y[:, :6]), np.broadcast_to(touched, (1, 6, 9, 9)))
    # The last filter's own NaN stays its own.
    assert np.isnan(y[:, 6, :-1, :-1]).all()


def test_windows_too_many_to_be_written_out_are_refused():
    x, w = np.ones((1, 64, 200, 200), np.float32), np.ones((8, 64, 3, 3), np.float32)
    with pytest.raises(ValueError, match="write out the windows of 40000 outputs"):
        fastconv.conv2d(x, w, padding=1, algorithm="direct_dots")


def test_filters_that_changed_places_with_channels_are_left_to_others():
    """They would be copied first, unless a plan does that once, or nothing else is wanted."""
    problem = Problem.parse("conv2d f32 cl n1 c512 k512 g1 i7x7 f1x1 s1x1 d1x1 p0x0 q0x0 o7x7")
    settings = current()
    for exchanged, prepacked, refused in ((0, 0, 0), (1, 0, 1), (0, 1, 0), (1, 1, 0)):
        found = planner.candidates(problem, settings, prepacked=prepacked, exchanged=exchanged)
        (refusal,) = (c.refusal for c in found if c.room.name == "direct_dots")
        assert bool(refusal) == bool(refused)
    chosen = planner.choose(problem, settings._replace(algorithm="direct_dots"), exchanged=True)
    assert chosen.room.name == "direct_dots"
    rng = np.random.default_rng(0)
    w = rng.standard_normal((512, 512, 1, 1)).astype(np.float32)
    g = rng.standard_normal((1, 512, 7, 7)).astype(np.float32)
    expected = np.einsum("kc,nkhw->nchw", w[..., 0, 0], g)
    for algorithm in ("direct_dots", None):
        with fastconv.config(algorithm=algorithm):
            assert np.allclose(fastconv.grad.conv2d_input((1, 512, 7, 7), w, g), expected, atol=1e-4)
