"""What lies around an input: every mode is NumPy's, in every room, and costs no copy of the input."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from rooms import LAYOUTS, WAYS, in_layout, in_pieces

import fastconv
from fastconv import grad
from fastconv._algorithms import registry
from fastconv._core.problem import PADDING_MODES, Problem
from fastconv._kernels import isa
from fastconv._operations import gradients
from fastconv._planner import planner

NUMPYS = {
    "zeros": "constant", "constant": "constant", "reflect": "reflect", "symmetric": "symmetric",
    "replicate": "edge", "circular": "wrap",
}  # fmt: skip
ROOMS = [room for room in registry.rooms_for("conv") if room.local or room.name.endswith("winograd")]
CONV = {n: getattr(fastconv, f"conv{n}d") for n in (1, 2, 3)}
GRAD = {n: getattr(grad, f"conv{n}d") for n in (1, 2, 3)}
# Rooms whose threads keep a box of what they read in place otherwise.
BOXES = ("direct_depthwise",)

pytestmark = pytest.mark.usefixtures("every_thread_asked_for")


def padded(x, pads, mode, value):
    """Channels-first `x` as NumPy pads it, and cropped."""
    options = {"constant_values": value} if mode == "constant" else {}
    grow = [(max(p, 0), max(q, 0)) for p, q in pads]
    x = np.pad(x, [(0, 0)] * 2 + grow, mode=NUMPYS[mode], **options)
    crop = (slice(max(-p, 0), n + min(q, 0)) for (p, q), n in zip(pads, x.shape[2:]))
    return x[(..., *crop)]


@st.composite
def problems(draw):
    """(input, weight, bias, pads, mode and value, other options), of whole numbers."""
    ndim = draw(st.integers(1, 3))

    def sizes(low, high):
        return tuple(draw(st.integers(low, high)) for _ in range(ndim))

    # Depthwise vectors, products, Winograd's 3x3: the shapes that rooms are choosy about.
    groups, channels, filters = draw(
        st.sampled_from([(1, 1, 1), (1, 3, 2), (1, 18, 20), (2, 4, 6), (17, 17, 17), (3, 3, 6)])
    )
    square = draw(st.booleans())
    kernel = (1, 3, 3)[-ndim:] if square else sizes(1, 4)
    stride, dilation = ((1,) * ndim, (1,) * ndim) if square else (sizes(1, 3), sizes(1, 2))
    spatial = sizes(1, (0, 70, 20, 8)[ndim])
    pads = [draw(st.tuples(st.integers(-1, 9), st.integers(-1, 9))) for _ in range(ndim)]
    pads = [
        (p, max(q, (k - 1) * d + 1 - n - p))
        for (p, q), n, k, d in zip(pads, spatial, kernel, dilation)
    ]
    mode = draw(st.sampled_from(PADDING_MODES))
    value = draw(st.integers(-4, 4)) if mode == "constant" else 0
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    x, w, b = (
        rng.integers(-3, 4, shape)
        for shape in ((2, channels, *spatial), (filters, channels // groups, *kernel), (filters,))
    )
    return x, w, b, pads, mode, value, dict(stride=stride, dilation=dilation, groups=groups)


@settings(max_examples=60, deadline=None)
@given(problems(), WAYS, st.sampled_from([np.float32, np.float64]))
def test_every_room_sees_what_numpy_pads(problem, way, dtype):
    x, w, b, pads, mode, value, options = problem
    layout, level, threads = way
    conv, ran = CONV[x.ndim - 2], 0
    expected = conv(padded(x, pads, mode, value), w, b, **options)
    x, w, b = in_layout(x.astype(dtype), layout), w.astype(dtype), b.astype(dtype)
    around = dict(padding=pads, padding_mode=mode, padding_value=value, data_format=layout)
    for room in ROOMS:
        with isa.use(level), fastconv.config(threads=threads, algorithm=room.name):
            try:
                y = conv(x, w, b, **around, **options)
            except ValueError as refusal:
                assert "no algorithm for" in str(refusal)
                continue
            apart = conv(in_pieces(x), w, b, **around, **options)
        assert np.array_equal(y, in_layout(expected, layout)), room.name
        assert np.array_equal(apart, y), room.name
        ran += 1
    assert ran >= 3


@settings(max_examples=60, deadline=None)
@given(problems(), WAYS)
def test_transforms_see_it_too(problem, way):
    x, w, b, pads, mode, value, options = problem
    conv = CONV[x.ndim - 2]
    expected = in_layout(conv(padded(x, pads, mode, value), w, b, **options), way[0])
    y = conv(
        in_layout(x.astype(float), way[0]), w.astype(float), b.astype(float), padding=pads,
        padding_mode=mode, padding_value=value, data_format=way[0], algorithm="fft", **options,
    )  # fmt: skip
    assert np.allclose(y, expected, rtol=0, atol=1e-9)


@settings(max_examples=60, deadline=None)
@given(problems(), WAYS)
def test_weight_gradients_see_it_too(problem, way):
    x, w, _, pads, mode, value, options = problem
    layout, level, threads = way
    differentiate = GRAD[x.ndim - 2]
    whole = padded(x, pads, mode, value)
    g = np.sign(CONV[x.ndim - 2](whole, w, **options))
    _, expected, _ = differentiate(whole, w, g, needs=("weight",), algorithm="reference", **options)
    x, w, g = in_layout(x.astype(float), layout), w.astype(float), in_layout(g.astype(float), layout)
    for room in registry.rooms_for("grad_weight"):
        with isa.use(level), fastconv.config(threads=threads, algorithm=room.name):
            try:
                _, grad_w, _ = differentiate(
                    x, w, g, needs=("weight",), padding=pads, padding_mode=mode,
                    padding_value=value, data_format=layout, **options,
                )  # fmt: skip
            except ValueError as refusal:
                assert "no algorithm for" in str(refusal)
                continue
        assert np.array_equal(grad_w, expected), room.name


@settings(max_examples=60, deadline=None)
@given(problems(), st.sampled_from(LAYOUTS), st.sampled_from(["float64", "int64", "complex128"]))
def test_input_gradients_by_strips_are_those_that_are_folded(problem, layout, dtype):
    x, w, _, pads, mode, value, options = problem
    differentiate, found = GRAD[x.ndim - 2], []
    x, w = in_layout(x.astype(dtype), layout), w.astype(dtype)
    around = dict(padding=pads, padding_mode=mode, padding_value=value, data_format=layout)
    y = CONV[x.ndim - 2](x, w, **around, **options)
    g = np.random.default_rng(0).integers(-3, 4, y.shape).astype(dtype)
    for large in (1, 1 << 40):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(gradients, "_LARGE", large)
            planner.forget()
            found.append(differentiate(x, w, g, needs=("input",), **around, **options)[0])
    planner.forget()
    assert found[0].dtype == dtype and np.array_equal(*found)


@pytest.mark.parametrize("dtype", ["int8", "uint16", "int64", "float16", "complex64", "complex128"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_constants_in_every_dtype(dtype, layout):
    rng = np.random.default_rng(3)
    x, w = (rng.integers(0, 2, shape).astype(dtype) for shape in ((1, 4, 6, 7), (2, 2, 3, 2)))
    value = 1 - 2j if dtype.startswith("complex") else 2
    if dtype.startswith("complex"):
        x += 1j * x[:, ::-1]
    pads, options = [(1, 2), (0, 3)], dict(groups=2, stride=(1, 2))
    whole = padded(x, pads, "constant", value)
    expected = fastconv.conv2d(whole, w, **options)
    g = np.ones_like(expected)
    around = dict(
        padding=pads, padding_mode="constant", padding_value=value, data_format=layout, **options
    )
    y = fastconv.conv2d(in_layout(x, layout), w, **around)
    assert y.dtype == dtype and np.array_equal(y, in_layout(expected, layout))
    grad_x, grad_w, _ = grad.conv2d(in_layout(x, layout), w, in_layout(g, layout), **around)
    known_x, known_w, _ = grad.conv2d(whole, w, g, **options)
    assert np.array_equal(grad_x, in_layout(known_x[:, :, 1:7, :7], layout))
    assert np.array_equal(grad_w, known_w)


def test_constants_that_are_no_numbers():
    x, w = np.ones((1, 1, 5)), np.ones((1, 1, 3))
    for value in (np.nan, np.inf):
        y = fastconv.conv1d(x, w, padding=1, padding_mode="constant", padding_value=value)
        assert np.array_equal(y, [[[value, 3, 3, 3, value]]], equal_nan=True)
    # Beyond half a page of transforms, too.
    w = np.ones((1, 1, 3000))
    y = fastconv.conv1d(
        np.ones((1, 1, 9000)), w, padding=1, padding_mode="constant", padding_value=np.nan
    )
    assert np.isnan(y[0, 0, [0, -1]]).all() and (y[0, 0, 1:-1] == 3000).all()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("channels, filters, groups", [(1, 1, 1), (3, 8, 1), (64, 64, 1), (64, 64, 64)])
def test_a_mode_takes_no_more_memory_than_zeros(channels, filters, groups, layout):
    x = Problem(
        "conv", "float32", layout, 1, channels, filters, groups, (64, 64), (3, 3), (1, 1), (1, 1),
        (1, 1), (1, 1), (64, 64),
    )  # fmt: skip
    for room in registry.rooms_for("conv"):
        if room.supports(x) is not None:
            continue
        for mode in PADDING_MODES[1:]:
            other = x._replace(padding_mode=mode, padding_value=float(mode == "constant"))
            if room.supports(other) is None and room.name not in BOXES:
                assert room.workspace(other, 2) <= room.workspace(x, 2), (room.name, mode)
            assert Problem.parse(str(other)) == other
