"""One connection of a caller: which requests go the fast path, and which the ordinary one.

| bytes | go |
|---|---|
| a whole request that the fast path takes | the fast path; what follows waits for its answer |
| any other, and all that follows in the same breath | as they came, to aiohttp's own handler |
| what comes when that has answered everything | may be taken again, if both agree where requests end |
| a request that is not whole soon | to aiohttp's handler, which knows how to wait |

Answers go out in the order of the requests: each path begins when the other has nothing under way.
"""

import asyncio
from collections.abc import Callable
from typing import Final, cast
from typing import Protocol as Interface

from hub.http.callers import Caller, Callers, Pause
from hub.http.protocol import Protocol
from hub.http.upstream.deadline import Deadline
from hub.web.fast.crossing import Asker
from hub.web.fast.heads import Head, HeadReader
from hub.web.fast.memory import LARGEST_HEAD, Memory
from hub.web.fast.ways import Recognised

#: A larger body is for the ordinary path, in bytes.
LARGEST_BODY: Final = 256 * 1024
#: Bytes of requests that wait for the one before, above which no more are read.
HIGH_WATER: Final = 64 * 1024
#: What has begun and is not whole within this time, in seconds, is for the ordinary path.
SOON = 1.0
_END_OF_HEAD: Final = b"\r\n\r\n"

#: Takes a request, or does not.
Take = Callable[[Head, bytes, Asker], bool]


class Replaying(Interface):
    """Takes requests that are like others before."""

    def memory(self, asker: Asker) -> Memory:
        """Of one connection."""
        ...

    def replay(self, request: Recognised, body: bytes, asker: Asker) -> bool:
        """Take a request whose way is known, or do not."""
        ...


class Entrance:
    """One connection, made by an event loop: a protocol in all but its base class, so that it compiles."""

    def __init__(
        self,
        take: Take,
        replaying: Replaying | None,
        behind: Callable[[], Protocol],
        callers: Callers,
        others: "set[Entrance]",
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        """Wire up.

        Args:
            take: The fast path.
            replaying: The same for requests like others before; None where nothing is remembered.
            behind: Makes aiohttp's handler of a connection.
            callers: Lets go of whoever keeps the hub waiting.
            others: Where it is known as long as the connection is there.
            loop: The event loop.
        """
        self._take: Final = take
        self._replaying: Final = replaying
        self._memory: Final = None if replaying is None else replaying.memory(self)
        #: So many bytes must have come before the request is looked at again.
        self._awaited = 0
        self._make_behind: Final = behind
        self._callers: Final = callers
        self._others: Final = others
        self._loop: Final = loop
        self._deadline: Final = Deadline(loop, self._expired)
        self._transport: asyncio.Transport | None = None
        self._reader: Final = HeadReader()
        self._behind: Protocol | None = None
        #: By which name `callers` knows the connection.
        self._caller: Caller = self
        #: Whether the bytes that come are for the handler behind.
        self._is_handed_over = False
        #: Requests that went the fast path.
        self._taken = 0
        #: Whether one of them is under way.
        self.is_crossing = False
        self._is_looking = False
        self._is_full = False
        self._is_paused = False
        self._is_stopping = False
        #: What has come and is not gone anywhere yet; how much of it the reader has seen.
        self._waiting = b""
        self._seen = 0
        self._head: Head | None = None

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A caller has connected."""
        self._transport = cast("asyncio.Transport", transport)
        self._others.add(self)
        self._callers.came(self)

    def data_received(self, data: bytes) -> None:
        """Bytes of requests."""
        if self._is_handed_over:
            if not self._may_take_again():
                self._pass_behind(data)
                return
            self._is_handed_over = False
        self._waiting = self._waiting + data if self._waiting else data
        self._look()

    def eof_received(self) -> bool | None:
        """The caller will send no more."""
        if self._waiting and not self.is_crossing and not self._is_handed_over:
            self._hand_over()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """The caller is gone."""
        self._others.discard(self)
        self._deadline.cancel()
        if self._waiting and not self.is_crossing and not self._is_handed_over:
            self._hand_over()
        if self._behind is None:
            self._callers.left(self)
        else:
            # Not at once: it may have a request that it has not looked at.
            self._loop.call_soon(self._behind.connection_lost, exc)
        self._transport = None

    def pause_writing(self) -> None:
        """The caller reads more slowly than is written."""
        self._is_full = True
        if self._behind is None:
            self._callers.waits(self, Pause.READING)
        else:
            self._behind.pause_writing()

    def resume_writing(self) -> None:
        """What was written has gone."""
        self._is_full = False
        if self._behind is None:
            self._callers.waits_no_more(self, Pause.READING)
        else:
            self._behind.resume_writing()
        self._look()

    # What the fast path calls.

    def answered(self, data: bytes) -> None:
        """The answer to the request that was taken last."""
        self.is_crossing = False
        if self._transport is None or self._transport.is_closing():
            return
        self._transport.write(data)
        if self._is_stopping:
            self._transport.close()
            return
        self._callers.waits(self._caller, Pause.REQUEST)
        self._look()

    def stop(self) -> None:
        """Take nothing more; what is under way is answered first."""
        self._is_stopping = True
        if self._waiting and not self.is_crossing:
            self._hand_over()
        if self.is_crossing or self._transport is None:
            return
        if self._behind is None or self._behind.is_idle:
            self._transport.close()

    def hang_up(self) -> None:
        """Close it at once, and drop what the caller has not read."""
        if self._transport is not None:
            self._transport.abort()

    # Which path.

    def _look(self) -> None:
        """Go on with what waits."""
        if self._is_looking or not (self._waiting or self._is_paused):
            return
        self._is_looking = True
        while self._waiting and not (self.is_crossing or self._is_full or self._is_stopping):
            if not self._look_at_one():
                break
        self._is_looking = False
        if self._waiting or self._is_paused:
            self._mind_reading()

    def _look_at_one(self) -> bool:
        """Go on with the request that waits first; whether there may be another one."""
        if self._head is None:
            if len(self._waiting) < self._awaited:
                return False
            self._awaited = 0
            whole = self._replayed()
            if whole:
                return whole > 0
        head = self._head or self._whole_head()
        if head is None:
            return False
        whole = self._seen + head.length
        if len(self._waiting) < whole:
            if not self._deadline.is_set:
                self._deadline.set(self._loop.time() + SOON)
            return False
        body = self._waiting[self._seen : whole]
        if body:
            self._reader.follow(body)
        self._seen = whole
        self._deadline.clear()
        self.is_crossing = True
        # The ordinary path knows how to say that it was the last answer.
        is_over = self._callers.is_over
        if self._reader.at_boundary and not is_over and self._take(head, body, self):
            self._taken += 1
            self._callers.fast_requests += 1
            self._waiting = self._waiting[whole:]
            self._seen = 0
            self._head = None
            return True
        self.is_crossing = False
        self._hand_over()
        return False

    def _replayed(self) -> int:
        """The bytes of the request that waits first, if it was replayed.

        0 if it is for the parser, less if it is not whole.
        """
        memory, waiting = self._memory, self._waiting
        if memory is None or not self._reader.at_boundary or self._callers.is_over:
            return 0
        request = memory.recognised(waiting)
        if request is None or request.ends - request.begins > LARGEST_BODY:
            return 0
        self._callers.asks(self._caller)
        if len(waiting) < request.ends:
            self._awaited = request.ends
            if not self._deadline.is_set:
                self._deadline.set(self._loop.time() + SOON)
            return -request.ends
        return request.ends if self._replays(request, waiting[request.begins : request.ends]) else 0

    def _replays(self, request: Recognised, body: bytes) -> bool:
        """Take a request whose way is known, or do not."""
        self.is_crossing = True
        if not cast("Replaying", self._replaying).replay(request, body, self):
            self.is_crossing = False
            return False
        self._deadline.clear()
        self._callers.fast_requests += 1
        self._callers.replayed_requests += 1
        self._waiting = self._waiting[request.ends :]
        return True

    def _whole_head(self) -> Head | None:
        """The head of the request that waits first; None if it is not whole, or was handed over."""
        waiting = self._waiting
        end = waiting.find(_END_OF_HEAD, 0, LARGEST_HEAD)
        if end < 0:
            if len(waiting) >= LARGEST_HEAD:
                self._hand_over()
            else:
                self._callers.begins(self._caller)
            return None
        self._seen = end + len(_END_OF_HEAD)
        head = self._reader.head(waiting[: self._seen])
        if head is None or head.length > LARGEST_BODY:
            self._hand_over()
            return None
        self._head = head
        self._callers.asks(self._caller)
        return head

    def _hand_over(self) -> None:
        """Let aiohttp's handler go on with what waits."""
        data, seen = self._waiting, self._seen
        self._waiting, self._seen, self._head, self._awaited = b"", 0, None, 0
        self._is_handed_over = True
        self._deadline.clear()
        if self._behind is None:
            self._callers.left(self)
            self._caller = self._behind = self._make_behind()
            self._behind.connection_made(cast("asyncio.Transport", self._transport))
            if self._is_full:
                self._behind.pause_writing()
        self._reader.follow(data[seen:])
        self._behind.data_received(data)

    def _pass_behind(self, data: bytes) -> None:
        self._reader.follow(data)
        cast("Protocol", self._behind).data_received(data)

    def _may_take_again(self) -> bool:
        """Whether the handler behind has answered all it got, and the next byte begins a request."""
        behind, reader = self._behind, self._reader
        return (
            behind is not None
            and behind.is_idle
            and reader.at_boundary
            and not reader.is_lost
            and behind.requests == reader.requests - self._taken
        )

    def _mind_reading(self) -> None:
        """Read no more while too much waits."""
        transport = self._transport
        if transport is None or transport.is_closing() or self._is_handed_over:
            return
        is_too_much = len(self._waiting) > HIGH_WATER and (self.is_crossing or self._is_full)
        if is_too_much != self._is_paused:
            self._is_paused = is_too_much
            if is_too_much:
                transport.pause_reading()
            else:
                transport.resume_reading()

    def _expired(self) -> None:
        if self._waiting and not self.is_crossing and not self._is_handed_over:
            self._hand_over()
