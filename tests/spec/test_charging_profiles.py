"""Charging profiles through the hub, with the results that come back (2.2.1, chapter ChargingProfiles)."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from schemas.v2_2_1 import ActiveChargingProfileResult, ChargingProfileResult, ClearProfileResult
from tests.fixtures.callbacks import PROFILE, Callbacks, accepted, callbacks
from tests.fixtures.recorder import Recorder, Reply
from tests.fixtures.roaming import CPO, EMSP, OTHER_EMSP, joined, settings

ACTIVE = {"start_date_time": "2026-01-01T10:00:00Z", "charging_profile": PROFILE}
RESULTS: dict[str, dict[str, Any]] = {
    "GET": {"result": "ACCEPTED", "profile": ACTIVE},
    "PUT": {"result": "ACCEPTED"},
    "DELETE": {"result": "UNKNOWN"},
}
METHODS = tuple(RESULTS)


@pytest.fixture
async def on(tmp_path: Path) -> AsyncIterator[Callbacks]:
    async with callbacks(tmp_path) as made:
        yield made


@pytest.fixture
async def patient(tmp_path: Path) -> AsyncIterator[Callbacks]:
    """A hub that waits as long as hubs do."""
    async with callbacks(tmp_path, settings(tmp_path)) as made:
        yield made


@pytest.mark.holds("CHP-01", "CHP-02", "CHP-03", "CHP-04", "CHP-10", by="hub")
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("place", ["/callbacks/1", "/callbacks/1?a=b&c=d", "/callbacks/1?a=b%26c&d=e%20f"])
async def test_a_call_goes_out_and_its_result_comes_back_to_the_whole_url(
    patient: Callbacks, method: str, place: str
) -> None:
    patient.cpo.answers(method, "/chargingprofiles/", accepted(30))
    asked = await patient.profile(method, place=place, query="duration=900&")
    assert (asked.answer.data, asked.answer.sender) == ({"result": "ACCEPTED", "timeout": 30}, CPO)
    assert asked.got.path.endswith("/receiver/chargingprofiles/S1")
    if method == "PUT":
        assert asked.got.value == {"charging_profile": PROFILE, "response_url": asked.given}
    else:
        assert parse_qsl(asked.got.query) == [("duration", "900"), ("response_url", asked.given)]
    assert asked.given.startswith(f"{patient.world.hub.public_url}/ocpi/2.2.1/via/")
    answer = await patient.gives(asked, RESULTS[method])
    assert (answer.status, answer.code, answer.to, answer.sender) == (200, 1000, CPO, EMSP)
    assert "data" not in answer.envelope
    back = await patient.emsp.receives("POST", "/callbacks/1")
    assert f"{back.path}?{back.query}".rstrip("?") == place
    assert back.value == RESULTS[method]
    assert (back.to, back.sender, back.correlation_id) == (EMSP, CPO, "the-result")
    assert back.token in patient.emsp.accepted_tokens


@pytest.mark.holds("CHP-01", "CMD-10", by="hub")
@pytest.mark.parametrize(
    ("method", "query"),
    [
        ("GET", "?duration=900"),
        ("GET", ""),
        ("DELETE", ""),
        ("DELETE", "?response_url="),
        ("GET", "?duration=900&response_url=http://127.0.0.1:9/x"),
    ],
)
async def test_a_response_url_is_needed_and_is_the_requesters_own(
    patient: Callbacks, method: str, query: str
) -> None:
    url = patient.world.url("chargingprofiles", "RECEIVER", f"/S1{query}")
    answer = await patient.emsp.call(method, url, to=CPO, sender=EMSP)
    assert (answer.status, answer.code) == (200, 2001)
    assert "response_url" in answer.envelope["status_message"]
    assert patient.cpo.all("*", "/chargingprofiles/") == []


@pytest.mark.holds("CHP-13", by="hub")
async def test_a_limit_with_two_decimals_is_a_finding_and_goes_on(patient: Callbacks) -> None:
    patient.cpo.answers("PUT", "/chargingprofiles/", Reply(status_code=2001))
    url = patient.world.url("chargingprofiles", "RECEIVER", "/S1")
    callback = f"{patient.emsp.url}/callbacks/1"
    body = (
        '{"charging_profile":{"charging_rate_unit":"A","charging_profile_period":'
        f'[{{"start_period":0,"limit":8.15}}]}},"response_url":"{callback}"}}'
    )
    ids = {"X-Correlation-ID": "odd"}
    answer = await patient.emsp.call("PUT", url, body=body.encode(), to=CPO, sender=EMSP, headers=ids)
    assert (answer.code, answer.sender) == (2001, CPO)
    got = await patient.cpo.receives("PUT", "/chargingprofiles/")
    assert got.body == body.replace(callback, got.value["response_url"]).encode()
    assert any("/limit" in entry.note for entry in patient.world.noted("odd"))


@pytest.mark.holds("CHP-05", "CHP-11", by="hub")
async def test_a_change_of_the_active_profile_is_told_to_whom_it_is_addressed(patient: Callbacks) -> None:
    url = patient.world.url("chargingprofiles", "SENDER", "/S1")
    answer = await patient.cpo.call("PUT", url, ACTIVE, to=EMSP, sender=CPO)
    assert (answer.code, answer.sender) == (1000, EMSP)
    got = await patient.emsp.receives("PUT", "/sender/chargingprofiles/S1")
    assert (got.value, got.to, got.sender) == (ACTIVE, EMSP, CPO)


@pytest.mark.holds("CHP-01", by="hub")
@pytest.mark.parametrize(
    ("method", "side", "tail", "status"),
    [
        ("POST", "RECEIVER", "/S1", 405),
        ("PATCH", "RECEIVER", "/S1", 405),
        ("PUT", "RECEIVER", "", 404),
        ("GET", "SENDER", "/S1", 405),
        ("PATCH", "SENDER", "/S1", 405),
        ("DELETE", "SENDER", "/S1", 405),
    ],
)
async def test_what_charging_profiles_do_not_have_stops_at_the_hub(
    patient: Callbacks, method: str, side: str, tail: str, status: int
) -> None:
    url = patient.world.url("chargingprofiles", side, tail)
    assert (await patient.emsp.call(method, url, {}, to=CPO, sender=EMSP)).status == status
    assert patient.cpo.all("*", "/chargingprofiles") == []


@pytest.mark.holds("CHP-10", by="hub")
async def test_an_scsp_may_ask_and_nobody_else_may_use_its_url(patient: Callbacks) -> None:
    patient.cpo.answers("PUT", "/chargingprofiles/", accepted(30))
    async with (
        Recorder([("SCSP", "DE", "SCS")]) as scsp,
        Recorder([("EMSP", *OTHER_EMSP.split("/"))]) as other,
    ):
        await joined(patient.world.hub, scsp, "scsp")
        await joined(patient.world.hub, other, "other")
        url = patient.world.url("chargingprofiles", "RECEIVER", "/S1")
        value = {"charging_profile": PROFILE, "response_url": f"{scsp.url}/callbacks/1"}
        assert (await scsp.call("PUT", url, value, to=CPO, sender="DE/SCS")).code == 1000
        given = (await patient.cpo.receives("PUT", "/chargingprofiles/")).value["response_url"]
        for stranger, party in ((other, OTHER_EMSP), (patient.emsp, EMSP), (scsp, "DE/SCS")):
            assert (await stranger.call("POST", given, {"result": "ACCEPTED"}, sender=party)).status == 404
        answer = await patient.cpo.call("POST", given, {"result": "REJECTED"}, to="DE/SCS", sender=CPO)
        assert answer.code == 1000
        assert [each.value for each in scsp.all("POST", "/callbacks/")] == [{"result": "REJECTED"}]


@pytest.mark.holds("CHP-03", by="hub")
@pytest.mark.parametrize("result", ["TOO_OFTEN", "NOT_SUPPORTED", "REJECTED", "UNKNOWN_SESSION"])
async def test_nobody_waits_for_a_result_that_was_not_promised(on: Callbacks, result: str) -> None:
    on.cpo.answers("PUT", "/chargingprofiles/", Reply({"result": result, "timeout": 0}))
    assert (await on.profile("PUT")).answer.data["result"] == result
    await on.nothing_more(0)


@pytest.mark.holds("CHP-03", "CHP-04", by="hub")
@pytest.mark.parametrize(
    ("method", "model"),
    [("GET", ActiveChargingProfileResult), ("PUT", ChargingProfileResult), ("DELETE", ClearProfileResult)],
)
async def test_without_a_result_in_time_the_hub_says_so_once_in_the_right_words(
    on: Callbacks, method: str, model: Any
) -> None:
    """Decision 0024: OCPI has no value for it; REJECTED is the one after which a requester asks again."""
    on.cpo.answers(method, "/chargingprofiles/", accepted(0))
    asked = await on.profile(method, query="duration=900&")
    told = await on.emsp.receives("POST", "/callbacks/1")
    assert told.value == {"result": "REJECTED"}
    assert model.model_validate(told.value).result == "REJECTED"
    assert (told.to, told.sender, told.correlation_id) == (EMSP, CPO, "the-profile")
    await on.nothing_more(1)
    assert (await on.gives(asked, RESULTS[method], correlation="late")).code == 1000
    assert on.results() == [{"result": "REJECTED"}, RESULTS[method]]
    assert on.world.noted("late")[0].note.startswith("late: ")
    assert [leg.module for leg in on.timeouts()] == ["chargingprofiles"]
