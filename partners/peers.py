"""The platforms that a node exchanged credentials with, and the tokens by which it knows them."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, NamedTuple

from hub.ocpi.headers import TokenEncoding
from hub.ocpi.party import Party, PartyRole
from hub.ocpi.timestamps import Clock, format_timestamp, parse_timestamp
from partners.changes import Changes
from partners.database import Database
from partners.known import Known
from schemas import exact_json
from schemas.v2_2_1 import Credentials, InterfaceRole, Role

#: A platform that shows its old token so long after it was given a new one never got that (AM-15).
GRACE = timedelta(minutes=5)

TABLES = """
CREATE TABLE IF NOT EXISTS peer (
    -- Never used again, so that it tells one registration from the next.
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    versions_url TEXT NOT NULL UNIQUE,
    outbound_token TEXT NOT NULL,
    encoding TEXT NOT NULL,
    roles TEXT NOT NULL,
    names TEXT NOT NULL,
    endpoints TEXT NOT NULL
);
-- The newest token of a peer is the one with the largest id.
CREATE TABLE IF NOT EXISTS inbound_token (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    peer INTEGER NOT NULL REFERENCES peer(id) ON DELETE CASCADE,
    token TEXT NOT NULL UNIQUE,
    -- A newer one was handed out, which must be shown before this moment, or this one may stay.
    retires_at TEXT
);
-- What we showed a peer of ourselves when we exchanged credentials last.
CREATE TABLE IF NOT EXISTS shown (
    peer INTEGER PRIMARY KEY REFERENCES peer(id) ON DELETE CASCADE,
    ourselves TEXT NOT NULL
);
-- Tokens A that we handed out and nobody has registered with yet.
CREATE TABLE IF NOT EXISTS invitation (token TEXT PRIMARY KEY, issued_at TEXT NOT NULL);
"""

Endpoints = Mapping[tuple[str, InterfaceRole], str]


@dataclass(frozen=True, slots=True)
class Peer:
    """A platform that we are registered with."""

    versions_url: str
    #: What we show it.
    outbound_token: str
    roles: tuple[PartyRole, ...]
    #: Its URLs by module and interface.
    endpoints: Endpoints
    encoding: TokenEncoding = TokenEncoding.BASE64
    #: The business names of its parties (CR-24).
    names: Mapping[Party, str] = field(default_factory=dict)
    #: The row in our database; 0 before it has one.
    id: int = 0

    @property
    def hub_party(self) -> Party | None:
        """The party in role HUB if this is a hub."""
        return next((each.party for each in self.roles if each.role is Role.HUB), None)

    @property
    def is_hub(self) -> bool:
        """Whether parties other than its own speak to us over this link (RT-37)."""
        return self.hub_party is not None

    def has_party(self, party: Party) -> bool:
        """Whether the platform registered this party."""
        return any(each.party == party for each in self.roles)


class Caller(NamedTuple):
    """Who sent a request, by the token it showed."""

    token: str
    encoding: TokenEncoding
    #: None where the token was given for a registration that is not complete.
    peer: Peer | None


class NotSent(Exception):
    """A request was not sent, for a reason of ours; the subclass says which."""


class NotRegistered(NotSent):
    """The node is not registered with any platform."""


class InvitationSpent(Exception):
    """Somebody registered with this token A already."""


class Peers:
    """What the database knows of peers, their tokens and our invitations."""

    def __init__(
        self,
        database: Database,
        changes: Changes,
        clock: Clock,
        ourselves: Callable[[], str] = lambda: "",
    ) -> None:
        self._database = database
        #: What others see of us: our URLs and parties, as a text.
        self._ourselves = ourselves
        self._changes = changes
        self._clock = clock
        database.define(TABLES)
        self._all = Known(database, self._read_all)
        # Tokens B that we have sent in a handshake which is not answered yet, each with its outcome.
        self._awaited: dict[str, asyncio.Event] = {}

    def invite(self, token_a: str) -> None:
        """Let a platform register with this token A."""
        now = format_timestamp(self._clock())
        self._database.execute("INSERT INTO invitation (token, issued_at) VALUES (?, ?)", (token_a, now))

    @contextmanager
    def awaited(self, token_b: str) -> Iterator[None]:
        """While this lasts, token B opens versions and credentials: we are called back with it (CR-27)."""
        self._awaited[token_b] = asyncio.Event()
        try:
            yield
        finally:
            self._awaited.pop(token_b).set()

    async def settled(self, caller: Caller) -> Caller | None:
        """The caller after the handshake it belongs to, as a hub may call before we have read its answer."""
        outcome = self._awaited.get(caller.token)
        if outcome is not None:
            await outcome.wait()
        return self.caller(caller.token, caller.encoding)

    def caller(self, token: str, encoding: TokenEncoding) -> Caller | None:
        """Who shows this token, None where nobody may; it may decide which of several stays (AM-15)."""
        if token in self._awaited or self._is_invitation(token):
            return Caller(token, encoding, None)
        row = self._database.row("SELECT id, peer, retires_at FROM inbound_token WHERE token = ?", (token,))
        if row is None:
            return None
        if row["retires_at"] is None or parse_timestamp(row["retires_at"]) <= self._clock():
            self._settle_on(row["peer"], row["id"])
        return Caller(token, encoding, self.by_id(row["peer"]))

    def by_id(self, peer_id: int) -> Peer:
        """The peer in this row.

        Raises:
            NotRegistered: there is none.
        """
        row = self._database.row("SELECT * FROM peer WHERE id = ?", (peer_id,))
        if row is None:
            raise NotRegistered("the registration has ended")
        return _read(row)

    def all(self) -> list[Peer]:
        """All peers, those registered first come first."""
        return list(self._all.get())

    def _read_all(self) -> list[Peer]:
        return [_read(row) for row in self._database.rows("SELECT * FROM peer ORDER BY id")]

    def partner(self) -> Peer:
        """The platform that the node works with: its hub, or else the first that it is registered with.

        Raises:
            NotRegistered: there is none.
        """
        peers = self.all()
        if not peers:
            raise NotRegistered("not registered with any platform; register first")
        return next((peer for peer in peers if peer.is_hub), peers[0])

    def adopt(self, peer: Peer, inbound_token: str, *, invitation: str | None = None) -> Peer:
        """Keep a peer after a handshake, all or nothing; a former registration of the platform ends.

        Raises:
            InvitationSpent: it came with a token A that another registration used up meanwhile.
        """
        with self._database.transaction():
            if invitation is not None and not self._spend(invitation):
                raise InvitationSpent
            self._database.execute("DELETE FROM peer WHERE versions_url = ?", (peer.versions_url,))
            peer_id = self._database.insert(
                "INSERT INTO peer (versions_url, outbound_token, encoding, roles, names, endpoints)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                _columns(peer),
            )
            self._add_token(peer_id, inbound_token)
            self._has_seen_us(peer_id)
            self._all.forget()
        self._changes.announce()
        return replace(peer, id=peer_id)

    def renew(self, peer: Peer, inbound_token: str) -> None:
        """Keep what a PUT of credentials changed; older inbound tokens live on for a while (AM-15)."""
        with self._database.transaction():
            self._retire_tokens(peer.id)
            self._add_token(peer.id, inbound_token)
            self._has_seen_us(peer.id)
            self._database.execute(
                "UPDATE peer SET versions_url = ?, outbound_token = ?, encoding = ?, roles = ?, names = ?,"
                " endpoints = ? WHERE id = ?",
                (*_columns(peer), peer.id),
            )
            self._all.forget()
        self._changes.announce()

    def knows_us(self, peer: Peer) -> bool:
        """Whether the peer has seen us as we are now (VE-09)."""
        row = self._database.row("SELECT ourselves FROM shown WHERE peer = ?", (peer.id,))
        return row is not None and row["ourselves"] == self._ourselves()

    def admit(self, peer: Peer, inbound_token: str) -> None:
        """Accept one more token of a peer: it may have received it, its answer was lost (AM-15)."""
        with self._database.transaction():
            self._retire_tokens(peer.id)
            self._add_token(peer.id, inbound_token)

    def forget(self, peer: Peer) -> None:
        """End a registration: both its tokens are dead (CR-13)."""
        self._database.execute("DELETE FROM peer WHERE id = ?", (peer.id,))
        self._all.forget()
        self._changes.announce()

    def _has_seen_us(self, peer_id: int) -> None:
        self._database.execute(
            "INSERT OR REPLACE INTO shown (peer, ourselves) VALUES (?, ?)", (peer_id, self._ourselves())
        )

    def _is_invitation(self, token: str) -> bool:
        return self._database.row("SELECT 1 FROM invitation WHERE token = ?", (token,)) is not None

    def _spend(self, invitation: str) -> bool:
        return self._database.execute("DELETE FROM invitation WHERE token = ?", (invitation,)) == 1

    def _add_token(self, peer_id: int, token: str) -> None:
        self._database.execute("INSERT INTO inbound_token (peer, token) VALUES (?, ?)", (peer_id, token))

    def _retire_tokens(self, peer_id: int) -> None:
        self._database.execute(
            "UPDATE inbound_token SET retires_at = ? WHERE peer = ? AND retires_at IS NULL",
            (format_timestamp(self._clock() + GRACE), peer_id),
        )

    def _settle_on(self, peer_id: int, token_id: int) -> None:
        """Let this token stay, and the others of the peer die."""
        query = "SELECT 1 FROM inbound_token WHERE peer = ? AND id <> ?"
        if self._database.row(query, (peer_id, token_id)) is None:
            return
        with self._database.transaction():
            self._database.execute(
                "DELETE FROM inbound_token WHERE peer = ? AND id <> ?", (peer_id, token_id)
            )
            self._database.execute("UPDATE inbound_token SET retires_at = NULL WHERE id = ?", (token_id,))


def party_roles(credentials: Credentials) -> tuple[PartyRole, ...]:
    """The parties that a platform registers, each in its roles; roles of later versions are left out (AM-33).

    Raises:
        NotAParty: a country code or party id cannot be one.
    """
    return tuple(
        PartyRole(Party(each.country_code, each.party_id), Role(each.role))
        for each in credentials.roles
        if each.role in set(Role)
    )


def business_names(credentials: Credentials) -> dict[Party, str]:
    """The business name of each party that a platform registers.

    Raises:
        NotAParty: a country code or party id cannot be one.
    """
    return {Party(each.country_code, each.party_id): each.business_details.name for each in credentials.roles}


def _columns(peer: Peer) -> tuple[str, ...]:
    roles = [[each.party.country_code, each.party.party_id, each.role] for each in peer.roles]
    names = [[party.country_code, party.party_id, name] for party, name in peer.names.items()]
    endpoints = [[module, side, url] for (module, side), url in peer.endpoints.items()]
    return (
        peer.versions_url,
        peer.outbound_token,
        peer.encoding.value,
        exact_json.encode(roles).decode(),
        exact_json.encode(names).decode(),
        exact_json.encode(endpoints).decode(),
    )


def _read(row: Any) -> Peer:
    return Peer(
        versions_url=row["versions_url"],
        outbound_token=row["outbound_token"],
        roles=tuple(
            PartyRole(Party(country_code, party_id), Role(role))
            for country_code, party_id, role in exact_json.decode(row["roles"])
        ),
        endpoints={
            (module, InterfaceRole(side)): url for module, side, url in exact_json.decode(row["endpoints"])
        },
        encoding=TokenEncoding(row["encoding"]),
        names={
            Party(country_code, party_id): name
            for country_code, party_id, name in exact_json.decode(row["names"])
        },
        id=row["id"],
    )
