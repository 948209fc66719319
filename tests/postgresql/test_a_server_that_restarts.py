"""PostgreSQL restarts under load, as if its power failed: what goes on, what is refused, and what is kept."""

import asyncio
import logging
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest
from sqlalchemy.engine import make_url

from hub.store.database import DatabaseNotThere, opened
from schemas import exact_json
from tests.fixtures.databases import rows_in
from tests.fixtures.postgresql import Server
from tests.fixtures.roaming import CPO, EMSP, HUB, TARIFF, Roaming, roaming, settings
from tests.fixtures.waiting import soon, until

PASSWORD = "guess-me-not"
#: What a sender of the load does before the server stops, and what it must do after that.
BEFORE = 5
TELL = "SELECT count(*) FROM journal WHERE correlation_id = :story"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with tempfile.TemporaryDirectory(prefix="ocpi-hub-pg-", ignore_cleanup_errors=True) as folder:
        made = Server(Path(folder) / "pg")
        yield made
        made.close()


@pytest.fixture
async def world(tmp_path: Path, server: Server) -> AsyncIterator[Roaming]:
    async with roaming(tmp_path, replace(settings(tmp_path), database=server.url())) as made:
        yield made


async def push(world: Roaming, number: int) -> int:
    tariff = TARIFF | {"id": f"T{number}"}
    where = world.url("tariffs", "RECEIVER", f"/{CPO}/T{number}")
    answer = await world.cpo.call("PUT", where, tariff, to=HUB, sender=CPO)
    return answer.code


async def relay(world: Roaming, story: str) -> int:
    headers = {"X-Correlation-ID": story}
    where = world.url("tokens", "RECEIVER", "/NL/TNM/1")
    token = {"country_code": "NL", "party_id": "TNM", "uid": "1"}
    answer = await world.emsp.call("PATCH", where, token, to=CPO, sender=EMSP, headers=headers)
    return answer.code


async def readiness(world: Roaming) -> tuple[int, str]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{world.hub.public_url}/ready") as response,
    ):
        return response.status, exact_json.decode(await response.read())["database"]


async def tariffs_in(server: Server, table: str) -> set[str]:
    query = f"SELECT object_id FROM {table} WHERE module = 'tariffs'"  # noqa: S608 ours
    return {name for (name,) in await rows_in(server.url(), query)}


async def test_relays_go_on_broadcasts_are_refused_and_nothing_is_half_accepted(
    world: Roaming, server: Server
) -> None:
    codes: dict[int, int] = {}
    is_over = False

    async def load() -> None:
        while not is_over:
            number = len(codes)
            codes[number] = 0
            codes[number] = await push(world, number)

    async with asyncio.TaskGroup() as tasks:
        senders = [tasks.create_task(load()) for _ in range(4)]
        await until(lambda: list(codes.values()).count(1000) >= BEFORE)
        await asyncio.to_thread(server.stop, "immediate")
        await until(lambda: list(codes.values()).count(3000) >= BEFORE)
        for number in range(5):
            assert await relay(world, f"while it is away {number}") == 1000
        assert await soon(lambda: readiness(world), lambda it: it[1] == "away") == (200, "away")
        taken = list(codes.values()).count(1000)
        await asyncio.to_thread(server.start)
        await until(lambda: list(codes.values()).count(1000) >= taken + BEFORE)
        is_over = True
    assert all(sender.done() for sender in senders)
    assert set(codes.values()) == {1000, 3000}
    assert await soon(lambda: readiness(world), lambda it: it[1] == "there") == (200, "there")

    kept, logged = await tariffs_in(server, "object"), await tariffs_in(server, "change")
    assert kept == logged
    assert {f"T{number}" for number, code in codes.items() if code == 1000} <= kept
    for name in kept:
        await world.emsp.receives("PUT", f"/receiver/tariffs/{CPO}/{name}")

    async def told() -> bool:
        return await rows_in(server.url(), TELL, story="while it is away 4") == [(2,)]

    await soon(told)


async def test_a_hub_waits_for_a_database_that_is_about_to_come(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    await asyncio.to_thread(server.stop)

    async def open_it() -> bool:
        async with opened(server.url()) as database:
            return await database.answers()

    async with asyncio.TaskGroup() as tasks:
        opening = tasks.create_task(open_it())
        await until(lambda: "the hub waits for it" in caplog.text)
        await asyncio.to_thread(server.start)
    assert opening.result()


async def test_a_database_that_does_not_come_is_told_in_words_and_without_the_password(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    url = f"postgresql+asyncpg://hub:{PASSWORD}@127.0.0.1:1/ocpi"
    with pytest.raises(DatabaseNotThere, match=r"'ocpi' at 127\.0\.0\.1 cannot be reached") as error:
        async with opened(url, timedelta(seconds=0.3)):
            pass
    assert PASSWORD not in f"{error.value}{caplog.text}{replace(settings(tmp_path), database=url)!r}"


async def test_a_database_that_refuses_the_hub_is_not_asked_again(server: Server) -> None:
    url = make_url(server.url("nobody_made_it")).set(password=PASSWORD)
    with pytest.raises(DatabaseNotThere, match=r"refuses the hub: .*does not exist") as error:
        async with opened(url.render_as_string(hide_password=False)):
            pass
    assert PASSWORD not in str(error.value)
