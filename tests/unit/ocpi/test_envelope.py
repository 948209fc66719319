"""The head of an answer, read once although three ask for it."""

import pytest

from hub.ocpi.envelope import NotAnEnvelope, is_envelope, read_status_code


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"[]", b"null", b"not JSON", b'{"status_code":"1000"}', b'{"status_code":-1}',
     b'{"status_code":1000',
     b'{"status_code":1000}x', b"\xff"],
)  # fmt: skip
def test_what_has_no_status_code_is_no_envelope_however_often_one_asks(body: bytes) -> None:
    for _ in range(2):
        with pytest.raises(NotAnEnvelope):
            read_status_code(body)
        assert not is_envelope(body)
        assert read_status_code(b'{"status_code":1000}') == 1000


def test_each_answer_has_its_own_status_code() -> None:
    bodies = [b'{"data":[%d],"status_code":%d}' % (number, 2000 + number % 4) for number in range(8)]
    for body in (*bodies, *reversed(bodies)):
        for _ in range(2):
            assert read_status_code(body) == int(body[-5:-1])
