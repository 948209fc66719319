"""Sessions and tariffs by chance, from a seed, within what the slow reference can follow.

Periods last whole minutes, take a whole number of Wh a second, and amounts of energy in restrictions are
multiples of 60 Wh: so nothing happens inside a second.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any, NamedTuple

from hub.pricing import Activity, ChargedPeriod, Level
from schemas.v2_2_1.tariffs import Tariff
from tests.unit.pricing.in_few_words import component, element, tariff
from tests.unit.pricing.random_sessions import DAYS, STARTS, ZONES

IDS = ("T1", "T2", "T3")
STEPS = [1, 1, 60, 100, 300, 500, 900]
#: Also such as are longer than most of what they are counted in, and such as divide nothing.
WIDE_STEPS = [1, 7, 13, 60, 300, 997, 1800, 3600, 10_000]
#: More nights in which the clock jumps, and the ends of months and leap years.
WIDE_STARTS = [
    *STARTS,
    datetime(2027, 3, 28, 0, 30, tzinfo=UTC),
    datetime(2027, 10, 31, 0, 20, tzinfo=UTC),
    datetime(2018, 2, 18, 1, 40, tzinfo=UTC),
    datetime(2026, 10, 3, 15, 10, tzinfo=UTC),
    datetime(2028, 2, 29, 22, 40, tzinfo=UTC),
    datetime(2000, 2, 29, 23, 30, tzinfo=UTC),
    datetime(2100, 2, 28, 23, 40, tzinfo=UTC),
]


class Case(NamedTuple):
    """A session, its tariffs, and where it was."""

    periods: tuple[ChargedPeriod, ...]
    tariffs: tuple[Tariff, ...]
    zone: str


def case(seed: int) -> Case:
    """The session that a seed stands for."""
    chance = Random(seed)  # noqa: S311 - to be had again, not to be secret
    ids = IDS[: 1 if chance.random() < 0.7 else 2]
    tariffs = tuple(_tariff(chance, each) for each in ids)
    return Case(tuple(_session(chance, ids)), tariffs, chance.choice(ZONES))


def wide_case(seed: int) -> Case:
    """Another session that a seed stands for: of odd seconds, up to three tariffs, steps of any size.

    It charges one Wh a second or none, so that here, too, nothing happens inside a second.
    """
    chance = Random(f"wide {seed}")  # noqa: S311 - to be had again, not to be secret
    ids = IDS[: chance.randint(1, 3)]
    tariffs = tuple(_tariff(chance, each, WIDE_STEPS, reservations=0.35) for each in ids)
    return Case(tuple(_odd_session(chance, ids)), tariffs, chance.choice(ZONES))


def _odd_session(chance: Random, ids: Sequence[str]) -> Iterator[ChargedPeriod]:
    start = chance.choice(WIDE_STARTS) + timedelta(seconds=chance.randint(0, 3600))
    activities = [chance.choice([Activity.CHARGING, Activity.PARKING]) for _ in range(chance.randint(0, 7))]
    before = [Activity.RESERVED] * chance.choice([0, 0, 1, 2])
    for activity in [*before, *activities] if activities else [Activity.EXPIRED]:
        seconds = chance.choice([1, 59, chance.randint(1, 90), chance.randint(1, 2500)])
        flows = activity is Activity.CHARGING and chance.random() < 0.8
        yield ChargedPeriod(
            start,
            start + timedelta(seconds=seconds),
            activity,
            energy=Decimal(seconds) / 1000 if flows else Decimal(0),
            tariff_id=chance.choice(ids),
            current=Level(average=Decimal(chance.randint(0, 40)))
            if activity is Activity.CHARGING
            else Level(),
        )
        start += timedelta(seconds=seconds + chance.choice([0, 0, 0, 1, 600]))


def _tariff(
    chance: Random, tariff_id: str, steps: Sequence[int] = STEPS, *, reservations: float = 0.2
) -> Tariff:
    elements = [_element(chance, steps, reservations) for _ in range(chance.randint(1, 5))]
    bounds: dict[str, Any] = {}
    if chance.random() < 0.3:
        bounds["min_price"] = {"excl_vat": _price(chance), "incl_vat": _price(chance)}
    if chance.random() < 0.3:
        bounds["max_price"] = {"excl_vat": 5 + _price(chance), "incl_vat": 5 + _price(chance)}
    return tariff(*elements, id=tariff_id, **bounds)


def _element(chance: Random, steps: Sequence[int], reservations: float) -> dict[str, Any]:
    restrictions = _restrictions(chance)
    if chance.random() < reservations:
        restrictions["reservation"] = chance.choice(["RESERVATION", "RESERVATION_EXPIRES"])
    kinds = ["FLAT", "TIME"] if "reservation" in restrictions else ["FLAT", "ENERGY", "TIME", "PARKING_TIME"]
    components = [
        component(
            kind,
            str(_price(chance)),
            chance.choice([None, None, "0", "10", "5.2", "21"]),
            chance.choice(steps),
        )
        for kind in chance.sample(kinds, chance.randint(1, len(kinds)))
    ]
    return element(*components, **restrictions)


def _restrictions(chance: Random) -> dict[str, Any]:
    def clock() -> str:
        return f"{chance.choice([0, 1, 2, 3, 12, 16, 17, 23]):02}:{chance.choice([0, 15, 30]):02}"

    def energy() -> Decimal:
        return Decimal(chance.randint(0, 60) * 60) / 1000

    days = ["2026-03-29", "2028-02-29", "2028-01-01"]
    makers = {
        "start_time": clock,
        "end_time": clock,
        "day_of_week": lambda: chance.sample(DAYS, chance.randint(1, 5)),
        "start_date": lambda: chance.choice(days),
        "end_date": lambda: chance.choice(days),
        "min_kwh": energy,
        "max_kwh": energy,
        "min_duration": lambda: chance.randint(0, 3600),
        "max_duration": lambda: chance.randint(0, 3600),
        "min_power": lambda: chance.randint(0, 20000),
        "max_power": lambda: chance.randint(0, 20000),
        "min_current": lambda: chance.randint(0, 40),
        "max_current": lambda: chance.randint(0, 40),
    }
    chosen = {name: makers[name]() for name in chance.sample(sorted(makers), chance.choice([0, 1, 1, 2, 3]))}
    if chosen.get("start_time") == chosen.get("end_time") != "00:00":
        chosen.pop("end_time", None)
    return chosen


def _session(chance: Random, ids: tuple[str, ...]) -> Iterator[ChargedPeriod]:
    start = chance.choice(STARTS) + timedelta(seconds=chance.randint(0, 2400))
    before = chance.choice([None, None, None, Activity.RESERVED, Activity.EXPIRED])
    if before is not None:
        end = start + timedelta(minutes=chance.randint(1, 25))
        yield ChargedPeriod(start, end, before, tariff_id=chance.choice(ids))
        start = end
    if before is Activity.EXPIRED:
        return
    for _ in range(chance.randint(1, 6)):
        minutes = chance.randint(1, 20)
        end = start + timedelta(minutes=minutes)
        yield _period(chance, start, end, chance.choice(ids))
        start = end + timedelta(minutes=chance.choice([0, 0, 0, 0, 7]))


def _period(chance: Random, start: Any, end: Any, tariff_id: str) -> ChargedPeriod:
    if chance.random() < 0.25:
        return ChargedPeriod(start, end, Activity.PARKING, tariff_id=tariff_id)
    seconds = (end - start) // timedelta(seconds=1)
    return ChargedPeriod(
        start,
        end,
        Activity.CHARGING,
        energy=Decimal(seconds * chance.randint(0, 5)) / 1000,
        tariff_id=tariff_id,
        power=Level(average=Decimal(chance.randint(0, 20000))) if chance.random() < 0.5 else Level(),
        current=Level(average=Decimal(chance.randint(0, 40))),
    )


def _price(chance: Random) -> Decimal:
    return Decimal(chance.randint(0, 500)) / 100
