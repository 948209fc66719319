"""One delivery: a request to one receiver, and what its answer means.

The path keeps the codes of the object's owner (RT-37); the headers say that it comes from the hub and for
whom it is (RT-35); each request has an id of its own, and the correlation id of the change (RT-43).
ClientInfo carries no routing headers (HCI-07).
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from hub.calling.calls import Calls
from hub.delivery.audience import Receiver
from hub.delivery.changes import Change
from hub.delivery.verdict import Verdict, verdict, verdict_on_failure
from hub.directory.directory import Directory, Platform
from hub.ocpi.client import Answer
from hub.ocpi.description import ObjectKey
from hub.ocpi.headers import NO_ROUTING, Routing
from hub.ocpi.modules import MODULES
from hub.ocpi.party import Party
from hub.ocpi.retry_after import peace_wanted
from hub.ocpi.transport import CallFailed
from hub.registry.hubclientinfo import acquaintance, as_known
from hub.store.acceptance import State
from hub.store.journal import Purpose
from hub.store.object_rows import DELETABLE
from schemas.v2_2_1 import ClientInfo, InterfaceRole


@dataclass(frozen=True, slots=True)
class Letter:
    """What is sent to a receiver."""

    method: str
    tail: str
    query: str
    body: bytes
    #: Whether it says only what changed.
    is_partial: bool


@dataclass(frozen=True, slots=True)
class Attempt:
    """A letter that was sent, and how that ended."""

    receiver: Receiver
    change: Change
    letter: Letter
    verdict: Verdict
    #: None where no answer came.
    http_status: int | None = None
    #: None where the answer was no envelope.
    status_code: int | None = None
    #: What was wrong; empty where nothing was.
    reason: str = ""
    #: For how long the platform wants to be left in peace.
    retry_after: timedelta = timedelta()

    @property
    def subject(self) -> tuple[Receiver, ObjectKey]:
        """Who was told of which object."""
        return self.receiver, self.change.key


def as_it_came(change: Change) -> Letter:
    """The change in its sender's words."""
    return Letter(change.method, change.tail, change.query, change.body, is_partial=True)


def whole(change: Change, state: State | None) -> Letter:
    """The newest state of the change's object; without one, it is deleted.

    What OCPI has no DELETE for goes as it last was, also if its owner does not list it any more (LOC-09).
    """
    tail = whole_tail(change)
    if state is None or (state.is_deleted and change.key.module in DELETABLE):
        return Letter("DELETE", tail, change.query, b"", is_partial=False)
    return Letter("PUT", tail, change.query, state.body.encode(), is_partial=False)


def shown_to(platform: Platform, change: Change, state: State, directory: Directory, now: datetime) -> State:
    """A ClientInfo object as the platform may know it now (HCI-06, HCI-13)."""
    info = ClientInfo.read(state.body)
    shown = as_known(info, acquaintance(change.owner, platform, directory.agreements, now))
    return state if shown is info else state._replace(body=shown.to_json().decode())


def whole_tail(change: Change) -> str:
    """The path of the whole object: what lies inside it is cut off, the rest is as it came."""
    segments = [segment for segment in change.tail.split("/") if segment]
    length = 2 if MODULES[change.key.module].kind is None else 3
    return "/" + "/".join(segments[:length])


@dataclass(frozen=True, slots=True)
class Sending:
    """Sends letters for the hub."""

    calls: Calls
    timeout: timedelta

    async def send(
        self,
        hub: Party,
        platform: Platform,
        receiver: Receiver,
        change: Change,
        letter: Letter,
        within: timedelta = timedelta.max,
    ) -> Attempt:
        """Send the letter once, and judge the answer, which is not waited for longer than `within`."""
        module = change.key.module
        url = platform.url(module, InterfaceRole.RECEIVER, letter.tail, letter.query)
        if url is None:
            reason = f"{platform.name} offers no Receiver interface of {module} any more"
            return Attempt(receiver, change, letter, Verdict.REFUSED, reason=reason)
        client = self.calls.client(platform, Purpose.DELIVERY, min(self.timeout, within), module)
        try:
            answer = await client.call(
                letter.method,
                url,
                body=letter.body,
                routing=_routing(hub, receiver),
                correlation_id=change.correlation_id,
            )
        except CallFailed as failure:
            reason = f"{type(failure).__name__}: {failure}"
            return Attempt(receiver, change, letter, verdict_on_failure(failure), reason=reason)
        attempt = _judged(receiver, change, letter, answer)
        wait = peace_wanted(answer.reply.status, answer.reply.headers, self.calls.clock())
        return replace(attempt, retry_after=wait) if wait else attempt


def _judged(receiver: Receiver, change: Change, letter: Letter, answer: Answer) -> Attempt:
    found = verdict(letter.method, answer, is_partial=letter.is_partial)
    return Attempt(
        receiver,
        change,
        letter,
        found,
        http_status=answer.reply.status,
        status_code=None if answer.envelope is None else answer.envelope.status_code,
        reason="" if found is Verdict.DELIVERED else answer.refusal().message,
    )


def _routing(hub: Party, receiver: Receiver) -> Routing:
    if receiver.party_role is None:
        return NO_ROUTING
    return Routing(to=receiver.party_role.party, sender=hub)
