"""2.2.1, Tariffs, as the eMSP holds them and reckons: a bill is checked by the tariff in its CDR."""

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from partners.emsp.bills import Bill
from tests.fixtures.emsp_world import World, emsp_world
from tests.fixtures.samples import T0, cdr, connector, evse, location, period, tariff

TARIFF = "tariffs/receiver/BE/BEC/T1"


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with emsp_world() as world:
        yield world


def component(kind: str, price: str, step_size: int = 1, **more: Any) -> dict[str, Any]:
    return {"type": kind, "price": Decimal(price), "step_size": step_size, **more}


def element(*components: dict[str, Any], **restrictions: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"price_components": list(components)}
    return {**made, "restrictions": restrictions} if restrictions else made


async def billed(
    world: World,
    *elements: dict[str, Any],
    start: str = T0,
    end: str = "2026-01-01T11:00:00Z",
    **volumes: str,
) -> Bill:
    """The bill for a session of one period at a place in Brussels, by a tariff of these elements."""
    await world.call("PUT", "locations/receiver/BE/BEC/LOC1", location())
    value = cdr(
        start_date_time=start,
        end_date_time=end,
        tariffs=[tariff(elements=list(elements))],
        charging_periods=[period(start, **(volumes or {"ENERGY": "10", "TIME": "1"}))],
    )
    assert (await world.call("POST", "cdrs/receiver", value)).status == 201
    (bill,) = world.node.bills()
    return bill


def reckoned(bill: Bill) -> Decimal:
    assert bill.recomputed is not None, bill.remarks
    return bill.recomputed.excl_vat


@pytest.mark.holds("TAR-05", by="emsp")
@pytest.mark.parametrize(("first", "second", "net"), [("0.20", "0.50", "2"), ("0.50", "0.20", "5")])
async def test_the_first_element_of_a_dimension_that_matches_counts(
    world: World, first: str, second: str, net: str
) -> None:
    bill = await billed(world, element(component("ENERGY", first)), element(component("ENERGY", second)))
    assert reckoned(bill) == Decimal(net)


@pytest.mark.holds("TAR-05", by="emsp")
async def test_an_element_whose_restrictions_do_not_match_is_passed_over(world: World) -> None:
    cheap = element(component("ENERGY", "0.20"), min_kwh=Decimal(100))
    bill = await billed(world, cheap, element(component("ENERGY", "0.50")))
    assert reckoned(bill) == Decimal(5)


@pytest.mark.holds("TAR-05", by="emsp")
async def test_a_dimension_without_an_element_costs_nothing(world: World) -> None:
    assert reckoned(await billed(world, element(component("TIME", "3")))) == Decimal(3)


@pytest.mark.holds("TAR-06", by="emsp")
async def test_several_dimensions_count_at_once_each_by_one_component(world: World) -> None:
    """Energy by the first element; time by the second, which has an ENERGY, too, that does not count."""
    bill = await billed(
        world,
        element(component("ENERGY", "0.20")),
        element(component("ENERGY", "0.90"), component("TIME", "3"), component("FLAT", "1")),
    )
    assert reckoned(bill) == Decimal(2) + 3 + 1


@pytest.mark.holds("TAR-13", by="emsp")
@pytest.mark.parametrize(
    ("start", "end", "restrictions", "net"),
    [
        # Brussels is an hour ahead of UTC in winter, two in summer.
        ("2026-01-01T10:00:00Z", "2026-01-01T11:00:00Z", {"start_time": "11:00", "end_time": "12:00"}, "1"),
        ("2026-01-01T11:00:00Z", "2026-01-01T12:00:00Z", {"start_time": "11:00", "end_time": "12:00"}, "3"),
        ("2026-07-01T09:00:00Z", "2026-07-01T10:00:00Z", {"start_time": "11:00", "end_time": "12:00"}, "1"),
        # Over midnight, and to the end of the day.
        ("2026-01-01T23:30:00Z", "2026-01-02T00:30:00Z", {"start_time": "22:00", "end_time": "06:00"}, "1"),
        ("2026-01-01T22:00:00Z", "2026-01-01T23:00:00Z", {"start_time": "20:00", "end_time": "00:00"}, "1"),
        # From a day to before another.
        (
            "2026-01-01T23:00:00Z",
            "2026-01-02T00:00:00Z",
            {"start_date": "2026-01-02", "end_date": "2026-01-03"},
            "1",
        ),
        (
            "2026-01-02T23:00:00Z",
            "2026-01-03T00:00:00Z",
            {"start_date": "2026-01-02", "end_date": "2026-01-03"},
            "3",
        ),
    ],
)
async def test_times_and_dates_are_those_of_the_place(
    world: World, start: str, end: str, restrictions: dict[str, str], net: str
) -> None:
    special = element(component("TIME", "1"), **restrictions)
    bill = await billed(world, special, element(component("TIME", "3")), start=start, end=end, TIME="1")
    assert reckoned(bill) == Decimal(net)


@pytest.mark.holds("TAR-16", by="emsp")
@pytest.mark.parametrize(
    ("kind", "step_size", "volumes", "net"),
    [
        # 1.2 kWh in steps of 500 Wh are 1.5; 0.5 h in steps of 1200 s are 40 min; a fee knows no steps.
        ("ENERGY", 500, {"ENERGY": "1.2"}, "1.5"),
        ("ENERGY", 1, {"ENERGY": "1.2"}, "1.2"),
        ("TIME", 1200, {"TIME": "0.5"}, "0.6667"),
        ("PARKING_TIME", 1200, {"PARKING_TIME": "0.5"}, "0.6667"),
        ("FLAT", 7, {"ENERGY": "1.2"}, "1"),
    ],
)
async def test_steps_are_watt_hours_and_seconds(
    world: World, kind: str, step_size: int, volumes: dict[str, str], net: str
) -> None:
    end = "2026-01-01T10:30:00Z"
    bill = await billed(world, element(component(kind, "1", step_size)), end=end, **volumes)
    assert round(reckoned(bill), 4) == Decimal(net)


@pytest.mark.holds("TAR-11", by="emsp")
@pytest.mark.parametrize(
    ("vat", "gross"), [({"vat": Decimal(0)}, "2"), ({"vat": Decimal(20)}, "2.4"), ({}, None)]
)
async def test_vat_that_is_not_said_is_not_zero(world: World, vat: dict[str, Any], gross: str | None) -> None:
    bill = await billed(world, element(component("ENERGY", "0.20", **vat)))
    assert bill.recomputed is not None
    assert bill.recomputed.incl_vat == (None if gross is None else Decimal(gross))


@pytest.mark.holds("TAR-18", by="emsp")
async def test_a_connector_with_a_tariff_that_nobody_sent_has_an_unknown_price(world: World) -> None:
    """It is taken and shown; the tariff may still come."""
    there = location(evses=[evse(connectors=[connector(tariff_ids=["T1", "T2"])])])
    assert (await world.call("PUT", "locations/receiver/BE/BEC/LOC1", there)).status == 201
    bearer = {"Authorization": f"Bearer {world.node.admin_key}"}

    async def known() -> list[str]:
        answer = await world.hub.call("GET", f"{world.node.admin_url}/node/locations", headers=bearer)
        return [each["id"] for each in answer.envelope[0]["tariffs"]]

    assert await known() == []
    await world.call("PUT", TARIFF, tariff())
    assert await known() == ["T1"]


@pytest.mark.holds("TAR-02", "TAR-04", by="emsp")
async def test_a_tariff_goes_by_delete_or_by_a_list_without_it(world: World) -> None:
    for tariff_id in ("T1", "T2"):
        url = f"tariffs/receiver/BE/BEC/{tariff_id}"
        await world.call("PUT", url, tariff(id=tariff_id), sender="HU/HUB")
    assert (await world.call("DELETE", TARIFF, sender="HU/HUB")).code == 1000
    assert (await world.call("GET", TARIFF)).status == 404
    world.lists("tariffs", tariff(id="T3"))
    await world.node.pull()
    assert [each.key.object_id for each in world.node.node.objects.all("tariffs")] == ["T3"]
