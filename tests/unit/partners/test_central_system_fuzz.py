"""Whatever one charger sends, it gets an answer or is closed, and the others notice nothing."""

import asyncio
import base64
import os
from typing import Any

import aiohttp
import pytest
from aiohttp import WSMsgType
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas import exact_json
from tests.unit.partners.ocpp_world import CpoNode, cpo_node, raw_charge_point, start_transaction

ACTIONS = [
    "BootNotification",
    "Authorize",
    "StartTransaction",
    "StopTransaction",
    "MeterValues",
    "DataTransfer",
]
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=40)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=12), inner, max_size=5),
    max_leaves=20,
)
FIELDS = st.sampled_from(
    ["idTag", "idToken", "connectorId", "meterValue", "timestamp", "transactionId", "vendorId", "evse"]
)
CALLS = st.tuples(
    st.sampled_from([2, 2, 2, 3, 4, 5, 6]) | SCALARS,
    st.text(max_size=40) | SCALARS,
    st.sampled_from([*ACTIONS, "TransactionEvent", "NotifyReport"]) | SCALARS,
    st.dictionaries(FIELDS, JSON, max_size=4) | JSON,
)
FRAMES = st.one_of(
    CALLS.map(lambda call: exact_json.encode(list(call)).decode()),
    JSON.map(lambda value: exact_json.encode(value).decode()),
    st.text(max_size=60).filter(lambda text: text.isprintable()),
    CALLS.map(lambda call: exact_json.encode(list(call)).decode()[:-4]),
    st.integers(1, 20_000).map(lambda size: '[2,"1","MeterValues",{"meterValue":[' + "0," * size + "0]}]"),
)


@pytest.mark.parametrize("version", ["ocpp1.6", "ocpp2.0.1", "ocpp2.1"])
@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(frames=st.lists(FRAMES, min_size=1, max_size=20))
def test_frames_made_of_nonsense_are_answered_or_passed_over_and_the_link_stays(
    version: str, frames: list[str]
) -> None:
    async def sends() -> None:
        async with (
            cpo_node() as node,
            raw_charge_point(node.url("CP001")) as other,
            raw_charge_point(node.url("CP002"), [version]) as fuzzer,
        ):
            for each in frames:
                await fuzzer.websocket.send_str(each)
            await _is_heard(fuzzer.websocket)
            await _is_well(node, other)

    asyncio.run(sends())


async def _is_heard(websocket: aiohttp.ClientWebSocketResponse) -> None:
    """Everything said in between is an answer to something, and no failure of ours."""
    await websocket.send_str('[2,"the last","Heartbeat",{}]')
    while True:
        message = await websocket.receive(timeout=10)
        assert message.type is WSMsgType.TEXT, message
        frame = exact_json.decode(message.data)
        assert frame[0] in {2, 3, 4}
        assert frame[0] != 4 or frame[2] != "InternalError", frame
        if frame[1] == "the last":
            return


async def _is_well(node: CpoNode, other: Any) -> None:
    """A transaction of another charger comes through."""
    started = await other.ask("1", "StartTransaction", start_transaction())
    assert started[0] == 3
    assert len(node.cpo.told("transaction_started")) >= 1


@pytest.mark.parametrize(
    "half",
    [
        b"",
        b"\x81",
        b"\x81\xfe\xff",
        b"\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff",
        b'\x01\x85\x00\x00\x00\x00[2,"1',
        b"\x83\x80\x00\x00\x00\x00",
        b"\xff\xff\xff\xff",
        b"\x81\x85\x00\x00\x00\x00\xff\xfe\xfd\xfc\xfb",
        b"\x81\x05[2,1]",
    ],
    ids=[
        "nothing",
        "a byte",
        "half a length",
        "8 EiB",
        "a fragment",
        "no opcode",
        "ones",
        "no UTF-8",
        "unmasked",
    ],
)
async def test_half_a_message_or_none_ends_in_a_clean_close_and_touches_nobody_else(half: bytes) -> None:
    async with cpo_node() as node, raw_charge_point(node.url("CP001")) as other:
        reader, writer = await asyncio.open_connection("127.0.0.1", node.port)
        key = base64.b64encode(os.urandom(16)).decode()
        writer.write(
            f"GET /ocpp/CP002 HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Protocol: ocpp1.6\r\n\r\n".encode()
        )
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101")
        writer.write(half)
        await writer.drain()
        writer.write_eof()
        await asyncio.wait_for(reader.read(), 10)
        writer.close()
        await node.cpo.until_told("disconnected")
        await _is_well(node, other)


async def test_a_frame_that_is_too_large_ends_its_link_and_no_other() -> None:
    async with (
        cpo_node() as node,
        raw_charge_point(node.url("CP001")) as other,
        raw_charge_point(node.url("CP002")) as flood,
    ):
        await flood.websocket.send_str('[2,"1","DataTransfer",{"data":"' + "x" * 140_000 + '"}]')
        assert await flood.farewell() == 1009
        await _is_well(node, other)
