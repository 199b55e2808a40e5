"""How many threads may work.

The default is the smallest of ``FASTCONV_NUM_THREADS`` (or else ``OMP_NUM_THREADS``) and the
number of processors this process may run on.
"""

import os

from .arguments import as_int

MOST = 1024  # one more than the team has workers


def available():
    """Processors this process may run on."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


def default():
    """The thread count that environment and affinity ask for."""
    for name in ("FASTCONV_NUM_THREADS", "OMP_NUM_THREADS"):
        # OMP_NUM_THREADS may list one count per nesting level; the first is ours.
        text = os.environ.get(name, "").split(",")[0].strip()
        if not text:
            continue
        if text.isascii() and text.isdigit() and 0 < int(text) <= MOST:
            # Asking for more than there are is allowed in our own variable: tests do.
            asked = int(text)
            return asked if name == "FASTCONV_NUM_THREADS" else min(asked, available())
        if name == "FASTCONV_NUM_THREADS":
            raise ValueError(f"FASTCONV_NUM_THREADS must be an integer from 1 to {MOST}, got {text!r}")
    return available()


def check(threads):
    """`threads` as a usable count."""
    threads = as_int("config", "threads", threads)
    if not 1 <= threads <= MOST:
        raise ValueError(f"config: threads must be between 1 and {MOST}, got {threads}")
    return threads
