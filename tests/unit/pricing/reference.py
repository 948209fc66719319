"""A second opinion: the price of a session worked out one second at a time, slow and obvious.

It shares with the engine the tariff and the periods, and no line of reasoning. Periods last whole minutes,
take a whole number of Wh a second, and amounts of energy in restrictions are multiples of 60 Wh: so nothing
happens inside a second.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from fractions import Fraction
from math import ceil
from zoneinfo import ZoneInfo

from hub.pricing import Activity, ChargedPeriod
from schemas.v2_2_1.tariffs import PriceComponent, Tariff, TariffRestrictions

DAYS = ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"]
SECOND = timedelta(seconds=1)
UNITS = {"ENERGY": 1000, "TIME": 3600, "PARKING_TIME": 3600}


def slow_price(periods: Sequence[ChargedPeriod], tariff: Tariff, zone: ZoneInfo) -> tuple[Fraction, Fraction]:
    """The total without and with VAT of a session that was not reserved."""
    used: dict[str, dict[int, Fraction]] = {kind: defaultdict(Fraction) for kind in UNITS}
    last: dict[str, tuple[int, PriceComponent]] = {}
    last_timed = ""
    fees: dict[int, PriceComponent] = {}
    now, end = periods[0].start, periods[-1].end
    charged = Fraction(0)
    while now < end:
        period = next(one for one in periods if one.start <= now < one.end)
        kwh = Fraction(period.energy) / Fraction(int(period.duration.total_seconds()))
        timed = "TIME" if period.activity is Activity.CHARGING else "PARKING_TIME"
        seconds = int((now - periods[0].start).total_seconds())
        local = now.astimezone(zone)
        clock, day, date = local.strftime("%H:%M"), DAYS[local.weekday()], local.strftime("%Y-%m-%d")
        for kind, amount in (("FLAT", Fraction(1)), ("ENERGY", kwh), (timed, Fraction(1, 3600))):
            for number, element in enumerate(tariff.elements):
                found = [component for component in element.price_components if component.type == kind]
                if found and matches(element.restrictions, clock, day, date, seconds, charged, kwh):
                    if kind == "FLAT":
                        fees.setdefault(number, found[0])
                    elif amount:
                        used[kind][number] += amount
                        last[kind] = number, found[0]
                        last_timed = timed if kind == timed else last_timed
                    break
        charged += kwh
        now += SECOND
    for kind in ("ENERGY", last_timed):
        if kind in last:
            number, component = last[kind]
            step = Fraction(component.step_size, UNITS[kind])
            total = sum(used[kind].values())
            used[kind][number] += ceil(total / step) * step - total
    return cost(tariff, used, fees)


def matches(
    restrictions: TariffRestrictions | None,
    clock: str,
    day: str,
    date: str,
    seconds: int,
    charged: Fraction,
    kwh_a_second: Fraction,
) -> bool:
    """Whether every restriction holds during this second."""
    if restrictions is None:
        return True
    r = restrictions
    start, end = r.start_time or "00:00", r.end_time or "00:00"
    end = "24:00" if end == "00:00" else end
    inside = start <= clock < end if start < end else (clock >= start or clock < end)
    return all(
        (
            inside,
            not r.day_of_week or day in r.day_of_week,
            r.start_date is None or date >= r.start_date,
            r.end_date is None or date < r.end_date,
            r.min_duration is None or seconds >= r.min_duration,
            r.max_duration is None or seconds < r.max_duration,
            r.min_kwh is None or charged >= Fraction(r.min_kwh),
            r.max_kwh is None or charged < Fraction(r.max_kwh),
            r.min_power is None or kwh_a_second * 3600 >= Fraction(r.min_power),
            r.max_power is None or kwh_a_second * 3600 < Fraction(r.max_power),
        )
    )


def cost(
    tariff: Tariff, used: dict[str, dict[int, Fraction]], fees: dict[int, PriceComponent]
) -> tuple[Fraction, Fraction]:
    """All quantities times their prices, without and with VAT, within the bounds of the tariff."""
    asked = [(Fraction(1), fee) for fee in fees.values()]
    for kind, quantities in used.items():
        for number, quantity in quantities.items():
            asked += [(quantity, one) for one in tariff.elements[number].price_components if one.type == kind]
    excl_vat = sum((quantity * Fraction(one.price) for quantity, one in asked), Fraction(0))
    incl_vat = sum(
        (quantity * Fraction(one.price) * (100 + Fraction(one.vat or 0)) / 100 for quantity, one in asked),
        Fraction(0),
    )
    if tariff.min_price is not None and tariff.min_price.incl_vat is not None:
        excl_vat = max(excl_vat, Fraction(tariff.min_price.excl_vat))
        incl_vat = max(incl_vat, Fraction(tariff.min_price.incl_vat))
    if tariff.max_price is not None and tariff.max_price.incl_vat is not None:
        excl_vat = min(excl_vat, Fraction(tariff.max_price.excl_vat))
        incl_vat = min(incl_vat, Fraction(tariff.max_price.incl_vat))
    return excl_vat, incl_vat
