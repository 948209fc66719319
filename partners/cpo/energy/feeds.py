"""Reading what comes from files and endpoints, again and again.

The last good value stays until it expires; what is wrong is named, and never takes its place.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import aiohttp

from hub.ocpi.timestamps import Clock
from partners.cpo.energy.inputs import (
    MeterReading,
    NotUsable,
    document,
    implausible,
    limits,
    powers,
    prices,
    reading,
)
from partners.cpo.energy.settings import SiteSettings, Source
from partners.cpo.energy.supply import Known

log = logging.getLogger(__name__)

_LARGEST: Final = 2 * 1024 * 1024
_WITHIN: Final = aiohttp.ClientTimeout(total=10)
_READERS: Final[dict[str, Callable[[Any], Any]]] = {
    "limit": limits,
    "price": prices,
    "solar": powers,
    "battery": powers,
    "meter": reading,
}


class Feed:
    """One input of a site."""

    def __init__(self, source: Source, site: SiteSettings, clock: Clock) -> None:
        self.source = source
        self._site = site
        self._clock = clock
        self._value: Any = None
        self._read_at: datetime | None = None
        self._wrong: str | None = None
        #: What came last is wrong in itself, and not only late.
        self.is_doubtful = False

    def value(self) -> Any:
        """What was read last, unless it has expired."""
        return None if self._has_expired() else self._value

    def problem(self) -> str | None:
        """What is wrong with it; None: nothing."""
        if self._wrong is not None:
            return self._wrong
        return "nothing new has come for too long" if self._has_expired() else None

    def take(self, told: Any) -> None:
        """Something has come; what is wrong is refused."""
        try:
            value = _READERS[self.source.kind](told)
            if isinstance(value, MeterReading):
                self._check(value)
        except NotUsable as error:
            self.is_doubtful = True
            self.refuse(str(error))
            return
        self._value, self._wrong, self.is_doubtful = value, None, False
        # A meter's reading is as old as it says.
        self._read_at = min(value.at, self._clock()) if isinstance(value, MeterReading) else self._clock()

    def refuse(self, why: str) -> None:
        """Something has come that cannot be used, or nothing."""
        if why != self._wrong:
            log.warning("site %s, %s: %s", self._site.location, self.source.kind, why)
        self._wrong = why

    async def run(self, session: aiohttp.ClientSession, came: Callable[[], None]) -> None:
        """For ever: read, and tell that something has come."""
        while True:
            await self._read(session)
            came()
            await asyncio.sleep(self.source.every.total_seconds())

    async def _read(self, session: aiohttp.ClientSession) -> None:
        file, url = self.source.file, self.source.url
        try:
            if file is not None:
                self.take(document(await asyncio.to_thread(_text, file), file.name))
            elif url is not None:
                self.take(await _fetched(session, url))
        except NotUsable as error:
            self.refuse(str(error))
        except (OSError, UnicodeDecodeError, aiohttp.ClientError, TimeoutError) as error:
            self.refuse(f"cannot be read: {str(error) or type(error).__name__}")

    def _check(self, told: MeterReading) -> None:
        before = self._value if isinstance(self._value, MeterReading) else None
        why = implausible(told, before, self._site.grid, self._clock(), self.source.expires)
        if why is not None:
            raise NotUsable(f"the reading {why}")

    def _has_expired(self) -> bool:
        return self._read_at is None or self._clock() - self._read_at > self.source.expires


class Feeds:
    """All inputs of a site."""

    def __init__(self, site: SiteSettings, clock: Clock) -> None:
        self.feeds = {kind: Feed(source, site, clock) for kind, source in site.sources.items()}

    def known(self) -> Known:
        """What is known of the world outside."""
        meter = self._value("meter")
        believed = meter.load if isinstance(meter, MeterReading) and not self._is_doubtful() else None
        return Known(
            limit=self._value("limit"),
            prices=self._value("price"),
            solar=self._value("solar"),
            battery=self._value("battery"),
            meter=believed,
        )

    def problems(self) -> dict[str, str]:
        """What is wrong, by the kind of input."""
        return {kind: why for kind, feed in self.feeds.items() if (why := feed.problem()) is not None}

    def metered(self, charge_point: str, at: datetime, phases: tuple[Any, ...]) -> None:
        """A charge point has told what flows at its connector 0."""
        feed = self.feeds.get("meter")
        if feed is not None and feed.source.charge_point == charge_point:
            feed.take({"at": at, "amperes": list(phases)})

    async def run(self, came: Callable[[], None]) -> None:
        """For ever."""
        read = [each for each in self.feeds.values() if each.source.charge_point is None]
        if not read:
            return
        async with aiohttp.ClientSession(timeout=_WITHIN) as session, asyncio.TaskGroup() as group:
            for feed in read:
                group.create_task(feed.run(session, came))

    def _is_doubtful(self) -> bool:
        """A meter that says what cannot be is not believed in what it said before, either."""
        feed = self.feeds.get("meter")
        return feed is not None and feed.is_doubtful

    def _value(self, kind: str) -> Any:
        feed = self.feeds.get(kind)
        return None if feed is None else feed.value()


def _text(file: Path) -> str:
    return file.read_text("utf-8")


async def _fetched(session: aiohttp.ClientSession, url: str) -> Any:
    async with session.get(url) as answer:
        if not answer.ok:
            raise NotUsable(f"HTTP {answer.status}")
        body = bytearray()
        async for chunk in answer.content.iter_chunked(2**16):
            body += chunk
            if len(body) > _LARGEST:
                raise NotUsable("too large")
        name = ".csv" if answer.content_type == "text/csv" else ".json"
        return document(body.decode(), name)
