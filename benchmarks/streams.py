"""What a block of a stream takes, at the median and at worst: ``python -m benchmarks.streams``.

``--into docs/scipy.md`` writes the table between its markers.
"""

import argparse
from pathlib import Path
from time import perf_counter

import numpy as np

import fastconv
from benchmarks.peers.report import put

# (channels, taps, block)
CASES = (
    (1, 64, 64), (2, 512, 128), (8, 1024, 256), (1, 2047, 64), (2, 10_000, 256), (2, 44_100, 64),
    (2, 44_100, 256), (8, 4800, 128),
)  # fmt: skip
RATE = 48_000


def times(channels, taps, block, blocks):
    """Seconds of every block, ascending; and the number of parts of the kernel."""
    rng = np.random.default_rng(0)
    stream = fastconv.Stream(
        rng.standard_normal((channels, taps)).astype(np.float32), channels=channels, block=block
    )
    x = rng.standard_normal((channels, block)).astype(np.float32)
    y, found = np.empty_like(x), np.empty(blocks)
    for i in range(-blocks // 10, blocks):
        start = perf_counter()
        stream(x, out=y)
        found[max(i, 0)] = perf_counter() - start
    return np.sort(found), stream.parts


def table(blocks):
    """Markdown: a row per stream."""
    lines = [
        "| channels | taps | block | parts | median | 99 of 100 | worst | of real time at 48 kHz |",
        "|---:|" + "---:|" * 7,
    ]
    for channels, taps, block in CASES:
        found, parts = times(channels, taps, block, blocks)
        middle, most, worst = (1e6 * found[int(share * (blocks - 1))] for share in (0.5, 0.99, 1))
        lines.append(
            f"| {channels} | {taps:,} | {block} | {parts} | {middle:.0f} us | {most:.0f} us | {worst:.0f} us | "
            f"{1e-4 * middle * RATE / block:.1f} % |"
        )
    return "\n".join(lines) + "\n"


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m benchmarks.streams", description=__doc__)
    parser.add_argument("--blocks", type=int, default=5000, help="blocks to time (5000)")
    parser.add_argument("--into", type=Path, help="a document with markers; else the screen")
    options = parser.parse_args(arguments)
    put({"streams": table(options.blocks)}, options.into, parser)


if __name__ == "__main__":
    main()
