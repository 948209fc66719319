"""What is read from outside: limits, prices, sunshine, a battery, a meter. Pure; what is wrong is named.

As JSON or TOML a table with a list `steps`, as CSV a line each with the same columns:

| kind | columns |
|---|---|
| limit | `from`, and `watt` (of the whole connection) or `amperes` (of each phase) |
| price | `from`, `price` of a kWh |
| solar, battery | `from`, `watt` that are expected, or that it gives now |
| meter | one reading: `at`, and `amperes` or `watt`, three numbers each; from the grid is more than 0 |
"""

import csv
import io
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from hub.ocpi.timestamps import parse_timestamp
from partners.cpo.energy.steps import Steps, steps
from partners.cpo.energy.wires import ALL, VOLTAGE, Load
from schemas import exact_json

_MOST_STEPS: Final = 10_000
_MOST: Final = Decimal(10) ** 9
#: A clock may be so far ahead of ours.
_AHEAD: Final = timedelta(minutes=1)
#: No connection bears so many times its limit for long.
_IMPLAUSIBLE: Final = 3
_UNLIMITED: Final = _MOST


class NotUsable(ValueError):
    """The data cannot be used; the message names the place, and why."""


@dataclass(frozen=True, slots=True)
class MeterReading:
    """What flows through the grid connection; less than 0: into the grid."""

    at: datetime
    load: Load


def document(text: str, name: str) -> Any:
    """The data in a file or an answer, by the end of its name; JSON where that says nothing.

    Raises:
        NotUsable: It cannot be read.
    """
    try:
        if name.endswith(".csv"):
            return {"steps": list(csv.DictReader(io.StringIO(text)))}
        if name.endswith(".toml"):
            return tomllib.loads(text, parse_float=Decimal)
        return exact_json.decode(text.encode())
    except (exact_json.NotJson, tomllib.TOMLDecodeError, csv.Error) as error:
        raise NotUsable(str(error)) from error


def limits(told: Any) -> Steps[Load]:
    """Limits of the connection.

    Raises:
        NotUsable: Something is wrong.
    """
    found = []
    for place, row in _rows(told):
        watt, amperes = _told(row, "watt"), _told(row, "amperes")
        if (watt is None) == (amperes is None):
            raise NotUsable(f"{place}: expected watt or amperes")
        limit = Load.of(_UNLIMITED, ALL)
        if watt is not None:
            limit = limit._replace(total=_at_least_0(watt, f"{place}.watt") / VOLTAGE)
        else:
            limit = Load.of(_at_least_0(amperes, f"{place}.amperes"), ALL)
        found.append((_instant(row, place), limit))
    return steps(found)


def prices(told: Any) -> Steps[Decimal]:
    """Prices of a kWh, in any currency; some hours have negative ones.

    Raises:
        NotUsable: Something is wrong.
    """
    rows = _rows(told)
    return steps((_instant(row, place), _number(row.get("price"), f"{place}.price")) for place, row in rows)


def powers(told: Any) -> Steps[Decimal]:
    """Powers, W.

    Raises:
        NotUsable: Something is wrong.
    """
    rows = _rows(told)
    return steps((_instant(row, place), _at_least_0(row.get("watt"), f"{place}.watt")) for place, row in rows)


def reading(told: Any) -> MeterReading:
    """What a site meter shows.

    Raises:
        NotUsable: Something is wrong.
    """
    if not isinstance(told, Mapping):
        raise NotUsable("expected a table")
    name, divisor = ("amperes", Decimal(1)) if "amperes" in told else ("watt", VOLTAGE)
    phases = told.get(name)
    if not isinstance(phases, Sequence) or isinstance(phases, str) or len(phases) != len(ALL):
        raise NotUsable(f"{name}: expected three numbers")
    currents = [_number(each, f"{name}[{number}]") / divisor for number, each in enumerate(phases)]
    return MeterReading(_moment(told.get("at"), "at"), Load.of_phases(currents))


def implausible(
    told: MeterReading, before: MeterReading | None, grid: Load, now: datetime, expires: timedelta
) -> str | None:
    """Why a reading is not believed; None: it is."""
    if told.at > now + _AHEAD:
        return f"is of {told.at:%H:%M:%S}, which has not come yet"
    if now - told.at > expires:
        return f"is of {told.at:%H:%M:%S}: too old"
    if before is not None and told.at < before.at:
        return "is older than the one before"
    for number, (current, limit) in enumerate(zip(told.load.phases, grid.phases, strict=True), start=1):
        if abs(current) > limit * _IMPLAUSIBLE:
            return f"says {current:.0f} A on L{number}, which no connection of {limit:.0f} A bears"
    return None


def _rows(told: Any) -> list[tuple[str, Mapping[str, Any]]]:
    rows = told.get("steps") if isinstance(told, Mapping) else told
    if not isinstance(rows, list) or not rows:
        raise NotUsable("steps: expected a list of at least one")
    if len(rows) > _MOST_STEPS:
        raise NotUsable(f"steps: expected at most {_MOST_STEPS}")
    for number, row in enumerate(rows):
        if not isinstance(row, Mapping):
            raise NotUsable(f"steps[{number}]: expected a table")
    return [(f"steps[{number}]", row) for number, row in enumerate(rows)]


def _told(row: Mapping[str, Any], name: str) -> Any:
    value = row.get(name)
    return None if value == "" else value


def _instant(row: Mapping[str, Any], place: str) -> datetime:
    return _moment(row.get("from"), f"{place}.from")


def _moment(value: Any, place: str) -> datetime:
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value
    try:
        if isinstance(value, str):
            return parse_timestamp(value)
    except ValueError:
        pass
    raise NotUsable(f"{place}: expected an instant such as 2026-01-31T17:00:00Z, got {value!r}")


def _number(value: Any, place: str) -> Decimal:
    try:
        if isinstance(value, int | Decimal | str) and not isinstance(value, bool):
            number = Decimal(value)
            if number.is_finite() and abs(number) < _MOST:
                return number
    except InvalidOperation:
        pass
    raise NotUsable(f"{place}: expected a number, got {value!r}")


def _at_least_0(value: Any, place: str) -> Decimal:
    number = _number(value, place)
    if number < 0:
        raise NotUsable(f"{place}: expected a number of at least 0, got {value!r}")
    return number
