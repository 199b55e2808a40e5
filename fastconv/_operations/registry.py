"""The only list of families of operations."""

from . import convolution, gradients, local, pool_gradients, pooling, transposed

FAMILIES = (convolution, transposed, gradients, local, pooling, pool_gradients)


def family_of(name):
    """The family that serves the public function of this `name`, or None."""
    return next((family for family in FAMILIES if name in family.names), None)


def names():
    """Every public name that a family serves."""
    return tuple(name for family in FAMILIES for name in family.names)
