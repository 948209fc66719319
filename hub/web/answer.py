"""An answer as aiohttp knows it."""

from typing import Final

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from hub.http.protocol import Whole
from hub.ocpi.headers import MessageIds
from hub.ocpi.message import Reply
from hub.web.answer_bytes import answer_bytes, headers_of


class Answer(Whole):
    """A reply for aiohttp to hand out, written past it where nothing about its request is special."""

    def __init__(self, reply: Reply) -> None:
        """Wrap it; the edge says what the ids are."""
        super().__init__(status=reply.status, body=reply.body)
        self.reply: Final = reply
        #: Those of the request, once they are known.
        self.ids: MessageIds | None = None

    def whole(self) -> bytes:
        """All of it."""
        return answer_bytes(self.reply, self.ids)

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Let aiohttp write it."""
        if not self.prepared:
            self.headers.extend(headers_of(self.reply, self.ids))
        return await super().prepare(request)
