"""A car that stays at its cable is billed until it goes, as parking, where the operator wants it so."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from partners.cpo.app import CpoNode
from tests.fixtures.cpo_world import SettableClock, World, cpo_settings, tariff, token, world
from tests.fixtures.waiting import until
from tests.unit.partners.cpo.test_odd_chargers import BEGUN, Charger, at, charger, current

HOUR = 3600
PRICES = tariff(
    {"type": "ENERGY", "price": Decimal("0.30"), "step_size": 1},
    {"type": "PARKING_TIME", "price": Decimal(6), "step_size": 60},
)


class Clock(SettableClock):
    """So late that what is told has just happened."""

    def __init__(self) -> None:
        super().__init__()
        self.now = BEGUN + timedelta(hours=1)

    def __call__(self) -> Any:
        return self.now


def billing(**changes: Any) -> dict[str, Any]:
    standard = {"tokens": (token(),), "clock": Clock(), "bill_until_unplug": True, "tariffs": [PRICES]}
    return standard | changes


async def charges(one: Charger, **changes: Any) -> int:
    """An hour, 10 kWh."""
    number = await one.starts()
    await one.shows("Charging", 1)
    await one.stops(number, **changes)
    return number


async def billed(made: World) -> tuple[Any, ...]:
    cdr = (await made.hub.receives("POST", "/receiver/cdrs")).value
    assert current(made)["status"] == "COMPLETED"
    assert current(made)["end_date_time"] == cdr["end_date_time"]
    assert current(made)["total_cost"] == cdr["total_cost"]
    parked, cost = cdr.get("total_parking_time"), cdr["total_cost"]["excl_vat"]
    return cdr["end_date_time"], cdr["total_energy"], parked, cost


async def test_the_session_goes_on_until_the_connector_is_available() -> None:
    async with world(**billing()) as made, charger(made) as one:
        await charges(one)
        await one.shows("Finishing", HOUR + 1)
        assert (current(made)["status"], current(made)["kwh"]) == ("ACTIVE", 10)
        assert made.cpo.cdrs() == []
        await one.shows("Available", HOUR + 1800)
        assert await billed(made) == (at(HOUR + 1800), 10, Decimal("0.5"), 6)
        first, second = made.cpo.cdrs()[0].current["charging_periods"]
        assert {each["type"]: each["volume"] for each in first["dimensions"]} == {"ENERGY": 10, "TIME": 1}
        assert {each["type"]: each["volume"] for each in second["dimensions"]} == {
            "ENERGY": 0,
            "PARKING_TIME": Decimal("0.5"),
        }


async def test_a_charger_that_told_no_state_is_billed_alike() -> None:
    async with world(**billing()) as made, charger(made) as one:
        await one.stops(await one.starts())
        await one.shows("Available", HOUR + 1800)
        assert await billed(made) == (at(HOUR + 1800), 10, Decimal("0.5"), 6)


@pytest.mark.parametrize("bill_until_unplug", [True, False])
async def test_a_transaction_that_the_cable_ended_is_over_with_it(*, bill_until_unplug: bool) -> None:
    reason = "EVDisconnected" if bill_until_unplug else "Local"
    made_so = billing(bill_until_unplug=bill_until_unplug)
    async with world(**made_so) as made, charger(made) as one:
        await charges(one, reason=reason)
        assert (await billed(made))[0] == at(HOUR)


async def test_what_is_told_of_a_connector_that_is_free_again_is_over() -> None:
    async with world(**billing()) as made, charger(made) as one:
        number = await one.starts()
        await one.shows("Available", HOUR + 5)
        await one.stops(number)
        assert (await billed(made))[0] == at(HOUR)


async def test_what_is_told_late_is_over() -> None:
    clock = Clock()
    clock.now += timedelta(hours=5)
    async with world(**billing(clock=clock)) as made, charger(made) as one:
        await charges(one)
        # Only so late as the trust in a clock, which tests have for a hundred years.
        assert current(made)["status"] == "ACTIVE"
    async with world(**billing(clock=clock, trust_clock=timedelta(minutes=5))) as made, charger(made) as one:
        await charges(one)
        assert current(made)["status"] == "COMPLETED"


async def test_the_next_one_ends_it_and_a_start_that_is_told_again_does_not() -> None:
    async with world(**billing()) as made, charger(made) as one:
        await charges(one)
        await one.starts()
        assert current(made)["status"] == "ACTIVE"
        await one.starts(timestamp=at(HOUR + 600), meterStart=11_000)
        assert (await billed(made))[0] == at(HOUR + 600)


@pytest.mark.parametrize("status", ["Preparing", "SuspendedEV", "Finishing"])
async def test_who_never_goes_is_billed_for_so_long_and_no_longer_also_after_a_restart(
    status: str, tmp_path: Path
) -> None:
    clock = Clock()
    limits = {"unplug_within": timedelta(hours=2), "clock": clock}
    async with world(tmp_path, **billing(**limits)) as made, charger(made) as one:
        await charges(one)
        await one.shows(status, HOUR + 1)
        clock.now += timedelta(hours=2) - timedelta(seconds=1)
        made.cpo.unplugging.look()
        assert current(made)["status"] == "ACTIVE"
    clock.now += timedelta(seconds=1)
    again = {name: each for name, each in billing(**limits).items() if name not in {"tokens", "clock"}}
    async with CpoNode(cpo_settings(tmp_path, **again), clock=clock) as cpo:
        await until(cpo.cdrs)
        assert cpo.cdrs()[0].current["end_date_time"] == at(3 * HOUR)
        assert cpo.cdrs()[0].current["total_parking_time"] == 2


async def test_a_card_that_was_refused_waits_for_nobody() -> None:
    async with world(**billing(tokens=(token(valid=False),))) as made, charger(made) as one:
        await charges(one)
        assert made.cpo.node.database.rows("SELECT * FROM plugged_in") == []
