"""A circuit breaker a platform: who does not answer is not asked for a while, so that nobody waits in vain.

| circuit | requests | becomes |
|---|---|---|
| closed | pass | open, after `FAILURES` in a row without an answer |
| open | are refused at once | half open, after a pause that grows with each failure |
| half open | one passes, to try; the others are refused | closed when it is answered, open when it is not |

A platform that asks for peace (429 or 503 with Retry-After) gets it, module by module. And so many requests
may be under way to one platform, no more, so that one that hangs does not tie up the hub.

Nothing of this is kept: a hub that starts anew finds out anew. Each process finds out for itself.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from hub.ocpi.backoff import Backoff
from hub.ocpi.errors import ReceiverBusy, ReceiverNotConnected
from hub.ocpi.party import Party
from hub.ocpi.retry_after import LONGEST, peace_wanted, write_retry_after
from hub.ocpi.timestamps import Clock
from hub.ocpi.transport import HttpReply

#: Requests in a row without an answer, after which a circuit opens.
FAILURES = 5
BACKOFF = Backoff(least=timedelta(seconds=1))


class CircuitState(StrEnum):
    """Whether requests pass."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half open"


@dataclass(slots=True)
class _Circuit:
    """What is known of one platform."""

    failures: int = 0
    #: While it is in the future, nothing passes.
    open_until: datetime | None = None
    #: One request is under way to try whether the platform answers again.
    is_trying: bool = False
    under_way: int = 0
    #: By module, until when the platform wants peace.
    peace: dict[str, datetime] = field(default_factory=dict)


class Circuits:
    """The circuit breakers of all platforms."""

    def __init__(
        self, clock: Clock, chance: Callable[[], float], *, most_under_way: int, backoff: Backoff = BACKOFF
    ) -> None:
        """Wire up.

        Args:
            clock: Tells the time.
            chance: A random number from 0 to 1.
            most_under_way: Requests that may be under way to one platform.
            backoff: For how long a circuit stays open.
        """
        self._clock = clock
        self._chance = chance
        self._most_under_way = most_under_way
        self._backoff = backoff
        self._circuits: dict[int, _Circuit] = {}

    def state(self, platform_id: int) -> tuple[CircuitState, datetime | None]:
        """The state of a platform's circuit, and until when it is open."""
        circuit = self._circuits.get(platform_id)
        if circuit is None or circuit.open_until is None:
            return CircuitState.CLOSED, None
        if self._is_open(circuit, self._clock()):
            return CircuitState.OPEN, circuit.open_until
        return CircuitState.HALF_OPEN, None

    def peace(self, platform_id: int) -> dict[str, datetime]:
        """The modules for which the platform wants peace, and until when."""
        circuit, now = self._circuits.get(platform_id, _Circuit()), self._clock()
        return {module: until for module, until in circuit.peace.items() if now < until <= now + LONGEST}

    def begin(self, platform_id: int, module: str, receiver: Party | str | None) -> bool:
        """A request is under way from now on, until `end` is told what this has told: whether it is a trial.

        Raises:
            ReceiverNotConnected: the circuit is open, or too much is under way.
            ReceiverBusy: the platform wants peace; the error says for how long.
        """
        circuit = self._circuit(platform_id)
        if circuit.peace:
            self._keep_peace(circuit, module, receiver)
        if circuit.under_way >= self._most_under_way:
            raise ReceiverNotConnected(f"{receiver} is slow, and too many requests to it are under way")
        is_trial = circuit.open_until is not None
        if is_trial and (self._is_open(circuit, self._clock()) or circuit.is_trying):
            raise ReceiverNotConnected(
                f"{receiver} has not answered of late, and is left in peace for a while"
            )
        circuit.under_way += 1
        circuit.is_trying = circuit.is_trying or is_trial
        return is_trial

    def _keep_peace(self, circuit: _Circuit, module: str, receiver: Party | str | None) -> None:
        wanted, now = circuit.peace.get(module), self._clock()
        # Nobody asks for longer than that: the clock was set back.
        if wanted is not None and now < wanted <= now + LONGEST:
            raise ReceiverBusy(
                f"{receiver} has asked for fewer requests of {module}",
                headers=(write_retry_after(wanted - now),),
            )

    def end(self, platform_id: int, *, is_trial: bool) -> None:
        """A request is under way no more."""
        circuit = self._circuits[platform_id]
        circuit.under_way -= 1
        if is_trial:
            circuit.is_trying = False

    def answered(self, platform_id: int, module: str, reply: HttpReply) -> None:
        """The platform has answered: it may have asked for peace (RFC 9110, 10.2.3)."""
        circuit = self._circuit(platform_id)
        circuit.failures = 0
        circuit.open_until = None
        if wait := peace_wanted(reply.status, reply.headers, self._clock()):
            circuit.peace[module] = self._clock() + wait

    def well(self, platform_id: int) -> None:
        """The platform has answered, and asks for nothing."""
        circuit = self._circuits[platform_id]
        circuit.failures = 0
        circuit.open_until = None

    def failed(self, platform_id: int) -> None:
        """The platform has not answered. Of requests that were under way together, one opens the circuit."""
        circuit, now = self._circuit(platform_id), self._clock()
        if self._is_open(circuit, now):
            return
        circuit.failures += 1
        if circuit.failures >= FAILURES:
            tries = circuit.failures - FAILURES + 1
            circuit.open_until = now + self._backoff.delay(tries, self._chance())

    def _circuit(self, platform_id: int) -> _Circuit:
        circuit = self._circuits.get(platform_id)
        if circuit is None:
            circuit = self._circuits[platform_id] = _Circuit()
        return circuit

    def _is_open(self, circuit: _Circuit, now: datetime) -> bool:
        """Whether nothing passes; a pause that is longer than any shows that the clock was set back."""
        return circuit.open_until is not None and now < circuit.open_until <= now + self._backoff.most

    def alive(self, platform_id: int) -> None:
        """The platform gave a sign of life: an open circuit may be tried at once; costs next to nothing."""
        circuit = self._circuits.get(platform_id)
        if circuit is not None and circuit.open_until is not None:
            circuit.open_until = min(circuit.open_until, self._clock())

    @property
    def open(self) -> int:
        """How many circuits are not closed."""
        return sum(circuit.open_until is not None for circuit in self._circuits.values())
