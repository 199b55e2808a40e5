"""A parsed convolution: everything about a call that does not depend on the data."""

import numpy as np

from . import _lowering
from ._core import padding as padding_modes
from ._core.arrays import Form, native
from ._core.outputs import stand_in
from ._planner import planner
from ._stride_phases import fill


class ConvCall:
    """The `problem` that checked arguments pose, and the way it is computed.

    `run` takes arrays of the shapes and dtypes it was made for; no further check is needed but that
    of `out`.
    """

    __slots__ = (
        "op", "problem", "settings", "dtype", "output_shape", "_executable", "_unbatched",
        "_materialise", "_flip", "_lower", "_plain", "_form",
    )  # fmt: skip

    def __init__(self, arguments, prepacked=False):
        (
            self.op, self.problem, self.settings, self.dtype, row, self._unbatched, self._flip,
            self._materialise,
        ) = arguments  # fmt: skip
        shape = self._result_shape(self.problem)
        self.output_shape = shape[1:] if self._unbatched else shape
        self._form = Form(self.output_shape, self.dtype)
        # The reference room takes every dtype as it is.
        self._lower = None
        if row.family != "native" and self.settings.algorithm != "reference":
            self._lower = {
                "half": _lowering.half,
                "integer": _lowering.integer,
                "complex": _lowering.complex_,
            }[row.family]
        self._executable = None
        if self._lower is None and self.problem.macs:
            self._executable = self._choose(self.problem, self.settings, prepacked=prepacked)
        self._plain = (
            self._executable is not None and not self._unbatched and not self._rearranges()
            and self._materialise is None
        )  # fmt: skip

    # What a transposed convolution does in another way.

    _choose = staticmethod(planner.choose)

    @staticmethod
    def _result_shape(problem):
        return problem.output_shape

    @staticmethod
    def _with_channels(problem, groups, weight):
        """`problem` for other numbers of channels."""
        return problem._replace(
            in_channels=groups * weight.shape[1], out_channels=len(weight), groups=groups
        )

    def _rearranges(self):
        """Whether rooms see another weight than the caller's."""
        return self._flip is not None

    def _rearranged(self, weight):
        """The weight as rooms see it: (channels of the result, others per group, *kernel)."""
        return weight if self._flip is None else weight[self._flip]

    def pack(self, weight):
        """Packed weights for `run`; None where the way through other dtypes packs its own."""
        if self._executable is None:
            return None
        return self._executable.prepare(self._rearranged(weight))

    def run(self, input, weight, bias, out, packed=None):
        """The result: `out` if given, or a new array."""
        input = native(input)
        if out is None:
            out = target = self._form.empty(input)
        elif self._form.takes_result(out, input, weight, bias):
            target = out
        else:
            target = stand_in(self.op, out, self.output_shape, self.dtype)
        if self._plain:
            self._executable.run(weight, packed, (input, bias), (target,))
        else:
            self._general(input, weight, bias, target, packed)
        if target is not out:
            out[...] = target
        return out

    def _operands(self, input, weight, target):
        """What the room sees: batched, padded, the kernel the right way round."""
        if self._unbatched:
            input, target = input[None], target[None]
        if self._materialise is not None:
            pads, axes, mode = self._materialise
            input = padding_modes.materialise(self.op, input, pads, axes, mode)
        return input, self._rearranged(weight), target

    def _general(self, input, weight, bias, target, packed):
        input, weight, target = self._operands(input, weight, target)
        if not self.problem.macs:
            fill(self.problem, bias, target)
        elif self._executable is not None:
            self._executable.run(weight, packed, (input, bias), (target,))
        else:
            axis = input.ndim - 1 if self.problem.layout == "channels_last" else 1
            lowered = [self._native]
            if self._lower is _lowering.integer:
                lowered.append(self._reference)
            target[...] = self._lower(*lowered, input, weight, bias, self.problem.groups, axis)

    def _native(self, x, weight, bias, groups):
        """The same convolution of other arrays, of a native dtype and maybe other channel counts."""
        problem = self._with_channels(self.problem, groups, weight)._replace(
            dtype=x.dtype.name,
            # Sums that must be exact admit no transform.
            precision="exact" if self._lower is _lowering.integer else "highest",
        )
        y = np.empty(self._result_shape(problem), x.dtype)
        self._choose(problem, self.settings).run(weight, None, (x, bias), (y,))
        return y

    def _reference(self, x, weight, bias, groups):
        y = np.empty(self._result_shape(self.problem), self.dtype)
        settings = self.settings._replace(algorithm="reference")
        self._choose(self.problem, settings).run(weight, None, (x, bias), (y,))
        return y
