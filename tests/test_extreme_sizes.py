"""Options around the limits of machine integers: a result or a ValueError, for every operation.

Each operation runs in a process of its own, where a crash is only a failure, with little memory.
"""

import os
import resource
import subprocess
import sys
from itertools import product

import numpy as np
import pytest

import fastconv

VALUES = [sign * (2**n + d) for n in (31, 32, 53, 61, 63, 64) for d in (-1, 0, 1) for sign in (1, -1)]
MODES = ("zeros", "reflect", "symmetric", "replicate", "circular")
OPERATIONS = [
    *(f"{name}{n}d" for n in (1, 2, 3) for name in (
        "conv", "grad.conv", "conv_transpose", "max_pool", "avg_pool", "locally_connected",
        "adaptive_max_pool", "max_unpool", "grad.avg_pool")),
    "im2col", "col2im", "as_matrix",
]  # fmt: skip
# Beyond what a process can address nothing is tried; below it the system may refuse a result.
ADDRESSABLE = 2**47
MEMORY = 6 << 30


def options(ndim, v):
    """Keyword arguments with `v` in one of them or in several."""
    rest = ((0, 0),) * (ndim - 1)
    paddings = [v, ((v, -v), *rest), ((-v, v), *rest), ((v, v),) * ndim]
    both = [{"stride": v}, {"dilation": v}, {"stride": v, "dilation": v}]
    yield from both
    yield {"groups": v}
    yield {"padding": "same", "dilation": v}
    yield {"padding": "full", "dilation": v, "stride": v}
    for padding, others in product(paddings, ({}, *both)):
        yield {"padding": padding, **others}


def calls(name):
    """(arguments, keyword arguments, value) of every call of the operation."""
    for ndim in (1, 2, 3) if name in ("im2col", "col2im", "as_matrix") else (int(name[-2]),):
        x = np.ones((1, 2, *(8,) * ndim), np.float32)
        w = np.ones((2, 2, *(3,) * ndim), np.float32)
        for v in VALUES:
            for kwargs in options(ndim, v):
                if "adaptive" in name or "unpool" in name or name == f"grad.avg_pool{ndim}d":
                    if not {"groups", "dilation"} & set(kwargs) or ("grad" in name and "groups" not in kwargs):
                        yield *pooling_of(name, x, kwargs, v), v
                    continue
                if "conv" in name:
                    modes = MODES if "transpose" not in name else (None,)
                    for mode in modes:
                        given = kwargs if mode is None else {**kwargs, "padding_mode": mode}
                        last = (gradient(ndim, kwargs),) if "grad" in name else ()
                        yield (x, w, *last), given, v
                    continue
                if "groups" in kwargs and name != "as_matrix":
                    continue
                if "pool" in name:
                    yield (x, 3), kwargs, v
                    yield (x, v), kwargs, v
                    yield (x, 3), {**kwargs, "ceil_mode": True}, v
                elif name == "im2col":
                    yield (x, (3,) * ndim), kwargs, v
                elif name == "col2im":
                    yield (x.reshape(1, 2, -1), (8,) * ndim, (1,) * ndim), kwargs, v
                elif name == "as_matrix":
                    yield (w, x.shape[1:]), kwargs, v
                else:
                    yield (x, np.ones((*(1,) * ndim, *w.shape), np.float32)), kwargs, v


def pooling_of(name, x, kwargs, v):
    """Arguments of operations around pooling."""
    ndim = x.ndim - 2
    if "adaptive" in name:
        return (x, (v, *(3,) * (ndim - 1)) if kwargs.get("padding") == v else v), {}
    if "unpool" in name:
        others = {} if "padding" in kwargs else {"output_size": (v,) * ndim}
        return (x, np.zeros(x.shape, int), 3 if len(kwargs) > 1 else v), {**kwargs, **others}
    sizes = (8,) * ndim
    try:
        made = fastconv.shapes.pool_output_shape(sizes, 3, **kwargs)
    except (ValueError, TypeError):
        made = (1,) * ndim
    small = np.prod([float(n) for n in made]) < 1e6
    return (np.ones((1, 2, *(made if small else (1,) * ndim)), np.float32), sizes if small else (v,) * ndim, 3), kwargs


def gradient(ndim, kwargs):
    """A gradient of the shape that the convolution's result has, if it is small."""
    geometry = {key: kwargs[key] for key in kwargs if key != "groups"}
    try:
        sizes = fastconv.shapes.conv_output_shape((8,) * ndim, (3,) * ndim, **geometry)
    except (ValueError, TypeError):
        sizes = (1,) * ndim
    return np.ones((1, 2, *(sizes if np.prod([float(n) for n in sizes]) < 1e6 else (1,) * ndim)), np.float32)


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_result_or_a_value_error(name):
    program = f"from test_extreme_sizes import main; main({name!r})"
    program = f"import sys; sys.path.append({os.path.dirname(__file__)!r}); {program}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    results, refusals = map(int, done.stdout.split())
    # Sizes of results that are asked for leave nothing to be computed.
    assert results > 3 or "adaptive" in name or "unpool" in name, done.stdout
    assert refusals > 100, done.stdout


def main(name):
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    function = fastconv
    for part in name.split("."):
        function = getattr(function, part)
    results = refusals = 0
    for args, kwargs, value in calls(name):
        shown = [a.shape if isinstance(a, np.ndarray) else a for a in args]
        print(name, shown, kwargs, file=sys.stderr)
        try:
            function(*args, **kwargs)
            results += 1
        except ValueError:
            refusals += 1
        except MemoryError:
            # The result itself is so large; what goes between is refused by its size.
            assert abs(value) < ADDRESSABLE and kwargs.get("padding_mode", "zeros") == "zeros"
    print(results, refusals)
