"""The status of an EVSE, as the eMSP sees it: within a second of the charger's message, and no storm."""

import time
from datetime import timedelta
from pathlib import Path

import pytest

from hub.ocpi.timestamps import format_timestamp
from hub.store.journal import Direction
from partners.charger.states import Status
from partners.cpo.settings import CpoSettings
from tests.fixtures.cpo_world import cpo_settings
from tests.fixtures.whole_path import PATIENCE, Stage, stage

#: What a CPO has that is told nothing else; tests have none at all elsewhere.
USUAL = CpoSettings(node=cpo_settings().node, configuration=cpo_settings().configuration).settle
FLAPS = 20

each_version = pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])


def told(on: Stage) -> int:
    """How often the eMSP was told of the status."""
    return sum(
        (each.direction, each.method, each.module) == (Direction.OUT, "PATCH", "locations")
        for each in on.legs
    )


@each_version
async def test_a_change_is_seen_within_a_second(tmp_path: Path, version: str) -> None:
    async with stage(tmp_path, version, speed=1, settle=USUAL) as on:
        took = []
        for change, status in (
            (on.charger.plug_in, "CHARGING"),
            (on.charger.unplug, "AVAILABLE"),
            (on.charger.break_down, "OUTOFORDER"),
        ):
            begun = time.monotonic()
            change(1)
            await on.until_seen(status)
            took.append(time.monotonic() - begun)
        # The first finds a calm EVSE, the others one that has just changed; a busy machine may be late once.
        assert sorted(took)[1] < 1, took


@each_version
async def test_a_connector_that_flaps_is_told_now_and_then_and_rightly_in_the_end(
    tmp_path: Path, version: str
) -> None:
    async with stage(tmp_path, version, speed=1, settle=USUAL) as on:
        before, begun = told(on), time.monotonic()
        for _ in range(FLAPS):
            on.charger.plug_in(1)
            await on.charger.until_told()
            on.charger.unplug(1)
            await on.charger.until_told()
        on.charger.plug_in(1)
        assert on.charger.connector(1).status is Status.PREPARING
        await on.cpo.until(lambda: on.cpo.broadcast.is_settled)
        (known,) = on.cpo.node.objects.all("locations")
        last = known.value()["evses"][0]["last_updated"]
        await on.emsp.until(
            lambda: format_timestamp(on.emsp.locations()[0].evses[0].last_updated) == last, PATIENCE
        )
        took = timedelta(seconds=time.monotonic() - begun)
        assert 1 <= told(on) - before <= 2 + took / USUAL
        assert on.emsp.locations()[0].evses[0].status == "CHARGING"
