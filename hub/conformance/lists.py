"""What is looked at in a list: all its pages and objects, its dates, and parameters that make no sense."""

from datetime import datetime, timedelta
from typing import Any

from hub.conformance.listed import FAR_AHEAD, Item, Listed
from hub.conformance.report import Check
from hub.conformance.walking import Reach, walked
from hub.ocpi.timestamps import Clock, format_timestamp

#: OCPI knows milliseconds at most.
INSTANT = timedelta(milliseconds=1)
NOT_A_NUMBER = "a-few"
#: Objects that are looked for in a window.
WANTED = 5


async def read_list(listed: Listed, reach: Reach, clock: Clock) -> tuple[dict[str, Any], ...]:
    """Look at a list and all that it says of itself; some of its objects, for what comes next."""
    items = await walked(listed, reach, clock)
    if items is None:
        return ()
    await _bad_parameters(listed)
    await _dates(listed, items)
    return tuple(item.value for item in items)


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
    for item in wanted[:WANTED]:
        moment = item.last_updated
        message = f"{'/'.join(item.key)} of {moment} is {'missing' if is_inside else 'there'}"
        check.expects(holds=(item.key in found) is is_inside, message=message, where=url)
    for item in page[1]:
        if item.last_updated is not None:
            message = f"{'/'.join(item.key)} of {item.last_updated} lies outside of the window"
            check.expects(holds=start <= item.last_updated < end, message=message, where=url)
