# Winograd's convolution by tiles of 4x4 outputs, F(4, 3): it takes 36 products for 144, rounds five times worse
# than a direct sum, and serves lower precisions in float32. Its weights are 2.25 times those of 2x2.

from ._winograd import Winograd, refusal

name = "winograd_4x4"
kinds = ("conv",)
local = False
OUTPUTS = 4


def supports(problem):
    if problem.dtype != "float32" or problem.precision not in ("high", "medium"):
        return refusal(problem) or "rounds more than the precision allows"
    return refusal(problem)


def estimate(problem, machine, prepacked):
    return compile(problem).estimate(name, problem, machine, prepacked)


def workspace(problem, threads):
    return compile(problem).workspace(threads)


def compile(problem):
    return Winograd(problem, OUTPUTS)


def prepare(state, weight, threads):
    """Weights at the points."""
    return state.prepare(weight, threads)


def run(state, packed, inputs, outputs, threads):
    """Whether the result stands: False where there is an Inf or NaN."""
    return state.run(packed, inputs, outputs, threads)
