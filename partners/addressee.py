"""Which of a platform's parties a request is for, so that each answers for itself alone (CR-20)."""

from collections.abc import Mapping
from dataclasses import replace

from hub.ocpi.description import Operation
from hub.ocpi.errors import InvalidParameters
from hub.ocpi.party import Party
from partners.exchange import Answer, Handler, Offer, Request


def offered_by_each(offers: Mapping[Party, Offer]) -> Offer:
    """One interface of several parties: the party in OCPI-to answers.

    Args:
        offers: The same interface of each party.
    """
    first = next(iter(offers.values()))
    if len(offers) == 1:
        return first
    return replace(first, handlers={each: _handler(offers, each) for each in first.handlers})


def _handler(offers: Mapping[Party, Offer], operation: Operation) -> Handler:
    async def answered(request: Request) -> Answer:
        to = request.routing.to
        if to is None:
            # Only where there is one candidate can the pair be left out (RT-05, AM-03).
            raise InvalidParameters(f"OCPI-to: say which of {', '.join(map(str, offers))} is meant")
        return await offers[to].handlers[operation](request)

    return answered
