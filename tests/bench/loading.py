"""Requests by the thousand: what is sent, and what the load generator found."""

import asyncio
import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas import exact_json
from tests.bench.machine import cores
from tests.bench.obtaining import native
from tests.bench.processes import running

#: In a request, the number of the request as eight digits.
NUMBER = "########"


class LoadFailed(Exception):
    """The load generator could not do its work."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it goes over the wire."""

    method: str
    path: str
    token: str
    to: str | None
    sender: str
    body: bytes = b""
    #: Latencies are told for each class of requests.
    kind: int = 0

    def text(self) -> bytes:
        """Its bytes."""
        shown = base64.b64encode(self.token.encode()).decode()
        lines = [
            f"{self.method} {self.path} HTTP/1.1",
            "Host: 127.0.0.1",
            f"Authorization: Token {shown}",
            f"X-Request-ID: 0a7cd5b8-0000-4000-8000-0000{NUMBER}",
            f"X-Correlation-ID: 5f8e1c3a-0000-4000-8000-0000{NUMBER}",
        ]
        for prefix, party in (("OCPI-to", self.to), ("OCPI-from", self.sender)):
            if party is not None:
                country_code, party_id = party.split("/")
                lines += [f"{prefix}-country-code: {country_code}", f"{prefix}-party-id: {party_id}"]
        if self.body:
            lines += ["Content-Type: application/json", f"Content-Length: {len(self.body)}"]
        return ("\r\n".join(lines) + "\r\n\r\n").encode() + self.body


@dataclass(frozen=True, slots=True)
class Latencies:
    """What became of requests of one class; times in milliseconds."""

    good: int = 0
    #: Answered, but not with 2xx and 1000.
    failed: int = 0
    #: The connection was lost before the answer.
    lost: int = 0
    unanswered: int = 0
    p50: float = 0.0
    p90: float = 0.0
    p99: float = 0.0
    longest: float = 0.0

    @property
    def bad(self) -> int:
        """Those without a good answer."""
        return self.failed + self.lost + self.unanswered


@dataclass(frozen=True, slots=True)
class Load:
    """What the load generator found."""

    seconds: float
    kinds: Mapping[int, Latencies]

    @property
    def good(self) -> int:
        """Good answers of all classes."""
        return sum(each.good for each in self.kinds.values())

    @property
    def bad(self) -> int:
        """Requests of all classes that got none."""
        return sum(each.bad for each in self.kinds.values())

    @property
    def a_second(self) -> float:
        """Good answers a second."""
        return self.good / self.seconds

    @property
    def latencies(self) -> Latencies:
        """Those of the first class."""
        return self.kinds.get(0, Latencies())


async def load(
    folder: Path,
    port: int,
    requests: Sequence[Request],
    *,
    seconds: float,
    rate: float = 0,
    connections: int,
    tls: bool = False,
    good_numbers: Path | None = None,
    first_number: int = 0,
) -> Load:
    """Send these requests in turn, again and again.

    Args:
        folder: For files.
        port: Of whom is asked.
        requests: What is sent.
        seconds: How long.
        rate: Requests a second; 0 sends the next one as soon as the answer is there.
        connections: As many are under way at most.
        tls: Whether connections are encrypted; certificates are not looked at.
        good_numbers: A file for the number of each request with a good answer.
        first_number: From where they are counted.

    Raises:
        LoadFailed: the load generator has failed.
    """
    file, output = folder / "requests", folder / "load.json"
    texts = [(each.kind, each.text()) for each in requests]
    await asyncio.to_thread(
        file.write_bytes, b"".join(b"%d %d\n%b" % (kind, len(text), text) for kind, text in texts)
    )
    output.unlink(missing_ok=True)
    arguments = [str(port), str(connections), str(seconds), str(rate), str(file)]
    arguments += ["tls"] * tls + [f"from:{first_number}"]
    arguments += [str(good_numbers)] if good_numbers else []
    async with running(str(native("load")), *arguments, core=cores().others, output=output) as program:
        async with asyncio.timeout(seconds + 30):
            status = await program.process.wait()
    said = output.read_text()
    if status != 0:
        raise LoadFailed(said)
    return _found(said)


def _found(text: str) -> Load:
    complaint, _, last = text.strip().rpartition("\n")
    found = exact_json.decode(last)
    kinds = {int(name): _latencies(each) for name, each in found["classes"].items()}
    result = Load(float(found["seconds"]), kinds)
    if complaint and not result.good:
        raise LoadFailed(complaint)
    return result


def _latencies(found: dict[str, Any]) -> Latencies:
    p50, p90, p99, longest = (float(found[name]) / 1000 for name in ("p50", "p90", "p99", "max"))
    return Latencies(
        found["good"], found["failed"], found["lost"], found["unanswered"], p50, p90, p99, longest
    )
