"""The processor's name, for keys of what was measured on it and for reports; the machine's memory."""

import os
import platform
from functools import cache

_LONGEST_NAME = 200


@cache
def processor():
    """The processor's name as the system gives it, in printable characters."""
    facts = {}
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:
            for line in lines:
                what, _, value = line.partition(":")
                facts.setdefault(what.strip(), value.strip())
    except OSError:
        pass
    name = facts.get("model name")
    if not name and "CPU part" in facts:  # AArch64 has numbers for a name
        name = f"{platform.machine()} {facts.get('CPU implementer')} {facts['CPU part']}"
    name = name or platform.processor() or platform.machine() or "unknown"
    return "".join(c for c in name if c.isprintable())[:_LONGEST_NAME]


@cache
def memory():
    """Bytes of memory of this machine."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return 1 << 62
