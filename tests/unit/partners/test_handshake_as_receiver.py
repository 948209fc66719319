"""A platform registers with a node: CR-01 to CR-30, seen from the platform."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from hub.ocpi.headers import TokenEncoding
from partners.node import Node
from schemas.v2_2_1 import InterfaceRole
from tests.fixtures.clocks import Clock
from tests.fixtures.nodes import running_node
from tests.fixtures.recorder import Fault, Recorder, Reply
from tests.fixtures.samples import location

QUICK = {"call_timeout": timedelta(seconds=1)}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def node(clock: Clock) -> AsyncIterator[Node]:
    needs = [("locations", InterfaceRole.SENDER)]
    async with running_node(needs=needs, settings=QUICK, clock=clock) as node:
        yield node


@pytest.fixture
async def hub() -> AsyncIterator[Recorder]:
    async with Recorder(roles=[("HUB", "HU", "HUB")]) as hub:
        yield hub


def credentials_url(node: Node) -> str:
    return f"{node.url}/ocpi/2.2.1/credentials"


@pytest.mark.holds("CR-01", "CR-05", "CR-06", by=("cpo", "emsp"))
async def test_a_platform_registers_and_token_a_is_dead(node: Node, hub: Recorder) -> None:
    """CR-05, CR-06: C is neither A nor B; afterwards A opens nothing."""
    token_a = node.issue_token_a()
    answer = await hub.register(node.versions_url, token_a)
    assert (answer.status, answer.code) == (200, 1000)
    assert answer.data["token"] not in {token_a, *hub.accepted_tokens}
    assert [each["role"] for each in answer.data["roles"]] == ["EMSP"]
    assert (await hub.call("GET", node.versions_url, token=token_a)).status == 401
    assert (await hub.call("GET", node.versions_url)).status == 200


@pytest.mark.holds("CR-04", by=("cpo", "emsp"))
async def test_the_caller_is_called_back_before_the_post_is_answered(node: Node, hub: Recorder) -> None:
    """CR-04: with token B, while the POST is open."""
    await hub.register(node.versions_url, node.issue_token_a())
    assert [(each.method, each.path) for each in hub.received] == [
        ("GET", "/partner/versions"),
        ("GET", "/partner/2.2.1"),
    ]
    assert {each.token for each in hub.received} == hub.accepted_tokens
    assert {(each.to, each.sender) for each in hub.received} == {(None, None)}


@pytest.mark.holds("CR-06", by=("cpo", "emsp"))
async def test_the_node_uses_token_b_for_its_own_requests(node: Node, hub: Recorder) -> None:
    """CR-06."""
    await hub.register(node.versions_url, node.issue_token_a())
    async for _ in node.link.pages("locations", to=node.link.hub):
        pass
    assert hub.received[-1].path == "/partner/2.2.1/sender/locations"
    assert hub.received[-1].token in hub.accepted_tokens


@pytest.mark.holds("TR-04", by=("cpo", "emsp"))
async def test_token_a_opens_versions_and_credentials_only(node: Node, hub: Recorder) -> None:
    """TR-04."""
    token_a = node.issue_token_a()
    for path, status in (
        ("/ocpi/versions", 200),
        ("/ocpi/2.2.1/details", 200),
        ("/ocpi/2.2.1/credentials", 200),
        ("/ocpi/2.2.1/locations/receiver/BE/BEC/LOC1", 401),
        ("/ocpi/2.2.1/hubclientinfo/receiver/BE/BEC", 401),
    ):
        answer = await hub.call("GET", node.url + path, token=token_a)
        assert answer.status == status, path


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
@pytest.mark.holds("CR-08", "CR-09", "AM-47", by=("cpo", "emsp"))
async def test_who_is_not_registered_cannot_update_or_end_a_registration(
    node: Node, hub: Recorder, method: str
) -> None:
    """CR-08, CR-09; AM-47: a token of nobody is 401."""
    token_a = node.issue_token_a()
    value = hub.credentials(hub.accept_new_token())
    known = await hub.call(method, credentials_url(node), value, token=token_a)
    unknown = await hub.call(method, credentials_url(node), value, token="nobody's")
    assert (known.status, unknown.status) == (405, 401)
    assert (await hub.register(node.versions_url, token_a)).code == 1000


@pytest.mark.holds("CR-07", by=("cpo", "emsp"))
async def test_a_second_post_is_refused_and_changes_nothing(node: Node, hub: Recorder) -> None:
    """CR-07."""
    await hub.register(node.versions_url, node.issue_token_a())
    peer = node.peers.partner()
    again = await hub.call("POST", credentials_url(node), hub.credentials(hub.accept_new_token()))
    assert again.status == 405
    assert node.peers.partner() == peer
    assert (await hub.call("GET", node.versions_url)).status == 200


@pytest.mark.holds("CR-14", by=("cpo", "emsp"))
async def test_patch_does_not_exist(node: Node, hub: Recorder) -> None:
    """CR-14."""
    await hub.register(node.versions_url, node.issue_token_a())
    answer = await hub.call("PATCH", credentials_url(node), {"token": "x"})
    assert answer.status == 405
    assert answer.headers["Allow"] == "GET, POST, PUT, DELETE"


@pytest.mark.holds("CR-12", "AM-16", by=("cpo", "emsp"))
async def test_get_shows_the_credentials_that_the_caller_uses(node: Node, hub: Recorder) -> None:
    """CR-12, AM-16: our URL and roles, with the token that was shown."""
    await hub.register(node.versions_url, node.issue_token_a())
    answer = await hub.call("GET", credentials_url(node))
    assert answer.data["token"] == hub.outbound_token
    assert answer.data["url"] == node.versions_url


@pytest.mark.parametrize(
    ("step", "reply", "code"),
    [
        *(("/partner/versions", fault, 3001) for fault in Fault),
        *(("/partner/2.2.1", fault, 3001) for fault in Fault),
        ("/partner/versions", Reply(status=401, status_code=2000), 3001),
        ("/partner/versions", Reply([{"version": "2.1.1", "url": "http://127.0.0.1/x"}]), 3002),
        ("/partner/versions", Reply([]), 3002),
        ("/partner/versions", Reply({"version": "2.2.1"}), 3001),
        ("/partner/2.2.1", Reply({"version": "2.1.1", "endpoints": []}), 3001),
    ],
)
@pytest.mark.holds("CR-15", "CR-17", "CR-28", "ST-08", "ST-09", by=("cpo", "emsp"))
async def test_whatever_step_of_the_call_back_fails_nothing_is_kept(
    node: Node, hub: Recorder, step: str, reply: Reply | Fault, code: int
) -> None:
    """CR-15, CR-17, CR-28: token A is still valid, the client may try again."""
    token_a = node.issue_token_a()
    await hub.read_platform(node.versions_url, token_a)
    url, value = hub.far_end["credentials", "SENDER"], hub.credentials(hub.accept_new_token())
    hub.answers("GET", step, reply, times=1)
    answer = await hub.call("POST", url, value, token=token_a)
    assert (answer.status, answer.code) == (200, code)
    assert answer.data is None
    assert node.peers.all() == []
    assert (await hub.register(node.versions_url, token_a)).code == 1000


@pytest.mark.holds("CR-16", "ST-10", by=("cpo", "emsp"))
async def test_a_client_without_the_endpoints_we_need_is_told_so(node: Node) -> None:
    """CR-16."""
    async with Recorder(roles=[("HUB", "HU", "HUB")], endpoints=[("tokens", "RECEIVER")]) as hub:
        answer = await hub.register(node.versions_url, node.issue_token_a())
        assert (answer.status, answer.code) == (200, 3003)
        assert "locations SENDER" in answer.envelope["status_message"]


def twice(value: dict[str, Any]) -> dict[str, Any]:
    return {**value, "roles": value["roles"] * 2}


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        (twice, "/roles"),
        (lambda value: {**value, "roles": []}, "/roles"),
        (lambda value: {**value, "token": "x" * 65}, "/token"),
        (lambda value: {**value, "token": "not a token"}, "/token"),
        (lambda value: {**value, "url": "ftp://there"}, "/url"),
        (lambda value: {key: value[key] for key in ("token", "roles")}, "/url"),
        (lambda value: {**value, "roles": [{**value["roles"][0], "party_id": "A-B"}]}, "/roles"),
        (lambda _: ["credentials"], "/"),
    ],
)
@pytest.mark.holds("CR-19", "CR-23", "TR-13", by=("cpo", "emsp"))
async def test_credentials_that_are_wrong_are_refused_with_the_place(
    node: Node, hub: Recorder, change: Any, pointer: str
) -> None:
    """CR-19, CR-23, TR-13: 2001, nothing kept, token A still valid."""
    token_a = node.issue_token_a()
    value = change(hub.credentials(hub.accept_new_token()))
    answer = await hub.call("POST", credentials_url(node), value, token=token_a)
    assert (answer.status, answer.code) == (200, 2001)
    assert pointer in answer.envelope["status_message"]
    assert node.peers.all() == []
    assert (await hub.call("GET", node.versions_url, token=token_a)).status == 200


@pytest.mark.holds("CR-28", "TR-05", by=("cpo", "emsp"))
async def test_of_two_registrations_with_one_token_a_one_wins(node: Node, hub: Recorder) -> None:
    """CR-28, TR-05: also when both are called back at the same time."""
    token_a = node.issue_token_a()
    async with Recorder(roles=[("HUB", "HU", "TWO")]) as other:
        answers = await asyncio.gather(
            hub.call("POST", credentials_url(node), hub.credentials(hub.accept_new_token()), token=token_a),
            other.call(
                "POST", credentials_url(node), other.credentials(other.accept_new_token()), token=token_a
            ),
        )
    assert sorted(answer.status for answer in answers) == [200, 401]
    assert len(node.peers.all()) == 1


@pytest.mark.holds("CR-20", by=("cpo", "emsp"))
async def test_several_parties_and_roles_of_one_platform_are_all_known(node: Node) -> None:
    """CR-20."""
    roles = [("CPO", "BE", "AAA"), ("CPO", "BE", "BBB"), ("EMSP", "BE", "AAA")]
    async with Recorder(roles=roles) as platform:
        await platform.register(node.versions_url, node.issue_token_a())
        assert [str(each) for each in node.peers.partner().roles] == [
            "BE/AAA CPO",
            "BE/BBB CPO",
            "BE/AAA EMSP",
        ]


@pytest.mark.holds("TR-06", "AM-02", by=("cpo", "emsp"))
async def test_a_platform_that_shows_raw_tokens_gets_raw_tokens(node: Node, hub: Recorder) -> None:
    """TR-06, AM-02."""
    token_a = node.issue_token_a()
    hub.answers("*", "", lambda received: seen.append(received.headers["Authorization"]) or Fault.CLOSE)
    seen: list[str] = []
    value = hub.credentials("b-as-it-stands")
    raw = {"Authorization": f"Token {token_a}"}
    answer = await hub.call("POST", credentials_url(node), value, headers=raw)
    assert answer.code == 3001
    assert seen == ["Token b-as-it-stands"]


@pytest.mark.holds("AM-01", by=("cpo", "emsp"))
async def test_a_base64_token_with_a_newline_inside_is_understood(node: Node, hub: Recorder) -> None:
    """AM-01."""
    token_a = node.issue_token_a()
    assert (await hub.call("GET", node.versions_url, token=token_a + "\n")).status == 200


class TestPut:
    """CR-10, CR-11, AM-15."""

    @pytest.mark.holds("CR-10", "CR-11", by=("cpo", "emsp"))
    async def test_the_caller_gets_a_new_token_and_is_read_anew(self, node: Node, hub: Recorder) -> None:
        await hub.register(node.versions_url, node.issue_token_a())
        old = hub.outbound_token
        hub.received.clear()
        hub.endpoints = [("locations", "SENDER")]
        answer = await hub.update()
        assert answer.code == 1000
        assert hub.outbound_token != old
        assert [each.path for each in hub.received] == ["/partner/versions", "/partner/2.2.1"]
        assert set(node.peers.partner().endpoints) == {
            ("credentials", InterfaceRole.SENDER),
            ("locations", InterfaceRole.SENDER),
        }
        assert node.peers.partner().encoding is TokenEncoding.BASE64

    @pytest.mark.holds("AM-15", by=("cpo", "emsp"))
    async def test_the_old_token_lives_until_the_new_one_is_used(self, node: Node, hub: Recorder) -> None:
        await hub.register(node.versions_url, node.issue_token_a())
        old = hub.outbound_token
        await hub.update()
        assert (await hub.call("GET", node.versions_url, token=old)).status == 200
        assert (await hub.call("GET", node.versions_url)).status == 200
        assert (await hub.call("GET", node.versions_url, token=old)).status == 401

    @pytest.mark.holds("AM-15", by=("cpo", "emsp"))
    async def test_the_old_token_stays_if_the_new_one_is_never_used(
        self, node: Node, hub: Recorder, clock: Clock
    ) -> None:
        await hub.register(node.versions_url, node.issue_token_a())
        old = hub.outbound_token
        await hub.update()
        clock.passes(minutes=4, seconds=59)
        assert (await hub.call("GET", node.versions_url, token=old)).status == 200
        clock.passes(seconds=1)
        assert (await hub.call("GET", node.versions_url, token=old)).status == 200
        assert (await hub.call("GET", node.versions_url)).status == 401
        assert (await hub.call("GET", node.versions_url, token=old)).status == 200

    @pytest.mark.parametrize("step", ["/partner/versions", "/partner/2.2.1"])
    async def test_a_failed_update_changes_nothing(self, node: Node, hub: Recorder, step: str) -> None:
        await hub.register(node.versions_url, node.issue_token_a())
        peer = node.peers.partner()
        hub.answers("GET", step, Fault.SERVER_ERROR)
        assert (await hub.update()).code == 3001
        assert node.peers.partner() == peer
        assert (await hub.call("GET", node.versions_url)).status == 200


@pytest.mark.holds("CR-13", by=("cpo", "emsp"))
async def test_after_delete_both_tokens_are_dead_and_nothing_leaves(node: Node, hub: Recorder) -> None:
    """CR-13."""
    await hub.register(node.versions_url, node.issue_token_a())
    answer = await hub.call("DELETE", credentials_url(node))
    assert (answer.status, answer.code, answer.data) == (200, 1000, None)
    assert (await hub.call("GET", node.versions_url)).status == 401
    assert not node.link.is_up


async def test_a_platform_may_register_anew_with_a_new_token_a(node: Node, hub: Recorder) -> None:
    """It lost its tokens, say: the former registration ends, there are never two."""
    await hub.register(node.versions_url, node.issue_token_a())
    old = hub.outbound_token
    assert (await hub.register(node.versions_url, node.issue_token_a())).code == 1000
    assert len(node.peers.all()) == 1
    assert (await hub.call("GET", node.versions_url, token=old)).status == 401


@pytest.mark.holds("TR-05", by=("cpo", "emsp"))
async def test_tokens_tell_two_platforms_apart(node: Node) -> None:
    """TR-05: each is what it registered as; one cannot speak for the other's party."""
    async with (
        Recorder(roles=[("CPO", "BE", "AAA")]) as one,
        Recorder(roles=[("CPO", "BE", "BBB")]) as two,
    ):
        for each in (one, two):
            await each.register(node.versions_url, node.issue_token_a())
        value = location(party_id="AAA")
        tail = "/BE/AAA/LOC1"
        url = f"{node.url}/ocpi/2.2.1/locations/receiver{tail}"
        assert (await two.call("PUT", url, value, sender="BE/BBB", to="NL/EMA")).status == 404
        assert (await one.call("PUT", url, value, sender="BE/AAA", to="NL/EMA")).status == 201


async def test_a_registration_survives_a_restart(hub: Recorder, tmp_path: Any) -> None:
    settings = {"database": tmp_path / "node.sqlite"}
    async with running_node(settings=settings) as node:
        await hub.register(node.versions_url, node.issue_token_a())
        peer = node.peers.partner()
    assert (tmp_path / "node.sqlite").stat().st_mode & 0o077 == 0
    async with running_node(settings=settings) as node:
        assert node.peers.partner() == peer
        assert (await hub.call("GET", node.versions_url)).status == 200
