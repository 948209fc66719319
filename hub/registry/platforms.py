"""What an operator does with platforms: invite, suspend, resume, remove; each is one transaction."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType

from sqlmodel import and_, col, delete, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.directory.directory import BadBodies, HubRole, Pull, WhenUnreachable
from hub.directory.quirks import QUIRKS, Quirk
from hub.directory.tokens import Sealer, TokenPurpose, new_token
from hub.ocpi.timestamps import Clock
from hub.registry.quirk_watch import pin
from hub.registry.records import Records
from hub.registry.token_rows import forget_tokens, give_token, open_offered_tokens
from hub.store.tables import InboundTokenRow, PlatformRow
from schemas.v2_2_1 import ConnectionStatus

LONGEST_NAME = 100
#: Segments that mean another place in a path (RFC 3986, 3.3).
DOTS = frozenset({".", ".."})
NO_PINS: Mapping[Quirk, str | None] = MappingProxyType({})
#: The two states between which a platform moves by itself; the others are decided by people.
LIVE = (ConnectionStatus.CONNECTED, ConnectionStatus.OFFLINE)


class PlatformError(Exception):
    """What was asked of the registry cannot be done; the subclass and the message say why.

    PlatformError
    ├── NotAName           the name cannot be one
    ├── NameTaken          a platform has this name
    ├── UnknownPlatform    no platform has this name
    ├── NotConnectedYet    the platform is not registered
    ├── NotAQuirk          a quirk has no such value
    └── HandshakeFailed    a platform did not do its part
    """


class NotAName(PlatformError):
    """The name of a platform has another form."""


class NameTaken(PlatformError):
    """Another platform has the name."""


class UnknownPlatform(PlatformError):
    """No platform has the name."""


class NotConnectedYet(PlatformError):
    """The platform is not registered."""


class NotAQuirk(PlatformError):
    """A quirk cannot be pinned to this value."""


class HandshakeFailed(PlatformError):
    """A platform did not do its part, or not as OCPI wants it; the message says at which step."""

    def __init__(self, step: str, cause: Exception, correlation_id: str) -> None:
        super().__init__(f"{step}: {cause}")
        #: Under which the journal has every leg of the handshake.
        self.correlation_id = correlation_id


@dataclass(frozen=True, slots=True)
class Invitation:
    """What a partner needs to register, beside our versions URL; to be handed over in a safe way (CR-02)."""

    name: str
    #: Token A; it works until the partner has registered.
    token: str = field(repr=False)


class Platforms:
    """The platforms, as an operator and their presence change them."""

    def __init__(
        self, records: Records, sealer: Sealer, clock: Clock, new_token: Callable[[], str] = new_token
    ) -> None:
        self._records = records
        self._sealer = sealer
        self._clock = clock
        self._new_token = new_token

    async def invite(self, name: str, hub_role: HubRole = HubRole.REFUSED) -> Invitation:
        """Plan a platform, and make the token with which it may register.

        Raises:
            NotAName: the name is empty, too long or cannot stand in a path.
            NameTaken: a platform has it.
        """
        async with self._records.changing() as session:
            row = await planned(session, name, self._clock, hub_role)
            return await self._invited(session, row)

    async def invite_again(self, name: str) -> Invitation:
        """Make a new token A for a platform that lost its tokens; what it had before ends here.

        Its parties stay with it, and are PLANNED until it has registered again.

        Raises:
            UnknownPlatform: no platform has the name.
        """
        async with self._records.changing() as session:
            row = await named(session, name)
            await forget_tokens(session, row)
            return await self._invited(session, row)

    async def suspend(self, name: str) -> None:
        """Let nothing through to or from the platform, until it is resumed.

        Raises:
            UnknownPlatform: no platform has the name.
        """
        async with self._records.changing() as session:
            row = await named(session, name)
            row.is_blocked = True
            row.status = ConnectionStatus.SUSPENDED

    async def resume(self, name: str) -> None:
        """Undo `suspend`: the platform is again what it was, as far as that is known.

        Raises:
            UnknownPlatform: no platform has the name.
        """
        async with self._records.changing() as session:
            row = await named(session, name)
            row.is_blocked = False
            row.status = await _settled(session, row)

    async def arrange(
        self,
        name: str,
        *,
        when_unreachable: WhenUnreachable | None = None,
        bad_bodies: BadBodies | None = None,
        pull: Pull | None = None,
        hub_role: HubRole | None = None,
        rate_limit: int | None = None,
        quirks: Mapping[Quirk, str | None] = NO_PINS,
    ) -> None:
        """Set how the platform is dealt with; what is not given stays as it is (design D3, D5).

        A platform in the role HUB that may be that no longer keeps its registration, and speaks for nobody.

        Args:
            name: Whose.
            when_unreachable: What happens to changes while it is away.
            bad_bodies: What happens to bodies for it that break the schema.
            pull: When the lists of what it owns are pulled.
            hub_role: Whether it may be another hub.
            rate_limit: Requests a second of each module; zero is the hub's own limit again.
            quirks: Values to pin, whatever is observed; None lets one be found out again.

        Raises:
            UnknownPlatform: no platform has the name.
            NotAQuirk: a quirk has no such value.
        """
        for quirk, value in quirks.items():
            check_value(quirk, value)
        async with self._records.changing() as session:
            row = await named(session, name)
            if rate_limit is not None:
                row.rate_limit = rate_limit or None
            row.when_unreachable = when_unreachable or row.when_unreachable
            row.bad_bodies = bad_bodies or row.bad_bodies
            row.pull = pull or row.pull
            row.hub_role = hub_role or row.hub_role
            for quirk, value in quirks.items():
                await pin(session, row.stored_id, quirk, value, self._clock())

    async def remove(self, name: str) -> None:
        """Forget the platform: its tokens die, its parties are free, and SUSPENDED for everybody (HCI-04).

        Raises:
            UnknownPlatform: no platform has the name.
        """
        async with self._records.changing() as session:
            row = await named(session, name)
            # The database removes its roles, endpoints and tokens with it.
            await session.exec(delete(PlatformRow).where(col(PlatformRow.id) == row.id))

    async def found(self, platform_id: int, status: ConnectionStatus) -> None:
        """Write down whether a platform can be reached; PLANNED and SUSPENDED stay as they are (HCI-15)."""
        async with self._records.changing() as session:
            await session.exec(
                update(PlatformRow)
                .where(col(PlatformRow.id) == platform_id, col(PlatformRow.status).in_(LIVE))
                .values(status=status)
            )

    async def forget_unfinished(self, begun_before: datetime | None = None) -> None:
        """Forget what is left of our handshakes that a stop of the hub cut short (CR-28); for the start.

        But a token that was offered to a platform which is registered may be what it shows from now on.

        Args:
            begun_before: Others may go on, in another process; None: nobody is there to go on with any.
        """
        before = begun_before or datetime.max.replace(tzinfo=UTC)
        async with self._records.changing() as session:
            pending = and_(
                col(InboundTokenRow.purpose) == TokenPurpose.PENDING, col(InboundTokenRow.created_at) < before
            )
            begun = select(InboundTokenRow.platform_id).where(pending)
            never_connected = col(PlatformRow.outbound_token).is_(None)
            await session.exec(delete(PlatformRow).where(col(PlatformRow.id).in_(begun), never_connected))
            await open_offered_tokens(session, pending, self._clock())

    async def _invited(self, session: AsyncSession, row: PlatformRow) -> Invitation:
        token = self._new_token()
        await give_token(session, row, self._sealer, token, TokenPurpose.REGISTRATION, self._clock())
        row.status = await _settled(session, row)
        return Invitation(row.name, token)


async def planned(
    session: AsyncSession, name: str, clock: Clock, hub_role: HubRole = HubRole.REFUSED
) -> PlatformRow:
    """A new row for a platform of this name.

    Raises:
        NotAName: the name has the wrong form.
        NameTaken: a platform has it.
    """
    check_name(name)
    if (await session.exec(select(PlatformRow).where(PlatformRow.name == name))).first() is not None:
        raise NameTaken(f"a partner has the name {name!r} already")
    row = PlatformRow(name=name, status=ConnectionStatus.PLANNED, created_at=clock(), hub_role=hub_role)
    session.add(row)
    await session.flush()
    return row


async def named(session: AsyncSession, name: str) -> PlatformRow:
    """The row of the platform of this name.

    Raises:
        UnknownPlatform: there is none.
    """
    row = (await session.exec(select(PlatformRow).where(PlatformRow.name == name))).first()
    if row is None:
        raise UnknownPlatform(f"no partner has the name {name!r}")
    return row


def check_name(name: str) -> None:
    """Refuse a name that could not be written in a URL's path or on one line.

    Raises:
        NotAName: the message says what was expected.
    """
    is_plain = name.isprintable() and "/" not in name and name.strip() == name
    if not name or len(name) > LONGEST_NAME or not is_plain or name in DOTS:
        raise NotAName(
            f"expected a name of at most {LONGEST_NAME} printable characters without a slash, and not . or .."
        )


def check_value(quirk: Quirk, value: str | None) -> None:
    """Refuse to pin what a quirk cannot be.

    Raises:
        NotAQuirk: the message names the values.
    """
    values = QUIRKS[quirk].values
    if value is not None and value not in values:
        raise NotAQuirk(f"{quirk}: expected {', '.join(values)} or auto, got {value}")


async def _settled(session: AsyncSession, row: PlatformRow) -> ConnectionStatus:
    """The status of a platform by what is known of it; presence says the rest."""
    if row.is_blocked:
        return ConnectionStatus.SUSPENDED
    if row.outbound_token is not None:
        return ConnectionStatus.CONNECTED
    invited = select(InboundTokenRow).where(
        InboundTokenRow.platform_id == row.id, InboundTokenRow.purpose == TokenPurpose.REGISTRATION
    )
    is_invited = (await session.exec(invited)).first() is not None
    return ConnectionStatus.PLANNED if is_invited else ConnectionStatus.SUSPENDED
