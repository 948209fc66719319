"""A node registers at a platform: CR-01 to CR-30, seen from the platform."""

import asyncio
import base64
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from hub.ocpi.client import NoMutualVersion, PeerOffers, PeerRefused
from hub.ocpi.headers import TokenEncoding
from hub.ocpi.transport import CallFailed
from partners.handshake import EndpointsMissing
from partners.node import Node
from partners.peers import NotRegistered
from schemas.v2_2_1 import InterfaceRole
from tests.fixtures.nodes import hub_beside, running_node
from tests.fixtures.recorder import ABSENT, Fault, Received, Recorder, Reply
from tests.fixtures.samples import location

QUICK = {"call_timeout": timedelta(seconds=1)}


@pytest.fixture
async def node() -> AsyncIterator[Node]:
    async with running_node(needs=[("locations", InterfaceRole.SENDER)], settings=QUICK) as node:
        yield node


@pytest.fixture
async def hub() -> AsyncIterator[Recorder]:
    async with Recorder(roles=[("HUB", "HU", "HUB")]) as hub:
        yield hub


@pytest.mark.holds("CR-01", "CR-03", "CR-04", "CR-27", by=("cpo", "emsp"))
async def test_the_order_is_versions_details_post_all_with_token_a(node: Node, hub: Recorder) -> None:
    """CR-03, CR-04, CR-27: token B opens the caller's versions before the POST is answered."""
    token_a = hub.accept_new_token()
    await node.register(hub.versions_url, token_a)
    assert [(each.method, each.path) for each in hub.received] == [
        ("GET", "/partner/versions"),
        ("GET", "/partner/2.2.1"),
        ("POST", "/partner/2.2.1/credentials"),
    ]
    assert {each.token for each in hub.received} == {token_a}
    assert hub.call_back_failures == []
    assert ("locations", "RECEIVER") in hub.far_end


@pytest.mark.holds("CR-19", "CR-23", "CR-24", by=("cpo", "emsp"))
async def test_credentials_name_the_party_its_role_and_the_versions_url(node: Node, hub: Recorder) -> None:
    """CR-19, CR-23, CR-24."""
    await node.register(hub.versions_url, hub.accept_new_token())
    value = hub.received[-1].value
    assert value["url"] == node.versions_url
    assert value["roles"] == [
        {
            "role": "EMSP",
            "business_details": {"name": "eMSP A"},
            "party_id": "EMA",
            "country_code": "NL",
        }
    ]
    assert 32 <= len(value["token"]) <= 64
    assert all("!" <= character <= "~" for character in value["token"])


@pytest.mark.holds("CR-30", "RT-02", "TR-17", "TR-18", by=("cpo", "emsp"))
async def test_no_routing_headers_in_the_handshake_but_ids(node: Node, hub: Recorder) -> None:
    """CR-30, RT-02, TR-17, TR-18."""
    await node.register(hub.versions_url, hub.accept_new_token())
    for each in hub.received:
        assert (each.to, each.sender) == (None, None)
        assert each.request_id
        assert each.correlation_id
    assert len({each.request_id for each in hub.received}) == 3


@pytest.mark.holds("CR-06", by=("cpo", "emsp"))
async def test_afterwards_the_platform_uses_b_and_the_node_uses_c(node: Node, hub: Recorder) -> None:
    """CR-06."""
    token_a = hub.accept_new_token()
    await node.register(hub.versions_url, token_a)
    assert (await hub.call("GET", node.versions_url)).status == 200
    hub.received.clear()
    async for _ in node.link.pages("locations", to=node.link.hub):
        pass
    assert hub.received[0].token in hub.accepted_tokens
    assert hub.received[0].token != token_a


@pytest.mark.holds("TR-06", "AM-02", by=("cpo", "emsp"))
async def test_a_platform_that_wants_raw_tokens_gets_raw_tokens(node: Node, hub: Recorder) -> None:
    """TR-06, AM-02."""
    token_a = hub.accept_new_token()
    shown = []

    def see(received: Received) -> Fault:
        shown.append(received.headers["Authorization"])
        return Fault.CLOSE

    hub.answers("GET", "versions", see)
    with pytest.raises(CallFailed):
        await node.register(hub.versions_url, token_a, TokenEncoding.RAW)
    assert shown == [f"Token {token_a}"]


@pytest.mark.parametrize("step", ["/partner/versions", "/partner/2.2.1", "/credentials"])
@pytest.mark.parametrize("fault", list(Fault))
@pytest.mark.holds("CR-28", by=("cpo", "emsp"))
async def test_whatever_step_fails_nothing_is_kept(
    node: Node, hub: Recorder, step: str, fault: Fault
) -> None:
    """CR-28: no peer, and token B opens nothing."""
    hub.answers("*", step, fault)
    with pytest.raises((CallFailed, PeerRefused, PeerOffers)):
        await node.register(hub.versions_url, hub.accept_new_token())
    assert node.peers.all() == []
    posted = hub.all("POST", "/credentials")
    assert len(posted) == (1 if step == "/credentials" else 0)
    for each in posted:
        answer = await hub.call("GET", node.versions_url, token=each.value["token"])
        assert answer.status == 401


@pytest.mark.holds("CR-28", by=("cpo", "emsp"))
async def test_after_a_failure_the_same_token_a_registers(node: Node, hub: Recorder) -> None:
    """CR-28."""
    token_a = hub.accept_new_token()
    hub.answers("POST", "/credentials", Reply(status_code=3001, status_message="not now"), times=1)
    with pytest.raises(PeerRefused, match="not now"):
        await node.register(hub.versions_url, token_a)
    await node.register(hub.versions_url, token_a)
    assert node.link.is_up


@pytest.mark.holds("CR-16", by=("cpo", "emsp"))
async def test_missing_endpoints_mean_that_nothing_is_posted(node: Node) -> None:
    """CR-16."""
    async with Recorder(roles=[("HUB", "HU", "HUB")], endpoints=[("tokens", "RECEIVER")]) as hub:
        with pytest.raises(EndpointsMissing, match="locations SENDER"):
            await node.register(hub.versions_url, hub.accept_new_token())
        assert hub.all("POST") == []


async def test_no_version_in_common_means_that_nothing_is_posted(node: Node) -> None:
    async with Recorder(roles=[("HUB", "HU", "HUB")], versions=["2.1.1", "3.0"]) as hub:
        with pytest.raises(NoMutualVersion, match=r"2\.1\.1, 3\.0"):
            await node.register(hub.versions_url, hub.accept_new_token())
        assert [each.path for each in hub.received] == ["/partner/versions"]


@pytest.mark.holds("VE-05", "VE-08", "AM-44", by=("cpo", "emsp"))
async def test_unknown_modules_and_a_wrong_role_of_credentials_do_no_harm(node: Node) -> None:
    """VE-05, VE-08."""
    async with Recorder(
        roles=[("HUB", "HU", "HUB")],
        endpoints=[("locations", "SENDER"), ("nltnm-tokens", "SENDER")],
    ) as hub:
        hub.answers(
            "GET",
            "/partner/2.2.1",
            Reply(
                {
                    "version": "2.2.1",
                    "endpoints": [
                        {**each, "role": "RECEIVER" if each["identifier"] == "credentials" else each["role"]}
                        for each in hub.offered()
                    ],
                }
            ),
            times=1,
        )
        await node.register(hub.versions_url, hub.accept_new_token())
        assert node.link.is_up


@pytest.mark.holds("CR-27", by=("cpo", "emsp"))
async def test_the_platform_may_call_with_token_b_before_the_node_has_read_the_answer(
    node: Node, hub: Recorder
) -> None:
    """CR-27: what comes with token B while the POST is open waits for its outcome."""
    early: list[asyncio.Task[object]] = []

    async def push_before_answering(received: Received) -> Reply:
        theirs = received.value
        await hub.read_platform(theirs["url"], theirs["token"])
        hub.outbound_token = theirs["token"]
        url = hub.far_end["locations", "RECEIVER"] + "/BE/BEC/LOC1"
        call = hub.call("PUT", url, location(), to="NL/EMA", sender="HU/HUB")
        early.append(asyncio.get_running_loop().create_task(call))
        return Reply(hub.credentials(hub.accept_new_token()))

    hub.answers("POST", "/credentials", push_before_answering)
    await node.register(hub.versions_url, hub.accept_new_token())
    answer = await early[0]
    assert (answer.status, answer.code) == (201, 1000)


@pytest.mark.holds("CR-28", by=("cpo", "emsp"))
async def test_an_early_call_of_a_registration_that_fails_is_refused(node: Node, hub: Recorder) -> None:
    """CR-28."""
    early: list[asyncio.Task[object]] = []

    async def push_and_refuse(received: Received) -> Reply:
        theirs = received.value
        await hub.read_platform(theirs["url"], theirs["token"])
        url = hub.far_end["locations", "RECEIVER"] + "/BE/BEC/LOC1"
        call = hub.call("PUT", url, location(), token=theirs["token"], to="NL/EMA", sender="HU/HUB")
        early.append(asyncio.get_running_loop().create_task(call))
        return Reply(ABSENT, status_code=3000)

    hub.answers("POST", "/credentials", push_and_refuse)
    with pytest.raises(PeerRefused):
        await node.register(hub.versions_url, hub.accept_new_token())
    assert (await early[0]).status == 401


class TestUpdate:
    """PUT of credentials: CR-10, CR-18, AM-15."""

    @pytest.mark.holds("CR-10", "CR-18", by=("cpo", "emsp"))
    async def test_the_platform_is_read_anew_and_both_tokens_change(self, node: Node) -> None:
        async with hub_beside(node) as hub:
            before = hub.outbound_token
            await node.update_credentials()
            assert [(each.method, each.path) for each in hub.received] == [
                ("GET", "/partner/versions"),
                ("GET", "/partner/2.2.1"),
                ("PUT", "/partner/2.2.1/credentials"),
            ]
            assert hub.outbound_token != before
            assert node.peers.partner().outbound_token in hub.accepted_tokens

    async def test_the_old_token_lives_until_the_new_one_is_used(self, node: Node) -> None:
        async with hub_beside(node) as hub:
            old = hub.outbound_token
            await node.update_credentials()
            assert (await hub.call("GET", node.versions_url, token=old)).status == 200
            assert (await hub.call("GET", node.versions_url)).status == 200
            assert (await hub.call("GET", node.versions_url, token=old)).status == 401

    @pytest.mark.parametrize(
        "refusal", [Reply(status_code=3001), Reply(status=405, status_code=2000), Reply(status=401)]
    )
    async def test_a_refused_update_changes_nothing(self, node: Node, refusal: Reply) -> None:
        async with hub_beside(node) as hub:
            old, peer = hub.outbound_token, node.peers.partner()
            hub.answers("PUT", "/credentials", refusal)
            with pytest.raises(PeerRefused):
                await node.update_credentials()
            assert node.peers.partner() == peer
            posted = hub.all("PUT", "/credentials")[0].value["token"]
            assert (await hub.call("GET", node.versions_url, token=posted)).status == 401
            assert (await hub.call("GET", node.versions_url, token=old)).status == 200

    @pytest.mark.holds("AM-15", by=("cpo", "emsp"))
    async def test_when_the_answer_is_lost_both_tokens_are_accepted(self, node: Node) -> None:
        """AM-15: the platform may have switched to the new token, or not."""
        async with hub_beside(node) as hub:
            old = hub.outbound_token
            hub.answers("PUT", "/credentials", Fault.CLOSE, times=1)
            with pytest.raises(CallFailed):
                await node.update_credentials()
            new = hub.all("PUT", "/credentials")[0].value["token"]
            assert (await hub.call("GET", node.versions_url, token=old)).status == 200
            assert (await hub.call("GET", node.versions_url, token=new)).status == 200
            assert (await hub.call("GET", node.versions_url, token=old)).status == 401
            await node.update_credentials()
            assert (await hub.call("GET", node.versions_url)).status == 200

    async def test_without_a_registration_there_is_nothing_to_update(self, node: Node) -> None:
        with pytest.raises(NotRegistered):
            await node.update_credentials()


class TestUnregister:
    """DELETE of credentials: CR-13."""

    @pytest.mark.holds("CR-13", by=("cpo", "emsp"))
    async def test_both_tokens_are_dead(self, node: Node) -> None:
        async with hub_beside(node) as hub:
            old = hub.outbound_token
            await node.unregister()
            assert [each.method for each in hub.received] == ["DELETE"]
            assert (await hub.call("GET", node.versions_url, token=old)).status == 401
            with pytest.raises(NotRegistered):
                await node.link.send("GET", "locations", InterfaceRole.SENDER, "", to=None)
            assert len(hub.received) == 1

    async def test_a_platform_that_refuses_keeps_the_registration(self, node: Node) -> None:
        async with hub_beside(node) as hub:
            hub.answers("DELETE", "/credentials", Fault.SERVER_ERROR)
            with pytest.raises(PeerRefused):
                await node.unregister()
            assert (await hub.call("GET", node.versions_url)).status == 200


@pytest.mark.holds("TR-01", by=("cpo", "emsp"))
async def test_tokens_are_base64_on_the_wire(node: Node, hub: Recorder) -> None:
    """TR-01: with padding, without a newline."""
    token_a = hub.accept_new_token()
    await node.register(hub.versions_url, token_a)
    expected = base64.b64encode(token_a.encode()).decode()
    assert {each.headers["Authorization"] for each in hub.received} == {f"Token {expected}"}
