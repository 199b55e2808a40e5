"""Scratch memory: what a plan says it takes is what a call takes, or more."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import fastconv
from fastconv._algorithms import registry
from fastconv._core import arena

PAGE = 4096
# Those whose scratch is the arena's.
ROOMS = [r.name for r in registry.rooms_for("conv") if r.name not in ("reference", "im2col", "fft_library")]

pytestmark = pytest.mark.usefixtures("every_thread_asked_for")


@st.composite
def calls(draw):
    """A function, its input, weight and options."""
    number = lambda least, most: draw(st.integers(least, most))  # noqa: E731
    ndim = number(1, 3)
    transposed = draw(st.booleans())
    kernel = [1] * ndim if draw(st.booleans()) else [number(1, 4) for _ in range(ndim)]
    groups = draw(st.sampled_from([1, 1, 2, 5]))
    # Pixels of 2 and 4 KiB fall into the same cache sets.
    channels = groups * draw(st.sampled_from([1, 3, 40, 256, 512, 1024]))
    filters = groups * draw(st.sampled_from([1, 2, 7, 33]))
    x = np.ones((number(1, 2), channels, *(number(4, 9) for _ in kernel)), np.float32)
    w = np.ones((channels, filters // groups, *kernel) if transposed
                else (filters, channels // groups, *kernel), np.float32)  # fmt: skip
    # The stride phases of a transposed convolution are strided arrays, which may have to be copied.
    options = {"stride": [1 if transposed else number(1, 3) for _ in kernel], "groups": groups}
    options["padding"] = [number(0, 1 if transposed else 2) for _ in kernel]
    if draw(st.booleans()):
        x = np.ascontiguousarray(np.moveaxis(x, 1, -1))
        options["data_format"] = "channels_last"
    return getattr(fastconv, f"conv{'_transpose' * transposed}{ndim}d"), x, w, options


@settings(max_examples=300, deadline=None)
@given(calls(), st.sampled_from(ROOMS), st.sampled_from([1, 2, 3]))
def test_a_call_takes_no_more_than_its_plan_says(call, room, threads):
    function, x, w, options = call
    with fastconv.config(algorithm=room, threads=threads):
        try:
            plan = fastconv.plan(function, x, w, **options)
        except ValueError as refusal:
            assert room in str(refusal)
            return
        arena.clear()
        plan(x)
    # By whole pages, of which one at least is asked for.
    assert arena.kept_bytes() <= max(-(-plan.workspace // PAGE), 1) * PAGE
