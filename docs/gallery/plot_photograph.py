"""
Edges of a photograph
=====================

A photograph in grey, its edges, a blur, and the maxima of small windows.
"""

from importlib.resources import files

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

import fastconv
from fastconv import ndimage

path = files("fastconv").joinpath("_demo", "photograph.jpg")  # or any other picture
with Image.open(path) as picture:
    grey = np.asarray(picture.convert("L").reduce(2), np.float32)

# %%
# Two kernels, two derivatives. The length of the gradient shows edges in all directions.

across, down = (fastconv.filters.sobel(axis=axis) for axis in (1, 0))
kernels = np.stack([across, down])[:, None]
gradient = fastconv.conv2d(grey[None], kernels, padding="same", padding_mode="reflect")
edges = np.hypot(*gradient)

# %%
# A Gaussian is an outer product: ``conv2d`` finds that by its values and runs two passes.

blur = fastconv.filters.gaussian(6.0)
soft = fastconv.conv2d(grey[None], blur[None, None], padding="same", padding_mode="reflect")[0]

# %%
# Maxima and minima of windows: their difference is large at edges of any direction.

spread = ndimage.maximum_filter(grey, 5) - ndimage.minimum_filter(grey, 5)

figure, axes = plt.subplots(2, 2, figsize=(9, 6.4), layout="constrained")
pictures = (
    ("grey", grey),
    ("edges", edges),
    ("Gaussian, sigma 6", soft),
    ("range of 5x5 windows", spread),
)
for axis, (name, picture) in zip(axes.flat, pictures):
    axis.imshow(picture, cmap="gray", vmax=np.percentile(picture, 99.5))
    axis.set_title(name)
    axis.axis("off")
plt.show()
