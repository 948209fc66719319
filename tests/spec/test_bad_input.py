"""Bad input at the hub: each has its answer, and nothing reaches the far end (TR, ST, RT rows)."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from hub.ocpi.envelope import SUCCESS
from hub.store.journal import JournalEntry
from tests.fixtures.recorder import Recorder, Reply
from tests.fixtures.roaming import CPO, EMSP, HUB, LOCATION, TOKEN, Roaming, joined, roaming


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Roaming]:
    """For tests that change what the others build on."""
    async with roaming(tmp_path) as made:
        yield made
        check_reasons(made.journal)


@pytest.fixture
def standing_world(standing_world: Roaming) -> Iterator[Roaming]:
    begun = len(standing_world.journal)
    yield standing_world
    check_reasons(standing_world.journal[begun:])


def check_reasons(journal: list[JournalEntry]) -> None:
    """A hub writes down each refusal in these tests, with its reason."""
    refused = [each for each in journal if each.direction == "in" and each.status_code != SUCCESS]
    assert refused
    assert all(each.note for each in refused)


def pushed(world: Roaming) -> str:
    return world.url("locations", "RECEIVER", "/BE/BEC/LOC1")


@pytest.mark.holds("TR-02", "TR-03", "TR-16", "TR-17", "VE-10", by="hub")
@pytest.mark.parametrize("token", [None, "wrong", "x" * 5_000])
@pytest.mark.parametrize("path", ["/versions", "/2.2.1", "/2.2.1/credentials", "/2.2.1/sender/locations"])
@pytest.mark.asyncio(loop_scope="module")
async def test_without_a_known_token_nothing_opens(
    standing_world: Roaming, token: str | None, path: str
) -> None:
    """TR-02, TR-03, VE-10."""
    url = f"{standing_world.hub.public_url}/ocpi{path}"
    answer = await standing_world.emsp.call("GET", url, token=token, headers={"X-Request-ID": "r"})
    assert (answer.status, answer.code) == (401, 2000)
    assert answer.headers["X-Request-ID"] == "r"


@pytest.mark.holds("TR-02", by="hub")
@pytest.mark.parametrize("header", ["", "Token", "Bearer abc", "Token ====", "Basic YTpi"])
@pytest.mark.asyncio(loop_scope="module")
async def test_a_header_that_shows_no_token_is_refused(standing_world: Roaming, header: str) -> None:
    url = f"{standing_world.hub.public_url}/ocpi/versions"
    answer = await standing_world.emsp.call("GET", url, token=None, headers={"Authorization": header})
    assert answer.status == 401


@pytest.mark.holds("TR-04", "CR-06", by="hub")
async def test_token_a_opens_the_handshake_only_and_dies_with_it(world: Roaming) -> None:
    """TR-04, CR-06."""
    async with Recorder([("EMSP", "DE", "NEW")]) as newcomer:
        token_a = (await world.hub.platforms.invite("newcomer")).token
        functional = world.url("locations", "SENDER")
        versions = world.hub.versions_url
        assert (await newcomer.call("GET", versions, token=token_a)).status == 200
        assert (await newcomer.call("GET", functional, token=token_a, to=HUB)).status == 401
        assert (await newcomer.register(versions, token_a)).code == 1000
        assert (await newcomer.call("GET", versions, token=token_a)).status == 401
        assert (await newcomer.call("GET", functional, to=HUB, sender="DE/NEW")).status == 200


@pytest.mark.holds("RT-11", "AM-12", by="hub")
@pytest.mark.asyncio(loop_scope="module")
async def test_somebody_elses_party_cannot_be_the_sender(standing_world: Roaming) -> None:
    """RT-11."""
    answer = await standing_world.emsp.call(
        "GET", standing_world.url("locations", "SENDER"), to=CPO, sender="BE/BEC"
    )
    assert (answer.status, answer.code) == (200, 2001)
    assert standing_world.cpo.all("GET", "/sender/locations") == []


@pytest.mark.holds("TR-13", "RT-03", by="hub")
@pytest.mark.parametrize("half", ["OCPI-to-country-code", "OCPI-to-party-id", "OCPI-from-party-id"])
@pytest.mark.asyncio(loop_scope="module")
async def test_half_a_pair_is_refused(standing_world: Roaming, half: str) -> None:
    """RT-03."""
    url = standing_world.url("locations", "SENDER", "/LOC1")
    answer = await standing_world.emsp.call("GET", url, to=CPO, sender=EMSP, headers={half: ""})
    assert (answer.status, answer.code) == (200, 2001)
    assert half in answer.envelope["status_message"]
    assert standing_world.cpo.all("GET", "/sender/locations") == []


@pytest.mark.holds("TR-12", "TR-16", by="hub")
@pytest.mark.parametrize("to", [EMSP, HUB])
@pytest.mark.parametrize("body", [b'{"a":', b"", b"nonsense", b"\xff\xfe", b"{" * 5000])
@pytest.mark.asyncio(loop_scope="module")
async def test_what_is_not_json_is_refused_with_400(standing_world: Roaming, body: bytes, to: str) -> None:
    """TR-12."""
    answer = await standing_world.cpo.call("PUT", pushed(standing_world), body=body, to=to, sender=CPO)
    assert (answer.status, answer.code) == (400, 2001)
    assert standing_world.emsp.all("PUT", "/receiver/locations") == []


@pytest.mark.holds("TR-13", "ST-03", by="hub")
@pytest.mark.parametrize("body", [b"[]", b"1", b'"x"', b"null"])
@pytest.mark.asyncio(loop_scope="module")
async def test_json_that_is_no_object_is_refused(standing_world: Roaming, body: bytes) -> None:
    answer = await standing_world.cpo.call("PUT", pushed(standing_world), body=body, to=EMSP, sender=CPO)
    assert (answer.status, answer.code) == (200, 2001)
    assert standing_world.emsp.all("PUT", "/receiver/locations") == []


@pytest.mark.holds("LOC-05", by="hub")
@pytest.mark.holds("TR-13", "TR-27", "AM-07", by="hub")
@pytest.mark.parametrize("to", [EMSP, HUB])
@pytest.mark.parametrize(
    ("tail", "change", "named"),
    [
        ("/BE/BEC/OTHER", {}, "/id"),
        ("/BE/BEC/LOC1", {"party_id": "XYZ"}, "/party_id"),
        ("/BE/BEC/LOC1", {"country_code": "NL"}, "/country_code"),
        ("/NL/XYZ/LOC1", {"country_code": "NL", "party_id": "XYZ"}, "NL/XYZ"),
    ],
)
@pytest.mark.asyncio(loop_scope="module")
async def test_ids_that_disagree_are_refused_by_name(
    standing_world: Roaming, to: str, tail: str, change: dict[str, str], named: str
) -> None:
    """TR-27, LOC-05, AM-07; design D5."""
    url = standing_world.url("locations", "RECEIVER", tail)
    answer = await standing_world.cpo.call("PUT", url, LOCATION | change, to=to, sender=CPO)
    assert (answer.status, answer.code) == (200, 2001)
    assert named in answer.envelope["status_message"]
    assert standing_world.emsp.all("PUT", "/receiver/locations") == []


@pytest.mark.holds("TOK-03", "AM-52", by="hub")
async def test_the_type_of_a_token_is_part_of_its_address(world: Roaming) -> None:
    """TOK-03."""
    app_user = TOKEN | {"type": "APP_USER"}
    url = world.url("tokens", "RECEIVER", "/NL/TNM/012345678")
    for to in (CPO, HUB):
        answer = await world.emsp.call("PUT", url, app_user, to=to, sender=EMSP)
        assert (answer.status, answer.code) == (200, 2001)
    assert (await world.emsp.call("PUT", f"{url}?type=APP_USER", app_user, to=HUB, sender=EMSP)).status == 201


@pytest.mark.asyncio(loop_scope="module")
async def test_a_body_above_the_limit_is_refused(standing_world: Roaming) -> None:
    body = b'{"id":"' + b"x" * 20_000_000 + b'"}'
    answer = await standing_world.cpo.call("PUT", pushed(standing_world), body=body, to=EMSP, sender=CPO)
    assert (answer.status, answer.code) == (413, 2000)
    assert standing_world.emsp.all("PUT", "/receiver/locations") == []


@pytest.mark.holds("TR-16", "TR-17", "TR-18", "TR-24", "TR-40", "CR-14", "AM-45", by="hub")
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/ocpi/9.9", 404),
        ("GET", "/ocpi/2.2.1/sender/nonsense", 404),
        ("GET", "/ocpi/2.2.1/receiver/locations", 404),
        ("POST", "/ocpi/versions", 405),
        ("DELETE", "/ocpi/2.2.1", 405),
        ("PATCH", "/ocpi/2.2.1/credentials", 405),
        ("DELETE", "/ocpi/2.2.1/receiver/locations/BE/BEC/L", 405),
        ("PATCH", "/ocpi/2.2.1/receiver/tariffs/BE/BEC/T", 405),
        ("POST", "/ocpi/2.2.1/receiver/tokens/NL/TNM/1", 405),
        ("HEAD", "/ocpi/2.2.1/sender/locations", 405),
        ("OPTIONS", "/ocpi/2.2.1/sender/locations", 405),
        ("POST", "/ocpi/2.2.1/sender/hubclientinfo", 405),
        ("GET", "/ocpi/2.2.1/via/nonsense", 404),
    ],
)
@pytest.mark.asyncio(loop_scope="module")
async def test_what_does_not_exist_answers_with_an_envelope_and_the_ids(
    standing_world: Roaming, method: str, path: str, status: int
) -> None:
    """TR-16 to TR-18, TR-24, TR-40, AM-45."""
    ids = {"X-Request-ID": "r", "X-Correlation-ID": "c"}
    url = f"{standing_world.hub.public_url}{path}"
    answer = await standing_world.cpo.call(method, url, to=EMSP, sender=CPO, headers=ids)
    assert answer.status == status
    assert (answer.headers["X-Request-ID"], answer.headers["X-Correlation-ID"]) == ("r", "c")
    assert answer.headers["Content-Type"] == "application/json"
    if method != "HEAD":
        assert answer.code in {2000, 2001}
        assert answer.envelope["timestamp"].endswith("Z")


@pytest.mark.holds("RT-14", "HCI-14", by="hub")
async def test_a_suspended_platform_gets_and_gives_nothing(world: Roaming) -> None:
    """HCI-14, RT-14."""
    await world.hub.platforms.suspend("cpo")
    answer = await world.emsp.call("GET", world.url("locations", "SENDER"), to=CPO, sender=EMSP)
    assert (answer.status, answer.code) == (200, 4003)
    answer = await world.cpo.call("PUT", pushed(world), LOCATION, to=EMSP, sender=CPO)
    assert (answer.status, answer.code) == (403, 2000)
    await world.hub.platforms.resume("cpo")
    world.cpo.answers("GET", "/sender/locations", Reply([]))
    answer = await world.emsp.call("GET", world.url("locations", "SENDER"), to=CPO, sender=EMSP)
    assert answer.code == 1000


async def test_a_party_of_ones_own_platform_is_not_reached_through_the_hub(world: Roaming) -> None:
    """AM-56."""
    async with Recorder([("CPO", "SE", "ONE"), ("EMSP", "SE", "TWO")]) as both:
        await joined(world.hub, both, "both")
        url = world.url("tokens", "RECEIVER", "/SE/TWO/1")
        token = TOKEN | {"country_code": "SE", "party_id": "TWO", "uid": "1"}
        answer = await both.call("PUT", url, token, to="SE/ONE", sender="SE/TWO")
        assert (answer.status, answer.code) == (200, 4000)


@pytest.mark.holds("RT-05", by="hub")
async def test_without_a_sender_the_only_party_of_the_platform_is_meant(world: Roaming) -> None:
    """RT-05."""
    world.cpo.answers("GET", "/sender/locations", Reply({}))
    await world.emsp.call("GET", world.url("locations", "SENDER", "/LOC1"), to=CPO)
    assert (await world.cpo.receives("GET", "/sender/locations")).sender == EMSP
    async with Recorder([("EMSP", "SE", "ONE"), ("EMSP", "SE", "TWO")]) as both:
        await joined(world.hub, both, "both")
        answer = await both.call("GET", world.url("locations", "SENDER", "/LOC1"), to=CPO)
        assert (answer.status, answer.code) == (200, 2001)


@pytest.mark.asyncio(loop_scope="module")
async def test_without_an_addressee_a_list_is_refused(standing_world: Roaming) -> None:
    """RT-56."""
    answer = await standing_world.emsp.call("GET", standing_world.url("locations", "SENDER"), sender=EMSP)
    assert (answer.status, answer.code) == (200, 2001)


@pytest.mark.holds("TR-13", by="hub")
@pytest.mark.parametrize("to", [HUB, None])
@pytest.mark.asyncio(loop_scope="module")
async def test_a_list_of_nothing_but_wrong_elements_is_told_by_its_first(
    standing_world: Roaming, to: str | None
) -> None:
    """Words for each of them took the hub minutes and gigabytes, in which it answered nobody."""
    body = LOCATION | {"evses": [{}] * 2_000 + [{"connectors": [{}] * 2_000}]}
    answer = await standing_world.cpo.call("PUT", pushed(standing_world), body, to=to, sender=CPO)
    assert answer.code == 2001
    message = answer.envelope["status_message"]
    assert "/evses/0/uid" in message
    assert "/evses/1" not in message
    assert "more" not in message
