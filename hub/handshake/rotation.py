"""New credentials tokens in two phases, so that a lost answer locks nobody out (AM-15, CR-11, CR-18).

A token that a platform shows us:

    a new one is given      both work
    the new one is shown    the platform has it: the old one dies
    GRACE is over           both work, but the first that is shown stays and the other one dies: a platform
                            that shows the old one never got the new one, and the rotation is undone

The token that we show a platform: the one before is kept until the platform has shown its own new token. If
it refuses the new one before that (401), the call is made again with the one before; if that is accepted,
the platform has undone the rotation, and so do we.
"""

import logging
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import col, delete, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.directory.current import CurrentDirectory
from hub.directory.tokens import Sealer, TokenPurpose, token_hash
from hub.ocpi.headers import AUTHORIZATION, TokenEncoding, write_authorization
from hub.ocpi.transport import HttpRequest
from hub.registry.records import Records
from hub.registry.token_rows import GRACE
from hub.store.tables import InboundTokenRow, PlatformRow

log = logging.getLogger(__name__)


async def retire_tokens(session: AsyncSession, row: PlatformRow, now: datetime) -> None:
    """A new token is given to the platform: those that it has work on beside it."""
    await session.exec(
        update(InboundTokenRow)
        .where(*_credentials_of(row.stored_id), col(InboundTokenRow.retires_at).is_(None))
        .values(retires_at=now + GRACE)
    )


async def revoke_retired(session: AsyncSession, row: PlatformRow) -> None:
    """Let the tokens die now that a newer one follows: they may have leaked (CR-18)."""
    await _forget_retired(session, row.stored_id)
    row.previous_outbound_token = None


async def settle(session: AsyncSession, platform_id: int, shown: str, now: datetime) -> None:
    """Decide a rotation by the token that the platform has just shown; not yet, where both may be shown."""
    found = await session.exec(
        select(InboundTokenRow).where(
            InboundTokenRow.token_hash == token_hash(shown), *_credentials_of(platform_id)
        )
    )
    token = found.first()
    if token is None:
        return  # Another request was faster.
    if token.retires_at is None:
        await revoke_retired(session, await session.get_one(PlatformRow, platform_id))
    elif token.retires_at <= now:
        await session.exec(
            delete(InboundTokenRow).where(*_credentials_of(platform_id), col(InboundTokenRow.id) != token.id)
        )
        token.retires_at = None


def keep_outbound_token(row: PlatformRow) -> None:
    """Remember the token that we show the platform, which is about to be replaced.

    Of several that were replaced, the oldest: the platform has shown no sign yet that it knows of the others.
    """
    row.previous_outbound_token = row.previous_outbound_token or row.outbound_token


def keep_overlapping_token(row: PlatformRow, sealer: Sealer, shown_before: str | None) -> None:
    """Remember, of exchanges that overlap, the token that the other one gave, and no older one.

    Both sides may begin at the same moment. Then nobody here knows whose answer came last at the platform:
    it wants the token of one exchange or of the other. To be called before the token is replaced.

    Args:
        row: The platform.
        sealer: Opens what is kept.
        shown_before: What we showed the platform when the exchange began.
    """
    if row.outbound_token is not None and sealer.opened(row.outbound_token) != shown_before:
        row.previous_outbound_token = None


@dataclass(frozen=True, slots=True)
class PreviousTokens:
    """The tokens that we showed before, for platforms that refuse the new one."""

    directory: CurrentDirectory
    records: Records

    def instead(self, platform_id: int | None, request: HttpRequest) -> HttpRequest | None:
        """The request with the token before, None where there is none or the newest was not shown."""
        platform = None if platform_id is None else self.directory.value.platforms.get(platform_id)
        if platform is None or platform.previous_outbound_token is None or platform.outbound_token is None:
            return None
        newest = write_authorization(platform.outbound_token, platform.token_encoding)
        if newest not in request.headers:
            return None
        before = write_authorization(platform.previous_outbound_token, platform.token_encoding)
        others = tuple(header for header in request.headers if header[0] != AUTHORIZATION)
        return request._replace(headers=(before, *others))

    async def restore(self, platform_id: int | None, refused: HttpRequest, taken: HttpRequest) -> None:
        """Show the token before again, as the platform takes that one and not the newest.

        Not where the platform has given another one meanwhile: nobody knows yet whether it takes that.
        """
        platform = None if platform_id is None else self.directory.value.platforms.get(platform_id)
        if platform is None or platform.previous_outbound_token is None:
            return
        try:
            async with self.records.changing() as session:
                row = await session.get(PlatformRow, platform_id)
                if row is None or row.previous_outbound_token is None:
                    return
                is_still_so = self._shows(row.outbound_token, refused)
                if is_still_so and self._shows(row.previous_outbound_token, taken):
                    row.outbound_token, row.previous_outbound_token = row.previous_outbound_token, None
        except SQLAlchemyError:
            # The platform has answered, which counts; the next request finds out again.
            log.exception("that platform %s takes the token before could not be written down", platform_id)

    def _shows(self, sealed: bytes | None, request: HttpRequest) -> bool:
        """Whether a request showed this token, however it was encoded."""
        token = self.directory.opened(sealed)
        return token is not None and any(
            write_authorization(token, encoding) in request.headers for encoding in TokenEncoding
        )


async def _forget_retired(session: AsyncSession, platform_id: int) -> None:
    await session.exec(
        delete(InboundTokenRow).where(
            *_credentials_of(platform_id), col(InboundTokenRow.retires_at).is_not(None)
        )
    )


def _credentials_of(platform_id: int) -> tuple[ColumnElement[bool], ...]:
    return (
        col(InboundTokenRow.platform_id) == platform_id,
        col(InboundTokenRow.purpose) == TokenPurpose.CREDENTIALS,
    )
