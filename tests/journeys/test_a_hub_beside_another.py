"""`serve --reuse-port` twice: two hubs on one PostgreSQL and one port; one ends, and nobody notices."""

import asyncio
import signal
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from tests.fixtures import postgresql
from tests.fixtures.ports import free_port
from tests.fixtures.processes import HubProgram, Program
from tests.fixtures.recorder import Recorder
from tests.fixtures.roaming import CPO, EMSP, HUB
from tests.fixtures.waiting import until

#: Processes are started and waited for, each for as long as a busy machine takes.
pytestmark = pytest.mark.timeout(240)
STARTING = 90
#: Below 200 requests a second at one hub.
PAUSE = 0.03
ENOUGH = 40


@asynccontextmanager
async def beside(folder: Path, name: str, port: int, admin_port: int, url: str) -> AsyncIterator[HubProgram]:
    program = await Program.start(
        folder / f"{name}.log",
        *("hub", "serve", "--reuse-port", "--port", str(port), "--admin-port", str(admin_port)),
        *("--data", str(folder / "data"), "--allow-private-networks", "--database", url),
    )
    try:
        await program.says(r"^Partners: \S+\s+Operators: \S+$", within=STARTING)
        yield HubProgram(folder, port, admin_port, program)
    finally:
        if program.process.returncode is None:
            program.process.send_signal(signal.SIGINT)
            await program.ended(within=60)


async def test_one_of_two_hubs_on_a_port_ends_and_no_request_fails(tmp_path: Path) -> None:
    port, admin_port = free_port(), free_port()
    with postgresql.lent():
        url = postgresql.database_for(tmp_path / "hub")
        async with AsyncExitStack() as stack:
            first = await stack.enter_async_context(beside(tmp_path, "first", port, admin_port, url))
            cpo = await stack.enter_async_context(Recorder([("CPO", *CPO.split("/"))]))
            emsp = await stack.enter_async_context(Recorder([("EMSP", *EMSP.split("/"))]))
            await first.joined(cpo, "cpo")
            await first.joined(emsp, "emsp")
            second = await stack.enter_async_context(beside(tmp_path, "second", port, admin_port, url))
            await _asked_all_the_time(first, second, cpo)


async def _asked_all_the_time(first: HubProgram, second: HubProgram, cpo: Recorder) -> None:
    headers = {"Authorization": f"Token {b64encode(str(cpo.outbound_token).encode()).decode()}"}
    for prefix, party in (("OCPI-to", HUB), ("OCPI-from", CPO)):
        headers[f"{prefix}-country-code"], headers[f"{prefix}-party-id"] = party.split("/")
    asked, is_over = 0, False

    async def asks(*, is_kept: bool) -> None:
        nonlocal asked
        url = first.url("tokens", "SENDER")
        connector = aiohttp.TCPConnector(force_close=not is_kept, limit=1)
        async with aiohttp.ClientSession(connector=connector) as session:
            while not is_over:
                # A POST is not repeated by aiohttp, whatever becomes of its connection.
                async with session.post(url, headers=headers, data=b"{}") as answer:
                    assert answer.status == 405, await answer.text()
                asked += 1
                await asyncio.sleep(PAUSE)

    async with asyncio.TaskGroup() as tasks:
        for is_kept in (True, True, False, False):
            tasks.create_task(asks(is_kept=is_kept))
        # New connections come to both.
        await until(lambda: all(_answers(each) for each in (first, second)))
        first.program.process.send_signal(signal.SIGTERM)
        assert await first.program.ended(within=STARTING) == 0
        enough = asked + ENOUGH
        await until(lambda: asked > enough)
        is_over = True


def _answers(hub: HubProgram) -> bool:
    """Whether it has written down that it was asked."""
    return "/sender/tokens" in hub.program.output
