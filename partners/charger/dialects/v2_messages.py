"""What a charging station says, in the words of OCPP 2.0.1 and 2.1. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from partners.charger.call import Call
from partners.charger.connector import Connector
from partners.charger.dialects.dialect import timestamp
from partners.charger.meter import Shown
from partners.charger.ocmf import ALGORITHM, ENCODING, base64_text
from partners.charger.smart_charging import VOLTAGE, Profile, RateUnit, Step
from partners.charger.states import BootReason, Cause, EnergyUnit, Status, Token

_PHASES = ("L1", "L2", "L3")

#: Causes that 2.x calls otherwise, or has no word for.
_STOPPED_REASONS = {
    Cause.HARD_RESET: "ImmediateReset",
    Cause.SOFT_RESET: "ImmediateReset",
    Cause.UNLOCK_COMMAND: "Other",
}


def boot_notification(identity: str, reason: BootReason) -> Call:
    """Who it is, and why it boots."""
    station = {
        "model": "Simulated charger",
        "vendorName": "ocpi-hub",
        "serialNumber": identity[:25],
        "firmwareVersion": "1",
    }
    return Call("BootNotification", {"reason": reason, "chargingStation": station})


def status_notification(evse_id: int, connector_id: int, status: str, at: datetime) -> Call:
    """How a connector is."""
    payload = {
        "timestamp": timestamp(at),
        "connectorStatus": status,
        "evseId": evse_id,
        "connectorId": connector_id,
    }
    return Call("StatusNotification", payload)


def connector_status(connector: Connector) -> str:
    """Available, Occupied, Reserved, Unavailable or Faulted."""
    status = connector.status
    if status in {Status.AVAILABLE, Status.RESERVED, Status.UNAVAILABLE, Status.FAULTED}:
        return status.value
    # A card alone occupies nothing: 2.x looks at the plug.
    return "Occupied" if connector.vehicle is not None else "Available"


def charging_state(connector: Connector) -> str:
    """Where a transaction stands."""
    if connector.vehicle is None:
        return "Idle"
    flow = connector.flow
    if flow is None:
        return "EVConnected"
    if flow.is_full:
        return "SuspendedEV"
    return "SuspendedEVSE" if flow.is_held_back else "Charging"


def id_token(token: Token) -> dict[str, str]:
    """Who it is."""
    return {"idToken": token.id, "type": token.kind}


def stopped_reason(cause: Cause) -> str:
    """Why a transaction is over."""
    return _STOPPED_REASONS.get(cause, cause.value)


def meter_value(
    shown: Shown, measurands: Iterable[str], public_key: bytes | None = None
) -> dict[str, Any] | None:
    """A reading, as samples: of what is wanted, the register, the power, the current of each phase.

    Args:
        shown: The reading as it is told.
        measurands: What is wanted.
        public_key: Of the meter, told with a signed reading.

    Returns:
        None, if there is nothing to tell.
    """
    if shown.register_wh is None:
        return None
    wanted = [sample for measurand in measurands for sample in _samples(shown, measurand, public_key)]
    return {"timestamp": timestamp(shown.reading.at), "sampledValue": wanted} if wanted else None


def meter_values(evse_id: int, measured: Mapping[str, Any]) -> Call:
    """What a meter shows, outside of any transaction."""
    return Call("MeterValues", {"evseId": evse_id, "meterValue": [measured]})


def composite_schedule(
    evse_id: int, start: datetime, seconds: int, steps: Sequence[Step], unit: RateUnit, phases: int
) -> dict[str, Any]:
    """What all profiles come to, in W or in A for each phase."""
    divisor = Decimal(1) if unit is RateUnit.WATT else VOLTAGE * phases
    return {
        "status": "Accepted",
        "schedule": {
            "evseId": evse_id,
            "duration": seconds,
            "scheduleStart": timestamp(start),
            "chargingRateUnit": unit,
            "chargingSchedulePeriod": [
                {"startPeriod": int(step.begin.total_seconds()), "limit": round(step.watt / divisor, 1)}
                for step in steps
            ],
        },
    }


def report_charging_profiles(request_id: int, profile: Profile, *, more: bool) -> Call:
    """A profile as it was set."""
    payload = {
        "requestId": request_id,
        "chargingLimitSource": "CSO",
        "evseId": profile.connector_id,
        "chargingProfile": [profile.source],
        "tbc": more,
    }
    return Call("ReportChargingProfiles", payload)


def _samples(shown: Shown, measurand: str, public_key: bytes | None) -> list[dict[str, Any]]:
    reading = shown.reading
    match measurand:
        case "Energy.Active.Import.Register":
            return _registers(shown, public_key)
        case "Power.Active.Import":
            return [_sample(shown, round(reading.power_w), measurand, "W")]
        case "Current.Import":
            current = round(reading.current_a, 1)
            return [_sample(shown, current, measurand, "A", phase) for phase in _PHASES[: reading.phases]]
        case "Voltage":
            return [_sample(shown, VOLTAGE, measurand, "V", f"{p}-N") for p in _PHASES[: reading.phases]]
    if reading.soc is None:
        return []
    return [_sample(shown, round(reading.soc * 100), measurand, "Percent")]


def _registers(shown: Shown, public_key: bytes | None) -> list[dict[str, Any]]:
    measurand = f"Energy.Active.{'Export' if shown.is_exported else 'Import'}.Register"
    value = Decimal(shown.register_wh or 0)
    in_unit = value.scaleb(-3) if shown.unit == EnergyUnit.KWH else value
    if shown.is_by_phase:
        share = round(in_unit / 3, 3)
        shares = (share, share, in_unit - 2 * share)
        return [
            _sample(shown, each, measurand, shown.unit, phase)
            for each, phase in zip(shares, _PHASES, strict=True)
        ]
    sample = _sample(shown, in_unit, measurand, shown.unit)
    if shown.signed is not None and public_key is not None:
        sample["signedMeterValue"] = {
            "signedMeterData": base64_text(shown.signed),
            "signingMethod": ALGORITHM,
            "encodingMethod": ENCODING,
            "publicKey": base64_text(public_key),
        }
    return [sample]


def _sample(
    shown: Shown, value: Decimal | int, measurand: str, unit: str, phase: str | None = None
) -> dict[str, Any]:
    sample: dict[str, Any] = {
        "value": value,
        "context": shown.context,
        "measurand": measurand,
        "unitOfMeasure": {"unit": unit},
    }
    return sample if phase is None else sample | {"phase": phase}
