# Winograd's convolution by tiles of 2x2 outputs, F(2, 3): it takes 16 products for 36, and rounds like a direct
# sum. A tile mixes its inputs: a NaN would reach its neighbours.

from ._winograd import Winograd, refusal

name = "winograd"
kinds = ("conv",)
local = False
OUTPUTS = 2


def supports(problem):
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
