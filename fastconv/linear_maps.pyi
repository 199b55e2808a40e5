from typing import SupportsIndex

from numpy.typing import ArrayLike
from scipy.sparse import csr_array

from ._typing import Array, Ints, Padding1d, Shape

__all__ = ["as_matrix", "col2im", "im2col"]

def im2col(
    input: ArrayLike, kernel_size: Ints, dilation: Ints = 1, padding: Padding1d = 0, stride: Ints = 1
) -> Array: ...
def col2im(
    cols: ArrayLike, output_size: Ints, kernel_size: Ints, dilation: Ints = 1, padding: Padding1d = 0,
    stride: Ints = 1,
) -> Array: ...  # fmt: skip
def as_matrix(
    weight: ArrayLike, input_shape: Shape, stride: Ints = 1, padding: Padding1d = 0, dilation: Ints = 1,
    groups: SupportsIndex = 1,
) -> csr_array: ...  # fmt: skip
