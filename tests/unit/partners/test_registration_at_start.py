"""A node that is told its hub registers there when it starts; if that fails, the operator hears why."""

import asyncio
import logging

import pytest

from partners.cpo.app import CpoNode
from tests.fixtures.cpo_world import cpo_settings
from tests.fixtures.recorder import Fault, Recorder, Reply

NOBODY = ("http://127.0.0.1:1/ocpi/versions", "token")


class Heard(logging.Handler):
    """Waits for a message in the log of a node."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text
        self.event = asyncio.Event()

    def emit(self, record: logging.LogRecord) -> None:
        if self._text in record.getMessage():
            self.event.set()


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


async def test_a_hub_that_is_away_when_the_node_starts_is_tried_until_it_is_there() -> None:
    heard = Heard("the hub cannot be reached, again in")
    logging.getLogger("partners.platform").addHandler(heard)
    async with Recorder(roles=[("HUB", "HU", "HUB")]) as hub:
        token = hub.accept_new_token()
        await hub.go_away()
        async with CpoNode(cpo_settings(hub=(hub.versions_url, token))) as cpo:
            await asyncio.wait_for(heard.event.wait(), 10)
            assert cpo.node.peers.all() == []
            assert cpo.ocpp_url.startswith("ws://127.0.0.1:")
            await hub.come_back()
            await cpo.until_introduced()
            assert len(hub.all("POST", "/credentials")) == 1


@pytest.mark.parametrize("passing", [Fault.SERVER_ERROR, Fault.HTML, Reply(status_code=3001)])
async def test_a_hub_that_cannot_answer_yet_is_asked_again(passing: Reply | Fault) -> None:
    async with Recorder(roles=[("HUB", "HU", "HUB")]) as hub:
        hub.answers("GET", "/versions", passing, times=2)
        async with CpoNode(cpo_settings(hub=(hub.versions_url, hub.accept_new_token()))) as cpo:
            await cpo.until_introduced()
            assert len(hub.all("POST", "/credentials")) == 1


async def test_whoever_registers_by_hand_ends_the_attempts() -> None:
    async with Recorder(roles=[("HUB", "HU", "HUB")]) as hub, CpoNode(cpo_settings(hub=NOBODY)) as cpo:
        await cpo.register(hub.versions_url, hub.accept_new_token())
        await cpo.until_introduced()


async def test_who_is_registered_does_not_register_again() -> None:
    async with Recorder(roles=[("HUB", "HU", "HUB")]) as hub, CpoNode(cpo_settings()) as cpo:
        await cpo.register(hub.versions_url, hub.accept_new_token())
        credentials = [each.method for each in hub.all("*", "/credentials")]
        await cpo.register_as_configured((hub.versions_url, hub.accept_new_token()))
        assert [each.method for each in hub.all("*", "/credentials")] == credentials
