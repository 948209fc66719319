"""A simulated charge point: a physical charger, a dialect of OCPP, and the way to a central system.

It keeps a link to its central system and says everything in order (`Outbox`); what belongs to a
transaction waits there while the link is down. Energy flows by `curve`, in simulated time.
"""

import asyncio
import random
from collections.abc import Callable, Coroutine
from datetime import timedelta
from decimal import Decimal
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote, urlsplit

from partners.changes import Changes
from partners.charger.configuration import Configuration, keys_of
from partners.charger.connector import Connector
from partners.charger.dialects import DIALECTS, Dialect
from partners.charger.firmware import Firmware
from partners.charger.meter import Glitch
from partners.charger.onlooker import ConnectorState, Happening, Onlooker
from partners.charger.settings import ChargerSettings
from partners.charger.simulated_time import SimulatedTime
from partners.charger.states import BootReason, Cause, Status, Token, Trigger, Verdict
from partners.charger.station import Station
from partners.charger.uplink import Uplink
from partners.charger.vehicle import Vehicle


class ChargerSimulator:
    """One charge point, switched on as long as the context is open.

    Args:
        url: `ws://…/ocpp/CP001`; the last segment is its identity.
        settings: What kind of charge point it is.
        time: Its (simulated) time.
        onlooker: Told what happens.
        jitter: A share of the back-off, 0 to 1, that is added to it.
    """

    def __init__(
        self,
        url: str,
        settings: ChargerSettings | None = None,
        *,
        time: SimulatedTime,
        onlooker: Onlooker = lambda _: None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.charge_point = unquote(urlsplit(url).path.rsplit("/", 1)[-1])
        self.settings = settings or ChargerSettings()
        self.configuration = _configuration(self.settings)
        self.time = time
        self.firmware = Firmware()
        self._onlooker = onlooker
        self._changes = Changes()
        self.uplink = Uplink(url, self, jitter)
        self.station = Station(
            self.charge_point, self.settings, self.configuration, time, self._do, self._tell
        )
        self.dialect: Dialect = DIALECTS[self.settings.version](self.station, self.uplink, self._restart)
        self.station.voice = self.dialect
        self._whole = Status.AVAILABLE
        self._tasks: set[asyncio.Task[None]] = set()
        self._group = asyncio.TaskGroup()

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        self._do(self.uplink.stay_up())
        self._do(self.station.tell_by_the_clock())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.uplink.switch_off()
        for task in self._tasks:
            task.cancel()
        # The group must know of a cancellation; any other error goes on as it is.
        cancelled = isinstance(error, asyncio.CancelledError)
        await self._group.__aexit__(*((kind, error, traceback) if cancelled else (None, None, None)))

    # What people do

    def plug_in(self, connector_id: int, vehicle: Vehicle | None = None) -> None:
        """A car comes, and is connected; energy flows if that was allowed before."""
        self.station.plug_in(connector_id, vehicle)

    async def tap(self, connector_id: int, id_tag: str) -> Verdict:
        """A card is shown: it begins a transaction, or ends the one that it began.

        Returns:
            What the reader shows; Invalid also for a card that does not belong to the transaction.
        """
        return await self.station.tap(connector_id, Token(id_tag))

    def unplug(self, connector_id: int) -> None:
        """The car leaves; ends a transaction that is under way."""
        self.station.unplug(connector_id)

    def break_down(self, connector_id: int) -> None:
        """The connector becomes faulty; ends a transaction that is under way."""
        self.station.break_down(connector_id)

    def repair(self, connector_id: int) -> None:
        """A connector that was faulty works again."""
        self.station.repair(connector_id)

    def become(self, status: Status) -> None:
        """The charger as a whole (connector 0, EVSE 0) is in a state; its connectors go on as they are."""
        self._whole = status
        self.dialect.whole_changed(status)
        self._tell(f"as a whole {status.value}")

    # What befalls it

    def go_wrong(self, connector_id: int, glitch: Glitch, *, wh: int = 0, samples: int = 1) -> None:
        """A meter has a glitch from its next reading on; see `Meter.go_wrong`."""
        register_wh = int(self.station.connector(connector_id).register_wh)
        meter = self.station.meters[connector_id]
        meter.go_wrong(glitch, wh=wh, samples=samples, register_wh=register_wh)

    def mend_meter(self, connector_id: int) -> None:
        """A meter is right again."""
        self.station.meters[connector_id].mend()

    async def reconnect(self) -> None:
        """The link is lost, and had again: without a boot, since it was never off."""
        await self.uplink.cut()
        self.uplink.mend()

    async def go_offline(self) -> None:
        """The network fails; what belongs to transactions waits."""
        await self.uplink.cut()

    def go_online(self) -> None:
        """The network is back; it connects again, and does not boot."""
        self.uplink.mend()

    async def lose_power(self, outage: timedelta, *, ends_transactions: bool) -> None:
        """The power fails for a (simulated) while, and it boots when it is back.

        Args:
            outage: How long.
            ends_transactions: Whether transactions are over with it; else they go on afterwards.
        """
        self.station.go_dark(ends_transactions=ends_transactions)
        await self.uplink.cut()
        self.configuration.boot()
        await self.uplink.start_anew(BootReason.POWER_UP)
        await self.time.sleep(outage)
        self.station.light_up()
        self.uplink.mend()

    # What can be seen

    @property
    def is_connected(self) -> bool:
        """Whether there is a link on which the central system has accepted it."""
        return self.uplink.is_up

    def connector(self, connector_id: int) -> ConnectorState:
        """How a connector is now."""
        return self.station.state(connector_id)

    async def until(self, is_true: Callable[[], bool]) -> None:
        """Wait for anything that can be seen at this charge point."""
        await self._changes.until(is_true, patience=None)

    async def until_connected(self) -> None:
        """Wait for a link."""
        await self.until(lambda: self.is_connected)

    async def until_status(self, connector_id: int, status: Status) -> None:
        """Wait for a connector to get into a state."""
        await self.until(lambda: self.station.connector(connector_id).status == status)

    async def until_numbered(self, connector_id: int) -> int | str:
        """Wait until the transaction has a number that the central system knows, and return it."""
        return await self._changes.until(lambda: self.connector(connector_id).transaction_id, patience=None)

    async def until_energy(self, connector_id: int, wh: Decimal) -> None:
        """Wait until so much was delivered in the present transaction, or the car is full."""

        def enough() -> bool:
            state = self.connector(connector_id)
            return state.energy_wh >= wh or state.car_is_full

        await self.until(enough)

    async def until_told(self) -> None:
        """Wait until the central system has heard everything."""
        await self.until(lambda: self.is_connected and not self.uplink.waiting)

    # What its uplink tells it

    def connected(self, *, after_boot: bool) -> None:
        """The central system has accepted us on a new link."""
        self._tell("connected")
        if after_boot or self.settings.tells_status_when_back:
            tells = self.settings.tells_status_of_the_whole
            if tells or (tells is None and self.settings.version == "1.6"):
                self.dialect.whole_changed(self._whole)
            self.station.say_status()

    def disconnected(self) -> None:
        """The link is lost."""
        self.dialect.disconnected()
        self._tell("the link is lost")

    def unreachable(self, why: str) -> None:
        """There is no link to be had."""
        self._tell(f"no link to the central system: {why}")

    def told(self) -> None:
        """A message was answered."""
        self._changes.announce()

    # Small change

    def _restart(self, cause: Cause, *, when_idle: bool = False, says_all_first: bool = False) -> None:
        self._do(self._start_anew(cause, when_idle=when_idle, says_all_first=says_all_first))

    async def _start_anew(self, cause: Cause, *, when_idle: bool, says_all_first: bool) -> None:
        if when_idle:
            await self.until(lambda: not self.station.is_busy)
        self.station.end_all(cause, Trigger.RESET_COMMAND)
        if says_all_first:
            await self.until(lambda: not self.uplink.waiting or not self.is_connected)
        self.configuration.boot()
        await self.uplink.start_anew(BootReason.REMOTE_RESET)

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._group.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _tell(self, what: str | None = None, connector: Connector | None = None) -> None:
        if what is not None:
            number = connector.connector_id if connector else None
            self._onlooker(Happening(self.time.now(), self.charge_point, what, number))
        self._changes.announce()


def _configuration(settings: ChargerSettings) -> Configuration:
    """What can be set; what counts as a transaction, only where it can be chosen."""
    points = {"TxStartPoint": settings.tx_start.value, "TxStopPoint": settings.tx_stop.value}
    own = keys_of(settings.version)
    own |= {key: value for key, value in points.items() if key in own}
    made = Configuration.standard(settings.connectors, **own)
    made.password = None if settings.password is None else settings.password.encode()
    made.taken_at_boot, made.lost_at_boot = settings.takes_at_boot, settings.loses_at_boot
    return made
