"""The charging profiles that a charge point was given, and the limit that they come to. Pure.

| purpose               | holds for                              | beside others                        |
|-----------------------|----------------------------------------|--------------------------------------|
| ChargePointMaxProfile | every connector                        | the lower of it and what is below    |
| TxDefaultProfile      | transactions without a profile         | only where no TxProfile is           |
| TxProfile             | one transaction; goes when that ends   | of several, the highest stack level  |

Source: OCPP 1.6, Smart Charging; OCPP 2.0.1 Part 2, chapter K. The first is called
ChargingStationMaxProfile in 2.x.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple

#: Between line and neutral.
VOLTAGE = Decimal(230)
#: What the configuration says of it.
MAX_STACK_LEVEL = 8
MAX_PERIODS = 24

FOREVER = datetime.max.replace(tzinfo=UTC)


class Purpose(StrEnum):
    """What a profile is for."""

    STATION_MAX = "ChargePointMaxProfile"
    TX_DEFAULT = "TxDefaultProfile"
    TX = "TxProfile"

    @classmethod
    def named(cls, name: str) -> "Purpose | None":
        """The purpose with the name that 1.6 or 2.x has for it; None: nobody does that here."""
        known = {each.value: each for each in cls} | {"ChargingStationMaxProfile": cls.STATION_MAX}
        return known.get(name)


class RateUnit(StrEnum):
    """In which limits are told."""

    WATT = "W"
    AMPERE = "A"


class Limit(NamedTuple):
    """A ceiling, and until when it is the same."""

    #: W; None: nobody set one.
    watt: Decimal | None
    until: datetime

    def for_part(self, part: Decimal) -> "Limit":
        """What it means for a car that uses only a part of the phases."""
        return self if self.watt is None or part == 1 else self._replace(watt=self.watt * part)


@dataclass(frozen=True, slots=True)
class Profile:
    """One profile as it was set."""

    id: int
    #: 0: the whole charge point.
    connector_id: int
    purpose: Purpose
    stack_level: int
    #: None: from the start of the transaction.
    start: datetime | None
    duration: timedelta | None
    #: Each with its beginning, in order, and its limit in W, for a car on all phases.
    periods: tuple[tuple[timedelta, Decimal], ...]
    transaction_id: int | str | None = None
    #: As it was set, to be told again.
    source: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def limit(self, at: datetime, began: datetime) -> Limit:
        """The limit at an instant of a transaction that began then."""
        start = self.start or began
        end = FOREVER if self.duration is None else start + self.duration
        if not start <= at < end:
            return Limit(None, start if at < start else FOREVER)
        passed = at - start
        watt = next((limit for begin, limit in reversed(self.periods) if begin <= passed), None)
        following = next((start + begin for begin, _ in self.periods if begin > passed), end)
        return Limit(watt, min(following, end))


@dataclass(slots=True)
class Profiles:
    """All profiles of one charge point."""

    _installed: dict[int, Profile] = field(default_factory=dict)

    def install(self, profile: Profile) -> None:
        """Take a profile; it replaces one with its id, or of its purpose and level at its connector."""
        same = (profile.connector_id, profile.purpose, profile.stack_level, profile.transaction_id)
        self.remove(
            lambda each: (each.connector_id, each.purpose, each.stack_level, each.transaction_id) == same
        )
        self._installed[profile.id] = profile

    def remove(self, is_meant: Callable[[Profile], bool]) -> bool:
        """Drop the profiles that are meant; whether there were any."""
        gone = [each.id for each in self._installed.values() if is_meant(each)]
        for profile_id in gone:
            del self._installed[profile_id]
        return bool(gone)

    def installed(self, is_meant: Callable[[Profile], bool]) -> list[Profile]:
        """The profiles that are meant."""
        return [each for each in self._installed.values() if is_meant(each)]

    def limit(
        self, connector_id: int, transaction_id: int | str | None, at: datetime, began: datetime
    ) -> Limit:
        """The ceiling at a connector at an instant."""
        own = self._at(connector_id, Purpose.TX, transaction_id, at, began)
        default = self._at(connector_id, Purpose.TX_DEFAULT, None, at, began)
        whole = self._at(connector_id, Purpose.STATION_MAX, None, at, began)
        session = default if own.watt is None else own
        watts = [each.watt for each in (session, whole) if each.watt is not None]
        return Limit(min(watts, default=None), min(own.until, default.until, whole.until))

    def _at(
        self,
        connector_id: int,
        purpose: Purpose,
        transaction_id: int | str | None,
        at: datetime,
        began: datetime,
    ) -> Limit:
        limits = [
            (each.stack_level, each.limit(at, began))
            for each in self._installed.values()
            if each.purpose == purpose
            and each.connector_id in {0, connector_id}
            and each.transaction_id in {None, transaction_id}
        ]
        until = min((limit.until for _, limit in limits), default=FOREVER)
        valid = [(level, limit.watt) for level, limit in limits if limit.watt is not None]
        return Limit(max(valid, default=(0, None))[1], until)


class Step(NamedTuple):
    """A stretch of a composite schedule."""

    begin: timedelta
    watt: Decimal


def composite(
    limit_at: Callable[[datetime], Limit], most: Decimal, at: datetime, span: timedelta
) -> list[Step]:
    """The limits from an instant on, as steps; where nobody set one it is the most that can be given."""
    steps: list[Step] = []
    now = at
    while now < at + span:
        limit = limit_at(now)
        watt = most if limit.watt is None else min(limit.watt, most)
        if not steps or steps[-1].watt != watt:
            steps.append(Step(now - at, watt))
        now = limit.until
    return steps


def read_profile(connector_id: int, value: Mapping[str, Any], phases: int) -> Profile:
    """A profile of OCPP's SetChargingProfile, 1.6 or 2.x, its limits in W.

    Raises:
        ValueError: It lacks periods, or has too many or in the wrong order; or it is for something
            that nobody does here.
    """
    # 1.6 has one schedule, 2.x a list of up to three, of which all but one are for ISO 15118.
    schedule = value["chargingSchedule"]
    if isinstance(schedule, list):
        schedule = schedule[0]
    purpose = Purpose.named(value["chargingProfilePurpose"])
    if purpose is None:
        raise ValueError("chargingProfilePurpose")
    unit = RateUnit(schedule["chargingRateUnit"])
    periods = tuple(_periods(schedule["chargingSchedulePeriod"], unit, phases))
    begins = [begin for begin, _ in periods]
    if not periods or len(periods) > MAX_PERIODS or begins[0] or begins != sorted(set(begins)):
        raise ValueError("chargingSchedulePeriod")
    start = schedule.get("startSchedule")
    return Profile(
        id=value["chargingProfileId"] if "chargingProfileId" in value else value["id"],
        connector_id=connector_id,
        purpose=purpose,
        stack_level=value["stackLevel"],
        start=None if start is None else datetime.fromisoformat(start),
        duration=timedelta(seconds=schedule["duration"]) if "duration" in schedule else None,
        periods=periods,
        transaction_id=value.get("transactionId"),
        source=value,
    )


def _periods(
    values: Iterable[Mapping[str, Any]], unit: RateUnit, phases: int
) -> Iterable[tuple[timedelta, Decimal]]:
    for each in values:
        if "limit" not in each:  # 2.1 may give setpoints instead
            raise ValueError("limit")
        limit = Decimal(str(each["limit"]))
        # What a charger sets is the current of a phase: W are divided among those that are told, else all.
        share = Decimal(phases) / each.get("numberPhases", phases)
        watt = limit * share if unit is RateUnit.WATT else limit * VOLTAGE * phases
        yield timedelta(seconds=each["startPeriod"]), watt
