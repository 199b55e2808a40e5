"""Problem sets: records of `problems/*.json` as cases with sizes, paddings and seeded operands.

The same cases are measured by the asv suites and the peers command. Of the files, `conv_edge.json`
and `conv_transpose.json` (whose `in` is the smaller side) serve tests alone.
"""

import json
from functools import cache, reduce
from math import prod
from pathlib import Path
from typing import NamedTuple

import numpy as np

FOLDER = Path(__file__).with_name("problems")
# conv_grad: all gradients of a convolution, whose sizes are the case's, or one of them; those of
# pooling likewise. conv_transpose: from what is the convolution's output to what is its input.
CONV_GRADIENTS = ("conv_grad", "conv_grad_input", "conv_grad_weight", "conv_transpose")
POOL_GRADIENTS = ("max_pool_grad", "avg_pool_grad")
GRADIENTS = CONV_GRADIENTS + POOL_GRADIENTS
CONVOLUTIONS = ("conv", *CONV_GRADIENTS)
OPS = (*CONVOLUTIONS, "max_pool", "avg_pool", *POOL_GRADIENTS)
# Of the direct sums; window elements visited, for pooling.
_FLOPS_PER_MAC = {**dict.fromkeys(OPS, 1), **dict.fromkeys(CONVOLUTIONS, 2), "conv_grad": 4}
# Below this every integer is exact in float32, whatever the order of a sum.
EXACT_FLOAT32 = 2**24


class Case(NamedTuple):
    """One operation on given sizes, and what fills its operands."""

    name: str
    op: str  # one of OPS
    batch: int
    in_channels: int
    out_channels: int
    groups: int
    input: tuple
    kernel: tuple
    stride: tuple
    dilation: tuple
    padding: tuple  # one (before, after) pair per axis; a negative `after` crops
    output: tuple
    bias: bool
    weight: str  # "normal", or the name of an image filter
    count: int  # how often the layer occurs in its network
    dtype: str = "float32"

    @property
    def ndim(self):
        return len(self.input)

    @property
    def taps(self):
        return prod(self.kernel)

    @property
    def flops(self):
        """Floating-point operations of the direct sums; window elements visited, for pooling."""
        fan_in = self.in_channels // self.groups if self.op in CONVOLUTIONS else 1
        macs = self.batch * self.out_channels * prod(self.output) * self.taps * fan_in
        return _FLOPS_PER_MAC[self.op] * macs

    @property
    def bytes(self):
        """Bytes of the operands and the results: the least that has to move."""
        elements = self.batch * self.in_channels * prod(self.input)
        elements += self.batch * self.out_channels * prod(self.output)
        if self.op in CONVOLUTIONS:
            elements += prod(self.weight_shape)
        if self.op == "conv_grad":  # the input and the weight, and their gradients
            elements += self.batch * self.in_channels * prod(self.input) + prod(self.weight_shape)
        return np.dtype(self.dtype).itemsize * elements

    @property
    def symmetric(self):
        """Whether one padding per axis, the same on both sides, describes the case."""
        return all(before == after for before, after in self.padding)

    @property
    def weight_shape(self):
        return (self.out_channels, self.in_channels // self.groups, *self.kernel)

    @property
    def output_padding(self):
        """Rows of the input that no window reaches: what a transposed convolution adds."""
        reach = (
            (o - 1) * s + d * (k - 1) + 1 - before - after
            for o, s, d, k, (before, after) in zip(
                self.output, self.stride, self.dilation, self.kernel, self.padding
            )
        )
        return tuple(n - seen for n, seen in zip(self.input, reach))

    def shape(self, channels, spatial, layout):
        """Shape of a batch of `channels` planes of `spatial` sizes; `layout` as in fastconv."""
        if layout == "channels_first":
            return (self.batch, channels, *spatial)
        return (self.batch, *spatial, channels)

    def input_shape(self, layout):
        return self.shape(self.in_channels, self.input, layout)

    def output_shape(self, layout):
        return self.shape(self.out_channels, self.output, layout)

    def spelling(self, layout="channels_first"):
        """The library's one-line spelling of the problem; for gradients, of the convolution."""
        from fastconv._core.problem import Problem

        pad_begin, pad_end = zip(*self.padding)
        return str(
            Problem(
                "conv" if self.op in CONVOLUTIONS else self.op.removesuffix("_grad"), self.dtype, layout, self.batch, self.in_channels, self.out_channels,
                self.groups, self.input, self.kernel, self.stride, self.dilation,
                pad_begin, pad_end, self.output, bias=self.bias,
            )
        )  # fmt: skip

    def operands(self, layout="channels_first", dtype=None, values="normal", seed=0):
        """Arrays (input, weight, bias), contiguous in `layout`; None where the case has none.

        For gradients, and transposed convolutions, the last one is not the bias but the gradient
        of the output, in `layout`.

        `dtype` is that of the case unless given. `values` is "normal" (standard normal) or "integers": small, none of them zero everywhere,
        and every sum exact in float32.
        """
        dtype = self.dtype if dtype is None else dtype
        random = np.random.default_rng(seed)
        if values == "normal":
            draw = random.standard_normal
        else:
            draw = _integers(random, self)

        def images(shape):
            drawn = draw(shape)
            if layout == "channels_last":
                drawn = np.moveaxis(drawn, 1, -1)
            return np.ascontiguousarray(drawn, dtype)

        x = images(self.input_shape("channels_first"))
        if self.op not in CONVOLUTIONS:
            gradient = self.op in GRADIENTS
            return x, None, images(self.output_shape("channels_first")) if gradient else None
        if self.weight == "normal" or values == "integers":
            weight = draw(self.weight_shape)
        else:
            weight = np.broadcast_to(image_filter(self.weight, self.kernel), self.weight_shape)
        weight = np.ascontiguousarray(weight, dtype)
        if self.op in CONV_GRADIENTS:
            return x, weight, images(self.output_shape("channels_first"))
        bias = draw((self.out_channels,)).astype(dtype) if self.bias else None
        return x, weight, bias

    def cut(self, batch=None, max_flops=None):
        """The case with at most `batch` images and, by cutting rows, at most `max_flops`."""
        case = self
        if batch is not None:
            case = case._replace(batch=min(case.batch, batch))
        if max_flops is None or case.flops <= max_flops:
            return case
        rows = max(1, int(case.output[0] * max_flops / case.flops))
        before, after = case.padding[0]
        extent = case.dilation[0] * (case.kernel[0] - 1) + 1
        size = (rows - 1) * case.stride[0] + extent - before - after
        return case._replace(
            name=f"{case.name} ({rows} of {case.output[0]} rows)",
            input=(size, *case.input[1:]),
            output=(rows, *case.output[1:]),
        )


def _integers(random, case):
    """A source of integers so small that no sum of the case reaches EXACT_FLOAT32."""
    terms = case.taps * (case.in_channels // case.groups if case.op in CONVOLUTIONS else 1) + 1
    if case.op in CONV_GRADIENTS:
        per_input = case.taps * case.out_channels // case.groups
        terms = max(terms, per_input, case.batch * prod(case.output))
    largest = min(8, int((EXACT_FLOAT32 / terms) ** 0.5))
    if largest < 1:
        raise ValueError(f"{case.name}: a sum of {terms} terms cannot be kept exact in float32")
    return lambda shape: random.integers(-largest, largest, shape, endpoint=True).astype(float)


def image_filter(name, kernel):
    """The image filter `name` as a float64 array of shape `kernel`."""
    if name == "sobel":
        return np.outer([1, 2, 1], [-1, 0, 1]).astype(float)
    if name == "laplace":
        return np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]], float)
    if name == "box":
        return np.full(kernel, 1 / prod(kernel))
    if name == "gaussian":
        # The usual choice of sigma for a window of n: the tail past the window is below 1 %.
        factors = (np.exp(-0.5 * ((np.arange(n) - (n - 1) / 2) / (n / 6)) ** 2) for n in kernel)
        window = reduce(np.multiply.outer, factors)
        return window / window.sum()
    raise ValueError(f"no image filter {name!r}")


@cache
def records(file):
    """The records of one file of `problems/`, as they are written."""
    return tuple(json.loads((FOLDER / file).read_text())["problems"])


@cache
def _sets():
    return json.loads((FOLDER / "sets.json").read_text())["sets"]


def names():
    """The named sets."""
    return tuple(_sets())


@cache
def cases(name):
    """The cases of the set `name`, bounded as `sets.json` says."""
    if name not in _sets():
        raise ValueError(f"no problem set {name!r}; there are {', '.join(names())}")
    chosen = _sets()[name]
    max_macs = chosen.get("max_macs")
    found = []
    for file, part in chosen["parts"]:
        for record in records(file):
            if record["set"] != part:
                continue
            for case in from_record(record):
                case = case._replace(op=chosen.get("op", case.op + chosen.get("of", "")))
                most = max_macs and _FLOPS_PER_MAC[case.op] * max_macs
                found.append(case.cut(chosen.get("batch"), most))
    return tuple(found)


def find(set_name, case_name):
    """The one case of a set whose name is, or ends with, `case_name`."""
    endings = (":" + case_name, "/" + case_name)
    found = [c for c in cases(set_name) if c.name == case_name or c.name.endswith(endings)]
    if len(found) != 1:
        raise ValueError(f"{len(found)} cases {case_name!r} in the set {set_name!r}")
    return found[0]


def from_record(record):
    """The cases of one record: one, or for a window of no stated kind both poolings."""
    for op in _ops_of(record):
        begin, end = record["pad_begin"], record["pad_end"]
        if record["symmetric_floor_ok"]:
            # The recorded end is what the windows touch; the floor rule ignores the rest.
            end = begin
        yield Case(
            name=record["name"] or f"{record['set']} {record['in']} {record['kernel']}",
            op=op,
            batch=record["N"],
            in_channels=record["C"],
            out_channels=record.get("K", record["C"]),
            groups=record.get("G", record["C"]),
            **{key: tuple(record[word]) for key, word in _SIZES.items()},
            padding=tuple(zip(begin, end)),
            bias=op == "conv" and record.get("bias", True),
            weight=record.get("weight", "normal"),
            count=record["count"],
        )


_SIZES = {
    "input": "in", "kernel": "kernel", "stride": "stride", "dilation": "dilation", "output": "out",
}  # fmt: skip


def _ops_of(record):
    if "op" in record:
        return (record["op"],)
    if "K" in record:
        return ("conv",)
    # Upstream lists windows; the layer's name says what pools in them.
    layer = record["name"].rpartition(":")[2]
    if "max" in layer:
        return ("max_pool",)
    if "avg" in layer or "ave" in layer:
        return ("avg_pool",)
    return ("max_pool", "avg_pool")
