"""How the eMSP reads lists in pages: links to the letter, and lists that change meanwhile (PG rows)."""

from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import parse_qs

import pytest

from hub.ocpi.client import ForeignLink, PeerOffers
from tests.fixtures.emsp_world import World, emsp_world
from tests.fixtures.recorder import Received, Reply
from tests.fixtures.samples import location

LIST = "/sender/locations"


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with emsp_world() as world:
        yield world


def listed(world: World, ids: list[str], before: Callable[[int], None], limit: int = 2) -> None:
    """Let the hub list these locations by offset; `before` may change them before the page of that number."""
    calls = 0

    def page(received: Received) -> Reply:
        nonlocal calls
        calls += 1
        before(calls)
        offset = int(parse_qs(received.query).get("offset", ["0"])[0])
        headers = {"X-Total-Count": str(len(ids)), "X-Limit": str(limit)}
        if offset + limit < len(ids):
            headers["Link"] = f'<{world.hub.url}{received.path}?offset={offset + limit}&x=%2F>; rel="next"'
        return Reply([location(id=each) for each in ids[offset : offset + limit]], headers=headers)

    world.hub.answers("GET", LIST, page)


def kept(world: World) -> list[str]:
    return sorted(each.id for each in world.node.locations())


def queries(world: World) -> list[str]:
    return [each.query for each in world.hub.all("GET", LIST)]


@pytest.mark.holds("PG-12", "PG-13", by="emsp")
@pytest.mark.parametrize(("gone", "again"), [(["A"], "offset=1&x=%2F"), (["A", "B"], "offset=0&x=%2F")])
async def test_where_the_count_falls_the_page_is_read_again_from_earlier(
    world: World, gone: list[str], again: str
) -> None:
    """What slipped into the page before would be missed otherwise, and taken for gone."""
    ids = list("ABCDEF")

    def before(call: int) -> None:
        if call == 2:
            for each in gone:
                ids.remove(each)

    listed(world, ids, before)
    await world.node.pull()
    assert queries(world)[:3] == ["", "offset=2&x=%2F", again]
    assert set(ids) <= set(kept(world))


@pytest.mark.holds("PG-12", by="emsp")
async def test_where_the_count_grows_nothing_is_read_again(world: World) -> None:
    ids = list("ABCD")
    listed(world, ids, lambda call: ids.append("E") if call == 2 else None)
    await world.node.pull()
    assert queries(world) == ["", "offset=2&x=%2F", "offset=4&x=%2F"]
    assert kept(world) == list("ABCDE")


@pytest.mark.holds("PG-12", by="emsp")
async def test_a_list_that_falls_at_every_page_comes_to_an_end(world: World) -> None:
    ids = [f"L{number}" for number in range(12)]
    listed(world, ids, lambda call: ids.pop(0) and None if ids and call > 1 else None)
    await world.node.pull()
    assert len(queries(world)) <= 13


def pages(world: World, *links: str | None, **headers: Any) -> None:
    """Let page after page of the list have these links."""
    for number, link in enumerate(links):
        fragment = f"/page/{number}" if number else LIST
        more = {} if link is None else {"Link": f'<{link}>; rel="next"'}
        items = [location(id=f"L{number}")]
        world.hub.answers("GET", fragment, Reply(items, headers={**headers, **more}))


@pytest.mark.holds("PG-13", by="emsp")
async def test_links_are_followed_as_they_stand(world: World) -> None:
    url = world.hub.url
    pages(world, f"{url}/page/1?c=a%2Fb&offset=x", f"{url}/page/2", None, **{"X-Total-Count": "3"})
    await world.node.pull()
    assert [(each.path, each.query) for each in world.hub.all("GET", "/page/")] == [
        ("/page/1", "c=a%2Fb&offset=x"),
        ("/page/2", ""),
    ]
    assert kept(world) == ["L0", "L1", "L2"]


@pytest.mark.holds("PG-13", "TR-39", by="emsp")
async def test_links_that_go_round_in_a_circle_are_not_walked_for_ever(world: World) -> None:
    """And what is not in such a list is not gone: it was never read to its end."""
    pages(world, None)
    await world.node.pull()
    url = world.hub.url
    pages(world, f"{url}/page/1", f"{url}/page/2", f"{url}/page/1")
    world.hub.received.clear()
    with pytest.raises(PeerOffers, match="circle"):
        await world.node.pull()
    assert len(world.hub.all("GET", "/page/")) == 2
    assert kept(world) == ["L0", "L1", "L2"]


async def test_a_link_to_another_host_is_not_followed(world: World) -> None:
    """Our token is for the hub and nobody else."""
    pages(world, "http://127.0.0.1:1/page/1")
    with pytest.raises(ForeignLink):
        await world.node.pull()
