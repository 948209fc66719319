"""The prices that the specification works out itself, with its wrong ones put right (AM-37).

The tariffs are those of 2.2.1, Tariffs, Examples, and of 2.2.1, CDRs, step_size: facts, in our words.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

import pytest

from hub.pricing import Amount, Kind, Level, Line, half_up
from hub.pricing.exact import figures
from schemas.v2_2_1.tariffs import Tariff
from tests.unit.pricing.in_few_words import (
    MONDAY,
    SATURDAY,
    at,
    charging,
    element,
    energy,
    expired,
    flat,
    parked,
    parking,
    priced,
    reserved,
    tariff,
    time,
)

START_FEE = flat("0.50", "20")
PER_KWH = energy("0.25", "10")
WEEKDAYS = ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY"]

TARIFF_1 = tariff(element(time("2.00", "10", 60)))
TARIFF_2 = tariff(element(time("1.90", "5.2", 300)))
TARIFF_3 = tariff(element(START_FEE, energy("0.25", "10", 100)))
TARIFF_4 = tariff(
    element(flat("2.50", "15")),
    element(time("1.00", "20", 900), max_current=32),
    element(time("2.00", "20", 600), min_current=32, day_of_week=WEEKDAYS),
    element(time("1.25", "20", 600), min_current=32, day_of_week=["SATURDAY", "SUNDAY"]),
    element(parking("5.00", "10", 300), start_time="09:00", end_time="18:00", day_of_week=WEEKDAYS),
    element(parking("6.00", "10", 300), start_time="10:00", end_time="17:00", day_of_week=["SATURDAY"]),
)
TARIFF_6 = tariff(
    element(START_FEE, PER_KWH), max_price={"excl_vat": Decimal("10.00"), "incl_vat": Decimal("11.00")}
)
TARIFF_8 = tariff(element(PER_KWH))
TARIFF_9 = tariff(element(START_FEE, PER_KWH))
TARIFF_10 = tariff(element(START_FEE, PER_KWH, parking("2.00", "20", 900)))
TARIFF_12 = tariff(element(PER_KWH), min_price={"excl_vat": Decimal("0.50"), "incl_vat": Decimal("0.55")})
TARIFF_13 = tariff(element(time("3.00", "10", 60), parking("5.00", "20", 300)))
TARIFF_14 = tariff(
    element(time("1.20", step=1800), parking("1.00", step=900), start_time="00:00", end_time="17:00"),
    element(time("2.40", step=900), parking("1.00", step=900), start_time="17:00", end_time="20:00"),
    element(time("2.40", step=900), start_time="20:00", end_time="00:00"),
)
TARIFF_15 = tariff(
    element(time("5.00", "20", 60), reservation="RESERVATION"),
    element(START_FEE, PER_KWH),
)
TARIFF_16 = tariff(
    element(flat("2.00", "20"), time("5.00", "20", 300), reservation="RESERVATION"),
    element(START_FEE, PER_KWH),
)
TARIFF_17 = tariff(
    element(flat("4.00", "20"), reservation="RESERVATION_EXPIRES"),
    element(time("2.00", "20", 600), reservation="RESERVATION"),
    element(START_FEE, PER_KWH),
)
TARIFF_18 = tariff(
    element(time("6.00", "20", 600), reservation="RESERVATION_EXPIRES"),
    element(time("3.00", "20", 600), reservation="RESERVATION"),
    element(START_FEE, PER_KWH),
)
MAX_POWER = tariff(
    element(energy("0.20", "20"), max_power=16),
    element(energy("0.35", "20"), max_power=32),
    element(energy("0.50", "20")),
)
MAX_DURATION = tariff(
    element(energy("0.00", "20"), max_duration=1800),
    element(energy("0.25", "20"), max_duration=3600),
    element(energy("0.40", "20")),
)


class Example(NamedTuple):
    name: str
    tariff: Tariff
    session: tuple[dict[str, Any], ...]
    excl_vat: str
    incl_vat: str | None
    start: datetime = MONDAY


EXAMPLES = [
    Example("0.25 per kWh", TARIFF_8, (charging(60, 20),), "5.00", "5.50"),
    Example("0.25 per kWh and a start fee", TARIFF_9, (charging(60, 20),), "5.50", "6.10"),
    Example("more than the minimum", TARIFF_12, (charging(60, 20),), "5.00", "5.50"),
    Example("less than the minimum", TARIFF_12, (charging(60, "1.9"),), "0.50", "0.55"),
    Example("parking in quarters of an hour", TARIFF_10, (charging(60, 20), parked(40)), "7.00", "7.90"),
    Example("more than the maximum", TARIFF_6, (charging(60, 50),), "10.00", "11.00"),
    Example("less than the maximum", TARIFF_6, (charging(60, 30),), "8.00", "8.85"),
    Example("2 per hour", TARIFF_1, (charging(150),), "5.00", "5.50"),
    Example("3 per hour, then 5 for parking", TARIFF_13, (charging(150), parked(42)), "11.25", "12.75"),
    Example("5.2 % VAT", TARIFF_2, (charging(150),), "4.75", "4.997"),
    Example("energy by 100 Wh", TARIFF_3, (charging(60, "20.45"),), "5.625", "6.2375"),
    Example(
        "slow on a Monday, then parking",
        TARIFF_4,
        (charging(165, current=Level(highest=Decimal(16))), parked(42)),
        "9.00",
        "10.30",
    ),
    Example(
        "fast on a Saturday, then parking: 1.25 an hour, not the 1.20 of the specification's sum",
        TARIFF_4,
        (charging(114, current=Level(lowest=Decimal(43))), parked(71)),
        "12.375",
        "13.975",
        SATURDAY,
    ),
    Example("reserved by the minute", TARIFF_15, (reserved(15), charging(60, 20)), "6.75", "7.60"),
    Example("reserved with a fee", TARIFF_16, (reserved(13), charging(60, 20)), "8.75", "10.00"),
    Example("came in time: no expiry fee", TARIFF_17, (reserved(22), charging(60, 20)), "6.50", "7.30"),
    Example("did not come: an expiry fee", TARIFF_17, (expired(60),), "6.00", "7.20"),
    Example("came in time: the lower rate", TARIFF_18, (reserved(22), charging(60, 20)), "7.00", "7.90"),
    Example("did not come: the higher rate", TARIFF_18, (expired(90),), "9.00", "10.80"),
    Example(
        "across 17:00, then parking",
        TARIFF_14,
        (charging(10), parked(2)),
        "0.55",
        None,
        at("2026-03-02T16:55:00Z"),
    ),
    Example("across 17:00", TARIFF_14, (charging(35),), "1.30", None, at("2026-03-02T16:35:00Z")),
    Example(
        "parking is free from 20:00: 0.48 for charging, 0.25 for parking",
        TARIFF_14,
        (charging(12), parked(20)),
        "0.73",
        None,
        at("2026-03-02T19:40:00Z"),
    ),
    Example(
        "dearer with more power",
        MAX_POWER,
        (charging(10, 1, power=6), charging(50, 40, power=48), charging("7.5", "0.5", power=4)),
        "20.30",
        "24.36",
    ),
    Example("free for half an hour", MAX_DURATION, (charging(30, 5), charging(10, "1.2")), "0.30", "0.36"),
]


@pytest.mark.holds("AM-37", by=("cpo", "emsp"))
@pytest.mark.parametrize("example", EXAMPLES, ids=[example.name for example in EXAMPLES])
def test_a_session_costs_what_the_specification_says(example: Example) -> None:
    statement = priced(example.tariff, *example.session, start=example.start)

    assert rounded_to_four(statement.total_cost) == Amount(
        Decimal(example.excl_vat), None if example.incl_vat is None else Decimal(example.incl_vat)
    )


def rounded_to_four(amount: Amount) -> Amount:
    return Amount(half_up(amount.excl_vat), None if amount.incl_vat is None else half_up(amount.incl_vat))


#: What is billed for each, line by line: kWh, minutes or a fee once, the price of a kWh, an hour or once, and
#: the amount without VAT. Where the specification breaks its sum down, these are its lines.
BREAKDOWNS = {
    "0.25 per kWh": ["ENERGY 20 at 0.25 is 5"],
    "0.25 per kWh and a start fee": ["FIXED 1 at 0.5 is 0.5", "ENERGY 20 at 0.25 is 5"],
    "more than the minimum": ["ENERGY 20 at 0.25 is 5"],
    "less than the minimum": ["ENERGY 1.9 at 0.25 is 0.475", "MIN_PRICE 0.025"],
    "parking in quarters of an hour": [
        "FIXED 1 at 0.5 is 0.5",
        "ENERGY 20 at 0.25 is 5",
        "PARKING 45 at 2 is 1.5",
    ],
    "more than the maximum": ["FIXED 1 at 0.5 is 0.5", "ENERGY 50 at 0.25 is 12.5", "MAX_PRICE -3"],
    "less than the maximum": ["FIXED 1 at 0.5 is 0.5", "ENERGY 30 at 0.25 is 7.5"],
    "2 per hour": ["TIME 150 at 2 is 5"],
    "3 per hour, then 5 for parking": ["TIME 150 at 3 is 7.5", "PARKING 45 at 5 is 3.75"],
    "5.2 % VAT": ["TIME 150 at 1.9 is 4.75"],
    "energy by 100 Wh": ["FIXED 1 at 0.5 is 0.5", "ENERGY 20.5 at 0.25 is 5.125"],
    "slow on a Monday, then parking": [
        "FIXED 1 at 2.5 is 2.5",
        "TIME 165 at 1 is 2.75",
        "PARKING 45 at 5 is 3.75",
    ],
    "fast on a Saturday, then parking: 1.25 an hour, not the 1.20 of the specification's sum": [
        "FIXED 1 at 2.5 is 2.5",
        "TIME 114 at 1.25 is 2.375",
        "PARKING 75 at 6 is 7.5",
    ],
    "reserved by the minute": [
        "RESERVATION 15 at 5 is 1.25",
        "FIXED 1 at 0.5 is 0.5",
        "ENERGY 20 at 0.25 is 5",
    ],
    "reserved with a fee": [
        "RESERVATION 1 at 2 is 2",
        "RESERVATION 15 at 5 is 1.25",
        "FIXED 1 at 0.5 is 0.5",
        "ENERGY 20 at 0.25 is 5",
    ],
    "came in time: no expiry fee": [
        "RESERVATION 30 at 2 is 1",
        "FIXED 1 at 0.5 is 0.5",
        "ENERGY 20 at 0.25 is 5",
    ],
    "did not come: an expiry fee": ["RESERVATION 60 at 2 is 2", "RESERVATION 1 at 4 is 4"],
    "came in time: the lower rate": [
        "RESERVATION 30 at 3 is 1.5",
        "FIXED 1 at 0.5 is 0.5",
        "ENERGY 20 at 0.25 is 5",
    ],
    "did not come: the higher rate": ["RESERVATION 90 at 6 is 9"],
    "across 17:00, then parking": [
        "TIME 5 at 1.2 is 0.1",
        "TIME 5 at 2.4 is 0.2",
        "PARKING 15 at 1 is 0.25",
    ],
    "across 17:00": ["TIME 25 at 1.2 is 0.5", "TIME 20 at 2.4 is 0.8"],
    "parking is free from 20:00: 0.48 for charging, 0.25 for parking": [
        "TIME 12 at 2.4 is 0.48",
        "PARKING 15 at 1 is 0.25",
    ],
    "dearer with more power": [
        "ENERGY 1 at 0.2 is 0.2",
        "ENERGY 40 at 0.5 is 20",
        "ENERGY 0.5 at 0.2 is 0.1",
    ],
    "free for half an hour": ["ENERGY 5 at 0 is 0", "ENERGY 1.2 at 0.25 is 0.3"],
}


@pytest.mark.parametrize("example", EXAMPLES, ids=[example.name for example in EXAMPLES])
def test_its_lines_say_how_it_came_to_that(example: Example) -> None:
    statement = priced(example.tariff, *example.session, start=example.start)

    assert [in_short(line) for line in statement.lines] == BREAKDOWNS[example.name]
    assert sum(line.amount.excl_vat for line in statement.lines) == statement.total_cost.excl_vat


def in_short(line: Line) -> str:
    amount = half_up(line.amount.excl_vat)
    if line.unit_price is None:
        return f"{line.kind} {amount}"
    is_time = line.dimension in ("TIME", "PARKING_TIME")
    billed = line.billed_quantity * 60 if is_time else line.billed_quantity
    return f"{line.kind} {half_up(billed)} at {figures(line.unit_price)} is {amount}"


class Steps(NamedTuple):
    name: str
    tariff: Tariff
    session: tuple[dict[str, Any], ...]
    start: datetime
    #: Kind, billed quantity (kWh or minutes), price per unit.
    billed: list[tuple[Kind, str, str]]


def before_and_after_17(earlier: dict[str, Any], later: dict[str, Any]) -> Tariff:
    return tariff(element(earlier, end_time="17:00"), element(later, start_time="17:00"))


STEPS = [
    Steps(
        "energy is rounded up once, at the end",
        before_and_after_17(energy("0.20", step=500), energy("0.27", step=500)),
        (charging(30, "4.3"), charging(30, "1.1")),
        at("2026-03-02T16:30:00Z"),
        [(Kind.ENERGY, "4.3", "0.20"), (Kind.ENERGY, "1.2", "0.27")],
    ),
    Steps(
        "time is rounded up once, at the end",
        before_and_after_17(time("5.00", step=600), time("7.00", step=600)),
        (charging(28),),
        at("2026-03-02T16:54:00Z"),
        [(Kind.TIME, "6", "5.00"), (Kind.TIME, "24", "7.00")],
    ),
    Steps(
        "charging that is followed by parking is not rounded up, by tens",
        tariff(element(time("1.00", step=600), parking("2.00", step=600))),
        (charging(21), parked(16)),
        MONDAY,
        [(Kind.TIME, "21", "1.00"), (Kind.PARKING, "20", "2.00")],
    ),
    Steps(
        "charging that is followed by parking is not rounded up, by fives",
        tariff(element(time("1.00", step=300), parking("2.00", step=300))),
        (charging(21), parked(7)),
        MONDAY,
        [(Kind.TIME, "21", "1.00"), (Kind.PARKING, "10", "2.00")],
    ),
]


@pytest.mark.parametrize("example", STEPS, ids=[example.name for example in STEPS])
def test_a_step_is_billed_where_the_specification_says(example: Steps) -> None:
    statement = priced(example.tariff, *example.session, start=example.start)

    assert [
        (line.kind, units(line.kind, line.billed_quantity), line.unit_price) for line in statement.lines
    ] == [(kind, Decimal(quantity), Decimal(unit_price)) for kind, quantity, unit_price in example.billed]


def units(kind: Kind, quantity: Decimal) -> Decimal:
    return quantity if kind is Kind.ENERGY else half_up(quantity * 60)


def test_the_example_cdr_is_billed_in_steps_of_five_minutes() -> None:
    five_minutes = tariff(element(time("2.00", "10", 300)))

    statement = priced(five_minutes, charging("118.3833333333"))

    assert rounded_to_four(statement.total_cost) == Amount(Decimal(4), Decimal("4.4"))
