"""fastconv: convolution and pooling for NumPy arrays on the CPU."""

from .config import config, get_config, set_config
from .conv import conv1d, conv2d, conv3d
