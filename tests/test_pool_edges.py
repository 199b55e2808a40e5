"""Pooling at the edges: the cache of winners, threads, extreme sizes, wrong arguments."""

import threading

import numpy as np
import pytest
from pool_oracle import (
    INTEGERS,
    LAYOUTS,
    both_rooms,
    from_layout,
    pose,
    read_only,
    run_room,
    same,
    to_layout,
)

import fastconv
from fastconv import config, pool
from fastconv._algorithms import direct_pool_slides, direct_pool_windows, pooling, reference_pooling
from fastconv._operations import _calls
from fastconv._planner import planner

# ---- the cache of winners


@pytest.mark.parametrize(
    "kernel, dtype",
    [((16, 16), np.uint8), ((257, 1), np.uint16), ((256, 256), np.uint16), ((241, 272), np.uint32)],
)
def test_codes_are_as_small_as_the_window_allows(kernel, dtype):
    x = np.zeros((1, 1, 300, 300), np.int8)
    x[0, 0, kernel[0] - 1, kernel[1] - 1] = 7
    x[0, 0, 299, 299] = 9
    y, winners = pool.max_pool2d(x, kernel, 1, ((0, 0), (0, 1)), return_cache=True)
    assert winners.codes.dtype == dtype and winners.nbytes == y.size * dtype().itemsize
    # The last tap of the first window, and of the last that lies within the input.
    assert winners.codes[0, 0, 0, 0] == winners.codes[0, 0, -1, -2] == kernel[0] * kernel[1] - 1
    indices = winners.indices()
    assert indices[0, 0, 0, 0] == (kernel[0] - 1) * 300 + kernel[1] - 1
    assert indices[0, 0, -1, -2] == 300 * 300 - 1
    found = indices >= 0
    same(x.reshape(-1)[indices[found]], y[found])


@both_rooms
@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_cache_decodes_to_the_indices(algorithm, layout):
    x = to_layout(np.random.default_rng(8).standard_normal((2, 5, 4, 6, 7)), layout)
    arguments = (x, (2, 3, 2), (1, 2, 1), ((4, 1), (0, 0), (1, 4)), (1, 1, 2))
    with config(algorithm=algorithm):
        y, indices = pool.max_pool3d(*arguments, return_indices=True, data_format=layout)
        same_y, winners = pool.max_pool3d(*arguments, return_cache=True, data_format=layout)
    same(y, same_y)
    same(winners.indices(), indices)
    assert winners.shape == y.shape and winners.nbytes == y.size
    assert (indices == -1).any() and (indices > 99).any()
    assert not winners.codes[indices == -1].any()  # the first tap, which is outside
    assert str(winners.problem) in repr(winners) and str(y.shape) in repr(winners)
    with pytest.raises(ValueError, match="read-only"):
        winners.codes[...] = 0


# ---- threads


def test_the_same_bits_for_any_number_of_threads():
    x = np.random.default_rng(9).standard_normal((2, 33, 30, 31)).astype(np.float32)
    for layout in LAYOUTS:
        for kind in ("max_pool", "avg_pool"):
            problem = pose(
                kind, x, (3, 5), (1, 2), ((1, 1), (2, 2)), (1, 1), (30, 16), layout=layout
            )
            for room in (pooling, direct_pool_windows, direct_pool_slides):
                argmax = "argmax_pool" in room.kinds
                first = run_room(room, problem, x, 1, argmax)
                for threads in (2, 3, 5, 8, 17):
                    for found, right in zip(run_room(room, problem, x, threads, argmax), first, strict=True):
                        assert found.tobytes() == right.tobytes()


def test_many_callers_at_once():
    x = np.random.default_rng(10).standard_normal((8, 32, 30, 30)).astype(np.float32)
    maxima, indices = pool.max_pool2d(x, 3, return_indices=True)
    averages = pool.avg_pool2d(x, 3)
    wrong = []

    def call():
        with config(threads=2):
            for _ in range(10):
                y, found = pool.max_pool2d(x, 3, return_indices=True)
                right = np.array_equal(y, maxima) and np.array_equal(found, indices)
                if not (right and np.array_equal(pool.avg_pool2d(x, 3), averages)):
                    wrong.append(1)

    callers = [threading.Thread(target=call) for _ in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert not wrong


# ---- sizes at the edges


@both_rooms
def test_empty_batches_and_channels(algorithm):
    with config(algorithm=algorithm):
        for shape in ((0, 3, 4, 4), (2, 0, 4, 4), (0, 0, 4, 4)):
            for layout in LAYOUTS:
                x = to_layout(np.ones(shape, np.float32), layout)
                y, indices = pool.max_pool2d(x, 2, return_indices=True, data_format=layout)
                assert from_layout(y, layout).shape == (*shape[:2], 2, 2)
                assert indices.shape == y.shape and indices.dtype == np.int64
                assert pool.avg_pool2d(x, 2, data_format=layout).shape == y.shape
        assert pool.global_avg_pool(np.ones((0, 3, 4))).shape == (0, 3, 1)


@both_rooms
def test_an_empty_plane_has_outputs_only_in_its_padding(algorithm):
    x = np.ones((2, 3, 0, 4), np.float32)
    with config(algorithm=algorithm):
        y, indices = pool.max_pool2d(x, 2, 1, ((1, 1), (0, 0)), return_indices=True)
        assert y.shape == (2, 3, 1, 3) and (y == -np.inf).all() and (indices == -1).all()
        assert (pool.avg_pool2d(x, 2, 1, ((1, 1), (0, 0))) == 0).all()
    with pytest.raises(ValueError, match="does not fit on axis 0"):
        pool.max_pool2d(x, 2)


@both_rooms
def test_steps_beyond_32_bits(algorithm):
    x = np.array([[1.0, 3, 2]])
    far = 2**40
    with config(algorithm=algorithm):
        y, indices = pool.max_pool1d(x, 2, far, far, 1, return_indices=True)
        # Windows start at -2**40, 0 and 2**40 - only the middle one meets the input.
        same(y, np.array([[-np.inf, 3, -np.inf]])[:, : y.shape[1]])
        same(indices, np.array([[-1, 1, -1]])[:, : y.shape[1]])
        y, indices = pool.max_pool1d(x, 2, 1, ((far, 2),), far, return_indices=True)
        same(y, np.array([[1.0, 3, 2, -np.inf, -np.inf]]))
        same(indices, np.array([[0, 1, 2, -1, -1]]))
        y = pool.avg_pool1d(x, 2, 1, ((far, 2),), dilation=far)
        same(y, np.array([[0.5, 1.5, 1, 0, 0]]))


def test_windows_far_larger_than_memory():
    x = np.array([[1.0, 3, 2]])
    far = 2**40
    y = pool.max_pool1d(x, far, 1, ((far - 1, 0),))
    same(y, np.array([[1.0, 3, 3]]))
    y = pool.avg_pool1d(x, far, 1, ((far - 1, 0),))
    same(y, np.array([[1.0, 4, 6]]) / far)
    with pytest.raises(ValueError, match="too large for indices"):
        pool.max_pool1d(x, far, 1, ((far - 1, 0),), return_indices=True)


# ---- what is refused


X = np.ones((2, 3, 6, 8), np.float32)
BAD_FOR_BOTH = [
    (dict(input=X[0, 0]), ValueError, r"\(C, H, W\) or \(N, C, H, W\); got \(6, 8\)"),
    (dict(input=X[None]), ValueError, r"got \(1, 2, 3, 6, 8\)"),
    (dict(input=X[0, 0], data_format="channels_last"), ValueError, r"\(H, W, C\)"),
    (dict(input=X.astype(bool)), TypeError, "dtype bool"),
    (dict(input=X.astype(object)), TypeError, "dtype object"),
    (dict(input=X.astype(np.longdouble)), TypeError, "dtype (long|float)"),
    (dict(data_format="NCHW"), ValueError, "data_format must be one of"),
    (dict(data_format=1), ValueError, "data_format must be one of"),
    (dict(kernel_size=0), ValueError, "kernel_size must be at least 1"),
    (dict(kernel_size=(2, -1)), ValueError, "kernel_size must be at least 1"),
    (dict(kernel_size=(2, 2, 2)), ValueError, "kernel_size needs one value or 2"),
    (dict(kernel_size=2.0), TypeError, "kernel_size must be an integer"),
    (dict(kernel_size=(2, 2.0)), TypeError, "kernel_size must be an integer"),
    (dict(kernel_size=True), TypeError, "kernel_size must be an integer"),
    (dict(kernel_size="2"), TypeError, "kernel_size must be an integer"),
    (dict(kernel_size=None), TypeError, "kernel_size must be an integer"),
    (dict(kernel_size=7), ValueError, "does not fit on axis 0: input 6"),
    (dict(kernel_size=2**62), ValueError, "out of range"),
    (dict(kernel_size=2**70), ValueError, "out of range"),
    (dict(kernel_size=2**61), ValueError, "does not fit|out of range"),
    (dict(kernel_size=2**40, padding="full"), ValueError, "out of range"),
    (dict(kernel_size=2**61, padding=2**61), ValueError, "out of range"),
    (dict(stride=0), ValueError, "stride must be at least 1"),
    (dict(stride=(1, -2)), ValueError, "stride must be at least 1"),
    (dict(stride=1.0), TypeError, "stride must be an integer"),
    (dict(stride=2**62), ValueError, "stride = .* is out of range"),
    (dict(dilation=0), ValueError, "dilation must be at least 1"),
    (dict(dilation=2**61), ValueError, "does not fit|out of range"),
    (dict(padding=-1), ValueError, "padding must not be negative"),
    (dict(padding=(1, 2, 3)), ValueError, "padding needs"),
    (dict(padding=((1, 2, 3), 0)), ValueError, "padding pair"),
    (dict(padding="SAME"), ValueError, "'SAME' is not known"),
    (dict(padding="causal"), ValueError, "1-D only"),
    (dict(padding=0.5), TypeError, "padding must be an integer"),
    (dict(padding=2**60), ValueError, "would need"),
    (dict(padding=2**61, stride=2**60), ValueError, "out of range"),
    (dict(padding=((-3, -3), (0, 0))), ValueError, "does not fit on axis 0"),
    (dict(ceil_mode=1), TypeError, "ceil_mode must be True or False"),
    (dict(out=[1.0]), TypeError, "out must be an ndarray"),
    (dict(out=np.empty((2, 3, 3, 3), np.float32)), ValueError, r"\(2, 3, 3, 3\).*\(2, 3, 3, 4\)"),
    (dict(out=np.empty((2, 3, 3, 4))), TypeError, "out has dtype float64"),
    (dict(out=read_only(np.empty((2, 3, 3, 4), np.float32))), ValueError, "read-only"),
]  # fmt: skip
BAD_FOR_MAX = [
    (dict(input=X.astype(np.complex64)), TypeError, "no order"),
    (dict(return_indices=True, return_cache=True), ValueError, "ask for one of them"),
]
BAD_FOR_AVG = [
    *((dict(input=X.astype(dtype)), TypeError, r"astype\(np\.float32\)") for dtype in INTEGERS),
    (dict(divisor_override=0), ValueError, "divisor_override must not be 0"),
    (dict(divisor_override=2.0), TypeError, "divisor_override must be an integer"),
    (dict(divisor_override=True), TypeError, "divisor_override must be an integer"),
    (dict(count_include_pad="no"), TypeError, "count_include_pad must be True or False"),
]


@pytest.mark.parametrize(
    "function, arguments, error, message",
    [("max_pool2d", *bad) for bad in BAD_FOR_BOTH + BAD_FOR_MAX]
    + [("avg_pool2d", *bad) for bad in BAD_FOR_BOTH + BAD_FOR_AVG],
)
def test_wrong_arguments(function, arguments, error, message):
    good = dict(input=X, kernel_size=2)
    # The same call with the argument left out is in the cache of calls, and must not be found.
    getattr(pool, function)(**good)
    getattr(pool, function)(X, 2, (1, 1), 1, ceil_mode=True)
    for _ in range(2):
        with pytest.raises(error, match=message) as caught:
            getattr(pool, function)(**good | arguments)
        assert str(caught.value).startswith(function + ":")


@pytest.mark.parametrize(
    "shape", [(2, 3), (2, 3, 4, 5, 6, 7), (2, 3, 0), (2, 3, 4, 0)], ids=str
)  # fmt: skip
def test_wrong_shapes_for_global_pooling(shape):
    for name in ("global_max_pool", "global_avg_pool"):
        with pytest.raises(ValueError, match=f"^{name}: input .*shape "):
            getattr(pool, name)(np.ones(shape))


@pytest.mark.parametrize("kind, dtype", [("max_pool", np.complex64), ("avg_pool", np.int16)])
def test_rooms_say_why_they_refuse(kind, dtype):
    x = np.ones((1, 1, 4), dtype)
    problem = pose(kind, x, (2,), (2,), ((0, 0),), (1,), (2,))
    for room in (reference_pooling, pooling):
        assert isinstance(room.supports(problem), str)


# ---- calls that were seen before


def test_a_call_seen_before_is_parsed_once():
    planner.forget()
    for _ in range(3):
        pool.max_pool2d(X, (2, 2), [1, 1], ((1, 0), (0, 1)))
        assert _calls.count() == 1
    pool.max_pool2d(X, (2, 2), [1, 1], ((1, 0), (0, 2)))
    pool.max_pool2d(X.astype(np.float64), (2, 2), [1, 1], ((1, 0), (0, 1)))
    with config(threads=1, algorithm="reference"):
        pool.max_pool2d(X, (2, 2), [1, 1], ((1, 0), (0, 1)))
    assert _calls.count() == 4


def test_the_cache_of_calls_is_bounded(monkeypatch):
    monkeypatch.setattr(_calls, "MOST", 5)
    planner.forget()
    for size in range(1, 20):
        assert pool.max_pool1d(np.ones((1, size)), 1).shape == (1, size)
        assert _calls.count() <= 5


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_large_windows_of_integers(dtype, layout):
    info = np.iinfo(dtype)
    x = np.random.default_rng(0).integers(info.min, info.max, (2, 3, 40, 37), dtype, endpoint=True)
    given = to_layout(x, layout)
    options = dict(kernel_size=(19, 17), stride=(1, 2), padding=((30, 2), (3, 40)), data_format=layout)
    narrow = "by way of float" in str(fastconv.explain(pool.max_pool2d, given, **options))
    assert narrow == (info.bits < 64)
    y, indices = pool.max_pool2d(given, **options, return_indices=True)
    same(pool.max_pool2d(given, **options), y)
    with config(algorithm="reference"):
        expected, places = pool.max_pool2d(given, **options, return_indices=True)
    same(y, expected)
    same(indices, places)
    assert (indices == -1).any() and (y[indices == -1] == info.min).all()
