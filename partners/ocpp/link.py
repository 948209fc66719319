"""One OCPP-J link to one station: frames in, frames out, questions matched with answers.

Reading never waits for what is done with a frame: CALLs are worked off one by one beside it, an answer goes
to whoever asked. So a slow authorization does not hold up the answer to a remote stop, and the CALLs of one
station keep their order. What can be answered at once is, from within the event loop; only what must wait for
something has a task.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Coroutine, Mapping
from typing import Any, Final, Protocol

from partners.ocpp import frames
from partners.ocpp.beginning import begin
from partners.ocpp.errors import CallRefused, ErrorCode, meant
from partners.ocpp.frames import Call, CallError, CallResult, CallResultError, MalformedCall, Send
from partners.ocpp.payloads import Relaxation, check_call, check_result
from partners.ocpp.turns import Turns
from partners.ocpp.versions import Version

_log = logging.getLogger(__name__)

Payload = Mapping[str, Any]

#: A frame of more bytes ends the link (1009).
LARGEST_FRAME: Final = 128 * 1024
#: CALLs that wait for their turn; more are not read until there is room.
_MOST_WAITING: Final = 100
#: What is said often, and answered without asking anybody else first.
_ANSWERED_AT_ONCE: Final = frozenset({"Heartbeat", "StatusNotification", "MeterValues", "TransactionEvent"})


class Unanswered(Exception):
    """A question to a station has no result; the subclasses say why."""


class NotConnected(Unanswered):
    """There is no link; nothing was sent."""


class NotSendable(Unanswered):
    """OCPP does not allow the question; nothing was sent."""


class NoAnswer(Unanswered):
    """It was sent (or waited its turn) and no answer came in time, or the link was lost meanwhile.

    The station may have done what it was asked for.
    """


class Refused(Unanswered):
    """The station answered with a CALLERROR, or with a CALLRESULT that OCPP does not allow.

    Attributes:
        code: Its code as it spelled it, which may be one that no version of OCPP knows.
    """

    def __init__(self, code: str, description: str) -> None:
        super().__init__(code, description)
        self.code = code

    @property
    def is_for_want_of_support(self) -> bool:
        """Whether the station does not know the action, or does not offer it."""
        return meant(self.code) in {ErrorCode.NOT_SUPPORTED, ErrorCode.NOT_IMPLEMENTED}


class Socket(Protocol):
    """Our end of a WebSocket."""

    @property
    def ended(self) -> "asyncio.Future[None]":
        """Done when the connection is no more."""

    def send(self, text: str) -> bool:
        """Send a text message; False if the link is lost, or being closed."""

    def hold(self, *, back: bool) -> None:
        """Read nothing more for now, or go on."""

    def close(self, code: int, reason: bytes) -> None:
        """Say goodbye, and why."""


class OcppLink:
    """A link that is up, until it is lost.

    Attributes:
        station: Identity of the far end.
        version: That is spoken.
        relaxed: Rules of the schemas that are not held against the far end.
    """

    __slots__ = (
        "_answer",
        "_asked",
        "_at_rest",
        "_group",
        "_inbox",
        "_is_answering",
        "_is_held",
        "_is_queued",
        "_lost",
        "_new_message_id",
        "_noted",
        "_one_at_a_time",
        "_socket",
        "_turns",
        "relaxed",
        "station",
        "version",
    )

    def __init__(
        self,
        station: str,
        version: Version,
        socket: Socket,
        answer: Callable[[Call | Send], Coroutine[Any, Any, Payload]],
        new_message_id: Callable[[], str],
        relaxed: Collection[Relaxation] = (),
        noted: Callable[[str], None] = lambda _: None,
        turns: Turns | None = None,
    ) -> None:
        self.station = station
        self.version = version
        self.relaxed = relaxed
        self._socket = socket
        self._answer = answer
        self._new_message_id = new_message_id
        self._noted = noted
        self._inbox: list[Call | Send] = []
        self._is_answering = False
        #: Somebody waits until all is worked off.
        self._at_rest: asyncio.Future[None] | None = None
        self._is_held = False
        #: There was no time in this turn of the event loop.
        self._turns = turns or Turns()
        self._is_queued = False
        self._asked: tuple[str, asyncio.Future[CallResult | CallError]] | None = None
        self._one_at_a_time = asyncio.Lock()
        self._group: asyncio.TaskGroup | None = None
        self._lost = False

    async def serve(self) -> None:
        """Answer until the link is lost; what was received by then is still worked off."""
        try:
            async with asyncio.TaskGroup() as self._group:
                try:
                    self._answer_next()
                    await asyncio.shield(self._socket.ended)
                finally:
                    self.give_up()
                    await self._work_off()
        finally:
            # The group knows the task that runs this: a circle that only the collector would find.
            self._group = None

    async def ask(self, action: str, payload: Payload, within: float) -> Payload:
        """Send a CALL, and wait for its CALLRESULT; one question at a time, in order.

        Args:
            action: Of OCPP.
            payload: As it goes on the wire.
            within: Seconds, including the wait for earlier questions.

        Raises:
            NotConnected: The link is lost already.
            NotSendable: The payload is not valid.
            NoAnswer: None in time, or the link was lost.
            Refused: A CALLERROR came, or a CALLRESULT that is not valid.
        """
        try:
            check_call(self.version, action, payload)
        except (CallRefused, KeyError) as invalid:
            raise NotSendable(action, str(invalid)) from invalid
        try:
            async with asyncio.timeout(within), self._one_at_a_time:
                return await self._asking(action, payload)
        except TimeoutError as error:
            raise NoAnswer(self.station, action) from error

    async def _asking(self, action: str, payload: Payload) -> Payload:
        if self._lost:
            raise NotConnected(self.station)
        message_id = self._new_message_id()
        answered: asyncio.Future[CallResult | CallError] = asyncio.get_running_loop().create_future()
        self._asked = (message_id, answered)
        try:
            self._send(frames.call(message_id, action, payload))
            match await answered:
                case CallResult(payload=result):
                    self._check_answer(message_id, action, result)
                    return result
                case CallError(code=code, description=description):
                    raise Refused(code, description)
        finally:
            self._asked = None

    def _check_answer(self, message_id: str, action: str, result: Payload) -> None:
        try:
            check_result(self.version, action, result, self.relaxed)
        except CallRefused as invalid:
            _log.warning("%s: its answer to %s is not valid: %s", self.station, action, invalid.description)
            if self.version is Version.V2_1:
                self._send(frames.call_result_error(message_id, invalid, self.version))
            raise Refused(invalid.code, invalid.description) from invalid

    def give_up(self) -> None:
        """Expect nothing more of this link: whoever waits for an answer is told so."""
        self._lost = True
        if self._asked is not None and not self._asked[1].done():
            self._asked[1].set_exception(NoAnswer(self.station, "the link was lost"))

    async def close(self, code: int, reason: bytes) -> None:
        """Close the socket, and say why; returns when the connection is no more."""
        self.part(code, reason)
        # Shared by all who wait for it: one who waits no longer must not end it for the others.
        await asyncio.shield(self._socket.ended)

    def part(self, code: int, reason: bytes) -> None:
        """Begin to close the socket; nothing is said any more."""
        self.give_up()
        self._socket.close(code, reason)

    # What the socket tells.

    def heard(self, text: str) -> None:
        """A message has come."""
        try:
            frame = frames.read(text, self.version)
        except MalformedCall as refusal:
            _log.warning("%s sent a frame that is refused: %s", self.station, refusal.description)
            self._noted(f"a frame was refused: {refusal.description}")
            self._send(frames.call_error(refusal.message_id, refusal, self.version))
            return
        except frames.NotAFrame as error:
            # No reason to break the link: a charger would come back and send it again.
            _log.warning("%s sent no OCPP frame (%s): ignored", self.station, error)
            self._noted(f"a message that is no OCPP frame was passed over: {error}")
            return
        if type(frame) is Call or isinstance(frame, Call | Send):  # nearly all are CALLs
            self._put(frame)
        elif isinstance(frame, CallResultError):
            _log.error("%s cannot read our answer %s: %s", self.station, frame.message_id, frame.code)
        elif self._asked is None or self._asked[0] != frame.message_id or self._asked[1].done():
            _log.info("%s answered late, or what nobody asked: %s", self.station, frame.message_id)
        else:
            self._asked[1].set_result(frame)

    def complained(self, code: int, reason: str) -> None:
        """The far end broke the WebSocket's protocol, and the link is being closed for it."""
        _log.warning("%s: the link is closed (%s): %s", self.station, code, reason)
        self._noted(f"the link was closed ({code}): {reason}")

    # Inside.

    def _put(self, call: Call | Send) -> None:
        """Let a CALL be answered, after those before it."""
        group, is_busy = self._group, self._is_answering or self._is_queued
        if group is not None and not is_busy and not self._inbox and self._turns.is_mine():
            self._answer_one(call, group)
            if self._is_answering:
                return
        else:
            self._inbox.append(call)
        if not is_busy:
            self._answer_next()
        elif len(self._inbox) >= _MOST_WAITING and not self._is_held:
            self._is_held = True
            self._socket.hold(back=True)

    def _answer_next(self) -> None:
        while self._inbox and not self._is_answering and self._group is not None:
            if self._is_queued:
                return
            if not self._turns.is_mine():
                self._is_queued = True
                self._turns.later(self._my_turn)
                return
            self._answer_one(self._taken(), self._group)
        self._rest()

    def _my_turn(self) -> None:
        self._is_queued = False
        if self._inbox and not self._is_answering and self._group is not None:
            self._answer_one(self._taken(), self._group)
        self._answer_next()

    def _rest(self) -> None:
        at_rest = self._at_rest
        if at_rest is not None and not self._is_answering and not self._inbox and not at_rest.done():
            at_rest.set_result(None)

    def _taken(self) -> Call | Send:
        """The CALL whose turn it is."""
        call = self._inbox.pop(0)
        if self._is_held and len(self._inbox) < _MOST_WAITING:
            self._is_held = False
            self._socket.hold(back=False)
        return call

    def _answer_one(self, call: Call | Send, group: asyncio.TaskGroup) -> None:
        self._is_answering = True
        if call.action in _ANSWERED_AT_ONCE:
            begin(self._answered(call), self._say, self._say_and_go_on, group.create_task)
        else:
            group.create_task(self._answer_later(call))

    async def _answer_later(self, call: Call | Send) -> None:
        await self._turns.mine()
        self._say_and_go_on(await self._answered(call))

    async def _work_off(self) -> None:
        """Return when everything that was received is answered."""
        self._answer_next()
        if self._is_answering or self._inbox:
            self._at_rest = asyncio.get_running_loop().create_future()
            await self._at_rest

    def _say_and_go_on(self, answer: str | None) -> None:
        self._say(answer)
        self._answer_next()

    def _say(self, answer: str | None) -> None:
        self._is_answering = False
        if answer is not None:
            self._send(answer)

    async def _answered(self, call: Call | Send) -> str | None:
        """The answer, None where none is wanted."""
        try:
            answer = frames.call_result(call.message_id, await self._answer(call))
        except CallRefused as refusal:
            _log.warning("%s: %s refused: %s %s", self.station, call.action, *refusal.args)
            self._noted(f"{call.action} was refused: {refusal.code} {refusal.description}".rstrip())
            answer = frames.call_error(call.message_id, refusal, self.version)
        except Exception:  # noqa: BLE001 - the edge: the station shall try again, the operator see why
            _log.exception("%s: %s failed", self.station, call.action)
            failure = CallRefused(ErrorCode.INTERNAL_ERROR)
            answer = frames.call_error(call.message_id, failure, self.version)
        return answer if isinstance(call, Call) else None

    def _send(self, text: str) -> None:
        if not self._socket.send(text):
            # The far end will say it again.
            _log.info("%s: the link was lost before a frame could be sent", self.station)
