"""WebSocket frames as our server reads them (RFC 6455, 5): however they are cut, and what is wrong then."""

from itertools import cycle, pairwise
from operator import xor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partners.ocpp.websocket_frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PROTOCOL_ERROR,
    TEXT,
    TOO_BIG,
    FrameReader,
    Message,
    frame,
)

LARGEST = 70_000


def masked(opcode: int, payload: bytes, *, fin: bool = True, mask: bytes = b"\x01\xfe\x80\x7f") -> bytes:
    """A frame, as a client sends it."""
    plain = frame(opcode, b"\0" * len(payload))
    head = plain[: len(plain) - len(payload)]
    first = head[0] if fin else head[0] & 0x7F
    body = bytes(map(xor, payload, cycle(mask)))
    return bytes((first, head[1] | 0x80)) + head[2:] + mask + body


MESSAGES = st.lists(
    st.one_of(
        st.tuples(st.just(TEXT), st.binary(max_size=200)),
        st.tuples(
            st.just(TEXT),
            st.sampled_from([125, 126, 65_535, 65_536]).map(lambda size: (b"0123456789abc" * 6000)[:size]),
        ),
        st.tuples(st.sampled_from([PING, CLOSE, BINARY]), st.binary(max_size=125)),
    ),
    max_size=6,
)


ODD = st.one_of(
    st.binary(max_size=200),
    st.builds(
        lambda opcode, fin, size, mask, cut: masked(opcode, b"x" * size, fin=fin, mask=mask)[: cut or None],
        st.sampled_from([TEXT, TEXT, TEXT, CONTINUATION, PING, CLOSE, BINARY, 0x3, TEXT | 0x40]),
        st.booleans(),
        st.sampled_from(
            [0, 1, 2, 3, 119, 120, 125, 126, 127, 128, 133, 65_535, 65_536, LARGEST, LARGEST + 1]
        ),
        st.binary(min_size=4, max_size=4),
        st.sampled_from([0, 0, 0, -1, 2, 6, 8]),
    ),
)


@given(data=ODD, before=st.sampled_from([b"", b"\x81", masked(TEXT, b"begun", fin=False)]))
def test_what_is_read_at_once_is_what_is_read_step_by_step(data: bytes, before: bytes) -> None:
    at_once, stepwise = FrameReader(LARGEST), FrameReader(LARGEST)
    for reader in (at_once, stepwise):
        reader.read(before)
    whole = at_once.whole_text(data)
    read = stepwise.read(data)
    if whole is None:
        assert at_once.read(data) == read
    else:
        assert read == [Message(TEXT, whole)]
        assert stepwise.broken is None
    assert at_once.read(masked(PING, b"?")) == stepwise.read(masked(PING, b"?"))


@pytest.mark.parametrize("size", [2, 125, 126, 65_535])
def test_a_text_that_comes_whole_is_read_at_once(size: int) -> None:
    payload = (b"0123456789abc" * 6000)[:size]
    assert FrameReader(LARGEST).whole_text(masked(TEXT, payload)) == payload


@settings(max_examples=40)
@given(messages=MESSAGES, data=st.data())
def test_the_same_messages_are_read_however_the_stream_is_cut(
    messages: list[tuple[int, bytes]], data: st.DataObject
) -> None:
    mask = data.draw(st.binary(min_size=4, max_size=4))
    stream = b"".join(masked(opcode, payload, mask=mask) for opcode, payload in messages)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    reader = FrameReader(LARGEST)
    read = [
        each for one, other in pairwise([0, *cuts, len(stream)]) for each in reader.read(stream[one:other])
    ]
    assert read == [Message(*each) for each in messages]
    assert reader.broken is None


def test_a_stream_that_comes_byte_by_byte_is_read() -> None:
    reader = FrameReader(LARGEST)
    stream = masked(TEXT, b"a" * 300) + masked(PING, b"") + masked(TEXT, b"")
    read = [each for byte in stream for each in reader.read(bytes((byte,)))]
    assert read == [Message(TEXT, b"a" * 300), Message(PING, b""), Message(TEXT, b"")]


def test_fragments_are_one_message_and_a_ping_may_come_between_them() -> None:
    reader = FrameReader(LARGEST)
    stream = masked(TEXT, b"[2,", fin=False) + masked(PING, b"?") + masked(CONTINUATION, b'"1"', fin=False)
    assert reader.read(stream) == [Message(PING, b"?")]
    assert reader.read(masked(CONTINUATION, b"]")) == [Message(TEXT, b'[2,"1"]')]


@pytest.mark.parametrize(
    ("stream", "code"),
    [
        (b"\x81\x01a", PROTOCOL_ERROR),
        (masked(0x3, b""), PROTOCOL_ERROR),
        (bytes((0xC1,)) + masked(TEXT, b"")[1:], PROTOCOL_ERROR),
        (masked(PING, b"a" * 126), PROTOCOL_ERROR),
        (masked(PING, b"", fin=False), PROTOCOL_ERROR),
        (masked(CONTINUATION, b"a"), PROTOCOL_ERROR),
        (masked(TEXT, b"a", fin=False) + masked(TEXT, b"a"), PROTOCOL_ERROR),
        (b"\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff", TOO_BIG),
        (masked(TEXT, b"a" * LARGEST, fin=False) + masked(CONTINUATION, b"a"), TOO_BIG),
    ],
    ids=[
        "unmasked",
        "opcode",
        "compressed",
        "long ping",
        "cut ping",
        "no begin",
        "no end",
        "8 EiB",
        "in parts",
    ],
)
def test_what_breaks_the_protocol_is_told_and_nothing_is_read_after_it(stream: bytes, code: int) -> None:
    reader = FrameReader(LARGEST)
    good = Message(TEXT, b"before")
    assert reader.read(masked(*good) + stream)[:1] == [good]
    assert reader.broken is not None
    assert reader.broken.code == code
    assert reader.read(masked(TEXT, b"after")) == []


@given(st.lists(st.binary(max_size=64), max_size=8))
def test_whatever_comes_no_more_than_a_message_is_kept(pieces: list[bytes]) -> None:
    reader = FrameReader(1000)
    for piece in pieces:
        assert all(len(each.data) <= 1000 for each in reader.read(piece))
