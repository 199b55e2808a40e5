"""One line on the terminal that is written over and over."""

import shutil
import sys
from time import perf_counter


class Line:
    """A line of standard error, for people who wait."""

    _INTERVAL = 0.1  # seconds

    def __init__(self):
        self._next = 0.0

    def write(self, text):
        """Show `text`, unless the last one was shown a moment ago."""
        now = perf_counter()
        if now >= self._next:
            self._next = now + self._INTERVAL
            self._put(text, "")

    def close(self):
        """Leave the line empty."""
        self._put("", "\r")

    def _put(self, text, end):
        width = shutil.get_terminal_size().columns - 1
        print(f"\r{text[:width]:<{width}}", end=end, file=sys.stderr, flush=True)


def reporter(progress, spelled):
    """(callback or None, Line or None) for what a caller gave as `progress`; `spelled` makes a line of its arguments.

    By default a line if standard error is a terminal.
    """
    if progress is not None and not isinstance(progress, bool):
        return progress, None
    if not (progress or (progress is None and sys.stderr.isatty())):
        return None, None
    line = Line()
    return lambda *told: line.write(spelled(*told)), line
