"""Requests that are odd on the level of HTTP: each is answered by OCPI's rules (TR rows, RT-01, RT-07)."""

import asyncio
import base64
import gzip
import logging
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.fixtures.recorder import Fault, Recorder, Reply, from_json, to_json
from tests.fixtures.roaming import CPO, EMSP, HUB, LOCATION, PATIENCE, TOKEN, Roaming, joined

LATER = "2026-01-01T12:00:00Z"


@pytest.mark.holds("RT-01", "RT-07", by="hub")
@pytest.mark.parametrize(
    ("method", "module", "interface", "tail", "status"),
    [
        ("GET", "locations", "SENDER", "/a/b/c/d", 404),
        ("GET", "locations", "SENDER", "/..", 404),
        ("POST", "locations", "SENDER", "", 405),
        ("PUT", "locations", "RECEIVER", "/BE/BEC/LOC1", 400),
        ("PUT", "locations", "RECEIVER", "/BE/BEC/OTHER", 200),
        ("POST", "commands", "RECEIVER", "/DANCE", 404),
    ],
)
@pytest.mark.parametrize("names_itself", [True, False])
@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.asyncio(loop_scope="module")
async def test_every_refusal_of_a_functional_module_is_from_the_hub_to_the_asker(
    standing_world: Roaming,
    method: str,
    module: str,
    interface: str,
    tail: str,
    status: int,
    *,
    names_itself: bool,
) -> None:
    """RT-01, RT-07."""
    body = b"" if status == 400 else b'{"id":"LOC1"}'
    sender = CPO if names_itself else None
    answer = await standing_world.cpo.call(
        method, standing_world.url(module, interface, tail), body=body, to=EMSP, sender=sender
    )
    assert answer.status == status
    assert answer.code >= 2000
    assert (answer.to, answer.sender) == (CPO, HUB)


@pytest.mark.holds("TR-03", "RT-01", "RT-03", "RT-07", by="hub")
async def test_refusals_at_the_door_are_from_the_hub_too(world: Roaming) -> None:
    """RT-01, RT-03, TR-02."""
    url = world.url("locations", "SENDER")
    answer = await world.emsp.call("GET", url, token="wrong", to=CPO, sender=EMSP)
    assert (answer.status, answer.to, answer.sender) == (401, EMSP, HUB)
    answer = await world.emsp.call("GET", url, sender=EMSP, headers={"OCPI-to-party-id": "BEC"})
    assert (answer.code, answer.to, answer.sender) == (2001, EMSP, HUB)
    answer = await world.emsp.call("PUT", url, body=b" " * 2_000_000, to=CPO, sender=EMSP)
    assert (answer.status, answer.to, answer.sender) == (405, EMSP, HUB)
    url = world.url("locations", "RECEIVER", "/BE/BEC/LOC1")
    answer = await world.cpo.call("PUT", url, body=b" " * 2_000_000, to=EMSP, sender=CPO)
    assert (answer.status, answer.to, answer.sender) == (413, CPO, HUB)


@pytest.mark.holds("RT-02", "HCI-07", "CR-30", by="hub")
async def test_configuration_modules_carry_no_routing_headers(world: Roaming) -> None:
    """RT-02, HCI-07: and those that come in are ignored."""
    for path in ("versions", "2.2.1", "2.2.1/credentials", "2.2.1/sender/hubclientinfo"):
        for slashes in ("", "/"):
            url = f"{world.hub.public_url}/ocpi/{path}{slashes}"
            answer = await world.emsp.call("GET", url, to="XX/YYY", sender=CPO)
            assert (answer.code, answer.to, answer.sender) == (1000, None, None)


@pytest.mark.parametrize("fault", [Fault.CLOSE, Fault.HTML, Fault.HANG, Fault.REDIRECT, None])
async def test_a_refusal_tells_the_party_and_nothing_of_its_platform(
    world: Roaming, fault: Fault | None
) -> None:
    """Design D10: neither address, nor token, nor the operator's name for it."""
    async with Recorder([("CPO", "FR", "XYZ")]) as secret:
        await joined(world.hub, secret, "operators-own-name")
        if fault is None:
            await secret.go_away()
        else:
            secret.answers("GET", "/sender/locations", fault)
        answer = await world.emsp.call("GET", world.url("locations", "SENDER"), to="FR/XYZ", sender=EMSP)
        text = answer.envelope["status_message"]
        assert answer.code in {4000, 4002, 4003}
        assert "FR/XYZ" in text
        for hidden in ("operators-own-name", "127.0.0.1", "Traceback", *secret.accepted_tokens):
            assert hidden not in text


async def test_a_body_that_does_not_arrive_is_not_waited_for(world: Roaming) -> None:
    """And nothing of it is sent on."""
    beginning = b'{"id":"LO'
    answer = await raw(world, b"Content-Length: 100\r\n\r\n" + beginning)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert from_json(answer.partition(b"\r\n\r\n")[2])["status_code"] == 2000
    assert b"X-Request-ID: asked" in answer
    assert world.emsp.all("PUT", "/receiver/locations") == []


async def test_a_caller_that_hangs_up_is_no_failure_of_the_hub(
    world: Roaming, caplog: pytest.LogCaptureFixture
) -> None:
    _, writer = await connected(world)
    writer.write(head(world) + b"Content-Length: 100\r\n\r\n{")
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    async with asyncio.timeout(5 * PATIENCE.total_seconds()):
        while not (noted := world.noted("story")):
            await world.emsp.call("GET", world.hub.versions_url)
    assert noted[0].http_status in {400, 408}
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
@pytest.mark.asyncio(loop_scope="module")
async def test_a_body_that_cannot_be_unpacked_is_refused(
    standing_world: Roaming, caplog: pytest.LogCaptureFixture, encoding: str
) -> None:
    packed = f"Content-Encoding: {encoding}\r\nContent-Length: 13\r\n\r\n".encode() + b'{"id":"LOC1"}'
    answer = await raw(standing_world, packed)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert from_json(answer.partition(b"\r\n\r\n")[2])["status_code"] == 2001
    assert standing_world.emsp.all("PUT", "/receiver/locations") == []
    # It is no failure of the hub: operators are woken by those.
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_a_packed_body_counts_as_large_as_it_is_unpacked(world: Roaming) -> None:
    packed = gzip.compress(b" " * 50_000_000)
    head_of_body = f"Content-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n".encode()
    assert (await raw(world, head_of_body + packed)).startswith(b"HTTP/1.1 413 ")


@pytest.mark.holds("TR-07", "TR-20", by="hub")
@pytest.mark.parametrize(
    "rest",
    [
        b'Content-Length: 13\r\nExpect: 100-continue\r\n\r\n{"id":"LOC1"}',
        b'Transfer-Encoding: chunked\r\n\r\n5\r\n{"id"\r\n8\r\n:"LOC1"}\r\n0\r\n\r\n',
        b'Content-Length: 13\r\nContent-Type: application/json; charset=utf-8\r\n\r\n{"id":"LOC1"}',
        b'Content-Length: 13\r\nocpi-TO-party-id: XXX\r\nAuthorization: Token x\r\n\r\n{"id":"LOC1"}',
    ],
)
async def test_other_ways_to_send_a_body_are_as_good(world: Roaming, rest: bytes) -> None:
    """TR-07, TR-20: of headers given twice the first counts, for the hub and for what it sends on."""
    answer = await raw(world, rest)
    assert b"HTTP/1.1 200 " in answer
    got = await world.emsp.receives("PUT", "/receiver/locations")
    assert (got.body, got.to, got.sender) == (b'{"id":"LOC1"}', EMSP, CPO)
    assert [each.lower() for each in got.headers].count("ocpi-to-party-id") == 1


async def test_a_get_with_a_body_is_a_get(world: Roaming) -> None:
    world.cpo.answers("GET", "/sender/locations", Reply([]))
    url = world.url("locations", "SENDER")
    answer = await world.emsp.call("GET", url, body=b"not json", to=CPO, sender=EMSP)
    assert answer.code == 1000


@pytest.mark.parametrize("tail", ["/..;/x", "/..;a=b/..;/x", "/%2e%2e;/x", "/..%3B/x", "/.;/x"])
@pytest.mark.asyncio(loop_scope="module")
async def test_nobody_climbs_out_of_a_module_with_the_help_of_parameters(
    standing_world: Roaming, tail: str
) -> None:
    seen = standing_world.cpo.all("GET")
    answer = await standing_world.emsp.call(
        "GET", standing_world.url("locations", "SENDER", tail), to=CPO, sender=EMSP
    )
    assert (answer.status, answer.code) == (404, 2001)
    assert standing_world.cpo.all("GET") == seen


@pytest.mark.parametrize("owner", ["N%2FL/TNM", "NL/T%2F", "NLD/TNM", "NL/TNMX", "%00/TNM", "N L/TNM", "é/x"])
@pytest.mark.asyncio(loop_scope="module")
async def test_an_owner_that_is_no_party_is_refused(standing_world: Roaming, owner: str) -> None:
    url = standing_world.url("tokens", "RECEIVER", f"/{owner.replace(' ', '%20').replace('é', '%C3%A9')}/1")
    for to in (CPO, HUB):
        answer = await standing_world.emsp.call("PUT", url, TOKEN | {"uid": "1"}, to=to, sender=EMSP)
        assert (answer.status, answer.code) == (200, 2001)
    assert standing_world.cpo.all("PUT", "/receiver/tokens") == []


@pytest.mark.holds("AM-31", by="hub")
async def test_an_id_that_is_too_long_goes_where_it_is_sent_and_is_named_in_the_journal(
    world: Roaming,
) -> None:
    """Whoever minds may refuse it (decision 0005): one party, and everybody."""
    long = LOCATION | {"id": "x" * 200}
    url = world.url("locations", "RECEIVER", f"/BE/BEC/{long['id']}")
    for number, to in enumerate((EMSP, HUB)):
        ids = {"X-Correlation-ID": f"to {to}"}
        answer = await world.cpo.call("PUT", url, long, to=to, sender=CPO, headers=ids)
        assert answer.code == 1000
        assert (await world.emsp.receives("PUT", "/receiver/locations", number + 1)).value == long
        assert any("/id" in each.note for each in world.noted(f"to {to}"))


@pytest.mark.holds("TOK-03", "AM-52", by="hub")
@pytest.mark.parametrize(
    ("query", "given", "code"),
    [
        ("?type=RFID&type=APP_USER", {}, 2001),
        ("?type=RFID&type=RFID", {}, 2001),
        ("?type=rfid", {}, 2001),
        ("?type=APP_USER", {}, 2001),
        ("?x=type&type=RFID", {}, 1000),
        ("", {"type": "APP_USER"}, 2001),
    ],
)
@pytest.mark.asyncio(loop_scope="module")
async def test_the_type_in_the_query_is_one_and_that_of_the_token(
    standing_world: Roaming, query: str, given: dict[str, str], code: int
) -> None:
    """TOK-03."""
    url = standing_world.url("tokens", "RECEIVER", f"/NL/TNM/012345678{query}")
    for to in (CPO, HUB):
        answer = await standing_world.emsp.call("PUT", url, TOKEN | given, to=to, sender=EMSP)
        assert answer.code == code


@pytest.mark.parametrize(
    "change",
    [
        {"country_code": "DE"},
        {"party_id": "XXX"},
        {"uid": "9"},
        {"type": "APP_USER"},
        {"uid": 7},
        {"uid": None},
    ],
)
async def test_a_patch_does_not_change_who_an_object_is(world: Roaming, change: dict[str, object]) -> None:
    """TR-22, TR-27, TOK-03."""
    url = world.url("tokens", "RECEIVER", "/NL/TNM/012345678")
    assert (await world.emsp.call("PUT", url, TOKEN, to=HUB, sender=EMSP)).code == 1000
    change = change | {"last_updated": LATER}
    answer = await world.emsp.call("PATCH", url, change, to=HUB, sender=EMSP)
    assert (answer.status, answer.code) == (200, 2001)
    listed = await world.cpo.call("GET", world.url("tokens", "SENDER"), to=HUB, sender=CPO)
    assert listed.data == [TOKEN]


async def test_the_hub_never_answers_for_an_emsp(world: Roaming) -> None:
    """TOK-19, TOK-20: what it keeps of a token is no authorization, and a wait would help nobody."""
    url = world.url("tokens", "RECEIVER", "/NL/TNM/012345678")
    await world.emsp.call("PUT", url, TOKEN, to=HUB, sender=EMSP)
    blocked = {"allowed": "BLOCKED", "token": TOKEN}
    world.emsp.answers("POST", "/authorize", Reply(blocked))
    ask = world.url("tokens", "SENDER", "/012345678/authorize?type=RFID")
    answer = await world.cpo.call("POST", ask, {"location_id": "LOC1"}, to=EMSP, sender=CPO)
    assert answer.data == blocked
    assert (await world.emsp.receives("POST", "/authorize")).value == {"location_id": "LOC1"}
    await world.emsp.go_away()
    async with asyncio.timeout(PATIENCE.total_seconds()):
        assert (await world.cpo.call("POST", ask, to=EMSP, sender=CPO)).code == 4003


async def test_two_changes_of_one_object_arrive_in_their_order(world: Roaming) -> None:
    """Design D3."""
    url = world.url("locations", "RECEIVER", "/BE/BEC/LOC1")
    for number in range(10):
        value = LOCATION | {"name": str(number), "last_updated": f"2026-01-01T12:00:0{number}Z"}
        assert (await world.cpo.call("PUT", url, value, to=HUB, sender=CPO)).code == 1000
    await world.emsp.until(lambda: _names(world)[-1:] == ["9"])
    assert _names(world) == sorted(_names(world))


def _names(world: Roaming) -> list[str]:
    return [got.value["name"] for got in world.emsp.all("PUT", "/receiver/locations")]


@pytest.mark.holds("PG-06", "PG-07", "PG-08", "PG-09", "PG-10", "PG-05", by="hub")
@pytest.mark.holds("HCI-05", "HCI-06", by="hub")
async def test_the_list_of_clients_comes_in_pages_and_within_dates(world: Roaming) -> None:
    """HCI-05, HCI-06, PG-01 to PG-10."""
    async with Recorder([("CPO", "FR", "AAA"), ("EMSP", "FR", "AAA")]) as both:
        await joined(world.hub, both, "both")
        url = world.url("hubclientinfo", "SENDER", "?limit=1&date_from=2020-01-01T00:00:00Z")
        seen = []
        while url:
            answer = await world.emsp.call("GET", url)
            assert (answer.headers["X-Total-Count"], answer.headers["X-Limit"]) == ("3", "100")
            seen += [(each["party_id"], each["role"]) for each in answer.data]
            url = answer.headers.get("Link", "")[1:].partition(">")[0]
        assert sorted(seen) == [("AAA", "CPO"), ("AAA", "EMSP"), ("BEC", "CPO")]
        # Its own parties are not told to it, neither in the list nor by a push.
        own = await both.call("GET", world.url("hubclientinfo", "SENDER"))
        assert {each["party_id"] for each in own.data} == {"BEC", "TNM"}
        await world.emsp.receives("PUT", "/receiver/hubclientinfo/FR/AAA", 2)
        assert both.all("PUT", "/receiver/hubclientinfo/FR") == []
    old = world.url("hubclientinfo", "SENDER", "?date_to=2020-01-01T00:00:00Z")
    answer = await world.emsp.call("GET", old)
    assert (answer.data, answer.headers["X-Total-Count"]) == ([], "0")
    bad = await world.emsp.call("GET", world.url("hubclientinfo", "SENDER", "?limit=0"))
    assert (bad.status, bad.code) == (200, 2001)


@pytest.mark.holds("RT-12", "HCI-06", by="hub")
async def test_who_shares_a_party_with_another_platform_hears_of_its_other_role(world: Roaming) -> None:
    """HCI-06, RT-12."""
    async with Recorder([("CPO", "SE", "TWO")]) as charging, Recorder([("EMSP", "SE", "TWO")]) as driving:
        await joined(world.hub, charging, "two-cpo")
        await joined(world.hub, driving, "two-emsp")
        put = await charging.receives("PUT", "/receiver/hubclientinfo/SE/TWO")
        assert put.value["role"] == "EMSP"
        listed = await charging.call("GET", world.url("hubclientinfo", "SENDER"))
        assert [each["role"] for each in listed.data if each["party_id"] == "TWO"] == ["EMSP"]
        assert listed.headers["X-Total-Count"] == str(len(listed.data)) == "3"


AUTHORIZED = b"Authorization: Token secret-of-somebody\r\n"


@pytest.mark.parametrize(
    "request_head",
    [
        b"this is not HTTP\r\n\r\n",
        b"GET /ocpi/versions HTTP/9.9\r\n\r\n",
        b"GE\x00T /ocpi/versions HTTP/1.1\r\nHost: hub\r\n\r\n",
        b"GET /ocpi/" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: hub\r\n\r\n",
        b"GET /ocpi/versions HTTP/1.1\r\nHost: hub\r\nX-Long: " + b"x" * 20_000 + b"\r\n\r\n",
        b"GET /ocpi/versions HTTP/1.1\r\nHost: hub\r\n" + AUTHORIZED + b"X Bad: name\r\n\r\n",
        b"POST /ocpi/versions HTTP/1.1\r\nHost: hub\r\nContent-Length: many\r\n" + AUTHORIZED + b"\r\n",
    ],
)
@pytest.mark.holds("TR-16", "TR-17", "TR-18", by="hub")
@pytest.mark.asyncio(loop_scope="module")
async def test_a_head_that_cannot_be_read_is_refused_with_ids_and_envelope(
    standing_world: Roaming, request_head: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """AM-45: ids are made; what stood in the head is not repeated, for it may hold a token."""
    answer = await sent(standing_world, request_head)
    assert answer.partition(b" ")[2].startswith(b"400 ")
    assert header(answer, b"Content-Type") == b"application/json"
    assert header(answer, b"X-Request-ID")
    assert header(answer, b"X-Correlation-ID")
    envelope = from_json(answer.partition(b"\r\n\r\n")[2])
    assert (envelope["status_code"], envelope["timestamp"][-1]) == (2000, "Z")
    assert b"secret-of-somebody" not in answer
    noted = standing_world.noted(header(answer, b"X-Correlation-ID").decode())
    assert [each.http_status for each in noted] == [400]
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


@pytest.mark.parametrize("path", [None, "/nowhere"])
@pytest.mark.holds("TR-16", "TR-17", "TR-18", by="hub")
async def test_an_expectation_that_nobody_knows_is_refused_with_its_ids(
    world: Roaming, path: str | None
) -> None:
    asking = head(world)
    if path is not None:
        asking = b"PUT " + path.encode() + asking[asking.index(b" HTTP/1.1") :]
    answer = await sent(world, asking + b"Expect: the-unexpected\r\nContent-Length: 0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 417 ")
    assert (header(answer, b"X-Request-ID"), header(answer, b"X-Correlation-ID")) == (b"asked", b"story")
    assert from_json(answer.partition(b"\r\n\r\n")[2])["status_code"] == 2000
    assert world.emsp.all("PUT", "/receiver/locations") == []
    assert [each.http_status for each in world.noted("story")] == [417]


async def test_the_hub_serves_on_after_heads_that_cannot_be_read(world: Roaming) -> None:
    for _ in range(20):
        await sent(world, b"\x16\x03\x01 a greeting in TLS\r\n\r\n")
    assert (await world.cpo.call("GET", world.hub.versions_url)).code == 1000


def header(answer: bytes, name: bytes) -> bytes:
    """The value of a header in an answer, empty where it is not there."""
    return answer.partition(name + b": ")[2].partition(b"\r\n")[0]


def head(world: Roaming) -> bytes:
    """The head of a PUT of a location, by the CPO to the eMSP, that may go on."""
    token = base64.b64encode(world.cpo.outbound_token.encode()).decode()
    path = urlsplit(world.url("locations", "RECEIVER", "/BE/BEC/LOC1")).path
    return (
        f"PUT {path} HTTP/1.1\r\nHost: hub\r\nConnection: close\r\nAuthorization: Token {token}\r\n"
        "X-Request-ID: asked\r\nX-Correlation-ID: story\r\n"
        "OCPI-to-country-code: NL\r\nOCPI-to-party-id: TNM\r\n"
        "OCPI-from-country-code: BE\r\nOCPI-from-party-id: BEC\r\n"
    ).encode()


async def connected(world: Roaming) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    parts = urlsplit(world.hub.public_url)
    return await asyncio.open_connection(parts.hostname, parts.port)


async def raw(world: Roaming, rest: bytes) -> bytes:
    """The whole answer to that PUT with these last headers and this body."""
    return await sent(world, head(world) + rest)


async def sent(world: Roaming, text: bytes) -> bytes:
    """The whole answer to what is sent as it is."""
    reader, writer = await connected(world)
    try:
        writer.write(text)
        await writer.drain()
        async with asyncio.timeout(10 * PATIENCE.total_seconds()):
            answer = await reader.readuntil(b"\r\n\r\n")
            if answer.startswith(b"HTTP/1.1 100 "):
                answer = await reader.readuntil(b"\r\n\r\n")
            length = answer.partition(b"Content-Length: ")[2].partition(b"\r\n")[0]
            return answer + await reader.readexactly(int(length))
    finally:
        writer.close()


NO_TEXT = "\x00"


@pytest.mark.parametrize(
    ("role", "method", "module", "tail", "body"),
    [
        ("emsp", "GET", "locations", "/%00", None),
        ("emsp", "GET", "tokens", "/NL/TNM/a%00b", None),
        ("emsp", "POST", "commands", "/STOP_SESSION", {"session_id": NO_TEXT, "response_url": "OWN"}),
        (
            "emsp",
            "POST",
            "commands",
            "/START_SESSION",
            {"location_id": NO_TEXT, "token": TOKEN, "response_url": "OWN"},
        ),
        ("cpo", "POST", "tokens", "/%00/authorize", None),
        ("cpo", "POST", "cdrs", "", {"id": "C1", "cdr_token": {"uid": NO_TEXT}}),
        ("cpo", "DELETE", "tariffs", "/BE/BEC/%00", None),
        ("cpo", "PUT", "locations", "/BE/BEC/%00", LOCATION),
    ],
)
@pytest.mark.parametrize("to", [HUB, None])
@pytest.mark.asyncio(loop_scope="module")
async def test_an_id_that_no_database_can_hold_is_the_askers_mistake(
    standing_world: Roaming, role: str, method: str, module: str, tail: str, body: Any, to: str | None
) -> None:
    """TR-13: PostgreSQL has no text with U+0000; whoever asks for one is not told of a failure of ours."""
    partner = getattr(standing_world, role)
    if body is not None and body.get("response_url"):
        body = body | {"response_url": f"{partner.url}/callbacks/1"}
    answer = await partner.call(
        method,
        standing_world.url(module, "SENDER" if method == "GET" or module == "tokens" else "RECEIVER", tail),
        body=b"" if body is None else to_json(body),
        to=to,
        sender=CPO if role == "cpo" else EMSP,
    )
    assert 200 <= answer.status < 500
    assert answer.code // 1000 != 3
