"""``python -m fastconv info``: what fastconv runs on, for bug reports."""

import os
import platform

import numpy
import scipy

from .. import __version__
from .._core import blas, threads
from .._core.processor import processor
from .._kernels import isa
from .._planner import profile
from ..config import get_config

name = "info"
summary = "what fastconv runs on here, for bug reports"
examples = ("python -m fastconv info", "FASTCONV_NUM_THREADS=1 python -m fastconv info")


def add_arguments(parser):
    """It has no options."""


def run(arguments):
    """Print one fact per line."""
    facts = dict(_facts())
    width = max(map(len, facts))
    for fact, value in facts.items():
        print(f"{fact:<{width}}  {value}")
    return 0


def _profile():
    here = profile.active()
    if here.origin in ("shipped", "derived"):
        return f"{here}; python -m fastconv calibrate measures this machine's own"
    return f"{here}; {profile.path()}" if here.origin == "calibrated" else str(here)


def _facts():
    settings = get_config()
    yield "fastconv", __version__
    yield "processor", f"{processor()}, {threads.available()} of {os.cpu_count()} usable"
    yield "kernel level", f"{isa.active()} (available: {', '.join(isa.available())})"
    yield "profile", _profile()
    yield "threads", settings["threads"]
    yield "precision", settings["precision"]
    yield "BLAS", blas.description()
    yield "NumPy", numpy.__version__
    yield "SciPy", scipy.__version__
    yield "Python", f"{platform.python_version()} ({platform.python_compiler()})"
    yield "system", f"{platform.system()} {platform.release()}, {platform.machine()}"
    ours = sorted(key for key in os.environ if key.startswith("FASTCONV_"))
    variables = " ".join(f"{key}={os.environ[key]}" for key in ours)
    yield "environment", variables or "no FASTCONV_* variable is set"
