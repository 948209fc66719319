"""A charge point that says the same message again gets the same answer, and nothing happens twice.

The same message is one that is the same character by character: many chargers count their ids from one
again after every start, so that the id alone says nothing. Only transaction messages carry an instant
that makes them unique for good; their answers are kept across links, those to the others only as long
as the link on which they were given. The answer to Heartbeat and BootNotification is the present time,
and is never given again.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from hub.ocpi.timestamps import Clock
from partners.ocpp.frames import Call, Send
from schemas import exact_json

_OF_A_TRANSACTION = frozenset({"StartTransaction", "StopTransaction", "MeterValues", "TransactionEvent"})
NEVER_AGAIN = frozenset({"Heartbeat", "BootNotification"})


class _Given(NamedTuple):
    payload: Mapping[str, Any]
    at: datetime
    outlives_the_link: bool


class RecentAnswers:
    """The answers one charge point was given lately.

    Attributes:
        kept_for: How long a transaction message is known again.
        most: How many answers are kept; the oldest go first. A charge point says one thing after
            the other, so that few would do; there may be very many charge points.
    """

    def __init__(self, clock: Clock, kept_for: timedelta = timedelta(hours=24), most: int = 16) -> None:
        self.kept_for = kept_for
        self.most = most
        self._clock = clock
        self._given: dict[int, _Given] = {}

    def recall(self, call: Call | Send, known_as: int | None = None) -> Mapping[str, Any] | None:
        """The answer that this very message got before, if it did."""
        given = self._given.get(known_as or fingerprint(call))
        if given is None or self._clock() - given.at > self.kept_for:
            return None
        return given.payload

    def remember(self, call: Call | Send, payload: Mapping[str, Any], known_as: int | None = None) -> None:
        """Keep an answer. A refusal is not kept: said again, the message is to be tried again."""
        if call.action in NEVER_AGAIN:
            return
        outlives = call.action in _OF_A_TRANSACTION
        self._given[known_as or fingerprint(call)] = _Given(payload, self._clock(), outlives)
        while len(self._given) > self.most:
            del self._given[next(iter(self._given))]

    def forget_the_link(self) -> None:
        """The link is a new one: its message ids may begin anew."""
        for fingerprint in [key for key, given in self._given.items() if not given.outlives_the_link]:
            del self._given[fingerprint]


def fingerprint(call: Call | Send) -> int:
    """By what a message is known again: 64 bits of what nobody outside can foresee."""
    return hash((call.message_id, call.action, call.text or exact_json.encode(call.payload)))
