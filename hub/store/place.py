"""A process's place in its data directory: a number, and what is known of whoever had it before.

The place is held by a lock that the system lets go when the process ends, however that happens. So whoever
gets a place that was used before knows that the process before is dead, and not only silent.
"""

import fcntl
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TextIO

#: Where the places are, in the data directory.
FOLDER = "processes"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a process stands among those with the same data directory."""

    #: From 1 on; that of a process which ended is used again.
    number: int
    #: The process's name, which nobody else ever has.
    name: str
    #: The name of the process that had the place before, None where nobody had.
    before: str | None
    #: Where the processes have what they share.
    folder: Path


@contextmanager
def place_in(data: Path) -> Iterator[Place]:
    """The first place that is free, until the end of the block.

    Raises:
        OSError: the data directory cannot be written.
    """
    folder = data / FOLDER
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for number in count(1):
        with (folder / str(number)).open("a+") as file:
            if not _locked(file):
                continue
            file.seek(0)
            before = file.read() or None
            name = secrets.token_hex(8)
            file.truncate(0)
            file.write(name)
            file.flush()
            yield Place(number, name, before, folder)
            return


def _locked(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
