"""The credentials tokens that are exchanged with a platform, without the tokens themselves (CR-18)."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.directory.directory import Platform
from hub.directory.tokens import TokenPurpose, token_hash
from hub.store.database import Database
from hub.store.tables import InboundTokenRow, PlatformRow

#: How much of a token's hash tells it apart for people.
FINGERPRINT_LENGTH = 8


class ShownBy(StrEnum):
    """Who shows the token to whom."""

    PLATFORM = "platform"
    HUB = "hub"


class TokenState(StrEnum):
    """What a token is good for at the moment."""

    REGISTRATION = "token A, for one registration"
    PENDING = "in a handshake that is not answered yet"
    IN_FORCE = "in force"
    NOT_SHOWN_YET = "new: the platform has not shown it yet"
    BEFORE = "from before: works until the new one is shown"
    KEPT = "from before: kept in case the platform refuses the new one"


@dataclass(frozen=True, slots=True)
class KnownToken:
    """One token, described."""

    shown_by: ShownBy
    #: The beginning of its SHA-256, in hexadecimal.
    fingerprint: str
    state: TokenState
    #: When it was made or received; None where that is not kept.
    since: datetime | None


@dataclass(frozen=True, slots=True)
class TokenOverview:
    """Reads which tokens there are."""

    database: Database

    async def of(self, platform: Platform) -> tuple[KnownToken, ...]:
        """The platform's tokens, newest first: those that it shows, then those that the hub shows."""
        async with self.database.reading_session() as session:
            inbound = await _inbound(session, platform)
            row = await session.get(PlatformRow, platform.id)
        connected_at = None if row is None else row.connected_at
        outbound = (
            (platform.outbound_token, TokenState.IN_FORCE, connected_at),
            (platform.previous_outbound_token, TokenState.KEPT, None),
        )
        return (
            *inbound,
            *(
                KnownToken(ShownBy.HUB, _fingerprint(token_hash(token)), state, since)
                for token, state, since in outbound
                if token is not None
            ),
        )


async def _inbound(session: AsyncSession, platform: Platform) -> list[KnownToken]:
    rows = await session.exec(
        select(InboundTokenRow)
        .where(InboundTokenRow.platform_id == platform.id)
        .order_by(col(InboundTokenRow.id).desc())
    )
    found = list(rows)
    is_rotating = any(row.retires_at is not None for row in found)
    return [
        KnownToken(
            ShownBy.PLATFORM,
            _fingerprint(row.token_hash),
            _state(row, is_rotating=is_rotating),
            row.created_at,
        )
        for row in found
    ]


def _state(row: InboundTokenRow, *, is_rotating: bool) -> TokenState:
    match TokenPurpose(row.purpose):
        case TokenPurpose.REGISTRATION:
            return TokenState.REGISTRATION
        case TokenPurpose.PENDING:
            return TokenState.PENDING
        case TokenPurpose.CREDENTIALS:
            if row.retires_at is not None:
                return TokenState.BEFORE
            return TokenState.NOT_SHOWN_YET if is_rotating else TokenState.IN_FORCE


def _fingerprint(hashed: str) -> str:
    return hashed[:FINGERPRINT_LENGTH]
