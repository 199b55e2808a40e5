"""fastconv itself: the function as a user calls it, and the plan."""

from benchmarks.problem_sets import CONV_GRADIENTS, CONVOLUTIONS, OPS, POOL_GRADIENTS

from .face import Prepared, Refusal, Rival

# Which of all gradients.
_NEEDS = {"conv_grad_input": ("input",), "conv_grad_weight": ("weight",)}


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
        if case.op == "conv_transpose":
            x, bias = bias, None
        function, args, kwargs = spelled(case, layout, weight, bias)
        return Prepared(lambda: function(x, *args, **kwargs), _comparable(case, layout))


class Planned(Functional):
    """A plan: the choice and the weights are prepared, the output is written in place."""

    name = "fastconv.plan"
    planned = True
    # The weights of gradients are new at every call.
    ops = (*Rival.ops, "conv_transpose")

    def prepare(self, case, layout, x, weight, bias):
        import fastconv

        if case.op == "conv_transpose":
            x, bias = bias, None
        function, args, kwargs = spelled(case, layout, weight, bias)
        plan = fastconv.plan(function, x.shape, *args, **kwargs)
        out = plan(x)
        return Prepared(lambda: plan(x, out=out), _comparable(case, layout))


def spelled(case, layout, weight, bias):
    """The public function of `case`, its arguments after the input, and its keywords."""
    import fastconv

    home, name = fastconv, f"{case.op}{case.ndim}d"
    if case.op in CONV_GRADIENTS and case.op != "conv_transpose":
        home, name = fastconv.grad, f"conv{case.ndim}d"
    function = getattr(home, name, None)
    if function is None:
        raise Refusal(f"fastconv has no {name}")
    settings = {"stride": case.stride, "padding": case.padding, "data_format": layout}
    if case.op in _NEEDS:
        settings["needs"] = _NEEDS[case.op]
    if case.op == "conv_transpose":
        settings["output_padding"] = case.output_padding
    if case.op in CONVOLUTIONS:
        settings |= {"dilation": case.dilation, "groups": case.groups}
        return function, (weight, bias), settings
    if case.op == "max_pool":
        settings["dilation"] = case.dilation
    return function, (case.kernel,), settings


def _comparable(case, layout):
    from benchmarks.oracle import comparable

    place = {"conv_grad_input": 0, "conv_grad_weight": 1}.get(case.op)

    def seen(result):
        return comparable(case, result if place is None else result[place], layout)

    return seen
