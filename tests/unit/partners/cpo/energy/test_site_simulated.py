"""Twenty chargers on 100 kW, in any order of arrivals, whatever goes wrong: never above the limit."""

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from partners.cpo.energy.claims import Strategy
from partners.cpo.energy.site import Rules
from partners.cpo.energy.steps import steps
from partners.cpo.energy.wires import ALL, Load
from tests.unit.partners.cpo.energy.simulated_site import BEGIN, Faults, World, chargers, drivers_come

SITE = Load.of_watt(Decimal(100_000))
ROUGH = Faults(slow=0.3, rejects=0.05, loses_answer=0.05, goes_away=0.005)
WILD = Faults(slow=0.5, rejects=0.2, loses_answer=0.2, goes_away=0.05)
MORNING = timedelta(hours=3)


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


@pytest.mark.parametrize(("strategy", "seed"), list(zip(Strategy, (1, 2, 3), strict=True)))
def test_twenty_chargers_never_exceed_the_limit_whatever_goes_wrong(strategy: Strategy, seed: int) -> None:
    world = World(chargers(20), SITE, Rules(strategy=strategy), seed, ROUGH)
    drivers_come(world, MORNING, 2, (5, 60))
    world.run(MORNING)
    assert len(world.cars) > 20
    assert world.worst <= 0
    # And what there is, is used.
    assert max(world.highest.phases) > SITE.l1 * Decimal("0.8")
    # Nobody has nothing for long, not even who came while there was no link, or is due when there is none.
    if strategy is not Strategy.DEPARTURE:
        patience = Rules().longest_pause + Rules().times.hold + Rules().turn
        assert max(car.longest_dry for car in world.cars) < patience


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(list(Strategy)), st.integers(36, 70))
@example(58170, Strategy.EQUAL, 50)  # a link that is back for a second, and gone again before anybody notices
@example(986431, Strategy.EQUAL, 60)  # five profiles unanswered, one of which had long ended
def test_no_order_of_events_exceeds_the_limit(seed: int, strategy: Strategy, amperes: int) -> None:
    world = World(chargers(6), Load.of(Decimal(amperes), ALL), Rules(strategy=strategy), seed, WILD)
    drivers_come(world, minutes(50), 2, (5, 30))
    world.run(minutes(60))
    assert world.worst <= 0


def test_a_limit_that_is_going_to_fall_is_kept_at_the_instant_at_which_it_falls() -> None:
    low = Load.of_watt(Decimal(90_000))
    falling = steps([(BEGIN - minutes(1), SITE), (BEGIN + minutes(95), low), (BEGIN + minutes(125), SITE)])
    world = World(chargers(20), falling, Rules(), 4, Faults(slow=0.2, goes_away=0.003))
    drivers_come(world, minutes(60), 1, (30, 60))
    world.run(minutes(140))
    assert world.worst <= 0


def test_where_there_is_not_enough_for_all_everybody_has_a_turn() -> None:
    rules = Rules(longest_pause=minutes(15), turn=minutes(10))
    world = World(chargers(12, fallback="0"), Load.of(Decimal(18), ALL), rules, 5, Faults(slow=0.1))
    for charger in world.chargers.values():
        world.arrives(charger, ALL, 32, 90, timedelta(hours=5))
    world.run(timedelta(hours=2.5))
    # Three or more charge at a time: four turns, and until then nobody is due.
    assert world.worst <= 0
    assert max(car.longest_dry for car in world.cars) <= rules.longest_pause + 4 * (rules.turn + minutes(1))
    assert min(car.got for car in world.cars) > 1000


def test_by_departure_every_driver_gets_what_is_possible() -> None:
    world = World(chargers(20), SITE, Rules(strategy=Strategy.DEPARTURE), 6, tick=minutes(1))
    needs = [(20, 60), (3, 300), (5, 240), (10, 120), (2, 60)]
    for number, charger in enumerate(world.chargers.values()):
        kwh, stays = needs[number % len(needs)]
        single = len(charger.outlet.wires) == 1
        world.arrives(charger, ALL, 32, kwh / 3 if single else kwh, minutes(stays))
    world.run(minutes(301))
    assert len(world.gone) == 20
    assert [car.number for car in world.gone if car.got < car.need] == []
    assert world.worst <= 0


def test_who_comes_gets_its_share_only_when_the_others_have_confirmed_less() -> None:
    world = World(chargers(4), Load.of(Decimal(34), ALL), Rules())
    first, second = list(world.chargers.values())[:2]
    world.arrives(first, ALL, 32, 50, minutes(200))
    world.run(minutes(4))
    assert first.amperes(world.now) == 32
    world.faults = Faults(slow=1)
    world.arrives(second, ALL, 32, 50, minutes(200))
    world.run(minutes(1))
    told = [order for _, order in world.orders if order.plug == first.outlet.plug]
    assert told[-1].promise.amperes == 17
    world.run(minutes(3))
    assert (first.amperes(world.now), second.amperes(world.now)) == (17, 17)
    assert world.worst <= 0


def test_a_charger_that_refuses_is_counted_with_what_it_had() -> None:
    world = World(chargers(4), Load.of(Decimal(34), ALL), Rules())
    first, second = list(world.chargers.values())[:2]
    world.arrives(first, ALL, 32, 50, minutes(200))
    world.run(minutes(4))
    world.faults = Faults(rejects=1)
    world.arrives(second, ALL, 32, 50, minutes(200))
    reasons = set()
    for _ in range(8):
        world.run(minutes(0.25))
        line = world.site.lines(world.now)[0]
        assert line.counted == 32
        reasons.add(line.why)
    assert any("did not follow" in each for each in reasons)
    assert second.amperes(world.now) == 0
    # Its lease ends, and with it what it had.
    world.run(minutes(10))
    assert first.amperes(world.now) == 6
    world.faults = Faults()
    world.run(minutes(10))
    assert (first.amperes(world.now), second.amperes(world.now)) == (17, 17)
    assert world.worst <= 0


def test_a_charger_without_a_link_falls_back_and_a_share_is_found_for_that_beforehand() -> None:
    world = World(chargers(4), Load.of(Decimal(34), ALL), Rules())
    first, second = list(world.chargers.values())[:2]
    world.arrives(first, ALL, 32, 90, minutes(300))
    world.arrives(second, ALL, 32, 90, minutes(300))
    world.run(minutes(5))
    world.goes_away(first, 3600)
    world.run(minutes(30))
    assert (first.amperes(world.now), second.amperes(world.now)) == (6, 28)
    world.run(minutes(40))
    assert (first.amperes(world.now), second.amperes(world.now)) == (17, 17)
    assert world.worst <= 0


def test_a_charger_whose_link_is_back_for_a_moment_still_counts_with_who_may_have_begun() -> None:
    world = World(chargers(4), Load.of(Decimal(34), ALL), Rules())
    first, second = list(world.chargers.values())[:2]
    world.goes_away(second, 1200)
    world.run(minutes(5))
    world.arrives(second, ALL, 32, 90, minutes(300))
    world.arrives(first, ALL, 32, 90, minutes(300))
    world.run(minutes(14.9))
    assert (first.amperes(world.now), second.amperes(world.now)) == (28, 6)
    world.run(minutes(0.1))
    # It has told nothing yet, and its loss is noticed only after a minute and a half.
    assert second.is_online
    assert "its link is new" in world.site.lines(world.now)[1].why
    second.is_online = False
    world.later(90, lambda: world.notices(second))
    world.run(minutes(30))
    assert world.worst <= 0
    assert (first.amperes(world.now), second.amperes(world.now)) == (28, 6)


def test_another_car_at_a_charger_without_a_link_counts_on_all_phases() -> None:
    world = World(chargers(4), Load.of(Decimal(38), ALL), Rules())
    first, second, third = list(world.chargers.values())[:3]
    world.arrives(first, (0,), 32, 90, minutes(8))
    world.run(minutes(5))
    world.goes_away(first, 7200)
    world.run(minutes(4))
    world.arrives(first, ALL, 32, 90, minutes(300))
    for each in (second, third):
        world.arrives(each, ALL, 32, 90, minutes(300))
    world.run(minutes(40))
    assert [each.amperes(world.now) for each in (first, second, third)] == [6, 16, 16]
    assert world.worst <= 0


def test_the_lower_of_an_emsps_profile_and_our_share_wins() -> None:
    world = World(chargers(2), Load.of(Decimal(40), ALL), Rules())
    first, second = world.chargers.values()
    world.ceilings[1] = steps([(BEGIN + minutes(3), Decimal(8)), (BEGIN + minutes(6), None)])
    world.arrives(first, ALL, 32, 90, minutes(300))
    world.arrives(second, ALL, 32, 90, minutes(300))
    world.run(minutes(2))
    assert second.amperes(world.now) >= 20
    world.run(minutes(3))
    assert (first.amperes(world.now), second.amperes(world.now)) == (8, 32)
    world.run(minutes(9))
    assert (first.amperes(world.now), second.amperes(world.now)) == (20, 20)


def test_what_a_car_does_not_take_goes_to_others() -> None:
    world = World(chargers(4), Load.of(Decimal(40), ALL), Rules())
    first, second = list(world.chargers.values())[:2]
    world.arrives(first, ALL, 8, 90, minutes(300))
    world.arrives(second, ALL, 32, 90, minutes(300))
    world.run(minutes(10))
    assert (first.amperes(world.now), second.amperes(world.now)) == (8, 30)


def test_a_car_on_one_phase_leaves_the_others_free() -> None:
    world = World(chargers(4), Load.of(Decimal(32), ALL), Rules())
    first, second = list(world.chargers.values())[:2]
    world.arrives(first, (0,), 32, 90, minutes(300))
    world.run(minutes(5))
    world.arrives(second, (0,), 32, 90, minutes(300))
    world.run(minutes(10))
    # Its connector is turned by one phase.
    assert (first.amperes(world.now), second.amperes(world.now)) == (32, 32)
    assert world.worst <= 0


def test_profiles_are_sent_only_when_something_changes_or_a_lease_ends() -> None:
    world = World(chargers(6), SITE, Rules())
    for charger in world.chargers.values():
        world.arrives(charger, ALL, 16, 300, minutes(300))
    world.run(minutes(10))
    before = len(world.orders)
    world.run(minutes(60))
    assert len(world.orders) - before <= 6 * 60 / (Rules().times.lease / minutes(1) / 2) + 6


def test_a_charger_that_draws_more_than_it_may_is_counted_with_all_it_can_give() -> None:
    world = World(chargers(4), Load.of(Decimal(40), ALL), Rules())
    first, second = list(world.chargers.values())[:2]
    world.arrives(first, ALL, 32, 90, minutes(300))
    world.arrives(second, ALL, 32, 90, minutes(300))
    world.run(minutes(5))
    assert first.amperes(world.now) == 20
    first.obeys = False
    world.run(minutes(4))
    assert world.site.lines(world.now)[0].counted == 32
    assert second.amperes(world.now) == 8
