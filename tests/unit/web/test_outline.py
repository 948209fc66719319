"""Heads are alike if all lines are, but for those that may differ; whatever is odd is like nothing."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.ocpi.body import SMALL_BODY, glance
from hub.web.fast.outline import Outlines, is_whole, mould_of
from schemas import exact_json

HEAD = (
    b"PUT /ocpi/2.2.1/receiver/tokens/NL/TNM/1 HTTP/1.1\r\nHost: hub\r\nX-Request-ID: %b\r\n"
    b"X-Correlation-ID: %b\r\nContent-Length: %b"
)


def test_two_heads_that_differ_in_ids_and_length_have_one_outline() -> None:
    outlines = Outlines()
    first, second = outlines.of(HEAD % (b"a", b"b", b"7")), outlines.of(HEAD % (b"c", b"d", b"12"))
    assert first is not None
    assert second is not None
    assert first.lines == second.lines
    assert second.values == (b"c", b"d", b"12", b"")
    assert is_whole(second.lines)


def test_what_nobody_reads_may_differ_too() -> None:
    outlines = Outlines()
    head = HEAD % (b"a", b"b", b"7") + b"\r\nTraceparent: %b\r\nCookie: %b"
    first, second = outlines.of(head % (b"00-af-1", b"x=y; z")), outlines.of(head % (b"00-bf-2", b"q"))
    assert first is not None
    assert second is not None
    assert first.lines == second.lines
    for odd in (b"\x00", b"\t", b"\xff", b"a\nb"):
        assert outlines.of(head % (b"00-af-1", odd)) is None


@pytest.mark.parametrize(
    "line",
    [
        b"Transfer-Encoding: chunked",
        b"Content-Encoding: gzip",
        b"Connection: close",
        b"Expect: 100-continue",
        b"Host: b",
        b"Authorization: Token x",
        b"OCPI-to-party-id: X",
        b"Accept-Language: nl",
        b"Link: </a>",
        b" folded: x",
        b"odd",
    ],
)
def test_what_is_read_is_part_of_the_outline(line: bytes) -> None:
    found = Outlines().of(HEAD % (b"a", b"b", b"7") + b"\r\n" + line)
    assert found is not None
    assert line in found.lines


@pytest.mark.parametrize(
    "head",
    [
        HEAD % (b"a b", b"b", b"7"),
        HEAD % (b"", b"b", b"7"),
        HEAD % (b"a", b"b\x00", b"7"),
        HEAD % (b"a", b"b", b"+7"),
        HEAD % (b"a", b"b", b"7 "),
        HEAD % (b"a", b"b", b"7\nX: y"),
        HEAD % (b"a", b"b", b"7\r\nContent-Length: 8"),
        HEAD % (b"a", b"b", b"7\r\ncontent-length : 8"),
        HEAD % (b"a", b"b", b"7\r\nx-request-id: c"),
        (HEAD % (b"a", b"b", b"7")).replace(b"Length: ", b"Length:"),
    ],
)
def test_what_is_odd_has_no_outline(head: bytes) -> None:
    outlines = Outlines()
    outlines.of(HEAD % (b"a", b"b", b"7"))
    assert outlines.of(head) is None


def test_a_line_that_may_differ_is_never_learnt_as_one_that_does_not() -> None:
    outlines = Outlines()
    outlines.of(b"GET / HTTP/1.1\r\nX-Request-ID: a\r\nAccept: b")
    found = outlines.of(b"GET / HTTP/1.1\r\nX-Request-ID: a\r\nContent-Length: 5")
    assert found is not None
    assert not is_whole(found.lines)
    anew = outlines.anew(b"GET / HTTP/1.1\r\nX-Request-ID: a\r\nContent-Length: 5")
    assert anew is not None
    assert is_whole(anew.lines)
    assert anew.values == (b"a", b"", b"5", b"")


FIRST_LINE = b"PUT /ocpi/2.2.1/receiver/tokens/NL/TNM/1 HTTP/1\\.1"
SPOILT = st.sampled_from([b"", b" ", b"\t", b"\x00", b"\xff", b"\n", b"\r\n", b": ", b"a", b"7", b"x" * 201])


@given(
    texts=st.tuples(*[st.text("ab-1 ", max_size=6).map(str.encode) for _ in range(3)], SPOILT),
    place=st.integers(0, 200),
    spoilt_with=SPOILT,
)
def test_a_mould_recognises_what_has_the_outline_it_was_made_from_and_nothing_else(
    texts: tuple[bytes, bytes, bytes, bytes], place: int, spoilt_with: bytes
) -> None:
    form = HEAD + b"\r\nCookie: %b"
    first = form % (b"a", b"b", b"7", b"x=y; z")
    mould, like = mould_of(first, FIRST_LINE), Outlines().of(first)
    assert mould is not None
    assert like is not None
    alike, spoilt = form % texts, first[:place] + spoilt_with + first[place:]
    for data in (alike + b"\r\n\r\nbody", spoilt + b"\r\n\r\nbody"):
        head = data.partition(b"\r\n\r\n")[0]
        outline = Outlines().of(head)
        is_like = outline is not None and outline.lines == like.lines
        match = mould.match(data)
        # Names may be written otherwise in one outline, and not in one mould.
        assert is_like if match is not None else not (is_like and head == alike)
        if match is not None and outline is not None:
            assert match.group("request_id", "correlation_id", "length") == outline.values[:3]
            assert match.end() == len(head) + 4


def test_a_mould_says_nothing_of_lines_that_are_not_there() -> None:
    head = b"GET / HTTP/1.1\r\nX-Request-ID: a"
    mould = mould_of(head, b"GET / HTTP/1.1")
    assert mould is not None
    match = mould.match(head + b"\r\n\r\n")
    assert match is not None
    assert match.group("request_id", "correlation_id", "length") == (b"a", b"", b"")


NUMBERS = st.integers() | st.decimals(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
ODD = [
    b'{"a":1e%b}' % (b"9" * 18),
    b'{"a":1E-%b}' % (b"0" * 30),
    b'{"a":01}',
    b'{"a":"\\ud800"}',
    b'{"a":"\xff"}',
    b"[]",
]


@given(st.dictionaries(st.sampled_from(["id", "uid", "country_code", "other"]), VALUES), st.booleans())
def test_a_glance_sees_what_decoding_sees(value: dict[str, object], is_large: bool) -> None:  # noqa: FBT001
    body = exact_json.encode(value) + b" " * SMALL_BODY * is_large
    seen = glance(body)
    if seen is None:
        assert is_large
        return
    for name in ("id", "uid", "country_code"):
        given_value = value.get(name)
        if isinstance(given_value, str) or isinstance(seen.get(name), str):
            assert seen.get(name) == given_value


@given(st.binary(max_size=40) | st.sampled_from(ODD))
def test_a_glance_takes_nothing_that_decoding_refuses(text: bytes) -> None:
    for body in (text, text + b" " * SMALL_BODY, b'{"x":%b}' % text + b" " * SMALL_BODY):
        if glance(body) is not None:
            assert isinstance(exact_json.decode(body), dict)


def test_numbers_that_no_decimal_holds_are_seen_in_large_bodies() -> None:
    padding = b" " * SMALL_BODY
    for number in (b"1e" + b"9" * 18, b"1.5E+" + b"1" * 19, b"-2e-" + b"8" * 25):
        assert glance(b'{"a":%b}' % number + padding) is None
    assert glance(b'{"a":2.5e17,"id":"x3e99"}' + padding) is not None
    assert exact_json.decode(b'{"a":2.5e17}') == {"a": Decimal("2.5e17")}
