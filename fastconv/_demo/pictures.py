"""What is to be seen of the results."""

from pathlib import Path

import numpy as np
from PIL import Image

from . import colour, operations
from .pipeline import EDGE_STRIDE, EDGE_WINDOW
from .sheet import GAP, Panel, compose, fitted, from_array, with_wheel

PANEL_WIDTH = 640
COMPASS_WIDTH = 1240
INSET = 3  # pixels of picture per tap of a kernel


def write(folder, photograph, results):
    """Write all pictures into `folder`, which is made if it is not there.

    Parameters
    ----------
    folder : path
    photograph : Photograph
    results : Results

    Returns
    -------
    list of Path
        input.png, edges.png, features.png, pooled.png and overview.png.
    """
    panels = _panels(photograph, results)
    edges = ("sobel_x", "sobel_y", "magnitude", "direction")
    footer = "     ".join(filter(None, ["python -m fastconv demo", photograph.credit]))
    pictures = {
        "input": panels["photograph"].image,
        "edges": compose([panels[name] for name in edges], 2),
        "features": compass(results, _size(photograph, COMPASS_WIDTH), inset=True),
        "pooled": compose([panels["pooled"], panels["argmax"]], 2),
        "overview": compose(list(panels.values()), 3, title="fastconv", footer=footer),
    }
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, picture in pictures.items():
        picture.save(folder / f"{name}.png")
    return [folder / f"{name}.png" for name in pictures]


def _size(photograph, width):
    """Width and height of a picture of the photograph's shape."""
    rows, columns = photograph.grey.shape[1:]
    return width, round(width * rows / columns)


def _panels(photograph, results):
    """The panels of the overview by name, in reading order."""
    size = _size(photograph, PANEL_WIDTH)

    def panel(pixels, caption):
        return Panel(fitted(from_array(pixels), size), caption)

    def direction_panel(pixels, caption):
        return Panel(with_wheel(fitted(from_array(pixels), size)), caption)

    right, down = results.scharr
    strongest = results.pooled_features.max(axis=0)
    winner = operations.directions()[results.pooled_features.argmax(axis=0)]
    filters, window = len(results.features), f"{EDGE_WINDOW} x {EDGE_WINDOW}"
    return {
        "photograph": panel(255 * photograph.rgb.transpose(1, 2, 0), "photograph"),
        "sobel_x": panel(colour.diverging(results.sobel[0]), "Sobel, change to the right"),
        "sobel_y": panel(colour.diverging(results.sobel[1]), "Sobel, change downwards"),
        "magnitude": panel(colour.sequential(results.magnitude), "Sobel, magnitude"),
        "direction": direction_panel(
            colour.directed(np.arctan2(down, right), np.hypot(down, right)),
            "Scharr, direction as hue",
        ),
        "features": Panel(
            compass(results, size, inset=False),
            f"{filters} Gabor filters, bias, ReLU; in the middle all of them",
        ),
        "winner": direction_panel(
            colour.directed(winner, strongest), "max pooling of them, the strongest filter as hue"
        ),
        "pooled": panel(colour.sequential(results.pooled), f"max pooling of Sobel, {window}"),
        "argmax": direction_panel(
            colour.directed(_offsets(results), results.pooled),
            "where in its window each maximum lies, as hue",
        ),
    }


def _offsets(results):
    """Direction from the centre of each pooling window to its maximum, in radians."""
    rows, columns = np.divmod(results.argmax, results.magnitude.shape[1])
    first_row, first_column = EDGE_STRIDE * np.indices(results.argmax.shape)
    centre = EDGE_WINDOW // 2
    return np.arctan2(rows - first_row - centre, columns - first_column - centre)


def compass(results, size, *, inset):
    """Each feature map where its direction points, on the border of a 5 x 5 grid.

    In the middle, all of them at once. With `inset`, every map shows its kernel in a corner.
    """
    lefts, rights = _tracks(size[0])
    tops, bottoms = _tracks(size[1])
    picture = Image.new("RGB", size, colour.PAPER)

    def place(image, first, last):
        (column, row), (last_column, last_row) = first, last
        box = (lefts[column], tops[row], rights[last_column], bottoms[last_row])
        shape = (box[2] - box[0], box[3] - box[1])
        picture.paste(image.resize(shape, Image.Resampling.LANCZOS), box)
        return box

    for angle, plane, kernel in zip(operations.directions(), results.features, results.kernels):
        position = _border(angle)
        box = place(from_array(colour.tinted(plane, angle)), position, position)
        if inset:
            taps = from_array(colour.diverging(kernel.sum(axis=0)))
            enlarged = taps.resize([INSET * n for n in taps.size], Image.Resampling.BICUBIC)
            picture.paste(enlarged, box[:2])
    place(_blended(results.features), (1, 1), (3, 3))
    return picture


def _tracks(length):
    """Begins and ends of five cells with gaps between them."""
    begins = [round(i * (length + GAP) / 5) for i in range(6)]
    return begins[:5], [begin - GAP for begin in begins[1:]]


def _border(angle):
    """Column and row of the cell that lies in direction `angle` from the middle of a 5 x 5 grid."""
    x, y = np.cos(angle), np.sin(angle)
    reach = 2 / max(abs(x), abs(y))
    return round(2 + reach * x), round(2 + reach * y)


def _blended(features):
    """All feature maps at once, each as light of its hue."""
    hues = colour.hue(operations.directions()) / 255
    brightness = np.clip(features / max(np.percentile(features, 99.5), 1e-6), 0, 1)
    light = np.tensordot(brightness, hues**2, axes=(0, 0)) / 3
    return from_array(colour.PAPER + 230 * np.sqrt(np.clip(light, 0, 1)))
