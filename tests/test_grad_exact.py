"""Gradients of small-integer problems: every room gives the exact result bit for bit."""

import gradients
import numpy as np
import problems
import pytest
from eager import every_thread

import fastconv
from fastconv._algorithms import registry
from fastconv._core.problem import Problem
from fastconv._kernels import isa
from fastconv._planner import planner
from fastconv.config import current

LARGEST = 4e6  # multiply-adds
MOST_TAPS = 5000  # the oracle goes tap by tap
CASES = [
    pytest.param(record, id=problems.label(record))
    for name in ("conv_edge", "conv_networks")
    for record in problems.records(name, largest=LARGEST)
    if np.prod(record["kernel"]) <= MOST_TAPS
]
# The layers of networks are larger: of their batch, and of their rows, as much as suffices.
LAYERS = [
    pytest.param(record, id=problems.label(record))
    for record in problems.records("conv_networks", largest=1e12)[::5]
    if record["macs"] > LARGEST
]
WEIGHT_ROOMS = [room for room in registry.rooms_for("grad_weight") if room.name != "reference"]
NEVER = 99.0  # what outputs hold before


@pytest.fixture(autouse=True)
def every_thread_asked_for():
    with every_thread():
        yield


def small(record):
    """`record` with one image, and with the outputs of a few rows of it."""
    record = dict(record, N=1)
    per_row = record["macs"] / record["out"][0] / record["N"]
    rows = max(1, min(record["out"][0], int(LARGEST / per_row)))
    extent = record["dilation"][0] * (record["kernel"][0] - 1) + 1
    need = (rows - 1) * record["stride"][0] + extent
    record["out"] = [rows, *record["out"][1:]]
    record["in"] = [min(need, record["in"][0]), *record["in"][1:]]
    end = need - record["in"][0] - record["pad_begin"][0]
    record["pad_end"] = [end, *record["pad_end"][1:]]
    return record


def check(case, dtype, levels):
    grad = getattr(fastconv.grad, f"conv{len(case.kernel)}d")
    expected = case.grad_input(), case.grad_weight(), case.grad_bias()
    assert max(np.abs(one).max() for one in expected) < problems.LARGEST_EXACT
    for last in (False, True):
        x, g = (gradients.in_layout(a, last, dtype) for a in (case.x, case.g))
        w = case.w.astype(dtype)
        layout = "channels_last" if last else "channels_first"
        results = gradients.in_layout(expected[0], last, dtype), *expected[1:]
        for level in levels:
            for threads in (1, 2, 3):
                with isa.use(level), fastconv.config(threads=threads, algorithm="direct"):
                    found = grad(x, w, g, data_format=layout, **case.options)
                for what, a, b in zip(("input", "weight", "bias"), found, results):
                    assert a.dtype == dtype and a.shape == b.shape
                    differ = (a != b).sum()
                    assert not differ, f"{what}, {level}, {layout}, {threads} threads: {differ}"
            for room in WEIGHT_ROOMS:
                weight_by(room, level, case, (x, w, g), layout, results[1])


def weight_by(room, level, case, operands, layout, expected):
    """The gradient to the weight by one room, if it takes the problem."""
    grad = getattr(fastconv.grad, f"conv{len(case.kernel)}d")
    with isa.use(level), fastconv.config(threads=2, algorithm=room.name):
        try:
            found = grad(*operands, data_format=layout, needs=("weight",), **case.options)[1]
        except ValueError as error:
            assert f"{room.name}: " in str(error)
            return
    assert np.array_equal(found, expected), f"{room.name}, {level}, {layout}"


@pytest.mark.parametrize("record", CASES)
def test_gradients_are_exact(record):
    check(gradients.of_record(record), np.float32, isa.available())


@pytest.mark.parametrize("record", LAYERS)
def test_gradients_of_networks_are_exact(record):
    check(gradients.of_record(small(record)), np.float32, isa.available()[-1:])


@pytest.mark.parametrize("record", CASES[::7])
def test_gradients_in_double_precision_are_exact(record):
    check(gradients.of_record(record), np.float64, isa.available())


@pytest.mark.parametrize("record", CASES[::5])
def test_the_planner_s_own_choice_and_the_reference_are_exact_for_integers(record):
    case = gradients.of_record(record)
    grad = getattr(fastconv.grad, f"conv{len(case.kernel)}d")
    for algorithm in (None, "reference"):
        x, w, g = (a.astype(np.int64) for a in (case.x, case.w, case.g))
        found = grad(x, w, g, algorithm=algorithm, **case.options)
        for a, b in zip(found, (case.grad_input(), case.grad_weight(), case.grad_bias())):
            assert a.dtype == np.int64 and np.array_equal(a, b)


@pytest.mark.parametrize("room", registry.rooms_for("grad_weight"), ids=lambda room: room.name)
def test_every_room_for_weight_gradients_fills_any_array(room):
    """Strided operands and results, results that hold numbers already."""
    case = gradients.Gradients(2, 6, 10, 2, (9, 8), (3, 2), (2, 1), (1, 2), ((1, 0), (2, 1)), (4, 9))
    problem = Problem(
        "grad_weight", "float32", "channels_last", 2, 6, 10, 2, (9, 8), (3, 2), (2, 1), (1, 2),
        (1, 2), (0, 1), (4, 9),
    )  # fmt: skip
    executable = planner.choose(problem, current()._replace(algorithm=room.name))
    assert executable.room is room
    x, g = (np.moveaxis(a.astype(np.float32), 1, -1) for a in (case.x, case.g))
    whole = np.full((10, 5, 3, 4), NEVER, np.float32)
    for target in (whole[:, :3, :, ::2], whole[:, 3:0:-1, ::-1, 1::2]):
        executable.run(None, None, (x, g), (target,))
        assert np.array_equal(target, case.grad_weight())


@pytest.mark.parametrize("turn", ["reversed", "broadcast", "every second"])
def test_depthwise_channels_that_lie_side_by_side_in_any_images(turn):
    rng = np.random.default_rng(0)
    x = rng.integers(-3, 4, (2, 12, 30, 32)).astype(np.float32)
    g = rng.integers(-3, 4, (2, 10, 13, 32)).astype(np.float32)
    if turn == "reversed":
        x, g = x[:, ::-1, :15][:, :, ::-1], g[::-1, ::-1, ::-1]
    elif turn == "broadcast":
        x, g = np.broadcast_to(x[:1, :, :1], (2, 12, 15, 32)), np.broadcast_to(g[:, :1, :1], g.shape)
    else:
        x = x[:, :, ::2]
    w = np.ones((32, 1, 3, 3), np.float32)
    options = dict(groups=32, data_format="channels_last", needs=("weight",))
    expected = fastconv.grad.conv2d(x, w, g, algorithm="reference", **options)[1]
    for level in isa.available():
        with isa.use(level):
            found = fastconv.grad.conv2d(x, w, g, algorithm="direct_weight", **options)[1]
        assert np.array_equal(found, expected), level


# Operands larger than a step: images in bands across each axis, depthwise and flat ones too.
BANDS = [
    ((1, 40, 151, 233), (30, 40, 3, 3), dict(padding=1)),
    ((1, 80, 121, 133), (90, 80, 1, 1), {}),
    ((2, 3, 301, 203), (64, 3, 5, 5), dict(stride=2, padding=2)),
    ((1, 96, 131, 153), (96, 1, 3, 3), dict(stride=2, groups=96)),
    ((1, 64, 30001), (64, 1, 5), dict(stride=3, dilation=2, groups=64)),
    ((1, 32, 30001), (48, 32, 5), dict(padding=1, dilation=2)),
    ((1, 16, 21, 61, 51), (20, 16, 3, 3, 3), {}),
    ((1, 70, 31, 41, 31), (33, 70, 1, 1, 1), {}),
]


@pytest.mark.parametrize("x_shape, w_shape, options", BANDS)
def test_bands_of_large_images(x_shape, w_shape, options):
    rng = np.random.default_rng(0)
    ndim = len(x_shape) - 2
    x, w = (rng.integers(-2, 3, shape).astype(np.float32) for shape in (x_shape, w_shape))
    y = getattr(fastconv, f"conv{ndim}d")(x, w, **options)
    g = rng.integers(-2, 3, y.shape).astype(np.float32)
    grad = getattr(fastconv.grad, f"conv{ndim}d")
    options = {**options, "needs": ("weight",)}
    expected = grad(x, w, g, algorithm="reference", **options)[1]
    assert np.abs(expected).max() > 100
    for room in WEIGHT_ROOMS:
        try:
            found = grad(x, w, g, algorithm=room.name, **options)[1]
        except ValueError:
            assert options.get("groups", 1) > 1
            continue
        assert np.array_equal(found, expected), room.name


@pytest.mark.parametrize("layout", ["channels_first", "channels_last"])
def test_the_same_bits_again_and_again_for_any_number_of_threads(layout):
    rng = np.random.default_rng(0)
    shapes = [
        ((3, 32, 20, 20), (48, 32, 3, 3), dict(padding=1)),
        ((2, 32, 9, 700), (32, 1, 3, 3), dict(groups=32, padding=1)),
        ((5, 3, 40, 40), (20, 3, 5, 5), dict(stride=2)),
    ]
    for x_shape, w_shape, options in shapes:
        x = rng.standard_normal(x_shape).astype(np.float32)
        w = rng.standard_normal(w_shape).astype(np.float32)
        g = fastconv.conv2d(x, w, **options)
        if layout == "channels_last":
            x, g = (np.ascontiguousarray(np.moveaxis(a, 1, -1)) for a in (x, g))
        seen = set()
        for threads in (1, 2, 3, 5):
            with fastconv.config(threads=threads):
                for _ in range(50):
                    grads = fastconv.grad.conv2d(
                        x, w, g, data_format=layout, algorithm="direct", **options
                    )
                    seen.add(tuple(a.tobytes() for a in grads))
        assert len(seen) == 1


def test_long_sums_are_as_precise_as_a_matrix_product():
    """The promise of the highest precision: at most twice the error of a float32 product."""
    rng = np.random.default_rng(1)
    x = rng.standard_normal((4, 100, 100, 8)).astype(np.float32)
    g = rng.standard_normal((4, 100, 100, 16)).astype(np.float32)
    rows, columns = g.reshape(-1, 16), x.reshape(-1, 8)
    truth = rows.T.astype(float) @ columns
    single = np.linalg.norm(rows.T @ columns - truth)
    found = fastconv.grad.conv2d_weight(x, (16, 8, 1, 1), g, data_format="channels_last")
    assert np.linalg.norm(found[..., 0, 0] - truth) <= 2 * single
    bias = fastconv.grad.conv2d(x, np.zeros((16, 8, 1, 1), "f"), g, data_format="channels_last")[2]
    assert np.allclose(bias, rows.sum(0, dtype=float), rtol=0, atol=2e-4)
