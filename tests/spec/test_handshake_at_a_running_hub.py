"""2.2.1, Credentials: the handshake at a whole hub, with the modules behind it (CR rows)."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from hub.directory.directory import BadBodies, HubRole
from hub.registry.platforms import HandshakeFailed
from hub.web.app import RunningHub, running_hub
from tests.fixtures.recorder import Answered, Fault, Received, Recorder, Reply
from tests.fixtures.roaming import CPO, EMSP, joined, settings
from tests.fixtures.waiting import soon

CREDENTIALS = "/partner/2.2.1/credentials"


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[RunningHub]:
    async with running_hub(settings(tmp_path), log=None) as hub:
        yield hub


@pytest.fixture
async def cpo() -> AsyncIterator[Recorder]:
    async with Recorder([("CPO", *CPO.split("/"))]) as cpo:
        yield cpo


@pytest.fixture
async def emsp() -> AsyncIterator[Recorder]:
    async with Recorder([("EMSP", *EMSP.split("/"))]) as emsp:
        yield emsp


async def asked_for_locations(hub: RunningHub, emsp: Recorder, token: str | None = None) -> Answered:
    """The answer to a functional request of the eMSP, which leads to the CPO."""
    shown = {} if token is None else {"token": token}
    url = f"{hub.public_url}/ocpi/2.2.1/sender/locations"
    return await emsp.call("GET", url, to=CPO, sender=EMSP, **shown)


@pytest.mark.holds("CR-01", by="hub")
async def test_partners_meet_whoever_began_the_handshake(
    hub: RunningHub, cpo: Recorder, emsp: Recorder
) -> None:
    """CR-01: the CPO registered at the hub, the hub at the eMSP."""
    await joined(hub, cpo, "cpo")
    await hub.registering.register_at("emsp", emsp.versions_url, emsp.accept_new_token())
    assert (await asked_for_locations(hub, emsp)).code == 1000
    relayed = await cpo.receives("GET", "/sender/locations")
    assert relayed.token in cpo.accepted_tokens
    assert (relayed.to, relayed.sender) == (CPO, EMSP)


@pytest.mark.holds("TR-04", "CR-06", by="hub")
async def test_token_a_opens_no_functional_module(hub: RunningHub, cpo: Recorder, emsp: Recorder) -> None:
    """TR-04, CR-06: neither before nor after the registration."""
    await joined(hub, cpo, "cpo")
    token_a = (await hub.platforms.invite("emsp")).token
    assert (await asked_for_locations(hub, emsp, token_a)).status == 401
    await emsp.register(hub.versions_url, token_a)
    assert (await asked_for_locations(hub, emsp, token_a)).status == 401
    assert (await asked_for_locations(hub, emsp)).code == 1000
    assert len(cpo.all("GET", "/sender/locations")) == 1


@pytest.mark.holds("CR-10", "CR-11", "AM-15", by="hub")
async def test_after_an_update_messages_go_with_the_new_tokens(
    hub: RunningHub, cpo: Recorder, emsp: Recorder
) -> None:
    """CR-10, CR-11, AM-15: in both directions, and the eMSP's old one ends when it has shown the new one."""
    await joined(hub, cpo, "cpo")
    await joined(hub, emsp, "emsp")
    old = emsp.outbound_token
    await emsp.update()
    await cpo.update()
    assert (await asked_for_locations(hub, emsp, old)).code == 1000
    assert (await asked_for_locations(hub, emsp)).code == 1000
    assert (await asked_for_locations(hub, emsp, old)).status == 401
    newest = cpo.all("GET", "/partner/versions")[-1].token
    assert {each.token for each in cpo.all("GET", "/sender/locations")} == {newest}


@pytest.mark.holds("CR-13", "RT-14", by="hub")
async def test_whoever_has_left_is_neither_let_in_nor_called(
    hub: RunningHub, cpo: Recorder, emsp: Recorder
) -> None:
    """CR-13, HCI-14."""
    await joined(hub, cpo, "cpo")
    await joined(hub, emsp, "emsp")
    await cpo.call("DELETE", cpo.far_end["credentials", "SENDER"])
    assert (await asked_for_locations(hub, emsp)).code == 4003
    assert not cpo.all("GET", "/sender/locations")
    assert (await cpo.call("GET", hub.versions_url)).status == 401


@pytest.mark.holds("CR-27", by="hub")
async def test_a_platform_may_use_its_token_as_soon_as_it_has_answered_our_post(
    hub: RunningHub, cpo: Recorder, emsp: Recorder
) -> None:
    """CR-27: its first request may be faster than our transaction, and is answered all the same."""
    await joined(hub, cpo, "cpo")
    first: list[Answered] = []
    async with asyncio.TaskGroup() as tasks:

        async def ask(token_b: str) -> None:
            first.append(await asked_for_locations(hub, emsp, token_b))

        def answer_and_ask(received: Received) -> Reply:
            tasks.create_task(ask(received.value["token"]))
            return Reply(emsp.credentials(emsp.accept_new_token()))

        emsp.answers("POST", CREDENTIALS, answer_and_ask)
        await hub.registering.register_at("emsp", emsp.versions_url, emsp.accept_new_token())
    assert [each.code for each in first] == [1000]


@pytest.mark.holds("CR-28", by="hub")
async def test_a_handshake_that_failed_leaves_a_token_that_opens_nothing(
    hub: RunningHub, cpo: Recorder, emsp: Recorder
) -> None:
    """CR-28."""
    await joined(hub, cpo, "cpo")
    emsp.answers("POST", CREDENTIALS, Fault.CLOSE)
    with pytest.raises(HandshakeFailed):
        await hub.registering.register_at("emsp", emsp.versions_url, emsp.accept_new_token())
    token_b = emsp.all("POST", CREDENTIALS)[0].value["token"]
    assert (await asked_for_locations(hub, emsp, token_b)).status == 401
    assert not cpo.all("GET", "/sender/locations")


@pytest.mark.holds("HCI-16", by="hub")
async def test_who_is_connected_is_the_same_after_a_restart(
    tmp_path: Path, cpo: Recorder, emsp: Recorder
) -> None:
    """CR-28, HCI-16: tokens in both directions, parties and endpoints are what was stored."""
    async with running_hub(settings(tmp_path), log=None) as hub:
        await joined(hub, cpo, "cpo")
        await joined(hub, emsp, "emsp")
    async with running_hub(settings(tmp_path), log=None) as hub:
        assert (await asked_for_locations(hub, emsp)).code == 1000
    assert len(cpo.all("GET", "/sender/locations")) == 1


async def read_by(partner: Recorder) -> dict[tuple[str, str], str]:
    """The endpoints of the hub, as the partner read them last."""
    return dict(partner.far_end)


@pytest.mark.holds("VE-09", "CR-10", by="hub")
async def test_whoever_is_registered_is_told_when_the_hub_has_moved(tmp_path: Path, cpo: Recorder) -> None:
    """And is not told anything when it started again where it was."""
    async with running_hub(settings(tmp_path), log=None) as hub:
        await joined(hub, cpo, "cpo")
        port = urlsplit(hub.public_url).port
    again = replace(settings(tmp_path), port=port)
    async with running_hub(again, log=None) as hub:
        # A round of questions later nothing was said, but the question whether it is alive.
        await hub.platforms.arrange("cpo", bad_bodies=BadBodies.REFUSE)
        assert (await cpo.call("GET", hub.versions_url)).status == 200
        assert cpo.all("PUT", CREDENTIALS) == []
    async with running_hub(settings(tmp_path), log=None) as hub:
        put = await cpo.receives("PUT", CREDENTIALS)
        assert put.value["url"] == hub.versions_url
        await soon(partial(read_by, cpo), lambda read: read["locations", "SENDER"].startswith(hub.public_url))
        assert (await cpo.call("GET", hub.versions_url)).status == 200
    assert cpo.call_back_failures == []


@pytest.mark.holds("VE-09", by="hub")
async def test_a_platform_that_cannot_be_told_is_told_later(tmp_path: Path, cpo: Recorder) -> None:
    """It was away when the hub came back elsewhere; it is as well connected as before."""
    async with running_hub(settings(tmp_path), log=None) as hub:
        await joined(hub, cpo, "cpo")
    cpo.answers("PUT", CREDENTIALS, Reply(status_code=3000), times=1)
    async with running_hub(settings(tmp_path), log=None) as hub:
        put = await cpo.receives("PUT", CREDENTIALS)
        assert (await cpo.call("GET", hub.versions_url)).status == 200
        assert put.value["url"] == hub.versions_url
    async with running_hub(settings(tmp_path), log=None) as hub:
        again = await cpo.receives("PUT", CREDENTIALS, 2)
        assert again.value["url"] == hub.versions_url


@pytest.mark.holds("VE-09", by="hub")
async def test_a_platform_whose_endpoints_changed_is_told_at_once(hub: RunningHub, cpo: Recorder) -> None:
    """The operator lets it be another hub: that has one endpoint more."""
    await joined(hub, cpo, "cpo")
    assert ("hubclientinfo", "RECEIVER") not in cpo.far_end
    await hub.platforms.arrange("cpo", hub_role=HubRole.ALLOWED)
    await cpo.receives("PUT", CREDENTIALS)
    await soon(partial(read_by, cpo), lambda read: ("hubclientinfo", "RECEIVER") in read)
