"""May this token charge here? Whatever is asked, the answer keeps the rules of TOK-10 to TOK-14."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.ocpi.errors import NotEnoughInformation
from partners.emsp.authorization import Standing, authorization
from schemas.v2_2_1 import AllowedType, AuthorizationInfo, LocationReferences, Token
from tests.fixtures.samples import token

EVSES = st.lists(st.sampled_from(["E1", "E2", "E3", "e1"]), max_size=3).map(tuple)
PLACES = st.builds(LocationReferences, location_id=st.sampled_from(["LOC1", "loc1", "LOC2"]), evse_uids=EVSES)
STANDINGS = st.builds(
    Standing, allowed=st.sampled_from(AllowedType), places=st.lists(PLACES, max_size=2).map(tuple)
)


@given(st.booleans(), STANDINGS, st.none() | PLACES)
def test_an_answer_is_complete_and_keeps_to_what_was_asked(
    valid: bool,  # noqa: FBT001 hypothesis gives it
    standing: Standing,
    asked: LocationReferences | None,
) -> None:
    shown = Token.model_validate(token(valid=valid))
    if valid and standing.allowed == AllowedType.ALLOWED and standing.places and asked is None:
        with pytest.raises(NotEnoughInformation):
            authorization(shown, standing, asked, "ref")
        return
    info = authorization(shown, standing, asked, "ref")
    assert AuthorizationInfo.read(info.to_json()) == info
    assert info.token == shown
    if not valid:
        assert info.allowed == AllowedType.BLOCKED
    is_allowed = info.allowed == AllowedType.ALLOWED
    assert (info.authorization_reference == "ref") == is_allowed
    assert (info.location is not None) == (is_allowed and asked is not None)
    if info.location is not None and asked is not None:
        assert info.location.location_id == asked.location_id
        if asked.evse_uids:
            assert set(info.location.evse_uids) <= set(asked.evse_uids)
            assert info.location.evse_uids


@given(PLACES)
def test_without_limits_every_place_is_told_back_as_it_was_asked(asked: LocationReferences) -> None:
    shown = Token.model_validate(token())
    assert authorization(shown, Standing(), asked, "ref").location == asked
