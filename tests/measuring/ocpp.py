"""How many messages a CPO takes, and what idle links cost: `python -m tests.measuring.ocpp`.

The CPO is a whole node with its database on disk, in a process of its own; the load comes from another one,
over loopback. Half of the stations speak 1.6, half 2.0.1. Each says its next message when the last one is
answered: 60 % MeterValues (2.0.1: TransactionEvent) of a running transaction, 30 % Heartbeat, 10 %
StatusNotification.

Messages a second a core are messages by processor time of the CPO's process. What is done beside them has
shares of the time (Sessions that go on, health rounds: `ASIDE`) and is counted apart: on a core that does
nothing else a message has the rest. A machine that is busy with other things says less, since processors that
are shared work more slowly.
"""

# ruff: noqa: T201 a measurement says what it has found

import argparse
import asyncio
import base64
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter, process_time, thread_time
from typing import Any, Final

import uvloop

from hub.http.open_files import take_all_that_is_allowed
from hub.ocpi.description import ObjectKey
from partners.collecting import settle
from partners.cpo.app import CpoNode
from schemas import exact_json
from tests.fixtures.cpo_world import cpo_settings, evse, location, token

_STATUS = Path("/proc/self/status")
_AT_A_LOCATION: Final = 10
#: Of ten messages.
MIX: Final = "MHMHMSMHMM"
WANTED_RATE: Final = 10_000
WANTED_MEMORY: Final = 25.0
WANTED_STALL: Final = 0.1
#: Of a core, for what is not done for a message by itself: 5 % Sessions, 5 % rounds.
ASIDE: Final = 0.1
#: What a client masks with; any four bytes do.
_MASK: Final = b"\x37\xfa\x21\x3d"


# The CPO, in a process of its own.


def memory() -> float:
    """What the process holds now, in KiB."""
    line = next(each for each in _STATUS.read_text().splitlines() if each.startswith("VmRSS"))
    return float(line.split()[1])


def name(number: int) -> str:
    """The identity of a station."""
    return f"CP{number:05d}"


def locations(stations: int) -> list[dict[str, Any]]:
    """So many stations with one EVSE each, ten at a location."""
    return [
        location(
            f"L{first}",
            *(
                evse(f"E{number}", name(number))
                for number in range(first, min(first + _AT_A_LOCATION, stations))
            ),
        )
        for first in range(0, stations, _AT_A_LOCATION)
    ]


@dataclass
class Stalls:
    """The longest time for which the event loop did not come round."""

    longest: float = 0.0
    #: The same in processor time, of which a busy machine takes nothing away.
    longest_worked: float = 0.0

    async def watch(self) -> None:
        """For ever: come round every few milliseconds, and look how late it is."""
        pause = 0.005
        while True:
            began, worked = perf_counter(), process_time()
            await asyncio.sleep(pause)
            self.longest = max(self.longest, perf_counter() - began - pause)
            self.longest_worked = max(self.longest_worked, process_time() - worked)


@dataclass
class Aside:
    """Processor time for what is done beside messages, for a share of the time."""

    seconds: float = 0.0

    def counted(self, work: Callable[..., None]) -> Callable[..., None]:
        """The same work, and its time counted."""

        def counts(*told: Any) -> None:
            began = thread_time()
            work(*told)
            self.seconds += thread_time() - began

        return counts


async def serve(folder: Path, stations: int) -> None:
    """Run the node; answer each line of the standard input with figures, until it ends."""
    take_all_that_is_allowed()
    settings = cpo_settings(folder, locations=locations(stations))
    node, stalls, aside = CpoNode(settings), Stalls(), Aside()
    node.reckoning._work_out = aside.counted(node.reckoning._work_out)  # type: ignore[method-assign]
    node.rounds.look_at = aside.counted(node.rounds.look_at)  # type: ignore[method-assign]
    card = token()
    node.node.objects.put(ObjectKey("tokens", "NL", "MSP", "CARD1", "RFID"), card)
    loop = asyncio.get_running_loop()
    async with node, asyncio.TaskGroup() as group:
        settle()
        watching = group.create_task(stalls.watch())
        sys.stdout.write(f"{node.ocpp_url}\n")
        sys.stdout.flush()
        while (await loop.run_in_executor(None, sys.stdin.readline)).strip():
            figures = {
                "cpu": process_time(),
                "aside": aside.seconds,
                "memory": memory(),
                "stall": stalls.longest,
                "worked": stalls.longest_worked,
                "stored": node.node.database.rows("SELECT count(*) FROM meter_sample")[0][0],
            }
            stalls.longest = stalls.longest_worked = 0.0
            sys.stdout.write(exact_json.encode(figures).decode() + "\n")
            sys.stdout.flush()
        watching.cancel()


class Server:
    """The CPO's process, seen from here."""

    def __init__(self, folder: Path, stations: int) -> None:
        command = [sys.executable, "-m", "tests.measuring.ocpp", "serve", str(folder), str(stations)]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)  # noqa: S603 our own
        self.url = self._line()

    def _line(self) -> str:
        if self._process.stdout is None:
            raise RuntimeError("a pipe was asked for")
        return self._process.stdout.readline().strip()

    def figures(self) -> dict[str, float]:
        """What it costs by now."""
        self._say("figures\n")
        told = exact_json.decode(self._line())
        return {key: float(value) for key, value in told.items()}

    def _say(self, line: str) -> None:
        if self._process.stdin is None:
            raise RuntimeError("a pipe was asked for")
        self._process.stdin.write(line)
        self._process.stdin.flush()

    def halt(self) -> None:
        """Let it see nothing for now: all that happens until `go_on` has happened in the same moment."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it see what has happened."""
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """End it."""
        with suppress(BrokenPipeError):
            self._say("\n")
        self._process.wait(30)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


# The stations, as lean as can be: they measure the CPO, not themselves.


class Station(asyncio.Protocol):
    """A WebSocket that is fed ready-made frames: one when the last one is answered."""

    def __init__(self, path: str, version: str, frames: Iterator[str]) -> None:
        self.answers = 0
        self.refused = 0
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.idle = asyncio.Event()
        self._path, self._version, self._frames = path, version, frames
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        key = base64.b64encode(os.urandom(16)).decode()
        self._write(
            f"GET {self._path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Protocol: {self._version}\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self.opened.done():
            head, end, rest = self._received.partition(b"\r\n\r\n")
            if not end:
                return
            self._received = rest
            if b" 101 " not in head[:20]:
                self.opened.set_exception(ConnectionError(head.decode()))
                return
            self.opened.set_result(None)
        while (text := self._frame()) is not None:
            self._hear(text)

    def connection_lost(self, exc: Exception | None) -> None:
        for future in (self.opened, self.finished):
            if not future.done():
                future.set_exception(exc or ConnectionError("closed"))
                future.exception()

    def say_next(self) -> None:
        """Send the next frame, if there is one."""
        text = next(self._frames, None)
        if text is None:
            if not self.finished.done():
                self.finished.set_result(None)
            return
        self._send(0x81, text.encode())

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def _hear(self, text: bytes) -> None:
        if text[1:2] == b"2":  # a question of the CPO
            message_id = exact_json.decode(text)[1]
            self._send(0x81, f'[4,"{message_id}","NotImplemented","",{{}}]'.encode())
            return
        self.answers += 1
        if text[1:2] != b"3":
            self.refused += 1
        self.say_next()

    def _frame(self) -> bytes | None:
        """The next text that was received whole; pings are answered."""
        while len(self._received) >= 2:
            length, start = self._received[1] & 127, 2
            if length == 126:
                length, start = int.from_bytes(self._received[2:4], "big"), 4
            if len(self._received) < start + length:
                return None
            kind, payload = self._received[0] & 15, self._received[start : start + length]
            self._received = self._received[start + length :]
            if kind == 1:
                return payload
            if kind == 9:
                self._send(0x8A, payload)
        return None

    def _send(self, head: int, payload: bytes) -> None:
        length = len(payload)
        size = bytes([0x80 | length]) if length < 126 else bytes([0xFE]) + length.to_bytes(2, "big")
        masks = int.from_bytes((_MASK * (length // 4 + 1))[:length], "big")
        masked = (int.from_bytes(payload, "big") ^ masks).to_bytes(length, "big")
        self._write(bytes([head]) + size + _MASK + masked)

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)


@dataclass
class Story:
    """What a station says: it boots, begins to charge, and goes on for ever by the mix."""

    number: int
    transaction: int | str = 0
    version: str = field(init=False)

    def __post_init__(self) -> None:
        self.version = "ocpp1.6" if self.number % 2 else "ocpp2.0.1"

    def frames(self, count: int) -> Iterator[str]:
        """So many messages by the mix."""
        at = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
        for step in range(count):
            kind = MIX[step % len(MIX)]
            at += timedelta(seconds=10)
            moment = at.isoformat().replace("+00:00", "Z")
            yield self._text(f"{self.number}-{step}", kind, moment, step)

    def _text(self, message_id: str, kind: str, moment: str, step: int) -> str:
        if kind == "H":
            return f'[2,"{message_id}","Heartbeat",{{}}]'
        wh = 1000 + step * 20
        if self.version == "ocpp1.6":
            if kind == "S":
                status = "Charging" if step % 20 < 10 else "SuspendedEV"
                return (
                    f'[2,"{message_id}","StatusNotification",{{"connectorId":1,"errorCode":"NoError",'
                    f'"status":"{status}","timestamp":"{moment}"}}]'
                )
            return (
                f'[2,"{message_id}","MeterValues",{{"connectorId":1,"transactionId":{self.transaction},'
                f'"meterValue":[{{"timestamp":"{moment}","sampledValue":[{{"value":"{wh}","context":'
                f'"Sample.Periodic","measurand":"Energy.Active.Import.Register","unit":"Wh"}},{{"value":"7200",'
                '"measurand":"Power.Active.Import","unit":"W"}]}]}]'
            )
        if kind == "S":
            return (
                f'[2,"{message_id}","StatusNotification",{{"evseId":1,"connectorId":1,'
                f'"connectorStatus":"Occupied","timestamp":"{moment}"}}]'
            )
        return (
            f'[2,"{message_id}","TransactionEvent",{{"eventType":"Updated","timestamp":"{moment}","triggerReason":'
            f'"MeterValuePeriodic","seqNo":{step + 1},'
            f'"transactionInfo":{{"transactionId":"{self.transaction}",'
            f'"chargingState":"Charging"}},"meterValue":[{{"timestamp":"{moment}","sampledValue":[{{"value":'
            f'{wh}.5,"context":"Sample.Periodic","measurand":"Energy.Active.Import.Register","unitOfMeasure":'
            '{"unit":"Wh"}},{"value":7200.0,"measurand":"Power.Active.Import","unitOfMeasure":{"unit":"W"}}]}]}]'
        )

    def start(self) -> str:
        """The begin of its transaction."""
        at = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
        moment = at.isoformat().replace("+00:00", "Z")
        if self.version == "ocpp1.6":
            return (
                '[2,"s","StartTransaction",{"connectorId":1,"idTag":"CARD1","meterStart":1000,'
                f'"timestamp":"{moment}"}}]'
            )
        self.transaction = f"T{self.number}"
        return (
            f'[2,"s","TransactionEvent",{{"eventType":"Started","timestamp":"{moment}","triggerReason":'
            f'"Authorized","seqNo":0,"evse":{{"id":1,"connectorId":1}},"idToken":{{"idToken":"CARD1","type":'
            f'"ISO14443"}},"transactionInfo":{{"transactionId":"{self.transaction}","chargingState":"Charging"}}}}]'
        )

    def boot(self) -> str:
        """Who it is."""
        if self.version == "ocpp1.6":
            return '[2,"b","BootNotification",{"chargePointVendor":"V","chargePointModel":"M"}]'
        return (
            '[2,"b","BootNotification",{"reason":"PowerUp","chargingStation":{"model":"M","vendorName":"V"}}]'
        )


async def connected(url: str, story: Story, frames: Iterator[str]) -> Station:
    """A station whose link is up."""
    host, _, path = url.removeprefix("ws://").partition("/")
    address, _, port = host.rpartition(":")
    loop = asyncio.get_running_loop()
    target = f"/{path}/{name(story.number)}"
    _, station = await loop.create_connection(
        lambda: Station(target, story.version, frames), address, int(port)
    )
    await station.opened
    return station


class Asking(Station):
    """A station that wants to read what it is answered."""

    heard: bytes = b""

    def _hear(self, text: bytes) -> None:
        if text[1:2] == b"3":
            self.heard = text
        super()._hear(text)


async def begun(url: str, story: Story) -> None:
    """Begin its transaction, by a link of its own."""
    host, _, path = url.removeprefix("ws://").partition("/")
    address, _, port = host.rpartition(":")
    target = f"/{path}/{name(story.number)}"
    loop = asyncio.get_running_loop()
    _, asking = await loop.create_connection(
        lambda: Asking(target, story.version, iter([story.boot(), story.start()])), address, int(port)
    )
    await asking.opened
    asking.say_next()
    await asking.finished
    if story.version == "ocpp1.6":
        story.transaction = exact_json.decode(asking.heard)[2]["transactionId"]
    asking.close()


@dataclass(frozen=True, slots=True)
class Rate:
    """What many messages have cost."""

    messages: int
    refused: int
    #: Samples on disk.
    stored: int
    #: Messages a second, by the clock.
    a_second: float
    #: Processor time a message, µs, and what was done beside them, as a part of it.
    each: float
    aside: float
    #: Seconds.
    stall: float
    worked: float

    @property
    def a_core(self) -> float:
        """Messages a second on a core that does nothing else."""
        return (1 - ASIDE) / (self.each * 1e-6)

    def __str__(self) -> str:
        return (
            f"{self.messages} messages, {self.refused} refused, {self.stored} samples on disk\n"
            f"  {self.a_second:,.0f} a second; {self.a_core:,.0f} a second a core; {self.each:.0f} µs each,"
            f" and {self.aside:.0f} for what is done beside them\n"
            f"  longest stall {self.stall * 1000:.0f} ms, of it worked {self.worked * 1000:.0f} ms"
        )


@dataclass(frozen=True, slots=True)
class Idle:
    """What links on which nothing happens have cost."""

    links: int
    #: KiB a link.
    memory: float
    #: Processor time until a link is up, µs.
    each: float
    #: Seconds, until all are up, and until all are gone.
    stall: float
    worked: float
    worked_at_end: float

    def __str__(self) -> str:
        return (
            f"{self.links} idle links: {self.memory:.1f} KiB each; {self.each:.0f} µs to come\n"
            f"  longest stall {self.stall * 1000:.0f} ms, of it worked {self.worked * 1000:.0f} ms;"
            f" when all go, worked {self.worked_at_end * 1000:.0f} ms"
        )


@dataclass(frozen=True, slots=True)
class Storm:
    """What became of stations that come back at once."""

    links: int
    refused: int
    #: Until the last one was answered everything, s.
    took: float
    #: Processor time a station, µs.
    each: float
    stall: float
    worked: float

    def __str__(self) -> str:
        return (
            f"{self.links} stations come back at once: {self.took:.1f} s until all were answered,"
            f" {self.refused} refused, {self.each:.0f} µs each\n"
            f"  longest stall {self.stall * 1000:.0f} ms, of it worked {self.worked * 1000:.0f} ms"
        )


async def throughput(server: Server, stations: int, messages: int) -> Rate:
    """Messages by the mix, from all stations at once."""
    url, stories = server.url, [Story(number) for number in range(stations)]
    for story in stories:
        await begun(url, story)
    each = messages // stations
    running = [await connected(url, story, story.frames(each)) for story in stories]
    before, began = server.figures(), perf_counter()
    for station in running:
        station.say_next()
    await asyncio.gather(*(station.finished for station in running))
    took, after = perf_counter() - began, server.figures()
    for station in running:
        station.close()
    said = sum(station.answers for station in running)
    aside = after["aside"] - before["aside"]
    return Rate(
        said,
        sum(station.refused for station in running),
        int(after["stored"]),
        said / took,
        (after["cpu"] - before["cpu"] - aside) / said * 1e6,
        aside / said * 1e6,
        after["stall"],
        after["worked"],
    )


async def idle(server: Server, links: int) -> Idle:
    """Links on which nothing happens, which then all end in the same moment."""
    before = server.figures()
    running: list[Station] = []
    for first in range(0, links, 200):
        batch = range(first, min(first + 200, links))
        running += await asyncio.gather(*(connected(server.url, Story(number), iter(())) for number in batch))
    after = server.figures()
    server.halt()
    try:
        for station in running:
            station.close()
        await asyncio.sleep(0.5)  # until their ends have come
    finally:
        server.go_on()
    await asyncio.sleep(0.5)
    return Idle(
        links,
        (after["memory"] - before["memory"]) / links,
        (after["cpu"] - before["cpu"] - after["aside"] + before["aside"]) / links * 1e6,
        after["stall"],
        after["worked"],
        server.figures()["worked"],
    )


async def storm(server: Server, links: int) -> Storm:
    """So many stations come back in the same moment, boot, and tell their status."""
    before, began = server.figures(), perf_counter()

    async def comes(number: int) -> Station:
        story = Story(number)
        told = [story.boot(), *(each for each in story.frames(10) if "Transaction" not in each)]
        station = await connected(server.url, story, iter(told))
        station.say_next()
        await station.finished
        return station

    came = await asyncio.gather(*(comes(number) for number in range(links)), return_exceptions=True)
    took, after = perf_counter() - began, server.figures()
    refused = [each for each in came if isinstance(each, BaseException) or each.refused]
    for station in came:
        if isinstance(station, Station):
            station.close()
    each = (after["cpu"] - before["cpu"] - after["aside"] + before["aside"]) / links * 1e6
    return Storm(links, len(refused), took, each, after["stall"], after["worked"])


async def of_messages(folder: Path, stations: int, messages: int) -> Rate:
    """The rate, of a CPO with as many stations as talk."""
    server = Server(folder, stations)
    try:
        return await throughput(server, stations, messages)
    finally:
        server.stop()


async def of_links(folder: Path, links: int, stations: int) -> tuple[Idle, Storm]:
    """Idle links that all end, and right after that a storm."""
    take_all_that_is_allowed()
    server = Server(folder, max(links, stations))
    try:
        return await idle(server, links), await storm(server, stations)
    finally:
        server.stop()


async def measure(told: argparse.Namespace) -> bool:
    """Everything, one after the other."""
    with tempfile.TemporaryDirectory(dir=told.folder) as folder:
        rate = await of_messages(Path(folder) / "rate", told.stations, told.messages)
        print(rate)
        links, back = await of_links(Path(folder) / "links", told.idle, told.storm)
        print(links)
        print(back)
    stalls = (rate.worked, links.worked, links.worked_at_end, back.worked)
    return (
        rate.a_core >= WANTED_RATE
        and links.memory <= WANTED_MEMORY
        and max(stalls) <= WANTED_STALL
        and not rate.refused
        and not back.refused
    )


def main() -> int:
    """Measure, and say whether it is enough."""
    if sys.argv[1:2] == ["serve"]:
        uvloop.run(serve(Path(sys.argv[2]), int(sys.argv[3])))
        return 0
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stations", type=int, default=500, help="that talk all the time")
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--idle", type=int, default=10_000, help="links on which nothing happens")
    parser.add_argument("--storm", type=int, default=2_000, help="stations that come back at once")
    parser.add_argument("--folder", type=Path, help="where the database lies while it is measured")
    return 0 if uvloop.run(measure(parser.parse_args())) else 1


if __name__ == "__main__":
    sys.exit(main())
