"""fastconv: convolution and pooling for NumPy arrays on the CPU."""

from . import filters, grad, shapes, wisdom
from .config import config, get_config, set_config, show_config
from .conv import conv1d, conv2d, conv3d
from .conv_transpose import conv_transpose1d, conv_transpose2d, conv_transpose3d
from .linear_maps import as_matrix, col2im, im2col
from .locally_connected import locally_connected1d, locally_connected2d, locally_connected3d
from .planning import explain, plan, tune
from .pool import (
    ArgmaxCache,
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    global_avg_pool,
    global_max_pool,
    max_pool1d,
    max_pool2d,
    max_pool3d,
)

__version__ = "0.1.0"

__all__ = [
    "ArgmaxCache",
    "as_matrix",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "col2im",
    "config",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "explain",
    "filters",
    "get_config",
    "global_avg_pool",
    "global_max_pool",
    "grad",
    "im2col",
    "locally_connected1d",
    "locally_connected2d",
    "locally_connected3d",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
    "plan",
    "set_config",
    "shapes",
    "show_config",
    "tune",
    "wisdom",
]
