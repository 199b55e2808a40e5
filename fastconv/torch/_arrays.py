"""Tensors as arrays that share their memory, and back."""

import torch

from ..config import config

_LAST = {4: torch.channels_last, 5: torch.channels_last_3d}
_DTYPES = (torch.float32, torch.float64, torch.float16, torch.complex64, torch.complex128)


def check(op, *tensors):
    """TypeError unless all are tensors on the CPU, of a dtype that both sides have."""
    for tensor in tensors:
        if tensor is None:
            continue
        if tensor.device.type not in ("cpu", "meta"):
            raise TypeError(f"{op}: fastconv computes on the CPU, got a tensor on {tensor.device}")
        if tensor.dtype not in _DTYPES:
            raise TypeError(f"{op}: no tensors of {tensor.dtype}; convert it, e.g. x.float()")


def is_last(tensor):
    """Whether a tensor has its channels last in memory, and not first."""
    form = _LAST.get(tensor.ndim)
    return form is not None and tensor.is_contiguous(memory_format=form) and not tensor.is_contiguous()


def as_array(tensor, last=False):
    """An array over a tensor's memory; with `last`, with its channels last."""
    if last:
        tensor = tensor.movedim(1, -1)
    return tensor.detach().resolve_conj().resolve_neg().numpy()


def as_tensor(array, last=False):
    """A tensor over an array's memory, with its channels first."""
    tensor = torch.from_numpy(array)
    return tensor.movedim(-1, 1) if last else tensor


def layout(last):
    """The data format of arrays."""
    return "channels_last" if last else "channels_first"


def empty_like_result(x, shape):
    """A tensor without data, of the memory format that results for `x` have."""
    y = x.new_empty(shape)
    return y.to(memory_format=_LAST[x.ndim]) if is_last(x) else y


def threads():
    """A block of code with as many threads as PyTorch has."""
    return config(threads=min(torch.get_num_threads(), 1024))


def each(value, ndim):
    """A list of `ndim` integers, from one or from a sequence."""
    if isinstance(value, (tuple, list)):
        return list(value) * (ndim if len(value) == 1 else 1)
    return [value] * ndim
