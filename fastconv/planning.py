"""Plans, explanations and tuning of operations."""

from inspect import signature

import numpy as np

from . import _tuning
from ._core import threads as _threads
from ._core.arrays import Form
from ._core.problem import Problem
from ._planner import explanation, planner
from ._pose import parts, pose, pose_problem
from .config import current


def plan(op, *args, **kwargs):
    """Prepare an operation for inputs of one shape and dtype.

    Parameters
    ----------
    op : function
        A convolution, transposed convolution, or max, average or global pooling function of
        fastconv.
    *args, **kwargs
        The arguments of `op`. Instead of the input array its shape may be given; its dtype is
        then that of the weight (float32 for pooling), or as the keyword `dtype` says.

    Returns
    -------
    Plan
        Call it with an input: ``plan(x)`` or ``plan(x, out=y)``. Weight and bias are captured:
        later changes of those arrays do not reach the plan, nor do later changes of settings or
        wisdom. It may be called from many threads, and with batches of any size. It can be
        copied and pickled; where it arrives it chooses and packs again.

    Raises
    ------
    ValueError, TypeError
        As `op` itself does for wrong arguments; ValueError for an `op` without a choice of
        algorithms.

    Examples
    --------
    >>> import numpy as np, fastconv
    >>> w = np.ones((8, 3, 3, 3), np.float32)
    >>> p = fastconv.plan(fastconv.conv2d, (1, 3, 32, 32), w, padding=1)
    >>> p(np.ones((1, 3, 32, 32), np.float32)).shape
    (1, 8, 32, 32)
    >>> fastconv.plan(fastconv.max_pool2d, (1, 3, 32, 32), 2).output_shape
    (1, 3, 16, 16)
    """
    return _planned(op, args, kwargs, current())


def explain(op, *args, **kwargs):
    """Say which algorithm computes an operation, why, and what the others would do.

    Parameters
    ----------
    op : function, Problem, str or Plan
        As for `plan`; or a problem, or its one-line spelling.
    *args, **kwargs
        The arguments of `op`. Input and weight may be given as shapes; their dtype is then
        float32, or as the keyword `dtype` says.

    Returns
    -------
    Explanation
        Printed as a table; with `plot`, and everything as attributes. For dtypes that are
        computed in another one (half precision, integers, complex) it is about that problem.
        A transposed convolution is explained by the largest convolution that it is composed of.
        With ``tuning="measure"`` a new problem is measured, as the call would.

    Raises
    ------
    ValueError, TypeError
        As `op` itself does for wrong arguments, also where a forced algorithm cannot do it.

    Examples
    --------
    >>> import fastconv
    >>> e = fastconv.explain(fastconv.conv2d, (1, 64, 56, 56), (64, 64, 3, 3), padding=1)
    >>> str(e.problem)
    'conv2d f32 cf n1 c64 k64 g1 i56x56 f3x3 s1x1 d1x1 p1x1 q1x1 o56x56'
    >>> e.algorithm in [row.algorithm for row in e.candidates]
    True
    """
    settings = current()
    if isinstance(op, (Plan, Problem, str)):
        if args or kwargs:
            raise TypeError("explain: a plan or problem takes no further arguments")
        if isinstance(op, Plan):
            return op.explain()
        posed = pose_problem(Problem.parse(op) if isinstance(op, str) else op, settings)
    else:
        posed = pose(op, args, kwargs, settings)
    if not posed.problem.macs:
        return explanation.empty(posed.problem, posed.settings, _NOTHING)
    return explanation.explain(
        posed.problem, posed.settings, exchanged=posed.exchanged, executable=posed.executable,
        note=posed.note,
    )  # fmt: skip


def tune(op, *args, budget=1.0, progress=None, **kwargs):
    """Measure the algorithms for an operation or for many, and remember the fastest.

    The rooms take turns on random data of the given sizes, under the settings in force; those
    more than 1.25 times slower than the best drop out early, and those predicted to be hopeless
    are not tried. Calls that pack their weights and plans that have them packed are tuned apart.
    What is found goes to memory, and to the default file of `fastconv.wisdom`.

    Parameters
    ----------
    op : function, Problem, str, path, or list of Problem or str
        An operation as for `explain`; or a problem, or its spelling; or several of them; or a
        file of them: one spelling per line, or JSON.
    *args, **kwargs
        The arguments of `op` if it is a function.
    budget : float
        Seconds for everything together. Each decision takes one call of the predicted fastest
        algorithm at least, however long that is.
    progress : callable or bool, optional
        Called with a tuple (done, total, problem, prepacked, leader, seconds) again and again;
        True for a line on the terminal. By default a line if standard error is a terminal.

    Returns
    -------
    Tuning
        A tuple of one Explanation per decision; printed as a table.

    Raises
    ------
    KeyboardInterrupt
        On Ctrl-C, after remembering and saving all that was measured.

    Examples
    --------
    >>> import fastconv
    >>> with fastconv.config(threads=1):
    ...     found = fastconv.tune(fastconv.max_pool2d, (1, 4, 8, 8), 2, budget=0.01)
    >>> found[0].problem.kind
    'max_pool'
    """
    if not isinstance(budget, (int, float)) or not 0 <= budget < 1e9:
        raise ValueError(f"tune: budget must be a number of seconds, got {budget!r}")
    # Tuning is about to measure: what poses the problem must not do it as well.
    settings = current()._replace(tuning="estimate")
    if callable(op) and not isinstance(op, Plan):
        posed = parts(pose(op, args, kwargs, settings))
    else:
        if args or kwargs:
            raise TypeError("tune: problems take no further arguments")
        problems = _tuning.problems_of(op)
        posed = [part for problem in problems for part in parts(pose_problem(problem, settings))]
    return _tuning.tune([one for one in posed if one.problem.macs], budget, progress)


_NOTHING = "nothing to multiply: the result is the bias, or empty"
# A plan keeps ready what it found for so many sizes of batch.
_BATCHES = 8


def _planned(op, args, kwargs, settings):
    posed = pose(op, args, kwargs, settings, prepacked=True)
    return (ConvPlan if "weight" in posed.arguments else PoolPlan)(op, posed, settings)


class Plan:
    """An operation prepared for inputs of one shape, batches aside; made by `plan`.

    Attributes
    ----------
    problem : Problem
        What is computed; ``str`` spells it in one line.
    algorithm : str or None
        The algorithm chosen; None where there is nothing to compute.
    workspace : int
        Bytes of scratch memory that a call takes at most, if its input is contiguous.
    threads : int
        How many threads work on a call.
    input_shape, output_shape : tuple of int
    dtype : numpy.dtype

    These are those of the batch that was planned. Inputs with another number of images are taken
    too: the first call of each size chooses for it, and shares the packed weights if they are the
    same.
    """

    def __init__(self, op, posed, settings):
        self.op = op.__name__
        self._function = op
        self._settings = settings
        self._call = posed.call
        known = signature(op).parameters
        self._arguments = {key: posed.arguments[key] for key in known if key in posed.arguments}
        self._arguments["input"] = None
        self._posed = posed._replace(arguments=None)
        self._batches = {}
        self.problem = posed.call.problem
        self.input_shape = posed.arguments["input"].shape
        self.output_shape = posed.call.output_shape
        self.dtype = posed.call.dtype
        self._form = Form(self.input_shape, self.dtype)
        executable = posed.executable
        if executable is None and posed.problem.macs:
            # Chosen anew at each call, when the data are known.
            executable = planner.choose(posed.problem, posed.settings)
        self.algorithm = None if executable is None else executable.room.name
        self.workspace = 0 if executable is None else executable.workspace
        self.threads = 1 if executable is None else executable.threads

    def __reduce__(self):
        settings = self._settings
        if settings.threads == _threads.default():
            settings = settings._replace(threads=None)
        return _arrived, (self._function, self._spelled(self.input_shape), settings)

    def _spelled(self, shape):
        """The keyword arguments that plan this operation for an input of `shape`."""
        return {**self._arguments, "input": shape, "dtype": self.dtype}

    def explain(self):
        """The Explanation of the plan's algorithm; see `fastconv.explain`."""
        posed = self._posed
        if not posed.problem.macs:
            return explanation.empty(posed.problem, posed.settings, _NOTHING)
        return explanation.explain(
            posed.problem, posed.settings, prepacked=posed.packs, exchanged=posed.exchanged,
            executable=posed.executable, note=posed.note,
        )  # fmt: skip

    def _for(self, input):
        """The plan for `input`, maybe of another batch, and `input` as an array.

        ValueError if it has another shape or dtype.
        """
        input = np.asarray(input)
        if self._form.fits(input):
            return self, input
        shape = input.shape
        batched = len(shape) == self.problem.ndim + 2 == len(self.input_shape)
        if not batched or shape[1:] != self.input_shape[1:] or input.dtype != self.dtype:
            raise ValueError(
                f"plan: made for an input of shape {self.input_shape} and dtype {self.dtype}, "
                f"in batches of any size; got {shape} of {input.dtype}"
            )
        other = self._batches.get(shape)
        if other is None:
            other = _planned(self._function, (), self._spelled(shape), self._settings)
            other._share(self)
            if len(self._batches) >= _BATCHES:
                self._batches.clear()
            self._batches[shape] = other
        return other, input

    def _share(self, plan):
        """Hold what the same operation's `plan` holds too only once."""

    def __repr__(self):
        return f"<fastconv plan: {self.problem}, by {self.algorithm}>"


class ConvPlan(Plan):
    """A convolution with packed weights; see `Plan`."""

    def __init__(self, op, posed, settings):
        super().__init__(op, posed, settings)
        self._weight = self._arguments["weight"] = np.array(posed.arguments["weight"])
        self._bias = posed.arguments["bias"]
        self._packed = self._call.pack(self._weight)

    def __call__(self, input, out=None):
        """The convolution of `input`, in `out` if given."""
        if not self._form.fits(input):
            plan, input = self._for(input)
            return plan._call.run(input, plan._weight, plan._bias, out, plan._packed)
        return self._call.run(input, self._weight, self._bias, out, self._packed)

    def _share(self, plan):
        self._weight, self._bias, self._arguments = plan._weight, plan._bias, plan._arguments
        if _same_bits(self._packed, plan._packed):
            self._packed = plan._packed


class PoolPlan(Plan):
    """A pooling; see `Plan`."""

    def __init__(self, op, posed, settings):
        super().__init__(op, posed, settings)
        indices, cache = (
            posed.arguments.get(key, False) for key in ("return_indices", "return_cache")
        )
        if indices and cache:
            raise ValueError(
                f"{self.op}: return_indices and return_cache say the same; ask for one of them"
            )
        self._winners = "indices" if indices else "cache" if cache else None

    def __call__(self, input, out=None):
        """What the pooling function returns for `input`; the pooled array in `out` if given."""
        call = self._call
        if not self._form.fits(input):
            plan, input = self._for(input)
            call = plan._call
        if self._winners is None:
            return call.run(input, out)
        y, cache = call.with_winners(input, out)
        return y, cache if self._winners == "cache" else cache.indices()


def _arrived(op, arguments, settings):
    """A plan that was copied or pickled, made for the processor that it is on now."""
    if settings.threads is None:
        settings = settings._replace(threads=_threads.default())
    return _planned(op, (), arguments, settings)


def _same_bits(a, b):
    """Whether two packed weights, or lists of them, have the same form and bits."""
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        same = (a.shape, a.strides, a.dtype) == (b.shape, b.strides, b.dtype)
        return same and a.tobytes() == b.tobytes()
    if isinstance(a, (list, tuple)) and type(a) is type(b) and len(a) == len(b):
        return all(map(_same_bits, a, b))
    return a is b or (type(a) is type(b) and hasattr(a, "same_bits") and a.same_bits(b))
