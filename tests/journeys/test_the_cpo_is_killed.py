"""A CPO in a process of its own is killed in a session, and started anew: there is one CDR, a right one."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from hub.ocpi.party import Party
from hub.ocpi.timestamps import utc_now
from hub.store.journal import Direction, JournalEntry
from hub.web.app import running_hub
from partners.charger.charge_point import ChargerSimulator
from partners.charger.settings import ChargerSettings
from partners.charger.simulated_time import SimulatedTime
from partners.emsp.app import EmspNode
from partners.emsp.authorization import EVERYWHERE
from partners.emsp.settings import EmspSettings
from partners.settings import NodeSettings
from schemas.v2_2_1 import SessionStatus
from tests.fixtures.bills import the_one_bill
from tests.fixtures.emsp_world import RFID
from tests.fixtures.ports import free_port
from tests.fixtures.processes import CpoProgram, cpo_program
from tests.fixtures.roaming import settings as hub_settings
from tests.fixtures.waiting import soon

#: Slow enough that a car is not full while the CPO starts.
SPEED = 300


@dataclass
class Onlooker:
    """Sees at the hub which CDRs an eMSP has answered; the CPO may be killed at that moment."""

    #: The OCPI status of each answer.
    answers: list[int | None] = field(default_factory=list)
    victim: CpoProgram | None = None

    def leg(self, entry: JournalEntry) -> None:
        """A leg has ended; its answer has not been passed on yet."""
        if (entry.direction, entry.method, entry.module) != (Direction.OUT, "POST", "cdrs"):
            return
        self.answers.append(entry.status_code)
        if self.victim is not None and entry.status_code is not None:
            self.victim.kill()
            self.victim = None


@dataclass
class Stage:
    """Hub, eMSP and charger in the test, the CPO as a program."""

    cpo: CpoProgram
    emsp: EmspNode
    charger: ChargerSimulator
    onlooker: Onlooker
    emsp_runs: AsyncExitStack

    async def charges(self, wh: int) -> None:
        """A driver plugs in, shows the card, so much flows, and the eMSP hears of it."""
        self.charger.plug_in(1)
        await self.charger.tap(1, RFID["uid"])
        await self.charger.until_energy(1, Decimal(wh))
        await self.emsp.until(lambda: [each for each in self.emsp.sessions() if each.kwh > 0])

    async def leaves(self) -> None:
        """The driver shows the card again and drives away."""
        await self.charger.tap(1, RFID["uid"])
        self.charger.unplug(1)

    async def until_the_cpo_is_gone(self) -> None:
        """Its process has ended, and the charger has noticed."""
        await self.cpo.program.ended()
        await self.charger.until(lambda: not self.charger.is_connected)


def emsp_node(folder: Path, port: int) -> EmspNode:
    node = NodeSettings(party=Party("NL", "EMA"), name="eMSP A", database=folder / "emsp.sqlite", port=port)
    return EmspNode(EmspSettings(node=node, tokens=[(RFID, EVERYWHERE)]))


@pytest.fixture(params=["1.6", "2.0.1"])
async def on(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    onlooker = Onlooker()
    async with (
        running_hub(hub_settings(tmp_path), log=None, observe=onlooker.leg) as hub,
        AsyncExitStack() as emsp_runs,
    ):
        emsp = await emsp_runs.enter_async_context(emsp_node(tmp_path, free_port()))
        await emsp.register(hub.versions_url, (await hub.platforms.invite("emsp")).token)
        await emsp.push_tokens()
        invitation = await hub.platforms.invite("cpo")
        async with cpo_program(tmp_path, hub.versions_url, invitation.token) as cpo:
            await emsp.until(emsp.locations)
            quick = ChargerSettings(version=request.param, reconnect_after=timedelta(milliseconds=20))
            time = SimulatedTime(utc_now, SPEED)
            async with ChargerSimulator(f"{cpo.ocpp_url}/CP001", quick, time=time) as charger:
                await charger.until_connected()
                yield Stage(cpo, emsp, charger, onlooker, emsp_runs)


async def until_accepted(cpo: CpoProgram, session_id: str) -> None:
    """Wait until the CPO's operator sees one CDR, which is of this session and accepted."""

    async def is_accepted() -> bool:
        (owed,) = await cpo.ask("cdrs")
        assert owed["cdr"]["session_id"] == session_id
        return bool(owed["is_accepted"])

    await soon(is_accepted)


async def test_killed_while_a_driver_charges(on: Stage) -> None:
    """The energy of the time in which nobody listened is billed, too."""
    await on.charges(1000)
    (before,) = on.emsp.sessions()
    on.cpo.kill()
    await on.until_the_cpo_is_gone()
    await on.charger.until_energy(1, on.charger.connector(1).energy_wh + 500)
    await on.cpo.start()
    await on.charger.until_connected()
    await on.leaves()
    bill = await the_one_bill(on.emsp, on.charger)
    (after,) = on.emsp.sessions()
    assert (before.status, before.id) == (SessionStatus.ACTIVE, after.id)
    assert bill.energy > before.kwh + Decimal("0.5")
    await until_accepted(on.cpo, after.id)
    assert on.onlooker.answers == [1000]


async def test_killed_when_the_charger_was_told_that_its_stop_is_known(on: Stage) -> None:
    """The charger will not say it again: what the CPO has acknowledged, it owes."""
    await on.charges(1000)
    (session,) = on.emsp.sessions()
    await on.emsp_runs.aclose()
    await on.leaves()
    await on.charger.until_told()
    on.cpo.kill()
    await on.until_the_cpo_is_gone()
    assert 1000 not in on.onlooker.answers
    settings = on.emsp.settings.node
    assert settings.database is not None
    on.emsp = await on.emsp_runs.enter_async_context(emsp_node(settings.database.parent, settings.port))
    assert on.emsp.cdrs() == []
    await on.cpo.start()
    await the_one_bill(on.emsp, on.charger)
    await until_accepted(on.cpo, session.id)
    assert [each for each in on.onlooker.answers if each is not None] == [1000]


@pytest.mark.parametrize("on", ["1.6"], indirect=True)  # no charger has anything to do with it
async def test_killed_before_it_hears_that_the_cdr_was_accepted(on: Stage) -> None:
    """CDR-01, CDR-05: it can only say it again, and the eMSP has one CDR nevertheless."""
    await on.charges(1000)
    on.onlooker.victim = on.cpo
    await on.leaves()
    await on.until_the_cpo_is_gone()
    (first,) = on.emsp.cdrs()
    await on.cpo.start()
    await on.charger.until_connected()
    assert first.session_id is not None
    await until_accepted(on.cpo, first.session_id)
    assert len(on.onlooker.answers) > 1
    assert (await the_one_bill(on.emsp, on.charger)).cdr_id == first.id
