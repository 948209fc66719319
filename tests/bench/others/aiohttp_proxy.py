"""A straightforward proxy for OCPI: aiohttp's server, aiohttp's client, and the least duties of a hub.

    python -m tests.bench.others.aiohttp_proxy PORT TOKENS ROUTES

TOKENS is JSON of who shows which token, ROUTES of where each party is; both come from the benchmark. It
keeps no journal, checks no body and limits nothing.
"""

import asyncio
import base64
import sys
from uuid import uuid4

import aiohttp
import uvloop
from aiohttp import web
from yarl import URL

from schemas import exact_json


class Proxy:
    """Hands requests on to the party that OCPI-to names."""

    def __init__(
        self, session: aiohttp.ClientSession, parties: dict[str, str], routes: dict[str, str]
    ) -> None:
        self._session = session
        self._parties = {_authorization(token): party for token, party in parties.items()}
        self._routes = routes

    async def answer(self, request: web.Request) -> web.Response:
        """The answer of whoever the request is for."""
        asked = request.headers
        if self._parties.get(asked.get("Authorization", "")) != _pair(asked, "OCPI-from"):
            return web.Response(status=401)
        base = self._routes.get(_pair(asked, "OCPI-to"))
        if base is None:
            return web.Response(status=404)
        headers = {name: value for name, value in asked.items() if name.startswith("OCPI-")}
        headers["Authorization"] = _authorization("of-the-hub")
        headers["X-Request-ID"] = str(uuid4())
        headers["X-Correlation-ID"] = asked["X-Correlation-ID"]
        body = await request.read()
        async with self._session.request(
            request.method, URL(base + request.raw_path, encoded=True), data=body or None, headers=headers
        ) as answer:
            data = await answer.read()
            return web.Response(status=answer.status, body=data, content_type="application/json")


def _pair(headers: object, prefix: str) -> str:
    read = headers.get  # type: ignore[attr-defined]  # a mapping of aiohttp
    return f"{read(f'{prefix}-country-code')}/{read(f'{prefix}-party-id')}"


def _authorization(token: str) -> str:
    return f"Token {base64.b64encode(token.encode()).decode()}"


async def serve(port: int, parties: dict[str, str], routes: dict[str, str]) -> None:
    """Serve until it is killed."""
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session:
        application = web.Application()
        application.router.add_route("*", "/{tail:.*}", Proxy(session, parties, routes).answer)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), exact_json.decode(sys.argv[2]), exact_json.decode(sys.argv[3])))
