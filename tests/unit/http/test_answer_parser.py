"""What the bytes of answers mean, cut into pieces at every byte."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.http.upstream.answer_parser import AnswerParser
from hub.http.upstream.answer_sink import RawHeader
from hub.http.upstream.bounds import Bounds
from hub.ocpi.transport import BrokenAnswer, CallFailed
from tests.fixtures.http_answers import (
    ANSWERS,
    BROKEN,
    ENDLESS,
    LARGEST_BODY,
    LARGEST_HEAD,
    MOST_HEADERS,
    WHOLE,
    Answer,
    Broken,
    head,
)

BOUNDS = Bounds(
    connect=timedelta(seconds=1),
    largest_body=LARGEST_BODY,
    largest_head=LARGEST_HEAD,
    most_headers=MOST_HEADERS,
)


class Heard:
    """A sink that remembers."""

    def __init__(self) -> None:
        self.heads: list[tuple[int, bytes, list[RawHeader]]] = []
        self.body = b""

    def on_head(self, status: int, reason: bytes, headers: list[RawHeader]) -> None:
        self.heads.append((status, reason, list(headers)))

    def on_body(self, data: bytes) -> None:
        self.body += data

    def on_end(self) -> None:
        raise AssertionError("the connection says so, not the parser")

    def on_failed(self, failure: CallFailed) -> None:
        raise AssertionError("the connection says so, not the parser") from failure


def cuts(wire: bytes) -> Iterator[list[bytes]]:
    """Whole; cut in two at every byte, but not at each of a thousand alike; and byte by byte."""
    yield [wire]
    for at in range(1, len(wire)):
        if 300 < at < len(wire) - 100 and at % 41:
            continue
        yield [wire[:at], wire[at:]]
    yield [wire[at : at + 1] for at in range(len(wire))]


def heard(parser: AnswerParser, pieces: list[bytes], answer: Answer | Broken) -> Heard:
    sink = Heard()
    parser.expect(sink, to_head=answer.method == "HEAD")
    for piece in pieces:
        parser.feed(piece)
    if answer.closes:
        parser.end()
    return sink


@pytest.mark.parametrize("answer", ANSWERS, ids=[each.name for each in ANSWERS])
def test_an_answer_means_the_same_however_it_is_cut(answer: Answer) -> None:
    whole = heard(AnswerParser(BOUNDS), [answer.wire], answer)
    (status, _, _), *more = whole.heads
    assert (status, whole.body, more) == (answer.status, answer.body, [])
    for pieces in cuts(answer.wire):
        parser = AnswerParser(BOUNDS)
        sink = heard(parser, pieces, answer)
        assert (sink.heads, sink.body) == (whole.heads, answer.body)
        assert parser.is_complete
        if not answer.closes:
            assert parser.keeps_alive is answer.reused


@pytest.mark.parametrize("broken", BROKEN, ids=[each.name for each in BROKEN])
def test_what_is_no_answer_is_none_however_it_is_cut(broken: Broken) -> None:
    for pieces in cuts(broken.wire):
        parser = AnswerParser(BOUNDS)
        with pytest.raises(BrokenAnswer, match=broken.words):
            heard(parser, pieces, broken)
        assert not parser.keeps_alive


@pytest.mark.parametrize("broken", ENDLESS, ids=[each.name for each in ENDLESS])
@pytest.mark.parametrize("size", [1, 7, 1000, 100_000])
def test_what_is_neither_head_nor_body_has_an_end(broken: Broken, size: int) -> None:
    pieces = [broken.wire[at : at + size] for at in range(0, len(broken.wire), size)]
    with pytest.raises(BrokenAnswer, match=broken.words):
        heard(AnswerParser(BOUNDS), pieces, broken)


def test_one_answer_after_another_is_read_by_the_same_parser() -> None:
    parser = AnswerParser(BOUNDS)
    for answer in ANSWERS * 2:
        if answer.reused:
            sink = heard(parser, [answer.wire], answer)
            assert (sink.heads[0][0], sink.body) == (answer.status, answer.body)
            assert parser.keeps_alive


def test_trailers_are_no_headers() -> None:
    chunked = head("A: 1", "Transfer-Encoding: chunked") + b"0\r\nB: 2\r\n\r\n"
    sink = heard(AnswerParser(BOUNDS), [chunked], ANSWERS[0])
    assert sink.heads[0][2] == [(b"A", b"1"), (b"Transfer-Encoding", b"chunked")]


def test_headers_are_told_in_their_order_and_as_often_as_they_came() -> None:
    wire = head("B: 1", "a: 2", "B: 3", "Content-Length: 0")
    sink = heard(AnswerParser(BOUNDS), [wire], ANSWERS[0])
    assert sink.heads == [
        (200, b"OK", [(b"B", b"1"), (b"a", b"2"), (b"B", b"3"), (b"Content-Length", b"0")]),
    ]


@given(
    chunks=st.lists(st.binary(min_size=1, max_size=60), max_size=8),
    padding=st.integers(0, 3),
    at=st.lists(st.integers(0, 700), max_size=6),
)
def test_chunks_are_put_together_wherever_they_and_the_packets_end(
    chunks: list[bytes], padding: int, at: list[int]
) -> None:
    body = b"".join(b"%s%x\r\n%s\r\n" % (b"0" * padding, len(chunk), chunk) for chunk in [*chunks, b""])
    wire = head("Transfer-Encoding: chunked") + body
    places = sorted({0, len(wire), *(min(place, len(wire)) for place in at)})
    parser = AnswerParser(BOUNDS)
    sink = heard(parser, [wire[begin:end] for begin, end in pairwise(places)], ANSWERS[0])
    assert (sink.body, parser.is_complete, parser.keeps_alive) == (b"".join(chunks), True, True)


@given(noise=st.binary(max_size=200), at=st.integers(0, len(WHOLE)), gone=st.integers(0, 5))
def test_whatever_is_sent_is_an_answer_or_broken_and_nothing_else(noise: bytes, at: int, gone: int) -> None:
    """Nor do two cuts of the same bytes mean two things."""
    wire = WHOLE[:at] + noise + WHOLE[at + gone :]
    meanings = set()
    for pieces in ([wire], [wire[:at], wire[at:]], [wire[place : place + 1] for place in range(len(wire))]):
        parser = AnswerParser(BOUNDS)
        sink = Heard()
        parser.expect(sink)
        try:
            for piece in pieces:
                parser.feed(piece)
            parser.end()
        except BrokenAnswer:
            meanings.add("broken")
        else:
            meanings.add(repr((sink.heads, sink.body)))
    assert len(meanings) == 1
