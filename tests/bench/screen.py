"""Findings as tables, on screen and in Markdown."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from tests.bench.results import Findings, Must, Row, shown

MET = {True: "met", False: "MISSED", None: "not measured"}


def show(console: Console, findings: Findings) -> None:
    """A measurement on screen."""
    console.print(findings.title, style="bold", markup=False)
    for names, rows in tables(findings.rows):
        table = Table()
        table.add_column("")
        for name in names:
            table.add_column(name, justify="right")
        for row in rows:
            table.add_row(row.name, *(shown(row.figures[name]) for name in names))
        console.print(table)
    for note in findings.notes:
        console.print(f"  {note}", markup=False)


def tables(rows: Sequence[Row]) -> list[tuple[list[str], list[Row]]]:
    """Rows that have the same figures make a table."""
    grouped: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        grouped.setdefault(tuple(row.figures), []).append(row)
    return [(list(names), each) for names, each in grouped.items()]


def show_musts(console: Console, musts: Sequence[Must]) -> None:
    """What must be reached, and whether it is."""
    table = Table(title="Must reach", title_justify="left")
    for name in ("", "must", "measured", "", "note"):
        table.add_column(name)
    for each in musts:
        table.add_row(each.what, each.must, shown(each.measured), MET[each.is_met], each.note)
    console.print(table)


def markdown(findings: Findings, circumstances: str) -> str:
    """A measurement as a section of a page."""
    lines = [f"## {findings.title}", "", circumstances, ""]
    for names, rows in tables(findings.rows):
        lines += [_line(["", *names]), _line(["---", *(["---:"] * len(names))])]
        lines += [_line([row.name, *(shown(row.figures[name]) for name in names)]) for row in rows]
        lines.append("")
    notes = [f"- {note}" for note in findings.notes]
    return "\n".join([*lines, *notes, *([""] if notes else [])])


def musts_as_markdown(musts: Sequence[Must]) -> str:
    """The table of what must be reached."""
    lines = [_line(["", "must", "measured", "", "note"]), _line(["---", "---:", "---:", "---", "---"])]
    lines += [
        _line([each.what, each.must, shown(each.measured), MET[each.is_met], each.note]) for each in musts
    ]
    return "\n".join(["## Must reach", "", *lines, ""])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
