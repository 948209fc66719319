"""The circuit breaker a platform, and the rate limits, with time that passes when a test says so."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from hub.calling.circuits import FAILURES, Circuits, CircuitState
from hub.calling.rate_limits import BURST_SECONDS, RateLimits
from hub.directory.directory import Platform
from hub.ocpi.backoff import Backoff
from hub.ocpi.errors import ReceiverBusy, ReceiverNotConnected, TooManyRequests
from hub.ocpi.transport import HttpReply
from schemas.v2_2_1 import ConnectionStatus

FINE = HttpReply(200)


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def passes(self, **duration: float) -> None:
        self.now += timedelta(**duration)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def circuits(clock: Clock) -> Circuits:
    """The first pause is two seconds, the longest a minute."""
    return Circuits(clock, lambda: 1.0, most_under_way=3, backoff=Backoff(least=timedelta(seconds=1)))


@contextmanager
def request(circuits: Circuits, platform: int, module: str, receiver: str) -> Iterator[None]:
    is_trial = circuits.begin(platform, module, receiver)
    try:
        yield
    finally:
        circuits.end(platform, is_trial=is_trial)


def fail(circuits: Circuits, times: int, platform: int = 1) -> None:
    for _ in range(times):
        with request(circuits, platform, "locations", "NL/TNM"):
            circuits.failed(platform)


def passes(circuits: Circuits, platform: int = 1, module: str = "locations") -> bool:
    try:
        with request(circuits, platform, module, "NL/TNM"):
            return True
    except ReceiverNotConnected:
        return False


def test_a_circuit_opens_when_nothing_is_answered_any_more(circuits: Circuits) -> None:
    fail(circuits, FAILURES - 1)
    assert circuits.state(1)[0] is CircuitState.CLOSED
    fail(circuits, 1)
    assert circuits.state(1)[0] is CircuitState.OPEN
    assert circuits.open == 1
    assert not passes(circuits)
    assert passes(circuits, platform=2)


def test_an_answer_in_between_keeps_it_closed(circuits: Circuits) -> None:
    for _ in range(3):
        fail(circuits, FAILURES - 1)
        circuits.answered(1, "locations", FINE)
    assert passes(circuits)


def test_after_the_pause_one_request_tries(circuits: Circuits, clock: Clock) -> None:
    fail(circuits, FAILURES)
    clock.passes(seconds=2)
    assert circuits.state(1)[0] is CircuitState.HALF_OPEN
    with request(circuits, 1, "locations", "NL/TNM"):
        assert not passes(circuits)
        circuits.answered(1, "locations", FINE)
    assert circuits.state(1)[0] is CircuitState.CLOSED
    assert passes(circuits)


def test_a_try_that_fails_opens_it_for_longer(circuits: Circuits, clock: Clock) -> None:
    fail(circuits, FAILURES)
    pauses = []
    for _ in range(8):
        until = circuits.state(1)[1]
        assert until is not None
        pauses.append((until - clock.now).total_seconds())
        clock.now = until
        fail(circuits, 1)
    assert pauses == [2, 4, 8, 16, 32, 60, 60, 60]


def test_a_try_that_is_given_up_lets_the_next_one_try(circuits: Circuits, clock: Clock) -> None:
    fail(circuits, FAILURES)
    clock.passes(seconds=2)
    with request(circuits, 1, "locations", "NL/TNM"):
        pass  # The asker has gone; nothing is known.
    assert passes(circuits)


def test_requests_that_fail_together_count_once_for_the_pause(circuits: Circuits, clock: Clock) -> None:
    fail(circuits, FAILURES - 1)
    with ExitStack() as together:
        for _ in range(3):
            together.enter_context(request(circuits, 1, "locations", "NL/TNM"))
        for _ in range(3):
            circuits.failed(1)
    assert circuits.state(1)[1] == clock.now + timedelta(seconds=2)


def test_a_sign_of_life_lets_one_try_at_once(circuits: Circuits) -> None:
    fail(circuits, FAILURES)
    circuits.alive(1)
    assert circuits.state(1)[0] is CircuitState.HALF_OPEN
    assert passes(circuits)


def test_only_so_many_requests_are_under_way(circuits: Circuits) -> None:
    with ExitStack() as under_way:
        for _ in range(3):
            under_way.enter_context(request(circuits, 1, "locations", "NL/TNM"))
        assert not passes(circuits)
        assert passes(circuits, platform=2)
    assert passes(circuits)


@pytest.mark.parametrize("asked", ["30", "Fri, 02 Jan 2026 03:04:35 GMT"])
def test_who_asks_for_peace_gets_it_module_by_module(circuits: Circuits, clock: Clock, asked: str) -> None:
    circuits.answered(1, "locations", HttpReply(429, (("retry-after", asked),)))
    with pytest.raises(ReceiverBusy) as refused, request(circuits, 1, "locations", "NL/TNM"):
        pass
    assert refused.value.headers == (("Retry-After", "30"),)
    assert list(circuits.peace(1)) == ["locations"]
    assert passes(circuits, module="tokens")
    clock.passes(seconds=30)
    assert passes(circuits)
    assert circuits.peace(1) == {}


@pytest.mark.parametrize("asked", ["", "soon", "-5", "0", "Thu, 01 Jan 1970 00:00:00 GMT", "٣"])
def test_a_wish_that_makes_no_sense_is_passed_over(circuits: Circuits, asked: str) -> None:
    circuits.answered(1, "locations", HttpReply(429, (("Retry-After", asked),)))
    assert passes(circuits)


@pytest.mark.parametrize("asked", ["99999999999999", "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_nobody_gets_peace_for_ever(circuits: Circuits, clock: Clock, asked: str) -> None:
    circuits.answered(1, "locations", HttpReply(503, (("Retry-After", asked),)))
    clock.passes(minutes=10)
    assert passes(circuits)


def platform(rate_limit: int | None = None) -> Platform:
    return Platform(1, "one", ConnectionStatus.CONNECTED, rate_limit=rate_limit)


def taken(rates: RateLimits, of: Platform, module: str = "locations") -> int:
    """How many requests pass at once."""
    count = 0
    while True:
        try:
            rates.take(of, module)
        except TooManyRequests:
            return count
        count += 1


def test_a_burst_passes_and_then_the_rate(clock: Clock) -> None:
    rates = RateLimits(10, clock)
    assert taken(rates, platform()) == 10 * BURST_SECONDS
    clock.passes(seconds=1)
    assert taken(rates, platform()) == 10
    clock.passes(days=1)
    assert taken(rates, platform()) == 10 * BURST_SECONDS


def test_each_module_has_a_limit_of_its_own_and_so_may_each_platform(clock: Clock) -> None:
    rates = RateLimits(10, clock)
    assert taken(rates, platform()) == 10 * BURST_SECONDS
    assert taken(rates, platform(), "tokens") == 10 * BURST_SECONDS
    assert taken(rates, platform(rate_limit=1), "cdrs") == BURST_SECONDS


def test_who_sends_too_much_is_told_when_it_may_send_again(clock: Clock) -> None:
    rates = RateLimits(1, clock)
    taken(rates, platform())
    clock.passes(seconds=0.25)
    with pytest.raises(TooManyRequests) as refused:
        rates.take(platform(), "locations")
    assert refused.value.headers == (("Retry-After", "1"),)
    clock.passes(seconds=1)
    rates.take(platform(), "locations")


def test_a_clock_that_is_set_back_gives_nothing_away(clock: Clock) -> None:
    rates = RateLimits(1, clock)
    taken(rates, platform())
    clock.passes(hours=-1)
    assert taken(rates, platform()) == 0
    clock.passes(seconds=1)
    assert taken(rates, platform()) == 1


def test_a_clock_that_is_set_back_shuts_nobody_out(circuits: Circuits, clock: Clock) -> None:
    fail(circuits, FAILURES)
    circuits.answered(2, "locations", HttpReply(429, (("Retry-After", "30"),)))
    clock.passes(hours=-5)
    assert circuits.state(1) == (CircuitState.HALF_OPEN, None)
    assert circuits.peace(2) == {}
    assert passes(circuits)
    assert passes(circuits, platform=2)
