"""Tells the sites what chargers tell, after whoever acts on it."""

from collections.abc import Callable, Sequence
from datetime import datetime

from partners.cpo.charging.charging_events import (
    Alarm,
    BootInfo,
    ChargingEvents,
    ConnectorStatus,
    IdTagInfo,
    StartAnswer,
    StartedTransaction,
    StoppedTransaction,
    TransactionEvent,
)
from partners.cpo.charging.meter_values import MeterSample
from partners.cpo.configuration import Plug
from partners.cpo.energy.steering import Steering
from schemas.v2_2_1 import TokenType


class Observer:
    """The `ChargingEvents` around those that act."""

    def __init__(self, inner: ChargingEvents, site_of: Callable[[str], Steering | None]) -> None:
        self._inner = inner
        self._site_of = site_of

    async def connected(self, charge_point: str) -> None:
        """See `ChargingEvents`."""
        await self._inner.connected(charge_point)
        if (site := self._site_of(charge_point)) is not None:
            site.connected(charge_point)

    async def disconnected(self, charge_point: str) -> None:
        """See `ChargingEvents`."""
        await self._inner.disconnected(charge_point)
        self._touch(charge_point)

    async def booted(self, charge_point: str, boot: BootInfo) -> None:
        """See `ChargingEvents`."""
        await self._inner.booted(charge_point, boot)
        if (site := self._site_of(charge_point)) is not None:
            site.rebooted(charge_point)

    async def status_changed(
        self, charge_point: str, connector_id: int, status: ConnectorStatus, error_code: str, at: datetime
    ) -> None:
        """See `ChargingEvents`."""
        await self._inner.status_changed(charge_point, connector_id, status, error_code, at)
        self._touch(charge_point)

    async def authorize(
        self, charge_point: str, id_tag: str, token_type: TokenType = TokenType.RFID
    ) -> IdTagInfo:
        """See `ChargingEvents`."""
        return await self._inner.authorize(charge_point, id_tag, token_type)

    async def transaction_started(self, started: StartedTransaction) -> StartAnswer:
        """See `ChargingEvents`."""
        answer = await self._inner.transaction_started(started)
        self._touch(started.charge_point)
        return answer

    async def meter_values(
        self,
        charge_point: str,
        connector_id: int,
        transaction_id: int | None,
        samples: tuple[MeterSample, ...],
    ) -> None:
        """See `ChargingEvents`."""
        await self._inner.meter_values(charge_point, connector_id, transaction_id, samples)
        self._measured(charge_point, connector_id, samples)

    async def transaction_stopped(self, stopped: StoppedTransaction) -> IdTagInfo | None:
        """See `ChargingEvents`."""
        info = await self._inner.transaction_stopped(stopped)
        self._touch(stopped.charge_point)
        return info

    async def transaction_event(self, event: TransactionEvent) -> IdTagInfo | None:
        """See `ChargingEvents`."""
        info = await self._inner.transaction_event(event)
        if event.connector_id is not None and not event.is_offline:
            self._measured(event.charge_point, event.connector_id, event.samples)
        self._touch(event.charge_point)
        return info

    async def reservation_ended(self, charge_point: str, number: int) -> None:
        """See `ChargingEvents`."""
        await self._inner.reservation_ended(charge_point, number)

    async def alarmed(self, charge_point: str, connector_id: int, alarm: Alarm) -> None:
        """See `ChargingEvents`."""
        await self._inner.alarmed(charge_point, connector_id, alarm)

    async def signature_checked(
        self, charge_point: str, connector_id: int, what: str, *, is_right: bool
    ) -> None:
        """See `ChargingEvents`."""
        await self._inner.signature_checked(charge_point, connector_id, what, is_right=is_right)

    def _measured(self, charge_point: str, connector: int, samples: Sequence[MeterSample]) -> None:
        site = self._site_of(charge_point)
        if site is not None and samples:
            site.measured(Plug(charge_point, connector), samples)

    def _touch(self, charge_point: str) -> None:
        if (site := self._site_of(charge_point)) is not None:
            site.touch()
