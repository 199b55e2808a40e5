"""Causal filtering of a signal that arrives in blocks."""

import numpy as np

from . import conv
from ._core.arguments import as_int, one_of
from ._core.dtypes import row_of
from ._core.problem import LAYOUTS
from ._operations._partitions import Partitions
from .config import config, current
from .planning import plan

# Kernels of so many taps are cut into parts, all but the first of which are transformed.
_LONG = 2048
# Outputs of a step, where no block size is given.
_STEP = 1024


class Stream:
    """A causal filter whose input arrives block by block; its state is kept in between.

    ``stream(x)`` gives the outputs that the samples of ``x`` complete. All of them, put together, are
    ``fastconv.conv1d(signal, weight, padding="causal", ...)`` of the whole signal, however it was cut.

    Parameters
    ----------
    weight : array_like
        ``(out_channels, channels // groups, taps)`` as for `conv1d`; ``(channels, taps)``, a filter for each
        channel; or ``(taps,)``, one for all.
    channels : int
        Of the input.
    block : int, optional
        Samples that usually arrive at once: no step computes more outputs.
    stride, dilation : int
        As in `conv1d`: with ``stride=4`` every fourth output is computed and returned.
    dtype : dtype
        float32 or float64, complex64 or complex128, of input and output; by default that of `weight`.
    data_format : {"channels_first", "channels_last"}
        Blocks are ``(channels, samples)``, or ``(samples, channels)``.
    flip : bool
        The first tap belongs to the latest sample, as FIR coefficients are written.
    threads : int, optional
        Threads of a step; by default 1, which does not wait for another.

    Attributes
    ----------
    latency : int
        Samples by which outputs are late: 0.
    position : int
        Samples seen so far.
    parts : int
        How many parts the kernel is cut into; 1 if it is short.

    Raises
    ------
    ValueError, TypeError
        For wrong arguments.

    Notes
    -----
    Everything that takes time is done when it is made: weights are packed and buffers allocated. A call with
    ``out=`` allocates no array and takes no lock. Long kernels (of 2,048 taps and more, at stride 1) are cut
    into parts of equal length: the first is summed directly, the others are multiplied in the frequency domain
    once for every part's length of samples, which makes that step the longest; W. G. Gardner, "Efficient
    convolution without input-output delay", J. Audio Eng. Soc. 43 (1995).

    Examples
    --------
    >>> import numpy as np, fastconv
    >>> stream = fastconv.Stream([0.5, 0.5], channels=1)
    >>> stream(np.array([[1.0, 3.0, 5.0]]))
    array([[0.5, 2. , 4. ]])
    >>> stream(np.array([[7.0]]))
    array([[6.]])
    """

    def __init__(
        self, weight, *, channels, block=None, stride=1, dilation=1, dtype=None,
        data_format="channels_first", flip=False, threads=1,
    ):  # fmt: skip
        op = "Stream"
        weight = np.asarray(weight)
        self._options = dict(
            channels=as_int(op, "channels", channels), stride=as_int(op, "stride", stride),
            dilation=as_int(op, "dilation", dilation), data_format=one_of(op, "data_format", data_format, LAYOUTS),
            block=None if block is None else as_int(op, "block", block), flip=bool(flip), threads=threads,
        )  # fmt: skip
        channels, stride, dilation = (self._options[key] for key in ("channels", "stride", "dilation"))
        if min(channels, stride, dilation, 1 if block is None else block) < 1:
            raise ValueError(
                f"Stream: channels, block, stride and dilation must be at least 1, got {self._options}"
            )
        self.dtype = np.dtype(_default(weight) if dtype is None else dtype)
        self._options["dtype"] = self.dtype
        if row_of(op, self.dtype, name="dtype").family not in ("native", "complex"):
            raise TypeError(
                f"Stream: dtype must be float32, float64, complex64 or complex128, got {self.dtype}"
            )
        self.weight = _spelled_out(weight, channels, self.dtype)
        kernel = self.weight[:, :, ::-1] if flip else self.weight
        self._kernel = np.ascontiguousarray(kernel)
        self._step = min(self._options["block"] or _STEP, 1 << 16)
        self._groups = channels // self.weight.shape[1]
        taps = self.weight.shape[2]
        self._reach = (taps - 1) * dilation  # samples before the current one that count
        self._partitions = None
        head = self._kernel
        if taps >= _LONG and stride == dilation == 1:
            self._partitions = Partitions(self._kernel, self._groups, self._step if block else None)
            head = np.ascontiguousarray(self._kernel[:, :, -self._partitions.length :])
            self._step = min(self._step, self._partitions.length)
        self._extent = (head.shape[2] - 1) * dilation + 1
        self._plans = self._prepared(head)
        self._room = max(4 * self._reach, 2 * (self._step * stride + self._extent), 1 << 12)
        self._buffer = np.zeros((channels, self._reach + self._room), self.dtype)
        self.latency = 0
        self.parts = 1 if self._partitions is None else self._partitions.count
        self.reset()

    def _prepared(self, head):
        """A plan for every power of two of outputs, up to a step, and for a step."""
        options = dict(
            stride=self._options["stride"], dilation=self._options["dilation"], groups=self._groups
        )
        sizes = {1 << i for i in range(self._step.bit_length())} | {self._step}
        plans = {}
        with config(threads=self._options["threads"] or current().threads):
            for n in sizes:
                shape = (1, self._options["channels"], (n - 1) * options["stride"] + self._extent)
                plans[n] = plan(conv.conv1d, shape, head, **options)
        return dict(sorted(plans.items(), reverse=True))

    def reset(self):
        """Forget all samples: as if nothing had arrived."""
        self._buffer[:, : self._reach] = 0
        self._end = self._reach  # of what is in the buffer
        self.position = 0
        if self._partitions is not None:
            self._partitions.reset()

    @property
    def state(self):
        """What was seen, as ``(position, samples)``: the last samples that later outputs see."""
        return self.position, self._buffer[:, self._end - self._reach : self._end].copy()

    @state.setter
    def state(self, state):
        position, samples = state
        samples = np.asarray(samples, self.dtype)
        if samples.shape != (len(self._buffer), self._reach):
            raise ValueError(
                f"Stream: state must hold samples of shape {(len(self._buffer), self._reach)}, got {samples.shape}"
            )
        self.reset()
        self._buffer[:, : self._reach] = samples
        self.position = as_int("Stream", "position", position)
        if self._partitions is not None:
            self._partitions.restore(samples, self.position)

    def __call__(self, x, out=None):
        """The outputs that the samples of `x` complete.

        Parameters
        ----------
        x : array_like, shape (channels, n), or (n, channels) if channels come last
            A block of any length, also of none. With one channel also (n,), for a result of one axis.
        out : ndarray, optional
            Where to write the result.

        Returns
        -------
        ndarray, shape (out_channels, m)
            One output for every `stride` samples.
        """
        last = self._options["data_format"] == "channels_last"
        x = np.asarray(x)
        if x.ndim == 1 and len(self._buffer) == len(self.weight) == 1:
            x, out = (a if a is None or np.ndim(a) != 1 else a[:, None] if last else a[None] for a in (x, out))
            return self(x, out).reshape(-1)
        if x.ndim != 2 or x.shape[last] != len(self._buffer):
            layout = "(samples, channels)" if last else "(channels, samples)"
            raise ValueError(
                f"Stream: a block must be {layout} with {len(self._buffer)} channels, got shape {x.shape}"
            )
        if not np.can_cast(x.dtype, self.dtype, "same_kind"):
            raise TypeError(
                f"Stream: a block of dtype {x.dtype} does not cast to the stream's {self.dtype}"
            )
        x = x.T if last else x
        stride = self._options["stride"]
        n = x.shape[1]
        m = -(-(self.position + n) // stride) - -(-self.position // stride)
        shape = (m, len(self.weight)) if last else (len(self.weight), m)
        if out is None:
            out = np.empty(shape, self.dtype)
        elif not isinstance(out, np.ndarray) or out.shape != shape or out.dtype != self.dtype:
            raise ValueError(f"Stream: out must be an array of shape {shape} and dtype {self.dtype}")
        elif np.may_share_memory(out, x):
            x = x.copy()
        y = out.T if last else out
        done = at = 0
        while at < n:
            take = min(self._step * stride, n - at)
            if self._partitions is not None:
                take = min(take, self._partitions.until_full)
            done += self._advance(x[:, at : at + take], y[:, done:])
            at += take
        return out

    def _advance(self, x, y):
        """Take in a few samples; write the outputs that they complete to the front of `y`, and say how many."""
        n, stride = x.shape[1], self._options["stride"]
        if self._end + n > self._buffer.shape[1]:
            for (
                row
            ) in self._buffer:  # of which NumPy sees that the halves do not overlap, and copies nothing
                row[: self._reach] = row[self._end - self._reach : self._end]
            self._end = self._reach
        self._buffer[:, self._end : self._end + n] = x
        first = -self.position % stride
        m = max(-(-(n - first) // stride), 0)
        begin, done = self._end + first - (self._extent - 1), 0
        for size, run in self._plans.items():
            while m - done >= size:
                start = begin + done * stride
                window = self._buffer[None, :, start : start + (size - 1) * stride + self._extent]
                run(window, out=y[None, :, done : done + size])
                done += size
        self._end += n
        self.position += n
        if self._partitions is not None:
            self._partitions.add(y[:, :m])
            if not self._partitions.until_full:
                self._partitions.turn(
                    self._buffer[:, max(self._end - 2 * self._partitions.length, 0) : self._end]
                )
        return m

    def __reduce__(self):
        return _arrived, (self.weight, self._options, self.state)

    def __repr__(self):
        o = self._options
        return (
            f"<fastconv stream: {o['channels']} to {len(self.weight)} channels, {self.weight.shape[2]} taps"
            f"{f' in {self.parts} parts' if self.parts > 1 else ''}, stride {o['stride']}, {self.dtype}, "
            f"at sample {self.position}>"
        )


def _default(weight):
    return weight.dtype if weight.dtype.char in "fdFD" else np.float64


def _spelled_out(weight, channels, dtype):
    """`weight` with an axis for filters, one for their channels and one for taps."""
    if weight.ndim == 1:
        weight = np.broadcast_to(weight, (channels, 1, len(weight)))
    elif weight.ndim == 2:
        weight = weight[:, None]
    if weight.ndim != 3 or 0 in weight.shape or channels % weight.shape[1]:
        raise ValueError(
            f"Stream: weight of shape {weight.shape} is no (out_channels, channels // groups, taps), nor "
            f"(channels, taps), nor (taps,), for {channels} channels"
        )
    groups = channels // weight.shape[1]
    if len(weight) % groups:
        raise ValueError(
            f"Stream: weight of shape {weight.shape} has {len(weight)} filters for {groups} groups"
        )
    if not np.can_cast(weight.dtype, dtype, "same_kind"):
        raise TypeError(f"Stream: weight of dtype {weight.dtype} does not cast to {dtype}")
    return np.array(weight, dtype)


def _arrived(weight, options, state):
    """A stream that was copied or pickled."""
    stream = Stream(weight, **options)
    stream.state = state
    return stream
