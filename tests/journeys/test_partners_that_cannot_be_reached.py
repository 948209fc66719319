"""A name does not resolve, or a certificate is not right: why is said; others do not notice."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from hub.calling.circuits import FAILURES
from hub.http.addresses import AddressInfo
from hub.ocpi.transport import NotReached
from hub.store.journal import JournalEntry
from tests.fixtures.admin_hub import asked
from tests.fixtures.certificates import certificate
from tests.fixtures.recorder import Recorder
from tests.fixtures.roaming import CPO, EMSP, HUB, LOCATION, Roaming, joined, roaming, settings
from tests.fixtures.tls_front import TlsFront, tls_front
from tests.fixtures.waiting import soon

NAME = "tariffs.partner.example"
CONNECT = timedelta(milliseconds=300)


class Names:
    """What a name server says."""

    def __init__(self) -> None:
        self.is_gone = False
        self.asked = 0
        self._answers = threading.Event()
        self._answers.set()

    def __call__(self, host: str, port: int) -> Sequence[AddressInfo]:
        self.asked += 1
        self._answers.wait(20)
        if self.is_gone:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        assert host == NAME
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    def hangs(self) -> None:
        self._answers.clear()

    def answers(self) -> None:
        self._answers.set()
        self.is_gone = False


class WithAName(Recorder):
    """A partner that has its tariffs on a host with a name."""

    def endpoint(self, module: str, side: str) -> str:
        url = super().endpoint(module, side)
        return url.replace("127.0.0.1", NAME) if module == "tariffs" else url


@dataclass(frozen=True, slots=True)
class Named:
    roaming: Roaming
    other: Recorder
    names: Names

    async def ask(self) -> int | None:
        """The eMSP asks the one whose name is in question."""
        return await self._asked("DE/NAM")

    async def others_are_answered(self) -> None:
        async with asyncio.timeout(2):
            assert await self._asked(CPO) == 1000

    async def _asked(self, party: str) -> int | None:
        url = self.roaming.url("tariffs", "SENDER")
        return (await self.roaming.emsp.call("GET", url, to=party, sender=EMSP)).code

    def legs(self) -> list[JournalEntry]:
        """The hub's calls to that name."""
        return [each for each in self.roaming.journal if NAME in each.url]


@pytest.fixture
async def named(tmp_path: Path) -> AsyncIterator[Named]:
    names, given = Names(), settings(tmp_path)
    limits = replace(given.limits, connect=CONNECT)
    async with (
        WithAName([("CPO", "DE", "NAM")]) as other,
        roaming(tmp_path, replace(given, limits=limits), resolve=names) as world,
    ):
        try:
            yield Named(world, await joined(world.hub, other, "named"), names)
        finally:
            names.answers()


async def test_a_name_that_is_gone_is_said_and_left_in_peace_and_found_again(named: Named) -> None:
    named.names.is_gone = True
    assert [await named.ask() for _ in range(FAILURES + 3)] == [4003] * (FAILURES + 3)
    assert named.names.asked == len(named.legs()) == FAILURES, "its circuit is open"
    for leg in named.legs():
        assert (leg.http_status, leg.platform) == (None, "named")
        assert leg.note == f"{NotReached.happened}: no address for {NAME}: Name or service not known"
    await named.others_are_answered()
    named.names.answers()
    await named.other.call("GET", named.roaming.hub.versions_url)
    assert await soon(named.ask, lambda code: code == 1000)
    assert len(named.other.all("GET", "/sender/tariffs")) == 1


async def test_a_name_server_that_hangs_holds_up_who_is_asked_for_and_nobody_else(named: Named) -> None:
    named.names.hangs()
    begun = asyncio.get_running_loop().time()
    async with asyncio.TaskGroup() as tasks:
        asking = [tasks.create_task(named.ask()) for _ in range(FAILURES)]
        while not all(each.done() for each in asking):
            await named.others_are_answered()
    assert asyncio.get_running_loop().time() - begun >= CONNECT.total_seconds()
    assert [each.result() for each in asking] == [4003] * FAILURES
    assert named.names.asked == 1, "once for all who want to know"
    said = {leg.note.rpartition(" to ")[0] for leg in named.legs()}
    assert said == {f"{NotReached.happened}: no connection"}
    assert all(leg.note.endswith("in time") for leg in named.legs())
    named.names.answers()
    await named.other.call("GET", named.roaming.hub.versions_url)
    assert await soon(named.ask, lambda code: code == 1000)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("expired", "certificate has expired"),
        ("wrong host", "Hostname mismatch, certificate is not valid for 'localhost'."),
        ("self-signed", "self-signed certificate"),
    ],
)
async def test_a_certificate_that_is_not_right_is_refused_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str, words: str
) -> None:
    """In the journal and by `partner check`; nothing was sent. Others do not notice; a right one mends it."""
    right, wrong = _certificate(tmp_path, "right"), _certificate(tmp_path, fault)
    trusted = tmp_path / "trusted.pem"
    trusted.write_text(right.read_text() + ("" if fault == "self-signed" else wrong.read_text()))
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    async with behind_tls(tmp_path, right) as (world, partner, front):
        url = world.url("locations", "RECEIVER", f"/{CPO}/LOC1")

        async def sent() -> int | None:
            return (await world.cpo.call("PUT", url, LOCATION, to="DE/TLS", sender=CPO)).code

        assert await sent() == 1000
        await front.shows(wrong)
        got = len(partner.received)
        assert await soon(sent, lambda code: code == 4003)
        notes = [each.note for each in world.journal if each.platform == "tls" and each.http_status is None]
        assert f"{NotReached.happened}: TLS with https://localhost:{front.port} failed: {words}" in notes
        checked = await _checked(world)
        assert checked["has_errors"]
        assert any(words in each["message"] for each in checked["findings"])
        assert (await world.cpo.call("PUT", url, LOCATION, to=EMSP, sender=CPO)).code == 1000
        assert (await world.cpo.call("PUT", url, LOCATION, to=HUB, sender=CPO)).code == 1000
        assert len(partner.received) == got, "it got nothing"

        await front.shows(right)
        assert await soon(sent, lambda code: code == 1000)
        assert not (await _checked(world))["has_errors"]
        # What everybody was told meanwhile it is told, too.
        await partner.receives("PUT", "/receiver/locations", 2)


def _certificate(folder: Path, kind: str) -> Path:
    place = folder / kind.replace(" ", "-")
    place.mkdir()
    names = () if kind == "wrong host" else ("localhost",)
    return certificate(place, *names, expired=kind == "expired")


@asynccontextmanager
async def behind_tls(folder: Path, right: Path) -> AsyncIterator[tuple[Roaming, Recorder, TlsFront]]:
    """A hub, and a partner that is reached by TLS."""
    async with AsyncExitStack() as stack:
        partner = await stack.enter_async_context(Recorder([("EMSP", "DE", "TLS")]))
        front = await stack.enter_async_context(tls_front(right, int(partner.url.rpartition(":")[2])))
        partner.url = f"https://localhost:{front.port}"
        world = await stack.enter_async_context(roaming(folder))
        yield world, await joined(world.hub, partner, "tls"), front


async def _checked(world: Roaming) -> Any:
    hub = world.hub
    return (await asked(hub.admin_url, "POST", "/admin/v1/platforms/tls/check", key=hub.admin_key)).content
