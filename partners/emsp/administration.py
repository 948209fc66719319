"""What the eMSP's own API answers its command line: what a driver and an operator see and do."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from pydantic import ValidationError

from hub.ocpi.party import NotAParty, Party
from hub.ocpi.timestamps import Clock, format_timestamp, parse_timestamp
from hub.ocpi.validation import refusal
from hub.pricing import CannotBePriced, explain, half_up, payable
from partners.administration import AdminHandler, AdminHandlers, AdminRequest, NotPossible
from partners.emsp.bills import Bill, balances, owed
from partners.emsp.charging_profiles import ProfileOutcome, limit_at
from partners.emsp.commands import Outcome, SentCommand
from partners.emsp.driver import Started
from partners.emsp.hub_verdicts import hub_verdicts
from partners.emsp.locations import UnknownPlace, owner_of
from partners.emsp.provider import Provider
from partners.emsp.quote import Wish
from partners.emsp.quoting import Place, PlacedQuote
from partners.emsp.reservations import reservations
from partners.emsp.tokens import UnknownToken, remarks, token_entries
from partners.pull import Pulled
from schemas.findings import findings
from schemas.v2_2_1 import (
    ChargingPreferences,
    ChargingPreferencesResponse,
    ChargingProfile,
    Location,
    ProfileType,
    Session,
    Token,
    TokenType,
)

_MICROSECONDS_A_MINUTE: Final = 60_000_000
#: A year, and beyond what the engine prices.
_MOST_MINUTES: Final = 366 * 24 * 60


@dataclass(frozen=True, slots=True)
class Counter:
    """Where drivers and operator of one eMSP party are served: handlers over its parts."""

    provider: Provider
    clock: Clock
    pull: Callable[[], Awaitable[Mapping[str, Pulled]]]

    def handlers(self) -> AdminHandlers:
        """By method and path below the prefix of the node's own API."""
        handlers: dict[str, AdminHandler] = {
            "GET /locations": self._locations,
            "POST /pull": self._pull,
            "GET /tokens": self._tokens,
            "POST /tokens": self._issue,
            "DELETE /tokens/{uid}": self._block,
            "POST /tokens/push": self._push,
            "GET /sessions": self._sessions,
            "POST /sessions": self._start,
            "DELETE /sessions/{session_id}": self._stop,
            "PUT /sessions/{session_id}/preferences": self._prefer,
            "GET /sessions/{session_id}/profile": self._active_profile,
            "PUT /sessions/{session_id}/profile": self._set_profile,
            "DELETE /sessions/{session_id}/profile": self._clear_profile,
            "GET /reservations": self._reservations,
            "POST /reservations": self._reserve,
            "DELETE /reservations/{reservation_id}": self._cancel,
            "POST /help-desk/unlock": self._unlock,
            "POST /quotes": self._quote,
            "GET /bills": self._bills,
            "GET /bills/{cdr_id}": self._bill,
            "GET /balances": self._balances,
            "GET /owed": self._owed,
            "GET /commands": self._commands,
        }
        return {name: _told(handler) for name, handler in handlers.items()}

    async def _locations(self, request: AdminRequest) -> Any:
        token_uid = request.arguments.get("token")
        token = None if token_uid is None else self.provider.tokens.find(token_uid)
        return [self._described(location) for location in self.provider.places.visible(token)]

    def _described(self, location: Location) -> dict[str, Any]:
        """The location, who operates it, and the tariffs that its connectors name, each once."""
        places = self.provider.places
        tariffs = {
            tariff.id: tariff.to_wire()
            for evse in location.evses
            for connector in evse.connectors
            for tariff in places.tariffs(connector, owner_of(location))
        }
        return {
            "location": location.to_wire(),
            "operator": places.operator(location),
            "tariffs": list(tariffs.values()),
        }

    async def _pull(self, _request: AdminRequest) -> Any:
        return {what: pulled._asdict() for what, pulled in (await self.pull()).items()}

    async def _tokens(self, _request: AdminRequest) -> Any:
        return [_token(token) for token in self.provider.tokens.all()]

    async def _issue(self, request: AdminRequest) -> Any:
        tokens = self.provider.tokens
        ((fields, standing),) = token_entries([request.value])
        token = tokens.issue(fields, standing)
        if tokens.link.is_up:
            await tokens.push_to_all(token)
        return _token(token)

    async def _block(self, request: AdminRequest) -> Any:
        tokens = self.provider.tokens
        token = tokens.block(request.text("uid"), tokens.find(request.text("uid")).type)
        if tokens.link.is_up:
            await tokens.tell_change(token, "valid")
        return _token(token)

    async def _push(self, _request: AdminRequest) -> Any:
        return {"pushed": await self.provider.tokens.push_all()}

    async def _sessions(self, _request: AdminRequest) -> Any:
        return [self._running(session) for session in self.provider.sessions.all()]

    def _running(self, session: Session) -> dict[str, Any]:
        """A session, and what it has cost so far by our own reckoning."""
        cost = self.provider.running_cost(session)
        if isinstance(cost, CannotBePriced):
            return {**session.to_wire(), "reckoned": None, "not_reckoned": str(cost)}
        if cost is None:
            return {**session.to_wire(), "reckoned": None, "not_reckoned": "it tells of no periods"}
        data, to_pay = explain(cost).data, payable(cost.total_cost, cost.currency)
        return {**session.to_wire(), "reckoned": {**data["total_cost"], "total": to_pay}}

    async def _start(self, request: AdminRequest) -> Any:
        quote = self._quoted(request) if "energy" in request.value or "minutes" in request.value else None
        started = await self.provider.driver.start(
            request.text("token"),
            request.text("location"),
            request.value.get("evse"),
            request.value.get("connector"),
            owner=_owner(request),
            quote=quote,
        )
        return {**_started(started), "quote": None if quote is None else quote.as_data()}

    async def _quote(self, request: AdminRequest) -> Any:
        return self._quoted(request).as_data()

    def _quoted(self, request: AdminRequest) -> PlacedQuote:
        """What a driver asks for, priced."""
        place = Place(
            request.text("location"), request.text("evse"), request.text("connector"), _owner(request)
        )
        told, ad_hoc = request.value, request.value.get("ad_hoc") is True
        if "token" in told:
            ad_hoc = ad_hoc or self.provider.tokens.find(request.text("token")).type == TokenType.AD_HOC_USER
        wish = Wish(
            start=_moment(request.text("start")) if "start" in told else self.clock(),
            energy=_number(request, "energy"),
            charging=_duration(request, "minutes"),
            parking=_duration(request, "parking_minutes") if "parking_minutes" in told else timedelta(),
            profile=_profile(told.get("profile", ProfileType.REGULAR)),
            ad_hoc=ad_hoc,
        )
        return self.provider.quoting.quote(place, wish)

    async def _stop(self, request: AdminRequest) -> Any:
        driver = self.provider.driver
        return _outcome(await driver.stop(request.text("session_id"), owner=_owner(request)))

    async def _prefer(self, request: AdminRequest) -> Any:
        told = {name: value for name, value in request.value.items() if name != "owner"}
        preferences = ChargingPreferences.model_validate(told)
        session_id, smart = request.text("session_id"), self.provider.smart_charging
        result = await smart.prefer(session_id, preferences, owner=_owner(request))
        return {"result": result, "accepted": result == ChargingPreferencesResponse.ACCEPTED}

    async def _active_profile(self, request: AdminRequest) -> Any:
        duration = request.arguments.get("duration", "900")
        if not (duration.isascii() and duration.isdigit()):
            raise NotPossible(f"duration: expected seconds, got {duration!r}")
        session_id, smart = request.text("session_id"), self.provider.smart_charging
        length = timedelta(seconds=int(duration[:9]))
        return self._profile(await smart.active(session_id, length, owner=_owner(request)))

    async def _set_profile(self, request: AdminRequest) -> Any:
        profile = ChargingProfile.model_validate(request.value.get("profile"))
        session_id, smart = request.text("session_id"), self.provider.smart_charging
        return self._profile(await smart.limit(session_id, profile, owner=_owner(request)))

    async def _clear_profile(self, request: AdminRequest) -> Any:
        session_id, smart = request.text("session_id"), self.provider.smart_charging
        return self._profile(await smart.unlimit(session_id, owner=_owner(request)))

    def _profile(self, outcome: ProfileOutcome) -> dict[str, Any]:
        active = outcome.profile
        limit = None
        if active is not None:
            limit = limit_at(active.charging_profile, active.start_date_time, self.clock())
        return {
            "response": str(outcome.response.result),
            "result": None if outcome.result is None else str(outcome.result),
            "accepted": outcome.is_accepted,
            "profile": None if active is None else active.to_wire(),
            "limit_now": limit,
        }

    async def _reservations(self, _request: AdminRequest) -> Any:
        return [
            {
                "id": each.id,
                "cpo": str(each.cpo),
                "location": each.location_id,
                "evse": each.evse_uid,
                "until": format_timestamp(each.until),
                "state": each.state.value,
                "reason": each.reason,
            }
            for each in reservations(self.provider.commands.all(), self.clock())
        ]

    async def _reserve(self, request: AdminRequest) -> Any:
        started = await self.provider.driver.reserve(
            request.text("token"),
            request.text("location"),
            _moment(request.text("until")),
            request.value.get("evse"),
            owner=_owner(request),
        )
        return _started(started)

    async def _cancel(self, request: AdminRequest) -> Any:
        return _outcome(await self.provider.driver.cancel(request.text("reservation_id")))

    async def _unlock(self, request: AdminRequest) -> Any:
        outcome = await self.provider.help_desk.unlock(
            request.text("location"),
            request.text("evse"),
            request.text("connector"),
            owner=_owner(request),
        )
        return _outcome(outcome)

    async def _bills(self, _request: AdminRequest) -> Any:
        return [bill_as_json(bill) for bill in self.provider.bills()]

    async def _bill(self, request: AdminRequest) -> Any:
        """The whole of one bill; with the argument `hub`, what the hub says of its CDR as well."""
        cdr_id, owner = request.text("cdr_id"), _owner(request)
        found = [each for each in self.provider.bills_with_id(cdr_id) if owner in (None, each.cpo)]
        if len(found) != 1:
            raise NotPossible(f"{len(found) or 'no'} CDRs {cdr_id} are known")
        shown = {**bill_as_json(found[0]), "check": found[0].check}
        if "hub" in request.arguments:
            shown["hub_verdicts"] = await hub_verdicts(self.provider.link, found[0].cpo, found[0].cdr_id)
        return shown

    async def _owed(self, _request: AdminRequest) -> Any:
        return owed(self.provider.bills())

    async def _balances(self, _request: AdminRequest) -> Any:
        return [
            {
                "cpo": str(each.cpo),
                "session_id": each.session_id,
                "cdrs": list(each.cdr_ids),
                "currency": each.currency,
                "net": each.net,
                "total": each.total,
            }
            for each in balances(self.provider.bills())
        ]

    async def _commands(self, _request: AdminRequest) -> Any:
        return [_command(command) for command in self.provider.commands.all()]


def handlers_of_each(by_party: Mapping[Party, AdminHandlers]) -> AdminHandlers:
    """The handlers of several parties as those of one node: the argument `party` names one, or the first."""
    names = next(iter(by_party.values()))
    return {name: _handler_of(by_party, name) for name in names}


def _handler_of(by_party: Mapping[Party, AdminHandlers], name: str) -> AdminHandler:
    async def handled(request: AdminRequest) -> Any:
        named = request.arguments.get("party")
        try:
            party = next(iter(by_party)) if named is None else Party.parse(named)
            handler = by_party[party][name]
        except (NotAParty, KeyError):
            ours = ", ".join(map(str, by_party))
            raise NotPossible(f"{named} is not a party of this node; it has {ours}") from None
        return await handler(request)

    return handled


def bill_as_json(bill: Bill) -> dict[str, Any]:
    """A bill as JSON values."""
    return {
        "cdr_id": bill.cdr_id,
        "session_id": bill.session_id,
        "cpo": str(bill.cpo),
        "credits": bill.credited_cdr_id,
        "token": bill.token_uid,
        "place": bill.place,
        "start": format_timestamp(bill.start),
        "end": format_timestamp(bill.end),
        "energy_kwh": bill.energy,
        "currency": bill.currency,
        "lines": [
            {
                "text": line.text,
                "quantity": _short(line.quantity),
                "unit": line.unit,
                "unit_price": line.unit_price,
                "vat_percent": line.vat,
                "net": _short(line.net),
            }
            for line in bill.lines
        ],
        "net": bill.net,
        "vat": bill.vat,
        "total": bill.total,
        "recomputed_net": None if bill.recomputed is None else _short(bill.recomputed.excl_vat),
        "recomputed_total": None if bill.recomputed is None else _short(bill.recomputed.incl_vat),
        "agrees": bill.agrees,
        "is_disputed": bill.is_disputed,
        "findings": [each._asdict() for each in bill.findings],
        "quote": bill.quote,
        "remarks": list(bill.remarks),
    }


def _told(handler: AdminHandler) -> AdminHandler:
    """The handler, its ways of saying no told to the person at the command line."""

    async def told(request: AdminRequest) -> Any:
        try:
            return await handler(request)
        except ValidationError as error:
            raise NotPossible(refusal(findings(error)).message) from error
        except (UnknownToken, UnknownPlace, NotAParty) as error:
            raise NotPossible(str(error)) from error

    return told


def _token(token: Token) -> dict[str, Any]:
    """A token, and what is to be remarked, if anything is."""
    found = remarks(token)
    return {**token.to_wire(), **({"remarks": found} if found else {})}


def _owner(request: AdminRequest) -> Party | None:
    owner = request.value.get("owner", request.arguments.get("owner"))
    return None if owner is None else Party.parse(owner)


def _moment(text: str) -> datetime:
    try:
        return parse_timestamp(text)
    except ValueError as error:
        raise NotPossible(str(error)) from error


def _number(request: AdminRequest, name: str) -> Decimal:
    value = request.value.get(name)
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise NotPossible(f"{name}: expected a number, got {value!r}")
    return Decimal(value)


def _duration(request: AdminRequest, name: str) -> timedelta:
    """So many minutes, to the microsecond."""
    minutes = _number(request, name)
    if abs(minutes) > _MOST_MINUTES:
        raise NotPossible(f"{name}: expected at most {_MOST_MINUTES}, got {minutes}")
    return timedelta(microseconds=int((minutes * _MICROSECONDS_A_MINUTE).to_integral_value()))


def _profile(told: Any) -> ProfileType:
    try:
        return ProfileType(told)
    except ValueError as error:
        raise NotPossible(f"profile: expected one of {', '.join(ProfileType)}, got {told!r}") from error


def _started(started: Started) -> dict[str, Any]:
    return {
        **_outcome(started.outcome),
        "authorization_reference": started.authorization_reference,
        "reservation_id": started.reservation_id,
    }


def _outcome(outcome: Outcome) -> dict[str, Any]:
    return {
        **_command(outcome.command),
        "accepted": outcome.is_accepted,
        "result": None if outcome.result is None else str(outcome.result),
    }


def _command(command: SentCommand) -> dict[str, Any]:
    return {
        "id": command.id,
        "command": command.type.value,
        "to": str(command.to),
        "sent_at": format_timestamp(command.sent_at),
        "response": None if command.response is None else command.response.to_wire(),
        "failure": command.failure,
        "results": [result.to_wire() for result in command.results],
    }


def _short(number: Decimal | None) -> Decimal | None:
    return None if number is None else half_up(number)
