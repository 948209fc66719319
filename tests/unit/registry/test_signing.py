"""Signing and ending, as the tables and the Directory have it: what is owed to whom, and when."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from hub.directory.directory import HubRole
from hub.ocpi.party import Party
from hub.registry.signing import NothingToEnd, Signing, UnknownAgreement
from hub.settings import PolicyMode
from tests.fixtures.full_disk import fill_disk, free_disk
from tests.fixtures.recorder import Recorder
from tests.fixtures.registry_hub import RegistryHub, registry_hub

HOUR = timedelta(hours=1)
CPO, EMSP, FAR = Party("BE", "BEC"), Party("NL", "TNM"), Party("FR", "FAR")
OWED = text(
    "SELECT platform.name, resync.role, module, owner_country_code || '/' || owner_party_id AS owner,"
    " correlation_id FROM resync JOIN platform ON platform.id = platform_id ORDER BY resync.id"
)
HAVE = text(
    "INSERT INTO object (module, country_code, party_id, object_id, variant, platform_id, last_updated,"
    " is_deleted, body) VALUES (:module, :country_code, :party_id, '1', '', :platform_id, 0, false, '{}')"
)


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[RegistryHub]:
    """A hub that asks for agreements; a CPO with a location and a tariff, an eMSP with a token."""
    async with (
        registry_hub(tmp_path) as hub,
        Recorder([("CPO", "BE", "BEC")]) as cpo,
        Recorder([("EMSP", "NL", "TNM")]) as emsp,
    ):
        await hub.signing.settle()
        await registered(hub, cpo, "cpo")
        await registered(hub, emsp, "emsp")
        for party, module, name in (
            (CPO, "locations", "cpo"), (CPO, "tariffs", "cpo"), (EMSP, "tokens", "emsp"),
        ):  # fmt: skip
            country_code, party_id = party.folded
            row = {"module": module, "country_code": country_code, "party_id": party_id}
            async with hub.database.writing() as connection:
                await connection.execute(HAVE, row | {"platform_id": hub.named(name).id})
        yield hub


async def registered(
    hub: RegistryHub, partner: Recorder, name: str, hub_role: HubRole = HubRole.REFUSED
) -> None:
    invitation = await hub.platforms.invite(name, hub_role)
    assert (await partner.register(hub.versions_url, invitation.token)).code == 1000


async def owed(hub: RegistryHub) -> list[str]:
    """What was owed anew since the last look, as receiver, module and owner.

    Without what is about a platform's own party, which nobody is told of itself: the walk passes over it.
    """
    async with hub.database.writing() as connection:
        rows = (await connection.execute(OWED)).all()
        await connection.execute(text("DELETE FROM resync"))
    assert len({row.correlation_id for row in rows}) <= 1
    own = {("cpo", str(CPO)), ("emsp", str(EMSP))}
    return sorted(f"{row.name} {row.module} {row.owner}" for row in rows if (row.name, row.owner) not in own)


ALL = [
    "cpo hubclientinfo NL/TNM",
    "cpo tokens NL/TNM",
    "emsp hubclientinfo BE/BEC",
    "emsp locations BE/BEC",
    "emsp tariffs BE/BEC",
]
WITHDRAWN = ["cpo hubclientinfo NL/TNM", "emsp hubclientinfo BE/BEC", "emsp tariffs BE/BEC"]


async def test_signing_owes_each_side_what_the_other_has_and_ending_what_can_be_taken_back(
    hub: RegistryHub,
) -> None:
    signed = await hub.signing.sign((EMSP, CPO))
    assert await owed(hub) == ALL
    await hub.signing.end(signed.id)
    assert await owed(hub) == WITHDRAWN


async def test_only_what_an_agreement_is_about_is_owed(hub: RegistryHub) -> None:
    """A second one owes what it adds; who knows of the other already is not told again."""
    await hub.signing.sign((EMSP, CPO), ["tariffs"])
    assert await owed(hub) == [each for each in ALL if "tokens" not in each and "locations" not in each]
    await hub.signing.sign((None, CPO), ["tariffs", "tokens"])
    assert await owed(hub) == ["cpo tokens NL/TNM"]
    await hub.signing.end(1)
    assert await owed(hub) == []


async def test_what_is_agreed_for_later_is_owed_later(hub: RegistryHub) -> None:
    now = hub.clock()
    await hub.signing.sign((EMSP, CPO), begins_at=now + HOUR, until=now + 2 * HOUR)
    assert await owed(hub) == []
    seen = []
    for _ in range(3):
        hub.clock.advance(HOUR)
        await hub.signing.settle()
        seen.append(await owed(hub))
    assert seen == [ALL, WITHDRAWN, []]


async def test_a_clock_that_is_set_back_loses_nothing(hub: RegistryHub) -> None:
    hub.clock.advance(HOUR)
    await hub.signing.settle()
    hub.clock.advance(-HOUR)
    signed = await hub.signing.sign((EMSP, CPO))
    assert await owed(hub) == ALL
    await hub.signing.end(signed.id)
    assert await owed(hub) == WITHDRAWN


async def test_who_is_not_registered_is_owed_nothing(hub: RegistryHub) -> None:
    """It begins at the end of the log when it comes, and pulls."""
    await hub.platforms.invite_again("emsp")
    await hub.signing.sign((EMSP, CPO))
    assert await owed(hub) == ["cpo hubclientinfo NL/TNM", "cpo tokens NL/TNM"]


@pytest.mark.holds("RT-10", by="hub")
async def test_another_hub_is_told_of_those_with_whom_its_parties_have_agreements(hub: RegistryHub) -> None:
    async with Recorder([("HUB", "DE", "HUB")]) as other:
        await registered(hub, other, "other", HubRole.ALLOWED)
        async with hub.database.writing() as connection:
            await connection.execute(
                text(
                    "INSERT INTO distant_party (platform_id, role, country_code, party_id, status,"
                    " last_updated) VALUES (:id, 'EMSP', 'FR', 'FAR', 'CONNECTED', '2026-01-01 00:00:00')"
                ),
                {"id": hub.named("other").id},
            )
        await hub.signing.sign((FAR, CPO))
        assert await owed(hub) == ["other hubclientinfo BE/BEC"]


async def test_an_open_hub_owes_nobody_anything_until_it_is_open_no_more(hub: RegistryHub) -> None:
    """And the other way round; each start with the same policy changes nothing."""
    await hub.signing.sign((EMSP, CPO), ["tariffs"])
    await owed(hub)
    made = {
        mode: Signing(hub.records, hub.directory, mode, hub.clock, hub.calls.new_id) for mode in PolicyMode
    }
    seen = []
    for mode in (PolicyMode.OPEN, PolicyMode.OPEN, PolicyMode.AGREEMENTS, PolicyMode.AGREEMENTS):
        await made[mode].settle()
        seen.append(await owed(hub))
    assert seen == [["cpo tokens NL/TNM", "emsp locations BE/BEC"], [], [], []]
    await made[PolicyMode.OPEN].settle()
    await owed(hub)
    signed = await made[PolicyMode.OPEN].sign((EMSP, CPO))
    await made[PolicyMode.OPEN].end(signed.id)
    assert await owed(hub) == []


async def test_what_cannot_be_ended_is_said(hub: RegistryHub) -> None:
    with pytest.raises(UnknownAgreement, match="no agreement 7"):
        await hub.signing.end(7)
    await hub.signing.sign((EMSP, CPO), until=hub.clock() + HOUR)
    hub.clock.advance(HOUR)
    with pytest.raises(NothingToEnd, match="agreement 1 is over"):
        await hub.signing.end(1)


async def test_a_failure_of_the_database_signs_nothing_and_owes_nothing(hub: RegistryHub) -> None:
    await fill_disk(hub.database, "INSERT", "resync")
    with pytest.raises(Exception, match="the disk is full"):
        await hub.signing.sign((EMSP, CPO))
    assert hub.directory.value.agreements.all == ()
    assert await owed(hub) == []


# The watch.


class Waits:
    """Waits until a test has it go on, and writes down for how long it would have."""

    def __init__(self) -> None:
        self.asked: asyncio.Queue[timedelta] = asyncio.Queue()
        self.over = asyncio.Semaphore(0)

    async def __call__(self, _event: asyncio.Event, longest: timedelta) -> None:
        self.asked.put_nowait(longest)
        await self.over.acquire()


@pytest.fixture
async def waits(hub: RegistryHub) -> AsyncIterator[Waits]:
    """The watch of the hub, step by step."""
    waits = Waits()
    signing = Signing(
        hub.records, hub.directory, PolicyMode.AGREEMENTS, hub.clock, hub.calls.new_id, wait=waits
    )
    async with asyncio.TaskGroup() as tasks:
        watch = tasks.create_task(signing.watch())
        yield waits
        watch.cancel()


async def moved(hub: RegistryHub, waits: Waits, to: datetime) -> timedelta:
    """Move the clock, let the watch look, and see for how long it waits then."""
    hub.clock.advance(to - hub.clock())
    waits.over.release()
    return await waits.asked.get()


async def test_the_watch_wakes_at_the_next_boundary(hub: RegistryHub, waits: Waits) -> None:
    """And now and then in between, since clocks are set."""
    now = hub.clock()
    assert await waits.asked.get() == timedelta(seconds=30)
    begins_at, until = now + timedelta(seconds=10), now + timedelta(seconds=50)
    await hub.signing.sign((EMSP, CPO), begins_at=begins_at, until=until)
    assert await moved(hub, waits, now) == timedelta(seconds=10)
    assert await owed(hub) == []
    assert await moved(hub, waits, begins_at) == timedelta(seconds=30)
    assert await owed(hub) == ALL
    assert await moved(hub, waits, begins_at + timedelta(seconds=30)) == timedelta(seconds=10)
    assert await owed(hub) == []
    await moved(hub, waits, until)
    assert await owed(hub) == WITHDRAWN


async def test_the_watch_outlives_a_database_that_fails(
    hub: RegistryHub, waits: Waits, caplog: pytest.LogCaptureFixture
) -> None:
    now = hub.clock()
    await waits.asked.get()
    await hub.signing.sign((EMSP, CPO), begins_at=now + HOUR)
    await fill_disk(hub.database, "INSERT", "resync")
    await moved(hub, waits, now + HOUR)
    assert "could not be told" in caplog.text
    await free_disk(hub.database, "resync")
    await moved(hub, waits, now + HOUR)
    assert await owed(hub) == ALL


async def test_who_has_nothing_yet_is_told_of_all_the_same(hub: RegistryHub) -> None:
    """Its first object may come while the pumps still go by the agreements before."""
    async with hub.database.writing() as connection:
        await connection.execute(text("DELETE FROM object WHERE module <> 'hubclientinfo'"))
    await hub.signing.sign((EMSP, CPO))
    assert await owed(hub) == ALL
