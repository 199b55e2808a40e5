"""Pooling against oracles: NumPy for every problem of the data file, Python loops for NumPy."""

import itertools
from functools import cache, partial

import numpy as np
import pool_oracle as oracle
import pytest
from hypothesis import given, settings, strategies as st
from pool_oracle import (
    INTEGERS,
    LAYOUTS,
    NATIVE,
    both_rooms,
    from_layout,
    pose,
    run_room,
    same,
    to_layout,
)

from fastconv import config, pool
from fastconv._algorithms import direct_pool_slides, direct_pool_windows, pooling, reference_pooling
from fastconv._kernels import isa

ROOMS = (reference_pooling, pooling, direct_pool_windows, direct_pool_slides)
RECORDS = oracle.records()
THREADS = (1, 2, 3)


class Case:
    """One record of the data file with small integers to pool, and the NumPy oracle's answers."""

    def __init__(self, record):
        rng = np.random.default_rng(record["macs"] % 1000003)
        self.record = record
        shape = (record["N"], record["C"], *record["in"])
        self.x = rng.integers(-9, 10, shape).astype(np.float32)
        self.pads = tuple(zip(record["pad_begin"], record["pad_end"]))
        self.maxima, self.indices = run_room(reference_pooling, self.problem("max_pool"), self.x, 1)
        self.averages = {
            counted: run_room(
                reference_pooling, self.problem("avg_pool", count_include_pad=counted), self.x, 1
            )[0]
            for counted in (True, False)
        }
        full = self.indices >= 0
        if full.sum() > 10:
            assert np.count_nonzero(self.maxima[full]) > 0.7 * full.sum()
            assert np.count_nonzero(self.averages[False][full]) > 0.7 * full.sum()

    def problem(self, kind, **options):
        r = self.record
        x = self.x.astype(options.pop("dtype", "float32"))
        return pose(
            kind, x, r["kernel"], r["stride"], self.pads, r["dilation"], r["out"], **options
        )


@cache
def case(index):
    return Case(RECORDS[index])


each_record = pytest.mark.parametrize(
    "index", range(len(RECORDS)), ids=[oracle.label(r) for r in RECORDS]
)


# ---- every problem of the data file, bit for bit


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@each_record
def test_rooms_equal_the_numpy_oracle(index, dtype):
    c = case(index)
    x = c.x.astype(dtype)
    for room, layout, level, threads in itertools.product(ROOMS[1:], LAYOUTS, isa.available(), THREADS):
        check = partial(run_room, room, x=x, threads=threads)
        with isa.use(level):
            maximum = c.problem("max_pool", layout=layout, dtype=dtype)
            if room.supports(maximum) is not None:
                assert room is direct_pool_slides
                continue
            if "argmax_pool" in room.kinds:
                y, indices = check(maximum)
                same(y, c.maxima.astype(dtype))
                same(indices, c.indices)
            same(check(maximum, argmax=False)[0], c.maxima.astype(dtype))
            for counted, averages in c.averages.items():
                average = c.problem("avg_pool", layout=layout, dtype=dtype, count_include_pad=counted)
                (found,) = check(average)
                if dtype == "float32":
                    same(found, averages)
                else:
                    np.testing.assert_allclose(found, averages, 1e-6)


@each_record
def test_public_functions_equal_the_numpy_oracle(index):
    c = case(index)
    r = c.record
    ndim = len(r["in"])
    options = dict(padding=c.pads, dilation=tuple(r["dilation"]))
    sizes = (tuple(r["kernel"]), tuple(r["stride"]))
    for layout in LAYOUTS:
        x = to_layout(c.x, layout)
        out = np.empty(to_layout(c.maxima, layout).shape, np.float32)
        for algorithm in ("reference", "direct"):
            with config(algorithm=algorithm, threads=2):
                out.fill(np.nan)
                y, indices = getattr(pool, f"max_pool{ndim}d")(
                    x, *sizes, **options, return_indices=True, data_format=layout, out=out
                )
                assert y is out
                same(from_layout(y, layout), c.maxima)
                same(from_layout(indices, layout), c.indices)
                for counted, averages in c.averages.items():
                    out.fill(np.nan)
                    y = getattr(pool, f"avg_pool{ndim}d")(
                        x, *sizes, **options, count_include_pad=counted, data_format=layout, out=out
                    )
                    same(from_layout(y, layout), averages)


def test_algorithm_names_the_room_that_runs(monkeypatch):
    ran = []
    for room in ROOMS:
        monkeypatch.setattr(room, "run", lambda *args, name=room.name: ran.append(name))
    x = np.ones((1, 2, 4, 6), np.float32)
    for algorithm, name in (
        ("reference", "reference"), ("direct_pool_windows",) * 2, ("direct_pooling",) * 2,
    ):  # fmt: skip
        with config(algorithm=algorithm):
            pool.max_pool2d(x, 2)
            pool.avg_pool2d(x, 2)
        assert ran == [name] * 2
        ran.clear()
    pool.max_pool2d(x, 2)
    assert ran == ["direct_pool_windows"]


# ---- the oracle of the oracle: Python loops


@st.composite
def poolings(draw):
    """Keyword arguments of `oracle.pool`, small and of every kind."""
    ndim = draw(st.integers(1, 3))
    def each(low, high):
        return draw(st.tuples(*[st.integers(low, high)] * ndim))

    kernel, stride, dilation = each(1, 4), each(1, 4), each(1, 3)
    size = each(0, 9)
    pads = []
    for n, k, d in zip(size, kernel, dilation):
        before, after = draw(st.integers(-3, 8)), draw(st.integers(-3, 8))
        # The first window fits.
        pads.append((before, max(after, d * (k - 1) + 1 - n - before)))
    shape = (draw(st.integers(0, 2)), draw(st.integers(0, 12)), *size)
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    x = rng.integers(-4, 5, shape).astype(draw(st.sampled_from(NATIVE)))
    for value in draw(st.lists(st.sampled_from([np.nan, -np.inf, np.inf]), max_size=2)):
        x[rng.random(shape) < 0.2] = value
    return dict(
        x=x, kernel=kernel, stride=stride, pads=tuple(pads), dilation=dilation,
        ceil_mode=draw(st.booleans()), include_pad=draw(st.booleans()),
        divisor=draw(st.sampled_from([None, None, 1, 7, -3])),
    )  # fmt: skip


def fenced(array):
    """A copy inside a larger array of NaN, and that array: what strays over the fence shows."""
    yard = np.full([n + 2 for n in array.shape], np.nan, array.dtype)
    inner = yard[(slice(1, -1),) * array.ndim]
    inner[...] = array
    return inner, yard


@settings(max_examples=200, deadline=None)
@given(poolings(), st.sampled_from(LAYOUTS), st.sampled_from(("reference", "direct_pooling", "direct_pool_windows", "direct_pool_slides")))
def test_pooling_equals_python_loops(p, layout, algorithm):
    ndim = len(p["kernel"])
    max_pool, avg_pool = (getattr(pool, f"{kind}_pool{ndim}d") for kind in ("max", "avg"))
    options = dict(
        stride=p["stride"], padding=p["pads"], dilation=p["dilation"], ceil_mode=p["ceil_mode"],
        data_format=layout,
    )  # fmt: skip
    with np.errstate(invalid="ignore"):
        maxima, indices, averages = oracle.pool(**p)
        x, _ = fenced(to_layout(p["x"], layout))
        out, yard = fenced(to_layout(maxima, layout))
        if algorithm == "direct_pool_slides" and p["kernel"][0] > 1 and ndim == 3:
            algorithm = "direct"
        with config(algorithm=algorithm):
            if algorithm != "direct_pool_slides":
                out.fill(np.nan)
                _, found = max_pool(x, p["kernel"], **options, return_indices=True, out=out)
                same(from_layout(out, layout), maxima)
                same(from_layout(found, layout), indices)
            out.fill(np.nan)
            max_pool(x, p["kernel"], **options, out=out)
            same(from_layout(out, layout), maxima)
            out.fill(np.nan)
            counting = dict(count_include_pad=p["include_pad"], divisor_override=p["divisor"])
            avg_pool(x, p["kernel"], **options, **counting, out=out)
            same(from_layout(out, layout), averages)
    out.fill(np.nan)
    assert np.isnan(yard).all()


def test_both_directions_of_lines_are_reached_and_agree():
    rng = np.random.default_rng(5)
    # More channels and more columns than one line holds, with remainders; cut by clipping.
    x = rng.integers(-9, 10, (1, 1030, 2, 40)).astype(np.float32)
    wide = rng.integers(-9, 10, (2, 3, 2, 1100)).astype(np.float32)
    narrow = rng.integers(-9, 10, (2, 3, 2, 30)).astype(np.float32)
    for array, kernel, stride, pads, output in (
        (x, (2, 3), (1, 3), ((1, 0), (2, 2)), (2, 14)),
        (wide, (2, 3), (1, 1), ((0, 0), (600, 3)), (1, 1701)),
        (wide, (1, 2), (1, 2), ((0, 0), (0, 0)), (2, 550)),
        (wide, (1, 1100), (1, 1), ((0, 0), (700, 0)), (2, 701)),
        (narrow, (2, 29), (1, 3), ((1, 1), (14, 3)), (3, 7)),
    ):  # fmt: skip
        for kind in ("max_pool", "avg_pool"):
            pose_it = partial(pose, kind, array, kernel, stride, pads, (1, 1), output)
            expected = run_room(reference_pooling, pose_it(), array, 1)
            for layout in LAYOUTS:
                for room in ROOMS[1:]:
                    argmax = "argmax_pool" in room.kinds
                    found = run_room(room, pose_it(layout=layout), array, 2, argmax)
                    for one, right in zip(found, expected):
                        same(one, right)


# ---- NaN, infinities, empty windows, ties


@both_rooms
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("channels", [1, 9])
def test_the_first_nan_wins_wherever_it_is(algorithm, layout, channels):
    for place in range(9):
        x = np.arange(9.0, dtype=np.float32)
        x[place] = np.nan
        x[8] = np.nan
        x = np.broadcast_to(x.reshape(1, 1, 3, 3), (2, channels, 3, 3))
        with config(algorithm=algorithm):
            y = pool.max_pool2d(to_layout(x, layout), 3, 3, 1, data_format=layout)
            assert np.isnan(from_layout(y, layout)[..., 0, 0]).all() == (place in (0, 1, 3, 4))
            y, indices = pool.max_pool2d(
                to_layout(x, layout), 3, return_indices=True, data_format=layout
            )
        assert np.isnan(y).all() and (indices == place).all()


@both_rooms
def test_nan_beats_infinity_and_stays_local(algorithm):
    x = np.array([[np.inf, np.nan, 1, np.inf, 0, 2, -np.inf, 3]])
    with config(algorithm=algorithm):
        y, indices = pool.max_pool1d(x, 2, return_indices=True)
        averages = pool.avg_pool1d(x, 2)
    same(y, np.array([[np.nan, np.inf, 2, 3]]))
    same(indices, np.array([[1, 3, 5, 7]]))
    same(averages, np.array([[np.nan, np.inf, 1, -np.inf]]))


@both_rooms
@pytest.mark.parametrize("dtype", NATIVE + INTEGERS)
def test_windows_of_the_lowest_value_have_a_winner_and_empty_ones_none(algorithm, dtype):
    dtype = np.dtype(dtype)
    lowest = -np.inf if dtype.kind == "f" else np.iinfo(dtype).min
    x = np.full((1, 1, 2, 2), lowest, dtype)
    for layout in LAYOUTS:
        with config(algorithm=algorithm):
            y, indices = pool.max_pool2d(
                to_layout(x, layout), 2, padding=3, return_indices=True, data_format=layout
            )
        same(y.reshape(4, 4), np.full((4, 4), lowest, dtype))
        expected = np.full((4, 4), -1)
        expected[1:3, 1:3] = [[0, 1], [2, 3]]
        same(indices.reshape(4, 4), expected)


@both_rooms
def test_padding_never_wins_over_negative_elements(algorithm):
    x = np.full((1, 3, 3), -5.0)
    with config(algorithm=algorithm):
        assert (pool.max_pool2d(x, 3, 1, padding=1) == -5).all()
        assert (pool.max_pool2d(x.astype(np.int8), 3, 1, padding=1) == -5).all()


@both_rooms
def test_the_first_of_equal_maxima_wins(algorithm):
    x = np.zeros((1, 9, 4, 6), np.float32)
    for layout in LAYOUTS:
        with config(algorithm=algorithm):
            _, indices = pool.max_pool2d(
                to_layout(x, layout), (2, 3), return_indices=True, data_format=layout
            )
        same(from_layout(indices, layout)[0, 4], np.array([[0, 3], [12, 15]]))


# ---- shapes and divisors, with values that torch gives


@pytest.mark.parametrize(
    "size, kernel, stride, padding, floor, ceil",
    [
        (5, 2, 2, 0, 2, 3),
        (4, 2, 2, 0, 2, 2),
        (4, 3, 2, 0, 1, 2),
        (4, 1, 2, 0, 2, 2),  # the third window would start behind the input
        (6, 3, 2, 1, 3, 4),
        (7, 2, 3, 1, 3, 3),  # ... in the padding after it
        (9, 3, 4, 1, 3, 3),
        (1, 2, 2, 1, 1, 1),
    ],
)
def test_output_sizes_of_ceil_mode(size, kernel, stride, padding, floor, ceil):
    x = np.ones((1, size))
    for function in (pool.max_pool1d, pool.avg_pool1d):
        assert function(x, kernel, stride, padding).shape == (1, floor)
        assert function(x, kernel, stride, padding, ceil_mode=True).shape == (1, ceil)


@both_rooms
def test_what_an_average_divides_by(algorithm):
    x = np.array([[6.0, 12, 18, 24]])
    with config(algorithm=algorithm):
        average = partial(pool.avg_pool1d, x, 3, 2, 1, True)
        # Windows: (pad, 6, 12), (12, 18, 24), (24, pad, nothing); the last hangs over the end.
        same(average(), np.array([[6.0, 18, 12]]))
        same(average(count_include_pad=False), np.array([[9.0, 18, 24]]))
        same(average(divisor_override=2), np.array([[9.0, 27, 12]]))
        same(average(divisor_override=-1), np.array([[-18.0, -54, -24]]))
        # A window in which nothing counts averages to 0.
        y = pool.avg_pool1d(x, 1, 1, 1, count_include_pad=False)
        same(y, np.array([[0.0, 6, 12, 18, 24, 0]]))
        # Half precision sums in float32: 2048 + 1 is no float16.
        half = np.array([[2048, 1, 1]], np.float16)
        same(pool.avg_pool1d(half, 3, divisor_override=1), np.array([[2050]], np.float16))


@pytest.mark.parametrize(
    "padding, indices",
    [
        ("valid", [2, 4]),
        ("same", [2, 4, 5]),
        ("same_lower", [1, 3, 5]),
        ("full", [0, 2, 4, 5]),
        ("causal", [0, 2, 4]),
        (1, [1, 3, 5]),
        ((2,), [0, 2, 4, 5]),
        (((-1, 2),), [3, 5, 5]),
        (((0, -1),), [2, 4]),
    ],
)
def test_every_spelling_of_padding(padding, indices):
    _, found = pool.max_pool1d(np.arange(6.0)[None], 3, 2, padding, return_indices=True)
    assert found.tolist() == [indices]


def test_cropping_is_cropping():
    x = np.random.default_rng(0).standard_normal((2, 3, 9, 8))
    crop = ((-2, -3), (1, -1))
    for ceil_mode in (False, True):
        options = dict(ceil_mode=ceil_mode)
        cropped = x[:, :, 2:-3, :-1]
        rest = ((0, 0), (1, 0))
        same(
            pool.max_pool2d(x, 3, 2, crop, **options),
            pool.max_pool2d(cropped, 3, 2, rest, **options),
        )
        for counted in (True, False):
            same(
                pool.avg_pool2d(x, 3, 2, crop, ceil_mode, counted),
                pool.avg_pool2d(cropped, 3, 2, rest, ceil_mode, counted),
            )


def test_default_stride_is_the_kernel():
    x = np.random.default_rng(0).standard_normal((2, 6, 8))
    same(pool.max_pool2d(x, (2, 3)), pool.max_pool2d(x, (2, 3), (2, 3)))
    same(pool.avg_pool2d(x, (2, 3)), pool.avg_pool2d(x, (2, 3), (2, 3)))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_unbatched_input_is_a_batch_of_one(layout):
    x = np.random.default_rng(0).standard_normal((1, 3, 6, 8))
    array = to_layout(x, layout)
    batched, cache_ = pool.max_pool2d(array, 2, return_cache=True, data_format=layout)
    alone, found = pool.max_pool2d(array[0], 2, return_cache=True, data_format=layout)
    same(alone, batched[0])
    assert found.shape == alone.shape
    same(found.indices(), cache_.indices()[0])
    same(
        pool.avg_pool2d(array[0], 2, data_format=layout),
        pool.avg_pool2d(array, 2, data_format=layout)[0],
    )


@pytest.mark.parametrize("ndim", [1, 2, 3])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_global_pooling_keeps_the_axes(ndim, layout):
    x = np.random.default_rng(0).integers(-99, 99, (2, 5, *(3, 4, 5)[:ndim])).astype(np.float64)
    axes = tuple(range(2, 2 + ndim))
    array = to_layout(x, layout)
    same(
        from_layout(pool.global_max_pool(array, data_format=layout), layout),
        x.max(axes, keepdims=True),
    )
    same(
        from_layout(pool.global_avg_pool(array, data_format=layout), layout),
        x.sum(axes, keepdims=True) / np.prod(x.shape[2:]),
    )
