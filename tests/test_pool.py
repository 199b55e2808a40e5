"""Pooling against oracles: NumPy over every problem of the data file, and Python loops over that."""

import itertools
import threading
from functools import cache, partial

import numpy as np
import pool_oracle as oracle
import pytest
from hypothesis import given, settings, strategies as st

from fastconv import config, pool
from fastconv._algorithms import _winners, pooling, reference_pooling
from fastconv._core.problem import Problem
from fastconv._kernels import isa

LAYOUTS = ("channels_first", "channels_last")
ROOMS = (reference_pooling, pooling)
RECORDS = oracle.records()
THREADS = (1, 2, 3)
NATIVE = ("float32", "float64")
INTEGERS = tuple(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))


def to_layout(array, layout):
    """Channels-first `array` in a layout, contiguous."""
    return array if layout == "channels_first" else np.ascontiguousarray(np.moveaxis(array, 1, -1))


def from_layout(array, layout):
    return array if layout == "channels_first" else np.moveaxis(array, -1, 1)


def same(actual, expected):
    """Whether two arrays hold the same values, NaN included, in the same dtype."""
    assert actual.dtype == expected.dtype
    if actual.dtype.name == "bfloat16":  # whose NaN the comparison does not know
        actual, expected = actual.astype(np.float32), expected.astype(np.float32)
    np.testing.assert_array_equal(actual, expected)


def pose(kind, x, kernel, stride, pads, dilation, output, layout="channels_first", **options):
    """The Problem of pooling channels-first `x`."""
    channels = x.shape[1]
    return Problem(
        kind, x.dtype.name, layout, len(x), channels, channels, channels, x.shape[2:],
        tuple(kernel), tuple(stride), tuple(dilation),
        tuple(b for b, _ in pads), tuple(a for _, a in pads), tuple(output), **options,
    )  # fmt: skip


def run_room(room, problem, x, threads, winners=True):
    """Channels-first results of a room, from outputs that held nonsense before."""
    assert room.supports(problem) is None
    shape = problem.output_shape
    y = np.full(shape, np.nan if x.dtype.kind == "f" else 77, x.dtype)
    codes = np.full(shape, 0xFFFF, np.uint16) if winners and problem.kind == "max_pool" else None
    outputs = (y,) if problem.kind == "avg_pool" else (y, codes)
    room.run(problem, None, (to_layout(x, problem.layout),), outputs, threads)
    found = [from_layout(y, problem.layout)]
    if codes is not None:
        found.append(from_layout(_winners.indices(problem, codes, threads), problem.layout))
    return found


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
        return pose(
            kind, self.x, r["kernel"], r["stride"], self.pads, r["dilation"], r["out"], **options
        )


@cache
def case(index):
    return Case(RECORDS[index])


each_record = pytest.mark.parametrize(
    "index", range(len(RECORDS)), ids=[oracle.label(r) for r in RECORDS]
)


# ---- every problem of the data file, bit for bit


@each_record
def test_rooms_equal_the_numpy_oracle(index):
    c = case(index)
    threads = itertools.cycle(THREADS)
    for layout, level in itertools.product(LAYOUTS, isa.available()):
        check = partial(run_room, pooling, x=c.x, threads=next(threads))
        with isa.use(level):
            maximum = c.problem("max_pool", layout=layout)
            y, indices = check(maximum)
            same(y, c.maxima)
            same(indices, c.indices)
            same(check(maximum, winners=False)[0], c.maxima)
            for counted, averages in c.averages.items():
                average = c.problem("avg_pool", layout=layout, count_include_pad=counted)
                same(check(average)[0], averages)


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
        ("reference", "reference"), ("direct", "direct_pooling"), ("direct_pooling",) * 2,
    ):  # fmt: skip
        with config(algorithm=algorithm):
            pool.max_pool2d(x, 2)
            pool.avg_pool2d(x, 2)
        assert ran == [name] * 2
        ran.clear()
    pool.max_pool2d(x, 2)
    assert ran == ["direct_pooling"]


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


@settings(max_examples=150, deadline=None)
@given(poolings(), st.sampled_from(LAYOUTS), st.sampled_from(("reference", "direct")))
def test_pooling_equals_python_loops(p, layout, algorithm):
    with np.errstate(invalid="ignore"):
        maxima, indices, averages = oracle.pool(**p)
        ndim = len(p["kernel"])
        arguments = (to_layout(p["x"], layout), p["kernel"], p["stride"])
        options = dict(
            padding=p["pads"], dilation=p["dilation"], ceil_mode=p["ceil_mode"], data_format=layout
        )
        with config(algorithm=algorithm):
            y, found = getattr(pool, f"max_pool{ndim}d")(*arguments, **options, return_indices=True)
            alone = getattr(pool, f"max_pool{ndim}d")(*arguments, **options)
            averaged = getattr(pool, f"avg_pool{ndim}d")(
                *arguments, **options, count_include_pad=p["include_pad"],
                divisor_override=p["divisor"],
            )  # fmt: skip
    same(from_layout(y, layout), maxima)
    same(from_layout(alone, layout), maxima)
    same(from_layout(found, layout), indices)
    same(from_layout(averaged, layout), averages)


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
                for found, right in zip(
                    run_room(pooling, pose_it(layout=layout), array, 2), expected, strict=True
                ):
                    same(found, right)


# ---- NaN, infinities, empty windows, ties


both_rooms = pytest.mark.parametrize("algorithm", ["reference", "direct"])


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
            y, indices = pool.max_pool2d(
                to_layout(x, layout), 3, padding=1, return_indices=True, data_format=layout, stride=3
            )
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
        same(pool.avg_pool1d(x, 1, 1, 1, count_include_pad=False), np.array([[0.0, 6, 12, 18, 24, 0]]))
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
        x = rng.choice(np.array([info.min, info.min + 1, info.max - 1, info.max], dtype), (2, 9, 7, 11))
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
    reference_pooling.run(problem, None, (x,), (y,), 1)
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
    reference_pooling.run(problem, None, (x,), (out := np.empty_like(out),), 1)
    same(out, y)


# ---- arrays of every flavour


def misaligned(x):
    raw = np.empty(x.nbytes + 1, np.uint8)
    view = raw[1:].view(x.dtype).reshape(x.shape)
    view[...] = x
    assert not view.flags.aligned
    return view


def read_only(x):
    x = x.copy()
    x.flags.writeable = False
    return x


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


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_cache_decodes_to_the_indices(layout):
    x = to_layout(np.random.default_rng(8).standard_normal((2, 5, 4, 6, 7)), layout)
    arguments = (x, (2, 3, 2), (1, 2, 1), ((4, 1), (0, 0), (1, 4)), (1, 1, 2))
    y, indices = pool.max_pool3d(*arguments, return_indices=True, data_format=layout)
    same_y, winners = pool.max_pool3d(*arguments, return_cache=True, data_format=layout)
    same(y, same_y)
    same(winners.indices(), indices)
    assert winners.shape == y.shape and winners.nbytes == y.size
    assert (indices == -1).any() and (indices > 99).any()
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
            first = run_room(pooling, problem, x, 1)
            for threads in (2, 3, 5, 8, 17):
                for found, right in zip(run_room(pooling, problem, x, threads), first, strict=True):
                    assert found.tobytes() == right.tobytes()


def test_many_callers_at_once():
    x = np.random.default_rng(10).standard_normal((8, 32, 30, 30)).astype(np.float32)
    expected = pool.max_pool2d(x, 3, return_indices=True), pool.avg_pool2d(x, 3)
    wrong = []

    def call():
        with config(threads=2):
            for _ in range(10):
                y, indices = pool.max_pool2d(x, 3, return_indices=True)
                right = np.array_equal(y, expected[0][0]) and np.array_equal(indices, expected[0][1])
                if not (right and np.array_equal(pool.avg_pool2d(x, 3), expected[1])):
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
                assert from_layout(y, layout).shape == indices.shape[:0] + (*shape[:2], 2, 2)
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
    for room in ROOMS:
        assert isinstance(room.supports(problem), str)


# ---- calls that were seen before


def test_a_call_seen_before_is_parsed_once(monkeypatch):
    monkeypatch.setattr(pool, "_calls", {})
    for _ in range(3):
        pool.max_pool2d(X, (2, 2), [1, 1], ((1, 0), (0, 1)))
        assert len(pool._calls) == 1
    pool.max_pool2d(X, (2, 2), [1, 1], ((1, 0), (0, 2)))
    pool.max_pool2d(X.astype(np.float64), (2, 2), [1, 1], ((1, 0), (0, 1)))
    with config(threads=1, algorithm="reference"):
        pool.max_pool2d(X, (2, 2), [1, 1], ((1, 0), (0, 1)))
    assert len(pool._calls) == 4


def test_the_cache_of_calls_is_bounded(monkeypatch):
    monkeypatch.setattr(pool, "_calls", {})
    monkeypatch.setattr(pool, "_CACHE_SIZE", 5)
    for size in range(1, 20):
        assert pool.max_pool1d(np.ones((1, size)), 1).shape == (1, size)
        assert len(pool._calls) <= 5
