"""The examples do what they say, in short."""

import importlib.util
import io
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
pytestmark = pytest.mark.skipif(not EXAMPLES.exists(), reason="the examples are not installed")


@pytest.fixture(scope="module")
def lenet():
    spec = importlib.util.spec_from_file_location("lenet", EXAMPLES / "lenet.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def bars(count, rng):
    """Grey pictures of one bar each, of ten directions: what else has ten classes."""
    labels = rng.integers(0, 10, count)
    rows, columns = np.mgrid[-1:1:32j, -1:1:32j]
    angle = labels[:, None, None] * np.pi / 10
    distance = abs(np.sin(angle) * columns + np.cos(angle) * rows)
    return (np.clip(1 - 4 * distance, 0, 1) ** 0.5).astype(np.float32), labels


def test_parameters_are_those_of_the_lecture(lenet):
    text = lenet.table(lenet.Network())
    for count in ("608", "3,216", "48,120", "10,164", "850", "62,958"):
        assert any(line.split()[-1] == count for line in text.splitlines())
    assert "52,794" in text and "28x28x8" in text and "5x5x16" in text


def test_a_short_training_learns(lenet):
    rng = np.random.default_rng(0)
    pictures, labels = bars(512, rng)
    test = bars(128, rng)
    test = lenet.coloured(test[0], rng), test[1]
    network = lenet.Network()
    reports = []
    history = lenet.train(
        network, pictures, labels, test, epochs=6, batch=32, report=lambda *now: reports.append(now)
    )
    assert history[-1][0] < 0.5 * history[0][0] and history[-1][1] > 0.7
    assert [r[0] for r in reports] == list(range(1, 97)) and reports[-1][1] == 96


def test_gradients_of_the_whole_network(lenet):
    """Against differences of the loss, in double precision."""
    rng = np.random.default_rng(1)
    network = lenet.Network()
    for layer in network.layers:
        layer.parameters = [p.astype(np.float64) for p in layer.parameters]
    x, labels = rng.standard_normal((3, 32, 32, 3)), rng.integers(0, 10, 3)
    network.step(x, labels)
    for parameter, gradient in list(network.pairs()):
        gradient = gradient.copy()
        flat, at = parameter.reshape(-1), rng.integers(0, parameter.size)
        around = []
        for step in (1e-6, -2e-6):
            flat[at] += step
            around.append(network.step(x, labels))
        flat[at] += 1e-6
        assert abs((around[0] - around[1]) / 2e-6 - gradient.reshape(-1)[at]) < 1e-6


def test_progress_is_for_terminals(lenet):
    class Terminal(list):
        write = list.append

        def isatty(self):
            return True

        def flush(self):
            pass

    terminal = Terminal()
    report = lenet.progress(terminal)
    for done in (1, 2):
        report(done, 2, 0, 1.5, [(1.0, 0.25)])
    assert "loss 1.500" in terminal[0] and "25.0 %" in terminal[0] and terminal[1].endswith("\n")
    assert lenet.progress(io.StringIO()) is None


def test_pictures(lenet, tmp_path):
    pytest.importorskip("matplotlib")
    rng = np.random.default_rng(2)
    grey, labels = bars(12, rng)
    pictures = lenet.coloured(grey, rng)
    paths = lenet.draw(tmp_path / "new", lenet.Network(), [(2.0, 0.1), (1.0, 0.5)], pictures, labels)
    assert [p.name for p in paths] == ["loss.png", "filters.png", "features.png", "mistakes.png"]
    assert all(p.stat().st_size > 5000 for p in paths)


def test_colours_have_contrast(lenet):
    pictures = lenet.coloured(np.eye(32, dtype=np.float32)[None].repeat(500, 0), np.random.default_rng(3))
    ink, paper = pictures[:, range(32), range(32)].mean(axis=1), pictures[:, 0, 1:].mean(axis=1)
    brightness = np.array([0.3, 0.6, 0.1])
    assert abs((ink - paper) @ brightness).min() > 0.3
    assert pictures.shape == (500, 32, 32, 3)
