"""What was charged and earned, from Sessions and CDRs, counted by place, charger and hour. Pure.

A session, its energy and its revenue belong to the instant at which it began, and so does what a Credit CDR
takes back. Utilisation is the share of time in which there was a session.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final, NamedTuple, TypeVar

from hub.ocpi.timestamps import parse_timestamp
from partners.cpo.configuration import Place
from partners.cpo.reports.spans import Span

#: Sessions that are, or were.
_CHARGED: Final = frozenset({"ACTIVE", "COMPLETED"})


class Charged(NamedTuple):
    """One session."""

    place: Place
    span: Span
    kwh: Decimal


class Billed(NamedTuple):
    """One CDR; of a Credit CDR the amounts are negative."""

    place: Place
    start: datetime
    currency: str
    excl_vat: Decimal
    #: None where the tariff says nothing of VAT.
    incl_vat: Decimal | None


@dataclass(slots=True)
class Money:
    """What came in, in one currency."""

    excl_vat: Decimal = Decimal(0)
    #: None where some of it has no VAT told.
    incl_vat: Decimal | None = Decimal(0)

    def add(self, bill: Billed) -> None:
        """One more."""
        self.excl_vat += bill.excl_vat
        known = self.incl_vat is not None and bill.incl_vat is not None
        self.incl_vat = (self.incl_vat or Decimal(0)) + (bill.incl_vat or Decimal(0)) if known else None


@dataclass(slots=True)
class Usage:
    """What happened at some connectors."""

    sessions: int = 0
    kwh: Decimal = Decimal(0)
    occupied: timedelta = timedelta()
    #: All the time that there was, of all connectors.
    available: timedelta = timedelta()
    money: dict[str, Money] = field(default_factory=lambda: defaultdict(Money))

    @property
    def utilisation(self) -> Decimal | None:
        """Per cent of the time; None where there was none."""
        if not self.available:
            return None
        microsecond = timedelta(microseconds=1)
        share = Decimal(self.occupied // microsecond) / Decimal(self.available // microsecond) * 100
        return share.quantize(Decimal("0.01"))


def charged(session: Mapping[str, Any], now: datetime) -> Charged | None:
    """A Session as it counts; None for one that never began."""
    if session["status"] not in _CHARGED:
        return None
    start = parse_timestamp(session["start_date_time"])
    told = session.get("end_date_time")
    end = now if told is None else parse_timestamp(told)
    place = Place(session["location_id"], session["evse_uid"], session["connector_id"])
    return Charged(place, Span(start, max(start, end)), Decimal(session["kwh"]))


def billed(cdr: Mapping[str, Any]) -> Billed:
    """A CDR as it counts."""
    at, cost = cdr["cdr_location"], cdr["total_cost"]
    incl = cost.get("incl_vat")
    return Billed(
        Place(at["id"], at["evse_uid"], at["connector_id"]),
        parse_timestamp(cdr["start_date_time"]),
        cdr["currency"],
        Decimal(cost["excl_vat"]),
        None if incl is None else Decimal(incl),
    )


Key = TypeVar("Key", bound=Hashable)


def counted(
    sessions: Iterable[Charged],
    bills: Iterable[Billed],
    window: Callable[[Place], Span],
    key: Callable[[Place, datetime], Key],
    known: Sequence[Key] = (),
) -> dict[Key, Usage]:
    """Sessions, energy and revenue by a key, those that are known first.

    Args:
        sessions: All that may count.
        bills: All that may count.
        window: What counts at a place.
        key: Of a place and an instant.
        known: Keys that are shown although nothing happened.
    """
    found: dict[Key, Usage] = {each: Usage() for each in known}
    for session in sessions:
        counts, begun = window(session.place), session.span.start
        if counts.start <= begun < counts.end:
            usage = found.setdefault(key(session.place, begun), Usage())
            usage.sessions += 1
            usage.kwh += session.kwh
    for bill in bills:
        counts = window(bill.place)
        if counts.start <= bill.start < counts.end:
            found.setdefault(key(bill.place, bill.start), Usage()).money[bill.currency].add(bill)
    return found
