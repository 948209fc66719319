"""Small charts as inline SVG: bars and lines, drawn by hand so that a page needs nothing from anywhere."""

from collections.abc import Sequence
from decimal import Decimal
from html import escape
from typing import Final, NamedTuple

_WIDTH: Final = 560
_HEIGHT: Final = 220
_LEFT: Final = 46
#: Room for the names of lines across, beside the bars.
_RIGHT: Final = 40
_BOTTOM: Final = 34
_TOP: Final = 12
#: Labels below the bars, at most; of more only some are written.
_MOST_LABELS: Final = 24
_CHARACTER_WIDTH: Final = 7
_GRID_LINES: Final = 4


class Bar(NamedTuple):
    """One bar; None is not drawn at all."""

    label: str
    value: Decimal | None


class Mark(NamedTuple):
    """A line across, as the value that the law wants."""

    label: str
    value: Decimal


def bars(
    title: str,
    unit: str,
    shown: Sequence[Bar],
    marks: Sequence[Mark] = (),
    *,
    least: Decimal = Decimal(0),
    most: Decimal | None = None,
) -> str:
    """A chart of bars.

    Args:
        title: Said to those who cannot see it, too.
        unit: Of the values.
        shown: From left to right.
        marks: Lines across.
        least: Where the axis begins.
        most: Where it ends; None: above the highest.
    """
    highest = max((each.value for each in shown if each.value is not None), default=Decimal(0))
    top = most if most is not None else _above(highest)
    parts = [*_grid(least, top, unit), *_columns(shown, least, top, unit), *_lines(marks, least, top)]
    body = "".join(parts)
    return (
        f'<figure><figcaption>{escape(title)}</figcaption><svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img"'
        f' aria-label="{escape(title)}">{body}</svg></figure>'
    )


def _above(value: Decimal) -> Decimal:
    """The next number that one would write on an axis."""
    if value <= 0:
        return Decimal(1)
    power = Decimal(10) ** value.adjusted()
    return next(step * power for step in (1, 2, 4, 5, 8, 10) if step * power >= value)


def _y(value: Decimal, least: Decimal, top: Decimal) -> Decimal:
    share = (min(max(value, least), top) - least) / (top - least)
    return (_HEIGHT - _BOTTOM) - share * (_HEIGHT - _BOTTOM - _TOP)


def _grid(least: Decimal, top: Decimal, unit: str) -> list[str]:
    parts = []
    for number in range(_GRID_LINES + 1):
        value = least + (top - least) * number / _GRID_LINES
        y = _y(value, least, top)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="axis" x="{_LEFT - 6}" y="{y + 4:.1f}">{_number(value)}</text>')
    parts.append(f'<text class="unit" x="{_LEFT + 4}" y="{_TOP + 8}">{escape(unit)}</text>')
    return parts


def _columns(shown: Sequence[Bar], least: Decimal, top: Decimal, unit: str) -> list[str]:
    parts = []
    room = Decimal(_WIDTH - _LEFT - _RIGHT) / max(len(shown), 1)
    every = -(-len(shown) // _MOST_LABELS) or 1
    for number, each in enumerate(shown):
        x = _LEFT + room * number
        if each.value is not None:
            y, base = _y(each.value, least, top), _HEIGHT - _BOTTOM
            width = min(room * Decimal("0.72"), Decimal(64))
            says = f"{each.label}: {_number(each.value)} {unit}"
            parts.append(
                f'<rect class="bar" x="{x + (room - width) / 2:.1f}" y="{y:.1f}" width="{width:.1f}"'
                f' height="{base - y:.1f}"><title>{escape(says)}</title></rect>'
            )
        if number % every == 0:
            label = _cut(each.label, int(room * every / _CHARACTER_WIDTH))
            parts.append(
                f'<text class="label" x="{x + room / 2:.1f}" y="{_HEIGHT - 14}">{escape(label)}</text>'
            )
    return parts


def _lines(marks: Sequence[Mark], least: Decimal, top: Decimal) -> list[str]:
    return [
        f'<line class="mark" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<text class="marked" x="{_WIDTH - _RIGHT + 4}" y="{y + 4:.1f}">{escape(each.label)}</text>'
        for each in marks
        for y in (_y(each.value, least, top),)
    ]


def _cut(label: str, most: int) -> str:
    return label if len(label) <= max(most, 2) else label[: max(most - 1, 1)] + "…"


def _number(value: Decimal) -> str:
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return text or "0"
