"""The handshake by which a WebSocket begins, as its server sees it (RFC 6455, 4.2).

Reading says no more than whether it is a handshake; who may come in, others decide.
"""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final, NamedTuple

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

#: A request line and headers of more bytes are refused.
LARGEST_HEAD: Final = 8 * 1024
_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_VERSION: Final = "13"
_KEY_BYTES: Final = 16
_NONE: Final[Mapping[str, str]] = {}


class Refused(Exception):
    """There will be no WebSocket.

    Attributes:
        status: Of HTTP.
        headers: Of the answer.
        reason: Its text, if there is something to say.
    """

    def __init__(self, status: int, reason: str = "", headers: Mapping[str, str] = _NONE) -> None:
        super().__init__(status, reason)
        self.status = status
        self.reason = reason
        self.headers = headers


class Opening(NamedTuple):
    """A request, of which the head has come."""

    method: str
    #: As it stands in the request line, without its query.
    path: str
    #: Names in lower case; several of one name are one, with commas.
    headers: Mapping[str, str]

    def key(self) -> bytes:
        """What the answer must prove to have read.

        Raises:
            Refused: It is no handshake of a WebSocket.
        """
        header = self.headers.get
        asks = "upgrade" in header("connection", "").lower() and header("upgrade", "").lower() == "websocket"
        if self.method != "GET" or not asks:
            raise Refused(HTTPStatus.BAD_REQUEST, "this is for WebSockets")
        if header("sec-websocket-version") != _VERSION:
            raise Refused(HTTPStatus.UPGRADE_REQUIRED, "", {"Sec-WebSocket-Version": _VERSION})
        key = header("sec-websocket-key", "").encode()
        try:
            is_key = len(base64.b64decode(key, validate=True)) == _KEY_BYTES
        except binascii.Error:
            is_key = False
        if not is_key:
            raise Refused(HTTPStatus.BAD_REQUEST, "no Sec-WebSocket-Key")
        return key


class OpeningReader:
    """Reads the head of one request, piece by piece."""

    def __init__(self) -> None:
        self._http = HttpRequestParser(self)
        self._size = 0
        self._url = b""
        self._headers: dict[str, str] = {}
        self._is_whole = False

    def read(self, data: bytes) -> tuple[Opening, bytes] | None:
        """The request and what came after it, once its head is whole.

        Raises:
            Refused: It is no HTTP, or too large.
        """
        self._size += len(data)
        rest = b""
        try:
            self._http.feed_data(data)
        except HttpParserUpgrade as upgrade:
            rest = data[upgrade.args[0] :]
        except HttpParserError as error:
            raise Refused(HTTPStatus.BAD_REQUEST, "not HTTP") from error
        if self._size - len(rest) > LARGEST_HEAD:
            raise Refused(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        if not self._is_whole:
            return None
        path = self._url.partition(b"?")[0].decode("latin-1")
        return Opening(self._http.get_method().decode("latin-1"), path, self._headers), rest

    # What httptools calls.

    def on_url(self, url: bytes) -> None:
        """A piece of the target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header."""
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        before = self._headers.get(key)
        self._headers[key] = text if before is None else f"{before}, {text}"

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._is_whole = True


def welcome(key: bytes, subprotocol: str | None) -> bytes:
    """The answer that completes a handshake; compression is never agreed on.

    Its window would take more memory than all the rest of a link.
    """
    accept = base64.b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest()).decode()
    chosen = "" if subprotocol is None else f"Sec-WebSocket-Protocol: {subprotocol}\r\n"
    return (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept}\r\n{chosen}\r\n"
    ).encode()


def refusal(refused: Refused) -> bytes:
    """The answer to a request that is refused, after which the connection ends."""
    body = refused.reason.encode()
    headers = {"Content-Type": "text/plain; charset=utf-8"} | dict(refused.headers)
    headers |= {"Content-Length": str(len(body)), "Connection": "close"}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    phrase = HTTPStatus(refused.status).phrase
    return f"HTTP/1.1 {refused.status} {phrase}\r\n{lines}\r\n".encode() + body
