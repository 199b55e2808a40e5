"""PyTorch's convolutions and poolings over our engine, on the CPU (extra ``torch``).

Functions have the signatures of `torch.nn.functional`; they are operators of PyTorch, with gradients of
every order, for `torch.compile` and `torch.export`. Tensors are not copied, and channels-last ones stay so.
`accelerate` puts our operators into the layers of an existing model.

>>> import torch, fastconv.torch
>>> x = torch.ones(1, 3, 8, 8, requires_grad=True)
>>> y = fastconv.torch.conv2d(x, torch.ones(4, 3, 3, 3), padding=1)
>>> y.sum().backward()
>>> x.grad[0, 0, :2, :3]
tensor([[16., 24., 24.],
        [24., 36., 36.]])

=============  ==========================================================
_convolution   conv1d, conv2d, conv3d, conv_transpose1d, 2d, 3d
_pooling       max_pool1d, ..., avg_pool3d
_layers        accelerate
_arrays        tensors as arrays and back
=============  ==========================================================
"""

try:
    import torch as _torch  # noqa: F401
except ImportError as error:
    raise ImportError('fastconv.torch needs PyTorch: pip install "fastconv[torch]"') from error

from ._convolution import conv1d, conv2d, conv3d, conv_transpose1d, conv_transpose2d, conv_transpose3d
from ._layers import accelerate
from ._pooling import avg_pool1d, avg_pool2d, avg_pool3d, max_pool1d, max_pool2d, max_pool3d

__all__ = [
    "accelerate",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
]
