"""Puts right what charge points say of times, before anybody acts on it."""

import logging
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from hub.ocpi.timestamps import Clock
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
from partners.cpo.stations.station_clocks import StationClock
from partners.database import Database
from schemas.v2_2_1 import TokenType

log = logging.getLogger(__name__)

TABLES = """
-- By what the times of a charge point are corrected, microseconds.
CREATE TABLE IF NOT EXISTS station_clock (charge_point TEXT PRIMARY KEY, off INTEGER NOT NULL) WITHOUT ROWID;
"""

_MICROSECOND = timedelta(microseconds=1)


class Timekeeper:
    """The `ChargingEvents` around all others.

    Args:
        inner: Who is told the right times.
        database: Of the node.
        clock: The present instant.
        trust: So far the clock of a charge point may be off.
        noted: Told of a charge point whose times are corrected from now on, and by what.
    """

    def __init__(
        self,
        inner: ChargingEvents,
        database: Database,
        clock: Clock,
        trust: timedelta,
        noted: Callable[[str, timedelta], None],
    ) -> None:
        self._inner = inner
        self._database = database
        self._clock = clock
        self._trust = trust
        self._noted = noted
        database.define(TABLES)
        self._clocks: dict[str, StationClock] = {}

    def of(self, charge_point: str) -> StationClock:
        """The clock of a charge point."""
        known = self._clocks.get(charge_point)
        if known is None:
            row = self._database.row("SELECT off FROM station_clock WHERE charge_point = ?", (charge_point,))
            off = timedelta() if row is None else row["off"] * _MICROSECOND
            known = self._clocks[charge_point] = StationClock(self._trust, off)
        return known

    # See `ChargingEvents`.

    async def connected(self, charge_point: str) -> None:
        """A link is up."""
        self.of(charge_point).connected(self._clock())
        await self._inner.connected(charge_point)

    async def disconnected(self, charge_point: str) -> None:
        """The link is lost."""
        await self._inner.disconnected(charge_point)

    async def booted(self, charge_point: str, boot: BootInfo) -> None:
        """The charge point has started."""
        self.of(charge_point).booted()
        await self._inner.booted(charge_point, boot)

    def status_changed(
        self, charge_point: str, connector_id: int, status: ConnectorStatus, error_code: str, at: datetime
    ) -> Coroutine[Any, Any, None]:
        """A connector changed."""
        now = self._clock()
        self._heard(charge_point, at, now, is_status=True)
        at = self.of(charge_point).of_status(at, now)
        return self._inner.status_changed(charge_point, connector_id, status, error_code, at)

    async def authorize(
        self, charge_point: str, id_tag: str, token_type: TokenType = TokenType.RFID
    ) -> IdTagInfo:
        """May this id tag charge here?"""
        return await self._inner.authorize(charge_point, id_tag, token_type)

    async def transaction_started(self, started: StartedTransaction) -> StartAnswer:
        """A transaction has begun."""
        at = self._true(started.charge_point, started.at)
        return await self._inner.transaction_started(replace(started, at=at))

    def meter_values(
        self,
        charge_point: str,
        connector_id: int,
        transaction_id: int | None,
        samples: tuple[MeterSample, ...],
    ) -> Coroutine[Any, Any, None]:
        """Measurements."""
        if samples:
            now = self._clock()
            self._heard(charge_point, samples[-1].at, now)
            samples = self._right(charge_point, samples, now)
        return self._inner.meter_values(charge_point, connector_id, transaction_id, samples)

    async def transaction_stopped(self, stopped: StoppedTransaction) -> IdTagInfo | None:
        """A transaction has ended."""
        at = self._true(stopped.charge_point, stopped.at)
        samples = self._right(stopped.charge_point, stopped.samples, self._clock())
        return await self._inner.transaction_stopped(replace(stopped, at=at, samples=samples))

    def transaction_event(self, event: TransactionEvent) -> Coroutine[Any, Any, IdTagInfo | None]:
        """Something happened in a transaction of OCPP 2.x."""
        now = self._clock()
        if not event.is_offline:
            self._heard(event.charge_point, event.at, now)
        at = self.of(event.charge_point).true(event.at, now)
        samples = self._right(event.charge_point, event.samples, now)
        if at != event.at or samples is not event.samples:
            event = event._replace(at=at, samples=samples)
        return self._inner.transaction_event(event)

    async def reservation_ended(self, charge_point: str, number: int) -> None:
        """A station keeps a reservation no longer."""
        await self._inner.reservation_ended(charge_point, number)

    async def alarmed(self, charge_point: str, connector_id: int, alarm: Alarm) -> None:
        """Something is wrong at a station, or over."""
        await self._inner.alarmed(charge_point, connector_id, alarm)

    async def signature_checked(
        self, charge_point: str, connector_id: int, what: str, *, is_right: bool
    ) -> None:
        """Whether something was signed as it should be."""
        await self._inner.signature_checked(charge_point, connector_id, what, is_right=is_right)

    # Inside.

    def _heard(self, charge_point: str, told: datetime, now: datetime, *, is_status: bool = False) -> None:
        clock = self.of(charge_point)
        if not clock.heard(told, now, is_status=is_status):
            return
        log.warning("the clock of %s is off: its times are corrected by %s", charge_point, clock.offset)
        with self._database.grouped():
            self._database.execute(
                "INSERT OR REPLACE INTO station_clock (charge_point, off) VALUES (?, ?)",
                (charge_point, clock.offset // _MICROSECOND),
            )
            self._noted(charge_point, clock.offset)

    def _true(self, charge_point: str, told: datetime) -> datetime:
        return self.of(charge_point).true(told, self._clock())

    def _right(
        self, charge_point: str, samples: tuple[MeterSample, ...], now: datetime
    ) -> tuple[MeterSample, ...]:
        clock = self.of(charge_point)
        for each in samples:
            if not clock.is_right(each.at):
                break
        else:
            return samples
        return tuple(replace(each, at=clock.true(each.at, now)) for each in samples)
