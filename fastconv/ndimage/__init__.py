"""SciPy's names over our engine: the filters of `scipy.ndimage`, with their signatures.

Change ``from scipy import ndimage`` to ``from fastconv import ndimage``. Arguments, results, dtypes,
warnings and errors are SciPy's. Results of integer dtypes, and what is computed from integers, are equal to
the last bit; floats differ by rounding at most, and float32 stays float32, as precise as
``docs/precision.md`` says. Arrays with masked elements are refused. What the engine has no way for is handed to
SciPy; ``fastconv.explain(fastconv.ndimage.sobel, image)`` tells.

======================================================  ===================================================
correlate, convolve, correlate1d, convolve1d            _correlation
gaussian_filter, gaussian_filter1d,
gaussian_laplace, gaussian_gradient_magnitude           _gaussian
sobel, prewitt, laplace                                 _derivatives
uniform_filter, uniform_filter1d                        _uniform
maximum_filter, maximum_filter1d, minimum_filter,
minimum_filter1d, grey_dilation, grey_erosion           _morphology
======================================================  ===================================================

Beneath: ``_arguments``, as SciPy takes them; ``_folding``, any number of axes as three; ``_sums`` and
``_ordered``, sums by convolution and in SciPy's order; ``_extreme`` and ``_extrema``, maxima and minima.
"""

from ._correlation import convolve, convolve1d, correlate, correlate1d
from ._derivatives import laplace, prewitt, sobel
from ._gaussian import gaussian_filter, gaussian_filter1d, gaussian_gradient_magnitude, gaussian_laplace
from ._morphology import (
    grey_dilation,
    grey_erosion,
    maximum_filter,
    maximum_filter1d,
    minimum_filter,
    minimum_filter1d,
)
from ._uniform import uniform_filter, uniform_filter1d

__all__ = [
    "convolve",
    "convolve1d",
    "correlate",
    "correlate1d",
    "gaussian_filter",
    "gaussian_filter1d",
    "gaussian_gradient_magnitude",
    "gaussian_laplace",
    "grey_dilation",
    "grey_erosion",
    "laplace",
    "maximum_filter",
    "maximum_filter1d",
    "minimum_filter",
    "minimum_filter1d",
    "prewitt",
    "sobel",
    "uniform_filter",
    "uniform_filter1d",
]
