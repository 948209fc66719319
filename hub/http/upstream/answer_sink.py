"""Who takes an answer as it arrives."""

from typing import Protocol

from hub.ocpi.transport import CallFailed

#: A header line as it came: name and value.
RawHeader = tuple[bytes, bytes]
#: What a glance says of an answer that the parser must read.
UNREAD = -1


class AnswerSink(Protocol):
    """Is told of an answer in this order: head, body in pieces, end; `on_failed` ends it at any point.

    Whoever knows an answer at a glance is told of the rest of its body and the end, and of no head.

    It is called while bytes are being read, so it must not wait.
    """

    def glance(self, data: bytes) -> int:
        """The first bytes of the answer: how many of its body are missing, or `UNREAD`."""
        ...

    def on_head(self, status: int, reason: bytes, headers: list[RawHeader]) -> None:
        """The final answer has begun."""
        ...

    def on_body(self, data: bytes) -> None:
        """A piece of the body."""
        ...

    def on_end(self) -> None:
        """The answer is whole; its connection is somebody else's already."""
        ...

    def on_failed(self, failure: CallFailed) -> None:
        """There will be no more of it; its connection is closed."""
        ...


class Nobody:
    """Takes what nobody waits for any longer."""

    def glance(self, data: bytes) -> int:
        """Not wanted."""
        del data
        return UNREAD

    def on_head(self, status: int, reason: bytes, headers: list[RawHeader]) -> None:
        """Not wanted."""

    def on_body(self, data: bytes) -> None:
        """Not wanted."""

    def on_end(self) -> None:
        """Not wanted."""

    def on_failed(self, failure: CallFailed) -> None:
        """Not wanted."""


NOBODY = Nobody()
