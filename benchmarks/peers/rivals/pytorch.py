"""PyTorch, eager: channels first, channels last, and weights prepacked for oneDNN."""

from benchmarks.oracle import together
from benchmarks.problem_sets import CONV_GRADIENTS, GRADIENTS, OPS

from .face import Prepared, Refusal, Rival


class ChannelsFirst(Rival):
    """torch.nn.functional on contiguous tensors."""

    name = "torch"
    modules = ("torch",)
    ops = OPS
    last = False

    def start(self, threads):
        import torch

        torch.set_num_threads(threads)
        # In force for the whole process; leaving it is what its object does when it dies.
        self._inference = torch.inference_mode()
        self._inference.__enter__()
        precision = torch.backends.mkldnn.conv.fp32_precision
        return f"torch {torch.__version__}, fp32_precision {precision}"

    def prepare(self, case, layout, x, weight, bias):
        import torch
        import torch.nn.functional as F

        x, weight, bias = self.tensors(case, layout, x, weight, bias)
        if case.op == "conv_transpose":
            return _transposed(case, weight, bias)
        if case.op in CONV_GRADIENTS:
            return _gradients(case, x, weight, bias)
        if case.op in GRADIENTS:
            return _pool_gradient(case, x, bias)
        pads, pad_first = _padding(case)
        settings = {"stride": case.stride, "padding": pads}
        if case.op == "conv":
            function = getattr(F, f"conv{case.ndim}d")
            settings |= {"dilation": case.dilation, "groups": case.groups}

            def operation(x):
                return function(x, weight, bias, **settings)
        else:
            function = getattr(F, f"{case.op}{case.ndim}d")
            if case.op == "max_pool":
                settings["dilation"] = case.dilation
            if case.op == "max_pool" and _ceil_mode(case):
                pads, pad_first = tuple(p[0] for p in case.padding), None
                settings |= {"ceil_mode": True, "padding": pads}
            if any(2 * p > k for p, k in zip(settings["padding"], case.kernel)):
                raise Refusal("padding of more than half a window")

            def operation(x):
                return function(x, case.kernel, **settings)

        if pad_first is None:
            return Prepared(lambda: operation(x), torch.Tensor.numpy)
        value = float("-inf") if case.op == "max_pool" else 0.0
        return Prepared(
            lambda: operation(F.pad(x, pad_first, value=value)),
            torch.Tensor.numpy,
            "F.pad in the call: the padding is not symmetric",
        )

    def tensors(self, case, layout, x, weight, bias):
        """The operands in the memory format of this rival, x and weight of the same."""
        import torch

        memory_format = torch.contiguous_format
        if self.last and case.ndim == 1:
            raise Refusal("torch has no channels-last memory format for 1-D")
        if self.last:
            memory_format = torch.channels_last if case.ndim == 2 else torch.channels_last_3d

        def images(array):
            tensor = torch.from_numpy(array)
            if layout == "channels_last":
                tensor = tensor.movedim(-1, 1)
            return tensor.contiguous(memory_format=memory_format)

        if weight is not None:
            weight = torch.from_numpy(weight).contiguous(memory_format=memory_format)
        if case.op in GRADIENTS:
            bias = images(bias)
        elif bias is not None:
            bias = torch.from_numpy(bias)
        return images(x), weight, bias


class ChannelsLast(ChannelsFirst):
    """The same functions on tensors in the channels-last memory format."""

    name = "torch-cl"
    last = True


class Packed(ChannelsFirst):
    """oneDNN through PyTorch with reordered weights, as torch.compile's frozen graphs call it."""

    name = "torch-packed"
    planned = True
    ops = Rival.ops
    last = True

    def prepare(self, case, layout, x, weight, bias):
        import torch

        if case.op != "conv":
            raise Refusal("only convolution has weights")
        if not case.symmetric:
            raise Refusal("padding is not symmetric")
        x, weight, bias = self.tensors(case, layout, x, weight, bias)
        reorder = getattr(torch._C._nn, f"mkldnn_reorder_conv{case.ndim}d_weight")
        pads = tuple(before for before, _ in case.padding)
        geometry = (pads, case.stride, case.dilation, case.groups)
        packed = reorder(weight.to_mkldnn(), *geometry, x.shape)
        convolve = torch.ops.mkldnn._convolution_pointwise
        return Prepared(
            lambda: convolve(x, packed, bias, *geometry, "none", [], ""), torch.Tensor.numpy
        )


def _gradients(case, x, weight, grad_output):
    """What autograd calls for a convolution."""
    import torch

    if not case.symmetric:
        raise Refusal("gradients: padding is not symmetric")
    pads, none = tuple(before for before, _ in case.padding), (0,) * case.ndim
    geometry = (case.stride, pads, case.dilation, False, none, case.groups)
    mask = [case.op != f"conv_grad_{other}" for other in ("weight", "input", "bias")]
    mask[2] = all(mask)
    needs = [case.out_channels], *geometry, mask
    backward = torch.ops.aten.convolution_backward

    def seen(grads):
        wanted = [one.numpy() for one in grads if one is not None]
        return together(*wanted) if all(mask) else wanted[0]

    return Prepared(
        lambda: backward(grad_output, x, weight, *needs), seen, "aten::convolution_backward"
    )


def _transposed(case, weight, x):
    import torch
    import torch.nn.functional as F

    if not case.symmetric:
        raise Refusal("padding is not symmetric")
    function = getattr(F, f"conv_transpose{case.ndim}d")
    pads = tuple(before for before, _ in case.padding)
    settings = {"stride": case.stride, "padding": pads, "output_padding": case.output_padding}
    settings |= {"groups": case.groups, "dilation": case.dilation}
    return Prepared(lambda: function(x, weight, **settings), torch.Tensor.numpy)


def _pool_gradient(case, x, grad_output):
    """What autograd calls for a pooling; of maxima, with the indices that the pooling gave."""
    import torch

    pads, ceil = tuple(before for before, _ in case.padding), False
    if not case.symmetric:
        ceil = _ceil_mode(case)
        if not ceil or case.op == "avg_pool_grad":
            raise Refusal("gradients: padding is not symmetric")
    if case.ndim == 1:
        raise Refusal("gradients: the operator is for 2-D and 3-D")
    if any(2 * p > k for p, k in zip(pads, case.kernel)):
        raise Refusal("padding of more than half a window")
    ops = torch.ops.aten
    if case.op == "avg_pool_grad":
        backward = getattr(ops, f"avg_pool{case.ndim}d_backward")
        windows = case.kernel, case.stride, pads, ceil, True, None

        def call():
            return backward(grad_output, x, *windows)
    else:
        windows = case.kernel, case.stride, pads, case.dilation, ceil
        _, indices = getattr(ops, f"max_pool{case.ndim}d_with_indices")(x, *windows)
        backward = getattr(ops, f"max_pool{case.ndim}d_with_indices_backward")

        def call():
            return backward(grad_output, x, *windows, indices)

    return Prepared(call, torch.Tensor.numpy, f"aten::{backward.__name__}")


def _padding(case):
    """(one padding per axis, or zeros; what F.pad must do first, or None)."""
    if case.symmetric:
        return tuple(before for before, _ in case.padding), None
    # F.pad lists the last axis first.
    return (0,) * case.ndim, tuple(side for pair in reversed(case.padding) for side in pair)


def _ceil_mode(case):
    """Whether padding as before the first element, and ceil_mode, make the same windows."""
    if case.symmetric:
        return False
    for size, kernel, stride, dilation, (before, _), outputs in zip(
        case.input, case.kernel, case.stride, case.dilation, case.padding, case.output
    ):
        room = size + 2 * before - dilation * (kernel - 1) - 1
        if -(-room // stride) + 1 != outputs or (outputs - 1) * stride >= size + before:
            return False
    return True
