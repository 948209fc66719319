"""The central system: charge points connect to `/ocpp/{charge_point_id}`, by OCPP 1.6J, 2.0.1 or 2.1.

What they say goes to `ChargingEvents`; what they shall do comes in by `remote_start`, `remote_stop`,
`command` and so on. It knows no OCPI but the types of tokens.

    frame -> OcppLink -> RecentAnswers (said before?) -> ChargePointCalls (1.6)  -> ChargingEvents
                                                      -> StationCalls (2.x)
"""

import asyncio
import contextlib
import logging
import uuid
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from itertools import count
from typing import Any, Final, NamedTuple, Protocol
from urllib.parse import unquote

from hub.ocpi.timestamps import Clock
from partners.cpo.charging.charging_events import ChargingEvents
from partners.cpo.quirks import USUAL, Quirks
from partners.cpo.stations import ocpp2_calls, ocpp16_calls
from partners.cpo.stations.ocpp2_calls import StationCalls
from partners.cpo.stations.ocpp2_questions import Ocpp2Questions
from partners.cpo.stations.ocpp16_calls import ChargePointCalls
from partners.cpo.stations.ocpp16_questions import Ocpp16Questions
from partners.cpo.stations.one_by_one import OneByOne
from partners.cpo.stations.questions import ListedToken, Question, Questions, Setting
from partners.cpo.stations.recent_answers import NEVER_AGAIN, RecentAnswers, fingerprint
from partners.cpo.stations.reception import OpenHouse, Reception, TurnedAway, Visitor
from partners.cpo.stations.remote_outcome import RemoteOutcome, outcome_of
from partners.cpo.wiring import Wiring
from partners.ocpp.frames import Call, Send
from partners.ocpp.link import (
    LARGEST_FRAME,
    NoAnswer,
    NotConnected,
    NotSendable,
    OcppLink,
    Refused,
    Unanswered,
)
from partners.ocpp.opening import Opening
from partners.ocpp.opening import Refused as HandshakeRefused
from partners.ocpp.payloads import Relaxation
from partners.ocpp.turns import Portions, Turns
from partners.ocpp.versions import Version, chosen
from partners.ocpp.websocket import WebSocket
from partners.ocpp.websocket_frames import GOING_AWAY, NORMAL, POLICY_VIOLATION, PROTOCOL_ERROR
from schemas.v2_2_1 import TokenType

_log = logging.getLogger(__name__)

Payload = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CentralSystemSettings:
    """How the central system deals with charge points."""

    #: How often a charge point shall send a heartbeat.
    heartbeat_interval: timedelta = timedelta(minutes=5)
    #: When a charge point that is not accepted yet shall ask again.
    boot_again_after: timedelta = timedelta(seconds=30)
    #: How long a charge point may take to answer a command.
    answer_within: timedelta = timedelta(seconds=30)
    #: How often a WebSocket ping looks whether the link is alive; two missed pongs end it.
    ping_interval: timedelta = timedelta(seconds=30)
    #: A charge point that has told no status so long after connecting is asked for it.
    settle: timedelta = timedelta(seconds=10)
    #: How long a closing link may take to say goodbye.
    close_within: timedelta = timedelta(seconds=2)


class RemoteStart(NamedTuple):
    """What became of a remote start, and the transaction if there is one already (2.x)."""

    outcome: RemoteOutcome
    transaction_id: str | None = None


class _Calls(Protocol):
    """What a charge point says, in the version of its link."""

    def answer(self, call: Call | Send, relaxed: Collection[Relaxation] = ()) -> Coroutine[Any, Any, Payload]:
        """The payload of the CALLRESULT."""


@dataclass(slots=True)
class _Station:
    """One charge point, whether it is connected or not.

    Attributes:
        calls: Who answers it.
        questions: The words in which it is asked.
    """

    charge_point: str
    calls: _Calls
    questions: Questions
    answers: RecentAnswers
    #: Told of every message.
    heard: Callable[[str], None]
    link: OcppLink | None = None
    #: What one charge point says is dealt with one by one, also while an old link gives way to a new one.
    turn: OneByOne = field(default_factory=OneByOne)
    #: Set when a status has come over the present link.
    told_status: asyncio.Event = field(default_factory=asyncio.Event)
    #: Reports that are coming, by the number of the request.
    reports: dict[int, "_Report"] = field(default_factory=dict)

    async def answer(self, call: Call | Send, relaxed: Collection[Relaxation]) -> Payload:
        """The stored answer to a message that was said before, else a new one."""
        self.heard(self.charge_point)
        if call.action == "StatusNotification":
            self.told_status.set()
        if not self.turn.take():
            await self.turn.wait()
        try:
            if call.action in NEVER_AGAIN:
                return await self.calls.answer(call, relaxed)
            known_as = fingerprint(call)
            answer = self.answers.recall(call, known_as)
            if answer is None:
                answer = await self.calls.answer(call, relaxed)
                self.answers.remember(call, answer, known_as)
            return answer
        finally:
            self.turn.leave()

    def reported(self, request: int, part: Iterable[Payload], more: bool) -> None:  # noqa: FBT001 a callback
        """A part of a report has come."""
        report = self.reports.get(request)
        if report is not None:
            report.lines += part
            if not more:
                report.ends(is_whole=True)


class _Report:
    """A report that comes in parts."""

    def __init__(self, link: OcppLink | None) -> None:
        #: Over which it was asked for.
        self.link = link
        self.lines: list[Payload] = []
        #: Whether all of it has come; False: it will not, since the link is lost.
        self.whole: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def ends(self, *, is_whole: bool) -> None:
        """Nothing more comes."""
        if not self.whole.done():
            self.whole.set_result(is_whole)


class CentralSystem:
    """Every charge point of the CPO, behind one WebSocket route.

    Args:
        events: Who is told what happens, and decides.
        clock: The present instant.
        settings: Times.
        known: Whether a charge point of this identity belongs to us; others get HTTP 404.
        wiring: How the connectors of a charge point are numbered (2.x).
        heard: Told that a charge point has said something, whatever it is.
        noted: Told in words what a charge point said that OCPP does not allow.
        quirks: In what a charge point differs from others.
        relaxed: Rules of OCPP's schemas that are not held against a charge point.
        reception: Decides who may connect, and who is accepted.
        new_message_id: For the CALLs we send.
    """

    def __init__(
        self,
        events: ChargingEvents,
        *,
        clock: Clock,
        settings: CentralSystemSettings | None = None,
        known: Callable[[str], bool] = lambda _: True,
        wiring: Callable[[str], Wiring] = lambda _: Wiring({}),
        heard: Callable[[str], None] = lambda _: None,
        noted: Callable[[str, str], None] = lambda _, __: None,
        quirks: Callable[[str], Quirks] = lambda _: USUAL,
        relaxed: Callable[[str], Collection[Relaxation]] = lambda _: (),
        reception: Reception | None = None,
        new_message_id: Callable[[], str] = lambda: str(uuid.uuid4()),
    ) -> None:
        self._events = events
        self._clock = clock
        self._settings = settings or CentralSystemSettings()
        self._known = known
        self._wiring = wiring
        self._heard = heard
        self._noted = noted
        self._quirks = quirks
        self._relaxed = relaxed
        self._reception = reception or OpenHouse()
        self._new_message_id = new_message_id
        self._requests = count(1)
        self._stations: dict[str, _Station] = {}
        self._spellings: dict[str, str] = {}
        self._group: asyncio.TaskGroup | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_closing = False
        self._turns = Turns()
        self._begins, self._ends = Portions(), Portions()

    async def open(self) -> None:
        """Be ready for charge points, which come by `link`."""
        ocpp16_calls.ROUTER.warm_up()
        for router in ocpp2_calls.ROUTERS.values():
            router.warm_up()
        self._group = await asyncio.TaskGroup().__aenter__()

    def link(self) -> WebSocket:
        """What a connection of a charge point is: a protocol of asyncio."""
        settings = self._settings
        ping, farewell = settings.ping_interval.total_seconds(), settings.close_within.total_seconds()
        return WebSocket(self._asked, LARGEST_FRAME, ping, farewell, self._begins, self._ends)

    async def close(self) -> None:
        """Close every link; returns when what was received by then is worked off, or after a while."""
        self._is_closing = True
        for station in self._stations.values():
            if station.link is not None:
                station.link.part(GOING_AWAY, b"the central system stops")
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=self._settings.close_within.total_seconds() + _AT_THE_END)
        for task in self._tasks:
            task.cancel()
        if self._group is not None:
            await self._group.__aexit__(None, None, None)
            self._group = None

    def is_connected(self, charge_point: str) -> bool:
        """Whether there is a link to this charge point now."""
        station = self._stations.get(charge_point)
        return station is not None and station.link is not None

    def questions(self, charge_point: str) -> Questions:
        """The words in which a charge point is asked: those of its last link, else of 1.6."""
        station = self._stations.get(charge_point)
        return self._questions_of_1_6(charge_point) if station is None else station.questions

    def version(self, charge_point: str) -> Version | None:
        """What a charge point speaks; None where there is no link."""
        station = self._stations.get(charge_point)
        return None if station is None or station.link is None else station.link.version

    async def remote_start(self, charge_point: str, connector_id: int | None, id_tag: str) -> RemoteOutcome:
        """Ask the charge point to start a transaction for this card."""
        return (await self.request_start(charge_point, connector_id, id_tag, TokenType.RFID, 0)).outcome

    async def request_start(
        self, charge_point: str, connector_id: int | None, id_tag: str, token_type: TokenType, number: int
    ) -> RemoteStart:
        """Ask the charge point to start a transaction for this id tag.

        Args:
            charge_point: Its identity.
            connector_id: None leaves the choice to the charge point.
            id_tag: For whom.
            token_type: What kind of token that is.
            number: Comes back with the transaction (2.x).
        """
        question = self.questions(charge_point).remote_start(connector_id, id_tag, token_type, number)
        outcome, result = await self._commanded(charge_point, *question)
        return RemoteStart(outcome, result.get("transactionId"))

    async def remote_stop(self, charge_point: str, transaction: str | int) -> RemoteOutcome:
        """Ask the charge point to stop the transaction that it knows by this name."""
        return await self.command(charge_point, *self.questions(charge_point).remote_stop(str(transaction)))

    async def unlock(self, charge_point: str, connector_id: int) -> RemoteOutcome:
        """Ask the charge point to let go of the cable; ends a transaction that is under way (1.6)."""
        return await self.command(charge_point, *self.questions(charge_point).unlock(connector_id))

    async def reserve(
        self,
        charge_point: str,
        connector_id: int,
        id_tag: str,
        token_type: TokenType,
        number: int,
        expires: datetime,
    ) -> RemoteOutcome:
        """Ask the charge point to keep a connector (0: any) for this id tag; the same number replaces."""
        question = self.questions(charge_point).reserve(connector_id, id_tag, token_type, number, expires)
        return await self.command(charge_point, *question)

    async def cancel_reservation(self, charge_point: str, number: int) -> RemoteOutcome:
        """Ask the charge point to keep it no longer."""
        return await self.command(charge_point, *self.questions(charge_point).cancel_reservation(number))

    async def trigger(
        self, charge_point: str, message: str, connector_id: int | None = None
    ) -> RemoteOutcome:
        """Ask the charge point to send a message of this action now."""
        return await self.command(charge_point, *self.questions(charge_point).trigger(message, connector_id))

    async def change_availability(
        self, charge_point: str, connector_id: int, *, operative: bool
    ) -> RemoteOutcome:
        """Take a connector (0: the whole charge point) out of use, or back; when nobody charges there."""
        question = self.questions(charge_point).availability(connector_id, operative=operative)
        return await self.command(charge_point, *question)

    async def reset(self, charge_point: str, *, hard: bool = False) -> RemoteOutcome:
        """Let the charge point start anew; `hard`: at once, whoever charges."""
        return await self.command(charge_point, *self.questions(charge_point).reset(hard=hard))

    async def setting(self, charge_point: str, setting: Setting) -> str | None:
        """The value of one of the charge point's settings; None where it says none."""
        questions = self.questions(charge_point)
        try:
            answer = await self.ask(charge_point, *questions.read(setting))
        except Unanswered as error:
            _log.info("%s does not tell %s: %r", charge_point, setting.key, error)
            return None
        return questions.value(setting, answer)

    async def change_setting(self, charge_point: str, setting: Setting, value: str) -> str:
        """Change a setting; the charge point's word, as Accepted, Rejected or RebootRequired.

        Raises:
            Unanswered: It has none.
        """
        questions = self.questions(charge_point)
        return questions.written(await self.ask(charge_point, *questions.write(setting, value)))

    async def base_report(self, charge_point: str) -> list[Payload]:
        """The whole device model of a station, in OCPP 2.x's words; waits for its last part.

        Raises:
            Unanswered: It does not report, or not all of it in time.
        """
        station = self._stations.get(charge_point)
        if station is None:
            raise NotConnected(charge_point)
        request, report = next(self._requests), _Report(station.link)
        station.reports[request] = report
        try:
            asked = {"requestId": request, "reportBase": "FullInventory"}
            answer = await self.ask(charge_point, *Question("GetBaseReport", asked))
            if answer["status"] != "Accepted":
                raise Refused(answer["status"], "no report")
            async with asyncio.timeout(self._settings.answer_within.total_seconds()):
                is_whole = await report.whole
            if not is_whole:
                raise NoAnswer(charge_point, "the link was lost before the end of the report")
        except TimeoutError as error:
            raise NoAnswer(charge_point, "the report does not end") from error
        finally:
            del station.reports[request]
        return report.lines

    async def local_list_version(self, charge_point: str) -> int:
        """The version of its local authorization list; 0 or less: it has none.

        Raises:
            Unanswered: It does not say.
        """
        questions = self.questions(charge_point)
        return questions.listed_version(await self.ask(charge_point, *questions.local_list_version()))

    async def send_local_list(
        self, charge_point: str, version: int, tokens: list[ListedToken], *, whole: bool
    ) -> str:
        """Give it a local authorization list, or changes of it; its word, as Accepted or VersionMismatch.

        Raises:
            Unanswered: It has none.
        """
        question = self.questions(charge_point).send_local_list(version, tokens, whole=whole)
        return str((await self.ask(charge_point, *question))["status"])

    async def disconnect(self, charge_point: str, why: str) -> bool:
        """End the link of a charge point that may be here no longer; whether there was one."""
        station = self._stations.get(charge_point)
        if station is None or station.link is None:
            return False
        await station.link.close(POLICY_VIOLATION, why.encode())
        return True

    async def ask(self, charge_point: str, action: str, payload: Payload) -> Payload:
        """Send any CALL, and wait for its result.

        Never await this (or a command) in a callback of the same charge point: many chargers answer
        nothing before they have got their own answer.

        Raises:
            NotConnected: There is no link; nothing was sent.
            NotSendable: OCPP does not allow the question; nothing was sent.
            NoAnswer: None in time, or the link was lost after sending.
            Refused: The charge point answered with a CALLERROR, or with what OCPP does not allow.
        """
        station = self._stations.get(charge_point)
        if station is None or station.link is None:
            raise NotConnected(charge_point)
        within = self._settings.answer_within.total_seconds()
        return await station.link.ask(action, payload, within)

    async def command(self, charge_point: str, action: str, payload: Payload) -> RemoteOutcome:
        """Send a CALL whose result is a status; what became of it."""
        outcome, _ = await self._commanded(charge_point, action, payload)
        return outcome

    async def _commanded(
        self, charge_point: str, action: str, payload: Payload
    ) -> tuple[RemoteOutcome, Payload]:
        try:
            result = await self.ask(charge_point, action, payload)
        except NotConnected:
            return RemoteOutcome.NOT_CONNECTED, {}
        except NoAnswer:
            return RemoteOutcome.TIMED_OUT, {}
        except NotSendable as invalid:
            _log.error("%s: %s cannot be sent: %s", charge_point, action, invalid)
            return RemoteOutcome.FAILED, {}
        except Refused as refusal:
            _log.warning("%s: %s answered with %s", charge_point, action, refusal)
            unknown = refusal.is_for_want_of_support
            return RemoteOutcome.NOT_SUPPORTED if unknown else RemoteOutcome.FAILED, {}
        return outcome_of(result), result

    def _asked(self, socket: WebSocket, opening: Opening) -> None:
        """Somebody wants to come in."""
        if self._group is None or self._is_closing:
            socket.refuse(HandshakeRefused(HTTPStatus.SERVICE_UNAVAILABLE))
            return
        task = self._group.create_task(self._receive(socket, opening))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _receive(self, socket: WebSocket, opening: Opening) -> None:
        try:
            await self._turns.mine()
            charge_point, version, key = await self._admitted(socket, opening)
            if version is None:
                _refuse_for_its_subprotocol(socket, key)
                return
            station = self._station(charge_point, version)
            link = self._link(station, version, socket)
            socket.accept(key, version.value, link)
            await self._serve(station, link)
        except HandshakeRefused as refused:
            socket.refuse(refused)
        except Exception:  # noqa: BLE001 one link that goes wrong must not end the others
            _log.exception("a link failed")
            socket.abort()

    async def _admitted(self, socket: WebSocket, opening: Opening) -> tuple[str, Version | None, bytes]:
        """Who may come in, what it speaks, and the key of its handshake.

        Raises:
            HandshakeRefused: It may not.
        """
        charge_point = _identity(opening.path)
        # Ids that differ only in case are refused: sooner or later somebody mixes them up.
        spelling = self._spellings.get(charge_point.casefold(), charge_point)
        if not charge_point or spelling != charge_point or not self._known(charge_point):
            _log.warning("%.48s is not one of our charge points: refused", charge_point)
            raise HandshakeRefused(HTTPStatus.NOT_FOUND)
        offered = opening.headers.get("sec-websocket-protocol", "")
        if not offered:
            _log.warning("%.48s offers no subprotocol: refused", charge_point)
            raise HandshakeRefused(HTTPStatus.BAD_REQUEST, "offer a subprotocol: " + ", ".join(Version))
        key = opening.key()
        try:
            await self._reception.admit(_visitor(charge_point, socket, opening))
        except TurnedAway as refused:
            challenge = {"WWW-Authenticate": 'Basic realm="ocpp"'} if refused.status == _UNAUTHORIZED else {}
            raise HandshakeRefused(refused.status, "", challenge) from refused
        version = chosen([offered])
        if version is None:
            _log.warning("%s offers no version of OCPP that is spoken here: refused", charge_point)
        else:
            self._spellings[charge_point.casefold()] = charge_point
        return charge_point, version, key

    def _station(self, charge_point: str, version: Version) -> _Station:
        """The station, in the words of the version that its newest link speaks."""
        station = self._stations.get(charge_point)
        if station is None:
            answers = RecentAnswers(self._clock)
            calls = self._calls_of_1_6(charge_point)
            station = self._stations[charge_point] = _Station(
                charge_point, calls, self._questions_of_1_6(charge_point), answers, self._heard
            )
        if version.is_1_6:
            station.calls = self._calls_of_1_6(charge_point)
            station.questions = self._questions_of_1_6(charge_point)
        else:
            wiring = self._wiring(charge_point)
            station.questions = Ocpp2Questions(version, wiring, self._quirks(charge_point))
            station.calls = StationCalls(
                charge_point,
                self._events,
                self._clock,
                self._settings.heartbeat_interval,
                version,
                wiring,
                station.reported,
                self._reception,
                self._settings.boot_again_after,
                self._quirks(charge_point),
            )
        return station

    def _questions_of_1_6(self, charge_point: str) -> Ocpp16Questions:
        return Ocpp16Questions(self._quirks(charge_point))

    def _calls_of_1_6(self, charge_point: str) -> ChargePointCalls:
        settings = self._settings
        return ChargePointCalls(
            charge_point,
            self._events,
            self._clock,
            settings.heartbeat_interval,
            self._reception,
            settings.boot_again_after,
            self._quirks(charge_point),
        )

    def _link(self, station: _Station, version: Version, socket: WebSocket) -> OcppLink:
        charge_point = station.charge_point

        def answer(call: Call | Send) -> Coroutine[Any, Any, Payload]:
            return station.answer(call, self._relaxed(charge_point))

        def noted(what: str) -> None:
            self._noted(charge_point, what)

        relaxed = self._relaxed(charge_point)
        return OcppLink(
            charge_point, version, socket, answer, self._new_message_id, relaxed, noted, self._turns
        )

    async def _serve(self, station: _Station, link: OcppLink) -> None:
        charge_point = station.charge_point
        older, station.link = station.link, link
        try:
            async with asyncio.TaskGroup() as group:
                if older is not None:
                    older.part(NORMAL, b"a newer connection took over")
                async with station.turn:
                    station.answers.forget_the_link()
                    station.told_status.clear()
                    await self._events.connected(charge_point)
                settling = group.create_task(self._ask_for_status(station))
                await link.serve()
                settling.cancel()
        finally:
            await self._turns.mine()
            for report in station.reports.values():
                if report.link is link:
                    report.ends(is_whole=False)
            # A link that was replaced says nothing when it goes: the charge point is still there.
            if station.link is link:
                station.link = None
                async with station.turn:
                    await self._events.disconnected(charge_point)

    async def _ask_for_status(self, station: _Station) -> None:
        """Many chargers that come back to a link say nothing of their connectors until they are asked."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._settings.settle.total_seconds()):
                await station.told_status.wait()
        if station.told_status.is_set():
            return
        for question in self._for_status(station):
            try:
                await self.ask(station.charge_point, *question)
            except Refused as refusal:
                _log.info("%s does not tell its status: %s", station.charge_point, refusal)
                if refusal.is_for_want_of_support:
                    return
            except Unanswered as error:
                _log.info("%s does not tell its status: %r", station.charge_point, error)
                return

    def _for_status(self, station: _Station) -> Iterable[Question]:
        """1.6: one question, for all connectors; 2.x: one for each."""
        if isinstance(station.questions, Ocpp2Questions):
            for number in station.questions.wiring.outlets:
                yield station.questions.trigger("StatusNotification", number)
        else:
            yield station.questions.trigger("StatusNotification")


_UNAUTHORIZED: Final = 401
_PREFIX: Final = "/ocpp/"
#: Seconds that what was received may take at the end, beyond the goodbyes.
_AT_THE_END: Final = 2.0


def _identity(path: str) -> str:
    """Who the charge point says it is; empty where it says nothing."""
    name = path.removeprefix(_PREFIX)
    return "" if name == path or "/" in name else unquote(name)


def _visitor(charge_point: str, socket: WebSocket, opening: Opening) -> Visitor:
    tls = socket.tls
    return Visitor(
        charge_point,
        socket.address,
        opening.headers.get("authorization"),
        tls is not None,
        None if tls is None else tls.getpeercert(binary_form=True),
    )


class _Nobody:
    """The owner of a link on which nothing is said."""

    def heard(self, text: str) -> None:
        """Nothing that matters."""

    def complained(self, code: int, reason: str) -> None:
        """It is being closed anyway."""


def _refuse_for_its_subprotocol(socket: WebSocket, key: bytes) -> None:
    """OCPP-J, 3.3 (2.0.1: 3.1): complete the handshake without a subprotocol, and close at once."""
    socket.accept(key, None, _Nobody())
    offer = ", ".join(version.value for version in Version)
    socket.close(PROTOCOL_ERROR, f"offer one of {offer}".encode())
