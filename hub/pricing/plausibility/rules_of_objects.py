"""Rules about what the CDR refers to: its sender, session, token and location."""

from collections.abc import Iterator
from typing import Any, Final

from hub.pricing.plausibility.case import Case
from hub.pricing.plausibility.known import Missing
from hub.pricing.plausibility.values import Doubt, Severity
from schemas.text import NOT_AVAILABLE
from schemas.v2_2_1 import Session, SessionStatus

#: Where a Session tells the same as a CDR: its field, and the pointer into the CDR.
_SAME: Final = (
    ("location_id", "/cdr_location/id"),
    ("evse_uid", "/cdr_location/evse_uid"),
    ("connector_id", "/cdr_location/connector_id"),
    ("currency", "/currency"),
)
_OF_TOKEN: Final = ("country_code", "party_id", "uid", "type")
_PERHAPS_LATER: Final = frozenset({"evse_uid", "connector_id"})


def sender(case: Case) -> Iterator[Doubt]:
    """A CDR comes from the party that owns it (AM-07)."""
    owner = (case.cdr.country_code.upper(), case.cdr.party_id.upper())
    if case.known.sender is not None and case.known.sender != owner:
        yield Doubt(
            "/party_id",
            f"the CDR is of {'/'.join(owner)}, and came from {'/'.join(case.known.sender)}",
            {"owner": "/".join(owner), "sender": "/".join(case.known.sender)},
        )


def unknown_session(case: Case) -> Iterator[Doubt]:
    """The session that is billed has been told of (CDR-22)."""
    if case.cdr.session_id is not None and case.known.session is Missing.UNKNOWN:
        yield Doubt(
            "/session_id", f"no session {case.cdr.session_id} has been told of", _id(case.cdr.session_id)
        )


def session(case: Case) -> Iterator[Doubt]:
    """The CDR says what the session's last state said (CDR-22)."""
    known = case.known.session
    if isinstance(known, Missing):
        return
    yield from _identity(case, known)
    if known.status != SessionStatus.COMPLETED:
        yield Doubt(
            "/session_id",
            f"the session is {known.status}, as far as was told",
            {"status": str(known.status)},
            Severity.NOTE,
        )
        return
    yield from _times(case, known)
    if abs(known.kwh - case.cdr.total_energy) > case.measures.energy:
        yield _other("/total_energy", known.kwh, case.cdr.total_energy)
    total = known.total_cost
    if (
        total is not None
        and abs(total.excl_vat - case.cdr.total_cost.excl_vat * case.sign) > case.measures.total
    ):
        yield _other("/total_cost/excl_vat", total.excl_vat, case.cdr.total_cost.excl_vat)


def _identity(case: Case, known: Session) -> Iterator[Doubt]:
    for name, pointer in _SAME:
        told, now = getattr(known, name), _at(case.cdr, pointer)
        # A reservation without a place gets one later (SES-13, CDR-15).
        is_open = name in _PERHAPS_LATER and (not case.names_evse or told == NOT_AVAILABLE)
        if told.upper() != now.upper() and not is_open:
            yield _other(pointer, told, now)
    for name in _OF_TOKEN:
        told, now = getattr(known.cdr_token, name), getattr(case.cdr.cdr_token, name)
        if told.upper() != now.upper():
            yield _other(f"/cdr_token/{name}", told, now)

    told_reference, reference = known.authorization_reference, case.cdr.authorization_reference
    if told_reference is not None and told_reference.upper() != (reference or "").upper():
        severity = None if reference else Severity.NOTE
        yield _other("/authorization_reference", told_reference, reference)._replace(severity=severity)


def _times(case: Case, known: Session) -> Iterator[Doubt]:
    most = case.measures.session
    starts = (case.cdr.start_date_time, case.occupied_from)  # a session may count without its reservation
    if all(abs(known.start_date_time - each) > most for each in starts):
        yield _other("/start_date_time", known.start_date_time, case.cdr.start_date_time)
    if known.end_date_time is not None and abs(known.end_date_time - case.cdr.end_date_time) > most:
        yield _other("/end_date_time", known.end_date_time, case.cdr.end_date_time)


def unknown_token(case: Case) -> Iterator[Doubt]:
    """The token is one of its eMSP's; those that are never published are authorized otherwise."""
    if case.known.token is Missing.UNKNOWN:
        yield Doubt(
            "/cdr_token/uid", "its eMSP has not published this token", {"type": str(case.cdr.cdr_token.type)}
        )


def token_valid(case: Case) -> Iterator[Doubt]:
    """The token was valid when the session started."""
    token, start = case.known.token, case.cdr.start_date_time
    if isinstance(token, Missing) or token.valid or token.last_updated > start:
        return
    yield Doubt(
        "/cdr_token/uid",
        f"the token had been invalid since {token.last_updated}",
        {"start": start, "invalid_since": token.last_updated},
    )


def unknown_location(case: Case) -> Iterator[Doubt]:
    """The place is one of the CPO's."""
    place = case.cdr.cdr_location
    if case.known.location is Missing.UNKNOWN:
        yield Doubt("/cdr_location/id", f"no location {place.id} has been published", _id(place.id))
    if isinstance(case.known.location, Missing) or not case.names_evse:
        return
    if case.evse is None:
        yield Doubt("/cdr_location/evse_uid", f"{place.id} has no EVSE {place.evse_uid}", _id(place.evse_uid))
    elif case.connector is None:
        yield Doubt(
            "/cdr_location/connector_id",
            f"EVSE {place.evse_uid} has no connector {place.connector_id}",
            _id(place.connector_id),
        )


def _id(text: str) -> dict[str, Any]:
    return {"id": text}


def _at(cdr: Any, pointer: str) -> Any:
    for name in pointer.split("/")[1:]:
        cdr = getattr(cdr, name)
    return cdr


def _other(pointer: str, told: Any, now: Any) -> Doubt:
    return Doubt(pointer, f"is {now}, the session said {told}", {"cdr": now, "session": told})
