"""Convolutions for JAX: compiled, mapped, differentiated."""

import numpy as np
import pytest

jax = pytest.importorskip("jax")

import fastconv  # noqa: E402
import fastconv.jax  # noqa: E402


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("ndim", [1, 2, 3])
@pytest.mark.parametrize("data_format", ["channels_first", "channels_last"])
def test_values_and_gradients(ndim, data_format):
    x, w, b = numbers(2, 4, *(9,) * ndim), numbers(6, 2, *(3,) * ndim, seed=1), numbers(6, seed=2)
    x = np.moveaxis(x, 1, -1) if data_format == "channels_last" else x
    options = dict(stride=2, padding=1, groups=2, data_format=data_format)
    ours, theirs = getattr(fastconv.jax, f"conv{ndim}d"), getattr(fastconv, f"conv{ndim}d")
    wanted = theirs(x, w, b, **options)
    np.testing.assert_allclose(
        jax.jit(lambda *a: ours(*a, **options))(x, w, b), wanted, rtol=1e-5, atol=1e-5
    )
    g = numbers(*wanted.shape, seed=3)
    found = jax.grad(lambda *a: (ours(*a, **options) * g).sum(), (0, 1, 2))(x, w, b)
    for mine, right in zip(found, getattr(fastconv.grad, f"conv{ndim}d")(x, w, g, **options)):
        np.testing.assert_allclose(mine, right, rtol=1e-4, atol=1e-4)


def test_without_bias_and_batch_and_under_vmap():
    x, w = numbers(3, 4, 8, 8), numbers(5, 4, 3, 3, seed=1)
    mapped = jax.vmap(lambda one: fastconv.jax.conv2d(one, w, padding="same"))(x)
    np.testing.assert_allclose(mapped, fastconv.conv2d(x, w, padding="same"), rtol=1e-4, atol=1e-4)
    assert jax.grad(lambda w: fastconv.jax.conv2d(x, w).sum())(w).shape == w.shape


def test_wrong_arguments():
    with pytest.raises(ValueError, match="does not fit"):
        fastconv.jax.conv2d(numbers(1, 1, 2, 2), numbers(1, 1, 3, 3))
    with pytest.raises(ValueError, match="axes"):
        fastconv.jax.conv2d(numbers(1, 1, 4, 4), numbers(3, 3))
