"""The ruler itself: problem sets, the oracle, statistics, the peers command, the asv suites."""

import importlib
import inspect
import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

# The benchmarks are not installed. At the end: an installed fastconv is the one to test.
ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT))

import fastconv
from benchmarks import busy, oracle, overhead, precision, problem_sets, suite, timing
from benchmarks.peers import __main__ as command, report
from benchmarks.peers.contest import Outcome, Row
from fastconv import ceiling
from fastconv._core.problem import Problem
from fastconv._kernels import isa

SUITES = sorted(path.stem for path in (ROOT / "benchmarks").glob("bench_*.py"))


@pytest.fixture(scope="module", autouse=True)
def private_cache(tmp_path_factory):
    """Ceilings are measured into a folder of this run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        ceiling.measured(seconds=0.05)
        yield


# --- problem sets ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", problem_sets.names())
def test_sets_are_bounded_and_their_sizes_agree(name):
    cases = problem_sets.cases(name)
    assert cases
    assert len({case.name for case in cases}) == len(cases)
    for case in cases:
        assert case.op in problem_sets.OPS
        assert case.flops <= 2e10 and case.bytes < 2e8, case.name
        for size, kernel, stride, dilation, (before, after), outputs in zip(
            case.input, case.kernel, case.stride, case.dilation, case.padding, case.output
        ):
            room = size + before + after - dilation * (kernel - 1) - 1
            assert room // stride + 1 == outputs, case.name


def test_every_data_file_is_read():
    for path in problem_sets.FOLDER.glob("*.json"):
        if path.name not in ("sets.json", "conv_transpose.json"):
            for record in problem_sets.records(path.name):
                assert list(problem_sets.from_record(record))


def test_spelling_is_the_library_s():
    case = problem_sets.find("resnet50", "conv1")
    problem = Problem.parse(case.spelling())
    assert problem.output == case.output and problem.bias
    assert problem.macs * 2 == case.flops


def test_operands_are_seeded_and_integers_exact():
    case = problem_sets.find("small", "lenet:conv2")
    for values in ("normal", "integers"):
        first, again = (case.operands(values=values) for _ in range(2))
        assert all(np.array_equal(a, b) for a, b in zip(first, again))
    x, weight, bias = first
    assert np.array_equal(x, np.rint(x)) and np.abs(x).max() > 1
    # The layout changes the order in memory, never the numbers.
    last, _, _ = case.operands("channels_last", values="integers")
    assert last.flags.c_contiguous and np.array_equal(np.moveaxis(last, -1, 1), x)
    largest = np.abs(oracle.answer(case, np.abs(x), np.abs(weight), np.abs(bias))).max()
    assert largest < problem_sets.EXACT_FLOAT32


def test_cut_keeps_the_geometry():
    case = problem_sets.find("vgg19", "conv3_1")
    cut = case.cut(max_flops=case.flops / 10)
    assert cut.flops <= case.flops / 10 and cut.padding == case.padding
    x, weight, bias = cut.operands()
    assert fastconv.conv2d(x, weight, bias, padding=1).shape == cut.output_shape("channels_first")


def test_gradients_have_sizes_and_flops_of_their_own():
    case = problem_sets.find("gradients", "res3a_branch1")
    forward = problem_sets.find("resnet50", "res3a_branch1")._replace(batch=2)
    assert case.op == "conv_grad" and case.flops == 2 * forward.flops and case.bytes > forward.bytes
    assert case.spelling() == forward.spelling()
    _, weight, grad_output = case.operands("channels_last")
    assert weight.shape == case.weight_shape
    assert grad_output.shape == case.output_shape("channels_last")


def test_unknown_names_are_errors():
    with pytest.raises(ValueError, match="no problem set 'nothing'"):
        problem_sets.cases("nothing")
    with pytest.raises(ValueError, match="0 cases 'nothing'"):
        problem_sets.find("small", "nothing")


# --- the oracle --------------------------------------------------------------------------------


def edges():
    """One record of each kind of geometry in the edge-case file."""
    seen = {}
    for record in problem_sets.records("conv_edge.json"):
        if record["macs"] < 1e6:
            kind = (record["set"], len(record["in"]), record["symmetric_floor_ok"])
            seen.setdefault(kind, record)
    return [next(problem_sets.from_record(record)) for record in seen.values()]


@pytest.mark.parametrize("case", edges(), ids=lambda case: case.name)
def test_oracle_is_the_library_s_reference(case):
    x, weight, bias = case.operands(dtype="float64", values="integers")
    convolve = getattr(fastconv, f"conv{case.ndim}d")
    expected = convolve(
        x, weight, bias, case.stride, case.padding, case.dilation, case.groups,
        algorithm="reference",
    )  # fmt: skip
    assert np.array_equal(oracle.answer(case, x, weight, bias), expected)


@pytest.mark.parametrize("name", ["fir/fir128/10000", "fir/fir64_decimate4/1000000"])
def test_oracle_by_fft_agrees_with_sums(name):
    case = problem_sets.find(*name.split("/", 1))._replace(kernel=(65,))
    case = case._replace(output=((case.input[0] - 65) // case.stride[0] + 1,))
    x, weight, _ = case.operands()
    x, weight = x.astype(float), weight.astype(float)
    a, b = oracle._by_fft(case, x, weight), oracle._by_taps(case, x, weight)
    assert oracle.relative_error(a, b) < 1e-12


@pytest.mark.parametrize("case", edges(), ids=lambda case: case.name)
def test_oracle_of_gradients_is_the_library_s_reference(case):
    case = case._replace(op="conv_grad")
    x, weight, grad_output = case.operands(dtype="float64", values="integers")
    gradients = getattr(fastconv.grad, f"conv{case.ndim}d")(
        x, weight, grad_output, case.stride, case.padding, case.dilation, case.groups,
        algorithm="reference",
    )  # fmt: skip
    expected = oracle.comparable(case, gradients, "channels_first")
    assert np.array_equal(oracle.answer(case, x, weight, grad_output), expected)
    for op, one in ("grad_input", 0), ("grad_weight", 1), ("transpose", 0):
        found = oracle.answer(case._replace(op=f"conv_{op}"), x, weight, grad_output)
        assert np.array_equal(found, gradients[one])
    for wrong in range(3):
        one = list(gradients)
        one[wrong] = one[wrong] * 2
        error = oracle.relative_error(oracle.comparable(case, one, "channels_first"), expected)
        assert error > 10 * oracle.TOLERANCE


@pytest.mark.parametrize("case", edges()[::2], ids=lambda case: case.name)
@pytest.mark.parametrize("layout", suite.LAYOUTS)
def test_suites_and_peers_spell_gradients_as_users_do(case, layout):
    for op in problem_sets.CONV_GRADIENTS:
        assert callable(suite.checked_call(case._replace(op=op), layout))


def test_a_wrong_answer_is_far_away():
    truth = np.ones((2, 3))
    assert oracle.relative_error(truth + 1e-7, truth) < oracle.TOLERANCE
    assert oracle.relative_error(np.roll(truth * [1, 2, 3], 1), truth) > 0.1
    assert oracle.relative_error(truth * np.nan, truth) == math.inf
    assert oracle.relative_error(truth[0], truth) == math.inf


# --- timing ------------------------------------------------------------------------------------


def test_a_burst_counts_its_calls():
    calls = []
    burst = timing.burst(lambda: calls.append(0), 0.002)
    assert 0 < burst.minimum <= burst.quartile < 1e-4
    assert 10 < burst.calls < len(calls)


def test_statistics():
    quartiles = (8.0, 2.0, 9.0, 3.0, 7.0)
    bursts = [timing.Burst(q / 4, q, 5) for q in quartiles]
    assert timing.combine(bursts) == timing.Timing(0.5, 3.0, 5)
    assert timing.lower_quartile([5]) == 5
    assert timing.geometric_mean([4.0, 0.25]) == pytest.approx(1.0)
    assert timing.summarise([2.0, 0.5, 8.0]) == pytest.approx((2.0, 0.5, 2, 3))
    assert timing.summarise([]) is None


# --- ceilings ----------------------------------------------------------------------------------


def test_ceilings_are_kept_and_bound_the_work():
    limits = ceiling.measured(1)
    assert limits.float32 > 1.3 * limits.float64 > 0
    assert limits == ceiling.measured(1)
    assert limits.least_seconds(1e9, 1)[1] == "compute"
    assert limits.least_seconds(1, 1e9)[1] == "bandwidth"
    sizes = [size for size, _ in limits.copy]
    assert sizes == sorted(sizes)


@pytest.mark.parametrize("content", ["", "[]", '{"x": 1}', None])
def test_a_doubtful_cache_is_measured_anew(content, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    path = ceiling.cache_path()
    path.parent.mkdir()
    path.write_text(json.dumps({ceiling._key(): {"flops": {}}}) if content is None else content)
    assert ceiling.measured(1, seconds=0.02).float32 > 0
    assert ceiling._complete(json.loads(path.read_text())[ceiling._key()])
    assert list(path.parent.iterdir()) == [path]


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert ceiling.measured(1, seconds=0.02).float32 > 0


# --- peers -------------------------------------------------------------------------------------


def test_peers_end_to_end(tmp_path):
    saved, table = tmp_path / "result.json", tmp_path / "result.md"
    done = subprocess.run(
        [
            sys.executable, "-m", "benchmarks.peers", "--set", "small", "--only", "16",
            "--rivals", "numpy,scipy.ndimage", "--seconds", "0.01",
            "--json", str(saved), "--markdown", str(table),
        ],
        cwd=ROOT, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    result = json.loads(saved.read_text())
    assert [e["name"] for e in result["problems"]] == [
        case.name for case in problem_sets.cases("small") if "16" in case.name
    ]
    for e in result["problems"]:
        assert e["contenders"]["fastconv"]["microseconds"] > 0, e
        assert e["contenders"]["numpy"]["error"] < oracle.TOLERANCE
        assert e["ratio_function"] > 0 and e["best_function"] in ("numpy", "scipy.ndimage")
        one_plane = e["name"] in ("sobel3/16", "fir16/128", "depthwise16/16")
        assert (e["contenders"]["scipy.ndimage"]["refusal"] is None) == one_plane
    assert "Best function / fastconv: geometric mean" in done.stdout
    assert "Not done by scipy.ndimage" in done.stdout and "sobel3/16" in table.read_text()


def test_peers_of_gradients(tmp_path):
    saved = tmp_path / "result.json"
    done = subprocess.run(
        [
            sys.executable, "-m", "benchmarks.peers", "--set", "gradients", "--only", "conv5_6",
            "--format", "nhwc", "--rivals", "numpy", "--seconds", "0.01", "--json", str(saved),
        ],
        cwd=ROOT, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (entry,) = json.loads(saved.read_text())["problems"]
    assert entry["contenders"]["fastconv"]["error"] < oracle.TOLERANCE
    assert entry["contenders"]["numpy"]["refusal"] == "no gradients"
    assert "Not done by numpy, every problem: no gradients" in done.stdout
    assert "Not done by fastconv.plan, every problem: no gradients" in done.stdout
    assert "GFLOP/s" in done.stdout


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--rivals", "abacus"], "no rival 'abacus'"),
        (["--only", "nothing"], "no problem with 'nothing'"),
    ],
)
def test_peers_refuses_what_it_does_not_know(arguments, message, capsys):
    with pytest.raises(SystemExit, match="2"):
        command.main(["--set", "small", *arguments])
    assert message in capsys.readouterr().err


def result_of(**contenders):
    """A result of one problem with made-up contenders: name -> microseconds, or a refusal."""
    outcomes = {}
    for name, (microseconds, error) in contenders.items():
        taken = microseconds and timing.Timing(1e-6 * microseconds, 1e-6 * microseconds, 3)
        refusal = None if microseconds else "cannot"
        outcomes[name.replace("_", ".")] = Outcome(taken, error, refusal, "")
    row = Row(problem_sets.find("small", "lenet:conv1"), outcomes, 1e-6, "compute")
    machine = {"cpu": "a machine", "level": "best", "version": "1"}
    return {
        "set": "small", "format": "nchw", "threads": 1, "date": "today", "others": 0.0,
        "machine": machine, "missing": {"torch": "torch cannot be imported"},
        "versions": {"numpy": "numpy 2"},
        "problems": [report.entry(row)],
    }  # fmt: skip


def test_ratios_compare_functions_with_functions_and_plans_with_everything():
    result = result_of(
        fastconv=(10.0, 0.0), fastconv_plan=(5.0, 0.0), numpy=(30.0, 0.0), onnxruntime=(20.0, 0.0)
    )
    (entry,) = result["problems"]
    assert (entry["best_function"], entry["ratio_function"]) == ("numpy", pytest.approx(3.0))
    assert (entry["best_of_all"], entry["ratio_plan"]) == ("onnxruntime", pytest.approx(4.0))


def test_nobody_is_dropped_silently():
    result = result_of(
        fastconv=(10.0, 0.0), numpy=(1.0, 0.5), opencv=(None, None), onnxruntime=(20.0, 0.0)
    )
    text = report.text(result)
    assert "Missing: torch: torch cannot be imported." in text
    assert "Not done by opencv, every problem: cannot." in text
    assert "DISAGREES: numpy on lenet:conv1" in text and "1 WRONG" in text
    assert result["problems"][0]["ratio_function"] is None  # a wrong answer is no rival


def test_several_results_are_summed_up_as_one():
    half = result_of(fastconv=(10.0, 0.0), fastconv_plan=(10.0, 0.0), numpy=(5.0, 0.0))
    eight = result_of(fastconv=(10.0, 0.0), fastconv_plan=(5.0, 0.0), numpy=(40.0, 0.0)) | {"format": "nhwc"}
    function, plan, lowest = report.together([half, eight], lowest=1)
    assert function == "Best function / fastconv: geometric mean 1.414, minimum 0.50, wins 1 of 2."
    assert plan == "Best of all / plan: geometric mean 2.000, minimum 0.50, wins 1 of 2."
    assert lowest == "Lowest plans: lenet:conv1 (nchw) 0.50."


def test_tables_go_between_their_markers():
    ours, other = "<!-- table:small-1-nchw -->", "<!-- table:x -->"
    document = f"a\n{ours}\nold\n<!-- /table -->\nb\n{other}\nkept\n<!-- /table -->\n"
    result = result_of(fastconv=(10.0, 0.0), numpy=(20.0, 0.0))
    tables = {report.table_name(result): report.markdown(result), "absent": "table"}
    filled, unused = report.fill(document, tables)
    assert unused == ["absent"] and "old" not in filled and "kept" in filled
    assert "| lenet:conv1 | 10 | 20 | 2.00 (numpy) |" in filled
    assert report.fill(filled, tables)[0] == filled


# --- asv ---------------------------------------------------------------------------------------


def benchmarks_of(suite_name):
    """(class, method name, smallest parameters) of every benchmark of a suite."""
    module = importlib.import_module(f"benchmarks.{suite_name}")
    for _, cls in inspect.getmembers(module, inspect.isclass):
        if cls.__module__ != module.__name__:
            continue
        params = getattr(cls, "params", [])
        for method, _ in inspect.getmembers(cls, inspect.isfunction):
            if method.startswith(("time_", "timeraw_", "track_", "peakmem_")):
                yield cls, method, tuple(values[0] for values in params)


@pytest.mark.parametrize("suite_name", SUITES)
def test_asv_suites_run(suite_name, monkeypatch):
    monkeypatch.setattr(suite, "_TRACKED", 0.001)
    found = list(benchmarks_of(suite_name))
    assert found
    for cls, method, params in found:
        benchmark = cls()
        cached = (benchmark.setup_cache(),) if hasattr(benchmark, "setup_cache") else ()
        if hasattr(benchmark, "setup"):
            benchmark.setup(*cached, *params)
        value = getattr(benchmark, method)(*cached, *params)
        if method.startswith("track_"):
            assert value > 0
        if method.startswith("timeraw_"):
            statement, before = value if isinstance(value, tuple) else (value, "")
            subprocess.run([sys.executable, "-c", f"{before}\n{statement}"], check=True, cwd=ROOT)


def test_asv_suites_check_their_answers(monkeypatch):
    case = problem_sets.find("small", "general3/64")
    zeros = np.zeros(case.output_shape("channels_first"))
    monkeypatch.setattr(oracle, "answer", lambda *_: zeros)
    with pytest.raises(AssertionError, match="wrong answer"):
        suite.checked_call(case)


def test_asv_configuration_is_json_and_names_the_suites():
    settings = json.loads((ROOT / "asv.conf.json").read_text())
    assert (ROOT / settings["benchmark_dir"]).is_dir()
    assert settings["matrix"]["env_nobuild"]["OMP_NUM_THREADS"] == ["1", "2"]


# --- precision ---------------------------------------------------------------------------------


def test_the_table_of_errors(capsys):
    with isa.use(isa.EMULATED):
        precision.main(["--only", "64 channels, "])
    heading, _, *rows = capsys.readouterr().out.splitlines()
    names = [name.strip() for name in heading.split("|")[1:-1]]
    assert len(rows) == 2 * len(precision.DATA) and names[-5:] == [
        "winograd, highest", "winograd, high", "split, highest", "split, high", "split, medium"
    ]  # fmt: skip
    for row in rows:
        cells = dict(zip(names, map(str.strip, row.split("|")[1:-1])))
        limit = 2 * float(cells["im2col + sgemm"])
        assert float(cells["split, highest"]) < limit
        # No transform of 1x1 kernels.
        assert bool(cells["winograd, highest"]) == ("3x3" in cells["shape"])
        if cells["data"] == "normal" and cells["winograd, highest"]:
            assert float(cells["winograd, highest"]) < limit
            assert limit < float(cells["winograd, high"]) < 2e-5


# --- overhead ----------------------------------------------------------------------------------


def cells_of(table):
    """(problem, heading) -> text of a Markdown table."""
    heading, _, *rows = [line for line in table.splitlines() if line.startswith("|")]
    names = [name.strip() for name in heading.split("|")[2:-1]]
    for row in rows:
        problem, *cells = (cell.strip() for cell in row.split("|")[1:-1])
        yield from (((problem, name), cell) for name, cell in zip(names, cells, strict=True))


def test_the_table_of_overheads(tmp_path, monkeypatch):
    absent = overhead.OnnxRuntimeRun()
    absent.modules = ("no_such_module",)
    monkeypatch.setattr(overhead, "RIVALS", (absent, overhead.by_name("numpy")))
    document = tmp_path / "document.md"
    document.write_text("a\n<!-- table:overhead -->\n<!-- /table -->\nb\n")
    overhead.main(["--only", "8x8", "--seconds", "0.01", "--into", str(document)])
    text = document.read_text()
    cells = dict(cells_of(text))
    problems = [case.name for case in overhead.PROBLEMS if "8x8" in case.name]
    assert len(problems) == 2 and {problem for problem, _ in cells} == set(problems)
    for problem in problems:
        taken = {name: float(cell) for (where, name), cell in cells.items() if where == problem}
        assert all(microseconds > 0 for microseconds in taken.values())
        assert taken["empty call"] < taken["room"] < taken["fastconv"] < taken["numpy"]
    assert "* Missing: onnxruntime, `run`: no_such_module cannot be imported" in text
    assert "promised: 3.0" in text and "promised: 1.5" in text
    assert text.startswith("a\n") and text.endswith("\nb\n")


def test_the_table_of_overheads_has_a_place_and_known_problems(tmp_path, capsys):
    document = (ROOT / "docs" / "performance.md").read_text()
    assert report.fill(document, {"overhead": ""})[1] == []
    (tmp_path / "document.md").write_text("nothing\n")
    for arguments, message in (
        (["--only", "nothing"], "no problem with 'nothing'"),
        (
            ["--only", "1x1x1", "--seconds", "0", "--into", str(tmp_path / "document.md")],
            "no marker",
        ),
    ):
        with pytest.raises(SystemExit):
            overhead.main(arguments)
        assert message in capsys.readouterr().err


def test_overheads_are_those_of_right_answers(monkeypatch):
    case = overhead.PROBLEMS[0]
    monkeypatch.setattr(oracle, "answer", lambda *_: np.zeros(case.output_shape("channels_first")))
    with pytest.raises(AssertionError, match="wrong answer of fastconv"):
        overhead.calls(case, [])


# --- busy machines -----------------------------------------------------------------------------


def test_the_table_of_busy_machines(tmp_path, monkeypatch):
    monkeypatch.setattr(busy, "CALLS", 3)
    monkeypatch.setattr(busy, "SETTLING", 0)
    document = tmp_path / "document.md"
    document.write_text("a\n<!-- table:busy -->\n<!-- /table -->\nb\n")
    busy.main(["--only", "5x5", "--rivals", "fastconv", "--rounds", "1", "--into", str(document)])
    rows = [line for line in document.read_text().splitlines() if line.startswith("| 5x5")]
    assert len(rows) == 1
    cells = [cell.strip() for cell in rows[0].split("|")[3:-1]]
    assert len(cells) >= 2 and all(float(part) > 0 for cell in cells for part in cell.split(" / "))
    document = (ROOT / "docs" / "performance.md").read_text()
    assert report.fill(document, {"busy": ""})[1] == []
    for arguments in (["--only", "nothing"], ["--rivals", "nobody"]):
        with pytest.raises(SystemExit):
            busy.main(arguments)
