"""Plans: operations prepared once for arrays of one shape, with their weights already packed."""

import numpy as np

from . import conv
from ._conv_call import ConvCall
from ._planner import planner
from .config import current

_CONVOLUTIONS = {conv.conv1d: 1, conv.conv2d: 2, conv.conv3d: 3}


def plan(op, *args, **kwargs):
    """Prepare an operation for inputs of one shape and dtype.

    Parameters
    ----------
    op : function
        `conv1d`, `conv2d`, `conv3d`, or a pooling function of fastconv.
    *args, **kwargs
        The arguments of `op`. Instead of the input array its shape may be given; its dtype is
        then that of the weight (float32 for pooling, or as the keyword `dtype` says).

    Returns
    -------
    Plan
        Call it with an input: ``plan(x)`` or ``plan(x, out=y)``. Weight and bias are captured:
        later changes of those arrays do not reach the plan. It may be called from many threads.

    Raises
    ------
    ValueError, TypeError
        As `op` itself does for wrong arguments.

    Examples
    --------
    >>> import numpy as np, fastconv
    >>> w = np.ones((8, 3, 3, 3), np.float32)
    >>> p = fastconv.plan(fastconv.conv2d, (1, 3, 32, 32), w, padding=1)
    >>> p(np.ones((1, 3, 32, 32), np.float32)).shape
    (1, 8, 32, 32)
    """
    if op in _CONVOLUTIONS:
        return ConvPlan(_CONVOLUTIONS[op], *args, **kwargs)
    raise ValueError(f"plan: {getattr(op, '__name__', op)!r} is not an operation that can be planned")


def _stand_in(op, input, dtype):
    """An array of the shape and dtype of the input that takes no memory."""
    if isinstance(input, np.ndarray):
        input, dtype = input.shape, input.dtype
    try:
        shape = tuple(input)
    except TypeError:
        raise TypeError(f"{op}: plan needs an input array or its shape, got {input!r}") from None
    return np.broadcast_to(np.zeros((), dtype), shape)


class Plan:
    """An operation prepared for inputs of one shape; made by `plan`."""

    def _check(self, input):
        if not isinstance(input, np.ndarray):
            input = np.asarray(input)
        if input.shape != self.input_shape or input.dtype != self.dtype:
            raise ValueError(
                f"plan: made for an input of shape {self.input_shape} and dtype {self.dtype}, "
                f"got {input.shape} of {input.dtype}"
            )
        return input

    def __repr__(self):
        return f"<fastconv plan: {self.problem}, by {self.algorithm}>"


class ConvPlan(Plan):
    """A convolution with packed weights.

    Attributes
    ----------
    problem : Problem
        What is computed; ``str`` spells it in one line.
    algorithm : str
        The algorithm chosen.
    workspace : int
        Bytes of scratch memory that a call takes.
    input_shape, output_shape : tuple of int
    dtype : numpy.dtype
    """

    def __init__(
        self, ndim, input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1, *,
        data_format="channels_first", padding_mode="zeros", flip=False, activation=None,
        precision=None, algorithm=None,
    ):  # fmt: skip
        weight = np.array(weight)
        self._bias = None if bias is None else np.array(bias)
        stand_in = _stand_in(f"conv{ndim}d", input, weight.dtype)
        self._call = ConvCall(
            ndim, stand_in, weight, self._bias, stride, padding, dilation, groups, data_format,
            padding_mode, flip, activation, precision, algorithm, current(), prepacked=True,
        )  # fmt: skip
        self.problem = self._call.problem
        self.input_shape, self.output_shape = stand_in.shape, self._call.output_shape
        self.dtype = self._call.dtype
        self._weight = weight
        self._packed = self._call.pack(weight)

    @property
    def algorithm(self):
        return planner.choose(self.problem, self._call.settings, prepacked=True).room.name

    @property
    def workspace(self):
        executable = planner.choose(self.problem, self._call.settings, prepacked=True)
        return executable.room.workspace(self.problem, executable.threads)

    def __call__(self, input, out=None):
        return self._call(self._check(input), self._weight, self._bias, out, self._packed)
