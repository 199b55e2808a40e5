"""The planner: rare rooms run too, and measuring finds the fastest, whatever happens."""

import json
import signal
import subprocess
import sys
from threading import Thread
from time import perf_counter
from types import SimpleNamespace

import numpy as np
import problems
import pytest

import fastconv
from fastconv._algorithms import registry
from fastconv._core.problem import Problem
from fastconv._kernels import isa
from fastconv._planner import machine, measure, planner

pytestmark = pytest.mark.usefixtures("no_wisdom")

SPELLING = "conv2d f32 cf n1 c4 k4 g1 i9x9 f3x3 s1x1 d1x1 p0x0 q0x0 o7x7"
X, W = (1, 4, 9, 9), (4, 4, 3, 3)
LARGEST = 3e6  # multiply-adds of a problem for random rooms


# Random choices


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_random_rooms_give_exact_results_on_every_small_problem(seed):
    rooms = set()
    for index, record in enumerate(problems.records("conv_edge")):
        if record["macs"] > LARGEST:
            continue
        case = problems.conv("conv_edge", index)
        for last in (False, True):
            x, w, b = case.floats(np.float32, last)
            options = dict(case.options, data_format="channels_last" if last else "channels_first")
            expected = np.moveaxis(case.expected, 1, -1) if last else case.expected
            with planner.random_choices(seed), fastconv.config(threads=1 + seed % 2):
                told = fastconv.explain(case.function, x, w, b, **options)
                y = case.function(x, w, b, **options)
            rooms.add(told.algorithm)
            assert told.reason in ("random", "sole candidate")
            if told.chosen.tier == "exact":
                assert np.array_equal(y, expected), f"{told.algorithm}: {told.problem}"
            else:
                error = np.linalg.norm(y - expected)
                assert error <= 1e-6 * np.linalg.norm(expected), f"{told.algorithm}: {told.problem}"
    # On machines without a tile unit, nothing is split; the larger tiles are for lower precisions.
    absent = {"winograd_4x4"} if isa.has_tile_unit() else {"split_bfloat16", "winograd_4x4"}
    assert rooms == {room.name for room in registry.rooms_for("conv")} - absent


def test_random_choices_repeat_by_seed_and_end_with_the_block():
    spelled = [SPELLING.replace("n1", f"n{n}") for n in range(1, 30)]

    def chosen():
        return [fastconv.explain(one).algorithm for one in spelled]

    plain = chosen()
    with planner.random_choices(1):
        first = chosen()
        with planner.random_choices(2):
            second = chosen()
        assert chosen() == first
    assert len({tuple(plain), tuple(first), tuple(second)}) == 3
    assert chosen() == plain


# Measuring


def room(name, predicted, taken, **changes):
    """A pooling room that takes its time; `taken` may be an exception."""

    def run(state, packed, inputs, outputs, threads):
        calls.append(name)
        if not isinstance(taken, float):
            raise taken
        end = perf_counter() + taken
        while perf_counter() < end:
            pass
        outputs[0][...] = 7

    calls = []
    parts = dict(
        name=name, kinds=("max_pool",), local=True, calls=calls, run=run,
        supports=lambda problem: None, estimate=lambda problem, machine, prepacked: predicted,
        workspace=lambda problem, threads: 64, compile=lambda problem: problem,
        prepare=lambda state, weight, threads: None,
    )  # fmt: skip
    return SimpleNamespace(**(parts | changes))


@pytest.fixture
def house(monkeypatch):
    """Puts other rooms into the registry."""

    def move_in(*rooms):
        monkeypatch.setattr(registry, "ROOMS", rooms)
        planner.forget()
        return rooms

    yield move_in
    monkeypatch.undo()
    planner.forget()


POOL = (fastconv.max_pool2d, np.zeros((1, 1, 4, 4), np.float32), 2)


def test_tuning_finds_the_fastest_and_drops_losers_early(house):
    slow, fast, _ = house(
        room("slow", 1e-4, 4e-3), room("fast", 2e-4, 1e-3), room("close", 3e-4, 1.2e-3)
    )
    assert fastconv.explain(*POOL).algorithm == "slow"
    (told,) = fastconv.tune(*POOL, budget=0.3, progress=False)
    assert (told.algorithm, told.reason) == ("fast", "measured")
    assert told.chosen.measured == pytest.approx(1e-3, rel=0.5)
    assert {row.algorithm for row in told.candidates if row.measured} == {"slow", "fast", "close"}
    assert len(slow.calls) < 8 < len(fast.calls)
    before = len(fast.calls)
    assert (fastconv.max_pool2d(*POOL[1:]) == 7).all()
    assert len(fast.calls) == before + 1


def test_a_sole_candidate_is_not_measured_nor_is_the_hopeless(house):
    alone, hopeless = house(room("alone", 1e-6, 1e-6), room("hopeless", 1.0, 1e-6))
    (told,) = fastconv.tune(*POOL, budget=0.1, progress=False)
    assert (told.algorithm, told.reason, told.chosen.measured) == ("alone", "model", None)
    house(alone)
    found = fastconv.tune(*POOL, budget=0.1, progress=False)
    assert (found[0].algorithm, found[0].reason) == ("alone", "sole candidate")
    assert found.saved is None and not fastconv.wisdom.path().exists()
    assert alone.calls == hopeless.calls == []


def test_rooms_that_slow_others_are_not_timed_beside_them(house, monkeypatch):
    """Their threads stay awake; with one thread there are none."""
    monkeypatch.setattr(machine, "MACS_PER_THREAD", 1)
    for threads, raced in ((1, True), (2, False)):
        spinning = room("spinning", 1e-5, 1e-5, spins=True)
        house(spinning, room("one", 2e-5, 1e-5), room("two", 3e-5, 1e-5))
        with fastconv.config(threads=threads):
            fastconv.tune(*POOL, budget=0.05)
            told = fastconv.explain(*POOL)
        assert bool(spinning.calls) == raced
        # What was timed decides, although the model's favourite was not among it.
        assert told.reason == "measured" and (raced or told.algorithm != "spinning")


def test_references_run_only_where_nothing_else_can(house):
    fast = room("reference_of_all", 1e-9, 1e-6)
    house(fast, room("slow", 1.0, 1e-6), room("refusing", 1e-9, 1e-6, supports=lambda problem: "no"))
    assert fastconv.explain(*POOL).algorithm == "slow"
    with fastconv.config(algorithm="reference_of_all"):
        assert fastconv.explain(*POOL).algorithm == "reference_of_all"
    house(fast)
    assert fastconv.explain(*POOL).algorithm == "reference_of_all"


def test_a_room_that_fails_loses(house):
    house(room("broken", 2e-4, OSError("no")), room("a", 1e-4, 2e-4), room("b", 3e-4, 1e-4))
    (told,) = fastconv.tune(*POOL, budget=0.1, progress=False)
    assert told.algorithm == "b"
    assert {row.algorithm: bool(row.measured) for row in told.candidates}["broken"] is False


def test_without_time_the_favourite_runs_once_and_the_model_decides(house):
    first, second = house(room("first", 1e-4, 1e-4), room("second", 2e-4, 1e-6))
    (told,) = fastconv.tune(*POOL, budget=0, progress=False)
    assert (told.algorithm, told.reason) == ("first", "model")
    assert (len(first.calls), len(second.calls)) == (1, 0)


def test_ctrl_c_keeps_what_is_known(house, tmp_path):
    house(room("slow", 1e-4, 1e-3), room("fast", 2e-4, 1e-4))

    def stop_at_the_second(progress):
        if progress.done == 1:
            raise KeyboardInterrupt

    spelled = ["max_pool2d f32 cf n1 c1 k1 g1 i4x4 f2x2 s2x2 d1x1 p0x0 q0x0 o2x2"]
    spelled.append(spelled[0].replace("n1", "n2"))
    with pytest.raises(KeyboardInterrupt):
        fastconv.tune(spelled, budget=0.1, progress=stop_at_the_second)
    assert fastconv.explain(spelled[0]).reason == "measured"
    assert fastconv.explain(spelled[1]).reason == "model"
    # Nobody holds the lock: another thread gets it.
    taken = []
    thread = Thread(target=lambda: taken.append(_gets(planner._measuring)))
    thread.start()
    thread.join()
    assert taken == [True]
    assert fastconv.wisdom.load() == 1


def _gets(lock):
    got = lock.acquire(timeout=60)
    lock.release()
    return got


ENDLESS = """
import fastconv
spelled = "conv2d f32 cf n{} c16 k16 g1 i30x30 f3x3 s1x1 d1x1 p0x0 q0x0 o28x28"
def report(now):
    if now[0] == 4:
        print("four are done", flush=True)
fastconv.tune([spelled.format(n) for n in range(1, 1000)], budget=3600, progress=report)
"""


def test_ctrl_c_ends_a_process_that_tunes(tmp_path):
    command = [sys.executable, "-c", ENDLESS]
    process = subprocess.Popen(command, stdout=-1, stderr=-1, text=True)
    try:
        # Long before its hour is over.
        assert process.stdout.readline() == "four are done\n"
        process.send_signal(signal.SIGINT)
        errors = process.communicate(timeout=600)[1]
        assert "KeyboardInterrupt" in errors
        assert fastconv.wisdom.load() > 2
    finally:
        process.kill()


def test_ctrl_c_within_a_room_ends_tuning(house):
    house(room("a", 1e-4, 1e-4), room("b", 2e-4, KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        fastconv.tune(*POOL, budget=0.1, progress=False)
    assert fastconv.explain(*POOL).reason == "model"


def test_measure_measures_at_first_sight_and_once(house):
    slow, fast = house(room("slow", 1e-4, 1e-3), room("fast", 2e-4, 1e-4))
    assert (fastconv.max_pool2d(*POOL[1:]) == 7).all()
    assert (len(slow.calls), len(fast.calls)) == (1, 0)  # the default never measures
    with fastconv.config(tuning="measure"):
        start = perf_counter()
        fastconv.max_pool2d(*POOL[1:])
        assert perf_counter() - start < 20 * planner.FIRST_SIGHT
        measured = len(slow.calls)
        assert measured > 2
        fastconv.max_pool2d(*POOL[1:])
        assert fastconv.explain(*POOL).reason == "measured"
    assert len(slow.calls) == measured
    assert fastconv.wisdom.count() == 1


def test_max_workspace_and_forced_families_hold_for_what_was_measured(house):
    house(
        room("fast", 2e-4, 1e-4, workspace=lambda problem, threads: 1000),
        # Further apart than a busy machine could bring them together.
        room("slow", 1e-4, 0.2), room("slow_too", 1.5e-4, 0.02),
    )  # fmt: skip
    fastconv.tune(*POOL, budget=1, progress=False)
    assert fastconv.explain(*POOL).algorithm == "fast"
    with fastconv.config(max_workspace=100):
        told = fastconv.explain(*POOL)
    assert told.algorithm == "slow_too"
    assert told.candidates[-1].refusal == "needs 1000 bytes of workspace, max_workspace is 100"
    with fastconv.config(algorithm="slow"):
        told = fastconv.explain(*POOL)
        assert (told.algorithm, told.reason) == ("slow_too", "forced")


def test_measurements_of_one_family_do_not_speak_for_all(house):
    house(room("a", 1e-4, 1e-4), room("b_slow", 2e-4, 1e-3), room("b_fast", 3e-4, 2e-4))
    with fastconv.config(algorithm="b"):
        (told,) = fastconv.tune(*POOL, budget=0.1, progress=False)
        assert told.algorithm == "b_fast"
    assert fastconv.explain(*POOL).algorithm == "a"


def test_calls_and_plans_are_tuned_apart_and_within_the_tier():
    with fastconv.config(threads=1):
        found = fastconv.tune(fastconv.conv2d, X, W, budget=0.1, progress=False)
        assert [told.prepacked for told in found] == [False, True]
        assert all(told.chosen.measured > 0 for told in found)
        plan = fastconv.plan(fastconv.conv2d, X, np.ones(W, np.float32))
        assert plan.explain().reason == "measured"
        whole = fastconv.tune(fastconv.conv2d, X, W, dtype=np.int32, budget=0.1, progress=False)
    assert len(whole) == 1  # integers pack at each call
    assert not next(row for row in whole[0].candidates if row.algorithm == "fft_blocks").measured
    assert "algorithm" in repr(found) and "saved in" in repr(found)


def test_what_does_not_fit_memory_is_not_measured(monkeypatch):
    monkeypatch.setattr(measure, "memory", lambda: 1000)
    with pytest.warns(RuntimeWarning, match="bytes of operands are too many"):
        found = fastconv.tune(fastconv.conv2d, X, W, progress=False)
    assert {told.reason for told in found} == {"model"}
    with fastconv.config(tuning="measure"):
        assert fastconv.explain(fastconv.conv2d, X, W).reason == "model"


def test_files_of_problems(tmp_path):
    lines, records = tmp_path / "lines.txt", tmp_path / "records.json"
    lines.write_text(f"# two problems\n{SPELLING}  # the first\n\n{SPELLING} bias\n")
    record = {
        "N": 1, "C": 4, "K": 4, "G": 1, "in": [9, 9], "out": [7, 7], "kernel": [3, 3],
        "stride": [1, 1], "dilation": [1, 1], "pad_begin": [0, 0], "pad_end": [0, 0],
    }  # fmt: skip
    records.write_text(json.dumps({"problems": [record, {**record, "bias": False}, SPELLING]}))
    with fastconv.config(threads=1):
        found = [
            [str(told.problem) for told in fastconv.tune(file, budget=0.02, progress=False)]
            for file in (lines, str(records), [SPELLING, Problem.parse(f"{SPELLING} bias")])
        ]
    expected = [SPELLING, SPELLING, f"{SPELLING} bias", f"{SPELLING} bias"]
    assert all(sorted(one) == sorted(expected) for one in found)
    for text in ("nonsense", "{", '{"problems": [{"N": 1}]}', '{"a": 1}', "[[1]]", "[" * 10**5):
        lines.write_text(text)
        with pytest.raises(ValueError):
            fastconv.tune(lines)
    with pytest.raises(ValueError, match="neither a file nor the spelling"):
        fastconv.tune("conv2d of something")


@pytest.mark.parametrize(
    "change", ["o9x9", "i9", "g3", "n0", "s0x1", "d1x0", "k0", "f0x3", "f11x11", "o7x7x7",
               "i4611686018427387904x9"],
)  # fmt: skip
def test_problems_that_cannot_be_are_refused(change):
    words = [change if word[0] == change[0] else word for word in SPELLING.split()[3:]]
    spelled = " ".join(SPELLING.split()[:3] + words)
    for function in (fastconv.explain, fastconv.tune):
        with pytest.raises(ValueError):
            function(spelled)


@pytest.mark.parametrize("name", ["conv_edge", "conv_networks", "pool", "fir", "small"])
def test_every_problem_of_the_files_can_be_explained(name):
    from fastconv._tuning import problems_of

    found = problems_of(problems.FOLDER / f"{name}.json")
    for problem in found[::5]:
        told = fastconv.explain(problem)
        assert told.problem.output == problem.output and told.chosen.predicted > 0


def test_progress_on_a_terminal_and_off(monkeypatch, capsys):
    for terminal, progress in ((True, None), (False, None), (True, False), (False, True)):
        monkeypatch.setattr(sys.stderr, "isatty", lambda terminal=terminal: terminal, raising=False)
        fastconv.tune(SPELLING, budget=0.02, progress=progress)
        shown = capsys.readouterr().err
        assert ("tuning 1/2" in shown) == (progress or (progress is None and terminal))
    seen = []
    fastconv.tune(SPELLING, budget=0.02, progress=seen.append)
    assert {one.done for one in seen} == {0, 1} and {one.total for one in seen} == {2}
    assert all(one.seconds > 0 and one.problem == Problem.parse(SPELLING) for one in seen)


def test_wrong_things_to_tune_are_refused():
    for wrong in (5, None, b"conv2d", [5], fastconv.plan(*POOL)):
        with pytest.raises(TypeError, match="tune: "):
            fastconv.tune(wrong)
    for budget in (-1, float("nan"), float("inf"), "1"):
        with pytest.raises(ValueError, match="budget must be a number of seconds"):
            fastconv.tune(SPELLING, budget=budget)
    for function in (fastconv.explain, fastconv.tune):
        with pytest.raises(TypeError, match="no further arguments"):
            function(SPELLING, W)
