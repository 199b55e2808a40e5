"""fastconv: convolution and pooling for NumPy arrays on the CPU.

=====================  =============================================================
conv, conv_transpose   convolution, transposed convolution
grad                   gradients of convolution
pool                   maxima, averages and norms of windows; unpooling
locally_connected      convolution with weights of every position's own
linear_maps            im2col, col2im, convolution as a sparse matrix
normalized             means of what is there, where elements are missing
stream                 a filter whose input arrives in blocks
filters, shapes        kernels for image filtering; size arithmetic
planning               plan, explain, tune
calibration            this machine's own profile for the cost model
config, wisdom         settings; what was measured, kept
ndimage, signal        SciPy's names over our engine
dask, jax, onnx, torch
                       bridges to Dask's arrays, JAX, ONNX's evaluator and PyTorch (extras)
ceiling                what the machine could do at most
_pose, _tuning         operations as problems, for planning; measuring them
_terminal              a line on the terminal, for people who wait
_normalized            what these and their gradients do
_scipy, _in_place      what the functions with SciPy's names share; using them in SciPy's place
_skimage               a backend for scikit-image
_typing                names of types, for the stubs: of what is public, types stand in .pyi files
__main__               the command line
_core, _kernels, _algorithms, _planner, _operations, _commands, _demo
                       packages, each with a list of its own
=====================  =============================================================
"""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if Path(__file__).with_name("_kernels").joinpath("table.pyx").exists():
    # In a checkout: its modules may not have been compiled.
    try:
        from ._kernels import table as _  # noqa: F401
    except ImportError as error:
        raise ImportError(
            "fastconv is imported from its source tree, and its modules are not compiled for this Python; "
            'in that folder run: python -m pip install -e "."'
        ) from error

from . import filters, grad, shapes, wisdom
from ._core.version import VERSION
from .config import config, get_config, set_config, show_config
from .conv import conv1d, conv2d, conv3d
from .conv_transpose import conv_transpose1d, conv_transpose2d, conv_transpose3d
from .linear_maps import as_matrix, col2im, im2col
from .locally_connected import locally_connected1d, locally_connected2d, locally_connected3d
from .normalized import normalized_conv1d, normalized_conv2d, normalized_conv3d
from .planning import explain, plan, tune
from .pool import (
    ArgmaxCache,
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_avg_pool3d,
    adaptive_max_pool1d,
    adaptive_max_pool2d,
    adaptive_max_pool3d,
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    global_avg_pool,
    global_lp_pool,
    global_max_pool,
    lp_pool1d,
    lp_pool2d,
    lp_pool3d,
    max_pool1d,
    max_pool2d,
    max_pool3d,
    max_unpool1d,
    max_unpool2d,
    max_unpool3d,
)
from .stream import Stream

__version__ = VERSION

__all__ = [
    "ArgmaxCache",
    "Stream",
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "adaptive_max_pool1d",
    "adaptive_max_pool2d",
    "adaptive_max_pool3d",
    "as_matrix",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "calibrate",
    "col2im",
    "config",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "explain",
    "filters",
    "get_config",
    "global_avg_pool",
    "global_lp_pool",
    "global_max_pool",
    "grad",
    "im2col",
    "in_place_of_scipy",
    "locally_connected1d",
    "locally_connected2d",
    "locally_connected3d",
    "lp_pool1d",
    "lp_pool2d",
    "lp_pool3d",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
    "max_unpool1d",
    "max_unpool2d",
    "max_unpool3d",
    "ndimage",
    "normalized_conv1d",
    "normalized_conv2d",
    "normalized_conv3d",
    "plan",
    "set_config",
    "shapes",
    "show_config",
    "signal",
    "tune",
    "wisdom",
]


if TYPE_CHECKING:
    from . import ndimage, signal
    from ._in_place import in_place_of_scipy
    from .calibration import calibrate
else:

    def __getattr__(name):
        # What imports more of SciPy, or is called once in a while, is imported when it is used.
        if name in ("ndimage", "signal"):
            return import_module(f"{__name__}.{name}")
        if name == "in_place_of_scipy":
            return import_module(f"{__name__}._in_place").in_place_of_scipy
        if name == "calibrate":
            return import_module(f"{__name__}.calibration").calibrate
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
