"""Pooling and its gradients: the windows of networks, and the large ones of image processing."""

from .suite import LAYOUTS, Measured, checked_call, seconds, table

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


class Pool(Measured):
    params = [list(WINDOWS), LAYOUTS]
    param_names = ["window", "layout"]

    def prepare(self, window, layout):
        return checked_call(WINDOWS[window], layout)

    def time_call(self, window, layout):
        self.call()


GRADIENTS = table(
    "pool_gradients/alexnet:max_pool5",
    "pool_gradients/resnet_50:max_pool1",
    "pool_gradients/vgg_19:max_pool2",
    "pool_gradients/resnet_50:avg_pool5",
    "pool_gradients/densenet:avg_pool1",
)


class Gradient(Measured):
    params = [list(GRADIENTS), LAYOUTS]
    param_names = ["window", "layout"]

    def prepare(self, window, layout):
        return checked_call(GRADIENTS[window], layout)

    def time_call(self, window, layout):
        self.call()


class Rate(Measured):
    """Bytes read and written per second."""

    params = [list(WINDOWS)]
    param_names = ["window"]

    def prepare(self, window):
        return checked_call(WINDOWS[window])

    def track_bandwidth(self, window):
        return WINDOWS[window].bytes / seconds(self.call) / 1e9

    track_bandwidth.unit = "GB/s"
