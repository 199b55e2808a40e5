"""The team of threads: every task is done once, whoever calls, forks or is slow."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fastconv._core import team

HERE = Path(__file__).parent
CORE = HERE.parent / "fastconv" / "_core"


def compiled(folder, *flags):
    """The harness as a program; None where the compiler knows not all `flags`."""
    program = folder / "harness"
    command = ["cc", "-O1", "-g", "-pthread", "-D_GNU_SOURCE", f"-I{CORE}", *flags, HERE / "team_harness.c", "-o", program]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError:
        return None
    return program if done.returncode == 0 else None


# Without -U__linux__ threads sleep on futexes, with it on condition variables.
@pytest.mark.parametrize("system", [(), ("-U__linux__",)])
@pytest.mark.parametrize("sanitizer", ["none", "thread", "address,undefined"])
def test_every_task_is_done_once(tmp_path, sanitizer, system):
    flags = () if sanitizer == "none" else (f"-fsanitize={sanitizer}",)
    program = compiled(tmp_path, *flags, *system)
    if program is None:
        pytest.skip(f"no C compiler, or none with -fsanitize={sanitizer}")
    options = {"TSAN_OPTIONS": "die_after_fork=0", "ASAN_OPTIONS": "detect_leaks=0"}
    done = subprocess.run([program], env={**os.environ, **options}, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    # No more than the most threads asked for, whatever the number of callers.
    assert done.stdout == "5 workers\n" and not done.stderr


def test_idle_workers_take_no_processor_time():
    program = """if True:
        import time, numpy as np, fastconv
        x, w = np.ones((1, 16, 64, 64), "f"), np.ones((16, 16, 3, 3), "f")
        with fastconv.config(threads=3):
            fastconv.conv2d(x, w)
        time.sleep(0.1)
        before = time.process_time()
        time.sleep(0.5)
        print(time.process_time() - before)
    """
    taken = subprocess.check_output([sys.executable, "-c", program], text=True)
    assert float(taken) < 0.01


def test_what_a_region_costs_is_measured():
    for threads in (1, 2, 3):
        assert 0 < team.region_seconds(threads, 10) < 1
