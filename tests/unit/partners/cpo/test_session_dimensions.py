"""What a running Session tells beyond a CDR: means and the battery of each period; no price depends on it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.pricing import CannotBePriced, charged_periods, price
from partners.cpo.billing.costs import Terms, cost, running_cost
from partners.cpo.charging.meter_values import MeterSample
from partners.cpo.charging.metering import Metered, Use, periods, use
from schemas.v2_2_1 import ChargingPeriod, Tariff
from schemas.v2_2_1.cdrs import SESSION_ONLY
from tests.fixtures.cpo_world import tariff

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
OWN = {"country_code": "NL", "party_id": "CPO", "last_updated": "2026-01-01T00:00:00Z"}
#: With prices that depend on power and current.
BY_FLOW = tariff(
    elements=[
        {
            "price_components": [{"type": "ENERGY", "price": Decimal(euros), "step_size": 1}],
            "restrictions": restrictions,
        }
        for euros, restrictions in enumerate(
            ({"max_power": Decimal(11)}, {"min_current": Decimal(20)}, {"min_power": Decimal(2)}), 1
        )
    ]
)
TERMS = Terms(Tariff.model_validate(tariff() | OWN), "Europe/Amsterdam")


def sample(minutes: float, wh: int | None = None, **told: Any) -> MeterSample:
    values = {name: None if value is None else Decimal(value) for name, value in told.items()}
    return MeterSample(START + timedelta(minutes=minutes), None if wh is None else Decimal(wh), **values)


def used(*samples: MeterSample) -> Use:
    return use(Metered(START, Decimal(1000), samples))


def told(period: Any) -> dict[str, Decimal]:
    return {str(each.type): each.volume for each in period.dimensions}


def without(period: ChargingPeriod) -> ChargingPeriod:
    kept = tuple(each for each in period.dimensions if each.type not in SESSION_ONLY)
    return period.model_copy(update={"dimensions": kept})


def priced_by_others(running: tuple[ChargingPeriod, ...], terms: Terms) -> Any:
    """What an eMSP makes of the periods that it is told."""
    end = running[-1].start_date_time + QUARTER if running else START
    try:
        charged = charged_periods(running, end=end)
        return price(charged, terms.tariffs, time_zone=terms.time_zone).total_cost
    except CannotBePriced as error:
        return str(error)


@pytest.mark.holds("SES-19", by="cpo")
def test_a_period_tells_means_and_where_the_battery_stands_at_its_end() -> None:
    found = used(
        sample(1, 1100, power_w=7000, current_a=30, soc=20),
        sample(7, 1800, power_w=8000, current_a="31.5", soc=25),
        sample(14, 2600, power_w=9000, soc=30),
        sample(16, 3000, power_w=0, soc=31),
    )
    first, second = periods(found, every=QUARTER)
    assert {name: value for name, value in told(first).items() if name in SESSION_ONLY} == {
        "ENERGY_IMPORT": told(first)["ENERGY"],
        "POWER": Decimal(8),
        "CURRENT": Decimal("30.75"),
        "STATE_OF_CHARGE": Decimal(30),
    }
    assert SESSION_ONLY.isdisjoint(told(second).keys() - {"ENERGY_IMPORT", "POWER", "STATE_OF_CHARGE"})
    # As a CDR has them, there is nothing of it.
    for period in periods(found):
        assert SESSION_ONLY.isdisjoint(told(period))


def test_what_no_sample_has_is_not_told() -> None:
    (only,) = periods(used(sample(5, power_w=7000), sample(10, soc=150)), every=QUARTER)
    assert told(only).keys() & SESSION_ONLY == {"POWER"}
    (bare,) = periods(used(sample(5), sample(10)), every=QUARTER)
    assert SESSION_ONLY.isdisjoint(told(bare))


@pytest.mark.holds("CDR-11", "SES-19", by="cpo")
@given(
    st.lists(
        st.tuples(
            st.integers(1, 59),
            st.one_of(st.none(), st.integers(0, 2000)),
            st.one_of(st.none(), st.integers(-11_000, 22_000)),
            st.one_of(st.none(), st.integers(0, 96)),
            st.one_of(st.none(), st.integers(-5, 130)),
        ),
        min_size=1,
        max_size=12,
    ),
    st.sampled_from([tariff(), BY_FLOW]),
)
def test_no_price_is_changed_by_what_only_a_session_tells(
    steps: list[tuple[int, int | None, int | None, int | None, int | None]], table: dict[str, Any]
) -> None:
    minutes, wh, samples = 0, 1000, []
    for pause, energy, watt, ampere, charge in steps:
        minutes, wh = minutes + pause, wh + (energy or 0)
        register = None if energy is None else wh
        samples.append(sample(minutes, register, power_w=watt, current_a=ampere, soc=charge))
    found, terms = used(*samples), Terms(Tariff.model_validate(table | OWN), "Europe/Amsterdam")
    try:
        priced, running = running_cost(found, terms, QUARTER)
    except CannotBePriced:
        # The tariff asks for what was not measured: no more and no less than for a CDR.
        with pytest.raises(CannotBePriced):
            cost(found, terms)
        return
    assert priced == cost(found, terms)
    assert priced is not None
    assert all(SESSION_ONLY.isdisjoint(told(period)) for period in priced.periods)
    assert priced_by_others(running, terms) == priced_by_others(tuple(map(without, running)), terms)
