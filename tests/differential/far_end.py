"""A platform that keeps the bytes it got, and answers as the id in the path says: `CLOSE17x0` closes."""

import asyncio
import re
from typing import Final, cast

from tests.fixtures.recorder import Recorder

JSON = b"Content-Type: application/json\r\n"
OK = b'{"status_code":1000,"data":{"b":1.0,"a":[1,2.50]},"timestamp":"2026-01-01T00:00:00Z"}'
LARGE = b'{"status_code":1000,"data":"%b","timestamp":"2026-01-01T00:00:00Z"}' % (b"x" * 90_000)


def _whole(status: bytes, body: bytes, headers: bytes = JSON) -> bytes:
    return b"HTTP/1.1 %b\r\n%bContent-Length: %d\r\n\r\n%b" % (status, headers, len(body), body)


_NO: Final = b'{"status_code":2001,"status_message":"no","timestamp":"2026-01-01T00:00:00Z"}'
_FAILURE: Final = b'{"status_code":3000,"timestamp":"2026-01-01T00:00:00Z"}'
_NEXT: Final = b'Link: <http://192.0.2.1/next>; rel="next"\r\nX-Total-Count: 7\r\n'
_DUTCH: Final = b"content-type: text/json; charset=utf-8\r\nContent-Language: nl\r\n"

#: Between two pieces of an answer that does not come at once, in seconds.
_LATER: Final = 0.005
_LATE: Final = _whole(b"200 OK", OK)

#: Answers by the name in the path; a number is a pause, and what closes the connection ends with None.
ANSWERS: dict[str, tuple[bytes | float | None, ...]] = {
    "OK": (_whole(b"200 OK", OK),),
    "NEW": (_whole(b"201 Created", OK),),
    "IDS": (_whole(b"200 OK", OK, JSON + b"X-Request-ID: theirs\r\nOCPI-to-party-id: XXX\r\nServer: s\r\n"),),
    "LANG": (_whole(b"200 Strange reason", OK, _DUTCH),),
    "BARE": (_whole(b"200 OK", OK, b""),),
    "LARGE": (_whole(b"200 OK", LARGE),),
    "LATE": (_LATE[:25], _LATER, _LATE[25:-30], _LATER, _LATE[-30:]),
    "CHUNKED": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n" + JSON + b"\r\n10\r\n" + OK[:16] + b"\r\n",
        b"%x\r\n%b\r\n0\r\n\r\n" % (len(OK) - 16, OK[16:]),
    ),
    "UNTIL": (b"HTTP/1.1 200 OK\r\n" + JSON + b"\r\n" + OK, None),
    "LAST": (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(OK), OK), None),
    "EARLY": (b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", _whole(b"200 OK", OK)),
    "SAYSNO": (_whole(b"200 OK", _NO),),
    "MISSING": (_whole(b"404 Not Found", b'{"status_code":2003,"timestamp":"2026-01-01T00:00:00Z"}'),),
    "NOWHERE": (_whole(b"404 Not Found", b"<h1>404</h1>", b"Content-Type: text/html\r\n"),),
    "NEVER": (_whole(b"405 Method Not Allowed", b""),),
    "HTML": (_whole(b"200 OK", b"<html></html>", b"Content-Type: text/html\r\n"),),
    "BROKEN": (_whole(b"200 OK", b'{"status_code": 10'),),
    "LIST": (_whole(b"200 OK", b"[]"),),
    "EMPTY": (_whole(b"200 OK", b""),),
    "NOCONTENT": (b"HTTP/1.1 204 No Content\r\n\r\n",),
    "FAILED": (_whole(b"500 Internal Server Error", b"oops"),),
    "THEIRS": (_whole(b"500 Internal Server Error", _FAILURE),),
    "AWAY": (_whole(b"302 Found", b"", b"Location: http://192.0.2.1/elsewhere\r\n"),),
    "PAGE": (_whole(b"200 OK", OK, JSON + _NEXT),),
    "NOLINK": (_whole(b"200 OK", OK, JSON + b"Link: \r\nX-Limit: 50\r\n"),),
    "LOCATED": (_whole(b"201 Created", OK, JSON + b"Location: /somewhere\r\n"),),
    "CLOSE": (None,),
    "HALF": (b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{", None),
    "NOHTTP": (b"hello\r\n\r\n", None),
}  # fmt: skip
#: After these the hub may lose its patience with a platform, so they come seldom.
FAULTS = ("CLOSE", "HALF", "NOHTTP")
USUAL = tuple(name for name in ANSWERS if name not in FAULTS)
_NAME = re.compile(rb"([A-Z]+)(\d+)x\d+")
_LENGTH = re.compile(rb"\r\nContent-Length: (\d+)\r\n")


class FarEnd(Recorder):
    """A recorder for the handshake, whose modules lie at a server of bytes."""

    def __init__(self, roles: list[tuple[str, str, str]]) -> None:
        super().__init__(roles)
        #: What came, by the number of the conversation.
        self.got: dict[int, list[bytes]] = {}
        self._bytes_url = ""

    async def open(self) -> asyncio.Server:
        """Listen; whoever asks for this closes it."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Talk(self.got), "127.0.0.1", 0)
        self._bytes_url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        return server

    def endpoint(self, module: str, side: str) -> str:
        """The URL of one interface."""
        if module in {"credentials", "hubclientinfo"}:
            return super().endpoint(module, side)
        return f"{self._bytes_url}/{side.lower()}/{module}"


class _Talk(asyncio.Protocol):
    """One connection of a hub."""

    def __init__(self, got: dict[int, list[bytes]]) -> None:
        self._got = got
        self._data = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._data += data
        while (end := self._data.find(b"\r\n\r\n")) >= 0:
            length = _LENGTH.search(self._data[: end + 2])
            whole = end + 4 + (int(length[1]) if length else 0)
            if len(self._data) < whole:
                return
            request, self._data = self._data[:whole], self._data[whole:]
            self._answer(request)

    def _answer(self, request: bytes) -> None:
        name = _NAME.search(request.partition(b"\r\n")[0])
        kind, number = (name[1].decode(), int(name[2])) if name else ("OK", -1)
        self._got.setdefault(number, []).append(request)
        self._say(ANSWERS.get(kind, ANSWERS["OK"]))

    def _say(self, pieces: tuple[bytes | float | None, ...]) -> None:
        assert self._transport is not None
        for place, piece in enumerate(pieces):
            if piece is None:
                self._transport.close()
            elif isinstance(piece, float):
                asyncio.get_running_loop().call_later(piece, self._say, pieces[place + 1 :])
                return
            else:
                self._transport.write(piece)
