"""Transactions whose end is never told: when they are closed, and when not."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from tests.fixtures.cpo_world import SettableClock, World, token, world
from tests.unit.partners.cpo import test_odd_chargers, test_odd_stations
from tests.unit.partners.cpo.test_odd_chargers import charger
from tests.unit.partners.cpo.test_odd_stations import station


def statuses(made: World) -> list[str]:
    return [each.current["status"] for each in made.cpo.sessions()]


async def looks(made: World, clock: SettableClock, later: timedelta) -> None:
    """It is looked now, and after a while."""
    await made.cpo.forgotten.look()
    clock.ahead += later
    await made.cpo.forgotten.look()


@pytest.mark.parametrize(("minutes", "closed"), [(9, "ACTIVE"), (11, "COMPLETED")])
async def test_a_connector_that_has_been_free_for_ten_minutes_has_no_transaction(
    minutes: int, closed: str
) -> None:
    clock = SettableClock()
    async with world(tokens=(token(),), clock=clock) as made, charger(made) as one:
        await one.starts()
        await one.shows("Charging", 1)
        await one.measures(1800, 6000)
        await one.shows("Available", 3600)
        await looks(made, clock, timedelta(minutes=minutes))
        assert statuses(made) == [closed]
        if closed == "COMPLETED":
            cdr = (await made.hub.receives("POST", "/receiver/cdrs")).value
            assert cdr["total_energy"] == 5
            assert cdr["remark"].startswith("estimated")


async def test_one_that_measures_goes_on_whatever_its_connector_says() -> None:
    clock = SettableClock()
    async with world(tokens=(token(),), clock=clock) as made, charger(made) as one:
        await one.starts()
        await one.shows("Available", 60)
        await one.measures(1800, 6000)
        await looks(made, clock, timedelta(hours=1))
        # Nor does the state before it count: it was free until it began.
        assert statuses(made) == ["ACTIVE"]


@pytest.mark.parametrize(
    ("shown", "closed"),
    [
        (["Charging", "Finishing", "Preparing"], "COMPLETED"),
        (["SuspendedEV", "Preparing"], "COMPLETED"),
        (["Preparing"], "ACTIVE"),
        (["Charging", "Preparing", "Charging"], "ACTIVE"),
    ],
)
async def test_a_connector_at_which_the_next_one_prepares_has_no_transaction(
    shown: list[str], closed: str
) -> None:
    """Preparing and nothing before it is what a charger says that begins, and may go on saying."""
    clock = SettableClock()
    async with world(tokens=(token(),), clock=clock) as made, charger(made) as one:
        await one.starts()
        await one.measures(1800, 6000)
        for place, each in enumerate(shown):
            await one.shows(each, 1900 + place)
        await looks(made, clock, timedelta(minutes=11))
        assert statuses(made) == [closed]


async def test_a_station_of_2x_that_is_occupied_is_not_asked() -> None:
    clock = SettableClock()
    async with world(tokens=(token(),), clock=clock) as made, station(made) as one:
        await one.starts()
        await one.tells("Updated", 1, 1800, chargingState="SuspendedEV")
        await one.shows("Occupied", seconds=3600)
        await looks(made, clock, timedelta(minutes=11))
        assert statuses(made) == ["ACTIVE"]


async def test_a_charger_that_is_away_may_come_back_for_three_days() -> None:
    clock = SettableClock()
    async with world(tokens=(token(),), clock=clock) as made:
        now = (clock() - test_odd_chargers.BEGUN).total_seconds()
        async with charger(made) as one:
            await one.starts(timestamp=test_odd_chargers.at(now))
            await one.measures(int(now) + 60, 3000)
        await made.cpo.until(lambda: not made.cpo.central_system.is_connected("CP1"))
        await looks(made, clock, timedelta(hours=71))
        assert statuses(made) == ["ACTIVE"]
        await looks(made, clock, timedelta(hours=2))
        assert statuses(made) == ["COMPLETED"]


@pytest.mark.parametrize(
    ("answer", "closed"),
    [
        ({"ongoingIndicator": True, "messagesInQueue": False}, "ACTIVE"),
        ({"ongoingIndicator": False, "messagesInQueue": True}, "ACTIVE"),
        ({"ongoingIndicator": False, "messagesInQueue": False}, "COMPLETED"),
        (None, "COMPLETED"),
    ],
)
async def test_a_station_of_2x_is_asked_before(answer: dict[str, Any] | None, closed: str) -> None:
    clock = SettableClock()
    async with world(tokens=(token(),), clock=clock) as made, station(made) as one:
        await one.starts()
        await one.tells("Updated", 1, 1800, meterValue=[test_odd_stations.register(1800, 6000)])
        await one.shows("Available", seconds=3600)
        async with asyncio.TaskGroup() as group:
            group.create_task(looks(made, clock, timedelta(minutes=11)))
            asked = await one.wire.hear()
            assert asked[2:] == ["GetTransactionStatus", {"transactionId": "T-1"}]
            if answer is None:
                await one.wire.say(4, asked[1], "NotSupported", "", {})
            else:
                await one.wire.say(3, asked[1], answer)
        assert statuses(made) == [closed]


async def test_the_end_that_comes_after_all_takes_the_estimate_back_and_is_billed() -> None:
    clock = SettableClock()
    async with world(tokens=(token(),), clock=clock) as made, charger(made) as one:
        number = await one.starts()
        await one.measures(1800, 6000)
        await one.shows("Available", 3600)
        await looks(made, clock, timedelta(minutes=11))
        (first,) = made.cpo.cdrs()
        assert first.current["total_energy"] == 5
        assert await one.stops(number) == {}
        assert [each.current["total_energy"] for each in made.cpo.cdrs()] == [5, 5, 10]
        assert [each.current.get("credit", False) for each in made.cpo.cdrs()] == [False, True, False]


# An end that waits for what is missing before it.


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ({"messagesInQueue": True, "ongoingIndicator": False}, "ACTIVE"),
        ({"messagesInQueue": False, "ongoingIndicator": False}, "COMPLETED"),
        (None, "ACTIVE"),
    ],
)
async def test_a_station_is_asked_whether_it_has_what_is_missing(
    answer: dict[str, Any] | None, status: str
) -> None:
    """It has nothing more: the end waits no longer. It has, or does not say: it waits as long as it must."""
    clock = SettableClock()
    async with world(tokens=(token(),), clock=clock) as made, station(made) as one:
        await one.starts()
        await one.ends(3)
        assert statuses(made) == ["ACTIVE"]
        async with asyncio.TaskGroup() as group:
            group.create_task(made.cpo.forgotten.look())
            asked = await one.wire.hear()
            assert asked[2:] == ["GetTransactionStatus", {"transactionId": "T-1"}]
            if answer is None:
                await one.wire.say(4, asked[1], "NotSupported", "", {})
            else:
                await one.wire.say(3, asked[1], answer)
        assert statuses(made) == [status]
        if status == "COMPLETED":
            assert (await made.hub.receives("POST", "/receiver/cdrs")).value["total_energy"] == 10
