"""The credentials tokens that platforms show us, as they stand in the tables: given, found, let die."""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement
from sqlmodel import col, delete, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.directory.tokens import Sealer, TokenPurpose, token_hash
from hub.store.tables import InboundTokenRow, PlatformRow

#: After this a platform that still shows its old token is taken at its word.
GRACE = timedelta(minutes=5)


async def forget_tokens(session: AsyncSession, row: PlatformRow) -> None:
    """Let every token die that the platform shows us, and the one that we show it."""
    await session.exec(delete(InboundTokenRow).where(col(InboundTokenRow.platform_id) == row.id))
    row.outbound_token = row.previous_outbound_token = None


async def give_token(
    session: AsyncSession,
    row: PlatformRow,
    sealer: Sealer,
    token: str,
    purpose: TokenPurpose,
    now: datetime,
) -> None:
    """Let a token work from now on."""
    session.add(
        InboundTokenRow(
            platform_id=row.stored_id,
            token_hash=token_hash(token),
            token=sealer.sealed(token),
            purpose=purpose,
            created_at=now,
        )
    )
    await session.flush()


async def find_token(session: AsyncSession, token: str) -> InboundTokenRow | None:
    """The row of a token that works."""
    found = await session.exec(select(InboundTokenRow).where(InboundTokenRow.token_hash == token_hash(token)))
    return found.first()


async def open_token(session: AsyncSession, token: str) -> None:
    """Let a pending token open everything."""
    await session.exec(
        update(InboundTokenRow)
        .where(col(InboundTokenRow.token_hash) == token_hash(token))
        .values(purpose=TokenPurpose.CREDENTIALS)
    )


async def forget_token(session: AsyncSession, token: str) -> None:
    """Let one token die."""
    await session.exec(delete(InboundTokenRow).where(col(InboundTokenRow.token_hash) == token_hash(token)))


async def open_offered_tokens(session: AsyncSession, is_pending: ColumnElement[bool], now: datetime) -> None:
    """Let these tokens work beside those before: a stop of the hub has cut short what they were offered in.

    Nobody knows whether the platforms have taken them; what they show will tell (AM-15).
    """
    await session.exec(
        update(InboundTokenRow)
        .where(
            col(InboundTokenRow.platform_id).in_(select(InboundTokenRow.platform_id).where(is_pending)),
            col(InboundTokenRow.purpose) == TokenPurpose.CREDENTIALS,
            col(InboundTokenRow.retires_at).is_(None),
        )
        .values(retires_at=now + GRACE)
    )
    await session.exec(update(InboundTokenRow).where(is_pending).values(purpose=TokenPurpose.CREDENTIALS))
