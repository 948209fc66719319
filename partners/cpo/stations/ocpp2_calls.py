"""What a station says in OCPP 2.0.1 or 2.1, told on as events, and the answer it gets."""

from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from hub.ocpi.timestamps import Clock
from partners.cpo.charging.charging_events import (
    Alarm,
    AuthorizationStatus,
    BootInfo,
    ChargingEvents,
    ConnectorStatus,
    IdTagInfo,
    Phase,
    TransactionEvent,
)
from partners.cpo.quirks import USUAL, Quirks
from partners.cpo.stations import calls_alike as alike
from partners.cpo.stations.alarms import alarm_in
from partners.cpo.stations.calls_alike import Payload, measured, told_at, whole_number
from partners.cpo.stations.questions import timestamp
from partners.cpo.stations.reception import OpenHouse, Reception
from partners.cpo.wiring import WHOLE_CHARGE_POINT, Wiring
from partners.ocpp.errors import CallRefused, ErrorCode
from partners.ocpp.frames import Call, Send
from partners.ocpp.payloads import Relaxation
from partners.ocpp.router import Router
from partners.ocpp.versions import Version
from schemas.v2_2_1 import TokenType

#: In OCPP 2.x's words; Occupied says no more than that somebody is there: the transaction says the rest.
_STATUS: Final[Mapping[str, ConnectorStatus]] = {
    "Available": ConnectorStatus.AVAILABLE,
    "Occupied": ConnectorStatus.PREPARING,
    "Reserved": ConnectorStatus.RESERVED,
    "Unavailable": ConnectorStatus.UNAVAILABLE,
    "Faulted": ConnectorStatus.FAULTED,
}

#: chargingState; Idle is the one in which nothing is plugged in.
_STATES: Final[Mapping[str, ConnectorStatus]] = {
    "Charging": ConnectorStatus.CHARGING,
    "SuspendedEV": ConnectorStatus.SUSPENDED_EV,
    "SuspendedEVSE": ConnectorStatus.SUSPENDED_EVSE,
    "EVConnected": ConnectorStatus.PREPARING,
    "Idle": ConnectorStatus.AVAILABLE,
}

#: What a token of this type is to OCPI, where nobody knows it.
_TOKEN_TYPES: Final[Mapping[str, TokenType]] = {
    "ISO14443": TokenType.RFID,
    "ISO15693": TokenType.RFID,
    "Central": TokenType.APP_USER,
}
#: Charging without asking, as its operator set the station up: never roamed.
_FREE_VEND: Final = "NoAuthorization"


@dataclass(frozen=True, slots=True)
class StationCalls:
    """Answers the CALLs of one station.

    Attributes:
        charge_point: Its identity.
        events: Who is told, and decides.
        clock: The present instant, for the station's own clock.
        heartbeat_interval: How often it shall say that it is there.
        version: That it speaks.
        wiring: What our numbers of its connectors are.
        reported: Told of NotifyReport: the number of the request, a part of the report, whether more comes.
        reception: Decides whether it is accepted.
        boot_again_after: When a station that is not accepted yet shall ask again.
        quirks: In what it differs from others.
    """

    charge_point: str
    events: ChargingEvents
    clock: Clock
    heartbeat_interval: timedelta
    version: Version
    wiring: Wiring
    reported: Callable[[int, Iterable[Payload], bool], None]
    reception: Reception = field(default_factory=OpenHouse)
    boot_again_after: timedelta = timedelta(seconds=30)
    quirks: Quirks = USUAL

    def answer(self, call: Call | Send, relaxed: Collection[Relaxation] = ()) -> Coroutine[Any, Any, Payload]:
        """The payload of the CALLRESULT.

        Raises:
            CallRefused: The call is unknown, not offered here, or not valid.
            Exception: Whatever the events raise.
        """
        if not self.reception.may_say(self.charge_point, call.action):
            raise CallRefused(ErrorCode.SECURITY_ERROR, "only stations that are accepted may say that")
        return ROUTERS[self.version].answer(self, call, relaxed)


async def _boot_notification(station: StationCalls, payload: Payload) -> Payload:
    told = payload["chargingStation"]
    boot = BootInfo(
        vendor=told["vendorName"],
        model=told["model"],
        serial_number=told.get("serialNumber"),
        firmware_version=told.get("firmwareVersion"),
    )
    return await alike.booted(station, boot)


async def _status_notification(station: StationCalls, payload: Payload) -> Payload:
    at = told_at(station, payload)
    evse_id, connector_id = whole_number(payload, "evseId"), whole_number(payload, "connectorId")
    await _tell_status(station, evse_id, connector_id, payload["connectorStatus"], at)
    return {}


async def _tell_status(
    station: StationCalls, evse_id: int, connector_id: int | None, told: str, at: datetime
) -> None:
    """A status of a connector, of all connectors of an EVSE (connector 0), or of the station (EVSE 0)."""
    status = _STATUS.get(told)
    if status is None:
        raise CallRefused(ErrorCode.PROPERTY, "/connectorStatus: unknown")
    numbers = [station.wiring.number(evse_id, connector_id)]
    if not connector_id and evse_id:
        numbers = station.wiring.numbers(evse_id) or numbers
    for number in numbers:
        await station.events.status_changed(station.charge_point, number, status, "NoError", at)


async def _authorize(station: StationCalls, payload: Payload) -> Payload:
    id_tag, token_type = _token(station, payload)
    if id_tag is None:
        return {"idTokenInfo": {"status": AuthorizationStatus.ACCEPTED}}
    info = await station.events.authorize(station.charge_point, id_tag, token_type)
    return {"idTokenInfo": _id_token_info(info)}


async def _transaction_event(station: StationCalls, payload: Payload) -> Payload:
    told = payload["transactionInfo"]
    id_tag, token_type = _token(station, payload)
    evse = payload.get("evse")
    event = TransactionEvent(
        charge_point=station.charge_point,
        transaction_id=told["transactionId"],
        phase=_phase(payload["eventType"]),
        sequence=whole_number(payload, "seqNo"),
        at=told_at(station, payload),
        connector_id=station.wiring.number(*_place(evse)) if evse else None,
        id_tag=id_tag,
        token_type=token_type,
        is_offline=payload.get("offline", False),
        state=_STATES.get(told.get("chargingState", "")),
        remote_start_id=_number(told, "remoteStartId"),
        reservation_id=_number(payload, "reservationId"),
        reason=told.get("stoppedReason", "Local"),
        samples=measured(station, payload.get("meterValue", ())),
    )
    info = await station.events.transaction_event(event)
    if "idToken" not in payload:
        return {}
    if id_tag is None:
        return {"idTokenInfo": {"status": AuthorizationStatus.ACCEPTED}}
    return {} if info is None else {"idTokenInfo": _id_token_info(info)}


async def _meter_values(station: StationCalls, payload: Payload) -> Payload:
    number = station.wiring.number(whole_number(payload, "evseId"))
    await station.events.meter_values(
        station.charge_point, number, None, measured(station, payload["meterValue"])
    )
    return {}


async def _notify_event(station: StationCalls, payload: Payload) -> Payload:
    """A station of 2.1 may tell the state of its connectors in this way only; and what is wrong at it."""
    for event in payload["eventData"]:
        component, told = event["component"], event["actualValue"]
        if event["variable"]["name"] == "AvailabilityState":
            if told in _STATUS:
                at = told_at(station, event)
                await _tell_status(station, *_place(component.get("evse", {"id": 0})), told, at)
        elif (alarm := alarm_in(event)) is not None:
            number = station.wiring.number(*_place(component.get("evse", {"id": 0})))
            await station.events.alarmed(station.charge_point, *_alarm_at(station.wiring, number, alarm))
    return {}


async def _notify_report(station: StationCalls, payload: Payload) -> Payload:
    station.reported(payload["requestId"], payload.get("reportData", ()), payload.get("tbc", False))
    return {}


async def _reservation_status(station: StationCalls, payload: Payload) -> Payload:
    await station.events.reservation_ended(station.charge_point, whole_number(payload, "reservationId"))
    return {}


async def _charging_needs(_station: StationCalls, _: Payload) -> Payload:
    """Nobody here plans by what a car asks for, and we do not say that somebody does."""
    return {"status": "NoChargingProfile"}


_ANSWERERS: Final[Mapping[str, Callable[[StationCalls, Payload], Awaitable[Payload]]]] = {
    "Authorize": _authorize,
    "BootNotification": _boot_notification,
    "ClearedChargingLimit": alike.noted,
    "DataTransfer": alike.data_transfer,
    "FirmwareStatusNotification": alike.firmware_status,
    "Heartbeat": alike.heartbeat,
    "LogStatusNotification": alike.noted,
    "MeterValues": _meter_values,
    "NotifyChargingLimit": alike.noted,
    "NotifyCustomerInformation": alike.noted,
    "NotifyDisplayMessages": alike.noted,
    "NotifyEVChargingNeeds": _charging_needs,
    "NotifyEvent": _notify_event,
    "NotifyMonitoringReport": alike.noted,
    "NotifyReport": _notify_report,
    "PublishFirmwareStatusNotification": alike.noted,
    "ReportChargingProfiles": alike.noted,
    "ReservationStatusUpdate": _reservation_status,
    "SecurityEventNotification": alike.security_event,
    "SignCertificate": alike.sign_certificate,
    "StatusNotification": _status_notification,
    "TransactionEvent": _transaction_event,
}

ROUTERS: Final[Mapping[Version, Router[StationCalls]]] = {
    version: Router(version, _ANSWERERS) for version in (Version.V2_0_1, Version.V2_1)
}


def _alarm_at(wiring: Wiring, number: int, alarm: Alarm) -> tuple[int, Alarm]:
    """Where nobody configured such a connector, it is a matter of the station as a whole."""
    if number == WHOLE_CHARGE_POINT or number in wiring.outlets:
        return number, alarm
    return WHOLE_CHARGE_POINT, alarm._replace(about=f"{alarm.about} (connector {number})")


def _place(evse: Payload) -> tuple[int, int | None]:
    """The EVSE, and the connector of it where it is named."""
    return whole_number(evse, "id"), _number(evse, "connectorId")


def _number(payload: Payload, name: str) -> int | None:
    return whole_number(payload, name) if name in payload else None


def _token(station: StationCalls, payload: Payload) -> tuple[str | None, TokenType]:
    """The id tag in an idToken, None where nobody is asked who it is."""
    token = payload.get("idToken")
    if token is None or token["type"] == _FREE_VEND:
        return None, TokenType.OTHER
    token_type = _TOKEN_TYPES.get(token["type"], TokenType.OTHER)
    told = token["idToken"]
    return station.quirks.uid(told) if token_type is TokenType.RFID else told, token_type


def _phase(text: str) -> Phase:
    try:
        return Phase(text)
    except ValueError as error:
        raise CallRefused(ErrorCode.PROPERTY, "/eventType: unknown") from error


def _id_token_info(info: IdTagInfo) -> Payload:
    told: dict[str, Any] = {"status": info.status}
    if info.expires is not None:
        told["cacheExpiryDateTime"] = timestamp(info.expires)
    if info.parent_id_tag is not None:
        told["groupIdToken"] = {"idToken": info.parent_id_tag, "type": "Central"}
    if info.language is not None:
        told["language1"] = info.language
    if info.message is not None:
        language, text = info.message
        told["personalMessage"] = {"format": "UTF8", "language": language, "content": text}
    return told
