"""What a CDR costs, by the tariffs that it names (2.2.1, CDRs, CDR Object)."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from hub.pricing.charging_periods import charged_periods
from hub.pricing.errors import CannotBePriced
from hub.pricing.exact import negated
from hub.pricing.price import price
from hub.pricing.statement import Amount, PriceStatement
from hub.pricing.untold_energy import with_energy
from schemas.cardinality import AtLeastOne, Many
from schemas.v2_2_1.cdrs import CDR, ChargingPeriod
from schemas.v2_2_1.tariffs import Tariff
from schemas.v2_2_1.types import Boolean, DateTime, Number, String3
from schemas.wire_object import WireObject


class PricedRecord(WireObject):
    """Of a CDR, that on which its price depends; what else it holds is not looked at."""

    start_date_time: DateTime | None = None
    end_date_time: DateTime
    currency: String3 | None = None
    tariffs: Many[Tariff] = ()
    charging_periods: AtLeastOne[ChargingPeriod]
    total_energy: Number | None = None
    credit: Boolean | None = None


def price_cdr(
    cdr: CDR | PricedRecord, *, tariffs: Sequence[Tariff] = (), time_zone: str | None = None
) -> PriceStatement:
    """What a CDR costs, whatever it says itself that it costs.

    If no period names a tariff although there is exactly one, that one prices them all, and the statement
    says so: a list of relevant tariffs of which none is relevant would contradict itself. A Credit CDR takes
    back its total; its lines, like its other totals, are those of the original (CDR-06). Of its totals only
    that of the energy is looked at, and only where its periods tell of none.

    Args:
        cdr: The CDR.
        tariffs: Known from elsewhere; each goes before the CDR's own one with the same id.
        time_zone: Name of the location's time zone; None: not known, UTC is assumed (AM-55).

    Raises:
        CannotBePriced: Something is not understood, contradicts itself, or a tariff is missing.
    """
    first = min(period.start_date_time for period in cdr.charging_periods)
    if cdr.end_date_time < first:
        raise CannotBePriced("/end_date_time", f"{cdr.end_date_time} lies before the start, {first}")
    known = _known(cdr.tariffs, tariffs)
    named, assumed = _named(cdr.charging_periods, known)
    _check_named(named, known)
    for tariff in known:
        if cdr.currency is not None and tariff.currency.upper() != cdr.currency.upper():
            raise CannotBePriced(
                "/currency", f"{cdr.currency}, but tariff {tariff.id} is in {tariff.currency}"
            )
    attributed = with_energy(named, cdr.total_energy, known)
    periods = charged_periods(attributed.periods, end=cdr.end_date_time)
    statement = price(periods, known, time_zone=time_zone)
    if attributed.energy is not None:
        statement = replace(statement, total_energy=attributed.energy)
    notes = (*assumed, *attributed.notes, *_start_note(cdr, first), *_unused(named, tariffs))
    noted = replace(statement, notes=(*notes, *statement.notes)) if notes else statement
    return _credited(noted) if cdr.credit else noted


def _known(own: Sequence[Tariff], others: Sequence[Tariff]) -> list[Tariff]:
    """The CDR's tariffs in their places, those from elsewhere instead of them or behind them."""
    instead = {tariff.id.lower(): tariff for tariff in others}
    ours = [instead.pop(tariff.id.lower(), tariff) for tariff in own]
    return [*ours, *instead.values()]


def _named(
    periods: Sequence[ChargingPeriod], known: Sequence[Tariff]
) -> tuple[Sequence[ChargingPeriod], tuple[str, ...]]:
    """The periods with their tariffs, and what had to be assumed for that."""
    if not known or any(period.tariff_id is not None for period in periods):
        return periods, ()
    if len(known) > 1:
        raise CannotBePriced(
            "/charging_periods/0/tariff_id", f"no period says which of {len(known)} tariffs is relevant"
        )
    (only,) = known
    named = [period.model_copy(update={"tariff_id": only.id}) for period in periods]
    return named, (f"/charging_periods: none names a tariff; {only.id}, the only one, was taken for all",)


def _check_named(periods: Sequence[ChargingPeriod], known: Sequence[Tariff]) -> None:
    ids = {tariff.id.lower() for tariff in known}
    for place, period in enumerate(periods):
        if period.tariff_id is not None and period.tariff_id.lower() not in ids:
            raise CannotBePriced(
                f"/charging_periods/{place}/tariff_id",
                f"there is no tariff {period.tariff_id}, neither in the CDR nor from elsewhere",
            )


def _start_note(cdr: CDR | PricedRecord, first: datetime) -> Iterator[str]:
    if cdr.start_date_time is not None and first != cdr.start_date_time:
        yield (
            f"/start_date_time: {cdr.start_date_time}, but the first charging period begins at {first};"
            " only what the periods tell of has a price"
        )


def _unused(periods: Sequence[ChargingPeriod], tariffs: Sequence[Tariff]) -> Iterator[str]:
    """What is to be said of tariffs that were given in vain."""
    if not tariffs:
        return
    named = {period.tariff_id.lower() for period in periods if period.tariff_id is not None}
    for tariff in tariffs:
        if tariff.id.lower() not in named:
            yield f"tariff {tariff.id} was given, but no charging period names it"


def _credited(statement: PriceStatement) -> PriceStatement:
    total = statement.total_cost
    return replace(
        statement,
        total_cost=Amount(
            negated(total.excl_vat), None if total.incl_vat is None else negated(total.incl_vat)
        ),
        notes=("/credit: the total is taken back, so it is negative", *statement.notes),
    )
