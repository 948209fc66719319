"""What the CPO's own command line may ask of a running node, besides what every node answers."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Protocol

from hub.ocpi.timestamps import format_timestamp
from partners.administration import AdminHandlers, AdminRequest, NotPossible
from partners.cpo.billing.corrections import CannotCorrect, Corrections
from partners.cpo.billing.outbox import Outbox, StoredCdr, StoredSession
from partners.cpo.charging.charging_log import ChargingLog
from partners.cpo.locations import Locations
from partners.cpo.profiles.charging_profiles import ChargingProfiles
from partners.cpo.promises.promises import Promises
from partners.cpo.settings import CpoSettings
from partners.cpo.stations.central_system import CentralSystem
from partners.cpo.stations.remote_outcome import RemoteOutcome
from partners.node import Node


class Administered(Protocol):
    """The parts of a CPO node that are shown."""

    settings: CpoSettings
    node: Node
    charging_log: ChargingLog
    central_system: CentralSystem
    outbox: Outbox
    corrections: Corrections
    promises: Promises
    locations: Locations
    charging_profiles: ChargingProfiles

    @property
    def ocpp_url(self) -> str:
        """Where charge points connect."""

    def sessions(self) -> list[StoredSession]:
        """All Sessions, oldest first."""

    def cdrs(self) -> list[StoredCdr]:
        """All CDRs, oldest first."""

    async def cancel_reservation(self, number: int) -> None:
        """Give up a reservation that cannot be kept."""


class Administration:
    """The handlers."""

    def __init__(self, node: Administered) -> None:
        self._node = node

    def handlers(self) -> AdminHandlers:
        """By method and path."""
        return {
            "GET /sessions": self._sessions,
            "GET /cdrs": self._cdrs,
            "GET /cdrs/{cdr_id}": self._cdr,
            "POST /cdrs/{cdr_id}/credit": self._credit,
            "POST /cdrs/{cdr_id}/correction": self._correct,
            "GET /reservations": self._reservations,
            "DELETE /reservations/{number}": self._cancel_reservation,
            "PUT /chargers/{charge_point}/limit": self._limit,
            "GET /chargers": self._chargers,
            "GET /tokens": self._tokens,
            "GET /locations": self._locations,
            "GET /locations/{location_id}": self._location,
        }

    async def _sessions(self, _request: AdminRequest) -> Any:
        return [_session(each) for each in self._node.sessions()]

    async def _cdrs(self, _request: AdminRequest) -> Any:
        return [_cdr(each) for each in self._node.cdrs()]

    async def _cdr(self, request: AdminRequest) -> Any:
        stored = self._node.outbox.cdr(request.text("cdr_id"))
        if stored is None:
            raise NotPossible(f"there is no CDR {request.text('cdr_id')}")
        return _cdr(stored)

    async def _credit(self, request: AdminRequest) -> Any:
        try:
            credit = self._node.corrections.credit(request.text("cdr_id"))
        except CannotCorrect as error:
            raise NotPossible(str(error)) from error
        return [self._stored(credit.id)]

    async def _correct(self, request: AdminRequest) -> Any:
        register = request.value.get("meter_stop_wh")
        try:
            credit, new = self._node.corrections.correct(
                request.text("cdr_id"), None if register is None else Decimal(register)
            )
        except CannotCorrect as error:
            raise NotPossible(str(error)) from error
        return [self._stored(credit.id), self._stored(new.id)]

    def _stored(self, cdr_id: str) -> dict[str, Any]:
        stored = self._node.outbox.cdr(cdr_id)
        if stored is None:
            raise LookupError(cdr_id)
        return _cdr(stored)

    async def _reservations(self, _request: AdminRequest) -> Any:
        early = {each.session_id: each for each in self._node.promises.early.all()}
        return [
            {
                "number": each.number,
                "emsp": str(each.emsp),
                "reservation_id": each.reservation_id,
                "location_id": each.location_id,
                "charge_point": early[each.session_id].plug.charge_point,
                "connector": early[each.session_id].plug.number,
                "session_id": each.session_id,
                "until": format_timestamp(early[each.session_id].until),
            }
            for each in self._node.promises.reservations.all()
            if each.session_id in early
        ]

    async def _cancel_reservation(self, request: AdminRequest) -> Any:
        number = request.text("number")
        try:
            await self._node.cancel_reservation(int(number))
        except (KeyError, ValueError) as error:
            raise NotPossible(f"there is no reservation {number}") from error
        return {}

    async def _limit(self, request: AdminRequest) -> Any:
        charge_point, watt = request.text("charge_point"), request.value.get("watt")
        outcome = await self._node.charging_profiles.limit_charge_point(charge_point, watt)
        if outcome is not RemoteOutcome.ACCEPTED:
            raise NotPossible(f"charge point {charge_point}: {outcome}")
        return {"charge_point": charge_point, "watt": watt}

    async def _locations(self, _request: AdminRequest) -> Any:
        configuration = self._node.settings.configuration
        return [
            {
                "is_private": each["id"].upper() in configuration.private,
                "location": self._node.locations.location(each["id"]),
            }
            for each in configuration.locations
        ]

    async def _location(self, request: AdminRequest) -> Any:
        found = self._node.locations.location(request.text("location_id"))
        if found is None:
            raise NotPossible(f"there is no location {request.text('location_id')}")
        return found

    async def _tokens(self, _request: AdminRequest) -> Any:
        return [each.value() for each in self._node.node.objects.all("tokens")]

    async def _chargers(self, _request: AdminRequest) -> Any:
        configuration = self._node.settings.configuration
        return [
            {
                "id": charge_point,
                "url": f"{self._node.ocpp_url}/{charge_point}",
                "is_connected": self._node.central_system.is_connected(charge_point),
                "model": self._node.charging_log.model(charge_point),
                "connectors": list(self._connectors(charge_point)),
            }
            for charge_point in sorted(configuration.charge_points)
        ]

    def _connectors(self, charge_point: str) -> Iterator[dict[str, Any]]:
        for plug, place in self._node.settings.configuration.places.items():
            if plug.charge_point != charge_point:
                continue
            state = self._node.charging_log.connector(plug)
            yield {
                "number": plug.number,
                **place._asdict(),
                "status": None if state is None else state.status.value,
                "error_code": None if state is None else state.error_code,
                "since": None if state is None else format_timestamp(state.at),
                "transaction_ids": [each.id for each in self._node.charging_log.open_at(*plug)],
            }


def _session(stored: StoredSession) -> dict[str, Any]:
    return {
        "session": stored.current,
        "is_told": not stored.is_owed,
        "told_at": None if stored.taken_at is None else format_timestamp(stored.taken_at),
        "refusal": stored.refusal,
        "held": stored.held,
    }


def _cdr(stored: StoredCdr) -> dict[str, Any]:
    return {
        "cdr": stored.current,
        "is_accepted": stored.taken_at is not None,
        "accepted_at": None if stored.taken_at is None else format_timestamp(stored.taken_at),
        "url": stored.url,
        "refusal": stored.refusal,
        "refusals": stored.refusals,
    }
