"""What a charge point says in OCPP 1.6, told on as events, and the answer it gets."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from hub.ocpi.timestamps import Clock
from partners.cpo.charging_events import (
    AuthorizationStatus,
    BootInfo,
    ChargingEvents,
    ConnectorStatus,
    IdTagInfo,
    StartedTransaction,
    StoppedTransaction,
)
from partners.cpo.meter_values import MeterSample, NotAnInstant, instant, samples
from partners.cpo.questions import timestamp
from partners.cpo.reception import OpenHouse, Reception, Registration
from partners.ocpp.errors import CallRefused, ErrorCode
from partners.ocpp.frames import Call, Send
from partners.ocpp.payloads import Relaxation
from partners.ocpp.router import Router
from partners.ocpp.versions import Version

Payload = Mapping[str, Any]

#: Integers beyond this fit neither JSON's number nor a database column.
_MOST = 2**53


#: What the status of a firmware update says of its signature.
_SIGNATURES: Final[Mapping[str, bool]] = {"InvalidSignature": False, "SignatureVerified": True}


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
    """

    charge_point: str
    events: ChargingEvents
    clock: Clock
    heartbeat_interval: timedelta
    reception: Reception = field(default_factory=OpenHouse)
    boot_again_after: timedelta = timedelta(seconds=30)

    async def answer(self, call: Call | Send, relaxed: Collection[Relaxation] = ()) -> Payload:
        """The payload of the CALLRESULT.

        Raises:
            CallRefused: The call is unknown, not offered here, or not valid.
            Exception: Whatever the events raise.
        """
        if not self.reception.may_say(self.charge_point, call.action):
            raise CallRefused(ErrorCode.SECURITY_ERROR, "only chargers that are accepted may say that")
        return await ROUTER.answer(self, call, relaxed)


async def _boot_notification(station: ChargePointCalls, payload: Payload) -> Payload:
    boot = BootInfo(
        vendor=payload["chargePointVendor"],
        model=payload["chargePointModel"],
        serial_number=payload.get("chargePointSerialNumber", payload.get("chargeBoxSerialNumber")),
        firmware_version=payload.get("firmwareVersion"),
        meter_serial_number=payload.get("meterSerialNumber"),
        meter_type=payload.get("meterType"),
    )
    status = station.reception.booted(station.charge_point, boot)
    await station.events.booted(station.charge_point, boot)
    accepted = status is Registration.ACCEPTED
    seconds = (station.heartbeat_interval if accepted else station.boot_again_after).total_seconds()
    return {"currentTime": timestamp(station.clock()), "interval": int(seconds), "status": status}


async def _heartbeat(station: ChargePointCalls, _: Payload) -> Payload:
    return {"currentTime": timestamp(station.clock())}


async def _status_notification(station: ChargePointCalls, payload: Payload) -> Payload:
    await station.events.status_changed(
        station.charge_point,
        _whole_number(payload, "connectorId"),
        _status(payload["status"]),
        payload["errorCode"],
        _at(payload) if "timestamp" in payload else station.clock(),
    )
    return {}


async def _authorize(station: ChargePointCalls, payload: Payload) -> Payload:
    info = await station.events.authorize(station.charge_point, payload["idTag"])
    return {"idTagInfo": _id_tag_info(info)}


async def _start_transaction(station: ChargePointCalls, payload: Payload) -> Payload:
    reserved = "reservationId" in payload
    answer = await station.events.transaction_started(
        StartedTransaction(
            charge_point=station.charge_point,
            connector_id=_whole_number(payload, "connectorId"),
            id_tag=payload["idTag"],
            meter_start_wh=Decimal(_whole_number(payload, "meterStart")),
            at=_at(payload),
            reservation_id=_whole_number(payload, "reservationId") if reserved else None,
        )
    )
    return {"transactionId": answer.transaction_id, "idTagInfo": _id_tag_info(answer.id_tag_info)}


async def _meter_values(station: ChargePointCalls, payload: Payload) -> Payload:
    in_transaction = "transactionId" in payload
    await station.events.meter_values(
        station.charge_point,
        _whole_number(payload, "connectorId"),
        _whole_number(payload, "transactionId") if in_transaction else None,
        _samples(payload["meterValue"]),
    )
    return {}


async def _stop_transaction(station: ChargePointCalls, payload: Payload) -> Payload:
    info = await station.events.transaction_stopped(
        StoppedTransaction(
            charge_point=station.charge_point,
            transaction_id=_whole_number(payload, "transactionId"),
            meter_stop_wh=Decimal(_whole_number(payload, "meterStop")),
            at=_at(payload),
            reason=payload.get("reason", "Local"),
            id_tag=payload.get("idTag"),
            samples=_samples(payload.get("transactionData", ())),
        )
    )
    return {"idTagInfo": _id_tag_info(info)} if info else {}


async def _data_transfer(_station: ChargePointCalls, _: Payload) -> Payload:
    return {"status": "UnknownVendorId"}


async def _sign_certificate(station: ChargePointCalls, payload: Payload) -> Payload:
    signed = station.reception.certificate_requested(station.charge_point, payload["csr"])
    return {"status": "Accepted" if signed else "Rejected"}


async def _noted(_station: ChargePointCalls, _: Payload) -> Payload:
    return {}


async def _firmware_status(station: ChargePointCalls, payload: Payload) -> Payload:
    is_right = _SIGNATURES.get(payload["status"])
    if is_right is not None:
        await station.events.signature_checked(station.charge_point, 0, "firmware", is_right=is_right)
    return {}


async def _security_event(station: ChargePointCalls, payload: Payload) -> Payload:
    if "Signature" in payload["type"]:
        await station.events.signature_checked(station.charge_point, 0, payload["type"], is_right=False)
    return {}


_ANSWERERS: Mapping[str, Callable[[ChargePointCalls, Payload], Awaitable[Payload]]] = {
    "Authorize": _authorize,
    "BootNotification": _boot_notification,
    "DataTransfer": _data_transfer,
    "DiagnosticsStatusNotification": _noted,
    "FirmwareStatusNotification": _firmware_status,
    "Heartbeat": _heartbeat,
    "LogStatusNotification": _noted,
    "MeterValues": _meter_values,
    "SecurityEventNotification": _security_event,
    "SignCertificate": _sign_certificate,
    "SignedFirmwareStatusNotification": _firmware_status,
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


def _at(payload: Payload) -> datetime:
    try:
        return instant(payload["timestamp"])
    except NotAnInstant as error:
        raise CallRefused(ErrorCode.PROPERTY, "/timestamp: no date-time") from error


def _samples(meter_values: Any) -> tuple[MeterSample, ...]:
    try:
        return samples(meter_values)
    except NotAnInstant as error:
        raise CallRefused(ErrorCode.PROPERTY, "a sample's timestamp") from error


def _status(text: str) -> ConnectorStatus:
    try:
        return ConnectorStatus(text)
    except ValueError as error:
        raise CallRefused(ErrorCode.PROPERTY, "/status: unknown") from error


def _whole_number(payload: Payload, name: str) -> int:
    number = int(payload[name])
    if abs(number) >= _MOST:
        raise CallRefused(ErrorCode.PROPERTY, f"/{name}: too great")
    return number


def _id_tag_info(info: IdTagInfo) -> Payload:
    optional = {
        "parentIdTag": info.parent_id_tag,
        "expiryDate": timestamp(info.expires) if info.expires else None,
    }
    return {"status": _IN_1_6.get(info.status, info.status)} | {
        name: value for name, value in optional.items() if value is not None
    }
