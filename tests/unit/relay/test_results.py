"""Results that are awaited, with a clock that a test moves (decision 0024)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.directory.directory import Platform
from hub.ocpi.errors import ReceiverNotConnected
from hub.ocpi.headers import NO_ROUTING, Routing
from hub.ocpi.message import Reply
from hub.ocpi.party import Party
from hub.relay.links import Link, LinkKind, Links, token_of
from hub.relay.results import Results, promised
from hub.settings import Limits
from hub.store.database import opened
from hub.web.background import beside
from schemas import exact_json
from schemas.v2_2_1 import ConnectionStatus, InterfaceRole
from tests.fixtures.clocks import Clock
from tests.fixtures.databases import database_in
from tests.fixtures.waiting import until

CPO = Platform(1, "cpo", ConnectionStatus.CONNECTED)
LIMITS = Limits(result_margin=timedelta(seconds=5))


def answer(result: Any = "ACCEPTED", timeout: Any = 30, code: int = 1000) -> Reply:
    body = exact_json.encode({"status_code": code, "data": {"result": result, "timeout": timeout}})
    return Reply(200, body, NO_ROUTING)


@dataclass
class World:
    """Links, and the results that come to them."""

    clock: Clock
    links: Links
    results: Results
    news: asyncio.Event = field(default_factory=asyncio.Event)
    told: list[str] = field(default_factory=list)
    #: How often it was looked what is due.
    looks: int = 0

    async def asks(self, reply: Reply | Exception | None = None) -> Link:
        """A command, and the CPO's answer."""
        url = await self.links.create(
            Link(
                kind=LinkKind.RESPONSE_URL,
                platform_id=CPO.id,
                target_platform_id=2,
                module="commands",
                interface=InterfaceRole.SENDER,
                routing=Routing(Party("NL", "TNM"), Party("BE", "BEC")),
                url="http://emsp.example/1",
                expires_at=self.clock() + timedelta(hours=1),
            )
        )

        async def answering() -> Reply:
            if isinstance(reply, Exception):
                raise reply
            return reply or answer()

        await self.results.asked(token_of(url), answering())
        return await self.found(token_of(url))

    async def found(self, token: str) -> Link:
        """The link as it is when the CPO calls."""
        link = await self.links.find(token, CPO)
        assert link is not None
        return link

    async def passes(self, seconds: float, tells: int = 0) -> None:
        """Time passes, and so many must be told; whoever is told by mistake is told by then, too."""
        expected = len(self.told) + tells
        self.clock.passes(seconds=seconds)
        looks = self.looks
        self.news.set()
        await until(lambda: self.looks > looks and not self.is_telling())
        assert len(self.told) >= expected

    def is_telling(self) -> bool:
        """Whether the time of a result is over, and its requester not told yet."""
        now = self.clock()
        return any(each.due_at is not None and each.due_at <= now for each in self.results._awaited.values())

    async def tell(self, link: Link) -> None:
        self.told.append(link.token)


@asynccontextmanager
async def running(path: Path, clock: Clock) -> AsyncIterator[World]:
    async with opened(database_in(path)) as database:
        links = Links(database, "http://hub.example", clock)
        news = asyncio.Event()

        async def wait(_event: asyncio.Event, _longest: timedelta) -> None:
            world.looks += 1
            await news.wait()
            news.clear()

        results = Results(links, clock, LIMITS, wait=wait)
        world = World(clock, links, results, news)
        async with beside(links.run()), results.writing(), beside(results.run(world.tell)):
            yield world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with running(tmp_path, Clock()) as made:
        yield made


async def test_the_requester_is_told_after_timeout_and_margin_and_not_before(world: World) -> None:
    link = await world.asks(answer(timeout=30))
    await world.passes(34.9)
    assert world.told == []
    await world.passes(0.2, tells=1)
    assert world.told == [link.token]
    await world.passes(1000)
    assert world.told == [link.token]
    assert world.results.awaited == 0
    assert (await world.found(link.token)).timed_out_at is not None


async def test_a_callback_at_the_last_moment_is_in_time(world: World) -> None:
    link = await world.asks(answer(timeout=30))
    await world.passes(34.9)
    assert await world.results.called_back(link) == ""
    await world.passes(1000)
    assert world.told == []
    assert await world.results.called_back(await world.found(link.token)) == ""


async def test_each_result_is_awaited_for_itself(world: World) -> None:
    slow, quick, answered = [await world.asks(answer(timeout=each)) for each in (60, 10, 10)]
    await world.results.called_back(answered)
    await world.passes(16, tells=1)
    assert world.told == [quick.token]
    await world.passes(60, tells=1)
    assert world.told == [quick.token, slow.token]


@pytest.mark.parametrize(
    "reply", [answer("REJECTED"), answer(code=2000), answer(timeout=None), ReceiverNotConnected("away")]
)
async def test_nobody_waits_for_what_was_not_promised(world: World, reply: Reply | Exception) -> None:
    try:
        await world.asks(reply)
    except ReceiverNotConnected:
        assert isinstance(reply, Exception)
    assert world.results.awaited == 0
    await world.passes(1000)
    assert world.told == []


async def test_what_was_awaited_is_awaited_after_a_restart_and_who_was_told_is_told_no_more(
    tmp_path: Path,
) -> None:
    clock = Clock()
    async with running(tmp_path, clock) as world:
        told, waiting, answered = [await world.asks(answer(timeout=each)) for each in (1, 600, 600)]
        await world.results.called_back(answered)
        await world.passes(10, tells=1)
        assert world.told == [told.token]
    async with running(tmp_path, clock) as world:
        assert world.results.awaited == 1
        await world.passes(600, tells=1)
        assert world.told == [waiting.token]
        assert (await world.results.called_back(await world.found(told.token))).startswith("late: ")


async def test_whoever_called_in_vain_while_the_hub_was_away_has_the_margin_once_more(tmp_path: Path) -> None:
    clock = Clock()
    async with running(tmp_path, clock) as world:
        first, second = await world.asks(answer(timeout=1)), await world.asks(answer(timeout=1))
    clock.passes(minutes=30)
    async with running(tmp_path, clock) as world:
        await world.passes(4)
        assert world.told == []
        assert await world.results.called_back(await world.found(first.token)) == ""
        await world.passes(2, tells=1)
        assert world.told == [second.token]


@given(
    st.one_of(
        st.binary(),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text() | st.just("ACCEPTED"),
            lambda inner: (
                st.lists(inner)
                | st.dictionaries(st.sampled_from(["data", "result", "timeout", "status_code"]), inner)
            ),
        ).map(exact_json.encode),
        st.builds(
            lambda timeout: answer(timeout=timeout).body,
            st.integers()
            | st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12),
        ),
    )
)
def test_whatever_a_cpo_answers_there_is_a_time_to_wait_or_none(body: bytes) -> None:
    patience, _ = promised(Reply(200, body, NO_ROUTING))
    assert patience is None or timedelta(0) <= patience <= timedelta(seconds=10**9)


def test_a_timeout_may_be_written_with_a_fraction() -> None:
    assert promised(answer(timeout=Decimal("1.5"))) == (timedelta(seconds=1.5), "")
