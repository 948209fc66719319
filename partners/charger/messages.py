"""What a charge point says, in OCPP 1.6's words. Pure."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from ocpp.v16 import call, call_result
from ocpp.v16.datatypes import MeterValue, SampledValue
from ocpp.v16.enums import (
    ChargePointErrorCode,
    ChargingRateUnitType,
    GetCompositeScheduleStatus,
    Measurand,
    Phase,
    ReadingContext,
    Reason,
    UnitOfMeasure,
)
from ocpp.v16.enums import ChargePointStatus as Status

from partners.charger.connector import Reading, Transaction
from partners.charger.smart_charging import VOLTAGE, Step

_PHASES = (Phase.l1, Phase.l2, Phase.l3)

#: What chargers say of a transaction that never got a number.
_NO_NUMBER = -1


def timestamp(at: datetime) -> str:
    """An instant as OCPP's text: UTC, milliseconds, `Z`."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def boot_notification(charge_point: str) -> call.BootNotification:
    """Who it is."""
    return call.BootNotification(
        charge_point_model="Simulated charger",
        charge_point_vendor="ocpi-hub",
        charge_point_serial_number=charge_point[:25],
        firmware_version="1",
        meter_serial_number=f"M-{charge_point}"[:25],
    )


def status_notification(connector_id: int, status: Status, at: datetime) -> call.StatusNotification:
    """How a connector is."""
    faulted = status is Status.faulted
    return call.StatusNotification(
        connector_id=connector_id,
        error_code=ChargePointErrorCode.other_error if faulted else ChargePointErrorCode.no_error,
        status=status,
        timestamp=timestamp(at),
    )


def start_transaction(transaction: Transaction) -> call.StartTransaction:
    """Somebody has begun to charge."""
    return call.StartTransaction(
        connector_id=transaction.connector_id,
        id_tag=transaction.id_tag,
        meter_start=transaction.meter_start_wh,
        timestamp=timestamp(transaction.started_at),
        reservation_id=transaction.reservation_id,
    )


def stop_transaction(
    transaction: Transaction, meter_stop_wh: int, at: datetime, reason: Reason, id_tag: str | None
) -> call.StopTransaction:
    """It is over."""
    return call.StopTransaction(
        meter_stop=meter_stop_wh,
        timestamp=timestamp(at),
        transaction_id=_number(transaction),
        reason=reason,
        id_tag=id_tag,
    )


def meter_values(
    connector_id: int, measured: MeterValue, transaction: Transaction | None
) -> call.MeterValues:
    """What the meter shows, in a transaction or outside of any."""
    return call.MeterValues(connector_id, [measured], _number(transaction) if transaction else None)


def meter_value(
    reading: Reading, context: ReadingContext, energy_unit: UnitOfMeasure, phases: int
) -> MeterValue:
    """A reading, as samples: the register, the power, the current of each phase, the state of charge."""
    in_kwh = energy_unit is UnitOfMeasure.kwh
    register = Decimal(reading.register_wh) / 1000 if in_kwh else Decimal(reading.register_wh)
    sampled = [
        SampledValue(
            f"{register:f}", context, measurand=Measurand.energy_active_import_register, unit=energy_unit
        ),
        SampledValue(
            f"{reading.power_w:.0f}", context, measurand=Measurand.power_active_import, unit=UnitOfMeasure.w
        ),
    ]
    for phase in _PHASES[:phases]:
        current = f"{reading.current_a:.1f}"
        sampled.append(
            SampledValue(
                current, context, measurand=Measurand.current_import, phase=phase, unit=UnitOfMeasure.a
            )
        )
    if reading.soc is not None:
        charge = f"{reading.soc * 100:.0f}"
        sampled.append(SampledValue(charge, context, measurand=Measurand.soc, unit=UnitOfMeasure.percent))
    return MeterValue(timestamp(reading.at), sampled)


def composite_schedule(
    connector_id: int,
    start: datetime,
    seconds: int,
    steps: Sequence[Step],
    unit: ChargingRateUnitType,
    phases: int,
) -> call_result.GetCompositeSchedule:
    """What all profiles come to, in W or in A for each phase."""
    divisor = Decimal(1) if unit is ChargingRateUnitType.watts else VOLTAGE * phases
    return call_result.GetCompositeSchedule(
        status=GetCompositeScheduleStatus.accepted,
        connector_id=connector_id,
        schedule_start=timestamp(start),
        charging_schedule={
            "chargingRateUnit": unit.value,
            "duration": seconds,
            "chargingSchedulePeriod": [
                {
                    "startPeriod": int(step.begin.total_seconds()),
                    "limit": float(round(step.watt / divisor, 1)),
                }
                for step in steps
            ],
        },
    )


def _number(transaction: Transaction) -> int:
    return _NO_NUMBER if transaction.transaction_id is None else transaction.transaction_id
