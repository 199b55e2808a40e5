"""Explanations, and the commands that show them, tune, and look after wisdom."""

import sys

import numpy as np
import pytest

import fastconv
from fastconv import __main__ as cli
from fastconv._algorithms import registry
from fastconv._core.problem import Problem
from fastconv._planner import planner, wisdom
from fastconv.config import current

pytestmark = pytest.mark.usefixtures("no_wisdom")

SPELLING = "conv2d f32 cf n1 c4 k4 g1 i9x9 f3x3 s1x1 d1x1 p0x0 q0x0 o7x7"
X, W = (1, 4, 9, 9), (4, 4, 3, 3)


def test_an_explanation_says_everything():
    with fastconv.config(threads=1):
        told = fastconv.explain(fastconv.conv2d, X, W)
    assert str(told.problem) == SPELLING
    assert (told.threads, told.prepacked, told.reason, told.level) == (
        1, False, "model", fastconv._kernels.isa.active()
    )  # fmt: skip
    assert next(row.algorithm for row in told.candidates if row.refusal is None) == told.algorithm
    assert {row.algorithm for row in told.candidates} == {
        room.name for room in registry.rooms_for("conv")
    }
    chosen = told.chosen
    assert chosen.gflops == pytest.approx(2 * told.problem.macs / chosen.predicted / 1e9)
    assert chosen.workspace >= 0 and chosen.measured is None
    assert {row.algorithm: row.tier for row in told.candidates}["fft_blocks"] == "highest"
    assert {row.algorithm: row.tier for row in told.candidates}["reference"] == "exact"
    text = repr(told)
    assert f"> {told.algorithm} " in text and "the fastest by the cost model" in text
    assert "weights packed at each call" in text and "1 thread," in text
    refused = next(row for row in told.candidates if row.algorithm == "direct_depthwise")
    assert refused.refusal is not None and refused.predicted is None
    assert f"direct_depthwise  no: {refused.refusal}" in text
    html = told._repr_html_()
    assert html.count("<tr>") == len(told.candidates) + 1
    assert f"<b>{told.algorithm}</b>" in html and "filter per channel" in html


def test_explanations_as_pictures(monkeypatch):
    told = fastconv.tune(fastconv.conv2d, X, W, budget=0.05, progress=False)[0]
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "matplotlib", None)
        with pytest.raises(ImportError, match=r'pip install "fastconv\[plots\]"'):
            told.plot()
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    axes = told.plot()
    labels = [text.get_text() for text in axes.get_yticklabels()]
    assert f"{told.algorithm} *" in labels and "direct_depthwise" not in labels
    _, own = pyplot.subplots()
    assert told.plot(own) is own
    pyplot.close("all")


def test_a_forced_room_that_cannot_raises_with_its_reason():
    with pytest.raises(ValueError, match=f"{SPELLING}.*direct_depthwise: is for one filter per"):
        fastconv.conv2d(np.zeros(X, "f"), np.zeros(W, "f"), algorithm="direct_depthwise")
    refused = pytest.raises(ValueError, match="algorithm 'fft_library' does not do max_pool")
    with fastconv.config(algorithm="fft_library"), refused:
        fastconv.max_pool2d(np.zeros(X), 2)
    refused = pytest.raises(ValueError, match="bytes of workspace, max_workspace is 0")
    with fastconv.config(max_workspace=0, algorithm="im2col"), refused:
        fastconv.explain(fastconv.conv2d, X, W)


def test_other_dtypes_are_explained_as_what_computes_them():
    def told(dtype, value=1):
        x, w = np.full(X, value, dtype), np.full(W, value, dtype)
        return fastconv.explain(fastconv.conv2d, x, w)

    assert (told("f2").problem.dtype, told("f2").note) == (
        "float32", "float16, computed in float32 and rounded once"
    )  # fmt: skip
    pairs = told("c16")
    assert (pairs.problem.dtype, pairs.problem.in_channels) == ("float64", 8)
    for value, dtype, algorithm in ((1, "float32", None), (10_000, "float64", None),
                                    (1 << 40, "int64", "reference")):  # fmt: skip
        whole = told("i8", value)
        assert whole.problem.dtype == dtype
        assert whole.algorithm == algorithm or algorithm is None
        assert algorithm or next(r for r in whole.candidates if r.algorithm == "fft_blocks").refusal
    shapes = fastconv.explain(fastconv.conv2d, X, W, dtype=np.int8)
    assert shapes.note.endswith("the data decide")
    pooled = fastconv.explain(fastconv.max_pool2d, X, 2, dtype="f2")
    assert pooled.note == "float16 by way of float32"
    mirrored = fastconv.explain(fastconv.conv2d, X, W, padding=1, padding_mode="reflect")
    assert mirrored.problem.padding_mode == "reflect" and "reflect" in repr(mirrored)


def test_nothing_to_compute_is_explained_too():
    told = fastconv.explain(fastconv.conv2d, (0, 4, 9, 9), W)
    assert (told.algorithm, told.reason, told.candidates) == (None, "empty", ())
    assert "nothing to multiply" in repr(told) and "nothing to multiply" in told._repr_html_()
    assert fastconv.tune(fastconv.conv2d, (0, 4, 9, 9), W, progress=False) == ()


def test_wrong_arguments_are_refused_as_the_operation_does():
    for wrong, error in (
        (lambda: fastconv.explain(fastconv.conv2d, X, (4, 5, 3, 3)), ValueError),
        (lambda: fastconv.explain(fastconv.conv2d, X, W, stride=0), ValueError),
        (lambda: fastconv.explain(fastconv.conv2d, X, W, strides=1), TypeError),
        (lambda: fastconv.explain(fastconv.conv2d, X), TypeError),
        (lambda: fastconv.explain(fastconv.im2col, X, 3), ValueError),
        (lambda: fastconv.explain(np.convolve, X, W), ValueError),
        (lambda: fastconv.explain(3), ValueError),
        (lambda: fastconv.explain(fastconv.conv2d, (2**40, 2**40), W), ValueError),
    ):
        with pytest.raises(error):
            wrong()


def test_settings_pass_through_to_the_choice():
    with fastconv.config(threads=2):
        big = fastconv.explain(fastconv.conv2d, (1, 64, 56, 56), (64, 64, 3, 3))
        assert big.threads == 2
    one = fastconv.explain(fastconv.conv2d, X, W, algorithm="im2col", precision="high")
    assert (one.algorithm, one.reason, one.problem.precision) == ("im2col", "forced", "high")
    assert "im2col: forced" in repr(one)
    assert planner.choose(one.problem, current()).reason == "model"


# The command line


def test_commands_explain_bench_and_tune(capsys, tmp_path):
    assert cli.main(["explain", SPELLING, "--threads", "1"]) == 0
    assert "the fastest by the cost model" in capsys.readouterr().out
    assert cli.main(["bench", SPELLING, "--seconds", "0.05", "--no-ceiling"]) == 0
    table = capsys.readouterr().out
    assert all(room.name in table for room in registry.rooms_for("conv"))
    assert "no: is for one filter per channel" in table and "us, packed" in table
    file = tmp_path / "problems.txt"
    file.write_text(SPELLING)
    assert cli.main(["tune", str(file), "--budget", "0.05", "--quiet"]) == 0
    assert "saved in" in capsys.readouterr().out
    assert cli.main(["wisdom"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("2 entries in") and SPELLING in shown
    for command in ("explain", "tune", "bench"):
        assert cli.main([command, "nonsense"]) == 2
        assert "nonsense" in capsys.readouterr().err


def test_command_wisdom_merges_saves_and_clears(capsys, tmp_path):
    wisdom.remember(Problem.parse(SPELLING), 1, False, {"fft_blocks": 1.0, "im2col": 2.0})
    fastconv.wisdom.save(tmp_path / "theirs.json")
    fastconv.wisdom.clear()
    copy = tmp_path / "copy.json"
    for command in (["merge", "theirs.json"], ["save", "copy.json"], ["path"], ["clear"]):
        command[1:] = [str(tmp_path / name) for name in command[1:]]
        assert cli.main(["wisdom", *command]) == 0
    assert str(fastconv.wisdom.path()) in capsys.readouterr().out
    assert not fastconv.wisdom.path().exists() and fastconv.wisdom.load(copy) == 1
    assert cli.main(["wisdom", "merge", str(tmp_path / "none.json")]) == 1
    assert cli.main(["wisdom", "merge"]) == 2
    assert cli.main(["wisdom", "show", "file"]) == 2
