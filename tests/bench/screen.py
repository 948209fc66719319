"""Findings as tables, on screen and in Markdown."""

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table

from tests.bench.results import Findings, Must, columns, shown

MET = {True: "met", False: "MISSED", None: "not measured"}


def show(console: Console, findings: Findings) -> None:
    """A measurement on screen."""
    table = Table(title=findings.title, title_justify="left")
    names = columns(findings.rows)
    table.add_column("")
    for name in names:
        table.add_column(name, justify="right")
    for row in findings.rows:
        table.add_row(row.name, *(_cell(row.figures, name) for name in names))
    console.print(table)
    for note in findings.notes:
        console.print(f"  {note}", markup=False)


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
    names = columns(findings.rows)
    lines = [_line(["", *names]), _line(["---", *(["---:"] * len(names))])]
    lines += [_line([row.name, *(_cell(row.figures, name) for name in names)]) for row in findings.rows]
    notes = [f"- {note}" for note in findings.notes]
    return "\n".join(
        [f"## {findings.title}", "", circumstances, "", *lines, *([""] if notes else []), *notes, ""]
    )


def musts_as_markdown(musts: Sequence[Must]) -> str:
    """The table of what must be reached."""
    lines = [_line(["", "must", "measured", "", "note"]), _line(["---", "---:", "---:", "---", "---"])]
    lines += [
        _line([each.what, each.must, shown(each.measured), MET[each.is_met], each.note]) for each in musts
    ]
    return "\n".join(["## Must reach", "", *lines, ""])


def _cell(figures: Mapping[str, object], name: str) -> str:
    return shown(figures[name]) if name in figures else ""  # type: ignore[arg-type]  # they are figures


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
