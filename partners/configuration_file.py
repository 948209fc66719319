"""Reading a node's TOML file: whatever is wrong in it is found at once, and named by its key."""

import tomllib
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from hub.ocpi.party import NotAParty, Party


class Wrong(NamedTuple):
    """Something wrong in the file."""

    #: As in `locations[0].evses[1].uid`.
    key: str
    reason: str

    def __str__(self) -> str:
        return f"{self.key}: {self.reason}"


class SettingsWrong(ValueError):
    """The configuration cannot be used; the message names every key that is wrong, and why."""

    def __init__(self, wrong: Sequence[Wrong]) -> None:
        self.wrong = tuple(wrong)
        super().__init__("\n".join(map(str, wrong)))


class Kind(NamedTuple):
    """What a value may be."""

    #: What it means; None where it cannot be that.
    read: Callable[[Any], Any]
    expected: str


class Setting(NamedTuple):
    """One key of a table: the field that it sets, and what its value may be."""

    field: str
    kind: Kind
    is_required: bool = False


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a configuration file; numbers keep their digits.

    Raises:
        SettingsWrong: It cannot be read or is no TOML.
    """
    try:
        return tomllib.loads(path.read_text("utf-8"), parse_float=Decimal)
    except OSError as error:
        raise SettingsWrong([Wrong(str(path), error.strerror or str(error))]) from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsWrong([Wrong(str(path), str(error))]) from error


def unknown_tables(told: Mapping[str, Any], known: Sequence[str]) -> list[Wrong]:
    """What stands at the top of the file and should not."""
    return [Wrong(key, f"unknown; expected {', '.join(known)}") for key in told if key not in known]


def table_settings(
    told: Mapping[str, Any], name: str, known: Mapping[str, Setting], wrong: list[Wrong]
) -> dict[str, Any]:
    """The settings in one table, by the name of their field; what is wrong with them is added to `wrong`."""
    table = told.get(name, {})
    if not isinstance(table, dict):
        wrong.append(Wrong(name, f"expected a table [{name}]"))
        return {}
    found: dict[str, Any] = {}
    for key, value in table.items():
        setting = known.get(key)
        if setting is None:
            wrong.append(Wrong(f"{name}.{key}", f"unknown; expected one of {', '.join(known)}"))
        elif (meant := setting.kind.read(value)) is None:
            wrong.append(Wrong(f"{name}.{key}", f"expected {setting.kind.expected}, got {value!r}"))
        else:
            found[setting.field] = meant
    for key, setting in known.items():
        if setting.is_required and key not in table:
            wrong.append(Wrong(f"{name}.{key}", f"missing; expected {setting.kind.expected}"))
    return found


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _name(value: Any) -> str | None:
    text = _text(value)
    return text if text is not None and len(text) <= _LONGEST_NAME else None


def _any_text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _url(value: Any) -> str | None:
    if not isinstance(value, str):
        return None
    try:
        parts = urlsplit(value)
        is_url = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:  # the port is no number, or there is half a pair of brackets
        return None
    return value if is_url else None


def _party(value: Any) -> Party | None:
    try:
        return Party.parse(value) if isinstance(value, str) else None
    except NotAParty:
        return None


def _port(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value <= _LAST_PORT else None


def _count(value: Any) -> int | None:
    return value if type(value) is int and value > 0 else None


def _number(value: Any) -> Decimal | None:
    is_number = isinstance(value, int | Decimal) and not isinstance(value, bool)
    number = Decimal(value) if is_number else Decimal(-1)
    return number if number.is_finite() and number >= 0 else None


def _duration(value: Any, unit: timedelta = timedelta(seconds=1)) -> timedelta | None:
    number = _number(value)
    if number is None or number > _A_YEAR / unit:
        return None
    return float(number) * unit


def _days(value: Any) -> timedelta | None:
    number = _number(value)
    return timedelta(days=float(number)) if number and number <= _TEN_YEARS.days else None


def _flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _time(value: Any, unit: timedelta = timedelta(seconds=1)) -> timedelta | None:
    return _duration(value, unit) or None


_LAST_PORT: Final = 65535
#: BusinessDetails.name.
_LONGEST_NAME: Final = 100
_A_YEAR: Final = timedelta(days=366)
_TEN_YEARS: Final = timedelta(days=3660)

TEXT = Kind(_text, "a text")
#: Perhaps an empty one.
ANY_TEXT = Kind(_any_text, "a text")
NAME = Kind(_name, "a text of at most 100 characters")
URL = Kind(_url, "an http or https URL")
PARTY = Kind(_party, "a party such as NL/TNM")
PORT = Kind(_port, "a port")
COUNT = Kind(_count, "a whole number of at least 1")
ENERGY = Kind(_number, "kWh")
#: From nothing to a year.
SECONDS = Kind(_duration, "seconds")
#: Some time, at most a year.
SOME_SECONDS = Kind(_time, "seconds, more than 0")
SOME_HOURS = Kind(lambda value: _time(value, timedelta(hours=1)), "hours, more than 0")
SOME_DAYS = Kind(_days, "days, more than 0 and at most 3660")
FLAG = Kind(_flag, "true or false")
