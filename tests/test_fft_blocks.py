"""Transforms of blocks, side by side in lanes: every geometry, and errors that stay where they arise."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from rooms import LAYOUTS, WAYS, in_layout, in_pieces, spatial_size

import fastconv
from fastconv._algorithms import registry
from fastconv._kernels import isa

CONV = {1: fastconv.conv1d, 2: fastconv.conv2d, 3: fastconv.conv3d}
TRANSFORMS = ("fft_blocks", "fft_library")

pytestmark = pytest.mark.usefixtures("every_thread_asked_for")


@st.composite
def problems(draw):
    ndim = draw(st.integers(1, 3))

    def sizes(most):
        return [draw(st.integers(1, n)) for n in most[-ndim:]]

    kernel, stride, dilation = sizes((5, 15, 40 if ndim > 1 else 400)), sizes((3,) * 3), sizes((2,) * 3)
    padding = [draw(st.tuples(st.integers(-1, 20), st.integers(-1, 20))) for _ in kernel]
    sizes = sizes((10, 60, 120)) if ndim > 1 else [draw(st.integers(1, 4000))]
    spatial = spatial_size(sizes, kernel, dilation, padding)
    groups, channels, filters = draw(st.sampled_from([(1, 1, 1), (1, 3, 6), (2, 2, 4), (2, 4, 2)]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    x = rng.standard_normal((draw(st.sampled_from([1, 2, 5])), channels, *spatial))
    w, b = rng.standard_normal((filters, channels // groups, *kernel)), rng.standard_normal(filters)
    options = dict(
        stride=stride, dilation=dilation, padding=padding, groups=groups,
        padding_mode=draw(st.sampled_from(["zeros", "zeros", "reflect", "replicate"])),
        activation=draw(st.sampled_from([None, "relu"])), flip=draw(st.booleans()),
    )  # fmt: skip
    return x, w, draw(st.sampled_from([None, b])), options


@settings(max_examples=60, deadline=None)
@given(problems(), WAYS, st.sampled_from(["float32", "float64"]))
def test_blocks_give_the_direct_sums(problem, way, dtype):
    x, w, b, options = problem
    layout, level, threads = way
    convolve = CONV[w.ndim - 2]
    x = in_layout(x, layout)
    expected = convolve(x, w, b, algorithm="reference", data_format=layout, **options)
    x, w = x.astype(dtype), w.astype(dtype)
    b = None if b is None else b.astype(dtype)
    out = in_pieces(np.full(expected.shape, np.nan, dtype))
    with isa.use(level), fastconv.config(threads=threads, algorithm="fft_blocks"):
        convolve(in_pieces(x), w, b, data_format=layout, out=out, **options)
        plan = fastconv.plan(convolve, x, w, b, data_format=layout, **options)
        planned = plan(x)
    limit = (2e-6 if dtype == "float32" else 1e-14) * max(np.abs(expected).max(initial=0), 1)
    assert np.abs(out - expected).max(initial=0) <= 4 * limit
    assert np.abs(planned - expected).max(initial=0) <= 4 * limit


@pytest.mark.parametrize("taps", [64, 500, 5000])
def test_blocks_are_as_accurate_as_blas(taps):
    rng = np.random.default_rng(taps)
    x, w = rng.standard_normal((1, 1, 60_000)), rng.standard_normal((1, 1, taps))
    x, w = x.astype(np.float32), w.astype(np.float32)
    truth = fastconv.conv1d(x.astype(float), w.astype(float), algorithm="direct")

    def error(algorithm):
        return np.linalg.norm(fastconv.conv1d(x, w, algorithm=algorithm) - truth)

    assert error("fft_blocks") <= 2 * error("im2col")


def test_a_transform_is_what_runs(monkeypatch):
    """Or else the comparisons above say nothing."""
    x = np.random.default_rng(0).standard_normal((1, 1, 20_000))
    w = np.random.default_rng(1).standard_normal((1, 1, 900))
    for room in registry.rooms_for("conv"):
        if room.name in TRANSFORMS:
            said, run = [], room.run
            monkeypatch.setattr(room, "run", lambda *a, run=run, said=said: said.append(run(*a)))
            fastconv.conv1d(x, w, algorithm=room.name)
            assert said == [None]


def quiet(shape, loud, size, taps, dtype):
    """Noise of a `size`, with some loud elements; a kernel; the outputs that see none of these."""
    rng = np.random.default_rng(7)
    x, spikes = size * rng.standard_normal(shape), np.zeros(shape)
    spikes.flat[rng.integers(0, x.size, loud[0])] = loud[1]
    w = rng.standard_normal(taps)
    seen = CONV[len(shape)]((spikes[None] != 0).astype(np.int32), np.ones(taps, np.int8)[None, None])
    return (x + spikes).astype(dtype)[None], w.astype(dtype)[None, None], seen == 0


@pytest.mark.parametrize("algorithm", [None, *TRANSFORMS])
@pytest.mark.parametrize("shape, loud, size, taps, dtype", [
    ((100_000,), (20, 1e12), 1.0, (2000,), "float64"),
    ((100_000,), (100, 1.0), 1e-5, (301,), "float32"),
    ((100_000,), (12, 1.0), 1e-5, (4001,), "float32"),
    ((300, 300), (1, 1e5), 1e-3, (61, 61), "float32"),
])  # fmt: skip
def test_what_is_quiet_is_not_drowned(shape, loud, size, taps, dtype, algorithm):
    x, w, alone = quiet(shape, loud, size, taps, dtype)
    convolve = CONV[len(shape)]
    direct = convolve(x, w, algorithm="direct")
    truth = direct
    if dtype == "float32":
        truth = convolve(x.astype(float), w.astype(float), algorithm="direct")
    y = convolve(x, w, algorithm=algorithm)
    assert alone.sum() > 100
    error, best = (np.abs(a - truth)[alone] for a in (y, direct))
    assert np.linalg.norm(error) <= 4 * max(np.linalg.norm(best), 1e-14 * np.linalg.norm(truth[alone]))


def test_silence_stays_silent():
    x = np.zeros((1, 50_000), np.float32)
    x[0, :10_000] = np.random.default_rng(0).standard_normal(10_000)
    w = np.ones((1, 1, 700), np.float32)
    for algorithm in TRANSFORMS:
        assert not fastconv.conv1d(x, w, algorithm=algorithm)[0, 10_000:].any()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_nan_reaches_what_sees_it(layout):
    x = np.ones((1, 3, 100, 100))
    x[0, 1, 40, 50] = np.nan
    w = np.ones((2, 3, 21, 21))
    x = in_layout(x, layout)
    y = fastconv.conv2d(x, w, data_format=layout, algorithm="fft_blocks")
    expected = fastconv.conv2d(x, w, data_format=layout, algorithm="reference")
    assert np.allclose(y, expected, rtol=1e-12, equal_nan=True)


def test_plans_keep_their_spectra_for_other_batches_and_threads():
    x = np.random.default_rng(0).standard_normal((4, 1, 30_000)).astype(np.float32)
    w = np.random.default_rng(1).standard_normal((1, 1, 700)).astype(np.float32)
    plan = fastconv.plan(fastconv.conv1d, x[:1], w, algorithm="fft_blocks")
    expected = fastconv.conv1d(x, w, algorithm="direct")
    for count in (1, 4, 2):
        assert np.allclose(plan(x[:count]), expected[:count], atol=1e-3)
