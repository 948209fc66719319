"""Who knew a token when all were asked, and which tokens nobody knew: brief, bounded memory (RT-51, AM-53).

It never says that a token may charge (TOK-19). It spares eMSPs the questions about tokens of others: the next
question goes to the owner alone, and one about a token that nobody knew is not asked again until somebody new
could know it, or a little time has passed.
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from hub.ocpi.party import Party
from hub.ocpi.timestamps import Clock

#: Far more than OCPI allows for the uid of a token or its type (decision 0005).
LONGEST_UID = 255


class TokenId(NamedTuple):
    """What a token is asked about by: uid, folded, and type."""

    uid: str
    type: str


@dataclass(frozen=True, slots=True)
class _Remembered:
    #: None where nobody knew it.
    owner: Party | None
    asked: frozenset[Party]
    until: datetime


class TokenOwners:
    """What is remembered; forgotten when its time is over, and the oldest first where there is no room.

    Args:
        clock: Tells the time.
        owner: How long an owner is remembered.
        unknown: How long it is remembered that nobody knew a token.
        most: How many tokens are remembered.
    """

    def __init__(self, clock: Clock, *, owner: timedelta, unknown: timedelta, most: int) -> None:
        self._clock = clock
        self._owner = owner
        self._unknown = unknown
        self._most = most
        self._remembered: OrderedDict[TokenId, _Remembered] = OrderedDict()

    def owner(self, token: TokenId) -> Party | None:
        """Who knew it, None if that is not known."""
        found = self._found(token)
        return None if found is None else found.owner

    def is_unknown_to(self, token: TokenId, parties: Iterable[Party]) -> bool:
        """Whether all of these said just now that they do not know it."""
        found = self._found(token)
        return found is not None and found.owner is None and found.asked.issuperset(parties)

    def known(self, token: TokenId, owner: Party) -> None:
        """This party, and no other, knew the token."""
        self._remember(token, _Remembered(owner, frozenset(), self._clock() + self._owner))

    def unknown(self, token: TokenId, asked: Iterable[Party]) -> None:
        """All of these were asked, and all answered that they do not know it."""
        self._remember(token, _Remembered(None, frozenset(asked), self._clock() + self._unknown))

    def forget(self, token: TokenId) -> None:
        """What was remembered is not true any more."""
        self._remembered.pop(token, None)

    def _remember(self, token: TokenId, remembered: _Remembered) -> None:
        if len(token.uid) > LONGEST_UID or len(token.type) > LONGEST_UID:
            return  # Nobody has such a token, and it would take room.
        self._remembered[token] = remembered
        self._remembered.move_to_end(token)
        while len(self._remembered) > self._most:
            self._remembered.popitem(last=False)

    def _found(self, token: TokenId) -> _Remembered | None:
        found = self._remembered.get(token)
        if found is None:
            return None
        now, lifetime = self._clock(), self._owner if found.owner is not None else self._unknown
        # Nothing is remembered for longer than that: the clock was set back.
        if not now < found.until <= now + lifetime:
            self.forget(token)
            return None
        return found
