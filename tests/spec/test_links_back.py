"""URLs that lead back through the hub: what they are worth, and for how long (design D9)."""

from pathlib import Path

import pytest
from multidict import CIMultiDict

from hub.directory.directory import HubRole
from hub.web.app import running_hub
from tests.fixtures.recorder import Fault, Received, Recorder, Reply
from tests.fixtures.roaming import CPO, EMSP, Roaming, joined, settings

ACCEPTED = Reply({"result": "ACCEPTED", "timeout": 30})


async def given_url(world: Roaming) -> str:
    """The hub's URL that the CPO got for the result of a command."""
    world.cpo.answers("POST", "/commands/", ACCEPTED)
    body = {"session_id": "S1", "response_url": f"{world.emsp.url}/callbacks/1"}
    url = world.url("commands", "RECEIVER", "/STOP_SESSION")
    answer = await world.emsp.call("POST", url, body, to=CPO, sender=EMSP)
    assert answer.code == 1000
    return (await world.cpo.receives("POST", "/commands/")).value["response_url"]


@pytest.mark.holds("CMD-10", by="hub")
async def test_a_callback_does_not_follow_a_platform_to_a_host_that_it_has_left(world: Roaming) -> None:
    """CMD-10: the token that the platform gives now is not for the host where it was."""
    given = await given_url(world)
    async with Recorder([("EMSP", *EMSP.split("/"))]) as moved:
        moved.outbound_token, moved.far_end = world.emsp.outbound_token, world.emsp.far_end
        assert (await moved.update()).code == 1000
        answer = await world.cpo.call("POST", given, {"result": "ACCEPTED"}, to=EMSP, sender=CPO)
        assert (answer.status, answer.code) == (404, 2001)
        assert world.emsp.all("POST", "/callbacks/") == moved.all("POST", "/callbacks/") == []


@pytest.mark.holds("RT-11", by="hub")
async def test_a_callback_ends_with_the_party_that_it_is_from(world: Roaming) -> None:
    """RT-11: nobody speaks for a party that it gave up."""
    given = await given_url(world)
    world.cpo.roles = [("CPO", "BE", "NEW")]
    assert (await world.cpo.update()).code == 1000
    assert (await world.cpo.call("POST", given, {"result": "ACCEPTED"})).status == 404
    assert world.emsp.all("POST", "/callbacks/") == []


async def test_a_callback_to_a_platform_that_was_removed_is_not_known(world: Roaming) -> None:
    given = await given_url(world)
    await world.hub.platforms.suspend("emsp")
    answer = await world.cpo.call("POST", given, {"result": "ACCEPTED"})
    assert (answer.status, answer.code) == (200, 4003)
    await world.hub.platforms.remove("emsp")
    assert (await world.cpo.call("POST", given, {"result": "ACCEPTED"})).status == 404
    assert world.emsp.all("POST", "/callbacks/") == []


@pytest.mark.holds("CMD-11", "RT-15", by="hub")
async def test_an_answer_that_came_too_late_may_still_be_followed_by_its_result(world: Roaming) -> None:
    """CMD-11, RT-15."""
    world.cpo.answers("POST", "/commands/", Fault.HANG)
    body = {"session_id": "S1", "response_url": f"{world.emsp.url}/callbacks/1"}
    url = world.url("commands", "RECEIVER", "/STOP_SESSION")
    assert (await world.emsp.call("POST", url, body, to=CPO, sender=EMSP)).code == 4002
    given = (await world.cpo.receives("POST", "/commands/")).value["response_url"]
    assert (await world.cpo.call("POST", given, {"result": "ACCEPTED"}, to=EMSP, sender=CPO)).code == 1000
    assert (await world.emsp.receives("POST", "/callbacks/1")).value == {"result": "ACCEPTED"}


@pytest.mark.holds("CMD-09", by="hub")
async def test_a_reservation_far_ahead_is_no_trouble(world: Roaming) -> None:
    """CMD-09."""
    world.cpo.answers("POST", "/commands/", ACCEPTED)
    body = {"response_url": f"{world.emsp.url}/callbacks/1", "expiry_date": "9999-12-31T23:59:59Z"}
    url = world.url("commands", "RECEIVER", "/RESERVE_NOW")
    assert (await world.emsp.call("POST", url, body, to=CPO, sender=EMSP)).code == 1000


@pytest.mark.holds("CMD-09", by="hub")
async def test_links_outlive_a_restart_of_the_hub(tmp_path: Path) -> None:
    """CMD-09."""
    async with Recorder([("CPO", *CPO.split("/"))]) as cpo, Recorder([("EMSP", *EMSP.split("/"))]) as emsp:
        async with running_hub(settings(tmp_path), log=None) as hub:
            world = Roaming(hub, await joined(hub, cpo, "cpo"), await joined(hub, emsp, "emsp"), [])
            given = await given_url(world)
        async with running_hub(settings(tmp_path), log=None) as hub:
            again = given.replace(world.hub.public_url, hub.public_url)
            answer = await cpo.call("POST", again, {"result": "ACCEPTED"}, to=EMSP, sender=CPO)
            assert answer.code == 1000
            await emsp.receives("POST", "/callbacks/1")


@pytest.mark.holds("RT-01", "RT-07", by="hub")
async def test_the_refusals_of_a_link_are_from_the_hub_to_its_user(world: Roaming) -> None:
    """RT-01, RT-07."""
    given = await given_url(world)
    for method, url in (("GET", given), ("POST", f"{given}x")):
        answer = await world.cpo.call(method, url, sender=CPO)
        assert answer.status in {404, 405}
        assert (answer.to, answer.sender) == (CPO, "NL/HUB")
    world.emsp.answers("POST", "/callbacks/", Fault.CLOSE)
    answer = await world.cpo.call("POST", given, {"result": "ACCEPTED"})
    assert (answer.code, answer.to, answer.sender) == (4000, CPO, "NL/HUB")


@pytest.mark.holds("PG-14", by="hub")
async def test_the_next_page_is_found_among_several_links(world: Roaming) -> None:
    """PG-14."""
    base = f"{world.cpo.url}/partner/2.2.1/sender/locations"
    headers = CIMultiDict([("Link", f'<{base}?p=0>; rel="prev"'), ("Link", f'<{base}?p=2>; rel="next"')])
    world.cpo.answers("GET", "/sender/locations", Reply([], headers=headers))
    answer = await world.emsp.call("GET", world.url("locations", "SENDER"), to=CPO, sender=EMSP)
    assert len(answer.headers.getall("Link")) == 1
    url = answer.headers["Link"][1:].partition(">")[0]
    await world.emsp.call("GET", url, to=CPO, sender=EMSP)
    assert (await world.cpo.receives("GET", "/sender/locations", 2)).query == "p=2"


async def test_no_other_answer_leads_past_the_hub(world: Roaming) -> None:
    """TR-05: the asker has no token for the host that a Location names."""
    headers = {"Location": f"{world.emsp.url}/somewhere", "X-Other": "1", "Set-Cookie": "a=b"}
    world.emsp.answers("PUT", "/receiver/locations", Reply(status=201, headers=headers))
    url = world.url("locations", "RECEIVER", "/BE/BEC/LOC1")
    answer = await world.cpo.call("PUT", url, {"id": "LOC1"}, to=EMSP, sender=CPO)
    assert answer.status == 201
    assert not {"Location", "X-Other", "Set-Cookie"} & set(answer.headers)


@pytest.mark.parametrize("leaving", ["cpo", "emsp"])
async def test_whoever_is_removed_while_a_request_is_under_way_does_no_harm(
    world: Roaming, leaving: str
) -> None:
    link = f'<{world.cpo.url}/partner/2.2.1/sender/locations?p=2>; rel="next"'

    async def remove_and_answer(_received: Received) -> Reply:
        await world.hub.platforms.remove(leaving)
        return Reply([], headers={"Link": link})

    world.cpo.answers("GET", "/sender/locations", remove_and_answer, times=1)
    answer = await world.emsp.call("GET", world.url("locations", "SENDER"), to=CPO, sender=EMSP)
    assert (answer.status, answer.code) == (200, 1000)
    answer = await world.emsp.call("GET", world.url("locations", "SENDER"), to=CPO, sender=EMSP)
    assert (answer.status, answer.code) == ((200, 4001) if leaving == "cpo" else (401, 2000))


@pytest.mark.holds("RT-10", "RT-11", by="hub")
async def test_another_hub_speaks_for_its_own_parties_and_for_nobody_who_is_here(world: Roaming) -> None:
    """RT-10, RT-11."""
    async with Recorder([("HUB", "DE", "HUB")]) as other:
        await joined(world.hub, other, "other", HubRole.ALLOWED)
        for sender, owner, code in (
            ("FR/FAR", "FR/FAR", 1000),
            ("FR/FAR", "FR/WAY", 1000),
            (CPO, CPO, 2001),
            ("FR/FAR", CPO, 2001),
            ("NL/HUB", "NL/HUB", 2001),
        ):
            url = world.url("locations", "RECEIVER", f"/{owner}/LOC1")
            answer = await other.call("PUT", url, {"id": "LOC1"}, to=EMSP, sender=sender)
            assert answer.code == code, (sender, owner)
        assert len(world.emsp.all("PUT", "/receiver/locations")) == 2
