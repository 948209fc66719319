"""What the CPO's own command line may ask of a running node, besides what every node answers."""

from collections.abc import Iterator
from typing import Any, Protocol

from hub.ocpi.timestamps import format_timestamp
from partners.administration import AdminHandlers, AdminRequest
from partners.cpo.central_system import CentralSystem
from partners.cpo.charging_log import ChargingLog
from partners.cpo.outbox import StoredCdr, StoredSession
from partners.cpo.settings import CpoSettings
from partners.node import Node


class Administered(Protocol):
    """The parts of a CPO node that are shown."""

    settings: CpoSettings
    node: Node
    charging_log: ChargingLog
    central_system: CentralSystem

    @property
    def ocpp_url(self) -> str:
        """Where charge points connect."""

    def sessions(self) -> list[StoredSession]:
        """All Sessions, oldest first."""

    def cdrs(self) -> list[StoredCdr]:
        """All CDRs, oldest first."""


class Administration:
    """The handlers."""

    def __init__(self, node: Administered) -> None:
        self._node = node

    def handlers(self) -> AdminHandlers:
        """By method and path."""
        return {
            "GET /sessions": self._sessions,
            "GET /cdrs": self._cdrs,
            "GET /chargers": self._chargers,
            "GET /tokens": self._tokens,
        }

    async def _sessions(self, _request: AdminRequest) -> Any:
        return [_session(each) for each in self._node.sessions()]

    async def _cdrs(self, _request: AdminRequest) -> Any:
        return [_cdr(each) for each in self._node.cdrs()]

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
