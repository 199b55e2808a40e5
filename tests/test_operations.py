"""Every operation can be planned, explained, tuned, copied: found by walking the public functions."""

import inspect
import pickle

import numpy as np
import pytest

import fastconv
from fastconv._operations import registry

# Public functions that choose no algorithm and prepare nothing.
OTHERS = {
    "ArgmaxCache", "as_matrix", "col2im", "config", "explain", "get_config", "im2col", "plan",
    "set_config", "show_config", "tune", "calibrate", "grad.global_max_pool", "Stream", "in_place_of_scipy",
    *(f"{op}{n}d" for n in (1, 2, 3) for op in (
        "normalized_conv", "grad.normalized_conv", "max_unpool", "grad.max_unpool", "grad.max_pool", "grad.adaptive_max_pool")),
}  # fmt: skip


def whole(*shape):
    return np.random.default_rng(len(shape)).integers(-3, 4, shape).astype(np.float32)


def public_names():
    names = [name for name in fastconv.__all__ if callable(getattr(fastconv, name))]
    return [*names, *(f"grad.{name}" for name in fastconv.grad.__all__)]


def function_of(name):
    return getattr(fastconv.grad, name[5:]) if name.startswith("grad.") else getattr(fastconv, name)


def call_of(name, batch=2):
    """(positional arguments, keyword arguments, which of them are data) of a small call."""
    ndim = int(next((c for c in name if c.isdigit()), 2))
    x, w = whole(batch, 4, *(7,) * ndim), whole(6, 4, *(3,) * ndim)
    if name.startswith("grad.") and "pool" in name:
        return gradient_call_of(name, ndim, x)
    if name.startswith("grad."):
        options = dict(stride=2, padding=1)
        if "transpose" in name:
            return (x, whole(4, 5, *(3,) * ndim), whole(batch, 5, *(13,) * ndim)), options, (0, 2)
        if "locally" in name:
            weight = whole(*(4,) * ndim, 6, 4, *(3,) * ndim)
            return (x, weight, whole(batch, 6, *(4,) * ndim)), options, (0, 2)
        g = whole(batch, 6, *(4,) * ndim)
        if name.endswith("_input"):
            return (x.shape, w, g), options, (2,)
        if name.endswith("_weight"):
            return (x, w.shape, g), options, (0, 2)
        return (x, w, g), options, (0, 2)
    if "transpose" in name:
        return (x, whole(4, 5, *(3,) * ndim), whole(5)), dict(stride=2), (0,)
    if "locally" in name:
        weight = whole(*(3,) * ndim, 5, 4, *(3,) * ndim)
        return (x, weight, whole(5, *(3,) * ndim)), dict(stride=2), (0,)
    if "conv" in name:
        return (x, w, whole(6)), dict(padding=1, activation="relu"), (0,)
    if "lp_pool" in name:
        return ((abs(x), 2) if "global" in name else (abs(x), 2, 3)), {}, (0,)
    return (x,) if "global" in name else (x, 3), {}, (0,)


def gradient_call_of(name, ndim, x):
    sizes = 3 if "adaptive" in name else 1 if "global" in name else 2
    g = whole(len(x), 4, *(sizes,) * ndim)
    windows = () if "adaptive" in name or "global" in name else (3,)
    if "lp_pool" in name:
        return (g, abs(x), 2, *windows), {}, (0, 1)
    return (g, x.shape, *windows), {}, (0,)


def test_every_public_function_is_an_operation_or_known_to_be_none():
    names = set(public_names())
    assert set(registry.names()) == names - OTHERS
    assert names >= OTHERS


def same(result, expected):
    if isinstance(expected, tuple):
        return len(result) == len(expected) and all(map(same, result, expected))
    if expected is None:
        return result is None
    return result.dtype == expected.dtype and np.array_equal(result, expected)


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("name", registry.names())
def test_every_operation(name, threads):
    function = function_of(name)
    args, options, data = call_of(name)
    with fastconv.config(threads=threads, algorithm="direct" if "conv" in name else None):
        expected = function(*args, **options)
        shapes = [a.shape if i in data else a for i, a in enumerate(args)]
        plan = fastconv.plan(function, *shapes, **options)
        inputs = [args[i] for i in data]
        assert same(plan(*inputs), expected)
        assert str(plan.problem) in repr(plan) and str(plan.algorithm) in repr(plan)
        told = plan.explain()
        assert told.algorithm == plan.algorithm and len(str(told)) > 20
        there_is_a_choice = not hasattr(plan._call, "unasked")
        assert (fastconv.explain(function, *args, **options).algorithm is not None) == there_is_a_choice
        # What travels does the same.
        assert same(pickle.loads(pickle.dumps(plan))(*inputs), expected)
        # Another batch.
        other, _, _ = call_of(name, batch=3)
        assert same(plan(*(other[i] for i in data)), function(*other, **options))
        # Arrays of any kind.
        for turned in map(disguises, zip(*[disguises(a) for a in inputs])):
            for disguised in turned:
                assert same(plan(*disguised), expected)
        if "out" in inspect.signature(function).parameters:
            out = np.full(expected.shape, np.nan, expected.dtype)
            assert plan(*inputs, out=out) is out and same(out, expected)
        else:
            with pytest.raises(TypeError, match="take no out"):
                plan(*inputs, out=np.zeros(1))
        with pytest.raises(TypeError, match=r"is called with|positional arguments"):
            plan(*inputs, *inputs, *inputs)
        with pytest.raises(ValueError, match="made for an input of shape"):
            plan(*(a[..., :-1] for a in inputs))


def disguises(array):
    """The same values, read-only, or with strides of their own."""
    if isinstance(array, tuple):
        return [array]
    frozen = array.copy()
    frozen.flags.writeable = False
    spread = np.zeros((*array.shape[:-1], 2 * array.shape[-1]), array.dtype)[..., ::2]
    spread[...] = array
    return [frozen, spread]


@pytest.mark.parametrize("name", [n for n in registry.names() if "2d" in n and "locally" not in n])
def test_every_operation_is_tuned(name):
    args, options, _ = call_of(name)
    with fastconv.config(threads=1):
        found = fastconv.tune(function_of(name), *args, budget=0.02, progress=False, **options)
    assert found and all(told.algorithm for told in found)


@pytest.mark.parametrize("dtype", ["f2", "f8", "i2", "i8", "c8"])
@pytest.mark.parametrize("mode", ["zeros", "reflect"])
def test_planned_gradients_of_other_dtypes(dtype, mode):
    x, w, g = (a.astype(dtype) for a in (whole(2, 4, 7, 7), whole(6, 4, 3, 3), whole(2, 6, 7, 7)))
    options = dict(padding=1, padding_mode=mode)
    plan = fastconv.plan(fastconv.grad.conv2d, x.shape, w, g.shape, **options)
    assert same(plan(x, g), fastconv.grad.conv2d(x, w, g, **options))
    assert plan.output_shape == (x.shape, w.shape, (6,))
    for needs in (("weight",), ("input",), ("bias",), ()):
        plan = fastconv.plan(fastconv.grad.conv2d, x.shape, w, g.shape, needs=needs, **options)
        assert same(plan(x, g), fastconv.grad.conv2d(x, w, g, needs=needs, **options))


def test_a_transposed_convolution_no_tap_of_which_reaches_the_output():
    w = whole(5, 16, 1, 1)
    options = dict(stride=4, padding=2)
    x = whole(1, 5, 6, 2)
    expected = fastconv.conv_transpose2d(x, w, **options)
    plan = fastconv.plan(fastconv.conv_transpose2d, x.shape, w, **options)
    assert same(plan(x), expected) and not expected.any()
    assert "nothing" in str(fastconv.explain(fastconv.conv_transpose2d, x, w, **options))
