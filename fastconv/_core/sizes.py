"""Output-size arithmetic of convolution and pooling, along one axis or all of them.

The floor rule throughout: ``out = (in + before + after - dilation * (kernel - 1) - 1) // stride + 1``.
"""

from math import gcd, prod

from .arguments import as_pairs

# Bytes that a process can address on today's 64-bit processors: no array is larger.
ADDRESSABLE = 2**47


def effective_kernel(kernel, dilation):
    """Extent of a kernel with its holes: ``dilation * (kernel - 1) + 1``."""
    return dilation * (kernel - 1) + 1


def same_pair(size, kernel, stride, dilation, *, lower):
    """Padding (before, after) for ``ceil(size / stride)`` outputs; `lower` puts the odd one first."""
    outputs = -(-size // stride)
    total = max((outputs - 1) * stride + effective_kernel(kernel, dilation) - size, 0)
    half = total // 2
    return (total - half, half) if lower else (half, total - half)


def resolve_padding(op, padding, sizes, kernel, stride, dilation):
    """Any spelling of `padding` as one (before, after) pair per axis."""
    ndim = len(sizes)
    axes = range(ndim)
    if isinstance(padding, str):
        if padding == "valid":
            return ((0, 0),) * ndim
        if padding in ("same", "same_lower"):
            lower = padding == "same_lower"
            return tuple(
                same_pair(sizes[i], kernel[i], stride[i], dilation[i], lower=lower) for i in axes
            )
        if padding == "full":
            return tuple((dilation[i] * (kernel[i] - 1),) * 2 for i in axes)
        if padding == "causal":
            if ndim != 1:
                raise ValueError(f"{op}: padding 'causal' is for 1-D only")
            return ((dilation[0] * (kernel[0] - 1), 0),)
    return as_pairs(op, padding, ndim)


def conv_output(op, sizes, kernel, stride, dilation, pads):
    """Spatial output sizes; raises where an axis has no room for the kernel."""
    outputs = []
    for i, size in enumerate(sizes):
        before, after = pads[i]
        room = size + before + after - effective_kernel(kernel[i], dilation[i])
        if room < 0:
            raise ValueError(
                f"{op}: the kernel does not fit on axis {i}: input {size} + padding "
                f"({before}, {after}) = {size + before + after} is smaller than the extent "
                f"{effective_kernel(kernel[i], dilation[i])} of kernel {kernel[i]} "
                f"with dilation {dilation[i]}"
            )
        outputs.append(room // stride[i] + 1)
    return tuple(outputs)


def sizeless_padding(op, padding, kernel, dilation):
    """Pairs for a `padding` that does not depend on the size of the input."""
    if isinstance(padding, str) and padding in ("same", "same_lower"):
        raise ValueError(f"{op}: padding {padding!r} depends on the input's size; give numbers")
    ones = (1,) * len(kernel)
    return resolve_padding(op, padding, ones, kernel, ones, dilation)


def transposed_output(op, sizes, kernel, stride, dilation, pads, extra):
    """Spatial output sizes of transposed convolution, `extra` elements longer at the end."""
    outputs = []
    for i, size in enumerate(sizes):
        if extra[i] >= max(stride[i], dilation[i]):
            raise ValueError(
                f"{op}: output_padding {extra[i]} on axis {i} must be smaller than "
                f"stride {stride[i]} or dilation {dilation[i]}"
            )
        grown = (size - 1) * stride[i] + effective_kernel(kernel[i], dilation[i]) + extra[i]
        if grown - sum(pads[i]) < 1 or size < 1:
            raise ValueError(
                f"{op}: nothing is left on axis {i}: input {size} grows to {grown}, "
                f"of which padding {pads[i]} is taken off"
            )
        outputs.append(grown - sum(pads[i]))
    return tuple(outputs)


def pool_output(op, sizes, kernel, stride, dilation, pads, ceil_mode):
    """Spatial output sizes of pooling; with `ceil_mode`, a last partial window counts too,

    unless it would start in the padding after the input.
    """
    if not ceil_mode:
        return conv_output(op, sizes, kernel, stride, dilation, pads)
    outputs = []
    for i, size in enumerate(sizes):
        before, after = pads[i]
        room = size + before + after - effective_kernel(kernel[i], dilation[i])
        count = -(-room // stride[i]) + 1
        if room % stride[i] and (count - 1) * stride[i] >= size + before:
            count -= 1
        outputs.append(count)
    if min(outputs) < 1:  # not even a partial window: the floor rule says so in words
        return conv_output(op, sizes, kernel, stride, dilation, pads)
    return tuple(outputs)


def largest_part(size, parts):
    """The most elements that one of `parts` windows sees which part `size` evenly, and overlap."""
    step, rest = divmod(size, parts)
    # Window `i` sees i * size // parts to ceil((i + 1) * size / parts).
    return step if not rest else step + 1 + (gcd(rest, parts) != rest)


def check_total(op, what, shape, itemsize, limit=ADDRESSABLE):
    """Refuse arrays of `limit` bytes or more."""
    total = prod(int(n) for n in shape) * itemsize
    if total >= limit:
        raise ValueError(f"{op}: {what} of shape {tuple(shape)} would need {total} bytes")
