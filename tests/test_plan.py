"""Plans: everything prepared once, called from many threads, with the results of the functions."""

import copy
import pickle
import subprocess
import sys
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import fastconv
from fastconv._core import arena
from fastconv._planner import planner, wisdom

RNG = np.random.default_rng(11)


@pytest.fixture(autouse=True)
def no_wisdom(monkeypatch):
    monkeypatch.setenv("FASTCONV_WISDOM", "off")
    fastconv.wisdom.clear()
    yield
    fastconv.wisdom.clear()


def whole(*shape, dtype=np.float32):
    """Small integers, so that every algorithm but a transform gives the same bits."""
    return RNG.integers(-4, 5, shape).astype(dtype)


OPERATIONS = {
    "conv1d": (fastconv.conv1d, (2, 4, 30), (whole(6, 4, 5), whole(6)), dict(padding="same")),
    "conv2d": (fastconv.conv2d, (2, 4, 9, 9), (whole(6, 2, 3, 3),), dict(groups=2, stride=2)),
    "conv3d": (fastconv.conv3d, (1, 2, 5, 6, 7), (whole(3, 2, 2, 2, 2),), dict(activation="relu")),
    "unbatched": (fastconv.conv2d, (4, 9, 9), (whole(6, 4, 3, 3),), dict(flip=True)),
    "mirrored": (
        fastconv.conv2d, (1, 9, 9, 4), (whole(6, 4, 3, 3),),
        dict(data_format="channels_last", padding=1, padding_mode="reflect"),
    ),
    "max_pool1d": (fastconv.max_pool1d, (2, 3, 20), (3,), dict(stride=2)),
    "max_pool2d": (fastconv.max_pool2d, (2, 3, 8, 8), (2,), dict(padding=1)),
    "max_pool3d": (fastconv.max_pool3d, (3, 4, 4, 4), (2,), {}),
    "indices": (fastconv.max_pool2d, (2, 3, 8, 8), (2,), dict(return_indices=True)),
    "cache": (fastconv.max_pool2d, (2, 3, 8, 8), (2,), dict(return_cache=True)),
    "avg_pool1d": (fastconv.avg_pool1d, (2, 3, 20), (3,), dict(ceil_mode=True)),
    "avg_pool2d": (fastconv.avg_pool2d, (2, 8, 8, 3), (2,), dict(data_format="channels_last")),
    "avg_pool3d": (fastconv.avg_pool3d, (1, 3, 4, 4, 4), (2,), dict(divisor_override=3)),
    "global_max": (fastconv.global_max_pool, (2, 3, 8, 8), (), {}),
    "global_avg": (fastconv.global_avg_pool, (2, 3, 8), (), {}),
}  # fmt: skip


def same(result, expected):
    if isinstance(expected, tuple):
        pooled = np.array_equal(result[0], expected[0])
        codes = [getattr(one[1], "codes", one[1]) for one in (result, expected)]
        return pooled and np.array_equal(*codes)
    return result.dtype == expected.dtype and np.array_equal(result, expected)


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_plan_does_what_the_function_does(name):
    function, shape, operands, options = OPERATIONS[name]
    x = whole(*shape)
    expected = function(x, *operands, **options)
    for given in (shape, list(shape), x):
        plan = fastconv.plan(function, given, *operands, **options)
        assert same(plan(x), expected) and same(plan(x), expected)
    pooled = expected[0] if isinstance(expected, tuple) else expected
    assert plan.input_shape == shape and plan.output_shape == pooled.shape
    assert plan.dtype == np.float32
    out = np.full(pooled.shape, np.nan, np.float32)
    result = plan(x, out=out)
    assert (result[0] if isinstance(result, tuple) else result) is out
    assert np.array_equal(out, pooled)
    told = plan.explain()
    kind = "argmax_pool" if isinstance(expected, tuple) else plan.problem.kind
    assert told.algorithm == plan.algorithm and told.problem == plan.problem._replace(kind=kind)
    assert told.prepacked == ("conv" in str(plan.problem))
    assert plan.workspace >= told.chosen.workspace >= 0 and plan.threads >= 1
    assert str(plan.problem) in repr(plan) and plan.algorithm in repr(plan)


@pytest.mark.parametrize("name", OPERATIONS)
def test_copies_of_a_plan_do_what_it_does(name):
    function, shape, operands, options = OPERATIONS[name]
    x = whole(*shape)
    with fastconv.config(threads=1):
        plan = fastconv.plan(function, shape, *operands, **options)
    for other in (copy.deepcopy(plan), copy.copy(plan), pickle.loads(pickle.dumps(plan))):
        assert other is not plan and repr(other) == repr(plan)
        assert (other.threads, other.input_shape, other.dtype) == (1, shape, plan.dtype)
        assert same(other(x), plan(x))


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_plan_takes_any_batch(name):
    function, shape, operands, options = OPERATIONS[name]
    plan = fastconv.plan(function, shape, *operands, **options)
    if len(shape) == plan.problem.ndim + 1:  # unbatched: there is no batch to vary
        with pytest.raises(ValueError, match="made for an input of shape"):
            plan(whole(1, *shape))
        return
    for batch in (1, 5, 2, 3, 5, 0):
        x = whole(batch, *shape[1:])
        assert same(plan(x), function(x, *operands, **options)), batch


def test_a_plan_shares_packed_weights_among_batches():
    w = whole(64, 64, 3, 3)
    plan = fastconv.plan(fastconv.conv2d, (4, 64, 12, 12), w, algorithm="direct_channels")
    for batch in range(1, 30):
        x = whole(batch, 64, 12, 12)
        assert np.array_equal(plan(x), fastconv.conv2d(x, w, algorithm="direct_channels"))
    assert 0 < len(plan._batches) <= 8
    for other in plan._batches.values():
        assert all(a is b for a, b in zip(other._prepared, plan._prepared))


def test_a_plan_in_another_process():
    x, w = whole(2, 4, 9, 9), whole(6, 4, 3, 3)
    plan = fastconv.plan(fastconv.conv2d, x.shape, w, padding=1)
    program = """if True:
        import pickle, sys
        plan, x = pickle.load(sys.stdin.buffer)
        sys.stdout.buffer.write(plan(x).tobytes())
    """
    done = subprocess.run(
        [sys.executable, "-c", program], input=pickle.dumps((plan, x)), capture_output=True, check=True
    )
    assert done.stdout == plan(x).tobytes()
    # The input's shape travels, not an input.
    large = fastconv.plan(fastconv.conv2d, (64, 4, 512, 512), w)
    assert len(pickle.dumps(large)) < 10_000


@pytest.mark.parametrize("dtype", ["f2", "f8", "i1", "i8", "c8"])
def test_plans_of_other_dtypes(dtype):
    x, w = whole(1, 4, 8, 8, dtype=dtype), whole(3, 4, 3, 3, dtype=dtype)
    plan = fastconv.plan(fastconv.conv2d, x.shape, w)
    assert np.array_equal(plan(x), fastconv.conv2d(x, w)) and plan.dtype == dtype
    assert plan.explain().algorithm == plan.algorithm
    pool = fastconv.plan(fastconv.max_pool2d, x.shape, 2, dtype="f8" if dtype == "c8" else dtype)
    if dtype != "c8":
        assert np.array_equal(pool(x), fastconv.max_pool2d(x, 2))


def test_a_plan_of_nothing():
    plan = fastconv.plan(fastconv.conv2d, (0, 2, 5, 5), whole(3, 2, 3, 3))
    assert plan(np.zeros((0, 2, 5, 5), np.float32)).shape == (0, 3, 3, 3)
    assert (plan.algorithm, plan.workspace) == (None, 0)
    assert plan.explain().reason == "empty"


def test_a_plan_keeps_its_operands_settings_and_choice():
    x, w, b = whole(1, 4, 9, 9), whole(4, 4, 3, 3), whole(4)
    expected = fastconv.conv2d(x, w, b)
    with fastconv.config(algorithm="im2col", threads=1):
        plan = fastconv.plan(fastconv.conv2d, x.shape, w, b)
    w[...] = 0
    b[...] = 0
    wisdom.remember(plan.problem, 1, True, {"reference": 1e-9, "fft_blocks": 1.0, "im2col": 1.0})
    planner.forget()
    assert np.array_equal(plan(x), expected)
    assert (plan.algorithm, plan.explain().algorithm, plan.threads) == ("im2col", "im2col", 1)


def test_wrong_plans_and_wrong_inputs_are_refused():
    w = whole(3, 2, 3, 3)
    plan = fastconv.plan(fastconv.conv2d, (1, 2, 5, 5), w)
    for wrong in (np.zeros((1, 2, 5, 6), "f"), np.zeros((1, 2, 5, 5)), [1.0]):
        with pytest.raises(ValueError, match=r"made for an input of shape \(1, 2, 5, 5\)"):
            plan(wrong)
    for arguments, error, message in (
        ((fastconv.im2col, (1, 2, 5, 5), 3), ValueError, "no choice of algorithms.*conv2d"),
        ((fastconv.locally_connected2d, (1, 2, 5, 5), 3), ValueError, "weight must have 6 axes"),
        ((np.convolve, w, w), ValueError, "no choice of algorithms"),
        ((fastconv.conv2d, (1, 2, 5, 5)), TypeError, "conv2d: missing a required argument"),
        ((fastconv.conv2d, (1, 2, 5, 5), whole(3, 3, 3, 3)), ValueError, "input channels"),
        ((fastconv.conv2d, (5,), w), ValueError, "conv2d: input must have shape"),
        ((fastconv.conv2d, (1, -2, 5, 5), w), ValueError, "conv2d"),
        ((fastconv.global_max_pool, (3, 3)), ValueError, "batch axis"),
        ((fastconv.max_pool2d, (1, 2, 5, 5), 9), ValueError, "does not fit"),
    ):
        with pytest.raises(error, match=message):
            fastconv.plan(*arguments)
    with pytest.raises(TypeError, match="out belongs to the call"):
        fastconv.plan(fastconv.conv2d, (1, 2, 5, 5), w, out=np.zeros((1, 3, 3, 3), "f"))
    with pytest.raises(ValueError, match="say the same"):
        fastconv.plan(fastconv.max_pool2d, (1, 2, 6, 6), 2, return_indices=True, return_cache=True)


def test_sixteen_threads_call_the_same_and_different_plans_and_functions():
    jobs = []
    for function, shape, operands, options in OPERATIONS.values():
        x = whole(*shape)
        plan = fastconv.plan(function, shape, *operands, **options)
        jobs.append((plan, function, x, operands, options, function(x, *operands, **options)))

    def work(seed):
        for i in range(60):
            plan, function, x, operands, options, expected = jobs[(seed * 7 + i) % len(jobs)]
            result = plan(x) if i % 2 else function(x, *operands, **options)
            if not same(result, expected):
                return False
            if seed == 0 and i % 20 == 0:
                planner.forget()  # choices may change under the callers
        return True

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(work, range(16)))


def test_sixteen_threads_measure_at_first_sight(monkeypatch):
    monkeypatch.setattr(planner, "FIRST_SIGHT", 0.01)
    cases = [(whole(1, 4, n, n), whole(4, 4, 3, 3)) for n in range(8, 14)]
    expected = [fastconv.conv2d(x, w, algorithm="reference") for x, w in cases]

    def work(seed):
        with fastconv.config(tuning="measure", threads=1, algorithm="direct"):
            return all(
                np.array_equal(fastconv.conv2d(*cases[i]), expected[i])
                for i in (*range(seed % 6, 6), *range(seed % 6))
            )

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(work, range(16)))
    assert fastconv.wisdom.count() == len(cases)


def test_ten_thousand_calls_with_two_hundred_shapes_do_not_grow_memory():
    w = whole(2, 2, 3, 3)
    inputs = [whole(1, 2, 5 + n % 20, 5 + n // 20) for n in range(200)]
    expected = [fastconv.conv2d(x, w, algorithm="reference") for x in inputs]

    def work(rounds):
        exact = True
        for _ in range(rounds):
            for x, y in zip(inputs, expected):
                exact &= np.array_equal(fastconv.conv2d(x, w, algorithm="direct"), y)
        return exact

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(work, [1] * 16))  # all caches full
        arena.clear()
        tracemalloc.start()
        try:
            before, resident = tracemalloc.get_traced_memory()[0], resident_bytes()
            assert all(pool.map(work, [4] * 13))  # 13 x 4 x 200 = 10,400 calls
            grown = tracemalloc.get_traced_memory()[0] - before
            swollen = resident_bytes() - resident
        finally:
            tracemalloc.stop()
    assert grown < 200_000
    assert swollen < 64 << 20


def resident_bytes():
    """Bytes of this process in memory; 0 where the system does not tell."""
    try:
        with open("/proc/self/statm") as counts:
            return int(counts.read().split()[1]) * 4096
    except OSError:
        return 0


def test_caches_of_choices_are_bounded(monkeypatch):
    monkeypatch.setattr(planner, "CACHE_SIZE", 50)
    for n in range(200):
        fastconv.explain(fastconv.max_pool1d, (1, 1, 10 + n), 2)
    assert len(planner._choices) <= 51
