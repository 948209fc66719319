"""Who is alive: signs of life, and a question where there are none (2.2.1, HubClientInfo, Still alive check).

| the platform is | and | then |
|---|---|---|
| CONNECTED | silent for too long, or a connection to it failed | it is asked for its versions |
| OFFLINE | some time has passed, more after each failure | it is asked for its versions |
| asked | answers with an OCPI envelope | CONNECTED |
| asked | does not answer, or only a proxy in front of it does | OFFLINE |
| OFFLINE | makes a request of its own | CONNECTED at once |

A platform that can call us but cannot be called would change its state with every request. So a sign of life
that was followed by a failure is believed no more, until the platform has answered again.

PLANNED and SUSPENDED are what people decided: such a platform is not asked, and stays so (HCI-15).
"""

import asyncio
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import SystemRandom

from hub.calling.calls import Calls
from hub.directory.current import CurrentDirectory
from hub.directory.directory import Platform
from hub.directory.quirks import Quirk, Seen
from hub.ocpi.backoff import Backoff
from hub.ocpi.client import PlatformClient
from hub.ocpi.transport import CallFailed
from hub.ocpi.waiting import Wait, wait_for
from hub.registry.platforms import LIVE, Platforms
from hub.store.journal import Purpose
from schemas.v2_2_1 import ConnectionStatus

#: Platforms of which nothing is known, as at the start, are asked within this time, not all at once.
SPREAD = timedelta(seconds=10)
#: A connected platform is asked no more often than this, whatever fails.
LEAST_PAUSE = timedelta(seconds=1)
#: The platforms are looked through at least so often.
LONGEST_WAIT = timedelta(seconds=30)
UNAUTHORIZED, SERVER_ERROR = 401, 500
BACKOFF = Backoff()
_chance = SystemRandom().random

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Pulse:
    """What is known of a platform's life."""

    #: An OFFLINE platform is not asked before this moment, nor one of which nothing is known.
    ask_from: datetime
    asked_at: datetime | None = None
    last_sign: datetime | None = None
    failures: int = 0
    #: A connection to it failed.
    is_suspect: bool = False
    #: It is CONNECTED since it called us, and has not answered since.
    is_believed: bool = False
    #: It called us, was believed, and did not answer.
    is_doubted: bool = False


class Presence:
    """Keeps the status of registered platforms true."""

    def __init__(
        self,
        directory: CurrentDirectory,
        platforms: Platforms,
        calls: Calls,
        *,
        silence: timedelta,
        patience: timedelta,
        is_ours: Callable[[int], bool] = lambda _platform_id: True,
        backoff: Backoff = BACKOFF,
        wait: Wait = wait_for,
        chance: Callable[[], float] = _chance,
    ) -> None:
        """Wire up.

        Args:
            directory: Says which platforms there are.
            platforms: Writes down what was found.
            calls: Asks.
            silence: A platform silent for so long is asked (HCI-10).
            patience: For its answer.
            is_ours: Whether this process looks after a platform.
            backoff: When an OFFLINE platform is asked again.
            wait: Waits for news.
            chance: A random number from 0 to 1.
        """
        self._directory = directory
        self._platforms = platforms
        self._calls = calls
        self._silence = silence
        self._patience = patience
        self._is_ours = is_ours
        self._backoff = backoff
        self._wait = wait
        self._chance = chance
        self._pulses: dict[int, _Pulse] = {}
        #: OFFLINE platforms that have called.
        self._back: set[int] = set()
        self._asked: set[int] = set()
        self._news = asyncio.Event()

    def seen(self, platform_id: int) -> None:
        """A request of the platform has come; costs next to nothing."""
        pulse = self._pulse(platform_id)
        pulse.last_sign = self._calls.clock()
        platform = self._directory.value.platforms.get(platform_id)
        if platform is not None and platform.status is ConnectionStatus.OFFLINE and not pulse.is_doubted:
            self._back.add(platform_id)
            self._news.set()

    def unreachable(self, platform_id: int) -> None:
        """A connection to the platform could not be made: it is asked now."""
        self._pulse(platform_id).is_suspect = True
        self._news.set()

    def look(self) -> None:
        """This process looks after other platforms from now on."""
        self._news.set()

    async def watch(self) -> None:
        """Ask and listen, until cancelled."""
        async with asyncio.TaskGroup() as questions:
            while True:
                self._news.clear()
                await self._believe()
                for platform in self._due():
                    self._asked.add(platform.id)
                    questions.create_task(self._ask(platform))
                await self._wait(self._news, self._pause())

    async def _believe(self) -> None:
        """Whoever was OFFLINE and has called is back."""
        back, self._back = self._back, set()
        for platform_id in filter(self._is_ours, back):
            pulse = self._pulse(platform_id)
            pulse.is_believed = True
            pulse.is_suspect = False
            await self._found(platform_id, ConnectionStatus.CONNECTED)

    async def _ask(self, platform: Platform) -> None:
        pulse = self._pulse(platform.id)
        pulse.asked_at = self._calls.clock()
        try:
            is_alive = await self._answers(platform)
            has_called_meanwhile = platform.status is ConnectionStatus.OFFLINE and pulse.is_believed
            # Asked while it was away, and not answered: that says nothing of a platform that is back since.
            pulse.is_suspect = not is_alive and has_called_meanwhile
            if not pulse.is_suspect:
                self._judge(pulse, is_alive=is_alive)
                status = ConnectionStatus.CONNECTED if is_alive else ConnectionStatus.OFFLINE
                await self._found(platform.id, status)
        finally:
            self._asked.discard(platform.id)
            self._news.set()

    def _judge(self, pulse: _Pulse, *, is_alive: bool) -> None:
        now = self._calls.clock()
        if is_alive:
            pulse.last_sign, pulse.ask_from, pulse.failures = now, now, 0
            pulse.is_doubted = False
        else:
            pulse.failures += 1
            pulse.ask_from = now + self._backoff.delay(pulse.failures, self._chance())
            pulse.is_doubted = pulse.is_doubted or pulse.is_believed
        pulse.is_believed = False

    async def _answers(self, platform: Platform) -> bool:
        """Whether the platform itself answers; an envelope says that it is no proxy (VE-11)."""
        client = self._calls.client(platform, Purpose.PROBE, self._patience)
        url, correlation_id = platform.versions_at or "", self._calls.new_id()
        try:
            answer = await client.call("GET", url, correlation_id=correlation_id)
            if answer.reply.status == UNAUTHORIZED and platform.quirks.pinned(Quirk.TOKEN) is None:
                await self._ask_in_other_encoding(platform, client, url, correlation_id)
        except CallFailed:
            return False
        return answer.envelope is not None and answer.reply.status < SERVER_ERROR

    async def _ask_in_other_encoding(
        self, platform: Platform, client: PlatformClient, url: str, correlation_id: str
    ) -> None:
        """Show the token in the other encoding, once, and remember it if that does (AM-02)."""
        client.encoding = client.encoding.other
        if (await client.call("GET", url, correlation_id=correlation_id)).is_success:
            self._calls.observe(platform.id, Seen(Quirk.TOKEN, client.encoding, correlation_id))

    async def _found(self, platform_id: int, status: ConnectionStatus) -> None:
        platform = self._directory.value.platforms.get(platform_id)
        if platform is None or platform.status is status:
            return
        try:
            await self._platforms.found(platform_id, status)
        except Exception:
            # A loop that must not die: a database that fails for a moment is asked again in the next round.
            log.exception("%s is %s, which could not be written down", platform.name, status)

    def _pulse(self, platform_id: int) -> _Pulse:
        pulse = self._pulses.get(platform_id)
        if pulse is None:
            pulse = self._pulses[platform_id] = _Pulse(self._calls.clock() + SPREAD * self._chance())
        return pulse

    def _watched(self) -> Iterator[Platform]:
        """The platforms that live or die by themselves, and are not being asked right now."""
        for platform in self._directory.value.platforms.values():
            is_watched = platform.status in LIVE and platform.is_registered and self._is_ours(platform.id)
            if is_watched and platform.id not in self._asked:
                yield platform

    def _due(self) -> list[Platform]:
        now = self._calls.clock()
        return [platform for platform in self._watched() if self._asked_next(platform, now) <= now]

    def _asked_next(self, platform: Platform, now: datetime) -> datetime:
        """When the platform is to be asked; `now` is one moment for all."""
        pulse = self._pulse(platform.id)
        # Nobody waits for longer than that: the clock was set back.
        ask_from = pulse.ask_from if pulse.ask_from <= now + self._backoff.most + SPREAD else now
        if platform.status is ConnectionStatus.OFFLINE:
            return ask_from
        if pulse.is_suspect:
            asked_at = pulse.asked_at
            return now if asked_at is None or asked_at > now else asked_at + LEAST_PAUSE
        if pulse.last_sign is None:
            return ask_from
        # A sign of life from the future is one of now, for the same reason.
        pulse.last_sign = min(pulse.last_sign, now)
        return max(ask_from, pulse.last_sign + self._silence)

    def _pause(self) -> timedelta:
        now = self._calls.clock()
        next_question = min((self._asked_next(platform, now) for platform in self._watched()), default=None)
        if next_question is None:
            return LONGEST_WAIT
        return min(max(next_question - now, timedelta(0)), LONGEST_WAIT)
