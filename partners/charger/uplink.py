"""How a charge point stays in touch: connect, boot, beat, say what waits; and again when the link is lost."""

import asyncio
import base64
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import timedelta
from typing import Any, Protocol

import aiohttp
from aiohttp import ClientWSTimeout

from partners.charger.call import Call
from partners.charger.central_system_link import CentralSystemLink, LinkLost, NotAnswered
from partners.charger.configuration import Configuration
from partners.charger.dialects.dialect import Dialect
from partners.charger.firmware import Firmware
from partners.charger.outbox import Message, Outbox
from partners.charger.settings import ChargerSettings
from partners.charger.simulated_time import SimulatedTime
from partners.charger.states import BootReason

_log = logging.getLogger(__name__)


class Owner(Protocol):
    """The charge point, as its uplink sees it."""

    charge_point: str
    settings: ChargerSettings
    configuration: Configuration
    time: SimulatedTime
    firmware: Firmware
    dialect: Dialect

    def connected(self, *, after_boot: bool) -> None:
        """The central system has accepted us on a new link."""

    def disconnected(self) -> None:
        """The link is lost."""

    def unreachable(self, why: str) -> None:
        """There is no link to be had; said once, until there is one."""

    def told(self) -> None:
        """A message was answered."""


class Uplink:
    """The way to the central system.

    Args:
        url: Where it is.
        owner: Whose way it is.
        jitter: A share of the back-off, 0 to 1, that is added to it.
    """

    def __init__(self, url: str, owner: Owner, jitter: Callable[[], float]) -> None:
        self._url = url
        self._owner = owner
        self._outbox = Outbox()
        self._jitter = jitter
        self._link: CentralSystemLink | None = None
        self._websocket: aiohttp.ClientWebSocketResponse | None = None
        self._boot_accepted = False
        #: What is said while the boot is not accepted yet, since it was asked for; None: it is accepted.
        self._early: asyncio.Queue[Call] | None = None
        #: Set when the boot is to be told again now.
        self._boots_now = asyncio.Event()
        self._boot_reason = BootReason.POWER_UP
        self._pause = owner.settings.reconnect_after
        self._is_switched_off = False
        self._is_known_unreachable = False
        #: Set when the link is to be given up for a new one.
        self._comes_back = asyncio.Event()
        #: Set while there may be a link.
        self._is_whole = asyncio.Event()
        self._is_whole.set()

    @property
    def is_up(self) -> bool:
        """Whether there is a link on which the central system has accepted the charge point."""
        return self._link is not None

    @property
    def waiting(self) -> int:
        """How many messages wait."""
        return len(self._outbox)

    def put(self, message: Message) -> None:
        """To be said after everything that waits already."""
        self._outbox.put(message)

    def say(self, call: Call) -> None:
        """Say something that is worth nothing on a later link; nothing without a link."""
        if self._early is not None:
            if call.action == "BootNotification":
                self._boots_now.set()
            else:
                self._early.put_nowait(call)
        elif self.is_up:
            self._outbox.put(Message(lambda: call, outlives_the_link=False))

    async def ask(self, call: Call) -> Mapping[str, Any]:
        """Ask something that cannot wait for a later link.

        Raises:
            LinkLost: There is none, or no longer.
            NotAnswered: There is no answer that helps.
        """
        if self._link is None:
            raise LinkLost
        return await self._link.ask(call)

    async def start_anew(self, reason: BootReason) -> None:
        """Drop the link, and boot on the next one."""
        self._boot_accepted = False
        self._boot_reason = reason
        await self._drop()

    def come_back(self) -> None:
        """Drop the link and connect again: what it shows when it connects is another thing now."""
        self._comes_back.set()

    async def cut(self) -> None:
        """Have no link until it is mended."""
        self._is_whole.clear()
        await self._drop()

    def mend(self) -> None:
        """Links may be had again, the next one at once."""
        self._pause = self._owner.settings.reconnect_after
        self._is_whole.set()

    async def _drop(self) -> None:
        self._link = None
        if self._websocket is not None:
            await self._websocket.close()

    def switch_off(self) -> None:
        """Connect no more; whoever runs `stay_up` cancels it afterwards."""
        self._is_switched_off = True

    async def stay_up(self) -> None:
        """Connect, and connect again, until it is switched off."""
        async with aiohttp.ClientSession() as session:
            while True:
                await self._is_whole.wait()
                try:
                    async with self._connected(session) as websocket:
                        await self._converse(websocket)
                except* (aiohttp.ClientError, LinkLost, TimeoutError) as lost:
                    self._complain(str(lost.exceptions[0]))
                # A task group that ends with errors forgets that its task was cancelled meanwhile.
                if self._is_switched_off:
                    return
                if not self._is_whole.is_set():
                    continue
                await asyncio.sleep(self._pause.total_seconds() * (1 + self._jitter()))
                self._pause = min(self._pause * 2, self._owner.settings.reconnect_at_most)

    def _complain(self, why: str) -> None:
        _log.info("%s has no link: %s", self._owner.charge_point, why)
        # A link that was there and is lost has no more to say.
        if why and not self._is_known_unreachable:
            self._is_known_unreachable = True
            self._owner.unreachable(why)

    @contextlib.asynccontextmanager
    async def _connected(
        self, session: aiohttp.ClientSession
    ) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        subprotocol = f"ocpp{self._owner.dialect.version}"
        # In real time, as everything else about the link; 0: never.
        ping = self._owner.configuration.number("WebSocketPingInterval") or None
        async with session.ws_connect(
            self._url,
            protocols=(subprotocol,),
            heartbeat=ping,
            timeout=ClientWSTimeout(ws_close=2),
            headers=self._proof(),
        ) as websocket:
            if websocket.protocol != subprotocol:
                raise LinkLost(f"the central system does not speak {subprotocol}")
            self._websocket = websocket
            try:
                yield websocket
            finally:
                self._websocket = self._link = self._early = None
                self._outbox.link_lost()
                self._owner.disconnected()

    async def _converse(self, websocket: aiohttp.ClientWebSocketResponse) -> None:
        owner = self._owner
        link = CentralSystemLink(
            websocket, owner.dialect, owner.firmware, owner.time, owner.settings.answer_within
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(link.listen())
            group.create_task(self._leave(websocket))
            after_boot = not self._boot_accepted
            if after_boot:
                self._early = asyncio.Queue()
                saying = group.create_task(self._say_early(link, self._early))
                await self._boot(link)
                self._early = None
                saying.cancel()
            self._link = link
            self._is_known_unreachable = False
            self._pause = owner.settings.reconnect_after
            owner.connected(after_boot=after_boot)
            group.create_task(self._deliver(link))
            group.create_task(self._beat(link))

    async def _leave(self, websocket: aiohttp.ClientWebSocketResponse) -> None:
        self._comes_back.clear()
        await self._comes_back.wait()
        await websocket.close()

    def _proof(self) -> dict[str, str]:
        """Basic authentication (security profiles 1 and 2), if it has a password."""
        password = self._owner.configuration.password
        if password is None:
            return {}
        shown = base64.b64encode(self._owner.charge_point.encode() + b":" + password).decode()
        return {"Authorization": f"Basic {shown}"}

    async def _boot(self, link: CentralSystemLink) -> None:
        """Say who it is until it is accepted; nothing else may be said before."""
        configuration = self._owner.configuration
        while not self._boot_accepted:
            pause = configuration.duration("HeartbeatInterval")
            with contextlib.suppress(NotAnswered):
                answer = await link.ask(self._owner.dialect.boot_notification(self._boot_reason))
                self._boot_accepted = answer["status"] == "Accepted"
                # Between heartbeats if accepted, else until it may ask again (OCPP 1.6, 4.2; 2.0.1, B01-B03).
                if answer["interval"] > 0 and self._boot_accepted:
                    configuration.values["HeartbeatInterval"] = str(answer["interval"])
                elif answer["interval"] > 0:
                    pause = timedelta(seconds=int(answer["interval"]))
            if not self._boot_accepted:
                await self._until_boot(pause)

    async def _until_boot(self, pause: timedelta) -> None:
        """Wait until it is time to boot again, or until somebody asks for it."""
        self._boots_now.clear()
        async with asyncio.TaskGroup() as group:
            either = [
                group.create_task(self._owner.time.sleep(pause)),
                group.create_task(self._boots_now.wait()),
            ]
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            for each in either:
                each.cancel()

    async def _say_early(self, link: CentralSystemLink, early: "asyncio.Queue[Call]") -> None:
        while True:
            with contextlib.suppress(NotAnswered):
                await link.ask(await early.get())

    async def _beat(self, link: CentralSystemLink) -> None:
        while True:
            await self._owner.time.sleep(self._heartbeat_interval)
            with contextlib.suppress(NotAnswered):
                await link.ask(Call("Heartbeat", {}))

    @property
    def _heartbeat_interval(self) -> timedelta:
        # 0 would mean: never.
        return self._owner.configuration.duration("HeartbeatInterval") or timedelta(days=1)

    async def _deliver(self, link: CentralSystemLink) -> None:
        while True:
            message = await self._outbox.head()
            try:
                answer = await link.ask(message.call(), message.message_id)
            except NotAnswered:
                await self._again_later(message)
            else:
                self._outbox.done()
                message.answered(answer)
                self._owner.told()

    async def _again_later(self, message: Message) -> None:
        message.attempts += 1
        most = self._owner.configuration.number("TransactionMessageAttempts")
        if message.outlives_the_link and message.attempts < most:
            pause = self._owner.configuration.duration("TransactionMessageRetryInterval")
            await self._owner.time.sleep(pause * message.attempts)
        else:
            _log.warning("%s gives up a message: %s", self._owner.charge_point, message.call().action)
            self._outbox.done()
            self._owner.told()
