"""What a charge point says in OCPP 1.6, told on as events, and the answer it gets."""

from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from hub.ocpi.timestamps import Clock
from partners.cpo.charging.charging_events import (
    AuthorizationStatus,
    BootInfo,
    ChargingEvents,
    ConnectorStatus,
    IdTagInfo,
    StartedTransaction,
    StoppedTransaction,
)
from partners.cpo.quirks import USUAL, Quirks
from partners.cpo.stations import calls_alike as alike
from partners.cpo.stations.calls_alike import Payload, measured, told_at, whole_number
from partners.cpo.stations.questions import timestamp
from partners.cpo.stations.reception import OpenHouse, Reception
from partners.ocpp.errors import CallRefused, ErrorCode
from partners.ocpp.frames import Call, Send
from partners.ocpp.payloads import Relaxation
from partners.ocpp.router import Router
from partners.ocpp.versions import Version


@dataclass(frozen=True, slots=True)
class ChargePointCalls:
    """Answers the CALLs of one charge point.

    Attributes:
        charge_point: Its identity.
        events: Who is told, and decides.
        clock: The present instant, for the charge point's own clock and for what it sends undated.
        heartbeat_interval: How often it shall say that it is there.
        reception: Decides whether it is accepted.
        boot_again_after: When a charge point that is not accepted yet shall ask again.
        quirks: In what it differs from others.
    """

    charge_point: str
    events: ChargingEvents
    clock: Clock
    heartbeat_interval: timedelta
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
            raise CallRefused(ErrorCode.SECURITY_ERROR, "only chargers that are accepted may say that")
        return ROUTER.answer(self, call, relaxed)


async def _boot_notification(station: ChargePointCalls, payload: Payload) -> Payload:
    boot = BootInfo(
        vendor=payload["chargePointVendor"],
        model=payload["chargePointModel"],
        serial_number=payload.get("chargePointSerialNumber", payload.get("chargeBoxSerialNumber")),
        firmware_version=payload.get("firmwareVersion"),
        meter_serial_number=payload.get("meterSerialNumber"),
        meter_type=payload.get("meterType"),
    )
    return await alike.booted(station, boot)


async def _status_notification(station: ChargePointCalls, payload: Payload) -> Payload:
    await station.events.status_changed(
        station.charge_point,
        whole_number(payload, "connectorId"),
        _status(payload["status"]),
        payload["errorCode"],
        told_at(station, payload) if "timestamp" in payload else station.clock(),
    )
    return {}


async def _authorize(station: ChargePointCalls, payload: Payload) -> Payload:
    info = await station.events.authorize(station.charge_point, station.quirks.uid(payload["idTag"]))
    return {"idTagInfo": _id_tag_info(info)}


async def _start_transaction(station: ChargePointCalls, payload: Payload) -> Payload:
    reserved = "reservationId" in payload
    answer = await station.events.transaction_started(
        StartedTransaction(
            charge_point=station.charge_point,
            connector_id=whole_number(payload, "connectorId"),
            id_tag=station.quirks.uid(payload["idTag"]),
            meter_start_wh=Decimal(whole_number(payload, "meterStart")),
            at=told_at(station, payload),
            reservation_id=whole_number(payload, "reservationId") if reserved else None,
        )
    )
    return {"transactionId": answer.transaction_id, "idTagInfo": _id_tag_info(answer.id_tag_info)}


async def _meter_values(station: ChargePointCalls, payload: Payload) -> Payload:
    in_transaction = "transactionId" in payload
    await station.events.meter_values(
        station.charge_point,
        whole_number(payload, "connectorId"),
        whole_number(payload, "transactionId") if in_transaction else None,
        measured(station, payload["meterValue"]),
    )
    return {}


async def _stop_transaction(station: ChargePointCalls, payload: Payload) -> Payload:
    info = await station.events.transaction_stopped(
        StoppedTransaction(
            charge_point=station.charge_point,
            transaction_id=whole_number(payload, "transactionId"),
            meter_stop_wh=Decimal(whole_number(payload, "meterStop")),
            at=told_at(station, payload),
            reason=payload.get("reason", "Local"),
            id_tag=station.quirks.uid(payload["idTag"]) if "idTag" in payload else None,
            samples=measured(station, payload.get("transactionData", ())),
        )
    )
    return {"idTagInfo": _id_tag_info(info)} if info else {}


_ANSWERERS: Mapping[str, Callable[[ChargePointCalls, Payload], Awaitable[Payload]]] = {
    "Authorize": _authorize,
    "BootNotification": _boot_notification,
    "DataTransfer": alike.data_transfer,
    "DiagnosticsStatusNotification": alike.noted,
    "FirmwareStatusNotification": alike.firmware_status,
    "Heartbeat": alike.heartbeat,
    "LogStatusNotification": alike.noted,
    "MeterValues": _meter_values,
    "SecurityEventNotification": alike.security_event,
    "SignCertificate": alike.sign_certificate,
    "SignedFirmwareStatusNotification": alike.firmware_status,
    "StartTransaction": _start_transaction,
    "StatusNotification": _status_notification,
    "StopTransaction": _stop_transaction,
}


ROUTER: Final = Router(Version.V1_6, _ANSWERERS)

#: Words that 1.6 does not have.
_IN_1_6: Final[Mapping[AuthorizationStatus, AuthorizationStatus]] = {
    AuthorizationStatus.NO_CREDIT: AuthorizationStatus.BLOCKED,
    AuthorizationStatus.NOT_AT_THIS_LOCATION: AuthorizationStatus.INVALID,
    AuthorizationStatus.UNKNOWN: AuthorizationStatus.INVALID,
}


def _status(text: str) -> ConnectorStatus:
    try:
        return ConnectorStatus(text)
    except ValueError as error:
        raise CallRefused(ErrorCode.PROPERTY, "/status: unknown") from error


def _id_tag_info(info: IdTagInfo) -> Payload:
    optional = {
        "parentIdTag": info.parent_id_tag,
        "expiryDate": timestamp(info.expires) if info.expires else None,
    }
    return {"status": _IN_1_6.get(info.status, info.status)} | {
        name: value for name, value in optional.items() if value is not None
    }
