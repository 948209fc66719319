"""The far end: a platform that answers at once, and bodies of the sizes that are asked for."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp

from schemas import exact_json
from tests.bench.machine import cores
from tests.bench.obtaining import native
from tests.bench.processes import Running, running
from tests.fixtures.ports import free_port
from tests.fixtures.roaming import LOCATION

SMALL_BYTES, LARGE_BYTES = 1024, 50 * 1024
#: An object whose id has this in it is large.
LARGE = "LARGE"
#: Of a DisplayText.
LONGEST_TEXT = 512
MOMENT = "2026-01-01T10:00:00Z"


class Arrival(NamedTuple):
    """A request that came to the upstream."""

    #: The monotonic clock of the machine, in seconds.
    at: float
    method: str
    path: str
    #: What its body says of itself: "name":"v17".
    version: int


@dataclass(slots=True)
class Upstream:
    """A program that answers for any number of platforms."""

    port: int
    program: Running
    log: Path | None
    #: What was read of the log already: bytes, and what they said.
    _read: int = 0
    _arrivals: list[Arrival] = field(default_factory=list)

    def endpoint(self, name: str, module: str, side: str) -> str:
        """Where a platform offers one interface; `hang` and `slow` in its name say how it answers."""
        return f"http://127.0.0.1:{self.port}/{name}/{side.lower()}/{module}"

    async def count(self) -> int:
        """How many requests have come."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{self.port}/count") as answer,
        ):
            return int(await answer.text())

    async def counts(self, expected: int, patience: float) -> bool:
        """Wait until so many have come, and tell whether they did in time."""
        end = asyncio.get_running_loop().time() + patience
        while await self.count() < expected:
            if asyncio.get_running_loop().time() > end:
                return False
            await asyncio.sleep(0.02)
        return True

    async def arrivals(self) -> list[Arrival]:
        """Everything that has come until now."""
        assert self.log is not None
        # Asking has it written out.
        await self.count()
        with self.log.open("rb") as file:
            file.seek(self._read)
            lines = file.read().splitlines(keepends=True)
        for line in lines:
            # The last one may still be half written.
            if line.endswith(b"\n"):
                self._arrivals.append(_arrival(line.decode()))
                self._read += len(line)
        return self._arrivals


def _arrival(line: str) -> Arrival:
    at, method, path, version = line.split()
    return Arrival(int(at) / 1e9, method, path, int(version))


@asynccontextmanager
async def upstream(folder: Path, *, is_recorded: bool = False) -> AsyncIterator[Upstream]:
    """Such a program, until the end of the block."""
    folder.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 nothing else waits
    for name, size in (("small", SMALL_BYTES), ("large", LARGE_BYTES)):
        await asyncio.to_thread((folder / name).write_bytes, enveloped(location("BE/BEC", "LOC1", size)))
    port, log = free_port(), folder / "arrivals" if is_recorded else None
    arguments = [str(port), str(folder / "small"), str(folder / "large"), *([str(log)] if log else [])]
    output = folder / "answers.log"
    async with running(str(native("answers")), *arguments, core=cores().others, output=output) as program:
        await program.listens(port)
        yield Upstream(port, program, log)


def enveloped(value: dict[str, Any]) -> bytes:
    """As an answer."""
    return exact_json.encode({"data": value, "status_code": 1000, "timestamp": MOMENT})


def location(party: str, name: str, size: int, version: str = "1") -> dict[str, Any]:
    """A Location that is so many bytes long as JSON, filled with EVSEs."""
    country_code, party_id = party.split("/")
    owner = {"country_code": country_code, "party_id": party_id}
    made: dict[str, Any] = LOCATION | owner | {"id": name, "name": f"v{version}"}
    (evse,) = LOCATION["evses"]  # type: ignore[misc]
    each = len(exact_json.encode(evse)) + len(',"evse_id":"BE*BEC*E000000"')
    count = max(1, (size - len(exact_json.encode(made))) // each)
    made["evses"] = [
        evse | {"uid": f"{number:04d}", "evse_id": f"{country_code}*{party_id}*E{number:06d}"}
        for number in range(count)
    ]
    filled = made | {"directions": [{"language": "en", "text": ""}]}
    missing = size - len(exact_json.encode(filled))
    return made | {"directions": [{"language": "en", "text": "x" * min(max(missing, 1), LONGEST_TEXT)}]}
