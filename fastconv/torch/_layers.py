"""Our operators in the layers of an existing model."""

import functools

import torch
from torch import nn

from .. import conv, conv_transpose
from ..planning import plan
from . import _convolution, _pooling
from ._arrays import as_array, as_tensor, is_last, layout, threads

_KINDS = {
    nn.Conv1d: (_convolution.conv1d, conv.conv1d), nn.Conv2d: (_convolution.conv2d, conv.conv2d),
    nn.Conv3d: (_convolution.conv3d, conv.conv3d),
    nn.ConvTranspose1d: (_convolution.conv_transpose1d, conv_transpose.conv_transpose1d),
    nn.ConvTranspose2d: (_convolution.conv_transpose2d, conv_transpose.conv_transpose2d),
    nn.ConvTranspose3d: (_convolution.conv_transpose3d, conv_transpose.conv_transpose3d),
    nn.MaxPool1d: (_pooling.max_pool1d, None), nn.MaxPool2d: (_pooling.max_pool2d, None),
    nn.MaxPool3d: (_pooling.max_pool3d, None), nn.AvgPool1d: (_pooling.avg_pool1d, None),
    nn.AvgPool2d: (_pooling.avg_pool2d, None), nn.AvgPool3d: (_pooling.avg_pool3d, None),
}  # fmt: skip
# Sizes of input that a layer keeps packed weights for.
_MOST_PLANS = 8


def accelerate(module):
    """Have the layers of a model computed by fastconv.

    Parameters
    ----------
    module : torch.nn.Module
        Convolutions, transposed or not, and max and average poolings in it are changed in place: their
        ``forward`` is replaced. Parameters and hooks stay. Layers whose padding is not zeros stay
        PyTorch's, and a call with tensors that fastconv does not take (of another device or dtype) is.

    Returns
    -------
    callable
        Call it, or use it in a ``with`` block, to have everything as it was.

    Notes
    -----
    Without gradients, weights are packed once for each size of input, and again when they have changed.

    Examples
    --------
    >>> import torch, fastconv.torch
    >>> model = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.ReLU(), torch.nn.MaxPool2d(2))
    >>> undo = fastconv.torch.accelerate(model)
    >>> model(torch.ones(1, 3, 8, 8)).shape
    torch.Size([1, 8, 3, 3])
    >>> undo()
    """
    changed = []
    for layer in module.modules():
        kind = type(layer)
        if (
            kind not in _KINDS
            or getattr(layer, "padding_mode", "zeros") != "zeros"
            or "forward" in vars(layer)
        ):
            continue
        operator, planned = _KINDS[kind]
        ours = _Convolution(layer, operator, planned) if planned else _Pooling(layer, operator)
        layer.forward = functools.update_wrapper(ours, layer.forward)
        changed.append(layer)
    return _Undo(changed)


class _Undo:
    """What puts the layers' own ``forward`` back."""

    def __init__(self, layers):
        self._layers = layers

    def __call__(self):
        while self._layers:
            vars(self._layers.pop()).pop("forward", None)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self()


class _Layer:
    def __init__(self, layer, operator):
        self._layer, self._operator = layer, operator

    def _theirs(self, *args):
        return type(self._layer).forward(self._layer, *args)


class _Pooling(_Layer):
    """The ``forward`` of a pooling layer."""

    def __call__(self, x):
        layer = self._layer
        if x.device.type != "cpu" or not x.is_floating_point() or x.dtype == torch.bfloat16:
            return self._theirs(x)
        names = (
            "kernel_size",
            "stride",
            "padding",
            "dilation",
            "ceil_mode",
            "return_indices",
            "count_include_pad",
        )
        options = {name: getattr(layer, name) for name in names if hasattr(layer, name)}
        if getattr(layer, "divisor_override", None) is not None:
            options["divisor_override"] = layer.divisor_override
        return self._operator(x, **options)


class _Convolution(_Layer):
    """The ``forward`` of a convolution layer."""

    def __init__(self, layer, operator, planned):
        super().__init__(layer, operator)
        self._planned, self._plans = planned, {}

    def __call__(self, x, output_size=None):
        layer, weight = self._layer, self._layer.weight
        taken = x.device.type == weight.device.type == "cpu" and x.dtype == weight.dtype
        if output_size is not None:
            return self._theirs(x, output_size)
        if not taken or x.dtype not in (torch.float32, torch.float64):
            return self._theirs(x)
        # Of inputs without a batch the operator sees to it.
        general = x.ndim != weight.ndim or isinstance(layer.padding, str)
        if general or torch.compiler.is_compiling() or torch.is_grad_enabled():
            return self._operator(x, weight, layer.bias, **self._options())
        last = is_last(x)
        with threads():
            y = self._plan(x, last)(as_array(x, last))
        return as_tensor(y, last)

    def _options(self):
        layer = self._layer
        options = dict(
            stride=layer.stride, padding=layer.padding, dilation=layer.dilation, groups=layer.groups
        )
        return {**options, "output_padding": layer.output_padding} if layer.transposed else options

    def _plan(self, x, last):
        """Packed weights for inputs of this size, as long as the weights are the same."""
        layer = self._layer
        parameters = (layer.weight,) if layer.bias is None else (layer.weight, layer.bias)
        state = tuple((p.data_ptr(), p._version) for p in parameters)
        key = tuple(x.shape), x.dtype, last, torch.get_num_threads()
        kept = self._plans.get(key)
        if kept is None or kept[0] != state:
            bias = None if layer.bias is None else as_array(layer.bias)
            made = plan(
                self._planned, as_array(x, last), as_array(layer.weight), bias, data_format=layout(last),
                **self._options(),
            )  # fmt: skip
            if len(self._plans) >= _MOST_PLANS:
                self._plans.clear()
            kept = self._plans[key] = state, made
        return kept[1]
