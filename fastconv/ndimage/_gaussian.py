"""Gaussians and their derivatives."""

import numbers
from functools import lru_cache

import numpy as np

from .._scipy import unmasked
from ._arguments import axes_of, each, mode_of, output_of
from ._correlation import correlate1d
from ._passes import in_passes
from ._summed import magnitude, summed


def gaussian_filter1d(
    input, sigma, axis=-1, order=0, output=None, mode="reflect", cval=0.0, truncate=4.0, *, radius=None
):
    """Gaussian filter along one axis, as `scipy.ndimage.gaussian_filter1d`.

    Parameters
    ----------
    input, axis, output, mode, cval
        As in `correlate1d`.
    sigma : float
        Standard deviation, in elements.
    order : int
        Of the derivative of the Gaussian; 0 for the Gaussian itself.
    truncate : float
        Where to cut the tails, in standard deviations.
    radius : int, optional
        Elements on each side of the centre, instead of `truncate`.

    Returns
    -------
    ndarray of the shape of `input`

    Raises
    ------
    RuntimeError, ValueError, TypeError
        As SciPy does; TypeError for an array with masked elements.

    Examples
    --------
    >>> from fastconv import ndimage
    >>> ndimage.gaussian_filter1d([1.0, 2.0, 3.0, 4.0, 5.0], 1).round(3)
    array([1.427, 2.068, 3.   , 3.932, 4.573])
    """
    return correlate1d(input, _weights(sigma, order, truncate, radius), axis, output, mode, cval, 0)


def gaussian_filter(
    input, sigma, order=0, output=None, mode="reflect", cval=0.0, truncate=4.0, *, radius=None, axes=None
):
    """Gaussian filter along several axes, as `scipy.ndimage.gaussian_filter`.

    Parameters
    ----------
    input, output, cval, truncate
        As in `gaussian_filter1d`.
    sigma, order, mode, radius
        As there, for all axes or one for each.
    axes : int or tuple of int, optional
        Those to filter along; by default all.

    Returns
    -------
    ndarray of the shape of `input`

    Raises
    ------
    RuntimeError, ValueError, TypeError
        As SciPy does; TypeError for an array with masked elements.

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv import ndimage
    >>> ndimage.gaussian_filter(np.arange(0, 50, 2).reshape(5, 5), sigma=1)
    array([[ 4,  6,  8,  9, 11],
           [10, 12, 14, 15, 17],
           [20, 22, 24, 25, 27],
           [29, 31, 33, 34, 36],
           [35, 37, 39, 40, 42]])
    """
    (input,) = unmasked("gaussian_filter", input)
    output = output_of(output, input)
    axes = axes_of(axes, input.ndim)
    options = zip(axes, *(each(o, len(axes)) for o in (sigma, order, mode, radius)))
    passes = [
        (axis, _weights(s, o, truncate, r), mode_of(m), 0)
        for axis, s, o, m, r in options if s > 1e-15
    ]  # fmt: skip
    return in_passes(input, output, passes, cval)


def gaussian_laplace(input, sigma, output=None, mode="reflect", cval=0.0, *, axes=None, **kwargs):
    """Sum of second derivatives of a Gaussian, as `scipy.ndimage.gaussian_laplace`.

    Parameters, results and errors are those of `gaussian_filter`, whose further ones `kwargs` are.

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv import ndimage
    >>> ndimage.gaussian_laplace(np.eye(5), 1)[2].round(3)
    array([ 0.208, -0.073, -0.27 , -0.073,  0.208])
    """
    (input,) = unmasked("gaussian_laplace", input)
    derivative = _derivative(input, sigma, axes, cval, 2, kwargs)
    return summed(input, derivative, output, mode, axes)


def gaussian_gradient_magnitude(
    input, sigma, output=None, mode="reflect", cval=0.0, *, axes=None, **kwargs
):
    """Length of the gradient of a Gaussian, as `scipy.ndimage.gaussian_gradient_magnitude`.

    Parameters, results and errors are those of `gaussian_filter`, whose further ones `kwargs` are.

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv import ndimage
    >>> ndimage.gaussian_gradient_magnitude(np.eye(5), 1)[2].round(3)
    array([0.16 , 0.156, 0.   , 0.156, 0.16 ])
    """
    (input,) = unmasked("gaussian_gradient_magnitude", input)
    derivative = _derivative(input, sigma, axes, cval, 1, kwargs)
    return magnitude(input, derivative, output, mode, axes)


def _derivative(input, sigma, axes, cval, order, kwargs):
    """What filters along all axes, with a derivative along one of them."""
    axes = axes_of(axes, input.ndim)
    sigmas = [0] * input.ndim
    for axis, one in zip(axes, each(sigma, len(axes))):
        sigmas[axis] = one

    def derivative(axis, output, mode):
        orders = [0] * input.ndim
        orders[axis] = order
        return gaussian_filter(input, sigmas, orders, output, mode, cval, **kwargs)

    return derivative


def _weights(sigma, order, truncate, radius):
    """The weights for correlation."""
    sd = float(sigma)
    if radius is None:
        radius = int(truncate * sd + 0.5)
    if not isinstance(radius, numbers.Integral) or radius < 0:
        raise ValueError("Radius must be a nonnegative integer.")
    if order < 0:
        raise ValueError("order must be non-negative")
    return _kernel(sd, int(order), int(radius))[::-1]


@lru_cache(maxsize=64)
def _kernel(sigma, order, radius):
    """A Gaussian whose weights add up to 1, times the polynomial of its derivative of an `order`."""
    x = np.arange(-radius, radius + 1)
    bell = np.exp(-0.5 / (sigma * sigma) * x**2)
    bell = bell / bell.sum()
    if order:
        # With f = q * bell and bell' = p * bell, f' = (q' + q p) bell: a matrix on the powers of x in q.
        derive = np.diag(np.arange(1, order + 1), 1) + np.diag(np.full(order, -1 / sigma**2), -1)
        q = np.zeros(order + 1)
        q[0] = 1
        for _ in range(order):
            q = derive.dot(q)
        bell = (x[:, None] ** np.arange(order + 1)).dot(q) * bell
    bell.flags.writeable = False
    return bell
