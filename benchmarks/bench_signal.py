"""FIR filters of signals."""

from .suite import TimedCall, table

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


class Function(TimedCall, cases=FILTERS, param="filter"):
    pass
