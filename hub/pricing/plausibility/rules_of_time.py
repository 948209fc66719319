"""Rules about when: start, end, periods, and how late a CDR comes."""

from collections.abc import Iterator
from datetime import timedelta

from hub.pricing.plausibility.case import Case, in_hours
from hub.pricing.plausibility.values import Doubt
from schemas.v2_2_1 import CdrDimensionType


def end_before_start(case: Case) -> Iterator[Doubt]:
    """A session ends after it has begun."""
    start, end = case.cdr.start_date_time, case.cdr.end_date_time
    if end < start:
        yield Doubt("/end_date_time", "lies before the start", {"start": start, "end": end})


def end_in_future(case: Case) -> Iterator[Doubt]:
    """A CDR is of a session that is over."""
    end, now = case.cdr.end_date_time, case.known.now
    if end > now + case.measures.clocks:
        yield Doubt("/end_date_time", "lies in the future", {"end": end, "now": now})


def too_old(case: Case) -> Iterator[Doubt]:
    """A CDR comes soon after the session; a Credit CDR may come whenever the mistake is found."""
    age = case.known.now - case.cdr.end_date_time
    if age > case.measures.oldest and not case.cdr.credit:
        yield Doubt(
            "/end_date_time",
            f"lies {age.days} days back",
            {"end": case.cdr.end_date_time, "now": case.known.now, "most_days": case.measures.oldest.days},
        )


def total_time(case: Case) -> Iterator[Doubt]:
    """total_time is the time from start to end, with or without a reservation; parking is part of it."""
    cdr, most = case.cdr, in_hours(case.measures.time)
    whole = in_hours(case.duration)
    reserved = case.volume(CdrDimensionType.RESERVATION_TIME) or 0
    if case.duration >= timedelta() and all(
        abs(cdr.total_time - hours) > most for hours in (whole, whole - reserved)
    ):
        yield Doubt(
            "/total_time",
            f"is {cdr.total_time} h, from start to end it is {whole:.4f} h",
            {"total_time": cdr.total_time, "hours": whole, "reserved": reserved},
        )
    parked = cdr.total_parking_time or 0
    if parked > cdr.total_time:
        yield Doubt(
            "/total_parking_time",
            f"is {parked} h, of {cdr.total_time} h in all",
            {"total_parking_time": parked, "total_time": cdr.total_time},
        )


def periods(case: Case) -> Iterator[Doubt]:
    """Charging periods stand in order, and begin within the session."""
    start, end = case.cdr.start_date_time, case.cdr.end_date_time
    before = None
    for number, period in enumerate(case.cdr.charging_periods):
        at, pointer = period.start_date_time, f"/charging_periods/{number}/start_date_time"
        if before is not None and at < before:
            yield Doubt(pointer, "lies before the period in front of it", {"start": at, "before": before})
        if start <= end and not start <= at <= end:
            yield Doubt(pointer, "lies outside the session", {"period": at, "start": start, "end": end})
        before = at
