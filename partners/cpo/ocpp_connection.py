"""One OCPP-J link to one charge point: frames in, frames out, questions matched with answers.

Reading never waits for what is done with a frame: a CALL goes into a queue that is worked off one by
one, an answer goes to whoever asked. So a slow authorization does not hold up the answer to a remote
stop, and the CALLs of one charge point keep their order.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import WSCloseCode, WSMsgType, web

from partners.cpo import ocpp_frames
from partners.cpo.ocpp_frames import Call, CallError, CallRefused, CallResult, ErrorCode, MalformedCall

_log = logging.getLogger(__name__)

Payload = Mapping[str, Any]


class Unanswered(Exception):
    """A question to a charge point has no result; the subclasses say why."""


class NotConnected(Unanswered):
    """There is no link; nothing was sent."""


class NoAnswer(Unanswered):
    """It was sent (or waited its turn) and no answer came in time, or the link was lost meanwhile.

    The charge point may have done what it was asked for.
    """


class Refused(Unanswered):
    """The charge point answered with a CALLERROR.

    Attributes:
        code: Its code, which may be one that no version of OCPP knows.
    """

    def __init__(self, code: str, description: str) -> None:
        super().__init__(code, description)
        self.code = code


class OcppConnection:
    """A link that is up, until it is lost.

    Attributes:
        charge_point: At the far end.
    """

    def __init__(
        self,
        charge_point: str,
        socket: web.WebSocketResponse,
        answer: Callable[[Call], Awaitable[Payload]],
        new_message_id: Callable[[], str],
    ) -> None:
        self.charge_point = charge_point
        self._socket = socket
        self._answer = answer
        self._new_message_id = new_message_id
        self._inbox: asyncio.Queue[Call | None] = asyncio.Queue(maxsize=100)
        self._asked: dict[str, asyncio.Future[CallResult | CallError]] = {}
        self._one_at_a_time = asyncio.Lock()
        self._lost = False

    async def serve(self) -> None:
        """Read and answer until the link is lost; what was received by then is still worked off."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._answer_calls())
            try:
                await self._read()
            finally:
                self.give_up()
            await self._inbox.put(None)

    async def ask(self, action: str, payload: Payload, within: float) -> Payload:
        """Send a CALL, and wait for its CALLRESULT; one question at a time, in order.

        Args:
            action: Of OCPP.
            payload: As it goes on the wire.
            within: Seconds, including the wait for earlier questions.

        Raises:
            NotConnected: The link is lost already.
            NoAnswer: None in time, or the link was lost.
            Refused: A CALLERROR came.
        """
        message_id = self._new_message_id()
        answered: asyncio.Future[CallResult | CallError] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(within), self._one_at_a_time:
                if self._lost:
                    raise NotConnected(self.charge_point)
                self._asked[message_id] = answered
                await self._send(ocpp_frames.call(message_id, action, payload))
                match await answered:
                    case CallResult(payload=result):
                        return result
                    case CallError(code=code, description=description):
                        raise Refused(code, description)
        except TimeoutError as error:
            raise NoAnswer(self.charge_point, action) from error
        finally:
            self._asked.pop(message_id, None)

    def give_up(self) -> None:
        """Expect nothing more of this link: whoever waits for an answer is told so."""
        self._lost = True
        for answered in self._asked.values():
            if not answered.done():
                answered.set_exception(NoAnswer(self.charge_point, "the link was lost"))

    async def close(self, code: WSCloseCode, reason: bytes) -> None:
        """Close the socket, and say why."""
        self.give_up()
        await self._socket.close(code=code, message=reason)

    async def _read(self) -> None:
        async for message in self._socket:
            if message.type is WSMsgType.TEXT:
                await self._take(message.data)
            else:
                # No reason to break the link: a charger would come back and send it again.
                _log.warning("%s sent a %s message: ignored", self.charge_point, message.type.name)

    async def _take(self, text: str) -> None:
        try:
            frame = ocpp_frames.read(text)
        except MalformedCall as refusal:
            await self._send(ocpp_frames.call_error(refusal.message_id, refusal))
            return
        except ocpp_frames.NotAFrame as error:
            _log.warning("%s sent no OCPP frame (%s): ignored", self.charge_point, error)
            return
        if isinstance(frame, Call):
            await self._inbox.put(frame)
            return
        answered = self._asked.get(frame.message_id)
        if answered is None or answered.done():
            _log.info("%s answered late, or what nobody asked: %s", self.charge_point, frame.message_id)
            return
        answered.set_result(frame)

    async def _answer_calls(self) -> None:
        while (call := await self._inbox.get()) is not None:
            await self._send(await self._answer_text(call))

    async def _answer_text(self, call: Call) -> str:
        try:
            return ocpp_frames.call_result(call.message_id, await self._answer(call))
        except CallRefused as refusal:
            _log.info("%s: %s refused: %s", self.charge_point, call.action, refusal)
            return ocpp_frames.call_error(call.message_id, refusal)
        except Exception:  # noqa: BLE001 - the edge: the charge point shall try again, the operator see why
            _log.exception("%s: %s failed", self.charge_point, call.action)
            return ocpp_frames.call_error(call.message_id, CallRefused(ErrorCode.INTERNAL_ERROR))

    async def _send(self, text: str) -> None:
        try:
            await self._socket.send_str(text)
        except ConnectionError:
            # The reader finds out as well, and ends the link; the far end will say it again.
            _log.info("%s: the link was lost before a frame could be sent", self.charge_point)
