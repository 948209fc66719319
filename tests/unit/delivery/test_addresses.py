"""Heads that are made of known parts are the ones that the client would make, or are left to it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.calling.calls import Calls
from hub.delivery.addresses import Address
from hub.delivery.audience import receivers
from hub.delivery.letter import Letter
from hub.http.upstream.origin import split_url
from hub.http.upstream.request_head import request_head
from hub.ocpi.transport import CallFailed
from schemas.v2_2_1 import Role
from tests.fixtures.delivering import HUB, People


def address_at(calls: Calls, url: str, **more: object) -> Address:
    platform = People().add((Role.EMSP, "DE/ABC"), url=url, **more)
    return Address(calls, HUB, platform, receivers(platform)[1], "locations")


def as_the_client_makes_it(address: Address, letter: Letter, correlation_id: str) -> bytes | None:
    headers = address.headers("req", correlation_id, has_body=bool(letter.body))
    try:
        origin, target = split_url(address.url(letter.tail, letter.query))
        return request_head(letter.method, target, origin.host_header, headers, len(letter.body))
    except CallFailed:
        return None


@given(
    st.sampled_from(["http://partner.example", "http://partner.example:81/ocpi/", "https://[::1]/a/b"]),
    st.sampled_from(["PUT", "PATCH", "DELETE"]),
    st.text(max_size=8).map(lambda text: f"/NL/{text}") | st.text(max_size=5),
    st.sampled_from(["", "type=RFID"]),
    st.text(max_size=8),
    st.binary(max_size=3),
)
def test_the_head_is_the_one_that_the_client_makes(
    calls: Calls, url: str, method: str, tail: str, query: str, correlation_id: str, body: bytes
) -> None:
    address = address_at(calls, url)
    letter = Letter(method, tail, query, body, is_partial=False, as_of=1)
    made = address.head(letter, "req", correlation_id)
    assert made is None or made == as_the_client_makes_it(address, letter, correlation_id)


def test_what_is_like_all_others_is_made_of_known_parts(calls: Calls) -> None:
    address = address_at(calls, "http://partner.example/ocpi")
    letter = Letter("PUT", "/NL/TNM/L1", "", b"{}", is_partial=False, as_of=1)
    assert address.head(letter, "req", "corr") == as_the_client_makes_it(address, letter, "corr")
    assert address.head(letter, "req", "corr") is not None


@pytest.mark.parametrize("url", ["ftp://partner.example", "http://partner.example/?a", "nonsense"])
def test_where_the_client_would_refuse_it_is_asked(calls: Calls, url: str) -> None:
    letter = Letter("PUT", "/NL/TNM/L1", "", b"{}", is_partial=False, as_of=1)
    address = address_at(calls, url)
    assert address.origin is None
    assert address.head(letter, "req", "corr") is None


def test_a_token_with_a_line_break_makes_no_head(calls: Calls) -> None:
    address = address_at(calls, "http://partner.example", outbound_token="a\r\nb", token_encoding="raw")
    assert address.origin is None


@pytest.fixture(scope="module")
def calls() -> Calls:
    """Of which nothing is called."""
    return Calls(None, None, None, None)  # type: ignore[arg-type]
