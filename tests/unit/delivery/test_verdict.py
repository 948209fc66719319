"""What an answer means for a delivery (design D3; RT-40, RT-41)."""

import pytest

from hub.delivery.verdict import Verdict, verdict, verdict_on_failure
from hub.ocpi.client import read_answer
from hub.ocpi.transport import BrokenAnswer, CallFailed, HttpReply, NoAnswerInTime, NotReached, UrlNotAllowed

HTML = b"<html>"


def envelope(code: int) -> bytes:
    return b'{"status_code": %d, "timestamp": "2026-05-01T12:00:00Z"}' % code


TABLE = [
    # method, partial, HTTP status, body, verdict
    ("PUT", False, 200, envelope(1000), Verdict.DELIVERED),
    ("PUT", False, 201, envelope(1000), Verdict.DELIVERED),
    ("PATCH", True, 200, envelope(1001), Verdict.DELIVERED),
    ("DELETE", False, 404, envelope(2001), Verdict.DELIVERED),
    ("DELETE", False, 404, HTML, Verdict.DELIVERED),
    ("DELETE", False, 405, envelope(2000), Verdict.REFUSED),
    ("PATCH", True, 404, envelope(2003), Verdict.LACKS_OBJECT),
    ("PATCH", True, 404, HTML, Verdict.LACKS_OBJECT),
    ("PATCH", True, 405, envelope(2000), Verdict.LACKS_OBJECT),
    ("PUT", True, 200, envelope(2003), Verdict.LACKS_OBJECT),
    ("PATCH", True, 200, envelope(2004), Verdict.LACKS_OBJECT),
    ("PATCH", True, 200, envelope(2001), Verdict.REFUSED),
    ("PUT", False, 404, envelope(2003), Verdict.REFUSED),
    ("PUT", False, 200, envelope(2001), Verdict.REFUSED),
    ("PUT", False, 400, HTML, Verdict.REFUSED),
    ("PUT", False, 403, envelope(2000), Verdict.REFUSED),
    ("PUT", False, 413, HTML, Verdict.REFUSED),
    ("PUT", False, 401, envelope(2001), Verdict.NOT_ANSWERED),
    ("PATCH", True, 401, HTML, Verdict.NOT_ANSWERED),
    ("PUT", False, 408, HTML, Verdict.NOT_ANSWERED),
    ("PUT", False, 429, envelope(2000), Verdict.NOT_ANSWERED),
    ("PUT", False, 502, HTML, Verdict.NOT_ANSWERED),
    ("PUT", False, 503, envelope(2001), Verdict.NOT_ANSWERED),
    ("PUT", False, 504, HTML, Verdict.NOT_ANSWERED),
    ("PUT", False, 500, HTML, Verdict.FAULTY),
    ("PUT", False, 500, envelope(1000), Verdict.FAULTY),
    ("PUT", False, 500, envelope(2001), Verdict.FAULTY),
    ("PUT", False, 200, envelope(3000), Verdict.FAULTY),
    ("PUT", False, 200, envelope(4001), Verdict.FAULTY),
    ("PUT", False, 200, HTML, Verdict.FAULTY),
    ("PUT", False, 302, HTML, Verdict.FAULTY),
    ("PUT", False, 204, b"", Verdict.FAULTY),
]


@pytest.mark.parametrize(("method", "is_partial", "status", "body", "expected"), TABLE)
def test_answers_are_told_apart(
    method: str,
    is_partial: bool,  # noqa: FBT001 a column of the table
    status: int,
    body: bytes,
    expected: Verdict,
) -> None:
    assert verdict(method, read_answer(HttpReply(status, (), body)), is_partial=is_partial) is expected


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (NotReached(), Verdict.NOT_REACHED),
        (NoAnswerInTime(), Verdict.NOT_ANSWERED),
        (UrlNotAllowed(), Verdict.NOT_ANSWERED),
        (BrokenAnswer(), Verdict.FAULTY),
    ],
)
def test_failures_are_told_apart(failure: CallFailed, expected: Verdict) -> None:
    assert verdict_on_failure(failure) is expected
