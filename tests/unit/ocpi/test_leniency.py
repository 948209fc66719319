"""Tolerant reading: what is as it should be is untouched, and what was bent is read as it was meant."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.ocpi.leniency import Oddity, forgiven, listed
from hub.ocpi.paging import is_empty_link, read_next_link, write_next_link
from schemas.v2_2_1 import Credentials, InterfaceRole, Role, VersionDetails

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
CODES = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=2, max_size=2)
ROLES = st.builds(
    lambda role, country, logo: {
        "role": role.value,
        "country_code": country,
        "party_id": "TNM",
        "business_details": {"name": "x", **({} if logo is None else {"logo": logo})},
    },
    st.sampled_from(Role),
    CODES,
    st.none()
    | st.just({"url": "https://a.example/l.png", "category": "OPERATOR", "type": "png", "width": 1}),
)
CREDENTIALS = st.builds(
    lambda roles: {"token": "t", "url": "https://a.example/versions", "roles": roles},
    st.lists(ROLES, min_size=1, max_size=3, unique_by=lambda each: (each["role"], each["country_code"])),
)
DETAILS = st.builds(
    lambda sides: {
        "version": "2.2.1",
        "endpoints": [
            {"identifier": "locations", "role": side.value, "url": "https://a.example/l"} for side in sides
        ],
    },
    st.lists(st.sampled_from(InterfaceRole), min_size=1, unique=True),
)


@given(CREDENTIALS)
def test_what_is_as_it_should_be_comes_back_as_it_is(value: Any) -> None:
    noticed: list[Oddity] = []
    assert forgiven(Credentials, value, noticed.append) == value
    assert noticed == []


@given(CREDENTIALS | DETAILS, st.data())
def test_what_was_bent_is_read_as_it_was_meant(value: Any, data: st.DataObject) -> None:
    model = Credentials if "roles" in value else VersionDetails
    bent, expected = bend(value, data)
    noticed: set[Oddity] = set()
    read = model.model_validate(forgiven(model, bent, noticed.add))
    assert read == model.model_validate(value)
    assert noticed == expected


def bend(value: Any, data: st.DataObject) -> tuple[Any, set[Oddity]]:
    """The value with oddities, and which they are."""
    field = "roles" if "roles" in value else "endpoints"
    items, odd = list(value[field]), set()
    if data.draw(st.booleans(), "small letters"):
        items = [item | {"role": item["role"].lower()} for item in items]
        odd.add(Oddity.LOWER_CASE)
    bent = value | {field: items}
    if data.draw(st.booleans(), "null in the list"):
        bent[field] = [None, *items]
        odd.add(Oddity.NULLS)
    elif len(items) == 1 and data.draw(st.booleans(), "no list"):
        bent[field] = items[0]
        odd.add(Oddity.SINGLE_OBJECT)
    if data.draw(st.booleans(), "a list of one"):
        bent = [bent]
        odd.add(Oddity.SINGLE_OBJECT)
    return bent, odd


@given(JSON)
def test_whatever_comes_is_read_or_left_as_it_is(value: Any) -> None:
    forgiven(Credentials, value, lambda _: None)
    items = listed(value, lambda _: None)
    assert items is None or None not in items


@given(st.lists(st.dictionaries(st.text(max_size=3), st.integers(), max_size=2)))
def test_a_list_of_objects_is_that_list(items: list[Any]) -> None:
    noticed: list[Oddity] = []
    assert listed(items, noticed.append) is items
    assert noticed == []


@pytest.mark.parametrize(
    ("data", "items", "oddity"),
    [
        (None, [], Oddity.NULLS),
        ({"id": 1}, [{"id": 1}], Oddity.SINGLE_OBJECT),
        ([{"id": 1}, None], [{"id": 1}], Oddity.NULLS),
    ],
)
def test_what_stands_for_a_list_is_read_as_one(data: Any, items: list[Any], oddity: Oddity) -> None:
    noticed: list[Oddity] = []
    assert listed(data, noticed.append) == items
    assert noticed == [oddity]


@pytest.mark.parametrize("header", ["", " ", "<>", '< >; rel="next"', "none"])
def test_a_link_without_a_url_is_empty(header: str) -> None:
    assert is_empty_link(header)
    assert read_next_link(header) is None


@given(st.text("abc/?=&:.", min_size=1))
def test_a_link_with_a_url_is_not_empty(url: str) -> None:
    assert not is_empty_link(write_next_link(url)[1])
