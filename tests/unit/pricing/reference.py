"""A second opinion: the price of a session worked out one second at a time, slow and obvious.

It shares with the engine the tariff and the periods, and no line of reasoning. Nothing may happen inside a
second: see `by_chance`.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from fractions import Fraction
from math import ceil
from typing import NamedTuple
from zoneinfo import ZoneInfo

from hub.pricing import Activity, ChargedPeriod
from schemas.v2_2_1.tariffs import PriceComponent, Tariff, TariffRestrictions

DAYS = ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"]
SECOND = timedelta(seconds=1)
UNITS = {"ENERGY": 1000, "TIME": 3600, "PARKING_TIME": 3600}
CARS = (Activity.CHARGING, Activity.PARKING)
TOTALS = {"ENERGY": "energy", "TIME": "time", "PARKING_TIME": "parking"}


class Where(NamedTuple):
    """A component: the id of its tariff, the number of its element, and itself."""

    tariff_id: str
    number: int
    component: PriceComponent


class Now(NamedTuple):
    """All that restrictions ask about."""

    clock: str
    day: str
    date: str
    seconds: int
    watt_hours: int
    kilowatts: Fraction
    amperes: Fraction


class Tally:
    """What was used so far, in whole seconds and Wh, and what applied to it."""

    def __init__(self) -> None:
        self.used: dict[tuple[str, str], dict[tuple[str, int], int]] = defaultdict(lambda: defaultdict(int))
        self.components: dict[tuple[str, int, str], Where] = {}
        self.fees: dict[tuple[str, int], tuple[str, Where]] = {}
        self.last: dict[str, tuple[str, Where]] = {}

    def pay_fee(self, phase: str, where: Where | None) -> None:
        """Once for each component."""
        if where is not None:
            self.fees.setdefault((where.tariff_id, where.number), (phase, where))

    def use(self, group: str, dimension: str, amount: int, where: Where | None) -> None:
        """Of groups, each is rounded up to steps once."""
        if where is not None and amount:
            self.used[group, dimension][where.tariff_id, where.number] += amount
            self.components[where.tariff_id, where.number, dimension] = where
            self.last[group] = dimension, where

    def round_up(self) -> None:
        """To the steps of what came last."""
        for group, (dimension, where) in self.last.items():
            total, step = sum(self.used[group, dimension].values()), where.component.step_size
            missing = ceil(Fraction(total, step)) * step - total
            self.used[group, dimension][where.tariff_id, where.number] += missing

    def lines(self, tariffs: Sequence[Tariff]) -> Iterator[tuple[str, Where, Fraction]]:
        """Kind, component, kWh or hours or 1."""
        for (group, dimension), quantities in self.used.items():
            kind = "reservation" if group == "reservation" else TOTALS[dimension]
            for (tariff_id, number), quantity in quantities.items():
                where = self.components[tariff_id, number, dimension]
                yield kind, where, Fraction(quantity, UNITS[dimension])
        for phase, where in self.fees.values():
            yield "reservation" if phase == "reservation" else fee_kind(where, tariffs), where, Fraction(1)


def slow_price(
    periods: Sequence[ChargedPeriod], tariffs: Sequence[Tariff], zone: ZoneInfo
) -> dict[str, tuple[Fraction, Fraction]]:
    """The cost without and with VAT in all (`total`), and of each kind before bounds."""
    tally = Tally()
    session_start = next((one.start for one in periods if one.activity in CARS), periods[0].start)
    watt_hours = 0
    for period in periods:
        tariff = next(one for one in tariffs if one.id == period.tariff_id)
        start = session_start if period.activity in CARS else periods[0].start
        length = (period.end - period.start) // SECOND
        rate = int(period.energy * 1000) // length
        for second in range(length):
            at = period.start + second * SECOND
            now = moment(at, (at - start) // SECOND, watt_hours, rate, period, zone)
            if period.activity in CARS:
                charge_or_park(tally, tariff, now, period.activity, rate)
            else:
                wait(tally, tariff, now, period.activity)
            watt_hours += rate
        if period.activity is Activity.EXPIRED:
            over = moment(period.end, (period.end - start) // SECOND, 0, 0, period, zone)
            tally.pay_fee("reservation", first(tariff, "FLAT", over, "RESERVATION_EXPIRES"))
    tally.round_up()
    return summed(list(tally.lines(tariffs)), periods, tariffs)


def charge_or_park(tally: Tally, tariff: Tariff, now: Now, activity: Activity, rate: int) -> None:
    """A second at the charger."""
    timed = "TIME" if activity is Activity.CHARGING else "PARKING_TIME"
    tally.pay_fee("session", first(tariff, "FLAT", now, None))
    tally.use("energy", "ENERGY", rate, first(tariff, "ENERGY", now, None))
    tally.use("stay", timed, 1, first(tariff, timed, now, None))


def wait(tally: Tally, tariff: Tariff, now: Now, activity: Activity) -> None:
    """A second of a reservation."""
    tally.pay_fee("reservation", first(tariff, "FLAT", now, "RESERVATION"))
    where = first(tariff, "TIME", now, "RESERVATION")
    if activity is Activity.EXPIRED:
        where = first(tariff, "TIME", now, "RESERVATION_EXPIRES") or where
    tally.use("reservation", "TIME", 1, where)


def moment(
    at: datetime, seconds: int, watt_hours: int, rate: int, period: ChargedPeriod, zone: ZoneInfo
) -> Now:
    """What restrictions ask about, at an instant."""
    local = at.astimezone(zone)
    power, current = period.power.average, period.current.average
    return Now(
        clock=f"{local.hour:02}:{local.minute:02}",
        day=DAYS[local.weekday()],
        date=f"{local.year}-{local.month:02}-{local.day:02}",
        seconds=seconds,
        watt_hours=watt_hours,
        kilowatts=Fraction(rate * 3600, 1000) if power is None else Fraction(power),
        amperes=Fraction(0) if current is None else Fraction(current),
    )


def first(tariff: Tariff, dimension: str, now: Now, reservation: str | None) -> Where | None:
    """The component of the first element that has the dimension and whose restrictions hold."""
    for number, element in enumerate(tariff.elements):
        if (element.restrictions.reservation if element.restrictions else None) != reservation:
            continue
        for component in element.price_components:
            if component.type == dimension and matches(element.restrictions, now):
                return Where(tariff.id, number, component)
    return None


def matches(r: TariffRestrictions | None, now: Now) -> bool:
    """Whether every restriction holds during this second."""
    if r is None:
        return True
    start, end = r.start_time or "00:00", r.end_time or "00:00"
    end = "24:00" if end == "00:00" else end
    inside = start <= now.clock < end if start < end else (now.clock >= start or now.clock < end)
    return all(
        (
            inside,
            not r.day_of_week or now.day in r.day_of_week,
            r.start_date is None or now.date >= r.start_date,
            r.end_date is None or now.date < r.end_date,
            r.min_duration is None or now.seconds >= r.min_duration,
            r.max_duration is None or now.seconds < r.max_duration,
            r.min_kwh is None or now.watt_hours >= 1000 * r.min_kwh,
            r.max_kwh is None or now.watt_hours < 1000 * r.max_kwh,
            r.min_power is None or now.kilowatts >= r.min_power,
            r.max_power is None or now.kilowatts < r.max_power,
            r.min_current is None or now.amperes >= r.min_current,
            r.max_current is None or now.amperes < r.max_current,
        )
    )


def fee_kind(where: Where, tariffs: Sequence[Tariff]) -> str:
    """A fee beside parking alone belongs to parking."""
    tariff = next(one for one in tariffs if one.id == where.tariff_id)
    beside = {one.type.value for one in tariff.elements[where.number].price_components}
    return "parking" if "PARKING_TIME" in beside and not beside & {"TIME", "ENERGY"} else "fixed"


def summed(
    lines: Sequence[tuple[str, Where, Fraction]], periods: Sequence[ChargedPeriod], tariffs: Sequence[Tariff]
) -> dict[str, tuple[Fraction, Fraction]]:
    """All quantities times their prices, without and with VAT; the total within the bounds of each tariff."""
    nothing = Fraction(0), Fraction(0)
    kinds: dict[str, tuple[Fraction, Fraction]] = {}
    by_tariff: dict[str, tuple[Fraction, Fraction]] = {}
    for kind, where, quantity in lines:
        net = quantity * Fraction(where.component.price)
        gross = net * (100 + Fraction(where.component.vat or 0)) / 100
        for sums, key in ((kinds, kind), (by_tariff, where.tariff_id)):
            before = sums.get(key, nothing)
            sums[key] = before[0] + net, before[1] + gross
    total = [Fraction(0), Fraction(0)]
    for tariff in tariffs:
        under_it = [one for one in periods if one.tariff_id == tariff.id]
        for place, name in enumerate(("excl_vat", "incl_vat")):
            cost = by_tariff.get(tariff.id, nothing)[place]
            if tariff.min_price is not None and any(one.activity in CARS for one in under_it):
                cost = max(cost, Fraction(getattr(tariff.min_price, name)))
            if tariff.max_price is not None and under_it:
                cost = min(cost, Fraction(getattr(tariff.max_price, name)))
            total[place] += cost
    return {**kinds, "total": (total[0], total[1])}
