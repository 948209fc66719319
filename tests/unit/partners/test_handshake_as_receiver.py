"""A platform registers with a node: CR-01 to CR-30, seen from the platform."""

from collections.abc import AsyncIterator

import pytest

from partners.node import Node
from tests.fixtures.nodes import running_node
from tests.fixtures.recorder import Recorder


@pytest.fixture
async def node() -> AsyncIterator[Node]:
    async with running_node() as node:
        yield node


@pytest.fixture
async def hub() -> AsyncIterator[Recorder]:
    async with Recorder(roles=[("HUB", "HU", "HUB")]) as hub:
        yield hub


async def test_a_platform_registers_and_token_a_is_dead(node: Node, hub: Recorder) -> None:
    """CR-05, CR-06: C is neither A nor B; afterwards A opens nothing."""
    token_a = node.issue_token_a()
    answer = await hub.register(node.versions_url, token_a)
    assert (answer.status, answer.code) == (200, 1000)
    assert answer.data["token"] not in {token_a, *hub.accepted_tokens}
    assert [each["role"] for each in answer.data["roles"]] == ["EMSP"]
    assert (await hub.call("GET", node.versions_url, token=token_a)).status == 401
    assert (await hub.call("GET", node.versions_url)).status == 200
