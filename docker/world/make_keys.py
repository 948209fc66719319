"""Makes the password of the database at the first start: one file for PostgreSQL, one for its clients."""

import os
import secrets
import sys
from pathlib import Path


def main(folder: Path) -> None:
    """Make what is not there yet."""
    password, clients = folder / "database-password", folder / "pgpass"
    if not password.exists():
        # Another user reads it, in a volume that only the database and the hubs have.
        _write(password, secrets.token_urlsafe(32), 0o644)
    if not clients.exists():
        # Clients do not take it from a file that others can read.
        _write(clients, f"*:*:*:*:{password.read_text()}\n", 0o600)


def _write(file: Path, text: str, mode: int) -> None:
    unfinished = file.with_suffix(".unfinished")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as made:
        made.write(text)
    unfinished.chmod(mode)
    unfinished.rename(file)


main(Path(sys.argv[1]))
