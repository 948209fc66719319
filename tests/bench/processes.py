"""Programs that are measured, or that measure: each in a process group of its own; none is left behind."""

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from tests.bench.machine import family_seconds
from tests.fixtures.warm_program import PROGRAMS, Start, WarmProcess, start_warm

PATIENCE_SECONDS = 30.0
#: prctl: the kernel kills the process when whoever started it has died, however that came about.
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


class _Chosen:
    is_warm = False


def start_warm_ones() -> None:
    """Start our own programs as forks of one that waits from now on: for who wants no figures, but soon."""
    _Chosen.is_warm = True


class DidNotStart(Exception):
    """A program ended, or did not listen, before it could be used."""


@dataclass
class Running:
    """A program that runs."""

    process: asyncio.subprocess.Process | WarmProcess
    output: Path

    @property
    def group(self) -> int:
        """Its process group."""
        return self.process.pid

    def seconds(self) -> float:
        """What it has had of the processors."""
        return family_seconds(self.process.pid)

    def send(self, number: signal.Signals) -> None:
        """A signal to it and to whatever it has started."""
        with suppress(ProcessLookupError):
            os.killpg(self.group, number)

    async def listens(self, port: int) -> None:
        """Wait until it does.

        Raises:
            DidNotStart: it ended, or does not.
        """
        end = monotonic() + PATIENCE_SECONDS
        while monotonic() < end and self.process.returncode is None:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.01)
            else:
                writer.close()
                return
        raise DidNotStart(f"it does not listen:\n{self.output.read_text()[-2000:]}")

    async def says(self, word: str, after: int = 0) -> None:
        """Wait until it has printed this, behind so many bytes of its output.

        Raises:
            DidNotStart: it ended, or does not say it.
        """
        end = monotonic() + PATIENCE_SECONDS
        while monotonic() < end and self.process.returncode is None:
            if word.encode() in self.output.read_bytes()[after:]:
                return
            await asyncio.sleep(0.005)
        raise DidNotStart(f"it does not say {word!r}:\n{self.output.read_text()[-2000:]}")

    async def end(self) -> None:
        """Leave nothing behind: SIGTERM, and SIGKILL if that is not heard."""
        self.send(signal.SIGTERM)
        try:
            async with asyncio.timeout(5):
                await self.process.wait()
        except TimeoutError:
            pass
        finally:
            self.send(signal.SIGKILL)
            await self.process.wait()


async def start(
    *command: str,
    core: int | frozenset[int],
    output: Path,
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Running:
    """A program on one core, or several; what it prints goes to a file."""
    told = clean_environment() | dict(environment or {})
    if _Chosen.is_warm and command[:2] == (sys.executable, "-m") and command[2] in PROGRAMS:
        place, cores = str(cwd or Path.cwd()), [core] if isinstance(core, int) else sorted(core)
        written = str(output)
        asked = Start(command[2], command[3:], told, place, written, written, is_appended=True, cores=cores)
        return Running(await start_warm(asked), output)

    def prepare() -> None:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        os.sched_setaffinity(0, {core} if isinstance(core, int) else core)

    with output.open("ab") as file:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            env=told,
            cwd=cwd,
            start_new_session=True,
            preexec_fn=prepare,
        )
    return Running(process, output)


@asynccontextmanager
async def running(
    *command: str,
    core: int,
    output: Path,
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> AsyncIterator[Running]:
    """A program on one core, until the end of the block."""
    program = await start(*command, core=core, output=output, environment=environment, cwd=cwd)
    try:
        yield program
    finally:
        await program.end()


def clean_environment() -> dict[str, str]:
    """The environment without what would tell a hub how to run."""
    return {name: value for name, value in os.environ.items() if not name.startswith("OCPI_")}
