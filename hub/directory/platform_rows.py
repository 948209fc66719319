"""Platforms as they stand in the tables. A change concerns one of thousands: the others are not made anew."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Select, inspect, select
from sqlmodel import SQLModel
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.directory.directory import (
    BadBodies,
    DistantParty,
    HubRole,
    InboundToken,
    Platform,
    Pull,
    RegisteredRole,
    WhenUnreachable,
)
from hub.directory.quirks import NO_QUIRKS, Known, Quirk, Quirks, Source
from hub.directory.tokens import TokenPurpose
from hub.ocpi.headers import TokenEncoding
from hub.ocpi.party import Party
from hub.store.tables import (
    DistantPartyRow,
    EndpointRow,
    InboundTokenRow,
    PlatformRoleRow,
    PlatformRow,
    QuirkRow,
)
from schemas.v2_2_1 import ConnectionStatus, InterfaceRole, Role

_Row = tuple[Any, ...]


def _reading(table: type[SQLModel], *names: str, order: str | None = None) -> Select[Any]:
    """Of all rows of a table these columns, plain: instances cost much more."""
    columns = inspect(table).local_table.columns
    statement = select(*[columns[name] for name in names])
    return statement if order is None else statement.order_by(columns[order])


#: The first column is the platform's number.
_PLATFORMS: Final = _reading(
    PlatformRow,
    *("id", "name", "status", "is_blocked", "versions_url", "version", "outbound_token"),
    *("previous_outbound_token", "token_encoding", "when_unreachable", "bad_bodies", "rate_limit", "pull"),
    *("hub_role", "seen_of_hub", "since_change"),
)
_ROLES: Final = _reading(
    PlatformRoleRow, "platform_id", "country_code", "party_id", "role", "business_details", order="id"
)
_ENDPOINTS: Final = _reading(EndpointRow, "platform_id", "module", "interface", "url")
_QUIRKS: Final = _reading(QuirkRow, "platform_id", "name", "about", "value", "source")
_DISTANT: Final = _reading(
    DistantPartyRow, "platform_id", "country_code", "party_id", "role", "status", "last_updated"
)
_TOKENS: Final = _reading(InboundTokenRow, "token_hash", "platform_id", "purpose", "retires_at")


class _Written(NamedTuple):
    """Everything that the tables say of one platform."""

    platform: _Row
    roles: Sequence[_Row]
    endpoints: Sequence[_Row]
    quirks: Sequence[_Row]
    distant: Sequence[_Row]


class PlatformRows:
    """Reads platforms and tokens, and remembers what it made of which rows."""

    def __init__(self, opened: Callable[[bytes | None], str | None]) -> None:
        """Wire up.

        Args:
            opened: Opens a sealed token.
        """
        self._opened = opened
        self._made: dict[int, tuple[_Written, Platform]] = {}
        self._tokens: dict[str, tuple[_Row, InboundToken]] = {}

    async def read(self, session: AsyncSession) -> Collection[Platform]:
        """All platforms; one of which nothing has changed is the same value as before."""
        rows = await _rows(session, _PLATFORMS)
        roles, endpoints, quirks, distant = [
            _by_platform(await _rows(session, each)) for each in (_ROLES, _ENDPOINTS, _QUIRKS, _DISTANT)
        ]
        if distant:
            distant = _elsewhere(distant, roles)
        made: dict[int, tuple[_Written, Platform]] = {}
        for row in rows:
            number = row[0]
            written = _Written(
                row,
                roles.get(number, ()),
                endpoints.get(number, ()),
                quirks.get(number, ()),
                distant.get(number, ()),
            )
            before = self._made.get(number)
            made[number] = before if before is not None and before[0] == written else self._new(written)
        self._made = made
        return [platform for _, platform in made.values()]

    async def tokens(self, session: AsyncSession) -> Mapping[str, InboundToken]:
        """What platforms show, by the hash of it."""
        read: dict[str, tuple[_Row, InboundToken]] = {}
        for row in await _rows(session, _TOKENS):
            hashed, platform_id, purpose, retires_at = row
            before = self._tokens.get(hashed)
            if before is None or before[0] != row:
                before = row, InboundToken(platform_id, TokenPurpose(purpose), retires_at)
            read[hashed] = before
        self._tokens = read
        return {hashed: token for hashed, (_, token) in read.items()}

    def _new(self, written: _Written) -> tuple[_Written, Platform]:
        platform = _platform(written, self._opened)
        before = self._made.get(platform.id)
        # Sealed anew, a token is the same.
        return written, before[1] if before is not None and before[1] == platform else platform


def _platform(written: _Written, opened: Callable[[bytes | None], str | None]) -> Platform:
    (
        number, name, status, is_blocked, versions_url, version, outbound_token, previous_outbound_token,
        token_encoding, when_unreachable, bad_bodies, rate_limit, pull, hub_role, seen_of_hub, since_change,
    ) = written.platform  # fmt: skip
    known = {
        (Quirk(quirk), about): Known(value, Source(source))
        for _, quirk, about, value, source in written.quirks
    }
    return Platform(
        id=number,
        name=name,
        status=ConnectionStatus(status),
        is_blocked=is_blocked,
        versions_url=versions_url,
        version=version,
        outbound_token=opened(outbound_token),
        previous_outbound_token=opened(previous_outbound_token),
        token_encoding=TokenEncoding(token_encoding),
        when_unreachable=WhenUnreachable(when_unreachable),
        bad_bodies=BadBodies(bad_bodies),
        rate_limit=rate_limit,
        pull=Pull(pull),
        hub_role=HubRole(hub_role),
        seen_of_hub=seen_of_hub,
        since_change=since_change,
        roles=tuple(
            RegisteredRole(Party(country_code, party_id), Role(role), business_details)
            for _, country_code, party_id, role, business_details in written.roles
        ),
        endpoints={
            (module, InterfaceRole(interface)): url for _, module, interface, url in written.endpoints
        },
        quirks=Quirks(known) if known else NO_QUIRKS,
        distant=tuple(
            DistantParty(Party(country_code, party_id), Role(role), ConnectionStatus(status), last_updated)
            for _, country_code, party_id, role, status, last_updated in written.distant
        ),
    )


def _elsewhere(
    distant: Mapping[int, Sequence[_Row]], roles: Mapping[int, Sequence[_Row]]
) -> dict[int, list[_Row]]:
    """Who is registered here is reached here, and no other hub stands in for it."""
    here = {(row[1].upper(), row[2].upper()) for each in roles.values() for row in each}
    return {
        number: [row for row in told if (row[1].upper(), row[2].upper()) not in here]
        for number, told in distant.items()
    }


def _by_platform(rows: Sequence[_Row]) -> dict[int, list[_Row]]:
    found: dict[int, list[_Row]] = {}
    for row in rows:
        found.setdefault(row[0], []).append(row)
    return found


async def _rows(session: AsyncSession, statement: Select[Any]) -> list[_Row]:
    return [tuple(row) for row in await (await session.connection()).execute(statement)]
