"""Charging profiles in OCPP 1.6: what is asked of charge points, and how their schedules are read.

| OCPI                       | OCPP 1.6                                                         |
|----------------------------|------------------------------------------------------------------|
| profile of a session       | SetChargingProfile, TxProfile; id = number of the transaction    |
| start_date_time, or none   | kind Absolute with startSchedule, or Relative                    |
| active profile             | GetCompositeSchedule of the connector                            |
| our own limit              | SetChargingProfile, ChargePointMaxProfile at connector 0         |
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final, Protocol

from partners.cpo.central_system import RemoteOutcome
from partners.cpo.configuration import Plug
from partners.cpo.contracts import Contract
from partners.cpo.limits import CannotFollow, from_zero, in_unit, maximum, unit_for
from partners.cpo.meter_values import NotAnInstant, instant
from partners.cpo.ocpp16_calls import timestamp
from partners.cpo.ocpp_connection import Unanswered
from schemas.v2_2_1 import ActiveChargingProfile, ChargingProfile, ChargingRateUnit

#: Transactions are numbered from 1, so that this is no transaction's profile.
_OWN_LIMIT: Final = 2**31 - 1
_ACCEPTED: Final = "Accepted"


class NoSchedule(Exception):
    """A charge point does not tell its schedule."""


class Asking(Protocol):
    """What is needed of the central system."""

    def is_connected(self, charge_point: str) -> bool:
        """Whether there is a link to this charge point now."""

    async def ask(self, charge_point: str, action: str, payload: Mapping[str, Any]) -> Mapping[str, Any]:
        """Send any CALL, and wait for its result."""

    async def command(self, charge_point: str, action: str, payload: Mapping[str, Any]) -> RemoteOutcome:
        """Send a CALL whose result is a status."""

    async def setting(self, charge_point: str, key: str) -> str | None:
        """The value of one of the charge point's configuration keys."""


@dataclass(frozen=True, slots=True)
class ProfileCalls:
    """The calls."""

    charge_points: Asking

    def is_connected(self, charge_point: str) -> bool:
        """Whether there is a link to this charge point now."""
        return self.charge_points.is_connected(charge_point)

    async def set(
        self, plug: Plug, transaction_id: int, profile: ChargingProfile, contract: Contract
    ) -> RemoteOutcome:
        """Set the one profile of a transaction, in a unit that the charge point understands.

        Raises:
            CannotFollow: It has too many periods for it, or cannot be converted.
        """
        allowed = await self.charge_points.setting(
            plug.charge_point, "ChargingScheduleAllowedChargingRateUnit"
        )
        most = await self.charge_points.setting(plug.charge_point, "ChargingScheduleMaxPeriods")
        unit = unit_for([each.strip() for each in (allowed or "").split(",")], profile.charging_rate_unit)
        fitting = from_zero(in_unit(profile, unit, contract), maximum(contract, unit))
        if most is not None and most.isdigit() and len(fitting.charging_profile_period) > int(most):
            raise CannotFollow(f"more than {most} periods")
        payload = {
            "connectorId": plug.number,
            "csChargingProfiles": {
                "chargingProfileId": transaction_id,
                "transactionId": transaction_id,
                "stackLevel": 0,
                "chargingProfilePurpose": "TxProfile",
                "chargingProfileKind": "Relative" if fitting.start_date_time is None else "Absolute",
                "chargingSchedule": _schedule(fitting),
            },
        }
        return await self.charge_points.command(plug.charge_point, "SetChargingProfile", payload)

    async def clear(self, charge_point: str, transaction_id: int) -> RemoteOutcome:
        """Remove the profile of a transaction."""
        return await self.charge_points.command(charge_point, "ClearChargingProfile", {"id": transaction_id})

    async def limit(self, charge_point: str, watt: int | None) -> RemoteOutcome:
        """Set the limit of the whole charge point, W; None ends it."""
        if watt is None:
            outcome = await self.clear(charge_point, _OWN_LIMIT)
            return RemoteOutcome.ACCEPTED if outcome is RemoteOutcome.UNKNOWN else outcome
        payload = {
            "connectorId": 0,
            "csChargingProfiles": {
                "chargingProfileId": _OWN_LIMIT,
                "stackLevel": 0,
                "chargingProfilePurpose": "ChargePointMaxProfile",
                "chargingProfileKind": "Relative",
                "chargingSchedule": {
                    "chargingRateUnit": "W",
                    "chargingSchedulePeriod": [{"startPeriod": 0, "limit": Decimal(watt)}],
                },
            },
        }
        return await self.charge_points.command(charge_point, "SetChargingProfile", payload)

    async def composite(self, plug: Plug, ahead: timedelta, contract: Contract) -> ActiveChargingProfile:
        """What the charge point is going to give at a connector, in W.

        Raises:
            NoSchedule: It does not say, or not so that it can be read.
        """
        payload = {
            "connectorId": plug.number,
            "duration": int(ahead.total_seconds()),
            "chargingRateUnit": "W",
        }
        try:
            answer = await self.charge_points.ask(plug.charge_point, "GetCompositeSchedule", payload)
        except Unanswered as error:
            raise NoSchedule(repr(error)) from error
        if answer["status"] != _ACCEPTED or "chargingSchedule" not in answer or "scheduleStart" not in answer:
            raise NoSchedule(answer["status"])
        return _active(answer, int(ahead.total_seconds()), contract)


def _schedule(profile: ChargingProfile) -> dict[str, Any]:
    optional = {
        "duration": profile.duration,
        "startSchedule": None if profile.start_date_time is None else timestamp(profile.start_date_time),
        "minChargingRate": profile.min_charging_rate,
    }
    return {
        "chargingRateUnit": profile.charging_rate_unit,
        "chargingSchedulePeriod": [
            {"startPeriod": each.start_period, "limit": each.limit}
            for each in profile.charging_profile_period
        ],
    } | {name: each for name, each in optional.items() if each is not None}


def _active(answer: Mapping[str, Any], seconds: int, contract: Contract) -> ActiveChargingProfile:
    schedule = answer["chargingSchedule"]
    unit = str(schedule["chargingRateUnit"])
    most = maximum(contract, unit)
    try:
        start = instant(answer["scheduleStart"])
        return ActiveChargingProfile.model_validate(
            {
                "start_date_time": start,
                "charging_profile": {
                    "start_date_time": start,
                    "duration": schedule.get("duration", seconds),
                    "charging_rate_unit": ChargingRateUnit(unit).value,
                    "charging_profile_period": [
                        {"start_period": each["startPeriod"], "limit": _limit(each["limit"], most)}
                        for each in schedule["chargingSchedulePeriod"]
                    ],
                },
            }
        )
    except (NotAnInstant, ValueError) as error:
        raise NoSchedule(str(error)) from error


def _limit(told: Any, most: Decimal) -> Decimal:
    """Nobody set a limit: some say -1 then, OCPI wants the maximum of the EVSE (CHP-07)."""
    limit = Decimal(str(told))
    return most if limit < 0 else min(limit, most).quantize(Decimal("0.1"))
