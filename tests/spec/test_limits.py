"""How much may be sent: rate limits inward and outward, circuits, sizes; what the far end received."""

import asyncio
import gzip
import re
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
from typer.testing import CliRunner

from hub.calling.circuits import FAILURES
from hub.cli.program import app
from hub.ocpi.timestamps import utc_now
from schemas import exact_json
from tests.fixtures.admin_hub import asked
from tests.fixtures.clocks import Clock
from tests.fixtures.recorder import Answered, Fault, Received, Reply
from tests.fixtures.roaming import CPO, EMSP, HUB, LOCATION, TOKEN, Roaming, roaming, settings
from tests.fixtures.waiting import soon

TOO_MANY_REQUESTS = 429
LIMIT = 2
BURST = 5 * LIMIT
UNDER_WAY = 3


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Roaming]:
    given = settings(tmp_path)
    limits = replace(
        given.limits,
        requests_per_second=LIMIT,
        relays_in_flight=UNDER_WAY,
        relay=timedelta(milliseconds=300),
    )
    async with roaming(tmp_path, replace(given, limits=limits)) as made:
        yield made


async def command(world: Roaming, *arguments: str) -> str:
    """What `ocpi-hub partner` prints."""
    environment = {"OCPI_HUB_ADMIN_URL": world.hub.admin_url, "OCPI_HUB_ADMIN_KEY": world.hub.admin_key}
    done = await asyncio.to_thread(CliRunner().invoke, app, ["partner", *arguments], env=environment)
    assert done.exit_code == 0, done.output
    return done.stdout


async def test_a_platform_that_sends_too_much_is_told_when_to_come_again(world: Roaming) -> None:
    """429 with Retry-After, in an envelope, with the ids; other modules and platforms are not concerned."""
    url = world.url("locations", "SENDER")
    answers = [await world.emsp.call("GET", url, to=CPO, sender=EMSP) for _ in range(BURST + 3)]
    refused = [answer for answer in answers if answer.status == 429]
    assert refused
    for answer in refused:
        assert (answer.code, answer.headers["Retry-After"]) == (2000, "1")
        assert (answer.to, answer.sender) == (EMSP, HUB)
        assert answer.headers["X-Request-ID"]
    assert len(world.cpo.all("GET", "/sender/locations")) == len(answers) - len(refused)
    other_module = await world.emsp.call("GET", world.url("tariffs", "SENDER"), to=CPO, sender=EMSP)
    other_platform = await world.cpo.call("GET", world.url("tokens", "SENDER"), to=EMSP, sender=CPO)
    assert (other_module.status, other_platform.status) == (200, 200)


async def test_an_operator_may_give_a_platform_another_limit(world: Roaming) -> None:
    """By the command line, which shows it; zero is the hub's own limit again."""

    async def limit_after(*arguments: str) -> Any:
        shown = exact_json.decode(await command(world, *arguments, "--json"))
        return shown["traffic"]["rate_limit"]

    assert await limit_after("show", "emsp") == LIMIT
    assert await limit_after("set", "emsp", "--rate-limit", "100") == 100
    url = world.url("locations", "SENDER")
    answers = [await world.emsp.call("GET", url, to=CPO, sender=EMSP) for _ in range(BURST + 5)]
    assert {answer.status for answer in answers} == {200}
    assert await limit_after("set", "emsp", "--rate-limit", "0") == LIMIT


@pytest.mark.parametrize("body", [None, b"<html>slow down</html>"])
async def test_a_party_that_wants_fewer_requests_gets_none_until_then(
    world: Roaming, body: bytes | None
) -> None:
    """Its 429 reaches the asker with Retry-After; until then the hub answers for it."""
    slow_down = Reply(status=429, status_code=2000, headers={"Retry-After": "30"}, body=body)
    world.cpo.answers("GET", "/sender/locations", slow_down)
    first, second = [
        await world.emsp.call("GET", world.url("locations", "SENDER"), to=CPO, sender=EMSP) for _ in "12"
    ]
    assert (first.status, first.headers["Retry-After"]) == (429, "30")
    assert (second.status, second.code) == (429, 4000)
    assert 25 <= int(second.headers["Retry-After"]) <= 30
    assert len(world.cpo.all("GET", "/sender/locations")) == 1
    other_module = await world.emsp.call("GET", world.url("tariffs", "SENDER"), to=CPO, sender=EMSP)
    assert (other_module.status, other_module.code) == (200, 1000)


@pytest.mark.holds("RT-14", "RT-15", by="hub")
async def test_a_party_that_never_answers_is_left_in_peace(world: Roaming) -> None:
    """RT-15: 4002 for those who waited; then 4003 at once, and nothing is sent; until a sign of life."""
    world.cpo.answers("GET", "/sender/tariffs", Fault.HANG)
    await world.hub.platforms.arrange("emsp", rate_limit=1000)

    async def asked() -> int | None:
        return (await world.emsp.call("GET", world.url("tariffs", "SENDER"), to=CPO, sender=EMSP)).code

    codes = [await asked() for _ in range(8)]
    assert codes == [4002] * 5 + [4003] * 3
    assert len(world.cpo.all("GET", "/sender/tariffs")) == 5
    world.cpo.answers("GET", "/sender/tariffs", Reply([]))
    await world.cpo.call("GET", world.hub.versions_url)
    assert await asked() == 1000
    assert await asked() == 1000


async def test_the_state_of_a_circuit_is_shown_to_operators(tmp_path: Path) -> None:
    """Closed, open, half open, closed again: in the API, by the command line, and counted in the metrics."""
    clock = Clock()
    async with roaming(tmp_path, clock=clock) as world:
        metrics = f"{world.hub.admin_url}/metrics"

        async def shown() -> tuple[str, bool, int]:
            """State, whether it says until when, and how many are open."""
            platform = await asked(
                world.hub.admin_url, "GET", "/admin/v1/platforms/cpo", key=world.hub.admin_key
            )
            traffic = platform.content["traffic"]
            figures = (await world.emsp.call("GET", metrics, token=None)).body.decode()
            [count] = re.findall(r"^ocpi_hub_circuits_open (\S+)$", figures, re.MULTILINE)
            return traffic["circuit"], traffic["circuit_open_until"] is not None, int(float(count))

        async def ask() -> int | None:
            return (await world.emsp.call("GET", world.url("tariffs", "SENDER"), to=CPO, sender=EMSP)).code

        assert await shown() == ("closed", False, 0)
        world.cpo.answers("GET", "/sender/tariffs", Fault.CLOSE)
        for _ in range(FAILURES):
            assert await shown() == ("closed", False, 0)
            assert await ask() in {4000, 4002, 4003}
        assert await shown() == ("open", True, 1)
        assert "open until 2026-01-01T12:00:0" in await command(world, "show", "cpo")
        clock.passes(minutes=1)
        assert await shown() == ("half open", False, 1)
        world.cpo.answers("GET", "/sender/tariffs", Reply([]))
        assert await ask() == 1000
        assert await shown() == ("closed", False, 0)


async def test_peace_that_a_party_wants_is_shown_to_operators(world: Roaming) -> None:
    slow_down = Reply(status=429, status_code=2000, headers={"Retry-After": "30"})
    world.cpo.answers("GET", "/sender/locations", slow_down)
    await world.emsp.call("GET", world.url("locations", "SENDER"), to=CPO, sender=EMSP)
    platform = await asked(world.hub.admin_url, "GET", "/admin/v1/platforms/cpo", key=world.hub.admin_key)
    [peace] = platform.content["traffic"]["peace"]
    assert peace["module"] == "locations"
    assert utc_now() < datetime.fromisoformat(peace["until"]) <= utc_now() + timedelta(seconds=30)


async def test_a_change_is_delivered_when_the_receiver_wants_it_and_not_before(world: Roaming) -> None:
    """429 with Retry-After also holds for deliveries: the change waits, and nothing is lost."""
    world.emsp.answers(
        "PUT",
        "/receiver/locations",
        Reply(status=429, status_code=2000, headers={"Retry-After": "1"}),
        times=1,
    )
    await world.cpo.call(
        "PUT", world.url("locations", "RECEIVER", "/BE/BEC/LOC1"), LOCATION, to=HUB, sender=CPO
    )
    got = await world.emsp.receives("PUT", "/receiver/locations", 2)
    assert got.value == LOCATION
    (refused,) = (each for each in world.journal if each.http_status == TOO_MANY_REQUESTS)
    assert utc_now() - refused.at >= timedelta(seconds=1)


@pytest.mark.parametrize("size", [1_000_000, 1_000_001])
async def test_a_body_may_be_so_large_and_no_larger(world: Roaming, size: int) -> None:
    """413 in an envelope, and nothing is passed on."""
    start, end = b'{"x_filling": "', b'"}'
    body = start + b"x" * (size - len(start) - len(end)) + end
    answer = await world.emsp.call(
        "PUT", world.url("tokens", "RECEIVER", "/NL/TNM/1"), body=body, to=CPO, sender=EMSP
    )
    assert (answer.status, answer.code) == ((200, 1000) if size <= 1_000_000 else (413, 2000))
    assert len(world.cpo.all("PUT", "/receiver/tokens")) == (size <= 1_000_000)


@pytest.mark.parametrize("is_packed", [False, True])
async def test_large_bodies_wait_for_room_and_small_ones_go_past_them(
    tmp_path: Path, *, is_packed: bool
) -> None:
    """What is not taken in stays in the network; decision 0060."""
    given = settings(tmp_path)
    given = replace(given, limits=replace(given.limits, bodies=1_000_000, relay=timedelta(seconds=20)))
    go_on = asyncio.Event()

    async def slowly(_request: Received) -> Reply:
        await go_on.wait()
        return Reply()

    async with roaming(tmp_path, given) as world:
        world.cpo.answers("PUT", "/slow", slowly)
        url = world.url("tokens", "RECEIVER", "/NL/TNM/")
        packed = {"Content-Encoding": "gzip"} if is_packed else {}

        async def push(name: str, length: int) -> Answered:
            value = exact_json.encode(TOKEN | {"uid": name, "x_filling": "x" * length})
            body = gzip.compress(value) if is_packed and length else value
            return await world.emsp.call(
                "PUT", url + name, body=body, to=CPO, sender=EMSP, headers=packed if length else {}
            )

        async with asyncio.TaskGroup() as tasks:
            first = tasks.create_task(push("slow-1", 600_000))
            await world.cpo.receives("PUT", "slow-1")
            second = tasks.create_task(push("slow-2", 600_000))
            assert (await push("small", 0)).code == 1000
            assert not world.cpo.all("PUT", "slow-2")
            assert await metric(world, "ocpi_hub_body_bytes") >= 600_000
            go_on.set()
        assert (first.result().code, second.result().code) == (1000, 1000)
        assert len(world.cpo.all("PUT", "slow-2")) == 1
        assert await metric(world, "ocpi_hub_body_bytes") == 0


async def test_who_has_no_token_takes_no_room(tmp_path: Path) -> None:
    """It announces a large body, and sends none of it; decision 0060."""
    given = settings(tmp_path)
    given = replace(given, limits=replace(given.limits, bodies=1_000_000, request=timedelta(seconds=20)))
    async with roaming(tmp_path, given) as world:
        url = urlsplit(world.url("tokens", "RECEIVER", "/NL/TNM/1"))
        start = f"PUT {url.path} HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\nAuthorization: Token "
        async with AsyncExitStack() as stack:

            async def announces(token: str) -> asyncio.StreamReader:
                reader, writer = await asyncio.open_connection(url.hostname, url.port)
                stack.callback(writer.close)
                writer.write(start.encode() + b64encode(token.encode()) + b"\r\n\r\n")
                return reader

            strangers = [await announces("stranger") for _ in range(5)]
            for each in strangers:
                assert b" 401 " in await each.readline()
            assert await metric(world, "ocpi_hub_body_bytes") == 0
            assert world.emsp.outbound_token is not None
            await announces(world.emsp.outbound_token)
            await soon(lambda: metric(world, "ocpi_hub_body_bytes"), lambda taken: taken == 900_000)


async def metric(world: Roaming, name: str) -> float:
    """A number that the hub tells its operators."""
    async with aiohttp.ClientSession() as session, session.get(f"{world.hub.admin_url}/metrics") as answer:
        lines = (await answer.text()).splitlines()
    return next(float(each.split()[1]) for each in lines if each.startswith(f"{name} "))
