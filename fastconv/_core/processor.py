"""The processor's name and kind, for keys of what was measured on it and for reports; the machine's memory."""

import os
import platform
from functools import cache

_LONGEST_NAME = 200
_USUAL_CLOCK = 3e9


@cache
def processor():
    """The processor's name as the system gives it, in printable characters."""
    facts = _facts()
    name = facts.get("model name")
    if not name and "CPU part" in facts:  # AArch64 has numbers for a name
        name = f"{platform.machine()} {facts.get('CPU implementer')} {facts['CPU part']}"
    name = name or platform.processor() or platform.machine() or "unknown"
    return "".join(c for c in name if c.isprintable())[:_LONGEST_NAME]


@cache
def identity():
    """(vendor, family, model) of an x86 processor; an empty name and zeros where they are not known."""
    facts = _facts()
    try:
        return facts["vendor_id"], int(facts["cpu family"]), int(facts["model"])
    except (KeyError, ValueError):
        return "", 0, 0


@cache
def clock():
    """Cycles per second, the most or the present ones, as far as the system tells."""
    try:
        with open("/sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq") as file:
            hertz = 1e3 * int(file.read())
    except (OSError, ValueError):
        try:
            hertz = 1e6 * float(_facts()["cpu MHz"])
        except (KeyError, ValueError):
            hertz = 0.0
    return hertz if 5e8 < hertz < 1e10 else _USUAL_CLOCK


@cache
def _facts():
    """What the system tells of its first processor."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:
            pairs = (line.partition(":") for line in lines)
            return {key.strip(): value.strip() for key, _, value in reversed(list(pairs))}
    except OSError:
        return {}


@cache
def memory():
    """Bytes of memory of this machine."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return 1 << 62
