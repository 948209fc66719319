"""2.2.1, ChargingProfiles, as the eMSP sends them: three requests, their results, news of the active one."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs

import pytest
from pydantic import ValidationError

from hub.ocpi.client import PeerOffers, PeerRefused
from hub.ocpi.party import Party
from partners.administration import NotPossible
from partners.emsp.charging_profiles import ProfileOutcome, limit_at
from schemas.v2_2_1 import ChargingProfile, ChargingProfileResponseType
from tests.fixtures.emsp_world import World, emsp_world, response_url
from tests.fixtures.recorder import Reply
from tests.fixtures.samples import T0, T1, session

SESSION = "sessions/receiver/BE/BEC/S1"
PROFILES = "/receiver/chargingprofiles/"
OURS = "chargingprofiles/sender/S1"
PROFILE = {
    "charging_rate_unit": "W",
    "charging_profile_period": [
        {"start_period": 0, "limit": 11000},
        {"start_period": 3600, "limit": Decimal("6000.5")},
    ],
}
ACTIVE = {"start_date_time": T0, "charging_profile": PROFILE}
Ask = Callable[[World], Awaitable[ProfileOutcome]]


def profile(**changes: Any) -> ChargingProfile:
    return ChargingProfile.model_validate({**PROFILE, **changes})


async def set_(world: World) -> ProfileOutcome:
    return await world.node.smart_charging.limit("S1", profile())


async def get(world: World) -> ProfileOutcome:
    return await world.node.smart_charging.active("S1", timedelta(minutes=15))


async def clear(world: World) -> ProfileOutcome:
    return await world.node.smart_charging.unlimit("S1")


EACH = [pytest.param(set_, id="set"), pytest.param(get, id="get"), pytest.param(clear, id="clear")]


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with emsp_world() as world:
        await world.call("PUT", SESSION, session())
        yield world


@pytest.mark.holds("CHP-01", "CHP-14", by="emsp")
async def test_set_puts_the_profile_with_a_response_url_in_the_body(world: World) -> None:
    """Without a start it counts from the start of charging; what is not said is not sent."""
    world.later(PROFILES, {"result": "ACCEPTED"})
    outcome = await set_(world)
    (put,) = world.hub.all("*", PROFILES)
    assert (put.method, put.path, put.query) == (
        "PUT",
        "/partner/2.2.1/receiver/chargingprofiles/S1",
        "",
    )
    assert (put.to, put.sender) == ("BE/BEC", "NL/EMA")
    assert put.value.keys() == {"charging_profile", "response_url"}
    assert put.value["charging_profile"] == PROFILE
    assert response_url(put).startswith(f"{world.node.url}/")
    assert outcome.is_accepted


@pytest.mark.holds("CHP-01", "CHP-02", by="emsp")
@pytest.mark.parametrize(
    ("ask", "method", "names"),
    [(get, "GET", {"duration", "response_url"}), (clear, "DELETE", {"response_url"})],
)
async def test_get_and_clear_name_the_response_url_in_the_query_as_one_value(
    world: World, ask: Ask, method: str, names: set[str]
) -> None:
    """Percent-encoded: nothing of it can be taken for more parameters."""
    world.later(PROFILES, {"result": "ACCEPTED"})
    await ask(world)
    (asked,) = world.hub.all("*", PROFILES)
    assert (asked.method, asked.body) == (method, b"")
    given = parse_qs(asked.query, strict_parsing=True)
    assert given.keys() == names
    assert all(len(values) == 1 for values in given.values())
    assert given["response_url"][0].startswith(f"{world.node.url}/")
    assert "://" not in asked.query
    assert given.get("duration", ["900"]) == ["900"]


@pytest.mark.holds("TR-10", by="emsp")
@pytest.mark.parametrize(
    ("ask", "result", "told"),
    [
        (set_, {"result": "ACCEPTED"}, None),
        (clear, {"result": "ACCEPTED"}, None),
        (get, {"result": "ACCEPTED", "profile": ACTIVE}, Decimal(11000)),
    ],
)
async def test_each_request_has_its_own_result(
    world: World, ask: Ask, result: Any, told: Decimal | None
) -> None:
    """CHP-04: posted to the response_url, answered without data."""
    answers = world.later(PROFILES, result)
    outcome = await ask(world)
    (answer,) = answers
    assert (answer.status, answer.code) == (200, 1000)
    assert "data" not in answer.envelope
    assert (answer.to, answer.sender) == ("BE/BEC", "NL/EMA")
    assert outcome.is_accepted
    found = outcome.profile and outcome.profile.charging_profile.charging_profile_period[0].limit
    assert found == told


@pytest.mark.parametrize("ask", EACH)
@pytest.mark.parametrize("result", ["REJECTED", "UNKNOWN"])
async def test_a_charge_point_may_refuse(world: World, ask: Ask, result: str) -> None:
    world.later(PROFILES, {"result": result})
    outcome = await ask(world)
    assert (outcome.result, outcome.is_accepted, outcome.profile) == (result, False, None)


@pytest.mark.parametrize("ask", EACH)
@pytest.mark.parametrize("value", [{}, None, [], {"result": 1}, {"result": "ACCEPTED", "profile": "fast"}])
async def test_a_result_that_is_none_is_2001(world: World, ask: Ask, value: Any) -> None:
    if ask is not get and isinstance(value, dict) and "profile" in value:
        value = "ACCEPTED"
    answers = world.later(PROFILES, value, {"result": "ACCEPTED"})
    assert (await ask(world)).is_accepted
    assert [each.code for each in answers] == [2001, 1000]


@pytest.mark.holds("AM-11", by="emsp")
async def test_a_wrapped_result_is_understood(world: World) -> None:
    world.later(PROFILES, {"data": {"result": "ACCEPTED"}, "status_code": 1000, "timestamp": T0})
    assert (await set_(world)).is_accepted


@pytest.mark.parametrize("ask", EACH)
@pytest.mark.parametrize(
    "response", [each for each in ChargingProfileResponseType if each != ChargingProfileResponseType.ACCEPTED]
)
async def test_without_acceptance_nothing_is_waited_for(
    world: World, ask: Ask, response: ChargingProfileResponseType
) -> None:
    """CHP-03: TOO_OFTEN, say."""
    world.hub.answers("*", PROFILES, Reply({"result": response, "timeout": 300}))
    outcome = await ask(world)
    assert (outcome.response.result, outcome.result) == (response, None)


@pytest.mark.holds("TR-31", by="emsp")
@pytest.mark.parametrize("ask", EACH)
async def test_without_a_result_in_time_the_request_is_lost_and_not_sent_again(
    world: World, ask: Ask
) -> None:
    """As with commands (CMD-06); a late result is kept."""
    world.later(PROFILES, timeout=0)
    outcome = await ask(world)
    assert (outcome.result, outcome.is_accepted) == (None, False)
    (asked,) = world.hub.all("*", PROFILES)
    late = await world.hub.call("POST", response_url(asked), {"result": "ACCEPTED"}, sender="BE/BEC")
    assert late.code == 1000
    ((kept,),) = [each.results for each in world.node.provider.profiles.later.all()]
    assert kept == {"result": "ACCEPTED"}


@pytest.mark.parametrize("ask", EACH)
@pytest.mark.parametrize(
    ("reply", "expected"),
    [(Reply(status_code=4003), PeerRefused), (Reply({"result": "ACCEPTED"}), PeerOffers)],
)
async def test_a_request_that_fails_says_why(
    world: World, ask: Ask, reply: Reply, expected: type[Exception]
) -> None:
    world.hub.answers("*", PROFILES, reply)
    with pytest.raises(expected):
        await ask(world)
    (asked,) = world.node.provider.profiles.later.all()
    assert asked.failure


async def test_only_the_cpo_that_was_asked_can_tell_the_result(world: World) -> None:
    answers = world.later(PROFILES, {"result": "REJECTED"}, timeout=0, sender="DE/XXX")
    assert (await set_(world)).result is None
    assert [each.status for each in answers] == [404]


@pytest.mark.holds("CHP-09", "AM-28", by="emsp")
async def test_a_session_is_named_as_its_cpo_names_it(world: World) -> None:
    """Where two have the same id, the owner decides; never guessed."""
    other = session(party_id="XXX", id="s1")
    await world.call("PUT", "sessions/receiver/BE/XXX/s1", other, sender="BE/XXX")
    with pytest.raises(NotPossible, match="2 sessions"):
        await set_(world)
    world.later(PROFILES, {"result": "ACCEPTED"}, sender="BE/XXX")
    await world.node.smart_charging.unlimit("S1", owner=Party("BE", "XXX"))
    (asked,) = world.hub.all("*", PROFILES)
    assert (asked.to, asked.path.rpartition("/")[2]) == ("BE/XXX", "s1")


@pytest.mark.parametrize("ask", EACH)
@pytest.mark.parametrize("status", ["COMPLETED", "INVALID"])
async def test_a_session_that_has_ended_has_no_profile(world: World, ask: Ask, status: str) -> None:
    await world.call("PATCH", SESSION, {"status": status, "last_updated": T1})
    with pytest.raises(NotPossible, match=status):
        await ask(world)
    assert world.hub.all("*", PROFILES) == []


@pytest.mark.holds("CHP-13", by="emsp")
@pytest.mark.parametrize("starts", [[], [60], [0, 0], [0, 60, 30]])
async def test_periods_begin_at_0_and_ascend(world: World, starts: list[int]) -> None:
    periods = [{"start_period": start, "limit": 1} for start in starts]
    with pytest.raises(NotPossible, match="period"):
        await world.node.smart_charging.limit("S1", profile(charging_profile_period=periods))
    assert world.hub.all("*", PROFILES) == []


@pytest.mark.holds("CHP-13", by="emsp")
@pytest.mark.parametrize(
    "change",
    [
        {"min_charging_rate": Decimal("8.15")},
        {"charging_profile_period": [{"start_period": 0, "limit": Decimal("8.15")}]},
    ],
)
async def test_rates_have_at_most_one_decimal(world: World, change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        profile(**change)
    told = {"start_date_time": T0, "charging_profile": {**PROFILE, **change}}
    assert (await world.call("PUT", OURS, told)).code == 2001


class TestActiveProfile:
    """PUT of the active profile, when something else changed it (CHP-05)."""

    @pytest.mark.holds("TR-10", "AM-39", by="emsp")
    async def test_it_is_kept(self, world: World) -> None:
        answer = await world.call("PUT", OURS, ACTIVE)
        assert (answer.status, answer.code) == (200, 1000)
        assert "data" not in answer.envelope
        (found,) = world.node.sessions()
        known = world.node.provider.profiles.known(found)
        assert known is not None
        assert known.to_wire() == ACTIVE

    async def test_of_a_session_of_somebody_else_it_is_404(self, world: World) -> None:
        assert (await world.call("PUT", OURS, ACTIVE, sender="DE/XXX")).status == 404
        assert (await world.call("PUT", "chargingprofiles/sender/S9", ACTIVE)).status == 404
        assert world.node.provider.profiles.known(world.node.sessions()[0]) is None

    async def test_what_is_no_profile_is_2001(self, world: World) -> None:
        answer = await world.call("PUT", OURS, {"start_date_time": T0})
        assert (answer.status, answer.code) == (200, 2001)
        assert "/charging_profile" in answer.envelope["status_message"]

    @pytest.mark.holds("TR-40", by="emsp")
    @pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
    async def test_other_methods_are_405(self, world: World, method: str) -> None:
        assert (await world.call(method, OURS)).status == 405

    async def test_it_is_news_for_those_who_wait(self, world: World) -> None:
        (found,) = world.node.sessions()
        async with asyncio.TaskGroup() as tasks:
            known = tasks.create_task(world.node.until(lambda: world.node.provider.profiles.known(found)))
            await world.call("PUT", OURS, ACTIVE)
        assert known.result().start_date_time == datetime(2026, 1, 1, 10, tzinfo=UTC)


@pytest.mark.holds("CHP-15", by="emsp")
async def test_a_car_that_takes_less_or_more_than_the_limit_is_no_fault(world: World) -> None:
    """A ceiling, no promise: sessions and their periods are taken as they come."""
    world.later(PROFILES, {"result": "ACCEPTED"})
    await set_(world)
    periods = [
        {"start_date_time": T0, "dimensions": [{"type": "POWER", "volume": Decimal(power)}]}
        for power in ("0", "22")
    ]
    patch = {"charging_periods": periods, "kwh": Decimal(20), "last_updated": T1}
    assert (await world.call("PATCH", SESSION, patch)).code == 1000
    assert world.node.sessions()[0].kwh == Decimal(20)


NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.mark.holds("CHP-14", by="emsp")
@pytest.mark.parametrize(
    ("changes", "seconds", "limit"),
    [
        ({}, -1, None),
        ({}, 0, "11000"),
        ({}, 3599, "11000"),
        ({}, 3600, "6000.5"),
        ({}, 10**7, "6000.5"),
        ({"duration": 7200}, 7199, "6000.5"),
        ({"duration": 7200}, 7200, None),
        ({"start_date_time": "2026-01-01T13:00:00Z"}, 3599, None),
        ({"start_date_time": "2026-01-01T13:00:00Z"}, 3600, "11000"),
        ({"charging_profile_period": []}, 0, None),
    ],
)
def test_a_profile_counts_from_its_start_or_that_of_charging_and_runs_on_without_a_duration(
    changes: dict[str, Any], seconds: int, limit: str | None
) -> None:
    found = limit_at(profile(**changes), NOON, NOON + timedelta(seconds=seconds))
    assert found == (None if limit is None else Decimal(limit))
