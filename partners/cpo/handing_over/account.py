"""What the CPO owes to one eMSP: the newest state of each Session, and each CDR until it is taken.

    PUT at the start, PATCH as it goes on, PUT of the last word, then POST of the CDR

A PATCH appends charging periods (SES-04). Where nobody knows whether one arrived, the next word is a PUT,
which replaces
all: nothing is told twice, nothing is lost.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from hub.ocpi.backoff import Backoff
from hub.ocpi.headers import LOCATION
from hub.ocpi.party import Party
from hub.ocpi.timestamps import Clock
from partners.changes import Changes
from partners.cpo.billing.outbox import Outbox, OwedSession
from partners.cpo.billing.sessions import Pace, is_outdated, session_patch
from partners.cpo.handing_over.outcome import Refused, is_there_already, taken
from partners.cpo.handing_over.sending import Sending
from partners.link import path

log = logging.getLogger(__name__)

#: An eMSP that refuses a CDR may have mended its ways by then.
_REFUSED_CDR: Final = Backoff(timedelta(minutes=1), timedelta(hours=6))


@dataclass(frozen=True, slots=True)
class Account:
    """Hands over what one eMSP is owed."""

    emsp: Party
    outbox: Outbox
    sending: Sending
    changes: Changes
    clock: Clock
    chance: Callable[[], float]
    #: How often the eMSP hears of a running Session.
    pace: Pace

    async def hand_over(self) -> timedelta | None:
        """Send everything that is owed; how long until a refused CDR is due again.

        Raises:
            Unreachable: The eMSP cannot be reached; what it has not got stays owed.
        """
        sessions = self.outbox.owed_sessions(self.emsp)
        await self.outbox.quiet()
        while (owed := next(sessions, None)) is not None:
            await self._session(owed)
            await self.outbox.quiet()
        for cdr in self.outbox.owed_cdrs(self.emsp, self.clock()):
            await self._cdr(cdr)
        due = self.outbox.next_try(self.emsp)
        return None if due is None else due - self.clock()

    async def _session(self, owed: OwedSession) -> None:
        refusal = None if await self._patched(owed) else await self._put(owed)
        if refusal is not None:
            log.warning("session %s was refused by %s: %s", owed.session_id, self.emsp, refusal)
        known = self.outbox.session(owed.session_id)
        is_owed = known is not None and is_outdated(owed.current, known.current, self.pace)
        self.outbox.session_taken(owed, self.clock(), refusal, is_owed=is_owed)
        self.changes.announce()

    async def _patched(self, owed: OwedSession) -> bool:
        """Whether a PATCH told it all."""
        patch = None if owed.taken is None else session_patch(owed.taken, owed.current)
        if patch is None:
            return False
        self.outbox.doubt(owed.session_id)
        answer = await self.sending.to_party(self.emsp, "PATCH", "sessions", _address(owed.current), patch)
        try:
            taken(answer)
        except Refused as refused:
            log.info("session %s: %s; PUT whole", owed.session_id, refused)
            return False
        return True

    async def _put(self, owed: OwedSession) -> str | None:
        """What the eMSP finds wrong with the Session."""
        answer = await self.sending.to_party(
            self.emsp, "PUT", "sessions", _address(owed.current), owed.current
        )
        try:
            taken(answer)
        except Refused as refused:
            return str(refused)
        return None

    async def _cdr(self, cdr: dict[str, Any]) -> None:
        answer = await self.sending.to_party(self.emsp, "POST", "cdrs", "", cdr)
        try:
            taken(answer)
        except Refused as refused:
            if not is_there_already(answer):
                self._cdr_refused(cdr["id"], str(refused))
                return
        self.outbox.cdr_taken(cdr["id"], self.clock(), answer.reply.header(LOCATION))
        self.changes.announce()

    def _cdr_refused(self, cdr_id: str, refusal: str) -> None:
        stored = self.outbox.cdr(cdr_id)
        pause = _REFUSED_CDR.delay(1 if stored is None else stored.refusals + 1, self.chance())
        log.error("CDR %s was refused by %s: %s; again in %s", cdr_id, self.emsp, refusal, pause)
        self.outbox.cdr_refused(cdr_id, refusal, self.clock() + pause)
        self.changes.announce()


def _address(value: dict[str, Any]) -> str:
    return path(value["country_code"], value["party_id"], value["id"])
