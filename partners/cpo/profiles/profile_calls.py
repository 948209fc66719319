"""Charging profiles at charge points: what is asked of them, and how their schedules are read.

| OCPI                       | OCPP 1.6 and 2.x                                                 |
|----------------------------|------------------------------------------------------------------|
| profile of a session       | SetChargingProfile, TxProfile; id = our number of the transaction |
| start_date_time, or none   | kind Absolute with startSchedule, or Relative                    |
| active profile             | GetCompositeSchedule of the connector, of its EVSE (2.x)         |
| our own limit              | SetChargingProfile for the whole charge point                    |
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta, tzinfo
from decimal import Decimal
from typing import Any, Final, Protocol

from hub.ocpi.timestamps import Clock
from partners.cpo.billing.contracts import Contract
from partners.cpo.charging.charging_log import Charging
from partners.cpo.charging.meter_values import NotAnInstant, instant
from partners.cpo.configuration import Plug
from partners.cpo.profiles.limits import CannotFollow, from_zero, in_unit, maximum, unit_for
from partners.cpo.stations.questions import (
    MOST_PERIODS,
    RATE_UNITS,
    CompositeSchedule,
    Questions,
    Setting,
    TransactionRef,
)
from partners.cpo.stations.remote_outcome import RemoteOutcome
from partners.ocpp.link import Unanswered
from schemas.v2_2_1 import ActiveChargingProfile, ChargingProfile, ChargingRateUnit

#: Transactions are numbered from 1, so that this is no transaction's profile.
_OWN_LIMIT: Final = 2**31 - 1
_ACCEPTED: Final = "Accepted"


Answer = Mapping[str, Any]


class NoSchedule(Exception):
    """A charge point does not tell its schedule."""


class Asking(Protocol):
    """What is needed of the central system."""

    def is_connected(self, charge_point: str) -> bool:
        """Whether there is a link to this charge point now."""

    def questions(self, charge_point: str) -> Questions:
        """The words in which a charge point is asked."""

    async def ask(self, charge_point: str, action: str, payload: Mapping[str, Any]) -> Answer:
        """Send any CALL, and wait for its result."""

    async def command(self, charge_point: str, action: str, payload: Mapping[str, Any]) -> RemoteOutcome:
        """Send a CALL whose result is a status."""

    async def setting(self, charge_point: str, setting: Setting) -> str | None:
        """The value of one of the charge point's settings."""


@dataclass(frozen=True, slots=True)
class ProfileCalls:
    """The calls."""

    charge_points: Asking
    clock: Clock

    def is_connected(self, charge_point: str) -> bool:
        """Whether there is a link to this charge point now."""
        return self.charge_points.is_connected(charge_point)

    async def set(self, charging: Charging, profile: ChargingProfile, contract: Contract) -> RemoteOutcome:
        """Set the one profile of a transaction, in a unit that the charge point understands.

        Raises:
            CannotFollow: It has too many periods for it, or cannot be converted.
        """
        plug = charging.plug
        allowed = await self.charge_points.setting(plug.charge_point, RATE_UNITS)
        most = await self.charge_points.setting(plug.charge_point, MOST_PERIODS)
        unit = unit_for([each.strip() for each in (allowed or "").split(",")], profile.charging_rate_unit)
        fitting = from_zero(in_unit(profile, unit, contract), maximum(contract, unit))
        if most is not None and most.isdigit() and len(fitting.charging_profile_period) > int(most):
            raise CannotFollow(f"more than {most} periods")
        transaction = TransactionRef(charging.id, charging.name)
        questions = self.charge_points.questions(plug.charge_point)
        return await self.charge_points.command(
            plug.charge_point, *questions.set_profile(plug.number, transaction, fitting)
        )

    async def clear(self, charge_point: str, number: int) -> RemoteOutcome:
        """Remove the profile of the transaction with this number of ours."""
        question = self.charge_points.questions(charge_point).clear_profile(number)
        return await self.charge_points.command(charge_point, *question)

    async def limit(self, charge_point: str, watt: int | None) -> RemoteOutcome:
        """Set the limit of the whole charge point, W; None ends it."""
        if watt is None:
            outcome = await self.clear(charge_point, _OWN_LIMIT)
            return RemoteOutcome.ACCEPTED if outcome is RemoteOutcome.UNKNOWN else outcome
        question = self.charge_points.questions(charge_point).limit(_OWN_LIMIT, watt, self.clock())
        return await self.charge_points.command(charge_point, *question)

    async def composite(self, plug: Plug, ahead: timedelta, contract: Contract) -> ActiveChargingProfile:
        """What the charge point is going to give at a connector, in W.

        Raises:
            NoSchedule: It does not say, or not so that it can be read.
        """
        questions, seconds = self.charge_points.questions(plug.charge_point), int(ahead.total_seconds())
        try:
            answer = await self.charge_points.ask(
                plug.charge_point, *questions.composite(plug.number, seconds, "W")
            )
        except Unanswered as error:
            raise NoSchedule(repr(error)) from error
        schedule = questions.schedule(answer)
        if answer["status"] != _ACCEPTED or schedule is None:
            raise NoSchedule(answer["status"])
        return _active(schedule, seconds, contract, questions.quirks.time_zone)


def _active(
    schedule: CompositeSchedule, seconds: int, contract: Contract, zone: tzinfo
) -> ActiveChargingProfile:
    most = maximum(contract, schedule.unit)
    try:
        start = instant(schedule.start, zone)
        return ActiveChargingProfile.model_validate(
            {
                "start_date_time": start,
                "charging_profile": {
                    "start_date_time": start,
                    "duration": seconds if schedule.duration is None else schedule.duration,
                    "charging_rate_unit": ChargingRateUnit(schedule.unit).value,
                    "charging_profile_period": [
                        {"start_period": start_period, "limit": _limit(limit, most)}
                        for start_period, limit in schedule.periods
                    ],
                },
            }
        )
    except (NotAnInstant, ValueError) as error:
        raise NoSchedule(str(error)) from error


def _limit(told: Decimal, most: Decimal) -> Decimal:
    """Nobody set a limit: some say -1 then, OCPI wants the maximum of the EVSE (CHP-07)."""
    return most if told < 0 else min(told, most).quantize(Decimal("0.1"))
