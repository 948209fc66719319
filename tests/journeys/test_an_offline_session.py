"""A session of which nobody heard while it went on: delivered to the eMSP hours later, as it was."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from tests.fixtures.whole_path import CARD, Stage, stage

#: Two hours in half a second.
SPEED = 14_400
HOURS = timedelta(hours=2)

each_version = pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])


@asynccontextmanager
async def hours_later(on: Stage) -> AsyncIterator[None]:
    """What happens while the charger has no link; it is away for hours after that."""
    await on.charger.go_offline()
    yield
    await on.time.sleep(HOURS)
    assert all(each.status != "COMPLETED" for each in on.emsp.sessions())
    assert on.emsp.cdrs() == []
    on.charger.go_online()


@each_version
async def test_one_that_began_and_ended_offline(tmp_path: Path, version: str) -> None:
    async with stage(tmp_path, version, speed=SPEED) as on:
        async with hours_later(on):
            begun = on.time.now()
            on.charger.plug_in(1)
            assert await on.charger.tap(1, CARD) == "Accepted"
            await on.charger.until_energy(1, Decimal(5000))
            await on.leaves()
            ended = on.time.now()
        await on.bill()
        (cdr,), (session,) = on.emsp.cdrs(), on.emsp.sessions()
        second = timedelta(seconds=1)
        assert begun - second <= cdr.start_date_time < cdr.end_date_time <= ended
        assert (session.start_date_time, session.end_date_time) == (cdr.start_date_time, cdr.end_date_time)
        assert session.last_updated - cdr.end_date_time >= HOURS
        assert cdr.cdr_token.uid == CARD
        # Nobody could be asked: the charger let it begin by itself.
        assert (cdr.auth_method, cdr.authorization_reference) == ("WHITELIST", None)


@each_version
async def test_one_that_ended_offline_is_the_session_that_the_emsp_knows(
    tmp_path: Path, version: str
) -> None:
    async with stage(tmp_path, version, speed=SPEED) as on:
        before = await on.charges()
        async with hours_later(on):
            await on.charger.until_energy(1, on.charger.connector(1).energy_wh + 5000)
            await on.leaves()
            ended = on.time.now()
        bill = await on.bill()
        (cdr,) = on.emsp.cdrs()
        assert cdr.session_id == before.id
        assert cdr.start_date_time == before.start_date_time
        assert cdr.end_date_time <= ended
        assert bill.energy > before.kwh + 5
