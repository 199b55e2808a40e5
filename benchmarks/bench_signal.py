"""FIR filters of signals."""

from .suite import Measured, checked_call, table

FILTERS = table(
    "fir/fir8/10000",
    "fir/fir128/10000",
    "fir/fir8/1000000",
    "fir/fir128/1000000",
    "fir/fir1024/100000",
    "fir/fir4096/100000",
    "fir/fir4096/1000000",
    "fir/fir64_decimate4/1000000",
    "fir/fir64_stereo/480000",
    "fir/fir64_bank16/100000",
)


class Function(Measured):
    params = [list(FILTERS)]
    param_names = ["filter"]

    def prepare(self, filter):
        return checked_call(FILTERS[filter])

    def time_call(self, filter):
        self.call()
