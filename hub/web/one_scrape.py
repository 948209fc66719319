"""One scrape for all workers of a machine: whichever is asked collects from the others.

What each counted stays its own, with the label `worker`: the sum over it is the hub's, and a worker that
begins anew, from zero, is no mystery to `rate`.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from hub.store.place import Place

#: For another worker to tell what it counted.
PATIENCE: Final = timedelta(seconds=1)
_SUFFIX: Final = ".metrics"
LABEL: Final = "worker"


class OneScrape:
    """What this worker counted, told to the others, and what they counted."""

    def __init__(self, registry: CollectorRegistry, place: Place) -> None:
        self._registry = registry
        self._place = place

    @asynccontextmanager
    async def told(self) -> AsyncIterator[None]:
        """Tell the others until the end of the block."""
        with self._folder() as folder:
            own = f"{folder}/{self._place.number}{_SUFFIX}"
            server = await asyncio.start_unix_server(self._tell, own)
            try:
                yield
            finally:
                server.close()
                _gone(own)

    async def text(self) -> bytes:
        """What all workers counted, as Prometheus wants it."""
        with self._folder() as folder:
            others = [number for number in _numbers(folder) if number != self._place.number]
            told = await asyncio.gather(*(_asked(f"{folder}/{number}{_SUFFIX}") for number in others))
        counted = {self._place.number: generate_latest(self._registry)} | dict(zip(others, told, strict=True))
        registry = CollectorRegistry()
        registry.register(_Together(counted))
        return generate_latest(registry)

    async def _tell(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(generate_latest(self._registry))
        with suppress(ConnectionError):
            await writer.drain()
        writer.close()

    @contextmanager
    def _folder(self) -> Iterator[str]:
        """A short path of the folder: that of a socket may have 107 bytes, and a data directory more."""
        descriptor = os.open(self._place.folder, os.O_DIRECTORY)
        try:
            yield f"/proc/self/fd/{descriptor}"
        finally:
            os.close(descriptor)


def _numbers(folder: str) -> list[int]:
    return sorted(int(each.stem) for each in Path(folder).glob(f"*{_SUFFIX}"))


def _gone(path: str) -> None:
    Path(path).unlink(missing_ok=True)


class _Together(Collector):
    """Metrics of several workers."""

    def __init__(self, counted: dict[int, bytes]) -> None:
        self._counted = counted

    def collect(self) -> Iterator[Metric]:
        """Each metric once, with the samples of all of them."""
        together: dict[str, Metric] = {}
        for number, text in sorted(self._counted.items()):
            for family in text_string_to_metric_families(text.decode()):
                samples = [
                    each._replace(labels={**each.labels, LABEL: str(number)}) for each in family.samples
                ]
                if family.name in together:
                    together[family.name].samples += samples
                else:
                    family.samples = samples
                    together[family.name] = family
        yield from together.values()


async def _asked(path: str) -> bytes:
    """What another worker counted; nothing if it says nothing, because it is just leaving, or hangs."""
    try:
        async with asyncio.timeout(PATIENCE.total_seconds()):
            reader, writer = await asyncio.open_unix_connection(path)
            try:
                return await reader.read()
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return b""
