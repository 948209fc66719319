"""What an eMSP must be told, from its TOML file."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from hub.ocpi.backoff import Backoff
from hub.ocpi.party import Party
from hub.pricing.plausibility import Plausibility
from hub.pricing.plausibility.told import WrongRules, plausibility
from partners.configuration_file import (
    NAME,
    PARTY,
    SECONDS,
    SOME_HOURS,
    Setting,
    SettingsWrong,
    Wrong,
    read_toml,
    table_settings,
    unknown_tables,
)
from partners.emsp.provider import PriceHabits, PullHabits
from partners.emsp.tokens import TokenEntry, divided, token_entries, token_value
from partners.settings import NamedParty, NodeSettings, hub_settings, node_settings
from partners.wire_tables import wrong_with
from schemas.v2_2_1 import AllowedType, LocationReferences, Token

_CDR_RULES: Final = "cdr_rules"

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
    #: The tokens of parties beside the first.
    more_tokens: Mapping[Party, Sequence[TokenEntry]] = field(default_factory=dict)
    #: How lists of others are read.
    pulling: PullHabits = field(default_factory=PullHabits)
    #: How prices are remembered, and CDRs checked.
    prices: PriceHabits = field(default_factory=PriceHabits)
    #: When to try again what failed.
    backoff: Backoff = field(default_factory=Backoff)


def emsp_settings(file: Path) -> EmspSettings:
    """The settings in a configuration file.

    Its tables are `[node]`, `[[parties]]`, `[hub]`, `[emsp]`, `[cdr_rules]` and `[[tokens]]`.

    Raises:
        SettingsWrong: a setting is missing, unknown or of the wrong kind.
    """
    told = read_toml(file)
    wrong = unknown_tables(told, _TABLES)
    node = node_settings(told, file.parent, {"port": PORT, "admin_port": ADMIN_PORT}, wrong)
    own = table_settings(told, "emsp", _OWN, wrong)
    prices = {name: own.pop(name) for name in PriceHabits._fields if name in own}
    prices["measures"] = _cdr_rules(told, wrong)
    hub = hub_settings(told, wrong)
    more_parties = _parties(told, wrong)
    tables = _tables(told, "tokens", wrong)
    wrong.extend(
        each for number, table in enumerate(tables) for each in _wrong_token(table, f"tokens[{number}]")
    )
    if wrong or node is None:
        raise SettingsWrong(wrong)
    node = replace(node, more_parties=more_parties)
    by_party = _of_each(tables, node, wrong)
    if wrong:
        raise SettingsWrong(wrong)
    first = by_party.pop(node.party)
    return EmspSettings(
        node=node,
        tokens=first,
        more_tokens=by_party,
        hub=hub,
        pulling=PullHabits(**own),
        prices=PriceHabits(**prices),
    )


_TABLES: Final = ("node", "parties", "hub", "emsp", _CDR_RULES, "tokens")
_OWN: Final[Mapping[str, Setting]] = {
    "pull_interval_hours": Setting("interval", SOME_HOURS),
    "whole_pull_interval_hours": Setting("whole_interval", SOME_HOURS),
    "pull_overlap_seconds": Setting("overlap", SECONDS),
    "session_history_hours": Setting("history", SOME_HOURS),
    "tariff_history_hours": Setting("retention", SOME_HOURS),
}
_PARTY: Final[Mapping[str, Setting]] = {
    "party": Setting("party", PARTY, is_required=True),
    "name": Setting("name", NAME, is_required=True),
}


def _cdr_rules(told: Mapping[str, Any], wrong: list[Wrong]) -> Plausibility:
    """How grave the rules for CDRs are and what they measure with, as a hub is told it."""
    table = told.get(_CDR_RULES, {})
    try:
        if isinstance(table, dict):
            return plausibility(table)
        wrong.append(Wrong(_CDR_RULES, f"expected a table [{_CDR_RULES}]"))
    except WrongRules as error:
        for line in str(error).splitlines():
            key, _, reason = line.partition(": ")
            wrong.append(Wrong(f"{_CDR_RULES}.{key}", reason))
    return Plausibility()


def _tables(told: Mapping[str, Any], name: str, wrong: list[Wrong]) -> list[dict[str, Any]]:
    tables = told.get(name, [])
    if not (isinstance(tables, list) and all(isinstance(each, dict) for each in tables)):
        wrong.append(Wrong(name, f"expected tables [[{name}]]"))
        return []
    return tables


def _parties(told: Mapping[str, Any], wrong: list[Wrong]) -> tuple[NamedParty, ...]:
    """The parties beside that of `[node]`."""
    found = []
    for number, table in enumerate(_tables(told, "parties", wrong)):
        key = f"parties[{number}]"
        settings = table_settings({key: table}, key, _PARTY, wrong)
        if len(settings) == len(_PARTY):
            found.append(NamedParty(**settings))
    return tuple(found)


def _of_each(
    tables: Sequence[dict[str, Any]], node: NodeSettings, wrong: list[Wrong]
) -> dict[Party, list[TokenEntry]]:
    """The tokens of each party; one that names no party is of the first (CR-19: each party is there once)."""
    entries: dict[Party, list[TokenEntry]] = {each.party: [] for each in node.parties}
    if len(entries) < len(node.parties):
        wrong.append(Wrong("parties", "a party is there twice"))
    for number, table in enumerate(tables):
        fields = dict(table)
        named = fields.pop("party", str(node.party))
        owner = next((party for party in entries if str(party) == str(named).upper()), None)
        if owner is None:
            expected = ", ".join(map(str, entries))
            wrong.append(Wrong(f"tokens[{number}].party", f"expected one of {expected}, got {named!r}"))
        else:
            entries[owner] += token_entries([fields])
    return entries


def _wrong_token(table: Mapping[str, Any], key: str) -> Iterator[Wrong]:
    fields, (allowed, places) = divided({key: value for key, value in table.items() if key != "party"})
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
