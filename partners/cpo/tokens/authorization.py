"""May this id tag charge here? By a grant, by the list, or by the word of the token's eMSP.

    id tag -> grant of a command?      yes: welcome, nobody is asked (CMD-14)
           -> token, whitelist         decided here, or:
           -> the eMSP, through the hub, addressed if the token is known, else whoever the hub finds (RT-44)

Sources: 2.2.1, Tokens, Real-time authorization; TOK-07 to TOK-15, TOK-21.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from pydantic import ValidationError

from hub.ocpi.client import Answer
from hub.ocpi.party import Party
from hub.ocpi.timestamps import Clock
from partners.cpo.charging.charging_events import AuthorizationStatus, DriverMessage, IdTagInfo
from partners.cpo.configuration import Plug
from partners.cpo.handing_over.outcome import Refused, Unreachable, taken
from partners.cpo.tokens.grants import Grant, Grants
from partners.cpo.tokens.id_tags import Ambiguous, IdTags
from partners.cpo.tokens.whitelist import STATUS_OF_ALLOWED, AskTheEmsp, DecidedHere, decision
from partners.link import NO_SUCCESS, Link, path
from schemas.v2_2_1 import (
    AuthMethod,
    AuthorizationInfo,
    InterfaceRole,
    LocationReferences,
    Token,
    TokenType,
    WhitelistType,
)

log = logging.getLogger(__name__)

#: The hub knows nobody of that address (TOK-21): as unknown as a token that no eMSP knows.
_UNKNOWN_RECEIVER: Final = 4001
#: How long a charge point may remember the answer of an eMSP that wants to be asked.
_ASKED_BEFORE: Final = timedelta(hours=1)


class Here(NamedTuple):
    """Where somebody wants to charge."""

    charge_point: str
    location_id: str
    evse_uids: Sequence[str]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether an id tag may charge, and for whom."""

    status: AuthorizationStatus
    #: None where nobody knows the token.
    token: Token | None = None
    auth_method: AuthMethod = AuthMethod.WHITELIST
    authorization_reference: str | None = None
    #: What its eMSP has to say to the driver.
    message: DriverMessage | None = None

    @property
    def is_welcome(self) -> bool:
        """Whether it may charge."""
        return self.status is AuthorizationStatus.ACCEPTED


@dataclass(frozen=True, slots=True)
class Authorization:
    """Decides about id tags, and remembers its yes until a transaction uses it."""

    id_tags: IdTags
    grants: Grants
    link: Link
    clock: Clock
    #: How long the eMSP may take: charge points give up after 15 to 30 seconds.
    patience: timedelta
    #: A start that is told later than this began without a link.
    late_after: timedelta = timedelta(minutes=5)

    async def of(self, id_tag: str, here: Here, token_type: TokenType = TokenType.RFID) -> Verdict:
        """Whether an id tag may charge here now; the type is that of a token that nobody knows."""
        granted = self.grants.find(here.charge_point, id_tag, self.clock())
        if granted is not None and granted.auth_method is AuthMethod.COMMAND:
            return _granted(granted)
        verdict = await self._decided(id_tag, here, token_type)
        if verdict.is_welcome and verdict.token is not None:
            self.grants.give(
                Grant(
                    charge_point=here.charge_point,
                    id_tag=id_tag,
                    token=verdict.token,
                    auth_method=verdict.auth_method,
                    given=self.clock(),
                    authorization_reference=verdict.authorization_reference,
                )
            )
        return verdict

    async def of_start(
        self,
        id_tag: str,
        here: Here,
        connector: int,
        token_type: TokenType = TokenType.RFID,
        *,
        was_offline: bool = False,
    ) -> Verdict:
        """Whether an id tag may charge that began a transaction; what was decided before counts.

        Where nobody could be asked, the whitelist has decided: to ask afterwards would be to ask about now.
        """
        granted = self.grants.find(here.charge_point, id_tag, self.clock(), connector)
        if granted is not None:
            return _granted(granted)
        return await self._decided(id_tag, here, token_type, was_offline=was_offline)

    def was_offline(self, at: datetime) -> bool:
        """Whether a start is told so late that nobody can have been asked."""
        return self.clock() - at > self.late_after

    def used(self, plug: Plug, id_tag: str) -> None:
        """A transaction has begun on the strength of a grant: it is used up."""
        granted = self.grants.find(plug.charge_point, id_tag, self.clock(), plug.number)
        if granted is not None:
            self.grants.take_back(granted)

    async def _decided(
        self, id_tag: str, here: Here, token_type: TokenType, *, was_offline: bool = False
    ) -> Verdict:
        try:
            token = self.id_tags.token(id_tag)
        except Ambiguous as ambiguous:
            log.warning("refused: %s", ambiguous)
            return Verdict(AuthorizationStatus.INVALID)
        match decision(token):
            case DecidedHere(status):
                return Verdict(status, token)
            case AskTheEmsp(AuthorizationStatus.ACCEPTED) if was_offline:
                return Verdict(AuthorizationStatus.ACCEPTED, token)
            case AskTheEmsp(otherwise):
                return await self._asked(id_tag, token, here, otherwise, token_type)

    async def _asked(
        self,
        id_tag: str,
        token: Token | None,
        here: Here,
        otherwise: AuthorizationStatus,
        token_type: TokenType,
    ) -> Verdict:
        try:
            info = await self._real_time(id_tag, token, here, token_type)
        except Refused as refused:
            log.info("id tag %s: %s", id_tag, refused)
            return Verdict(AuthorizationStatus.UNKNOWN, token)
        except Unreachable as unreachable:
            log.warning("id tag %s: its eMSP cannot be asked: %s", id_tag, unreachable)
            return Verdict(otherwise, token)
        # A word that OCPI does not know is no yes.
        status = STATUS_OF_ALLOWED.get(info.allowed, AuthorizationStatus.INVALID)
        if status is AuthorizationStatus.ACCEPTED and not _is_for(info, here):
            status = AuthorizationStatus.NOT_AT_THIS_LOCATION
        message = None if info.info is None else DriverMessage(info.info.language, info.info.text)
        return Verdict(status, info.token, AuthMethod.AUTH_REQUEST, info.authorization_reference, message)

    async def _real_time(
        self, id_tag: str, token: Token | None, here: Here, token_type: TokenType
    ) -> AuthorizationInfo:
        """The eMSP's word.

        Raises:
            Refused: Nobody knows the token, or it cannot be decided about.
            Unreachable: Nobody could be asked.
        """
        uid, kind = (id_tag, token_type) if token is None else (token.uid, token.type)
        question = LocationReferences(location_id=here.location_id, evse_uids=tuple(here.evse_uids))
        try:
            async with asyncio.timeout(self.patience.total_seconds()):
                answer = await self.link.send(
                    "POST",
                    "tokens",
                    InterfaceRole.SENDER,
                    path(uid, "authorize"),
                    question,
                    to=None if token is None else Party(token.country_code, token.party_id),
                    query=f"type={kind}",
                )
        except (TimeoutError, *NO_SUCCESS) as error:
            raise Unreachable(str(error) or "no answer in time") from error
        return _info(answer)

    def id_tag_info(self, verdict: Verdict) -> IdTagInfo:
        """What the charge point is told, and how long it may remember it."""
        token = verdict.token
        if token is None:
            return IdTagInfo(verdict.status, message=verdict.message)
        return IdTagInfo(
            verdict.status,
            self.id_tags.group(token),
            _memory(token, self.clock()),
            token.language,
            verdict.message,
        )


def _granted(grant: Grant) -> Verdict:
    return Verdict(
        AuthorizationStatus.ACCEPTED, grant.token, grant.auth_method, grant.authorization_reference
    )


def _info(answer: Answer) -> AuthorizationInfo:
    if answer.envelope is not None and answer.envelope.status_code == _UNKNOWN_RECEIVER:
        raise Refused(str(answer.refusal()))
    taken(answer)
    try:
        return AuthorizationInfo.model_validate(answer.data(), context=_TOLERANT)
    except ValidationError as error:
        raise Unreachable(f"the eMSP's answer is not an AuthorizationInfo: {error}") from error


_TOLERANT: Final[Mapping[str, Any]] = {"tolerant": True}


def _is_for(info: AuthorizationInfo, here: Here) -> bool:
    """Whether the token may charge at one of these EVSEs: an answer may name those at which it may."""
    if info.location is None or not info.location.evse_uids:
        return True
    return bool({uid.upper() for uid in info.location.evse_uids} & {uid.upper() for uid in here.evse_uids})


def _memory(token: Token, now: datetime) -> datetime | None:
    match token.whitelist:
        case WhitelistType.NEVER:
            return now
        case WhitelistType.ALLOWED_OFFLINE:
            return now + _ASKED_BEFORE
        case _:
            return None
