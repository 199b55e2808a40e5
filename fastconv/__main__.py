"""The command line: ``python -m fastconv``."""

import argparse
import os
import sys

from ._commands import COMMANDS


class _Help(argparse.RawDescriptionHelpFormatter):
    """Commands and what they do side by side, the longest name too."""

    def __init__(self, prog):
        super().__init__(prog)
        # argparse counts a name without its indentation.
        self._action_max_length = 2 * self._indent_increment + max(len(one.name) for one in COMMANDS)


def parser():
    """The parser of the whole command line."""
    top = argparse.ArgumentParser(
        prog="python -m fastconv",
        description="Convolution and pooling for NumPy arrays on the CPU.",
        epilog=_examples(command.examples[0] for command in COMMANDS),
        formatter_class=_Help,
    )
    subparsers = top.add_subparsers(title="commands", metavar="COMMAND")
    for command in COMMANDS:
        sub = subparsers.add_parser(
            command.name,
            help=command.summary,
            description=f"{command.summary[0].upper()}{command.summary[1:]}.",
            epilog=_examples(command.examples),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.add_arguments(sub)
        sub.set_defaults(run=command.run)
    return top


def main(argv=None):
    """Run the command line `argv`; returns the exit status."""
    top = parser()
    arguments = top.parse_args(argv)
    if "run" not in arguments:
        top.print_help()
        return 0
    return arguments.run(arguments)


def _examples(lines):
    return "\n  ".join(["examples:", *lines])


if __name__ == "__main__":
    try:
        status = main()
        sys.stdout.flush()
    except BrokenPipeError:
        # Who read has seen enough, as in `python -m fastconv ceiling | head -1`.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 1
    sys.exit(status)
