"""Who is let in as which charger: decided at the handshake, before there is a WebSocket.

| profile | the charger proves itself by                                      |
|---------|-------------------------------------------------------------------|
| 0       | its name; only where the operator asks for no more                |
| 1       | a password (basic authentication; user name is the identity)      |
| 2       | the same, and TLS                                                 |
| 3       | a certificate of the CPO's authority, that names it               |

A charger that has a password must show it, whatever the least profile is.
"""

import asyncio
import base64
import binascii
import logging
from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta
from typing import Any, Final

from partners.cpo.security.authority import Authority
from partners.cpo.security.charger_book import ChargerAccount, ChargerBook, Standing
from partners.cpo.security.passwords import Passwords
from partners.cpo.security.security_settings import BASIC, MUTUAL_TLS, PENDING, TLS, SecuritySettings
from partners.cpo.security.wrong_passwords import WrongPasswords
from partners.cpo.stations.reception import TurnedAway, Visitor

log = logging.getLogger(__name__)

UNAUTHORIZED, FORBIDDEN, NOT_FOUND, TOO_MANY = 401, 403, 404, 429
#: Attempts that wait at the same time because of wrong passwords before.
_MOST_WAITING: Final = 200
#: As long as a charger may call itself; longer names are nobody's.
_LONGEST_NAME: Final = 48

Sleep = Callable[[float], Awaitable[Any]]


class Gate:
    """Lets in, or not.

    Args:
        book: Whom we know.
        authority: Whose certificates count.
        wrong: Who was wrong before.
        settings: What is asked for at least.
        noted: Told of what the operator should see of a charger that we know.
        sleep: For those who have to wait.
    """

    def __init__(
        self,
        book: ChargerBook,
        authority: Authority,
        wrong: WrongPasswords,
        settings: SecuritySettings,
        noted: Callable[[str, str], None],
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._book = book
        self._authority = authority
        self._wrong = wrong
        self._settings = settings
        self._noted = noted
        self._sleep = sleep
        self._passwords = Passwords()
        self._waiting = 0

    async def admit(self, visitor: Visitor) -> None:
        """Return if the visitor may connect.

        Raises:
            TurnedAway: It may not.
        """
        account = self._book.find(visitor.identity)
        try:
            await self._judge(visitor, account)
        except TurnedAway as refused:
            log.warning("%.48s, from %s: refused: %s", visitor.identity, visitor.address, refused.reason)
            raise

    async def _judge(self, visitor: Visitor, account: ChargerAccount | None) -> None:
        if account is None or account.standing is Standing.PENDING:
            may_wait = account is not None or (self._book.has_room and len(visitor.identity) <= _LONGEST_NAME)
            if self._settings.unknown != PENDING or not may_wait:
                raise TurnedAway(NOT_FOUND, "is not one of our chargers")
            return
        if account.standing is Standing.BLOCKED:
            raise TurnedAway(FORBIDDEN, "is blocked")
        if visitor.certificate is not None:
            self._look_at(visitor, visitor.certificate)
            return
        if self._settings.least >= MUTUAL_TLS:
            raise TurnedAway(UNAUTHORIZED, "shows no certificate")
        if self._settings.least >= TLS and not visitor.is_tls:
            raise TurnedAway(FORBIDDEN, "does not use TLS")
        if account.password is not None:
            await self._ask(visitor, account)
        elif account.offered and await self._shows(visitor, account.offered):
            pass
        elif self._settings.least >= BASIC:
            raise TurnedAway(UNAUTHORIZED, "has no password yet: ocpi-node cpo charger set-password")

    def _look_at(self, visitor: Visitor, certificate: bytes) -> None:
        refusal = self._authority.refusal(visitor.identity, certificate)
        if refusal is not None:
            self._noted(visitor.identity, f"a certificate {refusal}, from {visitor.address}")
            raise TurnedAway(FORBIDDEN, f"its certificate {refusal}")

    async def _ask(self, visitor: Visitor, account: ChargerAccount) -> None:
        sent, kept = _password(visitor.authorization, visitor.identity), account.password
        if sent is not None and kept is not None and self._passwords.is_known(visitor.identity, sent, kept):
            return
        attempt = (visitor.address, visitor.identity)
        await self._wait(self._wrong.pause(attempt))
        if await self._shows(visitor, account.right):
            self._wrong.succeeded(attempt)
            return
        count = self._wrong.failed(attempt)
        if str(count).strip("0") == "1":  # 1, 10, 100, …: an attack shall not fill the log
            self._noted(visitor.identity, f"wrong password from {visitor.address}, {count} so far")
        raise TurnedAway(UNAUTHORIZED, f"wrong password, {count} so far")

    async def _shows(self, visitor: Visitor, right: Iterable[bytes]) -> bool:
        """Whether it shows a password that is right; one that it was only told counts alone from then on."""
        sent = _password(visitor.authorization, visitor.identity)
        if sent is None:
            return False
        for kept in right:
            if await self._passwords.is_right(visitor.identity, sent, kept):
                account = self._book.find(visitor.identity)
                if account is not None and kept in account.offered:
                    self._book.has_password(visitor.identity, kept)
                return True
        return False

    async def _wait(self, pause: timedelta) -> None:
        if not pause:
            return
        if self._waiting >= _MOST_WAITING:
            raise TurnedAway(TOO_MANY, "too many wait already because of wrong passwords")
        self._waiting += 1
        try:
            await self._sleep(pause.total_seconds())
        finally:
            self._waiting -= 1


def _password(authorization: str | None, identity: str) -> bytes | None:
    """The password in a header for this user; None where there is none, or one for somebody else."""
    scheme, _, encoded = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, separator, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
    except (binascii.Error, ValueError):
        return None
    return password if separator and user == identity.encode() else None
