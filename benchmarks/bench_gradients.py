"""Gradients of convolution layers, and transposed convolution: seconds and GFLOP/s."""

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
DECODERS = table(
    "transposed/dcgan_4x4s2_128to3_64",
    "transposed/unet_2x2s2_128to64_256",
    "transposed/deeplab_4x4s2_21to21_128",
    "transposed/vocoder_1024s256_1026to1_256k",
)


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
    """Transposed convolution: decoders that double their images, and one of a signal from its spectra."""
