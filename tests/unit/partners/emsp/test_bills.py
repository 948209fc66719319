"""The bill for a CDR: what is billed is what the CDR says, and whether our own reckoning agrees."""

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partners.emsp.bills import Bill, bill
from schemas.v2_2_1 import CDR, Tariff
from tests.fixtures.emsp_world import World, emsp_world
from tests.fixtures.samples import cdr, location, tariff


def billed(time_zone: str | None = "Europe/Brussels", **changes: Any) -> Bill:
    return bill(CDR.model_validate(cdr(**changes)), (), time_zone)


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
    assert made.remarks == ()


def test_it_says_who_charged_what_where_and_when() -> None:
    made = billed()
    assert (made.cdr_id, made.session_id, str(made.cpo)) == ("C1", "S1", "BE/BEC")
    assert (made.token_uid, made.place, made.currency) == ("04A1B2C3", "Gent Zuid, Gent", "EUR")
    assert (made.energy, made.start.hour, made.end.minute) == (10, 10, 30)


def test_a_cdr_that_asks_for_more_than_its_tariff_is_billed_and_remarked() -> None:
    """What the CDR says is owed; that it is wrong is for people to settle."""
    made = billed(total_cost={"excl_vat": Decimal("5.00"), "incl_vat": Decimal("6.00")})
    assert (made.net, made.total, made.agrees) == (Decimal("5.00"), Decimal("6.00"), False)
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
    assert "with VAT" in made.remarks[0]


@pytest.mark.parametrize("off", ["3.5049", "3.51", "3.49"])
@pytest.mark.holds("TAR-17", by="emsp")
def test_a_cent_more_or_less_is_no_difference(off: str) -> None:
    """TAR-17: OCPI has no rounding rule."""
    assert billed(total_cost={"excl_vat": Decimal(off)}).agrees
    assert not billed(total_cost={"excl_vat": Decimal("3.5101")}).agrees


@pytest.mark.holds("TAR-11", by="emsp")
def test_without_vat_in_the_cdr_there_is_none_on_the_bill() -> None:
    """TAR-11: unknown is not zero."""
    made = billed(total_cost={"excl_vat": Decimal("3.50")})
    assert (made.net, made.vat, made.total, made.agrees) == (Decimal("3.50"), None, Decimal("3.50"), True)


@pytest.mark.holds("TAR-18", by="emsp")
def test_a_cdr_without_a_tariff_cannot_be_checked_and_is_billed_by_its_sums() -> None:
    """TAR-18."""
    made = billed(tariffs=[])
    assert (made.agrees, made.recomputed) == (False, None)
    assert made.remarks[0].startswith("could not be checked")
    assert [(line.text, line.quantity, line.net) for line in made.lines] == [
        ("Energy", 10, Decimal("2.50")),
        ("Parking time", Decimal("0.5"), Decimal("1.00")),
    ]


def test_a_tariff_that_we_know_stands_in_for_one_that_the_cdr_lacks() -> None:
    known = [Tariff.model_validate(tariff()), Tariff.model_validate(tariff(id="T9"))]
    assert bill(CDR.model_validate(cdr(tariffs=[])), known, "Europe/Brussels").agrees


def test_the_tariff_in_the_cdr_counts_not_what_became_of_it() -> None:
    """CDR-09: as it was when the session started."""
    known = [Tariff.model_validate(tariff(elements=[{"price_components": [
        {"type": "ENERGY", "price": Decimal(9), "step_size": 1}]}]))]  # fmt: skip
    assert bill(CDR.model_validate(cdr()), known, "Europe/Brussels").agrees


def test_nothing_but_a_total_is_one_line() -> None:
    value = cdr(tariffs=[])
    for name in ("total_energy_cost", "total_parking_cost"):
        del value[name]
    (line,) = bill(CDR.model_validate(value), (), None).lines
    assert (line.net, line.quantity) == (Decimal("3.50"), None)


def test_a_tariff_in_another_currency_checks_nothing() -> None:
    made = billed(currency="SEK")
    assert not made.agrees
    assert "EUR" in made.remarks[0]


@pytest.mark.holds("AM-55", by="emsp")
def test_an_unknown_time_zone_is_assumed_to_be_utc_and_said() -> None:
    """AM-55."""
    made = billed(None)
    assert made.agrees
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


MONEY = st.decimals(0, 10_000, places=4)


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
    await world.call("POST", "cdrs/receiver", cdr())
    (made,) = await world.node.until(world.node.bills)
    assert (made.total, made.agrees, made.remarks) == (Decimal("4.20"), True, ())


@pytest.mark.holds("AM-38", by="emsp")
def test_time_that_the_cpo_calls_parking_is_parking_though_energy_trickles() -> None:
    """AM-38: the vehicle asks for no power; what its electronics draw makes it no charging."""
    periods = [
        {
            "start_date_time": "2026-01-01T10:00:00Z",
            "dimensions": [
                {"type": "ENERGY", "volume": Decimal(10)},
                {"type": "PARKING_TIME", "volume": Decimal("1.5")},
            ],
            "tariff_id": "T1",
        }
    ]
    made = billed(charging_periods=periods, total_cost={"excl_vat": Decimal("5.50")})
    assert made.agrees
    assert [(line.text, line.net) for line in made.lines] == [
        ("Energy", Decimal("2.50")),
        ("Parking time", Decimal("3.00")),
    ]
