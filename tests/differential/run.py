"""One run: two hubs, each with a CPO and an eMSP of its own, the same conversations with both."""

import asyncio
import base64
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

import aiohttp

from hub.store.journal import JournalEntry
from hub.web.app import RunningHub, running_hub
from tests.differential.conversations import OWN_URL, TOKENS, Conversation, Ending, Trait, conversation
from tests.differential.far_end import FarEnd
from tests.fixtures.roaming import CPO, EMSP, joined, settings

#: For a request to arrive whole: what never does shall not take long.
PATIENCE = timedelta(seconds=6)
#: For a conversation to end, in seconds; a busy machine takes its time.
LONGEST = 60.0
SETTLING = 10.0
SILENCE = 1.4
NAMED = 10
#: It stands still, so that both tell the same.
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
_ALIKE = (
    (re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}"), b"UUID"),
    (re.compile(rb"127\.0\.0\.1:\d+"), b"ADDRESS"),
    (re.compile(rb"/via/[\w-]+"), b"/via/LINK"),
    (re.compile(rb"(?i)(authorization: token) \S+"), rb"\1 TOKEN"),
    (re.compile(rb'"token":"[\w-]{43}"'), b'"token":"T"'),
    (re.compile(rb"Date: [^\r]*"), b"Date: D"),
)
_NUMBER = re.compile(r"[A-Z]+(\d+)x\d+")
_BY_ID = re.compile(r"[rc](\d+)x\d+")


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two hubs, and what is around it."""

    hub: RunningHub
    cpo: FarEnd
    emsp: FarEnd
    #: By the number of the conversation.
    journal: dict[int, list[JournalEntry]]

    def adapted(self, data: bytes) -> bytes:
        """What goes to this hub."""
        for far_end, stands_for in ((self.cpo, TOKENS["cpo"]), (self.emsp, TOKENS["emsp"])):
            assert far_end.outbound_token is not None
            data = data.replace(stands_for, base64.b64encode(far_end.outbound_token.encode()))
        return data

    def seen(self, number: int) -> tuple[list[bytes], list[str]]:
        """What arrived at the far ends, and what the journal says; verdicts come beside."""
        arrived = [*self.cpo.got.get(number, ()), *self.emsp.got.get(number, ())]
        return [alike(each) for each in arrived], sorted(_told(each) for each in self.journal.get(number, ()))


@dataclass(slots=True)
class Outcome:
    """What a run has seen."""

    seed: int
    requests: int = 0
    conversations: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    #: Requests that went the fast path.
    taken: int = 0
    #: Those among them whose way was known.
    replayed: int = 0
    #: Conversations that were compared, by what made them hard to follow.
    traits: Counter[Trait] = field(default_factory=Counter)
    differences: list[str] = field(default_factory=list)


def alike(data: bytes) -> bytes:
    """The bytes, with what may differ from hub to hub made alike."""
    for pattern, instead in _ALIKE:
        data = pattern.sub(instead, data)
    return data


def _told(entry: JournalEntry) -> str:
    told = (
        *(entry.direction, entry.purpose, entry.correlation_id, entry.request_id, entry.method, entry.url),
        *(entry.platform, entry.module, entry.to_party, entry.from_party, entry.http_status),
        *(entry.status_code, entry.note, entry.request_body, entry.reply_body),
    )
    return alike(repr(told).encode()).decode()


@asynccontextmanager
async def side(data: Path, *, fast_path: bool) -> AsyncIterator[Side]:
    """A hub with a far end on each side."""
    data.mkdir()  # noqa: ASYNC240 nothing else waits
    journal: dict[int, list[JournalEntry]] = {}

    def observe(entry: JournalEntry) -> None:
        found = _BY_ID.search(entry.correlation_id) or _BY_ID.search(entry.request_id)
        found = found or _NUMBER.search(entry.url)
        if found:
            journal.setdefault(int(found[1]), []).append(entry)

    given = settings(data)
    limits = replace(
        given.limits, looking=1.0, requests_per_second=10**6, request=PATIENCE, relay=timedelta(seconds=20)
    )
    async with (
        FarEnd([("CPO", *CPO.split("/"))]) as cpo,
        FarEnd([("EMSP", *EMSP.split("/"))]) as emsp,
        await cpo.open(),
        await emsp.open(),
        running_hub(
            replace(given, limits=limits, fast_path=fast_path), clock=lambda: NOW, log=None, observe=observe
        ) as hub,
    ):
        yield Side(hub, await joined(hub, cpo, "cpo"), await joined(hub, emsp, "emsp"), journal)


async def talked(to: Side, said: Conversation) -> bytes:
    """Everything that came back."""
    parts = urlsplit(to.hub.public_url)
    pieces = [to.adapted(piece) for piece in _with_tokens_whole(said.pieces)]
    pieces = [piece.replace(OWN_URL, to.emsp.url.encode().ljust(len(OWN_URL), b"/")) for piece in pieces]
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    reading = asyncio.Event()

    async def read() -> bytes:
        came = b""
        with suppress(ConnectionError):
            while data := await reader.read(64 * 1024):
                came += data
        reading.set()
        return came

    async with asyncio.timeout(LONGEST), asyncio.TaskGroup() as tasks:
        answered = tasks.create_task(read())
        with suppress(ConnectionError):
            for place, piece in enumerate(pieces):
                if place == said.silence_before:
                    await asyncio.sleep(SILENCE)
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
            if said.ending is Ending.GOES:
                await asyncio.sleep(0.01)
                writer.close()
        await reading.wait()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
    return answered.result()


def _with_tokens_whole(pieces: tuple[bytes, ...]) -> list[bytes]:
    """The pieces; where a cut goes through what stands for a token, two of them are one."""
    marks = (*TOKENS.values(), OWN_URL)
    whole: list[bytes] = []
    for piece in pieces:
        last = whole[-1] if whole else b""
        if any(_is_cut(mark, last) for mark in marks):
            whole[-1] = last + piece
        else:
            whole.append(piece)
    return whole


def _is_cut(mark: bytes, data: bytes) -> bool:
    return any(data.endswith(mark[:size]) for size in range(1, len(mark)))


async def differing(fast: Side, ordinary: Side, said: Conversation, outcome: Outcome) -> str:
    """How the two hubs differ, empty if they do not."""
    first, second = await asyncio.gather(talked(fast, said), talked(ordinary, said))
    for line in re.findall(rb"HTTP/1\.1 (\d{3})", second):
        outcome.answers[line.decode()] += 1
    if said.ending is Ending.WAITS and alike(first) != alike(second):
        return f"the answers differ: {_where(alike(first), alike(second))}"
    with suppress(TimeoutError):
        async with asyncio.timeout(SETTLING):
            while fast.seen(said.number) != ordinary.seen(said.number):  # noqa: ASYNC110 it comes by itself
                await asyncio.sleep(0.01)
    (arrived, told), (others_arrived, others_told) = fast.seen(said.number), ordinary.seen(said.number)
    if arrived != others_arrived:
        return f"what arrived differs: {_where(b'|'.join(arrived), b'|'.join(others_arrived))}"
    if told != others_told and said.ending is Ending.WAITS:
        return f"the journals differ: {_where(repr(told).encode(), repr(others_told).encode())}"
    return ""


def _where(fast: bytes, ordinary: bytes) -> str:
    place = next(
        (each for each, (a, b) in enumerate(zip(fast, ordinary, strict=False)) if a != b),
        min(len(fast), len(ordinary)),
    )
    around = slice(max(0, place - 150), place + 250)
    lengths = f"{len(fast)} and {len(ordinary)}"
    return f"at {place} of {lengths}:\n  fast {fast[around]!r}\n  ordinary {ordinary[around]!r}"


async def compare(data: Path, *, seed: int, requests: int, workers: int = 8) -> Outcome:
    """Say the same to two hubs, so many requests, and tell what differs."""
    outcome = Outcome(seed)
    async with (
        side(data / "fast", fast_path=True) as fast,
        side(data / "ordinary", fast_path=False) as ordinary,
    ):
        numbers = iter(range(1, 10**9))

        async def worker() -> None:
            while outcome.requests < requests and len(outcome.differences) < NAMED:
                number = next(numbers)
                said = conversation(number, Random(f"{seed} {number}"))  # noqa: S311 not a secret
                outcome.requests += said.requests
                outcome.conversations += 1
                outcome.traits.update(said.traits)
                try:
                    found = await differing(fast, ordinary, said, outcome)
                except TimeoutError:
                    found = "one of the two did not end"
                if found:
                    outcome.differences.append(
                        f"conversation {number}, {said.ending}: {found}\n  {_short(said)}"
                    )
                for each in (fast, ordinary):
                    for forgotten in (each.journal, each.cpo.got, each.emsp.got):
                        forgotten.pop(number, None)

        async with asyncio.TaskGroup() as tasks:
            for _ in range(workers):
                tasks.create_task(worker())
        outcome.taken = await taken(fast.hub)
        outcome.replayed = await taken(fast.hub, "ocpi_hub_replayed_requests")
        assert await taken(ordinary.hub) == 0
    return outcome


async def taken(hub: RunningHub, counted: str = "ocpi_hub_fast_requests") -> int:
    """How many requests went the fast path, as its metrics have it."""
    async with aiohttp.ClientSession() as session, session.get(f"{hub.admin_url}/metrics") as answer:
        lines = (await answer.text()).splitlines()
    return next(int(float(line.split()[1])) for line in lines if line.startswith(f"{counted} "))


def _short(said: Conversation) -> str:
    return repr(b"".join(said.pieces)[:1500])
