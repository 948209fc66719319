"""What the eMSP's own API answers its command line: what a driver and an operator see and do."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from pydantic import ValidationError

from hub.ocpi.party import NotAParty, Party
from hub.ocpi.timestamps import format_timestamp, parse_timestamp
from hub.ocpi.validation import refusal
from hub.pricing import half_up
from partners.administration import AdminHandler, AdminHandlers, AdminRequest, NotPossible
from partners.emsp.bills import Bill
from partners.emsp.commands import Commands, Outcome, SentCommand
from partners.emsp.driver import Driver, Started
from partners.emsp.inbox import Sessions
from partners.emsp.locations import Locations, UnknownPlace, owner_of
from partners.emsp.tokens import Tokens, UnknownToken, token_entries
from partners.pull import Pulled
from schemas.findings import findings
from schemas.v2_2_1 import Location


@dataclass(frozen=True, slots=True)
class Counter:
    """Where driver and operator are served: handlers over the parts of an eMSP."""

    tokens: Tokens
    places: Locations
    sessions: Sessions
    commands: Commands
    driver: Driver
    bills: Callable[[], list[Bill]]
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
            "POST /reservations": self._reserve,
            "DELETE /reservations/{reservation_id}": self._cancel,
            "POST /unlock": self._unlock,
            "GET /bills": self._bills,
            "GET /commands": self._commands,
        }
        return {name: _told(handler) for name, handler in handlers.items()}

    async def _locations(self, request: AdminRequest) -> Any:
        token_uid = request.arguments.get("token")
        token = None if token_uid is None else self.tokens.find(token_uid)
        return [self._with_tariffs(location) for location in self.places.visible(token)]

    def _with_tariffs(self, location: Location) -> dict[str, Any]:
        """The location, and beside it the tariffs that its connectors name, each once."""
        tariffs = {
            tariff.id: tariff.to_wire()
            for evse in location.evses
            for connector in evse.connectors
            for tariff in self.places.tariffs(connector, owner_of(location))
        }
        return {"location": location.to_wire(), "tariffs": list(tariffs.values())}

    async def _pull(self, _request: AdminRequest) -> Any:
        return {what: pulled._asdict() for what, pulled in (await self.pull()).items()}

    async def _tokens(self, _request: AdminRequest) -> Any:
        return [token.to_wire() for token in self.tokens.all()]

    async def _issue(self, request: AdminRequest) -> Any:
        ((fields, standing),) = token_entries([request.value])
        token = self.tokens.issue(fields, standing)
        if self.tokens.link.is_up:
            await self.tokens.push_to_all(token)
        return token.to_wire()

    async def _block(self, request: AdminRequest) -> Any:
        token = self.tokens.block(request.text("uid"), self.tokens.find(request.text("uid")).type)
        if self.tokens.link.is_up:
            await self.tokens.push_to_all(token)
        return token.to_wire()

    async def _push(self, _request: AdminRequest) -> Any:
        return {"pushed": await self.tokens.push_all()}

    async def _sessions(self, _request: AdminRequest) -> Any:
        return [session.to_wire() for session in self.sessions.all()]

    async def _start(self, request: AdminRequest) -> Any:
        started = await self.driver.start(
            request.text("token"),
            request.text("location"),
            request.value.get("evse"),
            request.value.get("connector"),
            owner=_owner(request),
        )
        return _started(started)

    async def _stop(self, request: AdminRequest) -> Any:
        return _outcome(await self.driver.stop(request.text("session_id"), owner=_owner(request)))

    async def _reserve(self, request: AdminRequest) -> Any:
        started = await self.driver.reserve(
            request.text("token"),
            request.text("location"),
            _moment(request.text("until")),
            request.value.get("evse"),
            owner=_owner(request),
        )
        return _started(started)

    async def _cancel(self, request: AdminRequest) -> Any:
        return _outcome(await self.driver.cancel(request.text("reservation_id")))

    async def _unlock(self, request: AdminRequest) -> Any:
        outcome = await self.driver.unlock(
            request.text("location"),
            request.text("evse"),
            request.text("connector"),
            owner=_owner(request),
        )
        return _outcome(outcome)

    async def _bills(self, _request: AdminRequest) -> Any:
        return [bill_as_json(bill) for bill in self.bills()]

    async def _commands(self, _request: AdminRequest) -> Any:
        return [_command(command) for command in self.commands.all()]


def bill_as_json(bill: Bill) -> dict[str, Any]:
    """A bill as JSON values."""
    return {
        "cdr_id": bill.cdr_id,
        "session_id": bill.session_id,
        "cpo": str(bill.cpo),
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


def _owner(request: AdminRequest) -> Party | None:
    owner = request.value.get("owner", request.arguments.get("owner"))
    return None if owner is None else Party.parse(owner)


def _moment(text: str) -> datetime:
    try:
        return parse_timestamp(text)
    except ValueError as error:
        raise NotPossible(str(error)) from error


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
