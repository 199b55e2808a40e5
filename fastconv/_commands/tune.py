"""``python -m fastconv tune``: measure the algorithms for problems, and remember the fastest."""

import sys

from .._tuning import problems_of
from ..planning import tune
from . import _options

name = "tune"
summary = "measure the algorithms for your problems, and remember the fastest"
examples = (
    f'python -m fastconv tune "{_options.SPELLING}"',
    "python -m fastconv tune problems.txt --budget 60",
)


def add_arguments(parser):
    """Problems or files of them, settings, and time."""
    parser.add_argument(
        "problem", nargs="+",
        help=f"{_options.PROBLEM_HELP}; or a file of them, one per line, or JSON records",
    )  # fmt: skip
    parser.add_argument(
        "--budget", type=_options.positive, default=10.0, metavar="SECONDS",
        help="time for everything together (10)",
    )  # fmt: skip
    parser.add_argument("--quiet", action="store_true", help="show no progress")
    _options.add_settings(parser)


def run(arguments):
    """Tune, and print what was found."""
    try:
        problems = [one for source in arguments.problem for one in problems_of(source)]
        with _options.settings(arguments):
            progress = False if arguments.quiet else None
            print(tune(problems, budget=arguments.budget, progress=progress))
    except (ValueError, OSError) as error:
        print(f"python -m fastconv tune: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; what was measured is kept", file=sys.stderr)
        return 130
    return 0
