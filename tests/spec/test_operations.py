"""What load balancers and operators may ask of a hub, and where (design D11)."""

import asyncio
from pathlib import Path

from hub.web.app import RunningHub, running_hub
from tests.fixtures.recorder import Fault, Recorder
from tests.fixtures.roaming import CPO, EMSP, Roaming, joined, roaming, settings


async def test_health_is_told_on_both_ports_and_figures_to_operators_alone(tmp_path: Path) -> None:
    async with roaming(tmp_path) as world:
        for path, at_the_partners_port in (("/health", 200), ("/ready", 200), ("/metrics", 404)):
            public = await world.emsp.call("GET", f"{world.hub.public_url}{path}", token=None)
            operators = await world.emsp.call("GET", f"{world.hub.admin_url}{path}", token=None)
            assert (public.status, operators.status) == (at_the_partners_port, 200)


async def test_no_partner_is_named_in_the_figures(tmp_path: Path) -> None:
    async with roaming(tmp_path) as world:
        await world.emsp.call("GET", world.url("locations", "SENDER"), to=CPO, sender=EMSP)
        text = (await world.emsp.call("GET", f"{world.hub.admin_url}/metrics", token=None)).body.decode()
        assert 'module="locations"' in text
        for name in ("cpo", "emsp", "BEC", "TNM", "127.0.0.1"):
            assert name not in text


async def test_a_hub_that_stops_is_alive_and_not_ready(tmp_path: Path) -> None:
    """It answers what is under way, and wants nothing more."""
    stop = asyncio.Event()
    started: asyncio.Future[RunningHub] = asyncio.get_running_loop().create_future()

    async def hub_until_told() -> None:
        async with running_hub(settings(tmp_path), log=None) as hub:
            started.set_result(hub)
            await stop.wait()

    async with (
        Recorder([("CPO", *CPO.split("/"))]) as cpo,
        Recorder([("EMSP", *EMSP.split("/"))]) as emsp,
        asyncio.timeout(20),
        asyncio.TaskGroup() as group,
    ):
        running = group.create_task(hub_until_told())
        hub = await started
        world = Roaming(hub, await joined(hub, cpo, "cpo"), await joined(hub, emsp, "emsp"), [])
        cpo.answers("GET", "/sender/locations", Fault.HANG)
        asked = group.create_task(emsp.call("GET", world.url("locations", "SENDER"), to=CPO, sender=EMSP))
        await cpo.receives("GET", "/sender/locations")
        stop.set()
        while (ready := await cpo.call("GET", f"{hub.admin_url}/ready", token=None)).status == 200:
            pass
        assert (ready.status, ready.envelope) == (503, {"status": "not ready"})
        assert (await cpo.call("GET", f"{hub.admin_url}/health", token=None)).status == 200
        assert (asked.done(), running.done()) == (False, False)
        assert (await asked).code == 4002
