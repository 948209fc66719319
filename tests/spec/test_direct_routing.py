"""Party to party through the hub: what the far end received, and what came back (RT-01 to RT-27)."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from hub.directory.directory import BadBodies
from tests.fixtures.recorder import Answered, Fault, Received, Recorder, Reply, to_json
from tests.fixtures.roaming import (
    CPO,
    EMSP,
    HUB,
    LOCATION,
    PATIENCE,
    TOKEN,
    Roaming,
    joined,
    roaming,
    settings,
)
from tests.fixtures.waiting import until

#: Every operation of the endpoint matrix that is sent to one party (checklist 0.2), and who sends it.
OPERATIONS: list[tuple[str, str, str, str, str, Any]] = [
    ("emsp", "GET", "locations", "SENDER", "?limit=5", None),
    ("emsp", "GET", "locations", "SENDER", "/LOC1", None),
    ("emsp", "GET", "locations", "SENDER", "/LOC1/3256", None),
    ("emsp", "GET", "locations", "SENDER", "/LOC1/3256/1", None),
    ("cpo", "GET", "locations", "RECEIVER", "/BE/BEC/LOC1", None),
    ("cpo", "PUT", "locations", "RECEIVER", "/BE/BEC/LOC1", {"id": "LOC1"}),
    ("cpo", "PATCH", "locations", "RECEIVER", "/BE/BEC/LOC1", {"name": "x"}),
    ("cpo", "PUT", "locations", "RECEIVER", "/BE/BEC/LOC1/3256", {"uid": "3256"}),
    ("cpo", "PATCH", "locations", "RECEIVER", "/BE/BEC/LOC1/3256", {"status": "CHARGING"}),
    ("cpo", "PUT", "locations", "RECEIVER", "/BE/BEC/LOC1/3256/1", {"id": "1"}),
    ("cpo", "PATCH", "locations", "RECEIVER", "/BE/BEC/LOC1/3256/1", {"format": "CABLE"}),
    ("emsp", "GET", "sessions", "SENDER", "?date_from=2026-01-01T00:00:00Z", None),
    ("emsp", "PUT", "sessions", "SENDER", "/S1/charging_preferences", {"profile_type": "FAST"}),
    ("cpo", "GET", "sessions", "RECEIVER", "/BE/BEC/S1", None),
    ("cpo", "PUT", "sessions", "RECEIVER", "/BE/BEC/S1", {"id": "S1"}),
    ("cpo", "PATCH", "sessions", "RECEIVER", "/BE/BEC/S1", {"kwh": 1}),
    ("emsp", "GET", "cdrs", "SENDER", "", None),
    ("cpo", "POST", "cdrs", "RECEIVER", "", {"id": "C1"}),
    ("cpo", "GET", "cdrs", "RECEIVER", "/C1", None),
    ("emsp", "GET", "tariffs", "SENDER", "", None),
    ("cpo", "GET", "tariffs", "RECEIVER", "/BE/BEC/T1", None),
    ("cpo", "PUT", "tariffs", "RECEIVER", "/BE/BEC/T1", {"id": "T1"}),
    ("cpo", "DELETE", "tariffs", "RECEIVER", "/BE/BEC/T1", None),
    ("cpo", "GET", "tokens", "SENDER", "", None),
    ("cpo", "POST", "tokens", "SENDER", "/0123/authorize?type=RFID", {"location_id": "LOC1"}),
    ("cpo", "POST", "tokens", "SENDER", "/0123/authorize", None),
    ("emsp", "GET", "tokens", "RECEIVER", "/NL/TNM/0123", None),
    ("emsp", "PUT", "tokens", "RECEIVER", "/NL/TNM/0123", {"uid": "0123"}),
    ("emsp", "PATCH", "tokens", "RECEIVER", "/NL/TNM/0123", {"valid": False}),
    ("cpo", "POST", "commands", "SENDER", "/any/where", {"result": "ACCEPTED"}),
    ("cpo", "PUT", "chargingprofiles", "SENDER", "/S1", {"start_date_time": "2026-01-01T10:00:00Z"}),
    ("cpo", "POST", "chargingprofiles", "SENDER", "/any", {"result": "ACCEPTED"}),
]


@pytest.mark.holds("CHP-09", by="hub")
@pytest.mark.holds(
    "TR-01",
    "TR-17",
    "TR-18",
    "TR-35",
    "RT-01",
    "RT-06",
    "RT-08",
    "RT-19",
    "RT-20",
    "RT-21",
    "RT-22",
    "RT-26",
    by="hub",
)
async def test_every_operation_reaches_the_addressee_as_it_was_sent(
    world: Roaming, subtests: pytest.Subtests
) -> None:
    """RT-06, RT-07, RT-08, RT-19 to RT-22, RT-26, for the whole endpoint matrix."""
    for number, operation in enumerate(OPERATIONS):
        with subtests.test(operation=operation):
            await check_that_it_reaches(world, f"story-{number}", *operation)


async def check_that_it_reaches(
    world: Roaming, story: str, side: str, method: str, module: str, interface: str, tail: str, value: Any
) -> None:
    sender, receiver = (world.cpo, world.emsp) if side == "cpo" else (world.emsp, world.cpo)
    from_party, to_party = (CPO, EMSP) if side == "cpo" else (EMSP, CPO)
    receiver.answers("*", f"/{interface.lower()}/{module}", Reply({"made": "up"}, status=200))
    sent = {} if value is None else {"value": value}
    answer = await sender.call(
        method,
        world.url(module, interface, tail),
        to=to_party,
        sender=from_party,
        headers={"X-Request-ID": "asked", "X-Correlation-ID": story},
        **sent,
    )
    got = await receiver.until(
        lambda: next(iter(each for each in receiver.received if each.correlation_id == story), None)
    )
    path, _, query = tail.partition("?")
    assert got.path == f"/partner/2.2.1/{interface.lower()}/{module}{path}"
    assert got.query == query
    assert (got.to, got.sender) == (to_party, from_party)
    assert got.token in receiver.accepted_tokens
    assert (got.correlation_id, got.request_id != "asked") == (story, True)
    if value is None:
        assert got.body == b""
    else:
        assert got.value == value
    assert (answer.status, answer.data) == (200, {"made": "up"})
    assert (answer.to, answer.sender) == (from_party, to_party)
    assert answer.headers["X-Request-ID"] == "asked"
    assert answer.headers["X-Correlation-ID"] == story


@pytest.mark.holds("CDR-21", "RT-24", "RT-25", by="hub")
async def test_a_body_goes_through_byte_for_byte(world: Roaming) -> None:
    """RT-24, RT-25."""
    body = (
        b'{ "id":"LOC1",\n "x_new": {"b":1, "a":[]},"price":2.50, "big":1E3, '
        b'"last_updated" : "2020-01-01T00:00:00Z", "city":"\\u00e9\xc3\xa9" }'
    )
    url = world.url("locations", "RECEIVER", "/BE/BEC/LOC1")
    await world.cpo.call("PUT", url, body=body, to=EMSP, sender=CPO)
    assert (await world.emsp.receives("PUT", "/receiver/locations")).body == body


@pytest.mark.holds("RT-25", by="hub")
async def test_a_body_that_breaks_the_schema_goes_on_and_is_noted_unless_the_addressee_wants_none(
    world: Roaming,
) -> None:
    """RT-25; design D5."""
    url = world.url("locations", "RECEIVER", "/BE/BEC/LOC1")
    broken = LOCATION | {"city": 7}
    ids = {"X-Correlation-ID": "broken"}
    answer = await world.cpo.call("PUT", url, broken, to=EMSP, sender=CPO, headers=ids)
    assert answer.code == 1000
    assert (await world.emsp.receives("PUT", "/receiver/locations")).value == broken
    assert "/city" in world.noted("broken")[-1].note

    await world.hub.platforms.arrange("emsp", bad_bodies=BadBodies.REFUSE)
    answer = await world.cpo.call("PUT", url, broken, to=EMSP, sender=CPO)
    assert (answer.status, answer.code) == (200, 2001)
    assert "/city" in answer.envelope["status_message"]
    await world.cpo.call("PUT", url, LOCATION, to=EMSP, sender=CPO)
    assert len(world.emsp.all("PUT", "/receiver/locations")) == 2


@pytest.mark.holds("TR-12", "TR-27", by="hub")
@pytest.mark.parametrize("fast", [True, False])
async def test_what_is_wrong_with_a_large_body_is_seen_though_it_is_not_read_before_it_goes_on(
    tmp_path: Path, *, fast: bool
) -> None:
    """TR-12, TR-27."""
    large = LOCATION | {"directions": [{"language": "en", "text": "x" * 20_000}]}
    async with roaming(tmp_path, replace(settings(tmp_path), fast_path=fast)) as world:
        url = world.url("locations", "RECEIVER", "/BE/BEC/LOC1")

        async def put(body: bytes, story: str) -> Answered:
            headers = {"X-Correlation-ID": story}
            return await world.cpo.call("PUT", url, body=body, to=EMSP, sender=CPO, headers=headers)

        assert (await put(to_json(large | {"id": "LOC2"}), "other")).code == 2001
        assert (await put(to_json(large)[:-1], "cut")).status == 400
        assert (await put(b"[" + to_json(large) + b"]", "list")).code == 2001
        assert (await put(to_json(large)[:-1] + b',"x":1e' + b"9" * 19 + b"}", "number")).status == 400
        assert world.emsp.received == []
        assert (await put(to_json(large | {"city": 7}), "odd")).code == 1000
        assert world.emsp.received[-1].body == to_json(large | {"city": 7})
        await until(lambda: world.noted("odd"))
        assert "/city" in world.noted("odd")[0].note


@pytest.mark.holds("RT-25", by="hub")
async def test_an_answer_comes_back_byte_for_byte(world: Roaming) -> None:
    body = b'{"x": 1.50,\n"status_code":1000 ,"timestamp":"2026-01-01T00:00:00Z"}'
    world.cpo.answers("GET", "/sender/locations", Reply(body=body))
    answer = await world.emsp.call("GET", world.url("locations", "SENDER", "/LOC1"), to=CPO, sender=EMSP)
    assert answer.body == body


@pytest.mark.holds("RT-26", "AM-35", by="hub")
@pytest.mark.parametrize("tail", ["/a%2Fb", "/BE*BEC*E1", "/%C3%A9", "/a%20b", "/..x", "/a;b=c"])
@pytest.mark.asyncio(loop_scope="module")
async def test_odd_ids_go_through_as_they_are_spelled(standing_world: Roaming, tail: str) -> None:
    """RT-26, AM-35."""
    await standing_world.emsp.call(
        "GET", standing_world.url("locations", "SENDER", tail), to=CPO, sender=EMSP
    )
    got = await standing_world.cpo.receives("GET", "/sender/locations")
    assert got.path == f"/partner/2.2.1/sender/locations{tail}"


@pytest.mark.parametrize(
    "tail", ["/..", "/%2e%2e/credentials", "/..%2Fcredentials", "/%252e%252e", "/a/../..", "/..%5Cx"]
)
@pytest.mark.asyncio(loop_scope="module")
async def test_nobody_climbs_out_of_a_module(standing_world: Roaming, tail: str) -> None:
    answer = await standing_world.emsp.call(
        "GET", standing_world.url("locations", "SENDER", tail), to=CPO, sender=EMSP
    )
    assert (answer.status, answer.code) == (404, 2001)
    assert standing_world.cpo.all("GET", "/sender") == []
    assert standing_world.cpo.all("GET", "/credentials") == []


@pytest.mark.holds("AM-35", by="hub")
@pytest.mark.parametrize("slashes", ["//LOC1", "/LOC1/"])
@pytest.mark.asyncio(loop_scope="module")
async def test_doubled_and_trailing_slashes_are_put_up_with(standing_world: Roaming, slashes: str) -> None:
    standing_world.cpo.answers("GET", "/sender/locations", Reply({}))
    answer = await standing_world.emsp.call(
        "GET", standing_world.url("locations", "SENDER", slashes), to=CPO, sender=EMSP
    )
    assert answer.code == 1000


@pytest.mark.holds("RT-04", "AM-34", by="hub")
@pytest.mark.parametrize("to", ["be/bec", "Be/bEc"])
@pytest.mark.asyncio(loop_scope="module")
async def test_parties_are_the_same_whatever_their_case_and_go_on_as_spelled(
    standing_world: Roaming, to: str
) -> None:
    """RT-04."""
    await standing_world.emsp.call(
        "GET", standing_world.url("locations", "SENDER", "/LOC1"), to=to, sender="nl/TNM"
    )
    got = await standing_world.cpo.receives("GET", "/sender/locations")
    assert (got.to, got.sender) == (to, "nl/TNM")


@pytest.mark.holds("RT-17", "ST-12", by="hub")
@pytest.mark.parametrize(
    ("status", "code"), [(200, 2003), (404, 2003), (201, 1000), (200, 3000), (405, 2000), (500, 3000)]
)
@pytest.mark.asyncio(loop_scope="module")
async def test_the_addressees_own_word_is_handed_on(standing_world: Roaming, status: int, code: int) -> None:
    """RT-17, ST-12."""
    reply = Reply(status=status, status_code=code, status_message="its own words")
    standing_world.cpo.answers("GET", "/sender/locations", reply)
    answer = await standing_world.emsp.call(
        "GET", standing_world.url("locations", "SENDER", "/X"), to=CPO, sender=EMSP
    )
    assert (answer.status, answer.code, answer.envelope["status_message"]) == (status, code, "its own words")


@pytest.mark.holds("RT-13", "ST-11", "ST-14", "AM-08", by="hub")
async def test_unknown_receiver(world: Roaming) -> None:
    """RT-13."""
    answer = await world.emsp.call("GET", world.url("locations", "SENDER", "/X"), to="XX/XXX", sender=EMSP)
    assert (answer.status, answer.code) == (200, 4001)
    assert (answer.to, answer.sender) == (EMSP, HUB)


@pytest.mark.holds("TR-31", "ST-11", "ST-14", "RT-15", "RT-16", by="hub")
@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault.HANG, 4002),
        (Fault.DRIP, 4002),
        (Fault.CLOSE, 4000),
        (Fault.HALF_AN_ANSWER, 4000),
        (Fault.HTML, 4000),
        (Fault.NOT_JSON, 4000),
        (Fault.NO_ENVELOPE, 4000),
        (Fault.SERVER_ERROR, 4000),
        (Fault.REDIRECT, 4000),
        (Reply(status=401, status_code=2000), 4000),
        (Reply(status=403, status_code=2000), 4000),
        (Reply(status_code=-1), 4000),
        (Reply(status_code=10_000), 4000),
        (Reply(status_code=10**30), 4000),
    ],
)
async def test_each_fault_of_the_addressee_has_its_code(
    world: Roaming, fault: Fault | Reply, code: int
) -> None:
    """RT-15, RT-16."""
    world.cpo.answers("PUT", "/receiver/tokens", fault)
    url = world.url("tokens", "RECEIVER", "/NL/TNM/012345678")
    ids = {"X-Correlation-ID": "story"}
    answer = await world.emsp.call("PUT", url, TOKEN, to=CPO, sender=EMSP, headers=ids)
    assert (answer.status, answer.code) == (200, code)
    assert len(world.cpo.all("PUT", "/receiver/tokens")) == 1
    legs = [each for each in world.journal if each.correlation_id == "story"]
    assert [each.direction for each in legs] == ["out", "in"]
    assert (legs[1].status_code, legs[1].note) == (code, answer.envelope["status_message"])
    assert len(world.cpo.all("*", "/somewhere")) == 0


@pytest.mark.holds("TR-31", "ST-11", "RT-14", "RT-16", by="hub")
async def test_a_platform_that_is_gone_is_not_connected_and_gets_nothing_late(world: Roaming) -> None:
    """RT-14, RT-16, TR-31."""
    await world.cpo.go_away()
    url = world.url("tokens", "RECEIVER", "/NL/TNM/012345678")
    for _ in range(2):
        answer = await world.emsp.call("PUT", url, TOKEN, to=CPO, sender=EMSP)
        assert (answer.status, answer.code) == (200, 4003)
    assert world.cpo.all("PUT", "/receiver/tokens") == []


@pytest.mark.holds("RT-18", by="hub")
async def test_a_module_that_the_addressee_does_not_offer(world: Roaming) -> None:
    """RT-18."""
    async with Recorder([("CPO", "FR", "XYZ")], endpoints=[("locations", "SENDER")]) as small:
        await joined(world.hub, small, "small")
        url = world.url("commands", "RECEIVER", "/STOP_SESSION")
        value = {"response_url": f"{world.emsp.url}/x", "session_id": "1"}
        answer = await world.emsp.call("POST", url, value, to="FR/XYZ", sender=EMSP)
        assert (answer.status, answer.code) == (200, 4000)
        assert "commands" in answer.envelope["status_message"]


@pytest.mark.holds("TR-17", "TR-18", "RT-23", by="hub")
async def test_missing_ids_are_made_by_the_hub(world: Roaming) -> None:
    """RT-23."""
    headers = {"X-Request-ID": "", "X-Correlation-ID": ""}
    url = world.url("locations", "SENDER", "/LOC1")
    answer = await world.emsp.call("GET", url, to=CPO, sender=EMSP, headers=headers)
    got = await world.cpo.receives("GET", "/sender/locations")
    assert got.correlation_id == answer.headers["X-Correlation-ID"] != ""
    assert got.request_id not in {"", answer.headers["X-Request-ID"]}


@pytest.mark.holds("RT-19", by="hub")
async def test_cookies_and_addresses_of_the_caller_stay_behind(world: Roaming) -> None:
    """RT-19."""
    secret = {"Cookie": "a=b", "X-Forwarded-For": "1.2.3.4", "Forwarded": "for=1.2.3.4", "X-Other": "z"}
    url = world.url("locations", "SENDER", "/LOC1")
    await world.emsp.call("GET", url, to=CPO, sender=EMSP, headers=secret)
    got = await world.cpo.receives("GET", "/sender/locations")
    assert not set(secret) & {name.title() for name in got.headers}


@pytest.mark.holds("RT-12", by="hub")
async def test_one_party_on_two_platforms_gets_each_message_in_the_right_role(world: Roaming) -> None:
    """RT-12."""
    async with Recorder([("CPO", "SE", "TWO")]) as charging, Recorder([("EMSP", "SE", "TWO")]) as driving:
        await joined(world.hub, charging, "two-cpo")
        await joined(world.hub, driving, "two-emsp")
        url = world.url("locations", "RECEIVER", "/BE/BEC/LOC1")
        await world.cpo.call("PUT", url, LOCATION, to="SE/TWO", sender=CPO)
        url = world.url("tokens", "RECEIVER", "/NL/TNM/012345678")
        await world.emsp.call("PUT", url, TOKEN, to="SE/TWO", sender=EMSP)
        assert len(driving.all("PUT", "/receiver/locations")) == 1
        assert len(charging.all("PUT", "/receiver/tokens")) == 1
        assert driving.all("PUT", "/receiver/tokens") == charging.all("PUT", "/receiver/locations") == []


# URLs that lead back through the hub.

COMMANDS = {
    "START_SESSION": {"token": TOKEN, "location_id": "LOC1"},
    "STOP_SESSION": {"session_id": "S1"},
    "UNLOCK_CONNECTOR": {"location_id": "LOC1", "evse_uid": "3256", "connector_id": "1"},
    "CANCEL_RESERVATION": {"reservation_id": "R1"},
    "RESERVE_NOW": {
        "token": TOKEN, "expiry_date": "2030-01-01T00:00:00Z", "reservation_id": "R1", "location_id": "LOC1",
    },
}  # fmt: skip


@pytest.mark.holds("CMD-07", "CMD-08", "CMD-09", "AM-10", "AM-46", by="hub")
@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.asyncio(loop_scope="module")
async def test_the_result_of_a_command_finds_its_way_back(standing_world: Roaming, command: str) -> None:
    """CMD-05, CMD-07 to CMD-09: the CPO sees a URL of the hub only, and may use it again."""
    accepted = Reply({"result": "ACCEPTED", "timeout": 30})
    standing_world.cpo.answers("POST", f"/commands/{command}", accepted)
    callback = f"{standing_world.emsp.url}/callbacks/{command}?a=b&c=d"
    body = COMMANDS[command] | {"response_url": callback}
    answer = await standing_world.emsp.call(
        "POST", standing_world.url("commands", "RECEIVER", f"/{command}"), body, to=CPO, sender=EMSP
    )
    assert answer.data == {"result": "ACCEPTED", "timeout": 30}

    got = await standing_world.cpo.receives("POST", f"/commands/{command}")
    given = got.value["response_url"]
    assert given.startswith(f"{standing_world.hub.public_url}/")
    assert len(given) <= 255
    assert got.value | {"response_url": callback} == body

    standing_world.emsp.answers("POST", "/callbacks/", Reply())
    for result in ("ACCEPTED", "CANCELED_RESERVATION"):
        sent = {"result": result}
        ids = {"X-Correlation-ID": f"story-{result}"}
        answer = await standing_world.cpo.call("POST", given, sent, to=EMSP, sender=CPO, headers=ids)
        assert (answer.status, answer.code, answer.to, answer.sender) == (200, 1000, CPO, EMSP)
    first, second = standing_world.emsp.all("POST", "/callbacks/")
    assert (first.path, first.query) == (f"/callbacks/{command}", "a=b&c=d")
    assert (first.value, second.value) == ({"result": "ACCEPTED"}, {"result": "CANCELED_RESERVATION"})
    assert (first.to, first.sender, first.correlation_id) == (EMSP, CPO, "story-ACCEPTED")
    assert first.token in standing_world.emsp.accepted_tokens


@pytest.mark.holds("CMD-08", by="hub")
async def test_a_callback_url_serves_only_the_platform_that_it_was_made_for(world: Roaming) -> None:
    """CMD-08."""
    world.cpo.answers("POST", "/commands/", Reply({"result": "ACCEPTED", "timeout": 30}))
    body = COMMANDS["STOP_SESSION"] | {"response_url": f"{world.emsp.url}/callbacks/1"}
    url = world.url("commands", "RECEIVER", "/STOP_SESSION")
    await world.emsp.call("POST", url, body, to=CPO, sender=EMSP)
    given = (await world.cpo.receives("POST", "/commands/")).value["response_url"]
    answer = await world.emsp.call("POST", given, {"result": "ACCEPTED"}, sender=EMSP)
    assert answer.status == 404
    assert (await world.cpo.call("GET", given, sender=CPO)).status == 405
    assert (await world.cpo.call("POST", given, {"result": "ACCEPTED"}, token="wrong")).status == 401
    assert world.emsp.all("POST", "/callbacks/") == []


@pytest.mark.holds("CMD-10", by="hub")
@pytest.mark.parametrize(
    "callback", ["http://127.0.0.1:9/x", "ftp://x/", "/relative", "", None, 7, "http://[::1", "x" * 300]
)
@pytest.mark.asyncio(loop_scope="module")
async def test_a_callback_to_somebody_else_is_refused(standing_world: Roaming, callback: object) -> None:
    """CMD-10."""
    url = standing_world.url("commands", "RECEIVER", "/STOP_SESSION")
    body = {"session_id": "S1", "response_url": callback}
    answer = await standing_world.emsp.call("POST", url, body, to=CPO, sender=EMSP)
    assert (answer.status, answer.code) == (200, 2001)
    assert "response_url" in answer.envelope["status_message"]
    assert standing_world.cpo.all("POST", "/commands/") == []


@pytest.mark.holds("CHP-10", "AM-10", by="hub")
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
@pytest.mark.asyncio(loop_scope="module")
async def test_the_result_of_a_charging_profile_finds_its_way_back(
    standing_world: Roaming, method: str
) -> None:
    """CHP-01, CHP-02, CHP-10."""
    standing_world.cpo.answers("*", "/chargingprofiles/", Reply({"result": "ACCEPTED", "timeout": 30}))
    callback = f"{standing_world.emsp.url}/profiles/1?a=b%20c&d=e"
    url = standing_world.url("chargingprofiles", "RECEIVER", "/S1")
    if method == "PUT":
        profile = {"charging_rate_unit": "W", "charging_profile_period": [{"start_period": 0, "limit": 8.1}]}
        body = {"charging_profile": profile, "response_url": callback}
        await standing_world.emsp.call(method, url, body, to=CPO, sender=EMSP)
        given = (await standing_world.cpo.receives(method, "/chargingprofiles/")).value["response_url"]
    else:
        quoted = callback.replace("%", "%25").replace("?", "%3F").replace("&", "%26").replace(":", "%3A")
        query = f"?duration=900&response_url={quoted}"
        await standing_world.emsp.call(method, url + query, to=CPO, sender=EMSP)
        got = await standing_world.cpo.receives(method, "/chargingprofiles/")
        assert got.query.startswith("duration=900&response_url=")
        given = parse_qs(got.query)["response_url"][0]
    assert given.startswith(f"{standing_world.hub.public_url}/")
    standing_world.emsp.answers("POST", "/profiles/", Reply())
    await standing_world.cpo.call("POST", given, {"result": "ACCEPTED"}, to=EMSP, sender=CPO)
    back = await standing_world.emsp.receives("POST", "/profiles/1")
    assert (back.query, back.value) == ("a=b%20c&d=e", {"result": "ACCEPTED"})


@pytest.mark.holds("PG-14", "PG-15", "PG-16", "AM-10", by="hub")
async def test_the_pages_of_a_list_are_walked_through_the_hub(world: Roaming) -> None:
    """PG-14 to PG-16."""

    def page(received: Received) -> Reply:
        number = int(received.query.partition("cursor=")[2] or 0)
        headers = {"X-Total-Count": "3", "X-Limit": "1"}
        if number < 2:
            headers["Link"] = (
                f'<{world.cpo.url}/partner/2.2.1/sender/locations?cursor={number + 1}>; rel="next"'
            )
        return Reply([{"id": f"L{number}"}], headers=headers)

    world.cpo.answers("GET", "/sender/locations", page)
    url: str | None = world.url("locations", "SENDER", "?limit=1")
    seen = []
    while url is not None:
        answer = await world.emsp.call("GET", url, to=CPO, sender=EMSP)
        seen += [each["id"] for each in answer.data]
        assert (answer.headers["X-Total-Count"], answer.headers["X-Limit"]) == ("3", "1")
        link = answer.headers.get("Link")
        url = None if link is None else link[1:].partition(">")[0]
        assert url is None or url.startswith(f"{world.hub.public_url}/")
    assert seen == ["L0", "L1", "L2"]


@pytest.mark.holds("PG-15", by="hub")
async def test_a_page_link_serves_only_the_platform_that_it_was_made_for(world: Roaming) -> None:
    """PG-15."""
    link = f'<{world.cpo.url}/partner/2.2.1/sender/locations?cursor=1>; rel="next"'
    world.cpo.answers("GET", "/sender/locations", Reply([], headers={"Link": link}))
    answer = await world.emsp.call("GET", world.url("locations", "SENDER"), to=CPO, sender=EMSP)
    url = answer.headers["Link"][1:].partition(">")[0]
    assert (await world.cpo.call("GET", url, sender=CPO)).status == 404
    assert (await world.emsp.call("GET", url)).status == 200


@pytest.mark.holds("PG-17", by="hub")
async def test_a_page_link_to_a_foreign_host_is_not_followed(world: Roaming) -> None:
    """PG-17."""
    headers = {"Link": '<http://127.0.0.1:9/x>; rel="next"'}
    world.cpo.answers("GET", "/sender/locations", Reply([], headers=headers))
    answer = await world.emsp.call("GET", world.url("locations", "SENDER"), to=CPO, sender=EMSP)
    assert (answer.status, answer.code) == (200, 4000)


@pytest.mark.holds("CDR-04", "AM-10", by="hub")
async def test_a_cdr_can_be_read_back_where_its_location_says(world: Roaming) -> None:
    """CDR-02 to CDR-04."""
    location = f"{world.emsp.url}/partner/2.2.1/receiver/cdrs/stored/C1?x=y"
    world.emsp.answers("POST", "/receiver/cdrs", Reply(status=201, headers={"Location": location}))
    world.emsp.answers("GET", "/receiver/cdrs/stored", Reply({"id": "C1"}))
    answer = await world.cpo.call("POST", world.url("cdrs", "RECEIVER"), {"id": "C1"}, to=EMSP, sender=CPO)
    assert answer.status == 201
    given = answer.headers["Location"]
    assert given.startswith(f"{world.hub.public_url}/")
    assert (await world.cpo.call("GET", given)).data == {"id": "C1"}
    got = await world.emsp.receives("GET", "/receiver/cdrs/stored/C1")
    assert (got.query, got.to, got.sender) == ("x=y", EMSP, CPO)
    assert (await world.emsp.call("GET", given)).status == 404


async def test_a_hanging_partner_delays_nobody_else(world: Roaming) -> None:
    world.cpo.answers("GET", "/sender/sessions", Fault.HANG)
    world.cpo.answers("GET", "/sender/locations", Reply([]))

    async with asyncio.timeout(5 * PATIENCE.total_seconds()), asyncio.TaskGroup() as group:
        hanging = group.create_task(
            world.emsp.call("GET", world.url("sessions", "SENDER"), to=CPO, sender=EMSP)
        )
        await world.cpo.receives("GET", "/sender/sessions")
        answer = await world.emsp.call("GET", world.url("locations", "SENDER"), to=CPO, sender=EMSP)
        assert (answer.code, hanging.done()) == (1000, False)
    assert hanging.result().code == 4002
