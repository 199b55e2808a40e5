"""What a call costs beside its arithmetic, and what the import costs."""

from .suite import Measured, checked_call, checked_plan, table

SMALL = table(
    "small/fir16/128",
    "small/sobel3/16",
    "small/lenet:conv1",
    "small/lenet:max_pool1",
)
CONVOLUTIONS = [name for name in SMALL if "pool" not in name]


class Function(Measured):
    """Arguments as they come from a user: parsed, or recognised."""

    params = [list(SMALL)]
    param_names = ["problem"]

    def prepare(self, problem):
        return checked_call(SMALL[problem])

    def time_call(self, problem):
        self.call()


class Plan(Measured):
    params = [CONVOLUTIONS]
    param_names = ["problem"]

    def prepare(self, problem):
        return checked_plan(SMALL[problem])[0]

    def time_call(self, problem):
        self.call()


class Import:
    """In a fresh interpreter: beside NumPy and SciPy, which the user has already, and with them."""

    repeat = (3, 10, 2.0)
    number = 1

    def timeraw_import(self):
        return "import fastconv", "import numpy, scipy"

    def timeraw_import_with_numpy(self):
        return "import fastconv"
