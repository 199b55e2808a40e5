"""scipy.signal: the fastest of its functions that do the problem."""

import numpy as np

from .face import Prepared, Refusal, Rival, fastest, planes, unit_steps

# Seconds per multiply-add of the direct functions, by dimensions: 1-D is a BLAS dot per output.
_DIRECT = {1: 5e-10, 2: 1e-8, 3: 2e-8}
_PATIENCE = 1.0  # seconds
_MOST_PAIRS = 32


class ScipySignal(Rival):
    name = "scipy.signal"
    modules = ("scipy.signal",)

    def start(self, threads):
        import scipy

        return f"scipy {scipy.__version__}"

    def prepare(self, case, layout, x, weight, bias):
        if case.op != "conv":
            raise Refusal("no pooling")
        unit_steps(case, stride=False)
        fan_in = case.in_channels // case.groups
        if case.batch * case.out_channels * fan_in > _MOST_PAIRS:
            raise Refusal(f"one call per pair of planes, and there are over {_MOST_PAIRS}")
        mode, pad = _mode(case)
        x = planes(case, x, layout)
        shape = case.output_shape("channels_first")
        step = tuple(slice(None, None, s) for s in case.stride)
        per_group = case.out_channels // case.groups

        def whole(function):
            def call():
                source = np.pad(x, pad) if pad else x
                y = np.zeros(shape, x.dtype)
                for n, k in np.ndindex(case.batch, case.out_channels):
                    for c in range(fan_in):
                        y[n, k] += function(source[n, k // per_group * fan_in + c], weight[k, c])
                    if bias is not None:
                        y[n, k] += bias[k]
                return y

            return call

        candidates = [
            (name, whole(function)) for name, function in _functions(case, mode, step)
        ]
        detail, call = fastest(candidates)
        return Prepared(call, lambda y: y, detail)


def _functions(case, mode, step):
    """Name and function (plane, filter) -> plane of outputs, of all that are worth a try."""
    from scipy import signal

    direct = _DIRECT[case.ndim] * case.flops / 2 * np.prod(case.stride) < _PATIENCE
    if direct and case.ndim == 2:
        yield "correlate2d", lambda x, w: signal.correlate2d(x, w, mode)[step]
    elif direct:
        yield "correlate", lambda x, w: signal.correlate(x, w, mode, method="direct")[step]
    yield "fftconvolve", lambda x, w: signal.fftconvolve(x, np.flip(w), mode)[step]
    yield "oaconvolve", lambda x, w: signal.oaconvolve(x, np.flip(w), mode)[step]
    if case.ndim == 1 and mode == "valid" and direct:
        (stride,), (kernel,), (outputs,) = case.stride, case.kernel, case.output
        # upfirdn keeps every stride-th output of the full convolution from its first on; zeros
        # before the filter make the first valid output one of them.
        zeros = np.zeros(-(kernel - 1) % stride, np.float32)
        first = (kernel - 1 + len(zeros)) // stride

        def upfirdn(x, w):
            delayed = np.concatenate([zeros, w[::-1]])
            return signal.upfirdn(delayed, x, down=stride)[first : first + outputs]

        yield "upfirdn", upfirdn


def _mode(case):
    """scipy's mode, and the padding that must come first where no mode has it."""
    if all(pair == (0, 0) for pair in case.padding):
        return "valid", None
    if all(k % 2 and pair == (k // 2, k // 2) for pair, k in zip(case.padding, case.kernel)):
        return "same", None
    if all(pair == (k - 1, k - 1) for pair, k in zip(case.padding, case.kernel)):
        return "full", None
    if min(min(pair) for pair in case.padding) < 0:
        raise Refusal("no negative padding")
    return "valid", ((0, 0), (0, 0), *case.padding)
