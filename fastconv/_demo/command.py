"""``python -m fastconv demo``: filters and pooling on a photograph, beside SciPy."""

import sys
from pathlib import Path

from .._core import threads
from ..config import config

name = "demo"
summary = "filter and pool a photograph, beside SciPy; write pictures"
examples = (
    "python -m fastconv demo",
    "python -m fastconv demo --image holiday.jpg --output pictures",
    "python -m fastconv demo --threads 1 --no-pictures",
)


def add_arguments(parser):
    """Declare the options on an ArgumentParser."""
    parser.add_argument(
        "--image",
        metavar="PATH",
        help="a picture of your own; by default the photograph that comes with fastconv",
    )
    parser.add_argument(
        "--output",
        metavar="DIR",
        type=Path,
        default=Path("fastconv-demo"),
        help="where the pictures go; made if it is not there (default: %(default)s)",
    )
    parser.add_argument(
        "--threads",
        metavar="N",
        type=int,
        default=threads.default(),
        help="threads that fastconv may use (default: %(default)s)",
    )
    parser.add_argument("--no-pictures", action="store_true", help="only print the table")


def run(arguments):
    """Do it; returns the exit status, 1 if a result differs from SciPy's."""
    try:
        import PIL  # noqa: F401
    except ImportError:
        raise SystemExit(
            'the demo needs Pillow to read and write pictures: pip install "fastconv[demo]"'
        ) from None
    # Only now: these modules import Pillow, or SciPy's slower parts.
    from . import photograph, pipeline, race, report

    try:
        picture = photograph.load(arguments.image)
        with config(threads=arguments.threads):
            outcomes, results = pipeline.run(picture, _progress)
    except (OSError, ValueError) as error:
        raise SystemExit(f"demo: {error}") from error
    finally:
        _progress("")
    print(report.table(outcomes))
    _, height, width = picture.grey.shape
    print(
        f"{width} x {height} pixels, float32; fastconv with {arguments.threads} "
        f"thread{'s' * (arguments.threads > 1)}, SciPy with its one. Times: the best of several "
        "runs, in turn.\nError: the largest difference from SciPy, relative to the largest value; "
        f"up to {race.TOLERANCE:.0e} is ok."
    )
    if not arguments.no_pictures:
        _write_pictures(arguments.output, picture, results)
    return 0 if all(outcome.agrees for outcome in outcomes) else 1


def _write_pictures(folder, picture, results):
    from . import pictures

    _progress("pictures")
    try:
        paths = pictures.write(folder, picture, results)
    except OSError as error:
        raise SystemExit(f"demo: cannot write the pictures: {error}") from error
    finally:
        _progress("")
    print(f"Pictures in {folder}: {', '.join(path.name for path in paths)}")


def _progress(what):
    """Say on a terminal what is going on, on one line; nothing clears it."""
    if sys.stderr.isatty():
        line = f"{what} ..." if what else ""
        print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)
