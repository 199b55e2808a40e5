"""Wisdom: what was measured is used, survives the process, and can do no harm."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import fastconv
from fastconv._core.problem import Problem
from fastconv._planner import planner, wisdom
from fastconv.config import current

SPELLING = "conv2d f32 cf n1 c4 k4 g1 i9x9 f3x3 s1x1 d1x1 p0x0 q0x0 o7x7"
PROBLEM = Problem.parse(SPELLING)
X = np.arange(4 * 81, dtype=np.float32).reshape(1, 4, 9, 9) % 7
W = np.arange(144, dtype=np.float32).reshape(4, 4, 3, 3) % 5
EXPECTED = fastconv.conv2d(X, W, algorithm="reference")


@pytest.fixture(autouse=True)
def file(tmp_path, monkeypatch):
    """A wisdom file of its own for every test, not read yet."""
    path = tmp_path / "wisdom.json"
    monkeypatch.setenv("FASTCONV_WISDOM", str(path))
    as_in_a_new_process()
    yield path
    fastconv.wisdom.clear()


def as_in_a_new_process():
    fastconv.wisdom.clear()
    wisdom._loaded = False


def others_than_the_model():
    """An able room that the model would not choose, and the one that it would."""
    with fastconv.config(deterministic=True):
        able = [row for row in fastconv.explain(PROBLEM).candidates if row.refusal is None]
    return able[1].algorithm, able[0].algorithm


def remember(fast, slow, problem=PROBLEM):
    wisdom.remember(problem, 1, False, {fast: 1e-6, slow: 1e-3})
    planner.forget()


def test_what_was_measured_beats_the_model_and_outlives_the_process(file):
    fast, slow = others_than_the_model()
    told = fastconv.explain(PROBLEM)
    assert (told.algorithm, told.reason) == (slow, "model")
    remember(fast, slow)
    told = fastconv.explain(fastconv.conv2d, X, W)
    assert (told.algorithm, told.reason, told.chosen.measured) == (fast, "measured", 1e-6)
    assert fastconv.wisdom.save() == file == fastconv.wisdom.path()
    as_in_a_new_process()
    told = fastconv.explain(fastconv.conv2d, X, W)
    assert (told.algorithm, told.reason) == (fast, "wisdom")
    assert np.array_equal(fastconv.conv2d(X, W), EXPECTED)


def test_seen_calls_follow_when_wisdom_comes_and_goes(monkeypatch):
    ran = []
    run = planner.Executable.run
    monkeypatch.setattr(
        planner.Executable, "run", lambda self, *a: (ran.append(self.room.name), run(self, *a))
    )
    fast, slow = others_than_the_model()
    fastconv.conv2d(X, W)
    remember(fast, slow)
    fastconv.conv2d(X, W)
    fastconv.wisdom.clear()
    fastconv.conv2d(X, W)
    assert ran == [slow, fast, slow]


def test_bias_and_relu_share_what_was_measured():
    fast, slow = others_than_the_model()
    remember(fast, slow)
    told = fastconv.explain(fastconv.conv2d, X, W, np.ones(4, "f"), activation="relu")
    assert told.algorithm == fast
    assert fastconv.explain(fastconv.conv2d, X, W, stride=2).reason == "model"


def test_deterministic_choices_ignore_wisdom_and_never_measure(monkeypatch):
    fast, slow = others_than_the_model()
    remember(fast, slow)
    monkeypatch.setattr(planner, "tune", None)
    with fastconv.config(deterministic=True, tuning="measure"):
        told = fastconv.explain(fastconv.conv2d, X, W)
        assert (told.algorithm, told.reason) == (slow, "model")


def test_tuning_wisdom_warns_of_what_is_not_known():
    with fastconv.config(tuning="wisdom"):
        with pytest.warns(RuntimeWarning, match="nothing is known of conv2d f32"):
            y = fastconv.conv2d(X, W)
        assert np.array_equal(y, EXPECTED)
        fast, slow = others_than_the_model()
        remember(fast, slow)
        assert fastconv.explain(PROBLEM).algorithm == fast


def test_the_key_is_the_same_however_the_padding_ends():
    """A window that does not reach the end of the padding sees the same problem."""
    twins = [PROBLEM, PROBLEM._replace(pad_end=(5, 5), bias=True, relu=True)]
    assert len({wisdom._key(twin, 1, False) for twin in twins}) == 1
    assert Problem.parse(wisdom._key(twins[1], 1, False).problem) == PROBLEM
    assert wisdom._key(PROBLEM, 2, False) != wisdom._key(PROBLEM, 1, False)
    assert wisdom._key(PROBLEM, 1, True) != wisdom._key(PROBLEM, 1, False)


# The file


def write(file, *lines):
    file.write_text("\n".join([wisdom._HEADER, ",\n".join(lines), wisdom._FOOTER]))


def line(**changes):
    fields = {**wisdom._key(PROBLEM, 1, False)._asdict(), "seconds": {"reference": 1e-9}}
    return json.dumps({**fields, **changes})


def test_the_file_is_json_with_an_entry_per_line(file):
    remember("im2col", "fft_blocks")
    fastconv.wisdom.save()
    data = json.loads(file.read_text())
    assert [entry["seconds"] for entry in data["entries"]] == [{"im2col": 1e-6, "fft_blocks": 1e-3}]
    assert file.read_text().count("\n") == 3
    assert wisdom._parse(file.read_bytes()).keys() == {wisdom._key(PROBLEM, 1, False)}


def test_saving_keeps_what_others_wrote_and_prefers_what_is_newer(file):
    remember("im2col", "fft_blocks")
    fastconv.wisdom.save()
    as_in_a_new_process()
    second = PROBLEM._replace(batch=2)
    wisdom.remember(second, 1, False, {"fft_blocks": 1.0, "im2col": 2.0})
    wisdom.remember(PROBLEM, 1, False, {"im2col": 3.0, "fft_blocks": 4.0})
    fastconv.wisdom.save()
    assert fastconv.wisdom.load() == fastconv.wisdom.count() == 2
    assert wisdom.find(PROBLEM, 1, False).seconds["im2col"] == 3.0
    assert fastconv.wisdom.merge(file) == 2
    fastconv.wisdom.clear(file=True)
    assert not file.exists() and fastconv.wisdom.count() == 0


def test_other_machines_and_versions_are_kept_but_not_believed(file):
    write(
        file, line(processor="Another One"), line(version="0.0.1"), line(processors=12345),
        line(level="abacus"), line(threads=77), line(prepacked=True),
    )  # fmt: skip
    assert fastconv.explain(PROBLEM).reason == "model"
    remember(*others_than_the_model())
    fastconv.wisdom.save()
    assert fastconv.wisdom.load() == 7


HOSTILE = {
    "empty": b"",
    "binary": bytes(range(256)) * 40,
    "no wisdom": b'{"entries": [1, 2, 3]}',
    "pickle": b"cos\nsystem\n(S'exit 1'\ntR.",
    "utf-16": wisdom._HEADER.encode("utf-16"),
}
BAD_LINES = {
    "nested": "{" + '"a": [' * 4000,
    "deep": "[" * 100_000,
    "long": line(problem="x" * 9000),
    "NaN": line(seconds={"reference": float("nan")}),
    "infinite": line(seconds={"reference": float("inf")}),
    "overflowing": line().replace("1e-09", "1e999"),
    "negative": line(seconds={"reference": -1.0}),
    "zero": line(seconds={"reference": 0}),
    "digits": line().replace("1e-09", "9" * 5000),
    "bool": line(seconds={"reference": True}),
    "text": line(seconds={"reference": "fast"}),
    "list": line(seconds=["reference"]),
    "nothing": line(seconds={}),
    "many": line(seconds={f"room{i}": 1.0 for i in range(100)}),
    "null": line(seconds=None),
    "threads": line(threads="1"),
    "bool threads": line(threads=True),
    "int flag": line(prepacked=0),
    "extra": line(command="rm"),
    "missing": '{"seconds": {"reference": 1e-9}}',
    "escape": line(problem="\x1b[2J"),
    "array": "[1, 2]",
    "unterminated": line()[:-3],
}
UNWANTED = {
    "hopeless": line(seconds={"reference": 1e-9, "direct_pixels": 1.0, "direct_channels": 1.0}),
    "refusing": line(seconds={"direct_depthwise": 1e-9}),
    "unknown": line(seconds={"quantum": 1e-9}),
}


def check_harmless():
    as_in_a_new_process()
    told = fastconv.explain(fastconv.conv2d, X, W)
    assert told.chosen.refusal is None and told.algorithm != "reference"
    assert np.array_equal(fastconv.conv2d(X, W), EXPECTED)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_do_nothing(name, file):
    file.write_bytes(HOSTILE[name])
    check_harmless()
    assert fastconv.wisdom.load(file) == 0
    remember("im2col", "fft_blocks")
    assert fastconv.wisdom.save() == file
    assert fastconv.wisdom.load() == 1


@pytest.mark.parametrize("name", BAD_LINES)
def test_bad_lines_are_passed_over(name, file):
    good = line(threads=5)
    write(file, good, BAD_LINES[name], BAD_LINES[name], line(threads=6))
    assert fastconv.wisdom.load() == 2
    check_harmless()


@pytest.mark.parametrize("name", UNWANTED)
def test_entries_that_cannot_be_right_are_not_believed(name, file):
    write(file, UNWANTED[name])
    assert fastconv.wisdom.load() == 1
    check_harmless()


def test_a_truncated_file_gives_its_whole_lines(file):
    write(file, *(line(threads=n) for n in range(2, 8)))
    whole = file.read_bytes()
    counts = set()
    for size in (*range(0, len(whole), 61), len(whole)):
        file.write_bytes(whole[:size])
        counts.add(fastconv.wisdom.load())
        assert np.array_equal(fastconv.conv2d(X, W), EXPECTED)
    assert counts == set(range(7))


def test_huge_files_and_strange_ones_are_not_read(file):
    with open(file, "wb") as huge:
        huge.truncate(1 << 40)
    check_harmless()
    file.unlink()
    os.mkfifo(file)
    check_harmless()
    assert fastconv.wisdom.save() is None  # a pipe is not replaced
    file.unlink()
    file.mkdir()
    check_harmless()
    assert fastconv.wisdom.save() is None


def test_memory_and_file_stay_small(file):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wisdom, "MOST_ENTRIES", 20)
        for batch in range(1, 51):
            wisdom.remember(PROBLEM._replace(batch=batch), 1, False, {"fft_blocks": 1.0, "im2col": 2.0})
        assert fastconv.wisdom.count() == 20
        fastconv.wisdom.save()
        assert fastconv.wisdom.load() == 20
        assert wisdom.find(PROBLEM._replace(batch=50), 1, False)  # the newest stay
        patch.setattr(wisdom, "MOST_BYTES", 3000)
        wisdom.remember(PROBLEM, 1, False, {"fft_blocks": 1.0, "im2col": 2.0})
        fastconv.wisdom.save()
        assert file.stat().st_size <= 3000
        assert 0 < fastconv.wisdom.load() < 20
        assert wisdom.find(PROBLEM, 1, False)


@pytest.mark.parametrize("place", ["/proc/fastconv/wisdom.json", "a file/wisdom.json", "/dev/null"])
def test_where_nothing_can_be_written_everything_works(place, file, monkeypatch):
    (file.parent / "a file").write_text("")
    monkeypatch.chdir(file.parent)
    monkeypatch.setenv("FASTCONV_WISDOM", place)
    as_in_a_new_process()
    with fastconv.config(threads=1):
        found = fastconv.tune(fastconv.conv2d, X, W, budget=0.02, progress=False)
    assert found.saved is None and found[0].chosen.measured
    assert fastconv.wisdom.save() is None
    assert np.array_equal(fastconv.conv2d(X, W), EXPECTED)
    with pytest.raises(OSError):
        fastconv.wisdom.save(place)


def test_off_means_no_file(tmp_path, monkeypatch):
    monkeypatch.setenv("FASTCONV_WISDOM", "off")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert fastconv.wisdom.path() is None
    remember(*others_than_the_model())
    assert fastconv.wisdom.save() is None and fastconv.wisdom.load() == 0
    assert list(tmp_path.iterdir()) == []
    monkeypatch.delenv("FASTCONV_WISDOM")
    assert fastconv.wisdom.path() == tmp_path / "fastconv" / "wisdom.json"


def test_a_named_file_must_exist_to_be_read(tmp_path):
    for read in (fastconv.wisdom.load, fastconv.wisdom.merge):
        with pytest.raises(FileNotFoundError):
            read(tmp_path / "none.json")


def test_interrupted_writing_leaves_the_old_file(file, monkeypatch):
    remember("im2col", "fft_blocks")
    fastconv.wisdom.save()
    before = file.read_bytes()
    remember("fft_blocks", "im2col")

    def stop(handle):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", stop)
    with pytest.raises(KeyboardInterrupt):
        fastconv.wisdom.save()
    assert file.read_bytes() == before
    assert list(file.parent.iterdir()) == [file]


WRITER = """
import sys
from fastconv._core.problem import Problem
from fastconv._planner import wisdom
wisdom._PATIENCE = 1e6  # however busy the machine is
problem = Problem.parse(sys.argv[1])
for i in range(15):
    mine = problem._replace(batch=1000 * int(sys.argv[2]) + i + 1)
    wisdom.remember(mine, 1, False, {"im2col": 1e-3, "fft_blocks": 2e-3})
    assert wisdom.save() is not None
    wisdom.clear()
"""


def test_eight_processes_writing_at_once_lose_nothing(file):
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, SPELLING, str(n)]) for n in range(8)
    ]
    readings = []
    while any(writer.poll() is None for writer in writers):
        if file.exists():
            json.loads(file.read_text())  # whole at every moment
            readings.append(fastconv.wisdom.load())
    assert [writer.wait() for writer in writers] == [0] * 8
    assert fastconv.wisdom.load() == 8 * 15
    assert readings == sorted(readings)
    assert list(file.parent.iterdir()) == [file]


def test_threads_writing_at_once_lose_nothing():
    def work(n):
        for i in range(5):
            wisdom.remember(PROBLEM._replace(batch=100 * n + i + 1), 1, False, {"fft_blocks": 1.0})
            fastconv.wisdom.save()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert fastconv.wisdom.load() == 40


def test_settings_of_tuning_are_checked():
    with pytest.raises(ValueError, match="tuning must be one of 'estimate', 'measure', 'wisdom'"):
        fastconv.set_config(tuning="patient")
    with pytest.raises(TypeError, match="deterministic must be True or False"):
        fastconv.set_config(deterministic=1)
    assert current().tuning == "estimate" and current().deterministic is False


def test_show_config_says_where_wisdom_is(file, capsys):
    remember("im2col", "fft_blocks")
    fastconv.show_config()
    facts = dict(row.split(maxsplit=1) for row in capsys.readouterr().out.splitlines())
    assert facts["wisdom"] == f"{file}, 1 entries in memory"
    assert facts["tuning"] == "estimate"
    assert int(facts["threads"]) == current().threads
