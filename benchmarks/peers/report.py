"""Rows as text: a table for the terminal, Markdown, JSON; and the marked tables of a document.

``python -m benchmarks.peers.report RESULT.json ... --into docs/performance.md`` writes every result
between the markers ``<!-- table:NAME -->`` and ``<!-- /table -->`` that carry its name. With
``--together`` it prints what they say of all their problems taken together.
"""

import argparse
import json
import re
from pathlib import Path

from benchmarks import problem_sets, timing

from .rivals import OURS


def entry(row):
    """One row as plain data: what `--json` saves and every table is made from."""
    case = row.case
    contenders = {}
    for name, outcome in row.outcomes.items():
        contenders[name] = {
            "microseconds": outcome.timing and 1e6 * outcome.timing.quartile,
            "minimum": outcome.timing and 1e6 * outcome.timing.minimum,
            "rounds": outcome.timing and outcome.timing.rounds,
            "error": outcome.error,
            "wrong": outcome.wrong,
            "refusal": outcome.refusal,
            "detail": outcome.detail,
        }
    function_rival, _ = row.best_rival(planned=False)
    any_rival, _ = row.best_rival(planned=True)
    return {
        "name": case.name,
        "count": case.count,
        "op": case.op,
        "flops": case.flops,
        "bytes": case.bytes,
        "ceiling_microseconds": 1e6 * row.ceiling,
        "bound": row.bound,
        "contenders": contenders,
        "fastest_fastconv": _fastest_of_ours(row),
        "best_function": function_rival,
        "best_of_all": any_rival,
        "ratio_function": row.ratio(OURS[0]),
        "ratio_plan": row.ratio(OURS[1]),
    }


def _fastest_of_ours(row):
    timed = [name for name in OURS if row.seconds(name) is not None]
    return min(timed, key=row.seconds, default=None)


def rate(entry, name):
    """Speed of a contender as (number, unit), by what the operation is limited by, or None."""
    microseconds = microseconds_of(entry, name)
    if microseconds is None:
        return None
    if entry["op"] in problem_sets.CONVOLUTIONS:
        return entry["flops"] / microseconds / 1e3, "GFLOP/s"
    return entry["bytes"] / microseconds / 1e3, "GB/s"


def microseconds_of(entry, name):
    """Microseconds of a contender with the right answer, or None."""
    found = entry["contenders"].get(name, {})
    return None if found.get("wrong") else found.get("microseconds")


def summary(entries):
    """The Summary of each ratio, by its label."""
    labels = {"ratio_function": "Best function / fastconv", "ratio_plan": "Best of all / plan"}
    return {
        label: timing.summarise(e[column] for e in entries if e[column])
        for column, label in labels.items()
    }


def cells(entries):
    """The table as rows of text, the heading first."""
    names = contenders(entries)
    ratios = ("best function / fastconv", "best of all / plan")
    table = [["problem", *names, *ratios, "fastconv", "of ceiling"]]
    for e in entries:
        table.append(
            [
                e["name"],
                *(_cell(e["contenders"].get(name)) for name in names),
                _ratio(e["ratio_function"], e["best_function"]),
                _ratio(e["ratio_plan"], e["best_of_all"]),
                *_speed(e),
            ]
        )
    return table


def contenders(entries):
    """Names of those who did any of the problems, in the order of their list."""
    names = dict.fromkeys(name for e in entries for name in e["contenders"])
    return [
        name
        for name in names
        if any(e["contenders"].get(name, {}).get("microseconds") for e in entries)
    ]


def _speed(e):
    """Our rate, and how much of what the machine allows that is."""
    fastest = e["fastest_fastconv"]
    if fastest is None:
        return "-", "-"
    speed, unit = rate(e, fastest)
    share = e["ceiling_microseconds"] / microseconds_of(e, fastest)
    return f"{speed:.{0 if speed >= 100 else 1}f} {unit}", f"{100 * share:.0f} %"


def _cell(outcome):
    if outcome is None or outcome["refusal"] is not None:
        return "-"
    return f"{outcome['microseconds']:.4g}" + (" WRONG" if outcome["wrong"] else "")


def _ratio(ratio, rival):
    return f"{ratio:.2f} ({rival})" if ratio else "-"


def lines_after(result):
    """What follows a table: the summary, who is missing, who refused, who disagreed."""
    entries = result["problems"]
    for label, found in summary(entries).items():
        if found is not None:
            yield (
                f"{label}: geometric mean {found.mean:.2f}, minimum {found.minimum:.2f}, "
                f"wins {found.wins} of {found.problems}."
            )
    for name, reason in result["missing"].items():
        yield f"Missing: {name}: {reason}."
    yield f"Versions: {'; '.join(dict.fromkeys(result['versions'].values()))}."
    refusals, wrong = {}, []
    for e in entries:
        for name, outcome in e["contenders"].items():
            if outcome["refusal"] is not None:
                refusals.setdefault((name, outcome["refusal"]), []).append(e["name"])
            if outcome["wrong"]:
                wrong.append(f"{name} on {e['name']} (relative error {outcome['error']:.1e})")
    for (name, reason), problems in refusals.items():
        where = "every problem" if len(problems) == len(entries) else f"{len(problems)} problem(s)"
        yield f"Not done by {name}, {where}: {reason}."
    for line in wrong:
        yield f"DISAGREES: {line}."


def together(results, lowest=5):
    """The summaries of several results as one, and the problems where plans are least ahead."""
    entries = [dict(e, name=f"{e['name']} ({r['format']})") for r in results for e in r["problems"]]
    for label, found in summary(entries).items():
        if found is not None:
            yield (
                f"{label}: geometric mean {found.mean:.3f}, minimum {found.minimum:.2f}, "
                f"wins {found.wins} of {found.problems}."
            )
    behind = sorted((e["ratio_plan"], e["name"]) for e in entries if e["ratio_plan"])
    yield "Lowest plans: " + ", ".join(f"{name} {ratio:.2f}" for ratio, name in behind[:lowest]) + "."


def text(result):
    """The result for a terminal."""
    table = cells(result["problems"])
    widths = [max(map(len, column)) for column in zip(*table)]
    lines = [
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths))
        )
        for row in table
    ]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join([headline(result), "", *lines, "", *lines_after(result)])


def markdown(result):
    """The result as a Markdown table with its summary."""
    table = cells(result["problems"])
    rows = ["| " + " | ".join(row) + " |" for row in table]
    rows.insert(1, "|" + "|".join("---" if i == 0 else "---:" for i in range(len(table[0]))) + "|")
    after = [f"* {line}" for line in lines_after(result)]
    return "\n".join([headline(result), "", *rows, "", *after]) + "\n"


def headline(result):
    """One line that says what was measured, where, and how."""
    machine, threads = result["machine"], result["threads"]
    return (
        f"Set {result['set']}, {result['format']}, {threads} thread{'s' * (threads > 1)}, "
        f"microseconds (lower quartile over rounds). {machine['cpu']}, level {machine['level']}, "
        f"fastconv {machine['version']}, {result['date']}; other processes used "
        f"{100 * result['others']:.0f} % of a processor."
    )


def table_name(result):
    """The marker's name of a result: set, threads, format."""
    return f"{result['set']}-{result['threads']}-{result['format']}"


def fill(document, tables):
    """`document` with each of `tables` (name -> Markdown) between its markers, and unused names."""
    unused = dict(tables)

    def replacement(match):
        table = unused.pop(match[1], None)
        return match[0] if table is None else f"<!-- table:{match[1]} -->\n{table}<!-- /table -->"

    pattern = r"<!-- table:(\S+) -->\n.*?<!-- /table -->"
    return re.sub(pattern, replacement, document, flags=re.DOTALL), list(unused)


def put(tables, into, parser):
    """`tables` into a file, or on the screen; `parser` refuses those that have no marker there."""
    if into is None:
        print("\n".join(tables.values()), end="")
        return
    document, unused = fill(into.read_text(), tables)
    into.write_text(document)
    for name in unused:
        parser.exit(1, f"{into} has no marker <!-- table:{name} -->\n")


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers.report", description=__doc__)
    parser.add_argument("results", nargs="+", type=Path, help="files that --json wrote")
    parser.add_argument("--into", type=Path, help="a document with markers; else the screen")
    parser.add_argument("--together", action="store_true", help="means over all results")
    options = parser.parse_args(arguments)
    results = [json.loads(path.read_text()) for path in options.results]
    if options.together:
        print("\n".join(together(results)))
        return
    put({table_name(result): markdown(result) for result in results}, options.into, parser)


if __name__ == "__main__":
    main()
