"""Who knows this token? All eMSPs are asked at once, and the best answer is the answer (RT-51, TOK-22).

| answer of an eMSP | what becomes of it |
|---|---|
| ALLOWED | it is the answer at once; nobody else is waited for |
| any other word on a token that it knows | the answer, if nobody says ALLOWED in time |
| 2002: it wants to know the location | the answer, if nobody knows more |
| HTTP 404 or 2004: it does not know the token | HTTP 404 and 2004 of the hub, if nobody knows more (TOK-11) |
| anything else | handed on, if that is all there is |
| none | 4002, if that is all there is; 4003, 4000 accordingly |

Among equals the first one counts. A yes for a token of another party, or another uid, is nobody's word.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum
from typing import Any

from hub.ocpi.envelope import NotAnEnvelope, read_envelope
from hub.ocpi.errors import OcpiError, ReceiverTimedOut, TokenNotFound
from hub.ocpi.identity import COUNTRY_CODE, PARTY_ID
from hub.ocpi.message import Reply
from hub.ocpi.party import NotAParty, Party
from hub.relay.token_owners import TokenId, TokenOwners
from hub.routing.destination import AskAll, Direct

NOT_FOUND = 404
NOT_ENOUGH_INFORMATION = 2002
ALLOWED = "ALLOWED"


class Word(IntEnum):
    """What an eMSP says of a token; the lower, the more it counts."""

    ALLOWED = 0
    KNOWN = 1
    NEEDS_MORE = 2
    UNKNOWN = 3
    OTHER = 4
    NONE = 5


@dataclass(frozen=True, slots=True)
class Heard:
    """The outcome of asking one eMSP."""

    party: Party
    word: Word
    #: The answer, or why there is none.
    outcome: Reply | OcpiError


#: Sends the question on to one eMSP.
Ask = Callable[[Direct], Awaitable[Reply]]


@dataclass(frozen=True, slots=True)
class Asking:
    """What asking everybody stands on."""

    token_owners: TokenOwners
    #: For all of them together.
    deadline: timedelta
    #: Told of each platform that was silent until then.
    silent: Callable[[int], None]

    async def answer(self, token: TokenId, to: AskAll, ask: Ask) -> Reply:
        """The best answer of those who are asked.

        Raises:
            TokenNotFound: nobody knows the token, now or when it was asked just before.
            OcpiError: nobody has answered.
        """
        self.check_unknown(token, to)
        heard = await self._heard(token, to.receivers, ask)
        self._remember(token, [receiver.party for receiver in to.receivers], heard)
        return _answer(heard)

    def check_unknown(self, token: TokenId, to: AskAll) -> None:
        """Refuse what was asked just now.

        Raises:
            TokenNotFound: all of them said that they do not know the token.
        """
        if self.token_owners.is_unknown_to(token, [receiver.party for receiver in to.receivers]):
            raise TokenNotFound(
                "nobody who can be asked knows this token; they were asked just now", rows=("RT-51",)
            )

    def check(self, token: TokenId, owner: Party, reply: Reply) -> None:
        """Forget who knew a token where it is not true any more."""
        if word(reply, owner, token) is Word.UNKNOWN:
            self.token_owners.forget(token)

    async def _heard(self, token: TokenId, receivers: Sequence[Direct], ask: Ask) -> list[Heard]:
        """What was said, in its order, until somebody said ALLOWED or time was over."""
        said: asyncio.Queue[Heard] = asyncio.Queue()
        heard: list[Heard] = []

        async def hear(receiver: Direct) -> None:
            said.put_nowait(await _heard_of(receiver, token, ask))

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(hear(receiver)) for receiver in receivers]
            try:
                async with asyncio.timeout(self.deadline.total_seconds()):
                    while len(heard) < len(tasks) and Word.ALLOWED not in (each.word for each in heard):
                        heard.append(await said.get())
            except TimeoutError:
                heard.extend(self._too_late(receivers, {each.party for each in heard}))
            for task in tasks:
                task.cancel()
        return heard

    def _too_late(self, receivers: Sequence[Direct], spoken: Collection[Party]) -> Iterator[Heard]:
        for receiver in receivers:
            if receiver.party not in spoken:
                self.silent(receiver.platform.id)
                late = ReceiverTimedOut(f"{receiver.party} did not answer in time")
                yield Heard(receiver.party, Word.NONE, late)

    def _remember(self, token: TokenId, asked: Sequence[Party], heard: Sequence[Heard]) -> None:
        """What the next question about this token may be spared."""
        words = {each.word for each in heard}
        knowing = [each.party for each in heard if each.word <= Word.KNOWN]
        allowing = [each.party for each in heard if each.word is Word.ALLOWED]
        if len(allowing or knowing) == 1:
            self.token_owners.known(token, (allowing or knowing)[0])
        elif words == {Word.UNKNOWN}:
            self.token_owners.unknown(token, asked)


async def _heard_of(receiver: Direct, token: TokenId, ask: Ask) -> Heard:
    try:
        reply = await ask(receiver)
    except OcpiError as refusal:
        return Heard(receiver.party, Word.NONE, refusal)
    return Heard(receiver.party, word(reply, receiver.party, token), reply)


def word(reply: Reply, party: Party, token: TokenId) -> Word:
    """What the answer of this party says of the token."""
    try:
        envelope = read_envelope(reply.body)
    except NotAnEnvelope:
        return Word.OTHER
    if reply.status == NOT_FOUND or envelope.status_code == TokenNotFound.status_code:
        return Word.UNKNOWN
    if envelope.status_code == NOT_ENOUGH_INFORMATION:
        return Word.NEEDS_MORE
    if not envelope.is_success or not _is_about(envelope.data, party, token):
        return Word.OTHER
    return Word.ALLOWED if envelope.data.get("allowed") == ALLOWED else Word.KNOWN


def _is_about(info: Any, party: Party, token: TokenId) -> bool:
    """Whether an AuthorizationInfo is about that token, and the token is the party's own."""
    if not isinstance(info, Mapping) or not isinstance(info.get("allowed"), str):
        return False
    given = info.get("token")
    if not isinstance(given, Mapping):
        return False
    try:
        owner = Party(str(given.get(COUNTRY_CODE)), str(given.get(PARTY_ID)))
    except NotAParty:
        return False
    return owner == party and str(given.get("uid")).upper() == token.uid


def _answer(heard: Sequence[Heard]) -> Reply:
    best = min(heard, key=lambda each: each.word)
    if best.word is Word.UNKNOWN:
        raise TokenNotFound("nobody who can be asked knows this token")
    if isinstance(best.outcome, Reply):
        return best.outcome
    raise _told(heard)


def _told(heard: Sequence[Heard]) -> OcpiError:
    """Why nobody answered: that time was over tells more than that one could not be reached (RT-51)."""
    failures = [each.outcome for each in heard if isinstance(each.outcome, OcpiError)]
    timed_out: list[OcpiError] = [failure for failure in failures if isinstance(failure, ReceiverTimedOut)]
    return (timed_out or sorted(failures, key=lambda failure: -failure.status_code))[0]
