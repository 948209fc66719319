"""A tap on the wire: chargers connect to it, it connects to the central system, and keeps what passes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

import aiohttp
from aiohttp import WSMsgType, web

from partners.listening import LOOPBACK, listen


class Passed(NamedTuple):
    """A frame that passed."""

    protocol: str
    charge_point: str
    is_from_charge_point: bool
    text: str


@dataclass
class Tap:
    """Where chargers connect, and what passed."""

    url: str = ""
    passed: list[Passed] = field(default_factory=list)


@asynccontextmanager
async def tap(central_system: str) -> AsyncIterator[Tap]:
    """A tap before a central system (`ws://…/ocpp`), until the context is closed."""
    made = Tap()
    async with aiohttp.ClientSession() as session, AsyncExitStack() as running:

        async def connect(request: web.Request) -> web.WebSocketResponse:
            charge_point = request.match_info["charge_point"]
            protocol = request.headers["Sec-WebSocket-Protocol"]
            charger = web.WebSocketResponse(protocols=(protocol,))
            async with session.ws_connect(f"{central_system}/{charge_point}", protocols=(protocol,)) as far:
                await charger.prepare(request)
                async with asyncio.TaskGroup() as group:
                    back = group.create_task(_carry(made, far, charger, (protocol, charge_point, False)))
                    await _carry(made, charger, far, (protocol, charge_point, True))
                    back.cancel()
            return charger

        application = web.Application()
        application.router.add_get("/ocpp/{charge_point}", connect)
        place = await listen(application, LOOPBACK, 0, "the tap", running)
        made.url = f"ws://{place}/ocpp"
        yield made


_Socket = web.WebSocketResponse | aiohttp.ClientWebSocketResponse


async def _carry(made: Tap, source: _Socket, sink: _Socket, who: tuple[str, str, bool]) -> None:
    async for message in source:
        if message.type is WSMsgType.TEXT:
            made.passed.append(Passed(*who, message.data))
            await sink.send_str(message.data)
    await sink.close()
