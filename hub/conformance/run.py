"""One run of the tester, from the first request to the report."""

import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from hub.conformance.authorization import ask_about_an_unknown_token
from hub.conformance.handshake import RegistrationFailed, registered
from hub.conformance.listed import lists
from hub.conformance.lists import read_list
from hub.conformance.locations import read_single_locations
from hub.conformance.offers import read_offers
from hub.conformance.report import Report
from hub.conformance.visit import Visit
from hub.conformance.walking import Reach
from hub.conformance.writing import write_and_undo
from hub.ocpi.headers import TokenEncoding
from hub.ocpi.party import Party
from hub.ocpi.timestamps import Clock
from hub.ocpi.transport import Transport

WRITING = "writing"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is tested, and as whom."""

    #: The platform's versions URL.
    versions_url: str
    #: Token A with a handshake; without, the token of a registration.
    token: str = field(repr=False)
    #: The party for which the tester speaks.
    party: Party
    encoding: TokenEncoding = TokenEncoding.BASE64
    #: Where the tester listens while it is registered; None for no handshake.
    port: socket.socket | None = None
    #: The URL under which the platform reaches the tester there.
    public_url: str | None = None
    #: Whether to push objects of a test party.
    writes: bool = False
    #: For each answer.
    patience: timedelta = timedelta(seconds=20)
    #: How far each list is read.
    reach: Reach = field(default_factory=Reach)


async def run(
    plan: Plan, transport: Transport, *, clock: Clock, new_id: Callable[[], str], new_token: Callable[[], str]
) -> Report:
    """Test a platform; what is found wrong is in the report."""
    report = Report(plan.versions_url)
    visit = Visit(transport, report, new_id, plan.token, plan.encoding, plan.party, plan.patience)
    if plan.port is None:
        await _tested(visit, plan, clock)
        return report
    try:
        async with registered(visit, plan.versions_url, plan.port, plan.public_url, new_token, clock):
            await _tested(visit, plan, clock)
    except RegistrationFailed:
        pass  # The report says why.
    return report


async def _tested(visit: Visit, plan: Plan, clock: Clock) -> None:
    if not await read_offers(visit, plan.versions_url):
        return
    for listed in lists(visit):
        values = await read_list(listed, plan.reach, clock)
        if listed.module == "locations":
            await read_single_locations(visit, values)
    if not visit.is_hub:
        await ask_about_an_unknown_token(visit)
    if plan.writes and visit.is_hub:
        reason = "a hub passes on what it is sent: test its partners instead"
        visit.report.skip("TR-15", WRITING, "objects of a test party are pushed and undone", reason)
    elif plan.writes:
        await write_and_undo(visit, clock)
