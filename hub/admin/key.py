"""The administration key: whoever shows it may do everything, so it is long and random (design D11)."""

import hmac
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

#: The environment variable that may hold the key instead of the key file.
KEY_VARIABLE = "OCPI_HUB_ADMIN_KEY"
#: The file in the data directory that holds the key; made on first start, for its owner's eyes only.
KEY_FILE = "admin.key"
#: A key that somebody chose must be so long, so that nobody finds it by trying.
SHORTEST = 16


class UnusableAdminKey(ValueError):
    """The administration key cannot be used; the message says why."""


def admin_key(data: Path, environment: Mapping[str, str] = os.environ) -> str:
    """The key from the environment, or from the key file in the data directory, made on first use.

    Raises:
        UnusableAdminKey: the key is too short.
    """
    given = environment.get(KEY_VARIABLE)
    path = data / KEY_FILE
    if given is None and not path.exists():
        _write_new(path)
    key = (given if given is not None else path.read_text()).strip()
    if len(key) < SHORTEST or not key.isascii():
        source = KEY_VARIABLE if given is not None else path
        raise UnusableAdminKey(f"{source}: expected a key of at least {SHORTEST} ASCII characters")
    return key


def shows_key(authorization: str | None, key: str) -> bool:
    """Whether an Authorization header is `Bearer` with the key; compared in constant time."""
    scheme, _, shown = (authorization or "").strip().partition(" ")
    return hmac.compare_digest(shown.strip().encode(), key.encode()) and scheme.lower() == "bearer"


def _write_new(path: Path) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(32) + "\n")
