"""The Problem: one operation on given sizes, in the canonical form that every layer speaks."""

from math import prod
from typing import NamedTuple

from .dtypes import SHORT_NAMES, TABLE
from .padding import MODES
from .sizes import conv_output, effective_kernel

LAYOUTS = ("channels_first", "channels_last")
# Gradients have the sizes of the convolution that they belong to.
CONVOLUTIONS = ("conv", "separable", "grad_input", "grad_weight", "local")
POOLINGS = ("max_pool", "argmax_pool", "avg_pool", "grad_max_pool", "grad_avg_pool")
PADDING_MODES = ("zeros", "constant", *MODES)
# Precisions that are spelled out; "exact" admits no rounding at all, for integers on floats.
_TIERS = ("high", "medium", "exact")
_FLAGS = {"bias", "relu", "nopad", "adaptive", *_TIERS, *PADDING_MODES}
# The letter of each field, and what its numbers are.
_FIELDS = {**dict.fromkeys([*"nckgifsdpqo", "div"], int), "v": float}
_SHORT_LAYOUT = {"channels_first": "cf", "channels_last": "cl"}
_LONG_LAYOUT = {short: long for long, short in _SHORT_LAYOUT.items()}


class Problem(NamedTuple):
    """One operation on given sizes; a tuple, so it hashes and compares at C speed.

    Sizes are those of the arrays; `pad_begin` may be negative (it crops), `pad_end` is as given
    by the user and matters only to average pooling: `output` already follows from it. Padding of
    pooling is neutral. Gradients of pooling have the sizes of the pooling.
    """

    kind: str  # one of CONVOLUTIONS or POOLINGS
    dtype: str  # NumPy name of a native dtype, or for pooling any real one
    layout: str  # "channels_first" or "channels_last"
    batch: int
    in_channels: int
    out_channels: int
    groups: int
    input: tuple[int, ...]
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    pad_begin: tuple[int, ...]
    pad_end: tuple[int, ...]
    output: tuple[int, ...]
    bias: bool = False
    relu: bool = False
    precision: str = "highest"
    count_include_pad: bool = True
    divisor: int = 0  # average pooling: 0 means the number of elements under the window
    # Pooling: windows part the input evenly; output `o` sees input * o // output to
    # ceil(input * (o + 1) / output), and `kernel` is the largest of them.
    adaptive: bool = False
    padding_mode: str = "zeros"  # convolution: one of PADDING_MODES
    padding_value: float = 0.0  # of "constant"

    @property
    def ndim(self) -> int:
        """Number of spatial axes."""
        return len(self.input)

    @property
    def taps(self) -> int:
        """Number of kernel positions."""
        return prod(self.kernel)

    @property
    def macs(self) -> int:
        """Multiply-adds of the direct sum (window elements visited, for pooling)."""
        channels = self.in_channels // self.groups if self.kind in CONVOLUTIONS else 1
        per_output = self.taps * channels
        return self.batch * self.out_channels * prod(self.output) * per_output

    @property
    def elements(self) -> int:
        """Elements of the inputs and the outputs, weights aside."""
        inputs = self.in_channels * prod(self.input)
        return self.batch * (inputs + self.out_channels * prod(self.output))

    @property
    def extent(self) -> tuple[int, ...]:
        """Kernel extent per axis, holes included."""
        return tuple(map(effective_kernel, self.kernel, self.dilation))

    def shape(self, channels: int, spatial: tuple[int, ...]) -> tuple[int, ...]:
        """Array shape of `channels` planes of `spatial` sizes in this problem's layout."""
        if self.layout == "channels_first":
            return (self.batch, channels, *spatial)
        return (self.batch, *spatial, channels)

    @property
    def input_shape(self) -> tuple[int, ...]:
        return self.shape(self.in_channels, self.input)

    @property
    def output_shape(self) -> tuple[int, ...]:
        return self.shape(self.out_channels, self.output)

    @property
    def weight_shape(self) -> tuple[int, ...]:
        return (self.out_channels, self.in_channels // self.groups, *self.kernel)

    def __str__(self) -> str:
        """The one-line spelling, which `parse` reads back."""

        def sizes(prefix, values):
            return prefix + "x".join(map(str, values))

        words = [
            f"{self.kind}{self.ndim}d",
            TABLE[self.dtype].short,
            _SHORT_LAYOUT[self.layout],
            f"n{self.batch}",
            f"c{self.in_channels}",
            f"k{self.out_channels}",
            f"g{self.groups}",
            sizes("i", self.input),
            sizes("f", self.kernel),
            sizes("s", self.stride),
            sizes("d", self.dilation),
            sizes("p", self.pad_begin),
            sizes("q", self.pad_end),
            sizes("o", self.output),
        ]
        words += ["bias"] * self.bias + ["relu"] * self.relu
        if self.precision != "highest":
            words.append(self.precision)
        if not self.count_include_pad:
            words.append("nopad")
        if self.divisor:
            words.append(f"div{self.divisor}")
        if self.adaptive:
            words.append("adaptive")
        if self.padding_mode != "zeros":
            words.append(self.padding_mode)
        if self.padding_mode == "constant":
            words.append(f"v{self.padding_value!r}")
        return " ".join(words)

    @classmethod
    def parse(cls, line: str) -> "Problem":
        """The problem that `line` spells; what it leaves out is as by default.

        A kind and a dtype, channels (c), sizes of the input (i) and of the kernel (f) are needed. Left out,
        there is one image (n), filters or outputs are as many as channels (k), one group (g; as many as
        channels for pooling), no dilation (d), no padding (p, and q behind), steps of one (s; of a window for
        pooling), and the output (o) follows.
        """

        def wrong(what):
            return ValueError(f"not the spelling of a problem: {line!r}: {what}")

        kind, *words = line.split() or [""]
        kind, ndim = kind[:-2], kind[-2:]
        if kind not in (*CONVOLUTIONS, *POOLINGS) or ndim not in ("1d", "2d", "3d"):
            known = ", ".join((*CONVOLUTIONS, *POOLINGS))
            raise wrong(f"it begins with a kind, one of {known}, and 1d, 2d or 3d")
        ndim = int(ndim[0])
        if not words or words[0] not in SHORT_NAMES:
            raise wrong(f"the second word is a dtype, one of {', '.join(SHORT_NAMES)}")
        dtype = SHORT_NAMES[words.pop(0)]
        layout = _LONG_LAYOUT[words.pop(0)] if words and words[0] in _LONG_LAYOUT else "channels_first"
        flags = {w for w in words if w in _FLAGS}
        fields = {}
        for word in words:
            key = "div" if word.startswith("div") else word[:1]
            if word in flags:
                continue
            if key not in _FIELDS or key in fields:
                raise wrong(f"{word!r} is no flag, and no field that is still missing")
            try:
                values = tuple(map(_FIELDS[key], word[len(key) :].split("x")))
            except ValueError:
                raise wrong(f"{word!r} should be {key} and {'a number' if key in 'nckgvdiv' else 'sizes'}") from None
            count = ndim if key in "ifsdpqo" else 1
            if len(values) != count:
                raise wrong(f"{word!r} should have {count} number{'s' * (count > 1)}")
            fields[key] = values if count > 1 or key in "ifsdpqo" else values[0]
        for key, what in (("c", "channels"), ("i", "sizes of the input"), ("f", "sizes of the kernel")):
            if key not in fields:
                raise wrong(f"{key}, the {what}, is missing")
        pooling = kind in POOLINGS
        adaptive = "adaptive" in flags
        kernel, channels = fields["f"], fields["c"]
        stride = fields.get("s", kernel if pooling and not adaptive else (1,) * ndim)
        dilation = fields.get("d", (1,) * ndim)
        before = fields.get("p", (0,) * ndim)
        after = fields.get("q", before)
        output = fields.get("o")
        if output is None:
            if adaptive or min(*stride, *dilation, *kernel) < 1:
                raise wrong("o, the sizes of the output, is missing")
            output = conv_output(f"not a possible problem: {line!r}", fields["i"], kernel, stride, dilation,
                                 tuple(zip(before, after)))  # fmt: skip
        return cls(
            kind, dtype, layout, fields.get("n", 1), channels, fields.get("k", channels),
            fields.get("g", channels if pooling else 1), fields["i"], kernel, stride, dilation, before,
            after, output, bias="bias" in flags, relu="relu" in flags,
            precision=next((p for p in _TIERS if p in flags), "highest"),
            count_include_pad="nopad" not in flags, divisor=fields.get("div", 0), adaptive=adaptive,
            padding_mode=next((m for m in PADDING_MODES if m in flags), "zeros"),
            padding_value=fields.get("v", 0.0),
        )  # fmt: skip
