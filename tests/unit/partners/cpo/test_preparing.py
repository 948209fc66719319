"""Somebody plugs in and does not charge: the EVSE is BLOCKED after a while, if its operator wants it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from partners.cpo.app import CpoNode
from partners.cpo.charging.preparing import Preparing, Spot
from partners.database import Database
from schemas.v2_2_1 import Status
from tests.fixtures.cpo_world import SettableClock, cpo_settings, token, world
from tests.fixtures.waiting import until
from tests.unit.partners.cpo.test_odd_chargers import Charger, at, charger, status
from tests.unit.partners.ocpp_world import raw_charge_point

HERE = Spot("CP1", "E1")
MINUTE = timedelta(minutes=1)


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


def test_it_is_blocked_after_a_while_which_begins_anew_when_it_was_over() -> None:
    clock = Clock()
    preparing = Preparing(Database(), Status.BLOCKED, 10 * MINUTE, clock)
    assert preparing.seen(HERE, is_preparing=True) is Status.CHARGING
    clock.now += 9 * MINUTE
    assert preparing.seen(HERE, is_preparing=True) is Status.CHARGING
    clock.now += MINUTE
    assert preparing.seen(HERE, is_preparing=True) is Status.BLOCKED
    assert preparing.seen(HERE._replace(evse_uid="E2"), is_preparing=True) is Status.CHARGING
    preparing.seen(HERE, is_preparing=False)
    assert preparing.seen(HERE, is_preparing=True) is Status.CHARGING


@pytest.mark.parametrize("becomes", [Status.CHARGING, Status.AVAILABLE])
def test_nothing_is_ever_blocked_where_the_operator_does_not_want_it(becomes: Status) -> None:
    clock = Clock()
    preparing = Preparing(Database(), becomes, timedelta(), clock)
    assert preparing.seen(HERE, is_preparing=True) is becomes
    clock.now += MINUTE
    assert preparing.seen(HERE, is_preparing=True) is becomes


def test_the_while_goes_on_over_a_restart_also_one_that_is_not_over_and_no_other(tmp_path: Path) -> None:
    clock, file = Clock(), tmp_path / "cpo.sqlite"
    there = HERE._replace(evse_uid="E2")
    database = Database(file)
    first = Preparing(database, Status.BLOCKED, 10 * MINUTE, clock)
    first.seen(HERE, is_preparing=True)
    first.seen(there, is_preparing=True)
    first.seen(there, is_preparing=False)
    database.close()
    clock.now += 10 * MINUTE
    database = Database(file)
    second = Preparing(database, Status.BLOCKED, 10 * MINUTE, clock)
    assert second.seen(HERE, is_preparing=True) is Status.BLOCKED
    assert second.seen(there, is_preparing=True) is Status.CHARGING
    database.close()
    # The operator does not want it for a while, and wants it again: the old time does not count.
    database = Database(file)
    Preparing(database, Status.CHARGING, 10 * MINUTE, clock)
    database.close()
    database = Database(file)
    fourth = Preparing(database, Status.BLOCKED, 10 * MINUTE, clock)
    assert fourth.seen(HERE, is_preparing=True) is Status.CHARGING
    database.close()


def shown(node: CpoNode) -> str:
    """The status of the EVSE as it is published."""
    whole = node.locations.location("square")
    assert whole is not None
    return str(whole["evses"][0]["status"])


@asynccontextmanager
async def raw(node: CpoNode) -> AsyncIterator[Charger]:
    async with raw_charge_point(f"{node.ocpp_url}/CP1") as wire:
        yield Charger(wire)


async def test_an_evse_is_blocked_in_time_though_the_node_has_started_anew_meanwhile(tmp_path: Path) -> None:
    clock = SettableClock()
    wanted = cpo_settings(tmp_path, preparing=Status.BLOCKED, blocked_after=10 * MINUTE)
    async with CpoNode(wanted, clock=clock) as node, raw(node) as one:
        await one.shows("Available", 0)
        await one.shows("Preparing", 1)
        assert shown(node) == "CHARGING"
    clock.ahead += 9 * MINUTE
    async with CpoNode(wanted, clock=clock) as node, raw(node) as one:
        # It comes back, and says again how it is.
        await one.shows("Preparing", 2)
        assert shown(node) == "CHARGING"
    clock.ahead += MINUTE
    async with CpoNode(wanted, clock=clock) as node:
        # Now it says nothing at all.
        await until(lambda: shown(node) == "BLOCKED")


async def test_a_while_that_ends_after_a_restart_is_told_by_itself(tmp_path: Path) -> None:
    wanted = cpo_settings(tmp_path, preparing=Status.BLOCKED, blocked_after=timedelta(milliseconds=300))
    async with CpoNode(wanted) as node, raw(node) as one:
        await one.shows("Preparing", 1)
        assert shown(node) == "CHARGING"
    async with CpoNode(wanted) as node:
        await until(lambda: shown(node) == "BLOCKED")


async def test_who_prepares_and_does_not_charge_blocks_the_evse_and_everybody_hears_of_it() -> None:
    short: dict[str, Any] = {"preparing": Status.BLOCKED, "blocked_after": timedelta(milliseconds=50)}
    async with world(tokens=(token(),), **short) as made, charger(made) as one:

        def told() -> list[str]:
            patches = made.hub.all("PATCH", "/receiver/locations")
            return [each.value["status"] for each in patches if each.path.endswith("/E1")]

        await one.shows("Available", 0)
        await one.shows("Preparing", 1)
        await made.hub.until(lambda: told()[-1:] == ["BLOCKED"])
        await one.starts(timestamp=at(2))
        await made.hub.until(lambda: told()[-1:] == ["CHARGING"])
        assert status(made) == "CHARGING"
