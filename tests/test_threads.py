"""Threads: the same bits for any number, callers at once, forks, environment."""

import multiprocessing
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import fastconv
from fastconv._algorithms import registry
from fastconv._core import arena
from fastconv._kernels import isa

RNG = np.random.default_rng(3)
SHAPES = [
    ((1, 16, 40, 40), (24, 16, 3, 3), {}),
    ((3, 64, 14, 14), (96, 64, 3, 3), dict(padding=1)),
    ((2, 32, 30, 30), (32, 1, 3, 3), dict(groups=32, padding=1)),
    ((1, 128, 7, 7), (256, 128, 1, 1), {}),
    ((1, 37, 56, 56), (96, 37, 1, 1), dict(stride=2)),
]


def normal(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("layout", ["channels_first", "channels_last"])
@pytest.mark.parametrize("room", [r.name for r in registry.rooms_for("conv") if r.name.startswith("direct")])
@pytest.mark.parametrize("x_shape, w_shape, options", SHAPES)
def test_the_same_bits_for_any_number_of_threads(room, layout, x_shape, w_shape, options):
    x, w = normal(*x_shape), normal(*w_shape)
    if layout == "channels_last":
        x = np.ascontiguousarray(np.moveaxis(x, 1, -1))
    results = []
    for threads in (1, 2, 3, 5, 8, 17, 70):  # there are 64 queues of tasks
        with fastconv.config(threads=threads):
            try:
                y = fastconv.conv2d(x, w, data_format=layout, algorithm=room, **options)
            except ValueError as refusal:
                assert "no algorithm" in str(refusal)
                return
        results.append(y)
    assert all(np.array_equal(y, results[0]) for y in results)


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("gap", [0, 1, 12])
def test_rows_of_packed_planes_are_written_beside_gaps(threads, gap):
    x, w = np.rint(normal(1, 37, 56, 56)), np.rint(normal(96, 37, 1, 1))
    memory = np.full((1, 96, 28, 28 + gap), np.nan, np.float32)
    with fastconv.config(threads=threads, algorithm="direct_pixels"):
        y = fastconv.conv2d(x, w, stride=2, out=memory[..., :28])
    assert np.array_equal(y, fastconv.conv2d(x, w, stride=2, algorithm="reference"))
    assert np.isnan(memory[..., 28:]).all()


def test_many_python_threads_calling_at_once():
    cases = []
    for x_shape, w_shape, options in SHAPES:
        x, w = np.rint(normal(*x_shape)), np.rint(normal(*w_shape))
        expected = fastconv.conv2d(x, w, algorithm="reference", **options)
        plan = fastconv.plan(fastconv.conv2d, x.shape, w, **options)
        cases.append((x, w, options, expected, plan))

    def work(seed):
        for i in range(40):
            x, w, options, expected, plan = cases[(seed + i) % len(cases)]
            with fastconv.config(threads=1 + (seed + i) % 3):
                y = plan(x) if i % 2 else fastconv.conv2d(x, w, **options)
            if not np.array_equal(y, expected):
                return False
        return True

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(work, range(16)))
    assert arena.kept_bytes() <= 256 << 20


def _convolve_in_child(queue):
    x, w = np.ones((2, 32, 40, 40), np.float32), np.ones((32, 32, 3, 3), np.float32)
    queue.put(float(fastconv.conv2d(x, w).sum()))


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_a_child_process_convolves_after_its_parent_did(method):
    x, w = np.ones((2, 32, 40, 40), np.float32), np.ones((32, 32, 3, 3), np.float32)
    with fastconv.config(threads=3):
        expected = float(fastconv.conv2d(x, w).sum())
    context = multiprocessing.get_context(method)
    queue = context.Queue()
    child = context.Process(target=_convolve_in_child, args=(queue,))
    child.start()
    try:
        assert queue.get(timeout=60) == expected
        child.join(timeout=60)
        assert child.exitcode == 0
    finally:
        child.kill()


def python(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **environment}, text=True,
        capture_output=True, timeout=120,
    )  # fmt: skip


def test_the_environment_sets_the_number_of_threads():
    code = "import fastconv; print(fastconv.get_config()['threads'])"
    processors = len(os.sched_getaffinity(0))
    assert python(code, FASTCONV_NUM_THREADS="7").stdout == "7\n"
    assert python(code, FASTCONV_NUM_THREADS="", OMP_NUM_THREADS="1").stdout == "1\n"
    assert python(code, FASTCONV_NUM_THREADS="", OMP_NUM_THREADS="999").stdout == f"{processors}\n"
    refused = python(code, FASTCONV_NUM_THREADS="many")
    assert "must be an integer from 1 to 1024, got 'many'" in refused.stderr


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity on this system")
def test_affinity_limits_the_number_of_threads():
    code = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))});"
        "import fastconv; print(fastconv.get_config()['threads'])"
    )
    assert python(code, FASTCONV_NUM_THREADS="", OMP_NUM_THREADS="").stdout == "1\n"


def test_small_thread_stacks_are_enough():
    code = (
        "import numpy as np, fastconv\n"
        "x, w = np.ones((2, 64, 40, 40), 'f'), np.ones((64, 64, 3, 3), 'f')\n"
        "print(all((fastconv.conv2d(x, w, algorithm=a, data_format=f) == 576).all()\n"
        "          for a in ('direct_pixels', 'direct_channels')\n"
        "          for f in ('channels_first',)))"
    )
    run = python(code, OMP_STACKSIZE="64k", FASTCONV_NUM_THREADS="3")
    assert run.stdout == "True\n", run.stderr


def test_an_unknown_or_unavailable_level_is_an_error():
    code = "import fastconv"
    unknown = python(code, FASTCONV_ISA="sse9")
    assert unknown.returncode
    assert f"no level 'sse9'; there are {', '.join(isa.LEVELS)}" in unknown.stderr


def test_importing_leaves_denormals_alone():
    code = (
        "import numpy as np, fastconv\n"
        "fastconv.conv1d(np.ones((1, 9), 'f'), np.ones((1, 1, 3), 'f'))\n"
        "print(np.float64(5e-324) / 1 != 0, np.float32(1e-45) * np.float32(1) != 0)"
    )
    assert python(code).stdout == "True True\n"


@pytest.mark.parametrize("kernel, size", [(31, 121), (17, 107), (40, 190), (3, 60)])
def test_bands_of_planes_give_the_same_bits_for_any_number_of_threads(kernel, size):
    """Boxes, and so where a tile begins, follow the threads; where partial sums end must not."""
    rng = np.random.default_rng(kernel)
    x = rng.standard_normal((1, 1, size, size)).astype(np.float32)
    w = rng.standard_normal((1, 1, kernel, kernel)).astype(np.float32)
    results = []
    for threads in (1, 2, 3, 5, 17):
        with fastconv.config(threads=threads):
            results.append(fastconv.conv2d(x, w, algorithm="direct_planes").tobytes())
    assert len(set(results)) == 1


def test_two_hundred_repeats_give_the_same_bits():
    x, w, g = normal(2, 16, 20, 20), normal(24, 16, 3, 3), normal(2, 24, 20, 20)
    calls = [
        lambda: fastconv.conv2d(x, w, padding=1, algorithm="winograd"),
        lambda: fastconv.grad.conv2d(x, w, g, padding=1, needs=("weight",), algorithm="direct")[1],
        lambda: fastconv.grad.conv2d(x, w, g, padding=1, needs=("input",), algorithm="direct_channels")[0],
        lambda: fastconv.max_pool2d(x, 3, return_indices=True)[1],
    ]
    for call in calls:
        expected = call().tobytes()
        for repeat in range(200):
            with fastconv.config(threads=(1, 2, 3, 5)[repeat % 4]):
                assert call().tobytes() == expected


def test_a_forked_child_computes_on_threads():
    """While other threads of its parent compute, and after its own first call."""
    program = """if True:
        import os, threading, numpy as np, fastconv
        x, w = np.ones((1, 32, 40, 40), "f"), np.ones((32, 32, 3, 3), "f")
        stop = False
        def work():
            while not stop:
                fastconv.conv2d(x, w)
        callers = [threading.Thread(target=work) for _ in range(3)]
        [caller.start() for caller in callers]
        for _ in range(20):
            child = os.fork()
            if child == 0:
                right = all((fastconv.conv2d(x, w) == 288).all() for _ in range(3))
                os._exit(0 if right else 1)
            assert os.waitpid(child, 0)[1] == 0
        stop = True
        [caller.join() for caller in callers]
        print("done")
    """
    assert python(program, FASTCONV_NUM_THREADS="3").stdout == "done\n"
