"""A node that is told its hub registers there when it starts; if that fails, the operator hears why."""

import pytest

from partners.cpo.app import CpoNode
from tests.fixtures.cpo_world import cpo_settings
from tests.fixtures.recorder import Recorder

NOBODY = "http://127.0.0.1:1/ocpi/versions"


async def test_a_token_a_that_is_wrong_is_told_and_leaves_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """CR-28: the versions are asked for, and nothing after that."""
    async with Recorder(roles=[("HUB", "HU", "HUB")]) as hub, CpoNode(cpo_settings()) as cpo:
        await cpo.register_as_configured((hub.versions_url, "wrong"))
        assert [each.method for each in hub.received] == ["GET"]
        assert cpo.node.peers.all() == []
        assert "register by hand" in caplog.text
        assert "401" in caplog.text
        # Then by hand, with the token that is right.
        await cpo.register(hub.versions_url, hub.accept_new_token())
        assert cpo.node.link.is_up


async def test_a_hub_that_is_not_there_is_told_and_the_node_runs_on(caplog: pytest.LogCaptureFixture) -> None:
    async with CpoNode(cpo_settings(hub=(NOBODY, "token"))) as cpo:
        await cpo.register_as_configured(cpo.settings.hub)
        assert f"registration at {NOBODY} failed, register by hand" in caplog.text
        assert cpo.node.peers.all() == []
        assert cpo.ocpp_url.startswith("ws://127.0.0.1:")


async def test_who_is_registered_does_not_register_again() -> None:
    async with Recorder(roles=[("HUB", "HU", "HUB")]) as hub, CpoNode(cpo_settings()) as cpo:
        await cpo.register(hub.versions_url, hub.accept_new_token())
        credentials = [each.method for each in hub.all("*", "/credentials")]
        await cpo.register_as_configured((hub.versions_url, hub.accept_new_token()))
        assert [each.method for each in hub.all("*", "/credentials")] == credentials
