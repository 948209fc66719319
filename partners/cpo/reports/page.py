"""The report as one HTML page, with its plots inside: nothing is loaded from anywhere."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from html import escape
from typing import Any, Final

from partners.cpo.reports.charts import Bar, Mark, bars
from partners.cpo.reports.report import ALL
from partners.cpo.reports.uptime import NEVI_LEAST, UK_LEAST

Row = Mapping[str, Any]

_STYLE: Final = """
:root { --ink: #1c2430; --soft: #667085; --line: #e3e7ee; --bar: #2f6fde; --mark: #c2410c; --paper: #fff; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e9ef; --soft: #98a2b3; --line: #2c3443; --bar: #6ea0ff; --mark: #fb923c;
    --paper: #12161d; }
}
* { box-sizing: border-box; }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 0 auto;
  max-width: 1160px; padding: 32px 24px; }
h1 { font-size: 24px; margin: 0 0 4px; } h2 { font-size: 17px; margin: 36px 0 8px; }
p { color: var(--soft); margin: 0 0 12px; max-width: 75ch; }
.tiles { display: flex; flex-wrap: wrap; gap: 12px; margin: 20px 0; }
.tile { border: 1px solid var(--line); border-radius: 8px; padding: 12px 16px; min-width: 130px; }
.tile b { display: block; font-size: 21px; font-variant-numeric: tabular-nums; }
.tile span { color: var(--soft); font-size: 13px; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(400px, 1fr)); gap: 20px; }
figure { margin: 0; } figcaption { font-weight: 600; font-size: 14px; margin-bottom: 4px; }
svg { width: 100%; height: auto; display: block; }
.grid { stroke: var(--line); }
.bar { fill: var(--bar); } .mark { stroke: var(--mark); stroke-dasharray: 5 4; }
text { fill: var(--soft); font-size: 12px; font-variant-numeric: tabular-nums; }
.axis { text-anchor: end; } .label { text-anchor: middle; } .marked { fill: var(--mark); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 14px; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 6px 8px; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { color: var(--soft); font-weight: 600; } .n { text-align: right; } .missed { color: var(--mark); }
tr.all td { font-weight: 600; }
"""

#: Where the axis of uptime may begin, so that its steps are even numbers.
_AXES: Final = tuple(map(Decimal, (90, 80, 60, 40, 20, 0)))

Column = tuple[str, str, Callable[[Row], str]]


def page(report: Row, title: str = "Charging report") -> str:
    """The whole page.

    Args:
        report: As `report` made it.
        title: At the top.
    """
    named, days = escape(title), f"{escape(report['since'])} up to {escape(report['until'])}"
    content = "".join(
        (
            f"<h1>{named}</h1><p>{days}, the last day not included; days of each location's own clock.</p>",
            _tiles(report),
            _plots(report),
            _section("Locations", _USAGE_NOTE, "Location", "location_id", report["locations"]),
            _section("Chargers", "", "Charge point", "charge_point", report["chargers"]),
            _section(
                "Hours of the day", "By the hour in which a session began.", "Hour", "hour", report["hours"]
            ),
            f"<h2>Uptime</h2><p>{_UPTIME_NOTE}</p>{_table(_UPTIME, report['uptime'])}",
        )
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport"'
        f' content="width=device-width, initial-scale=1"><title>{named}</title><style>{_STYLE}</style></head>'
        f"<body>{content}</body></html>\n"
    )


_USAGE_NOTE: Final = (
    "Sessions, energy and revenue belong to the instant at which the session began; revenue is that of the"
    " CDRs, less what Credit CDRs took back."
)
_UPTIME_NOTE: Final = (
    "UK: Public Charge Point Regulations 2023, regulation 7; time without a link is not measured."
    " NEVI: 23 CFR 680.116(b); time without a link is an outage."
)


def _tiles(report: Row) -> str:
    whole = report["locations"][-1]
    uptime = [row for row in report["uptime"] if row["location_id"] == ALL][-1:]
    told = [
        (str(whole["sessions"]), "sessions"),
        (_plain(whole["kwh"]), "kWh"),
        *((_plain(money["excl_vat"]), f"{money['currency']} without VAT") for money in whole["revenue"]),
        (_percent(whole["utilisation_percent"]), "utilisation"),
        *((_percent(row["uk_percent"]), "uptime, UK") for row in uptime),
        *((_percent(row["nevi_percent"]), "uptime, NEVI") for row in uptime),
    ]
    tiles = "".join(
        f'<div class="tile"><b>{escape(value)}</b><span>{escape(of)}</span></div>' for value, of in told
    )
    return f'<div class="tiles">{tiles}</div>'


def _plots(report: Row) -> str:
    hours = report["hours"]
    by_location = [row for row in report["locations"] if row["location_id"] != ALL]
    plots = [
        bars("Sessions by hour of the day", "sessions", _bars(hours, "hour", "sessions")),
        bars("Energy by hour of the day", "kWh", _bars(hours, "hour", "kwh")),
        bars("Utilisation by hour of the day", "%", _bars(hours, "hour", "utilisation_percent")),
        bars("Energy by location", "kWh", _bars(by_location, "location_id", "kwh")),
        *(_revenue(currency, by_location) for currency in _currencies(by_location)),
        _uptime_plot(report["uptime"], "UK", "uk_percent", UK_LEAST),
        _uptime_plot(report["uptime"], "NEVI", "nevi_percent", NEVI_LEAST),
    ]
    return f'<div class="plots">{"".join(plots)}</div>'


def _bars(rows: Iterable[Row], label: str, value: str) -> list[Bar]:
    return [Bar(str(row[label]), None if row[value] is None else Decimal(row[value])) for row in rows]


def _currencies(rows: Iterable[Row]) -> list[str]:
    return sorted({money["currency"] for row in rows for money in row["revenue"]})


def _revenue(currency: str, rows: Sequence[Row]) -> str:
    shown = [
        Bar(row["location_id"], Decimal(money["excl_vat"]))
        for row in rows
        for money in row["revenue"]
        if money["currency"] == currency
    ]
    return bars(f"Revenue by location, {currency} without VAT", currency, shown)


def _uptime_plot(rows: Iterable[Row], name: str, key: str, wanted: int) -> str:
    """The worst connectors first; the axis begins where something can be seen."""
    found: dict[str, list[Decimal]] = {}
    for row in rows:
        if row["location_id"] != ALL and row[key] is not None:
            found.setdefault(f"{row['charge_point']}/{row['connector']}", []).append(Decimal(row[key]))
    worst = sorted((min(values), label) for label, values in found.items())[:24]
    lowest = min((value for value, _ in worst), default=Decimal(100))
    least = next(each for each in _AXES if each < lowest or not each)
    return bars(
        f"Uptime, {name}: the worst month of a connector",
        "%",
        [Bar(label, value) for value, label in worst],
        [Mark(f"{wanted} %", Decimal(wanted))],
        least=least,
        most=Decimal(100),
    )


def _section(title: str, note: str, heading: str, key: str, rows: Iterable[Row]) -> str:
    columns: tuple[Column, ...] = ((heading, "", lambda row: str(row[key])), *_USAGE)
    paragraph = f"<p>{escape(note)}</p>" if note else ""
    return f"<h2>{escape(title)}</h2>{paragraph}{_table(columns, rows)}"


def _table(columns: Sequence[Column], rows: Iterable[Row]) -> str:
    head = "".join(f'<th class="{kind}">{escape(heading)}</th>' for heading, kind, _ in columns)
    body = "".join(_line(columns, row) for row in rows)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _line(columns: Sequence[Column], row: Row) -> str:
    cells = "".join(f'<td class="{kind}">{escape(value(row))}</td>' for _, kind, value in columns)
    kind = ' class="all"' if row.get("location_id") == ALL else ""
    return f"<tr{kind}>{cells}</tr>"


def revenue(row: Row) -> str:
    """What came in, in each currency."""
    return ", ".join(f"{_plain(money['excl_vat'])} {money['currency']}" for money in row["revenue"])


def _plain(value: Any) -> str:
    return "" if value is None else f"{Decimal(value):,f}"


def _percent(value: Any) -> str:
    return "-" if value is None else f"{value} %"


def _met(row: Row, name: str) -> str:
    is_met = row[f"{name}_is_met"]
    return _percent(row[f"{name}_percent"]) + ("" if is_met is None or is_met else " ✗")


_USAGE: Final[tuple[Column, ...]] = (
    ("Sessions", "n", lambda row: str(row["sessions"])),
    ("kWh", "n", lambda row: _plain(row["kwh"])),
    ("Revenue without VAT", "n", revenue),
    ("Utilisation", "n", lambda row: _percent(row["utilisation_percent"])),
)
_UPTIME: Final[tuple[Column, ...]] = (
    ("Location", "", lambda row: row["location_id"]),
    ("Charge point", "", lambda row: row["charge_point"]),
    ("Connector", "", lambda row: "" if row["connector"] is None else str(row["connector"])),
    ("Month", "", lambda row: row["month"]),
    ("Minutes", "n", lambda row: _plain(row["measured_minutes"])),
    ("Down", "n", lambda row: _plain(row["down_minutes"])),
    ("No link", "n", lambda row: _plain(row["unknown_minutes"])),
    ("Excluded", "n", lambda row: _plain(row["excluded_minutes"])),
    ("UK", "n", lambda row: _met(row, "uk")),
    ("NEVI", "n", lambda row: _met(row, "nevi")),
)
