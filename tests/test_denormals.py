"""Numbers too small for full precision: exact, or zeros, and no setting that leaks."""

import threading

import numpy as np
import pytest

import fastconv
from fastconv._algorithms import registry
from fastconv._core import team
from fastconv._core.settings import current
from fastconv._planner import planner

pytestmark = [
    pytest.mark.usefixtures("every_thread_asked_for"),
    pytest.mark.skipif(not team.CAN_FLUSH, reason="this processor cannot flush denormal numbers"),
]
TINY = np.float32(1e-40)


@pytest.mark.parametrize("threads", [1, 2, 7])
def test_kept_by_default_and_flushed_when_asked(threads):
    x = np.full((2, 16, 20, 20), TINY)
    w = np.ones((16, 16, 3, 3), np.float32)
    with fastconv.config(threads=threads):
        np.testing.assert_allclose(fastconv.conv2d(x, w), 144 * np.float64(TINY), rtol=1e-4)
        with fastconv.config(denormals="flush"):
            assert not fastconv.conv2d(x, w).any()
            assert not fastconv.conv2d(np.ones_like(x), w * TINY).any()
            assert not fastconv.plan(fastconv.conv2d, x.shape, w)(x).any()
            assert not fastconv.grad.conv2d(x, w, np.ones((2, 16, 18, 18), np.float32))[1].any()
            assert not fastconv.avg_pool2d(x, 3).any()
        np.testing.assert_allclose(fastconv.conv2d(x, w), 144 * np.float64(TINY), rtol=1e-4)


def test_every_room_flushes():
    rng = np.random.default_rng(0)
    problems = [
        ((1, 32, 12, 12), (32, 32, 3, 3), 1), ((1, 32, 12, 12), (32, 32, 1, 1), 1), ((1, 32, 12, 12), (32, 1, 3, 3), 32),
        ((1, 1, 12, 700), (1, 1, 1, 65), 1), ((1, 2, 12, 12), (3, 2, 5, 5), 1), ((1, 1, 40, 40), (1, 1, 9, 9), 1),
    ]  # fmt: skip
    ran = set()
    for shape, kernel, groups in problems:
        x = np.float32(1e-22) * (1 + rng.random(shape, dtype=np.float32))
        w = np.float32(1e-20) * (1 + rng.random(kernel, dtype=np.float32))
        for room in registry.rooms_for("conv"):
            if room.name.startswith(("reference", "im2col", "fft_library")):
                continue  # by NumPy, BLAS and SciPy, in threads of their own
            try:
                with fastconv.config(algorithm=room.name, denormals="flush", threads=3):
                    y = fastconv.conv2d(x, w, groups=groups)
            except ValueError:
                continue
            ran.add(room.name)
            # Every product is below the least normal number.
            assert not y.any(), room.name
    assert len(ran) >= 8


def test_the_control_word_is_put_back():
    before = team.control_words(1)[0]
    x, w = np.full((1, 8, 16, 16), TINY), np.ones((8, 8, 3, 3), np.float32)
    with fastconv.config(denormals="flush", threads=4):
        fastconv.conv2d(x, w)
        assert set(team.control_words(4)) == {before}
    assert TINY * np.float32(1) == TINY


def test_workers_have_the_callers_word_while_they_help():
    before = team.flush_denormals()
    try:
        words = team.control_words(4)
        assert len(set(words)) == 1 and words[0] != before
    finally:
        team.set_control(before)
    assert set(team.control_words(4)) == {before}


def test_the_control_word_is_put_back_after_an_error(monkeypatch):
    before = team.control_words(1)[0]
    x, w = np.ones((1, 8, 16, 16), np.float32), np.ones((8, 8, 3, 3), np.float32)
    with fastconv.config(denormals="flush"):
        problem = fastconv.plan(fastconv.conv2d, x.shape, w).problem
        executable = planner.choose(problem, current())

        def broken(*arguments):
            raise RuntimeError("broken")

        monkeypatch.setattr(executable.room, "run", broken)
        with pytest.raises(RuntimeError, match="broken"):
            executable.run(w, None, (x, None), (np.empty((1, 8, 14, 14), np.float32),))
    assert team.control_words(1)[0] == before


def test_two_threads_with_two_settings():
    x, w = np.full((1, 8, 40, 40), TINY), np.ones((8, 8, 3, 3), np.float32)
    seen = {"keep": [], "flush": []}

    def work(how):
        with fastconv.config(denormals=how, threads=3):
            for _ in range(100):
                seen[how].append(fastconv.conv2d(x, w).any())

    threads = [threading.Thread(target=work, args=(how,)) for how in seen]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(seen["keep"]) and not any(seen["flush"])


def test_explain_and_wrong_values():
    with fastconv.config(denormals="flush"):
        told = str(fastconv.explain(fastconv.conv2d, (1, 8, 16, 16), (8, 8, 3, 3)))
    assert "denormal numbers are zeros" in told
    for value in ("ignore", True, None):
        with pytest.raises((ValueError, TypeError), match="denormals"):
            fastconv.set_config(denormals=value)
