"""Several hubs on one database: what one of them changes is in force at the others within a second (D8)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from hub.ocpi.party import Party
from hub.settings import PolicyMode
from hub.web.app import RunningHub, running_hub
from tests.fixtures.processes import free_port
from tests.fixtures.recorder import Recorder
from tests.fixtures.roaming import CPO, EMSP, LOCATION, TARIFF, joined, settings

#: A second on a machine that has time; far less than until anybody looks of their own accord.
SOON = 5.0


@dataclass(frozen=True, slots=True)
class Twins:
    """Two hubs on one database, a CPO and an eMSP that registered at the first one."""

    first: RunningHub
    #: Where each of them listens; partners know one public URL.
    at_first: str
    at_second: str
    cpo: Recorder
    emsp: Recorder


def at(url: str, interface: str, module: str, tail: str = "") -> str:
    return f"{url}/ocpi/2.2.1/{interface}/{module}{tail}"


@asynccontextmanager
async def twins(data: Path, url: str, policy: PolicyMode = PolicyMode.OPEN) -> AsyncIterator[Twins]:
    ports = free_port(), free_port()
    urls = [f"http://127.0.0.1:{port}" for port in ports]
    common = replace(settings(data, policy), database=url, public_url=urls[0])
    async with (
        Recorder([("CPO", *CPO.split("/"))]) as cpo,
        Recorder([("EMSP", *EMSP.split("/"))]) as emsp,
        running_hub(replace(common, port=ports[0]), log=None) as first,
        running_hub(replace(common, port=ports[1]), log=None),
    ):
        yield Twins(first, *urls, await joined(first, cpo, "cpo"), await joined(first, emsp, "emsp"))


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
    assert world.cpo.received[-1].path.endswith("/sender/locations")


async def test_who_is_suspended_at_one_hub_is_kept_out_at_the_other(world: Twins) -> None:
    where = at(world.at_second, "sender", "locations")
    await until_code(world.emsp, where, 1000, to=CPO, sender=EMSP)
    await world.first.platforms.suspend("cpo")
    await until_code(world.emsp, where, 4003, to=CPO, sender=EMSP)


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
