"""Threads that work on small problems too, which they would not repay."""

from contextlib import contextmanager

import pytest

from fastconv._planner import machine, planner


@contextmanager
def every_thread():
    """Within the block, as many threads run as are asked for."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(machine, "MACS_PER_THREAD", 1)
        planner.forget()
        yield
        planner.forget()
