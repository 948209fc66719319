"""What is remembered of tokens after all were asked: briefly, and not without end (RT-51)."""

from datetime import timedelta

from hub.ocpi.party import Party
from hub.relay.token_owners import TokenId, TokenOwners
from tests.fixtures.clocks import Clock

ONE, OTHER = Party("NL", "ONE"), Party("NL", "TWO")
CARD = TokenId("04A1", "RFID")


def owners(clock: Clock, most: int = 10) -> TokenOwners:
    return TokenOwners(clock, owner=timedelta(minutes=15), unknown=timedelta(seconds=30), most=most)


def test_an_owner_is_remembered_for_a_while() -> None:
    clock = Clock()
    remembered = owners(clock)
    assert remembered.owner(CARD) is None
    remembered.known(CARD, ONE)
    clock.passes(minutes=14)
    assert remembered.owner(CARD) == ONE
    assert remembered.owner(TokenId("04A1", "APP_USER")) is None
    clock.passes(minutes=1)
    assert remembered.owner(CARD) is None


def test_that_nobody_knew_it_counts_for_those_who_were_asked_and_for_a_moment() -> None:
    clock = Clock()
    remembered = owners(clock)
    remembered.unknown(CARD, [ONE])
    assert remembered.is_unknown_to(CARD, [ONE])
    assert not remembered.is_unknown_to(CARD, [ONE, OTHER])
    clock.passes(seconds=30)
    assert not remembered.is_unknown_to(CARD, [ONE])


def test_the_newest_word_counts() -> None:
    remembered = owners(Clock())
    remembered.unknown(CARD, [ONE])
    remembered.known(CARD, ONE)
    assert not remembered.is_unknown_to(CARD, [ONE])
    remembered.forget(CARD)
    assert remembered.owner(CARD) is None


def test_the_memory_does_not_grow_without_end() -> None:
    remembered = owners(Clock(), most=100)
    for number in range(1_000):
        remembered.known(TokenId(str(number), "RFID"), ONE)
    kept = [number for number in range(1_000) if remembered.owner(TokenId(str(number), "RFID"))]
    assert kept == list(range(900, 1_000))


def test_what_can_be_no_token_takes_no_room() -> None:
    remembered = owners(Clock())
    for card in (TokenId("A" * 10_000, "RFID"), TokenId("04A1", "R" * 10_000)):
        remembered.unknown(card, [ONE])
        assert not remembered.is_unknown_to(card, [ONE])
