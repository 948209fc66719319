"""No byte can be written any more, by a hub in a process of its own; then there is room again.

The system itself refuses: the process may not make a file longer. A full disk, or a quota, looks the same to
SQLite, which cannot write its log. A PostgreSQL says by itself that its disk is full.
"""

import resource
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from hub.store.database import opened
from tests.fixtures.admin_hub import asked
from tests.fixtures.databases import is_postgresql, rows_in
from tests.fixtures.full_disk import fill_disk, free_disk
from tests.fixtures.processes import HubProgram, hub_program
from tests.fixtures.recorder import Answered, Recorder, Reply
from tests.fixtures.roaming import CPO, EMSP, HUB, LOCATION, TARIFF
from tests.fixtures.waiting import soon

#: Whatever is written all day.
TABLES = ("object", "change", "link", "journal", "cursor")
STORIES = "SELECT correlation_id FROM journal WHERE correlation_id LIKE 'full-%'"
SESSION = {
    "country_code": "BE", "party_id": "BEC", "id": "S1", "start_date_time": "2026-01-01T10:00:00Z",
    "kwh": 1, "auth_method": "WHITELIST", "location_id": "LOC1", "evse_uid": "3256", "connector_id": "1",
    "cdr_token": {
        "country_code": "NL", "party_id": "TNM", "uid": "1", "type": "RFID", "contract_id": "NL-TNM-1"
    },
    "currency": "EUR", "status": "ACTIVE", "last_updated": "2026-01-01T10:00:00Z",
}  # fmt: skip


@dataclass
class Disk:
    """The hub and its disk."""

    hub: HubProgram
    cpo: Recorder
    emsp: Recorder

    async def is_full(self) -> None:
        if is_postgresql():
            async with opened(self.hub.database, as_it_is=True) as database:
                for table in TABLES:
                    await fill_disk(database, "INSERT OR UPDATE OR DELETE", table)
        else:
            self._longest_file(1)

    async def has_room(self) -> None:
        if is_postgresql():
            async with opened(self.hub.database, as_it_is=True) as database:
                for table in TABLES:
                    await free_disk(database, table)
        else:
            self._longest_file(resource.RLIM_INFINITY)

    def _longest_file(self, size: int) -> None:
        pid = self.hub.program.process.pid
        _, most = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, most))

    async def push(self, method: str, module: str, value: Any, story: str, to: str = HUB) -> Answered:
        """The CPO says what changed."""
        url = self.hub.url(module, "RECEIVER", f"/{CPO}/{value['id']}")
        sent = {} if method == "DELETE" else {"value": value}
        ids = {"X-Correlation-ID": story}
        return await self.cpo.call(method, url, to=to, sender=CPO, headers=ids, **sent)

    async def listed(self, module: str) -> Any:
        """GET All, as the eMSP sees it."""
        return (await self.emsp.call("GET", self.hub.url(module, "SENDER"), to=HUB, sender=EMSP)).data


@pytest.fixture
async def disk(tmp_path: Path) -> AsyncIterator[Disk]:
    async with hub_program(tmp_path) as hub, AsyncExitStack() as stack:
        cpo = await stack.enter_async_context(Recorder([("CPO", *CPO.split("/"))]))
        emsp = await stack.enter_async_context(Recorder([("EMSP", *EMSP.split("/"))]))
        yield Disk(hub, await hub.joined(cpo, "cpo"), await hub.joined(emsp, "emsp"))


def version(number: int) -> dict[str, Any]:
    return LOCATION | {"name": f"version {number}", "last_updated": f"2026-01-01T10:00:{number:02}Z"}


async def test_nothing_is_half_accepted_and_relays_go_on(disk: Disk) -> None:
    """A clear 3000 to whoever wants something kept; nobody is told, nothing is listed; then as before."""
    assert (await disk.push("PUT", "locations", version(1), "before")).code == 1000
    assert (await disk.push("PUT", "tariffs", TARIFF, "before")).code == 1000
    await disk.emsp.receives("PUT", "/receiver/tariffs")
    await disk.emsp.receives("PUT", "/receiver/locations")
    await disk.is_full()
    for number in range(3):
        for method, module, value in (
            ("PUT", "locations", version(2)),
            ("PATCH", "locations", {"id": "LOC1", "name": "no", "last_updated": "2026-01-01T11:00:00Z"}),
            ("PUT", "locations", LOCATION | {"id": "LOC2"}),
            ("DELETE", "tariffs", TARIFF),
        ):
            refused = await disk.push(method, module, value, f"full-{number}-{method}-{value['id']}")
            assert (refused.status, refused.code) == (200, 3000), refused.body
            assert refused.envelope["status_message"] == "it could not be stored"
    for number in range(5):
        assert (await disk.push("PUT", "locations", version(3), f"full-relay-{number}", to=EMSP)).code == 1000
    assert len(disk.emsp.all("*", "/receiver/locations")) == 1 + 5
    assert disk.emsp.all("DELETE") == []
    assert await disk.listed("locations") == [version(1)]
    assert len(await disk.listed("tariffs")) == 1

    await disk.has_room()
    assert (await disk.push("PUT", "locations", version(4), "after")).code == 1000
    told = await disk.emsp.receives("PUT", "/receiver/locations", 1 + 5 + 1)
    assert told.value == version(4)
    assert await disk.listed("locations") == [version(4)]

    async def stories() -> set[str]:
        return {str(row[0]) for row in await rows_in(disk.hub.database, STORIES)}

    # What was said meanwhile has waited in memory: twelve refusals and five relays.
    assert len(await soon(stories, lambda found: len(found) == 17)) == 17


async def test_what_needs_a_link_is_refused_before_anybody_acts_on_it(disk: Disk) -> None:
    """A command whose result could find no way back does not start a session."""
    disk.cpo.answers("POST", "/commands/", Reply({"result": "ACCEPTED", "timeout": 30}))
    url = disk.hub.url("commands", "RECEIVER", "/STOP_SESSION")
    value = {"session_id": "S1", "response_url": f"{disk.emsp.url}/results/1"}
    await disk.is_full()
    refused = await disk.emsp.call("POST", url, value, to=CPO, sender=EMSP)
    assert (refused.status, refused.code) == (200, 3000), refused.body
    assert disk.cpo.all("POST", "/commands/") == []
    await disk.has_room()
    assert (await disk.emsp.call("POST", url, value, to=CPO, sender=EMSP)).code == 1000


async def test_the_journal_says_what_was_handed_on_and_could_not_be_kept(disk: Disk) -> None:
    """A Session that its eMSP has, and that GET All lacks until it is sent whole again."""
    await disk.is_full()
    passed = await disk.push("PUT", "sessions", SESSION, "full-session", to=EMSP)
    assert passed.code == 1000
    await disk.emsp.receives("PUT", "/receiver/sessions")
    key = (disk.hub.data / "admin.key").read_text().strip()

    await soon(lambda: _keeping_dropped(disk.hub.admin_url))
    await disk.has_room()

    async def notes() -> list[str]:
        path = "/admin/v1/journal?correlation_id=full-session"
        legs = (await asked(disk.hub.admin_url, "GET", path, key=key)).content["legs"]
        return [each["note"] for each in legs if each["note"]]

    assert await soon(notes) == ["S1 was handed on and is not kept here: it could not be stored"]
    later = SESSION | {"kwh": 2, "last_updated": "2026-01-01T10:10:00Z"}
    assert (await disk.push("PUT", "sessions", later, "after", to=EMSP)).code == 1000

    async def kept() -> Any:
        return await disk.listed("sessions")

    assert [each["kwh"] for each in await soon(kept)] == [2]


async def _keeping_dropped(admin_url: str) -> float:
    async with aiohttp.ClientSession() as session, session.get(f"{admin_url}/metrics") as answer:
        lines = (await answer.text()).splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("ocpi_hub_keeping_dropped "))
