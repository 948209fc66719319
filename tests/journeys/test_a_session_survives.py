"""Whole sessions, charger to CPO to hub to eMSP to bill, while parts of it go away and come back."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit

from hub.ocpi.party import Party
from hub.ocpi.timestamps import utc_now
from hub.settings import Settings
from hub.web.app import RunningHub, running_hub
from partners.charger.charge_point import ChargerSimulator
from partners.charger.settings import ChargerSettings
from partners.charger.simulated_time import SimulatedTime
from partners.cpo.app import CpoNode
from partners.cpo.settings import CpoSettings
from partners.emsp.app import EmspNode
from partners.emsp.authorization import EVERYWHERE
from partners.emsp.bills import Bill
from partners.emsp.settings import EmspSettings
from partners.settings import NodeSettings
from tests.fixtures.bills import the_one_bill
from tests.fixtures.cpo_world import SPEED, cpo_settings
from tests.fixtures.emsp_world import RFID
from tests.fixtures.ports import free_port
from tests.fixtures.roaming import settings as hub_settings


@dataclass
class Stage:
    """Everybody, each of whom can leave and come back to the same place with the same data."""

    folder: Path
    hub: RunningHub
    cpo: CpoNode
    emsp: EmspNode
    charger: ChargerSimulator
    hub_runs: AsyncExitStack
    cpo_runs: AsyncExitStack
    emsp_runs: AsyncExitStack

    async def charges(self, wh: int) -> None:
        """A driver plugs in, shows the card, and so much flows."""
        self.charger.plug_in(1)
        await self.charger.tap(1, RFID["uid"])
        await self.charger.until_energy(1, Decimal(wh))

    async def leaves(self) -> None:
        """The driver shows the card again and drives away."""
        await self.charger.tap(1, RFID["uid"])
        self.charger.unplug(1)

    async def bill(self) -> Bill:
        """The one bill that the driver gets."""
        return await the_one_bill(self.emsp, self.charger)


def port_of(url: str) -> int:
    port = urlsplit(url).port
    assert port is not None
    return port


def emsp_node(folder: Path, port: int) -> EmspNode:
    node = NodeSettings(party=Party("NL", "EMA"), name="eMSP A", database=folder / "emsp.sqlite", port=port)
    return EmspNode(EmspSettings(node=node, tokens=[(RFID, EVERYWHERE)]))


def cpo_node(folder: Path, port: int, ocpp_port: int) -> CpoNode:
    made: CpoSettings = cpo_settings(folder, ocpp_port=ocpp_port)
    return CpoNode(replace(made, node=replace(made.node, port=port)))


@asynccontextmanager
async def stage(folder: Path) -> AsyncIterator[Stage]:
    async with AsyncExitStack() as hub_runs, AsyncExitStack() as emsp_runs, AsyncExitStack() as cpo_runs:
        settings: Settings = replace(hub_settings(folder), port=free_port())
        hub = await hub_runs.enter_async_context(running_hub(settings, log=None))
        emsp = await emsp_runs.enter_async_context(emsp_node(folder, free_port()))
        cpo = await cpo_runs.enter_async_context(cpo_node(folder, free_port(), free_port()))
        await emsp.register(hub.versions_url, (await hub.platforms.invite("emsp")).token)
        await emsp.push_tokens()
        await cpo.register(hub.versions_url, (await hub.platforms.invite("cpo")).token)
        await cpo.until_introduced()
        quick = ChargerSettings(reconnect_after=timedelta(milliseconds=20))
        time = SimulatedTime(utc_now, SPEED)
        async with ChargerSimulator(f"{cpo.ocpp_url}/CP1", quick, time=time) as charger:
            await charger.until_connected()
            yield Stage(folder, hub, cpo, emsp, charger, hub_runs, cpo_runs, emsp_runs)


async def test_a_driver_with_a_card_charges_and_is_billed(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        await on.charges(2000)
        await on.leaves()
        bill = await on.bill()
        assert bill.total > 0
        (cdr,) = on.emsp.cdrs()
        assert cdr.cdr_token.uid == RFID["uid"]


async def test_the_cpo_goes_away_in_mid_session(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        await on.charges(1500)
        ports = port_of(on.cpo.url), port_of(on.cpo.ocpp_url)
        await on.cpo_runs.aclose()
        await on.charger.until(lambda: not on.charger.is_connected)
        await on.charger.until_energy(1, Decimal(2500))
        on.cpo = await on.cpo_runs.enter_async_context(cpo_node(tmp_path, *ports))
        await on.charger.until_connected()
        await on.leaves()
        await on.bill()


async def test_the_emsp_is_away_while_its_driver_charges(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        await on.charges(1000)
        await on.emsp.until(on.emsp.sessions)
        port = port_of(on.emsp.url)
        await on.emsp_runs.aclose()
        await on.charger.until_energy(1, Decimal(2500))
        await on.leaves()
        await on.cpo.until(on.cpo.cdrs)
        on.emsp = await on.emsp_runs.enter_async_context(emsp_node(tmp_path, port))
        await on.bill()


async def test_the_hub_is_away_when_the_session_ends(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        await on.charges(1000)
        port = port_of(on.hub.public_url)
        await on.hub_runs.aclose()
        await on.charger.until_energy(1, Decimal(2500))
        await on.leaves()
        await on.cpo.until(on.cpo.cdrs)
        again = replace(hub_settings(tmp_path), port=port)
        on.hub = await on.hub_runs.enter_async_context(running_hub(again, log=None))
        await on.bill()
