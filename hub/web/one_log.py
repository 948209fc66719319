"""One log for several workers: what one of them prints is not torn apart by another."""

import fcntl
import io
from pathlib import Path
from typing import TextIO


class OneLog(io.TextIOBase):
    """Prints in turns with all others that have the same data directory."""

    def __init__(self, to: TextIO, data: Path) -> None:
        self._to = to
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._turns = (data / "log.turns").open("w")

    def write(self, text: str) -> int:
        """Print it whole, once it is our turn."""
        fcntl.flock(self._turns, fcntl.LOCK_EX)
        try:
            written = self._to.write(text)
            self._to.flush()
        finally:
            fcntl.flock(self._turns, fcntl.LOCK_UN)
        return written

    def flush(self) -> None:
        """Nothing waits here."""

    def close(self) -> None:
        """Leave the output open: it is not ours."""
        self._turns.close()
