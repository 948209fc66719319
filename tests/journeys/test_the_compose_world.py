"""`docker compose up`: a roaming world sets itself up, without containers: `tests/fixtures/compose.py`."""

import asyncio
import re
import stat
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from partners.administration import PREFIX
from schemas import exact_json
from tests.fixtures.compose import PATIENCE_SECONDS, Composition


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Composition]:
    async with Composition(tmp_path) as made:
        yield made


class Emsp:
    """The eMSP, as its operator asks it."""

    def __init__(self, world: Composition) -> None:
        self._world = world
        found = re.search(r'admin_key = "(.*)"', (world.volume("world") / "emsp.toml").read_text())
        assert found is not None
        self._key = found[1]

    async def does(self, *command: str) -> Any:
        """`docker compose exec emsp ocpi-node emsp …`."""
        told = {"OCPI_NODE_URL": self._world.url("emsp", 8021), "OCPI_NODE_KEY": self._key}
        said = await self._world.done("emsp", "ocpi-node", "emsp", *command, "--json", **told)
        return exact_json.decode(said)

    async def until(self, path: str, is_right: Callable[[Any], Any] = bool) -> Any:
        """What it answers, once that is right; as by its commands, without a program for each look."""
        headers = {"Authorization": f"Bearer {self._key}"}
        url = self._world.url("emsp", 8021) + PREFIX + path
        async with asyncio.timeout(PATIENCE_SECONDS), aiohttp.ClientSession(headers=headers) as session:
            while True:
                async with session.get(url) as answer:
                    found = exact_json.decode(await answer.read())
                if right := is_right(found):
                    return right
                await asyncio.sleep(0.1)


async def legs(world: Composition, hub: str) -> int:
    """How many messages a hub has had from partners."""
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{world.url(hub, 8081)}/metrics") as answer,
    ):
        text = await answer.text()
    counts = re.findall(r'^ocpi_hub_legs_total\{direction="in".*\} (\S+)$', text, re.MULTILINE)
    return sum(int(float(count)) for count in counts)


@pytest.mark.timeout(300)
async def test_everybody_registers_by_itself_and_a_driver_charges(world: Composition) -> None:
    """From nothing to a bill, through nginx and both hubs; then again, with what is there."""
    await world.up()

    emsp = Emsp(world)
    await emsp.until("/locations")
    await emsp.does("start", "app-0001", "station-square", "evse-1", "1")
    began = await emsp.until("/sessions", _of_the_app)
    await emsp.does("stop", began["id"])
    await emsp.until("/bills", lambda bills: [each for each in bills if began["id"] in str(each)])
    assert min([await legs(world, hub) for hub in ("hub-1", "hub-2")]) > 0

    # Whatever was made is nobody else's business.
    for name, file in (("hub-data", "admin.key"), ("hub-data", "secret.key"), ("keys", "pgpass")):
        assert stat.S_IMODE((world.volume(name) / file).stat().st_mode) == 0o600
    assert stat.S_IMODE((world.volume("world") / "cpo.toml").stat().st_mode) == 0o600

    # One hub goes: nobody notices. The onboarding runs again at each start, and changes nothing.
    await world.stop("hub-1")
    await emsp.does("pull")
    before = (world.volume("world") / "cpo.toml").read_text()
    await world.start("hub-1")
    await world.start("onboarding")
    assert (world.volume("world") / "cpo.toml").read_text() == before


def _of_the_app(sessions: Any) -> Any:
    """The session of the driver with the app; others charge with their cards meanwhile."""
    found = [each for each in sessions if "app-0001" in str(each) and each["status"] == "ACTIVE"]
    return found[0] if found else None
