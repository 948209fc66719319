"""What is sent within one turn of the event loop, sent together at its end.

To write wakes whoever reads. Where that is on the same machine, as a proxy in front of the hub is, waking
costs more than writing; of writes one right after the other, the first one wakes it for all.
"""

import asyncio
from typing import Final, Protocol


class Sender(Protocol):
    """Has something to send."""

    def send(self) -> None:
        """Send it now; fails never, and does nothing where there is nothing any more."""
        ...


class Together:
    """Those who have something to send at the end of this turn."""

    __slots__ = ("_loop", "_senders")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop: Final = loop
        self._senders: list[Sender] = []

    def later(self, sender: Sender) -> None:
        """Let it send at the end of this turn."""
        if not self._senders:
            self._loop.call_soon(self._send)
        self._senders.append(sender)

    def _send(self) -> None:
        senders, self._senders = self._senders, []
        for sender in senders:
            sender.send()
