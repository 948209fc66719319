"""To whom an id leads, learnt from what was accepted: reservations, charging profiles (RT-49, CHP-11).

A CANCEL_RESERVATION names a reservation of its sender, the active profile of a session names a session of
its sender, and neither says whom that concerns. Kept in the database, since a reservation outlives a restart.
"""

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from hub.ocpi.description import Clue
from hub.ocpi.envelope import NotAnEnvelope, read_envelope
from hub.ocpi.message import Message, Reply
from hub.ocpi.party import Party
from hub.ocpi.timestamps import Clock, parse_timestamp
from hub.settings import Limits
from hub.store.database import Database, microseconds

ACCEPTED = "ACCEPTED"

_FIND = text(
    "SELECT addressee_country_code, addressee_party_id FROM learnt_addressee WHERE clue = :clue"
    " AND country_code = :country_code AND party_id = :party_id AND object_id = :object_id"
    " AND expires_at > :now"
)
_FORGET = text(
    "DELETE FROM learnt_addressee WHERE clue = :clue AND country_code = :country_code"
    " AND party_id = :party_id AND object_id = :object_id"
)
_LEARN = text(
    "INSERT INTO learnt_addressee (clue, country_code, party_id, object_id, addressee_country_code,"
    " addressee_party_id, expires_at) VALUES (:clue, :country_code, :party_id, :object_id,"
    " :addressee_country_code, :addressee_party_id, :expires_at) ON CONFLICT (clue, country_code, party_id,"
    " object_id, addressee_country_code, addressee_party_id) DO UPDATE SET expires_at = excluded.expires_at"
)
_FORGET_EXPIRED = text("DELETE FROM learnt_addressee WHERE expires_at <= :now")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Lesson:
    """What an accepted request teaches."""

    clue: Clue
    #: Whose id it is, and who will use it to mean the addressee.
    party: Party
    object_id: str
    addressee: Party
    expires_at: datetime

    @property
    def replaces(self) -> bool:
        """Whether whoever was meant before is not meant any more: a session has one active profile."""
        return self.clue is Clue.CHARGING_PROFILE


def lesson(
    message: Message, value: Any, sender: Party, receiver: Party, reply: Reply, now: datetime, limits: Limits
) -> Lesson | None:
    """What a request and its answer teach, None where that is nothing."""
    match message.operation.teaches:
        case Clue.RESERVATION if _is_accepted(reply):
            reservation_id = value.get("reservation_id")
            until = min(_reserved_until(value, now), now + limits.reservation) + limits.link
            if isinstance(reservation_id, str) and reservation_id:
                return Lesson(Clue.RESERVATION, sender, reservation_id, receiver, until)
        case Clue.CHARGING_PROFILE if _is_accepted(reply):
            session_id = message.parameters["session_id"]
            until = now + limits.charging_profile
            return Lesson(Clue.CHARGING_PROFILE, receiver, session_id, sender, until)
    return None


def _is_accepted(reply: Reply) -> bool:
    try:
        envelope = read_envelope(reply.body)
    except NotAnEnvelope:
        return False
    return envelope.is_success and isinstance(envelope.data, dict) and envelope.data.get("result") == ACCEPTED


def _reserved_until(value: Any, now: datetime) -> datetime:
    expiry_date = value.get("expiry_date")
    try:
        return max(now, parse_timestamp(expiry_date)) if isinstance(expiry_date, str) else now
    except ValueError:
        return now


class LearntAddressees:
    """What was learnt."""

    def __init__(self, database: Database, clock: Clock, limits: Limits) -> None:
        self._database = database
        self._clock = clock
        self._limits = limits

    async def notice(
        self, message: Message, value: Any, sender: Party, receiver: Party, reply: Reply
    ) -> None:
        """Learn from a request of one party, and the answer of the other."""
        learnt = lesson(message, value, sender, receiver, reply, self._clock(), self._limits)
        if learnt is not None:
            await self.learn(learnt)

    async def learn(self, lesson: Lesson) -> None:
        """Keep what was learnt. Where the disk refuses, the log says so; the request was accepted anyway."""
        key = _key(lesson.clue, lesson.party, lesson.object_id)
        country_code, party_id = lesson.addressee.folded
        row = {
            **key,
            "addressee_country_code": country_code,
            "addressee_party_id": party_id,
            "expires_at": microseconds(lesson.expires_at),
        }
        try:
            async with self._database.writing() as connection:
                if lesson.replaces:
                    await connection.execute(_FORGET, key)
                await connection.execute(_LEARN, row)
        except SQLAlchemyError:
            log.exception("could not keep to whom %s %s leads", lesson.clue, lesson.object_id)

    async def addressees(self, clue: Clue, party: Party, object_id: str) -> frozenset[Party]:
        """To whom this party's id leads; several where it was used towards several."""
        wanted = {**_key(clue, party, object_id), "now": microseconds(self._clock())}
        async with self._database.reading() as connection:
            rows = (await connection.execute(_FIND, wanted)).all()
        return frozenset(Party(*row) for row in rows)

    async def forget_expired(self) -> None:
        """Remove what nobody will ask for any more."""
        async with self._database.writing() as connection:
            await connection.execute(_FORGET_EXPIRED, {"now": microseconds(self._clock())})


def _key(clue: Clue, party: Party, object_id: str) -> dict[str, str]:
    country_code, party_id = party.folded
    return {
        "clue": clue.value,
        "country_code": country_code,
        "party_id": party_id,
        "object_id": object_id.upper(),
    }
