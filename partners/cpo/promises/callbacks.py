"""What is posted later to a URL that came with a request: bare results, addressed to whoever asked.

Sources: 2.2.1, Commands and ChargingProfiles, Sender Interface; CMD-04, CMD-05, CHP-04, AM-11, AM-46.
"""

import logging
from dataclasses import dataclass
from urllib.parse import urlsplit

from hub.ocpi.errors import InvalidParameters
from hub.ocpi.party import Party
from partners.exchange import Request
from partners.link import NO_SUCCESS, Link
from schemas.wire_object import WireObject

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Callback:
    """Where a result is to go."""

    url: str
    to: Party
    correlation_id: str


def callback(request: Request, response_url: str) -> Callback:
    """The callback of a request.

    Raises:
        InvalidParameters: The URL is not one of the platform that asks. The result goes out with the token
            that this platform gave us: nobody else may see it (CMD-10).
    """
    hosts = {urlsplit(url).netloc for url in (request.peer.versions_url, *request.peer.endpoints.values())}
    if urlsplit(response_url).netloc not in hosts:
        raise InvalidParameters("/response_url: expected a URL of the platform that sends the command")
    return Callback(response_url, requester(request), request.ids.correlation_id)


def requester(request: Request) -> Party:
    """Who sends a request; a platform with one party may leave it out (RT-05)."""
    if request.routing.sender is not None:
        return request.routing.sender
    parties = {each.party for each in request.peer.roles}
    if len(parties) == 1 and not request.peer.is_hub:
        return parties.pop()
    raise InvalidParameters("OCPI-from headers: expected the party that sends the request")


async def post(link: Link, there: Callback, value: WireObject) -> None:
    """Post a result, once: OCPI knows no second attempt (CMD-06). What goes wrong is in the log."""
    try:
        answer = await link.post_to(there.url, value, to=there.to, correlation_id=there.correlation_id)
    except NO_SUCCESS as error:
        log.warning("the result %s did not reach %s: %s", value, there.to, error)
        return
    if not answer.is_success:
        log.warning("the result %s was refused by %s: %s", value, there.to, answer.refusal())
