"""Pooling of every dtype and of arrays of every kind, and into any `out`."""

import numpy as np
import pool_oracle as oracle
import pytest
from pool_oracle import (
    INTEGERS,
    LAYOUTS,
    NATIVE,
    both_rooms,
    from_layout,
    pose,
    read_only,
    same,
    to_layout,
)

from fastconv import config, pool
from fastconv._algorithms import pooling, reference_pooling

# ---- dtypes


@both_rooms
@pytest.mark.parametrize("dtype", NATIVE + INTEGERS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_max_of_every_dtype(algorithm, dtype, layout):
    rng = np.random.default_rng(1)
    dtype = np.dtype(dtype)
    if dtype.kind == "f":
        x = rng.standard_normal((2, 9, 7, 11)).astype(dtype)
    else:
        # Neighbours at the ends of the range differ only in the last bit.
        info = np.iinfo(dtype)
        ends = np.array([info.min, info.min + 1, info.max - 1, info.max], dtype)
        x = rng.choice(ends, (2, 9, 7, 11))
    maxima, indices, _ = oracle.pool(x, (3, 2), (2, 1), ((1, 2), (0, 1)), (1, 3), False)
    with config(algorithm=algorithm):
        y, found = pool.max_pool2d(
            to_layout(x, layout), (3, 2), (2, 1), ((1, 2), (0, 1)), (1, 3), return_indices=True,
            data_format=layout,
        )  # fmt: skip
    same(from_layout(y, layout), maxima)
    same(from_layout(found, layout), indices)


@pytest.fixture(params=["float16", "bfloat16"])
def half(request):
    if request.param == "bfloat16":
        return np.dtype(pytest.importorskip("ml_dtypes").bfloat16)
    return np.dtype(request.param)


@both_rooms
def test_half_precision(half, algorithm):
    x = np.random.default_rng(2).integers(-8, 9, (2, 3, 6, 6)).astype(half)
    x[0, 0, 2, 3] = np.nan
    x[0, 1] = -np.inf
    wide = x.astype(np.float32)
    with config(algorithm=algorithm):
        y, indices = pool.max_pool2d(x, 2, 1, 1, return_indices=True)
        right, where = pool.max_pool2d(wide, 2, 1, 1, return_indices=True)
        same(y, right.astype(half))
        same(indices, where)
        same(pool.avg_pool2d(x, 3), pool.avg_pool2d(wide, 3).astype(half))


def test_the_reference_room_takes_half_precision_as_it_is(half):
    x = np.random.default_rng(2).integers(-8, 9, (1, 3, 6, 6)).astype(half)
    problem = pose("avg_pool", x, (3, 3), (3, 3), ((0, 0),) * 2, (1, 1), (2, 2))
    y = np.empty(problem.output_shape, half)
    reference_pooling.run(reference_pooling.compile(problem), None, (x,), (y,), 1)
    same(y, pool.avg_pool2d(x, 3))
    assert pooling.supports(problem) == f"has no loops for {half.name}"


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
@both_rooms
def test_complex_averages(dtype, algorithm):
    rng = np.random.default_rng(3)
    x = (rng.integers(-9, 9, (2, 3, 7, 6)) + 1j * rng.integers(-9, 9, (2, 3, 7, 6))).astype(dtype)
    out = np.full((2, 3, 3, 3), np.nan, dtype)
    with config(algorithm=algorithm):
        y = pool.avg_pool2d(x, 3, 2, ((0, 0), (1, 0)), out=out)
        assert y is out
        same(y.real, pool.avg_pool2d(x.real, 3, 2, ((0, 0), (1, 0))))
        same(y.imag, pool.avg_pool2d(x.imag, 3, 2, ((0, 0), (1, 0))))
    problem = pose("avg_pool", x, (3, 3), (2, 2), ((0, 0), (1, 0)), (1, 1), (3, 3))
    state, right = reference_pooling.compile(problem), np.empty_like(y)
    reference_pooling.run(state, None, (x,), (right,), 1)
    same(y, right)


# ---- arrays of every flavour


def misaligned(x):
    raw = np.empty(x.nbytes + 1, np.uint8)
    view = raw[1:].view(x.dtype).reshape(x.shape)
    view[...] = x
    assert not view.flags.aligned
    return view


FLAVOURS = {
    "byte-swapped": lambda x: x.astype(x.dtype.newbyteorder()),
    "misaligned": misaligned,
    "read-only": read_only,
    "fortran": np.asfortranarray,
    "negative strides": lambda x: x[::-1, ::-1, ::-1, ::-1].copy()[::-1, ::-1, ::-1, ::-1],
    "every other": lambda x: np.repeat(np.repeat(x, 2, axis=1), 3, axis=3)[:, ::2, :, ::3],
    "channels last in memory": lambda x: np.moveaxis(np.moveaxis(x, 1, -1).copy(), -1, 1),
    "field of a record": lambda x: np.rec.fromarrays([x, x]).f1,
    "list": lambda x: x.tolist(),
    "subclass": lambda x: x.view(np.recarray),
}


@both_rooms
@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("channels", [3, 20])
def test_array_flavours(algorithm, flavour, channels):
    x = np.random.default_rng(4).integers(-9, 9, (2, channels, 7, 8)).astype(np.float64)
    arguments = (3, 2, ((1, 0), (0, 1)))
    view = FLAVOURS[flavour](x)
    with config(algorithm=algorithm):
        y, indices = pool.max_pool2d(view, *arguments, return_indices=True)
        expected, where = pool.max_pool2d(x, *arguments, return_indices=True)
        same(y, expected)
        same(indices, where)
        same(pool.avg_pool2d(view, *arguments), pool.avg_pool2d(x, *arguments))
        if flavour != "list":
            same(np.asarray(view), x.astype(view.dtype))  # nothing was written
    assert type(y) is np.ndarray


@both_rooms
def test_zero_strides(algorithm):
    for axes in ((0,), (1,), (2,), (3,), (2, 3), (0, 1, 2, 3)):
        x = np.random.default_rng(4).integers(-9, 9, (2, 9, 7, 8)).astype(np.float32)
        first = x[tuple(slice(0, 1) if i in axes else slice(None) for i in range(4))]
        x = np.broadcast_to(first, x.shape)
        with config(algorithm=algorithm):
            for function in (pool.max_pool2d, pool.avg_pool2d):
                same(function(x, 3, 2, 1), function(x.copy(), 3, 2, 1))


@both_rooms
@pytest.mark.parametrize("function", [pool.max_pool2d, pool.avg_pool2d])
def test_out_of_any_strides(algorithm, function):
    x = np.random.default_rng(6).integers(-9, 9, (2, 10, 6, 8)).astype(np.float32)
    expected = function(x, 2)
    base = np.full((2, 20, 3, 12), np.nan, np.float32)
    for out in (
        base[:, ::2, :, ::3],
        base[::-1, 19:9:-1, ::-1, 11:3:-2],
        np.full((3, 4, 10, 2), np.nan, np.float32).transpose(3, 2, 0, 1),
        misaligned(expected),
        expected.astype(">f4"),
    ):
        out[...] = np.nan
        with config(algorithm=algorithm):
            assert function(x, 2, out=out) is out
        np.testing.assert_array_equal(out, expected)
    assert np.isnan(base[:, 1:10:2]).all()


@both_rooms
@pytest.mark.parametrize("function", [pool.max_pool2d, pool.avg_pool2d])
def test_out_over_the_input_is_as_if_the_input_were_copied(algorithm, function):
    rng = np.random.default_rng(7)
    for start in ((0, 0), (1, 2), (4, 5)):
        base = rng.integers(-9, 9, (2, 10, 12, 12)).astype(np.float32)
        x = base[:, :, ::-1]
        expected = function(x.copy(), 3, 1, 1)
        with config(algorithm=algorithm):
            same(function(x, 3, 1, 1, out=base), expected)
        base = rng.integers(-9, 9, (2, 10, 12, 12)).astype(np.float32)
        expected = function(base.copy(), 2)
        out = base[:, :, start[0] : start[0] + 6, start[1] : start[1] + 6]
        with config(algorithm=algorithm):
            same(function(base, 2, out=out), expected)
