"""Somebody plugs in and does not charge: the EVSE is BLOCKED after a while, if its operator wants it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from partners.cpo.charging.preparing import Preparing, Spot
from schemas.v2_2_1 import Status
from tests.fixtures.cpo_world import token, world
from tests.unit.partners.cpo.test_odd_chargers import at, charger, status

HERE = Spot("CP1", "E1")
MINUTE = timedelta(minutes=1)


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


def test_it_is_blocked_after_a_while_which_begins_anew_when_it_was_over() -> None:
    clock = Clock()
    preparing = Preparing(Status.BLOCKED, 10 * MINUTE, clock)
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
    preparing = Preparing(becomes, timedelta(), clock)
    assert preparing.seen(HERE, is_preparing=True) is becomes
    clock.now += MINUTE
    assert preparing.seen(HERE, is_preparing=True) is becomes


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
