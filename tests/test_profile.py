"""Profiles and calibration: whose prices are paid, read with care, and choices that are sound under all of them."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import fastconv
from fastconv._core import processor
from fastconv._core.problem import Problem
from fastconv._kernels import isa
from fastconv._planner import planner, profile
from fastconv.config import current

NAMES = sorted(profile.shipped())
# One of each kind, and the algorithm that would be no sound choice for it on any machine.
KINDS = {
    "conv2d f32 cl c64 k64 i56x56 f3x3 p1x1": ("fft_library", "im2col", "reference"),
    "conv2d f32 cf c512 k512 i14x14 f1x1": ("fft_library", "fft_blocks", "reference"),
    "conv2d f32 cf c1 k1 i1024x1024 f3x3 p1x1": ("im2col", "fft_library", "reference"),
    "conv2d f32 cf c1 k1 i512x512 f63x63 p31x31": ("im2col", "reference", "direct_dots"),
    "conv1d f32 cf c1 k1 i1000000 f4001 p2000": ("im2col", "direct_pixels", "reference"),
    "conv2d f32 cl c256 k256 g256 i28x28 f3x3 p1x1": ("im2col", "direct_channels", "reference"),
    "conv3d f32 cf c16 k16 i16x16x16 f3x3x3 p1x1x1": ("fft_library", "im2col", "reference"),
}


@pytest.fixture(autouse=True)
def looked_for_again(monkeypatch, tmp_path):
    monkeypatch.setenv("FASTCONV_WISDOM", str(tmp_path / "wisdom.json"))
    monkeypatch.delenv("FASTCONV_PROFILE", raising=False)
    profile.use(None)
    planner.forget()
    yield
    profile.use(None)
    planner.forget()


def choices(by):
    """What is chosen by a profile for each kind."""
    profile.use(by)
    planner.forget()
    settings = current()._replace(threads=2, deterministic=True)
    return {line: planner.choose(Problem.parse(line), settings).room.name for line in KINDS}


@pytest.mark.parametrize("name", NAMES)
def test_choices_under_every_shipped_profile_are_sound(name):
    for line, chosen in choices(profile.shipped()[name]).items():
        assert chosen not in KINDS[line]


def test_choices_of_a_derived_profile_are_sound():
    for line, chosen in choices(profile.derived()).items():
        assert chosen not in KINDS[line]


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_profile_is_for_its_processors_only(name):
    data = json.loads((Path(profile.__file__).with_name("profiles.json")).read_text())
    (fields,) = (one for one in data["profiles"] if one["name"] == name)
    vendor, family, *ranges = fields["processors"]
    for first, last in ranges:
        assert profile.shipped_for((vendor, family, first)).name == name
        assert profile.shipped_for((vendor, family, last)).name == name
    assert profile.shipped_for((vendor, family + 2, first)) is None
    assert profile.shipped_for(("", 0, 0)) is None


def test_every_key_is_explained_where_it_stands():
    folder = Path(profile.__file__).parent
    profiles = json.loads((folder / "profiles.json").read_text())
    for one in profiles["profiles"]:
        assert set(one) - {"name", "source", "processors"} <= set(profiles["keys"])
    costs = json.loads((folder / "costs.json").read_text())
    assert {unit for unit, _ in costs["counts"].values()} == set(costs["units"]) == set(profile.UNITS)
    for rooms in costs["prices"].values():
        for prices in rooms.values():
            assert set(prices) <= set(costs["counts"])


def test_prices_travel_with_the_profile():
    """On a machine of half the clock everything that is paid in cycles takes twice the time."""
    here = profile.shipped()["AMD Zen 4"]
    slow = here._replace(clock=here.clock / 2)
    amounts = dict.fromkeys(profile.UNITS, 0.0) | {"cycle": 1000.0}
    assert slow.seconds("any", amounts, "avx2", 2) == 2 * here.seconds("any", amounts, "avx2", 2)
    biased = here._replace(rooms={"any": {"cycle": 3.0}})
    assert biased.seconds("any", amounts, "avx2", 2) == pytest.approx(
        3 * here.seconds("any", amounts, "avx2", 2)
    )


@pytest.mark.parametrize("name", ["AMD Zen 5", "derived"])
def test_the_environment_names_a_profile(monkeypatch, name):
    monkeypatch.setenv("FASTCONV_PROFILE", name)
    assert profile.active().origin == ("derived" if name == "derived" else "named")
    assert "AMD Zen 5" in str(profile.active()) or name == "derived"


def test_a_profile_is_kept_and_found_again(monkeypatch, tmp_path):
    kept = profile.derived()._replace(origin="calibrated", rooms={"winograd": {"flop": 2.0}})
    assert profile.save(kept) == tmp_path / "profile.json"
    assert profile.active() == kept
    elsewhere = tmp_path / "other.json"
    (tmp_path / "profile.json").rename(elsewhere)
    profile.use(None)
    assert profile.active().origin in ("shipped", "derived")
    monkeypatch.setenv("FASTCONV_PROFILE", str(elsewhere))
    profile.use(None)
    assert profile.active().rooms == kept.rooms


@pytest.mark.parametrize(
    "harm",
    [
        lambda text: "",
        lambda text: text[: len(text) // 2],
        lambda text: "[" * 100_000,
        lambda text: text.replace('"clock": ', '"clock": -'),
        lambda text: text.replace('"clock": ', '"clock": 1e999, "other": '),
        lambda text: text.replace('"near": ', '"near": "fast", "other": '),
        lambda text: text.replace('"flop": 2.0', '"flop": 1e-30'),
        lambda text: text.replace('"flop": 2.0', '"turns": 2.0'),
        lambda text: text.replace("fastconv profile", "another"),
        lambda text: text.replace('"version": "', '"version": "0.0.'),
        lambda text: text.replace('"processor": "', '"processor": "not '),
        lambda text: text.replace('"far": {', '"far": {"none": 1.0, '),
        lambda text: text + " " * (1 << 17),
    ],
)
def test_what_was_not_written_here_is_passed_over(tmp_path, harm):
    file = profile.save(profile.derived()._replace(rooms={"winograd": {"flop": 2.0}}))
    harmed = harm(file.read_text())
    assert harmed != file.read_text()
    file.write_text(harmed)
    assert profile.active().origin in ("shipped", "derived")


def test_a_named_profile_that_cannot_be_used_is_told(monkeypatch, tmp_path):
    for named in (tmp_path / "missing.json", tmp_path):
        monkeypatch.setenv("FASTCONV_PROFILE", str(named))
        profile.use(None)
        with pytest.warns(RuntimeWarning, match="FASTCONV_PROFILE=.*is not used"):
            assert profile.active().origin in ("shipped", "derived")


def test_calibration_measures_keeps_and_tells(tmp_path):
    seen = []
    found = fastconv.calibrate(
        3, progress=lambda *step: seen.append(step), report=tmp_path / "report.json"
    )
    assert found.saved == tmp_path / "profile.json"
    assert profile.active() == found.profile and found.profile.origin == "calibrated"
    assert found.choices > 0 and 0 <= found.before <= 1 and 0 <= found.after <= 1
    assert len(seen) > 10 and all(0 <= done < total for done, total, _ in seen)
    assert f"{found.choices} choices" in repr(found) and "the worst" in repr(found)
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["identity"] == list(processor.identity())
    assert set(report["flops"]) == set(isa.available())
    x = np.ones((1, 3, 16, 16), np.float32)
    assert fastconv.conv2d(x, np.ones((2, 3, 3, 3), np.float32)).min() == 27
    profile.use(None)
    assert profile.active() == found.profile


def test_calibration_that_is_stopped_changes_nothing(tmp_path):
    before = profile.active()

    def stop(done, total, what):
        if done > 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fastconv.calibrate(3, progress=stop)
    assert profile.active() == before
    assert not (tmp_path / "profile.json").exists()


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), "long", None])
def test_a_time_that_is_none_is_refused(seconds):
    with pytest.raises(ValueError, match="seconds must be a time"):
        fastconv.calibrate(seconds)


def test_calibrating_is_safe_beside_other_calls():
    x, w = np.ones((1, 8, 32, 32), np.float32), np.ones((8, 8, 3, 3), np.float32)
    wrong, stop = [], threading.Event()

    def compute():
        while not stop.is_set():
            if fastconv.conv2d(x, w).max() != 72:
                wrong.append(1)

    other = threading.Thread(target=compute)
    other.start()
    try:
        fastconv.calibrate(2, progress=False)
    finally:
        stop.set()
        other.join()
    assert not wrong


def test_the_command_line(tmp_path):
    def run(*words):
        command = [sys.executable, "-m", "fastconv", *words]
        environment = {**os.environ, "FASTCONV_WISDOM": str(tmp_path / "wisdom.json")}
        return subprocess.run(command, capture_output=True, text=True, env=environment)

    told = run("calibrate", "--seconds", "2", "--report", str(tmp_path / "report.json"), "--quiet")
    assert told.returncode == 0 and "saved in" in told.stdout and told.stderr == ""
    assert (tmp_path / "report.json").exists()
    assert "calibrated" in run("info").stdout
    told = run("explain", "conv2d f32 c64 k64 i56x56 f3x3 p1x1")
    assert "calibrated" in told.stdout
    assert run("calibrate", "--seconds", "-1").returncode == 2
