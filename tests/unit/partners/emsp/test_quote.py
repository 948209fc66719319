"""A quote: the price of what a driver means to do, by the engine that prices the CDR later, or a refusal."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.pricing import CannotBePriced, PriceStatement, price_cdr
from hub.pricing.plausibility import TariffVersion
from partners.emsp.quote import NoQuote, Quote, Reason, Wish, quoted
from schemas.moment import moment_text
from schemas.v2_2_1 import CDR, Connector, ProfileType, Tariff
from tests.fixtures.samples import cdr, connector, tariff
from tests.unit.pricing.random_sessions import STARTS, ZONES, tariffs

TEN = datetime(2026, 1, 1, 10, tzinfo=UTC)
ZONE = "Europe/Brussels"
WISH = Wish(TEN, Decimal("14.5"), timedelta(minutes=40), timedelta(minutes=15))
#: Stronger than anything by chance.
MEGAWATT = Connector.model_validate(connector(max_electric_power=10_000_000))


def element(kind: str, price: str, **restrictions: Any) -> dict[str, Any]:
    """An element of one component."""
    made: dict[str, Any] = {"price_components": [{"type": kind, "price": Decimal(price), "step_size": 1}]}
    return {**made, "restrictions": restrictions} if restrictions else made


def version(since: datetime = TEN - timedelta(days=1), **changes: Any) -> TariffVersion:
    made = Tariff.model_validate(tariff(last_updated=moment_text(since), **changes))
    return TariffVersion(made.id, since, made)


def quote(*versions: TariffVersion, wish: Wish = WISH, zone: str = ZONE, **changes: Any) -> Quote:
    return quoted(wish, Connector.model_validate(connector(**changes)), versions or (version(),), zone)


def net(made: Quote) -> Decimal:
    return made.statement.total_cost.excl_vat


def test_energy_time_and_parking_afterwards_are_quoted_line_by_line() -> None:
    """14.5 kWh at 0.25, a quarter of an hour at 2.00, 20 per cent VAT."""
    made = quote().as_data()
    assert (str(made["total"]), made["excl_vat"], made["incl_vat"]) == ("4.95", "4.125", "4.95")
    assert [(each["kind"], each["quantity"], each["excl_vat"]) for each in made["statement"]["lines"]] == [
        ("ENERGY", "14.5", "3.625"),
        ("PARKING", "0.25", "0.5"),
    ]
    assert (made["charging_minutes"], made["parking_minutes"]) == (40, 15)
    assert "To be paid: 4.95 EUR." in made["words"]


def test_times_are_those_of_the_place() -> None:
    """11:00 in Brussels, where power is cheap until 11:20."""
    cheap = element("TIME", "1", end_time="11:20")
    made = quote(version(elements=[cheap, element("TIME", "4")]))
    assert [str(line.unit_price) for line in made.statement.lines] == ["1", "4"]
    in_utc = quote(version(elements=[cheap, element("TIME", "4")]), zone="UTC")
    assert [str(line.unit_price) for line in in_utc.statement.lines] == ["1"]


def test_power_is_constant_and_current_follows_from_it() -> None:
    """14.5 kWh in 40 minutes are 21.75 kW, and 94.5652 A at 230 V, on all phases together."""
    by_power = version(elements=[element("ENERGY", "1", min_power=Decimal("21.75")), element("ENERGY", "9")])
    assert net(quote(by_power)) == Decimal("14.5")
    above = version(elements=[element("ENERGY", "1", min_power=Decimal("21.76")), element("ENERGY", "9")])
    assert net(quote(above)) == Decimal("130.5")
    by_current = version(elements=[element("ENERGY", "1", min_current=Decimal(94)), element("ENERGY", "9")])
    assert net(quote(by_current)) == Decimal("14.5")


@pytest.mark.parametrize(
    ("changes", "most"),
    [
        ({}, "14.72"),  # three phases of 230 V and 32 A
        ({"power_type": "AC_1_PHASE"}, "4.9066"),
        ({"max_electric_power": 11_000}, "7.3333"),
        ({"power_type": "DC", "max_voltage": 400, "max_amperage": 125}, "33.3333"),
    ],
)
def test_what_the_connector_cannot_give_is_refused(changes: dict[str, Any], most: str) -> None:
    quote(wish=Wish(TEN, Decimal(most), timedelta(minutes=40)), **changes)
    with pytest.raises(NoQuote, match="too much power: connector 1 gives") as refused:
        quote(wish=Wish(TEN, Decimal(most) + Decimal("0.0001"), timedelta(minutes=40)), **changes)
    assert refused.value.reason is Reason.TOO_MUCH_POWER


@pytest.mark.parametrize(
    ("energy", "minutes", "parked"),
    [("-1", 40, 0), ("1", 0, 0), ("1", 0, 10), ("1", -5, 10), ("1", 5, -1),
     ("0", 0, 0), ("NaN", 1, 0), ("1", 10**6, 0)],
)  # fmt: skip
def test_what_is_no_charging_is_refused(energy: str, minutes: int, parked: int) -> None:
    with pytest.raises(NoQuote, match="not a charging"):
        Wish(TEN, Decimal(energy), timedelta(minutes=minutes), timedelta(minutes=parked))


@pytest.mark.parametrize("year", [1969, 2901, 9999])
def test_nor_is_what_happens_in_no_calendar(year: int) -> None:
    with pytest.raises(NoQuote, match="not a charging"):
        Wish(TEN.replace(year=year), Decimal(1), timedelta(minutes=10))


def test_to_stand_there_without_charging_has_a_price() -> None:
    made = quote(wish=Wish(TEN, Decimal(0), timedelta(), timedelta(hours=2)))
    assert net(made) == 4


def refusal(*versions: TariffVersion, wish: Wish = WISH, **changes: Any) -> NoQuote:
    with pytest.raises(NoQuote) as refused:
        quote(*versions, wish=wish, **changes)
    return refused.value


def test_without_a_tariff_there_is_no_quote_and_never_0() -> None:
    assert refusal(tariff_ids=[]).reason is Reason.NO_TARIFF


@pytest.mark.holds("TAR-18", by="emsp")
def test_a_tariff_that_nobody_sent_has_an_unknown_price() -> None:
    """TAR-18: nor is the other one quoted, since the unknown one may be that which counts."""
    refused = refusal(tariff_ids=["T1", "T9"])
    assert (refused.reason, "T9" in str(refused)) == (Reason.UNKNOWN_TARIFF, True)


@pytest.mark.parametrize(
    ("versions", "said"),
    [
        ([version(end_date_time="2026-01-01T09:59:59Z")], "T1 ended at"),
        ([version(start_date_time="2026-01-01T10:00:01Z")], "T1 begins at"),
        ([version(), TariffVersion("T1", TEN - timedelta(hours=1), None)], "T1 was withdrawn"),
    ],
)
def test_a_tariff_that_is_not_valid_then_is_refused(versions: list[TariffVersion], said: str) -> None:
    refused = refusal(*versions)
    assert (refused.reason, said in str(refused)) == (Reason.TARIFF_NOT_VALID, True)


def test_a_tariff_of_another_type_is_refused() -> None:
    refused = refusal(version(type="AD_HOC_PAYMENT"))
    assert (refused.reason, "T1 is AD_HOC_PAYMENT" in str(refused)) == (Reason.TARIFF_OF_OTHER_TYPE, True)


def test_a_tariff_that_the_engine_does_not_understand_is_refused() -> None:
    refused = refusal(
        version(elements=[element("FLAT", "1"), element("ENERGY", "1", start_time="10:00", end_time="10:00")])
    )
    assert (refused.reason, "/elements/1/restrictions" in str(refused)) == (Reason.NOT_PRICED, True)


@pytest.mark.parametrize(
    ("profile", "ad_hoc", "expected"),
    [
        (ProfileType.REGULAR, False, "REGULAR"),
        (ProfileType.GREEN, False, "PROFILE_GREEN"),
        (ProfileType.REGULAR, True, "AD_HOC_PAYMENT"),
        (ProfileType.FAST, False, "ANY"),
    ],
)
def test_the_type_says_which_tariff_counts(profile: ProfileType, expected: str, *, ad_hoc: bool) -> None:
    """One that is meant for just such sessions goes before one for all; the others are named."""
    versions = [version(id=each, type=each) for each in ("REGULAR", "PROFILE_GREEN", "AD_HOC_PAYMENT")]
    any_session = version(id="ANY")
    wish = Wish(TEN, Decimal(10), timedelta(hours=1), profile=profile, ad_hoc=ad_hoc)
    ids = ["ANY", "REGULAR", "PROFILE_GREEN", "AD_HOC_PAYMENT"]
    made = quote(any_session, *versions, wish=wish, tariff_ids=ids)
    assert made.tariff.id == expected
    assert made.others == (() if expected == "ANY" else ("ANY",))


def test_it_is_the_version_of_that_moment() -> None:
    later = version(TEN + timedelta(hours=1), elements=[element("ENERGY", "9")])
    assert net(quote(version(), later)) == Decimal("4.125")
    afterwards = Wish(TEN + timedelta(hours=1), WISH.energy, WISH.charging)
    assert net(quote(version(), later, wish=afterwards)) == Decimal("130.5")


def test_a_price_of_tomorrow_is_quoted_from_tomorrow_on() -> None:
    """Though it is told today, under the same id."""
    tomorrow = moment_text(TEN + timedelta(hours=14))
    told = version(TEN - timedelta(hours=1), elements=[element("ENERGY", "9")], start_date_time=tomorrow)
    assert net(quote(version(), told)) == Decimal("4.125")
    then = Wish(TEN + timedelta(hours=14), WISH.energy, WISH.charging)
    assert net(quote(version(), told, wish=then)) == Decimal("130.5")
    assert "T1 begins at" in str(refusal(told))
    gone = TariffVersion("T1", TEN - timedelta(minutes=30), None)
    assert "T1 was withdrawn" in str(refusal(version(), told, gone))


def hours_of(duration: timedelta) -> Decimal:
    """As a CDR has them: four decimals."""
    return (Decimal(duration // timedelta(minutes=1)) / 60).quantize(Decimal("0.0001"))


def as_cdr(wish: Wish, tariff_id: str, parts: int) -> CDR:
    """What happens as wished, told by the CPO in so many charging periods of the same power."""
    periods = []
    for number in range(parts if wish.charging else 0):
        start = wish.start + wish.charging / parts * number
        energy = {"type": "ENERGY", "volume": wish.energy / parts}
        hours = {"type": "TIME", "volume": hours_of(wish.charging / parts)}
        periods.append(
            {"start_date_time": moment_text(start), "dimensions": [energy, hours], "tariff_id": tariff_id}
        )
    stopped = wish.start + wish.charging
    if wish.parking:
        hours = {"type": "PARKING_TIME", "volume": hours_of(wish.parking)}
        periods.append(
            {"start_date_time": moment_text(stopped), "dimensions": [hours], "tariff_id": tariff_id}
        )
    end = moment_text(stopped + wish.parking)
    made = {"charging_periods": periods, "total_energy": wish.energy}
    value = cdr(start_date_time=moment_text(wish.start), end_date_time=end, **made)
    return CDR.model_validate(value)


@settings(max_examples=60, deadline=None)
@given(
    one=tariffs(),
    zone=st.sampled_from(ZONES),
    start=st.sampled_from(STARTS),
    charged=st.integers(0, 40),
    parked=st.integers(0, 40),
    watt_hours=st.integers(0, 50),
    parts=st.sampled_from([1, 2, 4]),
)
def test_what_happens_as_it_was_quoted_costs_what_was_quoted(
    one: Tariff, zone: str, start: datetime, charged: int, parked: int, watt_hours: int, parts: int
) -> None:
    """Whatever the tariff: the quote is the price of the CDR, exactly, in however many periods it is told."""
    if not charged + parked:
        return
    charging, energy = timedelta(minutes=4 * charged), Decimal(4 * charged * watt_hours) / 1000
    wish = Wish(start, energy, charging, timedelta(minutes=parked))
    place = MEGAWATT.model_copy(update={"tariff_ids": (one.id,)})
    versions = [TariffVersion(one.id, start - timedelta(days=1), one)]

    def cost_of_cdr() -> PriceStatement:
        told = as_cdr(wish, one.id, parts).model_copy(update={"tariffs": (one,), "currency": one.currency})
        return price_cdr(told, time_zone=zone)

    try:
        billed = cost_of_cdr()
    except CannotBePriced:
        with pytest.raises(NoQuote, match="cannot be priced"):
            quoted(wish, place, versions, zone)
        return
    made = quoted(wish, place, versions, zone).statement
    assert made.total_cost == billed.total_cost
    for name in ("fixed", "energy", "time", "parking"):
        assert getattr(made, f"total_{name}_cost") == getattr(billed, f"total_{name}_cost")
    assert (made.total_energy, made.total_time) == (billed.total_energy, billed.total_time)
