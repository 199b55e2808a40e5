"""Options that several subcommands share: settings, and problems that must be spelled right."""

import argparse

from ..config import config

SPELLING = "conv2d f32 cf n1 c64 k64 g1 i56x56 f3x3 s1x1 d1x1 p1x1 q1x1 o56x56"
PROBLEM_HELP = (
    f'a problem in one line, as explanations and errors spell it, e.g. "{SPELLING}": operation, '
    "dtype, layout (cf, cl), batch, channels in and out, groups, input, kernel, stride, dilation, "
    "padding before and after, output"
)


def add_settings(parser):
    """Declare the settings that matter to a choice."""
    parser.add_argument("--threads", type=int, help="how many threads may work (default: all)")
    parser.add_argument("--algorithm", help="force an algorithm or a family of them")
    parser.add_argument("--max-workspace", type=int, metavar="BYTES", help="scratch memory allowed")


def settings(arguments):
    """A block of code under the settings given."""
    names = ("threads", "algorithm", "max_workspace")
    given = {name: getattr(arguments, name) for name in names}
    return config(**{name: value for name, value in given.items() if value is not None})


def positive(text):
    """A positive number, for argparse."""
    value = float(text)
    if not 0 < value < 1e9:
        raise argparse.ArgumentTypeError(f"must be a positive number of seconds, got {text}")
    return value
