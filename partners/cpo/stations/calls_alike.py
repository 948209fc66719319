"""What chargers say alike in OCPP 1.6 and 2.x, and how it is read; the rest is in the file of each."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from hub.ocpi.timestamps import Clock
from partners.cpo.charging.charging_events import BootInfo, ChargingEvents
from partners.cpo.charging.meter_values import MeterSample, NotAnInstant, instant, samples
from partners.cpo.quirks import Quirks
from partners.cpo.stations.questions import timestamp
from partners.cpo.stations.reception import Reception, Registration
from partners.ocpp.errors import CallRefused, ErrorCode

Payload = Mapping[str, Any]

#: What the status of a firmware update says of its signature.
_SIGNATURES: Final[Mapping[str, bool]] = {"InvalidSignature": False, "SignatureVerified": True}


class Calls(Protocol):
    """Who answers one charger, in either version."""

    @property
    def charge_point(self) -> str:
        """Its identity."""

    @property
    def events(self) -> ChargingEvents:
        """Who is told, and decides."""

    @property
    def clock(self) -> Clock:
        """The present instant."""

    @property
    def heartbeat_interval(self) -> timedelta:
        """How often it shall say that it is there."""

    @property
    def reception(self) -> Reception:
        """Decides whether it is accepted."""

    @property
    def boot_again_after(self) -> timedelta:
        """When a charger that is not accepted yet shall ask again."""

    @property
    def quirks(self) -> Quirks:
        """In what it differs from others."""


async def booted(calls: Calls, boot: BootInfo) -> Payload:
    """BootNotification, once it has been read."""
    status = calls.reception.booted(calls.charge_point, boot)
    await calls.events.booted(calls.charge_point, boot)
    accepted = status is Registration.ACCEPTED
    seconds = (calls.heartbeat_interval if accepted else calls.boot_again_after).total_seconds()
    return {"currentTime": timestamp(calls.clock()), "interval": int(seconds), "status": status}


async def heartbeat(calls: Calls, _: Payload) -> Payload:
    """It is there, and sets its clock."""
    return {"currentTime": timestamp(calls.clock())}


async def data_transfer(_calls: Calls, _: Payload) -> Payload:
    """We have agreed upon nothing with any vendor."""
    return {"status": "UnknownVendorId"}


async def noted(_calls: Calls, _: Payload) -> Payload:
    """Nothing follows from it here."""
    return {}


async def firmware_status(calls: Calls, payload: Payload) -> Payload:
    """How an update goes; what counts is whether its signature is right."""
    is_right = _SIGNATURES.get(payload["status"])
    if is_right is not None:
        await calls.events.signature_checked(calls.charge_point, 0, "firmware", is_right=is_right)
    return {}


async def security_event(calls: Calls, payload: Payload) -> Payload:
    """What it noticed; a signature that is wrong is a matter for the operator."""
    if "Signature" in payload["type"]:
        await calls.events.signature_checked(calls.charge_point, 0, payload["type"], is_right=False)
    return {}


async def sign_certificate(calls: Calls, payload: Payload) -> Payload:
    """A certificate for the charger itself; for the cars' contracts (V2G, 2.x) others are responsible."""
    kind = payload.get("certificateType", "ChargingStationCertificate")
    signed = kind == "ChargingStationCertificate" and calls.reception.certificate_requested(
        calls.charge_point, payload["csr"]
    )
    return {"status": "Accepted" if signed else "Rejected"}


def told_at(calls: Calls, payload: Payload) -> datetime:
    """Its timestamp.

    Raises:
        CallRefused: It is none.
    """
    try:
        return instant(payload["timestamp"], calls.quirks.time_zone)
    except NotAnInstant as error:
        raise CallRefused(ErrorCode.PROPERTY, "/timestamp: no date-time") from error


def measured(calls: Calls, meter_values: Any) -> tuple[MeterSample, ...]:
    """The samples in a list of meter values.

    Raises:
        CallRefused: One has no instant.
    """
    try:
        return samples(meter_values, calls.quirks.time_zone)
    except NotAnInstant as error:
        raise CallRefused(ErrorCode.PROPERTY, "a sample's timestamp") from error


def whole_number(payload: Payload, name: str) -> int:
    """A field that is a whole number, within the bounds of the schemas, also where it is written 1.0."""
    return int(payload[name])
