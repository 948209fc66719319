"""The page that shows which rows hold, and which tests say so."""

import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from tests.conformance.marks import ROOT, Mark, marks
from tests.conformance.rows import LEVELS, ROLES, Checklist, Row, read

PAGE = ROOT / "docs" / "conformance.md"
TITLES = {"hub": "Hub", "cpo": "CPO", "emsp": "eMSP"}
#: How the page begins, and what its abbreviations mean.
HEAD, SOURCES = (Path(__file__).with_name(name).read_text() for name in ("head.md", "sources.md"))


class State(StrEnum):
    """What can be said of a row for one role."""

    HOLDS = "holds"
    NOT_APPLICABLE = "not applicable"
    DEVIATES = "deviates"
    NO_TEST = "no test yet"
    NOT_CONCERNED = "-"


@dataclass(frozen=True, slots=True)
class Conformance:
    """The rows with the tests that show them."""

    checklist: Checklist
    marks: tuple[Mark, ...]

    def tests(self, row: Row, role: str) -> list[Mark]:
        """The tests that show this row for this role."""
        return [each for each in self.marks if (each.row, each.role) == (row.id, role)]

    def state(self, row: Row, role: str) -> State:
        """What can be said of this row for this role."""
        if role in row.deviates:
            return State.DEVIATES
        if role in row.not_applicable:
            return State.NOT_APPLICABLE
        if self.tests(row, role):
            return State.HOLDS
        return State.NO_TEST if role in row.who else State.NOT_CONCERNED

    def gaps(self, level: str = "M") -> list[tuple[str, str]]:
        """Rows of this level, and roles that they concern, without a test and without a reason."""
        return [
            (row.id, role)
            for row in self.checklist.rows
            if row.level == level
            for role in row.who
            if self.state(row, role) is State.NO_TEST
        ]

    def contradictions(self) -> list[str]:
        """What the rows and the marks say that cannot both be true."""
        rows = {row.id: row for row in self.checklist.rows}
        found = []
        for mark in self.marks:
            where = f"{mark.file}: {mark.test}"
            row = rows.get(mark.row)
            if row is None:
                found.append(f"{where} names a row that does not exist: {mark.row}")
            elif mark.role in row.deviates or mark.role in row.not_applicable:
                found.append(
                    f"{where} shows {mark.row} for {mark.role}, and the rows say that it does not hold"
                )
            if mark.doubtful:
                found.append(f"{where} shows {mark.row}, and may be skipped or fail")
        return found


def conformance() -> Conformance:
    """The project's own."""
    return Conformance(read(), tuple(marks()))


def page(told: Conformance | None = None) -> str:
    """The whole page."""
    told = conformance() if told is None else told
    parts = [HEAD, _counts(told), _gaps(told), SOURCES]
    parts += [_chapter(told, prefix, title) for prefix, title in told.checklist.chapters.items()]
    return "\n".join(parts)


def _counts(told: Conformance) -> str:
    lines = ["| Level | Hub | CPO | eMSP |", "|---|---|---|---|"]
    for level, meaning in LEVELS.items():
        rows = [row for row in told.checklist.rows if row.level == level]
        cells = [_counted(Counter(told.state(row, role) for row in rows)) for role in ROLES]
        lines.append(f"| {level}: {meaning} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _counted(states: Counter[State]) -> str:
    named = {
        State.HOLDS: "hold",
        State.NOT_APPLICABLE: "not applicable",
        State.DEVIATES: "deviate",
        State.NO_TEST: "without a test",
    }
    return ", ".join(f"{states[state]} {words}" for state, words in named.items() if states[state]) or "-"


def _gaps(told: Conformance) -> str:
    gaps = told.gaps()
    if not gaps:
        return "Every M row has a test, or a reason, for every role that it concerns.\n"
    lines = ["M rows without a test:\n"]
    for role in ROLES:
        rows = [row for row, who in gaps if who == role]
        lines.append(f"- {TITLES[role]} ({len(rows)}): {', '.join(rows) or 'none'}")
    return "\n".join(lines) + "\n"


def _chapter(told: Conformance, prefix: str, title: str) -> str:
    rows = [row for row in told.checklist.rows if row.prefix == prefix]
    lines = [f"## {title}", "", "| Row | Level | What must hold | Source | Hub | CPO | eMSP |"]
    lines.append("|---|---|---|---|---|---|---|")
    for row in rows:
        cells = [row.id, row.level, _cell(row.text), _cell(row.source)]
        lines.append("| " + " | ".join([*cells, *(_state(told, row, role) for role in ROLES)]) + " |")
    lines += ["", f"### {title}: the tests", "", *_shown(told, rows)]
    return "\n".join(lines) + "\n"


def _state(told: Conformance, row: Row, role: str) -> str:
    match state := told.state(row, role):
        case State.HOLDS:
            return f"holds ({len(told.tests(row, role))})"
        case State.DEVIATES:
            return f"deviates: {_cell(row.deviates[role])}"
        case State.NOT_APPLICABLE:
            return f"not applicable: {_cell(row.not_applicable[role])}"
        case State.NO_TEST:
            return f"**{state}**"
    return str(state)


def _shown(told: Conformance, rows: Iterable[Row]) -> Iterator[str]:
    for row in rows:
        shown: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
        for role in ROLES:
            for mark in told.tests(row, role):
                shown[mark.file, mark.test].append(TITLES[role])
        if shown:
            yield f"- **{row.id}**"
            for (file, test), roles in sorted(shown.items()):
                link = os.path.relpath(ROOT / file, PAGE.parent)
                yield f"  - {', '.join(roles)}: {_sentence(test)} ([{file.removeprefix('tests/')}]({link}))"


def _sentence(test: str) -> str:
    return test.removeprefix("test_").replace("_", " ")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
