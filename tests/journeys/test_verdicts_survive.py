"""A hub in a process of its own is killed while CDRs pass: each that was taken has its verdict, once."""

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.fixtures.admin_hub import asked
from tests.fixtures.databases import rows_in
from tests.fixtures.processes import HubProgram, hub_program
from tests.fixtures.recorder import Recorder
from tests.fixtures.roaming import CPO, EMSP
from tests.fixtures.samples import cdr, cdr_token
from tests.fixtures.waiting import soon

#: CDRs under way at a time, and after how many the hub is killed.
ABREAST, ENOUGH = 8, 25
#: More than ever come.
MOST = 1000
_UNJUDGED = """SELECT count(*) FROM object WHERE module = 'cdrs'
    AND NOT EXISTS (SELECT 1 FROM judged_cdr WHERE judged_cdr.cdr_id = object.object_id)"""


class Stream:
    """CDRs without an end, and which of them the hub said were taken."""

    def __init__(self, hub: HubProgram, cpo: Recorder) -> None:
        self._hub = hub
        self._cpo = cpo
        self._sent = 0
        self.taken: set[str] = set()
        self.enough = asyncio.Event()

    async def flows(self) -> None:
        """Until nobody takes them any more."""
        while True:
            self._sent += 1
            name = f"C{self._sent}"
            token = cdr_token(country_code="NL", party_id="TNM", uid=name)
            place = cdr()["cdr_location"] | {"evse_uid": name}
            value = cdr(id=name, session_id=f"S-{name}", cdr_token=token, cdr_location=place)
            try:
                answer = await self._cpo.call(
                    "POST", self._hub.url("cdrs", "RECEIVER"), value, to=EMSP, sender=CPO
                )
            except (aiohttp.ClientError, ConnectionError):
                return
            assert answer.code == 1000
            self.taken.add(name)
            if len(self.taken) == ENOUGH:
                self.enough.set()


async def verdicts(hub: HubProgram) -> list[str]:
    """The id of the CDR of each verdict that the hub has."""
    key = (hub.data / "admin.key").read_text().strip()
    # At one go: one that comes meanwhile stands first, and moves all others to the next page.
    page: Any = await asked(hub.admin_url, "GET", "/admin/v1/cdrs", key=key, query={"limit": str(MOST)})
    found = [each["id"] for each in page.content["verdicts"]]
    assert len(found) < MOST
    return found


@pytest.mark.holds("CDR-04", by="hub")
async def test_each_cdr_that_was_taken_has_one_verdict_though_the_hub_is_killed(tmp_path: Path) -> None:
    """kill -9; what was not judged by then is, from the copy that each answer waited for."""
    async with (
        Recorder([("CPO", *CPO.split("/"))]) as cpo,
        Recorder([("EMSP", *EMSP.split("/"))]) as emsp,
        hub_program(tmp_path) as hub,
    ):
        await hub.joined(cpo, "cpo")
        await hub.joined(emsp, "emsp")
        stream = Stream(hub, cpo)
        async with asyncio.TaskGroup() as tasks:
            for _ in range(ABREAST):
                tasks.create_task(stream.flows())
            await stream.enough.wait()
            hub.program.kill()
        await hub.program.ended()
        [(unjudged,)] = await rows_in(hub.database, _UNJUDGED)
        assert unjudged > 0, "the hub was killed too late to show anything"
        await hub.start()
        found = await soon(lambda: verdicts(hub), lambda found: stream.taken <= set(found))
        assert len(found) == len(set(found))
        received = [each.value["id"] for each in emsp.all("POST", "/receiver/cdrs")]
        assert len(received) == len(set(received)), "nothing is sent again for its verdict"
        assert set(found) <= set(received)
