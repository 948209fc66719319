"""Chargers' passwords: kept as scrypt hashes, compared in constant time.

They are random and long (OCPP 1.6 security whitepaper, A00: 16 to 40 characters; 1.6 sends the key of 20
bytes itself, and is told it in hexadecimal), so that scrypt is set to some 10 ms. Thousands of chargers may
come back at once: what was right before is known again by an HMAC under a key that only this process has.
"""

import asyncio
import hmac
import os
import secrets
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

SHORTEST: Final = 16
LONGEST: Final = 40
_SALT: Final = 16
_HASH: Final = 32
#: Of what is kept, bytes.
LENGTH: Final = _SALT + _HASH
_COST: Final = 2**12


def new_password() -> str:
    """40 hexadecimal digits: an AuthorizationKey of 1.6, a BasicAuthPassword of 2.x."""
    return secrets.token_hex(20)


def hashed(password: str) -> bytes:
    """What is kept of a password: salt and hash."""
    salt = os.urandom(_SALT)
    return salt + _scrypt(salt).derive(password.encode())


def readings(sent: bytes) -> tuple[bytes, ...]:
    """What a charger may mean: the password as it is, or the bytes that an AuthorizationKey stands for."""
    # Twenty random bytes are never all ASCII; and each reading takes scrypt's time.
    return (sent,) if sent.isascii() else (sent.hex().encode(), sent.hex().upper().encode(), sent)


class Passwords:
    """Says whether a password is right, and knows again what was right before."""

    def __init__(self) -> None:
        self._key = os.urandom(32)
        self._right: dict[str, bytes] = {}

    def is_known(self, identity: str, sent: bytes, kept: bytes) -> bool:
        """Whether it was right before, and the password has not changed since; takes no time."""
        digest = self._digest(sent, kept)
        return hmac.compare_digest(self._right.get(identity, b""), digest)

    async def is_right(self, identity: str, sent: bytes, kept: bytes) -> bool:
        """Whether it is right; takes its time, in a thread."""
        is_right = await asyncio.to_thread(_matches, sent, kept)
        if is_right:
            self._right[identity] = self._digest(sent, kept)
        return is_right

    def _digest(self, sent: bytes, kept: bytes) -> bytes:
        return hmac.digest(self._key, sha256(sent).digest() + kept, "sha256")


def _matches(sent: bytes, kept: bytes) -> bool:
    salt, expected = kept[:_SALT], kept[_SALT:]
    return any(_is(reading, salt, expected) for reading in readings(sent))


def _is(password: bytes, salt: bytes, expected: bytes) -> bool:
    try:
        _scrypt(salt).verify(password, expected)
    except InvalidKey:
        return False
    return True


def _scrypt(salt: bytes) -> Scrypt:
    return Scrypt(salt=salt, length=_HASH, n=_COST, r=8, p=1)
