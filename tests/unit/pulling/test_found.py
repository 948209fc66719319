"""An object in a list is a change, or is left out with the reason; nothing that comes breaks the reader."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from hub.directory.directory import Platform, RegisteredRole
from hub.ocpi.modules import MODULES
from hub.ocpi.party import Party
from hub.pulling.found import LeftOut, judged
from hub.store.acceptance import AcceptedChange
from schemas import exact_json
from schemas.v2_2_1 import ConnectionStatus, Role
from tests.fixtures.samples import location, tariff, token

ROLES = (
    RegisteredRole(Party("BE", "BEC"), Role.CPO, "{}"),
    RegisteredRole(Party("NL", "EMA"), Role.EMSP, "{}"),
)
PLATFORM = Platform(7, "both", ConnectionStatus.CONNECTED, roles=ROLES)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


def judge(value: Any, module: str = "locations") -> AcceptedChange | LeftOut:
    text = value if isinstance(value, bytes) else exact_json.encode(value)
    return judged(text, MODULES[module], PLATFORM, 5, "corr")


def test_an_object_is_what_its_owner_would_have_put() -> None:
    found = judge(location(country_code="be", id="a b/ü"))
    assert isinstance(found, AcceptedChange)
    assert (found.method, found.tail, found.query) == ("PUT", "/be/BEC/a%20b%2F%C3%BC", "")
    assert found.key == ("locations", "BE", "BEC", "A B/Ü", "")
    assert (found.sender_role, found.sender_platform_id, found.found_after) == (Role.CPO, 7, 5)


def test_the_text_stays_as_it_was_written() -> None:
    text = b' { "x_new" : 1.50, ' + exact_json.encode(tariff())[1:]
    found = judge(text, "tariffs")
    assert isinstance(found, AcceptedChange)
    assert found.body == text


def test_a_token_names_its_type_where_it_is_not_the_usual_one() -> None:
    for kind, query in (("RFID", ""), ("APP_USER", "type=APP_USER"), ("A&B", "type=A%26B")):
        found = judge(token(type=kind), "tokens")
        assert isinstance(found, AcceptedChange)
        assert (found.query, found.key.variant, found.sender_role) == (query, kind, Role.EMSP)


def test_a_party_owns_only_what_its_role_has() -> None:
    found = judge(location(country_code="NL", party_id="EMA"))
    assert isinstance(found, LeftOut)
    assert found.reason == "NL/EMA is no party of both that owns locations"


@given(st.sampled_from(sorted(location())), JSON)
def test_whatever_stands_in_a_field_the_object_is_taken_or_named(name: str, value: Any) -> None:
    given_object = location(**{name: value})
    found = judge(given_object)
    if isinstance(found, LeftOut):
        assert found.reason
        assert found.text == exact_json.encode(given_object)
    else:
        assert found.value == given_object


@given(JSON | st.binary(max_size=20))
def test_whatever_stands_in_a_list_is_named(value: Any) -> None:
    found = judge(value)
    assert isinstance(found, LeftOut)
    assert found.reason
