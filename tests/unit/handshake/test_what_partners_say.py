"""Whatever a partner says in a handshake, it is taken over, or refused in words."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from hub.conformance.findings import (
    read,
    wrong_with_answer,
    wrong_with_details,
    wrong_with_endpoints,
    wrong_with_refusal,
    wrong_with_versions,
)
from hub.handshake.connections import check_claims, known_endpoints, party_roles
from hub.ocpi.errors import InvalidParameters
from hub.ocpi.headers import MessageIds
from hub.ocpi.modules import MODULES
from hub.ocpi.party import Party, PartyRole
from hub.ocpi.transport import HttpReply
from schemas import exact_json
from schemas.tolerance import TOLERANT
from schemas.v2_2_1 import Credentials, Endpoint, InterfaceRole, Role, Version, VersionDetails

HUB = Party("NL", "HUB")
IDS = MessageIds("request", "correlation")

words = st.text(max_size=5)
role_names = st.sampled_from([*Role]) | words
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | words,
    lambda inner: st.lists(inner) | st.dictionaries(words, inner),
)
credentials = st.fixed_dictionaries(
    {
        "token": st.text("abc!~", min_size=1),
        "url": st.just("https://example.com/versions"),
        "roles": st.lists(
            st.fixed_dictionaries(
                {
                    "role": role_names,
                    "party_id": words,
                    "country_code": words,
                    "business_details": st.fixed_dictionaries(
                        {"name": words}, optional={"more": json_values}
                    ),
                }
            ),
            min_size=1,
            max_size=3,
        ),
    }
)
endpoints = st.fixed_dictionaries(
    {
        "identifier": st.sampled_from([*MODULES]) | words,
        "role": st.sampled_from([*InterfaceRole]) | words,
        "url": st.sampled_from(["https://a.example/x", "http://a.example", "ftp://a", "/x", ""]) | words,
    }
)
details = st.fixed_dictionaries(
    {"version": st.just("2.2.1") | words, "endpoints": st.lists(endpoints, min_size=1, max_size=4)}
)


@given(credentials)
def test_roles_are_parties_or_refused(said: dict[str, Any]) -> None:
    """CR-19, CR-24: also those that were read tolerantly, as those in a partner's answer are."""
    with suppress(ValidationError, InvalidParameters):
        theirs = Credentials.model_validate(said, context=TOLERANT)
        for (party, role), business_details in party_roles(theirs):
            assert isinstance(role, Role)
            assert (party.country_code, party.party_id) in {
                (each["country_code"], each["party_id"]) for each in said["roles"]
            }
            # As it came: fields that OCPI does not know are still there.
            assert exact_json.decode(business_details) in [each["business_details"] for each in said["roles"]]


@pytest.mark.holds("VE-08", by="hub")
@given(details)
def test_endpoints_are_of_known_modules_or_passed_over(said: dict[str, Any]) -> None:
    """VE-08."""
    with suppress(ValidationError):
        known = known_endpoints(VersionDetails.model_validate(said, context=TOLERANT))
        assert all(module in MODULES and isinstance(side, InterfaceRole) for module, side in known)
        assert all(url.lower().startswith(("http://", "https://")) for url in known.values())


@given(json_values | details)
def test_a_check_finds_words_for_everything(said: Any) -> None:
    for model in (Version, VersionDetails, Credentials):
        made, wrong = read("subject", model, said)
        assert made is not None or wrong
    listed = said.get("endpoints") if isinstance(said, dict) else None
    items = listed if isinstance(listed, list) else [said]
    offered = [made for item in items if (made := read("subject", Endpoint, item)[0]) is not None]
    found = [
        *wrong_with_details("2.2.1", offered),
        *wrong_with_endpoints(((each.identifier, each.role) for each in offered), [Role.CPO]),
        *wrong_with_versions([made for item in items if (made := read("v", Version, item)[0]) is not None]),
    ]
    assert all(each.message and each.chapter for each in found)


@given(
    st.builds(
        HttpReply,
        st.integers(100, 599),
        st.lists(st.tuples(st.sampled_from(["Content-Type", "X-Request-ID", "X-Correlation-ID"]), words)).map(
            tuple
        ),
        st.binary() | json_values.map(exact_json.encode),
    )
)
def test_no_answer_is_too_strange_for_a_check(reply: HttpReply) -> None:
    found = [*wrong_with_answer("subject", reply, IDS), *wrong_with_refusal("subject", "bare", reply, IDS)]
    assert all(str(each) for each in found)


@pytest.mark.holds("CR-26", "RT-04", by="hub")
@pytest.mark.parametrize("spelled", [Party("nl", "tnm"), Party("NL", "TNM"), Party("Nl", "tNm")])
def test_a_party_is_claimed_whatever_its_case(spelled: Party) -> None:
    """CR-26, RT-04."""
    with pytest.raises(InvalidParameters, match="NL/TNM CPO"):
        check_claims(HUB, [PartyRole(spelled, Role.CPO)], [PartyRole(Party("NL", "TNM"), Role.CPO)])
    check_claims(HUB, [PartyRole(spelled, Role.EMSP)], [PartyRole(Party("NL", "TNM"), Role.CPO)])
