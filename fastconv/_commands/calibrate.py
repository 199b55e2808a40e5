"""``python -m fastconv calibrate``: measure this machine for the cost model."""

import sys

from ..calibration import calibrate
from . import _options

name = "calibrate"
summary = "measure this machine, so that algorithms are chosen well on it"
examples = ("python -m fastconv calibrate", "python -m fastconv calibrate --seconds 20 --report profile.json")


def add_arguments(parser):
    """Time, and a file for a report."""
    parser.add_argument(
        "--seconds", type=_options.positive, default=50.0, help="time for everything together (50)"
    )
    parser.add_argument("--report", metavar="FILE", help="write what a profile to be shipped needs, too")
    parser.add_argument("--quiet", action="store_true", help="show no progress")


def run(arguments):
    """Calibrate, and print what was found."""
    try:
        progress = False if arguments.quiet else None
        print(calibrate(arguments.seconds, progress, report=arguments.report))
    except (ValueError, OSError) as error:
        print(f"python -m fastconv calibrate: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; the profile in force stays", file=sys.stderr)
        return 130
    return 0
