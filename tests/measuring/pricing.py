"""How many CDRs the engine prices a second on one core: `python -m tests.measuring.pricing`.

A typical CDR has ten periods, eight of charging and two of parking, and a tariff of five elements: a fee,
energy by the hour of the day and by its amount, and parking by day. It crosses 17:00 there, and 30 kWh, so
that two periods are divided. Measured is processor time, so that other programs on the machine count little;
of many short rounds the best counts. Memory is measured after ten times as many, and must not have grown.

A CDR is priced from decoded JSON to the statement, each read anew: what `ocpi-hub price` and a verdict do. A
verdict asks every rule beside, with all known that it may ask for.
"""

import argparse
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from time import process_time
from typing import Any

from hub.pricing import PricedRecord, explain, price_cdr
from hub.pricing.plausibility import Known, TariffVersion, judged
from schemas import exact_json
from schemas.moment import moment_text
from schemas.v2_2_1 import Location, Tariff, Token
from tests.fixtures import samples

START = datetime(2026, 3, 3, 15, 10, tzinfo=UTC)
TWENTY_MINUTES = timedelta(minutes=20)
PERIODS, CHARGING = 10, 8
END = START + PERIODS * TWENTY_MINUTES
ZONE = "Europe/Brussels"
A_ROUND = 25
_STATUS = Path("/proc/self/status")


def tariff() -> dict[str, Any]:
    """Five elements, four of them restricted."""
    working_days = ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY"]
    return {
        "country_code": "BE",
        "party_id": "BEC",
        "id": "DAY",
        "currency": "EUR",
        "elements": [
            _element("FLAT", "0.50", 1),
            _element("ENERGY", "0.45", 100, start_time="17:00", end_time="21:00", day_of_week=working_days),
            _element("ENERGY", "0.35", 100, max_kwh=30),
            _element("ENERGY", "0.55", 100),
            _element("PARKING_TIME", "4.00", 300, start_time="08:00", end_time="20:00"),
        ],
        "last_updated": "2026-01-01T00:00:00Z",
    }


def _element(kind: str, amount: str, step_size: int, **restrictions: Any) -> dict[str, Any]:
    component = {"type": kind, "price": Decimal(amount), "vat": Decimal(21), "step_size": step_size}
    return {"price_components": [component]} | ({"restrictions": restrictions} if restrictions else {})


def typical_cdr() -> bytes:
    """The JSON text of all in a CDR on which its price depends."""
    return exact_json.encode(
        {
            "start_date_time": moment_text(START),
            "end_date_time": moment_text(END),
            "currency": "EUR",
            "tariffs": [tariff()],
            "charging_periods": [_period(number) for number in range(PERIODS)],
        }
    )


def _period(number: int) -> dict[str, Any]:
    volumes = {"TIME": "0.3333", "ENERGY": "3.941", "MAX_POWER": "11.9"}
    return {
        "start_date_time": moment_text(START + number * TWENTY_MINUTES),
        "dimensions": [
            {"type": kind, "volume": Decimal(volume)}
            for kind, volume in (volumes if number < CHARGING else {"PARKING_TIME": "0.3333"}).items()
        ],
        "tariff_id": "DAY",
    }


def whole_cdr() -> dict[str, Any]:
    """The same as a whole CDR that asks for what it costs, decoded."""
    priced: dict[str, Any] = exact_json.decode(typical_cdr())
    told = explain(price_cdr(PricedRecord.model_validate(priced), time_zone=ZONE)).data
    totals = {
        name: {vat: round(Decimal(amount), 4) for vat, amount in told[name].items()}
        for name in ("total_cost", "total_fixed_cost", "total_energy_cost", "total_parking_cost")
    }
    hours = {name: round(Decimal(told[name]), 4) for name in ("total_time", "total_parking_time")}
    energy = {"total_energy": Decimal(told["total_energy"])}
    return samples.cdr(**priced, **totals, **hours, **energy, last_updated=moment_text(END))


def all_known() -> Known:
    """What a hub knows of it: location, token, and the tariff as it was."""
    held = Tariff.model_validate(tariff())
    return Known(
        now=END + timedelta(minutes=1),
        location=Location.model_validate(samples.location(time_zone=ZONE)),
        token=Token.model_validate(samples.token()),
        tariffs=(TariffVersion("DAY", held.last_updated, held),),
    )


def memory() -> int:
    """What the process holds now, in KiB; 0 where no system tells."""
    if not _STATUS.exists():
        return 0
    line = next(each for each in _STATUS.read_text().splitlines() if each.startswith("VmRSS"))
    return int(line.split()[1])


def a_second(count: int, work: Callable[[], object]) -> int:
    """How often a second the work is done, by the best of many rounds of it."""
    fastest = min(_seconds(A_ROUND, work) for _ in range(max(1, count // A_ROUND)))
    return round(A_ROUND / fastest)


def _seconds(count: int, work: Callable[[], object]) -> float:
    begun = process_time()
    for _ in range(count):
        work()
    return process_time() - begun


def figures(count: int = 2_000) -> dict[str, int]:
    """The figures by name, each with its unit in it.

    Args:
        count: How many CDRs to price for each of them.
    """
    text, whole, known = typical_cdr(), whole_cdr(), all_known()
    value = exact_json.decode(text)
    cdr = PricedRecord.model_validate(value)

    def from_json() -> object:
        return price_cdr(PricedRecord.model_validate(value), time_zone=ZONE)

    _seconds(count, from_json)
    before = memory()
    _seconds(10 * count, from_json)
    grown = memory() - before
    return {
        "priced_a_second": a_second(count, from_json),
        "priced_once_read_a_second": a_second(count, lambda: price_cdr(cdr, time_zone=ZONE)),
        "priced_and_explained_a_second": a_second(
            count, lambda: explain(price_cdr(PricedRecord.read(text), time_zone=ZONE))
        ),
        "verdicts_a_second": a_second(count, lambda: judged(whole, known)),
        "memory_grew_by_kib": grown,
    }


def main() -> None:
    """Measure, and print one line a measurement."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cdrs", type=int, default=2_000, help="for each figure")
    parser.add_argument("--json", action="store_true", help="for programs")
    wanted = parser.parse_args()
    found = figures(wanted.cdrs)
    if wanted.json:
        sys.stdout.write(f"{exact_json.encode(found).decode()}\n")
    else:
        sys.stdout.writelines(f"{name.replace('_', ' ')}: {value}\n" for name, value in found.items())


if __name__ == "__main__":
    main()
