"""A backend for scikit-image, which finds it by the entry points ``skimage_backends`` and ``skimage_backend_infos``.

The interface is experimental: a version of scikit-image dispatches what it has marked, which may be none
of these. Functions that it does not dispatch run by our filters within `fastconv.in_place_of_scipy`.
"""

from functools import wraps
from importlib import import_module
from typing import NamedTuple

import numpy as np

from ._in_place import in_place_of_scipy

# What scikit-image computes by functions of `scipy.ndimage` that are ours.
_FUNCTIONS = {
    "skimage.filters": (
        "difference_of_gaussians", "gaussian", "prewitt", "prewitt_h", "prewitt_v", "scharr",
        "scharr_h", "scharr_v", "sobel", "sobel_h", "sobel_v", "unsharp_mask",
    ),
    "skimage.morphology": ("black_tophat", "closing", "dilation", "erosion", "opening", "white_tophat"),
}  # fmt: skip


class Information(NamedTuple):
    """What scikit-image asks of a backend before it is imported."""

    supported_functions: list


def information():
    """The Information of this backend."""
    return Information([f"{module}:{name}" for module, names in _FUNCTIONS.items() for name in names])


def can_has(name, *args, **kwargs):
    """Whether the backend takes a call of ``"module:function"``: of NumPy arrays without masks."""
    return bool(args) and type(args[0]) is np.ndarray


def get_implementation(name):
    """The function that replaces ``"module:function"``: scikit-image's own, over our filters."""
    module, function = name.split(":")
    marked = getattr(import_module(module), function)
    original = getattr(marked, "__wrapped__", marked)

    @wraps(original)
    def implementation(*args, **kwargs):
        with in_place_of_scipy():
            return original(*args, **kwargs)

    return implementation
