"""The one seam to the network: a request goes out, an answer or a failure named by type comes back."""

from collections.abc import Sequence
from datetime import timedelta
from typing import ClassVar, NamedTuple, Protocol

from hub.ocpi.headers import Header

DEFAULT_TIMEOUT = timedelta(seconds=30)


class HttpRequest(NamedTuple):
    """A request to a platform; the URL is sent as it is written, percent-encoding and all."""

    method: str
    url: str
    headers: tuple[Header, ...] = ()
    body: bytes = b""
    timeout: timedelta = DEFAULT_TIMEOUT


class HttpReply(NamedTuple):
    """The answer of a platform, whole."""

    status: int
    headers: tuple[Header, ...] = ()
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """The first value of a header, by its name in any case."""
        return first(self.headers, name)


class CallFailed(Exception):
    """No answer of the platform can be had; the subclass says why.

    CallFailed
    ├── UrlNotAllowed     the URL may not be called (scheme, private address)
    ├── HeaderNotAllowed  the request cannot be written: a line break in a header, say
    ├── NotReached        no connection: DNS, refused, TLS, none in time
    ├── NoAnswerInTime    the request was sent, and the time is over
    └── BrokenAnswer      the connection closed half-way, the answer is too large or is not HTTP
    """

    #: What happened, in words for people; the message says where, and more.
    happened: ClassVar[str] = "the call failed"


class UrlNotAllowed(CallFailed):
    """The URL may not be called."""

    happened = "this URL may not be called"


class HeaderNotAllowed(CallFailed):
    """The request cannot be written as it was given; nothing was sent."""


class NotReached(CallFailed):
    """No connection could be made; nothing was sent."""

    happened = "it cannot be reached, and nothing was sent"


class NoAnswerInTime(CallFailed):
    """The platform did not answer in time; the request may have been received."""

    happened = "it did not answer in time, and may have received the request"


class BrokenAnswer(CallFailed):
    """The answer did not arrive whole; the request may have been received."""

    happened = "its answer did not arrive whole, and it may have received the request"


class Transport(Protocol):
    """Sends one request; never follows redirects, never repeats."""

    async def send(self, request: HttpRequest) -> HttpReply:
        """The platform's answer, whatever its status.

        Raises:
            CallFailed: there is none; the subclass says why.
        """
        ...


def joined_url(endpoint: str, tail: str = "", query: str = "") -> str:
    """Endpoint, path below it and query, with exactly one slash between the first two (AM-35, RT-26)."""
    url = endpoint if not tail else endpoint.rstrip("/") + "/" + tail.removeprefix("/")
    if not query:
        return url
    return f"{url}{'&' if '?' in url else '?'}{query}"


def first(headers: Sequence[Header], name: str) -> str | None:
    """The first value of a header among these, by its name in any case."""
    name = name.lower()
    for given, value in headers:
        if given.lower() == name:
            return value
    return None
