"""Our end of a WebSocket as a charger meets it: handshake, pings, goodbyes (RFC 6455, 4 and 5.5)."""

import asyncio
from contextlib import suppress
from datetime import timedelta

import pytest

from partners.cpo.stations.central_system import CentralSystemSettings
from tests.unit.partners.ocpp_world import QUICK, cpo_node, patiently, raw_charge_point
from tests.unit.partners.test_websocket_frames import masked

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
#: The answer to it, by the RFC's own example (1.3).
ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
GOOD = {
    "Host": "localhost",
    "Upgrade": "websocket",
    "Connection": "keep-alive, Upgrade",
    "Sec-WebSocket-Key": KEY,
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Protocol": "ocpp1.6",
}


class Line:
    """A connection on which bytes are written and read as they are."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def to(cls, port: int) -> "Line":
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def asks(self, headers: dict[str, str], method: str = "GET", path: str = "/ocpp/CP001") -> bytes:
        """The head of the answer."""
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self.says(f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode())
        return await self.until(b"\r\n\r\n")

    def says(self, data: bytes) -> None:
        self._writer.write(data)

    async def until(self, end: bytes) -> bytes:
        return await patiently(self._reader.readuntil(end))

    async def hears(self, count: int) -> bytes:
        return await patiently(self._reader.readexactly(count))

    async def rest(self) -> bytes:
        """All that comes until the far end hangs up."""
        return await patiently(self._reader.read())

    def hangs_up(self) -> None:
        self._writer.close()


async def test_a_handshake_is_answered_as_the_rfc_says_and_compression_is_not_agreed_on() -> None:
    async with cpo_node() as node:
        line = await Line.to(node.port)
        head = await line.asks(
            GOOD | {"Sec-WebSocket-Extensions": "permessage-deflate"}, path="/ocpp/CP001?a=b"
        )
        assert head.startswith(b"HTTP/1.1 101 ")
        assert b"Sec-WebSocket-Accept: " + ACCEPT in head
        assert b"Sec-WebSocket-Protocol: ocpp1.6\r\n" in head
        assert b"extensions" not in head.lower()
        line.hangs_up()


@pytest.mark.parametrize(
    ("changed", "method", "status"),
    [
        ({"Sec-WebSocket-Version": "8"}, "GET", 426),
        ({"Sec-WebSocket-Key": "c2hvcnQ="}, "GET", 400),
        ({"Sec-WebSocket-Key": "no base64!"}, "GET", 400),
        ({"Upgrade": "h2c"}, "GET", 400),
        ({"Connection": "close"}, "GET", 400),
        ({}, "PUT", 400),
        ({"X": "x" * 9000}, "GET", 431),
    ],
)
async def test_what_is_no_handshake_is_refused_in_http(
    changed: dict[str, str], method: str, status: int
) -> None:
    async with cpo_node() as node:
        line = await Line.to(node.port)
        assert (await line.asks(GOOD | changed, method)).split(b" ")[1] == str(status).encode()
        await line.rest()
        line.hangs_up()
    assert node.cpo.events == []


@pytest.mark.parametrize("path", ["/", "/ocpp", "/ocpp/", "/ocpp/CP001/", "/ocpp/CP001/more", "/other/CP001"])
async def test_a_path_that_names_no_charge_point_is_not_found(path: str) -> None:
    async with cpo_node() as node:
        line = await Line.to(node.port)
        assert (await line.asks(GOOD, path=path)).startswith(b"HTTP/1.1 404 ")
        line.hangs_up()


async def test_what_is_no_http_is_refused_and_the_others_notice_nothing() -> None:
    async with cpo_node() as node, raw_charge_point(node.url("CP002")) as other:
        line = await Line.to(node.port)
        line.says(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc")
        assert (await line.rest()).startswith(b"HTTP/1.1 400 ")
        line.hangs_up()
        assert (await other.ask("1", "Heartbeat", {}))[:2] == [3, "1"]


async def test_a_frame_that_comes_with_the_handshake_is_heard() -> None:
    async with cpo_node() as node:
        line = await Line.to(node.port)
        lines = "".join(f"{name}: {value}\r\n" for name, value in GOOD.items())
        frame = masked(1, b'[2,"early","Heartbeat",{}]')
        line.says(f"GET /ocpp/CP001 HTTP/1.1\r\n{lines}\r\n".encode() + frame)
        await line.until(b"\r\n\r\n")
        assert b'[3,"early",' in await line.until(b"}]")
        line.hangs_up()


async def test_a_ping_is_answered_and_a_fragmented_call_is_one() -> None:
    async with cpo_node() as node:
        line = await Line.to(node.port)
        await line.asks(GOOD)
        line.says(masked(1, b'[2,"cut",', fin=False) + masked(9, b"there?") + masked(0, b'"Heartbeat",{}]'))
        assert await line.hears(8) == b"\x8a\x06there?"
        assert b'[3,"cut",' in await line.until(b"}]")
        line.hangs_up()


async def test_a_goodbye_is_answered_with_its_code() -> None:
    async with cpo_node() as node:
        line = await Line.to(node.port)
        await line.asks(GOOD)
        line.says(masked(8, b"\x0f\xa0bye"))
        assert await line.rest() == b"\x88\x02\x0f\xa0"
        await node.cpo.until_told("disconnected")
        line.hangs_up()


async def test_one_who_answers_pings_stays_and_one_who_does_not_is_given_up_after_two() -> None:
    often = CentralSystemSettings(answer_within=QUICK.answer_within, ping_interval=timedelta(milliseconds=40))
    async with cpo_node(often) as node, raw_charge_point(node.url("CP002")) as well:
        listening = asyncio.ensure_future(well.websocket.receive())  # noqa: TID251 - it answers pings meanwhile
        line = await Line.to(node.port)
        await line.asks(GOOD)
        try:
            told = await line.rest()
        except ConnectionResetError:  # given up means: without a goodbye
            told = b""
        assert told in {b"", b"\x89\x00" * 2}
        await node.cpo.until_told("disconnected")
        assert [each.charge_point for each in node.cpo.events if each.name == "disconnected"] == ["CP001"]
        assert node.central.is_connected("CP002")
        line.hangs_up()
        listening.cancel()


async def test_one_who_does_not_say_goodbye_is_left_after_a_while() -> None:
    short = CentralSystemSettings(answer_within=QUICK.answer_within, close_within=timedelta(milliseconds=50))
    async with cpo_node(short) as node:
        line = await Line.to(node.port)
        await line.asks(GOOD)
        await node.cpo.until_told("connected")
        assert await patiently(node.central.disconnect("CP001", "go"))
        await node.cpo.until_told("disconnected")
        line.hangs_up()


async def test_one_who_floods_is_held_back_until_what_it_has_said_is_worked_off() -> None:
    many = 2000
    async with cpo_node() as node:
        node.cpo.holds["authorize"] = asyncio.Event()
        line = await Line.to(node.port)
        await line.asks(GOOD)
        line.says(masked(1, b'[2,"0","Authorize",{"idTag":"A"}]'))
        await node.cpo.until_told("authorize")
        for number in range(1, many):
            line.says(masked(1, f'[2,"{number}","Heartbeat",{{}}]'.encode()))
        node.cpo.holds.pop("authorize").set()
        for number in range(many):
            assert f'[3,"{number}",'.encode() in await line.until(b"}]" if number else b"}}]")
        line.hangs_up()


async def test_one_who_says_nothing_in_its_handshake_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("partners.ocpp.websocket._OPENING_WITHIN", 0.05)
    async with cpo_node() as node:
        line = await Line.to(node.port)
        line.says(b"GET /ocpp/CP001 HTTP/1.1\r\n")
        with suppress(ConnectionResetError):
            assert await line.rest() == b""
        line.hangs_up()
