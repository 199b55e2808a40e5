"""Tuning many decisions within one budget: their problems, their progress, their outcome."""

import json
import os
import warnings
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

from ._core.problem import Problem
from ._planner import explanation, measure, planner, wisdom
from ._planner.explanation import spelled_seconds
from ._terminal import reporter


class Progress(NamedTuple):
    """What a `progress` callback of `fastconv.tune` is called with."""

    done: int  # decisions made
    total: int
    problem: Problem
    prepacked: bool  # weights packed in advance, or at each call
    leader: str  # the fastest algorithm so far
    seconds: float  # its time


class Tuning(tuple[explanation.Explanation, ...]):
    """What `fastconv.tune` found: one `Explanation` per decision; printed as a table.

    Attributes
    ----------
    saved : pathlib.Path or None
        The wisdom file; None if there is none, or none could be written.
    """

    saved: Path | None = None

    def __repr__(self) -> str:
        rows = [("problem", "weights", "algorithm", "time", "GFLOP/s", "the model's choice")]
        rows += map(_cells, self)
        widths = [max(map(len, column)) for column in zip(*rows)]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()
            for row in rows
        ]
        lines.append(f"saved in {self.saved}" if self.saved else "not saved in a file")
        return "\n".join(lines)


def tune(asked, budget, progress):
    """Measure the decisions of all that is `asked` in about `budget` seconds; a `Tuning`.

    Time that one decision does not need is left to the others.
    """
    work = [(one, prepacked) for one in asked for prepacked in (False, True)[: 1 + one.packs]]
    progress, line = reporter(progress, _spelled)
    others = measure.others_running()
    if work and others >= (os.cpu_count() or 1):
        warnings.warn(
            f"fastconv.tune: {others} other threads are running on {os.cpu_count()} processors; "
            "what is measured now may not hold later",
            RuntimeWarning,
            stacklevel=3,
        )
    end = perf_counter() + budget
    saved = None
    try:
        for done, (one, prepacked) in enumerate(work):
            share = max(end - perf_counter(), 0) / (len(work) - done)
            report = _reporter(progress, done, len(work), one.problem, prepacked)
            try:
                planner.tune(
                    one.problem, one.settings, prepacked=prepacked, seconds=share, report=report
                )
            except MemoryError as error:
                warnings.warn(f"fastconv.tune: {error}", RuntimeWarning, stacklevel=3)
    finally:
        if any(entry.fresh for _, entry in wisdom.entries()):
            saved = wisdom.save()
        if line is not None:
            line.close()
    result = Tuning(
        explanation.explain(
            one.problem, one.settings, prepacked=prepacked, exchanged=one.exchanged, note=one.note
        )
        for one, prepacked in work
    )
    result.saved = saved
    return result


def problems_of(source):
    """The Problems of a list, of a spelling, or of a file.

    A file has one spelling per line, ``#`` for comments; or JSON: records with sizes as in
    fastconv's own benchmarks, or spellings, in a list or under the key "problems".
    """
    if isinstance(source, Problem):
        return [source]
    if isinstance(source, str):
        try:
            return [Problem.parse(source)]
        except ValueError:
            if not os.path.exists(source):
                raise ValueError(
                    f"tune: neither a file nor the spelling of a problem: {source!r}"
                ) from None
    if isinstance(source, (str, os.PathLike)):
        return _of_file(Path(source))
    if not isinstance(source, (list, tuple, set, frozenset)):
        raise TypeError(f"tune: needs an operation, a problem, a file or a list, got {source!r}")
    problems = []
    for one in source:
        if not isinstance(one, (Problem, str)):
            raise TypeError(f"tune: a problem is a Problem or its spelling, got {one!r}")
        problems.append(Problem.parse(one) if isinstance(one, str) else one)
    return problems


def _of_file(file):
    text = file.read_text()
    if not text.lstrip().startswith(("{", "[")):
        lines = (line.partition("#")[0].strip() for line in text.splitlines())
        return [Problem.parse(line) for line in lines if line]
    try:
        data = json.loads(text)
        records = data["problems"] if isinstance(data, dict) else data
        found = []
        for record in records:
            found += [Problem.parse(record)] if isinstance(record, str) else _of_record(record)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise ValueError(f"tune: {file} is no file of problems: {error!r}") from None
    return list(dict.fromkeys(found))


def _of_record(record):
    """The problems of one record: sizes with, maybe, the kind of pooling in a layer's name."""
    r = {key: tuple(value) if isinstance(value, list) else value for key, value in record.items()}
    end = r["pad_begin"] if r.get("symmetric_floor_ok") else r["pad_end"]
    kinds = [r["op"]] if "op" in r else ["conv"] if "K" in r else ["max_pool", "avg_pool"]
    return [
        Problem(
            kind, r.get("dtype", "float32"), r.get("layout", "channels_first"), r["N"], r["C"],
            r.get("K", r["C"]), r.get("G", r["C"]), r["in"], r["kernel"], r["stride"],
            r["dilation"], r["pad_begin"], end, r["out"],
            bias=kind == "conv" and r.get("bias", True),
        )
        for kind in kinds
    ]  # fmt: skip


def _reporter(progress, done, total, problem, prepacked):
    if progress is None:
        return None
    return lambda leader, seconds: progress(
        Progress(done, total, problem, prepacked, leader, seconds)
    )


def _spelled(progress):
    weights = ", packed" if progress.prepacked else ""
    return (
        f"tuning {progress.done + 1}/{progress.total}: {progress.leader} "
        f"{spelled_seconds(progress.seconds)}{weights}: {progress.problem}"
    )


def _cells(one):
    weights = "-"
    if one.problem.kind == "conv":
        weights = "packed" if one.prepacked else "each call"
    if one.algorithm is None:
        return str(one.problem), weights, "-", "-", "-", ""
    chosen = one.chosen
    able = [row for row in one.candidates if row.refusal is None]
    model = min(able, key=lambda row: row.predicted)
    if model.algorithm == one.algorithm:
        remark = "the same"
    elif model.measured and chosen.measured:
        remark = f"{model.algorithm}, {model.measured / chosen.measured:.2f} x the time"
    else:
        remark = model.algorithm
    return (
        str(one.problem), weights, one.algorithm, spelled_seconds(chosen.measured),
        f"{chosen.gflops:.3g}", remark,
    )  # fmt: skip
