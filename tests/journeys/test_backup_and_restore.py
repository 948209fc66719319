"""A hub is lost, and comes back from its backup, by the commands that its operator has."""

import shutil
import stat
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fixtures.processes import HubProgram, hub_program
from tests.fixtures.recorder import Fault, Recorder
from tests.fixtures.roaming import CPO, EMSP, HUB, LOCATION


@dataclass
class World:
    """A hub with a partner on each side, and a place for backups."""

    hub: HubProgram
    cpo: Recorder
    emsp: Recorder
    backup: Path

    async def accepts(self, name: str) -> None:
        """The hub takes a location from the CPO."""
        url = self.hub.url("locations", "RECEIVER", f"/{CPO}/{name}")
        answer = await self.cpo.call("PUT", url, to=HUB, sender=CPO, value=LOCATION | {"id": name})
        assert answer.code == 1000, answer.body

    async def is_lost(self) -> None:
        """Machine and disk of the hub are gone; its address is free."""
        await self.hub.kill()
        shutil.rmtree(self.hub.data)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with hub_program(tmp_path) as hub, AsyncExitStack() as stack:
        cpo = await stack.enter_async_context(Recorder([("CPO", *CPO.split("/"))]))
        emsp = await stack.enter_async_context(Recorder([("EMSP", *EMSP.split("/"))]))
        backup = tmp_path / "hub.backup"
        yield World(hub, await hub.joined(cpo, "cpo"), await hub.joined(emsp, "emsp"), backup)


async def test_partners_go_on_without_a_new_handshake_and_get_what_was_owed_to_them(world: World) -> None:
    world.emsp.answers("*", "/receiver/", Fault.HANG)
    await world.accepts("BEFORE")
    await world.emsp.receives("PUT", f"/receiver/locations/{CPO}/BEFORE")
    made = await world.hub.run("backup", str(world.backup), "--json")
    assert made.code == 0, made.err
    assert (made.json["rows"]["platform"], made.json["rows"]["object"], made.json["key"]) == (2, 3, True)
    assert stat.S_IMODE(world.backup.stat().st_mode) == 0o600
    await world.is_lost()
    seen = len(world.emsp.all("PUT", "/receiver/locations"))

    done = await world.hub.run("restore", str(world.backup))
    assert (done.code, done.err) == (0, "")
    assert f"{world.backup}: " in done.out
    assert "with the key" in done.out
    world.emsp.is_honest_again()
    await world.hub.start()

    await world.emsp.receives("PUT", f"/receiver/locations/{CPO}/BEFORE", seen + 1)
    await world.accepts("AFTER")
    await world.emsp.receives("PUT", f"/receiver/locations/{CPO}/AFTER")
    listed = await world.emsp.call("GET", world.hub.url("locations", "SENDER"), to=HUB, sender=EMSP)
    assert {each["id"] for each in listed.data} == {"BEFORE", "AFTER"}
    await world.emsp.call("GET", world.hub.url("locations", "SENDER", "/BEFORE"), to=CPO, sender=EMSP)
    await world.cpo.receives("GET", "/sender/locations/BEFORE")


async def test_what_cannot_be_done_is_said_and_changes_nothing(world: World, tmp_path: Path) -> None:
    """Nothing is written over: no file, no key, no hub."""
    run = world.hub.run
    assert (await run("backup", str(world.backup))).code == 0
    whole = world.backup.read_bytes()
    again = await run("backup", str(world.backup))
    assert (again.code, "exists" in again.err, world.backup.read_bytes()) == (1, True, whole)
    nowhere = await run("backup", str(tmp_path / "more"), "--data", str(tmp_path / "no hub"))
    assert (nowhere.code, "there is no database" in nowhere.err) == (1, True)
    assert not (tmp_path / "more").exists()
    assert not (tmp_path / "no hub").exists()

    running = await run("restore", str(world.backup))
    assert (running.code, "expected one that no hub has used" in running.err) == (1, True)
    other = tmp_path / "other"
    other.mkdir()
    (other / "secret.key").write_text("ab" * 32)
    refused = await run("restore", str(world.backup), "--data", str(other))
    assert (refused.code, "is another key than that of the backup" in refused.err) == (1, True)
    assert (other / "secret.key").read_text() == "ab" * 32
    half = tmp_path / "half"
    half.write_bytes(whole[: len(whole) // 2])
    broken = await run("restore", str(half), "--data", str(tmp_path / "new"))
    assert (broken.code, str(half) in broken.err) == (1, True)
    missing = await run("restore", str(tmp_path / "none"), "--data", str(tmp_path / "new"))
    assert (missing.code, "No such file" in missing.err) == (1, True)


async def test_without_the_key_the_backup_opens_no_token_and_says_so(world: World, tmp_path: Path) -> None:
    made = await world.hub.run("backup", str(world.backup), "--no-key", "--no-journal")
    assert (made.code, "WITHOUT the key" in made.out) == (0, True)
    key = (world.hub.data / "secret.key").read_text()
    done = await world.hub.run("restore", str(world.backup), "--data", str(tmp_path / "new"), "--json")
    assert (done.code, done.json["key"], done.json["rows"]["journal"]) == (0, False, 0)
    assert not (tmp_path / "new" / "secret.key").exists()
    (tmp_path / "new" / "secret.key").write_text(key)
    await world.is_lost()
    (tmp_path / "new").rename(world.hub.data)
    await world.hub.start()
    await world.accepts("AFTER")
    await world.emsp.receives("PUT", f"/receiver/locations/{CPO}/AFTER")
