"""Uids of 36 characters and id tags of 20: nothing is cut off, nobody is taken for somebody else."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.ocpi.timestamps import utc_now
from partners.cpo.tokens.id_tags import Ambiguous, IdTags, token_key
from partners.database import Database
from partners.objects import Objects
from schemas.v2_2_1 import Token
from tests.fixtures.cpo_world import token

LONG = "f3a1c0de-0000-4000-8000-9b1d2c3e4f50"


def world(path: Path | None = None) -> tuple[Objects, IdTags]:
    database = Database(path)
    objects = Objects(database, utc_now)
    return objects, IdTags(database, objects)


def stored(objects: Objects, value: dict[str, Any]) -> Token:
    read = Token.model_validate(value)
    objects.put(token_key(read), value)
    return read


@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=36))
def test_every_uid_has_an_id_tag_that_leads_back_to_it(uid: str) -> None:
    objects, id_tags = world()
    given_token = stored(objects, token(uid))
    id_tag = id_tags.id_tag(given_token)
    assert len(id_tag) <= 20
    found = id_tags.token(id_tag.lower())
    assert found is not None
    assert found.uid == uid


def test_a_stand_in_is_the_same_after_a_restart_and_another_at_another_cpo(tmp_path: Path) -> None:
    one = Token.model_validate(token(LONG))
    first = world(tmp_path / "one.sqlite")[1].id_tag(one)
    assert world(tmp_path / "one.sqlite")[1].id_tag(one) == first
    assert world(tmp_path / "two.sqlite")[1].id_tag(one) != first


def test_two_uids_that_begin_alike_have_different_stand_ins() -> None:
    _, id_tags = world()
    one, two = (Token.model_validate(token(LONG[:-1] + end)) for end in "01")
    assert id_tags.id_tag(one) != id_tags.id_tag(two)


def test_a_card_is_meant_where_an_app_token_has_the_same_uid() -> None:
    objects, id_tags = world()
    stored(objects, token("SAME", type="APP_USER"))
    card = stored(objects, token("SAME"))
    assert id_tags.token("same") == card


def test_the_same_uid_of_two_emsps_is_nobodys() -> None:
    objects, id_tags = world()
    stored(objects, token("SAME"))
    stored(objects, token("SAME", party_id="XYZ"))
    with pytest.raises(Ambiguous, match="SAME"):
        id_tags.token("SAME")


def test_an_unknown_id_tag_stands_for_nothing() -> None:
    assert world()[1].token("NOBODY") is None
