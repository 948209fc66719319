"""Lists in pages: limits, odd dates, walks while things change (2.2.1, Transport and Format, Pagination)."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from tests.fixtures.recorder import Answered, Recorder
from tests.fixtures.roaming import CPO, EMSP, HUB, TARIFF, TOKEN, Roaming, joined, roaming, settings

LISTS = ("locations", "tariffs", "tokens", "sessions", "cdrs", "hubclientinfo")
#: What this hub gives out at most on one page.
LARGEST = 3


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Roaming]:
    given = settings(tmp_path)
    async with roaming(tmp_path, replace(given, limits=replace(given.limits, page=LARGEST))) as made:
        yield made


def tariff(number: int, updated: str = "2026-01-01T10:00:00Z", **changes: Any) -> dict[str, Any]:
    return TARIFF | {"id": f"T{number}", "last_updated": updated} | changes


async def push(world: Roaming, value: dict[str, Any], method: str = "PUT") -> None:
    url = world.url("tariffs", "RECEIVER", f"/{CPO}/{value['id']}")
    sent = {} if method == "DELETE" else {"value": value}
    assert (await world.cpo.call(method, url, to=HUB, sender=CPO, **sent)).code == 1000


async def get(world: Roaming, query: str = "", module: str = "tariffs") -> Answered:
    routing = {} if module == "hubclientinfo" else {"to": HUB, "sender": EMSP}
    return await world.emsp.call("GET", world.url(module, "SENDER", query), **routing)


def following(answer: Answered) -> str | None:
    link = answer.headers.get("Link")
    return None if link is None else link[1:].partition(">")[0]


def ids(answer: Answered) -> list[str]:
    return [each["id"] for each in answer.data]


@pytest.mark.holds("PG-01", "PG-10", by="hub")
@pytest.mark.parametrize("module", LISTS)
async def test_every_list_takes_all_four_parameters_and_none(world: Roaming, module: str) -> None:
    """An empty page has its headers, too."""
    window = "date_from=2020-01-01T00:00:00Z&date_to=2020-01-02T00:00:00Z"
    for query in ("", f"?{window}&offset=0&limit=2", "?offset=5", f"?{window}"):
        answer = await get(world, query, module)
        assert (answer.status, answer.code) == (200, 1000), query
        assert isinstance(answer.data, list)
        assert (answer.headers["X-Total-Count"].isdigit(), answer.headers["X-Limit"]) == (True, str(LARGEST))
        if "date_to" in query:
            assert (answer.data, answer.headers["X-Total-Count"]) == ([], "0")
        assert following(answer) is None


@pytest.mark.holds("PG-04", "PG-05", "PG-06", "PG-09", "PG-10", by="hub")
@pytest.mark.parametrize("count", [0, 1, LARGEST - 1, LARGEST, LARGEST + 1, 2 * LARGEST])
async def test_a_walk_begins_at_the_first_object_and_ends_with_the_last(world: Roaming, count: int) -> None:
    for number in range(count):
        await push(world, tariff(number))
    answer = await get(world, "?limit=2000")
    pages = [answer]
    while (url := following(answer)) is not None:
        assert answer.headers["Link"] == f'<{url}>; rel="next"'
        answer = await world.emsp.call("GET", url, to=HUB, sender=EMSP)
        pages.append(answer)
    assert [name for page in pages for name in ids(page)] == [f"T{number}" for number in range(count)]
    assert len(pages) == max(1, -(-count // LARGEST))
    for page in pages:
        assert (page.headers["X-Total-Count"], page.headers["X-Limit"]) == (str(count), str(LARGEST))
    assert ids(await get(world, "?offset=0&limit=2")) == ids(pages[0])[:2]
    assert ids(await get(world, f"?offset={count}")) == []


@pytest.mark.holds("PG-20", "AM-21", by="hub")
@pytest.mark.parametrize(
    "spelling",
    [
        "2026-01-01T10:00:00Z",
        "2026-01-01T10:00:00",
        "2026-01-01T10:00:00.000Z",
        "2026-01-01T10:00:00.000000",
        "2026-01-01T11:00:00+01:00",
        "2026-01-01t10:00:00z",
    ],
)
async def test_a_date_means_the_same_in_every_spelling(world: Roaming, spelling: str) -> None:
    """An offset is converted, whether its plus sign was escaped or not."""
    await push(world, tariff(0, "2026-01-01T09:59:59.999Z"))
    await push(world, tariff(1))
    for written in {spelling, quote(spelling)}:
        assert ids(await get(world, f"?date_from={written}")) == ["T1"]


@pytest.mark.holds("PG-07", "PG-08", by="hub")
async def test_the_next_page_has_the_same_filters(world: Roaming) -> None:
    """To the last digit: half a millisecond decides what is in the window."""
    for number in range(6):
        await push(world, tariff(number, f"2026-01-01T10:00:00.000{number}Z"))
    window = "date_from=2026-01-01T10:00:00.0001&date_to=2026-01-01T10:00:00.0005Z"
    first = await get(world, f"?{window}&limit=2")
    url = following(first)
    assert url is not None
    assert parse_qs(urlsplit(url).query) == {
        "date_from": ["2026-01-01T10:00:00.000100Z"],
        "date_to": ["2026-01-01T10:00:00.000500Z"],
        "offset": ["2"],
        "limit": ["2"],
    }
    second = await world.emsp.call("GET", url, to=HUB, sender=EMSP)
    assert (ids(first), ids(second)) == (["T1", "T2"], ["T3", "T4"])
    assert {each.headers["X-Total-Count"] for each in (first, second)} == {"4"}


@pytest.mark.holds("PG-08", "RT-54", by="hub")
async def test_the_total_is_that_of_the_asker(world: Roaming) -> None:
    async with Recorder([("EMSP", "DE", "RIV"), ("CPO", "DE", "RIV")]) as rival:
        await joined(world.hub, rival, "rival")
        for party, asker in (("NL/TNM", world.emsp), ("DE/RIV", rival)):
            country_code, party_id = party.split("/")
            token = TOKEN | {"country_code": country_code, "party_id": party_id}
            url = world.url("tokens", "RECEIVER", f"/{party}/012345678")
            assert (await asker.call("PUT", url, token, to=HUB, sender=party)).code == 1000
        listing = world.url("tokens", "SENDER", "?limit=1")
        for asker, party, total in ((world.cpo, CPO, "2"), (world.emsp, EMSP, "1"), (rival, "DE/RIV", "2")):
            answer = await asker.call("GET", listing, to=HUB, sender=party)
            assert answer.headers["X-Total-Count"] == total, party


@pytest.mark.holds("PG-11", "PG-18", "AM-27", by="hub")
async def test_what_happens_during_a_walk_moves_nothing_that_was_not_deleted(world: Roaming) -> None:
    """New objects come last, and a change moves none; a deletion is seen by the total."""
    for number in range(5):
        await push(world, tariff(number))
    first = await get(world, "?limit=2")
    await push(world, tariff(9))
    await push(world, tariff(0, "2026-02-01T10:00:00Z"))
    await push(world, tariff(4, "2026-02-01T10:00:00Z"))
    second = await world.emsp.call("GET", following(first) or "", to=HUB, sender=EMSP)
    await push(world, tariff(1), "DELETE")
    third = await world.emsp.call("GET", following(second) or "", to=HUB, sender=EMSP)
    assert (ids(first), ids(second), ids(third)) == (["T0", "T1"], ["T2", "T3"], ["T9"])
    assert [each.headers["X-Total-Count"] for each in (first, second, third)] == ["5", "6", "5"]
    again = await get(world, "?offset=3&limit=2")
    assert ids(again) == ["T4", "T9"]


@pytest.mark.holds("PG-19", by="hub")
@pytest.mark.parametrize("module", ["tariffs", "cdrs", "hubclientinfo"])
async def test_a_bad_parameter_is_refused_by_name(world: Roaming, module: str) -> None:
    wrong = ("limit=0", "limit=x", "limit=-1", "limit=", "offset=-1", "offset=1.5", "date_to=")
    dates = ("date_from=yesterday", "date_from=2026-02-30T00:00:00Z", "date_from=2026-01-01")
    for query in (*wrong, *dates):
        answer = await get(world, f"?{query}", module)
        assert (answer.status, answer.code) == (200, 2001), query
        assert query.partition("=")[0] in answer.envelope["status_message"]
