"""The nodes' way to the network: what was asked goes out once, as it was written; failures have a type."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from hub.ocpi.transport import (
    BrokenAnswer,
    CallFailed,
    HttpReply,
    HttpRequest,
    NoAnswerInTime,
    NotReached,
    UrlNotAllowed,
)
from partners.transport import AiohttpTransport
from tests.fixtures.recorder import Fault, Recorder, Reply

QUICK = timedelta(milliseconds=100)


@pytest.fixture
async def partner() -> AsyncIterator[Recorder]:
    async with Recorder() as partner:
        partner.answers("*", "", Reply())
        yield partner


async def sent(url: str, method: str = "GET", **request: object) -> HttpReply:
    async with AiohttpTransport(max_answer_bytes=10_000) as transport:
        return await transport.send(HttpRequest(method, url, **request))


async def test_the_url_goes_out_as_it_is_written(partner: Recorder) -> None:
    """RT-26."""
    await sent(f"{partner.url}/a%2Fb/BE*BEC%20/%C3%A9?x=1%2B1&y=a%20b")
    assert partner.received[0].path == "/a%2Fb/BE*BEC%20/%C3%A9"
    assert partner.received[0].query == "x=1%2B1&y=a%20b"


async def test_headers_and_body_go_out_as_they_are(partner: Recorder) -> None:
    body = b'{"price":2.50}'
    await sent(partner.url, "POST", headers=(("X-Request-ID", "1"), ("x-own", "2")), body=body)
    (received,) = partner.received
    assert received.body == body
    assert (received.headers["X-Request-ID"], received.headers["X-Own"]) == ("1", "2")


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault.HANG, NoAnswerInTime),
        (Fault.CLOSE, BrokenAnswer),
        (Fault.HALF_AN_ANSWER, BrokenAnswer),
    ],
)
@pytest.mark.parametrize("method", ["GET", "PUT", "POST"])
@pytest.mark.holds("TR-31", by=("cpo", "emsp"))
async def test_a_request_that_fails_was_sent_once(
    partner: Recorder, fault: Fault, expected: type[CallFailed], method: str
) -> None:
    """TR-31: also over a connection that was kept open."""
    async with AiohttpTransport() as transport:
        await transport.send(HttpRequest("GET", partner.url))
        partner.answers("*", "", fault)
        with pytest.raises(expected):
            await transport.send(HttpRequest(method, partner.url, timeout=QUICK))
    assert len(partner.received) == 2


async def test_a_redirect_is_an_answer_and_is_not_followed(partner: Recorder) -> None:
    partner.answers("*", "", Fault.REDIRECT)
    reply = await sent(partner.url)
    assert reply.status == 302
    assert reply.header("location") == f"{partner.url}/elsewhere"
    assert len(partner.received) == 1


async def test_an_answer_may_not_be_too_large(partner: Recorder) -> None:
    partner.answers("*", "", Reply(body=b"x" * 20_000))
    with pytest.raises(BrokenAnswer, match="larger"):
        await sent(partner.url)


async def test_nobody_there_is_not_reached(partner: Recorder) -> None:
    await partner.go_away()
    with pytest.raises(NotReached):
        await sent(partner.url)


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "no url", "http://", "http:///path"])
async def test_what_is_no_http_url_is_not_called(url: str) -> None:
    with pytest.raises(UrlNotAllowed):
        await sent(url)


async def test_cookies_are_not_kept(partner: Recorder) -> None:
    partner.answers("*", "", Reply(headers={"Set-Cookie": "a=b"}))
    async with AiohttpTransport() as transport:
        for _ in range(2):
            await transport.send(HttpRequest("GET", partner.url))
    assert "Cookie" not in partner.received[1].headers
