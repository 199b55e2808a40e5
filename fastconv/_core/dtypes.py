"""The dtypes, one row each: its short name, and what carries its arithmetic.

A *native* dtype has kernels. The others are computed in another dtype without loss and come back
in their own: integers ride on floats as long as a bound on every sum shows that the float holds it
exactly, half precision rides on float32, complex rides on two real planes.
"""

from typing import NamedTuple

import numpy as np


class Row(NamedTuple):
    """One supported dtype."""

    short: str  # in the spelling of a problem
    family: str  # "native", "half", "integer" or "complex"
    carrier: str  # the native dtype that computes it; for integers the first one tried


TABLE = {
    "float32": Row("f32", "native", "float32"),
    "float64": Row("f64", "native", "float64"),
    "float16": Row("f16", "half", "float32"),
    "bfloat16": Row("bf16", "half", "float32"),
    "complex64": Row("c64", "complex", "float32"),
    "complex128": Row("c128", "complex", "float64"),
    **{
        f"{sign}int{bits}": Row(f"{sign or 'i'}{bits}", "integer", "float32")
        for sign in ("", "u")
        for bits in (8, 16, 32, 64)
    },
}
SHORT_NAMES = {row.short: name for name, row in TABLE.items()}

# Every integer of at most this magnitude is exact in the carrier, whatever the order of the sum.
EXACT_UP_TO = {"float32": 2**24, "float64": 2**53}


def row_of(op, dtype, *, name="input"):
    """The row of `dtype`, or a TypeError that lists the supported ones."""
    row = TABLE.get(dtype.name)
    if row is None:
        raise TypeError(f"{op}: {name} has dtype {dtype}, which is not one of {', '.join(TABLE)}")
    return row


def lowest(dtype):
    """The identity of max over `dtype`: minus infinity, or the smallest integer."""
    if dtype.kind in "iu":
        return np.iinfo(dtype).min
    return -np.inf


def code_dtype(taps):
    """The smallest dtype that numbers so many taps of a window."""
    return np.uint8 if taps <= 2**8 else np.uint16 if taps <= 2**16 else np.uint32
