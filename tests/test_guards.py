"""What once went wrong at the edges: environment, files, masks, empty arrays, pipes."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import fastconv
from fastconv._core import fft
from fastconv._core.problem import Problem


def python(program, **environment):
    return subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, **environment}, capture_output=True, text=True
    )  # fmt: skip


@pytest.mark.parametrize("value", ["²", "0", "many", "-1", "100000", "1e3"])
def test_thread_counts_of_the_environment(value):
    program = "import fastconv; print(fastconv.get_config()['threads'])"
    theirs = python(program, OMP_NUM_THREADS=value, FASTCONV_NUM_THREADS="")
    assert theirs.returncode == 0 and int(theirs.stdout) >= 1
    ours = python(program, FASTCONV_NUM_THREADS=value)
    assert ours.returncode and "FASTCONV_NUM_THREADS must be an integer from 1 to 1024" in ours.stderr


def test_wisdom_does_not_replace_another_file(tmp_path):
    precious, link = tmp_path / "precious", tmp_path / "link"
    precious.write_text("precious")
    link.symlink_to(precious)
    for path in (precious, link):
        with pytest.raises(ValueError, match="no file of wisdom"):
            fastconv.wisdom.save(path)
    assert precious.read_text() == "precious" and link.is_symlink()
    (tmp_path / "empty").touch()
    fastconv.wisdom.save(tmp_path / "empty")
    fastconv.wisdom.save(tmp_path / "empty")


@pytest.mark.parametrize(
    "call",
    [
        lambda x: fastconv.conv2d(x, np.ones((1, 1, 3, 3))), lambda x: fastconv.conv2d(np.ones((1, 1, 9, 9)), x),
        lambda x: fastconv.max_pool2d(x, 2), lambda x: fastconv.avg_pool2d(x, 2), lambda x: fastconv.im2col(x, 2),
        lambda x: fastconv.conv_transpose2d(x, np.ones((1, 1, 3, 3))), lambda x: fastconv.global_max_pool(x),
        lambda x: fastconv.grad.conv2d(x, np.ones((1, 1, 3, 3)), np.ones((1, 1, 2, 2))),
    ],
)  # fmt: skip
def test_what_is_masked_does_not_count_in_silence(call):
    x = np.ma.masked_greater(np.arange(16.0).reshape(1, 1, 4, 4), 5)
    with pytest.raises(TypeError, match="mask"):
        call(x)
    call(np.ma.masked_array(x.data))  # nothing is masked


def test_what_only_speaks_dlpack_is_taken():
    class Exchanged:
        def __init__(self, array):
            self.array = array

        def __dlpack__(self, **options):
            return self.array.__dlpack__(**options)

        def __dlpack_device__(self):
            return self.array.__dlpack_device__()

    x, w = np.arange(16.0).reshape(1, 1, 4, 4), np.ones((1, 1, 3, 3))
    for call in (
        lambda x, w: fastconv.conv2d(x, w), lambda x, w: fastconv.max_pool2d(x, 2), lambda x, w: fastconv.im2col(x, 2)
    ):  # fmt: skip
        np.testing.assert_array_equal(call(Exchanged(x), Exchanged(w)), call(x, w))


def test_names_of_other_libraries_are_translated():
    x, w = np.ones((1, 1, 4, 4)), np.ones((1, 1, 3, 3))
    with pytest.raises(ValueError, match="'NHWC', which is 'channels_last' here"):
        fastconv.conv2d(x, w, data_format="NHWC")
    with pytest.raises(ValueError, match="'nearest', which is 'replicate' here"):
        fastconv.conv2d(x, w, padding=1, padding_mode="nearest")


def test_references_of_gradients_take_empty_inputs():
    grads = fastconv.grad.conv1d(
        np.ones((3, 0, 2)), np.ones((4, 2, 2)), np.ones((3, 2, 4)), padding=((3, 0),),
        data_format="channels_last", algorithm="reference",
    )  # fmt: skip
    assert [g.shape for g in grads] == [(3, 0, 2), (4, 2, 2), (4,)]
    assert not grads[1].any() and (grads[2] == 6).all()


def test_transforms_while_another_thread_forks(monkeypatch):
    """The library's pool may be shut down when work is given to it."""
    library, asked = fft.library(), []

    class Shut:
        @staticmethod
        def rfftn(x, lengths, axes, workers):
            asked.append(workers)
            if workers != 1:
                raise RuntimeError("cannot schedule new futures after shutdown")
            return library.rfftn(x, lengths, axes=axes)

    monkeypatch.setattr(fft, "library", lambda: Shut)
    x = np.random.default_rng(0).standard_normal(8)
    np.testing.assert_allclose(fft.forward(x, (8,), (0,), 2), np.fft.rfft(x))
    assert asked == [2, 1]


def test_tuning_from_within_a_report_of_tuning():
    inner = []

    def report(now):
        if not inner:
            inner.append(None)
            inner.append(
                fastconv.tune(fastconv.max_pool2d, (1, 4, 8, 8), 2, budget=0.01, progress=False)
            )

    def outer():
        fastconv.tune(fastconv.conv2d, (1, 8, 16, 16), (8, 8, 3, 3), budget=0.05, progress=report)

    thread = threading.Thread(target=outer, daemon=True)
    thread.start()
    thread.join(120)
    assert not thread.is_alive() and len(inner) == 2


@pytest.mark.skipif(os.name == "nt", reason="needs a shell's pipe")
def test_a_reader_that_has_seen_enough(tmp_path):
    command = f"'{sys.executable}' -m fastconv info | head -n 1"
    run = subprocess.run(["sh", "-c", command], capture_output=True, text=True, cwd=tmp_path, env={
        **os.environ, "PYTHONPATH": os.path.dirname(os.path.dirname(fastconv.__file__))})  # fmt: skip
    assert "Traceback" not in run.stderr and run.stdout.strip()


def test_a_spelling_may_leave_out_what_is_usual():
    short = Problem.parse("conv2d f32 c64 k64 i56x56 f3x3 p1x1")
    assert str(short) == "conv2d f32 cf n1 c64 k64 g1 i56x56 f3x3 s1x1 d1x1 p1x1 q1x1 o56x56"
    assert Problem.parse("max_pool2d f32 c8 i12x12 f2x2").output == (6, 6)
    assert Problem.parse("conv1d f64 cl n3 c2 i100 f5 s2").output == (48,)
    for line, told in (
        ("", "begins with a kind"), ("conv4d f32", "begins with a kind"), ("conv2d f31 c1", "second word is a dtype"),
        ("conv2d f32 c64 k64 f3x3", "i, the sizes of the input"), ("conv2d f32 c64 i9x9 f3", "2 numbers"),
        ("conv2d f32 c64 i9x9 f3x3 y3", "'y3'"), ("conv2d f32 c64 c64 i9x9 f3x3", "'c64'"),
        ("conv2d f32 cx i9x9 f3x3", "'cx' should be c"), ("conv2d f32 c1 i2x2 f3x3", "does not fit"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=told):
            Problem.parse(line)


def test_an_unbuilt_checkout_says_so(tmp_path):
    package = tmp_path / "fastconv"
    (package / "_kernels").mkdir(parents=True)
    (package / "__init__.py").write_text(Path(fastconv.__file__).read_text())
    (package / "_kernels" / "__init__.py").touch()
    (package / "_kernels" / "table.pyx").touch()
    run = subprocess.run(
        [sys.executable, "-c", "import fastconv"], cwd=tmp_path, capture_output=True, text=True
    )
    assert run.returncode and 'python -m pip install -e "."' in run.stderr
