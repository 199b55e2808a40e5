"""The demo: its operations agree with SciPy, its pictures are pictures, its data is small."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fastconv import __main__ as cli
from fastconv._demo import colour

PACKAGE = Path(cli.__file__).parent
DATA_LIMIT = 200_000
CODE = {".py", ".pyx", ".pxd", ".c", ".h", ".so", ".pyc"}


@pytest.fixture
def Image():
    return pytest.importorskip("PIL.Image")


@pytest.fixture
def small_picture(Image, tmp_path):
    """A file with a disc on a slope: edges of all directions, nothing uniform."""
    y, x = np.mgrid[:48, :64]
    disc = np.hypot(y - 20, x - 30) < 14
    planes = [2 * x + 60 * disc, 3 * y + 90 * disc, x + y + 120 * ~disc]
    path = tmp_path / "disc.png"
    Image.fromarray(np.stack(planes, axis=-1).astype(np.uint8)).save(path)
    return path


@pytest.fixture
def quick(monkeypatch):
    """The fewest rounds; these tests are not about time."""
    monkeypatch.setattr("fastconv._demo.race.BUDGET", 0)


def test_table_shows_agreement_with_scipy(small_picture, quick, capsys):
    status = cli.main(["demo", "--image", str(small_picture), "--threads", "2", "--no-pictures"])
    printed = capsys.readouterr().out
    assert status == 0, printed
    rows = printed.split("-\n")[1].splitlines()[:-1]
    assert len(rows) == 5
    numbers = re.compile(r"\d ms +[\d.]+ ms +[\d.]+ x +\de[-+]\d+ +ok$")
    assert all(numbers.search(row) for row in rows), printed
    assert "DIFFERS" not in printed


def test_pictures_are_valid_and_of_the_right_size(Image, small_picture, quick, tmp_path):
    folder = tmp_path / "new" / "pictures"
    cli.main(["demo", "--image", str(small_picture), "--output", str(folder)])
    sizes = {}
    for path in folder.iterdir():
        with Image.open(path) as picture:
            picture.load()
            assert picture.format == "PNG"
            assert len(picture.getcolors(maxcolors=2**24)) > 50, f"{path.name} shows nothing"
            sizes[path.stem] = picture.size
    assert sizes.keys() == {"input", "edges", "features", "pooled", "overview"}
    assert sizes["input"] == (640, 480)
    assert sizes["features"] == (1240, 930)
    assert all(width > 1200 for name, (width, _) in sizes.items() if name != "input")


def test_shipped_photograph_loads():
    pytest.importorskip("PIL.Image")
    from fastconv._demo import photograph

    picture = photograph.load()
    assert picture.rgb.shape == (3, 427, 640)
    assert picture.grey.shape == (1, 427, 640)
    assert picture.rgb.dtype == picture.grey.dtype == np.float32
    assert picture.rgb.min() >= 0 and picture.rgb.max() <= 1
    assert picture.credit


def test_large_images_are_scaled_down(Image, tmp_path):
    from fastconv._demo import photograph

    Image.new("L", (3000, 1500), 128).save(tmp_path / "large.png")
    assert photograph.load(tmp_path / "large.png").rgb.shape == (3, 512, 1024)


@pytest.mark.parametrize("case", ["missing", "no image", "too small"])
def test_unusable_images_give_a_clear_error(case, Image, tmp_path):
    path = tmp_path / "image.png"
    if case == "no image":
        path.write_text("not an image")
    elif case == "too small":
        Image.new("RGB", (100, 5)).save(path)
    with pytest.raises(SystemExit) as stop:
        cli.main(["demo", "--image", str(path)])
    assert str(path) in str(stop.value)


def test_without_pillow_it_says_how_to_get_it():
    # None in sys.modules makes the import fail, as if Pillow were not there.
    program = (
        "import sys; sys.modules['PIL'] = None\n"
        "from fastconv.__main__ import main; main(['demo', '--no-pictures'])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 1
    assert 'pip install "fastconv[demo]"' in done.stderr
    assert "Traceback" not in done.stderr


def test_a_result_that_differs_is_reported(monkeypatch, small_picture, quick, capsys):
    monkeypatch.setattr("fastconv._demo.race.TOLERANCE", -1.0)
    status = cli.main(["demo", "--image", str(small_picture), "--no-pictures"])
    assert status == 1
    assert capsys.readouterr().out.count("DIFFERS") == 5


def test_gabor_kernels_answer_to_their_direction():
    pytest.importorskip("PIL.Image")
    from fastconv._demo import operations

    kernels, _ = operations.gabor_bank()
    y, x = np.indices(kernels.shape[2:]) - kernels.shape[2] // 2
    for kernel, angle in zip(kernels, operations.directions()):
        slope = x * np.cos(angle) + y * np.sin(angle)
        across = y * np.cos(angle) - x * np.sin(angle)
        assert (kernel * slope).sum() > 50 * abs((kernel * across).sum())
        np.testing.assert_allclose(kernel.sum(), 0, atol=1e-5)


def test_opposite_directions_have_different_colours():
    angles = np.arange(0, 2 * np.pi, np.pi / 8)
    colours = colour.hue(angles).astype(int)
    assert np.abs(colours - colour.hue(angles + np.pi)).max(axis=1).min() > 60
    assert not colour.hue(angles, 0).any()


def test_package_data_is_small_and_licensed():
    data = [path for path in PACKAGE.rglob("*") if path.is_file() and path.suffix not in CODE]
    assert {"photograph.jpg", "PHOTOGRAPH.txt"} <= {path.name for path in data}
    assert sum(path.stat().st_size for path in data) < DATA_LIMIT
    licence = (PACKAGE / "_demo" / "PHOTOGRAPH.txt").read_text()
    assert "danielbuechele" in licence
    assert "flickr.com" in licence
    assert "creativecommons.org/licenses/by/2.0" in licence
