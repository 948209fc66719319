"""Meter values of OCPP 1.6, normalised: one unit a quantity, exact, in UTC."""

import contextlib
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partners.cpo.charging.meter_values import MeterSample, NotAnInstant, instant, samples
from partners.cpo.charging.signatures import Opinion, opinion
from partners.cpo.charging.signed_values import told_signed

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def one(*sampled: dict[str, Any], timestamp: str = "2026-01-02T12:00:00Z") -> MeterSample:
    (sample,) = samples([{"timestamp": timestamp, "sampledValue": list(sampled)}])
    return sample


def power(value: str, **more: str) -> dict[str, Any]:
    return {"value": value, "measurand": "Power.Active.Import", **more}


def current(value: str, **more: str) -> dict[str, Any]:
    return {"value": value, "measurand": "Current.Import", **more}


def test_a_bare_value_is_the_imported_energy_in_wh_sampled_periodically() -> None:
    assert one({"value": "1234.5"}) == MeterSample(at=NOON, energy_wh=Decimal("1234.5"))


@pytest.mark.parametrize(
    ("sampled", "wh"),
    [
        ({"value": "1.2345", "unit": "kWh"}, "1234.5"),
        ({"value": "1234.5", "unit": "Wh"}, "1234.5"),
        ({"value": "  7.40 "}, "7.40"),
        ({"value": "1E3"}, "1000"),
        ({"value": "0"}, "0"),
        ({"value": "-5"}, "-5"),
        ({"value": "12345678901234.123"}, "12345678901234.123"),
    ],
)
def test_energy_is_in_wh_and_exact(sampled: dict[str, Any], wh: str) -> None:
    assert one(sampled).energy_wh == Decimal(wh)


def test_units_may_change_inside_one_transaction() -> None:
    told = samples(
        [
            {"timestamp": "2026-01-02T12:00:00Z", "sampledValue": [{"value": "10", "unit": "kWh"}]},
            {"timestamp": "2026-01-02T12:01:00Z", "sampledValue": [{"value": "10200"}]},
        ]
    )
    assert [sample.energy_wh for sample in told] == [Decimal(10_000), Decimal(10_200)]


def test_every_quantity_of_one_instant_is_in_one_sample() -> None:
    assert one(
        {"value": "100", "measurand": "Energy.Active.Import.Register", "unit": "Wh"},
        power("7.4", unit="kW"),
        current("32", unit="A"),
        {"value": "81", "measurand": "SoC", "unit": "Percent", "location": "EV"},
    ) == MeterSample(
        at=NOON, energy_wh=Decimal(100), power_w=Decimal(7400), current_a=Decimal(32), soc=Decimal(81)
    )


@pytest.mark.parametrize(
    ("sampled", "total"),
    [
        ([power("9"), power("1", phase="L1"), power("2", phase="L2"), power("3", phase="L3")], 9),
        ([power("1", phase="L1"), power("2", phase="L2"), power("3", phase="L3")], 6),
        ([power("1", phase="L1-N"), power("2", phase="L2-N"), power("3", phase="L3-N")], 6),
        ([power("1", phase="L1"), power("4", phase="L1-N"), power("2", phase="L2")], 3),
        ([power("1", phase="L2", unit="kW"), power("2", phase="L3")], 1002),
    ],
)
def test_the_whole_is_what_has_no_phase_else_the_sum_of_the_phases(
    sampled: list[dict[str, Any]], total: int
) -> None:
    assert one(*sampled).power_w == total


def test_voltages_between_phases_are_not_summed_up_into_anything() -> None:
    told = one(
        current("5", phase="L1"), {"value": "400", "measurand": "Voltage", "phase": "L1-L2", "unit": "V"}
    )
    assert told == MeterSample(at=NOON, current_a=Decimal(5))


@pytest.mark.parametrize(
    "sampled",
    [
        {"value": ""},
        {"value": "NaN"},
        {"value": "Infinity"},
        {"value": "1E+999999999999"},
        {"value": "1E15"},
        {"value": "5", "measurand": "Energy.Active.Export.Register"},
        {"value": "5", "measurand": "Energy.Reactive.Import.Register", "unit": "varh"},
        {"value": "5", "unit": "W"},
        {"value": "5", "location": "EV"},
        {"value": "5", "location": "Inlet"},
    ],
)
def test_what_is_no_reading_of_the_imported_energy_is_left_out(sampled: dict[str, Any]) -> None:
    assert samples([{"timestamp": "2026-01-02T12:00:00Z", "sampledValue": [sampled]}]) == ()


@pytest.mark.parametrize("text", ["1E-999999999", "-1E-16", "0E-999999999", "0.0000000000000000000000001"])
def test_what_is_finer_than_any_meter_is_nothing_and_takes_no_room(text: str) -> None:
    assert str(one({"value": text}).energy_wh) == "0"


def test_energy_of_an_interval_is_no_register() -> None:
    told = one({"value": "0.5", "measurand": "Energy.Active.Import.Interval", "unit": "kWh"})
    assert (told.energy_wh, told.interval_wh) == (None, 500)


@pytest.mark.parametrize(
    ("sampled", "record"),
    [
        ({"value": "OCMF|{}|{}", "format": "SignedData"}, b"OCMF|{}|{}"),
        ({"value": '{"signedMeterData": "AAAA"}'}, bytes(3)),
        ({"value": '{"signedMeterData": 5}', "format": "SignedData"}, b'{"signedMeterData": 5}'),
        ({"value": "{ not JSON", "format": "SignedData"}, b"{ not JSON"),
        ({"value": "12", "format": "SignedData"}, b"12"),
        ({"value": "", "format": "SignedData"}, b""),
    ],
)
def test_what_is_signed_is_no_number_and_is_kept_as_it_is(sampled: dict[str, Any], record: bytes) -> None:
    (told,) = samples([{"timestamp": "2026-01-02T12:00:00Z", "sampledValue": [sampled]}])
    assert told.energy_wh is None
    assert [each.record for each in told.signed] == [record]


@pytest.mark.parametrize("text", ["", "{", "{}", "[1]", '{"a": 1}', "OCMF|", "OCMF|x|y", 'OCMF|{"RD":[]}|'])
def test_what_cannot_be_read_of_a_record_is_not_made_up(text: str) -> None:
    (told,) = samples(
        [{"timestamp": "2026-01-02T12:00:00Z", "sampledValue": [{"value": text, "format": "SignedData"}]}]
    )
    assert [each.register_wh for each in told.signed] == [None]


@given(st.text(max_size=60))
def test_whatever_is_told_as_signed_is_the_same_text_afterwards(text: str) -> None:
    signed = told_signed({"value": text, "format": "SignedData"})
    assert signed is not None
    is_named = "signedMeterData" in text
    assert is_named or text in {signed.data, signed.record.decode("utf-8", "replace")}
    assert opinion(signed) is Opinion.UNKNOWN


def test_a_reading_told_twice_counts_once() -> None:
    begin = {"value": "100", "context": "Transaction.Begin"}
    end = {"value": "300", "context": "Transaction.End"}
    told = samples(
        [
            {"timestamp": "2026-01-02T12:00:00Z", "sampledValue": [begin]},
            {"timestamp": "2026-01-02T13:00:00Z", "sampledValue": [end]},
            {"timestamp": "2026-01-02T13:00:00+01:00", "sampledValue": [begin]},
        ]
    )
    assert [(sample.context, sample.energy_wh) for sample in told] == [
        ("Transaction.Begin", Decimal(100)),
        ("Transaction.End", Decimal(300)),
    ]


def test_what_was_measured_for_different_reasons_at_one_instant_stays_apart() -> None:
    told = samples(
        [
            {
                "timestamp": "2026-01-02T12:00:00Z",
                "sampledValue": [
                    {"value": "100", "context": "Transaction.Begin"},
                    {"value": "300", "context": "Transaction.End"},
                ],
            }
        ]
    )
    assert {sample.context: sample.energy_wh for sample in told} == {
        "Transaction.Begin": Decimal(100),
        "Transaction.End": Decimal(300),
    }


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-01-02T12:00:00Z", NOON),
        ("2026-01-02T12:00:00", NOON),
        (" 2026-01-02T12:00:00.000Z ", NOON),
        ("2026-01-02T13:00:00+01:00", NOON),
        ("2026-01-02T04:30:00-07:30", NOON),
        ("2026-01-02 12:00:00Z", NOON),
        ("2026-01-02T12:00:00.5Z", NOON + timedelta(milliseconds=500)),
        ("2026-01-02T12:00:00.123456789Z", NOON + timedelta(microseconds=123456)),
        ("2026-01-02T12:00:00.1234567+00:00", NOON + timedelta(microseconds=123456)),
        ("1970-01-01T00:00:07Z", datetime(1970, 1, 1, 0, 0, 7, tzinfo=UTC)),
    ],
)
def test_an_instant_is_understood_as_chargers_write_it(text: str, at: datetime) -> None:
    assert instant(text) == at
    assert instant(text).utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    "text",
    ["", "now", "2026-01-02", "2026-13-02T12:00:00Z", "2026-01-02T25:00:00Z", "0001-01-01T00:00:00+10:00"],
)
def test_what_names_no_instant_is_refused(text: str) -> None:
    with pytest.raises(NotAnInstant):
        instant(text)


@given(
    st.datetimes(
        min_value=datetime(1970, 1, 2),  # noqa: DTZ001 - hypothesis wants it naive
        max_value=datetime(2100, 1, 1),  # noqa: DTZ001 - same
        timezones=st.integers(-14 * 60, 14 * 60).map(lambda offset: timezone(timedelta(minutes=offset))),
    )
)
def test_an_instant_survives_being_written_in_any_zone(at: datetime) -> None:
    assert instant(at.isoformat()) == at


@given(
    wh=st.decimals(min_value=0, max_value=10**9, places=3),
    in_kwh=st.booleans(),
    shares=st.lists(st.decimals(min_value=0, max_value=10**6, places=2), min_size=1, max_size=3),
)
def test_a_quantity_is_the_same_however_it_is_told(wh: Decimal, in_kwh: bool, shares: list[Decimal]) -> None:  # noqa: FBT001 - drawn
    register = {"value": f"{wh / 1000:f}", "unit": "kWh"} if in_kwh else {"value": f"{wh:f}", "unit": "Wh"}
    phases = [power(f"{share:f}", phase=f"L{number}") for number, share in enumerate(shares, start=1)]
    told = one(register, *phases)
    assert told.energy_wh == wh
    assert told.power_w == sum(shares)


@given(st.text(max_size=40))
def test_no_text_of_a_value_can_do_harm(value: str) -> None:
    told = samples([{"timestamp": "2026-01-02T12:00:00Z", "sampledValue": [{"value": value}]}])
    assert all(sample.energy_wh is not None and sample.energy_wh.is_finite() for sample in told)


@given(st.text(max_size=40))
def test_a_timestamp_is_an_instant_or_refused(text: str) -> None:
    with contextlib.suppress(NotAnInstant):
        assert instant(text).tzinfo is not None


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-01-02T13:00:00", NOON),
        ("2026-01-02T13:00:00.25", NOON + timedelta(milliseconds=250)),
        ("2026-01-02T12:00:00Z", NOON),
        ("2026-01-02T14:00:00+02:00", NOON),
        ("2026-07-02T14:00:00", datetime(2026, 7, 2, 12, tzinfo=UTC)),
        # The hour that is there twice: the first.
        ("2026-10-25T02:30:00", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
    ],
)
def test_an_instant_without_a_zone_is_of_the_one_that_its_charger_keeps(text: str, at: datetime) -> None:
    assert instant(text, ZoneInfo("Europe/Amsterdam")) == at
