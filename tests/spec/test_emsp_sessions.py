"""2.2.1, Sessions, as the eMSP holds them: preferences, ends that are final, starts that came late."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from hub.ocpi.client import PeerOffers, PeerRefused
from hub.ocpi.party import Party
from hub.ocpi.transport import CallFailed
from partners.administration import NotPossible
from schemas.v2_2_1 import ChargingPreferences, ChargingPreferencesResponse, CommandResultType
from tests.fixtures.emsp_world import World, emsp_world
from tests.fixtures.recorder import Fault, Reply
from tests.fixtures.samples import T1, T2, evse, location, period, session

SESSION = "sessions/receiver/BE/BEC/S1"
PREFERENCES = "/charging_preferences"
CAPABLE = evse(capabilities=["CHARGING_PREFERENCES_CAPABLE"])
GREEN = ChargingPreferences.model_validate(
    {"profile_type": "GREEN", "departure_time": T2, "energy_need": Decimal("30.5"), "discharge_allowed": True}
)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with emsp_world() as world:
        await world.call("PUT", "locations/receiver/BE/BEC/LOC1", location(evses=[CAPABLE]))
        await world.call("PUT", SESSION, session())
        yield world


class TestPreferences:
    """SES-15 to SES-17, seen from the CPO."""

    @pytest.mark.holds("SES-15", by="emsp")
    async def test_they_are_put_below_the_session_at_its_cpo(self, world: World) -> None:
        world.hub.answers("PUT", PREFERENCES, Reply("ACCEPTED"))
        answer = await world.node.smart_charging.prefer("S1", GREEN)
        assert answer is ChargingPreferencesResponse.ACCEPTED
        (put,) = world.hub.all("PUT", PREFERENCES)
        assert put.path == "/partner/2.2.1/sender/sessions/S1/charging_preferences"
        assert (put.to, put.sender) == ("BE/BEC", "NL/EMA")
        assert put.value == {
            "profile_type": "GREEN",
            "departure_time": T2,
            "energy_need": Decimal("30.5"),
            "discharge_allowed": True,
        }

    @pytest.mark.holds("SES-15", by="emsp")
    @pytest.mark.parametrize("response", list(ChargingPreferencesResponse))
    async def test_the_answer_is_one_word(self, world: World, response: ChargingPreferencesResponse) -> None:
        world.hub.answers("PUT", PREFERENCES, Reply(response))
        assert await world.node.smart_charging.prefer("S1", GREEN) is response

    @pytest.mark.parametrize("data", [None, {"result": "ACCEPTED"}, "PERHAPS", 7, []])
    async def test_another_answer_is_none(self, world: World, data: Any) -> None:
        world.hub.answers("PUT", PREFERENCES, Reply(data))
        with pytest.raises(PeerOffers, match="ACCEPTED"):
            await world.node.smart_charging.prefer("S1", GREEN)

    @pytest.mark.holds("SES-16", by="emsp")
    async def test_an_evse_that_takes_none_is_not_asked(self, world: World) -> None:
        await world.call("PUT", "locations/receiver/BE/BEC/LOC1", location(last_updated=T1))
        with pytest.raises(NotPossible, match="E1 takes no charging preferences"):
            await world.node.smart_charging.prefer("S1", GREEN)
        assert world.hub.all("PUT", PREFERENCES) == []

    @pytest.mark.holds("SES-16", "SES-21", by="emsp")
    async def test_at_a_place_that_we_do_not_know_the_cpo_decides(self, world: World) -> None:
        """HTTP 404 with 2001 says that the EVSE takes none; it is told as it is, and not sent again."""
        await world.call("PUT", "sessions/receiver/BE/BEC/S2", session(id="S2", location_id="HOME"))
        world.hub.answers("PUT", PREFERENCES, Reply(status=404, status_code=2001))
        with pytest.raises(PeerRefused) as refused:
            await world.node.smart_charging.prefer("S2", GREEN)
        assert (refused.value.status, refused.value.status_code) == (404, 2001)
        assert len(world.hub.all("PUT", PREFERENCES)) == 1

    async def test_of_sessions_that_are_not_there_or_over_nothing_is_asked(self, world: World) -> None:
        await world.call("PATCH", SESSION, {"status": "COMPLETED", "last_updated": T1})
        for session_id, owner in (("S1", None), ("S9", None), ("S1", Party("BE", "XXX"))):
            with pytest.raises(NotPossible):
                await world.node.smart_charging.prefer(session_id, GREEN, owner=owner)
        assert world.hub.all("PUT", PREFERENCES) == []


@pytest.mark.holds("SES-09", by="emsp")
@pytest.mark.parametrize("status", ["COMPLETED", "INVALID"])
async def test_after_its_end_a_session_stands(world: World, status: str) -> None:
    """The same again is success; anything else 2000, and so is a period more."""
    await world.call("PATCH", SESSION, {"status": status, "last_updated": T1})
    before = (await world.call("GET", SESSION)).data
    assert (await world.call("PUT", SESSION, before)).code == 1000
    for patch in ({"kwh": Decimal(9)}, {"charging_periods": [period(T2, ENERGY="1")]}, {"status": "ACTIVE"}):
        assert (await world.call("PATCH", SESSION, {**patch, "last_updated": T2})).code == 2000
    assert (await world.call("GET", SESSION)).data == before


@pytest.mark.holds("AM-40", "CMD-06", by="emsp")
@pytest.mark.parametrize("result", ["TIMEOUT", "FAILED", None])
async def test_a_session_may_start_although_its_command_came_to_nothing(
    world: World, result: str | None
) -> None:
    """It is taken, and its reference says which command it was."""
    results = [] if result is None else [{"result": result}]
    world.later("/receiver/commands/", *results, timeout=0 if result is None else 5)
    started = await world.node.start_session("04A1B2C3", "LOC1")
    assert not started.outcome.is_accepted
    reference = started.authorization_reference
    value = session(id="S2", auth_method="COMMAND", authorization_reference=reference)
    assert (await world.call("PUT", "sessions/receiver/BE/BEC/S2", value)).status == 201
    assert [each.id for each in world.node.charging.with_reference(reference)] == ["S2"]
    assert started.outcome.result == (result or CommandResultType.TIMEOUT)


@pytest.mark.holds("AM-40", by="emsp")
async def test_a_session_that_stays_pending_can_be_stopped_like_any_other(world: World) -> None:
    await world.call("PUT", "sessions/receiver/BE/BEC/S2", session(id="S2", status="PENDING"))
    world.later("/receiver/commands/STOP_SESSION", {"result": "ACCEPTED"})
    assert (await world.node.stop_session("S2")).is_accepted


@pytest.mark.holds("SES-03", by="emsp")
async def test_a_put_is_the_whole_session_whatever_came_before(world: World) -> None:
    """TR-21: what it leaves out is gone, the periods too."""
    await world.call("PATCH", SESSION, {"meter_id": "M1", "last_updated": T1})
    without = session(last_updated=T2)
    del without["charging_periods"]
    await world.call("PUT", SESSION, without)
    (found,) = world.node.sessions()
    assert (found.meter_id, found.charging_periods) == (None, ())
    assert found.last_updated == datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("fault", [Fault.HANG, Fault.CLOSE, Fault.HTML])
async def test_preferences_that_are_not_answered_are_not_sent_again(fault: Fault) -> None:
    """TR-31."""
    async with emsp_world(settings={"call_timeout": timedelta(milliseconds=300)}) as world:
        await world.call("PUT", SESSION, session())
        world.hub.answers("PUT", PREFERENCES, fault)
        with pytest.raises((CallFailed, PeerRefused)):
            await world.node.smart_charging.prefer("S1", GREEN)
        assert len(world.hub.all("PUT", PREFERENCES)) == 1
