"""Several hubs on one database: what one of them changes is in force at the others within a second (D8)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from hub.ocpi.party import Party
from hub.registry.platforms import HandshakeFailed
from hub.settings import Limits, PolicyMode, Settings
from hub.web.app import RunningHub, running_hub
from schemas.v2_2_1 import ConnectionStatus
from tests.fixtures.ports import free_port
from tests.fixtures.recorder import Received, Recorder, Reply
from tests.fixtures.roaming import CPO, EMSP, LOCATION, TARIFF, joined, settings

#: A second on a machine that has time; far less than until anybody looks of their own accord.
SOON = 5.0


@dataclass(frozen=True, slots=True)
class Twins:
    """Two hubs on one database, a CPO and an eMSP that registered at the first one."""

    first: RunningHub
    second: RunningHub
    #: Where each of them listens; partners know one public URL.
    at_first: str
    at_second: str
    cpo: Recorder
    emsp: Recorder
    #: What both are told, but for their ports.
    common: Settings


def at(url: str, interface: str, module: str, tail: str = "") -> str:
    return f"{url}/ocpi/2.2.1/{interface}/{module}{tail}"


@asynccontextmanager
async def twins(
    data: Path, url: str, policy: PolicyMode = PolicyMode.OPEN, limits: Limits | None = None
) -> AsyncIterator[Twins]:
    ports = free_port(), free_port()
    urls = [f"http://127.0.0.1:{port}" for port in ports]
    common = replace(settings(data, policy), database=url, public_url=urls[0])
    common = common if limits is None else replace(common, limits=limits)
    async with (
        Recorder([("CPO", *CPO.split("/"))]) as cpo,
        Recorder([("EMSP", *EMSP.split("/"))]) as emsp,
        running_hub(replace(common, port=ports[0]), log=None) as first,
        running_hub(replace(common, port=ports[1]), log=None) as second,
    ):
        yield Twins(
            first, second, *urls, await joined(first, cpo, "cpo"), await joined(first, emsp, "emsp"), common
        )


@pytest.fixture
async def world(tmp_path: Path, url: str) -> AsyncIterator[Twins]:
    async with twins(tmp_path, url) as made:
        yield made


async def until_code(partner: Recorder, where: str, code: int, *, to: str, sender: str) -> None:
    async with asyncio.timeout(SOON):
        while True:
            answer = await partner.call("GET", where, to=to, sender=sender)
            if answer.code == code:
                return


async def test_who_registered_at_one_hub_is_known_at_the_other(world: Twins) -> None:
    """Its token opens the other door, and it is reached from there."""
    where = at(world.at_second, "sender", "locations")
    await until_code(world.emsp, where, 1000, to=CPO, sender=EMSP)
    assert world.cpo.all("GET", "/sender/locations")


async def test_who_is_suspended_at_one_hub_is_kept_out_at_the_other(world: Twins) -> None:
    where = at(world.at_second, "sender", "locations")
    await until_code(world.emsp, where, 1000, to=CPO, sender=EMSP)
    await world.first.platforms.suspend("cpo")
    await until_code(world.emsp, where, 4003, to=CPO, sender=EMSP)


async def test_what_is_changed_at_one_hub_is_in_force_at_the_other_within_a_second(world: Twins) -> None:
    """Half of the changes: one may be late where the machine has no time. No process looks by itself."""
    loop, delays = asyncio.get_running_loop(), []
    where = at(world.at_second, "sender", "tokens")
    await until_code(world.cpo, where, 1000, to="NL/HUB", sender=CPO)
    for number in range(7):
        is_out = number % 2 == 0
        await (world.first.platforms.suspend if is_out else world.first.platforms.resume)("cpo")
        began = loop.time()
        async with asyncio.timeout(SOON):
            while True:
                answer = await world.cpo.call("GET", where, to="NL/HUB", sender=CPO)
                if (answer.status == 403) == is_out:
                    break
        delays.append(loop.time() - began)
    assert sorted(delays)[len(delays) // 2] <= 1.0, delays


async def test_what_was_accepted_by_one_hub_is_on_the_pages_of_the_other(world: Twins) -> None:
    """Also where the other one has counted and remembered its pages already."""
    listed = at(world.at_second, "sender", "tariffs")
    await until_code(world.emsp, listed, 1000, to="NL/HUB", sender=EMSP)
    for number in range(3):
        tariff = TARIFF | {"id": f"T{number}"}
        put = at(world.at_first, "receiver", "tariffs", f"/{CPO}/T{number}")
        answer = await world.cpo.call("PUT", put, tariff, to="NL/HUB", sender=CPO)
        assert answer.code == 1000, answer.body
        async with asyncio.timeout(SOON):
            while True:
                page = await world.emsp.call("GET", listed, to="NL/HUB", sender=EMSP)
                if (len(page.data), page.headers["X-Total-Count"]) == (number + 1, str(number + 1)):
                    break


async def test_what_was_accepted_by_either_hub_is_delivered(world: Twins) -> None:
    for number, hub in enumerate((world.at_first, world.at_second)):
        await until_code(world.cpo, at(hub, "sender", "tokens"), 1000, to="NL/HUB", sender=CPO)
        location = LOCATION | {"id": f"LOC{number}"}
        put = at(hub, "receiver", "locations", f"/{CPO}/LOC{number}")
        answer = await world.cpo.call("PUT", put, location, to="NL/HUB", sender=CPO)
        assert answer.code == 1000, answer.body
        received = await world.emsp.receives("PUT", f"/receiver/locations/{CPO}/LOC{number}")
        assert received.value == location


async def test_an_agreement_signed_at_one_hub_holds_at_the_other(tmp_path: Path, url: str) -> None:
    async with twins(tmp_path, url, PolicyMode.AGREEMENTS) as world:
        where = at(world.at_second, "sender", "locations")
        await until_code(world.emsp, where, 4001, to=CPO, sender=EMSP)
        await world.first.signing.sign((Party.parse(CPO), Party.parse(EMSP)))
        await until_code(world.emsp, where, 1000, to=CPO, sender=EMSP)


async def test_a_token_that_one_hub_has_just_given_opens_the_other_at_once(world: Twins) -> None:
    """A partner does not wait until the other one has heard of it."""
    where = at(world.at_second, "sender", "locations")
    await until_code(world.emsp, where, 1000, to=CPO, sender=EMSP)
    for _ in range(5):
        assert (await world.emsp.update()).code == 1000
        answer = await world.emsp.call("GET", where, to=CPO, sender=EMSP)
        assert (answer.status, answer.code) == (200, 1000)


async def test_a_hub_that_starts_leaves_the_handshakes_of_the_other_alone(world: Twins) -> None:
    begun, released = asyncio.Event(), asyncio.Event()
    async with Recorder([("CPO", "DE", "NEW")]) as partner:

        async def slowly(received: Received) -> Reply:
            begun.set()
            await released.wait()
            return await partner._honest(received)

        partner.answers("POST", "/credentials", slowly)
        async with asyncio.TaskGroup() as tasks:
            token = partner.accept_new_token()
            registering = tasks.create_task(
                world.first.registering.register_at("new", partner.versions_url, token)
            )
            await begun.wait()
            async with running_hub(replace(world.common, port=0), log=None):
                released.set()
                assert (await registering).is_registered
            where = at(world.at_second, "sender", "tokens")
            assert (await partner.call("GET", where, to="NL/HUB", sender="DE/NEW")).code == 1000


async def test_a_result_that_comes_to_the_other_hub_is_in_time(tmp_path: Path, url: str) -> None:
    """CMD-03: no TIMEOUT follows it; the command without a result gets one, and just one."""
    soon = Limits(result_margin=timedelta(seconds=0.5))
    async with twins(tmp_path, url, limits=soon) as world:
        where = at(world.at_second, "sender", "tokens")
        await until_code(world.cpo, where, 1000, to="NL/HUB", sender=CPO)
        world.cpo.answers("POST", "/commands/", Reply({"result": "ACCEPTED", "timeout": 1}))
        world.emsp.answers("POST", "/results/", Reply())
        for number in (1, 2):
            value = {"session_id": "S1", "response_url": f"{world.emsp.url}/results/{number}"}
            asked = at(world.at_first, "receiver", "commands", "/STOP_SESSION")
            assert (await world.emsp.call("POST", asked, value, to=CPO, sender=EMSP)).code == 1000
        link = world.cpo.all("POST", "/commands/")[0].value["response_url"]
        there = link.replace(world.at_first, world.at_second)
        assert there != link
        result = {"result": "ACCEPTED"}
        assert (await world.cpo.call("POST", there, result, to=EMSP, sender=CPO)).code == 1000
        assert (await world.emsp.receives("POST", "/results/2")).value["result"] == "TIMEOUT"
        assert [each.value for each in world.emsp.all("POST", "/results/1")] == [result]

        late = world.cpo.all("POST", "/commands/")[1].value["response_url"]
        there = late.replace(world.at_first, world.at_second)
        assert (await world.cpo.call("POST", there, result, to=EMSP, sender=CPO)).code == 1000
        told = [each.value["result"] for each in world.emsp.all("POST", "/results/2")]
        assert told == ["TIMEOUT", "ACCEPTED"]


async def test_of_each_platform_one_hub_tells_what_it_was_told_once(world: Twins) -> None:
    """Both read the same log; the one that looks after the receiver delivers."""
    for number in range(10):
        location = LOCATION | {"id": f"LOC{number}"}
        put = at(world.at_first, "receiver", "locations", f"/{CPO}/LOC{number}")
        assert (await world.cpo.call("PUT", put, location, to="NL/HUB", sender=CPO)).code == 1000
    await world.emsp.receives("PUT", f"/receiver/locations/{CPO}/LOC9")
    received = [each.path for each in world.emsp.all("PUT", "/receiver/locations")]
    assert len(received) == len(set(received))


async def test_who_is_offline_is_back_when_it_calls_either_hub(world: Twins) -> None:
    for hub in (world.at_first, world.at_second):
        await world.first.platforms.found(1, ConnectionStatus.OFFLINE)
        async with asyncio.timeout(SOON):
            while True:
                await world.cpo.call("GET", at(hub, "sender", "tokens"), to="NL/HUB", sender=CPO)
                answer = await world.emsp.call("GET", at(hub, "sender", "locations"), to=CPO, sender=EMSP)
                if answer.code == 1000:
                    break


@pytest.mark.parametrize("is_strict", [True, False], ids=["strict", "lenient"])
async def test_two_operators_who_renew_tokens_at_two_hubs_at_once_lock_nobody_out(
    world: Twins, *, is_strict: bool
) -> None:
    """A strict partner takes one token at a time; a lenient one lets both end, and goes by the last."""
    cpo, wheres = world.cpo, [at(each, "sender", "locations") for each in (world.at_first, world.at_second)]
    for where in wheres:
        await until_code(world.emsp, where, 1000, to=CPO, sender=EMSP)
    given: list[str] = []

    def renewed(received: Received) -> Reply | None:
        if is_strict:
            return None
        cpo.outbound_token = received.value["token"]
        given.append(cpo.accept_new_token())
        return Reply(cpo.credentials(given[-1]))

    cpo.answers("PUT", "/credentials", renewed)
    for _ in range(3):
        given.clear()
        ended = await asyncio.gather(
            *(hub.registering.update_at("cpo") for hub in (world.first, world.second)), return_exceptions=True
        )
        failed = [each for each in ended if isinstance(each, BaseException)]
        assert all(isinstance(each, HandshakeFailed) for each in failed), failed
        assert len(failed) < len(ended)
        if not is_strict:
            assert not failed
            cpo.accepted_tokens = {given[-1]}
        # Both ways, by both hubs, whoever of them was faster.
        for where, hub in zip(wheres, (world.at_first, world.at_second), strict=True):
            await until_code(world.emsp, where, 1000, to=CPO, sender=EMSP)
            answer = await cpo.call("GET", at(hub, "sender", "tokens"), to="NL/HUB", sender=CPO)
            assert (answer.status, answer.code) == (200, 1000)
