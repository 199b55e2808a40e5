"""Pooling and its gradients: the windows of networks, and the large ones of image processing."""

from .suite import LAYOUTS, Measured, TimedCall, seconds, table

WINDOWS = table(
    "pool/alexnet:max_pool5",
    "pool/resnet_50:max_pool1",
    "pool/googlenet_v1:inception_4a/max_pool",
    "pool/vgg_19:max_pool2",
    "pool/resnet_50:avg_pool5",
    "pool/densenet:avg_pool1",
    "pool/inception:avg_pool3x3/35",
    "pool/3d_unet:max_pool1",
    "pool/audio:avg_pool4",
    "pool/dilate31/1024",
)


class Pool(TimedCall, cases=WINDOWS, param="window", layouts=LAYOUTS):
    pass


GRADIENTS = table(
    "pool_gradients/alexnet:max_pool5",
    "pool_gradients/resnet_50:max_pool1",
    "pool_gradients/vgg_19:max_pool2",
    "pool_gradients/resnet_50:avg_pool5",
    "pool_gradients/densenet:avg_pool1",
)


class Gradient(TimedCall, cases=GRADIENTS, param="window", layouts=LAYOUTS):
    pass


class Rate(Measured, cases=WINDOWS, param="window"):
    """Bytes read and written per second."""

    def track_bandwidth(self, window):
        return WINDOWS[window].bytes / seconds(self.call) / 1e9

    track_bandwidth.unit = "GB/s"
