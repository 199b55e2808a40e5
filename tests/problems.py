"""Problems from the data files, with small-integer operands and their exact results."""

import json
from functools import cache
from pathlib import Path

import numpy as np

import fastconv

FOLDER = Path(__file__).parents[1] / "benchmarks" / "problems"
LARGEST_EXACT = 2**24  # every integer up to it is a float32


def records(name, *, largest=3e7):
    """The records of a problem file with at most `largest` multiply-adds, duplicates left out."""
    seen, chosen = set(), []
    for record in json.loads((FOLDER / f"{name}.json").read_text())["problems"]:
        key = json.dumps({k: v for k, v in record.items() if k not in ("set", "name", "count")})
        if record["macs"] <= largest and key not in seen:
            seen.add(key)
            chosen.append(record)
    return chosen


def label(record):
    """A readable test id."""
    sizes = "x".join(map(str, record["in"])) + "_f" + "x".join(map(str, record["kernel"]))
    return f"{record['set']}:{record['name']}:c{record['C']}k{record.get('K', '')}i{sizes}"


def integers(rng, shape, terms):
    """Small integers, thinned so that sums of `terms` products stay below 2**24."""
    largest = max(1, min(9, int((LARGEST_EXACT / max(terms, 1)) ** 0.5)))
    return rng.integers(-largest, largest + 1, shape)


class Conv:
    """A convolution with integer operands and its result in int64."""

    def __init__(self, record):
        self.record = record
        self.ndim = len(record["in"])
        rng = np.random.default_rng(record["macs"] % 1000003)
        n, c, k, g = (record[key] for key in "NCKG")
        terms = c // g * int(np.prod(record["kernel"]))
        self.x = integers(rng, (n, c, *record["in"]), terms)
        self.w = integers(rng, (k, c // g, *record["kernel"]), terms)
        self.b = rng.integers(-9, 10, k)
        self.options = dict(
            stride=tuple(record["stride"]),
            padding=tuple(zip(record["pad_begin"], record["pad_end"])),
            dilation=tuple(record["dilation"]),
            groups=g,
        )

    @property
    def function(self):
        return getattr(fastconv, f"conv{self.ndim}d")

    @property
    def expected(self):
        """Int64 result with bias, channels first."""
        if not hasattr(self, "_expected"):
            self._expected = self.function(
                self.x, self.w, self.b, algorithm="reference", **self.options
            )
        return self._expected

    def floats(self, dtype, last):
        """Operands in `dtype` and layout."""
        x = self.x.astype(dtype)
        if last:
            x = np.ascontiguousarray(np.moveaxis(x, 1, -1))
        return x, self.w.astype(dtype), self.b.astype(dtype)


@cache
def conv(name, index):
    """The convolution of one record of a file, made once."""
    return Conv(records(name)[index])
