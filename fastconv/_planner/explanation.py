"""A choice with all that speaks for and against it, as a table."""

from dataclasses import dataclass
from typing import Any

from .._core.problem import CONVOLUTIONS, Problem
from .._kernels import isa
from . import planner, profile, wisdom
from .machine import machine_for

_REASONS = {
    "forced": "forced",
    "sole candidate": "the only one that can",
    "model": "the fastest by the cost model",
    "wisdom": "the fastest when it was tuned (wisdom)",
    "measured": "the fastest as measured in this process",
    "random": "at random, as a test asked for",
}
# From the strictest on. What can sum exactly gives small integers exactly.
_TIERS = ("exact", "highest", "high", "medium")


@dataclass(frozen=True)
class Row:
    """One algorithm in an `Explanation`; what is not known is None."""

    algorithm: str
    predicted: float | None  # seconds
    measured: float | None  # seconds
    gflops: float | None  # as measured, or else as predicted; of the direct sum
    workspace: int | None  # bytes
    # The strictest precision that what it does would serve; "exact" keeps integers exact.
    tier: str | None
    refusal: str | None


@dataclass(frozen=True)
class Explanation:
    """Which algorithm computes a problem, and why; made by `fastconv.explain`.

    ``print`` shows it as a table, notebooks as HTML, `plot` as a bar chart.

    Attributes
    ----------
    problem : Problem
        What is computed; ``str`` spells it in one line.
    level : str
        The instruction-set level in use.
    threads : int
        How many threads work on it.
    prepacked : bool
        Whether the weights are packed in advance, as in a plan.
    algorithm : str or None
        The chosen one; None where there is nothing to compute.
    reason : str
        "forced", "sole candidate", "model", "wisdom", "measured", "random" or "empty".
    candidates : tuple of Row
        Every algorithm for this kind of problem, with ``algorithm``, ``predicted`` and
        ``measured`` (seconds), ``gflops``, ``workspace`` (bytes), ``tier`` and ``refusal``. The
        measured ones first, the refused ones last.
    note : str
        How the operation was brought into this problem, if it is not the same.
    profile : str
        Whose prices the cost model works with.
    others : tuple of Explanation
        Those of the other problems that the operation takes, as stride phases do.
    """

    problem: Problem
    level: str
    threads: int
    prepacked: bool
    algorithm: str | None
    reason: str
    candidates: tuple[Row, ...]
    note: str = ""
    profile: str = ""
    others: tuple["Explanation", ...] = ()

    @property
    def chosen(self) -> Row | None:
        """The Row of the chosen algorithm."""
        return next((row for row in self.candidates if row.algorithm == self.algorithm), None)

    def __repr__(self) -> str:
        lines = self._headline()
        if self.candidates:
            rows = [_HEADINGS, *map(_cells, self.candidates)]
            widths = [max(len(row[i]) for row in rows) for i in range(len(_HEADINGS))]
            lines.append("")
            for row, source in zip(rows, (None, *self.candidates)):
                mark = ">" if source is not None and source.algorithm == self.algorithm else " "
                if source is not None and source.refusal:
                    lines.append(f"{mark} {row[0]:<{widths[0]}}  no: {source.refusal}")
                else:
                    cells = (f"{cell:>{width}}" for cell, width in zip(row[1:], widths[1:]))
                    lines.append("  ".join([f"{mark} {row[0]:<{widths[0]}}", *cells]))
        for other in self.others:
            lines += ["", *other._headline()]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        from html import escape

        head = "<br>".join(escape(line) for line in self._headline())
        rows = ["<tr>" + "".join(f"<th>{escape(h)}</th>" for h in _HEADINGS) + "</tr>"]
        for row in self.candidates:
            name, *cells = _cells(row)
            if row.refusal:
                body = f'<td colspan="{len(cells)}">no: {escape(row.refusal)}</td>'
            else:
                body = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
            bold = row.algorithm == self.algorithm
            name = f"<b>{escape(name)}</b>" if bold else escape(name)
            rows.append(f"<tr><td>{name}</td>{body}</tr>")
        return f"<p>{head}</p><table>{''.join(rows)}</table>"

    def plot(self, ax: Any = None) -> Any:
        """Predicted and measured times as bars; returns the matplotlib Axes.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; by default a new figure.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        if ax is None:
            try:
                from matplotlib import pyplot
            except ImportError as error:
                raise ImportError(
                    'plotting needs matplotlib: pip install "fastconv[plots]"'
                ) from error
            ax = pyplot.subplots(figsize=(7, 1.5 + 0.5 * len(self.candidates)))[1]
        able = [row for row in self.candidates if not row.refusal]
        for offset, kind, colour in ((-0.2, "predicted", "0.75"), (0.2, "measured", "tab:blue")):
            known = [(i + offset, getattr(row, kind) * 1e3) for i, row in enumerate(able)
                     if getattr(row, kind) is not None]  # fmt: skip
            if known:
                ax.barh(*zip(*known), height=0.4, color=colour, label=kind)
        names = (f"{r.algorithm} *" if r.algorithm == self.algorithm else r.algorithm for r in able)
        ax.set_yticks(range(len(able)), list(names))
        ax.invert_yaxis()
        ax.set_xscale("log")
        ax.set_xlabel("milliseconds (* is chosen)")
        ax.set_title(str(self.problem), fontsize="small")
        if able:
            ax.legend()
        return ax

    def _headline(self):
        lines = [str(self.problem)]
        if self.note:
            lines.append(self.note)
        if self.algorithm is None:
            return lines
        threads = f"{self.threads} thread{'s' * (self.threads > 1)}"
        if self.problem.kind == "conv":
            threads += ", weights packed " + ("in advance" if self.prepacked else "at each call")
        reason = _REASONS[self.reason]
        if self.reason == "model" and self.profile:
            reason += f", prices of {self.profile}"
        lines.append(f"{self.algorithm}: {reason} ({self.level}, {threads})")
        return lines


def explain(problem, settings, *, prepacked=False, exchanged=False, executable=None, note=""):
    """The Explanation of what the planner chooses, or of an `executable` that it chose before."""
    ways = {"prepacked": prepacked, "exchanged": exchanged}
    if settings.denormals == "flush":
        note = f"{note}; denormal numbers are zeros" if note else "denormal numbers are zeros"
    executable = executable or planner.choose(problem, settings, **ways)
    threads = machine_for(problem, settings.threads).threads
    entry = wisdom.find(problem, threads, prepacked)
    measured = entry.seconds if entry is not None else {}
    rows = [
        _row(problem, threads, candidate, measured.get(candidate.room.name))
        for candidate in planner.candidates(problem, settings, **ways)
    ]
    # What was measured first: times of both kinds do not compare.
    rows.sort(key=lambda row: (row.refusal is not None, row.measured is None,
                               row.measured or row.predicted or 0))  # fmt: skip
    return Explanation(
        problem, isa.active(), executable.threads, prepacked, executable.room.name,
        executable.reason, tuple(rows), note, str(profile.active()),
    )  # fmt: skip


def empty(problem, settings, note):
    """The Explanation of a problem that no room computes."""
    threads = machine_for(problem, settings.threads).threads
    return Explanation(problem, isa.active(), threads, False, None, "empty", (), note)


def gflops(problem, seconds):
    """Arithmetic of the direct sum per second; window elements visited, for pooling."""
    return problem.macs * (2 if problem.kind in CONVOLUTIONS else 1) / seconds / 1e9


def _row(problem, threads, candidate, measured):
    room, predicted, refusal = candidate
    if refusal is not None:
        return Row(room.name, None, None, None, None, None, refusal)
    tier = problem.precision
    if not getattr(room, "adaptive", False):
        tier = next(t for t in _TIERS if room.supports(problem._replace(precision=t)) is None)
    return Row(
        room.name, predicted, measured, gflops(problem, measured or predicted),
        room.workspace(problem, threads), tier, None,
    )  # fmt: skip


_HEADINGS = ("algorithm", "predicted", "measured", "GFLOP/s", "workspace", "tier")


def _cells(row):
    if row.refusal:
        return (row.algorithm, *[""] * (len(_HEADINGS) - 1))
    return (
        row.algorithm, spelled_seconds(row.predicted), spelled_seconds(row.measured),
        f"{row.gflops:.3g}", spelled_bytes(row.workspace), row.tier,
    )  # fmt: skip


def spelled_seconds(seconds):
    """Seconds for people, with three digits."""
    if seconds is None:
        return "-"
    unit, size = next((u for u in (("s", 1.0), ("ms", 1e-3)) if seconds >= u[1]), ("us", 1e-6))
    return f"{seconds / size:.3g} {unit}"


def spelled_bytes(count):
    """Bytes for people."""
    for unit, size in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count} B"
