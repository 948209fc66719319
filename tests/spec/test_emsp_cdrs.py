"""2.2.1, CDRs, as the eMSP receives them: kept once, final, credited, and balanced on the bill."""

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from partners.emsp.bills import Balance, balances
from tests.fixtures.emsp_world import World, emsp_world
from tests.fixtures.recorder import Answered
from tests.fixtures.samples import cdr, cdr_token, period, tariff

CDRS = "cdrs/receiver"


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with emsp_world() as world:
        yield world


def costing(amount: str, **changes: Any) -> dict[str, Any]:
    """A CDR with one fee of this amount, without VAT."""
    fee = {"type": "FLAT", "price": abs(Decimal(amount)), "step_size": 1}
    value = cdr(
        tariffs=[tariff(elements=[{"price_components": [fee]}])],
        total_cost={"excl_vat": Decimal(amount)},
        total_fixed_cost={"excl_vat": abs(Decimal(amount))},
        **changes,
    )
    return {
        name: each for name, each in value.items() if name not in {"total_energy_cost", "total_parking_cost"}
    }


def credit(amount: str, of: str, **changes: Any) -> dict[str, Any]:
    return costing(amount, credit=True, credit_reference_id=of, **changes)


def owed(world: World) -> list[tuple[str | None, tuple[str, ...], Decimal]]:
    found: list[Balance] = balances(world.node.bills())
    return [(each.session_id, each.cdr_ids, each.total) for each in found]


async def posted(world: World, *values: dict[str, Any]) -> list[Answered]:
    return [await world.call("POST", CDRS, value) for value in values]


@pytest.mark.holds("CDR-06", "CDR-07", "AM-50", by="emsp")
async def test_a_credit_and_a_new_cdr_leave_what_is_owed_in_the_end(world: World) -> None:
    """10, taken back, and 5 in its place: 5."""
    answers = await posted(
        world,
        costing("10"),
        credit("-10", "C1", id="C1-CREDIT"),
        costing("5", id="C1-NEW"),
    )
    assert [each.status for each in answers] == [201, 201, 201]
    assert owed(world) == [("S1", ("C1", "C1-CREDIT", "C1-NEW"), Decimal("5.00"))]
    assert [(each.total, each.agrees) for each in world.node.bills()] == [
        (Decimal("10.00"), True),
        (Decimal("-10.00"), True),
        (Decimal("5.00"), True),
    ]


async def test_balances_are_of_one_charging_each(world: World) -> None:
    """Without a session the credit names its CDR, in any case; other CPOs have ids of their own."""
    none = {"session_id": None}
    await posted(
        world, costing("10", **none), costing("7", id="C2", **none), credit("-10", "c1", id="C3", **none)
    )
    other = costing("3", party_id="XXX", **none)
    assert (await world.call("POST", CDRS, other, sender="BE/XXX")).status == 201
    assert owed(world) == [
        (None, ("C1", "C3"), Decimal("0.00")),
        (None, ("C2",), Decimal("7.00")),
        (None, ("C1",), Decimal("3.00")),
    ]


async def test_a_part_that_is_credited_leaves_the_rest(world: World) -> None:
    """AM-50: OCPI has full reversals; a partial one is kept and counted all the same."""
    partial = credit("-10", "C1", id="C1-CREDIT") | {"total_cost": {"excl_vat": Decimal(-4)}}
    await posted(world, costing("10"), partial)
    assert owed(world) == [("S1", ("C1", "C1-CREDIT"), Decimal("6.00"))]
    assert [each.agrees for each in world.node.bills()] == [True, False]


@pytest.mark.holds("CDR-05", "CDR-08", by="emsp")
@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"id": "x" * 36}, 1000),
        ({"id": "x" * 37}, 2001),
        ({"id": "x" * 39, "credit": True, "credit_reference_id": "C1"}, 1000),
        ({"credit": True}, 2001),
        ({"credit_reference_id": "C1"}, 2001),
    ],
)
async def test_ids_of_credits_may_be_longer_and_name_what_they_credit(
    world: World, changes: dict[str, Any], code: int
) -> None:
    (answer,) = await posted(world, cdr(**changes))
    assert answer.code == code


@pytest.mark.holds("CDR-02", "CDR-03", "TR-15", "AM-48", by="emsp")
async def test_the_location_header_is_an_absolute_url_that_gives_the_cdr(world: World) -> None:
    (answer,) = await posted(world, cdr())
    assert (answer.status, answer.code) == (201, 1000)
    url = answer.headers["Location"]
    assert url.startswith(f"{world.node.url}/ocpi/2.2.1/cdrs/")
    there = await world.hub.call("GET", url, to="NL/EMA", sender="BE/BEC")
    assert (there.status, there.data) == (200, cdr())


@pytest.mark.holds("SES-21", "CDR-18", by="emsp")
async def test_a_place_that_nobody_has_heard_of_is_billed(world: World) -> None:
    """Home chargers are never published."""
    await posted(world, cdr(cdr_location={**cdr()["cdr_location"], "id": "HOME", "name": "Home"}))
    (bill,) = world.node.bills()
    assert bill.place == "Home, Gent"
    assert any("time zone" in each for each in bill.remarks)


@pytest.mark.holds("CDR-19", "CDR-01", by="emsp")
async def test_there_is_never_a_second_record(world: World) -> None:
    first, again, other = await posted(world, cdr(), cdr(), cdr(currency="SEK"))
    assert [each.status for each in (first, again, other)] == [201, 200, 200]
    assert (again.code, again.headers["Location"]) == (1000, first.headers["Location"])
    assert other.code == 2001
    assert [each.currency for each in world.node.cdrs()] == ["EUR"]
    for method in ("PUT", "PATCH", "DELETE"):
        assert (await world.hub.call(method, first.headers["Location"], cdr())).status == 405


@pytest.mark.holds("AM-26", by="emsp")
@pytest.mark.parametrize("owner", [{"party_id": "EMB"}, {"country_code": "DE"}])
async def test_a_cdr_for_somebody_elses_token_is_refused(world: World, owner: dict[str, str]) -> None:
    """Its contract_id does not matter: the token's codes do."""
    token = cdr_token(contract_id="NL-EMA-000001", **owner)
    (answer,) = await posted(world, cdr(cdr_token=token))
    assert (answer.code, world.node.cdrs()) == (2001, [])


@pytest.mark.holds("CDR-20", by="emsp")
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"total_parking_time": Decimal(2)}, "2 h, of 1.5 h in all"),
        ({"total_energy": Decimal(11)}, "is 11 kWh, the periods have 10 kWh"),
        ({"charging_periods": [period(ENERGY="9"), period(ENERGY="2")]}, "the periods have 11 kWh"),
    ],
)
async def test_a_cdr_at_odds_with_itself_is_billed_and_remarked(
    world: World, changes: dict[str, Any], said: str
) -> None:
    (answer,) = await posted(world, cdr(**changes))
    assert answer.status == 201
    (bill,) = world.node.bills()
    assert any(said in each for each in bill.remarks)


async def test_a_cdr_in_keeping_with_itself_is_not_remarked() -> None:
    async with emsp_world() as world:
        await posted(world, cdr())
        assert {"total-energy", "total-time", "periods"}.isdisjoint(
            each.rule for each in world.node.bills()[0].findings
        )
