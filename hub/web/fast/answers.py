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
    """The Date header, made once a second."""

    newest: tuple[int, str] = (0, "")


def answer_bytes(reply: Reply, ids: MessageIds) -> bytes:
    """An answer as it goes out.

    Args:
        reply: What it says.
        ids: Those of the request (TR-17, TR-18).

    Raises:
        UnicodeEncodeError: a header cannot be sent.
    """
    routing = reply.routing.headers()
    headers = (*reply.headers, *routing, *ids.headers())
    lines = [f"{name}: {value}\r\n" for name, value in headers]
    if not any(name.lower() == CONTENT_TYPE.lower() for name, _ in reply.headers):
        lines.insert(len(reply.headers) + len(routing), _JSON)
    head = (
        f"{_STATUS_LINES.get(reply.status) or f'HTTP/1.1 {reply.status} {chr(13)}{chr(10)}'}{''.join(lines)}"
        f"Content-Length: {len(reply.body)}\r\nDate: {_date()}\r\nServer: {SERVER_SOFTWARE}\r\n\r\n"
    )
    return head.encode() + reply.body


def _date() -> str:
    second = int(time.time())
    if _Date.newest[0] != second:
        _Date.newest = second, formatdate(second, usegmt=True)
    return _Date.newest[1]
