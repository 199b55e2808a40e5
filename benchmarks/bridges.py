"""What the bridges gain: ``python -m benchmarks.bridges`` (needs torch, onnx or dask, as far as they are there).

A network of the shape of ResNet-50, with random weights, by PyTorch and by `fastconv.torch.accelerate`; by
ONNX's evaluator and by `fastconv.onnx`; and a convolution of a Dask array, and of the same array in memory.
"""

import argparse
import importlib.util
from itertools import count as numbers
from time import perf_counter

import numpy as np

import fastconv


def best(call, rounds):
    """The shortest of some calls, after one."""
    call()
    times = []
    for _ in range(rounds):
        start = perf_counter()
        call()
        times.append(perf_counter() - start)
    return min(times)


def in_turn(first, second, rounds):
    """The shortest times of two calls, measured in turn, twice."""
    found = [(best(first, rounds), best(second, rounds)) for _ in range(2)]
    return [min(times) for times in zip(*found)]


def resnet50():
    """As in He et al., "Deep residual learning for image recognition" (2016), without normalisation."""
    from torch import nn

    class Block(nn.Module):
        def __init__(self, channels, inner, stride):
            super().__init__()
            self.body = nn.Sequential(
                nn.Conv2d(channels, inner, 1), nn.ReLU(), nn.Conv2d(inner, inner, 3, stride, 1), nn.ReLU(),
                nn.Conv2d(inner, 4 * inner, 1),
            )  # fmt: skip
            same = channels == 4 * inner and stride == 1
            self.side = nn.Identity() if same else nn.Conv2d(channels, 4 * inner, 1, stride)

        def forward(self, x):
            return (self.body(x) + self.side(x)).relu()

    layers, channels = [nn.Conv2d(3, 64, 7, 2, 3), nn.ReLU(), nn.MaxPool2d(3, 2, 1)], 64
    for inner, count in ((64, 3), (128, 4), (256, 6), (512, 3)):
        for number in range(count):
            layers.append(Block(channels, inner, 2 if number == 0 and inner > 64 else 1))
            channels = 4 * inner
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2048, 1000))


def of_torch(rounds):
    import torch

    import fastconv.torch

    torch.set_num_threads(2)
    torch.manual_seed(0)
    for last in (True, False):
        model, x = resnet50(), torch.randn(1, 3, 224, 224)
        if last:
            model, x = (a.to(memory_format=torch.channels_last) for a in (model, x))

        def infer():
            with torch.no_grad():
                return model(x)

        def train():
            model.zero_grad()
            model(x).sum().backward()

        for name, call in (("inference", infer), ("forward and backward", train)):

            def accelerated(call=call):
                with fastconv.torch.accelerate(model):
                    return best(call, rounds)

            theirs, ours = [], []
            for _ in range(2):
                theirs.append(best(call, rounds))
                ours.append(accelerated())
            layout = "channels last" if last else "channels first"
            print(f"torch, {name}, {layout}: {1e3 * min(theirs):.1f} ms, ours {1e3 * min(ours):.1f} ms, "
                  f"{min(theirs) / min(ours):.2f}", flush=True)  # fmt: skip


def resnet50_of_onnx(side):
    """The same network as an ONNX model, for images of `side` pixels."""
    from onnx import TensorProto, helper, numpy_helper

    rng, weights, nodes = np.random.default_rng(0), [], []

    def node(kind, *inputs, **attributes):
        name = f"{kind}{len(nodes)}"
        nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def conv(x, channels, filters, size=1, stride=1):
        weight = rng.standard_normal((filters, channels, size, size)) / np.sqrt(channels * size * size)
        weights.append(numpy_helper.from_array(weight.astype(np.float32), f"w{len(weights)}"))
        return node("Conv", x, weights[-1].name, pads=[size // 2] * 4, strides=[stride] * 2)

    x, channels = node("Relu", conv("x", 3, 64, 7, 2)), 64
    x = node("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    for inner, count in ((64, 3), (128, 4), (256, 6), (512, 3)):
        for number in range(count):
            stride = 2 if number == 0 and inner > 64 else 1
            y = node("Relu", conv(x, channels, inner))
            y = node("Relu", conv(y, inner, inner, 3, stride))
            y = conv(y, inner, 4 * inner)
            if number == 0:
                x = conv(x, channels, 4 * inner, 1, stride)
            x, channels = node("Relu", node("Add", x, y)), 4 * inner
    y = node("GlobalAveragePool", x)
    graph = helper.make_graph(
        nodes, "resnet50", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, side, side])],
        [helper.make_tensor_value_info(y, TensorProto.FLOAT, None)], weights,
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])


def of_onnx(rounds):
    from onnx.reference import ReferenceEvaluator

    import fastconv.onnx

    side = 224
    model = resnet50_of_onnx(side)
    feeds = {"x": np.random.default_rng(1).standard_normal((1, 3, side, side)).astype(np.float32)}
    plain, ours = ReferenceEvaluator(model), fastconv.onnx.session(model)
    theirs, mine = in_turn(lambda: plain.run(None, feeds), lambda: ours.run(None, feeds), rounds)
    print(f"onnx, inference: {theirs:.1f} s, ours {1e3 * mine:.1f} ms, {theirs / mine:.0f}", flush=True)


def of_dask(rounds):
    import dask.array as da

    import fastconv.dask

    x = np.random.default_rng(0).random((1, 16, 2048, 2048), dtype=np.float32)
    w = np.random.default_rng(1).standard_normal((16, 16, 3, 3)).astype(np.float32)
    chunked = da.from_array(x, chunks=(1, 16, 512, 1024))
    whole, parts = in_turn(
        lambda: fastconv.conv2d(x, w, padding=1),
        lambda: fastconv.dask.conv2d(chunked, w, padding=1).compute(),
        rounds,
    )
    print(
        f"dask, 16 chunks, threads: {1e3 * parts:.0f} ms, whole {1e3 * whole:.0f} ms, {whole / parts:.2f}"
    )


def of_cluster(rounds):
    """Two processes of one thread each, whose chunks and results stay where they are."""
    import dask.array as da
    from dask.distributed import Client, wait

    import fastconv.dask

    w = np.random.default_rng(1).standard_normal((16, 16, 3, 3)).astype(np.float32)
    with Client(n_workers=2, threads_per_worker=1, dashboard_address=None) as client:
        source = da.random.default_rng(0).random((1, 16, 2048, 2048), np.float32, chunks=(1, 16, 1024, 1024))
        chunked = client.persist(source)
        x = chunked.compute()
        fresh = numbers(1)  # of known weights the result would be known too

        def compute():
            wait(client.persist(fastconv.dask.conv2d(chunked, w * next(fresh), padding=1)))

        whole, parts = in_turn(lambda: fastconv.conv2d(x, w, padding=1), compute, rounds)
    print(
        f"dask, 4 chunks, 2 processes: {1e3 * parts:.0f} ms, whole {1e3 * whole:.0f} ms, {whole / parts:.2f}"
    )


def of_joblib(rounds):
    """Pictures one after another, by callers in threads, and by processes that send results back."""
    from joblib import Parallel, delayed

    pictures = list(np.random.default_rng(0).random((64, 3, 256, 256), dtype=np.float32))
    w = np.random.default_rng(1).standard_normal((16, 3, 5, 5)).astype(np.float32)
    ways = {"one after another, 2 threads": lambda: [_features(x, w, 2) for x in pictures]}
    for jobs, backend in ((2, "threading"), (2, "loky")):
        pool = Parallel(n_jobs=jobs, backend=backend)
        ways[f"joblib, 2 jobs of 1 thread, {backend}"] = lambda pool=pool: pool(
            delayed(_features)(x, w, 1) for x in pictures
        )
    for name, call in ways.items():
        print(f"{name}: {1e3 * best(call, rounds):.0f} ms for 64 pictures")


def _features(x, w, threads):
    with fastconv.config(threads=threads):
        return fastconv.conv2d(x, w, padding=2).max(axis=0)


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bridges", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="calls of each, after one (5)")
    options = parser.parse_args(arguments)
    with fastconv.config(threads=2):
        for name, run in (
            ("torch", of_torch), ("onnx", of_onnx), ("dask", of_dask), ("distributed", of_cluster), ("joblib", of_joblib)
        ):  # fmt: skip
            if importlib.util.find_spec(name) is None:
                print(f"{name} is not installed")
            else:
                run(options.rounds)


if __name__ == "__main__":
    main()
