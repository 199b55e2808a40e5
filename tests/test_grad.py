"""What gradients mean: adjoint maps, for every option of a convolution and every kind of array."""

import multiprocessing
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import fastconv
from fastconv import grad
from fastconv._core import arena
from fastconv._core.problem import Problem
from fastconv._planner import planner
from fastconv.config import current

CONV = {n: getattr(fastconv, f"conv{n}d") for n in (1, 2, 3)}
GRAD = {n: getattr(grad, f"conv{n}d") for n in (1, 2, 3)}
NDIM = pytest.mark.parametrize("ndim", [1, 2, 3])
LAYOUT = pytest.mark.parametrize("layout", ["channels_first", "channels_last"])
SIZES = {1: (13,), 2: (7, 9), 3: (5, 6, 4)}


def integers(seed, *shape, dtype=float):
    return np.random.default_rng(seed).integers(-5, 6, shape).astype(dtype)


def operands(ndim, layout="channels_first", channels=4, filters=6, groups=2, kernel=3):
    x = integers(0, 2, channels, *SIZES[ndim])
    w = integers(1, filters, channels // groups, *(kernel,) * ndim)
    if layout == "channels_last":
        x = np.ascontiguousarray(np.moveaxis(x, 1, -1))
    return x, w


def assert_adjoint(ndim, x, w, **options):
    """``<conv(x, w), g> = <x, grad_input> = <w, grad_weight>`` and the bias's sum, all exactly."""
    y = CONV[ndim](x, w, **options)
    g = integers(2, *y.shape, dtype=y.dtype)
    grad_x, grad_w, grad_b = GRAD[ndim](x, w, g, **options)
    assert grad_x.shape == x.shape and grad_w.shape == w.shape and grad_b.shape == w.shape[:1]
    assert grad_x.dtype == grad_w.dtype == grad_b.dtype == x.dtype
    assert np.vdot(y, g) == np.vdot(x, grad_x) == np.vdot(w, grad_w)
    axis = y.ndim - 1 if options.get("data_format") == "channels_last" else y.ndim - ndim - 1
    others = tuple(i for i in range(y.ndim) if i != axis)
    assert np.array_equal(grad_b, g.sum(axis=others))


# Options of a convolution


@NDIM
@LAYOUT
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("dilation", [1, 2])
def test_stride_dilation_and_groups(ndim, layout, stride, dilation):
    x, w = operands(ndim, layout, kernel=2)
    assert_adjoint(
        ndim, x, w, stride=stride, dilation=dilation, groups=2, padding=1, data_format=layout
    )


@NDIM
@LAYOUT
@pytest.mark.parametrize(
    "padding", [0, 2, "valid", "same", "same_lower", "full", [(0, 2)], [(3, -1)], [(-1, -1)], [(-2, 5)]]
)  # fmt: skip
def test_every_spelling_of_padding(ndim, layout, padding):
    x, w = operands(ndim, layout, kernel=2)
    padding = padding * ndim if isinstance(padding, list) else padding
    stride = 1 if padding == "full" else 2
    assert_adjoint(ndim, x, w, stride=stride, groups=2, padding=padding, data_format=layout)


def test_causal_padding():
    x, w = operands(1)
    assert_adjoint(1, x, w, padding="causal", groups=2, dilation=2)


@NDIM
@LAYOUT
@pytest.mark.parametrize("mode", ["reflect", "symmetric", "replicate", "circular"])
@pytest.mark.parametrize("pads", [(2, 2), (0, 3), (-1, 2), (3, -2)])
def test_padding_modes_fold_the_gradient_back(ndim, layout, mode, pads):
    x, w = operands(ndim, layout)
    options = dict(padding=[pads] * ndim, padding_mode=mode, groups=2, stride=2)
    assert_adjoint(ndim, x, w, data_format=layout, **options)
    if layout == "channels_first":
        assert_adjoint(ndim, x[0], w, **options)
        assert_adjoint(ndim, x.astype(np.int16), w.astype(np.int8), **options)


@NDIM
def test_flipped_kernels(ndim):
    x, w = operands(ndim)
    assert_adjoint(ndim, x, w, flip=True, groups=2, stride=2, padding=1)


@NDIM
@LAYOUT
def test_without_a_batch(ndim, layout):
    x, w = operands(ndim, layout)
    assert_adjoint(ndim, x[1], w, groups=2, stride=2, padding=1, data_format=layout)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_adjoint_for_any_geometry(data):
    ndim = data.draw(st.integers(1, 3))
    groups = data.draw(st.sampled_from([1, 1, 2, 3]))

    def draw(low, high):
        return tuple(data.draw(st.integers(low, high)) for _ in range(ndim))

    kernel, stride, dilation, before = draw(1, 4), draw(1, 5), draw(1, 3), draw(-2, 4)
    output, spare = draw(1, 4), draw(0, 3)
    sizes, pads = [], []
    for i in range(ndim):
        need = (output[i] - 1) * stride[i] + (kernel[i] - 1) * dilation[i] + 1
        size = max(need - before[i] + spare[i] - data.draw(st.integers(0, 3)), 1)
        sizes.append(size)
        pads.append((before[i], need + min(spare[i], stride[i] - 1) - before[i] - size))
    x = integers(3, 2, 2 * groups, *sizes)
    w = integers(4, data.draw(st.integers(1, 3)) * groups, 2, *kernel)
    layout = data.draw(st.sampled_from(["channels_first", "channels_last"]))
    if layout == "channels_last":
        x = np.ascontiguousarray(np.moveaxis(x, 1, -1))
    algorithm = data.draw(st.sampled_from(["direct", "reference"]))
    assert_adjoint(
        ndim, x, w, stride=stride, padding=pads, dilation=dilation, groups=groups,
        data_format=layout, algorithm=algorithm,
    )  # fmt: skip


def test_input_behind_the_last_window_has_no_gradient():
    x, w = integers(5, 1, 1, 8), integers(6, 1, 1, 3)
    g = np.ones((1, 1, 2))
    assert np.array_equal(grad.conv1d(x, w, g, stride=4)[0], [[[*w[0, 0], 0, *w[0, 0], 0]]])


# What is computed


@NDIM
def test_only_what_is_needed(ndim):
    x, w = operands(ndim)
    g = CONV[ndim](x, w, groups=2)
    everything = GRAD[ndim](x, w, g, groups=2)
    for needs in [(), ("bias",), ("weight", "input"), ["input"], {"weight"}]:
        found = GRAD[ndim](x, w, g, groups=2, needs=needs)
        for name, one, known in zip(("input", "weight", "bias"), found, everything):
            assert (one is None) == (name not in needs)
            assert one is None or np.array_equal(one, known)


@NDIM
@LAYOUT
@pytest.mark.parametrize("dtype", ["float32", "float16", "complex64", "int32"])
def test_for_each_sample(ndim, layout, dtype):
    x, w = (a.astype(dtype) for a in operands(ndim, layout=layout))
    options = dict(padding=1, stride=2, groups=2, data_format=layout)
    g = getattr(fastconv, f"conv{ndim}d")(x, w, **options)
    differentiate = getattr(grad, f"conv{ndim}d")
    each = differentiate(x, w, g, needs=("weight_per_sample", "bias"), **options)
    assert each[0] is None and each[1].shape == (len(x), *w.shape) and each[1].dtype == dtype
    for n in range(len(x)):
        one = differentiate(x[n : n + 1], w, g[n : n + 1], needs=("weight",), **options)[1]
        assert np.array_equal(each[1][n], one)
        alone = differentiate(x[n], w, g[n], needs=("weight_per_sample",), **options)[1]
        assert np.array_equal(alone, one)
    plan = fastconv.plan(differentiate, x, w, g, needs=("weight_per_sample", "bias"), **options)
    assert plan.output_shape == (None, each[1].shape, each[2].shape)
    assert np.array_equal(plan(x, g)[1], each[1])
    assert np.array_equal(plan(x[:1], g[:1])[1], each[1][:1])


@LAYOUT
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int32"])
def test_the_gradient_of_a_fused_activation(layout, dtype):
    x, w = (a.astype(dtype) for a in operands(2, layout=layout))
    options = dict(padding=1, groups=2, data_format=layout)
    y = fastconv.conv2d(x, w, activation="relu", **options)
    g = np.random.default_rng(0).integers(-3, 4, y.shape).astype(dtype)
    expected = grad.conv2d(x, w, np.where(y > 0, g, 0).astype(dtype), **options)
    found = grad.conv2d(x, w, g, activation="relu", output=y, **options)
    assert all(map(np.array_equal, found, expected)) and (y == 0).any() and (y > 0).any()
    strided = np.repeat(y, 2, axis=-1)[..., ::2]
    found = grad.conv2d(x, w, g, activation="relu", output=strided, **options)
    assert all(map(np.array_equal, found, expected))
    plan = fastconv.plan(
        grad.conv2d, x.shape, w, g.shape, activation="relu", output=y.shape, dtype=x.dtype, **options
    )
    assert all(map(np.array_equal, plan(x, g, y), expected))
    with pytest.raises(TypeError, match="is called with input, grad_output, output, got 2 arrays"):
        plan(x, g)


def test_zeros_and_nan_of_an_activation():
    x, w = np.array([[-1.0, 0, np.nan, 2]]), np.ones((1, 1, 1))
    y = fastconv.conv1d(x, w, activation="relu")
    gx = grad.conv1d(x, w, np.full_like(y, np.inf), activation="relu", output=y, needs=("input",))[0]
    assert gx.tolist() == [[0, 0, np.inf, np.inf]]


@pytest.mark.parametrize("wide, narrow", [("f8", "f4"), ("f4", "f2"), ("c16", "f8"), ("i8", "i2")])
def test_a_gradient_of_a_narrower_dtype(wide, narrow):
    x, w = (a.astype(wide) for a in operands(2))
    g = fastconv.conv2d(x, w, groups=2).real.clip(-9, 9).astype(narrow)
    known = grad.conv2d(x, w, g.astype(wide), groups=2)
    for found, expected in zip(grad.conv2d(x, w, g, groups=2), known):
        assert found.dtype == wide and np.array_equal(found, expected)


@NDIM
@LAYOUT
def test_the_functions_for_one_gradient(ndim, layout):
    x, w = operands(ndim, layout)
    options = dict(stride=2, padding=1, dilation=1, groups=2, data_format=layout)
    g = CONV[ndim](x, w, **options)
    grad_x, grad_w, _ = GRAD[ndim](x, w, g, **options)
    of_input, of_weight = (getattr(grad, f"conv{ndim}d_{a}") for a in ("input", "weight"))
    assert np.array_equal(of_input(x.shape, w, g, 2, 1, 1, 2, data_format=layout), grad_x)
    assert np.array_equal(of_weight(x, list(w.shape), g, 2, 1, 1, 2, data_format=layout), grad_w)


def test_every_algorithm_of_convolution_does_gradients_to_the_input():
    x, w = operands(2)
    g = fastconv.conv2d(x, w, groups=2, padding=1, stride=2)
    options = dict(groups=2, padding=1, stride=2, needs=("input",))
    known = grad.conv2d(x, w, g, algorithm="reference", **options)[0]
    for algorithm in ("direct", "direct_pixels", "im2col", "fft"):
        found = grad.conv2d(x, w, g, algorithm=algorithm, **options)[0]
        np.testing.assert_allclose(found, known, atol=1e-9)
    with pytest.raises(ValueError, match="algorithm 'fft' does not do grad_weight"):
        grad.conv2d(x, w, g, algorithm="fft", groups=2, padding=1, stride=2)


def test_a_nan_stays_where_it_belongs():
    x, w = np.ones((1, 3, 40, 40), np.float32), np.ones((4, 3, 9, 9), np.float32)
    g = np.ones((1, 4, 32, 32), np.float32)
    g[0, 1, 20, 5] = np.nan
    for algorithm in (None, "direct"):
        grad_x, grad_w, grad_b = grad.conv2d(x, w, g, algorithm=algorithm)
        expected = np.zeros(x.shape, bool)
        expected[..., 20:29, 5:14] = True
        assert np.array_equal(np.isnan(grad_x), expected)
        assert np.isnan(grad_w).all((1, 2, 3)).tolist() == [False, True, False, False]
        assert np.isnan(grad_b).tolist() == [False, True, False, False]
        assert not np.isnan(grad_w[[0, 2, 3]]).any()


# Arrays


@pytest.mark.parametrize("dtype", ["f4", "f8", "c8", "c16", "i1", "i2", "i4", "i8"])
def test_dtypes(dtype):
    x, w = (integers(seed, *shape) for seed, shape in ((0, (2, 4, 7, 9)), (1, (6, 2, 3, 2))))
    x, w = (np.sign(a) for a in (x, w))  # of a size that bytes hold
    if dtype.startswith("c"):
        x, w = x + 1j * integers(7, *x.shape), w - 1j * integers(8, *w.shape)
    x, w = x.astype(dtype)[:, :, :3, :4], w.astype(dtype)
    y = fastconv.conv2d(x, w, groups=2, padding=1)
    g = np.sign(integers(2, *y.shape)).astype(dtype)
    grad_x, grad_w, grad_b = grad.conv2d(x, w, g, groups=2, padding=1)
    assert grad_x.dtype == grad_w.dtype == grad_b.dtype == dtype
    wide = complex if dtype.startswith("c") else float
    dot = np.vdot(y.astype(wide), g)
    assert dot == np.vdot(x.astype(wide), grad_x) == np.vdot(w.astype(wide), grad_w)
    for algorithm in ("reference", "direct"):
        again = grad.conv2d(x, w, g, groups=2, padding=1, algorithm=algorithm)
        assert all(map(np.array_equal, again, (grad_x, grad_w, grad_b)))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_rounded_once(dtype):
    if dtype == "bfloat16":
        dtype = pytest.importorskip("ml_dtypes").bfloat16
    rng = np.random.default_rng(9)
    x, w, g = (
        rng.standard_normal(shape).astype(dtype) for shape in ((2, 3, 9), (4, 3, 3), (2, 4, 11))
    )
    options = dict(padding=2, padding_mode="reflect")
    single = grad.conv1d(*(a.astype(np.float32) for a in (x, w, g)), **options)
    for half, known in zip(grad.conv1d(x, w, g, **options), single):
        assert half.dtype == dtype and np.array_equal(half, known.astype(dtype))


def test_integers_that_do_not_fit():
    x, w, g = (np.full((1, 1, n), value, np.int8) for n, value in ((9, 100), (3, 100), (7, 2)))
    for needs in ("input", "weight"):
        with pytest.raises(OverflowError, match="does not fit int8"):
            grad.conv1d(x, w, g, needs=(needs,))
    with pytest.raises(OverflowError, match="does not fit int8"):
        grad.conv1d(x, w, g * 50, needs=("bias",))
    x, w = np.full((1, 1, 5), 2**61), np.ones((1, 1, 3), np.int64)
    grad_x, grad_w, _ = grad.conv1d(x, w, np.array([[[1, -1, 1]]]))
    assert grad_w.tolist() == [[[2**61] * 3]] and grad_x.tolist() == [[[1, 0, 1, 0, 1]]]


@LAYOUT
def test_any_strides_and_nothing_is_written(layout):
    x, w = operands(2, layout)
    options = dict(groups=2, stride=2, padding=1, data_format=layout)
    g = integers(2, *fastconv.conv2d(x, w, **options).shape)
    known = grad.conv2d(x, w, g, **options)

    def flavours(a):
        yield a.astype(a.dtype.newbyteorder())
        yield np.repeat(a, 2, axis=-1)[..., ::2]
        yield a[::-1, ..., ::-1].copy()[::-1, ..., ::-1]
        yield np.asfortranarray(a)
        yield np.moveaxis(np.ascontiguousarray(np.moveaxis(a, 1, -1)), -1, 1)
        misaligned = np.empty(a.nbytes + 1, np.uint8)[1:].view(a.dtype).reshape(a.shape)
        misaligned[...] = a
        yield misaligned

    for arrays in zip(*map(flavours, (x, w, g))):
        before = [a.tobytes() for a in arrays]
        for a in arrays:
            a.flags.writeable = False
        found = grad.conv2d(*arrays, **options)
        assert all(map(np.array_equal, found, known))
        assert [a.tobytes() for a in arrays] == before
    constant = np.broadcast_to(np.float64(2), g.shape)
    found = grad.conv2d(x, w, constant, **options)
    assert all(map(np.array_equal, found, grad.conv2d(x, w, constant.copy(), **options)))


@NDIM
@LAYOUT
def test_empty_arrays(ndim, layout):
    last = layout == "channels_last"

    def shape(n, c):
        return (n, *SIZES[ndim], c) if last else (n, c, *SIZES[ndim])

    for batch, channels, filters in ((0, 4, 6), (2, 0, 6), (2, 4, 0)):
        x, w = np.ones(shape(batch, channels)), np.ones((filters, channels, *(3,) * ndim))
        g = np.ones(shape(batch, filters))
        for mode in ("zeros", "circular"):
            grad_x, grad_w, grad_b = GRAD[ndim](
                x, w, g, padding=1, padding_mode=mode, data_format=layout
            )
            assert grad_x.shape == x.shape and not grad_x.any()
            assert grad_w.shape == w.shape and not grad_w.any()
            assert np.array_equal(grad_b, np.full(filters, batch * np.prod(SIZES[ndim])))


def test_lists_are_arrays():
    found = grad.conv1d([[1.0, 2, 3]], [[[1.0, 1]]], [[1.0, 1]])
    assert [a.tolist() for a in found] == [[[1, 2, 1]], [[[3, 5]]], [2]]


# Many callers, bounded memory


def test_many_threads_at_once_and_a_fork():
    x, w = operands(2, channels=16, filters=32, groups=1)
    g = fastconv.conv2d(x, w, stride=2, padding=1)

    def gradients(_):
        return [a.tobytes() for a in grad.conv2d(x, w, g, stride=2, padding=1)]

    known = gradients(0)
    with fastconv.config(threads=2), ThreadPoolExecutor(6) as pool:
        assert all(found == known for found in pool.map(gradients, range(60)))
    child = multiprocessing.get_context("fork").Process(
        target=lambda: os._exit(0 if gradients(0) == known else 1)
    )
    child.start()
    child.join(60)
    assert child.exitcode == 0


@LAYOUT
@pytest.mark.parametrize(
    "room, groups", [("direct_weight", 1), ("direct_weight", 24), ("direct_weight_panels", 1)]
)
def test_running_takes_no_more_memory_than_it_says(layout, room, groups):
    shape = {"channels_first": (24, 30, 41), "channels_last": (30, 41, 24)}[layout]
    problem = Problem(
        "grad_weight", "float32", layout, 7, 24, 24, groups, (30, 41), (3, 5), (1, 2), (1, 1),
        (1, 2), (1, 2), (30, 21),
    )  # fmt: skip
    out_shape = {"channels_first": (24, 30, 21), "channels_last": (30, 21, 24)}[layout]
    x, g = np.ones((7, *shape), np.float32), np.ones((7, *out_shape), np.float32)
    with fastconv.config(threads=2, algorithm=room):
        executable = planner.choose(problem, current())
    assert executable.room.name == room
    result = np.empty(problem.weight_shape, np.float32)
    arena.clear()
    executable.run(None, None, (x, g), (result,))
    assert 0 < arena.kept_bytes() <= executable.workspace
    assert result[0, 0, 1, 2] == 7 * 30 * 21


@pytest.mark.parametrize("seed", range(6))
def test_whatever_room_the_planner_takes(seed):
    x, w = operands(2, channels=32, filters=32, groups=32)
    g = fastconv.conv2d(x, w, groups=32, padding=1)
    known = grad.conv2d(x, w, g, groups=32, padding=1, algorithm="reference")
    with planner.random_choices(seed):
        found = grad.conv2d(x, w, g, groups=32, padding=1)
    for a, b in zip(found, known):
        np.testing.assert_allclose(a, b, atol=1e-9)
