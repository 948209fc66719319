"""The nodes' way to the network: a kernel `Transport` over one pooled aiohttp session."""

import asyncio
from types import TracebackType
from typing import Self

import aiohttp
from yarl import URL

from hub.ocpi.transport import (
    BrokenAnswer,
    HttpReply,
    HttpRequest,
    NoAnswerInTime,
    NotReached,
    UrlNotAllowed,
)

#: The largest answer that is read, in bytes.
MAX_ANSWER_BYTES = 32 * 1024 * 1024
CHUNK_BYTES = 64 * 1024


class AiohttpTransport:
    """Sends one request and reads its whole answer; an async context manager that owns the session.

    Redirects are not followed: a redirect would show our token to a host that it was not made for.
    """

    def __init__(self, *, max_answer_bytes: int = MAX_ANSWER_BYTES) -> None:
        self._max_answer_bytes = max_answer_bytes
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Open the session."""
        self._session = aiohttp.ClientSession(
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),
            middlewares=(_sent_once,),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the session and its connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def send(self, request: HttpRequest) -> HttpReply:
        """The platform's answer, whatever its status.

        Raises:
            CallFailed: there is none; the subclass says why.
        """
        if self._session is None:
            raise RuntimeError("the transport is not open")
        try:
            async with (
                asyncio.timeout(request.timeout.total_seconds()),
                self._session.request(
                    request.method,
                    # The URL goes out as it is written: %2F stays %2F.
                    URL(request.url, encoded=True),
                    headers=request.headers,
                    data=request.body or None,
                    allow_redirects=False,
                ) as answer,
            ):
                return HttpReply(answer.status, tuple(answer.headers.items()), await self._body(answer))
        except TimeoutError as error:
            seconds = request.timeout.total_seconds()
            raise NoAnswerInTime(f"{request.url}: no answer within {seconds:g} s") from error
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError, ValueError) as error:
            expected = f"expected an http or https URL, got {request.url[:100]!r}"
            raise UrlNotAllowed(expected) from error
        except aiohttp.ClientConnectorError as error:
            raise NotReached(f"{request.url}: {error}") from error
        except (aiohttp.ClientError, ConnectionError) as error:
            raise BrokenAnswer(f"{request.url}: {str(error) or 'the connection was closed'}") from error

    async def _body(self, answer: aiohttp.ClientResponse) -> bytes:
        body = bytearray()
        async for chunk in answer.content.iter_chunked(CHUNK_BYTES):
            body += chunk
            if len(body) > self._max_answer_bytes:
                raise BrokenAnswer(f"{answer.url}: the answer is larger than {self._max_answer_bytes} bytes")
        return bytes(body)


async def _sent_once(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Keep aiohttp from sending idempotent requests again: a PUT of credentials must not be sent twice."""
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise BrokenAnswer(f"{request.url}: {error}") from error
