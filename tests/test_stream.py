"""Streams: causal filters whose input arrives in blocks."""

import copy
import pickle
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import fastconv

DTYPES = ("float32", "float64", "complex64", "complex128")


@settings(deadline=None, max_examples=120)
@given(seed=st.integers(0, 2**32))
def test_blocks_together_are_one_call(seed):
    rng = np.random.default_rng(seed)
    channels, taps = int(rng.integers(1, 4)), int(rng.choice([1, 2, 7, 100, 2100, 5000]))
    stride, dilation = (int(n) for n in rng.integers(1, 4, 2)) if rng.random() < 0.5 else (1, 1)
    dtype = str(rng.choice(DTYPES))
    shape = [(taps,), (channels, taps), (3, channels, taps), (2 * channels, 1, taps)][rng.integers(4)]
    weight = rng.standard_normal(shape).astype(dtype)
    x = rng.standard_normal((channels, rng.integers(0, 9000)))
    x = (x + 1j * x[::-1] if dtype.startswith("c") else x).astype(dtype)
    options = dict(
        stride=stride, dilation=dilation, flip=bool(rng.random() < 0.5), dtype=dtype,
        block=None if rng.random() < 0.5 else int(rng.integers(1, 400)),
        data_format=str(rng.choice(["channels_first", "channels_last"])),
    )  # fmt: skip
    stream = fastconv.Stream(weight, channels=channels, **options)
    assert stream.latency == 0
    turned = options["data_format"] == "channels_last"
    outputs, at = [np.empty((len(stream.weight), 0), dtype)], 0
    while at < x.shape[1]:
        n = int(rng.integers(0, 1 + rng.choice([3, 300, 4000])))
        block = x[:, at : at + n]
        y = stream(block.T if turned else block)
        outputs.append(y.T if turned else y)
        at += n
        if rng.random() < 0.05:
            stream = pickle.loads(pickle.dumps(stream))
        elif rng.random() < 0.05:
            other, other.state = copy.deepcopy(stream), stream.state
            stream = other
    got = np.concatenate(outputs, axis=1)
    assert stream.position == x.shape[1]
    if not x.size:
        return
    wanted = fastconv.conv1d(
        x, stream.weight, padding="causal", stride=stride, dilation=dilation, flip=options["flip"],
        groups=channels // stream.weight.shape[1],
    )  # fmt: skip
    tolerance = 2e-4 if dtype in ("float32", "complex64") else 1e-10
    np.testing.assert_allclose(got, wanted, rtol=0, atol=tolerance * max(np.abs(wanted).max(), 1))


def test_flipped_it_is_a_fir_filter():
    from scipy.signal import lfilter

    rng = np.random.default_rng(0)
    b, x = rng.standard_normal(30), rng.standard_normal(500)
    for layout in ("channels_first", "channels_last"):
        stream, out = fastconv.Stream(b, channels=1, flip=True, data_format=layout), np.empty(500)
        np.testing.assert_allclose(stream(x, out=out), lfilter(b, 1, x), atol=1e-12)
        np.testing.assert_allclose(out, lfilter(b, 1, x), atol=1e-12)
    stream = fastconv.Stream(b, channels=1, flip=True)
    y = np.concatenate([stream(part[None])[0] for part in np.split(x, [3, 4, 200, 444])])
    np.testing.assert_allclose(y, lfilter(b, 1, x), atol=1e-12)


def test_reset_and_state():
    rng = np.random.default_rng(1)
    for taps in (20, 3000):
        stream = fastconv.Stream(rng.standard_normal((2, taps)), channels=2, block=128)
        x = rng.standard_normal((2, 7000))
        first = stream(x)
        stream.reset()
        np.testing.assert_array_equal(stream(x), first)
        stream.reset()
        stream(x[:, :5001])
        kept = stream.state
        rest = stream(x[:, 5001:])
        stream.state = kept
        np.testing.assert_allclose(stream(x[:, 5001:]), rest, atol=1e-11)
        with pytest.raises(ValueError, match="state"):
            stream.state = 3, np.zeros((1, 4))


@pytest.mark.parametrize("taps", [64, 5000])
def test_no_array_is_allocated_after_it_was_made(taps):
    rng = np.random.default_rng(2)
    stream = fastconv.Stream(rng.standard_normal((8, taps)), channels=8, block=256)
    x, y = rng.standard_normal((8, 256)), np.empty((8, 256))
    for _ in range(40):
        stream(x, out=y)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        for _ in range(40):
            stream(x, out=y)
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    # An array of one channel's block has 2 kB, one of all 16 kB.
    assert peak < 8000


@pytest.mark.parametrize(
    "weight, options, error",
    [
        (np.ones(3), {"channels": 0}, ValueError), (np.ones(3), {"channels": 1.5}, TypeError),
        (np.ones((2, 3)), {"channels": 3}, ValueError), (np.ones((4, 2, 3)), {"channels": 3}, ValueError),
        (np.ones((3, 2, 3)), {"channels": 4}, ValueError), (np.ones(0), {"channels": 1}, ValueError),
        (np.ones(3, complex), {"channels": 1, "dtype": np.float32}, TypeError),
        (np.ones(3), {"channels": 1, "dtype": np.int32}, TypeError), (np.ones(3), {"channels": 1, "block": 0}, ValueError),
        (np.ones(3), {"channels": 1, "data_format": "rows"}, ValueError),
    ],
)  # fmt: skip
def test_wrong_streams(weight, options, error):
    with pytest.raises(error, match="Stream"):
        fastconv.Stream(weight, **options)


def test_wrong_blocks():
    stream = fastconv.Stream(np.ones(3), channels=2)
    for block, error in (
        (np.ones(4), ValueError),
        (np.ones((3, 4)), ValueError),
        (np.ones((2, 4), complex), TypeError),
    ):
        with pytest.raises(error, match="block"):
            stream(block)
    with pytest.raises(ValueError, match="out"):
        stream(np.ones((2, 4)), out=np.ones((2, 3)))
    assert stream.position == 0
    shared = np.ones((2, 4))
    np.testing.assert_array_equal(stream(shared, out=shared), [[1, 2, 3, 3]] * 2)
