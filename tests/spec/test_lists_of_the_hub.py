"""2.2.1, Transport and format, Pagination: the hub's lists, each with every parameter (PG-01 to PG-11)."""

from contextlib import AsyncExitStack
from typing import Any

import pytest

from tests.fixtures.recorder import Answered, Recorder
from tests.fixtures.roaming import CPO, EMSP, HUB, LOCATION, TARIFF, TOKEN, Roaming, joined

#: Three objects of each, in this order and with these last_updated: not in the order in which they came.
MOMENTS = ("2026-01-03T00:00:00Z", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00.500Z")
NAMES = ("A", "B", "C")
OBJECTS: dict[str, tuple[str, dict[str, Any]]] = {
    "locations": ("id", LOCATION),
    "tariffs": ("id", TARIFF),
    "tokens": ("uid", TOKEN),
}
QUERIES: list[tuple[str, list[str], int, bool]] = [
    ("", ["A", "B", "C"], 3, False),
    ("?offset=0&limit=10", ["A", "B", "C"], 3, False),
    ("?limit=2", ["A", "B"], 3, True),
    ("?offset=1&limit=2", ["B", "C"], 3, False),
    ("?offset=1&limit=1", ["B"], 3, True),
    ("?offset=3", [], 3, False),
    ("?limit=2000", ["A", "B", "C"], 3, False),
    ("?date_from=2026-01-02T00:00:00.500Z", ["A", "C"], 2, False),
    ("?date_from=2026-01-02T00:00:00.501Z", ["A"], 1, False),
    ("?date_to=2026-01-02T00:00:00.500Z", ["B"], 1, False),
    ("?date_from=2026-01-01T00:00:00&date_to=2026-01-03T00:00:00", ["B", "C"], 2, False),
    ("?date_from=2026-01-01T00:00:00Z&limit=2&offset=1", ["B", "C"], 3, False),
    ("?date_from=2027-01-01T00:00:00Z", [], 0, False),
]


async def filled(world: Roaming, module: str) -> tuple[Recorder, str]:
    """Who may read the list of a module that has the three objects."""
    name, value = OBJECTS[module]
    sender, party, reader, other = (
        (world.emsp, EMSP, world.cpo, CPO) if module == "tokens" else (world.cpo, CPO, world.emsp, EMSP)
    )
    for each, moment in zip(NAMES, MOMENTS, strict=True):
        url = world.url(module, "RECEIVER", f"/{party}/{each}")
        changed = value | {name: each, "last_updated": moment}
        assert (await sender.call("PUT", url, changed, to=HUB, sender=party)).code == 1000
    return reader, other


@pytest.mark.holds("PG-01", "PG-02", "PG-03", "PG-04", "PG-05", "PG-06", "PG-08", "PG-09", "PG-10", by="hub")
@pytest.mark.holds("PG-11", "PG-20", "RT-52", "RT-57", "AM-27", by="hub")
@pytest.mark.parametrize("module", OBJECTS)
async def test_a_list_has_every_parameter(world: Roaming, module: str) -> None:
    reader, party = await filled(world, module)
    for query, expected, total, goes_on in QUERIES:
        answer = await reader.call("GET", world.url(module, "SENDER", query), to=HUB, sender=party)
        found = [each[OBJECTS[module][0]] for each in answer.data]
        assert (found, answer.code) == (expected, 1000), query
        assert (answer.headers["X-Total-Count"], answer.headers["X-Limit"]) == (str(total), "100"), query
        assert ("Link" in answer.headers) is goes_on, query


@pytest.mark.holds("PG-06", "PG-07", "PG-08", "PG-11", by="hub")
@pytest.mark.parametrize("module", OBJECTS)
async def test_a_walk_over_the_pages_of_a_list_keeps_its_filters_and_ends_exactly(
    world: Roaming, module: str
) -> None:
    """The two that match are two full pages, and there is no empty third one."""
    reader, party = await filled(world, module)
    url = world.url(module, "SENDER", "?limit=1&date_from=2026-01-02T00:00:00Z&date_to=2026-02-01T00:00:00Z")
    seen = []
    while url:
        answer = await reader.call("GET", url, to=HUB, sender=party)
        assert answer.headers["X-Total-Count"] == "2"
        seen += [each[OBJECTS[module][0]] for each in answer.data]
        assert len(seen) <= 2
        url = next_of(answer)
    assert seen == ["A", "C"]


@pytest.mark.holds("PG-11", by="hub")
async def test_what_comes_during_a_walk_is_at_its_end(world: Roaming) -> None:
    """Also what is changed meanwhile stays where it was: the order is that of creation."""
    reader, party = await filled(world, "tariffs")
    answer = await reader.call("GET", world.url("tariffs", "SENDER", "?limit=2"), to=HUB, sender=party)
    for each in ("D", "A"):
        url = world.url("tariffs", "RECEIVER", f"/{CPO}/{each}")
        changed = TARIFF | {"id": each, "last_updated": "2026-03-01T00:00:00Z"}
        assert (await world.cpo.call("PUT", url, changed, to=HUB, sender=CPO)).code == 1000
    rest = await reader.call("GET", next_of(answer), to=HUB, sender=party)
    assert [each["id"] for each in rest.data] == ["C", "D"]
    assert rest.headers["X-Total-Count"] == "4"


@pytest.mark.holds("HCI-05", "PG-01", "PG-02", "PG-03", by="hub")
async def test_the_list_of_clients_has_every_parameter_too(world: Roaming) -> None:
    """By the moment in which a party was connected."""
    async with AsyncExitStack() as stack:
        for each in NAMES:
            partner = await stack.enter_async_context(Recorder([("CPO", "FR", f"{each}{each}{each}")]))
            await joined(world.hub, partner, each)
        url = world.url("hubclientinfo", "SENDER")
        everybody = (await world.emsp.call("GET", url)).data
        assert [each["party_id"] for each in everybody] == ["BEC", "AAA", "BBB", "CCC"]
        moment = everybody[2]["last_updated"]
        for query, expected in (
            ("?offset=1&limit=2", ["AAA", "BBB"]),
            (f"?date_from={moment}", ["BBB", "CCC"]),
            (f"?date_to={moment}", ["BEC", "AAA"]),
        ):
            answer = await world.emsp.call("GET", f"{url}{query}")
            assert [each["party_id"] for each in answer.data] == expected, query


def next_of(answer: Answered) -> str:
    """Where the next page is, empty if there is none."""
    return answer.headers.get("Link", "")[1:].partition(">")[0]
