"""An answer that is there already, and that calls shall go on with as if they had just asked.

A redirect that may be followed, a token that was refused: what comes then is more than one request, and
stands in `hub.calling`. It is handed the answer as if it had just asked.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from hub.ocpi.timestamps import Clock
from hub.ocpi.transport import HttpReply, HttpRequest, Transport


@dataclass(slots=True)
class AnswerInHand:
    """A transport, a clock and a maker of ids which are those of the request that was answered, once."""

    reply: HttpReply
    sent_at: datetime
    #: The id that was sent.
    request_id: str
    transport: Transport
    real_clock: Clock
    make_id: Callable[[], str]
    is_taken: bool = False
    is_named: bool = False

    async def send(self, request: HttpRequest) -> HttpReply:
        """The answer, the first time.

        Raises:
            CallFailed: as the transport says, later.
        """
        if self.is_taken:
            return await self.transport.send(request)
        self.is_taken = True
        return self.reply

    def clock(self) -> datetime:
        """The time at which it was sent, until the answer is taken."""
        return self.real_clock() if self.is_taken else self.sent_at

    def new_id(self) -> str:
        """The id that it was sent with, the first time."""
        if self.is_named:
            return self.make_id()
        self.is_named = True
        return self.request_id
