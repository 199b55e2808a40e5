"""Profiles: what a machine takes for a multiply-add, a cycle, a byte, a parallel loop.

Prices say how much of each a room needs (`costs.json`); a profile says what that costs here. It is, in
this order, what the environment names, what `fastconv.calibrate` measured, what is shipped for such a
processor (`profiles.json`), or derived from what the system tells of it. Nothing is measured on import or
in a call.

A profile is a hint like wisdom: it decides which of the algorithms that are right is taken, no more. A file
that is not exactly what was written here is passed over.
"""

import json
import os
import warnings
from math import isfinite
from pathlib import Path
from typing import NamedTuple

from .._core.processor import clock, identity, processor
from .._core.version import VERSION
from .._kernels import isa
from . import wisdom
from .files import contents, replace

# What prices are paid in.
UNITS = ("flop", "cycle", "near", "far", "region")
ORIGINS = ("named", "calibrated", "shipped", "derived")
_FORMAT = "fastconv profile"
_MOST_BYTES = 1 << 16
_MOST_TEXT = 200
# No factor of a room is outside; what would be was disturbed.
LEAST, MOST = 0.1, 10.0
# What is assumed where nobody has measured: bytes per cycle of copies within a core's caches, bytes per
# second of some threads beyond them, seconds of a parallel loop on two threads.
_NEAR_PER_CYCLE = 25
_FAR = {1: 30e9, 2: 55e9, 4: 90e9, 8: 130e9}
_REGION = 1e-6


class Profile(NamedTuple):
    """The speed of one machine."""

    name: str
    origin: str  # one of ORIGINS
    source: str  # when it was measured, or the file that it is from
    twice: bool  # whether vectors of 512 bits pass their unit in two halves
    clock: float  # cycles per second of a busy thread
    flops: dict  # level -> float32 operations per second of one thread; of the `threads` together
    near: float  # bytes per second that a thread copies within its own caches, read and written
    far: dict  # threads -> bytes per second that all together copy beyond them
    region: dict  # threads -> seconds that a parallel loop takes longer than its tasks
    rooms: dict  # room -> unit -> factor on what its prices say

    def seconds(self, room, amounts, level, threads):
        """Seconds of a room that needs such amounts by unit on each of so many threads."""
        costs, factors = self.costs(level, threads), self.rooms.get(room, {})
        return sum(amounts[unit] * costs[unit] * factors.get(unit, 1.0) for unit in UNITS)

    def costs(self, level, threads):
        """Seconds of each unit for one of so many threads."""
        flops = self.flops.get(level) or isa.flops_per_cycle(level, self.twice) * self.clock
        return {
            "flop": 1 / flops,
            "cycle": 1 / self.clock,
            "near": 1 / self.near,
            "far": threads / _at(self.far, threads),
            "region": _at(self.region, threads) if threads > 1 else 0.0,
        }

    def __str__(self):
        return f"{self.name} ({self.origin}{self.source and ', ' + self.source})"


def active():
    """The profile that estimates are made with."""
    global _active
    if _active is None:
        _active = _named() or _calibrated() or shipped_for(identity()) or derived()
    return _active


def use(profile):
    """Make estimates with `profile`; None looks for one again."""
    global _active
    _active = profile


_active = None


def shipped():
    """All profiles that come with fastconv, by name."""
    data = json.loads(Path(__file__).with_name("profiles.json").read_text())
    return {fields["name"]: _made(fields, "shipped") for fields in data["profiles"]}


def shipped_for(who):
    """The shipped profile for a processor (vendor, family, model), or None."""
    data = json.loads(Path(__file__).with_name("profiles.json").read_text())
    for fields in data["profiles"]:
        vendor, family, *ranges = fields["processors"]
        if (vendor, family) == who[:2] and any(first <= who[2] <= last for first, last in ranges):
            return _made(fields, "shipped")
    return None


def derived():
    """A profile from the clock and the instruction sets alone."""
    hertz = clock()
    return Profile(
        processor(), "derived", f"from a clock of {hertz / 1e9:.2g} GHz", isa.passes_twice(), hertz, {},
        _NEAR_PER_CYCLE * hertz, dict(_FAR), {2: _REGION}, {},
    )  # fmt: skip


def path():
    """The file of `fastconv.calibrate`, beside that of wisdom; None if that is off."""
    beside = wisdom.path()
    return None if beside is None else beside.with_name("profile.json")


def save(profile, file=None):
    """Write a calibrated profile; returns the path, or None where the default one cannot be written."""
    target = path() if file is None else Path(file)
    if target is None:
        return None
    try:
        target = Path(os.path.realpath(target))
        target.parent.mkdir(parents=True, exist_ok=True)
        replace(target, json.dumps(fields_of(profile), indent=1) + "\n")
    except OSError:
        if file is None:
            return None
        raise
    return target


def fields_of(profile):
    """The content of its file."""
    fields = profile._asdict()
    del fields["origin"]
    return {
        "format": _FORMAT, "version": VERSION, "processor": processor(), "processors": os.cpu_count() or 1,
        "levels": list(isa.available()), **fields,
    }  # fmt: skip


def _named():
    """What ``FASTCONV_PROFILE`` names: one that is shipped, "derived", or a file; None if that will not do."""
    named = os.environ.get("FASTCONV_PROFILE", "").strip()
    if not named:
        return None
    if named == "derived":
        return derived()
    if named in shipped():
        return shipped()[named]._replace(origin="named")
    try:
        fields = _read(Path(named))
    except OSError as error:
        fields = None
        why = error.strerror
    else:
        why = "it holds no profile"
    if fields is None:
        warnings.warn(f"fastconv: FASTCONV_PROFILE={named} is not used: {why}", RuntimeWarning, stacklevel=2)
        return None
    return _made(fields, "named", named)


def _calibrated():
    """The profile in the file of `calibrate`, if it was measured by this version on such a machine."""
    file = path()
    if file is None:
        return None
    try:
        fields = _read(file)
    except OSError:
        return None
    here = {"version": VERSION, "processor": processor(), "processors": os.cpu_count() or 1}
    if fields is None or any(fields.get(key) != value for key, value in here.items()):
        return None
    return _made(fields, "calibrated")


def _read(file):
    """The fields of a profile's file, or None where it is not exactly what `save` writes."""
    try:
        fields = json.loads(contents(file, _MOST_BYTES))
        if not isinstance(fields, dict) or fields.get("format") != _FORMAT:
            return None
        for key in ("flops", "far", "region", "rooms"):
            if not isinstance(fields[key], dict) or len(fields[key]) > 64:
                return None
        rates = [
            fields["clock"],
            fields["near"],
            *(fields[key][n] for key in ("far", "region") for n in fields[key]),
        ]
        rates += fields["flops"].values()
        factors = [factor for units in fields["rooms"].values() for factor in units.values()]
        whole = all(map(_positive, rates)) and all(_positive(f) and LEAST <= f <= MOST for f in factors)
        told = all(_is_text(fields[key]) for key in ("name", "source")) and type(fields["twice"]) is bool
        known = all(set(units) <= set(UNITS) for units in fields["rooms"].values())
        counts = [int(n) for key in ("far", "region") for n in fields[key]]
        if whole and told and known and fields["far"] and fields["region"] and min(counts) > 0:
            return fields
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass
    return None


def _positive(value):
    return type(value) in (int, float) and isfinite(value) and 1e-12 < value < 1e16


def _is_text(value):
    return type(value) is str and len(value) <= _MOST_TEXT and (value == "" or value.isprintable())


def _made(fields, origin, source=None):
    counted = {key: {int(n): value for n, value in fields[key].items()} for key in ("far", "region")}
    return Profile(
        fields["name"], origin, fields["source"] if source is None else source, fields["twice"], fields["clock"],
        dict(fields["flops"]), fields["near"], **counted, rooms=fields.get("rooms", {}),
    )  # fmt: skip


def _at(table, threads):
    """The value for so many threads, or for the next fewer that is known."""
    return table[max((n for n in table if n <= threads), default=min(table))]
