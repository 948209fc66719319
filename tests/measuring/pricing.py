"""How many CDRs the engine prices a second on one core: `python -m tests.measuring.pricing`.

A typical CDR has ten periods and a tariff of five elements: a fee, energy by the hour of the day and by its
amount, and parking by day. Measured is processor time, so that other programs on the machine count little; of
several rounds the best counts. Memory is measured after ten times as many CDRs, and must not have grown.
"""

import argparse
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from time import process_time
from typing import Any

from hub.pricing import PricedRecord, explain, price_cdr
from schemas import exact_json
from schemas.moment import moment_text

START = datetime(2026, 3, 3, 15, 10, tzinfo=UTC)
TWENTY_MINUTES = timedelta(minutes=20)
PERIODS, CHARGING = 10, 8
ZONE = "Europe/Brussels"
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
    """The JSON text of a CDR across 17:00 there, and across 30 kWh."""
    return exact_json.encode(
        {
            "start_date_time": moment_text(START),
            "end_date_time": moment_text(START + PERIODS * TWENTY_MINUTES),
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


def memory() -> int:
    """What the process holds now, in KiB; 0 where no system tells."""
    if not _STATUS.exists():
        return 0
    line = next(each for each in _STATUS.read_text().splitlines() if each.startswith("VmRSS"))
    return int(line.split()[1])


def best_of(rounds: int, count: int, work: Any) -> float:
    """How often a second the work was done in the best of so many rounds."""
    fastest = min(_seconds(count, work) for _ in range(rounds))
    return count / fastest


def _seconds(count: int, work: Any) -> float:
    begun = process_time()
    for _ in range(count):
        work()
    return process_time() - begun


def main() -> None:
    """Measure, and print one line a measurement."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cdrs", type=int, default=500, help="a round")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true", help="for programs")
    wanted = parser.parse_args()
    text = typical_cdr()
    # A CDR brings its own tariffs: each is understood anew, as it is for CDRs that come one by one.
    cdr = PricedRecord.read(text)
    priced = best_of(wanted.rounds, wanted.cdrs, lambda: price_cdr(cdr, time_zone=ZONE))
    before = memory()
    _seconds(10 * wanted.cdrs, lambda: price_cdr(cdr, time_zone=ZONE))
    found = {
        "priced_a_second": round(priced),
        "read_and_priced_a_second": round(
            best_of(2, wanted.cdrs, lambda: price_cdr(PricedRecord.read(text), time_zone=ZONE))
        ),
        "priced_and_explained_a_second": round(
            best_of(2, wanted.cdrs, lambda: explain(price_cdr(cdr, time_zone=ZONE)))
        ),
        "memory_grew_by_kib": memory() - before,
    }
    if wanted.json:
        sys.stdout.write(f"{exact_json.encode(found).decode()}\n")
    else:
        sys.stdout.writelines(f"{name.replace('_', ' ')}: {value}\n" for name, value in found.items())


if __name__ == "__main__":
    main()
