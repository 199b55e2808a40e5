"""fastconv itself: the function as a user calls it, and the plan."""

from benchmarks.problem_sets import CONVOLUTIONS, GRADIENTS, OPS

from .face import Prepared, Refusal, Rival

POOL_GRADIENTS = tuple(op for op in GRADIENTS if op not in CONVOLUTIONS)


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
        if case.op in POOL_GRADIENTS:
            from benchmarks.suite import pool_gradient

            function, args, kwargs = pool_gradient(case, layout, x)
            return Prepared(lambda: function(bias, *args, **kwargs), _comparable(case, layout))
        function, args, kwargs = spelled(case, layout, weight, bias)
        return Prepared(lambda: function(x, *args, **kwargs), _comparable(case, layout))


class Planned(Functional):
    """A plan: the choice and the weights are prepared, the output is written in place."""

    name = "fastconv.plan"
    planned = True
    ops = Rival.ops  # the weights of gradients are new at every call

    def prepare(self, case, layout, x, weight, bias):
        import fastconv

        function, args, kwargs = spelled(case, layout, weight, bias)
        plan = fastconv.plan(function, x.shape, *args, **kwargs)
        out = plan(x)
        return Prepared(lambda: plan(x, out=out), _comparable(case, layout))


def spelled(case, layout, weight, bias):
    """The public function of `case`, its arguments after the input, and its keywords."""
    import fastconv

    home, name = fastconv, f"{case.op}{case.ndim}d"
    if case.op == "conv_grad":
        home, name = fastconv.grad, f"conv{case.ndim}d"
    function = getattr(home, name, None)
    if function is None:
        raise Refusal(f"fastconv has no {name}")
    settings = {"stride": case.stride, "padding": case.padding, "data_format": layout}
    if case.op in CONVOLUTIONS:
        settings |= {"dilation": case.dilation, "groups": case.groups}
        return function, (weight, bias), settings
    if case.op == "max_pool":
        settings["dilation"] = case.dilation
    return function, (case.kernel,), settings


def _comparable(case, layout):
    from benchmarks.oracle import comparable

    return lambda result: comparable(case, result, layout)
