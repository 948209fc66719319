"""2.2.1, Tariffs: how the CPO node prices what a charge point measured."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from hub.pricing import PriceStatement
from partners.cpo.billing.costs import Cost, Terms, cost
from partners.cpo.charging.charging_events import ConnectorStatus
from partners.cpo.charging.meter_values import MeterSample
from partners.cpo.charging.metering import Metered, StateChange, use
from schemas.v2_2_1 import Tariff
from tests.fixtures.cpo_world import CPO, EMSP, location, tariff, world

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def component(kind: str = "ENERGY", price: str = "1", step: int = 1, **changes: Any) -> dict[str, Any]:
    return {"type": kind, "price": Decimal(price), "step_size": step, **changes}


def element(*components: dict[str, Any], **restrictions: Any) -> dict[str, Any]:
    return {"price_components": list(components)} | ({"restrictions": restrictions} if restrictions else {})


def costs(
    *elements: dict[str, Any],
    kwh: int = 10,
    minutes: int = 60,
    parked: int = 0,
    watt: tuple[int, ...] = (),
    **more: Any,
) -> Cost:
    """What a charge of so much costs, evenly over these minutes, and then so many of parking."""
    end = NOON + (minutes + parked) * MINUTE
    states = [StateChange(NOON, ConnectorStatus.CHARGING)]
    if parked:
        states.append(StateChange(NOON + minutes * MINUTE, ConnectorStatus.SUSPENDED_EV))
    each = minutes * MINUTE / (len(watt) or 1)
    samples = [
        MeterSample(at=NOON + number * each, power_w=Decimal(power), energy_wh=None, current_a=None, soc=None)
        for number, power in enumerate(watt)
    ]
    full = MeterSample(
        at=NOON + minutes * MINUTE, energy_wh=Decimal(kwh * 1000), power_w=None, current_a=None, soc=None
    )
    metered = Metered(
        NOON, Decimal(0), (*samples, full), tuple(states), end, Decimal(kwh * 1000), max_power=None
    )
    value = {
        **tariff(),
        "country_code": "NL",
        "party_id": "CPO",
        "last_updated": "2026-01-01T00:00:00Z",
        **more,
    }
    found = cost(use(metered), Terms(Tariff.model_validate({**value, "elements": list(elements)}), "UTC"))
    assert found is not None
    return found


def owned(*elements: dict[str, Any], **more: Any) -> Tariff:
    known = {"country_code": "NL", "party_id": "CPO", "last_updated": "2026-01-01T00:00:00Z"}
    return Tariff.model_validate({**tariff(), **known, **more, "elements": list(elements)})


def net(found: Cost) -> Decimal:
    return found.statement.total_cost.excl_vat


@pytest.mark.holds("TAR-05", by="cpo")
@pytest.mark.parametrize(("order", "price"), [((0, 1), 20), ((1, 0), 10)])
def test_of_two_elements_for_a_dimension_the_first_that_matches_counts(
    order: tuple[int, int], price: int
) -> None:
    both = [element(component(price="2"), min_kwh=0), element(component(price="1"))]
    assert net(costs(*(both[each] for each in order))) == price


@pytest.mark.holds("TAR-05", by="cpo")
def test_a_dimension_that_no_element_prices_costs_nothing() -> None:
    assert net(costs(element(component("TIME", "3")))) == 3
    assert net(costs(element(component(price="9"), day_of_week=["SUNDAY"]))) == 0


@pytest.mark.holds("TAR-06", by="cpo")
def test_several_dimensions_add_up_and_each_has_one_component() -> None:
    found = costs(
        element(component("FLAT", "0.5"), component(), component("TIME", "3")),
        element(component(price="100"), component("PARKING_TIME", "6")),
        parked=30,
    )
    assert net(found) == Decimal("0.5") + 10 + 3 + 3


@pytest.mark.holds("TAR-09", by="cpo")
def test_bounds_hold_for_the_net_and_the_gross_price_each_by_itself() -> None:
    taxed = element(component(price="1", vat=Decimal(20)))
    bounded = costs(taxed, max_price={"excl_vat": 9, "incl_vat": 12})
    assert (net(bounded), bounded.statement.total_cost.incl_vat) == (9, 12)
    lifted = costs(taxed, min_price={"excl_vat": 11, "incl_vat": Decimal("13.5")})
    assert (net(lifted), lifted.statement.total_cost.incl_vat) == (11, Decimal("13.5"))


@pytest.mark.holds("TAR-11", by="cpo")
def test_no_vat_is_not_a_vat_of_zero() -> None:
    assert costs(element(component())).statement.total_cost.incl_vat is None
    assert costs(element(component(vat=Decimal(0)))).statement.total_cost.incl_vat == 10


@pytest.mark.holds("TAR-12", by="cpo")
def test_restrictions_are_asked_all_through_the_session_and_all_of_them() -> None:
    """Below 7 kW it is cheap: half of the time; and what is for Sundays only, too, never is."""
    cheap = element(component("TIME", "1"), max_power=7)
    dear = element(component("TIME", "5"))
    found = costs(cheap, dear, watt=(5000, 5500, 11000, 12000))
    assert net(found) == Decimal("0.5") + Decimal("2.5")
    assert [each.start_date_time for each in found.periods] == [NOON, NOON + 30 * MINUTE]
    sunday = element(component("TIME", "1"), max_power=7, day_of_week=["SUNDAY"])
    assert net(costs(sunday, dear, watt=(5000, 5500, 11000, 12000))) == 5


@pytest.mark.holds("TAR-14", by="cpo")
@pytest.mark.parametrize(
    ("restrictions", "price"),
    [
        ({"min_duration": 3600}, 0),
        ({"min_duration": 1800}, 5),
        ({"max_duration": 1800}, 5),
        ({"min_kwh": 10}, 0),
        ({"max_kwh": 10}, 10),
        ({"max_kwh": 4}, 4),
        ({"min_kwh": 4, "max_kwh": 6}, 2),
        ({"min_power": 10}, 10),
        ({"max_power": 10}, 0),
    ],
)
def test_what_is_at_least_is_inclusive_and_what_is_at_most_is_not(
    restrictions: dict[str, Any], price: int
) -> None:
    assert net(costs(element(component(), **restrictions), watt=(10000, 10000))) == price


@pytest.mark.holds("TAR-16", by="cpo")
def test_steps_are_watt_hours_and_seconds() -> None:
    assert net(costs(element(component(step=3000)))) == 12
    assert net(costs(element(component("TIME", "60", step=2400)))) == 80
    assert net(costs(element(component("FLAT", "1", step=99)))) == 1


@pytest.mark.holds("CDR-12", by="cpo")
def test_a_step_is_counted_once_of_time_and_where_parking_follows_on_the_parking() -> None:
    """The charging is billed as it was, 61 minutes; of the parking, 31 minutes, two steps of 30."""
    found = costs(
        element(component("TIME", "60", step=1800), component("PARKING_TIME", "6", step=1800)),
        minutes=61,
        parked=31,
    )
    assert net(found) == 61 + 6


@pytest.mark.holds("TAR-17", by="cpo")
def test_nothing_is_rounded_before_it_is_told() -> None:
    found = costs(element(component(price="0.3517")), kwh=3)
    assert net(found) == Decimal("1.0551")


@pytest.mark.holds("TAR-13", "AM-55", by="cpo")
def test_hours_are_those_of_the_location() -> None:
    def at(zone: str) -> PriceStatement:
        metered = Metered(NOON, Decimal(0), (), (), NOON + 60 * MINUTE, Decimal(10000))
        afternoon = element(component(price="2"), start_time="13:00", end_time="00:00")
        told = owned(afternoon, element(component()))
        found = cost(use(metered), Terms(told, zone))
        assert found is not None
        return found.statement

    assert at("UTC").total_cost.excl_vat == 10
    assert at("Europe/Amsterdam").total_cost.excl_vat == 20


@pytest.mark.holds("TAR-10", "TAR-07", by="cpo")
async def test_a_tariff_goes_out_as_its_operator_wrote_it_and_no_text_is_made_up() -> None:
    """Which of the words are prices, nobody but the operator can tell."""
    texts = [{"language": "en", "text": "Free for members"}]
    plain = tariff(id="plain")
    async with world(tariffs=[tariff(tariff_alt_text=texts), plain], locations=[location()]) as made:
        url = made.hub.far_end["tariffs", "SENDER"]
        listed = (await made.hub.call("GET", url, to=str(CPO), sender=EMSP)).data
        by_id = {each["id"]: each for each in listed}
        assert by_id["standard"]["tariff_alt_text"] == texts
        assert "tariff_alt_text" not in by_id["plain"]
        assert by_id["plain"]["elements"] == plain["elements"]
