"""`ocpi-hub serve` as it is measured, and the platforms that are registered with it."""

import asyncio
import base64
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any, Self

import aiohttp
from aiohttp import web

from schemas import exact_json
from tests.bench.machine import cores
from tests.bench.obtaining import HOME
from tests.bench.processes import PATIENCE_SECONDS, Running, start
from tests.fixtures.made_tables import DATABASE, with_tables
from tests.fixtures.ports import free_port

HUB = "NL/HUB"
#: Names, in the environment, the folder of the hub that is measured; the checkout where there is none.
MEASURED = "OCPI_BENCH_HUB"
#: High enough never to stand in the way of a measurement.
RATE_LIMIT = 900_000
VERSION = "2.2.1"
#: A hub that has taken less than this share of a core for so long has settled; so long is waited at most.
LITTLE, LOOK_SECONDS, SETTLING_SECONDS = 0.1, 0.25, 60.0
PREFIX = f"/ocpi/{VERSION}"
MOMENT = "2026-01-01T00:00:00Z"


class NotRegistered(Exception):
    """A platform could not be registered with the hub that is measured."""


@dataclass(frozen=True, slots=True)
class Platform:
    """A platform that is registered with the hub."""

    name: str
    party: str
    #: What it shows the hub.
    token: str


@dataclass
class Hub:
    """A hub in a process of its own."""

    folder: Path
    options: tuple[str, ...]
    environment: Mapping[str, str]
    port: int = field(default_factory=free_port)
    admin_port: int = field(default_factory=free_port)
    program: Running | None = None
    #: Where it runs: alone, or on both where it is of several processes.
    cores: frozenset[int] = field(default_factory=lambda: frozenset({cores().measured}))

    @property
    def running(self) -> Running:
        """The process."""
        assert self.program is not None
        return self.program

    @property
    def url(self) -> str:
        """Where partners reach it."""
        scheme = "https" if "--tls-certificate" in self.options else "http"
        return f"{scheme}://127.0.0.1:{self.port}"

    @property
    def database(self) -> Path:
        """Its database file."""
        return self.folder / "data" / DATABASE

    async def start(self) -> None:
        """Run it, again at the same place with the same data, until it takes requests."""
        ports = ("--port", str(self.port), "--admin-port", str(self.admin_port))
        where = ("--data", str(self.folder / "data"), "--allow-private-networks")
        output = self.folder / "hub.log"
        said = output.stat().st_size if output.exists() else 0
        self.program = await start(
            *(sys.executable, "-m", "hub", "serve", *ports, *where, *self.options),
            core=self.cores,
            output=output,
            environment=self.environment,
            cwd=Path(os.environ.get(MEASURED, HOME)),
        )
        await self.program.says("Partners: ", after=said)

    async def settled(self) -> None:
        """Wait until it has little to do: after a start it looks whether its partners are there."""
        end = monotonic() + SETTLING_SECONDS
        while monotonic() < end:
            before, begun = self.running.seconds(), monotonic()
            await asyncio.sleep(LOOK_SECONDS)
            if self.running.seconds() - before < LITTLE * (monotonic() - begun):
                return

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        """A request to its administration API; the answer."""
        key = (self.folder / "data" / "admin.key").read_text().strip()
        data = b"" if body is None else exact_json.encode(body)
        async with (
            aiohttp.ClientSession(headers={"Authorization": f"Bearer {key}"}) as session,
            session.request(
                method, f"http://127.0.0.1:{self.admin_port}/admin/v1{path}", data=data
            ) as answer,
        ):
            text = await answer.text()
            if answer.status >= 400:
                raise NotRegistered(f"{method} {path}: {answer.status} {text}")
            return exact_json.decode(text)


@asynccontextmanager
async def hub(
    folder: Path, *options: str, environment: Mapping[str, str] | None = None, workers: int = 1
) -> AsyncIterator[Hub]:
    """A hub with its data in the folder, alone on the core where things are measured.

    Args:
        folder: Where its data are.
        options: Of `ocpi-hub serve`.
        environment: In which it runs.
        workers: Of several processes, which run on all cores.
    """
    folder.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 nothing else waits
    with_tables(folder / "data")
    made = Hub(folder, options, environment or {})
    if workers > 1:
        made.options, made.cores = (*options, "--workers", str(workers)), frozenset(cores())
    try:
        await made.start()
        yield made
    finally:
        if made.program is not None:
            await made.program.end()


class Platforms:
    """The handshake's side of any number of platforms, on one port; what they offer lies where one says."""

    def __init__(self) -> None:
        self.url = ""
        self._endpoints: dict[str, dict[tuple[str, str], str]] = {}
        self._roles: dict[str, tuple[str, list[str]]] = {}
        self._runner: web.AppRunner | None = None
        self._session: aiohttp.ClientSession | None = None

    async def join(
        self,
        to: Hub,
        name: str,
        role: str,
        party: str,
        endpoints: Mapping[tuple[str, str], str],
        *,
        more_parties: Sequence[str] = (),
    ) -> Platform:
        """Register a platform with the hub (2.2.1, Credentials).

        Args:
            to: The hub.
            name: The platform's name there.
            role: CPO or EMSP.
            party: Such as NL/TNM.
            endpoints: The URL of each module and interface that it offers.
            more_parties: In the same role.

        Raises:
            NotRegistered: the hub refused.
        """
        self._endpoints[name], self._roles[name] = dict(endpoints), (role, [party, *more_parties])
        invited = await to.ask("POST", "/platforms", {"name": name})
        assert self._session is not None
        headers = {"Authorization": f"Token {_encoded(invited['token'])}"}
        body = exact_json.encode(self._credentials(name, f"token-b-of-{name}"))
        url = f"{to.url}{PREFIX}/credentials"
        async with self._session.post(url, data=body, headers=headers) as answer:
            text = await answer.text()
        answered = exact_json.decode(text)
        if answered.get("status_code") != 1000:
            raise NotRegistered(f"{name}: {text}")
        await to.ask("PATCH", f"/platforms/{name}", {"rate_limit": RATE_LIMIT, "pull": "never"})
        return Platform(name, party, answered["data"]["token"])

    def _credentials(self, name: str, token: str) -> dict[str, Any]:
        role, parties = self._roles[name]
        roles = [
            {
                "role": role,
                "country_code": party.partition("/")[0],
                "party_id": party.partition("/")[2],
                "business_details": {"name": name},
            }
            for party in parties
        ]
        return {"token": token, "url": f"{self.url}/{name}/versions", "roles": roles}

    async def _versions(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        return _envelope([{"version": VERSION, "url": f"{self.url}/{name}/{VERSION}"}])

    async def _details(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        offered = self._endpoints[name] | {
            ("credentials", "SENDER"): f"{self.url}/{name}/{VERSION}/credentials"
        }
        endpoints = [
            {"identifier": module, "role": side, "url": url} for (module, side), url in offered.items()
        ]
        return _envelope({"version": VERSION, "endpoints": endpoints})

    async def __aenter__(self) -> Self:
        application = web.Application()
        application.router.add_get("/{name}/versions", self._versions)
        application.router.add_get(f"/{{name}}/{VERSION}", self._details)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        # The hub's certificate vouches for itself, and it is on this machine.
        without_proof = aiohttp.TCPConnector(ssl=False)
        self._session = aiohttp.ClientSession(
            connector=without_proof, timeout=aiohttp.ClientTimeout(total=PATIENCE_SECONDS)
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._session is not None
        assert self._runner is not None
        await self._session.close()
        await self._runner.cleanup()


def _envelope(data: Any) -> web.Response:
    body = exact_json.encode({"data": data, "status_code": 1000, "timestamp": MOMENT})
    return web.Response(body=body, content_type="application/json")


def _encoded(token: str) -> str:
    return base64.b64encode(token.encode()).decode()
