"""Split products, as exact as float32 sums: on the emulated tile unit, and on a real one.

What a machine with a tile unit runs and what is emulated differ in six operations only, so these
tests speak for both.
"""

import os
import subprocess
import sys

import numpy as np
import problems
import pytest
import test_conv
from eager import every_thread

import fastconv
from fastconv._algorithms import registry
from fastconv._core.problem import Problem
from fastconv._kernels import isa
from fastconv._planner import machine, planner, profile
from fastconv.config import current

ROOM = "split_bfloat16"
room = next(one for one in registry.ROOMS if one.name == ROOM)
LEVELS = [isa.EMULATED, *(level for level in isa.available() if level == "amx")]
LAYOUTS = ("channels_first", "channels_last")
LARGEST = 1e7  # multiply-adds, with those that fill half a tile; the emulation is slow


def is_taken(record):
    """Whether the room takes a problem, and in a short time."""
    least = min(record["C"], record["K"]) // record["G"]
    fits = record["macs"] * 16 <= LARGEST * min(record["K"], 16)
    return fits and (record["G"] == 1 or least >= 8)


CASES = [
    pytest.param(name, index, id=problems.label(record))
    for name in ("conv_edge", "conv_networks")
    for index, record in enumerate(problems.records(name))
    if is_taken(record)
]
RNG = np.random.default_rng(3)
START = RNG.bit_generator.state


@pytest.fixture(autouse=True)
def the_same_draws_in_any_order():
    RNG.bit_generator.state = START


@pytest.fixture(autouse=True, params=LEVELS)
def level(request):
    """A level with a tile unit; threads work on small problems too."""
    with every_thread(), isa.use(request.param):
        yield request.param


def normal(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


def error(y, truth):
    return np.linalg.norm(y - truth) / np.linalg.norm(truth)


# Integers, bit for bit

# Factors of input and weights that have so many parts, with products below 2**24 to spare.
FACTORS = {
    (1, 1): (1, 1), (2, 1): (257, 1), (1, 3): (1, 65537), (3, 1): (65537, 1), (2, 2): (257, 257),
}  # fmt: skip


def parted(case, parts):
    """Signs times factors, so thin that every sum of products is an exact float32."""
    shapes = case.x.shape, case.w.shape
    terms = int(np.prod(shapes[1][1:]))
    x, w = (RNG.integers(-1, 2, shape) for shape in shapes)
    w[RNG.random(w.shape) > 60 / terms] = 0
    return tuple(a * factor for a, factor in zip((x, w), FACTORS[parts]))


@pytest.mark.parametrize("name, index", CASES)
def test_integers_of_every_number_of_parts_are_exact(name, index, stood):
    case = problems.Conv(problems.records(name)[index])
    for turn, (parts, precision) in enumerate([
        ((1, 1), "medium"), ((2, 1), "high"), ((1, 3), "highest"), ((3, 1), "highest"),
        ((2, 2), "highest"),
    ]):  # fmt: skip
        x, w = parted(case, parts)
        expected = case.function(x, w, case.b, algorithm="reference", **case.options)
        assert np.abs(expected).max() < 2**24
        layout = LAYOUTS[(index + turn) % 2]
        x, w, b = (a.astype(np.float32) for a in (x, w, case.b))
        if layout == "channels_last":
            x, expected = (np.ascontiguousarray(np.moveaxis(a, 1, -1)) for a in (x, expected))
        out = np.full(expected.shape, np.nan, np.float32)
        with fastconv.config(threads=1 + index % 3, precision=precision, algorithm=ROOM):
            case.function(x, w, b, data_format=layout, out=out, **case.options)
        assert np.array_equal(out, expected), f"{parts}, {layout}: {(out != expected).sum()} differ"
    assert stood == [True] * 5


@pytest.mark.parametrize("name, index", CASES)
def test_small_integers_are_exact_in_every_layout_and_thread_count(name, index, stood):
    case = problems.Conv(problems.records(name)[index])
    assert np.count_nonzero(case.expected) > case.expected.size // 4
    for layout in LAYOUTS:
        last = layout == "channels_last"
        x, w, b = case.floats(np.float32, last)
        expected = np.moveaxis(case.expected, 1, -1) if last else case.expected
        for threads in (1, 2, 3):
            out = np.full(expected.shape, np.nan, np.float32)
            with fastconv.config(threads=threads, algorithm=ROOM):
                case.function(x, w, b, data_format=layout, out=out, **case.options)
            assert np.array_equal(out, expected), f"{layout}, {threads} threads"
    assert stood == [True] * 6


def test_the_problems_of_these_tests_are_many():
    assert len(CASES) > 120
    records = [r for name in ("conv_edge", "conv_networks") for r in problems.records(name)]
    taken = [record for record in records if is_taken(record)]
    assert {len(record["in"]) for record in taken} == {1, 2, 3}
    assert any(record["G"] > 1 for record in taken)


# The precision table

SHAPES = {  # input, weight: (terms)
    "first layer, 27": ((1, 3, 20, 20), (32, 3, 3, 3)),
    "one block, 32": ((1, 32, 14, 14), (32, 32, 1, 1)),
    "576": ((1, 64, 14, 14), (32, 64, 3, 3)),
    "2304": ((1, 256, 7, 7), (32, 256, 3, 3)),
    "2048, 1x1": ((1, 2048, 5, 5), (20, 2048, 1, 1)),
    "51200": ((1, 2048, 5, 5), (20, 2048, 5, 5)),
}
KINDS = {
    "normal": lambda x, w: (x, w),
    "positive": lambda x, w: (abs(x), abs(w)),
    "1e+-20 inputs": lambda x, w: (x * 10 ** RNG.uniform(-20, 20, x.shape).astype("f"), w),
    "1e+-20 weights": lambda x, w: (x, w * 10 ** RNG.uniform(-20, 20, w.shape).astype("f")),
    "both": lambda x, w: (KINDS["1e+-20 inputs"](x, w)[0], KINDS["1e+-20 weights"](x, w / 1e3)[1]),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", SHAPES)
def test_errors_stay_within_the_precision_table(shape, kind, stood):
    x, w = KINDS[kind](*(normal(*size) for size in SHAPES[shape]))
    padding = w.shape[2] // 2
    truth = fastconv.conv2d(x.astype(np.float64), w.astype(np.float64), padding=padding)
    reach = error(fastconv.conv2d(x, w, padding=padding, algorithm="im2col"), truth)
    errors = [
        error(fastconv.conv2d(x, w, padding=padding, algorithm=ROOM, precision=tier), truth)
        for tier in ("highest", "high", "medium")
    ]
    assert errors[0] <= 2 * reach and errors[1] <= 2e-5 and errors[2] <= 1e-2, (reach, errors)
    if kind == "both":
        # Products of parts would be denormal: other rooms do these.
        assert stood == [False] * 3
    else:
        assert stood == [True] * 3
    if kind == "normal":
        # Each tier does its own work, no more.
        assert 10 * errors[0] < errors[1] < errors[2] / 100


def test_bits_depend_on_neither_threads_nor_plans(stood):
    x, w, b = normal(3, 40, 17, 19), normal(70, 20, 3, 3), normal(70)
    options = dict(groups=2, padding=1, activation="relu", algorithm=ROOM)
    results = []
    for threads in (1, 2, 3, 5):
        with fastconv.config(threads=threads):
            results.append(fastconv.conv2d(x, w, b, **options))
            results.append(fastconv.plan(fastconv.conv2d, x.shape, w, b, **options)(x))
    assert all(np.array_equal(results[0], y) for y in results[1:]) and all(stood)


def test_numbers_that_are_bfloat16_need_one_product(stood):
    x, w = (normal(*s).view(np.uint32) & 0xFFFF0000 for s in ((2, 33, 9, 9), (17, 33, 3, 3)))
    x, w = x.view(np.float32), w.view(np.float32)
    y = fastconv.conv2d(x, w, algorithm=ROOM)
    truth = fastconv.conv2d(x.astype(np.float64), w.astype(np.float64))
    assert error(y, truth) < 2e-7 and all(stood)
    assert np.array_equal(y, fastconv.conv2d(x, w, algorithm=ROOM, precision="medium"))


@pytest.mark.parametrize("dtype, largest, stands", [
    (np.int16, 50, True), (np.int32, 256, True), (np.int32, 300, False), (np.int64, 200, True),
])  # fmt: skip
def test_integer_arrays_are_exact(dtype, largest, stands, stood):
    x = RNG.integers(-largest, largest + 1, (1, 20, 9, 9)).astype(dtype)
    w = RNG.integers(-2, 3, (8, 20, 3, 3)).astype(dtype)
    y = fastconv.conv2d(x, w, algorithm=ROOM)
    assert np.array_equal(y, fastconv.conv2d(x, w, algorithm="reference"))
    assert stood == [stands]


# Numbers without parts


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_non_finite_values_stay_where_they_belong(value, stood):
    test_conv.test_non_finite_values_reach_exactly_the_windows_that_hold_them(ROOM, value)
    assert stood == [False] * 2


@pytest.mark.parametrize("operand", [0, 1])
@pytest.mark.parametrize("value", [1e-45, -3e-39, 1e-31, 3.4e38, np.finfo(np.float32).max])
def test_extreme_numbers_are_computed_elsewhere(value, operand, stood):
    operands = [normal(2, 20, 9, 9), normal(16, 20, 3, 3)]
    operands[operand][-1, 7, 2, 1] = value
    with np.errstate(over="ignore"):
        y = fastconv.conv2d(*operands, algorithm=ROOM)
    assert stood == [False]
    assert not np.isnan(y).any()


def test_denormal_results_are_not_flushed(stood):
    x, w = np.full((1, 32, 4, 4), 1e-20, "f"), np.full((8, 32, 3, 3), 1e-20, "f")
    y = fastconv.conv2d(x, w, algorithm=ROOM)
    assert stood == [False]
    assert np.array_equal(y, fastconv.conv2d(x, w, algorithm="direct")) and (y != 0).all()


def test_the_last_numbers_with_parts(stood):
    """At the bounds, nothing is lost."""
    # None so small that a part of it, scaled, is below the bound.
    x, w = (np.copysign(np.maximum(abs(a), 0.1), a) for a in (normal(1, 32, 6, 6), normal(8, 32, 3, 3)))
    for scale in 2.0**-75, 2.0**110:
        y = fastconv.conv2d(x * np.float32(scale), w, algorithm=ROOM)
        assert np.array_equal(y, fastconv.conv2d(x, w, algorithm=ROOM) * np.float32(scale))
    assert all(stood)


def test_a_plan_falls_back_for_one_call_only(stood):
    x, w = normal(2, 16, 8, 8), normal(16, 16, 3, 3)
    plan = fastconv.plan(fastconv.conv2d, x.shape, w, algorithm=ROOM)
    clean = plan(x)
    spoilt = x.copy()
    spoilt[1, 3, 4, 4] = np.nan
    y = plan(spoilt)
    assert np.isnan(y[1]).any() and not np.isnan(y[0]).any()
    assert np.array_equal(plan(x), clean)
    assert stood == [True, False, True]


def test_the_result_is_not_lost_to_a_limit_on_workspace():
    x, w = normal(1, 16, 8, 8), normal(16, 16, 3, 3)
    x[0, 0, 0, 0] = np.inf
    need = fastconv.explain(fastconv.conv2d, x, w, algorithm=ROOM).chosen.workspace
    for limit in need, need + 4096:
        with fastconv.config(max_workspace=limit):
            assert np.isinf(fastconv.conv2d(x, w, algorithm=ROOM)[0, :, 0, 0]).all()


# Arrays of any kind: what every room is held to


def test_arrays_and_options_like_every_room():
    for padding in (0, 1):
        test_conv.test_arrays_of_any_strides_order_and_alignment(ROOM, padding)
    for layout in LAYOUTS:
        test_conv.test_bias_and_relu_are_fused_without_a_trace(layout, ROOM)
        test_conv.test_out_of_any_strides(ROOM, layout)
    test_conv.test_out_may_overlap_the_input(ROOM)
    test_conv.test_overflow_of_a_transform_is_not_an_overflow_of_the_sum(ROOM)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("channels, filters, options", [
    (3, 64, dict(stride=2, padding=3)), (1, 7, dict(padding=2)), (33, 16, dict(dilation=2)),
    (64, 33, dict(stride=(3, 1), padding=(4, 0))), (5, 40, dict(stride=(1, 9))),
    (40, 24, dict(groups=2, padding="same")), (16, 16, dict(padding=((-1, 2), (2, -1)))),
    (12, 18, dict(padding=(30, 1))),
])  # fmt: skip
def test_every_geometry(layout, channels, filters, options, stood):
    kernel = (7, 7) if channels <= 5 else (3, 3)
    x = RNG.integers(-2, 3, (2, channels, 21, 18)).astype("f")
    w = RNG.integers(-2, 3, (filters, channels // options.get("groups", 1), *kernel)).astype("f")
    if layout == "channels_last":
        x = np.ascontiguousarray(np.moveaxis(x, 1, -1))
    for source in (x, np.asfortranarray(x), np.repeat(x, 2, axis=2)[:, :, ::2]):
        y = fastconv.conv2d(source, w, data_format=layout, algorithm=ROOM, **options)
        expected = fastconv.conv2d(x, w, data_format=layout, algorithm="reference", **options)
        assert np.array_equal(y, expected)
    assert stood == [True] * 3


def test_many_images_are_split_in_several_steps(stood):
    x, w = normal(5, 64, 40, 40), normal(16, 64, 1, 1)
    with fastconv.config(threads=2, algorithm=ROOM):
        y = fastconv.conv2d(x, w)
        assert all(np.array_equal(y[n], fastconv.conv2d(x[n], w)) for n in range(5))
    assert all(stood)


# Refusals, choices, levels


@pytest.mark.parametrize("line, reason", [
    ("conv2d f64 cl n1 c32 k32 g1 i9x9 f3x3 s1x1 d1x1 p0x0 q0x0 o7x7", "splits float32, not"),
    ("conv2d f32 cl n1 c64 k64 g64 i9x9 f3x3 s1x1 d1x1 p0x0 q0x0 o7x7", "groups of 1 channels"),
])  # fmt: skip
def test_refusals_have_reasons(line, reason):
    assert reason in room.supports(Problem.parse(line))


def test_without_a_tile_unit_it_is_refused():
    with isa.use("baseline"), pytest.raises(ValueError, match="has no tile unit"):
        fastconv.conv2d(normal(1, 16, 8, 8), normal(16, 16, 3, 3), algorithm=ROOM)


FAT = "conv2d f32 {} n1 c256 k256 g1 i28x28 f3x3 s1x1 d1x1 p1x1 q1x1 o28x28"
THIN = [
    "conv2d f32 cl n1 c16 k16 g1 i28x28 f1x1 s1x1 d1x1 p0x0 q0x0 o28x28",
    "conv2d f32 cl n1 c512 k512 g1 i3x3 f3x3 s1x1 d1x1 p1x1 q1x1 o3x3",
    "conv2d f32 cf n1 c1 k4 g1 i200x200 f3x3 s1x1 d1x1 p1x1 q1x1 o200x200",
    "conv1d f32 cf n1 c8 k8 g1 i64 f3 s1 d1 p1 q1 o64",
]


def seconds(line, level, prepacked, **changes):
    """Predicted times by room, as if at `level`."""
    problem = Problem.parse(line)._replace(**changes)
    here = machine.machine_for(problem, 2)._replace(level=level)
    able = (one for one in registry.rooms_for("conv") if one.supports(problem) is None)
    return {one.name: one.estimate(problem, here, prepacked) for one in able}


@pytest.fixture
def full_width():
    """The prices of a processor with a tile unit, whichever this one is: none does vectors in halves."""
    profile.use(profile.shipped()["Intel Sapphire Rapids"])
    yield
    profile.use(None)


def test_the_cost_model_splits_where_it_pays(full_width):
    for layout in ("cl", "cf"):
        times = [
            seconds(FAT.format(layout), "amx", True, precision=tier)
            for tier in ("highest", "high", "medium")
        ]
        assert all(min(t, key=t.get) == ROOM for t in times)
        # Six products at 1.5 to 2.2 times the speed of as many multiply-adds, three at twice six's.
        direct = min(t for name, t in times[0].items() if name.startswith("direct"))
        assert 1.3 < direct / times[0][ROOM] < 2.3
        assert times[0][ROOM] > 1.6 * times[1][ROOM] > 1.6 * 1.4 * times[2][ROOM]
    for line in THIN:
        times = seconds(line, "amx", False)
        assert min(times, key=times.get) != ROOM, times


def test_the_emulation_is_never_chosen_but_by_name():
    for line in (FAT.format("cl"), FAT.format("cf"), *THIN):
        times = seconds(line, isa.EMULATED, True)
        assert times[ROOM] > 100 * min(times.values())
        with isa.use(isa.EMULATED):
            assert planner.choose(Problem.parse(line), current()).room is not room


@pytest.mark.parametrize("tier", ["highest", "high", "medium"])
def test_explanations_tell_the_tier(tier):
    told = fastconv.explain(
        fastconv.conv2d, normal(1, 32, 8, 8), normal(32, 32, 3, 3), algorithm=ROOM, precision=tier
    )
    assert told.chosen.tier == tier and told.chosen.workspace > 0


def python(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code], env=os.environ | environment, capture_output=True, text=True
    )


def test_levels_by_name():
    code = "from fastconv._kernels import isa; print(isa.active(), *isa.available())"
    emulated = python(code, FASTCONV_ISA=isa.EMULATED)
    assert emulated.stdout.split()[0] == isa.EMULATED, emulated.stderr
    assert isa.EMULATED not in emulated.stdout.split()[1:]
    assert isa.EMULATED not in python(code, FASTCONV_ISA="").stdout
    real = python(code, FASTCONV_ISA="amx")
    if "amx" in isa.available():
        assert real.stdout.split()[0] == "amx"
    else:
        refusal = (
            "this build, has no 'amx'; it has" if "amx" in isa.LEVELS else "no level 'amx'; there are"
        )
        assert real.returncode and refusal in real.stderr


def test_small_thread_stacks_are_enough():
    code = (
        "import numpy as np, fastconv\n"
        "x, w = np.ones((2, 64, 40, 40), 'f'), np.full((64, 64, 3, 3), 257, 'f')\n"
        "y = fastconv.conv2d(x, w, algorithm='split_bfloat16')\n"
        "print((y == 576 * 257).all())"
    )
    run = python(code, FASTCONV_ISA=isa.active(), OMP_STACKSIZE="64k", FASTCONV_NUM_THREADS="3")
    assert run.stdout == "True\n", run.stderr


def test_the_tile_registers_are_not_asked_for_where_they_are_not_wanted():
    code = "from fastconv._kernels import isa; print(*isa.available())"
    for level in isa.available()[:-1]:
        assert "amx" not in python(code, FASTCONV_ISA=level).stdout.split()
