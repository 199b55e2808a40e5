"""A signal whose handler raises, as Ctrl-C does, ends a long call; what is not begun is left."""

import signal
import threading

import numpy as np
import pytest

import fastconv
from fastconv import ndimage

pytestmark = pytest.mark.skipif(
    not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread(),
    reason="needs a timer's signals",
)


class Enough(BaseException):
    pass


@pytest.fixture
def soon():
    """What has Enough raised in the main thread, a fifth of a second later."""

    def handler(number, frame):
        raise Enough

    before = signal.signal(signal.SIGALRM, handler)
    yield lambda: signal.setitimer(signal.ITIMER_REAL, 0.2)
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def endless(*shape):
    """A large array of ones, that takes no memory."""
    return np.broadcast_to(np.ones((), np.float32), shape)


def result(*shape):
    return np.full(shape, np.nan, np.float32)


X, LARGE = endless(1, 2048, 300, 300), np.ones((64, 2048, 3, 3), np.float32)
PICTURE = np.ones((3000, 3000), np.int32)
# (call with out=, shape of out) of calls that take seconds.
CALLS = {
    **{
        name: (lambda out, name=name: fastconv.conv2d(X, LARGE, algorithm=name, out=out), (1, 64, 298, 298))
        for name in ("direct_channels", "direct_pixels", "winograd")
    },
    "direct_signals": (lambda out: fastconv.conv1d(
        endless(64, 1, 200_000), endless(1, 1, 4000), algorithm="direct_signals", out=out), (64, 1, 196_001)),
    "grad_weight": (lambda out: np.copyto(out, fastconv.grad.conv2d_weight(
        X, LARGE.shape, endless(1, 64, 298, 298))), LARGE.shape),
    "max_pool": (lambda out: fastconv.max_pool2d(endless(1, 2000, 1000, 1000), 100, 50, out=out), (1, 2000, 19, 19)),
    "correlate": (lambda out: ndimage.correlate(PICTURE, np.ones((61, 61)) * 0.3, output=out), (3000, 3000)),
}  # fmt: skip


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", CALLS)
def test_a_long_call_ends(name, threads, soon):
    call, shape = CALLS[name]
    out = result(*shape)
    with fastconv.config(threads=threads), pytest.raises(Enough):
        soon()
        call(out)
    assert np.isnan(out[-1]).any()  # it was not finished
    x, w = np.ones((1, 3, 5, 5), np.float32), np.ones((2, 3, 3, 3), np.float32)
    np.testing.assert_array_equal(fastconv.conv2d(x, w), np.full((1, 2, 3, 3), 27))


def test_a_call_in_another_thread_goes_on(soon):
    found, done = [], threading.Event()
    x, w = endless(1, 256, 300, 300), endless(32, 256, 3, 3)

    def work():
        for _ in range(12):
            found.append(fastconv.conv2d(x, w, algorithm="direct_channels")[0, 0, 0, 0])
        done.set()

    threading.Thread(target=work).start()
    with pytest.raises(Enough):
        soon()
        signal.pause()
    assert done.wait(300)
    assert found == [2304] * 12
