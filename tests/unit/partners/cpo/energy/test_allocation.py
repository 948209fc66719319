"""Who gets how much at one instant: whatever comes, it fits, and it is fair."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partners.cpo.energy.allocation import allocate
from partners.cpo.energy.claims import Claim, Reason, Strategy
from partners.cpo.energy.planning import Outlook, expected, patient
from partners.cpo.energy.steps import Steps, steps
from partners.cpo.energy.wires import ALL, Load, summed, wires_of

NOW = datetime(2026, 1, 5, 8, tzinfo=UTC)
EVERY = list(Strategy)


def claim(number: int, **changes: Any) -> Claim:
    return Claim(**({"id": number, "wires": ALL, "most": Decimal(32), "began": NOW} | changes))


def hours(number: float) -> timedelta:
    return timedelta(hours=number)


def amperes(room: Load, *claims: Claim, strategy: Strategy = Strategy.EQUAL) -> list[Decimal]:
    shares = allocate(room, claims, strategy, NOW)
    return [shares[each.id].amperes for each in claims]


def on_all(amperes: int | str) -> Load:
    return Load.of(Decimal(amperes), ALL)


def test_equal_means_the_same_current_and_what_one_cannot_take_goes_to_the_others() -> None:
    assert amperes(on_all(40), claim(1), claim(2)) == [20, 20]
    assert amperes(on_all(40), claim(1, most=Decimal(8)), claim(2)) == [8, 32]


def test_cars_on_one_phase_share_that_phase_only() -> None:
    one, other = claim(1, wires=(0,)), claim(2, wires=(1,))
    assert amperes(on_all(20), one, other, claim(3, wires=(0,))) == [10, 20, 10]


def test_first_come_gives_everybody_the_least_and_the_rest_to_the_first() -> None:
    later = claim(1, began=NOW + hours(1))
    assert amperes(on_all(40), later, claim(2), strategy=Strategy.FIRST_COME) == [8, 32]


def test_by_departure_means_that_the_pressing_one_gets_what_it_needs() -> None:
    relaxed = claim(1, need=Decimal(7000), departs=NOW + hours(10))
    pressing = claim(2, need=Decimal(11000), departs=NOW + hours(1))
    first, second = amperes(on_all(32), relaxed, pressing, strategy=Strategy.DEPARTURE)
    assert second * 690 >= 11000
    assert first >= 6


def test_whoever_cannot_wait_any_more_goes_before_the_least_of_others() -> None:
    late = claim(2, need=Decimal(22000), departs=NOW + hours(1))
    relaxed = claim(1, need=Decimal(7000), departs=NOW + hours(10))
    assert amperes(on_all(34), relaxed, late, strategy=Strategy.DEPARTURE) == [0, 32]


def test_what_is_owed_goes_before_everything() -> None:
    served = [claim(number, is_served=True, priority=5) for number in (1, 2)]
    due = claim(3, owed=NOW)
    assert amperes(on_all(13), *served, due) == [7, 0, 6]


def test_below_its_least_it_is_paused_and_says_why() -> None:
    shares = allocate(
        on_all(7),
        [claim(1), claim(2), claim(3, most=Decimal(4), reason=Reason.PROFILE)],
        Strategy.EQUAL,
        NOW,
    )
    assert [shares[each].reason for each in (1, 2, 3)] == [Reason.SHARED, Reason.PAUSED, Reason.BELOW]


def test_a_total_may_be_lower_than_the_phases_come_to() -> None:
    room = Load(Decimal(30), Decimal(30), Decimal(30), Decimal(45))
    assert amperes(room, claim(1)) == [15]
    assert amperes(room, claim(1, wires=(0,)), claim(2, wires=(1,))) == [Decimal("22.5")] * 2


@pytest.mark.parametrize(
    ("rotation", "wires"),
    [("RST", (0, 1, 2)), ("STR", (1, 2, 0)), ("T", (2,)), ("", None), ("RRS", None), ("ABC", None)],
)
def test_a_rotation_says_which_phases_a_connector_is_wired_to(rotation: str, wires: Any) -> None:
    assert wires_of(rotation) == wires


CURRENTS = st.decimals(0, 80, places=1)
CLAIMS = st.builds(
    Claim,
    id=st.just(0),
    wires=st.sampled_from([ALL, (1, 2, 0), (0,), (1,), (2,), (0, 1)]),
    most=st.decimals(0, 63, places=2),
    least=st.sampled_from([Decimal(6), Decimal(6), Decimal(8), Decimal("6.5")]),
    began=st.integers(0, 100).map(lambda minutes: NOW - timedelta(minutes=minutes)),
    need=st.none() | st.decimals(0, 80000, places=0),
    departs=st.none() | st.integers(-60, 600).map(lambda minutes: NOW + timedelta(minutes=minutes)),
    priority=st.integers(0, 2),
    owed=st.none() | st.integers(0, 60).map(lambda minutes: NOW - timedelta(minutes=minutes)),
    is_served=st.booleans(),
    is_idle=st.booleans(),
)
ALL_CLAIMS = st.lists(CLAIMS, max_size=12).map(
    lambda found: [Claim(**{**_fields(each), "id": number}) for number, each in enumerate(found, 1)]
)
ROOMS = st.builds(Load, CURRENTS, CURRENTS, CURRENTS, st.decimals(0, 240, places=1)) | st.builds(
    Load, *[st.decimals(-20, 80, places=4)] * 4
)


def _fields(each: Claim) -> dict[str, Any]:
    return {name: getattr(each, name) for name in Claim.__dataclass_fields__}


@given(ROOMS, ALL_CLAIMS, st.sampled_from(EVERY), st.randoms(use_true_random=False))
def test_whatever_comes_it_fits_nobody_is_below_the_least_and_order_does_not_matter(
    room: Load, claims: list[Claim], strategy: Strategy, random: Any
) -> None:
    shares = allocate(room, claims, strategy, NOW)
    assert shares.keys() == {each.id for each in claims}
    given_away = summed(Load.of(shares[each.id].amperes, each.wires) for each in claims)
    assert all(used <= left for used, left in zip(given_away, room, strict=True) if used > 0)
    for each in claims:
        share = shares[each.id].amperes
        assert share == 0 or each.least <= share <= each.most
    shuffled = random.sample(claims, len(claims))
    assert allocate(room, shuffled, strategy, NOW) == shares


@given(ROOMS, ALL_CLAIMS, st.sampled_from(EVERY))
def test_nothing_is_left_that_somebody_could_use(room: Load, claims: list[Claim], strategy: Strategy) -> None:
    shares = allocate(room, claims, strategy, NOW)
    left = room.minus(summed(Load.of(shares[each.id].amperes, each.wires) for each in claims))
    slack = Decimal("0.1") * (3 * len(claims) + 1)
    for each in claims:
        share, usable = shares[each.id].amperes, left.room_on(each.wires)
        if share > 0:
            assert each.most - share <= Decimal("0.1") or usable <= slack
        elif each.most >= each.least and each.most > 0:
            assert usable < each.least + slack


@given(st.integers(1, 8), st.integers(12, 60), st.sampled_from(EVERY))
def test_the_one_that_has_been_owed_for_longest_is_served_whoever_else_is_there(
    others: int, current: int, strategy: Strategy
) -> None:
    pressing = [
        claim(number, need=Decimal(90000), departs=NOW + hours(1), priority=9) for number in range(others)
    ]
    due = claim(99, owed=NOW - hours(1))
    assert allocate(on_all(current), [*pressing, due], strategy, NOW)[99].amperes >= 6


def prices(*told: str) -> Steps[Decimal]:
    return steps((NOW + hours(number), Decimal(price)) for number, price in enumerate(told))


def supply(current: int = 64) -> Steps[Load]:
    return steps([(NOW - hours(24), on_all(current))])


def test_who_has_time_waits_for_the_cheap_hour_and_who_has_not_does_not() -> None:
    outlook = Outlook(supply(), prices("0.40", "0.40", "0.10", "0.40"))
    relaxed = claim(1, need=Decimal(15000), departs=NOW + hours(4))
    pressing = claim(2, need=Decimal(15000), departs=NOW + hours(1))
    capped = patient([relaxed, pressing, claim(3)], outlook, Load(), NOW)
    assert [each.most for each in capped] == [0, 32, 32]
    assert capped[0].reason is Reason.CHEAPER
    share = allocate(on_all(64), capped, Strategy.DEPARTURE, NOW)[1]
    assert share == (0, Reason.CHEAPER)


def test_the_sun_is_cheaper_than_any_price() -> None:
    sunny = steps([(NOW, Decimal(0)), (NOW + hours(3), Decimal(30000)), (NOW + hours(4), Decimal(0))])
    outlook = Outlook(supply(), prices("0.10", "0.30", "0.30", "0.40", "0.30"), sunny)
    told = expected(
        [claim(1, need=Decimal(10000), departs=NOW + hours(6))],
        outlook,
        Load(),
        Strategy.DEPARTURE,
        NOW,
        NOW + hours(6),
    )[1]
    charging = [(start - NOW, share.amperes) for start, share in told if share.amperes > 0]
    assert charging[0][0] == hours(3)


@given(
    st.lists(st.tuples(st.integers(1, 20), st.integers(2, 9), st.integers(8, 32)), min_size=1, max_size=6),
    st.lists(st.sampled_from(["0.10", "0.20", "0.30", "-0.05"]), min_size=9, max_size=9),
)
def test_what_is_needed_comes_in_time_whatever_the_prices_are(
    cars: list[tuple[int, int, int]], told: list[str]
) -> None:
    claims = [
        claim(
            number,
            most=Decimal(most),
            # Each could wait for an hour, and still charge at its most.
            need=Decimal(min(kwh * 1000, most * 690 * (until - 1))),
            departs=NOW + hours(until),
        )
        for number, (kwh, until, most) in enumerate(cars)
    ]
    outlook = Outlook(supply(32 * len(claims)), prices(*told))
    schedule = expected(claims, outlook, Load(), Strategy.DEPARTURE, NOW, NOW + hours(10))
    for each in claims:
        assert each.departs is not None
        starts = [start for start, _ in schedule[each.id]] + [each.departs]
        energy = sum(
            share.amperes * 690 * Decimal((end - start) / timedelta(hours=1))
            for (start, share), end in zip(schedule[each.id], starts[1:], strict=True)
        )
        assert each.need is not None
        assert energy >= each.need * Decimal("0.999")
