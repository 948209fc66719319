"""Parties: country code and party id, compared without regard to case, forwarded as they were spelled."""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from schemas.v2_2_1 import Role

COUNTRY_CODE_LENGTH = 2
PARTY_ID_LENGTH = 3


class NotAParty(ValueError):
    """The text does not name a party; the message says what was expected."""


@dataclass(frozen=True, slots=True)
class Party:
    """A party of the roaming network (2.2.1, Credentials, CredentialsRole; RT-04).

    Two spellings that differ in case are the same party; each keeps its own spelling.
    """

    country_code: str = field(compare=False)
    party_id: str = field(compare=False)
    #: What equality and hashing look at.
    folded: tuple[str, str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        _check("country code", self.country_code, COUNTRY_CODE_LENGTH)
        _check("party id", self.party_id, PARTY_ID_LENGTH)
        object.__setattr__(self, "folded", (self.country_code.upper(), self.party_id.upper()))

    def __str__(self) -> str:
        return "/".join(self.folded)

    @classmethod
    def parse(cls, text: str) -> "Party":
        """The party written as `NL/TNM`, `NL-TNM` or `NL*TNM`.

        Raises:
            NotAParty: the text has another form.
        """
        for separator in "/-*":
            country_code, found, party_id = text.partition(separator)
            if found:
                return cls(country_code, party_id)
        raise NotAParty(f"expected a party such as NL/TNM, got {text!r}")


@lru_cache(maxsize=4096)
def named_party(country_code: str, party_id: str) -> Party:
    """The party so spelled: the same few are named by message after message.

    Raises:
        NotAParty: a text that is none of a party.
    """
    return Party(country_code, party_id)


def _check(what: str, value: str, length: int) -> None:
    if not (0 < len(value) <= length and value.isascii() and value.isalnum()):
        raise NotAParty(f"expected a {what} of at most {length} letters or digits, got {value!r}")


class PartyRole(NamedTuple):
    """A party in one of its roles: what a platform registers and what HubClientInfo lists."""

    party: Party
    role: Role

    def __str__(self) -> str:
        return f"{self.party} {self.role}"


#: To whom a broadcast of a party in this role goes (RT-32; NAP by RT-33).
BROADCAST_RECEIVERS: dict[Role, frozenset[Role]] = {
    Role.CPO: frozenset({Role.EMSP, Role.NSP, Role.OTHER, Role.NAP}),
    Role.EMSP: frozenset({Role.CPO}),
    Role.OTHER: frozenset({Role.CPO}),
    Role.NAP: frozenset({Role.EMSP, Role.NSP, Role.OTHER}),
}
