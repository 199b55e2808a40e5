"""A minute of the fuzzer, always the same one, and what it once found."""

import fuzz
import numpy as np
import pytest
from eager import every_thread

import fastconv


@pytest.mark.parametrize("seed", range(12))
def test_random_calls(seed):
    with every_thread():
        failed = [line for index in range(1200) if (line := fuzz.failure(seed, index)[0])]
    assert not failed, "\n".join(failed)


def test_a_failure_is_told_in_a_line_that_repeats_it(monkeypatch):
    sums = fuzz.cases.oracle.over_windows
    monkeypatch.setattr(fuzz.cases.oracle, "over_windows", lambda x, maps: sums(x, maps) + 1)
    monkeypatch.setattr(fuzz.cases, "OPERATIONS", {fuzz.cases.avg_pool: 1})
    line, _ = fuzz.failure(0, 1)
    assert line.startswith("python -m tests.fuzz --case 0:1  # Difference: ") and "\n" not in line


def test_what_is_written_beside_a_result_is_noticed():
    guard = fuzz.Guarded(fuzz.cases.Draw(0), (3, 4), np.dtype(np.float32))
    guard.view[...] = 1
    assert (guard.check() == 1).all()
    guard.bytes[0] += 1
    with pytest.raises(fuzz.Difference, match="1 bytes beside the result"):
        guard.check()


def test_plans_take_foreign_byte_order():
    x, w, g = np.arange(5.0)[None], np.ones((1, 1, 3)), np.ones((1, 3))
    foreign = x.astype(">f8" if np.little_endian else "<f8")
    plan = fastconv.plan(fastconv.conv1d, x, w)
    np.testing.assert_array_equal(plan(foreign), plan(x))
    plan = fastconv.plan(fastconv.grad.conv1d, foreign, w, g)
    for found, expected in zip(plan(foreign, g), fastconv.grad.conv1d(x, w, g)):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("stride", [2**31, 2**61, 2**62 - 1])
@pytest.mark.parametrize("pool", [fastconv.avg_pool1d, fastconv.max_pool1d])
def test_steps_that_nobody_takes_need_no_memory(pool, stride):
    y = pool(np.ones((2, 40, 9), np.float32), 2, stride, ceil_mode=True)
    np.testing.assert_array_equal(y, np.ones((2, 40, 1)))


def test_the_reference_is_silent_where_infinities_cancel():
    x = np.array([[np.inf, -np.inf, 1.0]])
    y = fastconv.conv1d(x, np.ones((1, 1, 2)), algorithm="reference")
    np.testing.assert_array_equal(y, [[np.nan, -np.inf]])
