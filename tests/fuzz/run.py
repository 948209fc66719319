"""One run: a hub with a CPO and two eMSPs, many requests at a time, and an account at the end."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

import aiohttp

from schemas import exact_json
from tests.fixtures.recorder import Answered, Recorder
from tests.fixtures.roaming import EMSP, Roaming, joined, roaming, settings
from tests.fuzz.messages import RIVAL, SECRETS, Attack, attacks
from tests.fuzz.raw import thrown
from tests.fuzz.records import Records

SERVER_ERROR = 500
#: Of so many requests one is a record that must not get lost, and one is hardly HTTP.
RECORD_EVERY, RAW_EVERY = 5, 23
SETTLING = 30
NAMED_FAILURES = 20
LONGEST_FAILURE = 600


@dataclass(slots=True)
class Outcome:
    """What a run has seen."""

    seed: int
    requests: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def fails(self, what: str, attack: Attack | None = None) -> None:
        """Something that must hold does not."""
        if len(self.failures) < NAMED_FAILURES:
            self.failures.append((f"{what}: {attack}" if attack else what)[:LONGEST_FAILURE])


@dataclass(slots=True)
class Fuzz:
    """One run."""

    world: Roaming
    rival: Recorder
    chance: Random
    outcome: Outcome
    records: Records = field(default_factory=Records)

    async def worker(self, end: float, limit: int) -> None:
        """Send one request after the other, until the time or the number is reached."""
        messages = attacks(self.chance)
        while time.monotonic() < end and self.outcome.requests < limit:
            self.outcome.requests += 1
            if self.outcome.requests % RAW_EVERY == 0:
                await self._throw()
            else:
                await self._attack(next(messages))

    async def recorder(self, end: float, limit: int) -> None:
        """Push what must not get lost, in order."""
        while time.monotonic() < end and self.outcome.requests < limit:
            self.outcome.requests += 1
            attack = self.records.next(self.chance)
            answer = await self._attack(attack)
            self.records.note(attack, is_accepted=answer is not None and answer.code == 1000)

    async def account(self) -> None:
        """Wait until all is delivered, and look at what arrived."""
        await self._health()
        arrived = {
            ("locations", "cpo"): self.world.emsp,
            ("tariffs", "cpo"): self.world.emsp,
            ("tokens", "emsp"): self.world.cpo,
        }
        far_end = {module: recorder for (module, _), recorder in arrived.items()}
        for (module, path), body in self.records.accepted.items():
            await self._arrives(far_end[module], path, exact_json.decode(body))
        for secret_of, other in ((RIVAL, self.world.emsp), (EMSP, self.rival)):
            secret = SECRETS[secret_of].encode()
            for got in other.received:
                if secret in got.body:
                    self.outcome.fails(
                        f"what is for {secret_of} alone came to another: {got.method} {got.path}"
                    )

    async def _arrives(self, far_end: Recorder, path: str, value: Any) -> None:
        fragment = path.split("/receiver")[1]

        def newest() -> Any:
            got = [each for each in far_end.received if each.method == "PUT" and each.path.endswith(fragment)]
            return got[-1].value if got else None

        try:
            async with asyncio.timeout(SETTLING):
                while newest() != value:  # noqa: ASYNC110 it comes when all before it was delivered
                    await asyncio.sleep(0.02)
        except TimeoutError:
            self.outcome.fails(f"{path} was accepted and has not arrived: expected {value}, got {newest()}")

    async def _attack(self, attack: Attack) -> Answered | None:
        caller = {"cpo": self.world.cpo, "emsp": self.world.emsp, "rival": self.rival}[attack.who]
        body = attack.body.replace(b"OWN", caller.url.encode())
        path = attack.path.replace("OWN", caller.url.replace(":", "%3A").replace("/", "%2F"))
        url = f"{self.world.hub.public_url}/ocpi/2.2.1{path}"
        try:
            answer = await caller.call(
                attack.method,
                url,
                body=body or None,
                to=attack.to,
                sender=attack.sender,
                headers=attack.headers,
            )
        except (aiohttp.ClientError, ValueError) as error:
            # What aiohttp's client will not send.
            self.outcome.answers[type(error).__name__] += 1
            # Of a head that cannot be read nobody knows that it is a HEAD's: it is refused with a body.
            if isinstance(error, aiohttp.ClientResponseError) and attack.method != "HEAD":
                self.outcome.fails(f"an answer that is no HTTP: {error}", attack)
            return None
        self._judge(attack, answer)
        return answer

    def _judge(self, attack: Attack, answer: Answered) -> None:
        self.outcome.answers[f"HTTP {answer.status}"] += 1
        if answer.status >= SERVER_ERROR:
            self.outcome.fails(f"HTTP {answer.status}", attack)
        if not answer.headers.get("X-Request-ID") or not answer.headers.get("X-Correlation-ID"):
            self.outcome.fails("an answer without ids", attack)
        if attack.method != "HEAD" and not self._is_envelope(answer):
            self.outcome.fails(f"no envelope but {answer.body[:80]!r}", attack)
        secret = SECRETS[RIVAL if attack.who == "emsp" else EMSP].encode()
        if attack.who != "cpo" and secret in answer.body:
            self.outcome.fails("an answer with what is for another alone", attack)

    def _is_envelope(self, answer: Answered) -> bool:
        try:
            return "status_code" in answer.envelope
        except (ValueError, TypeError):
            return False

    async def _throw(self) -> None:
        answer = await thrown(self.world.hub.public_url, self.chance)
        status = answer.split(b"\r\n", 1)[0][9:12]
        self.outcome.answers[f"raw {status.decode(errors='replace') or 'closed'}"] += 1
        if status.startswith(b"5") and status != b"505":
            self.outcome.fails(f"raw bytes got {answer[:100]!r}")

    async def _health(self) -> None:
        answer = await self.world.cpo.call("GET", f"{self.world.hub.public_url}/health")
        if b"alive" not in answer.body:
            self.outcome.fails("the hub is not alive")


async def fuzz(
    data: Path, *, seed: int, seconds: float, limit: int, fast_path: bool, workers: int = 8
) -> Outcome:
    """Throw messages at a hub for so long, or so many, and judge what becomes of them."""
    outcome = Outcome(seed)
    given = settings(data)
    limits = replace(given.limits, requests_per_second=1_000_000)
    given = replace(given, limits=limits, fast_path=fast_path)
    async with roaming(data, given) as world, Recorder([("EMSP", *RIVAL.split("/"))]) as rival:
        await joined(world.hub, rival, "rival")
        one = Fuzz(world, rival, Random(seed), outcome)  # noqa: S311 a run must be repeatable
        end = time.monotonic() + seconds
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(one.recorder(end, limit))
            for _ in range(workers):
                tasks.create_task(one.worker(end, limit))
        await one.account()
    return outcome


def lines(outcome: Outcome) -> Iterator[str]:
    """The outcome for people."""
    yield f"{outcome.requests} requests, seed {outcome.seed}"
    yield ", ".join(f"{count} {name}" for name, count in outcome.answers.most_common())
    yield from outcome.failures
    yield "nothing broke" if not outcome.failures else f"{len(outcome.failures)} failures"
