"""A walk over a list: a few small pages for what paging is about, then all of it for the objects.

Small pages show what links, totals and limits are worth; to read a long list over them would take hours. So a
list that goes on is read anew at the platform's own page size. Objects are looked at as they come, and
forgotten: what stays is the key of each, and a few whole ones for what is tried with them.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final
from urllib.parse import parse_qs, urlsplit

from pydantic import ValidationError

from hub.calling.hosts import origin
from hub.conformance.listed import FAR_AHEAD, LONG_AGO, Item, Listed
from hub.conformance.report import Check
from hub.ocpi.client import Answer
from hub.ocpi.headers import LIMIT, LINK, TOTAL_COUNT
from hub.ocpi.paging import read_next_link, read_total
from hub.ocpi.timestamps import Clock
from schemas.findings import findings

#: Objects on a small page.
SMALL: Final = 5
#: Small pages that are read; a list that goes on after them is read anew, in large ones.
SMALL_PAGES: Final = 4
#: Objects that are kept whole.
_SAMPLES: Final = 50
#: Totals that are told.
_TOLD: Final = 5


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a list is read that does not end before; the report says so if it is not read whole."""

    time: timedelta = timedelta(minutes=10)
    pages: int = 20_000
    objects: int = 500_000


@dataclass(slots=True)
class Walk:
    """What a walk has seen."""

    #: How often each object came.
    seen: Counter[str] = field(default_factory=Counter)
    #: Each total that was announced, in the order in which they came.
    totals: dict[int | None, None] = field(default_factory=dict)
    #: Objects that came, as often as they did.
    count: int = 0
    pages: int = 0
    samples: list[Item] = field(default_factory=list)
    #: Whether there was no page after the last one.
    is_whole: bool = False

    def take(self, items: Iterable[Item]) -> None:
        """Count objects; keep some whole."""
        for item in items:
            self.count += 1
            self.seen["/".join(item.key)] += 1
            if len(self.samples) < _SAMPLES or self._shows_more(item):
                self.samples.append(item)

    def _shows_more(self, item: Item) -> bool:
        """Whether there was no location with an EVSE before, and this is one."""
        return bool(item.value.get("evses")) and not any(each.value.get("evses") for each in self.samples)


async def walked(listed: Listed, reach: Reach, clock: Clock) -> list[Item] | None:
    """Look at every page and every object; some objects. None, and a problem, where there is no list."""
    small = await _small_pages(listed)
    if small is None:
        return None
    walk, items, goes_on = small
    if goes_on:
        walk = await _large_pages(listed, reach, clock)
    else:
        look_at_objects(listed, items)
    if walk.is_whole:
        _look_at_the_whole(listed, walk)
    return walk.samples


async def _small_pages(listed: Listed) -> tuple[Walk, list[Item], bool] | None:
    """The first pages, their objects, and whether there are more that can be read."""
    links, walk, items, url, followed = (
        _links(listed),
        Walk(),
        list[Item](),
        listed.asking(limit=SMALL),
        set[str](),
    )
    for number in range(SMALL_PAGES):
        page = await listed.page(url, links)
        if page is None:
            return (walk, items, False) if number else None
        answer, found = page
        items.extend(found)
        walk.take(found)
        _look_at_headers(listed, walk, answer, len(found), url, SMALL)
        followed.add(url)
        following = _following(listed, links, answer, url, followed, is_empty=not found)
        if following is None:
            walk.is_whole = read_next_link(answer.reply.header(LINK)) is None
            return walk, items, False
        if number == 0:
            await _filters_stay(listed, following)
        url = following
    return walk, items, True


async def _large_pages(listed: Listed, reach: Reach, clock: Clock) -> Walk:
    """All pages, as large as the platform makes them."""
    links, walk, url, followed = _links(listed), Walk(), listed.asking(), set[str]()
    until = clock() + reach.time
    while walk.pages < reach.pages and walk.count < reach.objects and clock() < until:
        page = await listed.page(url, links)
        if page is None:
            return walk
        answer, found = page
        look_at_objects(listed, found)
        walk.take(found)
        walk.pages += 1
        _look_at_headers(listed, walk, answer, len(found), url, None)
        followed.add(url)
        following = _following(listed, links, answer, url, followed, is_empty=not found)
        if following is None:
            walk.is_whole = read_next_link(answer.reply.header(LINK)) is None
            return walk
        url = following
    announced = max((each for each in walk.totals if each is not None), default="an unknown number of")
    links.warns(
        f"the list was not read to its end: {walk.count} of {announced} objects on {walk.pages} pages were"
        " looked at",
        listed.url,
    )
    return walk


def _links(listed: Listed) -> Check:
    return listed.check("PG-06 PG-13", "the links lead over all pages, and end")


def _following(
    listed: Listed, links: Check, answer: Answer, url: str, followed: set[str], *, is_empty: bool
) -> str | None:
    """The URL of the next page; None where there is none, or none that a token may be shown to."""
    following = read_next_link(answer.reply.header(LINK))
    if following is None:
        return None
    if origin(following) not in {origin(each) for each in (listed.url, *listed.visit.endpoints.values())}:
        links.fails(f"the next page lies at another host: {following}", url)
        return None
    if following in followed or is_empty:
        links.fails("the links from page to page do not come to an end", url)
        return None
    return following


def _look_at_headers(
    listed: Listed, walk: Walk, answer: Answer, count: int, url: str, asked: int | None
) -> None:
    headers = listed.check(
        "PG-08 PG-09 PG-10", "each page has X-Total-Count and X-Limit, and no more than was asked for"
    )
    total, limit = (read_total(answer.reply.header(name)) for name in (TOTAL_COUNT, LIMIT))
    walk.totals[total] = None
    for name, value in ((TOTAL_COUNT, total), (LIMIT, limit)):
        headers.expects(
            holds=value is not None,
            message=f"expected a number in {name}, got {answer.reply.header(name) or 'none'}",
            where=url,
        )
    headers.expects(
        holds=asked is None or count <= asked,
        message=f"asked for {asked} objects at most, got {count}",
        where=url,
    )
    headers.expects(
        holds=limit is None or limit >= count, message=f"X-Limit is {limit}, and there are {count}", where=url
    )


def _look_at_the_whole(listed: Listed, walk: Walk) -> None:
    complete = listed.check("PG-08 PG-11", "the pages hold each object once, as many as X-Total-Count says")
    has_changed = len(walk.totals) > 1
    # What comes into a list, or goes, while it is read moves other objects from page to page.
    say = complete.warns if has_changed else complete.fails
    for key in sorted(key for key, times in walk.seen.items() if times > 1):
        say(f"{key} is on more than one page, or twice on one", listed.url)
    if has_changed:
        told = ", ".join(map(str, list(walk.totals)[:_TOLD]))
        complete.warns(f"X-Total-Count changed from page to page: {told}", listed.url)
        return
    total = next(iter(walk.totals), None)
    complete.expects(
        holds=total is None or total == walk.count,
        message=f"X-Total-Count is {total}, and the pages held {walk.count} objects",
        where=listed.url,
    )


async def _filters_stay(listed: Listed, following: str) -> None:
    """The next page of a filtered list is filtered, too."""
    kept = listed.check("PG-07", "the link to the next page keeps the filters")
    page = await listed.page(listed.asking(limit=1, date_from=LONG_AGO, date_to=FAR_AHEAD), kept)
    link = None if page is None else read_next_link(page[0].reply.header(LINK))
    query = parse_qs(urlsplit(link or following).query)
    if link is None or "offset" not in query:
        return  # An opaque link may keep them where nobody can see it.
    for name in ("date_from", "date_to"):
        kept.expects(holds=name in query, message=f"{name} is not in {link}", where=listed.url)


def look_at_objects(listed: Listed, items: Iterable[Item]) -> None:
    """Each object is one of OCPI 2.2.1, and of a party of the platform."""
    valid = listed.check("TR-36 TR-38", f"each object is a {listed.model.__name__} of OCPI 2.2.1")
    ours = listed.check("TR-28", "each object belongs to a party of the platform")
    owners = {each.party.folded for each in listed.visit.them}
    for item in items:
        name = "/".join(item.key)
        try:
            listed.model.model_validate(item.value)
        except ValidationError as error:
            for found in findings(error):
                valid.fails(found.message, f"{name} {found.pointer or '/'}")
        if owners and not listed.visit.is_hub:
            ours.expects(holds=item.key[:2] in owners, message="it belongs to somebody else", where=name)
