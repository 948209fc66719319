"""A hub that leaves its port to another one answers who stood in its queue."""

import asyncio
import socket
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from hub.web.app import running_hub
from tests.fixtures.roaming import settings

FAREWELL = timedelta(seconds=2)
ASKING = b"GET /health HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n\r\n"


async def test_who_has_connected_and_was_not_accepted_yet_is_answered(tmp_path: Path) -> None:
    async with running_hub(replace(settings(tmp_path), reuse_port=True), log=None) as hub:
        parts = urlsplit(hub.versions_url)
        hub.leave_soon(FAREWELL)
        # The event loop has no turn until the hub leaves: nobody accepts this one before.
        asking = socket.create_connection((parts.hostname, parts.port or 0))
        asking.sendall(ASKING)
    with asking:
        asking.settimeout(FAREWELL.total_seconds())
        answer = await asyncio.to_thread(asking.recv, 4096)
    assert answer.startswith(b"HTTP/1.1 200")
