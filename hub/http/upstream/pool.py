"""The connections to one origin: at most so many, the last one used first, idle ones for a while only."""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from hub.http.upstream.bounds import Bounds
from hub.http.upstream.connection import Connection
from hub.http.upstream.dialling import Dialling
from hub.http.upstream.idle import IdleConnections
from hub.http.upstream.origin import Origin
from hub.ocpi.transport import NotReached


class Pool:
    """Connections to one origin, for one request after another.

    There are `Bounds.connections` slots. A connection uses one from when it begins to be made until it is
    gone; a request that finds no slot free waits for its turn.
    """

    def __init__(
        self,
        origin: Origin,
        dialling: Dialling,
        bounds: Bounds,
        loop: asyncio.AbstractEventLoop,
        unused: Callable[[Origin], None],
    ) -> None:
        """Wire up.

        Args:
            origin: To which server.
            dialling: Makes connections.
            bounds: How many, and for how long.
            loop: The event loop.
            unused: Told when nothing is left in the pool.
        """
        self.origin = origin
        self.host_header = origin.host_header
        self._dialling = dialling
        self._bounds = bounds
        self._loop = loop
        self._unused = unused
        #: Those that are made and not gone.
        self._connections: set[Connection] = set()
        self._idle = IdleConnections(bounds.idle.total_seconds(), loop)
        self._slots_used = 0
        #: In the order in which they came. Each gets a connection, or None for a slot.
        self._waiting: deque[asyncio.Future[Connection | None]] = deque()
        self._asking = 0
        self._is_closed = False

    @property
    def connections(self) -> int:
        """How many connections there are."""
        return len(self._connections)

    @property
    def idle(self) -> int:
        """How many of them nobody uses."""
        return len(self._idle)

    def take(self) -> Connection | None:
        """A connection that can be used at once, None where there is none."""
        return self._idle.take()

    async def connection(self, by: float) -> Connection:
        """A connection, perhaps a new one, by this moment of the loop's time.

        Raises:
            NotReached: none can be had.
            UrlNotAllowed: the host has private addresses only.
        """
        self._asking += 1
        try:
            async with asyncio.timeout_at(by):
                return await self._connection()
        except TimeoutError as error:
            raise NotReached(f"no connection to {self.origin} in time") from error
        finally:
            self._asking -= 1
            self._tell_if_unused()

    async def _connection(self) -> Connection:
        while True:
            self._check_open()
            if (found := self.take()) is not None:
                return found
            if self._slots_used < self._bounds.connections:
                self._slots_used += 1
                return await self._dialled()
            turn = await self._turn()
            if turn is None:
                return await self._dialled()
            if turn.is_open:
                return turn

    async def _dialled(self) -> Connection:
        """A new connection, for which there is a slot."""
        try:
            self._check_open()
            connection = await self._dialling.dial(
                self.origin, lambda: Connection(self, self._bounds, self._loop)
            )
        except BaseException:
            self._give_slot()
            raise
        if not connection.is_open:
            self._give_slot()
            raise NotReached(f"{self.origin} closed the connection at once")
        self._connections.add(connection)
        if self._is_closed:
            connection.close()
        return connection

    def _check_open(self) -> None:
        if self._is_closed:
            raise NotReached("the hub is stopping")

    async def _turn(self) -> Connection | None:
        """A connection of somebody else who is done with it, or None for a slot."""
        turn: asyncio.Future[Connection | None] = self._loop.create_future()
        self._waiting.append(turn)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                with suppress(ValueError):
                    self._waiting.remove(turn)
            elif (given := turn.result()) is None:
                self._give_slot()
            else:
                self.released(given)
            raise

    def released(self, connection: Connection) -> None:
        """Let somebody else use a connection."""
        if self._is_closed:
            connection.close()
        elif self._waiting and (turn := self._next_turn()) is not None:
            turn.set_result(connection)
        else:
            self._idle.add(connection)

    def lost(self, connection: Connection) -> None:
        """Forget a connection that is gone."""
        if connection not in self._connections:
            return
        self._connections.remove(connection)
        self._idle.forget(connection)
        self._give_slot()

    def _give_slot(self) -> None:
        """Let somebody else make a connection."""
        if (turn := self._next_turn()) is not None:
            turn.set_result(None)
        else:
            self._slots_used -= 1
            self._tell_if_unused()

    def _next_turn(self) -> "asyncio.Future[Connection | None] | None":
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                return turn
        return None

    def _tell_if_unused(self) -> None:
        if not self._slots_used and not self._asking and not self._is_closed:
            self._idle.stop()
            self._unused(self.origin)

    def close(self) -> tuple[Connection, ...]:
        """Close all connections, which are not gone yet then; what is under way fails."""
        self._is_closed = True
        self._idle.clear()
        closing = tuple(self._connections)
        for connection in closing:
            connection.close()
        while (turn := self._next_turn()) is not None:
            turn.set_result(None)
        return closing
