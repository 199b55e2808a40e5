"""How much of the machine others used meanwhile: figures of a busy machine should say so."""

import os
import resource
import time
from pathlib import Path


class Others:
    """Counts from its creation on what processes beside this one and its children used."""

    def __init__(self):
        self._start = self._now()

    def processors(self):
        """Processors that others kept busy on average; call it when the children have ended.

        Time that a hypervisor gave to other machines counts too. Zero where nothing can be known.
        """
        (start, everyone, ours), (end, everyone_now, ours_now) = self._start, self._now()
        if everyone_now is None or end <= start:
            return 0.0
        return max(0.0, (everyone_now - everyone - (ours_now - ours)) / (end - start))

    @staticmethod
    def _now():
        own = sum(
            usage.ru_utime + usage.ru_stime
            for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        )
        try:
            first = Path("/proc/stat").read_text().splitlines()[0]
        except OSError:
            return time.monotonic(), None, own
        # user nice system idle iowait irq softirq steal ...
        ticks = [int(word) for word in first.split()[1:9]]
        busy = sum(ticks) - ticks[3] - ticks[4]
        return time.monotonic(), busy / os.sysconf("SC_CLK_TCK"), own
