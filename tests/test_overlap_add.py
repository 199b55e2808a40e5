"""Transposed convolution as a product whose windows are added up: the same as by stride phases."""

import numpy as np
import pytest

import fastconv
from fastconv._core.problem import Problem
from fastconv._operations import _overlap_add
from fastconv._operations._overlap_add import OverlapAdd, input_gradient
from fastconv._operations._stride_phases import InputGradient
from fastconv.config import current


def drawn(seed, layout):
    """A problem of kind "grad_input" of random geometry, and its operands, small integers."""
    rng = np.random.default_rng(seed)
    ndim, groups = int(rng.integers(1, 4)), int(rng.integers(1, 3))
    channels, filters = (groups * int(rng.integers(1, 5)) for _ in range(2))
    kernel, stride, dilation = (tuple(rng.integers(1, 4, ndim).tolist()) for _ in range(3))
    output = tuple(rng.integers(1, 6, ndim).tolist())
    pads = tuple(tuple(rng.integers(-2, 3, 2).tolist()) for _ in range(ndim))
    sizes = tuple(
        max((o - 1) * s + d * (k - 1) + 1 - before - after + int(rng.integers(0, s)), 1)
        for o, s, d, k, (before, after) in zip(output, stride, dilation, kernel, pads)
    )
    batch, bias, relu = int(rng.integers(1, 4)), bool(rng.integers(2)), bool(rng.integers(2))
    problem = Problem(
        "grad_input", "float32", layout, batch, channels, filters, groups, sizes, kernel, stride,
        dilation, *zip(*pads), output, bias=bias, relu=relu,
    )  # fmt: skip
    gradient = rng.integers(-4, 5, problem.output_shape).astype(np.float32)
    weight = rng.integers(-4, 5, (channels, filters // groups, *kernel)).astype(np.float32)
    values = rng.integers(-4, 5, channels).astype(np.float32) if bias else None
    return problem, gradient, weight, values


@pytest.mark.parametrize("layout", ["channels_first", "channels_last"])
@pytest.mark.parametrize("windows", [1, 2000, 2**23])
def test_any_geometry_in_any_bands(layout, windows, monkeypatch):
    monkeypatch.setattr(_overlap_add, "_WINDOWS", windows)
    filled = 0
    for seed in range(60):
        problem, gradient, weight, bias = drawn(seed, layout)
        expected = np.full(problem.input_shape, np.nan, np.float32)
        InputGradient(problem, current()).run(weight, None, (gradient, bias), (expected,))
        filled += np.count_nonzero(expected)
        for threads in (1, 2, 3):
            whole = OverlapAdd(problem, current()._replace(threads=threads))
            target = np.full((*problem.input_shape, 2), np.nan, np.float32)
            for y in (target[..., 0].copy(), target[..., 1]):
                for packed in (None, whole.prepare(weight)):
                    whole.run(weight, packed, (gradient, bias), (y,))
                    assert np.array_equal(y, expected), problem
    assert filled > 3000


def test_segments_of_long_rows_and_the_same_bits_for_any_threads():
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((2, 40, 300)), rng.standard_normal((40, 1, 256))
    results = []
    for threads in (1, 2, 3, 5):
        with fastconv.config(threads=threads):
            results.append(fastconv.conv_transpose1d(x, w, stride=64))
    assert all(np.array_equal(results[0], other) for other in results[1:])
    with fastconv.config(algorithm="direct"):
        np.testing.assert_allclose(results[0], fastconv.conv_transpose1d(x, w, stride=64), atol=1e-10)


def test_it_is_chosen_where_phases_are_many_and_says_so():
    call = fastconv.conv_transpose1d, (1, 258, 100), (258, 1, 256)
    e = fastconv.explain(*call, stride=64)
    assert e.note == "a product, whose windows of 256 taps are then added up"
    assert e.problem.kernel == (1,) and e.problem.out_channels == 256 and not e.others
    spelled = "grad_input1d f32 cf n1 c1 k258 g1 i6592 f256 s64 d1 p0 q0 o100"
    assert fastconv.explain(spelled).note == e.note
    plan = fastconv.plan(call[0], call[1], np.ones(call[2], np.float32), stride=64)
    assert plan.workspace >= 4 * (100 * 256 + 6592)
    gradient = fastconv.plan(
        fastconv.grad.conv1d, (1, 1, 6592), np.ones(call[2], np.float32), call[1], stride=64, needs=("input",)
    )
    assert gradient.workspace == plan.workspace
    x = np.random.default_rng(1).integers(-3, 4, (2, 258, 100)).astype(np.float32)
    assert np.array_equal(plan(x), fastconv.conv_transpose1d(x, np.ones(call[2], np.float32), stride=64))
    with fastconv.config(max_workspace=10**6):
        assert "stride phases" in fastconv.explain(*call, stride=64).note
    problem = drawn(0, "channels_last")[0]._replace(stride=(1,) * drawn(0, "channels_last")[0].ndim)
    assert isinstance(input_gradient(problem, current()), InputGradient)
