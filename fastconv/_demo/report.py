"""The table of outcomes."""

HEADINGS = ("operation", "result", "algorithm", "fastconv", "SciPy", "ratio", "error", "")


def table(outcomes):
    """One line per outcome, as text."""
    rows = [HEADINGS, *map(_row, outcomes)]
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = ["  ".join(_aligned(row, widths)).rstrip() for row in rows]
    rule = "-" * max(map(len, lines))
    return "\n".join([lines[0], rule, *lines[1:], rule])


def _row(outcome):
    return (
        outcome.title,
        " x ".join(map(str, outcome.result.shape)),
        outcome.algorithm,
        milliseconds(outcome.seconds),
        milliseconds(outcome.scipy_seconds),
        f"{outcome.scipy_seconds / outcome.seconds:.1f} x",
        f"{outcome.error:.0e}",
        "ok" if outcome.agrees else "DIFFERS",
    )


def _aligned(row, widths):
    # Words to the left, numbers to the right.
    for i, (cell, width) in enumerate(zip(row, widths)):
        yield cell.rjust(width) if 3 <= i <= 6 else cell.ljust(width)


def milliseconds(seconds):
    """A duration with three significant digits, or two decimals."""
    value = 1e3 * seconds
    decimals = 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:.{decimals}f} ms"
