"""Several workers on the same ports: started, replaced one after the other, begun anew when they die.

Each worker has listening sockets of its own (SO_REUSEPORT, so that the system shares out connections), and
the supervisor holds all of them as long as it lives. So whoever connects while a worker is replaced, or dead,
waits in the queue of its socket until the next one accepts: nobody is refused.

| signal | then |
|---|---|
| SIGHUP | each worker: a new one, of the program as it is installed now; once it serves, the old one ends |
| SIGTERM | every worker answers what is under way, and says goodbye to callers that are idle |
| SIGINT | the same without the goodbye |
"""

import asyncio
import logging
import os
import signal
import socket
import sys
from asyncio.subprocess import Process
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from random import SystemRandom
from typing import Final, NamedTuple

from hub.admin.key import admin_key
from hub.directory.tokens import sealing_key
from hub.http.serving import listening
from hub.ocpi.backoff import Backoff
from hub.settings import Settings
from hub.web.heartbeat import Pulse

#: By this a process knows that it is a worker: its descriptors.
WORKER: Final = "OCPI_HUB_WORKER"
#: For a worker to serve, once it was started.
STARTING: Final = timedelta(seconds=60)
#: For a worker to end, once it was told to.
ENDING: Final = timedelta(seconds=40)
#: A worker that lived so long was well.
WELL: Final = timedelta(seconds=30)
_AGAIN: Final = Backoff(timedelta(seconds=0.2), timedelta(seconds=30))
_chance = SystemRandom().random

log = logging.getLogger(__name__)


class NotStarted(Exception):
    """A worker did not come to serve; it has said why."""


class Reached(NamedTuple):
    """Where the hub is reached."""

    versions_url: str
    admin_url: str


class Inherited(NamedTuple):
    """What a worker gets from its supervisor: file descriptors."""

    port: int
    admin_port: int
    #: Where it says that it serves.
    ready: int
    #: Closed when the supervisor is gone.
    life: int
    #: Where it gives signs of life.
    pulse: int


@dataclass(frozen=True, slots=True)
class Worker:
    """A process that serves."""

    process: Process
    reached: Reached
    since: float
    pulse: Pulse


@dataclass(slots=True)
class Slot:
    """The place of one worker."""

    number: int
    port: socket.socket
    admin_port: socket.socket
    worker: Worker | None = None
    failures: int = 0
    #: Set while somebody replaces the worker: that it ends is no accident.
    is_replaced: bool = False
    ended: asyncio.Event = field(default_factory=asyncio.Event)


def supervise(settings: Settings, workers: int, started: Callable[[Reached], None]) -> int:
    """Run workers until told to stop; the exit code.

    Args:
        settings: Where to listen; the workers read all others from the same command line.
        workers: How many.
        started: Called once all of them serve.

    Raises:
        OSError: the data directory or a port cannot be had.
        UnusableKey, UnusableAdminKey: a key cannot be used.
        NotStarted: a worker could not serve.
    """
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    # All workers have the same keys; whoever is first makes them, so nobody else must be there yet.
    admin_key(settings.data)
    sealing_key(settings.data)
    with _slots(settings, workers) as slots:
        return asyncio.run(Supervisor(slots, settings.limits.hanging).run(started))


class Supervisor:
    """Watches over the workers."""

    def __init__(self, slots: list[Slot], patience: timedelta) -> None:
        """Wire up.

        Args:
            slots: The places of the workers.
            patience: How long a worker may give no sign of life.
        """
        self._slots = slots
        self._patience = patience
        self._stopping = asyncio.Event()
        self._replacing = asyncio.Event()
        self._signal = signal.SIGTERM
        #: The reading end is each worker's; it ends when this process does.
        self._life = os.pipe()
        self._exit_code = 0

    async def run(self, started: Callable[[Reached], None]) -> int:
        """Run until told to stop."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop, number)
        loop.add_signal_handler(signal.SIGHUP, self._replacing.set)
        try:
            await self._start_all()
            if not self._stopping.is_set():
                reached = [slot.worker.reached for slot in self._slots if slot.worker is not None]
                started(reached[0])
            async with asyncio.TaskGroup() as tasks:
                watching = [tasks.create_task(self._watch(slot)) for slot in self._slots]
                watching.append(tasks.create_task(self._replace_when_told()))
                await self._stopping.wait()
                for task in watching:
                    task.cancel()
        finally:
            await self._end_all()
        return self._exit_code

    def _stop(self, number: signal.Signals) -> None:
        self._signal = number
        self._stopping.set()

    async def _start_all(self) -> None:
        started = await asyncio.gather(*map(self._started, self._slots), return_exceptions=True)
        for slot, worker in zip(self._slots, started, strict=True):
            if isinstance(worker, BaseException):
                raise worker
            slot.worker = worker

    async def _started(self, slot: Slot) -> Worker:
        """A new worker, which serves.

        Raises:
            NotStarted: it does not.
        """
        reading, writing = os.pipe()
        pulse = Pulse(self._patience)
        inherited = Inherited(
            slot.port.fileno(), slot.admin_port.fileno(), writing, self._life[0], pulse.writing
        )
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "hub",
                *sys.argv[1:],
                pass_fds=inherited,
                env={**os.environ, WORKER: ",".join(map(str, inherited))},
                # Signals from a terminal are the supervisor's to pass on.
                start_new_session=True,
            )
        except BaseException:
            pulse.close()
            raise
        finally:
            os.close(writing)
            pulse.is_given_away()
        try:
            async with asyncio.timeout(STARTING.total_seconds()):
                said = await asyncio.to_thread(_all_of, reading)
        except BaseException:
            pulse.close()
            await _killed(process)
            raise
        finally:
            os.close(reading)
        if not said:
            pulse.close()
            code = await process.wait()
            raise NotStarted(f"worker {slot.number} ended before it served, with exit code {code}")
        return Worker(process, Reached(*said.decode().split()), asyncio.get_running_loop().time(), pulse)

    async def _watch(self, slot: Slot) -> None:
        """Put another worker in the place of one that ends, sooner or later."""
        while True:
            worker = slot.worker
            if worker is not None:
                code = await self._end_of(slot, worker)
                worker.pulse.close()
                if slot.worker is not worker or slot.is_replaced:
                    await asyncio.sleep(_AGAIN.least.total_seconds())
                    continue
                lived = asyncio.get_running_loop().time() - worker.since
                slot.failures = 0 if lived > WELL.total_seconds() else slot.failures
                slot.worker = None
                log.error("worker %d has ended: %s; another one takes its place", slot.number, _how(code))
            await asyncio.sleep(
                _AGAIN.delay(slot.failures, _chance()).total_seconds() if slot.failures else 0
            )
            slot.failures += 1
            try:
                slot.worker = await self._started(slot)
            except (NotStarted, TimeoutError, OSError) as error:
                log.error("worker %d could not be started: %s", slot.number, error)  # noqa: TRY400 no trace

    async def _end_of(self, slot: Slot, worker: Worker) -> int:
        """The exit code of a worker, once it has ended; one that hangs is killed."""
        async with asyncio.TaskGroup() as tasks:
            minding = tasks.create_task(self._mind(slot, worker))
            code = await worker.process.wait()
            minding.cancel()
        return code

    async def _mind(self, slot: Slot, worker: Worker) -> None:
        """Kill a worker that gives no sign of life."""
        await worker.pulse.stops()
        # One that is being replaced may take its time; who replaces it kills it in the end.
        if slot.worker is worker and not slot.is_replaced:
            patience = self._patience.total_seconds()
            log.error("worker %d has given no sign of life for %g s, and is killed", slot.number, patience)
            await _killed(worker.process)

    async def _replace_when_told(self) -> None:
        while True:
            await self._replacing.wait()
            self._replacing.clear()
            log.info("the workers are replaced, one after the other")
            for slot in self._slots:
                if not await self._replace(slot):
                    break
            else:
                log.info("all workers were replaced")

    async def _replace(self, slot: Slot) -> bool:
        """Put a new worker beside the one that is there, and then end that one; whether that went well."""
        slot.is_replaced = True
        before = slot.worker
        try:
            slot.worker = await self._started(slot)
        except (NotStarted, TimeoutError, OSError) as error:
            log.error("the workers that are left stay as they are: %s", error)  # noqa: TRY400 no trace needed
            return False
        else:
            if before is not None:
                await _ended(before.process, signal.SIGTERM)
            return True
        finally:
            slot.is_replaced = False

    async def _end_all(self) -> None:
        processes = [slot.worker.process for slot in self._slots if slot.worker is not None]
        codes = await asyncio.gather(*(_ended(each, self._signal) for each in processes))
        self._exit_code = next((1 for code in codes if code != 0), 0)


@contextmanager
def _slots(settings: Settings, workers: int) -> Iterator[list[Slot]]:
    slots: list[Slot] = []
    try:
        port, admin_port = settings.port, settings.admin_port
        for number in range(1, workers + 1):
            partners = listening(settings.host, port, is_shared=True)
            operators = listening(settings.admin_host, admin_port, is_shared=True)
            slots.append(Slot(number, partners, operators))
            port, admin_port = partners.getsockname()[1], operators.getsockname()[1]
        yield slots
    finally:
        for slot in slots:
            slot.port.close()
            slot.admin_port.close()


def inherited() -> Inherited | None:
    """What this process got from its supervisor; None where it is no worker."""
    found = os.environ.get(WORKER)
    return None if found is None else Inherited(*map(int, found.split(",")))


def say_ready(ready: int, reached: Reached) -> None:
    """Tell the supervisor that this worker serves."""
    os.write(ready, " ".join(reached).encode())
    os.close(ready)


def _all_of(descriptor: int) -> bytes:
    """What is written to a pipe, once its other end is closed."""
    said = b""
    while data := os.read(descriptor, 4096):
        said += data
    return said


async def _ended(process: Process, number: signal.Signals) -> int:
    """The exit code of a process that was told to end, and killed if it did not."""
    with suppress(ProcessLookupError):
        process.send_signal(number)
    try:
        async with asyncio.timeout(ENDING.total_seconds()):
            return await process.wait()
    except TimeoutError:
        log.error("process %d did not end in time, and is killed", process.pid)  # noqa: TRY400 no trace
        return await _killed(process)


async def _killed(process: Process) -> int:
    with suppress(ProcessLookupError):
        process.kill()
    return await process.wait()


def _how(code: int) -> str:
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
