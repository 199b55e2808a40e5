"""
A vessel in a noisy volume
==========================

A thin bright tube runs through a volume of noise. A blur and a Laplacian bring it out.
"""

import matplotlib.pyplot as plt
import numpy as np

from fastconv import ndimage

rng = np.random.default_rng(0)
depth, height, width = np.mgrid[:48, :96, :96].astype(np.float32)
angle = depth / 48 * np.pi
distance = np.hypot(height - 48 - 24 * np.sin(angle), width - 48 - 24 * np.cos(angle))
volume = (distance < 2.5).astype(np.float32) + 0.6 * rng.standard_normal(
    distance.shape, dtype=np.float32
)

# %%
# Functions have SciPy's names and take arrays of any number of axes. A Laplacian of a Gaussian of about the radius
# of the tube is most negative on its axis.

soft = ndimage.gaussian_filter(volume, 2)
tube = -ndimage.gaussian_laplace(volume, 2.5)

figure, axes = plt.subplots(1, 3, figsize=(9, 3.3), layout="constrained")
for axis, (name, values) in zip(
    axes, (("noisy", volume), ("Gaussian", soft), ("Laplacian of Gaussian", tube))
):
    axis.imshow(values.max(axis=0), cmap="magma")
    axis.set_title(f"{name}, maxima over depth", fontsize=9)
    axis.axis("off")
plt.show()

# %%
# The brightest element of every slice follows the tube:

best = tube.reshape(48, -1).argmax(axis=1)
off = distance.reshape(48, -1)[np.arange(48), best]
print(f"at most {off.max():.1f} elements off its axis")
