"""scipy.ndimage: correlate, a pass per axis where the filter is separable, and rank filters."""

import numpy as np

from .face import Prepared, Refusal, Rival, fastest, one_plane_each, planes, rank_one, unit_steps

# Seconds per multiply-add of ndimage.correlate, and how long one call may take.
_DIRECT = 1.5e-9
_PATIENCE = 2.0


class ScipyNdimage(Rival):
    name = "scipy.ndimage"
    modules = ("scipy.ndimage",)

    def start(self, threads):
        import scipy

        return f"scipy {scipy.__version__}"

    def prepare(self, case, layout, x, weight, bias):
        unit_steps(case, stride=case.op != "conv")
        one_plane_each(case)
        keep = tuple(map(_kept, case.input, case.kernel, case.padding, case.output, case.stride))
        inputs = planes(case, x, layout).reshape(-1, *case.input)
        if case.op != "conv":
            detail, call = fastest(_pools(case, inputs, keep))
        else:
            ratio = case.out_channels // case.in_channels
            filters = weight.reshape(-1, *case.kernel)
            pairs = [
                (inputs[k // ratio], filters[k % len(filters)])
                for k in range(case.batch * case.out_channels)
            ]
            detail, call = fastest(_filters(case, pairs, keep))
        shape = case.output_shape("channels_first")
        if bias is None:
            return Prepared(call, lambda ys: np.asarray(ys).reshape(shape), detail)
        biases = np.tile(bias, case.batch)
        return Prepared(
            lambda: [y + b for y, b in zip(call(), biases)],
            lambda ys: np.asarray(ys).reshape(shape),
            detail,
        )


def _filters(case, pairs, keep):
    from scipy import ndimage

    zero = {"mode": "constant", "cval": 0.0}
    found = []
    if case.ndim == 1:
        found.append(
            ("correlate1d", lambda: [ndimage.correlate1d(x, w, **zero)[keep] for x, w in pairs])
        )
    elif _DIRECT * case.flops / 2 < _PATIENCE:
        found.append(
            ("correlate", lambda: [ndimage.correlate(x, w, **zero)[keep] for x, w in pairs])
        )
    if case.ndim == 2:
        factors = [rank_one(w) for _, w in pairs]
        if all(pair is not None for pair in factors):
            found.append(
                (
                    "correlate1d twice",
                    lambda: [
                        ndimage.correlate1d(
                            ndimage.correlate1d(x, column, axis=0, **zero), row, axis=1, **zero
                        )[keep]
                        for (x, _), (column, row) in zip(pairs, factors)
                    ],
                )
            )
    if not found:
        raise Refusal(f"one call would take over {_PATIENCE:.0f} s")
    return found


def _pools(case, inputs, keep):
    from scipy import ndimage

    size = case.kernel
    if case.op == "max_pool":
        return [
            (
                "maximum_filter",
                lambda: [
                    ndimage.maximum_filter(x, size, mode="constant", cval=-np.inf)[keep]
                    for x in inputs
                ],
            )
        ]
    return [
        (
            "uniform_filter",
            lambda: [ndimage.uniform_filter(x, size, mode="constant")[keep] for x in inputs],
        )
    ]


def _kept(size, kernel, padding, outputs, stride):
    """The part of ndimage's centred, input-sized result that are the outputs."""
    start = kernel // 2 - padding[0]
    last = start + (outputs - 1) * stride
    if start < 0 or last >= size:
        raise Refusal("the output reaches further than the input")
    return slice(start, last + 1, stride)
