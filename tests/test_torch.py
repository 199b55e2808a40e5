"""PyTorch's functions over our engine: values, gradients of two orders, compilation, layers."""

import copy

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402
from torch import nn  # noqa: E402

import fastconv.torch as ours  # noqa: E402

CONVS = [
    # name, input, weight, options
    ("conv1d", (2, 4, 20), (6, 2, 3), dict(stride=2, padding=2, dilation=2, groups=2)),
    ("conv1d", (4, 20), (6, 4, 4), dict(padding="same")),
    ("conv2d", (2, 4, 7, 8), (6, 4, 3, 2), dict(stride=(1, 2), padding=(1, 0))),
    ("conv2d", (2, 4, 7, 8), (4, 1, 3, 3), dict(padding=1, groups=4)),
    ("conv3d", (1, 2, 5, 6, 5), (3, 2, 2, 3, 2), dict(padding=1)),
    ("conv_transpose1d", (2, 4, 6), (4, 3, 3), dict(stride=2, padding=1, output_padding=1)),
    ("conv_transpose2d", (2, 4, 4, 5), (4, 3, 3, 2), dict(stride=2, dilation=2, groups=2)),
    ("conv_transpose3d", (1, 2, 3, 4, 3), (2, 3, 2, 2, 2), dict(stride=2)),
]  # fmt: skip
POOLS = [
    ("max_pool1d", (2, 3, 11), (3, 2, 1)), ("max_pool2d", (2, 3, 9, 8), (3, 2, 1)), ("max_pool2d", (3, 9, 8), (2,)),
    ("max_pool3d", (1, 2, 6, 6, 6), (2,)), ("avg_pool1d", (2, 3, 11), (3, 2, 1)), ("avg_pool2d", (2, 3, 9, 8), (3, 2, 1)),
    ("avg_pool3d", (1, 2, 6, 6, 6), (2,)), ("max_pool2d", (1, 2, 9, 9), (2, 2, 0, 1, True)),
    ("avg_pool2d", (1, 2, 9, 9), (2, 2, 0, True)), ("avg_pool2d", (1, 2, 9, 9), (3, 1, 1, False, False)),
]  # fmt: skip


def numbers(*shape, dtype=torch.float64, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@pytest.mark.parametrize("name, shape, kernel, options", CONVS)
def test_convolutions_and_their_gradients(name, shape, kernel, options):
    x, w = numbers(*shape).requires_grad_(), numbers(*kernel, seed=1).requires_grad_()
    filters = kernel[1] * options.get("groups", 1) if "transpose" in name else kernel[0]
    b = numbers(filters, seed=2).requires_grad_()
    run = getattr(ours, name)
    y, wanted = run(x, w, b, **options), getattr(F, name)(x, w, b, **options)
    torch.testing.assert_close(y, wanted)
    g = numbers(*y.shape, seed=3)
    for mine, theirs in zip(
        torch.autograd.grad(y, (x, w, b), g), torch.autograd.grad(wanted, (x, w, b), g)
    ):
        torch.testing.assert_close(mine, theirs)
    assert torch.autograd.gradcheck(lambda *a: run(*a, **options), (x, w, b), fast_mode=True)
    assert torch.autograd.gradgradcheck(lambda *a: run(*a, **options), (x, w, b), fast_mode=True)


def test_gradients_of_complex_numbers():
    x, w = (torch.complex(numbers(*s), numbers(*s, seed=1)) for s in ((1, 2, 5, 5), (3, 2, 3, 3)))
    x, w = x.requires_grad_(), w.requires_grad_()
    assert torch.autograd.gradcheck(lambda x, w: ours.conv2d(x, w, padding=1), (x, w), fast_mode=True)
    assert torch.autograd.gradgradcheck(
        lambda x, w: ours.conv2d(x, w, padding=1), (x, w), fast_mode=True
    )


@pytest.mark.parametrize("name, shape, args", POOLS)
def test_poolings_and_their_gradients(name, shape, args):
    x = numbers(*shape).requires_grad_()
    run = getattr(ours, name)
    torch.testing.assert_close(run(x, *args), getattr(F, name)(x, *args))
    assert torch.autograd.gradcheck(lambda a: run(a, *args), (x,), fast_mode=True)
    assert torch.autograd.gradgradcheck(lambda a: run(a, *args), (x,), fast_mode=True)
    if name.startswith("max"):
        for mine, theirs in zip(
            run(x, *args, return_indices=True), getattr(F, name)(x, *args, return_indices=True)
        ):
            torch.testing.assert_close(mine, theirs)


def test_operators_are_as_pytorch_wants_them():
    x, w = numbers(2, 4, 7, 8).requires_grad_(), numbers(6, 4, 3, 3).requires_grad_()
    b = numbers(6).requires_grad_()
    options = [1, 1], [1, 1, 0, 2], [1, 1], False, [0, 0], 1
    last = x.detach().to(memory_format=torch.channels_last).requires_grad_()
    for one in (x, last):
        torch.library.opcheck(torch.ops.fastconv.convolution, (one, w, b, *options))
        torch.library.opcheck(torch.ops.fastconv.max_pool, (one, [2, 2], [2, 2], [0, 0], [1, 1], False))
        torch.library.opcheck(
            torch.ops.fastconv.avg_pool, (one, [2, 2], [2, 2], [0, 0], True, True, None)
        )
    transposed = [2, 2], [1, 1, 1, 1], [1, 1], True, [1, 1], 1
    torch.library.opcheck(torch.ops.fastconv.convolution, (x, numbers(4, 3, 3, 3), None, *transposed))


def test_channels_last_stays():
    x = numbers(2, 8, 9, 9, dtype=torch.float32).to(memory_format=torch.channels_last)
    w = numbers(16, 8, 3, 3, dtype=torch.float32)
    y = ours.max_pool2d(ours.conv2d(x, w, padding=1), 2)
    assert y.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(y, F.max_pool2d(F.conv2d(x, w, padding=1), 2), rtol=1e-4, atol=1e-4)
    x.requires_grad_()
    ours.conv2d(x, w).sum().backward()
    assert x.grad.is_contiguous(memory_format=torch.channels_last)


def network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 3, padding="same"),
        nn.AvgPool2d(2), nn.ConvTranspose2d(16, 4, 2, stride=2), nn.Conv2d(4, 4, 3, padding=1, padding_mode="reflect"),
    )  # fmt: skip


def test_a_model_is_accelerated_and_put_back():
    model, x = network(), torch.randn(2, 3, 16, 16)
    plain = copy.deepcopy(model)
    wanted = plain(x)
    undo = ours.accelerate(model)
    torch.testing.assert_close(model(x), wanted, rtol=1e-4, atol=1e-5)
    with torch.no_grad():
        torch.testing.assert_close(model(x), wanted, rtol=1e-4, atol=1e-5)
        # Weights that have changed are packed again.
        for one in (model, plain):
            one[0].weight.mul_(2)
        torch.testing.assert_close(model(x), plain(x), rtol=1e-4, atol=1e-5)
    model(x).square().sum().backward()
    plain(x).square().sum().backward()
    for mine, theirs in zip(model.parameters(), plain.parameters()):
        torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(model.double()(x.double()), plain.double()(x.double()))
    undo()
    assert not any("forward" in vars(layer) for layer in model.modules())
    with ours.accelerate(model):
        assert "forward" in vars(model[0])
    assert "forward" not in vars(model[0])


def test_layers_take_inputs_without_a_batch():
    for layer, shape in (
        (nn.Conv2d(3, 4, 3), (3, 8, 8)),
        (nn.Conv3d(3, 4, 3), (3, 6, 6, 6)),
        (nn.MaxPool2d(2), (3, 8, 8)),
    ):
        x = torch.randn(shape)
        # In memory this one might be a batch with its channels last.
        for one in (
            x,
            x.permute(0, *range(2, x.ndim), 1)
            .contiguous()
            .permute(0, x.ndim - 1, *range(1, x.ndim - 1)),
        ):
            with torch.no_grad():
                wanted = layer(one)
                with ours.accelerate(layer):
                    torch.testing.assert_close(layer(one), wanted, rtol=1e-4, atol=1e-5)


def test_compiled_as_one_graph():
    model, x = network()[:5], torch.randn(2, 3, 16, 16)
    wanted = model(x)
    with ours.accelerate(model):
        torch._dynamo.reset()
        compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
        torch.testing.assert_close(compiled(x), wanted, rtol=1e-4, atol=1e-5)
        compiled(x).sum().backward()

    def function(x, w):
        return ours.conv2d(x, w, padding=1).relu()

    exported = torch.export.export(_Module(function), (x, torch.randn(8, 3, 3, 3)))
    assert "fastconv.convolution" in str(exported.graph)


class _Module(nn.Module):
    def __init__(self, function):
        super().__init__()
        self._function = function

    def forward(self, *args):
        return self._function(*args)


def test_what_is_not_taken_is_refused():
    w = torch.ones(1, 1, 3, 3)
    with pytest.raises(TypeError, match="bfloat16"):
        ours.conv2d(torch.ones(1, 1, 4, 4, dtype=torch.bfloat16), w.bfloat16())
    with pytest.raises(ValueError, match="axes"):
        ours.conv2d(torch.ones(4, 4), w)
    with pytest.raises(ValueError, match="strided"):
        ours.conv2d(torch.ones(1, 1, 4, 4), w, stride=2, padding="same")
    with pytest.raises(ValueError, match=r"does not fit|smaller"):
        ours.conv2d(torch.ones(1, 1, 2, 2), w)


def test_views_conjugates_and_memory():
    x = numbers(2, 3, 8, 8)[:, :, ::2, 1:]
    w = numbers(4, 3, 2, 2, seed=1)
    torch.testing.assert_close(ours.conv2d(x, w), F.conv2d(x, w))
    z = torch.complex(numbers(1, 3, 6, 6), numbers(1, 3, 6, 6, seed=2)).conj()
    kernel = torch.complex(w, -w)
    torch.testing.assert_close(ours.conv2d(z, kernel), F.conv2d(z, kernel))
    assert np.shares_memory(ours._arrays.as_array(x), x.numpy())
