"""The report as CSV, a file a table; amounts of money have a line a currency."""

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

Row = Mapping[str, Any]

TABLES: Final = ("uptime", "locations", "chargers", "hours")
#: Spreadsheets take a text that begins so for a formula.
_FORMULAS: Final = ("=", "+", "-", "@", "\t", "\r")


def write(report: Row, folder: Path) -> list[Path]:
    """Write all tables into a folder, which is made if need be; the files.

    Raises:
        OSError: It cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    return [_write(folder / f"{name}.csv", list(_flat(report[name]))) for name in TABLES]


def _write(path: Path, rows: list[Row]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        if rows:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    return path


def _flat(rows: list[Row]) -> Iterator[Row]:
    for row in rows:
        if "revenue" not in row:
            yield row
            continue
        rest = {name: value for name, value in row.items() if name != "revenue"}
        nothing = {"currency": None, "excl_vat": None, "incl_vat": None}
        first, *others = row["revenue"] or [nothing]
        yield rest | first
        # What is counted stands in the first line only, so that a sum over the column is right.
        for money in others:
            names = {name: rest[name] for name in ("location_id", "charge_point", "hour") if name in rest}
            yield dict.fromkeys(rest) | names | money


def _cell(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(_FORMULAS):
        return "'" + value
    return value
