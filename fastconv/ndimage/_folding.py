"""Arrays of any number of axes as what the engine takes: a batch, up to three axes with windows, and channels.

Axes without windows are merged with their neighbours: (10, 20, 300, 400), filtered along its second axis,
are ten images of 20 rows with 120,000 elements each.
"""

from functools import lru_cache
from typing import NamedTuple

# Neighbours of so many elements at most are channels; rows of a few elements would be slow.
_FEW = 32


class Folded(NamedTuple):
    """How an array is seen."""

    batch: int
    spatial: tuple  # sizes
    places: tuple  # of the axes with windows, in order, among `spatial`
    channels: int  # neighbours that share a place; 1 for none

    @property
    def ndim(self):
        """Number of axes with windows, or between them."""
        return len(self.spatial)

    @property
    def layout(self):
        """The data format of a convolution."""
        return "channels_last" if self.channels > 1 else "channels_first"

    def batched(self, array):
        """`array` as a batch for a convolution."""
        if self.channels > 1:
            return array.reshape(self.batch, *self.spatial, self.channels)
        return array.reshape(self.batch, 1, *self.spatial)

    def boxed(self, array):
        """`array` with four axes: the batch, and three that have windows."""
        array = array.reshape(self.batch, *self.spatial, self.channels)
        array = array.transpose(0, self.ndim + 1, *range(1, self.ndim + 1))
        if self.channels == 1:
            return array.reshape(self.batch, *(1,) * (3 - self.ndim), *self.spatial)
        if self.ndim == 3:  # a batch of batches is one only if it lies so
            return array.reshape(-1, *self.spatial)
        if self.ndim == 2:
            return array  # channels are slices
        return array[:, :, None]

    def unboxed(self, array):
        """The inverse of `boxed`, of a new array."""
        array = array.reshape(self.batch, self.channels, *self.spatial)
        return array.transpose(0, *range(2, self.ndim + 2), 1)

    def spread(self, values, fill):
        """A list with a value for every spatial axis: those with windows have theirs from `values`."""
        found = [fill] * self.ndim
        for place, value in zip(self.places, values):
            found[place] = value
        return found


@lru_cache(maxsize=512)
def fold(shape, axes):
    """The Folded of an array of `shape` with windows along `axes`, in ascending order; None if it has none."""
    groups = []
    for axis, size in enumerate(shape):
        if axis in axes or not groups or groups[-1][1]:
            groups.append((size, axis in axes))
        else:
            groups[-1] = groups[-1][0] * size, False
    batch = channels = 1
    if len(groups) > 1 and not groups[0][1]:
        batch = groups.pop(0)[0]
    if len(groups) > 1 and not groups[-1][1] and groups[-1][0] <= _FEW:
        channels = groups.pop()[0]
    if not 1 <= len(groups) <= 3:
        return None
    places = tuple(i for i, (_, windows) in enumerate(groups) if windows)
    return Folded(batch, tuple(size for size, _ in groups), places, channels)
