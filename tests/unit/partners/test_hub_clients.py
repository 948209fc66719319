"""Who is connected to the hub: the Receiver interface of HubClientInfo."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from hub.ocpi.party import Party
from partners.node import Node
from schemas.v2_2_1 import ConnectionStatus, Role
from tests.fixtures.nodes import hub_beside, running_node
from tests.fixtures.recorder import Recorder
from tests.fixtures.samples import client_info

CPO = Party("BE", "BEC")


@pytest.fixture
async def node() -> AsyncIterator[Node]:
    async with running_node() as node:
        yield node


@pytest.fixture
async def hub(node: Node) -> AsyncIterator[Recorder]:
    async with hub_beside(node) as hub:
        yield hub


def url(node: Node, tail: str = "/BE/BEC") -> str:
    return f"{node.url}/ocpi/2.2.1/hubclientinfo/receiver{tail}"


@pytest.mark.holds("HCI-08", by=("cpo", "emsp"))
async def test_a_put_is_kept_and_read_back(node: Node, hub: Recorder) -> None:
    """HCI-01, HCI-08."""
    assert (await hub.call("PUT", url(node), client_info())).status == 201
    assert (await hub.call("PUT", url(node), client_info(status="OFFLINE"))).status == 200
    assert (await hub.call("GET", url(node))).data == client_info(status="OFFLINE")
    assert node.clients.status(CPO, Role.CPO) is ConnectionStatus.OFFLINE


@pytest.mark.holds("HCI-09", "AM-13", by=("cpo", "emsp"))
async def test_two_roles_of_one_party_are_two_objects(node: Node, hub: Recorder) -> None:
    """HCI-09, AM-13."""
    await hub.call("PUT", url(node), client_info())
    assert (await hub.call("PUT", url(node), client_info(role="EMSP", status="PLANNED"))).status == 201
    assert node.clients.status(CPO, Role.CPO) is ConnectionStatus.CONNECTED
    assert node.clients.status(CPO, Role.EMSP) is ConnectionStatus.PLANNED


async def test_waiting_for_a_party_to_come_back(node: Node, hub: Recorder) -> None:
    await hub.call("PUT", url(node), client_info())
    status = await node.until(lambda: node.clients.status(CPO, Role.CPO))
    assert status is ConnectionStatus.CONNECTED


@pytest.mark.parametrize(
    ("tail", "value"),
    [
        ("/BE/XXX", client_info()),
        ("/NL/BEC", client_info()),
        ("/BE/BEC", client_info(role=None)),
        ("/BE/B-C", client_info(party_id="B-C")),
    ],
)
async def test_what_is_wrong_is_2001(node: Node, hub: Recorder, tail: str, value: Any) -> None:
    answer = await hub.call("PUT", url(node, tail), value)
    assert (answer.status, answer.code) == (200, 2001)
    assert node.clients.all() == []


@pytest.mark.holds("HCI-08", by=("cpo", "emsp"))
async def test_an_unknown_party_is_404_and_other_methods_405(node: Node, hub: Recorder) -> None:
    """HCI-08."""
    assert (await hub.call("GET", url(node))).status == 404
    for method in ("POST", "PATCH", "DELETE"):
        assert (await hub.call(method, url(node), client_info())).status == 405


@pytest.mark.holds("AM-33", by=("cpo", "emsp"))
async def test_a_status_of_a_later_version_means_that_we_do_not_know(node: Node, hub: Recorder) -> None:
    """AM-33."""
    await hub.call("PUT", url(node), client_info(status="SLEEPING"))
    assert node.clients.status(CPO, Role.CPO) is None
