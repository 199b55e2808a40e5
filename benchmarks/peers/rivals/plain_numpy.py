"""NumPy alone: np.correlate for signals, otherwise the idioms that people write."""

import numpy as np

from .face import Prepared, Refusal, Rival, fastest, planes

_LARGEST_COPY = 1 << 30  # bytes of im2col


class PlainNumPy(Rival):
    name = "numpy"
    modules = ("numpy",)

    def start(self, threads):
        return f"numpy {np.__version__}"

    def prepare(self, case, layout, x, weight, bias):
        x = planes(case, x, layout)
        pad = ((0, 0), (0, 0), *case.padding)
        if min(min(pair) for pair in pad) < 0:
            raise Refusal("np.pad has no negative padding")
        if not any(any(pair) for pair in pad):
            pad = None
        if case.op == "conv":
            candidates = _convolutions(case, x, pad, weight, bias)
        else:
            candidates = _pools(case, x, pad)
        detail, call = fastest(candidates)
        return Prepared(call, lambda y: y, detail)


def _convolutions(case, x, pad, weight, bias):
    column = None if bias is None else bias.reshape(-1, *(1,) * case.ndim)
    groups, fan_in = case.groups, case.in_channels // case.groups
    per_group = case.out_channels // groups

    def finish(y):
        return y if column is None else y + column

    def correlate():
        source = _padded(x, pad)
        rows = [
            [np.correlate(source[n, k // per_group], weight[k, 0]) for k in range(len(weight))]
            for n in range(case.batch)
        ]
        return finish(np.array(rows))[..., :: case.stride[0]]

    def shift_and_add():
        source = _padded(x, pad).reshape(case.batch, groups, fan_in, *_sizes(case))
        filters = weight.reshape(groups, per_group, fan_in, *case.kernel)
        y = np.zeros((case.batch, groups, per_group, *case.output), x.dtype)
        for tap in np.ndindex(*case.kernel):
            window = source[(..., *_window(case, tap))]
            for k, c in np.ndindex(per_group, fan_in):
                scale = filters[(slice(None), k, c, *tap)].reshape(-1, *(1,) * case.ndim)
                y[:, :, k] += scale * window[:, :, c]
        return finish(y.reshape(case.output_shape("channels_first")))

    def im2col():
        windows = _windows(case, _padded(x, pad))
        kept = range(2, 2 + case.ndim)
        taps = range(2 + case.ndim, 2 + 2 * case.ndim)
        # (out, in, taps) x (n, in, outputs, taps): tensordot copies the windows, then calls BLAS.
        parts = [
            np.tensordot(
                windows[:, g * fan_in : (g + 1) * fan_in],
                weight[g * per_group : (g + 1) * per_group],
                ((1, *taps), (1, *kept)),
            )
            for g in range(groups)
        ]
        y = parts[0] if groups == 1 else np.concatenate(parts, axis=-1)
        return finish(np.moveaxis(y, -1, 1))

    found = []
    if case.ndim == 1 and fan_in == 1 and set(case.dilation) == {1} and case.out_channels <= 32:
        return [("correlate", correlate)]
    if per_group * fan_in <= 8 and case.taps <= 256:
        found.append(("shift and add", shift_and_add))
    copy = 4 * case.taps * case.batch * case.in_channels * int(np.prod(case.output))
    if copy <= _LARGEST_COPY and groups <= 32:
        found.append(("im2col, tensordot", im2col))
    if not found:
        raise Refusal(f"im2col would copy {copy >> 20} MiB")
    return found


def _pools(case, x, pad):
    largest = case.op == "max_pool"

    def fold():
        source = _padded(x, pad, -np.inf if largest else 0.0)
        step = np.maximum if largest else np.add
        taps = [source[(..., *_window(case, tap))] for tap in np.ndindex(*case.kernel)]
        y = taps[0].copy()
        for tap in taps[1:]:
            step(y, tap, out=y)
        if not largest:
            y /= case.taps
        return y

    def reduce():
        windows = _windows(case, _padded(x, pad, -np.inf if largest else 0.0))
        axes = tuple(range(-case.ndim, 0))
        return windows.max(axes) if largest else windows.mean(axes)

    return [("fold taps", fold), ("sliding_window_view", reduce)]


def _padded(x, pad, value=0.0):
    return x if pad is None else np.pad(x, pad, constant_values=value)


def _sizes(case):
    return [size + before + after for size, (before, after) in zip(case.input, case.padding)]


def _window(case, tap):
    return tuple(
        slice(t * d, t * d + (o - 1) * s + 1, s)
        for t, d, o, s in zip(tap, case.dilation, case.output, case.stride)
    )


def _windows(case, padded):
    """A view (N, C, *outputs, *kernel)."""
    axes = tuple(range(2, 2 + case.ndim))
    extent = tuple(d * (k - 1) + 1 for d, k in zip(case.dilation, case.kernel))
    view = np.lib.stride_tricks.sliding_window_view(padded, extent, axes)
    steps = (slice(None, (o - 1) * s + 1, s) for o, s in zip(case.output, case.stride))
    dilated = (slice(None, None, d) for d in case.dilation)
    return view[(slice(None), slice(None), *steps, *dilated)]
