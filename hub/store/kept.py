"""What passed between two parties and is kept for them alone: Sessions and CDRs (design D4; RT-54, SES-20).

Such an object names, beside its owner, its addressee: the eMSP of its token. Nobody else may see it, and when
its time is over it is deleted, not marked.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.ocpi.party import Party

#: Folded country code and party id.
Folded = tuple[str, str]

_SESSIONS_OF = text(
    "SELECT country_code, party_id, addressee_country_code, addressee_party_id FROM object"
    " WHERE module = 'sessions' AND object_id = :session_id AND addressee_party_id IS NOT NULL ORDER BY seq"
)
_FORGET = text("DELETE FROM object WHERE kept_at < :before")


class KeptSession(NamedTuple):
    """Whose session it is: the CPO that owns it, and the eMSP of its token."""

    owner: Party
    emsp: Party


@dataclass(frozen=True, slots=True)
class Between:
    """Which of the objects between two parties somebody may see."""

    #: Sees the objects that it owns.
    owner: Folded | None = None
    #: Sees the objects that are for it, of these owners.
    addressee: Folded | None = None
    senders: frozenset[Folded] = frozenset()

    def where(self) -> tuple[str, dict[str, Any]]:
        """The condition, and its parameters."""
        conditions: list[str] = []
        parameters: dict[str, Any] = {}
        if self.owner is not None:
            conditions.append("country_code = :owner_country_code AND party_id = :owner_party_id")
            parameters["owner_country_code"], parameters["owner_party_id"] = self.owner
        if self.addressee is not None and self.senders:
            conditions.append(
                "addressee_country_code = :addressee_country_code"
                " AND addressee_party_id = :addressee_party_id AND (country_code, party_id) IN :senders"
            )
            parameters["addressee_country_code"], parameters["addressee_party_id"] = self.addressee
            parameters["senders"] = sorted(self.senders)
        either = " OR ".join(f"({each})" for each in conditions) or "1 = 0"
        return f"addressee_party_id IS NOT NULL AND ({either})", parameters

    def includes(self, owner: Folded, addressee: Party | None) -> bool:
        """Whether an object of this owner, for this addressee, is among them."""
        if addressee is None:
            return False
        return owner == self.owner or (addressee.folded == self.addressee and owner in self.senders)


async def sessions_of(connection: AsyncConnection, session_id: str, party: Party) -> tuple[KeptSession, ...]:
    """The sessions with this id that the party owns, or is the eMSP of: one for each owner (RT-49, RT-50)."""
    rows = await connection.execute(_SESSIONS_OF, {"session_id": session_id.upper()})
    found: Iterable[KeptSession] = (KeptSession(Party(*row[:2]), Party(*row[2:])) for row in rows)
    return tuple(each for each in found if party in each)


async def forget_kept(connection: AsyncConnection, before: int) -> int:
    """Delete what was last kept before this instant (microseconds since 1970); how many there were."""
    return int((await connection.execute(_FORGET, {"before": before})).rowcount)
