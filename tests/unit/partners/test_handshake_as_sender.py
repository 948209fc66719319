"""A node registers at a platform: CR-01 to CR-30, seen from the platform."""

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


async def test_the_order_is_versions_details_post(node: Node, hub: Recorder) -> None:
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
