"""Accept once, owe to many: what is sent to the hub for everybody (RT-28 to RT-43).

The answer says that the hub has it, on disk, and nothing about who got it; delivery is a matter of its
own (D2, D3).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hub.directory.directory import Platform
from hub.ocpi.envelope import success
from hub.ocpi.errors import ClientError
from hub.ocpi.headers import Routing
from hub.ocpi.identity import object_key
from hub.ocpi.message import Message, Reply
from hub.ocpi.timestamps import Clock
from hub.ocpi.validation import found_wrong, in_words, refusal
from hub.routing.destination import Broadcast
from hub.store.objects import AcceptedChange, ObjectStore, Outcome

CREATED = 201
OK = 200


@dataclass(frozen=True, slots=True)
class Broadcasting:
    """What accepting a broadcast stands on."""

    objects: ObjectStore
    clock: Clock
    #: Tells the pumps that there is something to deliver.
    wake: Callable[[], None]

    async def accept(
        self, message: Message, value: Any, caller: Platform, to: Broadcast, routing: Routing
    ) -> Reply:
        """The hub's own answer: 1000 once the change is kept.

        Raises:
            OcpiError: the body is wrong (2001), or what it changes is not known (404).
        """
        note = _put_up_with(message, value)
        acceptance = await self.objects.accept(_change(message, value, caller, to))
        self.wake()
        is_new = acceptance.outcome is Outcome.CREATED and message.method == "PUT"
        note = "; ".join(part for part in (acceptance.outcome, note) if part)
        return Reply(CREATED if is_new else OK, success(self.clock()), routing, note=note)

    async def outcome(self, message: Message, value: Any, caller: Platform, to: Broadcast) -> Outcome:
        """What accepting would do now; nothing is done.

        Raises:
            OcpiError: the body is wrong (2001), or what it changes is not known (404).
        """
        _put_up_with(message, value)
        return await self.objects.outcome(_change(message, value, caller, to))


def _change(message: Message, value: Any, caller: Platform, to: Broadcast) -> AcceptedChange:
    return AcceptedChange(
        key=object_key(message),
        method=message.method,
        tail=message.tail,
        query=message.query,
        body=message.body,
        value=value,
        parameters=message.parameters,
        sender_role=to.sender_role,
        sender_platform_id=caller.id,
        correlation_id=message.ids.correlation_id,
    )


def _put_up_with(message: Message, value: Any) -> str:
    """What is wrong with a body that is taken all the same, for the journal (AM-31 to AM-33).

    Raises:
        InvalidParameters: more is wrong than can be put up with.
        ClientError: broadcast data is not POSTed (RT-28).
    """
    if message.method == "POST":
        raise ClientError(f"{message.module.id} are pushed with PUT or PATCH, not with POST", rows=("RT-28",))
    operation = message.operation
    found = found_wrong(operation, value)
    if found and (too_wrong := found_wrong(operation, value, tolerant=True)):
        raise refusal(too_wrong)
    return in_words(found)
