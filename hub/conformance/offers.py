"""What a platform says of itself: versions, version details, credentials; and what strangers get."""

from collections.abc import Iterable
from typing import TypeVar

from hub.conformance.findings import (
    SECURITY,
    Finding,
    read,
    wrong_with_details,
    wrong_with_endpoints,
    wrong_with_url,
    wrong_with_versions,
)
from hub.conformance.report import Check, json_word
from hub.conformance.visit import Visit
from hub.ocpi.modules import VERSION
from hub.ocpi.party import NotAParty, Party, PartyRole
from schemas.v2_2_1 import Credentials, Endpoint, InterfaceRole, Role, Version
from schemas.wire_object import WireObject

Model = TypeVar("Model", bound=WireObject)

VERSIONS, DETAILS, CREDENTIALS = "versions", "version details", "credentials"
UNAUTHORIZED = 401


async def read_offers(visit: Visit, versions_url: str, *, credentials: bool = True) -> bool:
    """Read versions, details and credentials; whether there is something to go on with.

    What was found there is what the visit knows of the platform from then on.

    Args:
        visit: The visit.
        versions_url: Where to begin.
        credentials: Whether to read the credentials and what strangers get, which needs a registration.
    """
    details_url = await _versions(visit, versions_url)
    if details_url is None or not await _details(visit, details_url):
        return False
    if not credentials:
        return True
    await _credentials(visit)
    await _strangers(visit, (versions_url, details_url))
    return True


async def _versions(visit: Visit, url: str) -> str | None:
    listed = visit.report.check("VE-01 VE-02", VERSIONS, f"version {VERSION} is listed, each version once")
    _adopt(visit, listed, wrong_with_url(VERSIONS, url))
    data = await _data(visit, url, listed)
    if not isinstance(data, list):
        listed.fails(f"expected a list of versions in data, got {json_word(data)}", url)
        return None
    offered = [each for item in data if (each := _read(Version, item, listed, url)) is not None]
    _adopt(visit, listed, wrong_with_versions(offered))
    return next((each.url for each in offered if each.version == VERSION), None)


async def _details(visit: Visit, url: str) -> bool:
    check = visit.report.check(
        "VE-03 VE-05 VE-08", DETAILS, "the endpoints are listed, credentials among them"
    )
    data = await _data(visit, url, check)
    if not isinstance(data, dict):
        check.fails(f"expected an object in data, got {json_word(data)}", url)
        return False
    listed = data.get("endpoints")
    items = listed if isinstance(listed, list) else []
    endpoints = [each for item in items if (each := _read(Endpoint, item, check, url)) is not None]
    _adopt(visit, check, wrong_with_details(str(data.get("version")), endpoints))
    unique = visit.report.check("VE-04", DETAILS, "each module is listed once an interface")
    found: dict[tuple[str, InterfaceRole], str] = {}
    for each in endpoints:
        side = InterfaceRole.SENDER if each.identifier == CREDENTIALS else each.role
        key = (str(each.identifier), InterfaceRole(side))
        unique.expects(holds=key not in found, message=f"{' '.join(key)} is listed twice", where=url)
        found.setdefault(key, str(each.url))
    visit.endpoints = found
    return bool(found)


async def _credentials(visit: Visit) -> None:
    url = visit.endpoints.get((CREDENTIALS, InterfaceRole.SENDER))
    if url is None:
        return
    check = visit.report.check(
        "CR-12 CR-19 CR-23", CREDENTIALS, "GET returns the credentials with which it is called"
    )
    theirs = _read(Credentials, await _data(visit, url, check), check, url)
    if theirs is None:
        return
    check.expects(
        holds=theirs.token == visit.token,
        message="the token is another than the one that was shown",
        where=url,
    )
    visit.them = tuple(_parties(theirs, check, url)) or visit.them
    if not visit.is_hub:
        offered = visit.report.check("VE-07", DETAILS, "the endpoints that its roles need are listed")
        offered.adopts(wrong_with_endpoints(visit.endpoints, (each.role for each in visit.them)))


async def _strangers(visit: Visit, urls: Iterable[str]) -> None:
    refused = visit.report.check(
        "TR-02 TR-03 VE-10", "strangers", "without a token, or with nobody's, it is HTTP 401"
    )
    lists = (
        url
        for (module, side), url in visit.endpoints.items()
        if side is InterfaceRole.SENDER and module not in {"commands", "chargingprofiles"}
    )
    for url in (*urls, *lists):
        for with_token in (False, True):
            answer = await visit.as_stranger(url, with_token=with_token)
            if answer is not None:
                shown = "with a token of nobody" if with_token else "without a token"
                refused.expects(
                    holds=answer.reply.status == UNAUTHORIZED,
                    message=f"{shown}: got HTTP {answer.reply.status}",
                    where=f"GET {url}",
                )


def _adopt(visit: Visit, check: Check, found: Iterable[Finding]) -> None:
    """Take over findings; that tokens travel in the clear is a rule of its own."""
    secure = visit.report.check("TR-37", VERSIONS, "every URL is https")
    for each in found:
        (secure if each.chapter == SECURITY else check).adopts([each])


async def _data(visit: Visit, url: str, check: Check) -> object:
    answer = await visit.get(url)
    if answer is None:
        check.fails("no answer", url)
        return None
    if not answer.is_success or answer.envelope is None:
        refusal = answer.refusal()
        check.fails(
            f"expected a success, got HTTP {refusal.status}, {refusal.status_code}: {refusal.message}", url
        )
        return None
    return answer.envelope.data


def _read(model: type[Model], value: object, check: Check, url: str) -> Model | None:
    if value is None:
        return None
    made, wrong = read(url, model, value)
    check.adopts(wrong)
    return made


def _parties(theirs: Credentials, check: Check, url: str) -> Iterable[PartyRole]:
    for each in theirs.roles:
        try:
            yield PartyRole(Party(each.country_code, each.party_id), Role(each.role))
        except (NotAParty, ValueError) as error:
            check.fails(str(error), url)
