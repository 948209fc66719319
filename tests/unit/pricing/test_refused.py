"""What is not understood is refused by name, with a JSON pointer, and never priced at 0."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from hub.pricing import (
    Activity,
    CannotBePriced,
    ChargedPeriod,
    Level,
    explain,
    payable,
    price,
    rounded,
)
from schemas.v2_2_1.tariffs import (
    DayOfWeek,
    PriceComponent,
    Tariff,
    TariffDimensionType,
    TariffElement,
    TariffRestrictions,
)
from tests.unit.pricing.in_few_words import (
    MONDAY,
    at,
    charging,
    element,
    energy,
    flat,
    parked,
    parking,
    priced,
    session,
    tariff,
    time,
)

HOUR = timedelta(hours=1)
PER_KWH = tariff(element(energy("0.25")))


def read_leniently(**changes: Any) -> Tariff:
    """A tariff that has not been checked against the schema."""
    fields = {"type": TariffDimensionType.ENERGY, "price": Decimal(1), "vat": None, "step_size": 1} | changes
    one = TariffElement.model_construct(price_components=(PriceComponent.model_construct(**fields),))
    return PER_KWH.model_copy(update={"elements": (one,)})


@pytest.mark.parametrize(
    ("bad", "pointer"),
    [
        (tariff(element(energy("1"), max_soc=80)), "/tariffs/0/elements/0/restrictions/max_soc"),
        (
            tariff(element(flat("1")), element(energy("1"), start_time="09:00", end_time="09:00")),
            "/tariffs/0/elements/1/restrictions/end_time",
        ),
        (
            tariff(element(energy("1"), start_date="2026-02-30")),
            "/tariffs/0/elements/0/restrictions/start_date",
        ),
        (tariff(element(energy("1"), energy("2"))), "/tariffs/0/elements/0/price_components/1/type"),
        (tariff(element(energy("1", vat="-1"))), "/tariffs/0/elements/0/price_components/0/vat"),
        (
            tariff(
                element(energy("1")), min_price={"excl_vat": Decimal(2)}, max_price={"excl_vat": Decimal(1)}
            ),
            "/tariffs/0/min_price/excl_vat",
        ),
        (
            tariff(
                element(energy("1")),
                min_price={"excl_vat": Decimal(1), "incl_vat": Decimal(3)},
                max_price={"excl_vat": Decimal(1), "incl_vat": Decimal(2)},
            ),
            "/tariffs/0/min_price/incl_vat",
        ),
        (PER_KWH.model_copy(update={"elements": ()}), "/tariffs/0/elements"),
        (
            PER_KWH.model_copy(update={"elements": (TariffElement.model_construct(price_components=()),)}),
            "/tariffs/0/elements/0/price_components",
        ),
        (read_leniently(type="SURPRISE"), "/tariffs/0/elements/0/price_components/0/type"),
        (read_leniently(step_size=0), "/tariffs/0/elements/0/price_components/0/step_size"),
        (read_leniently(step_size=-5), "/tariffs/0/elements/0/price_components/0/step_size"),
    ],
)
def test_a_tariff_that_makes_no_sense_names_what_does_not(bad: Tariff, pointer: str) -> None:
    with pytest.raises(CannotBePriced) as refused:
        priced(bad, charging(60, 10))

    assert refused.value.pointer == pointer
    assert str(refused.value) == f"{pointer}: {refused.value.reason}"


@pytest.mark.parametrize(
    ("restrictions", "pointer"),
    [
        ({"reservation": "HALF"}, "reservation"),
        ({"day_of_week": (DayOfWeek.MONDAY, "SOMEDAY")}, "day_of_week/1"),
    ],
)
def test_a_word_that_no_list_has_is_refused(restrictions: dict[str, Any], pointer: str) -> None:
    restricted = PER_KWH.elements[0].model_copy(
        update={"restrictions": TariffRestrictions.model_construct(**restrictions)}
    )

    with pytest.raises(CannotBePriced) as refused:
        priced(PER_KWH.model_copy(update={"elements": (restricted,)}), charging(60, 10))

    assert refused.value.pointer == f"/tariffs/0/elements/0/restrictions/{pointer}"


def test_a_fee_may_have_steps_of_nothing() -> None:
    """TAR-08: the specification's own free tariff has them."""
    assert priced(tariff(element(flat("0.00") | {"step_size": 0})), charging(60, 10)).total_cost.excl_vat == 0


@pytest.mark.parametrize(
    ("measured", "restrictions"),
    [
        ({}, {"max_current": 32}),
        ({"current": Level(lowest=Decimal(6), highest=Decimal(40))}, {"min_current": 32}),
    ],
)
def test_a_current_that_nobody_knows_decides_nothing(
    measured: dict[str, Any], restrictions: dict[str, Any]
) -> None:
    with pytest.raises(CannotBePriced, match="current"):
        priced(tariff(element(time("1"), **restrictions)), charging(60, 10, **measured))


def test_energy_in_no_time_has_no_power() -> None:
    with pytest.raises(CannotBePriced, match="power"):
        priced(tariff(element(energy("1"), max_power=16)), charging(0, 10))


@pytest.mark.parametrize("time_zone", ["Europe/Atlantis", "", "../etc/passwd", "Europe", "+01:00", "\0"])
def test_a_time_zone_that_nobody_knows_is_refused(time_zone: str) -> None:
    with pytest.raises(CannotBePriced) as refused:
        priced(PER_KWH, charging(60, 10), time_zone=time_zone)

    assert refused.value.pointer == "/time_zone"


def test_a_period_under_a_tariff_that_is_not_there_is_refused() -> None:
    with pytest.raises(CannotBePriced) as refused:
        price(
            session({"lasting": HOUR, "tariff_id": "T2", "pointer": "/charging_periods/3"}),
            [PER_KWH],
            time_zone="UTC",
        )

    assert refused.value.pointer == "/charging_periods/3/tariff_id"


@pytest.mark.parametrize(
    ("tariffs", "pointer"),
    [
        ([], "/tariffs"),
        ([PER_KWH, PER_KWH.model_copy(update={"id": "t1"})], "/tariffs/1/id"),
        ([PER_KWH, PER_KWH.model_copy(update={"id": "T2", "currency": "SEK"})], "/tariffs/1/currency"),
    ],
)
def test_tariffs_that_do_not_go_together_are_refused(tariffs: list[Tariff], pointer: str) -> None:
    with pytest.raises(CannotBePriced) as refused:
        price(session(charging(60, 10)), tariffs, time_zone="UTC")

    assert refused.value.pointer == pointer


def test_no_period_is_no_session() -> None:
    with pytest.raises(CannotBePriced, match="not one charging period"):
        price([], [PER_KWH], time_zone="UTC")


def test_periods_that_overlap_or_stand_in_another_order_are_refused() -> None:
    first, second = session(charging(60, 10), parked(30))

    with pytest.raises(CannotBePriced, match="before"):
        price([second, first], [PER_KWH], time_zone="UTC")
    with pytest.raises(CannotBePriced, match="before"):
        price([first, first], [PER_KWH], time_zone="UTC")


@pytest.mark.parametrize(
    "impossible",
    [
        lambda: ChargedPeriod(MONDAY, MONDAY - HOUR),
        lambda: ChargedPeriod(MONDAY, MONDAY + HOUR, energy=Decimal("-0.1")),
        lambda: ChargedPeriod(MONDAY, MONDAY + HOUR, energy=Decimal("NaN")),
        lambda: ChargedPeriod(MONDAY, MONDAY + HOUR, Activity.RESERVED, energy=Decimal(1)),
        lambda: ChargedPeriod(MONDAY.replace(tzinfo=None), MONDAY + HOUR),
        lambda: ChargedPeriod(at("0001-01-01T00:00:00Z"), MONDAY),
        lambda: ChargedPeriod(MONDAY, at("9999-12-31T23:59:59Z")),
    ],
)
def test_a_period_that_cannot_have_been_is_refused(impossible: Callable[[], ChargedPeriod]) -> None:
    with pytest.raises(CannotBePriced):
        price([impossible()], [tariff(element(energy("1")))], time_zone="UTC")


def test_a_session_of_years_is_refused_where_the_hours_of_its_days_matter() -> None:
    nights = tariff(element(parking("1"), start_time="22:00"))

    with pytest.raises(CannotBePriced, match="longer than any session"):
        priced(nights, parked(60 * 24 * 400))


@pytest.mark.parametrize("out_of_proportion", ["1e999999999", "1e-999999999", "1e20", "1e-21"])
@pytest.mark.parametrize(
    ("bad", "pointer"),
    [
        (lambda number: tariff(element(energy(number))), "/tariffs/0/elements/0/price_components/0/price"),
        (lambda number: tariff(element(energy("1", number))), "/tariffs/0/elements/0/price_components/0/vat"),
        (
            lambda number: tariff(element(energy("1"), max_kwh=Decimal(number))),
            "/tariffs/0/elements/0/restrictions/max_kwh",
        ),
        (
            lambda number: tariff(element(energy("1")), max_price={"excl_vat": Decimal(number)}),
            "/tariffs/0/max_price/excl_vat",
        ),
    ],
)
def test_a_number_out_of_all_proportion_is_refused_before_it_fills_the_memory(
    bad: Callable[[str], Tariff], pointer: str, out_of_proportion: str
) -> None:
    with pytest.raises(CannotBePriced) as refused:
        priced(bad(out_of_proportion), charging(60, 10))

    assert refused.value.pointer == pointer


def test_more_price_changes_than_anybody_can_follow_are_refused() -> None:
    each_minute = [
        element(time("1"), start_time=f"{hour:02}:{minute:02}") for hour in range(24) for minute in range(60)
    ]

    with pytest.raises(CannotBePriced, match="too many"):
        priced(tariff(*each_minute), parked(60 * 24 * 30))


@pytest.mark.parametrize("beyond", [10**20, -(10**20), 10**400])
@pytest.mark.parametrize(
    ("bad", "pointer"),
    [
        (lambda size: tariff(element(flat("1") | {"step_size": size})), "price_components/0/step_size"),
        (lambda size: tariff(element(energy("1"), min_duration=size)), "restrictions/min_duration"),
        (lambda size: tariff(element(energy("1"), max_duration=size)), "restrictions/max_duration"),
    ],
)
def test_a_step_or_duration_out_of_all_proportion_is_refused_in_few_words(
    bad: Callable[[int], Tariff], pointer: str, beyond: int
) -> None:
    if beyond < 0 and pointer.endswith("step_size"):
        return  # no tariff at all, as the schema says
    with pytest.raises(CannotBePriced) as refused:
        priced(bad(beyond), charging(60, 10))

    assert refused.value.pointer == f"/tariffs/0/elements/0/{pointer}"
    assert refused.value.reason.endswith("is out of all proportion")
    assert len(refused.value.reason) < 100


def test_the_largest_of_everything_has_a_price_that_can_be_told_and_paid() -> None:
    most = 10**20 - 1
    per_kwh = energy(str(most), str(most), most)
    dearest = tariff(element(per_kwh, min_duration=-most), max_price={"excl_vat": most})
    statement = priced(dearest, charging(60, 10))

    assert payable(statement.total_cost, "JPY") > most
    assert explain(rounded(statement)).words


def test_an_unknown_restriction_is_refused_with_a_pointer_that_leads_to_it() -> None:
    with pytest.raises(CannotBePriced) as refused:
        priced(tariff(element(energy("1"), **{"a/b~c": 1})), charging(60, 10))

    assert refused.value.pointer == "/tariffs/0/elements/0/restrictions/a~1b~0c"
