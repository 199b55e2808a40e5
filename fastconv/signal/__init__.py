"""SciPy's names over our engine: convolution and FIR filters of `scipy.signal`, with their signatures.

Change ``from scipy import signal`` to ``from fastconv import signal`` for these functions. Arguments, results,
dtypes and errors are SciPy's; integers are exact; arrays with masked elements are refused. What the engine has no way
for is handed to SciPy; ``fastconv.explain(fastconv.signal.convolve, x, h)`` tells.

=============================================  =============
convolve, correlate, fftconvolve, oaconvolve,
choose_conv_method                             _convolution
convolve2d, correlate2d                        _planar
lfilter, upfirdn                               _fir
decimate, resample_poly                        _resampling
=============================================  =============

Beneath: ``_engine``, the convolution of two arrays.
"""

from ._convolution import choose_conv_method, convolve, correlate, fftconvolve, oaconvolve
from ._fir import lfilter, upfirdn
from ._planar import convolve2d, correlate2d
from ._resampling import decimate, resample_poly

__all__ = [
    "choose_conv_method",
    "convolve",
    "convolve2d",
    "correlate",
    "correlate2d",
    "decimate",
    "fftconvolve",
    "lfilter",
    "oaconvolve",
    "resample_poly",
    "upfirdn",
]
