"""The only list of families of operations."""

from . import (
    convolution,
    gradients,
    local,
    local_gradients,
    pool_gradients,
    pooling,
    transposed,
    transposed_gradients,
)

FAMILIES = (
    convolution,
    transposed,
    gradients,
    transposed_gradients,
    local,
    local_gradients,
    pooling,
    pool_gradients,
)


def family_of(name):
    """The family that serves the public function of this `name`, or None."""
    return next((family for family in FAMILIES if name in family.names), None)


def names():
    """Every public name that a family serves."""
    return tuple(name for family in FAMILIES for name in family.names)
