"""Arithmetic of charging profiles: what several come to, in the unit that a charge point understands. Pure.

A limit in A is one of each phase; W = A x 230 V x phases, which holds for alternating current only.

Source: 2.2.1, ChargingProfiles, ChargingProfile; CHP-13, CHP-14.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal

from partners.cpo.billing.contracts import Contract
from schemas.v2_2_1 import ChargingProfile, ChargingRateUnit, PowerType

VOLTAGE = Decimal(230)
_TENTH = Decimal("0.1")


class CannotFollow(Exception):
    """A charge point cannot do what a profile asks."""


def lowest(profiles: Sequence[ChargingProfile], began: datetime, contract: Contract) -> ChargingProfile:
    """The profile that keeps within all of these; one alone stays as it is.

    Args:
        profiles: At least one.
        began: The start of charging, from which a profile without a start counts (CHP-14).
        contract: Says what the connector is.

    Raises:
        CannotFollow: A limit in A cannot be compared with one in W.
    """
    if len(profiles) == 1:
        return profiles[0]
    in_watt = [in_unit(each, ChargingRateUnit.W, contract) for each in profiles]
    starts = sorted({at for each in in_watt for at in _changes(each, began)})
    limits = [(at, _lowest_at(in_watt, at, began, contract.max_power)) for at in starts]
    first = starts[0]
    return ChargingProfile.model_validate(
        {
            "start_date_time": first,
            "charging_rate_unit": ChargingRateUnit.W.value,
            "charging_profile_period": [
                {"start_period": int((at - first).total_seconds()), "limit": limit} for at, limit in limits
            ],
        }
    )


def in_unit(profile: ChargingProfile, unit: str, contract: Contract) -> ChargingProfile:
    """The profile in this unit, its limits rounded down to a tenth.

    Raises:
        CannotFollow: The connector has direct current.
    """
    if profile.charging_rate_unit == unit:
        return profile
    if PowerType(contract.connector.power_type) is PowerType.DC:
        raise CannotFollow("a direct current is limited in W only")
    watt_per_ampere = VOLTAGE * contract.phases
    factor = watt_per_ampere if unit == ChargingRateUnit.W else 1 / watt_per_ampere

    def converted(limit: Decimal) -> Decimal:
        return (Decimal(limit) * factor).quantize(_TENTH, ROUND_DOWN)

    value = profile.to_wire()
    value["charging_rate_unit"] = unit
    if profile.min_charging_rate is not None:
        value["min_charging_rate"] = converted(profile.min_charging_rate)
    value["charging_profile_period"] = [
        {"start_period": each.start_period, "limit": converted(each.limit)}
        for each in profile.charging_profile_period
    ]
    return ChargingProfile.model_validate(value)


def from_zero(profile: ChargingProfile, most: Decimal) -> ChargingProfile:
    """The profile with a period from its very start: until its first one, the most that can be given."""
    periods = profile.charging_profile_period
    if periods and periods[0].start_period == 0:
        return profile
    value = profile.to_wire()
    value["charging_profile_period"] = [{"start_period": 0, "limit": most}, *value["charging_profile_period"]]
    return ChargingProfile.model_validate(value)


def maximum(contract: Contract, unit: str) -> Decimal:
    """The most that a connector gives, in W, or in A for each phase."""
    if unit == ChargingRateUnit.W:
        return contract.max_power.quantize(_TENTH, ROUND_DOWN)
    return Decimal(contract.connector.max_amperage).quantize(_TENTH)


def unit_for(allowed: Collection[str], wanted: str) -> str:
    """The unit that a charge point understands: the wanted one, if it does not say otherwise."""
    units = {"Current": "A", "Power": "W", "A": "A", "W": "W"}
    known = [units[each] for each in allowed if each in units]
    return wanted if wanted in known or not known else known[0]


def _changes(profile: ChargingProfile, began: datetime) -> Iterator[datetime]:
    start = profile.start_date_time or began
    for each in profile.charging_profile_period:
        yield start + timedelta(seconds=each.start_period)
    if profile.duration is not None:
        yield start + timedelta(seconds=profile.duration)


def _lowest_at(profiles: Sequence[ChargingProfile], at: datetime, began: datetime, most: Decimal) -> Decimal:
    limits = [limit for each in profiles if (limit := _limit_at(each, at, began)) is not None]
    return min([most.quantize(_TENTH, ROUND_DOWN), *limits])


def _limit_at(profile: ChargingProfile, at: datetime, began: datetime) -> Decimal | None:
    passed = at - (profile.start_date_time or began)
    if profile.duration is not None and passed >= timedelta(seconds=profile.duration):
        return None
    begun = [
        each.limit
        for each in profile.charging_profile_period
        if timedelta(seconds=each.start_period) <= passed
    ]
    return Decimal(begun[-1]) if begun else None
