"""Sessions and CDRs that pass are kept for the CPO and the eMSP of the token (design D4, decision 0023).

Beside the message: the answer is on its way when the hub begins to write. What is kept is a copy for GET All
and open routing; the eMSP has the object itself. Only the answer to a CDR waits for its copy: there is one a
session, money hangs on it, and its verdict is made of that copy if the hub is killed now.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any, Final, NamedTuple

from hub.directory.directory import Platform
from hub.ocpi.description import ObjectKey
from hub.ocpi.envelope import SUCCESS_CODES, NotAnEnvelope, read_status_code
from hub.ocpi.errors import NotFound, OcpiError, ServerError
from hub.ocpi.identity import object_key
from hub.ocpi.message import Message, Reply
from hub.ocpi.party import Party
from hub.relay.odd_parties import CDR_TOKEN, party_of, token_owner
from hub.store.acceptance import AcceptedChange
from hub.store.objects import ObjectStore
from hub.store.write_behind import CAPACITY, WriteBehind
from schemas.v2_2_1 import InterfaceRole, Role

#: Objects with a gap that are remembered at most.
GAPS = 100_000
#: How long an answer waits for the copy; a database that is slower shall not make the CPO send again.
PATIENCE: Final = timedelta(seconds=2)
HTTP_SUCCESS = range(200, 300)


class Passed(NamedTuple):
    """A change on its way into the store."""

    #: Counts what passed.
    number: int
    change: AcceptedChange


class Keeping:
    """Keeps what passes, while it is `running`."""

    def __init__(
        self,
        objects: ObjectStore,
        *,
        capacity: int = CAPACITY,
        lost: Callable[[AcceptedChange], None] = lambda _change: None,
    ) -> None:
        """Wire up.

        Args:
            objects: Where it is kept.
            capacity: Changes that wait at most.
            lost: Told of each change that is not kept, because it came too fast or could not be written.
        """
        self._objects = objects
        self._lost = lost
        self._behind = WriteBehind(
            "sessions and CDRs that passed", self._keep, lose=self._lose, size=_size, capacity=capacity
        )
        self._count = 0
        self._refused = 0
        #: Objects of which a change was lost, with its number: later changes of a part of one are not kept,
        #: until the whole object comes again.
        self._torn: dict[ObjectKey, int] = {}

    @property
    def waiting(self) -> int:
        """How many changes are not kept yet."""
        return self._behind.waiting

    @property
    def dropped(self) -> int:
        """How many changes are not kept, because they came too fast or could not be written."""
        return self._behind.dropped + self._refused

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep until the end of the block, and then what still waits."""
        async with self._behind.running():
            yield

    def passed(self, message: Message, value: Any, caller: Platform, to: Party, reply: Reply) -> None:
        """A message was answered; if its receiver took it, what it says is kept soon. Never waits."""
        if not message.module.is_kept or not was_taken(reply):
            return
        change = kept_change(message, value, caller, to)
        if change is not None:
            self._count += 1
            self._behind.offer(Passed(self._count, change))

    async def caught_up(self) -> None:
        """Wait until everything that has passed is kept, for whoever wants to read it."""
        await self._behind.caught_up()

    async def on_disk(self) -> None:
        """Wait until what has passed is on disk, but not for long: its receiver has it anyway."""
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE.total_seconds()):
                await self._behind.caught_up()

    async def _keep(self, batch: Sequence[Passed]) -> None:
        unbroken = [passed for passed in batch if self._follows(passed)]
        results = await self._objects.remember_all([passed.change for passed in unbroken])
        for passed, result in zip(unbroken, results, strict=True):
            # Nothing is missing of an object that is not known at all.
            if isinstance(result, OcpiError) and not isinstance(result, NotFound):
                if isinstance(result, ServerError):
                    self._refused += 1
                    self._lost(passed.change)
                self._tear(passed)

    def _follows(self, passed: Passed) -> bool:
        """Whether nothing is missing between what is kept and this change."""
        number, change = passed
        lost = self._torn.get(change.key)
        if lost is not None and number > lost and not change.is_partial:
            del self._torn[change.key]
            lost = None
        return lost is None or number < lost

    def _lose(self, passed: Passed) -> None:
        self._tear(passed)
        self._lost(passed.change)

    def _tear(self, passed: Passed) -> None:
        self._torn[passed.change.key] = passed.number
        if len(self._torn) > GAPS:
            del self._torn[next(iter(self._torn))]


def kept_change(message: Message, value: Any, caller: Platform, to: Party) -> AcceptedChange | None:
    """What a message changes of what is kept; None where that is not for the hub to keep.

    An object is kept where it goes from its owner to the eMSP of its token, and nowhere else: so it is not
    kept twice when an SCSP gets it, too, and nobody finds among its own what was sent to another (AM-26).
    """
    if message.interface is not InterfaceRole.RECEIVER or not isinstance(value, Mapping):
        return None
    is_patch = message.method == "PATCH"
    emsp = token_owner(value)
    if emsp != to and not (is_patch and CDR_TOKEN not in value):
        return None
    key = _key(message, value)
    if key is None:
        return None
    return AcceptedChange(
        key=key,
        method="PATCH" if is_patch else "PUT",
        tail=message.tail,
        query=message.query,
        body=message.body,
        value=value,
        parameters=message.parameters,
        sender_role=Role.CPO,
        sender_platform_id=caller.id,
        correlation_id=message.ids.correlation_id,
        addressee=to,
    )


def _key(message: Message, value: Mapping[str, Any]) -> ObjectKey | None:
    """The key of the object in the URL or, where the URL names none, in the body of its owner's message."""
    if message.method != "POST":
        return object_key(message)
    owner, object_id = party_of(value), value.get("id")
    if not isinstance(object_id, str) or not object_id or owner is None or owner != message.routing.sender:
        return None
    return ObjectKey(message.module.id, *owner.folded, object_id.upper())


def _size(passed: Passed) -> int:
    """The bytes of a change that waits: the text, and about as much for what it was decoded to."""
    return 2 * len(passed.change.body)


def was_taken(reply: Reply) -> bool:
    """Whether the receiver said that it has what it was sent."""
    try:
        return reply.status in HTTP_SUCCESS and read_status_code(reply.body) in SUCCESS_CODES
    except NotAnEnvelope:
        return False
