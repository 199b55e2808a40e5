"""Parsed calls of all operations, by everything but their data: a seen call costs one look-up.

Keys begin with the operation's name. They hold settings and the processor level too, since a call
holds on to the room that was chosen for it.
"""

from .._planner import planner

# A parsed call is about a kilobyte; past this many the cache starts anew.
MOST = 2048
_calls = {}

find = _calls.get
planner.on_change(_calls.clear)


def keep(key, call):
    """`call`, which `find` gives for `key` from now on; None is the key of what is not kept."""
    if key is not None:
        if len(_calls) >= MOST:
            _calls.clear()
        _calls[key] = call
    return call


def count():
    """How many calls are kept."""
    return len(_calls)
