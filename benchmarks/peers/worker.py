"""The process a rival lives in: reads requests from a pipe, one JSON object per line, and answers.

Started as ``python -m benchmarks.peers.worker RIVAL THREADS``. Requests:

``{"do": "prepare", "case": ..., "layout": ..., "folder": ...}``
    operands and the true result lie in the folder as ``.npy``; answers with the error of the
    rival's result, or with its refusal
``{"do": "burst", "seconds": ...}``   answers with the seconds per call of one burst
``{"do": "calls", "count": ..., "seconds": ...}``   answers with the seconds of so many single
    calls, of fewer if that takes longer
``{"do": "forget"}``                  drops the problem
"""

import json
import os
import sys
from pathlib import Path

import numpy as np

from benchmarks import oracle, timing
from benchmarks.peers import rivals
from benchmarks.peers.rivals.face import Refusal
from benchmarks.problem_sets import GRADIENTS, Case

_LINE = 64


def main(name, threads):
    """Serve until the pipe closes."""
    # Libraries print what they like to standard output; answers have a descriptor of their own.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    def answer(**fields):
        answers.write(json.dumps(fields) + "\n")

    rival = rivals.by_name(name)
    missing = rival.available()
    if missing is None:
        try:
            answer(version=rival.start(threads))
        except Exception as error:  # importable, yet not usable
            missing = f"{type(error).__name__}: {error}"
    if missing is not None:
        answer(missing=missing)
        return
    prepared = None
    for line in sys.stdin:
        request = json.loads(line)
        if request["do"] == "prepare":
            prepared, fields = _prepare(rival, request)
            answer(**fields)
        elif request["do"] == "burst":
            answer(**timing.burst(prepared.call, request["seconds"])._asdict())
        elif request["do"] == "calls":
            answer(seconds=timing.calls(prepared.call, request["count"], request["seconds"]))
        else:
            prepared = None
            answer()


def _prepare(rival, request):
    case, layout, folder = _case(request["case"]), request["layout"], Path(request["folder"])
    operands = [_load(folder / f"{name}.npy") for name in ("x", "weight", "bias")]
    try:
        if case.op not in rival.ops:
            raise Refusal("no gradients" if case.op in GRADIENTS else f"no {case.op}")
        prepared = rival.prepare(case, layout, *operands)
        result = prepared.result(prepared.call())
    except Refusal as refusal:
        return None, {"refusal": str(refusal)}
    except Exception as error:  # whatever a library raises is its answer to this problem
        return None, {"refusal": f"{type(error).__name__}: {error}"}
    truth = np.load(folder / "truth.npy")
    error = oracle.relative_error(result, truth)
    return prepared, {"error": error, "detail": prepared.detail}


def _case(fields):
    """A Case whose sizes are tuples again."""

    def tuples(value):
        return tuple(map(tuples, value)) if isinstance(value, list) else value

    return Case(**{key: tuples(value) for key, value in fields.items()})


def _load(path):
    """The array of a file, or None, from a cache line on: so begin what libraries allocate themselves."""
    if not path.exists():
        return None
    stored = np.load(path)
    memory = np.empty(stored.nbytes + _LINE, np.uint8)
    start = -memory.ctypes.data % _LINE
    array = memory[start : start + stored.nbytes].view(stored.dtype).reshape(stored.shape)
    array[...] = stored
    return array


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
