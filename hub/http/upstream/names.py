"""The addresses of a host, asked for in threads of their own: one that hangs holds up nobody else."""

import asyncio
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from hub.http.addresses import AddressInfo

#: Asks for the addresses of host and port as `socket.getaddrinfo` does, and may take its time.
Resolve = Callable[[str, int], Sequence[AddressInfo]]
#: Hosts that are asked about at the same time.
MOST_AT_ONCE = 16
#: How long an address is taken for what it was, in seconds: many connections may be made at the same time.
LIFETIME = 10.0


def resolved(host: str, port: int) -> Sequence[AddressInfo]:
    """The addresses that the system knows; waits for name servers."""
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)


class Names:
    """Asks once for all who want to know at the same time, and for a little while after."""

    def __init__(self, loop: asyncio.AbstractEventLoop, resolve: Resolve = resolved) -> None:
        self._loop = loop
        self._resolve = resolve
        self._threads = ThreadPoolExecutor(MOST_AT_ONCE, "names")
        self._asked: dict[tuple[str, int], asyncio.Future[Sequence[AddressInfo]]] = {}

    async def addresses(self, host: str, port: int) -> Sequence[AddressInfo]:
        """The addresses of a host, or the address that it is.

        Raises:
            OSError: there are none, or nobody knows.
            UnicodeError: no name can look like this.
        """
        try:
            return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        except socket.gaierror:
            pass
        asked = self._asked.get((host, port)) or self._ask(host, port)
        # Whoever gives up waiting leaves the others their answer.
        return await asyncio.shield(asked)

    def _ask(self, host: str, port: int) -> asyncio.Future[Sequence[AddressInfo]]:
        asked = self._loop.run_in_executor(self._threads, self._resolve, host, port)
        self._asked[host, port] = asked

        def answered(found: asyncio.Future[Any]) -> None:
            if found.cancelled() or found.exception() is not None:
                self._forget(host, port)
            else:
                self._loop.call_later(LIFETIME, self._forget, host, port)

        asked.add_done_callback(answered)
        return asked

    def _forget(self, host: str, port: int) -> None:
        self._asked.pop((host, port), None)

    def close(self) -> None:
        """Ask no more; a thread that waits for a name server ends when that answers."""
        self._threads.shutdown(wait=False, cancel_futures=True)
