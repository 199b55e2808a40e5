"""``python -m fastconv explain``: which algorithm computes a problem, and why."""

import sys

from ..planning import explain
from . import _options

name = "explain"
summary = "say which algorithm computes a problem, and why"
examples = (
    f'python -m fastconv explain "{_options.SPELLING}"',
    f'python -m fastconv explain --threads 1 "{_options.SPELLING}"',
)


def add_arguments(parser):
    """Problems, and settings."""
    parser.add_argument("problem", nargs="+", help=_options.PROBLEM_HELP)
    _options.add_settings(parser)


def run(arguments):
    """Print one table per problem."""
    try:
        with _options.settings(arguments):
            tables = [str(explain(problem)) for problem in arguments.problem]
    except ValueError as error:
        print(f"python -m fastconv explain: {error}", file=sys.stderr)
        return 2
    print("\n\n".join(tables))
    return 0
