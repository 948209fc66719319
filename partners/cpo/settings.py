"""What a CPO node must be told, with its defaults and units; read once, from one TOML file."""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from hub.ocpi.backoff import Backoff
from partners.cpo.central_system import CentralSystemSettings
from partners.cpo.configuration import Configuration, ConfigurationRefused, Wrong, configuration
from partners.cpo.sessions import Pace
from partners.settings import NodeSettings, SettingsWrong, node_settings

#: Where a CPO listens unless its file says otherwise: for the hub, for its command line, for charge points.
PORT: Final = 8010
ADMIN_PORT: Final = 8011
OCPP_PORT: Final = 9000


@dataclass(frozen=True, slots=True, kw_only=True)
class CpoSettings:
    """Who the CPO is, what it runs, and how patient it is."""

    node: NodeSettings
    configuration: Configuration
    #: Where charge points connect, by WebSocket.
    ocpp_host: str = "127.0.0.1"
    #: 0 takes a free port.
    ocpp_port: int = 0
    #: A charge point may be away for so long before its EVSEs are UNKNOWN.
    offline_grace: timedelta = timedelta(seconds=120)
    #: How long an eMSP may take for a real-time authorization.
    authorize_within: timedelta = timedelta(seconds=5)
    #: How often the eMSP hears of a running Session.
    pace: Pace = field(default_factory=Pace)
    #: The longest charging period of a running Session.
    longest_period: timedelta = timedelta(minutes=15)
    #: Changes of status that follow each other faster are told as one.
    settle: timedelta = timedelta(seconds=1)
    #: How long somebody who cannot be reached is left alone.
    backoff: Backoff = field(default_factory=Backoff)
    central_system: CentralSystemSettings = field(default_factory=CentralSystemSettings)
    #: The hub's versions URL and the token A that it gave us; None: it is done later, or the hub does it.
    hub: tuple[str, str] | None = None
    #: How often the full list of tokens is read anew (TR-33).
    pull_interval: timedelta = timedelta(hours=6)


def read_settings(path: Path) -> CpoSettings:
    """The settings in a TOML file: the tables `node`, `cpo`, `hub`, `tariffs` and `locations`.

    Args:
        path: The file. A relative `database` in it starts at its folder.

    Raises:
        ConfigurationRefused: It cannot be read, is no TOML, or something in it is wrong.
    """
    try:
        told = tomllib.loads(path.read_text("utf-8"), parse_float=Decimal)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationRefused([Wrong(str(path), str(error))]) from error
    return settings(_with_usual_ports(told), path.parent)


def settings(told: Mapping[str, Any], folder: Path = Path()) -> CpoSettings:
    """The settings in these tables; a port that is not named is a free one.

    Raises:
        ConfigurationRefused: Something in them is wrong.
    """
    wrong: list[Wrong] = [
        Wrong(key, f"unknown; expected {', '.join(_TABLES)}") for key in told if key not in _TABLES
    ]
    node = _node(told, folder, wrong)
    own = _own(_table(told, "cpo", wrong), wrong)
    hub = _hub(told, wrong)
    try:
        configured = configuration(told)
    except ConfigurationRefused as refused:
        raise ConfigurationRefused([*wrong, *refused.wrong]) from refused
    if wrong or node is None:
        raise ConfigurationRefused(wrong)
    return CpoSettings(node=node, configuration=configured, hub=hub, **own)


def _with_usual_ports(told: Mapping[str, Any]) -> dict[str, Any]:
    usual = {"node": {"port": PORT, "admin_port": ADMIN_PORT}, "cpo": {"ocpp_port": OCPP_PORT}}
    given = {name: told.get(name, {}) for name in usual}
    # What is no table is left as it is, to be complained of.
    merged = {name: usual[name] | each if isinstance(each, dict) else each for name, each in given.items()}
    return {**told, **merged}


_TABLES: Final = ("node", "cpo", "hub", "tariffs", "locations")


def _node(told: Mapping[str, Any], folder: Path, wrong: list[Wrong]) -> NodeSettings | None:
    table = told.get("node")
    if not isinstance(table, dict):
        wrong.append(Wrong("node", "expected a table [node] with party and name"))
        return None
    try:
        return node_settings(table, folder)
    except SettingsWrong as error:
        wrong.append(Wrong("node", str(error)))
        return None


def _table(told: Mapping[str, Any], name: str, wrong: list[Wrong]) -> dict[str, Any]:
    table = told.get(name, {})
    if isinstance(table, dict):
        return table
    wrong.append(Wrong(name, "expected a table"))
    return {}


def _hub(told: Mapping[str, Any], wrong: list[Wrong]) -> tuple[str, str] | None:
    table = _table(told, "hub", wrong)
    if not table:
        return None
    versions_url, token = table.get("versions_url"), table.get("token")
    if set(table) == {"versions_url", "token"} and isinstance(versions_url, str) and isinstance(token, str):
        return versions_url, token
    wrong.append(Wrong("hub", "expected versions_url and token, each a text"))
    return None


def _own(table: Mapping[str, Any], wrong: list[Wrong]) -> dict[str, Any]:
    """The settings of the table `cpo`, by the name of their field."""
    own: dict[str, Any] = {}
    for key, value in table.items():
        field_name, read, expected = _OWN.get(key, ("", None, ""))
        if read is None:
            wrong.append(Wrong(f"cpo.{key}", f"unknown; expected one of {', '.join(_OWN)}"))
        elif (one := read(value)) is None:
            wrong.append(Wrong(f"cpo.{key}", f"expected {expected}, got {value!r}"))
        else:
            own[field_name] = one
    pace = {name: own.pop(f"pace_{name}") for name in ("time", "energy") if f"pace_{name}" in own}
    return own | {"pace": Pace(**pace)}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _port(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value <= _LAST_PORT else None


def _duration(value: Any) -> timedelta | None:
    number = _number(value)
    return None if number is None or number > _A_YEAR else timedelta(seconds=float(number))


def _number(value: Any) -> Decimal | None:
    is_number = isinstance(value, int | Decimal) and not isinstance(value, bool)
    return Decimal(value) if is_number and value >= 0 else None


_LAST_PORT: Final = 65535
#: In seconds.
_A_YEAR: Final = 366 * 24 * 3600

#: Keys of the table `cpo`: the field that each sets, how it is read, and what it should be.
_OWN: Final[Mapping[str, tuple[str, Callable[[Any], Any], str]]] = {
    "ocpp_host": ("ocpp_host", _text, "a host"),
    "ocpp_port": ("ocpp_port", _port, "a port"),
    "offline_grace_seconds": ("offline_grace", _duration, "seconds"),
    "authorize_within_seconds": ("authorize_within", _duration, "seconds"),
    "longest_period_seconds": ("longest_period", _duration, "seconds"),
    "settle_seconds": ("settle", _duration, "seconds"),
    "pull_interval_seconds": ("pull_interval", _duration, "seconds"),
    "tell_every_seconds": ("pace_time", _duration, "seconds"),
    "tell_every_kwh": ("pace_energy", _number, "kWh"),
}
