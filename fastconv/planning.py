"""Plans, explanations and tuning of operations."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from . import _tuning
from ._core import threads as _threads
from ._core.arrays import Form, native
from ._core.problem import Problem
from ._planner import explanation
from ._pose import asked_by, pose
from ._scipy import is_facade, steps_of
from .config import current


def plan(op, *args, **kwargs):
    """Prepare an operation for inputs of one shape and dtype.

    Parameters
    ----------
    op : function
        A convolution, transposed convolution, or max, average or global pooling function of
        fastconv, a locally connected layer, or a gradient of convolution in `fastconv.grad`.
    *args, **kwargs
        The arguments of `op`. Instead of the input array, and of ``grad_output``, its shape may be
        given; its dtype is then that of the weight (float32 for pooling), or as the keyword
        `dtype` says.

    Returns
    -------
    Plan
        Call it with an input: ``plan(x)`` or ``plan(x, out=y)``; that of a gradient with the input
        and ``grad_output``, or with the latter alone for ``convNd_input``. Weight and bias are captured:
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
        As for `plan`; or a problem, or its one-line spelling; or a function of `fastconv.ndimage` or
        `fastconv.signal`, which is called.
    *args, **kwargs
        The arguments of `op`. Input and weight may be given as shapes; their dtype is then
        float32, or as the keyword `dtype` says.

    Returns
    -------
    Explanation
        Printed as a table; with `plot`, and everything as attributes. Of a function with SciPy's name, a
        tuple of its steps in words. For dtypes that are
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
    if is_facade(op):
        return steps_of(op, args, kwargs)
    settings = current()
    if isinstance(op, (Plan, Problem, str)):
        if args or kwargs:
            raise TypeError("explain: a plan or problem takes no further arguments")
        if isinstance(op, Plan):
            return op.explain()
        problem = Problem.parse(op) if isinstance(op, str) else op
        return _explained(problem, settings, asked_by(problem, settings))
    posed = pose(op, args, kwargs, settings)
    call = posed.call
    return _explained(call.problem, call.settings, posed.asked, getattr(call, "unasked", _NOTHING))


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
        asked = pose(op, args, kwargs, settings).asked
    else:
        if args or kwargs:
            raise TypeError("tune: problems take no further arguments")
        problems = _tuning.problems_of(op)
        asked = [one for problem in problems for one in asked_by(problem, settings)]
    return _tuning.tune(asked, budget, progress)


_NOTHING = "nothing to multiply: the result is the bias, or empty"
# A plan keeps ready what it found for so many sizes of batch.
_BATCHES = 8


def _planned(op, args, kwargs, settings):
    posed = pose(op, args, kwargs, settings, prepacked=True)
    return (Plan if len(posed.data) == 1 else PlanOfSeveral)(op, posed, settings)


def _explained(problem, settings, asked, unasked=_NOTHING, prepacked=False):
    """The Explanation of the first that is asked, with the others'; `unasked` says why none is."""
    if not asked:
        return explanation.empty(problem, settings, unasked)
    told = [
        explanation.explain(
            one.problem, one.settings, prepacked=prepacked and one.packs, exchanged=one.exchanged,
            executable=one.executable, note=one.note,
        )
        for one in asked
    ]  # fmt: skip
    return replace(told[0], others=tuple(told[1:]))


class Plan:
    """An operation prepared for inputs of one shape, batches aside; made by `plan`.

    Attributes are those of the batch that was planned. Inputs with another number of images are taken
    too: the first call of each size chooses for it, and shares the packed weights if they are the
    same.

    Attributes
    ----------
    problem : Problem
        What is computed; ``str`` spells it in one line.
    algorithm : str or None
        The algorithm chosen; None where there is nothing to compute. Of an operation that is
        composed of several problems, that of the first; `explain` tells them all.
    workspace : int
        Bytes of scratch memory that a call takes at most, if its input is contiguous.
    threads : int
        How many threads work on a call.
    input_shape : tuple of int
        The shape of the (first) array that the plan is called with.
    output_shape : tuple of int
        The shape of the result; of gradients, a tuple of shapes, None for what is not needed.
    dtype : numpy.dtype
    """

    def __init__(self, op, posed, settings):
        self.op = posed.name
        self._function = op
        self._settings = settings
        self._call = posed.call
        self._asked = posed.asked
        self._data = posed.data
        arrays = [posed.arguments[key] for key in posed.data]
        self._specs = [(array.shape, array.dtype.newbyteorder("=")) for array in arrays]
        self._forms = [Form(shape, dtype) for shape, dtype in self._specs]
        self._form = self._forms[0]
        self._batches = {}
        self._prepared = posed.call.prepare(posed.arguments)
        self._run = posed.call.bind(self._prepared)
        # What is captured is the plan's own; what it is called with is not captured.
        own = {key: np.array(posed.arguments[key]) for key in ("weight", "bias")
               if isinstance(posed.arguments.get(key), np.ndarray)}  # fmt: skip
        self._arguments = {**posed.arguments, **own, **dict.fromkeys(posed.data)}
        self.problem = posed.call.problem
        self.input_shape = self._specs[0][0]
        self.output_shape = posed.call.output_shape
        self.dtype = posed.call.dtype
        executables = [one.executable for one in posed.asked]
        self.algorithm = executables[0].room.name if executables else None
        self.workspace = max((one.workspace for one in executables), default=0)
        self.workspace += getattr(posed.call, "scratch", 0)
        self.threads = executables[0].threads if executables else 1

    def __call__(self, input, out=None):
        """What the function returns for `input`, in `out` if given."""
        if not self._form.fits(input):
            plan, (input,) = self._for((input,))
            return plan._run(input, out)
        return self._run(input, out)

    def explain(self):
        """The Explanation of the plan's algorithm; see `fastconv.explain`."""
        unasked = getattr(self._call, "unasked", _NOTHING)
        return _explained(self.problem, self._call.settings, self._asked, unasked, prepacked=True)

    def __reduce__(self):
        settings = self._settings
        if settings.threads == _threads.default():
            settings = settings._replace(threads=None)
        return _arrived, (self._function, self._spelled(self._specs), settings)

    def _spelled(self, specs):
        """The keyword arguments that plan this operation for inputs of other shapes."""
        stand_ins = {key: _StandIn(*spec) for key, spec in zip(self._data, specs)}
        arguments = {**self._arguments, **stand_ins}
        if "input_size" in arguments and len(specs[0][0]) == self.problem.ndim + 2:
            arguments["input_size"] = (specs[0][0][0], *arguments["input_size"][1:])
        return arguments

    def _for(self, inputs):
        """The plan for `inputs`, maybe of another batch, and `inputs` as arrays.

        ValueError if they have other shapes or dtypes.
        """
        if len(inputs) != len(self._data):
            raise TypeError(f"plan: is called with {', '.join(self._data)}, got {len(inputs)} arrays")
        inputs = [native(np.asarray(array)) for array in inputs]
        if all(form.fits(array) for form, array in zip(self._forms, inputs)):
            return self, inputs
        specs = [(array.shape, array.dtype) for array in inputs]
        batches = {shape[:1] for shape, _ in specs}
        batched = all(len(shape) == self.problem.ndim + 2 for shape, _ in self._specs)
        if not batched or len(batches) > 1 or _without_batch(specs) != _without_batch(self._specs):
            wanted, got = (
                " and ".join(f"{shape} and dtype {dtype}" for shape, dtype in which)
                for which in (self._specs, specs)
            )
            raise ValueError(
                f"plan: made for an input of shape {wanted}, in batches of any size; got {got}"
            )
        (batch,) = batches
        other = self._batches.get(batch)
        if other is None:
            other = _planned(self._function, (), self._spelled(specs), self._settings)
            # What is the same is held once.
            other._arguments = self._arguments
            other._prepared = _shared(other._prepared, self._prepared)
            other._run = other._call.bind(other._prepared)
            if len(self._batches) >= _BATCHES:
                self._batches.clear()
            self._batches[batch] = other
        return other, inputs

    def __repr__(self):
        return f"<fastconv plan: {self.problem}, by {self.algorithm}>"


class PlanOfSeveral(Plan):
    """A `Plan` that is called with several arrays, as those of gradients are."""

    def __call__(self, *inputs, out=None):
        """What the function returns for `inputs`."""
        plan, inputs = self._for(inputs)
        return plan._run(*inputs, out)


def _without_batch(specs):
    return [(len(shape), shape[1:], dtype) for shape, dtype in specs]


class _StandIn(NamedTuple):
    """An array's shape and dtype, which travel in its place."""

    shape: tuple
    dtype: object

    def __array__(self, dtype=None, copy=None):
        return np.broadcast_to(np.zeros((), self.dtype), self.shape)


def _arrived(op, arguments, settings):
    """A plan that was copied or pickled, made for the processor that it is on now."""
    if settings.threads is None:
        settings = settings._replace(threads=_threads.default())
    return _planned(op, (), arguments, settings)


def _shared(new, old):
    """`new`, but what is the same in `old`, bit for bit, from there."""
    if isinstance(new, np.ndarray) and isinstance(old, np.ndarray):
        form = (new.shape, new.strides, new.dtype) == (old.shape, old.strides, old.dtype)
        return old if form and new.tobytes() == old.tobytes() else new
    if isinstance(new, (list, tuple)) and type(new) is type(old) and len(new) == len(old):
        return type(new)(map(_shared, new, old))
    if type(new) is type(old) and hasattr(new, "same_bits") and new.same_bits(old):
        return old
    return new
