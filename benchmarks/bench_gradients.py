"""Gradients of convolution layers, and transposed convolution: seconds and GFLOP/s."""

import time

import fastconv
from benchmarks import oracle, timing
from benchmarks.problem_sets import Case

from .suite import LAYOUTS, Measured, TimedCall, checked_call, seconds, table

LAYERS = table(
    "gradients/resnet_50:conv1",
    "gradients/resnet_50:res2a_branch2b",
    "gradients/resnet_50:res3a_branch1",
    "gradients/resnet_50:res4a_branch2b",
    "gradients/resnet_50:res5a_branch2b",
    "gradients/alexnet:conv2",
    "gradients/conv4_1/dw",
)


def _decoder(channels, size, kernel):
    """The convolution that halves images of `channels` channels, whose transpose doubles them."""
    pad = kernel // 2 - 1
    return Case(
        f"{2 * channels}to{channels}_f{kernel}/{size}", "conv_grad", 1, channels, 2 * channels, 1,
        (2 * size,) * 2, (kernel,) * 2, (2, 2), (1, 1), ((pad, pad),) * 2, (size,) * 2,
        bias=False, weight="normal", count=1,
    )  # fmt: skip


DECODERS = {
    case.name: case for case in (_decoder(128, 28, 4), _decoder(64, 56, 2), _decoder(256, 14, 4))
}


class Gradients(TimedCall, cases=LAYERS, param="layer", layouts=LAYOUTS):
    """All gradients of a layer: input, weight and bias."""


class Rate(Measured, cases=LAYERS, param="layer"):
    """What the gradients of a layer reach, in absolute terms."""

    def prepare(self, layer):
        self.case = LAYERS[layer]
        return checked_call(self.case, "channels_last")

    def track_gflops(self, layer):
        return self.case.flops / seconds(self.call) / 1e9

    track_gflops.unit = "GFLOP/s"


class Transposed(TimedCall, cases=DECODERS, param="layer", layouts=LAYOUTS):
    """Transposed convolution, as decoders double their images: 4x4 and 2x2 kernels, stride 2."""

    def prepare(self, layer, layout):
        case = DECODERS[layer]
        x, weight, small = case.operands(layout)
        padding = tuple(before for before, _ in case.padding)

        def call():
            return fastconv.conv_transpose2d(
                small, weight, stride=case.stride, padding=padding, data_format=layout
            )

        # Of all gradients of the convolution that it transposes, the first.
        operands = oracle.operands_first(case, x, weight, small, layout)
        truth = oracle.answer(case, *operands)[: x.size]
        timing.rest(time.process_time)  # the threads of BLAS, which the oracle woke
        error = oracle.relative_error(oracle.channels_first(call(), layout).ravel(), truth)
        if not error <= oracle.TOLERANCE:
            raise AssertionError(f"wrong answer, relative error {error:.1e}: {layer}")
        return call
