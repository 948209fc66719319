"""Drivers come to a fleet as a day has them: by chance, and the same for the same seed."""

import asyncio
import itertools
from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from partners.charger.arrivals import HOURLY_SHARES, Arrival, arrivals
from partners.charger.fleet import cards, fleet, mixture, welcome_drivers
from partners.charger.settings import ChargerSettings
from tests.fixtures.csms import foreign_csms, patiently, simulator

MIDNIGHT = datetime(2026, 1, 5, tzinfo=UTC)


def drivers(seed: object, count: int, per_day: float = 4) -> list[Arrival]:
    chance = Random(str(seed))  # noqa: S311 - nothing to keep secret
    return list(itertools.islice(arrivals(chance, MIDNIGHT, per_day), count))


@settings(max_examples=20)
@given(st.integers(), st.integers(1, 40))
def test_the_same_seed_brings_the_same_drivers_in_order_and_with_sensible_cars(seed: int, count: int) -> None:
    found = drivers(seed, count)
    assert found == drivers(seed, count)
    times = [each.at for each in found]
    assert times == sorted(times)
    assert times[0] > MIDNIGHT
    for each in found:
        assert timedelta(minutes=10) <= each.stays <= timedelta(hours=14)
        assert 0 < each.vehicle.soc <= 0.9


def test_another_seed_brings_others() -> None:
    assert drivers(1, 5) != drivers(2, 5)


def test_as_many_come_as_are_meant_to_and_when_a_day_has_them() -> None:
    days = 200
    found = drivers(1, days * 4)
    took = (found[-1].at - MIDNIGHT) / timedelta(days=1)
    assert 0.9 * days < took < 1.1 * days
    hours = Counter(each.at.hour for each in found)
    night, evening = sum(hours[hour] for hour in range(6)), sum(hours[hour] for hour in range(16, 20))
    assert night < 0.06 * len(found)
    assert 0.25 * len(found) < evening < 0.4 * len(found)
    assert sum(HOURLY_SHARES) == 100


def test_a_fleet_speaks_all_versions_and_a_small_one_too() -> None:
    assert mixture(3) == ["1.6", "2.0.1", "2.1"]
    assert Counter(mixture(100)) == {"1.6": 50, "2.0.1": 30, "2.1": 20}
    assert len(set(cards(50))) == 50
    assert {len(each) for each in cards(50)} == {14}


async def test_drivers_charge_at_chargers_of_all_versions() -> None:
    async with foreign_csms() as csms:
        csms.refused["THIEF"] = "Blocked"
        settings = [
            ChargerSettings(version=version, reconnect_after=timedelta(milliseconds=10))
            for version in mixture(3)
        ]
        chargers = [
            simulator(csms, each.version, 20_000, f"CP{number}", each) for number, each in enumerate(settings)
        ]
        async with fleet(chargers):
            for each in chargers:
                await patiently(each.until_connected())
                each.configuration.change("MeterValueSampleInterval", "900")
            async with asyncio.TaskGroup() as group:
                tokens = [*cards(2), "THIEF"]
                visits = [
                    group.create_task(welcome_drivers(each, 1, tokens, each.charge_point, 200))
                    for each in chargers
                ]
                await patiently(
                    csms.until(
                        lambda: (
                            len(csms.told("StopTransaction")) > 0
                            and {"CP1", "CP2"}
                            <= {h.charge_point for h in csms.heard if h.payload.get("eventType") == "Ended"}
                        )
                    )
                )
                for visit in visits:
                    visit.cancel()
    used = {each.get("idTag") for each in csms.told("StartTransaction")} | {
        each["idToken"]["idToken"] for each in csms.events("Started")
    }
    assert used <= set(cards(2))
