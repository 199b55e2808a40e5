"""Tiles of pixels read weights where they lie, or packed: of the same memory order the same bits."""

import numpy as np
import pytest

import fastconv
from fastconv._algorithms import direct_pixels
from fastconv._core.problem import Problem
from fastconv._kernels import isa


def random(*shape):
    return np.random.default_rng(len(shape)).standard_normal(shape).astype(np.float32)


def amid_nan(a):
    """The same values, with memory before and after them that would spoil any sum."""
    memory = np.full(a.size + 128, np.nan, a.dtype)
    memory[64:-64] = a.reshape(-1)
    return memory[64:-64].reshape(a.shape)


def same_bits(a, b):
    return a.shape == b.shape and a.tobytes() == b.tobytes()


@pytest.mark.parametrize("level", isa.available())
@pytest.mark.parametrize("taps", [1, 3])
@pytest.mark.parametrize("filters", [1, 13, 29])
@pytest.mark.parametrize("channels", [1, 5, 64, 512, 1024])
def test_weights_of_any_strides(channels, filters, taps, level):
    """Between NaN, channels and filters exchanged, flipped, every second one, of the other byte order."""
    x, w = random(2, channels, 6, 11), random(filters, channels, taps, taps)
    with isa.use(level), fastconv.config(algorithm="direct_pixels"):
        y = fastconv.conv2d(x, w)
        assert same_bits(fastconv.conv2d(x, amid_nan(w)), y)
        assert same_bits(fastconv.conv2d(x, amid_nan(w.swapaxes(0, 1)).swapaxes(0, 1)), y)
        assert same_bits(fastconv.conv2d(x, np.repeat(w, 2, axis=1)[:, ::2]), y)
        assert same_bits(fastconv.conv2d(x, w.astype(">f4")), y)
        turned = np.ascontiguousarray(w[:, :, ::-1, ::-1])
        assert same_bits(fastconv.conv2d(x, amid_nan(turned)[:, :, ::-1, ::-1]), y)
        assert same_bits(fastconv.conv2d(x, turned, flip=True), y)
        assert same_bits(fastconv.plan(fastconv.conv2d, x.shape, w)(x), y)
    with fastconv.config(algorithm="reference"):
        assert np.allclose(fastconv.conv2d(x, w), y, atol=1e-3)


@pytest.mark.parametrize("level", isa.available())
@pytest.mark.parametrize("channels", [4, 512, 1024, 1040])
def test_lines_of_one_set_do_not_push_each_other_out(channels, level):
    """Filters 4 KiB apart fall into one set of a first-level cache, which holds eight lines."""
    problem = Problem.parse(
        f"conv2d f32 cf n1 c{channels} k28 g1 i14x14 f1x1 s1x1 d1x1 p0x0 q0x0 o14x14"
    )
    w = random(28, channels, 1, 1)
    with isa.use(level):
        state = direct_pixels.compile(problem)
        kept = direct_pixels.prepare(state, w, 1)
        narrow = state.vector_lanes() < 16
    assert (kept is w) == (channels != 1024 or narrow)


def test_a_plan_keeps_its_own_weights():
    x, w = random(1, 8, 20, 20), random(4, 8, 1, 1)
    with fastconv.config(algorithm="direct_pixels"):
        plan = fastconv.plan(fastconv.conv2d, x, w)
    y = plan(x)
    w[:] = np.nan
    assert same_bits(plan(x), y)
