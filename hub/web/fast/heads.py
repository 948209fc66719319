"""The head of a request, read with httptools, and where the request ends."""

from typing import Final, NamedTuple

from aiohttp import hdrs
from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser
from multidict import istr

from hub.http.upstream.answer_sink import RawHeader
from hub.ocpi.headers import Header

#: What the ordinary path must look at: other framing, another coding, another protocol.
NOT_PLAIN: Final = frozenset(
    {b"transfer-encoding", b"content-encoding", b"expect", b"upgrade", b"connection", b"proxy-connection"}
    | {b"sec-websocket-key1", b"trailer", b"te"}
)
#: What may stand in a head once.
SINGLE: Final = frozenset({b"host", b"content-length"})
METHODS: Final = frozenset({b"GET", b"PUT", b"PATCH", b"POST", b"DELETE"})
MOST_HEADERS: Final = 64
MOST_NAMES: Final = 1000
KEEP_ALIVE: Final = b"keep-alive"


class Head(NamedTuple):
    """The head of a request that the fast path may take."""

    method: str
    #: As it stands in the request line.
    target: str
    headers: tuple[Header, ...]
    #: Of the body, in bytes.
    length: int


#: Names of HTTP's own headers, as aiohttp spells them whoever sent them.
_SPELLED: Final = {str(each).lower(): str(each) for each in vars(hdrs).values() if isinstance(each, istr)}


class _Names(dict[bytes, str]):
    """Names that were seen; platforms use the same few."""

    def __missing__(self, name: bytes) -> str:
        text = name.decode("latin-1")
        text = _SPELLED.get(text.lower(), text)
        if len(self) < MOST_NAMES:
            self[name] = text
        return text


_NAMES = _Names()


class HeadReader:
    """Follows the requests on one connection, whoever answers them."""

    __slots__ = ("_headers", "_http", "_is_whole", "_url", "at_boundary", "is_lost", "requests")

    def __init__(self) -> None:
        self._http: Final = HttpRequestParser(self)
        #: Requests of which the last byte has been seen.
        self.requests = 0
        #: Whether the next byte begins a request.
        self.at_boundary = True
        #: Whether it is not known any more where requests end.
        self.is_lost = False
        self._url = b""
        self._headers: list[RawHeader] = []
        self._is_whole = False

    def follow(self, data: bytes) -> None:
        """Go on with these bytes."""
        if self.is_lost:
            return
        try:
            self._http.feed_data(data)
        except (HttpParserError, HttpParserUpgrade):
            self.is_lost = True

    def head(self, data: bytes) -> Head | None:
        """What a whole head says, None if it is not for the fast path."""
        self._is_whole = False
        self.follow(data)
        if self.is_lost or not self._is_whole:
            return None
        method = self._http.get_method()
        if method not in METHODS or self._http.get_http_version() != "1.1":
            return None
        length = self._length()
        if length is None:
            return None
        try:
            target = self._url.decode("ascii")
        except UnicodeDecodeError:
            return None
        headers = [(_NAMES[name], value.decode("utf-8", "surrogateescape")) for name, value in self._headers]
        return Head(method.decode("ascii"), target, tuple(headers), length)

    def _length(self) -> int | None:
        """The length of the body, None if the head is not plain."""
        length, single = 0, 0
        for name, value in self._headers:
            name = name.lower()  # noqa: PLW2901 the name by which it is looked up
            if name in SINGLE:
                single += 1 if name == b"host" else 1000
                if name == b"content-length":
                    if not value.isdigit():
                        return None
                    length = int(value)
            elif name in NOT_PLAIN and not (name == b"connection" and value.lower() == KEEP_ALIVE):
                return None
        is_plain = single in (1, 1001) and len(self._headers) <= MOST_HEADERS
        return length if is_plain else None

    # What httptools calls.

    def on_message_begin(self) -> None:
        """A request begins."""
        self.at_boundary = False
        self._url = b""
        self._headers = []

    def on_url(self, url: bytes) -> None:
        """A piece of the target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or a trailer, which nobody reads."""
        # The parser leaves spaces behind the value alone, and aiohttp does not.
        self._headers.append((name, value.rstrip(b" \t")))

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._is_whole = True

    def on_message_complete(self) -> None:
        """The request is whole."""
        self.at_boundary = True
        self.requests += 1
