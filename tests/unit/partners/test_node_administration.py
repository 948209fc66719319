"""A node's own API: opened by its key, on a port of its own, and it says why something cannot be done."""

import re
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from partners.administration import AdminRequest, NotPossible
from partners.node import Node
from partners.settings import NodeSettings
from schemas import exact_json
from schemas.v2_2_1 import Role
from tests.fixtures.nodes import PARTY, hub_beside, running_node
from tests.fixtures.recorder import Fault, Recorder
from tests.fixtures.samples import client_info


@pytest.fixture
async def node() -> AsyncIterator[Node]:
    async with running_node() as node:
        yield node


async def ask(
    node: Node, method: str, path: str, value: Any = None, *, key: str | None = None, body: bytes = b""
) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {node.admin_key if key is None else key}"}
    data = body or (None if value is None else exact_json.encode(value))
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, node.admin_url + path, data=data, headers=headers) as answer,
    ):
        return answer.status, exact_json.decode(await answer.read())


async def test_without_its_key_it_says_nothing(node: Node) -> None:
    for key in ("", "wrong", node.admin_key + "x"):
        assert (await ask(node, "GET", "/node/state", key=key))[0] == 401
        assert (await ask(node, "GET", "/nowhere", key=key))[0] == 401


async def test_a_key_is_made_if_none_is_configured() -> None:
    async with running_node() as one, running_node(settings={"admin_key": "mine"}) as two:
        assert len(one.admin_key) >= 32
        assert two.admin_key == "mine"


async def test_it_is_not_on_the_partners_port(node: Node) -> None:
    async with aiohttp.ClientSession() as session:
        headers = {"Authorization": f"Bearer {node.admin_key}"}
        async with session.get(f"{node.url}/node/state", headers=headers) as answer:
            assert answer.status == 401


async def test_the_whole_life_of_a_registration(node: Node) -> None:
    async with Recorder(roles=[("HUB", "HU", "HUB")]) as hub:
        token_a = hub.accept_new_token()
        value = {"versions_url": hub.versions_url, "token": token_a}
        status, peer = await ask(node, "POST", "/node/register", value)
        assert (status, peer["roles"]) == (200, ["HU/HUB HUB"])
        first = hub.outbound_token
        assert (await ask(node, "POST", "/node/credentials"))[0] == 200
        assert hub.outbound_token != first
        status, state = await ask(node, "GET", "/node/state")
        assert state["parties"] == ["NL/EMA"]
        assert [each["versions_url"] for each in state["peers"]] == [hub.versions_url]
        assert hub.outbound_token not in exact_json.encode(state).decode()
        assert (await ask(node, "DELETE", "/node/credentials"))[0] == 200
        assert (await ask(node, "GET", "/node/state"))[1]["peers"] == []


@pytest.mark.holds("CR-02", by=("cpo", "emsp"))
async def test_an_invitation_lets_a_platform_register(node: Node) -> None:
    _, invitation = await ask(node, "POST", "/node/invitation")
    async with Recorder(roles=[("HUB", "HU", "HUB")]) as hub:
        answer = await hub.register(invitation["versions_url"], invitation["token"])
        assert answer.code == 1000


async def test_who_is_connected_can_be_read(node: Node) -> None:
    async with hub_beside(node) as hub:
        await hub.call("PUT", f"{node.url}/ocpi/2.2.1/hubclientinfo/receiver/BE/BEC", client_info())
    assert (await ask(node, "GET", "/node/hub-clients"))[1] == [client_info()]


@pytest.mark.parametrize(
    ("method", "path", "value", "status", "said"),
    [
        ("POST", "/node/register", {"versions_url": "http://x"}, 409, "token: expected a text"),
        ("POST", "/node/credentials", None, 409, "register first"),
        ("DELETE", "/node/credentials", None, 409, "register first"),
        ("GET", "/node/nothing", None, 404, "Not Found"),
        ("PUT", "/node/state", None, 405, "Method Not Allowed"),
        ("POST", "/node/register", ["x"], 409, "expected a JSON object"),
    ],
)
async def test_what_cannot_be_done_is_said(
    node: Node, method: str, path: str, value: Any, status: int, said: str
) -> None:
    got, answer = await ask(node, method, path, value)
    assert got == status
    assert said in answer["error"]


async def test_a_body_that_is_not_json_is_said(node: Node) -> None:
    assert (await ask(node, "POST", "/node/register", body=b"{"))[0] == 409


@pytest.mark.parametrize("fault", [Fault.HTML, Fault.CLOSE, Fault.SERVER_ERROR])
async def test_what_the_far_end_did_is_said(node: Node, fault: Fault) -> None:
    async with Recorder() as hub:
        hub.answers("GET", "", fault)
        value = {"versions_url": hub.versions_url, "token": "a"}
        status, answer = await ask(node, "POST", "/node/register", value)
        assert status == 502
        assert answer["error"]
        assert not re.search(r"\b[A-Z][a-z]+[A-Z]\w*:", answer["error"]), "that is a class of the program"


async def test_a_failure_of_ours_is_told_without_its_details() -> None:
    async def fail(_: AdminRequest) -> Any:
        raise RuntimeError("a secret")

    async def refuse(request: AdminRequest) -> Any:
        raise NotPossible(request.text("why"))

    node = Node(NodeSettings(party=PARTY, name="x"), Role.EMSP)
    await node.start([], {"GET /fail": fail, "GET /refuse/{why}": refuse})
    try:
        status, answer = await ask(node, "GET", "/node/fail")
        assert status == 500
        assert "secret" not in answer["error"]
        assert await ask(node, "GET", "/node/refuse/because") == (409, {"error": "because"})
    finally:
        await node.stop()


async def test_a_port_that_is_taken_is_an_error_and_leaves_nothing_open(node: Node) -> None:
    port = int(node.url.rpartition(":")[2])
    other = Node(NodeSettings(party=PARTY, name="x", port=port), Role.EMSP)
    with pytest.raises(OSError, match=str(port)):
        await other.start([])
    await other.stop()
