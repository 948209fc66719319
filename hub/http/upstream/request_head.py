"""The bytes of a request before its body: what was given, `Host`, `Accept-Encoding` and the length, no more.

A name or value that could be read as the end of a header line goes nowhere. Values are written in UTF-8, as
the hub reads those of its callers: what came is what goes on.
"""

import re
from collections.abc import Sequence

from hub.ocpi.headers import Header
from hub.ocpi.transport import HeaderNotAllowed

#: Whose requests have no body unless one is given (RFC 9110, 8.6: a length is expected of the others).
WITHOUT_BODY = frozenset({"GET", "HEAD", "OPTIONS"})
#: What is the client's to say: how the message is framed, and what becomes of the connection.
OWN_NAMES = frozenset(
    {"accept-encoding", "connection", "content-length", "expect", "host", "keep-alive", "te", "trailer"}
    | {"transfer-encoding", "upgrade"}
)
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_MOST_NAMES = 1000


class _Names(dict[str, str]):
    """How the lines of headers begin, by their name; those that may be sent."""

    def __missing__(self, name: str) -> str:
        if not _TOKEN.fullmatch(name):
            raise HeaderNotAllowed(f"{name[:100]!r} is not the name of a header")
        if name.lower() in OWN_NAMES:
            raise HeaderNotAllowed(f"the header {name} is written by the client itself")
        begins = f"{name}: "
        if len(self) < _MOST_NAMES:
            self[name] = begins
        return begins


_BEGINS = _Names()


def request_head(
    method: str, target: str, host: str, headers: Sequence[Header], length: int | None = None
) -> bytes:
    """The head of a request.

    Args:
        method: The method.
        target: What is asked for, exactly as it is to be sent.
        host: What stands behind `Host:`.
        headers: What else is said.
        length: Of the body, in bytes; None where there is none and none is expected.

    Raises:
        HeaderNotAllowed: a name, a value or the method is none that can be sent.
    """
    if not (method.isascii() and method.isalpha()):
        raise HeaderNotAllowed(f"{method[:100]!r} is not a method")
    lines = [
        f"{method} {target} HTTP/1.1\r\nHost: {host}\r\nAccept-Encoding: identity\r\n",
        *[f"{_BEGINS[name]}{value}\r\n" for name, value in headers],
    ]
    _check_values(headers)
    lines.append("\r\n" if length is None else f"Content-Length: {length}\r\n\r\n")
    return "".join(lines).encode("utf-8", "surrogateescape")


def _check_values(headers: Sequence[Header]) -> None:
    # The quick look at all of them together is true of nearly every request; tabs and umlauts take the other.
    values = "".join([value for _, value in headers])
    if values.isascii() and values.isprintable():
        return
    for name, value in headers:
        if _CONTROL.search(value):
            raise HeaderNotAllowed(f"the value of the header {name} has control characters")
        try:
            value.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError as error:
            raise HeaderNotAllowed(f"the value of the header {name} is no text") from error
