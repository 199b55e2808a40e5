"""Filter an array that does not fit in memory: Zarr on disk, Dask in between, fastconv for the chunks.

    pip install ".[dask]" zarr
    python examples/larger_than_memory.py --gigabytes 8 --folder somewhere

Writes a volume of random numbers of that size, filters it by a Gaussian, slab by slab, writes what comes out,
and says how much memory that took.
"""

import argparse
import resource
import sys
from pathlib import Path

import dask
import dask.array as da
import zarr

import fastconv.dask

CHUNK = (64, 256, 256)  # 16 MiB of float32


def volume(gigabytes):
    """A lazy volume of random float32, four chunks wide and high."""
    rows, columns = (4 * size for size in CHUNK[1:])
    slices = max(round(gigabytes * 2**30 / (4 * rows * columns)), 1)
    return da.random.default_rng(0).random((slices, rows, columns), dtype="float32", chunks=CHUNK)


def write(array, path):
    """Write a lazy array slab by slab: Dask would hold the chunks that several slabs need."""
    target = zarr.create_array(str(path), shape=array.shape, chunks=array.chunksize, dtype=array.dtype)
    start = 0
    for depth in array.chunks[0]:
        place = slice(start, start + depth)
        array[place].to_zarr(target, region=(place, slice(None), slice(None)))
        start += depth
        print(f"\r{path.name}: {start} of {len(array)} slices", end="", flush=True)
    print()


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--gigabytes", type=float, default=8.0, help="size of the volume (8)")
    add("--folder", type=Path, default=Path("volumes"), help="where to write both; a new one (volumes)")
    add("--sigma", type=float, default=2.0, help="of the Gaussian (2)")
    options = parser.parse_args(arguments)
    before, after = (options.folder / name for name in ("input.zarr", "smooth.zarr"))
    with dask.config.set(scheduler="threads"):
        write(volume(options.gigabytes), before)
        x = da.from_zarr(str(before))
        write(fastconv.dask.ndimage.gaussian_filter(x, options.sigma), after)
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30
    print(f"{x.nbytes / 2**30:.2f} GiB filtered; peak memory {peak:.2f} GiB")


if __name__ == "__main__":
    main()
