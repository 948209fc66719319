"""What every node must be told, with its defaults and units; read once, from its TOML file."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

from hub.ocpi.party import Party
from partners.configuration_file import (
    ANY_TEXT,
    COUNT,
    NAME,
    PARTY,
    PORT,
    SOME_SECONDS,
    TEXT,
    URL,
    Setting,
    Wrong,
    table_settings,
)


class NamedParty(NamedTuple):
    """A party of a node."""

    party: Party
    #: Business name, shown to those we register with (CR-24).
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSettings:
    """Who the node is and where it listens."""

    party: Party
    #: Business name, shown to those we register with (CR-24).
    name: str
    #: Parties of the same platform beside the first, in the same role (CR-20).
    more_parties: tuple[NamedParty, ...] = ()
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

    @property
    def parties(self) -> tuple[NamedParty, ...]:
        """All parties of the platform, the first one first."""
        return (NamedParty(self.party, self.name), *self.more_parties)


def node_settings(
    told: Mapping[str, Any], folder: Path, ports: Mapping[str, int], wrong: list[Wrong]
) -> NodeSettings | None:
    """The settings in the table `[node]` of a configuration file.

    Args:
        told: The tables of the file.
        folder: Where a relative `database` starts.
        ports: `port` and `admin_port` where the file does not say.
        wrong: What is wrong is added here.

    Returns:
        None if something that is needed is missing or wrong.
    """
    found = {**ports, **table_settings(told, "node", _NODE, wrong)}
    if "database" in found:
        found["database"] = folder / found["database"]
    return NodeSettings(**found) if "party" in found and "name" in found else None


def hub_settings(told: Mapping[str, Any], wrong: list[Wrong]) -> tuple[str, str] | None:
    """The versions URL and the token A in the table `[hub]`; None if there is no such table."""
    if "hub" not in told:
        return None
    found = table_settings(told, "hub", _HUB, wrong)
    return (found["versions_url"], found["token"]) if len(found) == len(_HUB) else None


_NODE: Final[Mapping[str, Setting]] = {
    "party": Setting("party", PARTY, is_required=True),
    "name": Setting("name", NAME, is_required=True),
    "host": Setting("host", TEXT),
    "port": Setting("port", PORT),
    "admin_port": Setting("admin_port", PORT),
    "admin_key": Setting("admin_key", ANY_TEXT),
    "public_url": Setting("public_url", URL),
    "database": Setting("database", TEXT),
    "call_timeout_seconds": Setting("call_timeout", SOME_SECONDS),
    "max_body_bytes": Setting("max_body_bytes", COUNT),
    "page_limit": Setting("page_limit", COUNT),
}
_HUB: Final[Mapping[str, Setting]] = {
    "versions_url": Setting("versions_url", URL, is_required=True),
    "token": Setting("token", TEXT, is_required=True),
}
