"""Every state of a tariff that comes is a version, and holds from when decision 0036 says."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.ocpi.description import ObjectKey
from hub.ocpi.party import Party
from hub.pricing.plausibility.history import held_since, valid_at
from partners.database import Database
from partners.emsp.tariff_history import TariffHistory
from partners.objects import Objects
from tests.fixtures.samples import tariff

CPO, EMSP, OTHER = Party("BE", "BEC"), Party("NL", "EMA"), Party("NL", "EMB")
KEY = ObjectKey("tariffs", "BE", "BEC", "T1")
TEN = datetime(2026, 1, 1, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Desk:
    """The objects of an eMSP, whose tariffs are kept as they were, and its clock."""

    def __init__(self, file: Path | None = None, party: Party = EMSP) -> None:
        self.now = TEN
        self.database = Database(file)
        self.history = TariffHistory(party, self.database, lambda: self.now, timedelta(days=180))
        self.objects = Objects(self.database, lambda: self.now, party)
        self.objects.tell("tariffs", self.history.keep)

    def told(self, price: str, last_updated: datetime, at: datetime) -> None:
        """A state of the tariff came."""
        self.now = at
        components = [{"type": "ENERGY", "price": Decimal(price), "step_size": 1}]
        value = tariff(elements=[{"price_components": components}], last_updated=last_updated.isoformat())
        self.objects.put(KEY, value)

    def withdrawn(self, at: datetime) -> None:
        self.now = at
        self.objects.delete(KEY)

    def versions(self) -> list[tuple[datetime, str | None]]:
        """Since when each version holds, and its price; None: there was none."""
        return [
            (each.version.since, _price(each.version.tariff)) for each in self.history.versions(CPO, ["t1"])
        ]

    def price_at(self, start: datetime) -> str | None:
        """The price that a session is under which starts then."""
        versions = [each.version for each in self.history.versions(CPO, ["T1"])]
        found = valid_at(versions, "T1", start, timedelta())
        return _price(found[-1]) if found else None


def _price(found: Any) -> str | None:
    return None if found is None else str(found.elements[0].price_components[0].price)


@pytest.fixture
def desk() -> Iterator[Desk]:
    made = Desk()
    yield made
    made.database.close()


def test_a_version_holds_from_its_last_updated_until_that_of_the_next(desk: Desk) -> None:
    desk.told("0.25", TEN - HOUR, at=TEN)
    desk.told("0.45", TEN + HOUR, at=TEN + 3 * HOUR)
    assert desk.versions() == [(TEN - HOUR, "0.25"), (TEN + HOUR, "0.45")]
    starts = [TEN - 2 * HOUR, TEN - HOUR, TEN + HOUR - timedelta.resolution, TEN + HOUR]
    assert [desk.price_at(each) for each in starts] == [None, "0.25", "0.25", "0.45"]


def test_what_says_to_be_of_tomorrow_holds_from_when_it_came(desk: Desk) -> None:
    desk.told("0.25", TEN + 24 * HOUR, at=TEN)
    assert desk.versions() == [(TEN, "0.25")]


def test_a_change_without_a_new_last_updated_does_not_take_the_place_of_what_was_before(desk: Desk) -> None:
    desk.told("0.25", TEN - HOUR, at=TEN)
    desk.told("0.45", TEN - HOUR, at=TEN + HOUR)
    assert desk.versions() == [(TEN - HOUR, "0.25"), (TEN + HOUR, "0.45")]


def test_the_same_again_is_no_new_version(desk: Desk) -> None:
    desk.told("0.25", TEN - HOUR, at=TEN)
    desk.told("0.25", TEN - HOUR, at=TEN + HOUR)
    assert desk.versions() == [(TEN - HOUR, "0.25")]


def test_a_tariff_that_was_taken_back_is_none_until_it_comes_again(desk: Desk) -> None:
    desk.told("0.25", TEN - HOUR, at=TEN)
    desk.withdrawn(at=TEN + HOUR)
    desk.told("0.25", TEN + 2 * HOUR, at=TEN + 2 * HOUR)
    starts = [TEN, TEN + HOUR, TEN + 2 * HOUR]
    assert [desk.price_at(each) for each in starts] == ["0.25", None, "0.25"]


def test_what_a_whole_list_lacks_is_taken_back_and_what_a_later_one_has_again_never_was(desk: Desk) -> None:
    desk.now = TEN
    desk.objects.put(KEY, tariff(), through_hub=True)
    desk.now = TEN + HOUR
    assert desk.objects.outdate("tariffs", [], TEN + HOUR) == 1
    assert desk.versions() == [(TEN, "0.25"), (TEN + HOUR, None)]
    desk.objects.put(KEY, tariff(), through_hub=True)
    assert desk.versions() == [(TEN, "0.25")]


def test_taking_back_what_never_came_is_nothing(desk: Desk) -> None:
    desk.withdrawn(at=TEN)
    assert desk.versions() == []


def test_versions_go_when_they_were_replaced_long_ago(desk: Desk) -> None:
    """That which holds stays, however old; a withdrawal goes when it is old itself."""
    desk.told("0.25", TEN, at=TEN)
    desk.told("0.35", TEN + HOUR, at=TEN + HOUR)
    desk.told("0.45", TEN + 2 * HOUR, at=TEN + 2 * HOUR)
    kept = timedelta(days=180)
    desk.now = TEN + HOUR + kept
    assert desk.history.forget() == 0
    desk.now = TEN + HOUR + kept + timedelta(seconds=1)
    assert desk.history.forget() == 1
    assert desk.versions() == [(TEN + HOUR, "0.35"), (TEN + 2 * HOUR, "0.45")]
    desk.now = TEN + 10 * kept
    desk.history.forget()
    assert desk.versions() == [(TEN + 2 * HOUR, "0.45")]
    desk.withdrawn(at=TEN + 10 * kept)
    desk.now = TEN + 12 * kept
    assert desk.history.forget() == 2
    assert desk.versions() == []


def test_each_party_of_a_node_has_its_own(tmp_path: Path) -> None:
    """And a restart keeps them (TAR-19: a tariff may be for one alone)."""
    first, second = Desk(tmp_path / "emsp.sqlite"), Desk(tmp_path / "emsp.sqlite", OTHER)
    first.told("0.25", TEN, at=TEN)
    assert second.versions() == []
    for each in (first, second):
        each.database.close()
    again = Desk(tmp_path / "emsp.sqlite")
    assert again.versions() == [(TEN, "0.25")]
    again.database.close()


def test_object_and_version_are_written_both_or_neither(desk: Desk) -> None:
    def fails(_key: ObjectKey, _value: object) -> None:
        raise RuntimeError

    desk.objects.tell("tariffs", fails)
    with pytest.raises(RuntimeError):
        desk.objects.put(KEY, tariff())
    assert desk.objects.get(KEY) is None


instants = st.integers(0, 50).map(lambda minutes: TEN + timedelta(minutes=minutes))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["0.25", "0.45", None]), instants, instants), max_size=8), instants)
def test_what_comes_after_a_start_by_its_own_word_changes_nothing_for_it(
    told: list[tuple[str | None, datetime, datetime]], start: datetime
) -> None:
    """Whatever comes later than the start, and does not claim to be older, nor was there before.

    A state that was taken back and comes again never was taken back.
    """
    desk = Desk()
    came = set()
    try:
        for price, last_updated, at in sorted(told, key=lambda each: each[2]):
            if at > start and (price is None or last_updated > start):
                break
            desk.told(price, last_updated, at) if price else desk.withdrawn(at)
            came.add((price, last_updated))
        before = desk.price_at(start)
        for price, last_updated, at in sorted(told, key=lambda each: each[2]):
            if at > start and price and last_updated > start and (price, last_updated) not in came:
                desk.told(price, last_updated, at)
            elif at > start and price is None:
                desk.withdrawn(at)
        assert desk.price_at(start) == before
    finally:
        desk.database.close()


@settings(max_examples=50, deadline=None)
@given(instants, instants, st.none() | instants)
def test_a_version_holds_from_a_moment_of_its_own(
    last_updated: datetime, received_at: datetime, newest: datetime | None
) -> None:
    since = held_since(last_updated, received_at, newest)
    assert newest is None or since > newest
    assert since <= max(received_at, (newest or received_at) + timedelta.resolution)
