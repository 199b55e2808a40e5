"""What `import fastconv` loads and shows: little, so that it is quick, and the public names."""

import subprocess
import sys

import scipy.fft
from hypothesis import given, strategies as st

import fastconv
from fastconv._core import fft

# Needed by some calls only, which load them.
LATER = ["scipy.linalg", "scipy.fft", "scipy.sparse", "matplotlib", "PIL", "tempfile", "statistics", "html"]


def test_import_loads_nothing_that_only_some_calls_need():
    program = "import numpy, sys; before = set(sys.modules); import fastconv; print(*set(sys.modules) - before)"
    loaded = subprocess.check_output([sys.executable, "-c", program], text=True).split()
    assert "fastconv.conv" in loaded
    assert not set(LATER) & set(loaded)
    assert "fastconv._typing" not in loaded


def test_blas_is_loaded_by_the_first_product():
    program = """if True:
        import sys, numpy as np, fastconv
        x, w = np.arange(12.0).reshape(1, 1, 3, 4), np.ones((1, 1, 2, 2))
        assert "scipy.linalg" not in sys.modules
        y = fastconv.conv2d(x, w, algorithm="im2col")
        assert "scipy.linalg" in sys.modules
        assert y.tolist() == [[[[10, 14, 18], [26, 30, 34]]]], y
    """
    subprocess.run([sys.executable, "-c", program], check=True)


def test_dir_shows_the_public_names():
    assert sorted(dir(fastconv)) == sorted([*fastconv.__all__, "__version__"])


@given(st.integers(1, 2**48))
def test_fast_lengths_are_those_of_scipy(size):
    assert fft.next_fast_len(size) == scipy.fft.next_fast_len(size, real=True)
    assert fft.next_fast_len(size % 5000 + 1) == scipy.fft.next_fast_len(size % 5000 + 1, real=True)
