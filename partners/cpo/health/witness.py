"""Writes down what chargers tell on its way to whoever acts on it: a line in the log, a note in memory.

What is written here is on disk with the group of what it is about, and nobody waits for it by itself.
"""

from collections.abc import Coroutine
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from hub.ocpi.timestamps import Clock
from partners.cpo.charging.charging_events import (
    Alarm,
    AuthorizationStatus,
    BootInfo,
    ChargingEvents,
    ConnectorStatus,
    IdTagInfo,
    StartAnswer,
    StartedTransaction,
    StoppedTransaction,
    TransactionEvent,
)
from partners.cpo.charging.charging_log import Charging, ChargingLog
from partners.cpo.charging.meter_values import MeterSample
from partners.cpo.charging.registers import register_at_start
from partners.cpo.charging.signatures import Opinion, opinion
from partners.cpo.configuration import Plug
from partners.cpo.health.alarms import Alarms
from partners.cpo.health.charger_log import WHOLE, ChargerLog, Kind
from partners.cpo.health.observations import Observations
from partners.cpo.health.vitals import NO_ERROR
from partners.database import Database
from schemas.v2_2_1 import TokenType

#: Of what is written of a card: enough to know it again, too little to use it.
_SHOWN: Final = 4


class Witness:
    """The `ChargingEvents` around those that act."""

    def __init__(
        self,
        inner: ChargingEvents,
        database: Database,
        charging_log: ChargingLog,
        log: ChargerLog,
        observations: Observations,
        alarms: Alarms,
        clock: Clock,
        silent_after: timedelta,
    ) -> None:
        self._inner = inner
        self._database = database
        self._charging_log = charging_log
        self._log = log
        self._seen = observations
        self._alarms = alarms
        self._clock = clock
        self._silent_after = silent_after
        #: How often each charger has said something that is not allowed.
        self._bad: dict[str, int] = {}
        charging_log.onlookers.append(self._session)

    def heard(self, charge_point: str) -> None:
        """Any message has come."""
        now = self._clock()
        before = self._seen.heard(charge_point, now)
        if before is not None and now - before >= self._silent_after:
            seconds = int((now - before).total_seconds())
            self._write(Plug(charge_point, WHOLE), Kind.SILENT, seconds=seconds)

    def noted(self, charge_point: str, what: str) -> None:
        """It said something that OCPP does not allow; one that goes on and on shall not fill the log."""
        count = self._bad[charge_point] = self._bad.get(charge_point, 0) + 1
        if str(count).strip("0") == "1":  # 1, 10, 100, …
            self._write(Plug(charge_point, WHOLE), Kind.BAD_FRAME, what=what, count=count)

    # What chargers tell.

    async def connected(self, charge_point: str) -> None:
        """See `ChargingEvents`."""
        self._seen.came(charge_point)
        self._write(Plug(charge_point, WHOLE), Kind.CONNECTED)
        await self._inner.connected(charge_point)

    async def disconnected(self, charge_point: str) -> None:
        """See `ChargingEvents`."""
        self._seen.left(charge_point)
        self._write(Plug(charge_point, WHOLE), Kind.DISCONNECTED)
        await self._inner.disconnected(charge_point)

    async def booted(self, charge_point: str, boot: BootInfo) -> None:
        """See `ChargingEvents`."""
        model, firmware = f"{boot.vendor} {boot.model}", boot.firmware_version
        self._write(Plug(charge_point, WHOLE), Kind.BOOTED, model=model, firmware=firmware)
        await self._inner.booted(charge_point, boot)

    def status_changed(
        self, charge_point: str, connector_id: int, status: ConnectorStatus, error_code: str, at: datetime
    ) -> Coroutine[Any, Any, None]:
        """See `ChargingEvents`; what is older than what is known says nothing about now."""
        plug = Plug(charge_point, connector_id)
        known = self._charging_log.connector(plug)
        if (known is None or known.at <= at) and self._seen.status(plug, status, error_code):
            code = None if error_code == NO_ERROR else error_code
            self._write(plug, Kind.STATUS, status=status.value, error_code=code)
        return self._inner.status_changed(charge_point, connector_id, status, error_code, at)

    async def authorize(
        self, charge_point: str, id_tag: str, token_type: TokenType = TokenType.RFID
    ) -> IdTagInfo:
        """See `ChargingEvents`."""
        info = await self._inner.authorize(charge_point, id_tag, token_type)
        self._judged(Plug(charge_point, WHOLE), id_tag, info.status)
        return info

    async def transaction_started(self, started: StartedTransaction) -> StartAnswer:
        """See `ChargingEvents`."""
        answer = await self._inner.transaction_started(started)
        plug = Plug(started.charge_point, started.connector_id)
        self._judged(plug, started.id_tag, answer.id_tag_info.status)
        return answer

    def meter_values(
        self,
        charge_point: str,
        connector_id: int,
        transaction_id: int | None,
        samples: tuple[MeterSample, ...],
    ) -> Coroutine[Any, Any, None]:
        """See `ChargingEvents`."""
        plug = Plug(charge_point, connector_id)
        self._measured(plug, samples)
        if _is_signed(samples):
            return self._signed_values(plug, transaction_id, samples)
        return self._inner.meter_values(charge_point, connector_id, transaction_id, samples)

    async def _signed_values(
        self, plug: Plug, transaction_id: int | None, samples: tuple[MeterSample, ...]
    ) -> None:
        await self._check_signatures(plug, samples)
        await self._inner.meter_values(plug.charge_point, plug.number, transaction_id, samples)

    async def transaction_stopped(self, stopped: StoppedTransaction) -> IdTagInfo | None:
        """See `ChargingEvents`."""
        charging = self._charging_log.stopped_by(stopped)
        if charging is not None:
            await self._check_signatures(charging.plug, stopped.samples)
        return await self._inner.transaction_stopped(stopped)

    async def transaction_event(self, event: TransactionEvent) -> IdTagInfo | None:
        """See `ChargingEvents`."""
        info = await self._inner.transaction_event(event)
        charging = self._charging_log.named(event.charge_point, event.transaction_id)
        if charging is not None and charging.stopped is None:
            if event.state is not None:
                self._seen.state(charging.plug, event.state)
            self._measured(charging.plug, event.samples)
        if charging is not None and _is_signed(event.samples):
            await self._check_signatures(charging.plug, event.samples)
        if info is not None and event.id_tag is not None:
            plug = Plug(event.charge_point, event.connector_id or WHOLE)
            self._judged(plug, event.id_tag, info.status)
        return info

    async def reservation_ended(self, charge_point: str, number: int) -> None:
        """See `ChargingEvents`."""
        await self._inner.reservation_ended(charge_point, number)

    async def alarmed(self, charge_point: str, connector_id: int, alarm: Alarm) -> None:
        """See `ChargingEvents`; what it says again and again is written once."""
        plug = Plug(charge_point, connector_id)
        with self._database.grouped():
            if self._alarms.told(plug, alarm, self._clock()):
                said = "over" if alarm.told is None else alarm.told
                self._write(plug, Kind.ALARM, about=alarm.about, said=said)
        await self._inner.alarmed(charge_point, connector_id, alarm)

    async def signature_checked(
        self, charge_point: str, connector_id: int, what: str, *, is_right: bool
    ) -> None:
        """See `ChargingEvents`."""
        plug = Plug(charge_point, connector_id)
        self._seen.signature(plug, is_right=is_right)
        self._write(plug, Kind.GOOD_SIGNATURE if is_right else Kind.BAD_SIGNATURE, what=what)
        await self._inner.signature_checked(charge_point, connector_id, what, is_right=is_right)

    # Inside.

    async def _check_signatures(self, plug: Plug, samples: tuple[MeterSample, ...]) -> None:
        """What the meter signed, by the key with which it signed first."""
        for signed in [each for sample in samples for each in sample.signed]:
            key = self._charging_log.meter_key(plug)
            found = opinion(signed, key)
            if found is Opinion.UNKNOWN:
                continue
            is_another = key is not None and signed.public_key not in {"", key}
            what = "meter value, by another key than before" if is_another else "meter value"
            is_right = found is Opinion.RIGHT and not is_another
            await self.signature_checked(*plug, what, is_right=is_right)

    def _session(self, charging: Charging) -> None:
        """A transaction was begun or ended: told by the charging log, in the transaction that keeps it."""
        begin, end = self._registers(charging)
        over = charging.stopped is not None
        grown = self._seen.session(charging, end if over else begin)
        told = {"transaction": charging.id, "id_tag": _shown(charging.id_tag)}
        if over:
            wh = None if begin is None or end is None else max(end - begin, Decimal(0))
            self._write(charging.plug, Kind.SESSION_ENDED, **told, wh=wh, reason=charging.reason)
        else:
            self._write(charging.plug, Kind.SESSION_BEGAN, **told)
        if grown is not None:
            self._write(charging.plug, Kind.UNMETERED, wh=grown)

    def _registers(self, charging: Charging) -> tuple[Decimal | None, Decimal | None]:
        """Where the meter stood at the begin and at the end, Wh, as far as it was told by now."""
        begin, end = charging.meter_start, charging.meter_stop
        if begin is None or (end is None and charging.stopped is not None):
            samples = self._charging_log.samples(charging)
            begin = register_at_start(samples) if begin is None else begin
            told = [each.energy_wh for each in samples if each.energy_wh is not None]
            end = max(told, default=begin) if end is None else end
        return begin, end

    def _measured(self, plug: Plug, samples: tuple[MeterSample, ...]) -> None:
        grown = self._seen.measured(plug, samples)
        if grown is not None:
            self._write(plug, Kind.UNMETERED, wh=grown)

    def _judged(self, plug: Plug, id_tag: str, status: AuthorizationStatus) -> None:
        if not self._seen.authorized(plug.charge_point, status):
            self._write(plug, Kind.REFUSED, id_tag=_shown(id_tag), status=status.value)

    def _write(self, plug: Plug, kind: Kind, **detail: object) -> None:
        with self._database.grouped():
            self._log.put(plug, self._clock(), kind, **detail)


def _is_signed(samples: tuple[MeterSample, ...]) -> bool:
    for each in samples:  # noqa: SIM110 of which there is one, mostly: `any` costs more than all the rest
        if each.signed:
            return True
    return False


def _shown(id_tag: str) -> str:
    return f"…{id_tag[-_SHOWN:]}" if id_tag else ""
