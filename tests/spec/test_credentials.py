"""2.2.1, Credentials: partners register at the hub, update and leave (CR rows), as they see it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from hub.ocpi.client import PeerRefused
from hub.ocpi.headers import TokenEncoding
from hub.store.journal import Purpose
from schemas.v2_2_1 import ConnectionStatus, InterfaceRole
from tests.fixtures.databases import is_postgresql
from tests.fixtures.full_disk import fill_disk, free_disk
from tests.fixtures.recorder import Answered, Fault, Received, Recorder, Reply
from tests.fixtures.registry_hub import RegistryHub, registry_hub

DETAILS = "/partner/2.2.1"
VERSIONS = "/partner/versions"


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[RegistryHub]:
    async with registry_hub(tmp_path) as hub:
        yield hub


@pytest.fixture
async def cpo() -> AsyncIterator[Recorder]:
    async with Recorder(roles=[("CPO", "NL", "TNM")]) as cpo:
        yield cpo


@pytest.fixture
async def msp() -> AsyncIterator[Recorder]:
    async with Recorder(roles=[("EMSP", "BE", "BEC")]) as msp:
        yield msp


async def registered(hub: RegistryHub, partner: Recorder, name: str = "TNM") -> Recorder:
    answer = await partner.register(hub.versions_url, (await hub.platforms.invite(name)).token)
    assert answer.code == 1000, answer.body
    partner.received.clear()
    await hub.announced()
    return partner


async def status_shown(hub: RegistryHub, partner: Recorder, token: str | None) -> int:
    """The HTTP status with which the hub answers whoever shows this token."""
    return (await partner.call("GET", hub.versions_url, token=token)).status


async def posted(hub: RegistryHub, partner: Recorder, token_a: str, **other: Any) -> Answered:
    """The answer to a POST of the partner's credentials, some fields of which are other than honest."""
    credentials = partner.credentials(partner.accept_new_token()) | other
    return await partner.call("POST", hub.credentials_url, credentials, token=token_a)


# Registration.


@pytest.mark.holds("CR-04", "CR-05", "CR-06", "CR-21", by="hub")
async def test_a_partner_registers_and_gets_a_fresh_token(hub: RegistryHub, cpo: Recorder) -> None:
    """CR-03 to CR-06, CR-21: called back while it waits, with its own token B; then C works and A is dead."""
    token_a = (await hub.platforms.invite("TNM")).token
    answer = await cpo.register(hub.versions_url, token_a)
    assert (answer.status, answer.code) == (200, 1000)
    (token_b,) = cpo.accepted_tokens
    assert answer.data["token"] not in {token_a, token_b}
    assert answer.data["url"] == hub.versions_url
    assert [(each["role"], each["party_id"]) for each in answer.data["roles"]] == [("HUB", "HUB")]
    assert [(each.method, each.path, each.token) for each in cpo.received] == [
        ("GET", VERSIONS, token_b),
        ("GET", DETAILS, token_b),
    ]
    assert await status_shown(hub, cpo, answer.data["token"]) == 200
    assert await status_shown(hub, cpo, token_a) == 401


@pytest.mark.holds("TR-35", by="hub")
async def test_after_registration_the_directory_knows_the_partner(hub: RegistryHub, cpo: Recorder) -> None:
    await hub.platforms.invite("somebody else")
    await registered(hub, cpo)
    platform = hub.named("TNM")
    assert platform.is_connected
    assert platform.versions_url == cpo.versions_url
    assert platform.outbound_token in cpo.accepted_tokens
    assert [str(each.key) for each in platform.roles] == ["NL/TNM CPO"]
    assert platform.endpoint("tokens", InterfaceRole.RECEIVER) == cpo.endpoint("tokens", "RECEIVER")
    assert platform.endpoint("credentials", InterfaceRole.SENDER) == cpo.endpoint("credentials", "SENDER")


@pytest.mark.holds("CR-30", by="hub")
async def test_handshakes_carry_ids_and_no_routing_headers(hub: RegistryHub, cpo: Recorder) -> None:
    """CR-30: the call-backs belong to the POST by its correlation id; each has a request id of its own."""
    token_a = (await hub.platforms.invite("TNM")).token
    answer = await cpo.call(
        "POST",
        hub.credentials_url,
        cpo.credentials(cpo.accept_new_token()),
        token=token_a,
        headers={"X-Correlation-ID": "the-handshake"},
    )
    assert answer.code == 1000
    assert {each.correlation_id for each in cpo.received} == {"the-handshake"}
    assert len({each.request_id for each in cpo.received}) == len(cpo.received) == 2
    assert all(each.to is None and each.sender is None for each in cpo.received)


@pytest.mark.holds("TR-06", "AM-02", by="hub")
async def test_a_partner_that_shows_raw_tokens_is_shown_raw_tokens(hub: RegistryHub, cpo: Recorder) -> None:
    """AM-02."""
    token_a = (await hub.platforms.invite("TNM")).token
    token_b = cpo.accept_new_token()
    answer = await cpo.call(
        "POST",
        hub.credentials_url,
        cpo.credentials(token_b),
        token=None,
        headers={"Authorization": f"Token {token_a}"},
    )
    assert answer.code == 1000
    assert [each.headers["Authorization"] for each in cpo.received] == [f"Token {token_b}"] * 2
    assert hub.named("TNM").token_encoding is TokenEncoding.RAW


@pytest.mark.holds("VE-06", by="hub")
@pytest.mark.holds("CR-20", by="hub")
async def test_a_platform_may_bring_several_parties_and_one_party_in_two_roles(hub: RegistryHub) -> None:
    """CR-20."""
    roles = [("CPO", "NL", "ABC"), ("CPO", "BE", "ABC"), ("EMSP", "NL", "ABC"), ("CPO", "NL", "XYZ")]
    async with Recorder(roles=roles) as partner:
        await partner.register(hub.versions_url, (await hub.platforms.invite("ABC")).token)
    assert [str(each.key) for each in hub.named("ABC").roles] == [f"{c}/{p} {role}" for role, c, p in roles]


@pytest.mark.holds("ST-08", "CR-15", "CR-28", by="hub")
@pytest.mark.parametrize("path", [VERSIONS, DETAILS])
@pytest.mark.parametrize("fault", list(Fault))
async def test_a_call_back_that_fails_is_3001_and_leaves_nothing(
    hub: RegistryHub, cpo: Recorder, path: str, fault: Fault
) -> None:
    """CR-15, CR-28: nobody is registered, token A still works, and the next try succeeds."""
    token_a = (await hub.platforms.invite("TNM")).token
    before = await hub.rows()
    cpo.answers("GET", path, fault)
    answer = await posted(hub, cpo, token_a)
    assert (answer.status, answer.code) == (200, 3001)
    assert await hub.rows() == before
    assert await hub.announced() == []
    cpo.is_honest_again()
    assert (await cpo.register(hub.versions_url, token_a)).code == 1000


@pytest.mark.holds("ST-08", "CR-15", by="hub")
async def test_a_partner_that_has_gone_away_is_3001(hub: RegistryHub, cpo: Recorder) -> None:
    """CR-15: it posts and listens to nobody."""
    token_a = (await hub.platforms.invite("TNM")).token
    before = await hub.rows()
    await cpo.go_away()
    answer = await posted(hub, cpo, token_a)
    assert (answer.status, answer.code) == (200, 3001)
    assert await hub.rows() == before


@pytest.mark.holds("ST-08", "CR-15", by="hub")
async def test_a_partner_that_refuses_its_own_token_is_3001(hub: RegistryHub, cpo: Recorder) -> None:
    """CR-15, CR-27: token B must work before the POST is answered."""
    token_a = (await hub.platforms.invite("TNM")).token
    answer = await cpo.call("POST", hub.credentials_url, cpo.credentials("not-yet-known"), token=token_a)
    assert (answer.status, answer.code) == (200, 3001)
    assert "401" in answer.envelope["status_message"]


@pytest.mark.holds("ST-09", "CR-17", by="hub")
async def test_without_a_version_in_common_it_is_3002(hub: RegistryHub, cpo: Recorder) -> None:
    """CR-17."""
    cpo.versions = ["2.1.1"]
    token_a = (await hub.platforms.invite("TNM")).token
    answer = await posted(hub, cpo, token_a)
    assert (answer.status, answer.code) == (200, 3002)
    assert "2.1.1" in answer.envelope["status_message"]
    assert hub.named("TNM").status is ConnectionStatus.PLANNED


@pytest.mark.holds("ST-10", "CR-16", by="hub")
async def test_without_a_credentials_endpoint_it_is_3003(hub: RegistryHub, cpo: Recorder) -> None:
    """CR-16."""
    endpoint = {"identifier": "locations", "role": "SENDER", "url": cpo.endpoint("locations", "SENDER")}
    cpo.answers("GET", DETAILS, Reply({"version": "2.2.1", "endpoints": [endpoint]}))
    answer = await posted(hub, cpo, (await hub.platforms.invite("TNM")).token)
    assert (answer.status, answer.code) == (200, 3003)
    assert hub.named("TNM").status is ConnectionStatus.PLANNED


@pytest.mark.holds("VE-08", by="hub")
async def test_modules_that_ocpi_does_not_know_are_passed_over(hub: RegistryHub, cpo: Recorder) -> None:
    """VE-08."""
    cpo.endpoints = [("nltnm-tokens", "SENDER"), ("locations", "SENDER"), ("sessions", "OBSERVER")]
    assert (await posted(hub, cpo, (await hub.platforms.invite("TNM")).token)).code == 1000
    assert {module for module, _ in hub.named("TNM").endpoints} == {"credentials", "locations"}


@pytest.mark.holds("ST-03", "CR-19", "CR-23", "CR-24", by="hub")
@pytest.mark.parametrize(
    "wrong",
    [
        {"token": "x" * 65},
        {"token": "two words"},
        {"url": "ftp://example.com/versions"},
        {"url": "/versions"},
        {"roles": []},
    ],
    ids=str,
)
async def test_credentials_that_are_not_right_are_2001(
    hub: RegistryHub, cpo: Recorder, wrong: dict[str, Any]
) -> None:
    """CR-19, CR-23, CR-24, VE-02."""
    token_a = (await hub.platforms.invite("TNM")).token
    answer = await posted(hub, cpo, token_a, **wrong)
    assert (answer.status, answer.code) == (200, 2001)
    assert f"/{next(iter(wrong))}" in answer.envelope["status_message"]
    assert not cpo.received


@pytest.mark.holds("CR-19", by="hub")
async def test_a_role_named_twice_is_2001(hub: RegistryHub, cpo: Recorder) -> None:
    """CR-19: whatever the case."""
    cpo.roles = [("CPO", "NL", "TNM"), ("CPO", "nl", "tnm")]
    answer = await posted(hub, cpo, (await hub.platforms.invite("TNM")).token)
    assert (answer.status, answer.code) == (200, 2001)


async def test_a_party_id_that_cannot_be_one_is_2001(hub: RegistryHub, cpo: Recorder) -> None:
    cpo.roles = [("CPO", "NL", "T*M")]
    answer = await posted(hub, cpo, (await hub.platforms.invite("TNM")).token)
    assert (answer.status, answer.code) == (200, 2001)
    assert not cpo.received


@pytest.mark.holds("CR-26", "AM-12", by="hub")
async def test_nobody_can_register_the_party_of_another_platform(
    hub: RegistryHub, cpo: Recorder, msp: Recorder
) -> None:
    """CR-26, AM-12: the answer names the party; it is not even called; the first one is as it was."""
    await registered(hub, cpo)
    token_a = (await hub.platforms.invite("BEC")).token
    before = await hub.rows()
    msp.roles = [("EMSP", "BE", "BEC"), ("CPO", "nl", "tnm")]
    answer = await posted(hub, msp, token_a)
    assert (answer.status, answer.code) == (200, 2001)
    assert "NL/TNM CPO" in answer.envelope["status_message"]
    assert not msp.received
    assert await hub.rows() == before


@pytest.mark.holds("RT-12", by="hub")
async def test_two_platforms_may_have_one_party_in_different_roles(
    hub: RegistryHub, cpo: Recorder, msp: Recorder
) -> None:
    await registered(hub, cpo)
    msp.roles = [("EMSP", "NL", "TNM")]
    await registered(hub, msp, "TNM drivers")
    assert len(hub.directory.value.holders(hub.named("TNM").roles[0].party)) == 2


@pytest.mark.holds("CR-26", by="hub")
async def test_nobody_can_register_the_party_of_the_hub(hub: RegistryHub, cpo: Recorder) -> None:
    cpo.roles = [("CPO", "NL", "HUB")]
    answer = await posted(hub, cpo, (await hub.platforms.invite("HUB")).token)
    assert (answer.status, answer.code) == (200, 2001)


@pytest.mark.holds("CR-07", "CR-28", by="hub")
async def test_two_posts_with_one_token_register_once(hub: RegistryHub, cpo: Recorder) -> None:
    """CR-07, CR-28: both are called back, one is registered, the other is told 405."""
    token_a = (await hub.platforms.invite("TNM")).token
    both_are_there = asyncio.Event()
    honest = Reply([{"version": "2.2.1", "url": f"{cpo.url}{DETAILS}"}])

    async def wait_for_the_other(_received: Received) -> Reply:
        if len(cpo.all("GET", VERSIONS)) == 2:
            both_are_there.set()
        await both_are_there.wait()
        return honest

    cpo.answers("GET", VERSIONS, wait_for_the_other)
    answers = await asyncio.gather(posted(hub, cpo, token_a), posted(hub, cpo, token_a))
    assert sorted(each.status for each in answers) == [200, 405]
    (winner,) = (each for each in answers if each.status == 200)
    assert await status_shown(hub, cpo, winner.data["token"]) == 200
    rows = await hub.rows()
    assert len(rows["platform_role"]) == len(rows["inbound_token"]) == 1


@pytest.mark.holds("CR-26", by="hub")
async def test_of_two_platforms_that_claim_one_party_at_once_one_gets_it(
    hub: RegistryHub, cpo: Recorder, msp: Recorder
) -> None:
    """CR-26, when neither was there before the other."""
    msp.roles = cpo.roles
    tokens = [(await hub.platforms.invite(name)).token for name in ("first", "second")]
    answers = await asyncio.gather(posted(hub, cpo, tokens[0]), posted(hub, msp, tokens[1]))
    assert sorted(each.code for each in answers) == [1000, 2001]
    assert len((await hub.rows())["platform_role"]) == 1


@pytest.mark.holds("CR-28", "ST-07", by="hub")
async def test_a_failure_of_the_database_leaves_nothing(hub: RegistryHub, cpo: Recorder) -> None:
    """CR-28: the last row of the transaction cannot be written; everything before it is undone."""
    token_a = (await hub.platforms.invite("TNM")).token
    before = await hub.rows()
    await fill_disk(hub.database, "INSERT", "inbound_token")
    answer = await posted(hub, cpo, token_a)
    # PostgreSQL's own error is known for a full disk and has words; SQLite's stand-in is any failure.
    assert (answer.status, answer.code) == (200 if is_postgresql() else 500, 3000)
    assert "disk" not in answer.envelope["status_message"]
    assert "inbound_token" not in answer.envelope["status_message"]
    assert await hub.rows() == before
    await free_disk(hub.database, "inbound_token")
    assert (await posted(hub, cpo, token_a)).code == 1000


# Who may do what.


@pytest.mark.holds("TR-03", "AM-47", by="hub")
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
async def test_an_unknown_token_is_401(hub: RegistryHub, cpo: Recorder, method: str) -> None:
    """AM-47."""
    answer = await cpo.call(method, hub.credentials_url, cpo.credentials("b"), token="nobody's")
    assert answer.status == 401


@pytest.mark.holds("CR-08", "CR-09", "AM-47", by="hub")
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_who_is_not_registered_can_neither_update_nor_leave(
    hub: RegistryHub, cpo: Recorder, method: str
) -> None:
    """CR-08, CR-09: token A gets 405, and works on."""
    token_a = (await hub.platforms.invite("TNM")).token
    before = await hub.rows()
    credentials = cpo.credentials(cpo.accept_new_token())
    answer = await cpo.call(method, hub.credentials_url, credentials, token=token_a)
    assert answer.status == 405
    assert answer.headers["Allow"] == "GET, POST"
    assert await hub.rows() == before
    assert (await posted(hub, cpo, token_a)).code == 1000


@pytest.mark.holds("CR-07", by="hub")
async def test_who_is_registered_cannot_register_again(hub: RegistryHub, cpo: Recorder) -> None:
    """CR-07: nothing changes."""
    await registered(hub, cpo)
    before = await hub.rows()
    answer = await cpo.call("POST", hub.credentials_url, cpo.credentials(cpo.accept_new_token()))
    assert answer.status == 405
    assert not cpo.received
    assert await hub.rows() == before


@pytest.mark.holds("CR-14", by="hub")
async def test_credentials_have_no_patch(hub: RegistryHub, cpo: Recorder) -> None:
    """CR-14."""
    await registered(hub, cpo)
    assert (await cpo.call("PATCH", hub.credentials_url, {"token": "x"})).status == 405


@pytest.mark.holds("CR-12", "CR-21", "AM-16", by="hub")
async def test_get_returns_the_credentials_with_which_the_caller_calls(
    hub: RegistryHub, cpo: Recorder, msp: Recorder
) -> None:
    """CR-12, CR-21, AM-16: its own token, the hub's URL and role, and nobody else who is connected."""
    await registered(hub, cpo)
    await registered(hub, msp, "BEC")
    answer = await cpo.call("GET", hub.credentials_url)
    assert answer.data["token"] == cpo.outbound_token
    assert answer.data["url"] == hub.versions_url
    assert [each["role"] for each in answer.data["roles"]] == ["HUB"]


# Updates.


@pytest.mark.holds("CR-10", "CR-11", by="hub")
async def test_an_update_fetches_the_endpoints_anew(hub: RegistryHub, cpo: Recorder) -> None:
    """CR-10, CR-11: both GETs with the new token B; the answer holds a new token for the caller."""
    await registered(hub, cpo)
    before = cpo.outbound_token
    cpo.endpoints = [("locations", "SENDER")]
    answer = await cpo.update()
    assert (answer.status, answer.code) == (200, 1000)
    assert answer.data["token"] != before
    tokens = {each.token for each in cpo.all("GET")}
    assert [each.path for each in cpo.received] == [VERSIONS, DETAILS]
    assert tokens == {hub.named("TNM").outbound_token}
    assert {module for module, _ in hub.named("TNM").endpoints} == {"credentials", "locations"}


@pytest.mark.holds("AM-15", by="hub")
async def test_the_token_before_works_until_the_new_one_is_used(hub: RegistryHub, cpo: Recorder) -> None:
    """AM-15: an answer that was lost locks nobody out."""
    await registered(hub, cpo)
    old = cpo.outbound_token
    await cpo.update()
    assert await status_shown(hub, cpo, old) == 200
    assert await status_shown(hub, cpo, cpo.outbound_token) == 200
    assert await status_shown(hub, cpo, old) == 401
    assert await status_shown(hub, cpo, cpo.outbound_token) == 200
    assert len((await hub.rows())["inbound_token"]) == 1


@pytest.mark.holds("AM-15", by="hub")
async def test_who_never_uses_the_new_token_keeps_the_one_before(hub: RegistryHub, cpo: Recorder) -> None:
    """AM-15: who still shows the old one after five minutes never got the new one: the rotation is undone."""
    await registered(hub, cpo)
    old = cpo.outbound_token
    await cpo.update()
    for _ in range(2):
        hub.clock.advance(timedelta(minutes=5) - timedelta(seconds=1))
        assert await status_shown(hub, cpo, old) == 200
    assert len((await hub.rows())["inbound_token"]) == 1
    assert await status_shown(hub, cpo, cpo.outbound_token) == 401
    assert await status_shown(hub, cpo, old) == 200


@pytest.mark.holds("AM-15", by="hub")
async def test_who_is_silent_for_long_may_show_either_token(hub: RegistryHub, cpo: Recorder) -> None:
    """AM-15: nobody is locked out by time alone; the first token that is shown stays."""
    await registered(hub, cpo)
    old = cpo.outbound_token
    await cpo.update()
    hub.clock.advance(timedelta(days=30))
    assert await status_shown(hub, cpo, cpo.outbound_token) == 200
    assert await status_shown(hub, cpo, old) == 401


@pytest.mark.holds("AM-15", by="hub")
async def test_a_rotation_is_undone_also_for_the_token_that_the_hub_shows(
    hub: RegistryHub, cpo: Recorder
) -> None:
    """AM-15: a partner that took its PUT back refuses the new token; the hub goes on with the one before."""
    await registered(hub, cpo)
    shown_to_hub, before = cpo.outbound_token, set(cpo.accepted_tokens)
    await cpo.update()
    cpo.outbound_token, cpo.accepted_tokens = shown_to_hub, set(before)
    cpo.received.clear()
    platform = hub.named("TNM")
    for _ in range(2):
        client = hub.calls.client(hub.named("TNM"), Purpose.PROBE, timedelta(seconds=5))
        assert await client.versions(platform.versions_url or "")
    assert [each.token in before for each in cpo.received] == [False, True, True]
    assert {hub.named("TNM").outbound_token} == before


@pytest.mark.holds("AM-15", by="hub")
async def test_once_the_new_token_was_used_the_hub_has_forgotten_the_one_that_it_showed_before(
    hub: RegistryHub, cpo: Recorder
) -> None:
    """AM-15: a refusal is then a refusal, and nothing is sent twice."""
    await registered(hub, cpo)
    await cpo.update()
    assert await status_shown(hub, cpo, cpo.outbound_token) == 200
    assert hub.named("TNM").previous_outbound_token is None
    cpo.accepted_tokens = {"another"}
    cpo.received.clear()
    client = hub.calls.client(hub.named("TNM"), Purpose.PROBE, timedelta(seconds=5))
    with pytest.raises(PeerRefused):
        await client.versions(hub.named("TNM").versions_url or "")
    assert len(cpo.received) == 1


@pytest.mark.holds("AM-15", by="hub")
async def test_an_update_whose_answer_was_lost_can_be_repeated(hub: RegistryHub, cpo: Recorder) -> None:
    """AM-15: with the token from before; of three tokens only the newest is left when it is used."""
    await registered(hub, cpo)
    old = cpo.outbound_token
    lost = (await cpo.update()).data["token"]
    cpo.outbound_token = old
    assert (await cpo.update()).code == 1000
    assert await status_shown(hub, cpo, cpo.outbound_token) == 200
    assert [await status_shown(hub, cpo, token) for token in (old, lost)] == [401, 401]


@pytest.mark.holds("CR-15", "CR-28", by="hub")
@pytest.mark.parametrize("path", [VERSIONS, DETAILS])
@pytest.mark.parametrize("fault", [Fault.HANG, Fault.CLOSE, Fault.SERVER_ERROR])
async def test_an_update_whose_call_back_fails_changes_nothing(
    hub: RegistryHub, cpo: Recorder, path: str, fault: Fault
) -> None:
    """CR-15, CR-28: the tokens in both directions are as they were."""
    await registered(hub, cpo)
    before = await hub.rows()
    outbound = hub.named("TNM").outbound_token
    cpo.answers("GET", path, fault)
    answer = await cpo.update()
    assert (answer.status, answer.code) == (200, 3001)
    assert await hub.rows() == before
    assert hub.named("TNM").outbound_token == outbound
    assert await status_shown(hub, cpo, cpo.outbound_token) == 200


@pytest.mark.holds("CR-26", by="hub")
async def test_an_update_cannot_claim_the_party_of_another_platform(
    hub: RegistryHub, cpo: Recorder, msp: Recorder
) -> None:
    """CR-26."""
    await registered(hub, cpo)
    await registered(hub, msp, "BEC")
    before = await hub.rows()
    msp.roles = [("EMSP", "BE", "BEC"), ("CPO", "NL", "TNM")]
    answer = await msp.update()
    assert (answer.status, answer.code) == (200, 2001)
    assert await hub.rows() == before


# Leaving.


@pytest.mark.holds("CR-13", by="hub")
async def test_who_leaves_is_unknown_from_then_on(hub: RegistryHub, cpo: Recorder) -> None:
    """CR-13: both tokens are dead, and nothing leads to the partner any more."""
    await registered(hub, cpo)
    answer = await cpo.call("DELETE", hub.credentials_url)
    assert (answer.status, answer.code) == (200, 1000)
    assert "data" not in answer.envelope
    assert await status_shown(hub, cpo, cpo.outbound_token) == 401
    platform = hub.named("TNM")
    assert not platform.is_registered
    assert platform.status is ConnectionStatus.SUSPENDED
    assert not platform.endpoints


async def test_who_has_left_may_be_invited_again(hub: RegistryHub, cpo: Recorder) -> None:
    await registered(hub, cpo)
    await cpo.call("DELETE", hub.credentials_url)
    token_a = (await hub.platforms.invite_again("TNM")).token
    assert (await cpo.register(hub.versions_url, token_a)).code == 1000
    assert hub.named("TNM").is_connected
