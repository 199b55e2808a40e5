# Convolution as a product of spectra, with overlap-save, by the library's transforms: the padded input
# is cut into overlapping blocks, each transformed, multiplied by the kernels' spectra, summed over
# channels and transformed back. For kernels that no block of `fft_blocks` holds. A block mixes all of
# its inputs: where one is not finite, or a part much quieter than the rest, the planner repeats the
# call elsewhere.
#
# Overlap-save: Rabiner and Gold, Theory and Application of Digital Signal Processing, 1975, ch. 2.

from functools import lru_cache
from itertools import product
from math import log2, prod

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from .._core import fft
from .._core.padding import pad
from ._quiet import quiet_bytes, quiet_parts

name = "fft_library"
kinds = ("conv",)
local = False

# Inputs of so many points, padding and holes included, are fine anyhow, larger ones if they are
# mostly touched.
_SPARSE_ELEMENTS = 1 << 24
_SPARSE_FACTOR = 16
# Blocks are transformed together up to this many bytes of input.
_BATCH_BYTES = 16 << 20


def supports(problem):
    if problem.dtype not in ("float32", "float64"):
        return f"transforms have no {problem.dtype}"
    if problem.precision == "exact":
        return "a transform rounds, and this sum must be exact"
    reach = prod(map(sum, zip(_dense(problem), problem.extent)))
    touched = prod(problem.input) + prod(problem.output) + problem.taps
    if reach > max(_SPARSE_ELEMENTS, _SPARSE_FACTOR * touched):
        return f"would transform {reach} mostly empty points per channel"
    return None


def estimate(problem, machine, prepacked):
    sizes = _sizes(problem)
    points, count = prod(sizes), prod(_block_counts(problem)) * problem.batch
    weights = problem.out_channels * problem.in_channels // problem.groups
    transforms = count * (problem.in_channels + problem.out_channels)
    transforms += 0 if prepacked else weights
    # Threads of the transforms gain little: as if all were done by one.
    return machine.seconds(
        name,
        flops=machine.threads * transforms * 2.5 * points * log2(max(points, 2)),
        tiles=machine.threads * -(-count // _blocks_at_once(problem)),
        moved=machine.threads * transforms * points,
        products=machine.threads * count * weights * points // 2,
        rows=machine.threads * count,
        weights=0,
    )


def workspace(problem, threads):
    size = np.dtype(problem.dtype).itemsize
    points = prod(_sizes(problem))
    per_block = points * size * 2
    blocks = _blocks_at_once(problem)
    padded = prod(_padded_sizes(problem)) * problem.in_channels * problem.batch * size
    return quiet_bytes(problem) + padded + 2 * blocks * per_block * (problem.in_channels + problem.out_channels)


def compile(problem):
    return problem


def prepare(problem, weight, threads):
    """Conjugate spectra of the kernels, holes of dilation included: (group, filter, channel, *f)."""
    p = problem
    stuffed = np.zeros((p.groups, p.out_channels // p.groups, weight.shape[1], *p.extent), p.dtype)
    holes = (..., *(slice(None, None, d) for d in p.dilation))
    stuffed[holes] = weight.reshape(*stuffed.shape[:3], *p.kernel)
    spectra = fft.forward(stuffed, _sizes(p), _axes(p), None)
    return np.conj(spectra, out=spectra)


def run(problem, packed, inputs, outputs, threads):
    x, bias = inputs
    (y,) = outputs
    p = problem
    sizes, steps = zip(*_blocks(p))
    lead = (1,) * (3 - p.ndim)
    if quiet_parts(p, x, lead + sizes, lead + steps, threads):
        return False
    if p.layout == "channels_last":
        x, y = np.moveaxis(x, -1, 1), np.moveaxis(y, -1, 1)
    windows = sliding_window_view(pad(p, x, _padded_sizes(p)), sizes, tuple(range(2, 2 + p.ndim)))
    windows = windows[(slice(None), slice(None), *(slice(None, None, s) for s in steps))]
    shift = None if bias is None else bias.reshape(-1, *(1,) * p.ndim)
    places = list(product(range(p.batch), *map(range, windows.shape[2 : 2 + p.ndim])))
    at_once = _blocks_at_once(p)
    for start in range(0, len(places), at_once):
        chosen = places[start : start + at_once]
        index = tuple(np.array(axis) for axis in zip(*chosen))
        blocks = windows[(index[0], slice(None), *index[1:])]
        result = _correlate(p, packed, blocks, sizes, threads)
        for place, block in zip(chosen, result):
            _keep(p, y[place[0]], place[1:], block, steps, shift)
    return None


def _correlate(problem, packed, blocks, sizes, threads):
    """Circular correlation of (block, channel, *size) with all kernels: (block, filter, *size)."""
    with np.errstate(over="ignore", invalid="ignore"):  # the planner looks at the result
        return _multiply_spectra(problem, packed, blocks, sizes, threads)


def _multiply_spectra(problem, packed, blocks, sizes, threads):
    p = problem
    spectra = fft.forward(blocks, sizes, _axes(p), threads)
    frequencies = spectra.shape[2:]
    grouped = spectra.reshape(len(blocks), p.groups, p.in_channels // p.groups, *frequencies)
    if grouped.shape[2] == 1:
        products = grouped * packed[None, :, :, 0]
    else:
        # One matrix product per frequency: (blocks, channels) @ (channels, filters).
        left = np.moveaxis(grouped.reshape(*grouped.shape[:3], -1), (1, 3), (0, 1))
        right = np.moveaxis(packed.reshape(*packed.shape[:3], -1), 3, 1).swapaxes(2, 3)
        products = np.moveaxis(np.matmul(left, right), (0, 1), (1, 3))
    products = products.reshape(len(blocks), p.out_channels, *frequencies)
    return fft.inverse(products, sizes, _axes(p), threads)


def _keep(problem, y, place, block, steps, shift):
    """Write a block's outputs, those free of wrap-around and on the stride, where they belong."""
    source, target = [slice(None)], [slice(None)]
    for i, stride, out, step in zip(place, problem.stride, problem.output, steps):
        first = -(-i * step // stride)  # the first output at or after the block's start
        last = min(-(-(i + 1) * step // stride), out)
        if first >= last:
            return
        source.append(slice(first * stride - i * step, (last - 1) * stride - i * step + 1, stride))
        target.append(slice(first, last))
    kept = block[tuple(source)]
    if shift is not None:
        kept = kept + shift
    if problem.relu:
        kept = np.where(kept < 0, np.zeros((), kept.dtype), kept)
    y[tuple(target)] = kept


def _axes(problem):
    return tuple(range(-problem.ndim, 0))


def _dense(problem):
    """Outputs per axis at stride 1."""
    return [(o - 1) * s + 1 for o, s in zip(problem.output, problem.stride)]


@lru_cache(maxsize=1024)
def _blocks(problem):
    """Per axis the length of a transform that costs least over all blocks, and outputs from block to block."""
    return tuple(_block(problem, axis) for axis in range(problem.ndim))


def _block(problem, axis):
    dense, extent, size = _dense(problem)[axis], problem.extent[axis], problem.input[axis]
    pads = problem.pad_begin[axis], problem.pad_end[axis]
    whole = dense + extent - 1
    best = None
    length = extent
    while length < whole:
        length = min(2 * length, whole)
        fast = fft.next_fast_len(length)
        cost = -(-dense // (fast - extent + 1)) * fast * log2(fast + 1)
        if best is None or cost < best[0]:
            best = cost, fast, fast - extent + 1
    if problem.padding_mode == "zeros" and min(pads) >= 0:
        # In one block, zeros before the input and behind it are the same, seen from both ends.
        whole = max(size + max(pads), dense, extent)
    fast = fft.next_fast_len(whole)
    cost = fast * log2(fast + 1)
    return (fast, dense) if best is None or cost <= best[0] else best[1:]


def _sizes(problem):
    return tuple(size for size, _ in _blocks(problem))


def _block_counts(problem):
    return [-(-dense // step) for dense, (_, step) in zip(_dense(problem), _blocks(problem))]


def _blocks_at_once(problem):
    channels = problem.in_channels + problem.out_channels
    return max(1, _BATCH_BYTES // (prod(_sizes(problem)) * channels * 4))


def _padded_sizes(problem):
    """Input sizes with padding, and zeros at the end to a whole number of blocks."""
    blocks = zip(_block_counts(problem), _blocks(problem))
    return [(count - 1) * step + size for count, (size, step) in blocks]
