"""2.2.1, Credentials: the hub registers at platforms, updates and leaves (CR rows), as they see it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from hub.directory.tokens import TokenPurpose
from hub.ocpi.headers import TokenEncoding
from hub.registry.platforms import HandshakeFailed, NameTaken, NotAName, NotConnectedYet, UnknownPlatform
from hub.store.journal import Purpose
from schemas.v2_2_1 import ConnectionStatus, InterfaceRole
from tests.fixtures.recorder import Answered, Behaviour, Fault, Received, Recorder, Reply
from tests.fixtures.registry_hub import RegistryHub, registry_hub

VERSIONS = "/partner/versions"
DETAILS = "/partner/2.2.1"
CREDENTIALS = "/partner/2.2.1/credentials"


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[RegistryHub]:
    async with registry_hub(tmp_path) as hub:
        yield hub


@pytest.fixture
async def msp() -> AsyncIterator[Recorder]:
    async with Recorder(roles=[("EMSP", "BE", "BEC")]) as msp:
        yield msp


async def registered(hub: RegistryHub, partner: Recorder, name: str = "BEC") -> Recorder:
    await hub.registering.register_at(name, partner.versions_url, partner.accept_new_token())
    partner.received.clear()
    await hub.announced()
    return partner


async def status_shown(hub: RegistryHub, partner: Recorder, token: str | None) -> int:
    """The HTTP status with which the hub answers whoever shows this token."""
    return (await partner.call("GET", hub.versions_url, token=token)).status


# Registration.


@pytest.mark.holds("TR-01", "CR-03", "CR-06", "CR-21", by="hub")
async def test_the_hub_registers_at_a_platform(hub: RegistryHub, msp: Recorder) -> None:
    """CR-03 to CR-06, CR-21: in the order of the specification, with token A; then C and B are in force."""
    token_a = msp.accept_new_token()
    platform = await hub.registering.register_at("BEC", msp.versions_url, token_a)
    assert [(each.method, each.path, each.token) for each in msp.received] == [
        ("GET", VERSIONS, token_a),
        ("GET", DETAILS, token_a),
        ("POST", CREDENTIALS, token_a),
    ]
    post = msp.all("POST")[0]
    assert post.value["url"] == hub.versions_url
    assert [each["role"] for each in post.value["roles"]] == ["HUB"]
    (token_c,) = msp.accepted_tokens
    assert platform.outbound_token == token_c
    assert platform.is_connected
    assert [str(each.key) for each in platform.roles] == ["BE/BEC EMSP"]
    assert platform.endpoint("locations", InterfaceRole.RECEIVER) == msp.endpoint("locations", "RECEIVER")
    assert await status_shown(hub, msp, post.value["token"]) == 200
    assert await hub.announced() == ["BE/BEC EMSP CONNECTED"]


@pytest.mark.holds("CR-27", by="hub")
async def test_the_platform_can_call_back_before_it_answers(hub: RegistryHub, msp: Recorder) -> None:
    """CR-27: token B opens versions and details while the POST is still open."""
    await registered(hub, msp)
    assert not msp.call_back_failures
    assert ("locations", "SENDER") in msp.far_end


@pytest.mark.holds("CR-27", by="hub")
async def test_until_the_platform_has_answered_token_b_opens_nothing_more(
    hub: RegistryHub, msp: Recorder
) -> None:
    """CR-27: neither a registration nor an update can be begun with it, and no functional module is open."""
    answers: list[Answered] = []
    purposes: list[TokenPurpose] = []

    async def try_token_b(received: Received) -> Reply:
        token_b = received.value["token"]
        caller = hub.directory.value.caller([(token_b, TokenEncoding.BASE64)], hub.clock())
        assert caller is not None
        assert not caller.is_registered
        purposes.append(caller.purpose)
        answers.extend(
            [
                await msp.call(method, hub.credentials_url, msp.credentials("mine"), token=token_b)
                for method in ("POST", "PUT", "DELETE")
            ]
        )
        return Reply(msp.credentials(msp.accept_new_token()))

    msp.answers("POST", CREDENTIALS, try_token_b)
    await registered(hub, msp)
    assert purposes == [TokenPurpose.PENDING]
    assert [each.status for each in answers] == [405, 405, 405]


@pytest.mark.holds("CR-30", by="hub")
async def test_all_legs_of_a_handshake_have_one_correlation_id(hub: RegistryHub, msp: Recorder) -> None:
    """CR-30: and each a request id of its own, and no routing headers."""
    await hub.registering.register_at("BEC", msp.versions_url, msp.accept_new_token())
    assert len({each.correlation_id for each in msp.received}) == 1
    assert len({each.request_id for each in msp.received}) == 3
    assert all(each.to is None and each.sender is None for each in msp.received)


STEPS = [("GET", VERSIONS), ("GET", DETAILS), ("POST", CREDENTIALS)]


@pytest.mark.holds("CR-28", by="hub")
@pytest.mark.parametrize(("method", "path"), STEPS, ids=["versions", "details", "POST"])
@pytest.mark.parametrize("fault", list(Fault))
async def test_whatever_fails_nothing_stays(
    hub: RegistryHub, msp: Recorder, method: str, path: str, fault: Fault
) -> None:
    """CR-28: no platform, no token B, and the next try succeeds."""
    before = await hub.rows()
    token_a = msp.accept_new_token()
    msp.answers(method, path, fault)
    with pytest.raises(HandshakeFailed):
        await hub.registering.register_at("BEC", msp.versions_url, token_a)
    assert await hub.rows() == before
    assert hub.directory.value.named("BEC") is None
    posts = msp.all("POST", CREDENTIALS)
    assert bool(posts) is (method == "POST")
    for post in posts:
        assert await status_shown(hub, msp, post.value["token"]) == 401
    msp.is_honest_again()
    assert (await hub.registering.register_at("BEC", msp.versions_url, token_a)).is_connected


REFUSALS: list[tuple[str, Behaviour]] = [
    ("a 3001", Reply(status_code=3001)),
    ("a 405", Reply(status=405, status_code=2000)),
    ("credentials without a token", Reply({"url": "https://example.com/versions", "roles": []})),
    ("no credentials", Reply()),
]


@pytest.mark.holds("CR-28", by="hub")
@pytest.mark.parametrize("behaviour", [each for _, each in REFUSALS], ids=[each for each, _ in REFUSALS])
async def test_a_post_that_is_refused_leaves_nothing(
    hub: RegistryHub, msp: Recorder, behaviour: Behaviour
) -> None:
    """CR-28."""
    before = await hub.rows()
    msp.answers("POST", CREDENTIALS, behaviour)
    with pytest.raises(HandshakeFailed, match="POST"):
        await hub.registering.register_at("BEC", msp.versions_url, msp.accept_new_token())
    assert await hub.rows() == before


async def test_a_platform_that_is_not_there_is_told_as_such(hub: RegistryHub, msp: Recorder) -> None:
    await msp.go_away()
    with pytest.raises(HandshakeFailed, match="versions"):
        await hub.registering.register_at("BEC", msp.versions_url, "a")
    assert hub.directory.value.named("BEC") is None


async def test_a_url_that_is_none_is_told_as_such(hub: RegistryHub) -> None:
    """VE-02."""
    with pytest.raises(HandshakeFailed, match="absolute URL"):
        await hub.registering.register_at("BEC", "/ocpi/versions", "a")


@pytest.mark.holds("CR-28", by="hub")
async def test_a_handshake_that_is_given_up_leaves_nothing(hub: RegistryHub, msp: Recorder) -> None:
    """CR-28: the operator interrupts it while the platform holds the POST."""
    before = await hub.rows()
    msp.answers("POST", CREDENTIALS, Fault.HANG)
    async with asyncio.TaskGroup() as tasks:
        handshake = tasks.create_task(
            hub.registering.register_at("BEC", msp.versions_url, msp.accept_new_token())
        )
        post = await msp.receives("POST", CREDENTIALS)
        assert await status_shown(hub, msp, post.value["token"]) == 200
        handshake.cancel()
    assert handshake.cancelled()
    assert await hub.rows() == before
    assert await status_shown(hub, msp, post.value["token"]) == 401


@pytest.mark.holds("CR-28", by="hub")
async def test_what_a_stop_of_the_hub_cut_short_is_forgotten_at_the_next_start(
    hub: RegistryHub, msp: Recorder
) -> None:
    """CR-28: the tables as they are in the middle of a handshake, read by a hub that starts."""
    await hub.platforms.invite("invited")
    before = await hub.rows()
    msp.answers("POST", CREDENTIALS, Fault.HANG)
    async with asyncio.TaskGroup() as tasks:
        handshake = tasks.create_task(
            hub.registering.register_at("BEC", msp.versions_url, msp.accept_new_token())
        )
        token_b = (await msp.receives("POST", CREDENTIALS)).value["token"]
        assert await hub.rows() != before
        await hub.platforms.forget_unfinished()
        assert await hub.rows() == before
        assert await status_shown(hub, msp, token_b) == 401
        handshake.cancel()


@pytest.mark.holds("AM-15", by="hub")
@pytest.mark.parametrize("has_taken", [True, False])
async def test_an_update_that_a_stop_of_the_hub_cut_short_keeps_nobody_out(
    hub: RegistryHub, msp: Recorder, *, has_taken: bool
) -> None:
    """AM-15: the platform has taken the new token, or it never got it; after the start it shows which."""
    await registered(hub, msp)
    before = msp.outbound_token
    msp.answers("PUT", CREDENTIALS, Fault.HANG)
    async with asyncio.TaskGroup() as tasks:
        update = tasks.create_task(hub.registering.update_at("BEC"))
        token_b = (await msp.receives("PUT", CREDENTIALS)).value["token"]
        await hub.platforms.forget_unfinished()
        hub.clock.advance(timedelta(minutes=5))
        shown, other = (token_b, before) if has_taken else (before, token_b)
        assert await status_shown(hub, msp, shown) == 200
        assert await status_shown(hub, msp, other) == 401
        update.cancel()


@pytest.mark.holds("CR-16", by="hub")
async def test_without_a_credentials_endpoint_nothing_is_posted(hub: RegistryHub, msp: Recorder) -> None:
    """CR-16."""
    endpoint = {"identifier": "tokens", "role": "SENDER", "url": msp.endpoint("tokens", "SENDER")}
    msp.answers("GET", DETAILS, Reply({"version": "2.2.1", "endpoints": [endpoint]}))
    with pytest.raises(HandshakeFailed, match="no endpoint for credentials"):
        await hub.registering.register_at("BEC", msp.versions_url, msp.accept_new_token())
    assert not msp.all("POST")


@pytest.mark.holds("CR-17", by="hub")
async def test_without_a_version_in_common_nothing_is_posted(hub: RegistryHub, msp: Recorder) -> None:
    """CR-17."""
    msp.versions = ["2.1.1", "3.0"]
    with pytest.raises(HandshakeFailed, match=r"2\.1\.1, 3\.0"):
        await hub.registering.register_at("BEC", msp.versions_url, msp.accept_new_token())
    assert not msp.all("POST")


@pytest.mark.holds("CR-26", "CR-28", by="hub")
@pytest.mark.parametrize("role", [("CPO", "NL", "TNM"), ("ROAMER", "BE", "BEC"), ("EMSP", "BE", "B*C")])
async def test_parties_that_cannot_be_taken_over_are_undone_at_the_platform(
    hub: RegistryHub, msp: Recorder, role: tuple[str, str, str]
) -> None:
    """CR-26, CR-28: the platform has registered us: it gets a DELETE with its token C."""
    async with Recorder(roles=[("CPO", "NL", "TNM")]) as cpo:
        await registered(hub, cpo, "TNM")
    before = await hub.rows()
    msp.roles = [role]
    msp.calls_back = False
    with pytest.raises(HandshakeFailed, match="its answer"):
        await hub.registering.register_at("BEC", msp.versions_url, msp.accept_new_token())
    (delete,) = msp.all("DELETE", CREDENTIALS)
    assert delete.token is not None
    assert delete.token != msp.all("POST")[0].token
    assert not msp.accepted_tokens
    assert await hub.rows() == before


async def test_a_name_that_is_taken_is_refused_before_anything_is_called(
    hub: RegistryHub, msp: Recorder
) -> None:
    await hub.platforms.invite("BEC")
    with pytest.raises(NameTaken):
        await hub.registering.register_at("BEC", msp.versions_url, msp.accept_new_token())
    with pytest.raises(NotAName):
        await hub.registering.register_at("B/EC", msp.versions_url, msp.accept_new_token())
    assert not msp.received


@pytest.mark.holds("CR-27", by="hub")
async def test_a_platform_that_uses_token_b_at_once_waits_for_our_commit(
    hub: RegistryHub, msp: Recorder
) -> None:
    """CR-27: it may be faster than our transaction; whoever waits finds it registered."""
    opened = asyncio.Event()
    waited: list[bool] = []

    async def wait_for_the_end(token_b: str) -> None:
        caller = hub.directory.value.caller([(token_b, TokenEncoding.BASE64)], hub.clock())
        assert caller is not None
        opened.set()
        await hub.registering.settled(caller)
        caller = hub.directory.value.caller([(token_b, TokenEncoding.BASE64)], hub.clock())
        assert caller is not None
        waited.append(caller.is_registered)

    async with asyncio.TaskGroup() as tasks:

        async def start_waiting(received: Received) -> Reply:
            tasks.create_task(wait_for_the_end(received.value["token"]))
            await opened.wait()
            return Reply(msp.credentials(msp.accept_new_token()))

        msp.answers("POST", CREDENTIALS, start_waiting)
        await registered(hub, msp)
    assert waited == [True]


# Updates.


@pytest.mark.holds("CR-18", by="hub")
async def test_an_update_exchanges_both_tokens_and_reads_the_endpoints_anew(
    hub: RegistryHub, msp: Recorder
) -> None:
    """CR-10, CR-18, VE-09."""
    await registered(hub, msp)
    before = hub.named("BEC").outbound_token
    msp.endpoints = [("tokens", "SENDER")]
    platform = await hub.registering.update_at("BEC")
    assert [(each.method, each.path, each.token) for each in msp.received] == [
        ("GET", VERSIONS, before),
        ("GET", DETAILS, before),
        ("PUT", CREDENTIALS, before),
    ]
    assert not msp.call_back_failures
    assert {platform.outbound_token} == msp.accepted_tokens != {before}
    assert {module for module, _ in platform.endpoints} == {"credentials", "tokens"}
    assert await hub.announced() == []


@pytest.mark.holds("AM-15", by="hub")
async def test_after_an_update_the_platform_may_finish_with_its_old_token(
    hub: RegistryHub, msp: Recorder
) -> None:
    """AM-15: until it uses the new one."""
    await registered(hub, msp)
    old = msp.outbound_token
    await hub.registering.update_at("BEC")
    assert await status_shown(hub, msp, old) == 200
    assert await status_shown(hub, msp, msp.outbound_token) == 200
    assert await status_shown(hub, msp, old) == 401


NOT_DONE: list[tuple[str, str, Behaviour]] = [
    ("GET", VERSIONS, Fault.SERVER_ERROR),
    ("GET", DETAILS, Fault.HTML),
    ("PUT", CREDENTIALS, Reply(status_code=3001)),
    ("PUT", CREDENTIALS, Reply(status=405, status_code=2000)),
]


@pytest.mark.holds("CR-28", by="hub")
@pytest.mark.parametrize(("method", "path", "behaviour"), NOT_DONE)
async def test_an_update_that_the_platform_refuses_changes_nothing(
    hub: RegistryHub, msp: Recorder, method: str, path: str, behaviour: Behaviour
) -> None:
    """CR-28: the new token is dead, the old ones work."""
    await registered(hub, msp)
    before = await hub.rows()
    msp.answers(method, path, behaviour)
    with pytest.raises(HandshakeFailed):
        await hub.registering.update_at("BEC")
    assert await hub.rows() == before
    for put in msp.all("PUT"):
        assert await status_shown(hub, msp, put.value["token"]) == 401
    assert await status_shown(hub, msp, msp.outbound_token) == 200


@pytest.mark.holds("AM-15", by="hub")
@pytest.mark.parametrize(
    "fault", [Fault.HANG, Fault.CLOSE, Fault.HALF_AN_ANSWER, Fault.SERVER_ERROR, Fault.NO_ENVELOPE]
)
async def test_an_update_without_an_answer_leaves_both_tokens_to_the_platform_for_a_while(
    hub: RegistryHub, msp: Recorder, fault: Fault
) -> None:
    """AM-15: it may have taken the new one; what it shows after five minutes is what stays."""
    await registered(hub, msp)
    outbound = hub.named("BEC").outbound_token
    msp.answers("PUT", CREDENTIALS, fault)
    with pytest.raises(HandshakeFailed):
        await hub.registering.update_at("BEC")
    new = msp.all("PUT", CREDENTIALS)[0].value["token"]
    old = msp.outbound_token
    assert hub.named("BEC").outbound_token == outbound
    assert await status_shown(hub, msp, old) == 200
    hub.clock.advance(timedelta(minutes=5))
    shown, other = (old, new) if fault is Fault.HANG else (new, old)
    assert await status_shown(hub, msp, shown) == 200
    assert await status_shown(hub, msp, other) == 401


@pytest.mark.holds("CR-18", by="hub")
async def test_tokens_that_may_have_leaked_die_with_the_exchange(hub: RegistryHub, msp: Recorder) -> None:
    """CR-18: without a grace time, where the operator says so."""
    await registered(hub, msp)
    old = msp.outbound_token
    platform = await hub.registering.update_at("BEC", revoke_old=True)
    assert await status_shown(hub, msp, old) == 401
    assert await status_shown(hub, msp, msp.outbound_token) == 200
    assert platform.previous_outbound_token is None


@pytest.mark.holds("AM-15", by="hub")
async def test_after_an_update_a_platform_that_still_wants_the_token_before_gets_it(
    hub: RegistryHub, msp: Recorder
) -> None:
    """AM-15: it gave out a new token and forgot it again."""
    await registered(hub, msp)
    before = set(msp.accepted_tokens)
    await hub.registering.update_at("BEC")
    msp.accepted_tokens = set(before)
    client = hub.calls.client(hub.named("BEC"), Purpose.PROBE, timedelta(seconds=5))
    assert await client.versions(hub.named("BEC").versions_url or "")
    assert {hub.named("BEC").outbound_token} == before


@pytest.mark.holds("CR-26", by="hub")
async def test_an_update_with_somebody_elses_party_keeps_the_tokens_and_the_parties_before(
    hub: RegistryHub, msp: Recorder
) -> None:
    """CR-26: the tokens were exchanged, to refuse them would cut the connection."""
    async with Recorder(roles=[("CPO", "NL", "TNM")]) as cpo:
        await registered(hub, cpo, "TNM")
        await registered(hub, msp)
        msp.roles = [("EMSP", "BE", "BEC"), ("CPO", "NL", "TNM")]
        with pytest.raises(HandshakeFailed, match="NL/TNM CPO"):
            await hub.registering.update_at("BEC")
        assert [str(each.key) for each in hub.named("BEC").roles] == ["BE/BEC EMSP"]
        assert {hub.named("BEC").outbound_token} == msp.accepted_tokens
        assert await status_shown(hub, msp, msp.outbound_token) == 200


@pytest.mark.holds("CR-29", by="hub")
async def test_an_update_that_brings_a_party_announces_it(hub: RegistryHub, msp: Recorder) -> None:
    """CR-29."""
    await registered(hub, msp)
    msp.roles = [("EMSP", "DE", "BEC")]
    await hub.registering.update_at("BEC")
    assert sorted(await hub.announced()) == ["BE/BEC EMSP SUSPENDED", "DE/BEC EMSP CONNECTED"]


# Leaving.


@pytest.mark.holds("CR-13", by="hub")
async def test_the_hub_leaves_a_platform(hub: RegistryHub, msp: Recorder) -> None:
    """CR-13: both tokens are dead at both ends; the parties are SUSPENDED."""
    await registered(hub, msp)
    outbound, inbound = hub.named("BEC").outbound_token, msp.outbound_token
    await hub.registering.unregister_at("BEC")
    assert [(each.method, each.token) for each in msp.received] == [("DELETE", outbound)]
    assert await status_shown(hub, msp, inbound) == 401
    assert hub.named("BEC").status is ConnectionStatus.SUSPENDED
    assert not hub.named("BEC").is_registered
    assert await hub.announced() == ["BE/BEC EMSP SUSPENDED"]


@pytest.mark.parametrize("behaviour", [Fault.HANG, Fault.SERVER_ERROR, Reply(status_code=3000)])
async def test_a_platform_that_does_not_agree_stays_registered(
    hub: RegistryHub, msp: Recorder, behaviour: Behaviour
) -> None:
    await registered(hub, msp)
    before = await hub.rows()
    msp.answers("DELETE", CREDENTIALS, behaviour)
    with pytest.raises(HandshakeFailed, match="DELETE"):
        await hub.registering.unregister_at("BEC")
    assert await hub.rows() == before


@pytest.mark.parametrize("status", [401, 405])
async def test_a_platform_that_knows_no_registration_is_left_all_the_same(
    hub: RegistryHub, msp: Recorder, status: int
) -> None:
    """CR-09, AM-47: that is what it says if it has forgotten us."""
    await registered(hub, msp)
    msp.answers("DELETE", CREDENTIALS, Reply(status=status, status_code=2000))
    await hub.registering.unregister_at("BEC")
    assert not hub.named("BEC").is_registered


async def test_only_a_registered_platform_can_be_updated_or_left(hub: RegistryHub) -> None:
    await hub.platforms.invite("BEC")
    for ask in (hub.registering.update_at, hub.registering.unregister_at):
        with pytest.raises(NotConnectedYet):
            await ask("BEC")
        with pytest.raises(UnknownPlatform):
            await ask("nobody")
