"""What a charge point still has to say: in order, one at a time, and of a transaction nothing is lost.

A message stays at the head until the central system has answered it, so that a link that breaks in
between costs nothing: it is said again, with the same message id, over the next link.
"""

import asyncio
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from partners.charger.call import Call


@dataclass(slots=True)
class Message:
    """Something to be said, once there is a link and its turn has come.

    Attributes:
        call: Makes the CALL when it is sent: a transaction's number may be known only then.
        answered: Told the result.
        outlives_the_link: Whether it is said over a later link: true of what belongs to a transaction.
        message_id: The same however often it is said.
        attempts: Times that the central system has refused it.
    """

    call: Callable[[], Call]
    answered: Callable[[Mapping[str, Any]], None] = lambda _: None
    outlives_the_link: bool = True
    message_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    attempts: int = 0


class Outbox:
    """First in, first out."""

    def __init__(self) -> None:
        self._messages: deque[Message] = deque()
        self._filled = asyncio.Event()

    def __len__(self) -> int:
        """How many messages wait."""
        return len(self._messages)

    def put(self, message: Message) -> None:
        """To be said after everything that waits already."""
        self._messages.append(message)
        self._filled.set()

    async def head(self) -> Message:
        """The message whose turn it is, as soon as there is one; it stays where it is."""
        while not self._messages:
            self._filled.clear()
            await self._filled.wait()
        return self._messages[0]

    def done(self) -> None:
        """Take the head away: it was answered, or given up."""
        self._messages.popleft()

    def link_lost(self) -> None:
        """Drop what only meant something on the link that is gone."""
        self._messages = deque(message for message in self._messages if message.outlives_the_link)
