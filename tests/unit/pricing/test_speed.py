"""What makes the engine quick changes no price, and memory does not grow with what is priced."""

from decimal import Decimal

import pytest

from hub.pricing import CannotBePriced, PricedRecord, price_cdr
from hub.pricing.plausibility import judged
from hub.pricing.remembered import PriceLists
from hub.pricing.tariff import price_list
from schemas import exact_json
from tests.measuring.pricing import ZONE, all_known, figures, typical_cdr, whole_cdr
from tests.unit.pricing.in_few_words import charging, element, energy, priced, tariff


def test_a_tariff_that_comes_again_is_understood_once() -> None:
    known = PriceLists()

    first = known.of(tariff(element(energy("0.25"))), "/tariffs/0")

    assert known.of(tariff(element(energy("0.25"))), "/tariffs/0") is first
    assert known.of(tariff(element(energy("0.25"))), "/tariffs/1") is not first
    assert known.of(tariff(element(energy("0.26"))), "/tariffs/0") != first


def test_of_two_tariffs_with_one_id_each_session_gets_its_own() -> None:
    prices = [priced(tariff(element(energy(each))), charging(60, 10)) for each in ("0.25", "0.26", "0.25")]

    assert [each.total_cost.excl_vat for each in prices] == [Decimal("2.5"), Decimal("2.6"), Decimal("2.5")]


def test_only_so_many_tariffs_are_remembered_and_none_that_is_large() -> None:
    known = PriceLists(most=3)

    for number in range(5):
        known.of(tariff(element(energy(str(number)))), "/tariffs/0")
    large = tariff(*(element(energy("1"), min_kwh=number) for number in range(500)))

    assert len(known) == 3
    assert known.of(large, "/tariffs/0") is not known.of(large, "/tariffs/0")
    assert len(known) == 3


def test_what_was_refused_is_refused_again() -> None:
    known = PriceLists()
    unknown = tariff(element(energy("1"), max_soc=80))

    for _ in range(2):
        with pytest.raises(CannotBePriced):
            known.of(unknown, "/tariffs/0")
    assert len(known) == 0


def test_a_tariff_from_memory_is_like_a_new_one() -> None:
    one = tariff(element(energy("0.25", vat="21"), max_kwh=30), element(energy("0.30", vat="21")))
    known = PriceLists()
    known.of(one, "/tariffs/0")

    remembered, new = known.of(one, "/tariffs/0"), price_list(one, "/tariffs/0")

    assert (remembered.id, remembered.turns, remembered.has_vat) == (new.id, new.turns, new.has_vat)


def test_the_typical_cdr_that_is_measured_is_priced_and_has_no_findings() -> None:
    statement = price_cdr(PricedRecord.read(typical_cdr()), time_zone=ZONE)

    assert [(line.kind.value, line.element) for line in statement.lines] == [
        ("FIXED", 0), ("ENERGY", 2), ("ENERGY", 1), ("PARKING", 4),
    ]  # fmt: skip
    assert judged(whole_cdr(), all_known()).findings == ()
    assert exact_json.decode(typical_cdr())["charging_periods"][9]["tariff_id"] == "DAY"


def test_the_measurement_gives_a_figure_for_each_thing_that_is_promised() -> None:
    found = figures(25)

    assert set(found) == {
        "priced_a_second", "priced_once_read_a_second", "priced_and_explained_a_second", "verdicts_a_second",
        "memory_grew_by_kib",
    }  # fmt: skip
    assert all(found[name] > 0 for name in found if name.endswith("a_second"))
