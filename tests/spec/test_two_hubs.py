"""Two hubs in a row: whom the other one reaches, and that nothing goes in circles (RT-10, AM-56)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from hub.directory.directory import HubRole
from hub.ocpi.party import Party
from hub.settings import PolicyMode
from hub.web.app import RunningHub, running_hub
from tests.fixtures.recorder import Recorder, Reply
from tests.fixtures.roaming import CPO, EMSP, HUB, LOCATION, Roaming, joined, roaming, settings

FAR_HUB, FAR = "DE/HUB", "FR/FAR"
CLIENT_INFO = {
    "country_code": "FR", "party_id": "FAR", "role": "CPO", "status": "CONNECTED",
    "last_updated": "2026-01-01T10:00:00Z",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class TwoHubs:
    """An eMSP at the near hub, a CPO at the far one."""

    near: RunningHub
    far: RunningHub
    emsp: Recorder
    cpo: Recorder

    async def know_each_other(self) -> None:
        """Until each partner was told of the other one by its own hub."""
        await self.emsp.receives("PUT", f"/receiver/hubclientinfo/{CPO}")
        await self.cpo.receives("PUT", f"/receiver/hubclientinfo/{EMSP}")


def url(hub: RunningHub, interface: str, module: str, tail: str = "") -> str:
    return f"{hub.public_url}/ocpi/2.2.1/{interface}/{module}{tail}"


async def connect(near: RunningHub, far: RunningHub) -> None:
    """The far hub registers at the near one; both operators let it."""
    token = (await near.platforms.invite("the far hub", HubRole.ALLOWED)).token
    await far.registering.register_at("the near hub", near.versions_url, token, hub_role=HubRole.ALLOWED)


@asynccontextmanager
async def two_hubs(data: Path) -> AsyncIterator[TwoHubs]:
    async with AsyncExitStack() as stack:
        near = await stack.enter_async_context(running_hub(settings(data / "near"), log=None))
        there = replace(settings(data / "far"), party=Party.parse(FAR_HUB))
        far = await stack.enter_async_context(running_hub(there, log=None))
        emsp = await stack.enter_async_context(Recorder([("EMSP", *EMSP.split("/"))]))
        cpo = await stack.enter_async_context(Recorder([("CPO", *CPO.split("/"))]))
        yield TwoHubs(near, far, await joined(near, emsp, "emsp"), await joined(far, cpo, "cpo"))


@pytest.fixture
async def hubs(tmp_path: Path) -> AsyncIterator[TwoHubs]:
    async with two_hubs(tmp_path) as made:
        await connect(made.near, made.far)
        await made.know_each_other()
        yield made


@pytest.mark.holds("RT-06", "RT-08", "RT-10", "RT-20", "RT-21", "RT-22", by="hub")
async def test_parties_of_two_hubs_reach_each_other(hubs: TwoHubs) -> None:
    """The pairs are those of the ends, on all legs; each has its request id, all share the correlation id."""
    location = url(hubs.far, "receiver", "locations", "/BE/BEC/LOC1")
    ids = {"X-Request-ID": "asked", "X-Correlation-ID": "story"}
    answer = await hubs.cpo.call("PUT", location, LOCATION, to=EMSP, sender=CPO, headers=ids)
    assert (answer.status, answer.code, answer.to, answer.sender) == (200, 1000, CPO, EMSP)
    assert answer.headers["X-Request-ID"] == "asked"
    got = await hubs.emsp.receives("PUT", "/receiver/locations/BE/BEC/LOC1")
    assert (got.to, got.sender, got.value, got.correlation_id) == (EMSP, CPO, LOCATION, "story")
    assert got.request_id != "asked"

    hubs.cpo.answers("GET", "/sender/locations", Reply(LOCATION))
    answer = await hubs.emsp.call("GET", url(hubs.near, "sender", "locations", "/LOC1"), to=CPO, sender=EMSP)
    assert (answer.data, answer.to, answer.sender) == (LOCATION, EMSP, CPO)


@pytest.mark.holds("RT-10", "CMD-07", "CMD-08", by="hub")
async def test_the_result_of_a_command_goes_back_over_both_hubs(hubs: TwoHubs) -> None:
    """Each hub gives a URL of its own; the CPO knows its own hub only."""
    hubs.cpo.answers("POST", "/commands/", Reply({"result": "ACCEPTED", "timeout": 30}))
    body = {"session_id": "S1", "response_url": f"{hubs.emsp.url}/callbacks/1"}
    stop = url(hubs.near, "receiver", "commands", "/STOP_SESSION")
    answer = await hubs.emsp.call("POST", stop, body, to=CPO, sender=EMSP)
    assert answer.data == {"result": "ACCEPTED", "timeout": 30}
    given = (await hubs.cpo.receives("POST", "/commands/")).value["response_url"]
    assert given.startswith(hubs.far.public_url)
    back = await hubs.cpo.call("POST", given, {"result": "ACCEPTED"}, to=EMSP, sender=CPO)
    assert (back.code, back.to, back.sender) == (1000, CPO, EMSP)
    result = await hubs.emsp.receives("POST", "/callbacks/1")
    assert (result.value, result.to, result.sender) == ({"result": "ACCEPTED"}, EMSP, CPO)


@pytest.mark.holds("RT-10", "HCI-01", "HCI-03", "CR-22", by="hub")
async def test_what_becomes_of_a_party_is_known_at_both_hubs(hubs: TwoHubs) -> None:
    """Who comes is pushed on, who cannot be reached is 4003 here as there, who leaves is SUSPENDED."""
    async with Recorder([("CPO", "FR", "NEW")]) as newcomer:
        await joined(hubs.far, newcomer, "newcomer")
        put = await hubs.emsp.receives("PUT", "/receiver/hubclientinfo/FR/NEW")
        assert (put.value["role"], put.value["status"]) == ("CPO", "CONNECTED")
        asked = url(hubs.near, "sender", "locations")
        assert (await hubs.emsp.call("GET", asked, to="FR/NEW", sender=EMSP)).code == 1000
        await newcomer.call("DELETE", newcomer.far_end["credentials", "SENDER"])
        put = await hubs.emsp.receives("PUT", "/receiver/hubclientinfo/FR/NEW", 2)
        assert put.value["status"] == "SUSPENDED"
        answer = await hubs.emsp.call("GET", asked, to="FR/NEW", sender=EMSP)
        assert (answer.code, answer.to, answer.sender) == (4003, EMSP, HUB)
        listed = (await hubs.emsp.call("GET", url(hubs.near, "sender", "hubclientinfo"))).data
        states = {(each["party_id"], each["role"]): each["status"] for each in listed}
        assert states["BEC", "CPO"] == "CONNECTED"
        assert states["NEW", "CPO"] == "SUSPENDED"


@pytest.mark.holds("RT-13", by="hub")
async def test_without_leave_of_the_operator_the_parties_of_another_hub_are_unknown(hubs: TwoHubs) -> None:
    asked = url(hubs.near, "sender", "locations")
    assert (await hubs.emsp.call("GET", asked, to=CPO, sender=EMSP)).code == 1000
    await hubs.near.platforms.arrange("the far hub", hub_role=HubRole.REFUSED)
    assert (await hubs.emsp.call("GET", asked, to=CPO, sender=EMSP)).code == 4001
    put = await hubs.emsp.receives("PUT", f"/receiver/hubclientinfo/{CPO}", 2)
    assert put.value["status"] == "SUSPENDED"


@pytest.mark.holds("RT-10", "AM-56", by="hub")
async def test_a_third_hub_is_no_way_on(hubs: TwoHubs, tmp_path: Path) -> None:
    """It is told of our own parties only; and what it sends goes to our own parties only."""
    third = replace(settings(tmp_path / "third"), party=Party.parse("SE/HUB"))
    async with running_hub(third, log=None) as third_hub, Recorder([("EMSP", "SE", "EEE")]) as remote:
        await joined(third_hub, remote, "remote")
        token = (await hubs.near.platforms.invite("third", HubRole.ALLOWED)).token
        await third_hub.registering.register_at(
            "near", hubs.near.versions_url, token, hub_role=HubRole.ALLOWED
        )
        # Of the parties that the near hub knows, only the one that is registered there.
        await remote.receives("PUT", f"/receiver/hubclientinfo/{EMSP}")
        listed = (await remote.call("GET", url(third_hub, "sender", "hubclientinfo"))).data
        assert {(each["country_code"], each["party_id"]) for each in listed} == {("NL", "TNM"), ("NL", "HUB")}
        answer = await remote.call("GET", url(third_hub, "sender", "locations"), to=CPO, sender="SE/EEE")
        assert answer.code == 4001
        assert hubs.cpo.all("GET", "/sender/locations") == []


@pytest.mark.holds("RT-10", by="hub")
async def test_after_a_restart_the_parties_of_the_other_hub_are_still_known(tmp_path: Path) -> None:
    """What was told is kept, and the list is read anew."""
    async with (
        Recorder([("HUB", *FAR_HUB.split("/"))]) as far,
        Recorder([("EMSP", *EMSP.split("/"))]) as emsp,
    ):
        far.answers("GET", "/sender/hubclientinfo", Reply([CLIENT_INFO]))
        far.endpoints.append(("hubclientinfo", "SENDER"))
        async with running_hub(settings(tmp_path), log=None) as hub:
            await joined(hub, emsp, "emsp")
            await joined(hub, far, "far", HubRole.ALLOWED)
            await emsp.receives("PUT", f"/receiver/hubclientinfo/{FAR}")
        async with running_hub(settings(tmp_path), log=None) as hub:
            await far.receives("GET", "/sender/hubclientinfo", 2)
            await emsp.call("GET", url(hub, "sender", "locations", "/L"), to=FAR, sender=EMSP)
            assert (await far.receives("GET", "/sender/locations")).to == FAR


# One real hub, and another one that is played.


@pytest.fixture
async def far(world: Roaming) -> AsyncIterator[Recorder]:
    async with Recorder([("HUB", *FAR_HUB.split("/"))]) as far:
        far.endpoints.append(("hubclientinfo", "SENDER"))
        far.answers("GET", "/sender/hubclientinfo", Reply([]))
        await joined(world.hub, far, "far", HubRole.ALLOWED)
        yield far


async def tell(far: Recorder, info: dict[str, Any] = CLIENT_INFO, at: str = FAR, method: str = "PUT") -> int:
    """The HTTP status of the answer to what the played hub tells of a party."""
    sent = {} if method == "GET" else {"value": info}
    address = f"{far.far_end['hubclientinfo', 'RECEIVER']}/{at}"
    return (await far.call(method, address, **sent)).status


@pytest.mark.holds("HCI-07", "HCI-08", "VE-12", by="hub")
async def test_another_hub_tells_of_its_clients_where_nobody_else_does(world: Roaming, far: Recorder) -> None:
    assert ("hubclientinfo", "RECEIVER") not in world.cpo.far_end
    assert [await tell(far), await tell(far)] == [201, 200]
    address = f"{far.far_end['hubclientinfo', 'RECEIVER']}/fr/far"
    read = await far.call("GET", address)
    assert (read.status, read.data, read.to, read.sender) == (200, CLIENT_INFO, None, None)
    assert [await tell(far, method=method) for method in ("POST", "PATCH", "DELETE")] == [405, 405, 405]
    assert (await far.call("GET", f"{far.far_end['hubclientinfo', 'RECEIVER']}/FR/NOB")).status == 404
    for wrong, at in ((CLIENT_INFO, "FR/NOT"), (CLIENT_INFO | {"role": "HUB"}, FAR), ({"role": "CPO"}, FAR)):
        answer = await far.call("PUT", f"{far.far_end['hubclientinfo', 'RECEIVER']}/{at}", wrong)
        assert (answer.status, answer.code) == (200, 2001)
    # Others cannot say who is reached where.
    assert (await world.cpo.call("PUT", address, CLIENT_INFO)).status == 404
    assert (await world.cpo.call("PUT", address, CLIENT_INFO, token="wrong")).status == 401


@pytest.mark.holds("TR-29", "TR-39", "PG-13", by="hub")
async def test_the_list_of_another_hub_is_read_to_its_end_and_is_the_truth(
    world: Roaming, far: Recorder
) -> None:
    """What is broken in it is left out; who is not in it any more is SUSPENDED."""
    await tell(far)
    await world.emsp.receives("PUT", f"/receiver/hubclientinfo/{FAR}")
    following = f"{far.url}/partner/2.2.1/sender/hubclientinfo?cursor=2"
    link = {"Link": f'<{following}>; rel="next"'}
    broken = [{"role": "CPO"}, CLIENT_INFO | {"party_id": "T*O"}, CLIENT_INFO | {"role": "HUB"}, None]
    second = CLIENT_INFO | {"party_id": "TWO"}
    far.answers("GET", "/sender/hubclientinfo", Reply([second]))
    far.answers(
        "GET",
        "/sender/hubclientinfo",
        Reply([*broken, CLIENT_INFO | {"party_id": "ONE"}], headers=link),
        times=1,
    )
    await far.update()
    await world.hub.platforms.suspend("far")
    await world.hub.platforms.resume("far")
    for party, status in (("FR/ONE", "CONNECTED"), ("FR/TWO", "CONNECTED")):
        put = await world.emsp.until(lambda party=party, status=status: _told(world.emsp, party, status))
        assert put.value["role"] == "CPO"
    await world.emsp.until(lambda: _told(world.emsp, FAR, "SUSPENDED"))


@pytest.mark.holds("TR-39", "HCI-15", by="hub")
async def test_what_a_hub_tells_while_its_list_is_read_is_newer_than_the_list(
    world: Roaming, far: Recorder
) -> None:
    asked, told = asyncio.Event(), asyncio.Event()

    async def slowly(_received: object) -> Reply:
        asked.set()
        await told.wait()
        return Reply([CLIENT_INFO | {"party_id": "TWO"}])

    far.answers("GET", "/sender/hubclientinfo", slowly)
    await far.update()
    await asked.wait()
    await tell(far)
    await world.emsp.until(lambda: _told(world.emsp, FAR, "CONNECTED"))
    told.set()
    await world.emsp.until(lambda: _told(world.emsp, "FR/TWO", "CONNECTED"))
    assert _told(world.emsp, FAR, "CONNECTED")


@pytest.mark.holds("RT-14", "HCI-15", by="hub")
async def test_a_party_is_no_better_connected_than_the_hub_that_reaches_it(
    world: Roaming, far: Recorder
) -> None:
    await tell(far)
    asked = world.url("locations", "SENDER", "/L")
    await world.emsp.call("GET", asked, to=FAR, sender=EMSP)
    await far.receives("GET", "/sender/locations")
    await far.go_away()
    for _ in range(2):
        assert (await world.emsp.call("GET", asked, to=FAR, sender=EMSP)).code == 4003
    await world.emsp.until(lambda: _told(world.emsp, FAR, "OFFLINE"))


@pytest.mark.holds("RT-12", "RT-13", "RT-18", by="hub")
async def test_the_way_by_another_hub_is_one_of_role_and_module(world: Roaming, far: Recorder) -> None:
    await tell(far)
    far.endpoints = [each for each in far.endpoints if each[0] != "tariffs"]
    await far.update()
    for module, code in (("locations", 1000), ("tokens", 4001), ("tariffs", 4000)):
        far.answers("GET", f"/sender/{module}", Reply([]))
        answer = await world.emsp.call("GET", world.url(module, "SENDER"), to=FAR, sender=EMSP)
        assert answer.code == code, module


@pytest.mark.holds("AM-56", "RT-11", by="hub")
async def test_nothing_goes_in_circles_whatever_hubs_believe_of_each_other(
    world: Roaming, far: Recorder
) -> None:
    """The other hub thinks that its party is here and sends back what it gets, or sends it to a third hub."""
    await tell(far)

    async def send_back(received: Any) -> Reply:
        address = f"{world.hub.public_url}/ocpi/2.2.1/sender/locations/L"
        answer = await far.call("GET", address, to=received.to, sender=received.sender)
        return Reply(status=answer.status, body=answer.body)

    far.answers("GET", "/sender/locations", send_back)
    asked = world.url("locations", "SENDER", "/L")
    async with asyncio.timeout(5):
        answer = await world.emsp.call("GET", asked, to=FAR, sender=EMSP)
    # It is we who speak for the eMSP.
    assert (answer.status, answer.code) == (200, 2001)
    assert len(far.all("GET", "/sender/locations")) == 1
    # From a party of its own, to one that we believe to be there, or at yet another hub.
    async with Recorder([("HUB", "SE", "HUB")]) as third:
        third.endpoints.append(("hubclientinfo", "SENDER"))
        third.answers("GET", "/sender/hubclientinfo", Reply([CLIENT_INFO | {"party_id": "OUT"}]))
        await joined(world.hub, third, "third", HubRole.ALLOWED)
        await world.emsp.receives("PUT", "/receiver/hubclientinfo/FR/OUT")
        for to in (FAR, "FR/OUT"):
            answer = await far.call("GET", asked, to=to, sender="FR/ANY")
            assert (answer.status, answer.code) == (200, 4001)
        assert third.all("GET", "/sender/locations") == []
        # Its own party may go where everybody may.
        own = await far.call("GET", asked, to="FR/OUT", sender=FAR_HUB)
        assert (own.status, own.code) == (404, 2001), own
        assert (await third.receives("GET", "/sender/locations")).sender == FAR_HUB


async def test_who_registers_here_is_reached_here(world: Roaming, far: Recorder) -> None:
    """A party that another hub told of, too: its own platform counts."""
    await tell(far, CLIENT_INFO | {"country_code": "BE", "party_id": "BEC"}, CPO)
    asked = world.url("locations", "SENDER", "/L")
    await world.emsp.call("GET", asked, to=CPO, sender=EMSP)
    assert len(world.cpo.all("GET", "/sender/locations")) == 1
    assert far.all("GET", "/sender/locations") == []


def _told(partner: Recorder, party: str, status: str) -> Any:
    """What the partner was told last of a party, if that is its status."""
    puts = partner.all("PUT", f"/receiver/hubclientinfo/{party}")
    return puts[-1] if puts and puts[-1].value["status"] == status else None


@pytest.mark.holds("RT-10", "HCI-06", by="hub")
async def test_another_hub_learns_nothing_by_claiming_a_party_that_is_here(tmp_path: Path) -> None:
    """Without an agreement of its own it knows nobody, also if it says that it reaches the CPO."""
    async with roaming(tmp_path, settings(tmp_path, PolicyMode.AGREEMENTS)) as world:
        await world.hub.signing.sign((Party.parse(CPO), Party.parse(EMSP)))
        async with Recorder([("HUB", *FAR_HUB.split("/"))]) as far:
            far.endpoints.append(("hubclientinfo", "SENDER"))
            far.answers("GET", "/sender/hubclientinfo", Reply([]))
            await joined(world.hub, far, "far", HubRole.ALLOWED)
            claimed = CLIENT_INFO | {"country_code": "be", "party_id": "bec"}
            assert await tell(far, claimed, CPO) == 201
            known = await far.call("GET", url(world.hub, "sender", "hubclientinfo"))
            assert (known.code, known.data) == (1000, [])
