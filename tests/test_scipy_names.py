"""SciPy's own tests of the functions whose names we have, with ours in their place."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import scipy

import fastconv

TESTS = {
    "scipy.ndimage.tests.test_filters": 1000,
    "scipy.signal.tests.test_signaltools": 3000,
    "scipy.signal.tests.test_upfirdn": 300,
}
# Tests that are not run, and why.
LEFT_OUT = {
    "test_fft_nan": "SciPy warns that its transforms spread NaN over the result; ours do not spread it",
}


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    """What pytest printed, for each file; they run side by side."""
    paths = [str(Path(__file__).parent), str(Path(fastconv.__file__).parents[1])]
    start = f"import sys; sys.path[:0] = {paths}; import pytest; sys.exit(pytest.main(sys.argv[1:]))"
    running = {}
    for module in TESTS:
        path = Path(scipy.__file__).parents[1].joinpath(*module.split(".")).with_suffix(".py")
        if not path.exists():
            continue
        running[module] = subprocess.Popen(
            [
                sys.executable, "-c", start, "-q", "-rs", "-p", "scipy_names", "-p", "no:cacheprovider",
                "-k", " and ".join(f"not {name}" for name in LEFT_OUT), "--pyargs", module,
            ],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            cwd=tmp_path_factory.mktemp("scipy"),
        )  # fmt: skip
    return {module: process.communicate()[0] for module, process in running.items()}


@pytest.mark.parametrize("module", TESTS)
def test_scipys_own_tests_pass_with_our_functions(module, reports, capsys):
    if module not in reports:
        pytest.skip(f"SciPy {scipy.__version__} is installed without {module}")
    report = reports[module]
    passed = re.search(r"(\d+) passed", report)
    with capsys.disabled():
        print(f"\n{module}: {passed[0] if passed else report[-2000:]}")
        for line in re.findall(r"^SKIPPED.*", report, re.M):
            print("   ", line)
        for name, reason in LEFT_OUT.items():
            print(f"    left out: {name}: {reason}")
    assert " failed" not in report and " error" not in report.lower().splitlines()[-1], report[-3000:]
    assert int(passed[1]) >= TESTS[module]
