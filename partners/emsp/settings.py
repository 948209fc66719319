"""What an eMSP must be told, from its TOML file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from hub.ocpi.backoff import Backoff
from partners.emsp.authorization import Standing
from partners.emsp.tokens import token_entries
from partners.settings import NodeSettings, SettingsWrong, node_settings, read_toml

#: Where an eMSP listens unless it is told otherwise.
PORT = 8020
ADMIN_PORT = 8021


@dataclass(frozen=True, slots=True, kw_only=True)
class EmspSettings:
    """Who the eMSP is, which tokens it has issued, and to which hub it belongs."""

    node: NodeSettings
    #: Fields of Token objects, each with how the token stands.
    tokens: Sequence[tuple[Mapping[str, Any], Standing]] = ()
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
    tables = read_toml(file)
    unknown = tables.keys() - {"node", "hub", "emsp", "tokens"}
    if unknown:
        raise SettingsWrong(f"unknown tables: {', '.join(sorted(unknown))}")
    node = {"port": PORT, "admin_port": ADMIN_PORT, **tables.get("node", {})}
    try:
        settings = EmspSettings(
            node=node_settings(node, file.parent), tokens=token_entries(tables.get("tokens", []))
        )
    except (ValueError, TypeError) as error:
        raise SettingsWrong(f"{file}: {error}") from error
    hub = tables.get("hub")
    if hub is not None:
        settings = replace(settings, hub=_hub(hub))
    return replace(settings, pull_interval=_pull_interval(tables.get("emsp", {}), settings.pull_interval))


def _pull_interval(table: Mapping[str, Any], default: timedelta) -> timedelta:
    if unknown := table.keys() - {"pull_interval_hours"}:
        raise SettingsWrong(f"[emsp] unknown settings: {', '.join(sorted(unknown))}")
    hours = table.get("pull_interval_hours", default / timedelta(hours=1))
    if not isinstance(hours, int | float) or isinstance(hours, bool) or hours <= 0:
        raise SettingsWrong(f"[emsp] pull_interval_hours: expected a positive number, got {hours!r}")
    return timedelta(hours=hours)


def _hub(table: Mapping[str, Any]) -> tuple[str, str]:
    try:
        return table["versions_url"], table["token"]
    except KeyError as error:
        raise SettingsWrong(f"[hub] {error} is missing") from error
