"""Convolution layers of real networks: seconds, GFLOP/s, and their part of the ceiling."""

from fastconv import ceiling, get_config

from .suite import LAYOUTS, Measured, TimedCall, TimedPlan, checked_plan, seconds, table

LAYERS = table(
    "wavenet/conv1d_1x1_1",
    "wavenet/conv1d_1",
    "wavenet/conv1d_10",
    "resnet50/conv1",
    "resnet50/res2a_branch2b",
    "resnet50/res3a_branch2c",
    "resnet50/res4a_branch1",
    "resnet50/res5a_branch2b",
    "vgg19/conv1_1",
    "vgg19/conv3_1",
    "vgg19/conv5_1",
    "alexnet/conv1",
    "alexnet/conv2",
    "googlenet/conv2/3x3",
    "googlenet/inception_4a/5x5",
    "mobilenet/conv2",
    "mobilenet_dw/conv2_1/dw",
    "mobilenet_dw/conv4_2/dw",
    "mobilenet_dw/conv5_1/dw",
    "unet3d/conv_7",
)


class Function(TimedCall, cases=LAYERS, param="layer", layouts=LAYOUTS):
    """The public function, which packs the weights at every call."""


class Plan(TimedPlan, cases=LAYERS, param="layer", layouts=LAYOUTS):
    """A plan: weights packed beforehand, the output written in place."""


class Rate(Measured, cases=LAYERS, param="layer"):
    """What a plan reaches, in absolute terms and of what this machine can do."""

    def prepare(self, layer):
        self.case = LAYERS[layer]
        return checked_plan(self.case, "channels_last")[0]

    def track_gflops(self, layer):
        return self.case.flops / seconds(self.call) / 1e9

    track_gflops.unit = "GFLOP/s"

    def track_of_ceiling(self, layer):
        limits = ceiling.measured(get_config()["threads"])
        least, _ = limits.least_seconds(self.case.flops, self.case.bytes)
        return 100 * least / seconds(self.call)

    track_of_ceiling.unit = "%"
