"""The Receiver interface of chargingprofiles: limits that eMSPs set for the sessions of their tokens.

    PUT, GET, DELETE -> checks -> ChargingProfileResponse -> OCPP call -> a result to the response_url

One TxProfile a transaction goes to the charge point: the lower of what the eMSP asks and of what the driver's
preferences come to. Once an eMSP has set a profile, it hears of every change that we know of (CHP-05): our
own limit at the charge point, or preferences.

Sources: 2.2.1, ChargingProfiles; CHP-01 to CHP-15.
"""

import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from hub.ocpi.errors import InvalidParameters
from hub.ocpi.party import Party
from hub.ocpi.timestamps import Clock
from partners.cpo.billing.contracts import Contract, Contracts
from partners.cpo.charging.charging_log import Charging, ChargingLog
from partners.cpo.profiles.limits import CannotFollow, lowest
from partners.cpo.profiles.profile_book import ProfileBook
from partners.cpo.profiles.profile_calls import NoSchedule, ProfileCalls
from partners.cpo.promises.callbacks import Callback, callback, post, requester
from partners.cpo.stations.remote_outcome import RemoteOutcome
from partners.exchange import Answer, Handler, Request
from partners.link import NO_SUCCESS, Link, path
from schemas.v2_2_1 import (
    ActiveChargingProfile,
    ActiveChargingProfileResult,
    Capability,
    ChargingProfile,
    ChargingProfileResponse,
    ChargingProfileResponseType,
    ChargingProfileResult,
    ChargingProfileResultType,
    ClearProfileResult,
    InterfaceRole,
    SetChargingProfile,
)
from schemas.wire_object import WireObject

log = logging.getLogger(__name__)

_MARGIN: Final = timedelta(seconds=5)
#: How far an ActiveChargingProfile looks ahead that nobody asked for (CHP-05).
_AHEAD: Final = timedelta(hours=1)
_LONGEST: Final = timedelta(days=7)

_ACCEPTED, _REJECTED = ChargingProfileResultType.ACCEPTED, ChargingProfileResultType.REJECTED


class NotNow(Exception):
    """The request is not taken on; the ChargingProfileResponse says so, and no result follows (CHP-03)."""

    def __init__(self, result: ChargingProfileResponseType) -> None:
        super().__init__(result)
        self.result = result


#: The checks of one kind of request: where its result is to go, and what is left to do.
TakingOn = Callable[[Request], tuple[Callback, Callable[[], Awaitable[WireObject]]]]


class Meant(NamedTuple):
    """The running session that a request is about."""

    charging: Charging
    contract: Contract


@dataclass(frozen=True, slots=True)
class ChargingProfiles:
    """The interface, and who is told of changes."""

    profiles: ProfileCalls
    book: ProfileBook
    charging_log: ChargingLog
    contracts: Contracts
    link: Link
    clock: Clock
    #: How long a charge point may take to answer.
    answer_within: timedelta
    #: A second request of the same kind for a session within this time is too often (CHP-08).
    pause: timedelta
    spawn: Callable[[Coroutine[Any, Any, None]], None]
    #: Whoever shares the power of a site keeps a transaction within these profiles, too; None: nobody does.
    steer: Callable[[Charging, Sequence[ChargingProfile]], Awaitable[RemoteOutcome | None]]
    _latest: dict[tuple[int, str], datetime] = field(default_factory=dict)

    def handlers(self) -> Mapping[str, Handler]:
        """The interface."""
        return {
            "PUT /{session_id}": self._answering(self._set, ChargingProfileResult(result=_REJECTED)),
            "GET /{session_id}": self._answering(self._get, ActiveChargingProfileResult(result=_REJECTED)),
            "DELETE /{session_id}": self._answering(self._clear, ClearProfileResult(result=_REJECTED)),
        }

    def _answering(self, take_on: TakingOn, failed: WireObject) -> Handler:
        async def answered(request: Request) -> Answer:
            try:
                there, carry_out = take_on(request)
            except NotNow as no:
                return Answer.of(ChargingProfileResponse(result=no.result, timeout=0))
            self.spawn(self._carry_out(there, carry_out, failed))
            timeout = int((self.answer_within + _MARGIN).total_seconds())
            return Answer.of(
                ChargingProfileResponse(result=ChargingProfileResponseType.ACCEPTED, timeout=timeout)
            )

        return answered

    async def _carry_out(
        self, there: Callback, carry_out: Callable[[], Awaitable[WireObject]], failed: WireObject
    ) -> None:
        try:
            result = await carry_out()
        except Exception:  # the far end waits for a word, whatever happened here
            log.exception("a charging profile of %s failed", there)
            result = failed
        await post(self.link, there, result)

    # What each request asks of us before it is taken on.

    def _set(self, request: Request) -> tuple[Callback, Callable[[], Awaitable[WireObject]]]:
        wanted = SetChargingProfile.model_validate(request.value, context=_TOLERANT)
        _check_periods(wanted.charging_profile)
        there = callback(request, str(wanted.response_url))
        meant = self._meant(request)
        return there, lambda: self._set_at(meant, wanted.charging_profile, there.to)

    def _get(self, request: Request) -> tuple[Callback, Callable[[], Awaitable[WireObject]]]:
        ahead = _duration(request)
        there = callback(request, _response_url(request))
        meant = self._meant(request)
        return there, lambda: self._active_result(meant, ahead)

    def _clear(self, request: Request) -> tuple[Callback, Callable[[], Awaitable[WireObject]]]:
        there = callback(request, _response_url(request))
        meant = self._meant(request)
        return there, lambda: self._clear_at(meant)

    def _meant(self, request: Request) -> Meant:
        kinds = ChargingProfileResponseType
        charging_id = self.contracts.charging_of(request.parameters["session_id"])
        contract = None if charging_id is None else self.contracts.of(charging_id)
        if charging_id is None or contract is None:
            raise NotNow(kinds.UNKNOWN_SESSION)
        if contract.emsp != requester(request):
            raise NotNow(kinds.REJECTED)
        if Capability.CHARGING_PROFILE_CAPABLE not in contract.evse.capabilities:
            raise NotNow(kinds.NOT_SUPPORTED)
        charging = self.charging_log.charging(charging_id)
        if charging.stopped is not None or not self.profiles.is_connected(charging.plug.charge_point):
            raise NotNow(kinds.REJECTED)
        self._check_often(charging, request.operation.method)
        return Meant(charging, contract)

    def _check_often(self, charging: Charging, method: str) -> None:
        now, latest = self.clock(), self._latest.get((charging.id, method))
        if latest is not None and now - latest < self.pause:
            raise NotNow(ChargingProfileResponseType.TOO_OFTEN)
        for key in [each for each, then in self._latest.items() if now - then >= self.pause]:
            del self._latest[key]
        self._latest[charging.id, method] = now

    # What is asked of the charge point.

    async def _set_at(self, meant: Meant, profile: ChargingProfile, setter: Party) -> ChargingProfileResult:
        kept = self.book.of(meant.charging.id)
        outcome = await self._push(meant, profile, kept.preferred)
        if outcome is RemoteOutcome.ACCEPTED:
            self.book.put(meant.charging.id, kept._replace(profile=profile, setter=setter))
        return ChargingProfileResult(result=_ACCEPTED if outcome is RemoteOutcome.ACCEPTED else _REJECTED)

    async def _clear_at(self, meant: Meant) -> ClearProfileResult:
        kept = self.book.of(meant.charging.id)
        if kept.profile is None:
            return ClearProfileResult(result=ChargingProfileResultType.UNKNOWN)
        outcome = await self._push(meant, None, kept.preferred)
        if outcome in {RemoteOutcome.ACCEPTED, RemoteOutcome.UNKNOWN}:
            self.book.put(meant.charging.id, kept._replace(profile=None))
        results = {
            RemoteOutcome.ACCEPTED: _ACCEPTED,
            RemoteOutcome.UNKNOWN: ChargingProfileResultType.UNKNOWN,
        }
        return ClearProfileResult(result=results.get(outcome, _REJECTED))

    async def _active_result(self, meant: Meant, ahead: timedelta) -> ActiveChargingProfileResult:
        try:
            active = await self.active(meant, ahead)
        except NoSchedule as error:
            log.warning("transaction %s has no schedule: %s", meant.charging.id, error)
            return ActiveChargingProfileResult(result=_REJECTED)
        return ActiveChargingProfileResult(result=_ACCEPTED, profile=active)

    async def active(self, meant: Meant, ahead: timedelta) -> ActiveChargingProfile:
        """What the charge point is going to do; without any limit, its maximum (CHP-07).

        Raises:
            NoSchedule: It does not say.
        """
        return await self.profiles.composite(meant.charging.plug, ahead, meant.contract)

    async def _push(
        self, meant: Meant, profile: ChargingProfile | None, preferred: ChargingProfile | None
    ) -> RemoteOutcome:
        """Give the charge point the one profile that both come to."""
        charging, contract = meant
        wanted = [each for each in (profile, preferred) if each is not None]
        try:
            steered = await self.steer(charging, wanted)
            if steered is not None:
                return steered
            if not wanted:
                return await self.profiles.clear(charging.plug.charge_point, charging.id)
            combined = lowest(wanted, charging.started, contract)
            return await self.profiles.set(charging, combined, contract)
        except CannotFollow as error:
            log.info("transaction %s cannot follow a profile: %s", charging.id, error)
            return RemoteOutcome.REJECTED

    # Changes of which the setter hears.

    async def steered(self, charging: Charging) -> None:
        """Our own part of a transaction's limit is another one now (CHP-05)."""
        contract = self.contracts.of(charging.id)
        if contract is not None and charging.stopped is None:
            await self.tell(Meant(charging, contract))

    def prefer(self, charging: Charging, contract: Contract, preferred: ChargingProfile | None) -> None:
        """What the driver's preferences come to: a limit of our own, or none."""
        self.spawn(self._prefer(Meant(charging, contract), preferred))

    async def _prefer(self, meant: Meant, preferred: ChargingProfile | None) -> None:
        kept = self.book.of(meant.charging.id)
        if kept.preferred == preferred:
            return
        self.book.put(meant.charging.id, kept._replace(preferred=preferred))
        outcome = await self._push(meant, kept.profile, preferred)
        if outcome is not RemoteOutcome.ACCEPTED:
            log.warning("transaction %s does not follow its preferences: %s", meant.charging.id, outcome)
        await self.tell(meant)

    async def limit_charge_point(self, charge_point: str, watt: int | None) -> RemoteOutcome:
        """Set or end a limit of our own at a whole charge point; the setters of profiles hear of it."""
        outcome = await self.profiles.limit(charge_point, watt)
        if outcome is RemoteOutcome.ACCEPTED:
            for charging in self.charging_log.open_at(charge_point):
                contract = self.contracts.of(charging.id)
                if contract is not None:
                    await self.tell(Meant(charging, contract))
        return outcome

    async def tell(self, meant: Meant) -> None:
        """Tell whoever set a profile how the active one is now; nobody else, and nobody before (CHP-06)."""
        setter = self.book.of(meant.charging.id).setter
        if setter is None:
            return
        session_id, sender = meant.contract.session_id, InterfaceRole.SENDER
        try:
            active = await self.active(meant, _AHEAD)
            answer = await self.link.send(
                "PUT", "chargingprofiles", sender, path(session_id), active, to=setter
            )
        except (NoSchedule, *NO_SUCCESS) as error:
            log.warning("%s did not hear how session %s charges now: %s", setter, session_id, error)
            return
        if not answer.is_success:
            log.warning("%s refused how session %s charges now: %s", setter, session_id, answer.refusal())


_TOLERANT: Final[Mapping[str, Any]] = {"tolerant": True}


def _check_periods(profile: ChargingProfile) -> None:
    """Ascending from 0 (CHP-13); an empty list would be no profile."""
    starts = [each.start_period for each in profile.charging_profile_period]
    pointer = "/charging_profile/charging_profile_period"
    if not starts:
        raise InvalidParameters(f"{pointer}: expected at least one period")
    if min(starts) < 0 or starts != sorted(set(starts)):
        raise InvalidParameters(f"{pointer}: expected periods that start one after the other")


def _duration(request: Request) -> timedelta:
    """CHP-01: required."""
    text = request.argument("duration", "")
    if not (
        text.isascii()
        and text.isdigit()
        and timedelta() < timedelta(seconds=min(int(text), 10**9)) <= _LONGEST
    ):
        raise InvalidParameters("duration: expected a number of seconds, at most seven days")
    return timedelta(seconds=int(text))


def _response_url(request: Request) -> str:
    """CHP-01: required, and one percent-encoded value (CHP-02)."""
    url = request.argument("response_url", "")
    if not url:
        raise InvalidParameters("response_url: expected the URL for the result")
    return url
