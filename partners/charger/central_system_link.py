"""The charge point's end of one OCPP-J link: it asks, and it answers; what is said is up to the dialect."""

import asyncio
import logging
import uuid
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, NamedTuple, Protocol

from aiohttp import ClientWebSocketResponse, WSMsgType

from partners.charger.call import Call
from partners.charger.firmware import Firmware, Manner
from partners.charger.simulated_time import SimulatedTime
from partners.ocpp import frames, payloads
from partners.ocpp.errors import CallRefused, ErrorCode
from partners.ocpp.frames import CallError, CallResult, MalformedCall, NotAFrame
from partners.ocpp.versions import Version

_log = logging.getLogger(__name__)

#: What is left to do once the answer has been sent.
Consequence = Callable[[], None]


class LinkLost(ConnectionError):
    """There is no link to the central system (any more)."""


class NotAnswered(Exception):
    """The central system said CALLERROR, nothing in time, or what nobody can read."""


class Reply(NamedTuple):
    """What a charge point says to a CALL, and does afterwards."""

    payload: Mapping[str, Any]
    consequence: Consequence = lambda: None


class Answers(Protocol):
    """Who answers."""

    #: "1.6", "2.0.1" or "2.1".
    version: str

    def reply(self, call: Call) -> Reply | None:
        """The answer to a CALL that its schema allows; None: it is not offered here."""

    def rejection(self, call: Call) -> Mapping[str, Any] | None:
        """The answer of a charge point that does not want to; None: the action has no such word."""


class CentralSystemLink:
    """One link, from the handshake until it is lost.

    Args:
        websocket: The open socket.
        dialect: Knows the answers.
        firmware: Whether and how fast they are given.
        time: In which the firmware is slow.
        answer_within: Real time in which the other side has to answer.
    """

    def __init__(
        self,
        websocket: ClientWebSocketResponse,
        dialect: Answers,
        firmware: Firmware,
        time: SimulatedTime,
        answer_within: timedelta,
    ) -> None:
        self._websocket = websocket
        self._version = Version(f"ocpp{dialect.version}")
        self._dialect = dialect
        self._firmware = firmware
        self._time = time
        self._answer_within = answer_within.total_seconds()
        #: None: the link is lost, and there will be no answer.
        self._waiting: dict[str, asyncio.Future[CallResult | CallError | None]] = {}
        #: One question at a time, as OCPP-J wants it.
        self._turn = asyncio.Lock()
        self._is_lost = False

    async def listen(self) -> None:
        """Receive and answer until the link is lost.

        Raises:
            LinkLost: In the end, always.
        """
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    text = await self._receive()
                    try:
                        heard = frames.read(text, self._version)
                    except NotAFrame:
                        _log.warning("a frame that makes no sense")
                        continue
                    except MalformedCall as malformed:
                        await self._refuse(malformed.message_id, malformed)
                        continue
                    match heard:
                        case frames.Call():
                            group.create_task(self._answer(heard))
                        case CallResult() | CallError():
                            self._hear(heard)
        except* LinkLost as lost:
            raise LinkLost from lost
        finally:
            self._is_lost = True
            for waiting in self._waiting.values():
                if not waiting.done():
                    waiting.set_result(None)

    async def ask(self, question: Call, message_id: str | None = None) -> Mapping[str, Any]:
        """Send a CALL, and wait for the result.

        Args:
            question: What is asked.
            message_id: To say a message again as the same one; else a new id.

        Raises:
            LinkLost: Before the answer came.
            NotAnswered: CALLERROR, nothing in time, or unreadable.
        """
        async with self._turn:
            message_id = message_id or str(uuid.uuid4())
            answer = await self._answer_to(message_id, question)
        if isinstance(answer, CallError):
            raise NotAnswered(f"{question.action}: {answer.code}")
        return answer.payload

    async def _answer_to(self, message_id: str, question: Call) -> CallResult | CallError:
        if self._is_lost:
            raise LinkLost
        waiting: asyncio.Future[CallResult | CallError | None] = asyncio.get_running_loop().create_future()
        self._waiting[message_id] = waiting
        try:
            await self._send(frames.call(message_id, question.action, question.payload))
            async with asyncio.timeout(self._answer_within):
                answer = await waiting
        except TimeoutError as error:
            raise NotAnswered(question.action) from error
        finally:
            self._waiting.pop(message_id, None)
        if answer is None:
            raise LinkLost
        return answer

    async def _answer(self, asked: frames.Call) -> None:
        behaviour = self._firmware.towards(asked.action)
        if behaviour.delay:
            await self._time.sleep(behaviour.delay)
        if behaviour.manner is Manner.SILENT:
            return
        try:
            reply = self._reply(Call(asked.action, asked.payload), behaviour.manner)
        except CallRefused as refused:
            await self._refuse(asked.message_id, refused)
            return
        await self._send(frames.call_result(asked.message_id, reply.payload))
        reply.consequence()

    def _reply(self, call: Call, manner: Manner) -> Reply:
        if not payloads.is_action(self._version, call.action):
            raise CallRefused(ErrorCode.NOT_IMPLEMENTED)
        payloads.check_call(self._version, call.action, call.payload)
        if manner is Manner.ERROR:
            raise CallRefused(ErrorCode.INTERNAL_ERROR)
        rejection = self._dialect.rejection(call) if manner is Manner.REJECT else None
        reply = self._dialect.reply(call) if rejection is None else Reply(rejection)
        if reply is None:
            raise CallRefused(ErrorCode.NOT_SUPPORTED)
        return reply

    async def _refuse(self, message_id: str | int, refused: CallRefused) -> None:
        await self._send(frames.call_error(message_id, refused, self._version))

    def _hear(self, answer: CallResult | CallError) -> None:
        waiting = self._waiting.get(answer.message_id)
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)

    async def _receive(self) -> str:
        while True:
            message = await self._websocket.receive()
            match message.type:
                case WSMsgType.TEXT:
                    return str(message.data)
                case WSMsgType.BINARY:
                    continue
                case _:
                    raise LinkLost

    async def _send(self, text: str) -> None:
        try:
            await self._websocket.send_str(text)
        except ConnectionError as error:
            raise LinkLost from error
