"""The bill for a CDR: what is billed is what the CDR says, and whether our own reckoning agrees."""

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partners.emsp.bills import Bill, balances, owed
from tests.fixtures.checked_cdrs import NOWHERE, billed, version
from tests.fixtures.emsp_world import World, emsp_world
from tests.fixtures.samples import cdr, location, tariff


def test_a_bill_explains_its_total_line_by_line() -> None:
    made = billed()
    assert [
        (line.text, line.quantity, line.unit, line.unit_price, line.vat, line.net) for line in made.lines
    ] == [
        ("Energy", 10, "kWh", Decimal("0.25"), 20, Decimal("2.50")),
        ("Parking time", Decimal("0.5"), "h", Decimal("2.00"), 20, Decimal(1)),
    ]
    assert (made.net, made.vat, made.total) == (Decimal("3.50"), Decimal("0.70"), Decimal("4.20"))
    assert sum(line.net for line in made.lines) == made.net
    assert made.agrees
    assert not made.is_disputed
    assert made.remarks == ()


def test_it_says_who_charged_what_where_and_when() -> None:
    made = billed()
    assert (made.cdr_id, made.session_id, str(made.cpo)) == ("C1", "S1", "BE/BEC")
    assert (made.token_uid, made.place, made.currency) == ("04A1B2C3", "Gent Zuid, Gent", "EUR")
    assert (made.energy, made.start.hour, made.end.minute) == (10, 10, 30)


def test_a_cdr_that_asks_for_more_than_its_tariff_is_billed_remarked_and_disputed() -> None:
    """What the CDR says is owed; that it is wrong is for people to settle."""
    made = billed(total_cost={"excl_vat": Decimal("5.00"), "incl_vat": Decimal("6.00")})
    assert (made.net, made.total) == (Decimal("5.00"), Decimal("6.00"))
    assert (made.agrees, made.is_disputed) == (False, True)
    assert made.recomputed is not None
    assert (made.recomputed.excl_vat, made.recomputed.incl_vat) == (Decimal("3.5"), Decimal("4.2"))
    assert "5.00" in made.remarks[0]
    assert "3.5" in made.remarks[0]
    assert [(line.text, line.net) for line in made.lines] == [
        ("Energy", Decimal("2.50")),
        ("Parking time", Decimal("1.00")),
    ]


def test_vat_alone_may_be_wrong_too() -> None:
    made = billed(total_cost={"excl_vat": Decimal("3.50"), "incl_vat": Decimal("4.90")})
    assert not made.agrees
    assert "/total_cost/incl_vat" in made.remarks[0]


@pytest.mark.parametrize(
    ("off", "agrees"), [("3.52", True), ("3.48", True), ("3.5201", False), ("3.4799", False)]
)
@pytest.mark.holds("TAR-17", by="emsp")
def test_two_cents_more_or_less_in_all_are_no_difference(off: str, agrees: bool) -> None:  # noqa: FBT001 a case
    """TAR-17: OCPI has no rounding rule."""
    assert billed(total_cost={"excl_vat": Decimal(off)}).agrees is agrees


@pytest.mark.parametrize(("off", "agrees"), [("2.51", True), ("2.49", True), ("2.5101", False)])
@pytest.mark.holds("TAR-17", by="emsp")
def test_one_cent_more_or_less_in_a_line_is_no_difference(off: str, agrees: bool) -> None:  # noqa: FBT001 a case
    made = billed(total_energy_cost={"excl_vat": Decimal(off)})
    assert made.agrees is agrees
    assert ["/total_energy_cost/excl_vat"] * (not agrees) == [each.pointer for each in made.findings]


@pytest.mark.holds("TAR-11", by="emsp")
def test_without_vat_in_the_cdr_there_is_none_on_the_bill() -> None:
    """TAR-11: unknown is not zero."""
    made = billed(total_cost={"excl_vat": Decimal("3.50")})
    assert (made.net, made.vat, made.total, made.agrees) == (Decimal("3.50"), None, Decimal("3.50"), True)


@pytest.mark.holds("TAR-18", by="emsp")
def test_a_cdr_whose_tariff_nobody_knows_cannot_be_checked_and_is_billed_by_its_sums() -> None:
    """TAR-18."""
    made = billed(version(id="T9"), tariffs=[])
    assert (made.agrees, made.is_disputed, made.recomputed) == (False, True, None)
    assert "cannot be priced: there is no tariff T1" in made.remarks[0]
    assert [(line.text, line.quantity, line.net) for line in made.lines] == [
        ("Energy", 10, Decimal("2.50")),
        ("Parking time", Decimal("0.5"), Decimal("1.00")),
    ]


def test_a_tariff_that_we_know_stands_in_for_one_that_the_cdr_lacks() -> None:
    made = billed(version(), version(id="T9"), tariffs=[])
    assert (made.agrees, made.is_disputed) == (True, False)


def test_nothing_but_a_total_is_one_line() -> None:
    made = billed(version(id="T9"), tariffs=[], total_energy_cost=None, total_parking_cost=None)
    (line,) = made.lines
    assert (line.net, line.quantity) == (Decimal("3.50"), None)


def test_a_tariff_in_another_currency_checks_nothing() -> None:
    made = billed(currency="SEK")
    assert (made.agrees, made.is_disputed) == (False, True)
    assert "EUR" in made.remarks[0]


@pytest.mark.holds("AM-55", by="emsp")
def test_an_unknown_time_zone_is_said() -> None:
    """AM-55."""
    made = billed(place=NOWHERE)
    assert (made.agrees, made.is_disputed) == (True, False)
    assert "time zone" in made.remarks[0]


@pytest.mark.holds("CDR-06", by="emsp")
def test_a_credit_takes_back_what_the_periods_cost() -> None:
    """CDR-06."""
    made = billed(
        credit=True,
        credit_reference_id="C0",
        total_cost={"excl_vat": Decimal("-3.50"), "incl_vat": Decimal("-4.20")},
    )
    assert (made.net, made.vat, made.total) == (Decimal("-3.50"), Decimal("-0.70"), Decimal("-4.20"))
    assert made.agrees
    assert sum(line.net for line in made.lines) == made.net


@pytest.mark.parametrize(
    ("currency", "asked", "net", "vat", "total"),
    [
        ("EUR", ("3.505", "4.205"), "3.51", "0.70", "4.21"),
        ("JPY", ("3.505", "4.5"), "4", "1", "5"),
        ("KWD", ("3.5055", "4.2055"), "3.506", "0.700", "4.206"),
    ],
)
def test_what_is_owed_can_be_paid_in_its_currency(
    currency: str, asked: tuple[str, str], net: str, vat: str, total: str
) -> None:
    """Rounded once, at the end, halves away from zero."""
    cost = {"excl_vat": Decimal(asked[0]), "incl_vat": Decimal(asked[1])}
    made = billed(currency=currency, tariffs=[tariff(currency=currency)], total_cost=cost)
    assert (str(made.net), str(made.vat), str(made.total)) == (net, vat, total)


def test_no_sum_is_made_of_two_currencies() -> None:
    """Not even of a CDR and the credit that takes it back in another one."""
    crowns = {"currency": "SEK", "tariffs": [tariff(currency="SEK")]}
    credit = {"credit": True, "credit_reference_id": "C1", "total_cost": {"excl_vat": Decimal(-30)}}
    bills: list[Bill] = [
        billed(),
        billed(id="C2", session_id="S2", **crowns),
        billed(id="C3", session_id=None, **crowns, **credit),
        billed(id="C4", session_id="S3"),
    ]
    assert [(each.cdr_ids, each.currency, each.total) for each in balances(bills)] == [
        (("C1",), "EUR", Decimal("4.20")),
        (("C2",), "SEK", Decimal("4.20")),
        (("C3",), "SEK", Decimal("-30.00")),
        (("C4",), "EUR", Decimal("4.20")),
    ]
    assert owed(bills) == {"EUR": Decimal("8.40"), "SEK": Decimal("-25.80")}


MONEY = st.decimals(0, 10_000, places=4)


@settings(max_examples=50, deadline=None)
@given(MONEY, st.none() | MONEY)
def test_net_and_vat_add_up_to_the_total_in_cents(net: Decimal, vat: Decimal | None) -> None:
    total = {"excl_vat": net} if vat is None else {"excl_vat": net, "incl_vat": net + vat}
    made = billed(total_cost=total)
    assert made.net + (made.vat or 0) == made.total
    for amount in (made.net, made.total):
        assert amount == amount.quantize(Decimal("0.01"))
    assert abs(made.total - (net + (vat or 0))) <= Decimal("0.005")


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with emsp_world() as world:
        yield world


async def test_each_cdr_that_comes_in_has_a_bill_with_the_time_zone_of_its_location(world: World) -> None:
    await world.call("PUT", "locations/receiver/BE/BEC/LOC1", location())
    await world.call("PUT", "tariffs/receiver/BE/BEC/T1", tariff())
    await world.call("POST", "cdrs/receiver", cdr())
    (made,) = await world.node.until(world.node.bills)
    assert (made.total, made.agrees, made.remarks) == (Decimal("4.20"), True, ())


@pytest.mark.holds("AM-38", by="emsp")
def test_time_that_the_cpo_calls_parking_is_parking_though_energy_trickles() -> None:
    """AM-38: the vehicle asks for no power; what its electronics draw makes it no charging."""
    periods: list[dict[str, Any]] = [
        {
            "start_date_time": "2026-01-01T10:00:00Z",
            "dimensions": [
                {"type": "ENERGY", "volume": Decimal(10)},
                {"type": "PARKING_TIME", "volume": Decimal("1.5")},
            ],
            "tariff_id": "T1",
        }
    ]
    parked = {"excl_vat": Decimal("3.00"), "incl_vat": Decimal("3.60")}
    cost = {"excl_vat": Decimal("5.50")}
    made = billed(charging_periods=periods, total_cost=cost, total_parking_cost=parked)
    assert made.agrees
    assert [(line.text, line.net) for line in made.lines] == [
        ("Energy", Decimal("2.50")),
        ("Parking time", Decimal("3.00")),
    ]
