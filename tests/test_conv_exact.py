"""The backbone: small-integer problems, where every room must give the int64 result bit for bit."""

import numpy as np
import problems
import pytest

import fastconv
from fastconv._algorithms import registry
from fastconv._kernels import isa
from fastconv._planner import planner
from fastconv.config import current

CASES = [
    pytest.param(name, index, id=problems.label(record))
    for name in ("conv_edge", "conv_networks")
    for index, record in enumerate(problems.records(name))
]
# Winograd's transforms are exact for integers too, unlike those of the others that are not local.
ROOMS = [room for room in registry.rooms_for("conv") if room.local or room.name.endswith("winograd")]
# A room for some problems only; the others refuse nothing here.
CHOOSY = (
    "direct_depthwise", "direct_dots", "direct_planes", "direct_signals", "direct_windows", "winograd",
    "fused_winograd",
)  # fmt: skip

pytestmark = pytest.mark.usefixtures("every_thread_asked_for")


def runs(case, dtype):
    """Every room at every level, in both layouts, with 1, 2 and 3 threads."""
    for last in (False, True):
        x, w, b = case.floats(dtype, last)
        expected = np.moveaxis(case.expected, 1, -1) if last else case.expected
        layout = "channels_last" if last else "channels_first"
        for room in ROOMS:
            # Levels change the kernels, which NumPy and BLAS do not use.
            compiled = room.name.startswith("direct") or room.name.endswith("winograd")
            for level in isa.available() if compiled else (isa.active(),):
                for threads in (1, 2, 3) if room.name != "reference" else (1,):
                    with isa.use(level), fastconv.config(threads=threads, algorithm=room.name):
                        out = np.full(expected.shape, np.nan, dtype)
                        try:
                            case.function(x, w, b, data_format=layout, out=out, **case.options)
                        except ValueError as refusal:
                            assert room.name in CHOOSY and "no algorithm for" in str(refusal)
                            continue
                    where = f"{room.name} at {level}, {layout}, {threads} threads"
                    yield where, out, expected


@pytest.mark.parametrize("name, index", CASES)
def test_float32_is_exact_in_every_room_level_layout_and_thread_count(name, index):
    case = problems.Conv(problems.records(name)[index])
    assert np.abs(case.expected).max() < problems.LARGEST_EXACT
    assert np.count_nonzero(case.expected) > case.expected.size // 4
    count = 0
    for where, out, expected in runs(case, np.float32):
        assert np.array_equal(out, expected), f"{where}: {(out != expected).sum()} outputs differ"
        count += 1
    assert count >= 2 * 3 * len(isa.available())


@pytest.mark.parametrize("name, index", CASES[::7])
def test_float64_is_exact_in_every_room_level_layout_and_thread_count(name, index):
    case = problems.Conv(problems.records(name)[index])
    for where, out, expected in runs(case, np.float64):
        assert np.array_equal(out, expected), f"{where}: {(out != expected).sum()} outputs differ"


@pytest.mark.parametrize("name, index", CASES[::5])
def test_transform_stays_within_the_precision_promise(name, index):
    case = problems.Conv(problems.records(name)[index])
    rng = np.random.default_rng(index)
    x, w, b = (rng.standard_normal(a.shape) for a in (case.x, case.w, case.b))
    truth = case.function(x, w, b, algorithm="reference", **case.options)
    single = (a.astype(np.float32) for a in (x, w, b))
    with fastconv.config(algorithm="fft"):
        y = case.function(*single, **case.options)
    assert np.linalg.norm(y - truth) <= 1e-6 * np.linalg.norm(truth)


@pytest.mark.parametrize("name, index", CASES[::3])
def test_the_planner_s_own_choice_is_exact_for_integers(name, index):
    case = problems.Conv(problems.records(name)[index])
    y = case.function(case.x, case.w, case.b, **case.options)
    assert y.dtype == np.int64
    assert np.array_equal(y, case.expected)


def test_a_forced_room_is_the_room_that_runs():
    ran = []
    x, w = np.ones((1, 32, 9, 9), np.float32), np.ones((32, 1, 3, 3), np.float32)
    # Grouped by single channels there is nothing to split or to transform; 3x3 is no row.
    none = ("split_bfloat16", "winograd", "winograd_4x4", "fused_winograd", "direct_signals")
    rooms = [room for room in registry.rooms_for("conv") if room.name not in none]
    for room in rooms:
        choice = planner.choose(
            fastconv.plan(fastconv.conv2d, x.shape, w, groups=32, algorithm=room.name).problem,
            current()._replace(algorithm=room.name),
        )
        ran.append(choice.room.name)
        assert choice.reason == "forced"
        assert np.allclose(fastconv.conv2d(x, w, groups=32, algorithm=room.name), 9)
    assert ran == [room.name for room in rooms]


def test_a_family_name_chooses_among_its_rooms():
    x, w = (1, 3, 64, 64), np.ones((8, 3, 3, 3), np.float32)
    plan = fastconv.plan(fastconv.conv2d, x, w, algorithm="direct")
    assert plan.algorithm.startswith("direct_")


def test_a_choosy_room_runs_every_depthwise_problem_with_enough_channels():
    lanes = isa.lanes(0)
    ran = 0
    for name, index in (case.values for case in CASES):
        record = problems.records(name)[index]
        if not record["G"] == record["C"] == record["K"] or record["C"] < lanes:
            continue
        case = problems.Conv(record)
        x, w, b = case.floats(np.float32, True)
        y = case.function(
            x, w, b, data_format="channels_last", algorithm="direct_depthwise", **case.options
        )
        assert np.array_equal(y, np.moveaxis(case.expected, 1, -1))
        ran += 1
    assert ran > 20


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_small_problems_run_on_as_many_threads_as_asked_for(threads):
    with fastconv.config(threads=threads):
        problem = fastconv.plan(fastconv.conv1d, (1, 8), np.ones((2, 1, 3), np.float32)).problem
        assert planner.choose(problem, current()).threads == threads


@pytest.mark.parametrize("precision", ["highest", "high", "medium", "exact"])
def test_a_problem_is_read_back_from_its_spelling(precision):
    plan = fastconv.plan(fastconv.conv2d, (1, 4, 9, 9), np.ones((6, 2, 3, 3), "f"), groups=2)
    problem = plan.problem._replace(precision=precision, bias=True, relu=True)
    assert type(problem).parse(str(problem)) == problem
