"""What a call costs beside its arithmetic, and what the import costs."""

from .suite import TimedCall, TimedPlan, table

SMALL = table(
    "small/fir16/128",
    "small/sobel3/16",
    "small/lenet:conv1",
    "small/lenet:max_pool1",
)
CONVOLUTIONS = {name: case for name, case in SMALL.items() if "pool" not in name}


class Function(TimedCall, cases=SMALL, param="problem"):
    """Arguments as they come from a user: parsed, or recognised."""


class Plan(TimedPlan, cases=CONVOLUTIONS, param="problem"):
    pass


class Import:
    """In a fresh interpreter: beside NumPy and SciPy, which the user has already, and with them."""

    repeat = (3, 10, 2.0)
    number = 1

    def timeraw_import(self):
        return "import fastconv", "import numpy, scipy"

    def timeraw_import_with_numpy(self):
        return "import fastconv"
