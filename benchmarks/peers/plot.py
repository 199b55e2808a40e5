"""Results as a picture: for every problem a bar per contender, against the machine's ceiling."""

from .report import contenders, rate
from .rivals import ALL

_WIDTH = 0.8  # of the space between two problems


def draw(result, path):
    """Write the picture; the suffix of `path` decides the format."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    entries = result["problems"]
    names = contenders(entries)
    unit = "GFLOP/s" if all(e["op"] == "conv" for e in entries) else "GB/s"
    figure, axes = pyplot.subplots(figsize=(max(8, 0.32 * len(entries) * len(names) ** 0.5 + 3), 5))
    # A contender has the same colour in every picture.
    colours = dict(zip((rival.name for rival in ALL), pyplot.colormaps["tab20"].colors))
    bar = _WIDTH / max(1, len(names))
    for i, name in enumerate(names):
        at = [j - _WIDTH / 2 + (i + 0.5) * bar for j in range(len(entries))]
        heights = [_speed(e, name, unit) for e in entries]
        axes.bar(at, heights, bar, label=name, color=colours[name])
    for j, e in enumerate(entries):
        height = _amount(e, unit) / e["ceiling_microseconds"] / 1e3
        axes.plot(
            [j - _WIDTH / 2, j + _WIDTH / 2], [height, height], color="black", linewidth=1.5,
            label="ceiling" if j == 0 else None,
        )  # fmt: skip
    axes.set_xticks(range(len(entries)), [e["name"].rpartition(":")[2] for e in entries])
    axes.tick_params(axis="x", rotation=60)
    pyplot.setp(axes.get_xticklabels(), ha="right", rotation_mode="anchor", fontsize=8)
    axes.set_ylabel(unit)
    axes.set_xlim(-0.6, len(entries) - 0.4)
    axes.grid(axis="y", alpha=0.3)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    machine = result["machine"]
    axes.set_title(
        f"{result['set']}, {result['format']}: {machine['cpu']}, level {machine['level']}, "
        f"{result['threads']} thread{'s' * (result['threads'] > 1)}",
        fontsize=10,
    )
    axes.legend(ncols=min(len(names) + 1, 6), fontsize=8, frameon=False, loc="upper center",
                bbox_to_anchor=(0.5, -0.32))  # fmt: skip
    figure.savefig(path, dpi=150, bbox_inches="tight")
    pyplot.close(figure)


def _amount(entry, unit):
    return entry["flops"] if unit == "GFLOP/s" else entry["bytes"]


def _speed(entry, name, unit):
    found = rate(entry, name)
    if found is None:
        return 0.0
    return _amount(entry, unit) / entry["contenders"][name]["microseconds"] / 1e3
