"""What every node must be told, with its defaults and units; read once, from TOML and options."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from hub.ocpi.party import NotAParty, Party


class SettingsWrong(ValueError):
    """A setting is missing or not what was expected; the message names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSettings:
    """Who the node is and where it listens."""

    party: Party
    #: Business name, shown to those we register with (CR-24).
    name: str
    host: str = "127.0.0.1"
    #: Port for OCPI; 0 takes a free one.
    port: int = 0
    #: Port of the node's own API, on the loopback interface; 0 takes a free one.
    admin_port: int = 0
    #: Key of the node's own API; empty: one is made at every start.
    admin_key: str = ""
    #: How the far end reaches us, without a path; None: the address that we listen on.
    public_url: str | None = None
    #: The SQLite file; None keeps everything in memory.
    database: Path | None = None
    #: How long the far end may take for an answer.
    call_timeout: timedelta = timedelta(seconds=30)
    #: The largest request body that is read, in bytes.
    max_body_bytes: int = 8 * 1024 * 1024
    #: Objects in one page of a list.
    page_limit: int = 100


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a configuration file.

    Raises:
        SettingsWrong: it is not there or not TOML.
    """
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsWrong(f"{path}: {error}") from error


def node_settings(table: Mapping[str, Any], folder: Path = Path()) -> NodeSettings:
    """The settings in the `[node]` table of a configuration file.

    Args:
        table: `party` and `name`; perhaps `host`, `port`, `admin_port`, `admin_key`, `public_url`,
            `database`, `call_timeout_seconds`, `max_body_bytes`, `page_limit`.
        folder: Where a relative `database` starts.

    Raises:
        SettingsWrong: one is missing, unknown or of the wrong kind.
    """
    given = dict(table)
    try:
        party = Party.parse(_of_kind(given.pop("party", None), str, "party"))
    except NotAParty as error:
        raise SettingsWrong(f"party: {error}") from error
    settings: dict[str, Any] = {"party": party, "name": _of_kind(given.pop("name", None), str, "name")}
    for name, kind in _KINDS.items():
        if name in given:
            settings[name] = _of_kind(given.pop(name), kind, name)
    if "database" in given:
        settings["database"] = folder / _of_kind(given.pop("database"), str, "database")
    if "call_timeout_seconds" in given:
        seconds = _of_kind(given.pop("call_timeout_seconds"), int, "call_timeout_seconds")
        settings["call_timeout"] = timedelta(seconds=seconds)
    if given:
        raise SettingsWrong(f"unknown settings: {', '.join(sorted(given))}")
    return NodeSettings(**settings)


_KINDS: Mapping[str, type] = {
    "host": str,
    "port": int,
    "admin_port": int,
    "admin_key": str,
    "public_url": str,
    "max_body_bytes": int,
    "page_limit": int,
}


def _of_kind(value: Any, kind: type, name: str) -> Any:
    if not isinstance(value, kind) or isinstance(value, bool):
        raise SettingsWrong(f"{name}: expected {kind.__name__}, got {value!r}")
    return value
