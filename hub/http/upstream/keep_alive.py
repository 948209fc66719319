"""How long a server says that it keeps an idle connection: `Keep-Alive: timeout=5`, as Node and Apache do."""

import re
from collections.abc import Iterable

from hub.http.upstream.answer_sink import RawHeader

NAME = b"keep-alive"
#: What is sent within this time before the end may find the connection closed, in seconds.
MARGIN = 1.0
_TIMEOUT = re.compile(rb"(?:^|[,;\s])timeout=([0-9]{1,6})(?![0-9])", re.IGNORECASE)


def kept_for(headers: Iterable[RawHeader], usual: float) -> float:
    """How long a connection may be idle, in seconds: the usual time, or less if the server says so."""
    for name, value in headers:
        if len(name) == len(NAME) and name.lower() == NAME and (said := _TIMEOUT.search(value)):
            return min(usual, max(float(said[1]) - MARGIN, 0.0))
    return usual
