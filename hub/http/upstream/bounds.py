"""How long the client waits, and how much it takes."""

from dataclasses import dataclass
from datetime import timedelta

#: An idle connection is closed before a usual server closes it on its side, which would lose a POST.
KEEP_ALIVE = timedelta(seconds=15)
#: More than the relays that may be under way to one platform: deliveries and pulls have room beside them.
CONNECTIONS = 256
LARGEST_HEAD = 64 * 1024


@dataclass(frozen=True, slots=True)
class Bounds:
    """The bounds of connections and answers; the time for a whole answer comes with each request."""

    #: For a connection to be made: a turn in the pool, the address, TCP and TLS.
    connect: timedelta
    #: The largest body of an answer, in bytes.
    largest_body: int
    #: The largest head of an answer, in bytes, together with the provisional answers (1xx) before it.
    largest_head: int = LARGEST_HEAD
    #: The most header lines of an answer.
    most_headers: int = 256
    #: For an answer to begin once the request is sent; None for as long as the whole answer may take.
    first_byte: timedelta | None = None
    #: Connections to one origin.
    connections: int = CONNECTIONS
    #: How long a connection may be idle.
    idle: timedelta = KEEP_ALIVE
