"""Filter an array that does not fit in memory: Zarr on disk, Dask in between, fastconv for the chunks.

    pip install ".[dask]" zarr
    python examples/larger_than_memory.py --gigabytes 8 --folder somewhere

Writes a volume of random numbers of that size, filters it by a Gaussian, writes what comes out, and says how
much memory that took.
"""

import argparse
import resource
import sys
from pathlib import Path

import dask
import dask.array as da
from dask.diagnostics import ProgressBar

import fastconv.dask

SIDE = 256  # of a chunk: 64 MiB of float32


def volume(gigabytes):
    """A lazy volume of random float32."""
    slices = max(round(gigabytes * 2**30 / (4 * (4 * SIDE) ** 2)), SIDE)
    shape = (slices, 4 * SIDE, 4 * SIDE)
    return da.random.default_rng(0).random(shape, dtype="float32", chunks=SIDE)


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--gigabytes", type=float, default=8.0, help="size of the volume (8)")
    parser.add_argument(
        "--folder", type=Path, default=Path("volumes"), help="where to write both (volumes)"
    )
    parser.add_argument("--sigma", type=float, default=2.0, help="of the Gaussian (2)")
    options = parser.parse_args(arguments)
    before, after = (str(options.folder / name) for name in ("input.zarr", "smooth.zarr"))
    with dask.config.set(scheduler="threads"), ProgressBar():
        if not Path(before).exists():
            print("writing a volume")
            volume(options.gigabytes).to_zarr(before)
        x = da.from_zarr(before)
        print(f"filtering {x.shape}, {x.nbytes / 2**30:.1f} GiB, in chunks of {x.chunksize}")
        fastconv.dask.ndimage.gaussian_filter(x, options.sigma).to_zarr(after, overwrite=True)
    unit = 1 if sys.platform == "darwin" else 1024
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30:.2f} GiB")


if __name__ == "__main__":
    main()
