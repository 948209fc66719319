"""What the client writes: what was asked for, host and length; and nothing that could be two requests."""

import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.http.client import HttpTransport
from hub.http.upstream.origin import Origin, split_url
from hub.http.upstream.request_head import OWN_NAMES, request_head
from hub.ocpi.headers import Header
from hub.ocpi.transport import CallFailed, HeaderNotAllowed, HttpRequest, UrlNotAllowed
from tests.fixtures.raw_server import OK, answers, raw_server


@pytest.mark.parametrize(
    ("url", "host", "target"),
    [
        ("http://cpo.example", "cpo.example", "/"),
        ("http://cpo.example/", "cpo.example", "/"),
        ("http://cpo.example?a=b", "cpo.example", "/?a=b"),
        ("http://cpo.example#top", "cpo.example", "/"),
        ("http://cpo.example/a#top?x", "cpo.example", "/a"),
        ("HTTP://CPO.Example:80/A", "cpo.example", "/A"),
        ("https://cpo.example:443/a", "cpo.example", "/a"),
        ("https://cpo.example:80/a", "cpo.example:80", "/a"),
        ("http://cpo.example:/a", "cpo.example", "/a"),
        ("http://cpo_1.example:8080/a", "cpo_1.example:8080", "/a"),
        ("http://cpo.example./a", "cpo.example.", "/a"),
        ("http://[::1]/a", "[::1]", "/a"),
        ("https://[2001:DB8::1]:8443/a", "[2001:db8::1]:8443", "/a"),
        ("http://192.0.2.1:81/a", "192.0.2.1:81", "/a"),
        ("http://cpo.example//a/../b/%2e%2F%c3%A9;x?q='(1,2)'&r=%20+*", "cpo.example",
         "//a/../b/%2e%2F%c3%A9;x?q='(1,2)'&r=%20+*"),
        ("http://cpo.example/http://x@y/", "cpo.example", "/http://x@y/"),
    ],
)  # fmt: skip
def test_a_url_means_a_host_and_a_target_as_it_is_written(url: str, host: str, target: str) -> None:
    origin, asked = split_url(url)
    assert (origin.host_header, asked) == (host, target)


@pytest.mark.parametrize(
    "url",
    ["", "/a", "cpo.example/a", "//cpo.example/a", "ftp://cpo.example/", "file:///etc/passwd",
     "http:/cpo.example/",
     "http://", "http:///a", "http://:80/", "http://x:0/", "http://x:99999/", "http://x:y/", "http://x:-1/",
     "http://user@cpo.example/", "http://user:word@cpo.example/", "http://cpo.example\\@evil.example/",
     "http://cpo.example\\.evil/", "http://x/a b", "http://x/\t", "http://x/\r\nHost: y", "http://x/\0",
     "http://x/é",
     "http://é.example/", "http://x\u2028/", "http://[::1", "http://[::1]x/", "http://[fe80::1%eth0]/",
     "http://[v1.x]/", "http://-x/", "http://x-/", "http://x*y/", "http://x,y/", "http://x%2Fy/", "http://.x/"],
)  # fmt: skip
def test_what_means_no_server_is_not_called(url: str) -> None:
    with pytest.raises(UrlNotAllowed):
        split_url(url)


@given(st.text(max_size=40))
def test_no_url_writes_more_than_one_line(rest: str) -> None:
    try:
        origin, target = split_url(f"http://cpo.example{rest}")
    except UrlNotAllowed:
        return
    line = request_head("GET", target, origin.host_header, ()).split(b"\r\n")
    assert re.fullmatch(rb"GET /[!-~]* HTTP/1\.1", line[0])
    assert re.fullmatch(rb"Host: [!-~]+", line[1])


@pytest.mark.parametrize(
    "value", ["a\r\nX: b", "a\nb", "a\rb", "a\0b", "\x1b", "\x7f", "a\r\n\r\nGET / HTTP/1.1"]
)
def test_a_value_cannot_end_its_line(value: str) -> None:
    for headers in ((("X", value),), (("X", "a"), ("Y", value)), (("X", "ü"), ("Y", value))):
        with pytest.raises(HeaderNotAllowed):
            request_head("GET", "/", "x", headers)


@pytest.mark.parametrize("name", ["", "X Y", "X:", "X\r\nY", "X\0", "é", "X\t", "(X)", "X\n"])
def test_a_name_is_a_name(name: str) -> None:
    for _ in range(2):
        with pytest.raises(HeaderNotAllowed):
            request_head("GET", "/", "x", ((name, "a"),))


@pytest.mark.parametrize("name", [*sorted(OWN_NAMES), "Host", "Content-Length", "TRANSFER-ENCODING"])
def test_how_a_message_is_framed_is_not_the_callers_to_say(name: str) -> None:
    with pytest.raises(HeaderNotAllowed):
        request_head("GET", "/", "x", ((name, "1"),))


@pytest.mark.parametrize("method", ["", "GET /", "G\r\nT", "GÉT", "GET\0"])
def test_a_method_is_a_word(method: str) -> None:
    with pytest.raises(HeaderNotAllowed):
        request_head(method, "/", "x", ())


@given(st.lists(st.tuples(st.text(max_size=8), st.text(max_size=12)), max_size=4))
def test_whatever_headers_are_given_there_are_as_many_lines(headers: list[Header]) -> None:
    try:
        written = request_head("PUT", "/", "x", headers, 3)
    except HeaderNotAllowed:
        return
    assert re.split(rb"\r\n|\r|\n", written)[-2:] == [b"", b""]
    assert len(re.split(rb"\r\n|\r|\n", written)) == 3 + len(headers) + 1 + 2
    assert b"\0" not in written


async def test_what_came_as_bytes_goes_on_as_these_bytes(transport: HttpTransport) -> None:
    """UTF-8, Latin-1, and tabs: the hub reads them as it writes them."""
    answer = b"HTTP/1.1 200 OK\r\nX: \xc3\xa9\t\xe9\r\nContent-Length: 0\r\n\r\n"
    async with raw_server(answers(answer)) as server:
        reply = await transport.send(HttpRequest("GET", server.url))
        value = reply.header("x") or ""
        await transport.send(HttpRequest("GET", server.url, (("X", value), ("Y", "日本"))))
    assert b"\r\nX: \xc3\xa9\t\xe9\r\nY: \xe6\x97\xa5\xe6\x9c\xac\r\n" in server.requests[1]


@pytest.mark.parametrize(
    ("method", "body", "length"),
    [("GET", b"", None), ("HEAD", b"", None), ("OPTIONS", b"", None), ("POST", b"", 0), ("PUT", b"", 0),
     ("PATCH", b"", 0), ("DELETE", b"", 0), ("PUT", b"{}", 2), ("GET", b"{}", 2),
     ("PUT", b"x" * 3_000_000, 3_000_000)],
)  # fmt: skip
async def test_a_length_is_said_where_one_is_expected(
    transport: HttpTransport, method: str, body: bytes, length: int | None
) -> None:
    async with raw_server(answers(OK)) as server:
        await transport.send(HttpRequest(method, f"{server.url}/a", body=body, timeout=timedelta(seconds=20)))
        head, _, rest = server.requests[0].partition(b"\r\n\r\n")
    expected = [b"%s /a HTTP/1.1" % method.encode(), b"Host: 127.0.0.1:%d" % server.port]
    expected += [b"Accept-Encoding: identity"] + ([] if length is None else [b"Content-Length: %d" % length])
    assert head.split(b"\r\n") == expected
    assert rest == body


async def test_ipv6_is_written_in_brackets(transport: HttpTransport) -> None:
    async with raw_server(answers(OK), host="::1") as server:
        await transport.send(HttpRequest("GET", f"{server.url}/a"))
    assert server.requests[0].split(b"\r\n")[1] == b"Host: [::1]:%d" % server.port


async def test_what_cannot_be_written_is_not_sent(transport: HttpTransport) -> None:
    async with raw_server(answers(OK)) as server:
        for request in (
            HttpRequest("GET", f"{server.url}/", (("X", "a\r\nY: b"),)),
            HttpRequest("GET", f"{server.url}/\r\nX: y"),
        ):
            with pytest.raises(CallFailed):
                await transport.send(request)
    assert (server.made, server.requests) == (0, [])


def test_an_origin_is_told_as_a_url() -> None:
    assert str(Origin("https", "::1", 8443)) == "https://[::1]:8443"
