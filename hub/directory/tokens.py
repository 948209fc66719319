"""Credentials tokens: made, hashed for look-up, sealed at rest (design D10; CR-05, CR-23)."""

import hashlib
import os
import secrets
from enum import StrEnum
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

#: The environment variable that may hold the key, in hexadecimal, instead of the key file.
KEY_VARIABLE = "OCPI_HUB_KEY"
KEY_BYTES = 32
_NONCE_BYTES = 12


class TokenPurpose(StrEnum):
    """What a token that a platform shows us is good for."""

    #: Token A: opens versions, details and the POST of credentials, once (CR-06).
    REGISTRATION = "registration"
    #: Ours, in a handshake that the hub began: opens versions and details until it is answered (CR-27).
    PENDING = "pending"
    #: Of a registered platform: opens everything.
    CREDENTIALS = "credentials"


class UnusableKey(ValueError):
    """The key that seals tokens cannot be used; the message says why."""


def new_token() -> str:
    """A fresh credentials token: 43 characters of the URL-safe alphabet, 256 random bits."""
    return secrets.token_urlsafe(32)


def token_hash(token: str) -> str:
    """What an inbound token is looked up by. Tokens are long and random: no salt is needed."""
    return hashlib.sha256(token.encode()).hexdigest()


class Sealer:
    """Encrypts what must be shown again, with AES-GCM."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def sealed(self, text: str) -> bytes:
        """The text, encrypted and authenticated."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, text.encode(), None)

    def opened(self, sealed: bytes) -> str:
        """The text that was sealed.

        Raises:
            cryptography.exceptions.InvalidTag: it was sealed with another key.
        """
        return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], None).decode()


def sealing_key(data: Path) -> bytes:
    """The key from the environment, or from the key file in the data directory, made on first use.

    Raises:
        UnusableKey: the key has the wrong form.
    """
    given = os.environ.get(KEY_VARIABLE)
    path = data / "secret.key"
    if given is None and not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(KEY_BYTES))
    text = given if given is not None else path.read_text()
    try:
        key = bytes.fromhex(text.strip())
    except ValueError as error:
        raise UnusableKey(f"the key is not hexadecimal: see {KEY_VARIABLE} and {path}") from error
    if len(key) != KEY_BYTES:
        raise UnusableKey(f"expected a key of {KEY_BYTES} bytes in hexadecimal, got {len(key)} bytes")
    return key
