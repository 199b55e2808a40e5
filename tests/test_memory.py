"""Where memory is short: MemoryError, nothing lost, and the next call right; and BLAS after a fork.

Each test has a process of its own, which may get no more than some megabytes beyond what it has.
"""

import os
import subprocess
import sys

import numpy as np
import pytest

import fastconv
from fastconv._algorithms import registry
from fastconv._core import arena

try:
    import resource
except ImportError:
    resource = None

STATM = "/proc/self/statm"
pytestmark = pytest.mark.skipif(
    resource is None or not os.path.exists(STATM),
    reason="needs limits of memory, and Linux to tell its use",
)
MEGABYTES = (0, 0.3, 1, 2, 3, 5, 8, 12, 20, 30, 38, 60)


def calls():
    """Names and calls of everything, with operands and results of megabytes."""
    x, w = np.ones((1, 16, 200, 200), np.float32), np.ones((16, 16, 3, 3), np.float32)
    g = np.ones((1, 16, 198, 198), np.float32)
    for room in registry.rooms_for("conv"):
        fits = x, w
        if room.name == "direct_depthwise":
            fits = x, w[:, :1]
        elif room.name == "direct_signals":
            fits = x.reshape(1, 1, 640000), w[:1, 0].reshape(1, 1, 9)
        convolve = fastconv.conv1d if fits[0].ndim == 3 else fastconv.conv2d
        options = {"algorithm": room.name, "groups": fits[0].shape[1] // fits[1].shape[1]}
        try:
            fastconv.plan(convolve, fits[0].shape, fits[1], **options)
        except ValueError:
            continue
        yield room.name, lambda convolve=convolve, fits=fits, options=options: convolve(*fits, **options)
    yield "conv_transpose", lambda: fastconv.conv_transpose2d(x, w, stride=2)
    yield "gradients", lambda: fastconv.grad.conv2d(x, w, g)[1]
    yield "complex", lambda: fastconv.conv2d(x + 1j, w)
    yield "half", lambda: fastconv.conv2d(x.astype(np.float16), w.astype(np.float16))
    yield "integers", lambda: fastconv.conv2d(x.astype(np.int32), w.astype(np.int32))
    yield "max_pool", lambda: fastconv.max_pool2d(x, 3, 1, return_indices=True)[1]
    yield "avg_pool", lambda: fastconv.avg_pool2d(x, 3, 1, data_format="channels_last")
    yield (
        "max_pool_gradient",
        lambda: fastconv.grad.max_pool2d(*fastconv.max_pool2d(x, 2, return_cache=True)),
    )
    yield "normalized", lambda: fastconv.normalized_conv2d(x, w)
    yield "im2col", lambda: fastconv.im2col(x[:, :2], 3)
    yield "gaussian", lambda: fastconv.ndimage.gaussian_filter(x[0, 0], 2.0)


def used():
    """Bytes of address space."""
    with open(STATM) as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def squeezed(name, call):
    """How often a call fails where memory is short; each time it leaves nothing, and works again after."""
    expected, failed = call(), 0
    call()
    before = used()
    for megabytes in MEGABYTES:
        arena.clear()
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        resource.setrlimit(resource.RLIMIT_AS, (used() + int(megabytes * 2**20), hard))
        try:
            found = call()
        except MemoryError:
            found = None
            failed += 1
        finally:
            resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
        for result in (found, call()):
            assert result is None or np.array_equal(result, expected), name
        del found, result
    arena.clear()
    assert used() - before < 4 << 20, f"{name}: {used() - before} bytes are lost"
    return failed


def python(program, **environment):
    # What is freed goes back to the system, so that what a call needs must come from there.
    environment["MALLOC_MMAP_THRESHOLD_"] = "65536"
    environment["PYTHONPATH"] = os.pathsep.join([os.path.dirname(__file__), *sys.path])
    return subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, **environment}, text=True, capture_output=True, timeout=120
    )  # fmt: skip


@pytest.mark.parametrize("threads", [1, 3])
def test_memory_errors_leave_nothing_behind(threads):
    done = python("from test_memory import main; main()", FASTCONV_NUM_THREADS=str(threads))
    assert done.returncode == 0 and done.stdout == "done\n", done.stderr[-3000:]


def main():
    for name, call in calls():
        print(name, file=sys.stderr, flush=True)
        failed = squeezed(name, call)
        print(name, failed, file=sys.stderr, flush=True)
        assert failed, name
    print("done")


def test_blas_without_room_for_its_buffers_is_a_memory_error():
    program = """if True:
        import numpy as np, resource, fastconv
        from fastconv._core import blas
        from test_memory import used
        x, w = np.ones((1, 8, 40, 40), "f"), np.ones((8, 8, 3, 3), "f")
        blas.load()
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        resource.setrlimit(resource.RLIMIT_AS, (used() + (20 << 20), hard))
        try:
            fastconv.conv2d(x, w, algorithm="im2col")
        except MemoryError as error:
            print("BLAS" in str(error))
        resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
        print((fastconv.conv2d(x, w, algorithm="im2col") == 72).all())
    """
    assert python(program).stdout == "True\nTrue\n"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")
def test_a_child_forked_while_another_thread_multiplies_matrices():
    program = """if True:
        import os, threading, time, numpy as np, fastconv
        x, w = np.ones((1, 64, 100, 100), "f"), np.ones((64, 64, 3, 3), "f")
        plan = fastconv.plan(fastconv.conv2d, x.shape, w, algorithm="im2col")
        stop = False
        def work():
            while not stop:
                plan(x)
        other = threading.Thread(target=work)
        other.start()
        time.sleep(0.1)
        for _ in range(10):
            child = os.fork()
            if child == 0:
                os._exit(0 if (plan(x) == 576).all() else 1)
            assert os.waitpid(child, 0)[1] == 0
        stop = True
        other.join()
        print("done")
    """
    done = python(program)
    assert done.stdout == "done\n", done.stderr
