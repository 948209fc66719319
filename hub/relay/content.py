"""What is known of the addressee of a request that names nobody: reads what the hub keeps (RT-49).

Only open requests come here; a request with OCPI-to never waits for the database (design D7).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hub.ocpi.description import Clue
from hub.ocpi.identity import variant
from hub.ocpi.message import Message
from hub.ocpi.party import Party
from hub.relay.keeping import Keeping
from hub.relay.learnt import LearntAddressees
from hub.relay.odd_parties import token_owner
from hub.relay.token_owners import TokenId, TokenOwners
from hub.routing.addressee import NOTHING_KNOWN, Content
from hub.store.kept import KeptSession
from hub.store.objects import ObjectStore


@dataclass(frozen=True, slots=True)
class Contents:
    """What reading the content of a request stands on."""

    objects: ObjectStore
    learnt: LearntAddressees
    token_owners: TokenOwners
    keeping: Keeping

    async def of(self, message: Message, value: Any, sender: Party) -> Content:  # noqa: PLR0911 a clue a line
        """What is known of the clue that a message of this party has."""
        match message.operation.clue:
            case None:
                return NOTHING_KNOWN
            case Clue.CDR_TOKEN:
                return _named(token_owner(value))
            case Clue.TOKEN:
                token = token_asked_about(message)
                owners = await self.objects.owners_of("tokens", token.uid, token.type)
                return Content(owners, self.token_owners.owner(token))
            case Clue.LOCATION:
                return Content(
                    await self.objects.owners_of("locations", _given(message, value, "location_id"))
                )
            case Clue.RESERVATION:
                reservation_id = _given(message, value, "reservation_id")
                return Content(await self.learnt.addressees(Clue.RESERVATION, sender, reservation_id))
            case Clue.CHARGING_PROFILE:
                session_id = _given(message, value, "session_id")
                return Content(await self.learnt.addressees(Clue.CHARGING_PROFILE, sender, session_id))
            case Clue.SESSION:
                return Content(frozenset(each.owner for each in await self._sessions(message, value, sender)))
            case Clue.SESSION_TOKEN:
                return Content(frozenset(each.emsp for each in await self._sessions(message, value, sender)))

    async def _sessions(self, message: Message, value: Any, sender: Party) -> tuple[KeptSession, ...]:
        """The sessions of this id that are the sender's: its own, as CPO; of its tokens, as eMSP."""
        await self.keeping.caught_up()
        found = await self.objects.sessions_of(sender, _given(message, value, "session_id"))
        is_emsp = message.operation.clue is Clue.SESSION
        return tuple(each for each in found if sender == (each.emsp if is_emsp else each.owner))


def token_asked_about(message: Message) -> TokenId:
    """The token that a request for authorization is about; without a type it is an RFID card (TOK-03)."""
    return TokenId(message.parameters["token_uid"].upper(), variant(message))


def _given(message: Message, value: Any, name: str) -> str:
    """An id in the path or in the body; empty, which is nobody's, where it is missing."""
    found = message.parameters.get(name) or (value.get(name) if isinstance(value, Mapping) else None)
    return found if isinstance(found, str) else ""


def _named(party: Party | None) -> Content:
    return NOTHING_KNOWN if party is None else Content(frozenset({party}))
