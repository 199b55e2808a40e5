"""fastconv itself: the function as a user calls it, and the plan."""

from benchmarks.problem_sets import OPS

from .face import Prepared, Rival


class Functional(Rival):
    """The public function; everything is decided and packed at every call."""

    name = "fastconv"
    modules = ("fastconv",)
    ops = OPS

    def start(self, threads):
        import fastconv
        from fastconv._kernels import isa

        fastconv.set_config(threads=threads)
        return f"fastconv {fastconv.__version__}, level {isa.active()}"

    def prepare(self, case, layout, x, weight, bias):
        from benchmarks.suite import arguments

        function, first, args, keywords = arguments(case, layout, (x, weight, bias))
        return Prepared(lambda: function(first, *args, **keywords), _comparable(case, layout))


class Planned(Functional):
    """A plan: the choice and the weights are prepared, the output is written in place."""

    name = "fastconv.plan"
    planned = True
    # The weights of gradients are new at every call.
    ops = (*Rival.ops, "conv_transpose")

    def prepare(self, case, layout, x, weight, bias):
        import fastconv
        from benchmarks.suite import arguments

        function, first, args, keywords = arguments(case, layout, (x, weight, bias))
        plan = fastconv.plan(function, first.shape, *args, **keywords)
        out = plan(first)
        return Prepared(lambda: plan(first, out=out), _comparable(case, layout))


def _comparable(case, layout):
    from benchmarks.oracle import comparable

    return lambda result: comparable(case, result, layout)
