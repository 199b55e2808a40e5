"""Where results are written: straight to ``out``, or to a stand-in that is copied there."""

import numpy as np
import pytest

import fastconv
from fastconv._core.arrays import Form

SHAPE = (3, 4, 5)
FORM = Form(SHAPE, np.dtype(np.float32))


def elsewhere():
    return np.zeros(SHAPE, np.float32)


def misaligned():
    memory = np.zeros(4 * 60 + 1, np.uint8)
    return memory[1:].view(np.float32).reshape(SHAPE)


def frozen():
    array = elsewhere()
    array.flags.writeable = False
    return array


@pytest.mark.parametrize(
    "out",
    [
        elsewhere(),
        elsewhere().transpose(2, 1, 0).copy().transpose(2, 1, 0),
        np.zeros((6, 8, 10), np.float32)[::-2, ::2, ::-2],
        elsewhere().view(np.memmap),
    ],
)
def test_results_are_written_straight_to_what_fits(out):
    assert FORM.fits(out) and FORM.takes_result(out, elsewhere(), elsewhere(), elsewhere())


@pytest.mark.parametrize(
    "out",
    [
        None, [0.0], np.float32(0),
        np.zeros(SHAPE), np.zeros(SHAPE, np.int32), np.zeros(SHAPE, ">f4"),
        np.zeros((3, 4), np.float32), np.zeros((3, 5, 4), np.float32),
        np.zeros((1, *SHAPE), np.float32),
    ],
)  # fmt: skip
def test_what_does_not_fit_takes_no_result(out):
    assert not FORM.fits(out) and not FORM.takes_result(out, elsewhere())


@pytest.mark.parametrize(
    "out",
    [
        frozen(),
        misaligned(),
        np.lib.stride_tricks.as_strided(elsewhere(), SHAPE, (20, 0, 4)),
    ],
)
def test_what_fits_may_take_no_result(out):
    assert FORM.fits(out) and not FORM.takes_result(out, elsewhere())


def test_types_of_one_size_are_one_type():
    """C has two names for integers of 64 bits."""
    for kind in np.longlong, np.int64:
        form = Form((2,), np.dtype(kind))
        assert all(form.fits(np.zeros(2, other)) for other in (np.longlong, np.int64))


def test_overlap_is_what_numpy_says():
    rng = np.random.default_rng(0)
    memory = np.zeros((12, 12, 12), np.float32)

    def view(*sizes):
        starts, steps = (rng.integers(*ends, 3) for ends in ((0, 6), (1, 3)))
        box = memory[tuple(slice(a, a + n * s, s) for n, a, s in zip(sizes, starts, steps))]
        turned = box[tuple(slice(None, None, s) for s in rng.choice([-1, 1], 3))]
        return turned.transpose(rng.permutation(3))

    seen = set()
    for _ in range(2000):
        out, operand = view(2, 2, 2), view(*rng.integers(0, 4, 3))
        apart = not np.may_share_memory(out, operand)
        form = Form(out.shape, out.dtype)
        other = np.zeros(1, np.float32)
        assert form.takes_result(out, operand) == apart
        assert form.takes_result(out, other, operand) == apart
        assert form.takes_result(out, other, other, operand) == apart
        assert form.takes_result(out, other, None, operand) == apart
        seen.add((apart, operand.size > 0))
    assert seen == {(True, True), (False, True), (True, False)}


@pytest.mark.parametrize("operand", ["input", "weight", "bias"])
def test_out_over_an_operand_is_as_if_the_operand_were_copied(operand):
    rng = np.random.default_rng(1)
    operands = {
        "input": rng.standard_normal((1, 4, 2, 3), np.float32),
        "weight": rng.standard_normal((4, 4, 1, 1), np.float32),
        "bias": rng.standard_normal(4, np.float32),
    }
    expected = fastconv.conv2d(**operands)
    memory = np.full(24 + 16, np.nan, np.float32)
    shared = memory[8 : 8 + operands[operand].size].reshape(operands[operand].shape)
    shared[...] = operands[operand]
    out = memory[:24].reshape(1, 4, 2, 3)
    assert fastconv.conv2d(**operands | {operand: shared}, out=out) is out
    np.testing.assert_allclose(out, expected, atol=1e-5)
    assert np.isfinite(out).all()


class Wrapped:
    """An array to those who convert it, with a shape and a dtype to those who ask."""

    def __init__(self, array):
        self.shape, self.dtype, self._array = array.shape, array.dtype, array

    def __array__(self, dtype=None, copy=None):
        return self._array


@pytest.mark.parametrize("like", [Wrapped, np.ndarray.tolist])
def test_what_is_like_an_array_may_be_given_again_and_again(like):
    x, w, b = np.arange(5.0)[None], np.ones((1, 1, 2)), np.ones(1)
    gradient = np.ones((1, 4))
    for _ in range(3):
        for function, *arrays in (
            (fastconv.conv1d, x, w, b),
            (fastconv.conv_transpose1d, x, w, b),
            (fastconv.max_pool1d, x, (2,)),
            (fastconv.grad.conv1d, x, w, gradient),
        ):
            expected = function(*arrays)
            found = function(*(like(a) if isinstance(a, np.ndarray) else a for a in arrays))
            for a, b_ in zip(expected, found):
                assert np.array_equal(a, b_)
        for mixed in ((like(x), w, b), (x, like(w), b), (x, w, like(b))):
            assert np.array_equal(fastconv.conv1d(*mixed), fastconv.conv1d(x, w, b))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.float16])
@pytest.mark.parametrize("offset", [0, 16, 40])
def test_large_results_begin_at_a_cache_line_a_quarter_page_from_the_input(dtype, offset):
    size = np.dtype(dtype).itemsize
    memory = np.zeros(2 * 4 * 90 * 90 * size + 4096, np.uint8)
    start = (offset - memory.ctypes.data) % 4096
    x = memory[start : start + 4 * 90 * 90 * size].view(dtype).reshape(1, 4, 90, 90)
    for y in (fastconv.conv2d(x, np.ones((4, 4, 1, 1), dtype)), fastconv.max_pool2d(x.real, 1)):
        assert y.flags.carray and y.flags.writeable and y.ctypes.data % 64 == 0
        assert (y.ctypes.data - x.ctypes.data) % 4096 in range(1024 - 63, 1025)
        before = memory.copy()
        y[...] = 1  # all of it is its own
        assert np.array_equal(memory, before)
    small = fastconv.conv2d(x[..., :4, :4], np.ones((4, 4, 1, 1), dtype))
    assert small.base is None
