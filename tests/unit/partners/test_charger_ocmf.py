"""Signed readings verify as long as nobody touches them; a library that is not ours is asked, too."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pyocmf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partners.charger.connector import Reading
from partners.charger.meter import Glitch, Meter
from partners.charger.ocmf import Kind, SignedReading, Signer, record, verifies
from partners.charger.states import Context
from schemas import exact_json

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
METER = Signer.of("M-CP001-1", seed=7)


def signed(begin: str = "1000.000", end: str = "1010.500", token: str | None = "04A1B2C3D4E5F6") -> str:
    readings = [
        SignedReading(NOON, Kind.BEGIN, Decimal(begin)),
        SignedReading(NOON + HOUR, Kind.END, Decimal(end)),
    ]
    return record(METER, readings, page=1, token=token)


def verifies_elsewhere(text: str) -> bool:
    """The second opinion; what it cannot even read does not verify."""
    try:
        return bool(pyocmf.OCMF.from_string(text).verify_signature(METER.public_key.hex()))
    except (pyocmf.PyOCMFError, ValueError):
        return False


@settings(deadline=None, max_examples=20)
@given(
    st.decimals(0, 10**7, places=3),
    st.decimals(0, 500, places=3),
    st.one_of(st.none(), st.text(alphabet="0123456789ABCDEF", min_size=8, max_size=20)),
)
def test_a_record_verifies_here_and_elsewhere(begin: Decimal, used: Decimal, token: str | None) -> None:
    text = signed(str(begin), str(begin + used), token)
    assert verifies(text, METER.public_key)
    assert verifies_elsewhere(text)


def test_a_record_is_what_german_law_on_metering_wants() -> None:
    """As far as the library checks it: kinds, order, units, status, identification."""
    assert pyocmf.OCMF.from_string(signed()).check_eichrecht() == []


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_a_record_of_which_one_character_is_another_does_not_verify(data: st.DataObject) -> None:
    text = signed()
    # The signature, too: but a hexadecimal digit may be written large.
    payload_end = text.rindex("|")
    place = data.draw(st.integers(0, payload_end))
    other = data.draw(st.characters(codec="ascii").filter(lambda each: each != text[place]))
    changed = text[:place] + other + text[place + 1 :]
    assert not verifies(changed, METER.public_key)


@pytest.mark.parametrize(
    ("old", "new"),
    [("1010.500", "1010.400"), ("04A1B2", "04A1B3"), ('"TX":"E"', '"TX":"X"'), ("OCMF|{", "OCMF| {")],
)
def test_a_tampered_record_verifies_neither_here_nor_elsewhere(old: str, new: str) -> None:
    text = signed()
    changed = text.replace(old, new)
    assert changed != text
    assert not verifies(changed, METER.public_key)
    assert not verifies_elsewhere(changed)


def test_a_record_of_another_meter_does_not_verify() -> None:
    assert not verifies(signed(), Signer.of("M-CP002-1", seed=7).public_key)
    assert not verifies(signed(), Signer.of("M-CP001-1").public_key)


@pytest.mark.parametrize(
    "text", ["", "OCMF", "OCMF|{}", "OCMF|{}|{}", 'OCMF|{}|{"SD":"zz"}', "XCMF|{}|{}", "OCMF|{}|[1]"]
)
def test_what_is_no_record_does_not_verify(text: str) -> None:
    assert not verifies(text, METER.public_key)


def test_a_seed_gives_the_same_key_and_no_seed_another_one_each_time() -> None:
    assert Signer.of("M", 1).public_key == Signer.of("M", 1).public_key
    assert len({Signer.of("M", 1).public_key, Signer.of("M", 2).public_key, Signer.of("M").public_key}) == 3


def test_pages_count_up_and_a_value_that_is_not_told_is_not_signed() -> None:
    meter = Meter(signer=METER)
    reading = Reading(NOON, 1000, Decimal(0), Decimal(0), None)
    pages = []
    for _ in range(2):
        begin = meter.signed_begin(meter.shown(reading, Context.BEGIN), NOON)
        end = meter.signed_end(meter.shown(reading, Context.END), NOON, "TAG")
        pages += [exact_json.decode((each.signed or "").split("|")[1])["PG"] for each in (begin, end)]
    assert pages == ["T1", "T2", "T3", "T4"]
    meter.go_wrong(Glitch.NO_END)
    assert meter.signed_end(meter.shown(reading, Context.END), NOON, "TAG").signed is None
