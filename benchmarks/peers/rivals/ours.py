"""fastconv itself: the function as a user calls it, and the plan."""

from .face import Prepared, Refusal, Rival


class Functional(Rival):
    """The public function; everything is decided and packed at every call."""

    name = "fastconv"
    modules = ("fastconv",)

    def start(self, threads):
        import fastconv
        from fastconv import ceiling
        from fastconv._kernels import isa

        fastconv.set_config(threads=threads)
        return f"fastconv {ceiling.version()}, level {isa.active()}"

    def prepare(self, case, layout, x, weight, bias):
        function, args, kwargs = spelled(case, layout, weight, bias)
        return Prepared(lambda: function(x, *args, **kwargs), _channels_first(layout))


class Planned(Functional):
    """A plan: the choice and the weights are prepared, the output is written in place."""

    name = "fastconv.plan"
    planned = True

    def prepare(self, case, layout, x, weight, bias):
        import fastconv

        function, args, kwargs = spelled(case, layout, weight, bias)
        plan = fastconv.plan(function, x.shape, *args, **kwargs)
        out = plan(x)
        return Prepared(lambda: plan(x, out=out), _channels_first(layout))


def spelled(case, layout, weight, bias):
    """The public function of `case`, its arguments after the input, and its keywords."""
    import fastconv

    name = f"{case.op}{case.ndim}d"
    function = getattr(fastconv, name, None)
    if function is None:
        raise Refusal(f"fastconv has no {name}")
    settings = {"stride": case.stride, "padding": case.padding, "data_format": layout}
    if case.op == "conv":
        settings |= {"dilation": case.dilation, "groups": case.groups}
        return function, (weight, bias), settings
    if case.op == "max_pool":
        settings["dilation"] = case.dilation
    return function, (case.kernel,), settings


def _channels_first(layout):
    from benchmarks.oracle import channels_first

    return lambda y: channels_first(y, layout)
