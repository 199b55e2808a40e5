"""Transposed convolution: exact, the transpose of a matrix, and every option and kind of array."""

import gradients
import numpy as np
import problems
import pytest

import fastconv
from fastconv import conv_transpose1d, conv_transpose2d, conv_transpose3d
from fastconv._kernels import isa
from fastconv.shapes import conv_transpose_output_shape

TRANSPOSE = {1: conv_transpose1d, 2: conv_transpose2d, 3: conv_transpose3d}
NDIM = pytest.mark.parametrize("ndim", [1, 2, 3])
SIZES = {1: (9,), 2: (4, 6), 3: (3, 4, 2)}
LARGEST = 4e6  # multiply-adds
RECORDS = [
    pytest.param(record, id=problems.label(record))
    for record in problems.records("conv_transpose", largest=1e12)
    if record["macs"] / record["N"] <= 20 * LARGEST
]


def integers(seed, *shape, dtype=float):
    return np.random.default_rng(seed).integers(-5, 6, shape).astype(dtype)


def of_record(record):
    """(case, bias): the convolution whose transpose a record is, its batch and channels bounded.

    The record's input is what that convolution puts out.
    """
    r = dict(record, N=min(record["N"], 2))
    macs = record["macs"] / record["N"] * r["N"]
    while macs > LARGEST and not (r["C"] % (2 * r["G"]) or r["K"] % (2 * r["G"])):
        r["C"], r["K"], macs = r["C"] // 2, r["K"] // 2, macs / 4
    case = gradients.Gradients(
        r["N"], r["K"], r["C"], r["G"], tuple(r["out"]), tuple(r["kernel"]), tuple(r["stride"]),
        tuple(r["dilation"]), tuple(zip(r["pad_begin"], r["pad_end"])), tuple(r["in"]),
    )  # fmt: skip
    return case, np.random.default_rng(1).integers(-9, 10, r["K"]).astype(float)


@pytest.mark.parametrize("record", RECORDS)
def test_records_are_exact(record, every_thread_asked_for):
    case, bias = of_record(record)
    transpose = TRANSPOSE[len(case.kernel)]
    expected = case.grad_input() + bias.reshape(-1, *(1,) * len(case.kernel))
    for last in (False, True):
        x = gradients.in_layout(case.g, last, np.float32)
        truth = gradients.in_layout(expected, last, np.float32)
        w, b = case.w.astype(np.float32), bias.astype(np.float32)
        layout = "channels_last" if last else "channels_first"
        for level in isa.available():
            for threads in (1, 2, 3):
                out = np.full(truth.shape, np.nan, np.float32)
                with isa.use(level), fastconv.config(threads=threads, algorithm="direct"):
                    transpose(x, w, b, out=out, data_format=layout, **case.options)
                assert np.array_equal(out, truth), f"{level}, {layout}, {threads} threads"


@NDIM
def test_it_is_the_transpose_of_the_matrix_that_convolves(ndim):
    w = integers(0, 6, 2, *(3,) * ndim)
    options = dict(stride=2, padding=1, dilation=2, groups=2)
    shape = (4, *(11, 9, 7)[:ndim])
    matrix = fastconv.as_matrix(w, shape, **options)
    g = integers(1, *fastconv.shapes.conv_output_shape(shape, w.shape, **options))
    found = TRANSPOSE[ndim](g, w, **options)
    assert np.array_equal(found.ravel(), matrix.T @ g.ravel())


@NDIM
@pytest.mark.parametrize("stride, dilation, extra", [(1, 1, 0), (2, 1, 1), (3, 2, 2), (1, 3, 2), (4, 1, 3)])
def test_shapes_and_output_padding(ndim, stride, dilation, extra):
    x, w = integers(2, 2, 3, *SIZES[ndim]), integers(3, 3, 5, *(2,) * ndim)
    options = dict(stride=stride, dilation=dilation, padding=1, output_padding=extra)
    y = TRANSPOSE[ndim](x, w, **options)
    assert y.shape == conv_transpose_output_shape(x.shape, w.shape, **options)
    plain = TRANSPOSE[ndim](x, w, stride=stride, dilation=dilation)
    grown = np.pad(plain, [(0, 0)] * 2 + [(0, extra)] * ndim)
    assert np.array_equal(y, grown[(..., *(slice(1, n - 1) for n in grown.shape[2:]))])


@NDIM
def test_it_undoes_no_convolution_but_its_shape(ndim):
    """torch's rule: the same arguments take the shape back, up to `output_padding`."""
    x, w = integers(4, 1, 4, *SIZES[ndim]), integers(5, 6, 4, *(3,) * ndim)
    y = getattr(fastconv, f"conv{ndim}d")(x, w, stride=2, padding=1)
    extra = tuple((n - 1) % 2 for n in SIZES[ndim])
    back = TRANSPOSE[ndim](y, w, stride=2, padding=1, output_padding=extra)
    assert back.shape == x.shape


@NDIM
def test_a_box_repeats_elements(ndim):
    x = integers(6, 1, *SIZES[ndim])
    y = TRANSPOSE[ndim](x, np.ones((1, 1, *(2,) * ndim)), stride=2)
    expected = x
    for axis in range(1, ndim + 1):
        expected = expected.repeat(2, axis)
    assert np.array_equal(y, expected)


@NDIM
def test_a_small_kernel_leaves_gaps_with_the_bias(ndim):
    x = integers(7, 2, 3, *SIZES[ndim])
    w, b = np.ones((3, 1, *(1,) * ndim)), np.array([-4.0])
    y = TRANSPOSE[ndim](x, w, b, stride=3)
    taken = (..., *(slice(None, None, 3),) * ndim)
    assert np.array_equal(y[taken], x.sum(1, keepdims=True) - 4)
    y[taken] = -4
    assert (y == -4).all()
    assert not TRANSPOSE[ndim](x, w, b - 100, stride=3, activation="relu").any()


@pytest.mark.parametrize("padding", [[(1, 0), (0, 2)], [(-1, -2), (0, 1)], "full", "valid"])
def test_paddings(padding):
    x, w = integers(8, 1, 2, 5, 6), integers(9, 2, 3, 3, 2)
    full = TRANSPOSE[2](x, w)
    named = {"full": [(2, 2), (1, 1)], "valid": [(0, 0), (0, 0)]}
    pads = named[padding] if isinstance(padding, str) else padding
    grown = np.pad(full, [(0, 0), (0, 0), *((max(-a, 0), max(-b, 0)) for a, b in pads)])
    kept = (slice(max(a, 0), n - max(b, 0)) for n, (a, b) in zip(grown.shape[2:], pads))
    assert np.array_equal(TRANSPOSE[2](x, w, padding=padding), grown[(..., *kept)])


@pytest.mark.parametrize("algorithm", [None, "direct", "im2col", "fft", "reference"])
@pytest.mark.parametrize("layout", ["channels_first", "channels_last"])
def test_algorithms_layouts_and_out(algorithm, layout):
    x, w, b = integers(10, 2, 4, 6, 5), integers(11, 4, 3, 4, 3), integers(12, 6)
    options = dict(stride=(2, 1), padding=1, groups=2, activation="relu")
    known = conv_transpose2d(x, w, b, algorithm="reference", **options)
    if layout == "channels_last":
        x, known = np.moveaxis(x, 1, -1), np.moveaxis(known, 1, -1)
    whole = np.full((*known.shape[:-1], 2 * known.shape[-1]), 99.0)
    out = whole[..., ::2]
    found = conv_transpose2d(x, w, b, out=out, data_format=layout, algorithm=algorithm, **options)
    assert found is out
    np.testing.assert_allclose(out, known, atol=1e-9)
    assert (whole[..., 1::2] == 99).all()
    one = conv_transpose2d(x[1], w, b, data_format=layout, algorithm=algorithm, **options)
    np.testing.assert_allclose(one, known[1], atol=1e-9)


def test_out_may_overlap_the_input():
    x, w = integers(13, 1, 2, 9), integers(14, 2, 2, 3)
    known = conv_transpose1d(x, w, padding=1)
    assert np.array_equal(conv_transpose1d(x, w, padding=1, out=x), known)


@pytest.mark.parametrize("dtype", ["f2", "c8", "c16", "i1", "u2", "i4", "u8"])
def test_dtypes(dtype):
    shapes = (2, 4, 5), (4, 2, 3), (4,)
    x, w, b = (np.abs(integers(seed, *shape)) for seed, shape in enumerate(shapes))
    if dtype == "i1":
        x, w = np.minimum(x, 2), np.minimum(w, 2)
    if dtype.startswith("c"):
        x, w, b = x + 1j * integers(3, *x.shape), w - 2j * integers(4, *w.shape), b + 1j
    options = dict(stride=2, groups=2, padding=1, output_padding=1)
    y = conv_transpose1d(*(a.astype(dtype) for a in (x, w, b)), **options)
    assert y.dtype == dtype
    parts = [conv_transpose1d(x.real, part, **options) for part in (w.real, w.imag)]
    known = parts[0] + 1j * parts[1]
    if dtype.startswith("c"):
        parts = [conv_transpose1d(x.imag, part, **options) for part in (w.real, w.imag)]
        known = known - parts[1] + 1j * parts[0]
    assert np.array_equal(y, known + b[:, None])


@pytest.mark.parametrize("layout", ["channels_first", "channels_last"])
def test_empty_arrays(layout):
    for batch, channels in ((0, 3), (2, 0)):
        x = np.ones((batch, 5, channels) if layout == "channels_last" else (batch, channels, 5))
        w, b = np.ones((channels, 4, 3)), np.arange(-1.0, 3)
        y = conv_transpose1d(x, w, b, 2, data_format=layout, activation="relu")
        shape = (batch, 11, 4) if layout == "channels_last" else (batch, 4, 11)
        expected = np.broadcast_to([0.0, 0, 1, 2], (batch, 11, 4))
        assert y.shape == shape
        assert np.array_equal(y if layout == "channels_last" else np.moveaxis(y, 1, -1), expected)


# Plans and explanations


@pytest.mark.parametrize("dtype", ["f4", "f2", "c8", "i8"])
@pytest.mark.parametrize("groups", [1, 2])
def test_plans(dtype, groups):
    shapes = (2, 4, 6, 5), (4, 3, 3, 3), (3 * groups,)
    x, w, b = (integers(15 + i, *shape, dtype=dtype) for i, shape in enumerate(shapes))
    options = dict(stride=2, padding=1, output_padding=1, groups=groups)
    plan = fastconv.plan(conv_transpose2d, x.shape, w, b, **options)
    known = conv_transpose2d(x, w, b, **options)
    w[...] = b[...] = 0  # captured
    assert plan.output_shape == known.shape and plan.dtype == dtype
    assert str(plan.problem).startswith("grad_input2d ")
    out = np.empty_like(known)
    assert plan(x, out=out) is out and np.array_equal(out, known)
    assert np.array_equal(plan(x), known)
    assert plan.algorithm == plan.explain().algorithm


def test_explanations_are_about_the_largest_phase():
    e = fastconv.explain(conv_transpose2d, (1, 8, 9, 9), (8, 4, 3, 3), stride=2)
    assert e.note == "the largest of 4 stride phases" and e.problem.kernel == (2, 2)
    assert e.problem.kind == "conv" and e.algorithm is not None and repr(e)
    e = fastconv.explain(conv_transpose2d, (1, 8, 9, 9), (8, 4, 3, 3))
    assert e.note == "with the kernel reversed" and e.problem.pad_begin == (2, 2)
    spelled = "grad_input2d f32 cf n1 c4 k8 g1 i19x19 f3x3 s2x2 d1x1 p0x0 q0x0 o9x9"
    assert fastconv.explain(spelled).problem.kernel == (2, 2)
    weight = fastconv.explain(spelled.replace("input", "weight"))
    assert weight.algorithm == "direct_weight"
    with pytest.raises(ValueError, match="the output should be"):
        fastconv.explain(spelled.replace("o9x9", "o9x8"))


def test_every_phase_is_tuned():
    with fastconv.config(threads=1):
        found = fastconv.tune(conv_transpose1d, (1, 8, 64), (8, 8, 3), stride=2, budget=0.02)
    assert {e.problem.kernel for e in found} == {(1,), (2,)}
