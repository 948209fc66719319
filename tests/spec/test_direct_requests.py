"""Party to party through the hub: what a request may look like, and what becomes of it (RT-01 to RT-27)."""

import asyncio
import gzip
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from datetime import timedelta

import pytest

from hub.ocpi.modules import MODULES
from hub.settings import Limits
from tests.fixtures.recorder import Fault, Received, Recorder, Reply
from tests.fixtures.roaming import CPO, EMSP, HUB, LOCATION, TOKEN, Roaming, joined

FUNCTIONAL = [
    (module.id, str(interface))
    for module in MODULES.values()
    if module.is_routed
    for interface in module.by_interface
]
#: Methods that no interface has, and those that only web browsers and file stores use.
NEVER = ("HEAD", "OPTIONS", "TRACE", "PROPFIND", "MKCOL")
#: A path that each interface has, to which only some methods belong.
PATHS = {
    ("locations", "SENDER"): ("/LOC1", "POST PUT PATCH DELETE"),
    ("locations", "RECEIVER"): ("/BE/BEC/LOC1", "POST DELETE"),
    ("sessions", "SENDER"): ("/S1/charging_preferences", "GET POST PATCH DELETE"),
    ("sessions", "RECEIVER"): ("/BE/BEC/S1", "POST DELETE"),
    ("cdrs", "SENDER"): ("", "POST PUT PATCH DELETE"),
    ("cdrs", "RECEIVER"): ("", "PUT PATCH DELETE"),
    ("tariffs", "SENDER"): ("", "POST PUT PATCH DELETE"),
    ("tariffs", "RECEIVER"): ("/BE/BEC/T1", "POST PATCH"),
    ("tokens", "SENDER"): ("/012345678/authorize", "GET PUT PATCH DELETE"),
    ("tokens", "RECEIVER"): ("/NL/TNM/012345678", "POST DELETE"),
    ("commands", "SENDER"): ("/any", "GET PUT PATCH DELETE"),
    ("commands", "RECEIVER"): ("/STOP_SESSION", "GET PUT PATCH DELETE"),
    ("chargingprofiles", "SENDER"): ("/S1", "GET PATCH DELETE"),
    ("chargingprofiles", "RECEIVER"): ("/S1", "POST PATCH"),
}


def asked(world: Roaming, fragment: str = "/partner/2.2.1/") -> int:
    """How many requests for functional modules have come to the CPO."""
    return len([each for each in world.cpo.all("*", fragment) if "hubclientinfo" not in each.path])


@pytest.mark.holds("TR-24", "TR-40", "CMD-21", "TR-16", "TR-17", "TR-18", "RT-01", by="hub")
async def test_methods_that_an_interface_lacks_are_refused_and_go_nowhere(world: Roaming) -> None:
    """With what it has, in Allow; and the ids and the parties, as in any other answer."""
    assert set(PATHS) == set(FUNCTIONAL)
    before = asked(world)
    for (module, interface), (path, lacking) in PATHS.items():
        for method in (*lacking.split(), *NEVER):
            answer = await world.emsp.call(
                method,
                world.url(module, interface, path),
                to=CPO,
                sender=EMSP,
                headers={"X-Request-ID": "r", "X-Correlation-ID": "c"},
            )
            told = f"{method} {module} {interface}"
            assert answer.status == 405, told
            assert method not in answer.headers["Allow"].split(", "), told
            assert (answer.headers["X-Request-ID"], answer.headers["X-Correlation-ID"]) == ("r", "c"), told
            assert (answer.to, answer.sender) == (EMSP, HUB), told
            if method != "HEAD":
                assert answer.code == 2000, told
    assert asked(world) == before


@pytest.mark.holds("RT-26", "PG-16", by="hub")
@pytest.mark.parametrize(
    "query",
    [
        "limit=5&offset=10",
        "x=%20+&x=&y",
        "a=b%26c%3Dd",
        "date_from=2026-01-01T00:00:00%2B01:00",
        "%C3%A9=1",
        "=",
    ],
)
@pytest.mark.asyncio(loop_scope="module")
async def test_a_query_goes_on_as_it_was_written(standing_world: Roaming, query: str) -> None:
    await standing_world.emsp.call(
        "GET", standing_world.url("sessions", "SENDER", f"?{query}"), to=CPO, sender=EMSP
    )
    assert (await standing_world.cpo.receives("GET", "/sender/sessions")).query == query


@pytest.mark.holds("TR-20", "RT-04", "AM-34", by="hub")
@pytest.mark.parametrize("write", [str.lower, str.upper, str.title])
@pytest.mark.asyncio(loop_scope="module")
async def test_headers_and_parties_may_be_written_in_any_case(
    standing_world: Roaming, write: Callable[[str], str]
) -> None:
    spelled = {"OCPI-to-country-code": "be", "OCPI-to-party-id": "bEc", "OCPI-from-country-code": "nl",
               "OCPI-from-party-id": "tnm", "X-Request-ID": "r", "X-Correlation-ID": "c"}  # fmt: skip
    headers = {write(name): value for name, value in spelled.items()}
    url = standing_world.url("locations", "SENDER", "/LOC1")
    answer = await standing_world.emsp.call("GET", url, headers=headers)
    got = await standing_world.cpo.receives("GET", "/sender/locations")
    assert (got.to, got.sender) == ("be/bEc", "nl/tnm")
    assert (answer.to, answer.sender) == ("nl/tnm", "be/bEc")


@pytest.mark.holds("RT-08", "RT-09", by="hub")
@pytest.mark.parametrize(
    "wrong",
    [
        {},
        dict.fromkeys(
            ["OCPI-to-country-code", "OCPI-to-party-id", "OCPI-from-country-code", "OCPI-from-party-id"], ""
        ),
        {"OCPI-to-country-code": "BE", "OCPI-to-party-id": "BEC"},
        {"OCPI-from-country-code": "NL", "OCPI-from-party-id": "HUB"},
        {"OCPI-from-party-id": ""},
        {"X-Request-ID": "another", "X-Correlation-ID": "another"},
    ],
    ids=str,
)
@pytest.mark.asyncio(loop_scope="module")
async def test_whatever_the_addressee_writes_the_asker_sees_its_own_pairs_swapped(
    standing_world: Roaming, wrong: Mapping[str, str]
) -> None:
    """RT-22: and its own ids."""
    standing_world.cpo.answers("GET", "/sender/locations", Reply({}, headers=wrong))
    ids = {"X-Request-ID": "r", "X-Correlation-ID": "c"}
    url = standing_world.url("locations", "SENDER", "/LOC1")
    answer = await standing_world.emsp.call("GET", url, to=CPO, sender=EMSP, headers=ids)
    assert (answer.to, answer.sender) == (EMSP, CPO)
    for name, value in ids.items():
        assert answer.headers.getall(name) == [value]


@pytest.mark.holds("TR-31", "RT-14", by="hub")
async def test_what_could_not_be_delivered_at_once_never_comes_late(world: Roaming) -> None:
    """To one that is gone, one that hangs and one that is suspended; the next message comes alone."""
    url = world.url("tokens", "RECEIVER", "/NL/TNM/012345678")

    async def put(issuer: str) -> int:
        return (await world.emsp.call("PUT", url, TOKEN | {"issuer": issuer}, to=CPO, sender=EMSP)).code

    await world.cpo.go_away()
    assert await put("while it was gone") == 4003
    await world.cpo.come_back()
    assert (await world.cpo.call("GET", world.hub.versions_url)).status == 200
    world.cpo.answers("PUT", "/receiver/tokens", Fault.CLOSE, times=1)
    assert await put("while it was confused") == 4000
    await world.hub.platforms.suspend("cpo")
    assert await put("while it was suspended") == 4003
    await world.hub.platforms.resume("cpo")
    assert await put("now") == 1000
    received = [each.value["issuer"] for each in world.cpo.all("PUT", "/receiver/tokens")]
    assert received == ["while it was confused", "now"]


@pytest.mark.holds("RT-14", by="hub")
async def test_who_has_not_registered_yet_is_not_connected(world: Roaming) -> None:
    """PLANNED: its parties are known from the time before."""
    await world.hub.platforms.invite_again("cpo")
    answer = await world.emsp.call("GET", world.url("locations", "SENDER"), to=CPO, sender=EMSP)
    assert (answer.status, answer.code) == (200, 4003)
    assert "PLANNED" in answer.envelope["status_message"]


@pytest.mark.holds("RT-27", by="hub")
def test_the_hub_gives_up_before_its_callers_do() -> None:
    """Thirty seconds is what HTTP clients and proxies wait when nobody told them otherwise, or more."""
    assert timedelta(seconds=5) <= Limits().relay < timedelta(seconds=30)


@pytest.mark.holds("RT-06", "RT-12", "CR-20", by="hub")
async def test_the_parties_of_one_platform_are_told_apart(world: Roaming) -> None:
    """Two CPOs, one of which is an eMSP as well: each is sender and addressee for itself."""
    roles = [("CPO", "FR", "ONE"), ("CPO", "FR", "TWO"), ("EMSP", "FR", "TWO")]
    async with Recorder(roles) as many:
        await joined(world.hub, many, "many")
        for to in ("FR/ONE", "FR/TWO"):
            await world.emsp.call("GET", world.url("locations", "SENDER", "/L"), to=to, sender=EMSP)
        assert [each.to for each in many.all("GET", "/sender/locations")] == ["FR/ONE", "FR/TWO"]
        for sender in ("FR/ONE", "FR/TWO"):
            value = LOCATION | {"country_code": "FR", "party_id": sender[3:]}
            url = world.url("locations", "RECEIVER", f"/{sender}/LOC1")
            assert (await many.call("PUT", url, value, to=EMSP, sender=sender)).code == 1000
        senders = [each.sender for each in world.emsp.all("PUT", "/receiver/locations")]
        assert senders == ["FR/ONE", "FR/TWO"]
        # The one party is eMSP too: sessions of others are for it, and its tokens are its own.
        url = world.url("sessions", "RECEIVER", "/BE/BEC/S1")
        await world.cpo.call("PUT", url, {"id": "S1"}, to="FR/TWO", sender=CPO)
        assert (await many.receives("PUT", "/receiver/sessions")).to == "FR/TWO"


@pytest.mark.holds("RT-06", "RT-12", by="hub")
async def test_a_party_that_is_cpo_here_and_emsp_there_speaks_from_both(world: Roaming) -> None:
    """Each of its platforms sends as it, and each gets the answers to its own requests."""
    async with AsyncExitStack() as stack:
        charging = await stack.enter_async_context(Recorder([("CPO", "SE", "TWO")]))
        driving = await stack.enter_async_context(Recorder([("EMSP", "SE", "TWO")]))
        await joined(world.hub, charging, "two-cpo")
        await joined(world.hub, driving, "two-emsp")
        value = LOCATION | {"country_code": "SE", "party_id": "TWO"}
        url = world.url("locations", "RECEIVER", "/SE/TWO/LOC1")
        assert (await charging.call("PUT", url, value, to=EMSP, sender="SE/TWO")).code == 1000
        world.cpo.answers("POST", "/commands/", Reply({"result": "ACCEPTED", "timeout": 30}))
        body = {"session_id": "S1", "response_url": f"{driving.url}/callbacks/1"}
        url = world.url("commands", "RECEIVER", "/STOP_SESSION")
        assert (await driving.call("POST", url, body, to=CPO, sender="SE/TWO")).code == 1000
        given = (await world.cpo.receives("POST", "/commands/")).value["response_url"]
        await world.cpo.call("POST", given, {"result": "ACCEPTED"}, to="SE/TWO", sender=CPO)
        assert (await driving.receives("POST", "/callbacks/1")).to == "SE/TWO"
        assert charging.all("POST", "/callbacks/") == []


@pytest.mark.holds("RT-12", by="hub")
async def test_a_party_finds_itself_on_its_other_platform(world: Roaming) -> None:
    """Its chargers are on one platform, its drivers on another: they meet through the hub like strangers."""
    async with Recorder([("CPO", "SE", "TWO")]) as charging, Recorder([("EMSP", "SE", "TWO")]) as driving:
        await joined(world.hub, charging, "two-cpo")
        await joined(world.hub, driving, "two-emsp")
        charging.answers("GET", "/sender/locations", Reply([]))
        url = world.url("locations", "SENDER")
        answer = await driving.call("GET", url, to="SE/TWO", sender="SE/TWO")
        assert (answer.code, answer.data) == (1000, [])
        assert len(charging.all("GET", "/sender/locations")) == 1


@pytest.mark.holds("TR-05", by="hub")
async def test_a_token_is_that_of_one_platform(world: Roaming) -> None:
    """What is seen with it, and for whom it speaks, is that platform's."""
    assert world.cpo.outbound_token != world.emsp.outbound_token
    credentials = world.cpo.far_end["credentials", "SENDER"]
    both = (world.cpo, world.emsp)
    for partner in both:
        assert (await partner.call("GET", credentials)).data["token"] == partner.outbound_token
    listed = world.url("hubclientinfo", "SENDER")
    seen = [[each["party_id"] for each in (await partner.call("GET", listed)).data] for partner in both]
    assert seen == [["TNM"], ["BEC"]]
    url = world.url("locations", "SENDER")
    answer = await world.cpo.call("GET", url, token=world.emsp.outbound_token, to=EMSP, sender=CPO)
    assert (answer.status, answer.code) == (200, 2001)


@pytest.mark.holds("RT-20", "RT-21", "RT-22", by="hub")
async def test_requests_at_the_same_time_keep_their_ids_and_answers_apart(world: Roaming) -> None:
    """The same request id from two callers, and one correlation id for several requests, are no trouble."""

    def echo(received: Received) -> Reply:
        return Reply({"path": received.path})

    world.cpo.answers("GET", "/sender/locations", echo)

    async def one(number: int) -> None:
        url = world.url("locations", "SENDER", f"/L{number}")
        headers = {"X-Request-ID": f"r{number % 2}", "X-Correlation-ID": f"c{number % 3}"}
        answer = await world.emsp.call("GET", url, to=CPO, sender=EMSP, headers=headers)
        assert answer.data["path"].endswith(f"/L{number}")
        assert answer.headers["X-Request-ID"] == f"r{number % 2}"
        assert answer.headers["X-Correlation-ID"] == f"c{number % 3}"

    async with asyncio.TaskGroup() as group:
        for number in range(12):
            group.create_task(one(number))
    got = world.cpo.all("GET", "/sender/locations")
    assert len({each.request_id for each in got}) == 12
    assert {each.correlation_id for each in got} == {"c0", "c1", "c2"}


#: What concerns one connection, or nobody but the caller and the hub (RFC 9110, 7.6.1).
HOP_BY_HOP = {
    "Keep-Alive": "timeout=5",
    "TE": "trailers",
    "Trailer": "X-Sum",
    "Upgrade": "websocket",
    "Proxy-Authorization": "Basic YTpi",
    "Proxy-Authenticate": "Basic",
    "Proxy-Connection": "keep-alive",
    "Via": "1.1 somebody",
}


@pytest.mark.holds("RT-19", by="hub")
async def test_headers_of_one_connection_stay_with_it(world: Roaming) -> None:
    """In both directions; so does what a server says of itself."""
    own = {name: value for name, value in HOP_BY_HOP.items() if name != "Upgrade"}
    world.cpo.answers("GET", "/sender/locations", Reply({}, headers=own | {"Server": "secret/1.0"}))
    url = world.url("locations", "SENDER", "/LOC1")
    answer = await world.emsp.call("GET", url, to=CPO, sender=EMSP, headers=HOP_BY_HOP)
    got = await world.cpo.receives("GET", "/sender/locations")
    assert answer.code == 1000
    assert not {name.lower() for name in HOP_BY_HOP} & {name.lower() for name in got.headers}
    assert not set(own) & set(answer.headers)
    assert "secret" not in answer.headers.get("Server", "")


@pytest.mark.holds("RT-25", by="hub")
async def test_a_packed_answer_comes_to_the_asker_as_what_was_packed(world: Roaming) -> None:
    """Who did not say that it can unpack gets it unpacked."""
    body = b'{"data":{"price": 2.50},"status_code":1000,"timestamp":"2026-01-01T00:00:00Z"}'
    packed = Reply(body=gzip.compress(body), headers={"Content-Encoding": "gzip"})
    world.cpo.answers("GET", "/sender/locations", packed)
    url = world.url("locations", "SENDER", "/LOC1")
    answer = await world.emsp.call("GET", url, to=CPO, sender=EMSP, headers={"Accept-Encoding": "identity"})
    assert (answer.body, answer.headers.get("Content-Encoding")) == (body, None)


@pytest.mark.holds("RT-25", by="hub")
async def test_a_large_body_goes_through_whole_in_both_directions(world: Roaming) -> None:
    large = (
        b'{"id":"LOC1","x":"'
        + bytes(range(0x20, 0x7F)).replace(b'"', b"").replace(b"\\", b"") * 8_000
        + b'"}'
    )
    answered = large[:-1] + b',"status_code":1000,"timestamp":"2026-01-01T00:00:00Z"}'
    world.emsp.answers("PUT", "/receiver/locations", Reply(body=answered))
    url = world.url("locations", "RECEIVER", "/BE/BEC/LOC1")
    answer = await world.cpo.call("PUT", url, body=large, to=EMSP, sender=CPO)
    assert (await world.emsp.receives("PUT", "/receiver/locations")).body == large
    assert answer.body == answered


@pytest.mark.holds("RT-16", by="hub")
@pytest.mark.parametrize(
    "odd",
    [
        Reply(status=204, body=b""),
        Reply(body=b""),
        Reply(body=b"null"),
        Reply(body=b'{"status_code":"1000"}'),
        Reply(body=b'{"data":[]}'),
        Reply(status=500, body=b'{"error":"oops"}'),
        Reply(status=304, body=b""),
    ],
    ids=str,
)
@pytest.mark.asyncio(loop_scope="module")
async def test_an_answer_without_a_status_code_of_ocpi_is_none(standing_world: Roaming, odd: Reply) -> None:
    standing_world.cpo.answers("GET", "/sender/locations", odd)
    url = standing_world.url("locations", "SENDER", "/LOC1")
    answer = await standing_world.emsp.call("GET", url, to=CPO, sender=EMSP)
    assert (answer.status, answer.code, answer.sender) == (200, 4000, HUB)
