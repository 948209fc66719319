"""The driver's app hears TIMEOUT, and the charger starts all the same: found, told and billed."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from partners.charger.firmware import Behaviour
from partners.cpo.stations.central_system import CentralSystemSettings
from tests.fixtures.emsp_world import APP
from tests.fixtures.whole_path import stage

HASTY = CentralSystemSettings(answer_within=timedelta(milliseconds=150))


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
async def test_a_start_after_the_timeout_is_the_session_that_was_asked_for(
    tmp_path: Path, version: str
) -> None:
    action = "RemoteStartTransaction" if version == "1.6" else "RequestStartTransaction"
    async with stage(tmp_path, version, central_system=HASTY, start_within=timedelta(hours=1)) as on:
        # Simulated: it thinks for three times as long as the CPO waits.
        on.charger.firmware.behave(Behaviour(delay=timedelta(seconds=0.45 * on.time.speed)), action)
        started = await on.emsp.start_session(APP["uid"], "square", "E1", "1")
        assert started.outcome.result == "TIMEOUT"
        assert on.charger.connector(1).transaction_id is None
        session = await on.session("ACTIVE")
        assert session.authorization_reference == started.authorization_reference
        assert (session.cdr_token.uid, session.auth_method) == (APP["uid"], "COMMAND")
        await on.charger.until_energy(1, Decimal(1000))
        # What the app did not hear in time changes nothing of what it may do now.
        assert (await on.emsp.stop_session(session.id)).is_accepted
        on.charger.unplug(1)
        await on.bill()
        (cdr,) = on.emsp.cdrs()
        assert cdr.authorization_reference == started.authorization_reference


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
async def test_a_start_that_is_accepted_and_never_comes_ends_as_invalid(tmp_path: Path, version: str) -> None:
    no_car, soon = {"car_comes_on_remote_start": False}, timedelta(milliseconds=400)
    async with stage(tmp_path, version, speed=1, charger=no_car, start_within=soon) as on:
        started = await on.emsp.start_session(APP["uid"], "square", "E1", "1")
        assert started.outcome.is_accepted
        session = await on.session("INVALID")
        assert session.authorization_reference == started.authorization_reference
        assert on.emsp.cdrs() == []
