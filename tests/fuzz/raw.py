"""Bytes that are hardly HTTP, straight into the socket."""

import asyncio
from random import Random
from urllib.parse import urlsplit

PUT = b"PUT /ocpi/2.2.1/receiver/locations/BE/BEC/LOC1 HTTP/1.1\r\nHost: x\r\n"
HEADS = (
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET /ocpi/versions HTTP/9.9\r\nHost: x\r\n\r\n",
    b"GET http://[::1 HTTP/1.1\r\nHost: x\r\n\r\n",
    PUT + b"Content-Length: -5\r\n\r\n",
    PUT + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    PUT + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n",
    b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nX-A: " + b"b" * 40_000 + b"\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nX-Request-ID: a\x00b\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"\r\n\r\n\r\n",
)
#: What has no end is not waited for, in seconds.
PATIENCE = 0.3


async def thrown(url: str, chance: Random) -> bytes:
    """What comes back for bytes that are hardly HTTP; nothing, where the connection was closed."""
    parts = urlsplit(url)
    head = chance.choice(HEADS)
    if chance.random() < 1 / 2:
        place = chance.randrange(len(head))
        head = head[:place] + chance.randbytes(3) + head[place:]
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        writer.write(head)
        await writer.drain()
        async with asyncio.timeout(PATIENCE):
            return await reader.read(64 * 1024)
    except (ConnectionError, TimeoutError):
        return b""
    finally:
        writer.close()
