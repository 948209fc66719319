"""Pulling: the hub reads the lists of platforms, and passes on what it finds (2.2.1, Pull and Push)."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode

import pytest

from hub.admin.key import admin_key
from hub.ocpi.backoff import Backoff
from hub.settings import Pulling
from hub.store.journal import JournalEntry, Purpose
from hub.web.app import RunningHub, running_hub
from tests.fixtures.admin_hub import asked
from tests.fixtures.recorder import Received, Recorder, Reply
from tests.fixtures.roaming import CPO, EMSP, HUB, LOCATION, TARIFF, TOKEN, joined, settings

LATER = "2026-01-01T12:00:00Z"
SOON = timedelta(milliseconds=1)
#: At once when a platform connects, and then no more unless a test says so.
ONCE = Pulling(
    locations=timedelta(hours=9), tariffs=timedelta(hours=9), tokens=timedelta(hours=9),
    settling=timedelta(0), patience=timedelta(seconds=2), page=2, backoff=Backoff(SOON, SOON),
)  # fmt: skip
#: Again and again.
OFTEN = replace(ONCE, locations=SOON, tariffs=SOON, tokens=SOON, full_every=timedelta(days=1))


@dataclass
class Shelf:
    """A list that a recorder gives out in pages, as an honest platform does."""

    module: str
    objects: list[dict[str, Any]]
    #: Objects on a page at most.
    largest: int = 2
    answers: list[Received] = field(default_factory=list)

    def at(self, recorder: Recorder) -> "Shelf":
        recorder.answers("GET", f"/sender/{self.module}", lambda request: self.page(recorder, request))
        return self

    def page(self, recorder: Recorder, request: Received) -> Reply:
        query = {name: values[0] for name, values in parse_qs(request.query).items()}
        found = [each for each in self.objects if each["last_updated"] >= query.get("date_from", "")]
        offset, limit = int(query.get("offset", 0)), min(int(query.get("limit", 50)), self.largest)
        headers = {"X-Total-Count": str(len(found)), "X-Limit": str(self.largest)}
        if offset + limit < len(found):
            following = urlencode(query | {"offset": offset + limit, "limit": limit})
            headers["Link"] = f'<{recorder.endpoint(self.module, "SENDER")}?{following}>; rel="next"'
        return Reply(found[offset : offset + limit], headers=headers)


@dataclass
class Pulled:
    """A hub that pulls from a CPO; an eMSP is told."""

    hub: RunningHub
    data: Path
    journal: list[JournalEntry]
    stack: AsyncExitStack

    async def partner(self, *roles: str, **more: Any) -> Recorder:
        parties = [(role.split()[0], *role.split()[1].split("/")) for role in roles]
        made = Recorder(parties, **more)
        return await self.stack.enter_async_context(made)

    async def shown(self, platform: str | None = None) -> list[dict[str, Any]]:
        query = {} if platform is None else {"platform": platform}
        answer = await asked(
            f"{self.hub.admin_url}/admin/v1", "GET", "/pulls", key=admin_key(self.data, {}), query=query
        )
        return answer.content["lists"]

    async def now(self, platform: str, **more: Any) -> Any:
        body = {"platform": platform, **more}
        key = admin_key(self.data, {})
        return await asked(f"{self.hub.admin_url}/admin/v1", "POST", "/pulls", body, key=key)

    async def until(
        self, condition: Callable[[dict[str, Any]], Any], module: str = "locations", platform: str = "cpo"
    ) -> dict[str, Any]:
        """How the list of the module stands when the condition holds of it."""
        async with asyncio.timeout(10):
            while True:
                for each in await self.shown(platform):
                    if each["module"] == module and condition(each):
                        return each
                await asyncio.sleep(0.005)

    async def ended(self, module: str = "locations", platform: str = "cpo") -> dict[str, Any]:
        return await self.until(lambda each: each["ended_at"] is not None, module, platform)

    async def again(
        self, platform: str = "cpo", module: str = "locations", *, is_full: bool = True
    ) -> dict[str, Any]:
        """The list, after it was pulled once more."""
        before = (await self.ended(module, platform))["correlation_id"]
        assert (await self.now(platform, module=module, is_full=is_full)).status == 200
        return await self.until(lambda each: each["correlation_id"] != before, module, platform)

    async def listed(
        self, asker: Recorder, party: str, module: str = "locations", query: str = ""
    ) -> list[Any]:
        url = f"{self.hub.public_url}/ocpi/2.2.1/sender/{module}{query}"
        answer = await asker.call("GET", url, to=HUB, sender=party)
        assert answer.code == 1000, answer.body
        return answer.data

    @property
    def left_out(self) -> list[JournalEntry]:
        return [
            each for each in self.journal if each.purpose is Purpose.PULL and each.note.startswith("left out")
        ]


@asynccontextmanager
async def pulling(data: Path, rules: Pulling = ONCE) -> AsyncIterator[Pulled]:
    journal: list[JournalEntry] = []
    chosen = replace(settings(data), pulling=rules)
    async with AsyncExitStack() as stack:
        hub = await stack.enter_async_context(running_hub(chosen, log=None, observe=journal.append))
        yield Pulled(hub, data, journal, stack)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Pulled]:
    async with pulling(tmp_path) as made:
        yield made


@pytest.fixture
async def cpo(world: Pulled) -> Recorder:
    return await world.partner(f"CPO {CPO}")


@pytest.fixture
async def emsp(world: Pulled) -> Recorder:
    made = await world.partner(f"EMSP {EMSP}")
    return await joined(world.hub, made, "emsp")


def locations(*ids: str, **changes: Any) -> list[dict[str, Any]]:
    return [LOCATION | {"id": each} | changes for each in ids]


def ids(objects: Sequence[dict[str, Any]]) -> list[str]:
    return [each["id"] for each in objects]


@pytest.mark.holds("TR-30", "PG-13", "RT-53", "LOC-20", by="hub")
async def test_a_platform_that_connects_is_pulled_to_the_full_and_others_are_told(
    world: Pulled, cpo: Recorder, emsp: Recorder
) -> None:
    found = [LOCATION | {"x_new": [1.50], "id": f"L{number}"} for number in range(5)]
    Shelf("locations", found).at(cpo)
    Shelf("tariffs", [TARIFF]).at(cpo)
    Shelf("tokens", [TOKEN]).at(emsp)
    await joined(world.hub, cpo, "cpo")
    await emsp.receives("PUT", "/receiver/locations", 5)
    got = await emsp.receives("PUT", "/receiver/locations/BE/BEC/L0")
    assert (got.to, got.sender, got.value) == (EMSP, HUB, found[0])
    assert (await emsp.receives("PUT", "/receiver/tariffs/BE/BEC/T1")).value == TARIFF
    assert await world.listed(emsp, EMSP) == found
    first, second, third = cpo.all("GET", "/sender/locations")
    assert (first.to, first.sender) == (CPO, HUB)
    assert [parse_qs(each.query).get("offset") for each in (first, second, third)] == [None, ["2"], ["4"]]
    assert {each.correlation_id for each in (first, second, third)} == {got.correlation_id}
    done = await world.ended()
    assert (done["stored"], done["unchanged"], done["broken"], done["status"]) == (5, 0, 0, "waiting")
    assert done["full_at"] is not None
    assert cpo.all("PUT") == []
    assert cpo.all("GET", "/sender/tokens") == []
