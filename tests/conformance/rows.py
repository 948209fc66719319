"""The rows of the checklist, as they stand in `rows.toml`."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

#: Who may hold a row: the hub, and the reference nodes.
ROLES = ("hub", "cpo", "emsp")
#: What the letters of the levels mean.
LEVELS = {
    "M": "must",
    "S": "should",
    "Y": "may",
    "D": "derived from another rule",
    "P": "our policy, where OCPI is silent",
    "T": "a trap that others fell into",
}
FILE = Path(__file__).with_name("rows.toml")


@dataclass(frozen=True, slots=True)
class Row:
    """One rule."""

    id: str
    level: str
    #: The roles that it concerns.
    who: tuple[str, ...]
    text: str
    source: str
    #: Why it says nothing about a role that its chapter concerns, by role.
    not_applicable: Mapping[str, str] = field(default_factory=dict)
    #: Why a role does otherwise, by role.
    deviates: Mapping[str, str] = field(default_factory=dict)

    @property
    def prefix(self) -> str:
        """Its chapter."""
        return self.id.partition("-")[0]


@dataclass(frozen=True, slots=True)
class Checklist:
    """All rows, in their order."""

    #: The title of each chapter, by the prefix of its rows.
    chapters: Mapping[str, str]
    rows: tuple[Row, ...]

    @property
    def ids(self) -> frozenset[str]:
        """The names of all rows."""
        return frozenset(row.id for row in self.rows)


def read(text: str | None = None) -> Checklist:
    """The checklist.

    Raises:
        ValueError: A row is told wrongly.
    """
    told = tomllib.loads(FILE.read_text() if text is None else text)
    chapters = {each["prefix"]: each["title"] for each in told["chapter"]}
    rows = tuple(_row(each) for each in told["row"])
    for row in rows:
        if row.prefix not in chapters:
            raise ValueError(f"{row.id}: no chapter has this prefix")
    if len({row.id for row in rows}) < len(rows):
        raise ValueError("two rows have the same id")
    return Checklist(chapters, rows)


def _row(told: dict[str, Any]) -> Row:
    row = Row(**(told | {"who": tuple(told["who"])}))
    if row.level not in LEVELS:
        raise ValueError(f"{row.id}: no such level: {row.level}")
    if not set(row.who) or not {*row.who, *row.not_applicable, *row.deviates} <= set(ROLES):
        raise ValueError(f"{row.id}: the roles are {', '.join(ROLES)}")
    if both := row.not_applicable.keys() & row.deviates.keys():
        raise ValueError(f"{row.id}: not applicable and deviating at once: {', '.join(sorted(both))}")
    return row
