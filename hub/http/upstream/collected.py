"""An answer that is wanted whole."""

import asyncio

from hub.http.upstream.answer_sink import UNREAD, RawHeader
from hub.http.upstream.decoding import decoded
from hub.http.upstream.header_text import header_texts
from hub.ocpi.transport import CallFailed, HttpReply


class CollectedAnswer:
    """Collects an answer for one that waits until it is whole."""

    __slots__ = ("_headers", "_largest", "_pieces", "_status", "done")

    def __init__(self, done: "asyncio.Future[None]", largest: int) -> None:
        """Wire up.

        Args:
            done: Done when the answer is whole; its failure is that of the call.
            largest: The largest body, in bytes, once it is decoded.
        """
        self.done = done
        self._largest = largest
        self._status = 0
        self._headers: list[RawHeader] = []
        self._pieces: list[bytes] = []

    def glance(self, data: bytes) -> int:
        """Let the parser read it."""
        del data
        return UNREAD

    def on_head(self, status: int, reason: bytes, headers: list[RawHeader]) -> None:
        """Keep it."""
        del reason
        self._status = status
        self._headers = headers

    def on_body(self, data: bytes) -> None:
        """Keep it."""
        self._pieces.append(data)

    def on_end(self) -> None:
        """Wake who waits."""
        if not self.done.done():
            self.done.set_result(None)

    def on_failed(self, failure: CallFailed) -> None:
        """Wake who waits."""
        if not self.done.done():
            self.done.set_exception(failure)

    def reply(self) -> HttpReply:
        """The answer, once it is whole.

        Raises:
            BrokenAnswer: its content coding is not known, or not what it says.
        """
        headers = header_texts(self._headers)
        return HttpReply(self._status, headers, decoded(b"".join(self._pieces), headers, self._largest))
