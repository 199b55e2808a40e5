"""``python -m fastconv bench``: what every algorithm takes for a problem."""

import sys

from .. import ceiling
from .._core.problem import Problem
from .._planner import planner
from .._planner.explanation import gflops
from .._pose import asked_by
from ..config import current
from . import _options

name = "bench"
summary = "time every algorithm on a problem"
examples = (
    f'python -m fastconv bench "{_options.SPELLING}"',
    f'python -m fastconv bench --seconds 5 --threads 1 "{_options.SPELLING}"',
)


def add_arguments(parser):
    """Problems, settings, and time."""
    parser.add_argument("problem", nargs="+", help=_options.PROBLEM_HELP)
    parser.add_argument(
        "--seconds", type=_options.positive, default=2.0, help="time for each problem (2)"
    )
    parser.add_argument(
        "--no-ceiling", action="store_true", help="do not compare with what the machine can do"
    )
    _options.add_settings(parser)


def run(arguments):
    """Print one table per problem."""
    try:
        with _options.settings(arguments):
            settings = current()
            asked = [asked_by(Problem.parse(p), settings)[0] for p in arguments.problem]
            top = None if arguments.no_ceiling else ceiling.measured(settings.threads)
            for number, one in enumerate(asked):
                print("\n" * (number > 0), end="")
                _table(one, settings, arguments.seconds, top)
    except (ValueError, MemoryError) as error:
        print(f"python -m fastconv bench: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


def _table(asked, settings, seconds, top):
    problem, ways = asked.problem, (False, True) if asked.packs else (False,)
    able = planner.able_candidates(problem, settings)
    measured = {}
    for prepacked in ways:
        race = planner.race_of(problem, settings, able, prepacked=prepacked, drop=False)
        race.run(seconds / len(ways))
        measured[prepacked] = race.seconds()
    best = {name: min(t[name] for t in measured.values() if name in t) for name in measured[False]}
    of = getattr(top, problem.dtype, None) if problem.kind == "conv" else None
    headings = ["algorithm", "us", *["us, packed"] * asked.packs, "GFLOP/s"]
    rows = [headings + ["% of ceiling"] * (of is not None)]
    for name in sorted(best, key=best.get):
        times = (measured[way].get(name) for way in ways)
        rate = gflops(problem, best[name])
        cells = ["-" if t is None else f"{t * 1e6:.1f}" for t in times]
        share = [] if of is None else [f"{100e9 * rate / of:.1f}"]
        rows.append([name, *cells, f"{rate:.3g}", *share])
    print(problem)
    for name, *cells in rows:
        print(f"{name:<18}" + "".join(f"{cell:>14}" for cell in cells))
    for candidate in planner.candidates(problem, settings):
        if candidate.refusal:
            print(f"{candidate.room.name:<18} no: {candidate.refusal}")
