"""Agreements as values: who may, when, and since when."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.directory.agreements import (
    CLIENT_INFO,
    MODULES_OF_AGREEMENTS,
    Agreement,
    Agreements,
    AgreementState,
)
from hub.ocpi.party import Party
from hub.settings import PolicyMode
from tests.fixtures.clocks import Clock

NOW = Clock().now
HOUR = timedelta(hours=1)
TNM, BEC, ALL = Party("NL", "TNM"), Party("BE", "BEC"), Party("DE", "ALL")
PARTIES = (TNM, BEC, ALL, Party("nl", "abc"))


def agreed(
    one: Party | None, other: Party | None, *modules: str, number: int = 1, **more: datetime | None
) -> Agreement:
    return Agreement(
        number,
        (one, other),
        frozenset(modules),
        begins_at=more.get("begins_at"),
        until=more.get("until"),
        signed_at=more.get("signed_at") or NOW - HOUR,
        ended_at=more.get("ended_at"),
    )


def agreements(*each: Agreement, mode: PolicyMode = PolicyMode.AGREEMENTS) -> Agreements:
    return Agreements.of(mode, NOW - 9 * HOUR, each)


def test_nothing_is_allowed_that_was_not_agreed() -> None:
    assert not agreements().allow(TNM, BEC, "tokens", NOW)


def test_an_agreement_holds_both_ways_in_any_spelling() -> None:
    between = agreements(agreed(TNM, BEC))
    for one, other in ((TNM, BEC), (BEC, TNM), (Party("nl", "tnm"), Party("be", "Bec"))):
        assert between.allow(one, other, "tokens", NOW)
    assert not between.allow(TNM, ALL, "tokens", NOW)
    assert not between.allow(TNM, TNM, "tokens", NOW)


def test_an_agreement_is_about_its_modules() -> None:
    between = agreements(agreed(TNM, BEC, "locations", "tariffs"))
    allowed = {module for module in MODULES_OF_AGREEMENTS if between.allow(TNM, BEC, module, NOW)}
    assert allowed == {"locations", "tariffs"}


def test_whoever_may_exchange_anything_may_know_of_the_other() -> None:
    """HCI-06."""
    assert agreements(agreed(TNM, BEC, "cdrs")).allow(TNM, BEC, CLIENT_INFO, NOW)


def test_anybody_is_everybody() -> None:
    with_anybody = agreements(agreed(TNM, None))
    assert with_anybody.allow(TNM, BEC, "tokens", NOW)
    assert with_anybody.allow(ALL, TNM, "tokens", NOW)
    assert not with_anybody.allow(ALL, BEC, "tokens", NOW)
    assert agreements(agreed(None, None)).allow(ALL, BEC, "tokens", NOW)


@pytest.mark.parametrize(
    ("moments", "state"),
    [
        ({}, AgreementState.IN_FORCE),
        ({"begins_at": NOW}, AgreementState.IN_FORCE),
        ({"begins_at": NOW + HOUR}, AgreementState.PLANNED),
        ({"until": NOW + HOUR}, AgreementState.IN_FORCE),
        ({"until": NOW}, AgreementState.OVER),
        ({"ended_at": NOW}, AgreementState.ENDED),
        ({"begins_at": NOW + HOUR, "ended_at": NOW}, AgreementState.ENDED),
    ],
)
def test_moments_take_effect_by_themselves(moments: dict[str, datetime], state: AgreementState) -> None:
    """From is the first moment of it, until the first one after it."""
    one = agreed(TNM, BEC, **moments)
    assert one.state(NOW) is state
    assert agreements(one).allow(TNM, BEC, "tokens", NOW) is (state is AgreementState.IN_FORCE)


def test_the_next_boundary_is_that_of_an_agreement_that_is_not_ended() -> None:
    several = agreements(
        agreed(TNM, BEC, begins_at=NOW + 2 * HOUR, until=NOW + 3 * HOUR),
        agreed(TNM, ALL, begins_at=NOW + HOUR, ended_at=NOW, number=2),
    )
    assert several.next_boundary(NOW) == NOW + 2 * HOUR
    assert several.next_boundary(NOW + 2 * HOUR) == NOW + 3 * HOUR
    assert several.next_boundary(NOW + 3 * HOUR) is None


def test_acquaintance_goes_on_while_one_agreement_follows_the_other() -> None:
    """What a reader sees of a party changes when it may know it, and not when another paper is signed."""
    first = agreed(TNM, BEC, signed_at=NOW - 3 * HOUR, until=NOW - HOUR)
    second = agreed(TNM, None, signed_at=NOW - 2 * HOUR, number=2)
    assert agreements(first, second).acquaintance(BEC, {TNM}, NOW) == (True, NOW - 3 * HOUR)
    assert agreements(first).acquaintance(BEC, {TNM}, NOW) == (False, NOW - HOUR)
    assert agreements(second).acquaintance(BEC, {ALL}, NOW) == (False, NOW - 9 * HOUR)


def test_an_agreement_that_ended_before_it_began_never_was() -> None:
    never = agreed(TNM, BEC, begins_at=NOW + HOUR, ended_at=NOW)
    assert agreements(never).acquaintance(BEC, {TNM}, NOW + 2 * HOUR) == (False, NOW - 9 * HOUR)


# Whatever was agreed: an oracle that knows no index.

parties = st.sampled_from([None, *PARTIES])
moments = st.none() | st.integers(-5, 5).map(lambda hours: NOW + hours * HOUR)


@st.composite
def random_agreement(draw: st.DrawFn) -> Agreement:
    begins_at, until = draw(moments), draw(moments)
    if begins_at is not None and until is not None and until <= begins_at:
        until = None
    return Agreement(
        draw(st.integers(1, 1_000_000)),
        (draw(parties), draw(parties)),
        frozenset(draw(st.lists(st.sampled_from(MODULES_OF_AGREEMENTS), max_size=2))),
        begins_at,
        until,
        signed_at=NOW - 6 * HOUR,
        ended_at=draw(st.none() | st.none() | moments),
    )


papers = st.lists(random_agreement(), max_size=5, unique_by=lambda each: each.id)


def oracle(each: Sequence[Agreement], one: Party, other: Party, module: str, now: datetime) -> bool:
    return any(
        (paper.parties[0] in {None, one} and paper.parties[1] in {None, other})
        or (paper.parties[0] in {None, other} and paper.parties[1] in {None, one})
        for paper in each
        if (module == CLIENT_INFO or not paper.modules or module in paper.modules)
        and (paper.begins_at is None or paper.begins_at <= now)
        and (paper.until is None or now < paper.until)
        and paper.ended_at is None
    )


@given(each=papers, hours=st.integers(-6, 6))
def test_what_is_allowed_is_what_a_look_at_every_paper_says(each: list[Agreement], hours: int) -> None:
    now = NOW + hours * HOUR
    made = agreements(*each)
    for one in PARTIES:
        for other in PARTIES:
            for module in (*MODULES_OF_AGREEMENTS, CLIENT_INFO):
                assert made.allow(one, other, module, now) is oracle(each, one, other, module, now)


@given(each=papers, hours=st.integers(-6, 6))
def test_an_open_hub_allows_everything_to_everybody(each: list[Agreement], hours: int) -> None:
    made = agreements(*each, mode=PolicyMode.OPEN)
    for one in PARTIES:
        for other in PARTIES:
            for module in (*MODULES_OF_AGREEMENTS, CLIENT_INFO):
                assert made.allow(one, other, module, NOW + hours * HOUR)
            assert made.acquaintance(one, {other}, NOW).is_known


@given(each=papers)
def test_acquaintance_lasts_since_the_moment_that_it_names(each: list[Agreement]) -> None:
    """Without a break up to now, and not just before; or the other way round for whoever is no more known."""
    past = [paper for paper in each if paper.ended_at is None or paper.ended_at <= NOW]
    made = agreements(*past)
    for party in PARTIES:
        known, since = made.acquaintance(party, {TNM, BEC}, NOW)

        def is_covered(at: datetime, party: Party = party) -> bool:
            covering = (paper for paper in past if paper.covers(party, TNM) or paper.covers(party, BEC))
            return any(begin <= at < end for begin, end in (paper.span for paper in covering))

        assert known is any(oracle(past, party, other, CLIENT_INFO, NOW) for other in (TNM, BEC))
        assert since <= NOW
        at = since
        while at <= NOW:
            assert is_covered(at) is known
            at += HOUR / 2
        is_beginning = since == made.mode_since
        assert is_beginning or is_covered(since - HOUR / 2) is not known
