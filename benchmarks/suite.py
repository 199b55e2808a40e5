"""What the asv suites share: layers by name, one check of every answer, how long to measure.

The number of threads comes from the environment (``OMP_NUM_THREADS`` in the matrix of
``asv.conf.json``); fastconv and the BLAS below it both obey it.
"""

import time
from abc import ABC, abstractmethod

import fastconv
from benchmarks import oracle, problem_sets, timing

LAYOUTS = ("channels_first", "channels_last")
_TRACKED = 0.15  # seconds that a tracked rate is measured for


class Measured(ABC):
    """Base of the suites: `prepare` returns the call to measure, its answer checked.

    ``class Suite(Measured, cases=table(...), param="layer", layouts=LAYOUTS)`` names the cases by
    a parameter `layer` and takes each in every layout. Without cases a class is abstract, and asv
    passes it over.

    asv runs `setup` again before every single call that it times, and leaves calls unbatched that
    have a setup. Operands are made, and the answer is checked, only when the parameters are new;
    the number of calls in a sample follows from how long one takes.
    """

    rounds = 2
    repeat = (3, 12, 0.6)  # at least, at most, seconds
    sample_time = 0.02
    warmup_time = 0.05
    timeout = 60
    _ready = None

    def __init_subclass__(cls, cases=None, param=None, layouts=None):
        if cases is not None:
            cls.cases = cases
            cls.params = [list(cases)] if layouts is None else [list(cases), layouts]
            cls.param_names = [param, "layout"][: len(cls.params)]

    @property
    @abstractmethod
    def cases(self):
        """Name -> Case."""

    def prepare(self, name, *layout):
        return checked_call(self.cases[name], *layout)

    def setup(self, *params):
        if self._ready == params:
            return
        self.call = self.prepare(*params)
        self._ready = params
        self.number = max(1, int(self.sample_time / timing.burst(self.call, 0.005).minimum))


class TimedCall(Measured):
    """Seconds of the public function, which packs the weights at every call."""

    def time_call(self, *_):
        self.call()


class TimedPlan(TimedCall):
    """Seconds of a plan: weights packed beforehand, the output written in place."""

    def prepare(self, name, *layout):
        return checked_plan(self.cases[name], *layout)[0]


def arguments(case, layout, operands):
    """(function, its first argument, the others, keywords) that compute `case` with fastconv."""
    x, weight, last = operands
    function = getattr(fastconv, f"{case.op.removesuffix('_grad')}{case.ndim}d", None)
    keywords = {"stride": case.stride, "padding": case.padding, "data_format": layout}
    if case.op in problem_sets.POOL_GRADIENTS:
        return _pool_gradient(case, function, x, last, keywords)
    if case.op not in problem_sets.CONVOLUTIONS:
        if case.op == "max_pool":
            keywords["dilation"] = case.dilation
        return function, x, (case.kernel,), keywords
    keywords |= {"dilation": case.dilation, "groups": case.groups}
    if case.op == "conv":
        return function, x, (weight, last), keywords
    if case.op == "conv_transpose":
        return function, last, (weight,), {**keywords, "output_padding": case.output_padding}
    if case.op != "conv_grad":  # one of them
        keywords["needs"] = (case.op.rpartition("_")[2],)
    return getattr(fastconv.grad, f"conv{case.ndim}d"), x, (weight, last), keywords


def _pool_gradient(case, pool, x, gradient, keywords):
    """`arguments` of a gradient of pooling; of maxima, with the cache of the pooling."""
    function = getattr(fastconv.grad, pool.__name__)
    keywords = {**keywords, "dilation": case.dilation}
    if case.op == "avg_pool_grad":
        return function, gradient, (x.shape, case.kernel), keywords
    _, cache = pool(x, case.kernel, **keywords, return_cache=True)
    return function, gradient, (cache,), {}


def checked_call(case, layout="channels_first"):
    """A call of the public function without arguments, its answer checked once."""
    operands = case.operands(layout)
    function, first, args, keywords = arguments(case, layout, operands)
    _check(case, layout, function(first, *args, **keywords), operands)
    return lambda: function(first, *args, **keywords)


def checked_plan(case, layout="channels_first"):
    """(call of a plan that writes in place, the plan), its answer checked once."""
    operands = case.operands(layout)
    function, first, args, keywords = arguments(case, layout, operands)
    plan = fastconv.plan(function, first.shape, *args, **keywords)
    out = plan(first)
    _check(case, layout, out, operands)
    return (lambda: plan(first, out=out)), plan


def _check(case, layout, result, operands):
    truth = oracle.answer(case, *oracle.operands_first(case, *operands, layout))
    # The true answer came from BLAS, whose threads must not be there while we are measured.
    timing.rest(time.process_time)
    error = oracle.relative_error(oracle.comparable(case, result, layout), truth)
    if not error <= oracle.TOLERANCE:
        raise AssertionError(f"wrong answer, relative error {error:.1e}: {case.spelling(layout)}")


def seconds(call):
    """Seconds per call, for the suites that track a rate."""
    return timing.burst(call, _TRACKED).minimum


def table(*names):
    """Cases by their names "set/case", for a `params` list of names."""
    return {name: problem_sets.find(*name.split("/", 1)) for name in names}
