"""What measurements find: rows of figures, and what must be reached."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal
from statistics import median
from typing import Any

Figure = float | int | str | None


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a table."""

    name: str
    figures: Mapping[str, Figure]


@dataclass(frozen=True, slots=True)
class Must:
    """A figure that must be reached, and what was measured."""

    what: str
    #: Such as `≥ 0.28`.
    must: str
    measured: float | None
    is_met: bool | None
    #: What to know of it, such as why it is missed.
    note: str = ""


@dataclass(slots=True)
class Findings:
    """What one measurement has found."""

    title: str
    rows: list[Row] = field(default_factory=list)
    musts: list[Must] = field(default_factory=list)
    #: What could not be measured, or what to know of the figures.
    notes: list[str] = field(default_factory=list)

    def row(self, name: str, **figures: Figure) -> None:
        """Add a line; a figure's name becomes the head of its column."""
        self.rows.append(Row(name, figures))

    def at_least(self, what: str, least: float, measured: float | None, note: str = "") -> None:
        """What must not be less."""
        self._must(what, f"≥ {least:g}", measured, lambda value: value >= least, note)

    def at_most(self, what: str, most: float, measured: float | None, note: str = "") -> None:
        """What must not be more."""
        self._must(what, f"≤ {most:g}", measured, lambda value: value <= most, note)

    def _must(
        self, what: str, must: str, measured: float | None, is_met: Callable[[float], bool], note: str
    ) -> None:
        met = None if measured is None else is_met(measured)
        self.musts.append(Must(what, must, None if measured is None else measured, met, note))


def middle(values: Sequence[float]) -> float:
    """The median; zero of nothing."""
    return median(values) if values else 0.0


def shown(figure: Figure) -> str:
    """A figure as people read it: three digits that count."""
    if figure is None:
        return "-"
    if isinstance(figure, str):
        return figure
    value = float(figure)
    if isinstance(figure, int) or abs(value) >= 1000:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def as_json(findings: Findings) -> dict[str, Any]:
    """For programs."""
    return {
        "title": findings.title,
        "rows": [
            {"name": row.name} | {name: _exact(value) for name, value in row.figures.items()}
            for row in findings.rows
        ],
        "musts": [
            {
                "what": each.what,
                "must": each.must,
                "measured": _exact(each.measured),
                "met": each.is_met,
                "note": each.note,
            }
            for each in findings.musts
        ],
        "notes": findings.notes,
    }


def _exact(figure: Figure) -> Any:
    if isinstance(figure, float):
        return Decimal(figure).quantize(Decimal("0.0001"), ROUND_HALF_EVEN)
    return figure
