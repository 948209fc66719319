"""Who takes an answer as it arrives."""

from typing import Protocol

from hub.ocpi.transport import CallFailed

#: A header line as it came: name and value.
RawHeader = tuple[bytes, bytes]


class AnswerSink(Protocol):
    """Is told of an answer in this order: head, body in pieces, end; `on_failed` ends it at any point.

    It is called while bytes are being read, so it must not wait.
    """

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

    def on_head(self, status: int, reason: bytes, headers: list[RawHeader]) -> None:
        """Not wanted."""

    def on_body(self, data: bytes) -> None:
        """Not wanted."""

    def on_end(self) -> None:
        """Not wanted."""

    def on_failed(self, failure: CallFailed) -> None:
        """Not wanted."""


NOBODY = Nobody()
