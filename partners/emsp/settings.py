"""What an eMSP must be told, from its TOML file."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from hub.ocpi.backoff import Backoff
from hub.ocpi.party import Party
from partners.configuration_file import (
    SOME_HOURS,
    Setting,
    SettingsWrong,
    Wrong,
    read_toml,
    table_settings,
    unknown_tables,
)
from partners.emsp.tokens import TokenEntry, divided, token_entries, token_value
from partners.settings import NodeSettings, hub_settings, node_settings
from partners.wire_tables import wrong_with
from schemas.v2_2_1 import AllowedType, LocationReferences, Token

#: Where an eMSP listens unless it is told otherwise.
PORT = 8020
ADMIN_PORT = 8021


@dataclass(frozen=True, slots=True, kw_only=True)
class EmspSettings:
    """Who the eMSP is, which tokens it has issued, and to which hub it belongs."""

    node: NodeSettings
    #: Fields of Token objects, each with how the token stands.
    tokens: Sequence[TokenEntry] = ()
    #: The hub's versions URL and the token A that it gave us; None: it is done later, or the hub does it.
    hub: tuple[str, str] | None = None
    #: How often the full lists are read anew (TR-33).
    pull_interval: timedelta = timedelta(hours=6)
    #: When to try again what failed.
    backoff: Backoff = field(default_factory=Backoff)


def emsp_settings(file: Path) -> EmspSettings:
    """The settings in a configuration file, with the tables `[node]`, `[hub]`, `[emsp]` and `[[tokens]]`.

    Raises:
        SettingsWrong: a setting is missing, unknown or of the wrong kind.
    """
    told = read_toml(file)
    wrong = unknown_tables(told, _TABLES)
    node = node_settings(told, file.parent, {"port": PORT, "admin_port": ADMIN_PORT}, wrong)
    own = table_settings(told, "emsp", _OWN, wrong)
    hub = hub_settings(told, wrong)
    tokens = _tokens(told, wrong)
    if wrong or node is None:
        raise SettingsWrong(wrong)
    return EmspSettings(node=node, tokens=tokens, hub=hub, **own)


_TABLES: Final = ("node", "hub", "emsp", "tokens")
_OWN: Final[Mapping[str, Setting]] = {"pull_interval_hours": Setting("pull_interval", SOME_HOURS)}


def _tokens(told: Mapping[str, Any], wrong: list[Wrong]) -> list[TokenEntry]:
    tables = told.get("tokens", [])
    if not (isinstance(tables, list) and all(isinstance(each, dict) for each in tables)):
        wrong.append(Wrong("tokens", "expected tables [[tokens]]"))
        return []
    found = [each for number, table in enumerate(tables) for each in _wrong_token(table, f"tokens[{number}]")]
    wrong.extend(found)
    return [] if found else token_entries(tables)


def _wrong_token(table: Mapping[str, Any], key: str) -> Iterator[Wrong]:
    fields, (allowed, places) = divided(table)
    yield from wrong_with(token_value(_ANY_PARTY, fields, _ANY_TIME), Token, key)
    if allowed not in tuple(AllowedType):
        yield Wrong(f"{key}.allowed", f"expected one of {', '.join(AllowedType)}, got {allowed!r}")
    if not isinstance(places, list | tuple):
        yield Wrong(f"{key}.places", f"expected a list, got {places!r}")
        return
    for number, place in enumerate(places):
        yield from wrong_with(place, LocationReferences, f"{key}.places[{number}]")


#: While a token is only checked.
_ANY_PARTY: Final = Party("XX", "XXX")
_ANY_TIME: Final = datetime(2020, 1, 1, tzinfo=UTC)
