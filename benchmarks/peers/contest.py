"""The contest: one problem after another, all contenders in turn, round after round."""

import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks import oracle, timing

from .pool import WorkerDied
from .rivals import OURS

LAYOUTS = {"nchw": "channels_first", "nhwc": "channels_last"}
# Seconds. Short, so that there are many: what disturbs a machine lasts for milliseconds, and then
# meets some bursts and leaves others alone.
_BURST = 0.012
_FEWEST_ROUNDS = 6
# Long calls are measured in fewer rounds, of this many calls each at least (one is to warm up).
_CALLS = 2
# After the first round, contenders this many times slower than the fastest rest.
_HOPELESS = 8.0


class Outcome(NamedTuple):
    """What one contender made of one problem: a timing, or the reason why there is none."""

    timing: object  # timing.Timing or None
    error: float | None  # relative L2 distance from float64
    refusal: str | None
    detail: str

    @property
    def wrong(self):
        """Whether the result is further from float64 than rounding explains."""
        return self.error is not None and not self.error <= oracle.TOLERANCE


class Row(NamedTuple):
    """One problem with the outcomes of all contenders, and the least time the machine allows."""

    case: object
    outcomes: dict  # contender's name -> Outcome
    ceiling: float  # seconds
    bound: str  # "compute" or "bandwidth"

    def seconds(self, name):
        """The time of a contender that computed the right answer, else None."""
        outcome = self.outcomes.get(name)
        if outcome is None or outcome.timing is None or outcome.wrong:
            return None
        return outcome.timing.quartile

    def best_rival(self, planned):
        """(name, seconds) of the fastest rival: of all, or of those called as functions."""
        from .rivals import by_name

        timed = [
            (self.seconds(name), name)
            for name in self.outcomes
            if name not in OURS
            and self.seconds(name) is not None
            and (planned or not by_name(name).planned)
        ]
        return min(timed)[::-1] if timed else (None, None)

    def ratio(self, ours):
        """Time of the best rival over ours: functions beside functions, plans beside everything."""
        _, rival = self.best_rival(planned=ours != OURS[0])
        seconds = self.seconds(ours)
        return rival / seconds if rival and seconds else None


def run(cases, workers, layout, seconds, ceiling, progress):
    """The rows of `cases`. `seconds` is what one contender is timed for one problem."""
    for number, case in enumerate(cases, 1):
        progress(f"{number}/{len(cases)} {case.name}")
        with tempfile.TemporaryDirectory(prefix="fastconv-peers-") as folder:
            _write(case, LAYOUTS[layout], Path(folder))
            outcomes = _compete(case, workers, LAYOUTS[layout], folder, seconds, progress)
        least, bound = ceiling.least_seconds(case.flops, case.bytes)
        yield Row(case, outcomes, least, bound)


def _write(case, layout, folder):
    """Operands and the true result, for every worker to read."""
    x, weight, bias = case.operands(layout)
    truth = oracle.answer(case, *oracle.operands_first(case, x, weight, bias, layout))
    arrays = {"x": x, "weight": weight, "bias": bias, "truth": truth}
    for name, array in arrays.items():
        if array is not None:
            np.save(folder / f"{name}.npy", array)


def _compete(case, workers, layout, folder, seconds, progress):
    outcomes, active = {}, {}
    for worker in workers:
        progress(f"  preparing {worker.rival.name}")
        request = {"case": case._asdict(), "layout": layout, "folder": folder}
        answer = _ask(worker, do="prepare", **request)
        refusal = answer.get("refusal")
        outcome = Outcome(None, answer.get("error"), refusal, answer.get("detail", ""))
        outcomes[worker.rival.name] = outcome
        if refusal is None:
            active[worker.rival.name] = (worker, [])
    turn, rounds = 0, _FEWEST_ROUNDS
    while turn < rounds:
        progress(f"  round {turn + 1}/{rounds}")
        # Each round starts with another contender: nobody always follows the same one.
        names = [name for name in active if turn == 0 or not _hopeless(name, active)]
        first = turn % max(1, len(names))
        for name in names[first:] + names[:first]:
            worker, bursts = active[name]
            answer = _ask(worker, do="burst", seconds=_BURST)
            if "refusal" in answer:
                outcomes[name] = outcomes[name]._replace(refusal=answer["refusal"])
                del active[name]
                continue
            bursts.append(timing.Burst(**answer))
            worker.rest()
        if turn == 0 and active:
            slowest = max(b[0].quartile for n, (_, b) in active.items() if not _hopeless(n, active))
            rounds = max(_FEWEST_ROUNDS, round(seconds / max(_BURST, _CALLS * slowest)))
        turn += 1
    for name, (worker, bursts) in active.items():
        outcomes[name] = outcomes[name]._replace(timing=timing.combine(bursts))
        _ask(worker, do="forget")
    return outcomes


def _ask(worker, **request):
    """The worker's answer; a worker that dies refuses this problem and is there for the next."""
    try:
        return worker.ask(**request)
    except WorkerDied as death:
        worker.start()
        return {"refusal": str(death)}


def _hopeless(name, active):
    if name in OURS:
        return False
    best = min(b[0].quartile for _, b in active.values())
    return active[name][1][0].quartile > _HOPELESS * best
