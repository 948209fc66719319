"""The bytes of answers: the same lines in the same order, whoever writes them."""

import time
from email.utils import formatdate
from typing import ClassVar, Final

from aiohttp.http import RESPONSES, SERVER_SOFTWARE

from hub.ocpi.headers import CONTENT_TYPE, JSON_CONTENT_TYPE, Header, MessageIds
from hub.ocpi.message import Reply
from hub.ocpi.transport import first

_STATUS_LINES: Final = {status: f"HTTP/1.1 {status} {reason[0]}\r\n" for status, reason in RESPONSES.items()}


class _Date:
    """The Date header and what follows, made once a second."""

    newest: ClassVar[tuple[int, bytes]] = (0, b"")


def answer_bytes(reply: Reply, ids: MessageIds | None) -> bytes:
    """An answer as it goes out.

    Args:
        reply: What it says.
        ids: Those of the request (TR-17, TR-18); None for none.
    """
    return b"%b%b%b" % (head_before_length(reply, ids), end_of_head(len(reply.body)), reply.body)


def head_before_length(reply: Reply, ids: MessageIds | None) -> bytes:
    """The head of an answer up to what says how long its body is."""
    lines = [f"{name}: {value}\r\n" for name, value in headers_of(reply, ids)]
    status = _STATUS_LINES.get(reply.status) or f"HTTP/1.1 {reply.status} {chr(13)}{chr(10)}"
    # What cannot be encoded is left out, as aiohttp does.
    return f"{status}{''.join(lines)}".encode("utf-8", "ignore")


def headers_of(reply: Reply, ids: MessageIds | None) -> tuple[Header, ...]:
    """All headers of an answer but those of HTTP itself; `ids` are those of the request."""
    headers = reply.headers + reply.routing.headers()
    if first(reply.headers, CONTENT_TYPE) is None:
        headers += (JSON_CONTENT_TYPE,)
    return headers if ids is None else headers + ids.headers()


def end_of_head(length: int) -> bytes:
    """The rest of the head: the length of the body, and what is the same for all answers of a second."""
    second = int(time.time())
    if _Date.newest[0] != second:
        date = formatdate(second, usegmt=True)
        _Date.newest = second, f"\r\nDate: {date}\r\nServer: {SERVER_SOFTWARE}\r\n\r\n".encode()
    return b"Content-Length: %d%b" % (length, _Date.newest[1])
