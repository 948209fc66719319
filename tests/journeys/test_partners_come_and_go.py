"""Partners that leave and come back, and one that hangs among others."""

import asyncio
import time
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.fixtures.recorder import Fault, Recorder
from tests.fixtures.roaming import CPO, EMSP, HUB, LOCATION, PATIENCE, TOKEN, joined, roaming


async def test_a_partner_leaves_and_comes_back(tmp_path: Path) -> None:
    """Its party is SUSPENDED meanwhile; back with new tokens it pulls what it has missed (CR-13, HCI-15)."""
    async with roaming(tmp_path) as world:
        hub, cpo, emsp = world.hub, world.cpo, world.emsp
        old = emsp.outbound_token
        answer = await emsp.call("DELETE", f"{hub.public_url}/ocpi/2.2.1/credentials")
        assert answer.code == 1000
        suspended = await cpo.receives("PUT", "/hubclientinfo/NL/TNM", 2)
        assert suspended.value["status"] == "SUSPENDED"
        url = world.url("locations", "RECEIVER", "/BE/BEC/LOC1")
        assert (await cpo.call("PUT", url, LOCATION, to=EMSP, sender=CPO)).code == 4003
        assert (await cpo.call("PUT", url, LOCATION, to=HUB, sender=CPO)).code == 1000
        assert (await emsp.call("GET", hub.versions_url, token=old)).status == 401
        assert emsp.all("PUT", "/receiver/locations") == []

        again = await hub.platforms.invite_again("emsp")
        assert (await emsp.register(hub.versions_url, again.token)).code == 1000
        back = await cpo.receives("PUT", "/hubclientinfo/NL/TNM", 4)
        assert back.value["status"] == "CONNECTED"
        missed = await emsp.call("GET", world.url("locations", "SENDER"), to=HUB, sender=EMSP)
        assert missed.data == [LOCATION]
        assert emsp.all("PUT", "/receiver/locations") == []
        assert (await cpo.call("PUT", url, LOCATION, to=EMSP, sender=CPO)).code == 1000


@pytest.mark.parametrize("fault", [Fault.HANG, Fault.DRIP])
async def test_of_three_cpos_one_hangs_and_the_others_do_not_notice(tmp_path: Path, fault: Fault) -> None:
    """Relays and deliveries to the others go on while requests to one of them wait for its time-out."""
    parties = ("BE/AAA", "BE/BBB", "BE/CCC")
    async with roaming(tmp_path) as world, AsyncExitStack() as stack:
        cpos = {}
        for party in parties:
            cpos[party] = await stack.enter_async_context(Recorder([("CPO", *party.split("/"))]))
            await joined(world.hub, cpos[party], party.replace("/", "-"))
        cpos["BE/BBB"].answers("*", "/receiver/", fault)
        cpos["BE/BBB"].answers("*", "/sender/", fault)
        listed = world.url("locations", "SENDER")

        async def asked(party: str) -> tuple[int, float]:
            start = time.monotonic()
            answer = await world.emsp.call("GET", listed, to=party, sender=EMSP)
            return answer.code, time.monotonic() - start

        async with asyncio.TaskGroup() as tasks:
            hanging = [tasks.create_task(asked("BE/BBB")) for _ in range(4)]
            await cpos["BE/BBB"].receives("GET", "/sender/locations", 4)
            for party in ("BE/AAA", "BE/CCC"):
                code, seconds = await asked(party)
                assert (code, seconds < PATIENCE.total_seconds() / 2) == (1000, True)
            url = world.url("tokens", "RECEIVER", "/NL/TNM/012345678")
            assert (await world.emsp.call("PUT", url, TOKEN, to=HUB, sender=EMSP)).code == 1000
            for party in ("BE/AAA", "BE/CCC"):
                assert (await cpos[party].receives("PUT", "/receiver/tokens")).value == TOKEN
            assert not any(task.done() for task in hanging)
        assert {task.result()[0] for task in hanging} <= {4000, 4002}
