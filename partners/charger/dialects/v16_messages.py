"""What a charge point says, in OCPP 1.6's words. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from partners.charger.call import Call
from partners.charger.connector import Transaction
from partners.charger.dialects.dialect import timestamp
from partners.charger.meter import Shown
from partners.charger.ocmf import ENCODING, base64_text
from partners.charger.smart_charging import VOLTAGE, RateUnit, Step
from partners.charger.states import Cause, EnergyUnit, Status
from schemas import exact_json

#: What chargers say of a transaction that never got a number.
_NO_NUMBER = -1
_PHASES = ("L1", "L2", "L3")


def boot_notification(charge_point: str) -> Call:
    """Who it is."""
    return Call(
        "BootNotification",
        {
            "chargePointModel": "Simulated charger",
            "chargePointVendor": "ocpi-hub",
            "chargePointSerialNumber": charge_point[:25],
            "firmwareVersion": "1",
            "meterSerialNumber": f"M-{charge_point}"[:25],
        },
    )


def status_notification(connector_id: int, status: Status, at: datetime) -> Call:
    """How a connector is."""
    return Call(
        "StatusNotification",
        {
            "connectorId": connector_id,
            "errorCode": "OtherError" if status is Status.FAULTED else "NoError",
            "status": status,
            "timestamp": timestamp(at),
        },
    )


def start_transaction(transaction: Transaction, meter_start_wh: int) -> Call:
    """Somebody has begun to charge."""
    payload: dict[str, Any] = {
        "connectorId": transaction.connector_id,
        "idTag": transaction.id_tag,
        "meterStart": meter_start_wh,
        "timestamp": timestamp(transaction.started_at),
    }
    if transaction.reservation_id is not None:
        payload["reservationId"] = transaction.reservation_id
    return Call("StartTransaction", payload)


def stop_transaction(
    transaction: Transaction,
    meter_stop_wh: int,
    at: datetime,
    cause: Cause,
    id_tag: str | None,
    data: Sequence[Mapping[str, Any]] = (),
) -> Call:
    """It is over."""
    payload: dict[str, Any] = {
        "meterStop": meter_stop_wh,
        "timestamp": timestamp(at),
        "transactionId": _number(transaction),
        # 1.6 has no word for a car that did not come.
        "reason": Cause.OTHER if cause is Cause.TIMEOUT else cause,
    }
    if id_tag is not None:
        payload["idTag"] = id_tag
    if data:
        payload["transactionData"] = list(data)
    return Call("StopTransaction", payload)


def meter_values(connector_id: int, measured: Mapping[str, Any], transaction: Transaction | None) -> Call:
    """What the meter shows, in a transaction or outside of any."""
    payload: dict[str, Any] = {"connectorId": connector_id, "meterValue": [measured]}
    if transaction is not None:
        payload["transactionId"] = _number(transaction)
    return Call("MeterValues", payload)


def meter_value(shown: Shown, measurands: Iterable[str]) -> dict[str, Any]:
    """A reading, as samples: of what is wanted, the register, the power, the current of each phase."""
    wanted = [sample for measurand in measurands for sample in _samples(shown, measurand)]
    return {"timestamp": timestamp(shown.reading.at), "sampledValue": wanted}


def signed_value(shown: Shown, public_key: bytes) -> dict[str, Any]:
    """A signed reading: the record and its key, as JSON in the text of a sample."""
    # 1.6 has no field for the key; several makers put both into the text like this.
    text = exact_json.encode(
        {
            "signedMeterData": base64_text(shown.signed or ""),
            "encodingMethod": ENCODING,
            "publicKey": base64_text(public_key),
        }
    ).decode()
    sample = {"value": text, "context": shown.context, "format": "SignedData"}
    return {"timestamp": timestamp(shown.reading.at), "sampledValue": [sample]}


def composite_schedule(
    connector_id: int, start: datetime, seconds: int, steps: Sequence[Step], unit: RateUnit, phases: int
) -> dict[str, Any]:
    """What all profiles come to, in W or in A for each phase."""
    divisor = Decimal(1) if unit is RateUnit.WATT else VOLTAGE * phases
    return {
        "status": "Accepted",
        "connectorId": connector_id,
        "scheduleStart": timestamp(start),
        "chargingSchedule": {
            "chargingRateUnit": unit,
            "duration": seconds,
            "chargingSchedulePeriod": [
                {"startPeriod": int(step.begin.total_seconds()), "limit": round(step.watt / divisor, 1)}
                for step in steps
            ],
        },
    }


def _samples(shown: Shown, measurand: str) -> list[dict[str, Any]]:
    reading = shown.reading
    match measurand:
        case "Energy.Active.Import.Register":
            return _registers(shown)
        case "Power.Active.Import":
            return [_sample(shown, f"{reading.power_w:.0f}", measurand, "W")]
        case "Current.Import":
            current = f"{reading.current_a:.1f}"
            return [_sample(shown, current, measurand, "A", phase) for phase in _PHASES[: reading.phases]]
        case "Voltage":
            return [_sample(shown, f"{VOLTAGE}", measurand, "V", f"{p}-N") for p in _PHASES[: reading.phases]]
    if reading.soc is None:
        return []
    return [_sample(shown, f"{reading.soc * 100:.0f}", measurand, "Percent")]


def _registers(shown: Shown) -> list[dict[str, Any]]:
    if shown.register_wh is None:
        return []
    measurand = f"Energy.Active.{'Export' if shown.is_exported else 'Import'}.Register"
    value = Decimal(shown.register_wh)
    in_unit = value.scaleb(-3) if shown.unit == EnergyUnit.KWH else value
    if not shown.is_by_phase:
        return [_sample(shown, f"{in_unit:f}", measurand, shown.unit)]
    share = round(in_unit / 3, 3)
    shares = (share, share, in_unit - 2 * share)
    return [
        _sample(shown, f"{each:f}", measurand, shown.unit, phase)
        for each, phase in zip(shares, _PHASES, strict=True)
    ]


def _sample(shown: Shown, value: str, measurand: str, unit: str, phase: str | None = None) -> dict[str, Any]:
    sample = {"value": value, "context": shown.context, "measurand": measurand, "unit": unit}
    return sample if phase is None else sample | {"phase": phase}


def _number(transaction: Transaction) -> int:
    number = transaction.transaction_id
    return number if isinstance(number, int) else _NO_NUMBER
