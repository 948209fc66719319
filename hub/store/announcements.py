"""What processes of the hub that share a database tell each other: that something has changed, and where.

An announcement is part of a transaction: others hear it once the change is in sight, and never of one that
was undone. It says where to look, not what is there. Whoever was cut off for a while may have missed some,
and is told that anything may have changed.

With SQLite there is one process, and nobody to be told.
"""

import asyncio
import logging
import secrets
from collections.abc import Callable
from datetime import timedelta
from enum import StrEnum

from sqlalchemy import URL
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.ocpi.backoff import Backoff
from hub.store.dialects import Dialect

CHANNEL = "ocpi_hub"
#: How soon it is tried again to listen.
_AGAIN = Backoff(timedelta(seconds=0.1), timedelta(seconds=5))

#: Told which parts have changed; None for all.
Listener = Callable[[frozenset[str] | None], None]

log = logging.getLogger(__name__)


class Topic(StrEnum):
    """What may change."""

    #: Platforms, parties, tokens, quirks, agreements; and what is owed because of them.
    DIRECTORY = "directory"
    #: Objects, by module, and rows of the change log.
    OBJECTS = "objects"
    #: Who looks after what, or may.
    LEASES = "leases"
    #: Platforms that have called, or cannot be reached, by number.
    SIGNS = "signs"
    #: What the process that does the hub's chores is to look at.
    CHORES = "chores"
    #: What an operator asks of the process that looks after a platform: its number, what, and details.
    ERRANDS = "errands"


class Announcements:
    """Tells other processes, and hears them. Somebody must `run` it for the latter."""

    def __init__(self, url: URL, dialect: Dialect) -> None:
        self._url = url
        self._dialect = dialect
        #: Tells our own announcements from those of others.
        self._name = secrets.token_hex(8)
        self._listeners: dict[Topic, list[Listener]] = {topic: [] for topic in Topic}
        #: Whether others are heard now.
        self.is_listening = False

    async def announce(self, connection: AsyncConnection, topic: Topic, *parts: str) -> None:
        """Tell the others, when the connection's transaction is committed, that something has changed."""
        payload = " ".join((self._name, topic, *parts))
        await self._dialect.announce(connection, CHANNEL, payload)

    def heard_by(self, topic: Topic, listener: Listener) -> None:
        """Call the listener, from now on, when somebody else has announced something; it must be quick."""
        self._listeners[topic].append(listener)

    async def run(self) -> None:
        """Listen until cancelled; return at once where nobody else can be."""
        failures = 0
        while self._dialect.is_shared:
            try:
                await self._dialect.listen(self._url, CHANNEL, self._hear, self._begin)
            except (SQLAlchemyError, OSError) as error:
                log.warning("what other processes change is not heard: %s", error)
            failures = 1 if self.is_listening else failures + 1
            self.is_listening = False
            await asyncio.sleep(_AGAIN.delay(failures, 1.0).total_seconds())

    def _begin(self) -> None:
        self.is_listening = True
        for topic in Topic:
            self._tell(topic, None)

    def _hear(self, payload: str) -> None:
        name, topic, *parts = payload.split(" ")
        if name == self._name:
            return
        if topic in self._listeners:
            self._tell(Topic(topic), frozenset(parts))
        else:
            self._begin()  # by a newer version, which knows of more

    def _tell(self, topic: Topic, parts: frozenset[str] | None) -> None:
        for listener in self._listeners[topic]:
            listener(parts)
