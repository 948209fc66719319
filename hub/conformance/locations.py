"""Single locations of a platform's Sender interface: three depths, and what is not there."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from hub.conformance.report import Check
from hub.conformance.visit import Visit
from hub.ocpi.modules import MODULES
from hub.ocpi.transport import joined_url
from schemas.v2_2_1 import InterfaceRole

SUBJECT = f"locations {InterfaceRole.SENDER}"
DEPTHS = "a location, an EVSE and a connector are found by their ids"
NOT_FOUND = 404
NOBODYS_ID = "no-such-location-here"


async def read_single_locations(visit: Visit, locations: Iterable[dict[str, Any]]) -> None:
    """Look at one location at all three depths, and at one that is not there."""
    endpoint = visit.endpoints.get(("locations", InterfaceRole.SENDER))
    if endpoint is None:
        return
    missing = visit.report.check("LOC-03 TR-14", SUBJECT, "an unknown location is HTTP 404")
    await _get(visit, endpoint, (NOBODYS_ID,), missing, None)
    location = next((each for each in locations if each.get("id") and each.get("evses")), None)
    if location is None:
        visit.report.skip("LOC-03", SUBJECT, DEPTHS, "there is no location with an EVSE to try it with")
        return
    found = visit.report.check("LOC-03", SUBJECT, DEPTHS)
    ids: tuple[str, ...] = (str(location["id"]),)
    await _get(visit, endpoint, ids, found, ("id", location["id"]))
    evse = location["evses"][0]
    if not isinstance(evse, dict) or not evse.get("uid"):
        return
    ids += (str(evse["uid"]),)
    await _get(visit, endpoint, ids, found, ("uid", evse["uid"]))
    await _get(visit, endpoint, (*ids, NOBODYS_ID), missing, None)
    connector = next(iter(evse.get("connectors") or ()), None)
    if isinstance(connector, dict) and connector.get("id"):
        await _get(visit, endpoint, (*ids, str(connector["id"])), found, ("id", connector["id"]))


async def _get(
    visit: Visit, endpoint: str, ids: tuple[str, ...], check: Check, wanted: tuple[str, Any] | None
) -> None:
    url = joined_url(endpoint, "/" + "/".join(quote(each, safe="") for each in ids))
    answer = await visit.get(url, routing=visit.routing(*MODULES["locations"].sender_roles))
    if answer is None:
        return
    if wanted is None:
        status = answer.reply.status
        check.expects(holds=status == NOT_FOUND, message=f"expected HTTP 404, got {status}", where=url)
        return
    name, value = wanted
    data = answer.envelope.data if answer.envelope is not None and answer.is_success else None
    got = data.get(name) if isinstance(data, dict) else None
    check.expects(holds=got == value, message=f"expected {name} {value!r}, got {got!r}", where=url)
