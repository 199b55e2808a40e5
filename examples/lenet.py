"""A small convolutional network that learns to read digits, with fastconv and NumPy alone.

The network of many a first lecture on the subject, on pictures of 32 x 32 pixels in three colours:
two convolutions with 5 x 5 kernels, each followed by max pooling, and three dense layers. It is
trained on scikit-learn's digits, enlarged, each in a random colour on a random background::

    python examples/lenet.py            # trains, then draws what was learned
    python examples/lenet.py --peer     # times a training step beside PyTorch's

After Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, "Gradient-based learning applied to document
recognition", Proceedings of the IEEE 86 (1998).
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np

import fastconv
from fastconv import grad
from fastconv.shapes import parameter_count

SIZE, CLASSES = 32, 10
LAST = {"data_format": "channels_last"}


# --- layers: forward keeps what backward needs; backward fills `gradients` ----------------------


class Convolution:
    """A convolution with a bias and a ReLU. The first layer needs no gradient of its input."""

    def __init__(self, rng, channels, filters, size, first=False):
        shape = (filters, channels, size, size)
        weight = rng.standard_normal(shape, np.float32) * (2 / (channels * size * size)) ** 0.5
        self.parameters = [weight.astype(np.float32), np.zeros(filters, np.float32)]
        self.needs = ("weight", "bias") if first else ("input", "weight", "bias")
        self.name = f"conv {size}x{size}x{filters}"

    def forward(self, x):
        self.x, (weight, bias) = x, self.parameters
        self.y = fastconv.conv2d(x, weight, bias, activation="relu", **LAST)
        return self.y

    def backward(self, gradient):
        back, *self.gradients = grad.conv2d(
            self.x, self.parameters[0], gradient, activation="relu", output=self.y,
            needs=self.needs, **LAST,
        )  # fmt: skip
        return back


class Pooling:
    """Max pooling of 2 x 2 windows; the cache says where the maxima were."""

    parameters, gradients, name = (), (), "max pool 2x2"

    def forward(self, x):
        y, self.cache = fastconv.max_pool2d(x, 2, return_cache=True, **LAST)
        return y

    def backward(self, gradient):
        return grad.max_pool2d(gradient, self.cache)


class Dense:
    """A matrix product with a bias, and a ReLU unless it is the last layer."""

    def __init__(self, rng, inputs, outputs, relu=True):
        weight = rng.standard_normal((inputs, outputs), np.float32) * (2 / inputs) ** 0.5
        self.parameters = [weight.astype(np.float32), np.zeros(outputs, np.float32)]
        self.relu, self.name = relu, f"dense {outputs}"

    def forward(self, x):
        self.shape, self.x = x.shape, x.reshape(len(x), -1)
        weight, bias = self.parameters
        self.y = self.x @ weight + bias
        return np.maximum(self.y, 0, out=self.y) if self.relu else self.y

    def backward(self, gradient):
        if self.relu:
            gradient = np.where(self.y > 0, gradient, 0)
        self.gradients = [self.x.T @ gradient, gradient.sum(axis=0)]
        return (gradient @ self.parameters[0].T).reshape(self.shape)


class Network:
    """Layers one after another, and the cross-entropy of their softmax."""

    def __init__(self, seed=0):
        rng = np.random.default_rng(seed)
        self.layers = [
            Convolution(rng, 3, 8, 5, first=True), Pooling(),
            Convolution(rng, 8, 16, 5), Pooling(),
            Dense(rng, 400, 120), Dense(rng, 120, 84), Dense(rng, 84, CLASSES, relu=False),
        ]  # fmt: skip

    def forward(self, x):
        """Scores of all classes, of shape (N, 10), for pictures (N, 32, 32, 3)."""
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def step(self, x, labels):
        """The mean loss of a batch; the layers then hold its gradients."""
        scores = self.forward(x)
        scores = scores - scores.max(axis=1, keepdims=True)
        chances = np.exp(scores)
        chances /= chances.sum(axis=1, keepdims=True)
        rows = np.arange(len(labels))
        loss = -np.log(chances[rows, labels] + 1e-30).mean()
        chances[rows, labels] -= 1
        gradient = chances / len(labels)
        for layer in reversed(self.layers):
            gradient = layer.backward(gradient)
        return float(loss)

    def pairs(self):
        """(parameter, gradient) of every layer."""
        for layer in self.layers:
            yield from zip(layer.parameters, layer.gradients)

    def accuracy(self, x, labels):
        """The share of pictures whose highest score is that of their label."""
        return float((self.forward(x).argmax(axis=1) == labels).mean())


class Adam:
    """Steps of D. P. Kingma and J. Ba, "Adam: a method for stochastic optimization" (2015)."""

    def __init__(self, rate=2e-3, decay=(0.9, 0.999)):
        self.rate, self.decay, self.count, self.means = rate, decay, 0, []

    def update(self, pairs):
        self.count += 1
        a, b = self.decay
        scale = self.rate * (1 - b**self.count) ** 0.5 / (1 - a**self.count)
        for i, (parameter, gradient) in enumerate(pairs):
            if i == len(self.means):
                self.means.append((np.zeros_like(parameter), np.zeros_like(parameter)))
            mean, square = self.means[i]
            mean += (1 - a) * (gradient - mean)
            square += (1 - b) * (gradient * gradient - square)
            parameter -= scale * mean / (np.sqrt(square) + 1e-8)


def table(network):
    """Layers with the shapes of their outputs and their numbers of parameters."""
    lines = [f"{'layer':14}{'output':>14}{'parameters':>12}", f"{'picture':14}{'32x32x3':>14}{'':>12}"]
    x, total = np.zeros((1, SIZE, SIZE, 3), np.float32), 0
    for layer in network.layers:
        x = layer.forward(x)
        count = ""
        if layer.parameters:
            weight = layer.parameters[0]
            # A dense layer is a convolution of one pixel.
            count = parameter_count(weight.shape if weight.ndim == 4 else (*weight.T.shape, 1))
            total += count
        output = "x".join(map(str, x.shape[1:]))
        lines.append(f"{layer.name:14}{output:>14}{count and f'{count:,}':>12}")
    lines.append(f"{'together':14}{'':>14}{total:>12,}")
    lines.append("(A table often shown leaves out the 10,164 of dense 84: it adds up to 52,794.)")
    return "\n".join(lines)


# --- pictures -----------------------------------------------------------------------------------


def digits():
    """Grey pictures (1797, 32, 32) of digits, from 0 to 1, and their labels."""
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        sys.exit("the digits come with scikit-learn: pip install 'fastconv[examples]'")
    data = load_digits()
    small = data.images.astype(np.float32)[:, None] / 16
    # Every pixel becomes 4 x 4, and a blur of two boxes leaves a piecewise linear picture.
    large = small.repeat(4, axis=2).repeat(4, axis=3)
    box = fastconv.filters.box(4).astype(np.float32)[None, None]
    for _ in range(2):
        large = fastconv.conv2d(large, box, padding="same", padding_mode="replicate")
    return large[:, 0], data.target


def coloured(grey, rng):
    """Grey pictures in a random colour each, on a background of quite another brightness."""
    ink, paper = (rng.random((len(grey), 1, 1, 3), np.float32) for _ in range(2))
    weights = np.array([0.3, 0.6, 0.1], np.float32)
    apart = (ink @ weights - paper @ weights)[..., None]
    # Colours too close to each other are moved apart, one to the dark and one to the bright.
    push = np.where(abs(apart) < 0.4, np.where(apart < 0, -0.5, 0.5), 0).astype(np.float32)
    ink, paper = np.clip(ink + push, 0, 1), np.clip(paper - push, 0, 1)
    pictures = paper + grey[..., None] * (ink - paper)
    pictures += 0.03 * rng.standard_normal(pictures.shape, np.float32)
    return pictures - np.float32(0.5)


# --- training -----------------------------------------------------------------------------------


def train(network, pictures, labels, test, *, epochs, batch=64, seed=0, report=None):
    """Train on grey `pictures`, coloured anew in every epoch; the history of losses and accuracies."""
    rng = np.random.default_rng(seed)
    optimizer, history = Adam(), []
    steps = len(labels) // batch
    for epoch in range(epochs):
        # The rate falls in a straight line to a tenth.
        optimizer.rate = 2e-3 * (1 - 0.9 * epoch / max(epochs - 1, 1))
        order, losses = rng.permutation(len(labels)), []
        for step in range(steps):
            chosen = order[step * batch : (step + 1) * batch]
            losses.append(network.step(coloured(pictures[chosen], rng), labels[chosen]))
            optimizer.update(network.pairs())
            if report:
                report(epoch * steps + step + 1, epochs * steps, epoch, losses[-1], history)
        history.append((float(np.mean(losses)), network.accuracy(*test)))
    return history


def progress(stream=sys.stderr):
    """A reporter for `train`: a bar on a terminal, otherwise nothing."""
    started = time.perf_counter()

    def report(done, total, epoch, loss, history):
        left = (time.perf_counter() - started) / done * (total - done)
        bar = "#" * (30 * done // total)
        accuracy = f"{100 * history[-1][1]:.1f} %" if history else "-"
        stream.write(
            f"\r[{bar:30}] epoch {epoch + 1}, loss {loss:.3f}, test accuracy {accuracy}, "
            f"{left:.0f} s left  " + ("\n" if done == total else "")
        )
        stream.flush()

    return report if stream.isatty() else None


# --- what was learned, drawn --------------------------------------------------------------------


def draw(folder, network, history, pictures, labels):
    """Four PNG files; returns their paths, or nothing without matplotlib."""
    try:
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot as plt
    except ImportError:
        print("no pictures without matplotlib: pip install 'fastconv[examples]'")
        return []
    folder.mkdir(parents=True, exist_ok=True)
    saved = []

    def save(figure, name):
        path = folder / name
        figure.savefig(path, dpi=120, bbox_inches="tight")
        plt.close(figure)
        saved.append(path)

    losses, accuracies = zip(*history)
    figure, left = plt.subplots(figsize=(7, 4))
    epochs = range(1, len(losses) + 1)
    left.semilogy(epochs, losses, color="tab:blue")
    left.set(xlabel="epoch", ylabel="loss in training")
    right = left.twinx()
    right.plot(epochs, [100 * a for a in accuracies], color="tab:orange")
    right.set_ylabel("test accuracy, %")
    left.yaxis.label.set_color("tab:blue")
    right.yaxis.label.set_color("tab:orange")
    save(figure, "loss.png")

    kernels = network.layers[0].parameters[0].transpose(0, 2, 3, 1)
    figure, axes = plt.subplots(1, len(kernels), figsize=(10, 1.6))
    for axis, kernel in zip(axes, kernels):
        axis.imshow((kernel - kernel.min()) / np.ptp(kernel))
        axis.axis("off")
    figure.suptitle("kernels of the first layer")
    save(figure, "filters.png")

    network.forward(pictures[:1])
    maps = [network.layers[0].y[0], network.layers[2].y[0]]
    figure, axes = plt.subplots(3, 8, figsize=(10, 4.4))
    for axis in axes.flat:
        axis.axis("off")
    axes[0, 0].imshow(np.clip(pictures[0] + 0.5, 0, 1))
    for row, features in zip((1, 2), maps):
        for column in range(8):
            axes[row, column].imshow(features[..., column], cmap="magma")
    figure.suptitle("a picture, and what the convolutions make of it (the first 8 maps of each)")
    save(figure, "features.png")

    found = network.forward(pictures).argmax(axis=1)
    wrong = np.flatnonzero(found != labels)[:24]
    rows = max(-(-len(wrong) // 8), 1)
    figure, axes = plt.subplots(rows, 8, figsize=(10, 0.4 + 1.5 * rows), squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for axis, i in zip(axes.flat, wrong):
        axis.imshow(np.clip(pictures[i] + 0.5, 0, 1))
        axis.set_title(f"{labels[i]} read as {found[i]}", fontsize=8)
    figure.suptitle(f"{(found != labels).sum()} mistakes in {len(labels)} pictures")
    save(figure, "mistakes.png")
    return saved


# --- beside PyTorch -----------------------------------------------------------------------------


def peer_step(network, channels_last):
    """A function (pictures, labels) -> loss that does in PyTorch what `Network.step` does."""
    import torch
    from torch.nn import functional as F

    order = torch.channels_last if channels_last else torch.contiguous_format
    weights = []
    for layer in network.layers:
        if not layer.parameters:
            continue
        weight, bias = (torch.tensor(p) for p in layer.parameters)
        if weight.ndim == 4:
            weight = weight.contiguous(memory_format=order)
        weights.append((weight.requires_grad_(), bias.requires_grad_()))
    every = [tensor for pair in weights for tensor in pair]

    def step(pictures, labels):
        y = torch.from_numpy(pictures).permute(0, 3, 1, 2).contiguous(memory_format=order)
        for weight, bias in weights[:2]:
            y = F.max_pool2d(F.relu(F.conv2d(y, weight, bias)), 2)
        # Our dense layers see channels last.
        y = y.permute(0, 2, 3, 1).reshape(len(labels), -1)
        for weight, bias in weights[2:]:
            y = y @ weight + bias
            y = y if len(bias) == CLASSES else F.relu(y)
        loss = F.cross_entropy(y, torch.from_numpy(labels))
        torch.autograd.grad(loss, every)
        return float(loss.detach())

    return step


def beside_peer(batch, threads, seconds=6.0):
    """Time training steps in turn, and print the times and their ratio."""
    import torch

    torch.set_num_threads(threads)
    fastconv.set_config(threads=threads)
    rng, network = np.random.default_rng(0), Network()
    pictures = rng.standard_normal((batch, SIZE, SIZE, 3), np.float32)
    labels = rng.integers(0, CLASSES, batch)
    steps = {
        "fastconv": network.step,
        "PyTorch": peer_step(network, False),
        "PyTorch, channels last": peer_step(network, True),
    }
    losses = {name: step(pictures, labels) for name, step in steps.items()}
    if np.ptp(list(losses.values())) > 1e-4:
        raise SystemExit(f"these are not the same network: {losses}")
    times = {name: [] for name in steps}
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        for name, step in steps.items():
            time.sleep(0.005)  # threads of the one before go to sleep
            step(pictures, labels)
            for _ in range(5):
                start = time.perf_counter()
                step(pictures, labels)
                times[name].append(1e3 * (time.perf_counter() - start))
    print(f"a step of {batch} pictures, {threads} threads, loss {losses['fastconv']:.4f}:")
    for name, taken in times.items():
        print(f"  {name:24}{np.median(taken):7.2f} ms median, {min(taken):7.2f} ms at best")
    rival = min(np.median(times[name]) for name in list(steps)[1:])
    print(f"  PyTorch / fastconv: {rival / np.median(times['fastconv']):.2f} by medians")


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=None, help="all processors by default")
    parser.add_argument("--pictures", type=Path, default=Path("lenet-pictures"), metavar="FOLDER")
    parser.add_argument("--no-pictures", action="store_true")
    parser.add_argument("--peer", action="store_true", help="time a step beside PyTorch instead")
    options = parser.parse_args(arguments)
    if options.threads:
        fastconv.set_config(threads=options.threads)
    if options.peer:
        beside_peer(options.batch, options.threads or fastconv.get_config()["threads"])
        return
    network = Network(options.seed)
    print(table(network))
    grey, labels = digits()
    order = np.random.default_rng(options.seed).permutation(len(labels))
    tested, learned = order[:360], order[360:]
    test = coloured(grey[tested], np.random.default_rng(options.seed + 1)), labels[tested]
    started = time.perf_counter()
    history = train(
        network, grey[learned], labels[learned], test, epochs=options.epochs, batch=options.batch,
        seed=options.seed, report=progress(),
    )  # fmt: skip
    seconds = time.perf_counter() - started
    print(f"test accuracy {100 * history[-1][1]:.1f} % after {options.epochs} epochs, {seconds:.0f} s")
    if not options.no_pictures:
        for path in draw(options.pictures, network, history, *test):
            print(f"drawn: {path}")


if __name__ == "__main__":
    main()
