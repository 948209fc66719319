"""Whose token is this? (TR-02 to TR-05; design D10)."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from aiohttp import web

from hub.calling.noticing import in_request
from hub.directory.current import CurrentDirectory
from hub.directory.directory import Caller, Directory, Platform
from hub.directory.quirks import Observe, unobserved
from hub.directory.tokens import TokenPurpose
from hub.ocpi.errors import NotAllowed, NotAuthenticated
from hub.ocpi.headers import AUTHORIZATION, read_authorization
from hub.ocpi.timestamps import Clock
from hub.web.edge import PASSAGE

#: Callers that are known by what they show, so that a token is not decoded and hashed each time.
MOST_KNOWN = 10_000


@dataclass(slots=True)
class _Known:
    """Callers by the header that they showed, as long as the Directory is the same."""

    directory: Directory | None = None
    callers: dict[str, Caller] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Authentication:
    """Tells callers by their tokens."""

    directory: CurrentDirectory
    clock: Clock
    #: Told of each sign of life of a platform.
    seen: Callable[[int], None]
    #: Told when a platform shows its new token for the first time (AM-15).
    end_rotation: Callable[[Caller], Awaitable[None]]
    #: Waits for the end of a handshake of ours whose new token is shown already (CR-27).
    settled: Callable[[Caller], Awaitable[None]]
    #: Told of quirks in what platforms send.
    observe: Observe = unobserved
    _known: _Known = field(default_factory=_Known)

    async def caller(self, request: web.Request) -> Caller:
        """The platform whose token the request shows, registered or about to be.

        Raises:
            NotAuthenticated: no token, or nobody's.
            NotAllowed: the platform is suspended.
        """
        try:
            caller = self.shown(request.headers)
        except NotAuthenticated:
            if not await self.directory.knows_by_now(read_authorization(request.headers)):
                raise
            caller = self.shown(request.headers)
        request[PASSAGE].caller = caller.platform
        if caller.platform.is_blocked:
            raise NotAllowed
        self._observe(request.headers, caller, request[PASSAGE].ids.correlation_id)
        if caller.ends_rotation:
            await self.end_rotation(caller)
        self.seen(caller.platform.id)
        return caller

    def shown(self, headers: Mapping[str, str]) -> Caller:
        """Whose token stands in the headers of a request; nothing comes of that yet.

        Raises:
            NotAuthenticated: no token, or nobody's.
        """
        directory, shown = self.directory.value, headers.get(AUTHORIZATION, "")
        if self._known.directory is not directory:
            self._known.directory, self._known.callers = directory, {}
        caller = self._known.callers.get(shown)
        if caller is not None:
            return caller
        caller = directory.caller(read_authorization(headers), self.clock())
        if caller is None:
            raise NotAuthenticated("this credentials token is not known here")
        # Which of several tokens stays depends on when it is shown.
        if caller.platform.id not in directory.rotating and len(self._known.callers) < MOST_KNOWN:
            self._known.callers[shown] = caller
        return caller

    def noticed(self, headers: Mapping[str, str], caller: Caller, correlation_id: str) -> None:
        """A registered platform has made a request whose token has ended no rotation."""
        self._observe(headers, caller, correlation_id)
        self.seen(caller.platform.id)

    def _observe(self, headers: Mapping[str, str], caller: Caller, correlation_id: str) -> None:
        for seen in in_request(headers, caller, correlation_id):
            self.observe(caller.platform.id, seen)

    async def registered(self, request: web.Request) -> Platform:
        """The registered platform whose token the request shows.

        Raises:
            NotAuthenticated: nobody's token, or one that is for registration only (TR-04).
        """
        caller = await self.caller(request)
        if caller.purpose is TokenPurpose.PENDING:
            await self.settled(caller)
            caller = await self.caller(request)
        if not caller.is_registered:
            raise NotAuthenticated("this token is for registration only")
        return caller.platform
