"""Credentials: how platforms introduce themselves to each other (2.2.1, chapter Credentials module)."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from schemas.cardinality import AtLeastOne
from schemas.rules import broken
from schemas.text import Format, OcpiString
from schemas.v2_2_1.locations import BusinessDetails
from schemas.v2_2_1.types import CiString2, CiString3, Role, Url
from schemas.wire_object import WireObject

_TOKEN = Format(r"^[!-~]+$", "printable ASCII text without blanks")


class CredentialsRole(WireObject):
    """A party on the platform, in one of its roles."""

    role: Role
    business_details: BusinessDetails
    party_id: CiString3
    country_code: CiString2


class Credentials(WireObject):
    """A token for the other side, the way to our versions, and who we are."""

    #: Plain here, Base64 in the Authorization header (AM-02). Not shown when printed: it is a secret.
    token: Annotated[str, OcpiString(64, _TOKEN)] = Field(repr=False)
    #: The versions endpoint of the sender.
    url: Url
    roles: AtLeastOne[CredentialsRole]

    @model_validator(mode="after")
    def _a_role_is_named_once(self) -> Self:
        seen = set[tuple[str, str, str]]()
        for index, role in enumerate(self.roles):
            who = (role.role, role.country_code.lower(), role.party_id.lower())
            if who in seen:
                at = ("roles", index)
                raise broken(at, "expected each combination of role, country_code and party_id once")
            seen.add(who)
        return self
