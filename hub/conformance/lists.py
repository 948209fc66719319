"""The lists of a platform's Sender interfaces: pages, dates, and every object in them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlencode, urlsplit

from pydantic import ValidationError

from hub.conformance.report import Check, json_word
from hub.conformance.visit import Visit
from hub.ocpi.client import Answer
from hub.ocpi.description import Module
from hub.ocpi.headers import LIMIT, LINK, NO_ROUTING, TOTAL_COUNT, Routing
from hub.ocpi.modules import MODULES
from hub.ocpi.paging import read_next_link, read_total
from hub.ocpi.timestamps import format_timestamp, parse_timestamp
from schemas.findings import findings
from schemas.v2_2_1 import InterfaceRole
from schemas.wire_object import WireObject

#: Objects on a page while pages are walked; small, so that there is something to walk.
PAGE = 5
#: A platform is not read to its end if it has more pages than that.
MOST_PAGES = 40
#: Older than anything: the dates of all objects lie after it.
LONG_AGO = "2010-01-01T00:00:00Z"
#: Younger than anything.
FAR_AHEAD = "2100-01-01T00:00:00Z"
#: OCPI knows milliseconds at most.
INSTANT = timedelta(milliseconds=1)
NOT_A_NUMBER = "a-few"


class Item(NamedTuple):
    """An object in a list, as far as it can be read."""

    value: dict[str, Any]
    #: Owner and id, folded; what makes it one of its kind.
    key: tuple[str, ...]
    last_updated: datetime | None


@dataclass(frozen=True, slots=True)
class Listed:
    """A list of one module."""

    visit: Visit
    module: str
    model: type[WireObject]
    id_fields: tuple[str, ...]
    url: str
    routing: Routing

    @property
    def subject(self) -> str:
        """How the report names it."""
        return f"{self.module} {InterfaceRole.SENDER}"

    def check(self, rows: str, title: str) -> Check:
        """A check of this list."""
        return self.visit.report.check(rows, self.subject, title)

    async def page(self, url: str, check: Check) -> tuple[Answer, list[Item]] | None:
        """The answer with its objects; None, and a problem, where there is no list."""
        answer = await self.visit.get(url, routing=self.routing)
        if answer is None:
            check.fails("no answer", url)
            return None
        if not answer.is_success or answer.envelope is None:
            check.fails(str(answer.refusal()), url)
            return None
        data = answer.envelope.data
        if not isinstance(data, list):
            check.fails(f"expected a list in data, got {json_word(data)}", url)
            return None
        return answer, [self._item(each) for each in data]

    def asking(self, **parameters: object) -> str:
        """The URL of the list with these parameters."""
        # The date is marked as required for sessions, and harmless elsewhere (SES-02).
        given = {"date_from": LONG_AGO} | parameters if self.module == "sessions" else parameters
        separator = "&" if urlsplit(self.url).query else "?"
        return f"{self.url}{separator}{urlencode(given)}" if given else self.url

    def _item(self, value: Any) -> Item:
        fields = value if isinstance(value, dict) else {}
        key = tuple(
            str(fields.get(name, "")).upper() for name in ("country_code", "party_id", *self.id_fields)
        )
        try:
            moment = parse_timestamp(str(fields.get("last_updated")))
        except ValueError:
            moment = None
        return Item(fields, key, moment)


def lists(visit: Visit) -> Iterator[Listed]:
    """The lists that the platform offers."""
    for (name, side), url in visit.endpoints.items():
        if side is not InterfaceRole.SENDER or name not in MODULES:
            continue
        module = MODULES[name]
        paged = next((each for each in module.by_interface.get(side, ()) if each.paged), None)
        if paged is None or paged.answer is None:
            continue
        yield Listed(visit, name, paged.answer, _id_fields(module), url, _routing(visit, module))


async def read_list(listed: Listed) -> tuple[dict[str, Any], ...]:
    """Look at a list and all that it says of itself; its objects, for what comes next."""
    items = await _walked(listed)
    if items is None:
        return ()
    _objects(listed, items)
    await _bad_parameters(listed)
    await _dates(listed, items)
    return tuple(item.value for item in items)


async def _walked(listed: Listed) -> list[Item] | None:
    """All objects, page by page, as the links lead (PG-13)."""
    walk = listed.check("PG-06 PG-13", "the links lead over all pages, and end")
    url, followed, items = listed.asking(limit=PAGE), set[str](), list[Item]()
    totals: list[int | None] = []
    for number in range(MOST_PAGES):
        page = await listed.page(url, walk)
        if page is None:
            return items or None
        answer, found = page
        items.extend(found)
        totals.append(_counted(listed, answer, len(found), url))
        following = read_next_link(answer.reply.header(LINK))
        if following is None:
            _ended(listed, items, totals, url)
            return items
        followed.add(url)
        if following in followed or not found:
            walk.fails("the links from page to page do not come to an end", url)
            return items
        walk.expects(
            holds=urlsplit(following).netloc == urlsplit(listed.url).netloc,
            message=f"the next page lies at another host: {following}",
            where=url,
        )
        if number == 0:
            await _filters_stay(listed, following)
        url = following
    walk.warns(f"there are more than {MOST_PAGES} pages of {PAGE}: the rest was not read", listed.url)
    return items


def _counted(listed: Listed, answer: Answer, count: int, url: str) -> int | None:
    """The total on a page."""
    headers = listed.check(
        "PG-08 PG-09 PG-10", "each page has X-Total-Count and X-Limit, and no more than was asked for"
    )
    total, limit = (read_total(answer.reply.header(name)) for name in (TOTAL_COUNT, LIMIT))
    for name, value in ((TOTAL_COUNT, total), (LIMIT, limit)):
        headers.expects(
            holds=value is not None,
            message=f"expected a number in {name}, got {answer.reply.header(name) or 'none'}",
            where=url,
        )
    headers.expects(holds=count <= PAGE, message=f"asked for {PAGE} objects at most, got {count}", where=url)
    headers.expects(
        holds=limit is None or limit >= count, message=f"X-Limit is {limit}, and there are {count}", where=url
    )
    return total


def _ended(listed: Listed, items: list[Item], totals: list[int | None], url: str) -> None:
    complete = listed.check("PG-08 PG-11", "the pages hold each object once, as many as X-Total-Count says")
    keys = [item.key for item in items]
    twice = sorted({key for key in keys if keys.count(key) > 1}) if len(set(keys)) < len(keys) else []
    for key in twice:
        complete.fails(f"{'/'.join(key)} is on more than one page, or twice on one", listed.url)
    if len(set(totals)) > 1:
        complete.warns(f"X-Total-Count changed from page to page: {totals}", listed.url)
    elif totals[-1] is not None:
        complete.expects(
            holds=totals[-1] == len(items),
            message=f"X-Total-Count is {totals[-1]}, and the pages held {len(items)} objects",
            where=url,
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


def _objects(listed: Listed, items: list[Item]) -> None:
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


async def _bad_parameters(listed: Listed) -> None:
    check = listed.check("PG-19", "a parameter that makes no sense is refused with 2001")
    for parameters in ({"limit": NOT_A_NUMBER}, {"offset": -1}, {"date_from": "yesterday"}):
        url = listed.asking(**parameters)
        answer = await listed.visit.get(url, routing=listed.routing)
        if answer is None or answer.envelope is None:
            continue
        code = answer.envelope.status_code
        if answer.is_success:
            check.warns("it is passed over", url)
        else:
            check.expects(holds=code // 1000 == 2, message=f"expected 2001, got {code}", where=url)  # noqa: PLR2004 the family of client errors


async def _dates(listed: Listed, items: list[Item]) -> None:
    rows, title = "PG-02 PG-03", "date_from is inclusive, date_to exclusive, both on last_updated"
    dated = sorted({item.last_updated for item in items if item.last_updated is not None})
    if not dated:
        listed.visit.report.skip(rows, listed.subject, title, "there is no object to try it with")
    else:
        check = listed.check(rows, title)
        moment = dated[len(dated) // 2]
        at_moment = [item for item in items if item.last_updated == moment]
        await _window(listed, check, at_moment, moment, moment + INSTANT, is_inside=True)
        await _window(listed, check, at_moment, moment - INSTANT, moment, is_inside=False)
    empty = listed.check("TR-09 PG-10", "a list without objects is empty, and is a list")
    page = await listed.page(listed.asking(date_from=FAR_AHEAD), empty)
    if page is not None:
        empty.expects(
            holds=page[1] == [], message=f"got {len(page[1])} objects of the future", where=listed.url
        )


async def _window(
    listed: Listed, check: Check, wanted: list[Item], start: datetime, end: datetime, *, is_inside: bool
) -> None:
    url = listed.asking(date_from=format_timestamp(start), date_to=format_timestamp(end), limit=1000)
    page = await listed.page(url, check)
    if page is None:
        return
    found = {item.key for item in page[1]}
    for item in wanted[:PAGE]:
        moment = item.last_updated
        message = f"{'/'.join(item.key)} of {moment} is {'missing' if is_inside else 'there'}"
        check.expects(holds=(item.key in found) is is_inside, message=message, where=url)
    for item in page[1]:
        if item.last_updated is not None:
            message = f"{'/'.join(item.key)} of {item.last_updated} lies outside of the window"
            check.expects(holds=start <= item.last_updated < end, message=message, where=url)


def _id_fields(module: Module) -> tuple[str, ...]:
    if module.kind is None:
        return ("role",)
    variant = () if module.kind.variant is None else (module.kind.variant[0],)
    return (module.kind.id_field, *variant)


def _routing(visit: Visit, module: Module) -> Routing:
    return visit.routing(*module.sender_roles) if module.is_routed else NO_ROUTING
