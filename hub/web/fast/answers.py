"""The bytes of an answer: the same lines in the same order as on the ordinary path."""

import time
from email.utils import formatdate
from typing import Final

from aiohttp.http import RESPONSES, SERVER_SOFTWARE

from hub.ocpi.headers import CONTENT_TYPE, JSON_CONTENT_TYPE, MessageIds
from hub.ocpi.message import Reply

_STATUS_LINES: Final = {status: f"HTTP/1.1 {status} {reason[0]}\r\n" for status, reason in RESPONSES.items()}
_JSON: Final = "{}: {}\r\n".format(*JSON_CONTENT_TYPE)


class _Date:
    """The Date header and what follows, made once a second."""

    newest: tuple[int, bytes] = (0, b"")


def answer_bytes(reply: Reply, ids: MessageIds) -> bytes:
    """An answer as it goes out.

    Args:
        reply: What it says.
        ids: Those of the request (TR-17, TR-18).

    Raises:
        UnicodeEncodeError: a header cannot be sent.
    """
    return b"%b%b%b" % (head_before_length(reply, ids), end_of_head(len(reply.body)), reply.body)


def head_before_length(reply: Reply, ids: MessageIds) -> bytes:
    """The head of an answer up to what says how long its body is.

    Raises:
        UnicodeEncodeError: a header cannot be sent.
    """
    routing = reply.routing.headers()
    headers = (*reply.headers, *routing, *ids.headers())
    lines = [f"{name}: {value}\r\n" for name, value in headers]
    if not any(name.lower() == CONTENT_TYPE.lower() for name, _ in reply.headers):
        lines.insert(len(reply.headers) + len(routing), _JSON)
    status = _STATUS_LINES.get(reply.status) or f"HTTP/1.1 {reply.status} {chr(13)}{chr(10)}"
    return f"{status}{''.join(lines)}".encode()


def end_of_head(length: int) -> bytes:
    """The rest of the head: the length of the body, and what is the same for all answers of a second."""
    second = int(time.time())
    if _Date.newest[0] != second:
        date = formatdate(second, usegmt=True)
        _Date.newest = second, f"\r\nDate: {date}\r\nServer: {SERVER_SOFTWARE}\r\n\r\n".encode()
    return b"Content-Length: %d%b" % (length, _Date.newest[1])
