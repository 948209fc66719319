"""Tariffs and sessions in few words, for the tests of the engine."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from hub.pricing import Activity, ChargedPeriod, Level, PriceStatement, price
from schemas import exact_json
from schemas.v2_2_1.tariffs import Tariff

MONDAY = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
SATURDAY = datetime(2026, 3, 7, 13, 30, tzinfo=UTC)


def tariff(*elements: dict[str, Any], **fields: Any) -> Tariff:
    wire = {
        "country_code": "DE",
        "party_id": "ALL",
        "id": "T1",
        "currency": "EUR",
        "elements": list(elements),
        "last_updated": "2026-01-01T00:00:00Z",
    }
    return Tariff.read(exact_json.encode(wire | fields))


def element(*components: dict[str, Any], **restrictions: Any) -> dict[str, Any]:
    wire: dict[str, Any] = {"price_components": list(components)}
    return wire | {"restrictions": restrictions} if restrictions else wire


def component(kind: str, amount: str, vat: str | None = None, step: int = 1) -> dict[str, Any]:
    wire: dict[str, Any] = {"type": kind, "price": Decimal(amount), "step_size": step}
    return wire if vat is None else wire | {"vat": Decimal(vat)}


def flat(amount: str, vat: str | None = None) -> dict[str, Any]:
    return component("FLAT", amount, vat)


def energy(amount: str, vat: str | None = None, step: int = 1) -> dict[str, Any]:
    return component("ENERGY", amount, vat, step)


def time(amount: str, vat: str | None = None, step: int = 1) -> dict[str, Any]:
    return component("TIME", amount, vat, step)


def parking(amount: str, vat: str | None = None, step: int = 1) -> dict[str, Any]:
    return component("PARKING_TIME", amount, vat, step)


def session(*steps: dict[str, Any], start: datetime = MONDAY) -> tuple[ChargedPeriod, ...]:
    return tuple(_one_after_the_other(steps, start))


def _one_after_the_other(steps: tuple[dict[str, Any], ...], start: datetime) -> Iterator[ChargedPeriod]:
    for step in steps:
        end = start + step["lasting"]
        yield ChargedPeriod(
            start, end, **{"tariff_id": "T1"} | {k: v for k, v in step.items() if k != "lasting"}
        )
        start = end


def charging(minutes: str | int = 60, kwh: str | int = 0, **measured: Any) -> dict[str, Any]:
    return {"lasting": _minutes(minutes), "activity": Activity.CHARGING, "energy": Decimal(kwh)} | _levels(
        measured
    )


def parked(minutes: str | int) -> dict[str, Any]:
    return {"lasting": _minutes(minutes), "activity": Activity.PARKING}


def reserved(minutes: str | int) -> dict[str, Any]:
    return {"lasting": _minutes(minutes), "activity": Activity.RESERVED}


def expired(minutes: str | int) -> dict[str, Any]:
    return {"lasting": _minutes(minutes), "activity": Activity.EXPIRED}


def priced(
    one: Tariff, *steps: dict[str, Any], start: datetime = MONDAY, time_zone: str = "UTC"
) -> PriceStatement:
    return price(session(*steps, start=start), [one], time_zone=time_zone)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _minutes(minutes: str | int) -> timedelta:
    return timedelta(microseconds=int(Decimal(minutes) * 60_000_000))


def _levels(measured: dict[str, Any]) -> dict[str, Any]:
    return {
        name: Level(average=Decimal(value)) if not isinstance(value, Level) else value
        for name, value in measured.items()
    }
