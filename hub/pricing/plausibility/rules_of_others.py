"""Rules about other CDRs: the same id, the same EVSE, the same token, and the one that is taken back."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from hub.pricing.plausibility.case import Case, in_hours
from hub.pricing.plausibility.distance import kilometres
from hub.pricing.plausibility.known import Charge, Missing
from hub.pricing.plausibility.values import Doubt, Severity

#: In what a Credit CDR may differ from the one that it takes back (CDR-06).
_OF_ITS_OWN: Final = frozenset(
    {"id", "credit", "credit_reference_id", "total_cost", "last_updated", "remark", "invoice_reference_id"}
)
_SHOWN: Final = 5


def duplicate(case: Case) -> Iterator[Doubt]:
    """An id stands for one CDR, for ever (CDR-01, CDR-05)."""
    before = case.known.same_id
    if before is None:
        return
    fields = _different(case.value, before)
    pointer = f"/{fields[0]}" if fields else "/id"
    yield Doubt(
        pointer,
        f"another CDR came with this id before; different: {', '.join(fields[:_SHOWN]) or 'no field'}",
        {"fields": fields},
    )


def overlap(case: Case) -> Iterator[Doubt]:
    """One vehicle at a time charges at an EVSE."""
    if case.cdr.credit or not case.names_evse or case.is_reservation_only:
        return
    start, end = case.occupied_from, case.cdr.end_date_time
    for other in case.known.at_evse:
        both = min(end, other.end) - max(start, other.start)
        if both > case.measures.overlap:
            yield Doubt(
                "/start_date_time",
                f"CDR {other.cdr_id} has the same EVSE from {other.start} until {other.end}",
                {"cdr": other.cdr_id, "start": other.start, "end": other.end},
            )


def two_places(case: Case) -> Iterator[Doubt]:
    """Nobody is at two places at a time, nor drives from one to the next faster than a car can."""
    if case.cdr.credit:
        return
    here, start = case.cdr.cdr_location.coordinates, case.occupied_from
    for other in case.known.of_token:
        if other.latitude is None or other.longitude is None:
            continue
        far = kilometres((Decimal(here.latitude), Decimal(here.longitude)), (other.latitude, other.longitude))
        hours = in_hours(_gap(start, case.cdr.end_date_time, other))
        if far > case.measures.near and far > case.measures.fastest * hours:
            yield Doubt(
                "/cdr_token/uid",
                f"CDR {other.cdr_id} has the same token {far:.0f} km away, with {hours:.2f} h between them",
                {"cdr": other.cdr_id, "start": other.start, "end": other.end, "kilometres": round(far, 1)},
            )


def _gap(start: datetime, end: datetime, other: Charge) -> timedelta:
    return max(start - other.end, other.start - end, timedelta())


def credit(case: Case) -> Iterator[Doubt]:
    """A Credit CDR is its original with the total turned around, and takes it back once (CDR-06)."""
    if not case.cdr.credit:
        return
    for other in case.known.other_credits:
        yield Doubt(
            "/credit_reference_id",
            f"{other} has taken back {case.cdr.credit_reference_id} before",
            {"credit": other, "original": case.cdr.credit_reference_id},
        )
    original = case.known.original
    if original is Missing.UNKNOWN:
        yield Doubt(
            "/credit_reference_id",
            f"no CDR {case.cdr.credit_reference_id} is known",
            {"original": case.cdr.credit_reference_id},
            Severity.NOTE,
        )
    elif isinstance(original, Mapping):
        yield from _mirrored(case.value, original)


def _mirrored(value: Mapping[str, Any], original: Mapping[str, Any]) -> Iterator[Doubt]:
    if original.get("credit"):
        yield Doubt("/credit_reference_id", f"{original.get('id')} is a Credit CDR itself")
    for name in _different(value, original):
        if name not in _OF_ITS_OWN:
            yield Doubt(f"/{name}", "is not that of the CDR that is taken back")
    asked, before = value["total_cost"], original.get("total_cost")
    for name in ("excl_vat", "incl_vat"):
        back, was = asked.get(name), before.get(name) if isinstance(before, Mapping) else None
        if back is None and was is None:
            continue
        if not isinstance(was, int | Decimal) or back is None or back != -was:
            yield Doubt(
                f"/total_cost/{name}",
                f"{back} does not take back {was}",
                {"credit": back, "original": was},
            )


def _different(one: Mapping[str, Any], other: Any) -> list[str]:
    """The names of the fields that differ; one that is null is not there (TR-38)."""
    if not isinstance(other, Mapping):
        return []
    return [name for name in sorted({*one, *other}) if one.get(name) != other.get(name)]
