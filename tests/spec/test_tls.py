"""TLS on the partners' port: who the hub is, who callers are, and the fast path within."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from hub.http.tls import UnusableTls, server_context
from hub.settings import Tls
from hub.web.app import RunningHub, running_hub
from tests.fixtures.certificates import certificate
from tests.fixtures.recorder import Recorder
from tests.fixtures.roaming import CPO, EMSP, LOCATION, joined, settings

REFUSED = (aiohttp.ClientConnectionError, ssl.SSLError, ConnectionError)


def trusting(hub: Path, own: Path | None = None) -> ssl.SSLContext:
    """A caller that knows the hub's certificate, and shows its own if it has one."""
    context = ssl.create_default_context(cafile=hub)
    if own is not None:
        context.load_cert_chain(own)
    return context


def made(folder: Path, name: str) -> Path:
    (folder / name).mkdir()
    return certificate(folder / name, "localhost")


async def over_tls(partner: Recorder, context: ssl.SSLContext) -> Recorder:
    """The partner, calling with this context."""
    await partner._session.close()
    partner._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context))
    return partner


@asynccontextmanager
async def hub_with(data: Path, tls: Tls) -> AsyncIterator[RunningHub]:
    async with running_hub(replace(settings(data), tls=tls), log=None) as hub:
        yield hub


@pytest.mark.parametrize("is_mutual", [False, True])
async def test_partners_roam_over_tls(tmp_path: Path, *, is_mutual: bool) -> None:
    own, theirs = made(tmp_path, "hub"), made(tmp_path, "partner")
    tls = Tls(own, client_ca=theirs if is_mutual else None)
    shown = theirs if is_mutual else None
    async with (
        Recorder([("CPO", *CPO.split("/"))]) as cpo,
        Recorder([("EMSP", *EMSP.split("/"))]) as emsp,
        hub_with(tmp_path / "data", tls) as hub,
    ):
        assert hub.public_url.startswith("https://127.0.0.1:")
        for partner, name in ((cpo, "cpo"), (emsp, "emsp")):
            # A platform answers without TLS here; who it calls back must be reached as well.
            await joined(hub, await over_tls(partner, trusting(own, shown)), name)
        url = f"{hub.public_url}/ocpi/2.2.1/receiver/locations/{CPO}/LOC1"
        for size in (1, 100_000):
            whole = LOCATION | {"note": "x" * size}
            assert (await cpo.call("PUT", url, whole, to=EMSP, sender=CPO)).code == 1000
            assert emsp.received[-1].value == whole


async def test_with_mutual_tls_nobody_is_heard_without_a_certificate(
    tmp_path: Path,
) -> None:
    own, theirs, others = (made(tmp_path, name) for name in ("hub", "partner", "stranger"))
    async with hub_with(tmp_path / "data", Tls(own, client_ca=theirs)) as hub:

        async def health(shown: Path | None) -> int:
            connector = aiohttp.TCPConnector(ssl=trusting(own, shown))
            async with (
                aiohttp.ClientSession(connector=connector) as session,
                session.get(f"{hub.public_url}/health") as answer,
            ):
                return answer.status

        assert await health(theirs) == 200
        for shown in (None, others):
            with pytest.raises(REFUSED):
                await health(shown)


async def test_what_is_no_tls_is_not_answered(tmp_path: Path) -> None:
    async with hub_with(tmp_path / "data", Tls(made(tmp_path, "hub"))) as hub:
        host, _, port = hub.public_url.removeprefix("https://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET /health HTTP/1.1\r\nHost: hub\r\n\r\n")
        with suppress(ConnectionError):
            assert b"HTTP" not in await reader.read()
        writer.close()


def test_files_that_are_no_certificates_are_named(tmp_path: Path) -> None:
    own = made(tmp_path, "hub")
    (tmp_path / "empty").write_text("")
    for wrong in (tmp_path / "missing", tmp_path / "empty"):
        for tls in (Tls(wrong), Tls(own, key=wrong), Tls(own, client_ca=wrong)):
            with pytest.raises(UnusableTls, match=wrong.name if tls.key is None else "hub"):
                server_context(tls)
