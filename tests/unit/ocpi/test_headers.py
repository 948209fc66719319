"""Headers: ids, routing pairs and tokens (TR-01, TR-17, RT-03, RT-04, AM-01, AM-02)."""

import base64
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from hub.ocpi.errors import InvalidParameters, NotAuthenticated
from hub.ocpi.headers import (
    Routing,
    TokenEncoding,
    read_authorization,
    read_ids,
    read_routing,
    write_authorization,
)
from hub.ocpi.party import Party

TNM = Party("NL", "TNM")
BEC = Party("BE", "BEC")
credentials_tokens = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=64)


def headers(**values: str) -> CIMultiDict[str]:
    return CIMultiDict({name.replace("_", "-"): value for name, value in values.items()})


@pytest.mark.holds("TR-01", by=("hub", "cpo", "emsp"))
def test_a_token_is_sent_as_base64_of_its_text() -> None:
    assert write_authorization("example-token") == ("Authorization", "Token ZXhhbXBsZS10b2tlbg==")


@pytest.mark.holds("AM-02", by=("hub", "cpo", "emsp"))
@given(credentials_tokens, st.sampled_from(TokenEncoding))
def test_every_token_that_is_written_is_among_those_that_are_read(
    token: str, encoding: TokenEncoding
) -> None:
    name, value = write_authorization(token, encoding)
    assert (token, encoding) in read_authorization(CIMultiDict({name: value}))


def test_the_token_as_it_stands_is_looked_up_first() -> None:
    shown = base64.b64encode(b"secret").decode()
    found = read_authorization(headers(Authorization=f"Token {shown}"))
    assert found == ((shown, TokenEncoding.RAW), ("secret", TokenEncoding.BASE64))


@pytest.mark.holds("AM-01", by=("hub", "cpo", "emsp"))
def test_a_newline_that_was_encoded_with_the_token_is_dropped() -> None:
    shown = base64.b64encode(b"example-token\n").decode()
    found = read_authorization(headers(Authorization=f"Token {shown}"))
    assert ("example-token", TokenEncoding.BASE64) in found


@pytest.mark.holds("TR-02", by=("hub", "cpo", "emsp"))
@pytest.mark.parametrize("value", ["", "Token", "Token ", "Bearer abc", "abc"])
def test_a_header_that_shows_no_token_is_refused(value: str) -> None:
    with pytest.raises(NotAuthenticated):
        read_authorization(headers(Authorization=value))


@given(st.text(max_size=200))
def test_no_authorization_header_breaks_the_reader(value: str) -> None:
    with contextlib.suppress(NotAuthenticated):
        assert read_authorization(CIMultiDict({"Authorization": value}))


@pytest.mark.holds("TR-20", "RT-04", by=("hub", "cpo", "emsp"))
def test_routing_is_read_whatever_the_case_of_names_and_values() -> None:
    routing = read_routing(
        CIMultiDict({
            "ocpi-TO-country-code": "nl", "OCPI-TO-PARTY-ID": "tnm",
            "ocpi-from-country-code": "BE", "ocpi-from-party-id": "BEC",
        })
    )  # fmt: skip
    assert routing == Routing(to=TNM, sender=BEC)


@pytest.mark.holds("AM-34", by="hub")
@pytest.mark.holds("RT-04", by=("hub", "cpo", "emsp"))
def test_a_party_goes_on_as_it_was_spelled() -> None:
    assert Routing(to=Party("nl", "tnM")).headers() == (
        ("OCPI-to-country-code", "nl"),
        ("OCPI-to-party-id", "tnM"),
    )


@pytest.mark.holds("RT-03", by=("hub", "cpo", "emsp"))
@pytest.mark.parametrize(
    ("given_header", "missing"),
    [
        ("OCPI-to-party-id", "OCPI-to-country-code"),
        ("OCPI-to-country-code", "OCPI-to-party-id"),
        ("OCPI-from-party-id", "OCPI-from-country-code"),
        ("OCPI-from-country-code", "OCPI-from-party-id"),
    ],
)
def test_half_a_pair_is_refused_and_the_other_half_named(given_header: str, missing: str) -> None:
    with pytest.raises(InvalidParameters, match=missing):
        read_routing(CIMultiDict({given_header: "NL"}))


@given(st.text(max_size=8), st.text(max_size=8))
def test_a_pair_is_a_party_or_refused(country_code: str, party_id: str) -> None:
    given_headers = CIMultiDict({"OCPI-to-country-code": country_code, "OCPI-to-party-id": party_id})
    try:
        routing = read_routing(given_headers)
    except InvalidParameters:
        return
    assert routing.to is None or str(routing.to).isascii()


@pytest.mark.holds("RT-07", by="hub")
def test_an_answer_swaps_the_pairs() -> None:
    assert Routing(to=TNM, sender=BEC).answered() == Routing(to=BEC, sender=TNM)


@pytest.mark.holds("RT-23", by="hub")
def test_missing_ids_are_made_and_given_ones_kept() -> None:
    made = iter(["made-1", "made-2"])
    ids = read_ids(headers(X_Request_ID="r-1"), lambda: next(made))
    assert (ids.request_id, ids.correlation_id) == ("r-1", "made-1")
