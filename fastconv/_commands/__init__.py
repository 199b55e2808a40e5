"""The subcommands of ``python -m fastconv``; this is the only list of them.

A subcommand is a module with this face:

``name``                    the word on the command line
``summary``                 one line for the list
``examples``                command lines to show in its help
``add_arguments(parser)``   declare its options
``run(arguments)``          do it; returns the exit status

What several of them take is in `_options`.
"""

from .. import ceiling
from .._demo import command as demo
from . import bench, calibrate, explain, info, tune, wisdom

COMMANDS = (demo, info, explain, tune, wisdom, calibrate, bench, ceiling)
