"""
A network that reads digits
===========================

The network of the :doc:`tutorial </tutorial/network>`, trained for a few epochs with NumPy and fastconv alone. Layers and
training are those of ``examples/lenet.py``, which trains for longer; run this page with ``PYTHONPATH=examples``.
"""

import lenet
import matplotlib.pyplot as plt
import numpy as np

# %%
# Its layers, the shapes of their outputs, and their parameters:

network = lenet.Network(seed=0)
print(lenet.table(network))

# %%
# Digits in random colours on random backgrounds; 360 of them are kept for the test.

grey, labels = lenet.digits()
order = np.random.default_rng(0).permutation(len(labels))
tested, learned = order[:360], order[360:]
test = lenet.coloured(grey[tested], np.random.default_rng(1)), labels[tested]

figure, axes = plt.subplots(2, 8, figsize=(9, 2.5), layout="constrained")
for axis, picture, label in zip(axes.flat, *test):
    axis.imshow(np.clip(picture + 0.5, 0, 1))
    axis.set_title(label, fontsize=8)
    axis.axis("off")
plt.show()

# %%
# Six epochs. The loss falls, the share of test pictures that are read correctly rises:

history = lenet.train(network, grey[learned], labels[learned], test, epochs=6)
for epoch, (loss, accuracy) in enumerate(history, 1):
    print(f"epoch {epoch}: loss {loss:.2f}, test accuracy {100 * accuracy:.0f} %")

# %%
# The eight kernels of the first layer, each in three colours, and what they make of a picture:

kernels = network.layers[0].parameters[0].transpose(0, 2, 3, 1)
network.forward(test[0][:1])
figure, axes = plt.subplots(2, 8, figsize=(9, 2.5), layout="constrained")
for column, kernel in enumerate(kernels):
    axes[0, column].imshow((kernel - kernel.min()) / np.ptp(kernel))
    axes[1, column].imshow(network.layers[0].y[0, ..., column], cmap="magma")
for axis in axes.flat:
    axis.axis("off")
plt.show()

# %%
# Mistakes that are left:

found = network.forward(test[0]).argmax(axis=1)
wrong = np.flatnonzero(found != test[1])
figure, axes = plt.subplots(1, 8, figsize=(9, 1.5), layout="constrained")
for axis in axes:
    axis.axis("off")
for axis, i in zip(axes, wrong):
    axis.imshow(np.clip(test[0][i] + 0.5, 0, 1))
    axis.set_title(f"{test[1][i]} read as {found[i]}", fontsize=8)
plt.show()
